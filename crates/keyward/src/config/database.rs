//! Where the database is. What is shown of it to anybody holds no password.

use super::schema;
use super::values::Checker;
use keyward_store::{PasswordSource, PostgresOptions};
use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// Stands where a password stood.
pub(super) const HIDDEN: &str = "***";

/// A database that is served from.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server; how it is opened is not said yet.
    Postgres(PostgresOptions),
}

impl Database {
    /// What kind it is, in words for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// The file, when it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(options) => f.write_str(&options.place()),
        }
    }
}

/// Reads the section `database`.
pub(super) fn read(checker: &mut Checker<'_>) -> Option<Database> {
    let database = &checker.loaded.config.database;
    if checker.is_unread("database.url") {
        return None;
    }
    if is_postgres(&database.url) {
        return postgres(checker, database);
    }
    for (key, is_there) in [
        ("database.password_file", database.password_file.is_some()),
        ("database.password_command", database.password_command.is_some()),
    ] {
        if is_there {
            checker.fault(key, "there is no password to an SQLite file: leave it out");
        }
    }
    if database.listen_url.is_some() {
        checker.fault(
            "database.listen_url",
            "an SQLite file is not listened to: leave it out",
        );
    }
    sqlite(checker, &database.url)
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// Whether an address holds a password.
pub(crate) fn has_password(url: &str) -> bool {
    let is_password = |key: &str, value: &str| key == "password" && !value.is_empty();
    Url::parse(&first_host(url)).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(key, value)| is_password(&key, &value))
    })
}

/// The database that a flag names; or what is wrong with it, in words that hold no password.
pub(crate) fn of_flag(url: &str, password_file: Option<&Path>) -> Result<Database, String> {
    if !is_postgres(url) {
        return match (sqlite_path(url), password_file) {
            (Some(_), Some(_)) => Err("there is no password to an SQLite file: leave its file out".into()),
            (Some(path), None) => Ok(Database::Sqlite(path.into())),
            (None, _) => Err(no_database(url)),
        };
    }
    let password = match (check_address(url)?, password_file) {
        (true, Some(_)) => return Err("the address has a password already: leave one of them out".into()),
        (_, None) => None,
        (false, Some(file)) => {
            read_password(file)?;
            Some(PasswordSource::File(file.into()))
        }
    };
    let options = options(url, password);
    options.check()?;
    Ok(Database::Postgres(options))
}

fn sqlite(checker: &mut Checker<'_>, url: &str) -> Option<Database> {
    if let Some(path) = sqlite_path(url) {
        return Some(Database::Sqlite(checker.path("database.url", path)));
    }
    checker.fault("database.url", no_database(url));
    None
}

fn sqlite_path(url: &str) -> Option<&str> {
    // `sqlite://keyward.db` is how some write a relative path, and would be one from the root.
    let is_file = |path: &&str| {
        let from_root = path.starts_with("//") && !path.starts_with("///");
        !path.is_empty() && !from_root && !path.contains('?') && *path != ":memory:"
    };
    url.strip_prefix("sqlite:").filter(is_file)
}

fn no_database(url: &str) -> String {
    // Something mistyped may hold a password.
    let shown = if url.contains('@') { HIDDEN } else { url };
    format!(
        "`{shown}` is no database: write it as sqlite:keyward.db, or sqlite:/var/lib/keyward/keyward.db, without options; or \
         as postgres://user@host:5432/database"
    )
}

fn postgres(checker: &mut Checker<'_>, database: &schema::Database) -> Option<Database> {
    let key = "database.url";
    let has_password = checker.take(key, check_address(&database.url))?;
    let password = password(checker, database, has_password)?;
    let mut options = options(&database.url, password);
    checker.take(key, options.check())?;
    if let Some(url) = &database.listen_url {
        options.listen_url = Some(url.clone());
        let check = match is_postgres(url) {
            true => check_address(url)
                .map(drop)
                .and_then(|()| options.check_listen_url()),
            false => Err("write it as postgres://user@host:5432/database".to_owned()),
        };
        checker.take("database.listen_url", check)?;
    }
    Some(Database::Postgres(options))
}

