//! Keys that came from other systems pass as they are, and those that were switched off there do not.

use crate::spoken::Ask;
use crate::world::World;
use keyward_testkit::{OWNER, RawClient, request};
use std::fmt::Write;

/// A file that the readers are tested with, too.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!("../../../engine/src/import/rows/", $path))
    };
}

#[tokio::test]
async fn the_keys_of_other_systems_pass_as_they_are() {
    let world = World::start("").await;
    for (format, file, key) in [
        (
            "nginx-map",
            sample!("nginx_map/samples/api-keys.conf"),
            "Kj8#mN2$pQ5;tR",
        ),
        (
            "nginx-map",
            sample!("nginx_map/samples/partners.map"),
            "7f3d9a1c5e8b2046",
        ),
        ("kong", sample!("kong/samples/admin-api.json"), "iot-4471-9928"),
        (
            "unkey",
            sample!("unkey/samples/list-keys.json"),
            "prod_8fK2mVxq7TtN4cWb",
        ),
    ] {
        assert_eq!(
            world.say(&Ask::get("/api/1/x").key(key)).await.word(),
            (401, "key_invalid")
        );
        let path = world.keyward.dir().join("import");
        std::fs::write(&path, file).unwrap();
        let arguments = [
            "import",
            path.to_str().unwrap(),
            "--format",
            format,
            "--owner",
            OWNER,
        ];
        world.keyward.cli_ok(&arguments).await;
        world.eventually_passes(&Ask::get("/api/1/x").key(key)).await;
    }
    // What nginx refused is no key here, and what Unkey had switched off is known by its hash, and switched off.
    let refused = world.say(&Ask::get("/api/1/x").key("revoked-2023-11")).await;
    assert_eq!(refused.word(), (401, "key_invalid"));
    let off = world.say(&Ask::get("/api/1/x").key("prod_Qz7aLm3Rk9Ws5Ht")).await;
    assert_eq!(off.word(), (401, "key_disabled"));
}

#[tokio::test]
async fn an_import_whose_caller_goes_away_is_finished_all_the_same() {
    let world = World::start("").await;
    let mut file = String::from("owner,name,secret\n");
    for number in 0..4000 {
        writeln!(file, "{OWNER},key {number},imported-{number:04}").unwrap();
    }
    let fields = [
        ("X-API-KEY", world.keyward.management_secret()),
        ("Content-Type", "text/csv"),
    ];
    let mut client = RawClient::connect(world.keyward.console()).await;
    client
        .send(request("POST", "/v1/keys/import", &fields, file))
        .await;
    drop(client);
    world
        .eventually_passes(&Ask::get("/api/1/x").key("imported-3999"))
        .await;
}
