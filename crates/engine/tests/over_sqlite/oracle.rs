//! Random keys and requests, decided by `authenticate` and by an oracle that shares no code with it.
//!
//! The oracle keeps everything as texts and walks through the rules as the design page words them; it knows nothing of
//! ids, sorted lists, packed windows or hashes.

use crate::common::{Home, OPERATOR, Random, START, at_once, create_user, sized, word};
use keyward_domain::{ClientAddress, Presented, Reason, StrictPath, Timestamp};
use keyward_engine::{
    Asked, Clock, Counting, Created, Decision, Engine, KeyDraft, KeyEdit, LimitDraft, RestrictionDraft,
    SiteEdit, UserDraft, UserEdit,
};
use std::collections::HashMap;
use std::net::IpAddr;

const SITES: [&str; 6] = ["1", "2", "01", "a", "A", "1.0"];
/// Well-formed names of no site.
const NO_SITES: [&str; 2] = ["3", "b"];
const NETS: [&str; 8] = [
    "192.0.2.0/24",
    "192.0.2.128/25",
    "10.0.0.0/8",
    "192.0.2.9/32",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8::1/128",
    "::/0",
];
const CLIENTS: [&str; 12] = [
    "192.0.2.0",
    "192.0.2.9",
    "192.0.2.127",
    "192.0.2.128",
    "192.0.2.255",
    "192.0.3.0",
    "10.255.255.255",
    "11.0.0.0",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "::ffff:192.0.2.9",
];
const USE_CASES: [&str; 4] = ["all", "read", "status", "management"];

#[derive(Clone, Default)]
struct OracleUser {
    id: String,
    disabled: bool,
    sites: Option<Vec<String>>,
}

#[derive(Clone, Default)]
struct OracleKey {
    id: String,
    secret: String,
    owner: usize,
    disabled: bool,
    deleted: bool,
    use_case: &'static str,
    expires_at: Option<i64>,
    seen_expired: bool,
    sites: Option<Vec<String>>,
    addresses: Option<Vec<String>>,
    limit: Option<u64>,
    /// Requests that passed, by minute.
    used: HashMap<i64, u64>,
}

#[derive(Default)]
struct Oracle {
    users: Vec<OracleUser>,
    keys: Vec<OracleKey>,
    closed_sites: Vec<String>,
}

struct Request {
    site: Option<&'static str>,
    client: Option<&'static str>,
    method: &'static str,
    path: String,
}

impl Oracle {
    fn decide(&mut self, key: usize, request: &Request, now: i64, counts: bool) -> Result<(), Reason> {
        let owner = &self.users[self.keys[key].owner];
        let open = |rule: &Option<Vec<String>>| match (rule, request.site) {
            (None, Some(site)) => !self.closed_sites.iter().any(|closed| closed == site),
            (None, None) => true,
            (Some(_), None) => false,
            (Some(sites), Some(site)) => {
                sites.iter().any(|named| named == site)
                    && !self.closed_sites.iter().any(|closed| closed == site)
            }
        };
        let (site_open, owner_open) = (open(&self.keys[key].sites), open(&owner.sites));
        let owner_disabled = owner.disabled;
        let key = &mut self.keys[key];
        if key.deleted {
            return Err(Reason::KeyInvalid);
        }
        if owner_disabled {
            return Err(Reason::OwnerInactive);
        }
        if key.disabled {
            return Err(Reason::KeyDisabled);
        }
        if key.seen_expired || key.expires_at.is_some_and(|at| at <= now) {
            key.seen_expired = true;
            return Err(Reason::KeyExpired);
        }
        if !(site_open && owner_open) {
            return Err(Reason::SiteForbidden);
        }
        if let Some(nets) = &key.addresses {
            let allowed = request
                .client
                .is_some_and(|client| nets.iter().any(|net| is_in(client, net)));
            if !allowed {
                return Err(Reason::IpForbidden);
            }
        }
        let opened = match key.use_case {
            "all" => true,
            "read" => request.method == "GET" && request.path.starts_with("/api/"),
            "status" => request.path == "/status",
            _ => false,
        };
        if !opened {
            return Err(Reason::UseCaseForbidden);
        }
        if let Some(limit) = key.limit {
            let used = key.used.entry(now.div_euclid(60_000)).or_default();
            if *used >= limit {
                return Err(Reason::RateLimited);
            }
            *used += u64::from(counts);
        }
        Ok(())
    }
}

/// Compares bit by bit, as text.
fn is_in(client: &str, net: &str) -> bool {
    let (base, length) = net.split_once('/').unwrap();
    let (client, base) = (bits(client), bits(base));
    let length: usize = length.parse().unwrap();
    client.len() == base.len() && client[..length] == base[..length]
}

