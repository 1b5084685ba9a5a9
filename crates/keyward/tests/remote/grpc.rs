//! The middleware in front of a service of tonic's: its server, its client, and a connection between them.

use crate::{OWNER, following_it, started};
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::KeySpec;
use keyward_tower::{KeyIdentity, KeywardLayer};
use std::time::Duration;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Any service of gRPC would do; it answers with what it knows of its caller.
struct Sample;

#[tonic::async_trait]
impl Health for Sample {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = KeyIdentity::of(request.extensions()).ok_or_else(|| Status::internal("nobody"))?;
        let mut answer = Response::new(HealthCheckResponse::default());
        let key = caller.key_id().parse().map_err(|_| Status::internal("no id"))?;
        answer.metadata_mut().insert("caller", key);
        Ok(answer)
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

#[tokio::test]
async fn a_service_of_tonic_knows_its_caller_and_others_get_a_status_that_tonic_reads() {
    let keyward = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k").limit(2)).await;
    let remote = following_it(&keyward).await;
    let layer = KeywardLayer::builder(remote)
        .route("/grpc.health.v1.Health/*")
        .build()
        .unwrap();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = Server::builder()
        .layer(layer)
        .add_service(HealthServer::new(Sample));
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    let endpoint = Endpoint::try_from(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let call = |secret: Option<&str>| {
        let mut request = Request::new(HealthCheckRequest::default());
        if let Some(secret) = secret {
            request
                .metadata_mut()
                .insert("x-api-key", secret.parse().unwrap());
        }
        request
    };
    for secret in [None, Some("bogus")] {
        let status = client.check(call(secret)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{secret:?} {status:?}");
    }
    // The rest has to happen within one minute.
    while SystemClock.now().millis().rem_euclid(60_000) > 20_000 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for left in ["1", "0"] {
        let answer = client.check(call(Some(&key.secret))).await.unwrap();
        assert_eq!(answer.metadata().get("caller").unwrap(), key.id.as_str());
        assert_eq!(answer.metadata().get("x-ratelimit-remaining").unwrap(), left);
    }
    let status = client.check(call(Some(&key.secret))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.metadata().get("retry-after").is_some(), "{status:?}");
    server.abort();
}
