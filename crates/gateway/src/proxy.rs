//! Forwarding: a judged request goes out, the upstream's answer comes back.

use crate::answer::{Answer, AnswerBody, X_REQUEST_ID, without_upstream};
use crate::client_body::{ClientBody, ClientBodyFault};
use crate::deadline::Deadline;
use crate::framing::{Length, has_plain_length};
use crate::guard::InFlight;
use crate::judged::{Judged, Pass};
use crate::metrics::Metrics;
use crate::outcome::{Outcome, known};
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::settings::Timeouts;
use crate::tunnel;
use crate::upstream_body::{Home, Sender, UpstreamBody};
use crate::upstream_connection::{Connection, Failed, Head, is_hop_by_hop, write_all};
use crate::upstream_fault::UpstreamFault;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use keyward_engine::Engine;
use keyward_tower::wire::{rate_limit_headers, rate_limit_headers_ietf};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::tcp::OwnedWriteHalf;

/// What forwarding needs besides the request.
pub(crate) struct Proxy<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) rules: &'a Arc<Compiled>,
    pub(crate) metrics: &'a Metrics,
    pub(crate) timeouts: &'a Timeouts,
    pub(crate) worker: usize,
}

impl Proxy<'_> {
    /// Forwards a request; a fault of the upstream becomes an answer too.
    pub(crate) async fn run(&self, mut judged: Judged, in_flight: &InFlight, id: RequestId) -> Outcome {
        let (key, code) = match &judged.pass {
            Pass::Key(identity) => (Some(identity.key), "granted"),
            Pass::Public => (None, "public"),
            Pass::Preflight => (None, "preflight"),
        };
        let (mut answer, code) = match self.forward(&mut judged, in_flight).await {
            Ok(answer) => (answer, code),
            Err(fault) => (without_upstream(fault, id), fault.word()),
        };
        self.add_fields(&judged, answer.headers_mut());
        Outcome {
            answer,
            code,
            key,
            client: known(judged.client),
        }
    }

    /// Forwards a request, and makes the upstream's answer ready for the client.
    async fn forward(&self, judged: &mut Judged, in_flight: &InFlight) -> Result<Answer, UpstreamFault> {
        let timer = self.metrics.upstream.start_timer();
        let outcome = if judged.pool.speaks_h2c() {
            // Boxed, so that the common way does not carry the space of the rare ones around.
            Box::pin(self.over_http2(judged)).await
        } else {
            self.over_http1(judged, in_flight).await
        };
        match outcome {
            Ok(answer) => {
                timer.observe_duration();
                Ok(answer)
            }
            Err(fault) => {
                timer.stop_and_discard();
                self.metrics
                    .upstream_faults
                    .with_label_values(&[fault.word()])
                    .inc();
                tracing::warn!(request_id = %judged.id, upstream = %judged.pool.upstream().name, ?fault, "no answer from upstream");
                Err(fault)
            }
        }
    }

    fn add_fields(&self, judged: &Judged, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, judged.id.header());
        if let Pass::Key(identity) = &judged.pass {
            headers.append(VARY, HeaderValue::from_static("X-API-KEY"));
            if let Some(quota) = identity.quota {
                rate_limit_headers(quota, headers);
                if self.rules.ietf_rate_limit_headers {
                    rate_limit_headers_ietf(quota, self.engine.limit_time(), headers);
                }
            }
        }
    }

    async fn over_http1(&self, judged: &mut Judged, in_flight: &InFlight) -> Result<Answer, UpstreamFault> {
        let head = judged.write_head(self.rules);
        match judged.body.take() {
            None => self.without_body(judged, &head, in_flight).await,
            Some(body) => {
                let body = ClientBody::new(body, self.timeouts.body_stall);
                Box::pin(self.with_body(judged, head, body)).await
            }
        }
    }

    /// A request without a body. A connection that was used before may have been closed meanwhile: then a request that
    /// may be repeated goes out once more, on a new one.
    async fn without_body(
        &self,
        judged: &mut Judged,
        head: &[u8],
        in_flight: &InFlight,
    ) -> Result<Answer, UpstreamFault> {
        let repeatable = matches!(judged.parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if let Some(connection) = judged.pool.reuse(self.worker) {
            match self.exchange(judged, connection, head).await {
                Ok((connection, answered)) => return self.answer(judged, connection, answered, in_flight),
                Err(failed) if failed.silent && repeatable && failed.fault == UpstreamFault::Unreachable => {}
                Err(failed) => return Err(failed.fault),
            }
        }
        let connection = Connection::new(judged.pool.connect(self.timeouts.upstream_connect).await?);
        match self.exchange(judged, connection, head).await {
            Ok((connection, answered)) => self.answer(judged, connection, answered, in_flight),
            Err(failed) => Err(failed.fault),
        }
    }

    async fn exchange(
        &self,
        judged: &Judged,
        mut connection: Connection,
        head: &[u8],
    ) -> Result<(Connection, Head), Failed> {
        let patience = self.timeouts.upstream_response;
        connection.send(head, patience).await?;
        let answered = connection.receive(&judged.parts.method, patience).await?;
        Ok((connection, answered))
    }

    fn answer(
        &self,
        judged: &mut Judged,
        connection: Connection,
        head: Head,
        in_flight: &InFlight,
    ) -> Result<Answer, UpstreamFault> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(judged, connection, head, in_flight);
        }
        let home = head.reusable.then(|| Home {
            pool: Arc::clone(&judged.pool),
            worker: self.worker,
        });
        Ok(self.assemble(connection, head, home, None))
    }

    fn assemble(
        &self,
        mut connection: Connection,
        head: Head,
        home: Option<Home>,
        sender: Option<Sender>,
    ) -> Answer {
        let whole = match head.body {
            Length::Bytes(length) => usize::try_from(length)
                .ok()
                .filter(|length| *length == connection.buffer.len()),
            Length::Chunked | Length::Unsaid => None,
        };
        let body = match whole {
            // A short answer came with its head: the connection is free at once.
            Some(length) if sender.is_none() => {
                let bytes = connection.buffer.split_to(length).freeze();
                if let Some(home) = home {
                    home.pool.keep(home.worker, connection);
                }
                AnswerBody::own(bytes)
            }
            _ => AnswerBody::upstream(UpstreamBody::http1(
                connection,
                head.body,
                home,
                sender,
                self.timeouts.upstream_body_stall,
            )),
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        answer
    }

    /// The upstream has agreed to a WebSocket: both sides are put together.
    fn switch(
        &self,
        judged: &mut Judged,
        connection: Connection,
        head: Head,
        in_flight: &InFlight,
    ) -> Result<Answer, UpstreamFault> {
        let Some(upgrade) = judged.upgrade.take() else {
            return Err(UpstreamFault::BadAnswer("an upgrade that nobody asked for"));
        };
        let Some((stream, read)) = connection.into_parts() else {
            return Err(UpstreamFault::BadAnswer("an upgrade within a request body"));
        };
        in_flight.upgraded();
        tunnel::open(upgrade, stream, read, self.metrics.tunnels.clone());
        let mut answer = Response::new(AnswerBody::own(Bytes::new()));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = head.headers;
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        Ok(answer)
    }

    /// A request with a body, which is sent while the answer is awaited: an upstream may answer before it has read all.
    async fn with_body(
        &self,
        judged: &Judged,
        head: BytesMut,
        body: ClientBody,
    ) -> Result<Answer, UpstreamFault> {
        let stream = match judged.pool.reuse(self.worker).and_then(Connection::into_parts) {
            Some((stream, _)) => stream,
            None => judged.pool.connect(self.timeouts.upstream_connect).await?,
        };
        let (reading, writing) = stream.into_split();
        let mut connection = Connection::reading(reading);
        let chunked = !judged.parts.headers.contains_key(CONTENT_LENGTH);
        let mut sending = Box::pin(send_body(
            writing,
            head,
            body,
            chunked,
            self.timeouts.upstream_response,
        ));
        let early = tokio::select! {
            biased;
            sent = &mut sending => Err(sent),
            // While the body is on its way, only its own deadlines count.
            answered = connection.receive(&judged.parts.method, std::time::Duration::from_secs(86_400)) => Ok(answered),
        };
        match early {
            Err(Sent::ClientFault(fault)) => Err(fault),
            Err(sent) => {
                let answered = connection
                    .receive(&judged.parts.method, self.timeouts.upstream_response)
                    .await;
                let answered = answered.map_err(|failed| failed.fault)?;
                if answered.status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(UpstreamFault::BadAnswer("an upgrade that nobody asked for"));
                }
                let whole = match sent {
                    Sent::All(writing) => connection.reunite(writing),
                    _ => return Ok(self.assemble(connection, answered, None, None)),
                };
                let connection = whole.ok_or(UpstreamFault::Unreachable)?;
                let home = answered.reusable.then(|| Home {
                    pool: Arc::clone(&judged.pool),
                    worker: self.worker,
                });
                Ok(self.assemble(connection, answered, home, None))
            }
            Ok(answered) => {
                let answered = answered.map_err(|failed| failed.fault)?;
                if answered.status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(UpstreamFault::BadAnswer("an upgrade that nobody asked for"));
                }
                let sender = Sender(tokio::spawn(sending).abort_handle());
                Ok(self.assemble(connection, answered, None, Some(sender)))
            }
        }
    }

    async fn over_http2(&self, judged: &mut Judged) -> Result<Answer, UpstreamFault> {
        let body = judged
            .body
            .take()
            .map(|body| ClientBody::new(body, self.timeouts.body_stall));
        let host = judged.host.to_str().unwrap_or_default();
        let uri = http::Uri::builder()
            .scheme("http")
            .authority(host)
            .path_and_query(judged.target())
            .build();
        let mut head = Request::new(());
        *head.method_mut() = judged.parts.method.clone();
        *head.uri_mut() = uri.map_err(|_| UpstreamFault::BadAnswer("a target that HTTP/2 cannot carry"))?;
        judged.each_field(self.rules, |name, value| {
            let pair = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(value),
            );
            if let (Ok(name), Ok(value)) = pair
                && name != http::header::HOST
            {
                head.headers_mut().append(name, value);
            }
        });
        let answer = judged.pool.h2c[self.worker]
            .exchange(&judged.pool, head, body, self.timeouts)
            .await?;
        let (parts, body) = answer.into_parts();
        if !has_plain_length(&parts.headers) {
            return Err(UpstreamFault::BadAnswer("an ambiguous length"));
        }
        let body = UpstreamBody::h2c(body, self.timeouts.upstream_body_stall);
        let mut answer = Response::new(AnswerBody::upstream(body));
        *answer.status_mut() = parts.status;
        for (name, value) in parts.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)) {
            answer.headers_mut().append(name, value.clone());
        }
        Ok(answer)
    }
}