fn bits(address: &str) -> String {
    let plain = address
        .strip_prefix("::ffff:")
        .filter(|rest| rest.contains('.'))
        .unwrap_or(address);
    match plain.parse().unwrap() {
        IpAddr::V4(v4) => v4.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
        IpAddr::V6(v6) => v6.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
    }
}

fn some_of(random: &mut Random, of: &[&str]) -> Option<Vec<String>> {
    match random.below(4) {
        0 | 1 => None,
        2 => Some(
            of.iter()
                .filter(|_| random.one_in(3))
                .map(ToString::to_string)
                .collect(),
        ),
        _ => Some(vec![(*random.pick(of)).to_owned()]),
    }
}

fn some_limit(random: &mut Random) -> Option<u64> {
    random.one_in(2).then(|| 1 + random.below(40) as u64)
}

fn request(random: &mut Random) -> Request {
    let named = if random.one_in(6) {
        &NO_SITES[..]
    } else {
        &SITES[..]
    };
    let site = *random.pick(named);
    let has_site = !random.one_in(6);
    let path = match has_site {
        true => format!("/api/{site}/x"),
        false => (*random.pick(&["/status", "/status/", "/other"])).to_owned(),
    };
    Request {
        site: has_site.then_some(site),
        client: (!random.one_in(8)).then(|| *random.pick(&CLIENTS)),
        method: random.pick::<&'static str>(&["GET", "GET", "POST", "get"]),
        path,
    }
}

fn authenticate<'e>(node: &'e Engine, secret: &str, request: &Request, counting: Counting) -> Decision<'e> {
    let client = match request.client {
        None => ClientAddress::Unknown,
        Some(text) => ClientAddress::from(text.parse::<IpAddr>().unwrap()),
    };
    let asked = Asked {
        site: request.site,
        client,
        method: request.method,
        path: StrictPath::parse(request.path.as_bytes()).unwrap(),
    };
    at_once(node.authenticate(Presented::parse(secret.as_bytes()), &asked, counting))
}

fn restriction(list: &Option<Vec<String>>) -> RestrictionDraft {
    list.as_ref()
        .map_or(RestrictionDraft::Any, RestrictionDraft::only)
}

async fn add_user(node: &Engine, oracle: &mut Oracle, random: &mut Random) {
    let sites = if random.one_in(2) {
        None
    } else {
        some_of(random, &SITES)
    };
    let draft = UserDraft {
        email: format!("u{}@example.com", oracle.users.len()),
        sites: restriction(&sites),
        ..UserDraft::default()
    };
    let (Created::New(view) | Created::Replay(view)) =
        node.create_user(OPERATOR, &draft, None).await.unwrap();
    oracle.users.push(OracleUser {
        id: view.user.id.to_string(),
        disabled: false,
        sites,
    });
}

async fn add_key(node: &Engine, oracle: &mut Oracle, random: &mut Random, now: i64) {
    let owner = random.below(oracle.users.len());
    let within: Vec<&str> = match &oracle.users[owner].sites {
        None => SITES.to_vec(),
        Some(own) if own.is_empty() => vec![],
        Some(own) => own.iter().map(String::as_str).collect(),
    };
    let sites = if within.is_empty() {
        None
    } else {
        some_of(random, &within)
    };
    let expires_at = random.one_in(3).then(|| now + 1 + random.below(3_600_000) as i64);
    let use_case = *random.pick(&[
        USE_CASES[0],
        USE_CASES[0],
        USE_CASES[1],
        USE_CASES[1],
        USE_CASES[2],
        USE_CASES[3],
    ]);
    let (addresses, limit) = (some_of(random, &NETS), some_limit(random));
    let draft = KeyDraft {
        owner: Some(oracle.users[owner].id.clone()),
        name: "key".to_owned(),
        use_case: Some(use_case.to_owned()),
        expires_at: expires_at.map(Timestamp::from_millis).into(),
        sites: restriction(&sites),
        addresses: restriction(&addresses),
        limit: limit.map_or(LimitDraft::Unlimited, LimitDraft::PerMinute),
        description: None,
        misread: Vec::new(),
    };
    let made = match node.create_key(OPERATOR, &draft, None).await {
        Ok(Created::New(made)) => made,
        // The owner is disabled at the moment.
        Err(_) => return,
        Ok(Created::Replay(_)) => panic!("a replay without a claim"),
    };
    oracle.keys.push(OracleKey {
        id: made.view.key.id.to_string(),
        secret: made.secret.reveal().to_owned(),
        owner,
        use_case,
        expires_at,
        sites,
        addresses,
        limit,
        ..OracleKey::default()
    });
}

