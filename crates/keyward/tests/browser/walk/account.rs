//! The pages of one's own account. They end with a second factor.

use super::Walk;
use crate::account::app;
use crate::pages::{PASSWORD, follow};
use keyward_testkit::Browser;

const FACTOR: &str = "/account/second-factor";

impl<L: AsyncFn(&Browser, &str)> Walk<L> {
    pub(super) async fn account(&self) {
        self.visit("account", "/account").await;
        self.visit("password", "/account/password").await;
        self.fill("#old", "a wrong password, again").await;
        self.fill("#password", "short").await;
        self.fill("#again", "other").await;
        self.send("main form").await;
        self.look("password-faults").await;
        self.visit("factor", FACTOR).await;
        follow(&self.browser, "main form button.button-main").await;
        self.look("factor-begun").await;
        let key = self.browser.find("#factor-key").await.text().await.unwrap();
        self.fill("#code", "12345x").await;
        self.send("main form").await;
        self.look("factor-fault").await;
        self.fill("#old", PASSWORD).await;
        self.fill("#code", &app(&key, 0)).await;
        follow(&self.browser, "main form button.button-main").await;
        self.look("recovery-codes").await;
        self.visit("factor-on", FACTOR).await;
        self.visit("factor-renew", &format!("{FACTOR}/renew")).await;
        self.visit("factor-remove", &format!("{FACTOR}/remove")).await;
        self.fill("#old", "a wrong password, again").await;
        self.fill("#code", "12345x").await;
        self.send("main form").await;
        self.look("factor-remove-faults").await;
    }
}
