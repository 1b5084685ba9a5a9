//! What is said of one key with its owner and its site, and what each thing that was done and seen says of it.
//!
//! Key, owner and site are three rows, and each of them has an order of events of its own. A request reads all three, but not at
//! one instant: changes of several that it overlaps may be half seen. So what a request says is taken apart, row by row.

/// All that decides about a request with the key to the site, from the same client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) key: KeyState,
    pub(crate) owner_active: bool,
    /// Whether the owner may use the site.
    pub(crate) owner_has_site: bool,
    pub(crate) site_open: bool,
    /// The last minute in which the one request passed that a limit lets pass.
    pub(crate) used: Option<u64>,
}

/// What an answer to a change of the key tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct KeyState {
    pub(crate) active: bool,
    pub(crate) deleted: bool,
    /// Whether it is for the site.
    pub(crate) has_site: bool,
    /// Whether the client's address may use it.
    pub(crate) has_address: bool,
    /// Whether it has a limit, of one request a minute.
    pub(crate) limited: bool,
}

/// One of the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Row {
    Key,
    Owner,
    Site,
}

impl Row {
    pub(crate) const ALL: [Self; 3] = [Self::Key, Self::Owner, Self::Site];
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// A request at the gateway.
    Ask,
    /// A look at the key.
    Show,
    Disable,
    Enable,
    Delete,
    Restore,
    Sites(bool),
    Addresses(bool),
    Limit(bool),
    Owner(bool),
    OwnerSites(bool),
    Site(bool),
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// The gateway's verdict, and the minutes in which the request began and ended.
    Verdict(Verdict, [u64; 2]),
    Key(KeyState),
    /// Whether the owner is active, and has the site.
    Owner(bool, bool),
    /// Whether the site is open.
    Site(bool),
    /// The key's state does not allow it.
    Conflict,
    /// Nobody knows whether it was done.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    Passed,
    KeyInvalid,
    OwnerInactive,
    KeyDisabled,
    SiteForbidden,
    IpForbidden,
    RateLimited,
}

/// One thing that was done, and between which instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    /// The one row by which this key's site is ever forbidden.
    pub(crate) lever: Row,
    pub(crate) act: Act,
    pub(crate) seen: Seen,
    /// In microseconds.
    pub(crate) invoked: u64,
    /// When it must be in force: the answer, or a bound after it.
    pub(crate) due: u64,
    /// The answer. Says in which order it is worth trying, and no more.
    pub(crate) answered: u64,
}

impl Op {
    /// Whether it says anything of a row.
    pub(crate) fn is_about(&self, row: Row) -> bool {
        match self.act {
            Act::Ask => true,
            Act::Owner(_) | Act::OwnerSites(_) => row == Row::Owner,
            Act::Site(_) => row == Row::Site,
            _ => row == Row::Key,
        }
    }

    /// Whether it leaves every state as it is, but for the one request that a limit lets pass.
    pub(crate) fn only_looks(&self) -> bool {
        matches!(self.act, Act::Ask | Act::Show) || self.seen == Seen::Conflict
    }
}

impl KeyState {
    /// As an answer tells it: of a deleted key it does not say whether it was on.
    fn as_told(self) -> Self {
        Self {
            active: self.active && !self.deleted,
            ..self
        }
    }
}

impl State {
    pub(crate) const FRESH: Self = Self {
        key: KeyState {
            active: true,
            deleted: false,
            has_site: true,
            has_address: true,
            limited: false,
        },
        owner_active: true,
        owner_has_site: true,
        site_open: true,
        used: None,
    };

