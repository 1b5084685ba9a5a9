//! The body type of all answers.

use crate::guard::InFlight;
use crate::settings::Timeouts;
use crate::upstream_body::UpstreamBody;
use crate::upstream_fault::BodyFault;
use crate::watched::Watched;
use bytes::Bytes;
#[cfg(feature = "ext-authz")]
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of an answer. While it lives, the answer is under way.
pub(crate) struct AnswerBody {
    kind: Kind,
    under_way: Option<UnderWay>,
}

enum Kind {
    Own(Option<Bytes>),
    /// With fields after it, as gRPC has them; boxed, so that other answers do not carry their space around.
    #[cfg(feature = "ext-authz")]
    Trailed(Box<(Option<Bytes>, Option<HeaderMap>)>),
    Upstream(Box<UpstreamBody>),
    Watched(Watched),
}

/// What is noted when the last byte is handed over.
pub(crate) struct UnderWay {
    pub(crate) in_flight: InFlight,
    pub(crate) access: Option<Box<crate::access_log::Access>>,
}

impl UnderWay {
    /// The answer ends otherwise than its head said; the log says how.
    fn ends(&mut self, how: &'static str) {
        if let Some(access) = &mut self.access {
            access.code = how;
        }
    }
}

impl AnswerBody {
    pub(crate) fn own(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            kind: Kind::Own(Some(bytes).filter(|bytes| !bytes.is_empty())),
            under_way: None,
        }
    }

    /// Bytes, then fields.
    #[cfg(feature = "ext-authz")]
    pub(crate) fn trailed(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self {
            kind: Kind::Trailed(Box::new((
                Some(bytes).filter(|bytes| !bytes.is_empty()),
                trailers,
            ))),
            under_way: None,
        }
    }

    /// What the gateway itself says, when nothing of it is sent yet.
    pub(crate) fn own_bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Own(bytes) => bytes.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn upstream(body: UpstreamBody) -> Self {
        Self {
            kind: Kind::Upstream(Box::new(body)),
            under_way: None,
        }
    }

    /// Over HTTP/2 a client can leave one answer standing while its connection lives on, and no write ever waits: then
    /// what the answer holds of an upstream is let go.
    pub(crate) fn watch(&mut self, timeouts: &Timeouts) {
        let kind = std::mem::replace(&mut self.kind, Kind::Own(None));
        self.kind = match kind {
            Kind::Upstream(body) if !body.is_end_stream() => Kind::Watched(Watched::new(body, timeouts)),
            other => other,
        };
    }

    pub(crate) fn note(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let is_over = match &self.kind {
            Kind::Upstream(body) => body.is_end_stream(),
            Kind::Watched(body) => body.is_end_stream(),
            _ => true,
        };
        if let (false, Some(under_way)) = (is_over, &mut self.under_way) {
            under_way.ends("client_gone");
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        if let Some(under_way) = &mut this.under_way {
            under_way.in_flight.taken();
        }
        let frame = match &mut this.kind {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            #[cfg(feature = "ext-authz")]
            Kind::Trailed(parts) => {
                let (bytes, trailers) = &mut **parts;
                let data = bytes.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Kind::Upstream(body) => Pin::new(&mut **body).poll_frame(cx),
            Kind::Watched(body) => body.poll_frame(cx),
        };
        if let (Poll::Ready(Some(read)), Some(under_way)) = (&frame, &mut this.under_way) {
            match read {
                Ok(_) => under_way.in_flight.handed_over(),
                Err(fault) => {
                    under_way.ends(fault.word());
                    this.kind = Kind::Own(None);
                }
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            #[cfg(feature = "ext-authz")]
            Kind::Trailed(parts) => parts.0.is_none() && parts.1.is_none(),
            Kind::Upstream(body) => body.is_end_stream(),
            Kind::Watched(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            // A length would be all that is sent.
            #[cfg(feature = "ext-authz")]
            Kind::Trailed(..) => SizeHint::default(),
            Kind::Upstream(body) => body.size_hint(),
            Kind::Watched(body) => body.size_hint(),
        }
    }
}
