//! The lines of the log on their way out: one thread writes them, and whoever logs waits for nobody. Lines that come while
//! too many wait are dropped and counted, and so are those that cannot be written.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most that waits, in bytes: a second and more of all that a busy node says.
const MOST: usize = 8 << 20;

/// Lines that wait, for as long as the process lives.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines have been taken out that are not written yet.
    is_writing: bool,
}

impl Queue {
    /// Starts the thread that writes.
    pub(super) fn start<W: Write>(out: impl Fn() -> W + Send + 'static) -> io::Result<&'static Self> {
        let queue: &Self = Box::leak(Box::new(Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        }));
        let writer = thread::Builder::new().name("log".to_owned());
        writer.spawn(move || queue.write_to(&out))?;
        Ok(queue)
    }

    /// Lines that found no room, or could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until nothing waits any more, but no longer than this.
    pub(super) fn flush(&self, within: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // Whether it came to that or the time is over: nothing more can be done.
        let _ = self.changed.wait_timeout_while(self.lock(), within, is_busy);
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > MOST {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.changed.notify_all();
        }
    }

    fn write_to<W: Write>(&self, out: &impl Fn() -> W) {
        let mut lines = Vec::new();
        loop {
            let waiting = self
                .changed
                .wait_while(self.lock(), |waiting| waiting.lines.is_empty());
            let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut lines, &mut waiting.lines);
            waiting.is_writing = true;
            drop(waiting);
            let lost = write_lines(&mut out(), &lines);
            self.dropped.fetch_add(lost, Ordering::Relaxed);
            lines.clear();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines, and gives how many of them could not be written to their end. Nobody can be told of the fault but by that number.
fn write_lines(out: &mut impl Write, lines: &[u8]) -> u64 {
    let mut left = lines;
    while !left.is_empty() {
        match out.write(left) {
            Ok(0) => break,
            Ok(written) => left = &left[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    left.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl Write for &Queue {
    /// Takes one line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Hands on what is written, when it may.
    struct Reader(Sender<Vec<u8>>, std::sync::Arc<Mutex<()>>);

    impl Write for &Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _turn = self.1.lock().unwrap();
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue(may_read: &std::sync::Arc<Mutex<()>>) -> (&'static Queue, Receiver<Vec<u8>>) {
        let (sender, read) = channel();
        let reader: &Reader = Box::leak(Box::new(Reader(sender, may_read.clone())));
        (Queue::start(move || reader).unwrap(), read)
    }

    #[test]
    fn every_line_comes_out_in_order_when_somebody_reads() {
        let (mut queue, read) = queue(&std::sync::Arc::default());
        let mut wanted = Vec::new();
        for number in 0..20_000 {
            let line = format!("line {number}\n");
            queue.write_all(line.as_bytes()).unwrap();
            wanted.extend_from_slice(line.as_bytes());
        }
        Queue::flush(queue, Duration::from_secs(20));
        let seen: Vec<u8> = read.try_iter().flatten().collect();
        assert!(seen == wanted && queue.dropped() == 0);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_the_broken_one_too() {
        let mut room = [0; 12];
        for (lines, lost) in [("one\ntwo\n", 0), ("one\ntwo\nthree\nfour\n", 2), ("", 0)] {
            assert_eq!(write_lines(&mut &mut room[..], lines.as_bytes()), lost, "{lines}");
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_whole_and_counted() {
        let may_read = std::sync::Arc::<Mutex<()>>::default();
        let (mut queue, read) = queue(&may_read);
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let written = {
            let _nobody = may_read.lock().unwrap();
            for _ in 0..3 * MOST / line.len() {
                queue.write_all(&line).unwrap();
            }
            Queue::flush(queue, Duration::from_millis(50));
            3 * MOST / line.len()
        };
        Queue::flush(queue, Duration::from_secs(20));
        let seen: usize = read.try_iter().map(|lines| lines.len()).sum();
        // As much as may wait, and what the thread that writes had taken out already.
        assert!((MOST - line.len()..=2 * MOST).contains(&seen), "{seen}");
        assert_eq!(
            seen / line.len() + usize::try_from(queue.dropped()).unwrap(),
            written
        );
        assert_eq!(seen % line.len(), 0);
    }
}
