//! The log of a process that serves: whoever reads it, and whether.

use keyward_testkit::{CliOutput, Installation, WAIT_TIMEOUT, eventually_blocking, wait_for_text};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A `serve` whose log goes into a pipe, and what it said when it was ready.
fn piped(place: &Installation) -> (Child, Value) {
    let mut command = place.command(&["serve", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Asks so often for what nobody may have.
fn knock(address: &str, times: usize) {
    for _ in 0..times {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
        let asked = "GET /api/1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(asked.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

fn metric(address: &str, name: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    let asked = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap().parse().unwrap()
}

fn terminate(child: &mut Child) -> i32 {
    let sent = Command::new("kill").arg(child.id().to_string()).status();
    assert!(sent.unwrap().success());
    let begun = Instant::now();
    while begun.elapsed() < WAIT_TIMEOUT {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it does not end");
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    let place = Installation::populated();
    let (mut child, told) = piped(&place);
    // A pipe holds a few hundred lines.
    knock(told["gateway"].as_str().unwrap(), 3000);
    assert_eq!(terminate(&mut child), 0);
}

#[test]
fn a_log_that_is_read_late_has_every_line_and_ends_with_the_last() {
    let place = Installation::populated();
    let (mut child, told) = piped(&place);
    knock(told["gateway"].as_str().unwrap(), 1500);
    let dropped = metric(told["ops"].as_str().unwrap(), "keyward_log_lines_dropped_total");
    assert_eq!(dropped, 0);
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    assert_eq!(terminate(&mut child), 0);
    let log = reader.join().unwrap();
    assert_eq!(log.matches("outcome=\"key_missing\"").count(), 1500, "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
}

#[test]
fn what_keeps_a_node_from_starting_and_what_it_does_at_its_end_are_events_of_the_log() {
    let place = Installation::init();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let text = format!("{text}\n[log]\nformat = \"json\"\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let with_taken = text.replacen("127.0.0.1:0", &address, 1);
    place.write("keyward.toml", &with_taken);
    let failed = CliOutput::of(place.command(&["serve"])).expect(1).stderr;
    place.write("keyward.toml", &text);
    let (mut child, _) = piped(&place);
    assert_eq!(terminate(&mut child), 0);
    let mut ended = String::new();
    child.stderr.unwrap().read_to_string(&mut ended).unwrap();
    for (log, wanted) in [(&failed, "gateway.listen"), (&ended, "stopping")] {
        let events = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let has = |event: &Value| event["message"].as_str().unwrap().contains(wanted);
        assert!(events.filter(has).count() == 1, "{log}");
    }
}

/// A `serve` started by a shell that does this to its standard output and error; `log` and `said` are files of the folder.
fn redirected(place: &Installation, redirection: &str) -> Child {
    let serve = place.command(&["serve", "--json"]);
    let mut line = format!("exec \"$0\" \"$@\" {redirection}");
    if let Some(reader) = redirection.strip_prefix("| ") {
        // Its process id is that of the shell, as in the other cases: bash runs the last part of a pipe by itself.
        line = format!("exec \"$0\" \"$@\" > >({reader}) 2>log");
    }
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &line])
        .arg(serve.get_program())
        .args(serve.get_args())
        .current_dir(&place.dir);
    shell.stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_node_that_is_ready_runs_on_whatever_becomes_of_its_output() {
    for (redirection, told_in, sign) in [
        (">/dev/full 2>log", "log", "what was to be told at the start"),
        (">&- 2>log", "log", "ready"),
        ("| true", "log", "ready"),
        (">said 2>/dev/full", "said", "\"ops\""),
        (">said 2>&-", "said", "\"ops\""),
        (">said 2> >(true)", "said", "\"ops\""),
    ] {
        let place = Installation::populated();
        let mut child = redirected(&place, redirection);
        wait_for_text(&place.path(told_in), sign);
        if redirection.ends_with("2>/dev/full") {
            let said = std::fs::read_to_string(place.path("said")).unwrap();
            let said: Value = serde_json::from_str(&said).unwrap();
            knock(said["gateway"].as_str().unwrap(), 20);
            let ops = said["ops"].as_str().unwrap();
            let lost = || metric(ops, "keyward_log_lines_dropped_total");
            eventually_blocking("lines that could not be written are counted", || lost() >= 20);
        }
        // One that had ended by itself would not end with 0.
        assert_eq!(terminate(&mut child), 0, "{redirection}");
    }
}
