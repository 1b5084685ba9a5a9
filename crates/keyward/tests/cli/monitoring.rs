//! What Prometheus and Grafana are given in `deploy/monitoring` fits what a node tells.

use keyward_testkit::{
    Certificate, FREE_PORTS, Installation, Postgres, Redis, RunningProgram, eventually_blocking,
};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Runs Prometheus' tool in the folder of the rules; `None` where it is not there.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(repository("deploy/monitoring"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: promtool is not there");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// What a node tells that has everything: PostgreSQL, Redis, a snapshot, proxies that ask, and TLS on each plane.
fn metrics_of_a_whole_node() -> String {
    let (server, redis) = (Postgres::start_quick(), Redis::start());
    let place = Installation::empty();
    let certificate = Certificate::create(place.dir.path());
    let tls = format!(
        "certificate = \"{}\"\nkey = \"{}\"\n",
        certificate.certificate_path().display(),
        certificate.key_path().display()
    );
    let config = format!(
        "[database]\nurl = \"{}\"\n[limits]\nurl = \"{}\"\n[replica]\nsnapshot = \"replica.snapshot\"\n\
         snapshot_every = \"200ms\"\n{FREE_PORTS}[authz]\nlisten = \"127.0.0.1:0\"\nproxies = [\"127.0.0.1\"]\n\
         [gateway.tls]\n{tls}[authz.tls]\n{tls}[console.tls]\n{tls}",
        server.url("postgres"),
        redis.url()
    );
    place.write("keyward.toml", &config);
    place.run(&["init", "--no-token"]).expect(0);
    let running = RunningProgram::start(&place, &["serve"]);
    let mut text = String::new();
    // Each task has done what it is for, and the snapshot is written.
    eventually_blocking("every task has run", || {
        text = running.get("ops", "/metrics");
        ["usage", "purge", "prune"]
            .iter()
            .all(|task| text.contains(&format!("task=\"{task}\"")))
    });
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The names of the families, with those that a histogram has in addition.
fn told_names(metrics: &str) -> BTreeSet<String> {
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut names = BTreeSet::new();
    for family in families {
        let (name, kind) = family.split_once(' ').unwrap();
        names.insert(name.to_owned());
        if kind == "histogram" {
            names.extend(["bucket", "count", "sum"].map(|part| format!("{name}_{part}")));
        }
    }
    names
}

/// What of an expression is the name of a metric of ours.
fn asked_names(expression: &str) -> Vec<String> {
    let name = Regex::new(r"\b(?:keyward|process)_[a-z0-9_]+").unwrap();
    name.find_iter(expression)
        .map(|found| found.as_str().to_owned())
        .collect()
}

fn expressions_of_the_dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("deploy/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let of_panels = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let of_variables = variables.map(|variable| variable["query"].to_string());
    of_panels.chain(of_variables).collect()
}

#[test]
fn every_metric_is_named_as_prometheus_wants_it_and_every_one_that_is_asked_for_is_told() {
    let metrics = metrics_of_a_whole_node();
    let told = told_names(&metrics);
    let rules = read("deploy/monitoring/alerts.yaml");
    let manual = read("docs/operations.md");
    let table = manual.split_once("\n## Metrics\n").unwrap().1;
    let table = table.split("\n## ").next().unwrap();
    let asked = expressions_of_the_dashboard().into_iter().chain([rules.clone()]);
    let asked: BTreeSet<String> = asked.flat_map(|text| asked_names(&text)).collect();
    let missing: Vec<_> = asked.difference(&told).collect();
    assert!(missing.is_empty() && asked.len() > 40, "{missing:?}\n{metrics}");
    // The manual has each family, and none that is not there.
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: Vec<&str> = families.map(|line| line.split(' ').next().unwrap()).collect();
    let untold: Vec<_> = families.iter().filter(|name| !table.contains(**name)).collect();
    assert!(untold.is_empty(), "docs/operations.md lacks {untold:?}");
    let known: BTreeSet<String> = asked_names(table).into_iter().collect();
    let wrong: Vec<_> = known.difference(&told).collect();
    assert!(wrong.is_empty(), "docs/operations.md has {wrong:?}");
    if let Some(checked) = promtool(&["check", "metrics"], &metrics) {
        let said = [checked.stdout, checked.stderr].concat();
        assert!(
            checked.status.success() && said.is_empty(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[test]
fn each_alert_fires_when_it_shall_and_the_manual_says_what_it_means() {
    let (rules, tests) = (
        read("deploy/monitoring/alerts.yaml"),
        read("deploy/monitoring/alerts_test.yaml"),
    );
    let manual = read("docs/monitoring.md");
    let names: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in &names {
        assert!(
            tests.contains(&format!("alertname=\"{name}\"")),
            "{name} is not tested"
        );
        assert!(
            manual.contains(&format!("\n### {name}\n\n")),
            "{name} is not in the manual"
        );
        let runbook = format!("runbook_url: docs/monitoring.md#{}\n", name.to_lowercase());
        assert_eq!(rules.matches(&runbook).count(), 1, "{name}");
    }
    assert_eq!(rules.matches("summary: ").count(), names.len());
    assert_eq!(
        manual.matches("\n### ").count(),
        names.len(),
        "the manual has others"
    );
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
    ] {
        if let Some(ran) = promtool(&arguments, "") {
            assert!(ran.status.success(), "{ran:?}");
        }
    }
}
