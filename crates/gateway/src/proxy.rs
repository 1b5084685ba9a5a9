//! Forwarding: a judged request goes out, the upstream's answer comes back.

use crate::answer::{Answer, AnswerBody, X_REQUEST_ID, without_upstream};
use crate::client_body::ClientBody;
use crate::framing::{Length, has_plain_length};
use crate::guard::InFlight;
use crate::judged::{Judged, Pass};
use crate::metrics::Metrics;
use crate::outcome::{Outcome, known};
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::sending::{End, Sending};
use crate::settings::Timeouts;
use crate::tunnel;
use crate::upstream_body::{Home, Sender, UpstreamBody};
use crate::upstream_connection::{Connection, Failed, Head, Said, has_no_body, is_hop_by_hop, said, status};
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http::header::{CONNECTION, TE, UPGRADE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use keyward_engine::Engine;
use keyward_tower::wire::{rate_limit_headers, rate_limit_headers_ietf};
use std::sync::Arc;
use tokio::net::TcpStream;

/// An answer; or the request, of which the system has taken nothing because the connection was closed before.
type Sent = Result<Answer, Box<Sending>>;

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
                let body = ClientBody::new(body, judged.stall.unwrap_or(self.timeouts.body_stall));
                Box::pin(self.with_body(judged, Sending::new(judged, head, body))).await
            }
        }
    }

    /// A request without a body. A connection that was used before may have been closed meanwhile: then a request that
    /// may be repeated goes out once more, on a new one; and any request of which nothing was sent.
    async fn without_body(
        &self,
        judged: &mut Judged,
        head: &[u8],
        in_flight: &InFlight,
    ) -> Result<Answer, UpstreamFault> {
        if let Some(connection) = judged.pool.reuse(self.worker) {
            match self.exchange(judged, connection, head).await {
                Ok((connection, answered)) => {
                    return self.answer(judged, connection, answered, in_flight).await;
                }
                Err(failed) if failed.may_be_repeated(&judged.parts.method) => {}
                Err(failed) => return Err(failed.fault),
            }
        }
        let connection = Connection::new(self.connect(judged).await?);
        match self.exchange(judged, connection, head).await {
            Ok((connection, answered)) => self.answer(judged, connection, answered, in_flight).await,
            Err(failed) => Err(failed.fault),
        }
    }

    /// A new connection, on which nothing has come: an upstream that speaks before it is asked does not speak HTTP.
    async fn connect(&self, judged: &Judged) -> Result<TcpStream, UpstreamFault> {
        let stream = judged.pool.connect(self.timeouts.upstream_connect).await?;
        match said(&stream) {
            Said::Something => Err(UpstreamFault::BadAnswer("bytes before the request")),
            Said::Nothing | Said::End => Ok(stream),
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

    async fn answer(
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
        self.assemble(judged, connection, head, home, None).await
    }

    async fn assemble(
        &self,
        judged: &Judged,
        mut connection: Connection,
        head: Head,
        home: Option<Home>,
        sender: Option<Sender>,
    ) -> Result<Answer, UpstreamFault> {
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
            _ => {
                let stall = judged.stall.unwrap_or(self.timeouts.upstream_body_stall);
                let body = UpstreamBody::http1(connection, head.body, home, sender, stall);
                self.begun(body).await?
            }
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Ok(answer)
    }

    /// A body of which nothing has gone on yet: what is wrong with its beginning is told by a 502.
    async fn begun(&self, body: UpstreamBody) -> Result<AnswerBody, UpstreamFault> {
        let mut body = body.counted(&self.metrics.upstream_faults);
        body.look_ahead().await?;
        Ok(AnswerBody::upstream(body))
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

    /// A request with a body. It is never sent twice; but when the system has taken nothing of it for a connection that was used
    /// before, it goes out on a new one.
    async fn with_body(&self, judged: &Judged, sending: Sending) -> Result<Answer, UpstreamFault> {
        let kept = judged.pool.reuse(self.worker).and_then(Connection::into_parts);
        let sending = match kept {
            None => sending,
            Some((stream, _)) => match self.send_and_receive(judged, stream, sending).await? {
                Ok(answer) => return Ok(answer),
                Err(sending) => *sending,
            },
        };
        let stream = self.connect(judged).await?;
        let sent = self.send_and_receive(judged, stream, sending).await?;
        sent.map_err(|_| UpstreamFault::Unreachable)
    }

    /// The body is sent while the answer is awaited: an upstream may answer before it has read all.
    async fn send_and_receive(
        &self,
        judged: &Judged,
        stream: TcpStream,
        sending: Sending,
    ) -> Result<Sent, UpstreamFault> {
        let (reading, writing) = stream.into_split();
        let mut connection = Connection::reading(reading);
        let patience = self.timeouts.upstream_response;
        let mut sending = Box::pin(sending.run(writing, patience));
        let early = tokio::select! {
            biased;
            sent = &mut sending => Err(sent),
            // While the body is on its way, only its own deadlines count.
            answered = connection.receive(&judged.parts.method, std::time::Duration::from_secs(86_400)) => Ok(answered),
        };
        let (answered, end) = match early {
            Err(End::ClientFault(fault)) => return Err(fault),
            Err(End::Unsent(sending)) => return Ok(Err(sending)),
            Err(end) => (
                connection.receive(&judged.parts.method, patience).await,
                Some(end),
            ),
            Ok(answered) => (answered, None),
        };
        let answered = answered.map_err(|failed| failed.fault)?;
        if answered.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamFault::BadAnswer("an upgrade that nobody asked for"));
        }
        let mut home = None;
        let mut sender = None;
        match end {
            Some(End::All(writing)) => {
                connection = connection.reunite(writing).ok_or(UpstreamFault::Unreachable)?;
                home = answered.reusable.then(|| Home {
                    pool: Arc::clone(&judged.pool),
                    worker: self.worker,
                });
            }
            Some(_) => {}
            None => sender = Some(Sender(tokio::spawn(sending).abort_handle())),
        }
        let answer = self.assemble(judged, connection, answered, home, sender).await?;
        Ok(Ok(answer))
    }

    async fn over_http2(&self, judged: &mut Judged) -> Result<Answer, UpstreamFault> {
        let pause = judged.stall.unwrap_or(self.timeouts.body_stall);
        let body = judged.body.take().map(|body| ClientBody::new(body, pause));
        let host = judged.host.to_str().unwrap_or_default();
        let uri = http::Uri::builder()
            .scheme("http")
            .authority(host)
            .path_and_query(judged.target())
            .build();
        let mut head = Request::new(());
        *head.method_mut() = judged.parts.method.clone();
        if judged.asks_for_trailers() {
            // It speaks of one hop, and is said anew to the next: gRPC servers take it for a sign that trailers reach the client.
            head.headers_mut()
                .insert(TE, HeaderValue::from_static("trailers"));
        }
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
        if parts.status.is_informational() || status(parts.status.as_u16()).is_none() {
            return Err(UpstreamFault::BadAnswer("a status that is none"));
        }
        let body = if has_no_body(&judged.parts.method, parts.status) {
            AnswerBody::own(Bytes::new())
        } else {
            let stall = judged.stall.unwrap_or(self.timeouts.upstream_body_stall);
            self.begun(UpstreamBody::h2c(body, stall)).await?
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = parts.status;
        for (name, value) in parts.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)) {
            answer.headers_mut().append(name, value.clone());
        }
        Ok(answer)
    }
}
