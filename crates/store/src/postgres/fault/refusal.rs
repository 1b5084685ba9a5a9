//! Why a server does not let this process in: the cause first, then the way out, then its own words.

use super::{DISK_FULL, NO_PRIVILEGE, READ_ONLY, code, refused};
use crate::StoreError;
use rustls::CertificateError;
use sqlx::Error;
use std::io::ErrorKind;

const BAD_PASSWORD: &str = "28P01";
const NOT_ALLOWED: &str = "28000";
const NO_DATABASE: &str = "3D000";
const TOO_MANY_CONNECTIONS: &str = "53300";
const STARTING_OR_STOPPING: [&str; 3] = ["57P01", "57P02", "57P03"];
const PROTOCOL: &str = "08P01";
const NOT_SUPPORTED: &str = "0A000";
const DAMAGED: &str = "XX";
/// How the standard library begins what it says of a name that is not known.
const NO_NAME: &str = "failed to lookup address information";

/// Whether a server that does not let anybody in may do so soon: it cannot be reached, starts or stops, or is full.
pub(in crate::postgres) fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) => tls_fault(error).is_none(),
        Error::PoolTimedOut => true,
        Error::Database(_) => {
            let code = code(error);
            code == TOO_MANY_CONNECTIONS
                || STARTING_OR_STOPPING.contains(&code.as_str())
                || is_full_pooler(error)
        }
        _ => false,
    }
}

/// Whether the server knows another password.
pub(in crate::postgres) fn is_bad_password(error: &Error) -> bool {
    matches!(way_out(error), BAD_CREDENTIALS)
}

/// Whether somebody does not take what a session asks for at its start, as poolers do.
pub(in crate::postgres) fn is_refused_parameter(error: &Error) -> bool {
    let text = message(error);
    matches!(code(error).as_str(), PROTOCOL | NOT_SUPPORTED)
        && (text.contains("startup parameter") || text.contains("command-line options"))
}

/// Why a database cannot be opened.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(in crate::postgres) fn opening(place: &str, error: Error) -> StoreError {
    refused(place, format_args!("{} ({error})", way_out(&error)))
}

const BAD_CREDENTIALS: &str = "the password is wrong, or has expired; check user and password";

fn way_out(error: &Error) -> &'static str {
    match error {
        Error::Database(_) => of_server(&code(error), &message(error)),
        Error::Tls(_) => of_tls(error),
        Error::Io(fault) => match tls_fault(error) {
            Some(sentence) => sentence,
            None => of_network(fault),
        },
        Error::Protocol(text) if text.contains("SASL") || text.contains("unsupported authentication") => {
            "the server asks for a way to sign in that is not known here; let its pg_hba.conf ask for scram-sha-256"
        }
        Error::Protocol(_) => "what answers there does not speak as PostgreSQL does; check address and port",
        Error::PoolTimedOut => "the server does not answer; check address and port, and whether it runs",
        Error::Configuration(_) => {
            "the connection cannot be made as database.url asks for it; check `sslcert` and `sslkey`"
        }
        _ => "the database cannot be opened",
    }
}

fn of_server(code: &str, text: &str) -> &'static str {
    match code {
        BAD_PASSWORD => BAD_CREDENTIALS,
        NOT_ALLOWED if text.contains("no encryption") || text.contains("SSL off") => {
            "the server's pg_hba.conf lets this user in from elsewhere only, or with TLS only; change it, or `sslmode` of database.url"
        }
        NOT_ALLOWED if text.contains("pg_hba.conf") => {
            "the server lets this user in from elsewhere only, or not at all; change its pg_hba.conf, or check user and address"
        }
        NOT_ALLOWED => {
            "the server does not let this user in; check user and password, and the server's pg_hba.conf"
        }
        NO_DATABASE => "there is no such database; make it (`createdb`), or correct the address",
        NO_PRIVILEGE => {
            "the user may not do this; let the role that keyward signs in as own the database and its tables"
        }
        READ_ONLY => "the server only reads; give the address of the primary server",
        DISK_FULL => "the server's disk is full; make room and start again",
        TOO_MANY_CONNECTIONS if text.contains("for role") => {
            "the role has as many connections as it may; raise its CONNECTION LIMIT, or end what else signs in by it"
        }
        TOO_MANY_CONNECTIONS if text.contains("for database") => {
            "the database has as many connections as it may; raise its CONNECTION LIMIT"
        }
        TOO_MANY_CONNECTIONS => {
            "the server has as many connections as it may; raise max_connections, put a pooler before it, or end what else is connected"
        }
        code if STARTING_OR_STOPPING.contains(&code) => {
            "the server starts or stops; it lets nobody in just now"
        }
        PROTOCOL | NOT_SUPPORTED => of_pooler(text),
        other if other.starts_with(DAMAGED) => "the database is damaged; restore a backup",
        _ => "the database cannot be opened",
    }
}

