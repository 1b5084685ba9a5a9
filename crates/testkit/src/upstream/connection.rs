//! One connection: requests in order, each recorded, then answered.

use super::reply::{After, Reply};
use super::{Recorded, Shared};
use crate::wire::{self, Framing, Part, Reader};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Result;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Serves until either end closes.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let number = {
        let mut state = shared.state();
        state.connections += 1;
        state.open += 1;
        state.connections - 1
    };
    let _open = Open(Arc::clone(&shared));
    // An error is the peer's: what it sent is recorded, and there is nobody to answer.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        reader: Reader::new(stream, None),
        shared,
        number,
    };
    let _ = connection.run().await;
}

/// Counts an open connection, also when its task is cancelled.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().open -= 1;
        self.0.changes.send_replace(());
    }
}

struct Connection {
    reader: Reader<TcpStream>,
    shared: Arc<Shared>,
    number: usize,
}

impl Connection {
    async fn run(&mut self) -> Result<()> {
        while let Some(head) = self.read_head().await? {
            let request = Recorded {
                head,
                ..Recorded::default()
            };
            let record = self.shared.begin(self.number, request.head.clone());
            let reply = self.shared.reply_to(&request.target());
            let (reply, early) = match reply {
                Reply::BeforeBody(reply) => (*reply, true),
                reply => (reply, false),
            };
            let after = if early {
                let after = self.answer(&request, &reply, 0, None).await?;
                self.read_body(&request, record).await?;
                after
            } else {
                let (length, sha256) = self.read_body(&request, record).await?;
                self.answer(&request, &reply, length, sha256).await?
            };
            match after {
                After::KeepOpen if keeps_alive(&request) => {}
                After::KeepOpen | After::Close => return self.reader.stream.shutdown().await,
                After::Silence => return self.read_to_end(false).await,
                After::EchoBytes => return self.read_to_end(true).await,
            }
        }
        Ok(())
    }

    /// Reads a head; what was cut short is recorded as an incomplete request.
    async fn read_head(&mut self) -> Result<Option<Vec<u8>>> {
        let head = self.reader.take_head().await;
        if head.is_err() && !self.reader.buffer.is_empty() {
            self.shared
                .begin(self.number, std::mem::take(&mut self.reader.buffer));
        }
        head
    }

    async fn read_body(&mut self, request: &Recorded, record: u64) -> Result<(u64, Option<String>)> {
        let headers = wire::headers(&request.head);
        let framing = wire::framing(&headers)?.unwrap_or(Framing::Length(0));
        let expects = wire::values(&headers, "expect")
            .iter()
            .any(|v| v.eq_ignore_ascii_case("100-continue"));
        if expects && framing != Framing::Length(0) && self.reader.buffer.is_empty() {
            self.reader
                .stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        let keep = !self.shared.state().count_only;
        let (mut length, mut hash) = (0, Sha256::new());
        let shared = &self.shared;
        let read = self.reader.read_body(framing, |part| {
            if let Part::Content(bytes) = &part {
                length += bytes.len() as u64;
                if keep {
                    hash.update(bytes);
                }
            }
            shared.update(record, |recorded| {
                recorded.add(&part, keep, framing == Framing::Chunked);
            });
        });
        read.await?;
        self.shared.complete(record);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((length, keep.then(|| hex(&hash.finalize()))))
    }

    async fn answer(
        &mut self,
        request: &Recorded,
        reply: &Reply,
        length: u64,
        sha256: Option<String>,
    ) -> Result<After> {
        let head_only = request.method() == "HEAD";
        let stream = &mut self.reader.stream;
        if !matches!(reply, Reply::Echo) {
            return reply.write(stream, head_only).await;
        }
        let body = json!({
            "method": request.method(),
            "target": request.target(),
            "headers": request.header_lines(),
            "body_length": length,
            "body_sha256": sha256,
            "connection": self.number,
        });
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Reply::Http {
            status: 200,
            headers,
            body: body.to_string().into_bytes(),
        }
        .write(stream, head_only)
        .await
    }

    async fn read_to_end(&mut self, echo: bool) -> Result<()> {
        loop {
            if echo {
                self.reader.stream.write_all(&self.reader.buffer).await?;
            }
            self.reader.buffer.clear();
            if self.reader.fill().await? == 0 {
                return Ok(());
            }
        }
    }
}

impl Recorded {
    fn add(&mut self, part: &Part<'_>, keep: bool, chunked: bool) {
        let (Part::Content(bytes) | Part::Framing(bytes) | Part::Trailers(bytes)) = part;
        match part {
            Part::Content(_) => {
                self.body_len += bytes.len() as u64;
                if keep {
                    self.body.extend_from_slice(bytes);
                }
            }
            Part::Trailers(_) => self.trailers.extend_from_slice(bytes),
            Part::Framing(_) => {}
        }
        if keep && chunked {
            self.chunked_body.extend_from_slice(bytes);
        }
    }
}

fn keeps_alive(request: &Recorded) -> bool {
    let closes = request.header("connection").iter().any(|value| {
        value
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    });
    !closes && !request.request_line().ends_with("HTTP/1.0")
}