/// How sending a body ended.
enum Sent {
    All(OwnedWriteHalf),
    /// The client's body broke off or was too slow.
    ClientFault(UpstreamFault),
    /// The upstream takes no more; it may have answered.
    UpstreamClosed,
}

async fn send_body(
    mut writing: OwnedWriteHalf,
    mut pending: BytesMut,
    mut body: ClientBody,
    chunked: bool,
    patience: std::time::Duration,
) -> Sent {
    let mut deadline = Deadline::default();
    // What is there at once goes out with the head.
    let mut next = body.frame().now_or_never();
    loop {
        let frame = match next.take() {
            Some(frame) => frame,
            None => {
                if write_all(&mut writing, &pending, &mut deadline, patience)
                    .await
                    .is_err()
                {
                    return Sent::UpstreamClosed;
                }
                pending.clear();
                poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
            }
        };
        match frame {
            Some(Ok(frame)) => append(&mut pending, &frame.into_data().unwrap_or_default(), chunked),
            Some(Err(ClientBodyFault(fault))) => return Sent::ClientFault(fault),
            None => break,
        }
    }
    if chunked {
        pending.extend_from_slice(b"0\r\n\r\n");
    }
    match write_all(&mut writing, &pending, &mut deadline, patience).await {
        Ok(()) => Sent::All(writing),
        Err(_) => Sent::UpstreamClosed,
    }
}

fn append(pending: &mut BytesMut, data: &[u8], chunked: bool) {
    if data.is_empty() {
        return;
    }
    if chunked {
        pending.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    }
    pending.extend_from_slice(data);
    if chunked {
        pending.extend_from_slice(b"\r\n");
    }
}
