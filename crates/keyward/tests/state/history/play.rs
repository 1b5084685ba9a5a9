//! Many who change and use a few keys at once, over the API of every node, the command line and the gateways; and what they
//! did and saw, with its times.

use super::model::{Act, KeyState, Op, Row, Seen, Verdict};
use crate::now;
use futures_util::future::join_all;
use keyward_testkit::{Issued, KeySpec, Keyward, OWNER, Random, RawClient, get, verdict};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A site that every owner may use; no request goes there.
const OTHER: &str = "elsewhere";
/// How many do the same at once.
const LANES: usize = 4;
/// Those who only send requests, at each node.
const USERS: usize = 4;
/// Those who change things, in groups of [`LANES`].
const CHANGERS: usize = 2;

/// How soon a node has everything when what kept it from the database is over.
const RECOVERY: Duration = Duration::from_secs(5);

/// Those who only send requests send at most so many for each change, or a change would be a rare thing.
const REQUESTS_A_CHANGE: usize = 8;

/// One key, with an owner and a site that are no other's.
struct Object {
    key: Issued,
    owner: String,
    site: String,
    /// What forbids its site, if anything does.
    lever: Row,
    done: Mutex<Vec<Done>>,
}

/// Where something was done: what a command says is in force at every node, what a node says is at that one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Node(usize),
    CommandLine,
    /// A command that has said of some node that it did not follow in time.
    Elsewhere,
}

/// When something kept the database from a node, or from all of them, or a node from going on.
struct Fault {
    node: Option<usize>,
    from: Duration,
    until: Duration,
}

struct Done {
    place: Place,
    act: Act,
    seen: Seen,
    invoked: Duration,
    answered: Duration,
}

/// A game on some nodes over one database.
pub(crate) struct Play<'n> {
    nodes: Vec<&'n Keyward>,
    objects: Vec<Object>,
    began: Instant,
    /// In the order of time.
    faults: Mutex<Vec<Fault>>,
    /// Whether one has begun.
    has_faults: AtomicBool,
    left: AtomicUsize,
    /// Requests of those who only send requests.
    asked: AtomicUsize,
    /// Changes over the API, or as many as need not be waited for any more.
    changed: watch::Sender<usize>,
}

impl<'n> Play<'n> {
    /// Makes the keys, which are in force at every node when it returns.
    pub(crate) async fn on(nodes: Vec<&'n Keyward>, keys: usize) -> Self {
        let first = nodes[0];
        first.site(OTHER).await;
        let mut objects = Vec::new();
        for number in 0..keys {
            let (email, site) = (format!("h{number}-{OWNER}"), format!("h{number}"));
            let owner = first.user(&email, "member").await;
            first.site(&site).await;
            let key = first
                .key(
                    KeySpec::new(&email, "k")
                        .sites(&[&site])
                        .addresses(&["127.0.0.0/8"]),
                )
                .await;
            objects.push(Object {
                key,
                owner,
                site,
                lever: Row::ALL[number % 3],
                done: Mutex::default(),
            });
        }
        let play = Self {
            nodes,
            objects,
            began: Instant::now(),
            faults: Mutex::default(),
            has_faults: AtomicBool::new(false),
            left: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            changed: watch::Sender::new(0),
        };
        // Ends when the nodes have it all, as every command does.
        play.run_command(0, Act::Enable).await;
        play.objects[0].done.lock().unwrap().clear();
        play
    }

    /// Does so many things; gives how many were done.
    pub(crate) async fn run(&self, count: usize) -> usize {
        self.left.store(count, Ordering::SeqCst);
        let users = (0..self.nodes.len() * USERS).map(|number| self.use_keys(number));
        let changers = (0..CHANGERS).map(|number| self.change_keys(number));
        let commands = async {
            let mut random = Random(77);
            while self.left.load(Ordering::SeqCst) > 0 {
                let object = self.pick(&mut random);
                // A command that only shows something waits for nobody.
                let act = match self.change_of(object, &mut random) {
                    Act::Show => continue,
                    act => act,
                };
                self.run_command(object, act).await;
                for node in 0..self.nodes.len() {
                    let mut client = RawClient::connect(self.nodes[node].gateway()).await;
                    self.ask(node, object, &mut client).await;
                }
            }
        };
        tokio::join!(join_all(users), join_all(changers), commands);
        self.objects
            .iter()
            .map(|object| object.done.lock().unwrap().len())
            .sum()
    }

