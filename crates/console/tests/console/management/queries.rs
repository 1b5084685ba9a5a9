//! What a query may ask, and how faults are told.

use crate::management::Plane;
use serde_json::{Value, json};

#[tokio::test]
async fn queries_are_strict() {
    let plane = Plane::start().await;
    for (query, status) in [
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=x", 422),
        ("limit=-1", 422),
        ("limit=1", 200),
        ("unknown=1", 422),
        ("limit=1&limit=2", 400),
        ("text=%zz", 400),
        ("text=%ff", 400),
        ("text=a+b%20c", 200),
        ("status=gone", 422),
        ("cursor=x", 422),
        ("site=nosuch", 422),
        ("use_case=nosuch", 422),
        ("use_case=No%20Such", 422),
        ("use_case=rest-api", 200),
    ] {
        let answer = plane.get(&plane.admin, &format!("/v1/keys?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = "/v1/keys?limit=1".to_owned();
    loop {
        let page = plane.get(&plane.admin, &path).await.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["id"].to_string()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/keys?limit=1&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 3);
}

/// Every operation that answers a page.
async fn lists(plane: &Plane) -> Vec<String> {
    let document = plane.send(None, "GET", "/openapi.json", &[], b"").await.json();
    let mut lists = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if answer["$ref"].as_str().is_some_and(|name| name.contains("Page_")) {
            lists.push(path.clone());
        }
    }
    lists
}

#[tokio::test]
async fn every_list_is_paged_alike() {
    let plane = Plane::start().await;
    for name in ["b", "a", "C", "a.b", "10"] {
        let made = plane
            .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": name }))
            .await;
        assert_eq!(made.status, 201);
    }
    let lists = lists(&plane).await;
    assert_eq!(
        lists,
        [
            "/v1/audit",
            "/v1/keys",
            "/v1/nodes",
            "/v1/sites",
            "/v1/use-cases",
            "/v1/users"
        ]
    );
    for list in lists {
        let whole = plane.get(&plane.admin, &list).await.json();
        assert_eq!(whole.get("next"), None, "{list}");
        for size in [1, 2, 200] {
            let mut found = Vec::new();
            let mut path = format!("{list}?limit={size}");
            loop {
                let page = plane.get(&plane.admin, &path).await;
                assert_eq!(page.status, 200, "{path}");
                let page = page.json();
                let items = page["items"].as_array().unwrap();
                assert!(
                    items.len() <= size && (!items.is_empty() || found.is_empty()),
                    "{path}"
                );
                found.extend(items.clone());
                match page.get("next") {
                    None => break,
                    Some(next) => path = format!("{list}?limit={size}&cursor={}", next.as_str().unwrap()),
                }
            }
            for thing in whole["items"].as_array().unwrap() {
                assert!(
                    found.iter().any(|other| same(thing, other)),
                    "{list} by {size}: {thing}"
                );
            }
            assert_eq!(
                found.len(),
                whole["items"].as_array().unwrap().len(),
                "{list} by {size}"
            );
        }
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("cursor=%20", "cursor"),
            ("cursor=a%2Fb", "cursor"),
            ("nosuch=1", "nosuch"),
        ] {
            let answer = plane.get(&plane.admin, &format!("{list}?{query}")).await;
            assert_eq!(
                (answer.status, answer.fields()),
                (422, vec![field.to_owned()]),
                "{list}?{query}"
            );
        }
    }
}

/// The same thing, whatever has been counted of it meanwhile.
fn same(one: &Value, other: &Value) -> bool {
    ["id", "name"].iter().all(|field| one[field] == other[field])
}

/// A page begins where the one before ended, whatever was made or renamed meanwhile.
#[tokio::test]
async fn a_site_that_is_added_between_two_pages_pushes_none_onto_the_next() {
    let plane = Plane::start().await;
    let make = async |name: &str| {
        plane
            .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": name }))
            .await
            .status
    };
    for name in ["b", "d", "f"] {
        assert_eq!(make(name).await, 201);
    }
    let first = plane.get(&plane.admin, "/v1/sites?limit=2").await.json();
    assert_eq!(make("a").await, 201);
    let renamed = plane
        .call(&plane.admin, "PATCH", "/v1/sites/d", &json!({ "name": "c" }))
        .await;
    assert_eq!(renamed.status, 200);
    let next = first["next"].as_str().unwrap();
    let second = plane
        .get(&plane.admin, &format!("/v1/sites?limit=2&cursor={next}"))
        .await
        .json();
    let names: Vec<&str> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| site["name"].as_str().unwrap())
        .collect();
    assert_eq!((names, second.get("next")), (vec!["f"], None));
}

#[tokio::test]
async fn what_is_sought_has_a_bound() {
    let plane = Plane::start().await;
    for (list, field) in [("keys", "text"), ("users", "text"), ("audit", "target_id")] {
        for (length, status) in [(1000, 200), (1001, 422)] {
            let path = format!("/v1/{list}?{field}={}", "x".repeat(length));
            assert_eq!(
                plane.get(&plane.admin, &path).await.status,
                status,
                "{list} {length}"
            );
        }
    }
}

