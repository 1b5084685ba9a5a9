//! The address of a database, read strictly before the driver reads it: the driver passes over what it does not know, and a part
//! that is passed over has a default. Nothing of an address is quoted but the name of a parameter: it may hold a password.

use keyward_domain::{ServerUrl, ServerUrlFault};
use url::Url;

/// How an address is written.
pub(super) const FORM: &str =
    "write it as postgres://user@host:5432/database, with % and two digits for what is no letter";

/// The parameters that the driver reads, besides `options[…]`.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The addresses of one server each that an address of several stands for: `postgres://user@host1:5432,host2:5432/database`, with
/// `target_session_attrs=read-write` or without it. Keyward always takes the one that takes changes.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let text = &without_target(text)?;
    let Some((scheme, behind)) = text.split_once("://") else {
        return Ok(vec![text.clone()]);
    };
    let (authority, rest) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let one = |host: &str| format!("{scheme}://{user}{host}{rest}");
    Ok(hosts.split(',').map(one).collect())
}

/// The address without the parameter that the driver does not know.
fn without_target(text: &str) -> Result<String, String> {
    let Some((before, query)) = text.split_once('?') else {
        return Ok(text.to_owned());
    };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.strip_prefix("target_session_attrs=") {
            Some("read-write" | "primary") => {}
            Some(_) => {
                return Err(
                    "target_session_attrs is read-write, or is left out: Keyward makes changes".to_owned(),
                );
            }
            None => rest.push(pair),
        }
    }
    match rest.as_slice() {
        [] => Ok(before.to_owned()),
        rest => Ok(format!("{before}?{}", rest.join("&"))),
    }
}

/// Whether every part of an address of one server can be read.
pub(super) fn check(text: &str) -> Result<(), String> {
    let fault = |why: String| format!("{why}; {FORM}");
    let read = Url::parse(text).map_err(|why| fault(why.to_string()));
    match ServerUrl::parse(text) {
        Ok(url) if url.fragment.is_some() => {
            return Err(fault("there is a # in it, which is written %23".into()));
        }
        Ok(_) => {}
        // The folder of a socket may stand in place of a host, and either in a parameter.
        Err(ServerUrlFault::Sign) if names_folder(text) => {}
        Err(ServerUrlFault::NoHost) if text.contains("host=") || text.contains("hostaddr=") => {}
        Err(why) => return Err(fault(why.to_string())),
    }
    for (key, value) in read?.query_pairs() {
        check_parameter(&key, &value).map_err(fault)?;
    }
    Ok(())
}

fn check_parameter(key: &str, value: &str) -> Result<(), String> {
    let as_url = match key {
        "host" if !value.starts_with('/') => format!("postgres://{value}"),
        "port" => format!("postgres://host:{value}"),
        _ if PARAMETERS.contains(&key) || key.starts_with("options[") => return Ok(()),
        _ if key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) =>
        {
            return Err(format!("there is no parameter `{key}`"));
        }
        _ => return Err("it has a parameter that there is not".into()),
    };
    ServerUrl::parse(&as_url).map(drop).map_err(|why| why.to_string())
}

/// Whether the host is the folder of a socket, as `%2Frun%2Fpostgresql`.
fn names_folder(text: &str) -> bool {
    let behind = text.split_once("://").map_or("", |(_, behind)| behind);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
}

#[cfg(test)]
mod tests {
    use super::{check, split};

    #[test]
    fn an_address_of_several_servers_is_one_of_each() {
        for (text, each) in [
            ("postgres://a@b/c", &["postgres://a@b/c"][..]),
            (
                "postgres://a:x,y@b:1/c?sslmode=disable",
                &["postgres://a:x,y@b:1/c?sslmode=disable"],
            ),
            (
                "postgres://a@b:1,[::1]:2/c?target_session_attrs=read-write&sslmode=disable",
                &[
                    "postgres://a@b:1/c?sslmode=disable",
                    "postgres://a@[::1]:2/c?sslmode=disable",
                ],
            ),
            (
                "postgres://a@b,c/d?target_session_attrs=read-write",
                &["postgres://a@b/d", "postgres://a@c/d"],
            ),
        ] {
            assert_eq!(split(text).unwrap(), each, "{text}");
        }
        let told = split("postgres://a@b,c/d?target_session_attrs=any").unwrap_err();
        assert!(told.contains("read-write"), "{told}");
    }

    #[test]
    fn every_part_of_an_address_is_read_or_refused() {
        for good in [
            "postgres://a@b/c",
            "postgres://a:p%40ss@b:5432/c?sslmode=require&application_name=x",
            "postgresql://a:p@ss^|@b:1/c",
            "postgres://a@[::1]:5432/c",
            "postgres://a@%2Frun%2Fpostgresql/c",
            "postgres:///c?host=/run/postgresql&user=a",
            "postgres:///c?hostaddr=10.0.0.1&port=5433&user=a",
            "postgres://a@b/c?options[search_path]=x",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("postgres://a@b:99999/c", "its port"),
            ("postgres://a@b:0/c", "its port"),
            ("postgres://a@b:/c", "its port"),
            ("postgres://a@b:5432x/c", "its port"),
            ("postgres://a:s3/cret@b:5432/c", "its port"),
            ("postgres://a@/c", "names no host"),
            ("postgres://a@::1/c", "brackets"),
            ("postgres://a@h1,h2/c", "its host"),
            ("postgres://a@b\u{fc}cher.example/c", "xn--"),
            ("postgres://a@b /c", "a blank"),
            ("postgres://a@b/c#d", "%23"),
            ("postgres://a@b/c?sslmod=disable", "`sslmod`"),
            ("postgres://a@b/c?port=99999", "its port"),
            ("postgres:///c?host=a..b", "its host"),
            ("postgres://a:1?s3cret@b/c", "a parameter"),
            ("postgres:a@b/c", "scheme"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
            assert!(!told.contains("cret"), "{bad}: {told}");
        }
    }
}
