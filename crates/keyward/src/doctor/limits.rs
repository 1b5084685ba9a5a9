//! The Redis that counts limits: is it reached, does it let the limiter's scripts run, and will it keep counters?

use super::finding::Finding;
use crate::config::Checked;
use keyward_limit::{Inspection, RIGHTS, RedisOptions, Unseen, inspect};

const CHECK: &str = "limits";

pub(super) async fn check(checked: &Checked) -> Vec<Finding> {
    let Some(options) = &checked.limits else {
        return Vec::new();
    };
    match inspect(options).await {
        Ok(seen) => look(options, &seen),
        Err(Unseen::Denied(fault)) => {
            let way_out = "give the account the right that Redis names; meanwhile on_limiter_failure holds";
            vec![Finding::problem(CHECK, options.place(), fault, way_out)]
        }
        Err(Unseen::Away(fault)) => {
            let way_out =
                "check limits.url, the password, the network and ca_file; meanwhile on_limiter_failure holds";
            vec![Finding::problem(CHECK, options.place(), fault, way_out)]
        }
    }
}

fn look(options: &RedisOptions, seen: &Inspection) -> Vec<Finding> {
    let place = options.place();
    let problem = |what: String, way_out: &str| Finding::problem(CHECK, &place, what, way_out);
    let version = seen
        .version
        .as_deref()
        .unwrap_or("a server that does not tell its version");
    let mut findings = Vec::new();
    match &seen.fault {
        Some(fault) if seen.is_replica => findings.push(problem(
            format!("it is a replica and takes no counts: {fault}"),
            "name its master, or its sentinels: redis+sentinel://host:26379/mymaster",
        )),
        Some(fault) if fault.contains("maxmemory") => findings.push(problem(
            format!("its memory is full, and it takes no counts: {fault}"),
            "raise its maxmemory, or give Keyward a Redis of its own; meanwhile on_limiter_failure holds",
        )),
        Some(fault) if !seen.missing.is_empty() => {
            let missing = seen.missing.join(" ");
            findings.push(problem(
                format!("the account lacks {missing}: {fault}"),
                &format!("give it the rights: {missing}"),
            ));
        }
        Some(fault) => findings.push(problem(
            format!("the limiter's scripts do not run: {fault}"),
            &format!("the account needs: {RIGHTS}"),
        )),
        None => findings.push(Finding::good(
            CHECK,
            &place,
            format!("{version}, answers and lets the limiter's scripts run"),
        )),
    }
    if seen.is_cluster != options.cluster && seen.version.is_some() && !options.cluster {
        findings.push(problem(
            "it is a node of a cluster".into(),
            "set limits.cluster = true",
        ));
    }
    match seen.eviction.as_deref() {
        Some("noeviction") => findings.push(Finding::warning(
            CHECK,
            &place,
            "when its memory is full, it takes no more counts (noeviction)",
            "give it more memory than it needs: about 100 bytes a key that is used in a minute",
        )),
        Some(policy) => findings.push(Finding::warning(
            CHECK,
            &place,
            format!(
                "when its memory is full, it drops counters ({policy}), and their keys get a window more"
            ),
            "set maxmemory-policy to noeviction, and give it a Redis of its own",
        )),
        None => {}
    }
    findings
}
