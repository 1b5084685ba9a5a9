//! Tables that fit where they are shown. Where there is no room for all columns, the further ones are left out, and what is
//! still too long ends in `…`; `--wide` shows all of everything.

use crate::logs::escape;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

/// Where nobody says how wide the terminal is, or nothing is one.
const USUAL: u16 = 80;
/// Narrower than this no table can be read.
const LEAST: u16 = 40;
/// What a column takes besides its content: a blank on each side, and a line.
const AROUND: u16 = 3;

/// How wide a table may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// As wide as it is.
    Boundless,
    /// At most so many characters.
    Within(u16),
}

impl Room {
    /// Of standard output. The environment's `COLUMNS` says it where that is no terminal.
    pub(crate) fn of_output(wide: bool) -> Self {
        if wide {
            return Self::Boundless;
        }
        let terminal = rustix::termios::tcgetwinsize(std::io::stdout());
        let terminal = terminal.ok().map(|size| size.ws_col).filter(|width| *width > 0);
        let told = || std::env::var("COLUMNS").ok()?.parse().ok();
        Self::Within(terminal.or_else(told).unwrap_or(USUAL).max(LEAST))
    }
}

/// A column: what stands above it, and what becomes of it where there is little room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Always shown, never cut: what other commands take.
    Whole,
    /// Always shown, and cut.
    Main,
    /// Left out where there is no room for it.
    Further,
}

impl Column {
    /// Always shown, never cut: what other commands take.
    pub(crate) const fn whole(title: &'static str) -> Self {
        let kind = Kind::Whole;
        Self { title, kind }
    }

    /// Always shown; what is too long is cut.
    pub(crate) const fn main(title: &'static str) -> Self {
        let kind = Kind::Main;
        Self { title, kind }
    }

    /// Left out where there is no room for it.
    pub(crate) const fn further(title: &'static str) -> Self {
        let kind = Kind::Further;
        Self { title, kind }
    }
}

/// Draws it. Cells hold nothing that does something to a terminal.
pub(super) fn draw(room: Room, columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(row.iter().map(|cell| escape(cell)));
    }
    if let Room::Within(width) = room {
        fit(&mut table, columns, width);
    }
    table.to_string()
}

fn fit(table: &mut Table, columns: &[Column], width: u16) {
    let widths = table.column_max_content_widths();
    let mut needed = widths.iter().fold(1, |sum: u16, content| {
        sum.saturating_add(content.saturating_add(AROUND))
    });
    for (n, column) in columns.iter().enumerate().rev() {
        if needed > width && column.kind == Kind::Further {
            needed = needed.saturating_sub(widths.get(n).copied().unwrap_or_default().saturating_add(AROUND));
            constrain(table, n, ColumnConstraint::Hidden);
        }
    }
    if needed <= width {
        return;
    }
    for (n, column) in columns.iter().enumerate() {
        if column.kind == Kind::Whole {
            constrain(table, n, ColumnConstraint::ContentWidth);
        }
    }
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_truncation_indicator("…")
        // No cell holds it, so that each is cut where the room ends, and not at a word.
        .set_delimiter('\u{1f}');
    for row in table.row_iter_mut() {
        row.max_height(1);
    }
}

fn constrain(table: &mut Table, column: usize, constraint: ColumnConstraint) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(constraint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::whole("id"),
        Column::main("name"),
        Column::further("sites"),
        Column::main("status"),
    ];

    fn drawn(room: Room, name: &str, sites: &str) -> String {
        let id = "01a20ac5-7964-7a6e-b7ce-9ab43a252200";
        let row = [id, name, sites, "active"].map(str::to_owned).to_vec();
        draw(room, &COLUMNS, [row])
    }

    #[test]
    fn a_table_fits_and_says_where_it_was_cut() {
        let long = "n".repeat(64);
        for width in [70, 80, 100, 132] {
            for (name, sites) in [
                ("short", "123"),
                ("short", long.as_str()),
                (long.as_str(), long.as_str()),
                (
                    "several words in a row, and some more of them behind",
                    "é".repeat(64).as_str(),
                ),
            ] {
                let text = drawn(Room::Within(width), name, sites);
                let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= usize::from(width), "{widest} > {width}:\n{text}");
                assert!(text.contains("01a20ac5-7964-7a6e-b7ce-9ab43a252200"), "{text}");
                assert!(text.contains("active"), "{text}");
                assert!(text.contains(name) || text.contains('…'), "{text}");
                // A line for the row, and the frame and the head around it.
                assert_eq!(text.lines().count(), 5, "{text}");
            }
        }
    }

    #[test]
    fn further_columns_are_shown_where_there_is_room() {
        assert!(drawn(Room::Within(80), "short", "123").contains("sites"));
        assert!(!drawn(Room::Within(60), "short", "123").contains("sites"));
        let text = drawn(Room::Boundless, &"n".repeat(64), &"s".repeat(300));
        assert!(text.contains(&"s".repeat(300)) && !text.contains('…'));
    }
}
