//! The tables that an installation is made of. A test compares them with the schema of each database.

use super::{PAGE, Row, Value};
use crate::StoreError;
use crate::rows::Raw;
use std::fmt::Write as _;

/// What a cell holds, apart from NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Number,
    Flag,
    Text,
    Bytes,
}

/// A table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Its columns; those of the primary key come first.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many columns the primary key has.
    pub(crate) key: usize,
}

/// Tables that stay behind: the target has its own steps of the schema and its own row of `meta`, whose revision is moved
/// by itself; no node is running that the others would tell of, and none archives; and keys that an import brought are keys like
/// all others.
#[cfg(test)]
pub(crate) const LEFT: [&str; 6] = [
    "audit_archive",
    "imports",
    "meta",
    "nodes",
    "schema_migrations",
    "usage_flushes",
];

/// A column that stays behind for the same reason.
#[cfg(test)]
pub(crate) const LEFT_COLUMN: (&str, &str) = ("keys", "import");

macro_rules! tables {
    ($($name:ident ($($key:ident $key_kind:ident),*) $($column:ident $kind:ident),*;)*) => {
        [$(Table {
            name: stringify!($name),
            columns: &[$((stringify!($key), Kind::$key_kind),)* $((stringify!($column), Kind::$kind),)*],
            key: [$(stringify!($key)),*].len(),
        }),*]
    };
}

/// All of them; a table that another one names comes before it.
pub(crate) static TABLES: [Table; 17] = tables! {
    users (id Bytes) email Text, name Text, role Text, status Text, deleted_at Number, sites Text, created_at Number,
        revision Number;
    sites (id Number) name Text, status Text, created_at Number, revision Number;
    keys (id Bytes) owner Bytes, name Text, description Text, use_case Text, fingerprint Bytes, hint Text, status Text,
        deleted_at Number, was_active Flag, expires_at Number, sites Text, addresses Text, rate_limit Number,
        created_at Number, updated_at Number, revision Number;
    audit (id Bytes) at Number, actor Text, actor_user Bytes, actor_key Bytes, address Text, action Text,
        target_kind Text, target_id Text, denied Text, before Text, after Text;
    usage (key_id Bytes, period Number, start Number, outcome Text) count Number;
    last_used (key_id Bytes) at Number, address Text;
    recent_addresses (key_id Bytes, address Text) at Number;
    idempotency (actor Text, token Text) request_hash Bytes, target Text, at Number;
    setup_token (one Number) hash Bytes, expires_at Number;
    credentials (user_id Bytes) password Text, totp_key Bytes, totp_confirmed Flag, totp_last_step Number, language Text,
        stamp Number;
    recovery_codes (user_id Bytes, hash Bytes);
    sessions (id Bytes) user_id Bytes, token Bytes, created_at Number, seen_at Number, ends_at Number, address Text,
        agent Text;
    links (hash Bytes) user_id Bytes, purpose Text, expires_at Number;
    pending_sign_ins (hash Bytes) user_id Bytes, expires_at Number, tries_left Number, device Bytes, stamp Number,
        issuer Text, subject Text;
    devices (hash Bytes) user_id Bytes, seen_at Number;
    identities (issuer Text, subject Text) user_id Bytes, created_at Number;
    marks (revision Number) mark Bytes;
};

impl Table {
    /// The names of its columns, as a list.
    pub(crate) fn names(&self) -> String {
        names(self.columns)
    }

    /// Where its rows are read: keys of an import that is under way are not there yet.
    pub(crate) fn read_from(&self) -> &'static str {
        match self.name {
            "keys" => "visible_keys",
            name => name,
        }
    }

    /// A query for a page. With `after`, the values of the key that the page begins after are parameters from 1 on.
    pub(crate) fn page(&self, after: bool) -> String {
        let key = names(&self.columns[..self.key]);
        let mut sql = format!("SELECT {} FROM {}", self.names(), self.read_from());
        if after {
            let places: Vec<String> = (1..=self.key).map(|n| format!("${n}")).collect();
            // Writing to a String does not fail.
            write!(sql, " WHERE ({key}) > ({})", places.join(", ")).ok();
        }
        write!(sql, " ORDER BY {key} LIMIT {PAGE}").ok();
        sql
    }

    /// A row of any database.
    pub(crate) fn read(&self, row: &dyn Raw) -> Result<Row, StoreError> {
        let cell = |(place, (column, kind)): (usize, &(&'static str, Kind))| {
            Value::read(row, place, *kind).map_err(|error| StoreError::Corrupt {
                table: self.name,
                column,
                row: "-".to_owned(),
                fault: error.to_string(),
            })
        };
        self.columns.iter().enumerate().map(cell).collect()
    }
}

impl Value {
    fn read(row: &dyn Raw, place: usize, kind: Kind) -> Result<Self, sqlx::Error> {
        Ok(match kind {
            Kind::Number => Self::Number(row.number(place)?),
            Kind::Flag => Self::Flag(row.flag(place)?),
            Kind::Text => Self::Text(row.text(place)?.map(str::to_owned)),
            Kind::Bytes => Self::Bytes(row.bytes(place)?.map(<[u8]>::to_vec)),
        })
    }
}

fn names(columns: &[(&'static str, Kind)]) -> String {
    columns
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_after_the_whole_key_of_a_row() {
        let usage = TABLES.iter().find(|table| table.name == "usage");
        let sql = usage.map(|table| table.page(true));
        let wanted = format!(
            "SELECT key_id, period, start, outcome, count FROM usage WHERE (key_id, period, start, outcome) > \
             ($1, $2, $3, $4) ORDER BY key_id, period, start, outcome LIMIT {PAGE}"
        );
        assert_eq!(sql, Some(wanted));
    }
}
