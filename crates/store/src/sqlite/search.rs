//! Looking for a text in columns, by [`Search`].

use keyward_domain::Search;
use sqlx::{QueryBuilder, Sqlite};

/// A condition: one of the columns holds the text.
pub(super) fn push(sql: &mut QueryBuilder<Sqlite>, columns: &[&str], text: &str) {
    if text.contains('\0') {
        // A pattern would end there, and find everything before it.
        sql.push("FALSE");
        return;
    }
    let patterns = Search::new(text).globs();
    let mut before = "(";
    for column in columns {
        for pattern in &patterns {
            sql.push(before)
                .push(column)
                .push(" GLOB ")
                .push_bind(pattern.clone());
            before = " OR ";
        }
    }
    sql.push(")");
}
