use super::*;
use serde_json::json;

/// What every field takes, and what stands for it when it is written.
#[test]
fn both_spellings_are_read_and_written_alike() {
    fn round<T: Choice + Serialize + PartialEq + std::fmt::Debug>(
        form: &ChoiceForm,
        sent: &Value,
        means: &T,
    ) {
        assert_eq!(read_choice::<T>(form, sent.clone()).as_ref(), Ok(means));
        assert_eq!(&serde_json::to_value(means).unwrap(), sent);
    }
    for form in [&SITES, &ADDRESSES] {
        round(form, &json!({ "any": true }), &RestrictionDraft::Any);
        round(form, &json!({ "only": [] }), &RestrictionDraft::Only(vec![]));
        round(
            form,
            &json!({ "only": ["a", "b"] }),
            &RestrictionDraft::only(["a", "b"]),
        );
    }
    round(&LIMIT, &json!({ "unlimited": true }), &LimitDraft::Unlimited);
    round(&LIMIT, &json!({ "per_minute": 60 }), &LimitDraft::PerMinute(60));
    round(&EXPIRES_AT, &json!({ "never": true }), &ExpiryDraft::Never);
    round(&EXPIRES_AT, &json!({ "at": "x" }), &ExpiryDraft::At("x".into()));
}

/// Everything else is refused, at its place, and both right spellings are shown.
#[test]
fn everything_else_is_refused_and_shows_both_spellings() {
    fn refused<T: Choice + std::fmt::Debug>(form: &ChoiceForm, wrong: &[Value]) {
        let (open, set) = (form.open, form.set);
        let example: Value = serde_json::from_str(form.example).unwrap();
        let mut all = vec![
            (json!(null), None),
            (json!(true), None),
            (json!("any"), None),
            (json!(60), None),
            (json!(["123"]), None),
            (json!({}), None),
            (json!({ open: true, set: example }), None),
            (json!({ open: false, set: example }), None),
            (json!({ open: null, set: example }), Some(open)),
            (json!({ set: null }), Some(set)),
            (json!({ open: null }), Some(open)),
            (json!({ open: false }), Some(open)),
            (json!({ open: "true" }), Some(open)),
            (json!({ open: 1 }), Some(open)),
            (json!({ "other": true }), Some("other")),
            (json!({ "other": 1, open: true }), Some("other")),
        ];
        all.extend(wrong.iter().map(|value| (json!({ set: value }), Some(set))));
        for (sent, member) in all {
            let fault = read_choice::<T>(form, sent.clone()).unwrap_err();
            assert_eq!(fault.member.as_deref(), member, "{sent}");
            let spellings = format!(r#"write {{"{open}": true}} or {{"{set}": {}}}"#, form.example);
            assert!(fault.message.ends_with(&spellings), "{sent}: {}", fault.message);
        }
    }
    let no_lists = [json!("a"), json!({}), json!([1]), json!([null]), json!(true)];
    refused::<RestrictionDraft>(&SITES, &no_lists);
    refused::<RestrictionDraft>(&ADDRESSES, &no_lists);
    refused::<LimitDraft>(
        &LIMIT,
        &[json!("60"), json!(1.5), json!(-1), json!([60]), json!(true)],
    );
    refused::<ExpiryDraft>(&EXPIRES_AT, &[json!(1), json!(["x"]), json!({}), json!(true)]);
}
