//! Users: the people and programs that own keys.

use crate::{Email, Name, Revision, SiteRule, Timestamp, TransitionFault, UserId};
use std::str::FromStr;

/// What a user may do on the console plane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Manages every user, site and key.
    Admin,
    /// Manages their own keys.
    Member,
}

impl Role {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            _ => Err("a role is `admin` or `member`"),
        }
    }
}

/// The life of a user. Only an active user is *valid*, and only a valid user's keys live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserStatus {
    /// Valid.
    Active,
    /// Switched off; can be enabled again.
    Disabled,
    /// Gone for good; the row stays for the audit log.
    Deleted {
        /// When it was deleted.
        at: Timestamp,
    },
}

impl UserStatus {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted { .. } => "deleted",
        }
    }
}

/// A user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// The address by which people know the user; unique among users that are not deleted.
    pub email: Email,
    /// Name for people.
    pub name: Name,
    /// Rights.
    pub role: Role,
    /// Life.
    pub status: UserStatus,
    /// The sites that the user's keys may reach at most.
    pub sites: SiteRule,
    /// When it was made.
    pub created_at: Timestamp,
    /// The revision of its last change.
    pub revision: Revision,
}

/// What an edit of a user changes; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserPatch {
    /// New name.
    pub name: Option<Name>,
    /// New role.
    pub role: Option<Role>,
    /// New sites.
    pub sites: Option<SiteRule>,
}

impl User {
    /// Whether the user is valid: active and not deleted.
    pub fn is_valid(&self) -> bool {
        self.status == UserStatus::Active
    }

    /// Switches the user on; nothing happens to one that is on.
    pub fn enable(&mut self) -> Result<(), TransitionFault> {
        self.set_status(UserStatus::Active)
    }

    /// Switches the user off, and all their keys with them.
    pub fn disable(&mut self) -> Result<(), TransitionFault> {
        self.set_status(UserStatus::Disabled)
    }

    /// Deletes the user for good.
    pub fn delete(&mut self, now: Timestamp) -> Result<(), TransitionFault> {
        self.set_status(UserStatus::Deleted { at: now })
    }

    /// Takes the fields of a patch.
    pub fn apply(&mut self, patch: UserPatch) -> Result<(), TransitionFault> {
        self.set_status(self.status)?;
        if let Some(name) = patch.name {
            self.name = name;
        }
        if let Some(role) = patch.role {
            self.role = role;
        }
        if let Some(sites) = patch.sites {
            self.sites = sites;
        }
        Ok(())
    }

    fn set_status(&mut self, status: UserStatus) -> Result<(), TransitionFault> {
        if matches!(self.status, UserStatus::Deleted { .. }) {
            return Err(TransitionFault::Deleted);
        }
        self.status = status;
        Ok(())
    }
}
