//! The `Date` of answers: every port's have theirs from one clock or none, and follow it when it is set back.

use crate::world::{World, with_routes};
use jiff::fmt::rfc2822::DateTimeParser;
use keyward_testkit::{H2Client, RawClient};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Stands before the C library's own in one process: the wall clock is an hour back from when a file is there.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*own)(clockid_t, struct timespec *);
    if (!own) own = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    int done = own(clock, now);
    const char *mark = getenv("CLOCK_IS_BACK_IF");
    if (!done && clock == CLOCK_REALTIME && mark && !access(mark, F_OK)) now->tv_sec -= 3600;
    return done;
}
"#;

fn build_clock(library: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-x", "c", "-", "-ldl", "-o"]);
    let mut compiler = compiler.arg(library).stdin(Stdio::piped()).spawn().unwrap();
    let mut source = compiler.stdin.take().unwrap();
    source.write_all(CLOCK.as_bytes()).unwrap();
    drop(source);
    assert!(compiler.wait().unwrap().success());
}

fn ports(world: &World) -> [SocketAddr; 4] {
    let keyward = &world.keyward;
    [
        keyward.gateway(),
        keyward.authz(),
        keyward.console(),
        keyward.ops(),
    ]
}

#[tokio::test]
async fn s12_every_port_dates_its_answers_and_by_no_other_clock() {
    let world = World::start("").await;
    let many = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "a: b\r\n".repeat(300)
    );
    for port in ports(&world) {
        let began = now();
        let is_now = |date: &str| {
            let said = second(date);
            assert!((began..=now()).contains(&said), "{port}: {date}");
        };
        // Whether it is a request that is answered, or hyper answers what is none.
        for (sent, is_dated) in [
            (HEALTH, true),
            ("GET / HTTP/1.1\r\nHost\r\n\r\n", false),
            ("x\r\n\r\n", false),
            (many.as_str(), false),
        ] {
            let mut client = RawClient::connect(port).await;
            client.send(sent).await;
            let answer = client.read_response().await;
            match answer.header_all("date")[..] {
                [date] => is_now(date),
                [] => assert!(!is_dated, "{port} {sent}: {answer:?}"),
                _ => panic!("{port} {sent}: {answer:?}"),
            }
        }
        let mut h2 = H2Client::connect(port).await;
        let answer = h2.send("GET", "/healthz", &[], "").await;
        is_now(answer.header("date").unwrap());
    }
}

#[tokio::test]
async fn s12_the_date_of_every_port_follows_a_clock_that_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let (library, mark) = (folder.path().join("clock.so"), folder.path().join("back"));
    build_clock(&library);
    let world = World::of(with_routes("").keyward(|keyward| {
        keyward
            .env("LD_PRELOAD", library.to_str().unwrap())
            .env("CLOCK_IS_BACK_IF", mark.to_str().unwrap())
    }))
    .await;
    for back in [0, 3600] {
        if back > 0 {
            std::fs::write(&mark, "").unwrap();
        }
        for port in ports(&world) {
            // Each thread may keep a date of its own.
            for _ in 0..8 {
                let began = now();
                let mut client = RawClient::connect(port).await;
                client.send(HEALTH).await;
                let answer = client.read_response().await;
                let mut h2 = H2Client::connect(port).await;
                let answer_h2 = h2.send("GET", "/healthz", &[], "").await;
                for date in [answer.header("date"), answer_h2.header("date")] {
                    let said = second(date.unwrap());
                    let right = began - back..=now() - back;
                    assert!(right.contains(&said), "{port}, {back} s back: {date:?}");
                }
            }
        }
    }
}

fn second(date: &str) -> i64 {
    DateTimeParser::new().parse_timestamp(date).unwrap().as_second()
}

/// The wall clock's second.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