    /// Whether there is still something to do.
    pub(crate) fn goes_on(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }

    /// Notes that something is wrong with a node, or with all of them, as long as `act` takes.
    pub(crate) async fn fault(&self, node: Option<usize>, act: impl Future<Output = ()>) {
        self.has_faults.store(true, Ordering::SeqCst);
        let from = self.began.elapsed();
        act.await;
        let until = self.began.elapsed();
        self.faults.lock().unwrap().push(Fault { node, from, until });
    }

    fn has_faults(&self) -> bool {
        self.has_faults.load(Ordering::SeqCst)
    }

    /// When a node has what another has answered: a bound after the answer; and when something was wrong then, a bound after
    /// that is over.
    fn due_elsewhere(&self, node: usize, answered: Duration, bound: Duration) -> Duration {
        let faults = self.faults.lock().unwrap();
        let here = faults
            .iter()
            .filter(|fault| fault.node.is_none_or(|at| at == node));
        here.fold(answered + bound, |due, fault| {
            match fault.from <= due && answered <= fault.until {
                true => due.max(fault.until + RECOVERY),
                false => due,
            }
        })
    }

    /// The history of every key as one node has it: what other nodes changed is due a bound after their answer.
    pub(crate) fn histories(&self, node: usize, bound: Duration) -> Vec<Vec<Op>> {
        let op = |lever: Row, done: &Done| {
            let is_here = matches!(done.place, Place::CommandLine) || done.place == Place::Node(node);
            let is_seen_here = is_here || !matches!(done.act, Act::Ask | Act::Show);
            let due = match done.seen {
                Seen::Unknown => u64::MAX,
                _ if is_here => micros(done.answered),
                _ => micros(self.due_elsewhere(node, done.answered, bound)),
            };
            is_seen_here.then(|| Op {
                lever,
                act: done.act,
                seen: done.seen,
                invoked: micros(done.invoked),
                due,
                answered: micros(done.answered),
            })
        };
        let of = |object: &Object| {
            let done = object.done.lock().unwrap();
            done.iter().filter_map(|done| op(object.lever, done)).collect()
        };
        self.objects.iter().map(of).collect()
    }

    /// What was seen how often: each verdict by its name, each change by how it came out.
    pub(crate) fn tally(&self) -> std::collections::BTreeMap<String, usize> {
        let mut tally = std::collections::BTreeMap::new();
        for object in &self.objects {
            for done in object.done.lock().unwrap().iter() {
                let word = match done.seen {
                    Seen::Verdict(verdict, _) => format!("{verdict:?}"),
                    Seen::Conflict => "conflict".to_owned(),
                    Seen::Unknown => "unknown".to_owned(),
                    _ => format!("{:?}", done.act),
                };
                *tally.entry(word).or_default() += 1;
                if done.place == Place::CommandLine {
                    *tally.entry("command".to_owned()).or_default() += 1;
                }
            }
        }
        tally
    }