/// What poolers say: all under the same code.
fn of_pooler(text: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["startup parameter", "command-line options"]) {
        "the pooler before the server refuses what the address asks for; leave `options` out of it"
    } else if has(&[
        "password authentication failed",
        "auth failed",
        "authentication failed",
        "no such user",
    ]) {
        BAD_CREDENTIALS
    } else if has(&["no such database", "database does not exist"]) {
        "the pooler knows no such database; name it in its configuration, or correct the address"
    } else if has(&["no more connections allowed"]) {
        "the pooler has as many clients as it may; raise its max_client_conn"
    } else if has(&[
        "query_wait_timeout",
        "server_login_retry",
        "server login has been failing",
        "server conn crashed",
    ]) {
        "the pooler has no connection to the server for this node; look at the server, and at the size of its pool"
    } else if has(&["shutting down", "pooler error"]) {
        "the pooler starts or stops; it lets nobody in just now"
    } else {
        "the database cannot be opened"
    }
}

fn is_full_pooler(error: &Error) -> bool {
    let text = message(error);
    code(error) == PROTOCOL
        && !is_refused_parameter(error)
        && !matches!(of_pooler(&text), BAD_CREDENTIALS)
        && !text.contains("no such database")
}

fn of_network(fault: &std::io::Error) -> &'static str {
    match fault.kind() {
        _ if fault.to_string().contains(NO_NAME) => {
            "the name of the server is not known; check the host of the address, and this machine's name service"
        }
        ErrorKind::ConnectionRefused => {
            "the server cannot be reached: nobody listens there; check address and port, and whether it runs"
        }
        ErrorKind::TimedOut => {
            "the server cannot be reached: no answer in time; check the address, and firewalls on the way"
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "the server cannot be reached: there is no way to it; check the address, and the network"
        }
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            "the server cannot be reached: its socket, or a file that the address names, cannot be opened"
        }
        ErrorKind::ConnectionReset
        | ErrorKind::UnexpectedEof
        | ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted => {
            "the server cannot be reached: the connection was closed before it answered; look whether it starts, and at what stands before it"
        }
        _ => "the server cannot be reached; check address and port, and whether it runs",
    }
}

fn of_tls(error: &Error) -> &'static str {
    match tls_fault(error) {
        Some(sentence) => sentence,
        None if error.to_string().contains("does not support TLS") => {
            "the server does not speak TLS, and so shows no certificate; let it (ssl = on), or set sslmode=disable where nobody can stand in between"
        }
        None => {
            "no trusted connection comes about; check `sslmode`, `sslrootcert`, `sslcert` and `sslkey` of database.url"
        }
    }
}

/// What TLS says, wherever the driver has put it.
fn tls_fault(error: &Error) -> Option<&'static str> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(fault) = cause {
        if let Some(fault) = fault.downcast_ref::<rustls::Error>() {
            return Some(of_rustls(fault));
        }
        if let Some(fault) = fault.downcast_ref::<std::io::Error>()
            && let Some(inner) = fault.get_ref()
            && let Some(fault) = inner.downcast_ref::<rustls::Error>()
        {
            return Some(of_rustls(fault));
        }
        cause = fault.source();
    }
    None
}

fn of_rustls(fault: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(why) = fault else {
        return match fault {
            rustls::Error::AlertReceived(_) => {
                "the server ends the TLS handshake; check `sslcert` and `sslkey` of database.url, and the server's log"
            }
            _ => {
                "TLS does not come about; look at the server's certificate, and which versions of TLS it speaks"
            }
        };
    };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired; renew it, and look at this machine's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; look at this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name; use the name that it was made for in database.url, or make one for this name"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is by an authority that this machine does not trust; name that one's file in `sslrootcert` of database.url"
        }
        _ => "the server's certificate is not taken; make another one",
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Database(error) => error.message().to_owned(),
        _ => String::new(),
    }
}
