//! Requests that a program makes from the document, good ones and bad ones: every answer is one that the document names, in the form
//! that it describes; what the document does not allow is refused; nothing is an internal error.

use crate::tools::{Place, are_there, python, told};
use keyward_testkit::sized;

/// What is not called: an event stream without an end, files of other forms than JSON, and what could take the caller's own rights away.
const LEFT_OUT: &str = "^/v1/(changes|setup|keys/import|users/[^/]+/disable)$";

#[tokio::test]
async fn requests_that_are_made_from_the_document_are_answered_as_it_says() {
    if !are_there("requests that are made from the OpenAPI document") {
        return;
    }
    let place = Place::start().await;
    let seconds = sized("30", "300");
    let key = format!("X-API-KEY: {}", place.keyward.management_secret());
    let nowhere = place.file("none");
    let mut command = python(&nowhere);
    command.args([
        "-c",
        "from schemathesis.cli import schemathesis; schemathesis()",
        "run",
        "openapi.json",
    ]);
    command.args([
        "--url",
        &place.url(),
        "--header",
        &key,
        "--no-color",
        "--mode",
        "all",
        "--max-time",
        seconds,
    ]);
    command.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-deterministic",
        "--continue-on-failure",
    ]);
    command.args(["--exclude-path-regex", LEFT_OUT, "--exclude-method", "DELETE"]);
    // What is well-formed may still name a site or an owner that is not there, which is 422.
    command.args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    let output = place.output(&mut command).await;
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("passed") || told.contains("generated"),
        "nothing was asked: {told}"
    );
    assert!(place.keyward.is_running(), "{told}");
}
