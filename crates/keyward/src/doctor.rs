//! `keyward doctor`: looks for the usual mistakes, and says what to do about each. Who adds a check adds it to the file
//! of its subject, as a function that gives findings.

mod clients;
mod database;
mod exposure;
mod files;
mod finding;
mod host;
mod limits;
mod network;
mod provider;
mod proxies;
mod routes;
mod tls;

use crate::commands::Context;
use crate::config::{self, Checked, ConfigFaults, Loaded};
use crate::exit::{Exit, Failure};
use crate::output::print;
use finding::{Finding, Grade};
use serde_json::json;

pub(crate) async fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    let read = config::load(context.config).and_then(|loaded| {
        let checked = loaded.check_for_serve()?;
        Ok((loaded, checked))
    });
    match read {
        Ok((loaded, checked)) => look_at_all(&loaded, &checked, &mut findings).await,
        Err(faults) => findings.extend(wrong_configuration(&faults)),
    }
    findings.extend(host::check_clock());
    tell(context, &findings)
}

async fn look_at_all(loaded: &Loaded, checked: &Checked, findings: &mut Vec<Finding>) {
    findings.extend(files::check_configuration(loaded));
    findings.extend(routes::check_public_paths(checked));
    findings.extend(exposure::check(loaded, checked));
    findings.extend(proxies::check(checked));
    findings.extend(network::check_ports(checked).await);
    findings.extend(network::check_upstreams(checked).await);
    findings.extend(database::check(checked).await);
    findings.extend(limits::check(checked).await);
    findings.extend(files::check_passwords(loaded));
    findings.extend(files::check_local(checked));
    findings.extend(files::check_snapshot(checked));
    findings.extend(files::check_archive(checked));
    findings.extend(tls::check("gateway.tls", checked.gateway.tls.as_ref()));
    let authz = checked.authz.as_ref();
    findings.extend(tls::check(
        "authz.tls",
        authz.and_then(|authz| authz.tls.as_ref()),
    ));
    findings.extend(tls::check("console.tls", checked.console.tls.as_ref()));
    findings.extend(provider::check(&checked.console).await);
    findings.extend(files::check_openapi_document(checked));
    findings.extend(checked.database.file().and_then(host::check_disk));
    findings.extend(host::check_open_files(
        checked.gateway.max_connections + authz.map_or(0, |authz| authz.max_connections),
    ));
}

fn wrong_configuration(faults: &ConfigFaults) -> Vec<Finding> {
    let way_out = "correct it; the file that `keyward init` writes shows every setting";
    faults
        .lines()
        .into_iter()
        .map(|line| Finding::problem("configuration", faults.file.display(), line, way_out))
        .collect()
}

fn tell(context: Context<'_>, findings: &[Finding]) -> Result<Exit, Failure> {
    let problems = findings
        .iter()
        .filter(|finding| finding.grade == Grade::Problem)
        .count();
    if context.output.json {
        context
            .output
            .json_line(&json!({ "healthy": problems == 0, "findings": findings }))?;
    } else {
        let lines: Vec<String> = findings.iter().map(Finding::text).collect();
        let sum = match problems {
            0 => "no problems".to_owned(),
            1 => "1 problem".to_owned(),
            more => format!("{more} problems"),
        };
        print(&format!("{}\n{sum}", lines.join("\n")))?;
    }
    Ok(if problems == 0 { Exit::Done } else { Exit::Problems })
}
