use super::*;
use crate::{Browser, BrowserKind};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

async fn open_and_panic(seen: Sender<(u32, PathBuf)>) {
    let browser = Browser::start(BrowserKind::DESKTOP).await;
    browser.open("about:blank").await;
    let driver = &browser.driver;
    seen.send((driver.process.id(), driver.profile().to_owned()))
        .unwrap();
    panic!("a test that fails");
}

#[tokio::test]
async fn a_test_that_panics_leaves_no_process_and_no_profile() {
    let (sender, seen) = channel();
    let ended = tokio::spawn(open_and_panic(sender)).await;
    let (group, profile) = seen.recv().expect("a browser that had started");
    assert!(ended.is_err_and(|end| end.is_panic()));
    assert!(!has_living(group), "processes of the group {group} are left");
    assert!(!profile.exists(), "{} is left", profile.display());
}

#[tokio::test]
async fn a_browser_that_ends_in_order_leaves_nothing_either() {
    let browser = Browser::start(BrowserKind::DESKTOP).await;
    let (group, profile) = (browser.driver.process.id(), browser.driver.profile().to_owned());
    assert!(has_living(group) && profile.exists());
    browser.close().await;
    assert!(!has_living(group) && !profile.exists());
}

#[test]
fn a_browser_whose_driver_is_killed_ends_by_itself() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let browser = Browser::start(BrowserKind::DESKTOP).await;
        let group = browser.driver.process.id();
        let killed = Command::new("kill").args(["-KILL", &group.to_string()]).status();
        assert!(killed.unwrap().success());
        let end = Instant::now() + END_GUARD;
        // The driver itself waits for its parent's notice; it counts as dead.
        while has_living(group) {
            assert!(Instant::now() < end, "Chromium lives on without its driver");
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn members_of_a_group_are_told_by_the_line_of_their_state() {
    for (stat, lives) in [
        ("7 (chromium) S 1 42 42 0", true),
        ("7 (a) Z 1 (b) 43) R 1 42 42 0", true),
        ("7 (chromium) Z 1 42 42 0", false),
        ("7 (chromium) S 42 7 7 0", false),
        ("7 (chromium) S 1 421 421 0", false),
        ("", false),
    ] {
        assert_eq!(is_living_member(stat, 42), lives, "{stat}");
    }
}

#[test]
fn the_port_is_the_one_of_the_line_that_says_that_it_is_ready() {
    let mut said = &b"Starting ChromeDriver 156.0 (a21ce95) on port 0\nOnly local connections are allowed.\n\
        ChromeDriver was started successfully on port 40123.\nmore\n"[..];
    assert_eq!(read_port(&mut said), Some(40123));
    assert_eq!(read_port(&mut &b"Starting ChromeDriver on port 0\n"[..]), None);
}