    /// The states that may follow when this is done in this one; none when what was seen of a row cannot be.
    pub(crate) fn after(self, op: &Op, row: Row) -> Vec<Self> {
        if let Seen::Verdict(verdict, minutes) = op.seen {
            return self.asked(row, op.lever, verdict, minutes);
        }
        let changed = self.changed(op.act);
        let told = match op.seen {
            Seen::Unknown => true,
            Seen::Conflict => changed.is_none(),
            Seen::Key(key) => changed.is_some_and(|after| after.key.as_told() == key),
            Seen::Owner(active, site) => {
                changed.is_some_and(|after| (after.owner_active, after.owner_has_site) == (active, site))
            }
            Seen::Site(open) => changed.is_some_and(|after| after.site_open == open),
            Seen::Verdict(..) => false,
        };
        if told {
            vec![changed.unwrap_or(self)]
        } else {
            Vec::new()
        }
    }

    fn asked(self, row: Row, lever: Row, verdict: Verdict, minutes: [u64; 2]) -> Vec<Self> {
        if !self.fits(row, lever, verdict) {
            return Vec::new();
        }
        if row != Row::Key || verdict != Verdict::Passed || !self.key.limited {
            return vec![self];
        }
        let mut unused: Vec<u64> = minutes.into_iter().filter(|at| Some(*at) > self.used).collect();
        unused.dedup();
        let taken = |at| Self {
            used: Some(at),
            ..self
        };
        unused.into_iter().map(taken).collect()
    }

    /// Whether a row is as a verdict says: no rule before stands against the request, and this one does.
    fn fits(self, row: Row, lever: Row, verdict: Verdict) -> bool {
        use Verdict::{
            IpForbidden, KeyDisabled, KeyInvalid, OwnerInactive, Passed, RateLimited, SiteForbidden,
        };
        let key = self.key;
        let is_on = !key.deleted && key.active;
        let has_site = match row {
            Row::Key => key.has_site,
            Row::Owner => self.owner_has_site,
            Row::Site => self.site_open,
        };
        match (row, verdict) {
            (Row::Key, KeyInvalid) => key.deleted,
            (Row::Key, OwnerInactive) => !key.deleted,
            (Row::Key, KeyDisabled) => !key.deleted && !key.active,
            (Row::Key, SiteForbidden) => is_on && (lever != row || !has_site),
            (Row::Key, IpForbidden) => is_on && has_site && !key.has_address,
            (Row::Key, RateLimited) => is_on && has_site && key.has_address && key.limited,
            (Row::Key, Passed) => is_on && has_site && key.has_address,
            (Row::Owner | Row::Site, KeyInvalid) | (Row::Site, OwnerInactive | KeyDisabled) => true,
            (Row::Owner, OwnerInactive) => !self.owner_active,
            (Row::Owner, KeyDisabled) => self.owner_active,
            (Row::Owner, SiteForbidden) => self.owner_active && (lever != row || !has_site),
            (Row::Site, SiteForbidden) => lever != row || !has_site,
            (Row::Owner, IpForbidden | RateLimited | Passed) => self.owner_active && has_site,
            (Row::Site, IpForbidden | RateLimited | Passed) => has_site,
        }
    }

    /// The state after a change; none when it does not allow it.
    pub(crate) fn changed(mut self, act: Act) -> Option<Self> {
        let of_key = !matches!(
            act,
            Act::Ask | Act::Show | Act::Restore | Act::Owner(_) | Act::OwnerSites(_) | Act::Site(_)
        );
        if of_key && self.key.deleted || act == Act::Restore && !self.key.deleted {
            return None;
        }
        match act {
            Act::Ask | Act::Show => {}
            Act::Disable => self.key.active = false,
            Act::Enable => self.key.active = true,
            Act::Delete => self.key.deleted = true,
            Act::Restore => self.key.deleted = false,
            Act::Sites(own) => self.key.has_site = own,
            Act::Addresses(own) => self.key.has_address = own,
            Act::Limit(on) => self.key.limited = on,
            Act::Owner(active) => self.owner_active = active,
            Act::OwnerSites(own) => self.owner_has_site = own,
            Act::Site(open) => self.site_open = open,
        }
        Some(self)
    }
}