/// Changes something, in the engine and in the oracle.
async fn change(node: &Engine, oracle: &mut Oracle, random: &mut Random, now: i64) {
    let place = random.below(oracle.keys.len());
    let user = random.below(oracle.users.len());
    let id = oracle.keys[place].id.clone();
    match random.below(10) {
        0 => oracle.keys[place].disabled |= node.disable_key(OPERATOR, &id, None).await.is_ok(),
        1 | 2 => oracle.keys[place].disabled &= node.enable_key(OPERATOR, &id, None).await.is_err(),
        3 => {
            if node.delete_key(OPERATOR, &id, None).await.is_ok() {
                oracle.keys[place].deleted = true;
            }
        }
        4 => {
            if node.restore_key(OPERATOR, &id, None).await.is_ok() {
                oracle.keys[place].deleted = false;
                // A restored key counts afresh.
                oracle.keys[place].used.clear();
            }
        }
        5 => {
            let (addresses, limit) = (some_of(random, &NETS), some_limit(random));
            let edit = KeyEdit {
                addresses: Some(restriction(&addresses)),
                limit: Some(limit.map_or(LimitDraft::Unlimited, LimitDraft::PerMinute)),
                ..KeyEdit::default()
            };
            if node.edit_key(OPERATOR, &id, &edit, None).await.is_ok() {
                let key = &mut oracle.keys[place];
                (key.addresses, key.limit) = (addresses, limit);
            }
        }
        6 => {
            let id = oracle.users[user].id.clone();
            if oracle.users[user].disabled {
                node.enable_user(OPERATOR, &id, None).await.unwrap();
            } else {
                node.disable_user(OPERATOR, &id, None).await.unwrap();
            }
            oracle.users[user].disabled ^= true;
        }
        7 => {
            let sites = some_of(random, &SITES);
            let edit = UserEdit {
                sites: Some(restriction(&sites)),
                ..UserEdit::default()
            };
            if node
                .edit_user(OPERATOR, &oracle.users[user].id, &edit, None)
                .await
                .is_ok()
            {
                oracle.users[user].sites = sites;
            }
        }
        8 => {
            let name = *random.pick(&SITES);
            let closed = oracle.closed_sites.iter().any(|site| site == name);
            let edit = SiteEdit {
                active: Some(closed),
                ..SiteEdit::default()
            };
            node.edit_site(OPERATOR, name, &edit, None).await.unwrap();
            oracle.closed_sites.retain(|site| site != name);
            if !closed {
                oracle.closed_sites.push(name.to_owned());
            }
        }
        _ => add_key(node, oracle, random, now).await,
    }
}

#[tokio::test]
async fn authenticate_decides_as_a_naive_oracle_does() {
    let home = Home::new().await;
    let node = home.node().await;
    let seed = std::env::var("KEYWARD_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_123);
    let mut random = Random(seed);
    let mut oracle = Oracle::default();
    create_user(&node, "nobody@example.com").await;
    for site in SITES {
        node.create_site(OPERATOR, site, None).await.unwrap();
    }
    for _ in 0..12 {
        add_user(&node, &mut oracle, &mut random).await;
    }
    for _ in 0..60 {
        add_key(&node, &mut oracle, &mut random, START.millis()).await;
    }
    let (rounds, per_round) = (sized(400, 10_000), sized(500, 10_000));
    let mut seen: HashMap<Option<Reason>, u64> = HashMap::new();
    for round in 0..rounds {
        home.clock.advance(random.below(20_000) as i64);
        let now = home.clock.now().millis();
        change(&node, &mut oracle, &mut random, now).await;
        for n in 0..per_round {
            let key = random.below(oracle.keys.len());
            let request = request(&mut random);
            let counts = !random.one_in(10);
            let counting = if counts { Counting::Count } else { Counting::Peek };
            let wanted = oracle.decide(key, &request, now, counts);
            let given = word(&authenticate(&node, &oracle.keys[key].secret, &request, counting));
            assert_eq!(
                given, wanted,
                "seed {seed}, round {round}, request {n}: key {} {:?} {:?} {} {}",
                oracle.keys[key].id, request.site, request.client, request.method, request.path
            );
            *seen.entry(given.err()).or_default() += 1;
        }
    }
    for reason in &Reason::ALL[2..] {
        assert!(
            seen.contains_key(&Some(*reason)),
            "never decided: {reason:?}; {seen:?}"
        );
    }
    assert!(seen[&None] > 1000, "{seen:?}");
}
