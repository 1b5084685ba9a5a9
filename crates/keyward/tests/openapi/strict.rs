//! Strict readers find nothing to say.

use crate::tools::{Place, are_there, generator, node, package, python};

#[tokio::test]
async fn strict_readers_find_the_document_valid() {
    if !are_there("strict readers of the OpenAPI document") {
        return;
    }
    let place = Place::start().await;
    let nowhere = place.file("none");
    place
        .run(python(&nowhere).args(["-m", "openapi_spec_validator", "openapi.json"]))
        .await;
    let told = place
        .run(generator().args(["validate", "-i", "openapi.json"]))
        .await;
    assert!(told.contains("No validation issues detected"), "{told}");
    let rules = include_str!("spectral.yaml");
    let owasp = package("@stoplight/spectral-owasp-ruleset/dist/ruleset.mjs");
    let rules = rules.replace("RULESET", owasp.to_str().unwrap());
    std::fs::write(place.file("spectral.yaml"), rules).unwrap();
    let mut spectral = node("@stoplight/spectral-cli/dist/index.js");
    spectral.args([
        "lint",
        "openapi.json",
        "-r",
        "spectral.yaml",
        "--fail-severity",
        "hint",
    ]);
    place.run(&mut spectral).await;
}
