//! How people sign in (rows C3, C7, C9, C11, C12, R7), and shortcuts for what nearly every such test does.

mod bound;
mod hygiene;
mod identity;
mod links;
mod passwords;
mod second_factor;
mod sessions;
mod set_up;
mod sign_in;
mod throttle;

use crate::common::{Home, OPERATOR};
use keyward_engine::{
    AccountFault, Actor, AuditFilter, AuditView, Engine, Session, SignIn, SignInFault, SignedIn, UserDraft,
    Visitor,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";
const PASSWORD: &str = "mole trowel gravel plinth";
const OTHER: &str = "ossified newt ledger quay";

/// A visitor from 192.0.2.`host`.
fn visitor(host: u8) -> Visitor {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, host));
    Visitor::new(Some(address), "a browser")
}

/// A visitor from a network of its own.
fn stranger(network: u8) -> Visitor {
    let address = IpAddr::V4(Ipv4Addr::new(198, 51, network, 7));
    Visitor::new(Some(address), "a script")
}

/// A node with an administrator who has just been let in.
async fn node_with_ada(home: &Home) -> (Arc<Engine>, SignedIn) {
    let node = home.node().await;
    let ada = join(&node, OPERATOR, ADA, "admin").await;
    (node, ada)
}

/// Invites somebody, who chooses [`PASSWORD`].
async fn join(node: &Engine, actor: &Actor, email: &str, role: &str) -> SignedIn {
    let draft = UserDraft {
        email: email.to_owned(),
        role: Some(role.to_owned()),
        ..UserDraft::default()
    };
    let (_, token, _) = node.invite_user(actor, &draft).await.unwrap();
    let entry = node.redeem_link(token.reveal(), PASSWORD, &visitor(1)).await;
    done(entry.unwrap())
}

fn done(entry: SignIn) -> SignedIn {
    match entry {
        SignIn::Done(signed_in) => signed_in,
        SignIn::CodeNeeded { .. } => panic!("a code is asked for"),
    }
}

async fn sign_in(node: &Engine, email: &str, password: &str) -> Result<SignedIn, SignInFault> {
    node.sign_in(email, password, &visitor(1), None).await.map(done)
}

/// The living session of a token.
async fn session(node: &Engine, signed_in: &SignedIn) -> Option<Session> {
    let token = signed_in.token.reveal();
    node.find_session(token, &visitor(1)).await.unwrap()
}

/// The word for an outcome.
fn word<T>(outcome: &Result<T, SignInFault>) -> &'static str {
    match outcome {
        Ok(_) => "in",
        Err(SignInFault::Refused) => "refused",
        Err(SignInFault::Slowed { .. }) => "slowed",
        Err(SignInFault::Engine(_)) => "engine",
    }
}

/// The word for an outcome.
fn change_word<T>(outcome: &Result<T, AccountFault>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(AccountFault::WrongPassword) => "wrong password",
        Err(AccountFault::WrongCode) => "wrong code",
        Err(AccountFault::LinkGone) => "link gone",
        Err(AccountFault::Password(fault)) => fault.code(),
        Err(AccountFault::Slowed { .. }) => "slowed",
        Err(AccountFault::Engine(_)) => "engine",
    }
}

/// The lines of an action.
async fn lines(node: &Engine, action: &str) -> Vec<AuditView> {
    let filter = AuditFilter {
        action: Some(action.to_owned()),
        limit: Some(200),
        ..AuditFilter::default()
    };
    node.list_audit(OPERATOR, &filter).await.unwrap().items
}

/// The code that an app shows for a key in base 32.
fn code(secret_base32: &str, at: keyward_domain::Timestamp) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret_base32).unwrap();
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .with_account_name("x")
        .build()
        .unwrap();
    totp.generate(at.seconds().unsigned_abs()).to_string()
}
