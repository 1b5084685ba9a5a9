//! Somebody is invited, and later forgets their password.

use super::{House, LIST, OTHER};
use crate::pages::{PASSWORD, assert_says, assert_text, follow, open, sign_in, sign_out};

const GRACE: &str = "grace@example.com";

impl House {
    pub(super) async fn somebody_is_invited_and_reset(&self) {
        let invitation = self.invite().await;
        let user = self.browser.find("main a[href^='/admin/users/']").await;
        let user = user.attr("href").await.unwrap().unwrap();
        self.join(&invitation).await;
        self.a_member_administers_nothing(&user).await;
        self.reset(&user).await;
        sign_out(&self.other).await;
    }

    /// Gives the path of the link.
    async fn invite(&self) -> String {
        let browser = &self.browser;
        self.open("/admin/users").await;
        follow(browser, "main a[href='/admin/users/new']").await;
        browser.fill("#email", GRACE).await;
        browser.fill("#name", "Grace").await;
        follow(browser, "form[action='/admin/users/new'] button.button-main").await;
        self.read_link().await
    }

    async fn read_link(&self) -> String {
        let link = self.browser.find("#link").await.text().await.unwrap();
        let host = format!("http://{}", self.keyward.console());
        let path = link.strip_prefix(&host);
        path.unwrap_or_else(|| panic!("{link} is not at {host}"))
            .to_owned()
    }

    async fn join(&self, link: &str) {
        let other = &self.other;
        open(&self.keyward, other, link).await;
        assert_says(other, self.words.welcome).await;
        self.choose_password("Grace@example", "Grace@example").await;
        assert_text(other, "#password-fault", self.words.too_short).await;
        self.choose_password(PASSWORD, PASSWORD).await;
        assert_eq!(other.path().await, LIST);
        self.is_used_up(link).await;
    }

    async fn choose_password(&self, password: &str, again: &str) {
        self.other.fill("#password", password).await;
        self.other.fill("#again", again).await;
        follow(&self.other, "form button.button-main").await;
    }

    async fn is_used_up(&self, link: &str) {
        self.open(link).await;
        assert_says(&self.browser, self.words.gone).await;
    }

    async fn a_member_administers_nothing(&self, user: &str) {
        let other = &self.other;
        assert_eq!(other.count("a[href='/integrations/health']").await, 2);
        assert_eq!(other.count("a[href^='/admin']").await, 0);
        for path in ["/admin/users", "/admin/audit", "/admin/system", user] {
            open(&self.keyward, other, path).await;
            assert_says(other, self.words.not_there).await;
        }
        open(&self.keyward, other, "/integrations/keys/new").await;
        assert_eq!(other.count("#owner").await, 0);
    }

    async fn reset(&self, user: &str) {
        let (browser, other) = (&self.browser, &self.other);
        self.open(user).await;
        follow(browser, "a[href$='/link']").await;
        follow(browser, "main form button.button-bad").await;
        let link = self.read_link().await;
        open(&self.keyward, other, LIST).await;
        sign_out(other).await;
        open(&self.keyward, other, &link).await;
        assert_says(other, self.words.reset).await;
        self.choose_password(OTHER, OTHER).await;
        assert_eq!(other.path().await, LIST);
        self.is_used_up(&link).await;
        sign_out(other).await;
        sign_in(&self.keyward, other, GRACE, PASSWORD).await;
        assert_says(other, self.words.refused).await;
        sign_in(&self.keyward, other, GRACE, OTHER).await;
        assert_eq!(other.path().await, LIST);
    }
}
