//! What is told of an import: faults, which stop it, and notes, which do not.

use super::rows::place_of_column;
use crate::{EngineError, FieldFault, LineFault, Place};
use std::borrow::Cow;

/// At most so many faults are told, and then no more is read: the answer is known, and the rest shows when these are mended.
pub(crate) const MOST_FAULTS: usize = 100;

/// Something that was not taken over, or that is good to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// Where it stands; of several, the first.
    pub place: Place,
    /// The field, when it is one.
    pub field: Option<&'static str>,
    /// What is to be known.
    pub message: &'static str,
    /// At how many places.
    pub times: usize,
}

#[derive(Default)]
pub(super) struct Told {
    pub(super) faults: Vec<LineFault>,
    pub(super) notes: Vec<ImportNote>,
}

impl Told {
    /// Whether the import is refused, whatever else the file holds.
    pub(super) fn is_full(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    /// Adds what somebody else was told of the same file.
    pub(super) fn merge(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.notes.extend(other.notes);
    }

    pub(super) fn fault(
        &mut self,
        place: impl Into<Place>,
        field: Option<&'static str>,
        message: impl Into<String>,
    ) {
        self.push(LineFault {
            place: place.into(),
            field: field.map(Cow::Borrowed),
            message: message.into(),
        });
    }

    fn push(&mut self, fault: LineFault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    pub(super) fn add_all(&mut self, place: &Place, faults: Vec<FieldFault>) {
        for fault in faults {
            self.push(LineFault {
                place: place.clone(),
                field: Some(fault.field),
                message: fault.message,
            });
        }
    }

    /// The same note of many places is told once.
    pub(super) fn note(
        &mut self,
        place: impl Into<Place>,
        field: Option<&'static str>,
        message: &'static str,
    ) {
        let same = |note: &&mut ImportNote| note.field == field && note.message == message;
        if let Some(known) = self.notes.iter_mut().find(same) {
            known.times += 1;
            return;
        }
        self.notes.push(ImportNote {
            place: place.into(),
            field,
            message,
            times: 1,
        });
    }

    /// The notes, when there is no fault.
    pub(super) fn into_notes(mut self) -> Result<Vec<ImportNote>, EngineError> {
        self.faults.sort_by(|one, other| {
            let in_line = |fault: &LineFault| place_of_column(fault.field.as_deref());
            let by_place = one.place.cmp(&other.place);
            by_place.then_with(|| in_line(one).cmp(&in_line(other)))
        });
        self.faults.truncate(MOST_FAULTS);
        if self.faults.is_empty() {
            Ok(self.notes)
        } else {
            Err(EngineError::InvalidLines(self.faults))
        }
    }
}
