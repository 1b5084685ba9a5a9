//! CSV for people, who open it in a spreadsheet.
//!
//! A spreadsheet takes a cell that begins like a formula for one, quoted or not; names and addresses are free text that
//! others have sent. So every cell goes through [`neutral`]. Who adds an export writes its head and its rows with
//! [`write_row`] alone.

use crate::wire::AuditWire;
use ::csv::{QuoteStyle, Terminator, WriterBuilder};
use keyward_engine::AuditView;
use std::borrow::Cow;

/// The columns of the audit log.
const AUDIT_COLUMNS: [&str; 13] = [
    "id",
    "at",
    "actor",
    "actor_id",
    "actor_email",
    "actor_key",
    "address",
    "action",
    "target_kind",
    "target_id",
    "outcome",
    "before",
    "after",
];

/// The first line of an export of the audit log.
pub(crate) fn audit_csv_head() -> Vec<u8> {
    let mut out = Vec::new();
    write_row(&mut out, AUDIT_COLUMNS);
    out
}

/// Lines of an export of the audit log. The outcome is `done`, or the reason of the denial.
pub(crate) fn audit_csv_rows(events: &[AuditView]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        let AuditWire {
            id,
            at,
            actor,
            address,
            action,
            target,
            outcome,
            reason,
            before,
            after,
        } = event.into();
        let outcome = reason.map_or_else(|| outcome.to_owned(), |reason| format!("{outcome}: {reason}"));
        let text =
            |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
        let row: [String; AUDIT_COLUMNS.len()] = [
            id,
            at,
            actor.kind.to_owned(),
            actor.id.unwrap_or_default(),
            actor.email.unwrap_or_default(),
            actor.key_id.unwrap_or_default(),
            address.unwrap_or_default(),
            action,
            target.kind,
            target.id,
            outcome,
            text(before),
            text(after),
        ];
        write_row(&mut out, row.iter().map(String::as_str));
    }
    out
}

/// Adds a row to a file. Its cells are neutral, and it ends as RFC 4180 wants it.
pub(crate) fn write_row<'c>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'c str>) {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Necessary)
        .terminator(Terminator::CRLF)
        .from_writer(out);
    // Writing to memory fails only for rows of unequal lengths, and a writer of one row has no other to compare.
    if let Err(error) = writer.write_record(cells.into_iter().map(|cell| neutral(cell).into_owned())) {
        tracing::error!(%error, "a row of CSV could not be written");
    }
}

/// A cell that no spreadsheet takes for a formula: one that begins like it gets an apostrophe in front.
fn neutral(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_domain::{AuditId, KeyId, Timestamp, UserId};
    use keyward_engine::{AuditActor, AuditEvent, AuditOutcome};
    use proptest::prelude::*;
    use serde_json::json;

    fn row(cells: &[&str]) -> String {
        let mut out = Vec::new();
        write_row(&mut out, cells.iter().copied());
        String::from_utf8(out).unwrap()
    }

    fn read(file: &[u8]) -> Vec<Vec<String>> {
        ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(file)
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn a7_cells_that_begin_like_a_formula_get_an_apostrophe() {
        for (cell, wanted) in [
            ("=cmd()", "'=cmd()\r\n"),
            ("=1+1", "'=1+1\r\n"),
            ("+1", "'+1\r\n"),
            ("-1", "'-1\r\n"),
            ("@SUM(A1)", "'@SUM(A1)\r\n"),
            ("\t=1", "'\t=1\r\n"),
            ("\r=1", "\"'\r=1\"\r\n"),
            ("\n=1", "\"'\n=1\"\r\n"),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n",
            ),
        ] {
            assert_eq!(row(&[cell]), wanted);
        }
    }

    #[test]
    fn a7_other_cells_stay_as_they_are_and_are_quoted_where_they_must_be() {
        assert_eq!(
            row(&["plain", "a=b", "1-2", "", "'x", "é🔑"]),
            "plain,a=b,1-2,,'x,é🔑\r\n"
        );
        assert_eq!(
            row(&["a,b", "say \"x\"", "two\r\nlines", ";"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",;\r\n"
        );
    }

    #[test]
    fn a7_an_audit_log_holds_a_cell_a_column_and_none_is_a_formula() {
        let view = AuditView {
            event: AuditEvent {
                id: AuditId::from_bytes([1; 16]),
                at: Timestamp::from_millis(0),
                actor: AuditActor::User {
                    user: UserId::from_bytes([2; 16]),
                    key: Some(KeyId::from_bytes([3; 16])),
                },
                address: Some([192, 0, 2, 1].into()),
                action: "key.edit".into(),
                target_kind: "key".into(),
                target_id: "@target".into(),
                outcome: AuditOutcome::Denied("forbidden".into()),
                before: Some(json!({ "name": "=cmd()" })),
                after: None,
            },
            actor_email: Some("=cmd@example.com".into()),
        };
        let file = [audit_csv_head(), audit_csv_rows(&[view.clone(), view])].concat();
        let rows = read(&file);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], AUDIT_COLUMNS);
        assert_eq!(rows[1], rows[2]);
        assert_eq!(rows[1][1], "1970-01-01T00:00:00Z");
        assert_eq!(
            rows[1][4..],
            [
                "'=cmd@example.com",
                &KeyId::from_bytes([3; 16]).to_string(),
                "192.0.2.1",
                "key.edit",
                "key",
                "'@target",
                "denied: forbidden",
                "{\"name\":\"=cmd()\"}",
                "",
            ]
        );
    }

    proptest! {
        #[test]
        fn a7_whatever_the_cells_a_reader_finds_them_neutral(
            cells in prop::collection::vec("[=+@\\-\t\r\n\"',;a🔑]{0,6}", 2..6)
        ) {
            let rows = read(row(&cells.iter().map(String::as_str).collect::<Vec<_>>()).as_bytes());
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(rows[0].len(), cells.len());
            for (read, cell) in rows[0].iter().zip(&cells) {
                let either = [cell.clone(), format!("'{cell}")];
                prop_assert!(either.contains(read));
                prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            }
        }
    }
}
