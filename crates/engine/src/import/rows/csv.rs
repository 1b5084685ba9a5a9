//! CSV: a header line, then a line a key.

use super::{Out, Row, column_of, unknown};
use crate::import::records::Records;
use crate::import::told::Told;
use crate::{LimitDraft, RestrictionDraft};

/// `needs_owner` when nothing else names the owner.
pub(super) fn read(file: &str, needs_owner: bool, out: &mut Out<'_>) {
    let mut records = Records::of(file);
    let columns = match records.next() {
        Some((line, Ok(header))) => read_header(line, header, needs_owner, &mut out.told),
        Some((line, Err(error))) => {
            out.told.fault(line, None, csv_fault(&error));
            None
        }
        None => None,
    };
    let Some(columns) = columns else { return };
    while out.wants_more() {
        match records.next() {
            None => return,
            Some((line, Ok(record))) => {
                let row = row_of_cells(line, &columns, record, &mut out.told);
                out.give(line, row);
            }
            Some((line, Err(error))) => out.told.fault(line, None, csv_fault(&error)),
        }
    }
}

/// The columns that the first line names.
fn read_header(
    line: u64,
    header: &csv::StringRecord,
    needs_owner: bool,
    told: &mut Told,
) -> Option<Vec<&'static str>> {
    let mut columns = Vec::with_capacity(header.len());
    let mut is_good = true;
    let mut fault = |message: String| {
        told.fault(line, None, message);
        is_good = false;
    };
    for (place, name) in (1..).zip(header) {
        match column_of(name) {
            Some(column) if columns.contains(&column) => fault(format!("`{column}` is there twice")),
            Some(column) => columns.push(column),
            None => fault(unknown("column", place)),
        }
    }
    let needed: &[_] = if needs_owner {
        &["owner", "name"]
    } else {
        &["name"]
    };
    for needed in needed {
        // An empty file is told as one that holds no keys.
        if !columns.is_empty() && !columns.contains(needed) {
            fault(format!(
                "there is no column `{needed}`; the first line names the columns"
            ));
        }
    }
    is_good.then_some(columns)
}

fn row_of_cells(line: u64, columns: &[&'static str], record: &csv::StringRecord, told: &mut Told) -> Row {
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(record) {
        if let Err(fault) = set_cell(&mut row, column, cell) {
            row.note_misread(line, Some(column), fault.to_owned(), told);
        }
    }
    row
}

/// Takes a cell: an empty one says nothing, lists are separated by `;`.
fn set_cell(row: &mut Row, column: &str, cell: &str) -> Result<(), &'static str> {
    let list = || RestrictionDraft::only(cell.split(';').map(str::trim));
    match column {
        _ if cell.is_empty() => {}
        "sites" => row.sites = Some(list()),
        "addresses" => row.addresses = Some(list()),
        "limit" => row.limit = Some(LimitDraft::PerMinute(whole(cell)?)),
        _ => row.set_text(column, cell.to_owned()),
    }
    Ok(())
}

/// A number as JSON has it: no sign, no zero in front.
fn whole(cell: &str) -> Result<u64, &'static str> {
    let is_plain = cell.bytes().all(|b| b.is_ascii_digit()) && (cell == "0" || !cell.starts_with('0'));
    let number = cell.parse().ok().filter(|_| is_plain);
    number.ok_or("must be a whole number such as 60")
}

/// A fault of a CSV line, without the line's content.
fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("the header has {expected_len} columns, this line {len}"),
        csv::ErrorKind::Io(_) => "is longer than 64 KiB; nothing is read after it".into(),
        _ => "is not readable as CSV".into(),
    }
}
