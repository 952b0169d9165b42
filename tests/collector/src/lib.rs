//! A collector of traces, which takes OTLP over HTTP in protobuf and tells a test what it was sent.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
pub use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;

type Sent = Arc<Mutex<Vec<ResourceSpans>>>;

/// A collector that listens for as long as the test's runtime lives.
#[derive(Debug)]
pub struct Collector {
    /// Where spans go: the full address of its `/v1/traces`.
    pub endpoint: String,
    sent: Sent,
}

impl Collector {
    /// Starts one on a port of its own.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> std::io::Result<Self> {
        let sent = Sent::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/v1/traces", listener.local_addr()?);
        let router = Router::new().route("/v1/traces", post(collect)).with_state(Arc::clone(&sent));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, sent })
    }

    /// What it was sent until now, by who sent it.
    pub fn sent(&self) -> Vec<ResourceSpans> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans of that.
    pub fn spans(&self) -> Vec<Span> {
        self.sent().into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

async fn collect(State(sent): State<Sent>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    sent.lock().unwrap_or_else(PoisonError::into_inner).extend(request.resource_spans);
    StatusCode::OK
}
