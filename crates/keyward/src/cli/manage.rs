//! `keyward users …`, `keyward sites …`, `keyward audit`.

use super::PageArgs;
use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub(crate) enum UsersCommand {
    /// Make a user.
    Create(UserCreate),
    /// List users, newest first.
    List(UserList),
    /// Show a user.
    Show {
        /// E-mail address or id.
        user: String,
    },
    /// Change a user's name, role or sites.
    Edit(UserEditArgs),
    /// Make a user valid again; their keys work again.
    Enable {
        /// E-mail address or id.
        user: String,
    },
    /// Make a user invalid; all their keys are refused.
    Disable {
        /// E-mail address or id.
        user: String,
    },
    /// Print a link by which a user chooses a password for the console: good once, for 24 hours.
    ///
    /// Earlier links of the user are worth nothing from then on. The password is changed when the link is used, not before.
    Link {
        /// E-mail address or id.
        user: String,
    },
    /// Take a user's second factor away, when phone and recovery codes are lost, and end their sessions.
    ResetSecondFactor {
        /// E-mail address or id.
        user: String,
    },
    /// Delete a user for good; all their keys are refused.
    Delete {
        /// E-mail address or id.
        user: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct UserCreate {
    /// E-mail address.
    pub(crate) email: String,
    /// Name; absent is the address up to the @.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// admin manages everything, member their own keys. Absent is member.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// A site that the user's keys may be used for; repeat for more. Absent is every site.
    #[arg(long = "site", value_name = "SITE", conflicts_with = "no_sites")]
    pub(crate) sites: Vec<String>,
    /// No site at all.
    #[arg(long)]
    pub(crate) no_sites: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UserList {
    /// Only with this text in name or e-mail address; neither case nor accents matter.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Deleted users too.
    #[arg(long)]
    pub(crate) deleted: bool,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Args, Debug)]
pub(crate) struct UserEditArgs {
    /// E-mail address or id.
    pub(crate) user: String,
    /// New name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// admin or member.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// A site that the user's keys may be used for, in place of those before; repeat for more.
    #[arg(long = "site", value_name = "SITE", conflicts_with_all = ["all_sites", "no_sites"])]
    pub(crate) sites: Vec<String>,
    /// Every site.
    #[arg(long, conflicts_with = "no_sites")]
    pub(crate) all_sites: bool,
    /// No site at all.
    #[arg(long)]
    pub(crate) no_sites: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum SitesCommand {
    /// Make a site.
    Create {
        /// Its name, as it stands in requests.
        name: String,
    },
    /// List sites.
    List,
    /// Rename a site; keys that are restricted to it follow.
    Rename {
        /// The name now.
        name: String,
        /// The new name.
        new_name: String,
    },
    /// Close a site to every key.
    Disable {
        /// Its name.
        name: String,
    },
    /// Open a site again.
    Enable {
        /// Its name.
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    /// Only by this user (e-mail address or id), or by all with this text in name or address.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only about a key, user or site.
    #[arg(long, value_name = "KIND")]
    pub(crate) target_kind: Option<String>,
    /// Only about the thing of this id (a site's name).
    #[arg(long, value_name = "ID")]
    pub(crate) target_id: Option<String>,
    /// Only this action, such as key.create.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only at or after this instant (RFC 3339).
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only before this instant (RFC 3339).
    #[arg(long)]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}
