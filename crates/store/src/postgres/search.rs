//! Looking for a text in columns, by [`Search`].

use keyward_domain::Search;
use sqlx::{Postgres, QueryBuilder};

/// A condition: one of the columns holds the text.
pub(super) fn push(sql: &mut QueryBuilder<Postgres>, columns: &[&str], text: &str) {
    if text.contains('\0') {
        // PostgreSQL keeps no such text, so nothing is there; and it refuses to look for one.
        sql.push("FALSE");
        return;
    }
    let patterns = Search::new(text).expressions();
    let mut before = "(";
    for column in columns {
        for pattern in &patterns {
            sql.push(before)
                .push(column)
                .push(" ~ ")
                .push_bind(pattern.clone());
            before = " OR ";
        }
    }
    sql.push(")");
}
