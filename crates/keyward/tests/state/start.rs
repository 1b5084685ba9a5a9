use keyward_testkit::{EchoUpstream, KeySpec, Keyward, exchange, request};
#[tokio::test]
async fn smoke() {
    let up = EchoUpstream::start().await;
    let k = Keyward::builder().upstream(up.address()).start().await;
    k.user("a@example.com", "member").await;
    let key = k.key(KeySpec::new("a@example.com", "k")).await;
    let a = exchange(k.gateway(), request("GET", "/api/1/x", &[("X-API-KEY", &key.secret)], "")).await;
    println!("{} {}", a.status, a.text());
    println!("{}", k.log());
}
