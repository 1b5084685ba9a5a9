//! Logs: one line per event on standard error, human or JSON.
//!
//! Two rules hold whatever is logged. Characters that could end a line, move the cursor or turn the reading direction
//! come out as `\uXXXX`. Libraries below us speak from `info` up only, because their deeper levels print whole heads of
//! requests, secrets included.

mod queue;

use queue::Queue;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The words for levels in the configuration.
pub(crate) const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) form: Form,
    pub(crate) level: Level,
}

/// What the short commands log: only what goes wrong.
pub(crate) const FOR_COMMANDS: Settings = Settings {
    form: Form::Human,
    level: Level::WARN,
};

/// The queue of a process that serves.
static QUEUE: OnceLock<&Queue> = OnceLock::new();

/// Starts logging for a short command, which waits for whoever reads its lines. A second call changes nothing.
pub(crate) fn start(settings: Settings) {
    log_to(settings, io::stderr);
}

/// Starts logging for a process that serves: its lines go through a queue, so that nothing waits for whoever reads them.
pub(crate) fn start_queued(settings: Settings) -> io::Result<()> {
    let queue = Queue::start(io::stderr)?;
    let queue = *QUEUE.get_or_init(|| queue);
    log_to(settings, move || queue);
    Ok(())
}

/// Lines that were lost: nobody read those before them, or they could not be written.
pub(crate) fn dropped() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.dropped())
}

/// Waits until all lines are written, but no longer than this.
pub(crate) fn flush(within: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(within);
    }
}

/// Logs panics too.
fn log_to<W: Write + 'static>(settings: Settings, out: impl Fn() -> W + Send + Sync + 'static) {
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        // It would be told on standard error, by what panics when that cannot be written to.
        .log_internal_errors(false)
        .with_writer(move || Escaping(out()));
    let registry = tracing_subscriber::registry().with(filter(settings.level));
    // An error means that logging has been started already.
    let _ = match settings.form {
        Form::Human => registry.with(layer).try_init(),
        Form::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: this is a defect of Keyward, please report it");
    }));
}

fn filter(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::INFO)))
        .with_target("keyward", level)
}

/// Takes one event at a time, as the formatter hands them over.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut line = escape(String::from_utf8_lossy(event).trim_end_matches('\n'));
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Puts `\uXXXX` (an escape that JSON reads back) in place of characters that do something to a terminal or a line.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if does_something(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn does_something(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Captured {
        type Writer = Escaping<Self>;

        fn make_writer(&'a self) -> Self::Writer {
            Escaping(self.clone())
        }
    }

    fn logged(json: bool, level: Level, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(captured.clone());
        let registry = tracing_subscriber::registry().with(filter(level));
        if json {
            tracing::subscriber::with_default(registry.with(layer.json().flatten_event(true)), log);
        } else {
            tracing::subscriber::with_default(registry.with(layer), log);
        }
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn k7_a_value_cannot_end_the_line_or_reach_the_terminal() {
        let evil = "a\r\nINFO forged \u{1b}[31m\" \u{202e} \u{85} \u{2028} \u{7f}end";
        for json in [false, true] {
            let text = logged(
                json,
                Level::INFO,
                || tracing::info!(target: "keyward", name = %evil, path = ?evil, "{evil}"),
            );
            let body = text.strip_suffix('\n').unwrap();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!body.chars().any(does_something), "{text}");
            if json {
                let event: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(event["name"], evil);
            }
        }
    }

    #[test]
    fn k6_libraries_do_not_speak_below_info() {
        let text = logged(false, Level::TRACE, || {
            for level in 0..2 {
                let _ = level;
                tracing::trace!(target: "hyper::proto", "X-API-KEY: secret");
                tracing::debug!(target: "h2::codec", "X-API-KEY: secret");
                tracing::debug!(target: "rustls", "X-API-KEY: secret");
                tracing::debug!(target: "sqlx::query", "X-API-KEY: secret");
                tracing::trace!(target: "tokio", "X-API-KEY: secret");
                tracing::trace!(target: "keyward_gateway", "ours");
            }
        });
        assert!(text.contains("ours") && !text.contains("secret"), "{text}");
    }
}
