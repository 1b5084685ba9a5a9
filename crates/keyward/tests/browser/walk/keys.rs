//! The pages of keys.

use super::Walk;
use crate::furnish::Furnished;
use crate::pages::{follow, open_until};
use keyward_testkit::Browser;

const LIST: &str = "/integrations/keys";

impl<L: AsyncFn(&Browser, &str)> Walk<L> {
    pub(super) async fn keys(&self, furnished: &Furnished) {
        self.new_key().await;
        // By now it has been for its two seconds.
        open_until(
            &self.keyward,
            &self.browser,
            &format!("{LIST}?status=expired"),
            "tbody tr",
        )
        .await;
        // Its usage comes with the next flush.
        let busy = format!("{LIST}/{}", furnished.busy);
        open_until(&self.keyward, &self.browser, &busy, "svg.chart").await;
        self.look("key").await;
        for (tab, name) in [(1, "key-hour"), (3, "key-month")] {
            follow(&self.browser, &format!("#usage .tabs a:nth-child({tab})")).await;
            self.look(name).await;
        }
        self.lists().await;
        self.states(furnished).await;
        self.changes(&busy).await;
        self.conflict(&furnished.busy).await;
    }

    async fn lists(&self) {
        self.visit("keys", LIST).await;
        self.visit("keys-deleted", &format!("{LIST}?status=deleted"))
            .await;
        self.visit("keys-nothing-found", &format!("{LIST}?q=no+such+key"))
            .await;
        self.visit("keys-fault", &format!("{LIST}?owner=nobody@example.com"))
            .await;
        self.visit("health", "/integrations/health").await;
    }

    async fn states(&self, furnished: &Furnished) {
        self.visit("key-disabled", &format!("{LIST}/{}", furnished.disabled))
            .await;
        self.visit("key-deleted", &format!("{LIST}/{}", furnished.deleted))
            .await;
        self.visit("key-expired", &format!("{LIST}/{}", furnished.expired))
            .await;
        self.visit("key-refused", &format!("{LIST}/{}", furnished.refused))
            .await;
        self.visit("key-not-found", &format!("{LIST}/no-such-key")).await;
    }

    async fn changes(&self, key: &str) {
        self.visit("key-edit", &format!("{key}/edit")).await;
        self.fill("#name", "").await;
        self.fill("#addresses", "10.0.0.300").await;
        self.fill("#limit", "0").await;
        // The page offers no way to send what is locked.
        let locked = "for (const name of ['use-case', 'expiry']) {
            const field = document.createElement('input');
            Object.assign(field, { type: 'hidden', name, value: 'another' });
            document.querySelector('main form').append(field);
        }";
        self.browser.run(locked).await;
        self.send("main form").await;
        self.look("key-edit-faults").await;
        self.visit("key-disable", &format!("{key}/disable")).await;
        self.visit("key-delete", &format!("{key}/delete")).await;
        self.fill("#name", "Another").await;
        self.send("main form").await;
        self.look("key-delete-fault").await;
    }

    /// Somebody else is faster.
    async fn conflict(&self, key: &str) {
        self.open(&format!("{LIST}/{key}/edit")).await;
        let change = [
            "keys",
            "edit",
            key,
            "--limit",
            "50",
            "--description",
            "Run by the logistics team.",
        ];
        self.keyward.cli_ok(&change).await;
        self.fill("#name", "Web shop, Lyon").await;
        self.send("main form").await;
        self.look("key-edit-conflict").await;
    }

    async fn new_key(&self) {
        let browser = &self.browser;
        self.visit("key-new", "/integrations/keys/new").await;
        // From the top to the bottom: what is scrolled up to may lie under the bar.
        for choice in [
            "expiry][value=date",
            "sites-rule][value=listed",
            "addresses-rule][value=listed",
        ] {
            browser.click(&format!("label:has(input[name={choice}])")).await;
        }
        self.look("key-new-lists").await;
        self.fill("#addresses", "10.0.0.300\n2001:db8::/32").await;
        self.fill("#limit", "0").await;
        self.send("#form").await;
        self.look("key-new-faults").await;
        self.fill("#name", "Ticket machine").await;
        for choice in ["expiry][value='365'", "sites-rule][value=any"] {
            browser.click(&format!("label:has(input[name={choice}])")).await;
        }
        self.fill("#addresses", "127.0.0.1").await;
        self.fill("#limit", "").await;
        self.send("#form").await;
        browser.find("#secret").await;
        self.look("key-created").await;
        browser.click("label:has([data-stored])").await;
    }
}
