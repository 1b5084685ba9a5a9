//! The records of a CSV text, each with the line that it begins in, and none larger than a row may be.

use std::io::{self, Read};

/// The most bytes of a record.
const MOST_BYTES: u64 = 64 << 10;

/// Reads one record after the other; the first is the header, whose length the others must have.
pub(super) struct Records<'t> {
    text: &'t [u8],
    reader: csv::Reader<Bounded<'t>>,
    record: csv::StringRecord,
    /// The lines before this byte are counted.
    counted: usize,
    line: u64,
    is_over: bool,
}

/// Gives a text up to some byte, and an error after it: the reader would keep all of a record that does not end.
struct Bounded<'t> {
    text: &'t [u8],
    given: u64,
    end: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given > self.end {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let count = self.text.read(buffer)?;
        self.given += count as u64;
        Ok(count)
    }
}

impl<'t> Records<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let text = text.as_bytes();
        let bounded = Bounded {
            text,
            given: 0,
            end: 0,
        };
        Self {
            text,
            reader: csv::ReaderBuilder::new()
                .has_headers(false)
                .trim(csv::Trim::All)
                .from_reader(bounded),
            record: csv::StringRecord::new(),
            counted: 0,
            line: 1,
            is_over: false,
        }
    }

    /// The next record, and its line. Nothing comes after one that is too large.
    pub(super) fn next(&mut self) -> Option<(u64, Result<&csv::StringRecord, csv::Error>)> {
        if self.is_over {
            return None;
        }
        let begin = self.reader.position().byte();
        self.reader.get_mut().end = begin + MOST_BYTES;
        let read = self.reader.read_record(&mut self.record);
        let line = self.line_at(usize::try_from(begin).unwrap_or(usize::MAX));
        match read {
            // Up to a buffer more than may be was there to be read.
            Ok(true) if self.reader.position().byte() > begin + MOST_BYTES => {
                self.is_over = true;
                Some((line, Err(io::Error::from(io::ErrorKind::FileTooLarge).into())))
            }
            Ok(true) => Some((line, Ok(&self.record))),
            Ok(false) => None,
            Err(error) => {
                self.is_over = error.is_io_error();
                Some((line, Err(error)))
            }
        }
    }

    /// The line of the first byte from here on that ends no line: the reader begins a record before the `\n` of the last one's
    /// CRLF, and before empty lines.
    fn line_at(&mut self, begin: usize) -> u64 {
        while let Some(byte) = self.text.get(self.counted) {
            let ends_line = match byte {
                b'\n' => true,
                b'\r' => self.text.get(self.counted + 1) != Some(&b'\n'),
                _ if self.counted >= begin => break,
                _ => false,
            };
            self.line += u64::from(ends_line);
            self.counted += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    fn lines(text: &str) -> Vec<(u64, bool)> {
        let mut records = Records::of(text);
        std::iter::from_fn(|| records.next().map(|(line, record)| (line, record.is_ok()))).collect()
    }

    #[test]
    fn each_record_is_told_with_the_line_it_begins_in_whatever_ends_the_lines() {
        let good = |lines: &[u64]| lines.iter().map(|line| (*line, true)).collect::<Vec<_>>();
        for (text, wanted) in [
            ("a,b\nc,d\ne,f\n", &[1, 2, 3][..]),
            ("a,b\n\n\nc,d\n", &[1, 4]),
            ("\n\na,b\nc,d", &[3, 4]),
            ("a,b\n\"c\n\nc\",d\ne,f\n", &[1, 2, 5]),
            ("a,b", &[1]),
            ("", &[]),
            ("\n", &[]),
        ] {
            for end in ["\n", "\r\n", "\r"] {
                assert_eq!(lines(&text.replace('\n', end)), good(wanted), "{text:?} {end:?}");
            }
        }
        for end in ["\n", "\r\n", "\r"] {
            let bad = "a,b\nc,d\nc\n\ne,f\n".replace('\n', end);
            assert_eq!(
                lines(&bad),
                [(1, true), (2, true), (3, false), (5, true)],
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_record_that_does_not_end_is_not_kept() {
        let text = format!("a,b\nc,d\n\"{}", "x,\n".repeat(100_000));
        assert_eq!(lines(&text), [(1, true), (2, true), (3, false)]);
        let fits = format!("a,b\n{},d\ne,f\n", "x".repeat(60_000));
        assert_eq!(lines(&fits), [(1, true), (2, true), (3, true)]);
    }
}
