//! Cookies: what they are bound to, and that each proof gives a new one.

use crate::accounts::{ADA, Answer, Browser, House, OTHER, PASSWORD, Reached};
use keyward_listener::TlsFiles;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

fn session_cookie(answer: &Answer) -> &str {
    let mut cookies = answer.headers("set-cookie");
    cookies.find(|cookie| cookie.contains("keyward-session")).unwrap()
}

#[tokio::test]
async fn c2_over_plain_http_cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let house = House::with_ada().await;
    let mut browser = house.browser("en");
    let answer = browser.sign_in(ADA, PASSWORD).await;
    let cookie = session_cookie(&answer);
    let start = format!("keyward-session-{}=session_", house.console.address().port());
    assert!(cookie.starts_with(&start), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    // Over 200 random bits stand behind the prefix.
    assert!(browser.session().len() > "session_".len() + 35);
    for cookie in answer.headers("set-cookie") {
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn c2_behind_a_tls_proxy_cookies_are_bound_to_tls_and_to_the_host() {
    let house = House::reached(Reached {
        public_url: Some("https://keys.example.com"),
        ..Reached::default()
    })
    .await;
    house.move_ada_in().await;
    let mut browser = house.browser("en");
    browser.origin = Some("https://keys.example.com".into());
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_bound(&answer);
    assert!(answer.headers("strict-transport-security").next().is_some());
    // The name that another host could set opens nothing.
    let session = browser.session();
    browser.cookies.clear();
    browser.cookies.insert("keyward-session".into(), session);
    assert_eq!(browser.get("/account").await.location(), Some("/sign-in"));
}

fn assert_bound(answer: &Answer) {
    for cookie in answer.headers("set-cookie") {
        assert!(cookie.starts_with("__Host-keyward-"), "{cookie}");
        assert!(
            cookie.contains("; Path=/; HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
    }
    assert!(session_cookie(answer).contains("session_"));
}

#[tokio::test]
async fn c2_over_tls_cookies_are_bound_to_tls_and_to_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let house = House::reached(Reached {
        tls: Some(files),
        ..Reached::default()
    })
    .await;
    house.move_ada_in().await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut browser = house.browser("en");
    let form = [("email", ADA), ("password", PASSWORD)];
    // A page that was served without TLS is another origin.
    let plain = send_over_tls(&house, roots.clone(), &mut browser, &form).await;
    assert_eq!(plain.status, 403);
    browser.origin = Some(format!("https://{}", house.console.address()));
    let answer = send_over_tls(&house, roots, &mut browser, &form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_bound(&answer);
}

async fn send_over_tls(
    house: &House,
    roots: RootCertStore,
    browser: &mut Browser,
    form: &[(&str, &str)],
) -> Answer {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(house.console.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect(name, tcp).await.unwrap();
    let request = browser.request("POST", "/sign-in", &[], form);
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tls.read_to_end(&mut bytes).await.unwrap();
    let answer = Answer::read(&bytes);
    browser.keep_cookies(&answer);
    answer
}

#[tokio::test]
async fn c3_a_planted_session_is_not_taken_over_and_every_sign_in_has_its_own() {
    let house = House::with_ada().await;
    let mut browser = house.browser("en");
    browser.cookies.insert(
        "keyward-session".into(),
        "session_planted0000000000000000000000000000000000".into(),
    );
    browser.sign_in(ADA, PASSWORD).await;
    let first = browser.session();
    assert!(!first.contains("planted"));
    let second = house.ada("en").await.session();
    assert_ne!(first, second);
    assert!(house.is_alive(&first).await && house.is_alive(&second).await);
}

#[tokio::test]
async fn c3_whoever_signs_in_anew_ends_the_session_that_the_browser_had() {
    let house = House::with_ada().await;
    let link = house.invite("grace@example.com").await;
    let mut browser = house.ada("en").await;
    let elsewhere = house.ada("en").await.session();
    let first = browser.session();
    browser.sign_in(ADA, "a wrong password, again").await;
    assert!(house.is_alive(&first).await);
    browser.sign_in(ADA, PASSWORD).await;
    let second = browser.session();
    assert!(!house.is_alive(&first).await && house.is_alive(&second).await);
    // Another person at the same browser.
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    browser.post(&link, &form).await;
    assert!(!house.is_alive(&second).await && house.is_alive(&browser.session()).await);
    assert!(house.is_alive(&elsewhere).await);
}

#[tokio::test]
async fn c3_a_new_password_gives_a_new_session_and_the_old_ones_are_dead() {
    let house = House::with_ada().await;
    let elsewhere = house.ada("en").await.session();
    let mut browser = house.ada("en").await;
    let before = browser.session();
    let form = [("old", PASSWORD), ("password", OTHER), ("again", OTHER)];
    let answer = browser
        .submit("/account/password", "/account/password", &form)
        .await;
    assert_eq!((answer.status, answer.location()), (303, Some("/account")));
    assert_ne!(browser.session(), before);
    assert!(house.is_alive(&browser.session()).await);
    assert!(!house.is_alive(&before).await && !house.is_alive(&elsewhere).await);
    assert!(!house.lets_in(ADA, PASSWORD).await);
    assert!(house.lets_in(ADA, OTHER).await);
}

#[tokio::test]
async fn a_sign_in_at_one_console_of_a_host_leaves_that_at_another_as_it_is() {
    let (first, second) = (House::with_ada().await, House::with_ada().await);
    // One browser: its jar knows hosts, not ports.
    let mut jar = Vec::new();
    for house in [&first, &second, &first, &second] {
        let mut browser = house.browser("en");
        let form = [("email", ADA), ("password", PASSWORD)];
        let answer = browser.send("POST", "/sign-in", &[], &form).await;
        assert_eq!(answer.status, 303);
        let names = answer
            .headers("set-cookie")
            .map(|cookie| cookie.split('=').next().unwrap().to_owned());
        jar.push(names.collect::<std::collections::BTreeSet<_>>());
    }
    assert!(jar[0].len() >= 2, "{jar:?}");
    assert_eq!((&jar[0], &jar[1]), (&jar[2], &jar[3]));
    assert!(jar[0].is_disjoint(&jar[1]), "{jar:?}");
}
