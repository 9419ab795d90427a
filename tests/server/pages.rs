//! What is served beside calls: health, reflection and the admin pages.

use std::time::{Duration, Instant};

use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use bidgate::server::{Drained, Settings};
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::running::{PATIENCE, Running, request, settings};

#[tokio::test]
async fn calls_of_no_service_are_unimplemented() {
    let server = Running::start(settings());
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    for path in [
        "/bidgate.v1.BidGateService/Judge",
        "/no.Service/Method",
        "/",
    ] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<EvaluateRequest, EvaluateResponse>::default();
        let status = grpc
            .unary(
                tonic::Request::new(request(1)),
                path.parse().unwrap(),
                codec,
            )
            .await;
        assert_eq!(status.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn health_is_told_for_the_server_and_its_service() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(500),
        grace: PATIENCE,
        ..settings()
    });
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = HealthClient::new(channel);
    let check = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for service in ["", "bidgate.v1.BidGateService"] {
        assert_eq!(
            health
                .check(check(service))
                .await
                .unwrap()
                .into_inner()
                .status(),
            ServingStatus::Serving
        );
    }
    assert_eq!(
        health.check(check("no.Service")).await.unwrap_err().code(),
        Code::NotFound
    );
    let mut watch = health.watch(check("")).await.unwrap().into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    server.stop();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    assert_eq!(
        health
            .check(check("bidgate.v1.BidGateService"))
            .await
            .unwrap()
            .into_inner()
            .status(),
        ServingStatus::NotServing
    );
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.ended().await, Drained::Completely);
}

#[tokio::test]
async fn reflection_lists_the_services() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = Running::start(settings());
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let list = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut replies = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(list))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        replies.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let services: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in ["bidgate.v1.BidGateService", "grpc.health.v1.Health"] {
        assert!(services.iter().any(|name| name == service), "{services:?}");
    }
}

#[tokio::test]
async fn admin_pages_answer() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(500),
        ..settings()
    });
    server.client().await.evaluate(request(1)).await.unwrap();
    for (line, status, content_type, body) in [
        ("GET /health/live", "200", "application/json", "live"),
        (
            "GET /health/ready",
            "200",
            "application/json",
            r#"{"status":"ready"}"#,
        ),
        (
            "GET /health/info",
            "200",
            "application/json",
            r#""version":"0.1.0""#,
        ),
        (
            "GET /metrics",
            "200",
            "text/plain; version=0.0.4",
            "bidgate_build_info{version=\"0.1.0\"} 1",
        ),
        ("GET /policy", "200", "text/yaml", "gates:"),
        ("HEAD /health/live", "200", "application/json", ""),
        ("POST /policy", "405", "application/json", "only GET"),
        ("GET /nowhere", "404", "application/json", "no such page"),
    ] {
        let (head, page) = server.admin(line);
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{line}: {head}"
        );
        assert!(
            head.contains(&format!("content-type: {content_type}")),
            "{line}: {head}"
        );
        assert!(page.contains(body), "{line}: {page}");
    }
    server.stop();
    let since = Instant::now();
    while server.admin("GET /health/ready").1 != r#"{"reason":"draining","status":"not_ready"}"# {
        assert!(since.elapsed() < PATIENCE);
    }
}