    /// Whether there is one more to do.
    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }

    fn pick(&self, random: &mut Random) -> usize {
        random.below(self.objects.len())
    }

    /// A change, most of them back to what lets requests pass.
    fn change_of(&self, object: usize, random: &mut Random) -> Act {
        let on = random.below(3) > 0;
        match random.below(12) {
            0 => Act::Disable,
            1 | 2 => Act::Enable,
            3 => Act::Delete,
            4 | 5 => Act::Restore,
            6 => Act::Addresses(on),
            7 => Act::Limit(!on),
            8 => Act::Owner(on),
            9 => Act::Show,
            _ => match self.objects[object].lever {
                Row::Key => Act::Sites(on),
                Row::Owner => Act::OwnerSites(on),
                Row::Site => Act::Site(on),
            },
        }
    }

    async fn use_keys(&self, number: usize) {
        let node = number % self.nodes.len();
        let mut client = RawClient::connect(self.nodes[node].gateway()).await;
        let mut changed = self.changed.subscribe();
        let mut random = Random(1000 + number as u64);
        while self.take() {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            changed
                .wait_for(|changed| asked / REQUESTS_A_CHANGE <= *changed)
                .await
                .unwrap();
            let object = self.pick(&mut random);
            self.ask(node, object, &mut client).await;
        }
    }

    /// Makes one change of a key several times at once, from every node in turn, and uses the key after each answer.
    async fn change_keys(&self, number: usize) {
        let mut random = Random(2000 + number as u64);
        let mut clients = Vec::new();
        for lane in 0..LANES {
            clients.push(RawClient::connect(self.nodes[lane % self.nodes.len()].gateway()).await);
        }
        while self.take() {
            let object = self.pick(&mut random);
            let act = self.change_of(object, &mut random);
            let lanes = clients.iter_mut().enumerate().map(|(lane, client)| async move {
                let node = lane % self.nodes.len();
                self.change(node, object, act).await;
                self.ask(node, object, client).await;
            });
            join_all(lanes).await;
            self.left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    Some(left.saturating_sub(2 * LANES - 1))
                })
                .unwrap();
            self.changed
                .send_modify(|changed| *changed = changed.saturating_add(LANES));
        }
        self.changed.send_replace(usize::MAX);
    }

    async fn ask(&self, node: usize, object: usize, client: &mut RawClient) {
        let what = &self.objects[object];
        let path = format!("/api/{}/x", what.site);
        let (invoked, from) = (self.began.elapsed(), minute());
        client.send(get(&path, &what.key.secret)).await;
        let answer = client.read_response().await;
        let answered = self.began.elapsed();
        let seen = match &*verdict(&answer) {
            "200" => Verdict::Passed,
            "401 key_invalid" => Verdict::KeyInvalid,
            "401 owner_inactive" => Verdict::OwnerInactive,
            "401 key_disabled" => Verdict::KeyDisabled,
            "403 site_forbidden" => Verdict::SiteForbidden,
            "403 ip_forbidden" => Verdict::IpForbidden,
            "429 rate_limited" => Verdict::RateLimited,
            other => panic!("{other}: {}", self.nodes[node].log()),
        };
        self.note(
            object,
            Done {
                place: Place::Node(node),
                act: Act::Ask,
                seen: Seen::Verdict(seen, [from, minute()]),
                invoked,
                answered,
            },
        );
    }

    async fn change(&self, node: usize, object: usize, act: Act) {
        let (method, path, body) = self.call(object, act);
        let invoked = self.began.elapsed();
        let answer = self.nodes[node].api(method, &path, &body).await;
        let answered = self.began.elapsed();
        let seen = match answer.status {
            200 => self.told(object, act, &answer.json),
            409 => Seen::Conflict,
            503 => Seen::Unknown,
            _ => panic!("{act:?}: {answer:?}"),
        };
        self.note(
            object,
            Done {
                place: Place::Node(node),
                act,
                seen,
                invoked,
                answered,
            },
        );
    }

    fn call(&self, object: usize, act: Act) -> (&'static str, String, Value) {
        let Object { key, owner, site, .. } = &self.objects[object];
        let key = format!("/v1/keys/{}", key.id);
        let owner = format!("/v1/users/{owner}");
        let of_key = |word: &str| ("POST", format!("{key}/{word}"), Value::Null);
        let edit = |body| ("PATCH", key.clone(), body);
        match act {
            Act::Ask | Act::Show => ("GET", key.clone(), Value::Null),
            Act::Disable => of_key("disable"),
            Act::Enable => of_key("enable"),
            Act::Restore => of_key("restore"),
            Act::Delete => ("DELETE", key.clone(), Value::Null),
            Act::Sites(own) => edit(json!({ "sites": { "only": [if own { site } else { OTHER }] } })),
            Act::Addresses(own) => edit(json!({ "addresses": { "only": [network(own)] } })),
            Act::Limit(true) => edit(json!({ "limit": { "per_minute": 1 } })),
            Act::Limit(false) => edit(json!({ "limit": { "unlimited": true } })),
            Act::Owner(true) => ("POST", format!("{owner}/enable"), Value::Null),
            Act::Owner(false) => ("POST", format!("{owner}/disable"), Value::Null),
            Act::OwnerSites(own) => {
                let sites = if own {
                    json!({ "any": true })
                } else {
                    json!({ "only": [OTHER] })
                };
                ("PATCH", owner, json!({ "sites": sites }))
            }
            Act::Site(open) => ("PATCH", format!("/v1/sites/{site}"), json!({ "active": open })),
        }
    }

    async fn run_command(&self, object: usize, act: Act) {
        let mut words = self.command(object, act);
        words.push("--json".to_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let invoked = self.began.elapsed();
        let output = self.nodes[0].cli(&words).await;
        let answered = self.began.elapsed();
        let seen = match output.status.code() {
            Some(0) => self.told(object, act, &output.json()),
            Some(4) => Seen::Conflict,
            Some(1) if self.has_faults() => Seen::Unknown,
            _ => panic!("{words:?}: {output:#?}"),
        };
        let is_everywhere = !output.stderr.contains("warning");
        assert!(is_everywhere || self.has_faults(), "{words:?}: {}", output.stderr);
        self.note(
            object,
            Done {
                place: if is_everywhere {
                    Place::CommandLine
                } else {
                    Place::Elsewhere
                },
                act,
                seen,
                invoked,
                answered,
            },
        );
    }

    fn command(&self, object: usize, act: Act) -> Vec<String> {
        let Object { key, owner, site, .. } = &self.objects[object];
        let words = match act {
            Act::Ask | Act::Show => vec!["keys", "show", &key.id],
            Act::Disable => vec!["keys", "disable", &key.id],
            Act::Enable => vec!["keys", "enable", &key.id],
            Act::Delete => vec!["keys", "delete", &key.id],
            Act::Restore => vec!["keys", "restore", &key.id],
            Act::Sites(own) => vec!["keys", "edit", &key.id, "--site", if own { site } else { OTHER }],
            Act::Addresses(own) => vec!["keys", "edit", &key.id, "--address", network(own)],
            Act::Limit(true) => vec!["keys", "edit", &key.id, "--limit", "1"],
            Act::Limit(false) => vec!["keys", "edit", &key.id, "--no-limit"],
            Act::Owner(true) => vec!["users", "enable", owner],
            Act::Owner(false) => vec!["users", "disable", owner],
            Act::OwnerSites(true) => vec!["users", "edit", owner, "--all-sites"],
            Act::OwnerSites(false) => vec!["users", "edit", owner, "--site", OTHER],
            Act::Site(true) => vec!["sites", "enable", site],
            Act::Site(false) => vec!["sites", "disable", site],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// What an answer says of what was changed.
    fn told(&self, object: usize, act: Act, answer: &Value) -> Seen {
        let site = &self.objects[object].site;
        let is_listed = |rule: &Value, what: &str| {
            let only = rule["only"].as_array();
            only.map_or_else(|| rule["any"] == true, |list| list.contains(&json!(what)))
        };
        match act {
            Act::Owner(_) | Act::OwnerSites(_) => {
                Seen::Owner(answer["status"] == "active", is_listed(&answer["sites"], site))
            }
            Act::Site(_) => Seen::Site(answer["active"] == true),
            _ => Seen::Key(KeyState {
                // Of a deleted key nobody is told whether it was on.
                active: answer["status"] == "active",
                deleted: answer["status"] == "deleted",
                has_site: is_listed(&answer["sites"], site),
                has_address: is_listed(&answer["addresses"], network(true)),
                limited: answer["limit"]["per_minute"].is_number(),
            }),
        }
    }

    fn note(&self, object: usize, done: Done) {
        self.objects[object].done.lock().unwrap().push(done);
    }
}

/// The network that the clients are in, or another.
fn network(own: bool) -> &'static str {
    if own { "127.0.0.0/8" } else { "192.0.2.0/24" }
}

fn minute() -> u64 {
    u64::try_from(now().seconds() / 60).unwrap()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}
