//! What an import, or another body of the management API, costs in memory: little more than its text, whatever it holds.

use crate::WHOLE_KIB;
use crate::sizes::Watch;
use keyward_testkit::{OWNER, RawResponse, World, exchange, request, sized};

/// Beyond what an idle process has.
const MOST_KIB: u64 = 100 << 10;

async fn post(world: &World, path: &str, kind: &str, body: &str) -> RawResponse {
    let fields = [
        ("X-API-KEY", world.keyward.management_secret()),
        ("Content-Type", kind),
        ("Connection", "close"),
    ];
    exchange(world.keyward.console(), request("POST", path, &fields, body)).await
}

/// A text again and again, up to so many bytes, between a beginning and an end.
fn filled(begin: &str, again: &str, end: &str, bytes: usize) -> String {
    format!("{begin}{}{end}", again.repeat(bytes / again.len()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_refused_costs_little_more_than_its_text_in_every_format() {
    let world = World::start("[log]\naccess = false").await;
    let bytes = sized(1 << 20, 47 << 20);
    let deep = "{\"a\":[".repeat(60);
    // Each is a text again and again, between a beginning and an end.
    let table = [
        ("csv", "owner,name,secret\n", "x,y,z\n", "", 18 << 20),
        ("csv", "owner,name,secret\n", "x\n", "", bytes),
        ("csv", "owner,name,secret\n\"", "x,\n", "\"\n", bytes),
        ("csv", "", "x,", "\n", bytes),
        ("csv", "owner,name,secret\n", "\n", "", bytes),
        ("jsonl", "", "{}\n", "", bytes),
        ("jsonl", "", "{\"sites\":[[]]}\n", "", bytes),
        ("jsonl", "{\"sites\":[", "[],", "[]]}", bytes),
        ("nginx-map", "", "a b;\n", "", bytes),
        ("nginx-map", "", "a ", ";", bytes),
        ("nginx-map", "\"", "a ", "\";", bytes),
        ("kong", "[", "{\"key\":1},", "{}]", bytes),
        ("kong", "{\"data\":[", "[],", "[]]}", bytes),
        (
            "kong",
            "{\"consumers\":[",
            "{\"username\":\"u\",\"acls\":[{\"group\":\"g\"}]},",
            "{}]}",
            bytes,
        ),
        ("kong", "", "{} ", "", bytes),
        ("kong", "{", "\"a\":0,", "\"b\":0}", bytes),
        ("unkey", "{\"data\":[", "{\"a\":0},", "{}]}", bytes),
        ("unkey", "{\"data\":[{\"meta\":[", "{\"a\":0},", "{}]}]}", bytes),
        ("unkey", "{\"data\":[{\"plaintext\":\"", "a", "\"}]}", bytes),
        ("unkey", &deep, "[],", "", bytes),
    ];
    for (format, begin, again, end, bytes) in table {
        let kind = match format {
            "csv" => "text/csv",
            "jsonl" => "application/jsonl",
            "nginx-map" => "text/plain",
            _ => "application/json",
        };
        let file = filled(begin, again, end, bytes);
        let watch = Watch::begin(&world);
        let answer = post(&world, &format!("/v1/keys/import?format={format}"), kind, &file).await;
        let grown = watch.grown();
        let shown: String = file.chars().take(60).collect();
        assert_eq!(answer.status, 422, "{format} {shown}: {}", answer.text());
        assert!(
            answer.body.len() < 64 << 10,
            "{format} {shown}: {} bytes of answer",
            answer.body.len()
        );
        assert!(grown <= MOST_KIB, "{format} {shown}: {grown} KiB more");
    }
    let body = filled("{\"name\":[", "{\"\":0},", "0]}", (1 << 20) - 64);
    let watch = Watch::begin(&world);
    let answer = post(&world, "/v1/keys", "application/json", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(watch.grown() <= MOST_KIB);
    assert!(world.keyward.peak_rss_kib() <= WHOLE_KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_many_good_keys_costs_its_text_and_what_the_keys_take() {
    let world = World::start("[log]\naccess = false").await;
    let count = sized(30_000, 300_000);
    let mut file = String::from("owner,name,secret,limit\n");
    for n in 0..count {
        file.push_str(&format!(
            "{OWNER},A key with a name that is not short {n},secret-of-{n:08},60\n"
        ));
    }
    let watch = Watch::begin(&world);
    let answer = post(&world, "/v1/keys/import", "text/csv", &file).await;
    let grown = watch.grown();
    assert_eq!(
        (answer.status, answer.json()["keys"].as_u64()),
        (200, Some(count))
    );
    assert!(grown <= MOST_KIB + count / 4, "{grown} KiB more");
    assert!(count > 30_000 || world.keyward.peak_rss_kib() <= WHOLE_KIB);
}
