//! Looking for a text in columns, by [`Search`].

use keyward_domain::Search;
use sqlx::{QueryBuilder, Sqlite};

/// A condition: one of the columns holds the text. Columns of ASCII alone, but for one `…` in the last of them as hints have it, are
/// compared in lower case at once: patterns take several times as long.
pub(super) fn push(sql: &mut QueryBuilder<Sqlite>, columns: &[&str], text: &str) {
    if text.contains('\0') {
        // A pattern would end there, and find everything before it.
        sql.push("FALSE");
        return;
    }
    let search = Search::new(text);
    let patterns = search.globs();
    let fits = columns
        .iter()
        .flat_map(|column| patterns.iter().map(move |pattern| (column, pattern)));
    sql.push("(");
    if let Some(plain) = search.plain() {
        let each = |function: &str| {
            let calls: Vec<String> = columns
                .iter()
                .map(|column| format!("{function}({column})"))
                .collect();
            calls.join(" + ")
        };
        let last = columns.last().copied().unwrap_or("''");
        sql.push(format!("instr(lower({}), ", columns.join(" || char(1) || ")))
            .push_bind(plain.to_owned())
            .push(format!(
                ") > 0 OR ({} <> {} + 2 * (instr({last}, '…') > 0) AND (",
                each("octet_length"),
                each("length")
            ));
    }
    let mut before = "";
    for (column, pattern) in fits {
        sql.push(before)
            .push(column)
            .push(" GLOB ")
            .push_bind(pattern.clone());
        before = " OR ";
    }
    sql.push(if search.plain().is_some() { ")))" } else { ")" });
}
