//! A Keyward that does not answer: nobody passes, and it comes back without anybody touching the proxy.

use crate::ask::Ask;
use crate::proxy::Proxy;
use crate::world::{Wanted, World};
use keyward_testkit::Signal;
use std::time::Duration;
use tokio::task::JoinSet;

pub(crate) async fn without_keyward_nobody_passes_and_it_comes_back_by_itself(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let k1 = &world.k1.secret;
    world.passed(&Ask::get("/api/1/x").key(k1)).await;
    world.keyward.sigkill();
    refuses_all(&world).await;
    world.keyward.start().await;
    world.passed(&Ask::get("/api/1/x").key(k1)).await;
    // One that takes connections and says nothing is no better.
    world.keyward.signal(Signal::Stop);
    refuses_all(&world).await;
    world.keyward.signal(Signal::Cont);
    let mut tries = 0;
    while world.say(&Ask::get("/api/1/x").key(k1)).await.status != 200 {
        tries += 1;
        assert!(tries < 600, "{proxy:?}; {}", world.front.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// All at once: a proxy may try for a while.
async fn refuses_all(world: &World) {
    world.upstream.clear();
    let mut asked = JoinSet::new();
    for ask in [
        Ask::get("/api/1/x").key(&world.k1.secret),
        Ask::get("/api/1/x"),
        Ask::get("/swagger"),
        Ask::new("POST", "/api/1/x").key(&world.k1.secret).body("hello"),
        Ask::new("OPTIONS", "/api/1/x"),
    ] {
        let door = world.door();
        asked.spawn(async move {
            let said = ask.say(door).await;
            (ask, said)
        });
    }
    for (ask, said) in asked.join_all().await {
        world.is_refusal("away", &ask, &said, Wanted::Says(503, "unavailable"));
        let form = said.answer.header("content-type");
        assert_eq!(form, Some("application/problem+json"), "{said:?}");
        assert_eq!(said.answer.json()["status"], 503);
        assert_eq!(said.answer.header("retry-after"), Some("1"), "{said:?}");
    }
}
