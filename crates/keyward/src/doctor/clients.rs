//! Where keys are used from: when nearly all of it is one address, a proxy that is not listed may stand there.

use super::finding::Finding;
use crate::config::Checked;
use keyward_engine::{Direction, Engine, KeyOrder};
use keyward_store::KeyQuery;
use std::collections::HashMap;
use std::net::IpAddr;

const CHECK: &str = "clients";
/// The keys that are looked at, those used last.
const MOST_KEYS: u32 = 100;
/// With fewer in use, one address is nothing remarkable.
const FEWEST_KEYS: usize = 10;

pub(super) async fn check(checked: &Checked, engine: &Engine) -> Option<Finding> {
    let query = KeyQuery {
        order: KeyOrder::LastUsed(Direction::Descending),
        most: MOST_KEYS,
        ..KeyQuery::default()
    };
    let mut used = Vec::new();
    for key in engine.store().list_keys(&query).await.ok()? {
        let addresses = engine.store().recent_addresses(key.id).await.ok()?;
        if !addresses.is_empty() {
            used.push(addresses.into_iter().map(|seen| seen.address).collect());
        }
    }
    let address = only_address(&used)?;
    let listed = match checked.rules.trusted_proxies.is_empty() {
        true => "no proxy is listed",
        false => "it is not among the proxies that are listed",
    };
    let what = format!(
        "nearly all of the {} keys used last are used from one address, and {listed}",
        used.len()
    );
    let way_out = "if a proxy stands there, add it to gateway.trusted_proxies: until then all clients are one to addresses of keys, to \
                   the bound of preflights and to the audit log; if it is your only client, all is well";
    Some(Finding::warning(CHECK, address, what, way_out))
}

/// The address from which alone nine of ten keys are used.
fn only_address(used: &[Vec<IpAddr>]) -> Option<IpAddr> {
    let mut alone: HashMap<IpAddr, usize> = HashMap::new();
    for addresses in used {
        if let [address] = addresses.as_slice() {
            *alone.entry(*address).or_default() += 1;
        }
    }
    let (address, count) = alone.into_iter().max_by_key(|(_, count)| *count)?;
    (used.len() >= FEWEST_KEYS && count * 10 >= used.len() * 9).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_told_when_nearly_all_keys_are_used_from_it_alone() {
        let proxy: IpAddr = "10.0.0.7".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        let keys = |alone: usize, others: usize| {
            let others = std::iter::repeat_n(vec![proxy, other], others);
            std::iter::repeat_n(vec![proxy], alone)
                .chain(others)
                .collect::<Vec<_>>()
        };
        for (alone, others, told) in [
            (10, 0, true),
            (90, 10, true),
            (9, 0, false),
            (89, 11, false),
            (0, 100, false),
            (0, 0, false),
        ] {
            assert_eq!(
                only_address(&keys(alone, others)).is_some(),
                told,
                "{alone} {others}"
            );
        }
    }
}
