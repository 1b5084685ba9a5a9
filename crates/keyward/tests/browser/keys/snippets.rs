//! The calls that the page of a new key shows are run as they stand there, each by its own language.

use super::{House, Made};
use keyward_testkit::{BrowserKind, Language, Recorded};

#[tokio::test]
async fn the_calls_of_a_new_key_work_as_they_stand_in_each_language() {
    let (house, key) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    for language in Language::ALL {
        let code = house.code(language).await;
        assert!(code.contains(&key.secret) && code.contains(&key.call), "{code}");
        let folder = tempfile::tempdir().unwrap();
        house.upstream.clear();
        let Some(output) = language.run(&code, folder.path(), &[]).await else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{language:?}: {output:?}");
        assert!(said.contains("200"), "{language:?}: {output:?}");
        let calls = house.upstream.requests();
        assert_eq!(calls.len(), 1, "{language:?}: {calls:?}");
        assert_granted(&calls[0], &key, language);
    }
    house.browser.close().await;
}

#[tokio::test]
async fn the_call_in_go_is_as_gofmt_writes_it() {
    let (house, _) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    let code = format!("{}\n", house.code(Language::Go).await);
    if let Some(formatted) = Language::gofmt(&code).await {
        assert_eq!(formatted, code);
    }
    house.browser.close().await;
}

impl House {
    /// The call in a language, as the page shows it.
    async fn code(&self, language: Language) -> String {
        let shown = self.browser.find(&format!("#call-{}", language.id())).await;
        shown.prop("textContent").await.unwrap().unwrap()
    }
}

/// The gateway has let the call of this key through.
fn assert_granted(call: &Recorded, key: &Made, language: Language) {
    assert_eq!(call.target(), key.call, "{language:?}");
    assert_eq!(call.method(), "GET", "{language:?}");
    assert_eq!(call.header("X-Keyward-Key-Id"), [key.id.as_str()], "{language:?}");
    assert!(call.header("X-API-KEY").is_empty(), "{language:?}");
}
