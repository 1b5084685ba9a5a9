//! Who stands at the door.

use std::net::IpAddr;

/// Who asks, before anything is proved.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The client's address, when it is known.
    pub address: Option<IpAddr>,
    /// What the browser calls itself; see [`Visitor::new`].
    pub agent: String,
}

impl Visitor {
    /// The most characters that are kept of an agent.
    const AGENT_MAX: usize = 200;

    /// A visitor; control characters of the agent are dropped, and what is over 200 characters.
    pub fn new(address: Option<IpAddr>, agent: &str) -> Self {
        Self {
            address,
            agent: clean(agent),
        }
    }

    /// The agent as it is kept, whoever has filled it in.
    pub(super) fn kept_agent(&self) -> String {
        clean(&self.agent)
    }
}

fn clean(agent: &str) -> String {
    agent
        .chars()
        .filter(|c| !c.is_control())
        .take(Visitor::AGENT_MAX)
        .collect()
}
