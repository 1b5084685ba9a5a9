//! Clients that a program writes from the document: what can be left open is an object in each language, nothing that is sent may be
//! null, and those for Python and TypeScript do what they say.

use crate::tools::{Place, are_there, generator, node, python};
use serde_json::json;
use tokio::process::Command;

/// How a field of a type is written in a language.
type Written = fn(&str, &str) -> String;

/// Generator, the file of the type `KeyChange`, and how a field of one of the types is written there.
const LANGUAGES: [(&str, &str, Written); 5] = [
    (
        "csharp",
        "src/Org.OpenAPITools/Model/KeyChange.cs",
        |field, kind| format!("Option<{kind}?> {field} = default"),
    ),
    (
        "java",
        "src/main/java/org/openapitools/client/model/KeyChange.java",
        |field, kind| format!("private {kind} {field};"),
    ),
    ("python", "openapi_client/models/key_change.py", |field, kind| {
        format!("    {field}: Optional[{kind}] = Field(default=None")
    }),
    ("typescript-fetch", "models/KeyChange.ts", |field, kind| {
        format!("    {field}?: {kind};")
    }),
    ("go", "model_key_change.go", |field, kind| {
        format!("*{kind} `json:\"{field},omitempty\"`")
    }),
];

/// Writes all clients in one run, each into a folder of its own.
async fn write_clients(place: &Place) {
    let mut command = generator();
    command.args(["batch", "--threads", "2"]);
    for (language, ..) in LANGUAGES {
        let config = json!({
            "generatorName": language, "inputSpec": place.file("openapi.json"), "outputDir": place.file(language),
            "globalProperties": { "apiDocs": "false", "modelDocs": "false", "apiTests": "false", "modelTests": "false" },
        });
        let file = format!("{language}.json");
        std::fs::write(place.file(&file), config.to_string()).unwrap();
        command.arg(file);
    }
    place.run(&mut command).await;
}

fn with_environment<'c>(place: &Place, command: &'c mut Command) -> &'c mut Command {
    command
        .env("KEYWARD", place.url())
        .env("KEY", place.keyward.management_secret())
        .env("OWNER", keyward_testkit::OWNER)
}

#[tokio::test]
async fn clients_that_are_written_from_the_document_lift_restrictions_only_in_words() {
    if !are_there("clients that are written from the OpenAPI document") {
        return;
    }
    let place = Place::start().await;
    write_clients(&place).await;
    for (language, file, written) in LANGUAGES {
        let text = std::fs::read_to_string(place.file(language).join(file)).unwrap();
        for (field, kind) in [("sites", "Sites"), ("addresses", "Addresses"), ("limit", "Limit")] {
            let wanted = written(field, kind);
            assert!(text.contains(&wanted), "{language}: no {wanted} in {text}");
        }
        // What may be null has a type of its own there; to be absent is another thing.
        for sign in ["JsonNullable", "NullableString", "| null;", "isExplicitNull"] {
            assert!(!text.contains(sign), "{language}: {sign}");
        }
    }

    std::fs::write(place.file("client.py"), include_str!("client.py")).unwrap();
    let mut run = python(&place.file("python"));
    let told = place.run(with_environment(&place, run.arg("client.py"))).await;
    assert!(told.ends_with("done\n"), "{told}");

    let program = place.file("typescript");
    std::fs::create_dir(&program).unwrap();
    std::fs::rename(place.file("typescript-fetch"), program.join("generated")).unwrap();
    std::fs::write(program.join("client.ts"), include_str!("client.ts")).unwrap();
    let mut compile = node("typescript/lib/tsc.js");
    compile.args([
        "--outDir",
        "js",
        "--target",
        "es2020",
        "--module",
        "commonjs",
        "--lib",
        "es2020,dom",
        "--strict",
    ]);
    place
        .run(compile.args(["--skipLibCheck", "typescript/client.ts"]))
        .await;
    let mut run = Command::new("node");
    let told = place.run(with_environment(&place, run.arg("js/client.js"))).await;
    assert!(told.ends_with("done\n"), "{told}");
}