/// Where the password comes from, if not from the address; nothing when that is not clear. A file has to be there from the start; a
/// program runs with the first connection.
fn password(
    checker: &mut Checker<'_>,
    database: &schema::Database,
    is_in_address: bool,
) -> Option<Option<PasswordSource>> {
    let (file, command) = ("database.password_file", "database.password_command");
    let key = if database.password_file.is_some() {
        file
    } else {
        command
    };
    match (&database.password_file, &database.password_command) {
        (None, None) => Some(None),
        _ if is_in_address => {
            checker.fault(key, "database.url has a password already: leave one of them out");
            None
        }
        (Some(_), Some(_)) => {
            checker.fault(
                command,
                "there is a database.password_file already: leave one of them out",
            );
            None
        }
        (Some(path), None) => {
            let path = checker.path(file, path);
            checker.take(file, read_password(&path))?;
            Some(Some(PasswordSource::File(path)))
        }
        (None, Some(words)) if words.first().is_none_or(String::is_empty) => {
            checker.fault(
                command,
                "it names no program: write it as [\"program\", \"argument\"]",
            );
            None
        }
        (None, Some(words)) => Some(Some(PasswordSource::Command(words.clone()))),
    }
}

/// How it is opened is not said here.
fn options(url: &str, password: Option<PasswordSource>) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned(),
        password,
        listen_url: None,
        create: false,
        migrate: false,
        read_only: false,
    }
}

/// The address with the first of its hosts alone: what is asked of it is the same for all.
fn first_host(url: &str) -> String {
    let (before, hosts, behind) = hosts(url);
    let first = hosts.split(',').next().unwrap_or(hosts);
    format!("{before}{first}{behind}")
}

/// What stands before the hosts of an address, the hosts, and what stands behind them.
fn hosts(url: &str) -> (&str, &str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    (&url[..start], &url[start..end], &url[end..])
}

/// Whether an address has a password; or what is wrong with it, in words that hold none of it.
fn check_address(url: &str) -> Result<bool, String> {
    options(url, None).check()?;
    let url = Url::parse(&first_host(url)).map_err(|error| error.to_string())?;
    let has = |name: &str| {
        url.query_pairs()
            .any(|(key, value)| key == name && !value.is_empty())
    };
    if url.username().is_empty() && !has("user") {
        return Err("it names no user: write it as postgres://user@host:5432/database".into());
    }
    if url.path().trim_matches('/').is_empty() && !has("dbname") {
        return Err("it names no database: write it as postgres://user@host:5432/database".into());
    }
    Ok(has_password(url.as_str()))
}

pub(super) fn read_password(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password {
        "" => Err(format!("{}: is empty", file.display())),
        _ => Ok(password.to_owned()),
    }
}

