//! The pages of people for whom a provider of identities vouches, from its button to the end of the bond.

use super::Walk;
use crate::furnish::GRACE;
use crate::pages::{ADA, PASSWORD, follow, sign_in, until};
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{Browser, OidcProvider, Trick};

/// Providers with many tenants have issuers that are wider than a phone.
pub(super) const TENANT: &str = "/tenants/5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592";
const BUTTON: &str = "a[href='/sign-in/oidc']";
/// The way out of the pages that say why somebody is not in.
const WAY_OUT: &str = "a.button[href='/sign-in']";
const CALLBACK: &str = "/sign-in/oidc/callback";

/// What a Keyward is told of its provider.
pub(super) fn settings(provider: &OidcProvider) -> String {
    let issuer = provider.issuer();
    format!("[console.oidc]\nissuer = '{issuer}'\nclient_id = 'keyward'\nname = 'Example SSO'\n")
}

impl<L: AsyncFn(&Browser, &str)> Walk<L> {
    pub(super) async fn people_of_the_provider(&self, grace: &str) {
        self.let_nobody_in().await;
        self.vouched_for(GRACE, ".side form[action='/sign-out']").await;
        self.look("keys-member").await;
        self.visit("account-bound", "/account").await;
        self.forget_everybody().await;
        sign_in(&self.keyward, &self.browser, ADA, PASSWORD).await;
        self.unbind(&format!("/admin/users/{grace}")).await;
    }

    /// No provider is there any more, and what was known of it is forgotten with the process.
    pub(super) async fn provider_away(&self) {
        self.provider.play(Trick::BrokenDescription);
        self.keyward.restart().await;
        self.visit("provider-away", "/sign-in/oidc").await;
    }

    async fn let_nobody_in(&self) {
        self.forget_everybody().await;
        self.open("/sign-in").await;
        self.landing().await;
        self.open(&format!("{CALLBACK}?code=a&state=b")).await;
        until(&self.browser, WAY_OUT).await;
        self.look("provider-refused").await;
        self.vouched_for("nobody@example.com", WAY_OUT).await;
        self.look("provider-nobody").await;
        self.provider.play(Trick::Declines);
        self.vouched_for(GRACE, WAY_OUT).await;
        self.look("provider-declined").await;
        self.provider.play(Trick::None);
    }

    async fn forget_everybody(&self) {
        self.browser.client().delete_all_cookies().await.unwrap();
    }

    /// Somebody who is not known here says at the provider who they are, and comes back to a page with this element.
    async fn vouched_for(&self, email: &str, css: &str) {
        self.forget_everybody().await;
        self.provider.vouch_for(email, email);
        self.provider.set_clock(SystemClock.now().seconds());
        self.open("/sign-in").await;
        follow(&self.browser, BUTTON).await;
        follow(&self.browser, "#yes").await;
        // The page in between goes on by itself.
        until(&self.browser, css).await;
    }

    /// The page in between, without the line by which it goes on.
    async fn landing(&self) {
        let stay = format!(
            "const page = new XMLHttpRequest();
             page.open('GET', '{CALLBACK}?code=a&state=b', false);
             page.send();
             history.replaceState(null, '', '{CALLBACK}');
             document.open();
             document.write(page.responseText.replace(/<meta http-equiv=.refresh.[^>]*>/, ''));
             document.close();"
        );
        self.browser.run(&stay).await;
        until(&self.browser, "a.button[href^='/sign-in/oidc/finish']").await;
        self.look("provider-landing").await;
    }

    /// An administrator takes away by which name the provider knows somebody.
    async fn unbind(&self, user: &str) {
        let question = format!("{user}/identities");
        self.visit("user-bound", user).await;
        self.visit("user-unbind", &question).await;
        follow(&self.browser, "main form button.button-bad").await;
        self.look("user-unbound").await;
        self.open(&question).await;
        follow(&self.browser, "main form button.button-bad").await;
        self.look("user-unbind-fault").await;
    }
}
