//! `keyward keys …`.

use super::PageArgs;
use clap::{Args, Subcommand, ValueEnum};
use keyward_engine::Period;

#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Make a key and show its secret, this once.
    Create(KeyCreate),
    /// List keys, newest first; deleted ones only with --status deleted or any.
    List(KeyList),
    /// Show a key.
    Show {
        /// The key's id.
        id: String,
    },
    /// Change a key's name, description, sites, addresses or limit. Use case and expiry cannot be changed.
    Edit(KeyEditArgs),
    /// Switch a key on.
    Enable(KeyTarget),
    /// Switch a key off.
    Disable(KeyTarget),
    /// Delete a key; it can be restored for 30 days.
    Delete(KeyTarget),
    /// Take a deletion back.
    Restore(KeyTarget),
    /// Show how often a key was granted and refused.
    Usage(KeyUsage),
}

#[derive(Args, Debug)]
pub(crate) struct KeyCreate {
    /// The owner: a user's e-mail address or id.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) owner: String,
    /// Name for people: 1 to 64 characters.
    #[arg(long)]
    pub(crate) name: String,
    /// Description for people.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// What the key is for, as configured; `management` keys manage Keyward itself. Absent is the first configured.
    #[arg(long)]
    pub(crate) use_case: Option<String>,
    /// The first instant at which it is refused, such as 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "RFC3339", conflicts_with = "expires_in")]
    pub(crate) expires_at: Option<String>,
    /// How long it is good, such as 30d, 12h or 90m.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires_in: Option<String>,
    /// A site that it may be used for; repeat for more. Absent is every site.
    #[arg(long = "site", value_name = "SITE", conflicts_with = "no_sites")]
    pub(crate) sites: Vec<String>,
    /// No site at all.
    #[arg(long)]
    pub(crate) no_sites: bool,
    /// An address or network that it may be used from; repeat for more. Absent is everywhere.
    #[arg(long = "address", value_name = "ADDRESS", conflicts_with = "no_addresses")]
    pub(crate) addresses: Vec<String>,
    /// No address at all.
    #[arg(long)]
    pub(crate) no_addresses: bool,
    /// Requests a minute. Absent is no limit.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct KeyList {
    /// Only this user's (e-mail address or id), or those of all with this text in name or address.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// active, disabled, expired, deleted or any.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only keys restricted to this site.
    #[arg(long)]
    pub(crate) site: Option<String>,
    /// Only of this use case.
    #[arg(long)]
    pub(crate) use_case: Option<String>,
    /// Only with this text in name, description or hint; neither case nor accents matter.
    #[arg(long)]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KeyTarget {
    /// The key's id.
    pub(crate) id: String,
    /// Only if the key is still at this revision.
    #[arg(long, value_name = "N")]
    pub(crate) if_revision: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct KeyEditArgs {
    #[command(flatten)]
    pub(crate) target: KeyTarget,
    /// New name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// New description.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A site that it may be used for, in place of those before; repeat for more.
    #[arg(long = "site", value_name = "SITE", conflicts_with_all = ["all_sites", "no_sites"])]
    pub(crate) sites: Vec<String>,
    /// Every site.
    #[arg(long, conflicts_with = "no_sites")]
    pub(crate) all_sites: bool,
    /// No site at all.
    #[arg(long)]
    pub(crate) no_sites: bool,
    /// An address or network that it may be used from, in place of those before; repeat for more.
    #[arg(long = "address", value_name = "ADDRESS", conflicts_with_all = ["all_addresses", "no_addresses"])]
    pub(crate) addresses: Vec<String>,
    /// Every address.
    #[arg(long, conflicts_with = "no_addresses")]
    pub(crate) all_addresses: bool,
    /// No address at all.
    #[arg(long)]
    pub(crate) no_addresses: bool,
    /// Requests a minute.
    #[arg(long, value_name = "N", conflicts_with = "no_limit")]
    pub(crate) limit: Option<u64>,
    /// No limit.
    #[arg(long)]
    pub(crate) no_limit: bool,
}

#[derive(Args, Debug)]
pub(crate) struct KeyUsage {
    /// The key's id.
    pub(crate) id: String,
    /// Width of a line.
    #[arg(long, default_value = "hour")]
    pub(crate) period: PeriodWord,
    /// First instant (RFC 3339). Absent is 60 minutes, 24 hours or 30 days before --until.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Instant after the last (RFC 3339). Absent is now.
    #[arg(long)]
    pub(crate) until: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum PeriodWord {
    Minute,
    Hour,
    Day,
}

impl From<PeriodWord> for Period {
    fn from(word: PeriodWord) -> Self {
        match word {
            PeriodWord::Minute => Self::Minute,
            PeriodWord::Hour => Self::Hour,
            PeriodWord::Day => Self::Day,
        }
    }
}