/// An address with its passwords hidden, for whoever looks at a configuration.
pub(super) fn without_password(url: &str) -> String {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if scheme == "sqlite" {
        return url.to_owned();
    }
    // It names several hosts, which no library takes for an address.
    if let Some(rest) = url.strip_prefix(&format!("{scheme}://"))
        && scheme.ends_with("+sentinel")
    {
        if rest.contains("password") {
            return format!("{scheme}://{HIDDEN}");
        }
        return match rest.rsplit_once('@') {
            Some((user, hosts)) => match user.split_once(':') {
                Some((name, _)) => format!("{scheme}://{name}:{HIDDEN}@{hosts}"),
                None => url.to_owned(),
            },
            None => url.to_owned(),
        };
    }
    let hidden = match scheme {
        "postgresql" => format!("postgres://{HIDDEN}"),
        "postgres" | "redis" | "rediss" | "valkey" | "valkeys" => format!("{scheme}://{HIDDEN}"),
        // Something mistyped may hold a password.
        _ => {
            return if url.contains('@') {
                HIDDEN.into()
            } else {
                url.to_owned()
            };
        }
    };
    let (_, all, _) = hosts(url);
    let Ok(mut shown) = Url::parse(&first_host(url)) else {
        return hidden;
    };
    if shown.password().is_some() && shown.set_password(Some(HIDDEN)).is_err() {
        return hidden;
    }
    if shown.query().is_some_and(|query| query.contains("password")) {
        let pairs: Vec<(String, String)> = shown
            .query_pairs()
            .map(|(key, value)| match key.as_ref() {
                "password" | "sslpassword" => (key.into_owned(), HIDDEN.to_owned()),
                _ => (key.into_owned(), value.into_owned()),
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    if !all.contains(',') {
        return shown.into();
    }
    let shown = String::from(shown);
    let (before, _, behind) = hosts(&shown);
    format!("{before}{all}{behind}")
}

/// A text that may quote an address, with its passwords hidden: a fault of the file's form quotes a line of it.
pub(super) fn hide_passwords(text: &str) -> String {
    // `user:password@`, in which a password may hold whatever it likes but the end of the quotation.
    let text = hide_after(text, "://", |word| word.rfind('@').unwrap_or(0));
    hide_after(&text, "password=", |word| word.find('&').unwrap_or(word.len()))
}

/// Hides the beginning of each word after a mark, as long as `length` says.
fn hide_after(text: &str, mark: &str, length: fn(&str) -> usize) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut parts = text.split(mark);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = &part[..part.find(is_end).unwrap_or(part.len())];
        let hidden = length(word);
        shown.push_str(mark);
        if hidden > 0 {
            shown.push_str(HIDDEN);
        }
        shown.push_str(&part[hidden..]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_wherever_it_stands() {
        for (url, shown) in [
            ("sqlite:keyward.db", "sqlite:keyward.db"),
            ("postgres://a@b/c", "postgres://a@b/c"),
            (
                "postgres://a:s3cret@b:1/c?sslmode=require",
                "postgres://a:***@b:1/c?sslmode=require",
            ),
            ("postgresql://a:s%40cret@b/c", "postgresql://a:***@b/c"),
            (
                "postgres://a:s3cret@b:1,[::1]:2/c?target_session_attrs=read-write",
                "postgres://a:***@b:1,[::1]:2/c?target_session_attrs=read-write",
            ),
            (
                "postgres://a@b,d/c?password=s3cret",
                "postgres://a@b,d/c?password=***",
            ),
            (
                "postgres://a@b/c?password=s3cret&x=1",
                "postgres://a@b/c?password=***&x=1",
            ),
            ("postgres://a:s3cret@b:x/c", "postgres://***"),
            ("redis://h:6379/1", "redis://h:6379/1"),
            ("rediss://:s3cret@h", "rediss://:***@h"),
            ("redis+sentinel://a:1,b/m/2", "redis+sentinel://a:1,b/m/2"),
            ("redis+sentinel://me@a:1,b/m", "redis+sentinel://me@a:1,b/m"),
            (
                "rediss+sentinel://me:s3cret@:@a:1,b/m",
                "rediss+sentinel://me:***@a:1,b/m",
            ),
            ("redis+sentinel://:s3cret@a/m", "redis+sentinel://:***@a/m"),
            ("valkey://a:s3cret@h:x", "valkey://***"),
            ("redi://a:s3cret@h", "***"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_quotation_shows_no_password() {
        for (text, shown) in [
            ("see https://example.com/x", "see https://example.com/x"),
            (
                "8 | url = \"postgres://a:s3:c/r@t@b/c\" # x@y; duplicate key",
                "8 | url = \"postgres://***@b/c\" # x@y; duplicate key",
            ),
            (
                "is `postgres://b/c?password=s3cret&x=1`",
                "is `postgres://b/c?password=***&x=1`",
            ),
            (
                "postgres://a:s3cret@b/c and postgres://d:s3cret@e",
                "postgres://***@b/c and postgres://***@e",
            ),
        ] {
            assert_eq!(hide_passwords(text), shown);
        }
    }

    #[test]
    fn an_address_names_user_and_database() {
        assert_eq!(check_address("postgres://a@b/c"), Ok(false));
        assert_eq!(check_address("postgres://a:b@c/d"), Ok(true));
        assert_eq!(
            check_address("postgres://a@b:1,c:2/d?target_session_attrs=read-write"),
            Ok(false)
        );
        assert_eq!(check_address("postgres://a:x@b,c/d"), Ok(true));
        assert_eq!(
            check_address("postgres:///d?host=/run/postgresql&user=a"),
            Ok(false)
        );
        for url in [
            "postgres://b/c",
            "postgres://a@b",
            "postgres://a@b/",
            "postgres://a@b:x/c",
            "postgres://a@b:99999/c",
            "postgres://a@b/c?sslmod=disable",
            "postgres://a@b,c/d?target_session_attrs=any",
            "postgres://a@b,/d",
        ] {
            assert!(check_address(url).is_err(), "{url}");
        }
    }
}
