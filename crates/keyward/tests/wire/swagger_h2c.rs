//! `/swagger` before an upstream that speaks HTTP/2 only.

use crate::spoken::Ask;
use crate::world::World;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpListener;

const DOCUMENT: &str = r#"{ "openapi": "3.0.1", "paths": {} }"#;

/// Begins, and says no more.
struct Begun(Option<Bytes>);

impl Body for Begun {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

/// Answers with the status that the path ends with; `/stall` begins and stops.
async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    Ok(match last.parse::<u16>() {
        Ok(status) => Response::builder()
            .status(status)
            .body(Full::from(DOCUMENT).boxed())
            .unwrap(),
        Err(_) => Response::new(Begun(Some(Bytes::from_static(b"{"))).boxed()),
    })
}

#[tokio::test]
async fn m6_only_a_whole_answer_of_200_over_http2_is_a_document() {
    let address = upstream().await;
    for (path, wanted) in [
        ("200", (200, "")),
        ("404", (502, "no_openapi_document")),
        ("500", (502, "no_openapi_document")),
        ("stall", (502, "no_openapi_document")),
    ] {
        let world = World::start(&format!(
            "[gateway.swagger]\nupstream_path = \"/docs/{path}\"\n\
             [gateway.timeouts]\nupstream_body_stall = \"500ms\"\n\
             [[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{address}\"\nprotocol = \"h2c\"\n"
        ))
        .await;
        let said = world.say(&Ask::get("/swagger/openapi.json")).await;
        assert_eq!(said.word(), wanted, "{path}");
    }
}
