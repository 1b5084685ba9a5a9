//! Which counters a try stands under.

use super::Token;
use super::hasher::Rank;
use super::throttle::{Counter, around_of, network_of};
use super::way::Way;
use super::{AccountFault, SignInFault, Visitor};
use crate::Engine;
use keyward_domain::{Email, Fingerprint, User};
use keyward_store::StoreError;
use std::hash::BuildHasher;

impl Engine {
    /// The counters of a try at an account, known or not.
    pub(super) fn counters(
        &self,
        email: &str,
        visitor: &Visitor,
        device: Option<&Fingerprint>,
    ) -> Vec<Counter> {
        let account = self.account_name(email);
        match device {
            Some(device) => vec![Counter::Device(account, *device)],
            None => {
                let network = Counter::Network(account, visitor.address.map(network_of));
                let around = visitor.address.and_then(around_of);
                let around = around.map(|around| Counter::Around(account, around));
                let sprayed = visitor
                    .address
                    .map(|address| around_of(address).unwrap_or_else(|| network_of(address)));
                let mut counters = vec![
                    network,
                    Counter::Anywhere(account),
                    Counter::Strangers(account),
                    Counter::Spray(sprayed),
                ];
                counters.extend(around);
                counters
            }
        }
    }

    /// The counters of a try at the code of an account, after what came before it was right.
    pub(super) fn code_counters(
        &self,
        way: Way,
        user: &User,
        visitor: &Visitor,
        device: Option<&Fingerprint>,
    ) -> Vec<Counter> {
        let email = user.email.as_str();
        let account = self.account_name(email);
        match (way, device) {
            (Way::Identity, None) => vec![Counter::IdentityCode(account)],
            (Way::Password, None) => vec![
                Counter::Network(account, visitor.address.map(network_of)),
                Counter::Codes(account),
            ],
            _ => self.counters(email, visitor, device),
        }
    }

    /// By what an account is counted.
    fn account_name(&self, email: &str) -> u64 {
        let spellings = Email::spellings(email);
        let name = spellings.first().map_or(email, Email::as_str);
        self.gate.names.hash_one(name)
    }

    /// The device that a visitor shows, if this user was let in from it before.
    pub(super) async fn known_device(
        &self,
        device: Option<&str>,
        user: Option<&User>,
    ) -> Result<Option<Fingerprint>, StoreError> {
        let Some(device) = device.and_then(|text| Token::Device.read(text)) else {
            return Ok(None);
        };
        let owner = self.store.find_device(&device).await?;
        let is_theirs = user.is_some_and(|user| owner == Some(user.id));
        Ok(is_theirs.then_some(device))
    }

    /// Begins a try, if there can be one now.
    pub(super) fn begin_try(&self, counters: &[Counter]) -> Result<(), Slowed> {
        self.gate
            .throttle
            .begin(counters, self.clock.now())
            .map_err(Slowed)
    }
}

/// The seconds until there can be a try.
pub(super) struct Slowed(u64);

impl From<Slowed> for SignInFault {
    fn from(slowed: Slowed) -> Self {
        Self::Slowed {
            retry_after_secs: slowed.0,
        }
    }
}

impl From<Slowed> for AccountFault {
    fn from(slowed: Slowed) -> Self {
        Self::Slowed {
            retry_after_secs: slowed.0,
        }
    }
}

/// Who shows a device that is known is not kept out by strangers.
pub(super) fn rank(device: Option<&Fingerprint>) -> Rank {
    match device {
        Some(_) => Rank::Known,
        None => Rank::Stranger,
    }
}
