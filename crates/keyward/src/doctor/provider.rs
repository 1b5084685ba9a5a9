//! The provider of OpenID Connect: the files that its settings name, and whether it answers as one.

use super::files;
use super::finding::Finding;
use crate::serve::console_url;
use keyward_console::OIDC_CALLBACK;
use keyward_engine::{Clock, SystemClock};
use keyward_oidc::{Provider, Settings};
use std::sync::Arc;

const CHECK: &str = "provider";

pub(super) async fn check(console: &keyward_console::Settings) -> Vec<Finding> {
    let Some(settings) = &console.provider else {
        return Vec::new();
    };
    // Nobody is sent anywhere, so where they would come back to does not matter.
    let provider = match Provider::new(
        settings.clone(),
        "http://localhost/",
        Arc::new(|| SystemClock.now()),
    ) {
        Ok(provider) => provider,
        Err(fault) => {
            let way_out = "give a file that this account may read";
            return vec![Finding::problem(
                CHECK,
                "console.oidc",
                fault.to_string(),
                way_out,
            )];
        }
    };
    let way_back = format!("{}{OIDC_CALLBACK}", console_url(console));
    let told = format!("the provider must know this redirect URI, exactly: {way_back}");
    let mut findings = vec![
        check_answer(&provider, settings).await,
        Finding::good(CHECK, "console.oidc", told),
    ];
    let secret = settings.client_secret_file.as_deref();
    if let Some(file) = secret
        && files::mode(file).is_some_and(|mode| mode & 0o077 != 0)
    {
        findings.push(Finding::warning(
            CHECK,
            "console.oidc.client_secret_file",
            "other accounts may read the secret",
            format!("run: chmod 600 {}", file.display()),
        ));
    }
    findings
}

/// Asks for its description and its keys, as the first sign-in does.
async fn check_answer(provider: &Provider, settings: &Settings) -> Finding {
    let place = format!("console.oidc.issuer {}", settings.issuer.as_str());
    match provider.begin().await {
        Ok(_) => Finding::good(CHECK, place, "describes itself and its keys"),
        Err(fault) => {
            let way_out =
                "people can sign in with their password meanwhile; check the issuer, the network and ca_file";
            Finding::problem(CHECK, place, fault.to_string(), way_out)
        }
    }
}
