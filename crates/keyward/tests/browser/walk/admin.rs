//! The pages of administrators.

use super::Walk;
use crate::furnish::Furnished;
use crate::pages::follow;
use keyward_testkit::Browser;

impl<L: AsyncFn(&Browser, &str)> Walk<L> {
    pub(super) async fn administration(&self, furnished: &Furnished) {
        self.users(&format!("/admin/users/{}", furnished.invited)).await;
        self.visit("sites", "/admin/sites").await;
        self.fill("#name", "no such site!").await;
        self.send("form[action='/admin/sites'][method=post]").await;
        self.look("sites-fault").await;
        self.visit("site", "/admin/sites/lyon").await;
        self.visit("site-disable", "/admin/sites/lyon/disable").await;
        self.visit("use-cases", "/admin/use-cases").await;
        self.visit("audit", "/admin/audit").await;
        self.visit("audit-fault", "/admin/audit?from=x").await;
        self.visit("system", "/admin/system").await;
    }

    async fn users(&self, user: &str) {
        self.visit("users", "/admin/users").await;
        self.visit("users-nothing-found", "/admin/users?q=nobody").await;
        self.visit("user", user).await;
        for page in ["disable", "delete", "link", "factor"] {
            self.visit(&format!("user-{page}"), &format!("{user}/{page}"))
                .await;
        }
        self.visit("user-new", "/admin/users/new").await;
        self.fill("#email", "nobody").await;
        self.send("form[action='/admin/users/new']").await;
        self.look("user-new-faults").await;
        self.fill("#email", "edsger@example.com").await;
        self.fill("#name", "<b>Edsger</b>").await;
        follow(
            &self.browser,
            "form[action='/admin/users/new'] button.button-main",
        )
        .await;
        self.look("user-link").await;
    }
}
