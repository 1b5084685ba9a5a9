//! The `Date` of answers. That it follows a clock which is set back is tested where it is made (`listener/src/date.rs`), as no
//! process can be given a wall clock of its own without help; here, that every port's answers have theirs from there or none.

use crate::world::World;
use jiff::fmt::rfc2822::DateTimeParser;
use keyward_testkit::{H2Client, RawClient};

#[tokio::test]
async fn s12_every_port_dates_its_answers_and_by_no_other_clock() {
    let world = World::start("").await;
    let keyward = &world.keyward;
    let many = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "a: b\r\n".repeat(300)
    );
    for port in [
        keyward.gateway(),
        keyward.authz(),
        keyward.console(),
        keyward.ops(),
    ] {
        let began = now();
        let is_now = |date: &str| {
            let said = DateTimeParser::new().parse_timestamp(date).unwrap().as_second();
            assert!((began..=now()).contains(&said), "{port}: {date}");
        };
        // Whether it is a request that is answered, or hyper answers what is none.
        for (sent, is_dated) in [
            ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", true),
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

/// The wall clock's second.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
