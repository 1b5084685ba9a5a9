//! C5: the pages' Content-Security-Policy, as Google's csp-evaluator judges it.

use crate::pages::House;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Prints what is found against the policy in the arguments: severity and text. Lower is worse.
const EVALUATE: &str = "const { CspEvaluator } = require('csp_evaluator');
    const { CspParser } = require('csp_evaluator/dist/parser.js');
    const found = new CspEvaluator(new CspParser(process.argv[1]).csp).evaluate();
    console.log(JSON.stringify(found.map(one => [one.severity, `${one.directive} ${one.value}: ${one.description}`])));";
/// 10 is high, 20 bad syntax, 30 medium; from 40 on it is what may be a weakness, depending on what else is served.
const MEDIUM: u64 = 30;

/// What is found, of medium severity or worse; `None` when the evaluator or Node is not there.
fn findings(policy: &str) -> Option<Vec<String>> {
    // scripts/test fetches it.
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/npm/node_modules");
    if !modules.join("csp_evaluator").exists() {
        return None;
    }
    let output = Command::new("node")
        .args(["-e", EVALUATE, policy])
        .env("NODE_PATH", modules)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        Err(e) => panic!("node: {e}"),
    };
    assert!(output.status.success(), "{output:?}");
    let found: Vec<(u64, Value)> = serde_json::from_slice(&output.stdout).unwrap();
    let bad = found.into_iter().filter(|(severity, _)| *severity <= MEDIUM);
    Some(bad.map(|(_, text)| text.to_string()).collect())
}

#[tokio::test]
async fn c5_the_csp_evaluator_finds_nothing_high_or_medium_in_the_policy_of_any_page() {
    let Some(weak) = findings("script-src 'unsafe-inline' *; object-src *") else {
        let line =
            b"SKIPPED: the policy is not evaluated: run scripts/test, which installs Node and csp_evaluator\n";
        std::io::stderr().write_all(line).unwrap();
        return;
    };
    assert!(
        !weak.is_empty(),
        "the evaluator finds nothing wrong with anything"
    );
    let house = House::start().await;
    let admin = house.admin("en").await;
    let pages = [
        "/integrations/keys",
        "/integrations/keys/new",
        "/account",
        "/admin/users",
        "/sign-in",
        "/nowhere",
        "/swagger/",
        "/v1/me",
    ];
    for page in pages {
        let answer = admin.get(page).await;
        let policy = answer
            .header("content-security-policy")
            .unwrap_or_else(|| panic!("{page}: {}", answer.head));
        assert_eq!(findings(policy).unwrap(), [""; 0], "{page}: {policy}");
    }
}