#[tokio::test]
async fn a_parameter_that_nobody_reads_is_refused_and_nothing_changes() {
    let plane = Plane::start().await;
    let made = plane.make_key(json!({ "name": "kept" })).await;
    let key = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let asks = [
        ("POST", "/v1/keys".to_owned(), json!({ "name": "n" })),
        ("POST", "/v1/sites".to_owned(), json!({ "name": "n" })),
        (
            "POST",
            "/v1/users".to_owned(),
            json!({ "email": "n@example.com" }),
        ),
        ("PATCH", key.clone(), json!({ "name": "n" })),
        ("POST", format!("{key}/disable"), json!({})),
        ("DELETE", key.clone(), json!({})),
        ("GET", key.clone(), json!({})),
        ("GET", "/v1/me".to_owned(), json!({})),
        ("GET", "/v1/use-cases".to_owned(), json!({})),
        ("GET", "/v1/sites/nosuch".to_owned(), json!({})),
        ("GET", format!("/v1/users/{}", plane.admin_id), json!({})),
    ];
    for (method, path, body) in &asks {
        let answer = plane
            .call(&plane.admin, method, &format!("{path}?dry_run=true"), body)
            .await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["dry_run".to_owned()]),
            "{method} {path}"
        );
    }
    assert_eq!(plane.get(&plane.admin, &key).await.json(), without_secret(made));
    let repeated = plane.get(&plane.admin, "/v1/keys?limit=1&limit=2").await;
    assert!(repeated.json()["detail"].as_str().unwrap().contains("`limit`"));
}

fn without_secret(mut key: Value) -> Value {
    key.as_object_mut().unwrap().remove("secret");
    key
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_known_words_and_visible_users_only() {
    let plane = Plane::start().await;
    plane.make_key(json!({ "name": "n" })).await;
    for (query, field) in [
        ("target_kind=keys", "target_kind"),
        ("action=key.created", "action"),
        ("since=yesterday", "since"),
        ("until=2026-02-30T00:00:00Z", "until"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ] {
        let answer = plane.get(&plane.admin, &format!("/v1/audit?{query}")).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec![field.to_owned()]),
            "{query}"
        );
    }
    let found = plane
        .get(
            &plane.admin,
            "/v1/audit?target_kind=key&action=key.create&limit=1",
        )
        .await
        .json();
    assert_eq!(found["items"][0]["action"], "key.create");
    let of = async |key: &str, user: &str| plane.get(key, &format!("/v1/audit?user={user}")).await.status;
    assert_eq!(of(&plane.admin, &plane.member_id).await, 200);
    assert_eq!(of(&plane.member, &plane.member_id).await, 200);
    assert_eq!(of(&plane.member, &plane.admin_id).await, 404);
    assert_eq!(of(&plane.member, "nobody@example.com").await, 404);
}

#[tokio::test]
async fn a_detail_is_a_sentence() {
    let plane = Plane::start().await;
    let answers = [
        plane.get(&plane.admin, "/v1/keys/nosuch").await,
        plane.get(&plane.member, "/v1/users").await,
        plane.call(&plane.admin, "POST", "/v1/keys", &json!({})).await,
        plane.get(&plane.admin, "/v1/nothing").await,
        plane.get(&plane.data, "/v1/keys").await,
    ];
    for answer in answers {
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let first = detail.chars().next().unwrap();
        assert!(first.is_uppercase() && detail.ends_with('.'), "{detail}");
    }
}

#[tokio::test]
async fn one_answer_names_every_parameter_at_fault() {
    let plane = Plane::start().await;
    let made = plane.make_key(json!({ "name": "n" })).await;
    let usage = format!("/v1/keys/{}/usage", made["id"].as_str().unwrap());
    for (path, query, fields) in [
        (
            "/v1/keys",
            "limit=0&status=odd&cursor=x&zzz=1",
            "status cursor limit zzz",
        ),
        (
            "/v1/keys",
            "limit=x&site=nosuch&use_case=nosuch&owner=nobody",
            "site use_case limit",
        ),
        (
            "/v1/users",
            "limit=0&cursor=x&with_deleted=1&zzz=1",
            "with_deleted cursor limit zzz",
        ),
        (
            "/v1/audit",
            "limit=x&cursor=x&action=x&since=x&until=x&target_kind=x&zzz=1",
            "target_kind action since until cursor limit zzz",
        ),
        ("/v1/sites", "limit=0&cursor=a+b&zzz=1", "cursor limit zzz"),
        ("/v1/use-cases", "limit=x&cursor=x", "cursor limit"),
        ("/v1/nodes", "limit=0&cursor=x", "cursor limit"),
        (
            usage.as_str(),
            "from=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z&zzz=1",
            "from zzz",
        ),
        (
            usage.as_str(),
            "period=x&from=x&until=2027-01-01T00:00:00Z",
            "period from",
        ),
    ] {
        let answer = plane.get(&plane.admin, &format!("{path}?{query}")).await;
        assert_eq!(answer.status, 422, "{path}?{query}: {}", answer.json());
        assert_eq!(
            answer.fields().join(" "),
            fields,
            "{path}?{query}: {}",
            answer.json()
        );
    }
}
