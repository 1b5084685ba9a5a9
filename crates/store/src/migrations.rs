//! The steps of a schema, and which of them a database lacks. Every database has steps of the same numbers and names.

/// One step.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($database:literal: $($number:literal $name:literal),* $(,)?) => {
        [$($crate::migrations::Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../../migrations/", $database, "/", $name, ".sql")),
        }),*]
    };
}
pub(crate) use migrations;

/// The steps that a database lacks by what it notes as applied; or the sentence with which one is refused that a newer
/// program has written to.
pub(crate) fn pending(
    all: &'static [Migration],
    applied: &[(i64, String)],
) -> Result<Vec<&'static Migration>, String> {
    let is_known =
        |(number, name): &&(i64, String)| all.iter().any(|step| step.number == *number && step.name == name);
    let unknown: Vec<&str> = applied
        .iter()
        .filter(|step| !is_known(step))
        .map(|(_, name)| name.as_str())
        .collect();
    if !unknown.is_empty() {
        return Err(format!(
            "the schema is newer than this program; run the keyward release that wrote it, or a later one \
             (unknown here: {})",
            unknown.join(", ")
        ));
    }
    let is_applied = |step: &&Migration| applied.iter().any(|(number, _)| *number == step.number);
    Ok(all.iter().filter(|step| !is_applied(step)).collect())
}

/// Says in the log which steps have been made.
pub(crate) fn tell(applied: &[&str]) {
    if !applied.is_empty() {
        let steps = applied.join(", ");
        tracing::info!(steps, "the schema of the database was brought up to date");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{postgres, sqlite};

    fn names(steps: &[Migration]) -> Vec<&str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_are_numbered_without_gaps_as_their_names_say() {
        for (place, step) in sqlite::STEPS.iter().enumerate() {
            assert_eq!(usize::try_from(step.number), Ok(place + 1));
            assert_eq!(step.name[..4], format!("{:04}", step.number));
        }
    }

    #[test]
    fn every_database_has_the_same_steps_and_a_file_of_each() {
        assert_eq!(names(postgres::STEPS), names(sqlite::STEPS));
        for database in ["sqlite", "postgres"] {
            let folder = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let wanted: Vec<String> = names(sqlite::STEPS)
                .iter()
                .map(|name| format!("{name}.sql"))
                .collect();
            assert_eq!(files, wanted, "{database}");
        }
    }

    #[test]
    fn s7_a_step_that_this_program_does_not_know_is_refused() {
        let applied = [(1, "0001_initial".into()), (9, "0009_later".into())];
        let sentence = pending(sqlite::STEPS, &applied).unwrap_err();
        assert!(
            sentence.contains("newer") && sentence.contains("0009_later"),
            "{sentence}"
        );
    }
}
