//! Traces by OTLP (HTTP, protobuf), beside the logs, where an endpoint is set. Everything is told by OpenTelemetry's
//! own variables: `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `_HEADERS`, `_TIMEOUT`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`.
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::collections::HashMap;
use std::time::Duration;

use eventing_process::logs::discreet;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::logging::{self, LoggingError};

/// The variables that say where traces go.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// How long the last spans may take to be sent when the process ends.
const LAST: Duration = Duration::from_secs(3);

/// Logs or traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The logs.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// A logger was installed before.
    #[error("logs are already set up: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
    /// A variable of OpenTelemetry's has a value that cannot be used.
    #[error("traces cannot be sent (see the variables OTEL_*): {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The HTTP client.
    #[error("traces cannot be sent: {0}")]
    Client(#[from] reqwest::Error),
}

/// Makes a span that has just begun go on in the trace of a W3C `traceparent`, where that is one.
pub fn continues(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // Without a layer that sends it, it has no parent either.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// What sends traces, if anything does.
#[derive(Debug)]
#[must_use = "the last spans are sent by `Traces::end`"]
pub struct Traces(Option<SdkTracerProvider>);

/// Sends logs to standard output as [`logging::init`] does, and spans to the OTLP endpoint where one is set. `service`
/// names this process, unless `OTEL_SERVICE_NAME` does. Must be called inside a Tokio runtime.
///
/// # Errors
/// When the filter does not parse, when logs were set up before, or when a variable of OpenTelemetry's is no good.
pub fn init(filter: &str, service: &'static str) -> Result<Traces, TracesError> {
    let (filter, lines) = (logging::filter(filter)?, logging::lines());
    if !ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        tracing_subscriber::registry().with(discreet()).with(filter).with(lines).try_init()?;
        return Ok(Traces(None));
    }
    let (spans, traces) = layer(None, service)?;
    tracing_subscriber::registry().with(discreet()).with(filter).with(lines).with(spans).try_init()?;
    Ok(traces)
}

/// The layer that records spans and sends them to `endpoint` (the full address of a collector's `/v1/traces`), or to
/// where the variables say. Must be called inside a Tokio runtime.
///
/// # Errors
/// When a variable of OpenTelemetry's is no good.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
    endpoint: Option<&str>,
    service: &'static str,
) -> Result<(impl Layer<S> + use<S>, Traces), TracesError> {
    let client = OnRuntime { client: reqwest::Client::builder().build()?, runtime: Handle::current() };
    let mut exporter = SpanExporter::builder().with_http().with_http_client(client);
    if let Some(endpoint) = endpoint {
        exporter = exporter.with_endpoint(endpoint);
    }
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(service);
    }
    let provider =
        SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter.build()?).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
    Ok((layer, Traces(Some(provider))))
}

impl Traces {
    /// Sends what was not sent yet, for at most three seconds.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // It waits on the exporter's own thread, which needs this runtime to send.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// An HTTP client for the exporter's thread, which is none of the runtime's.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use test_collector::Collector;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_span_reaches_the_collector_with_its_fields_and_its_parent() {
        crate::install_crypto();
        let collector = Collector::start().await.unwrap();
        let (spans, traces) = layer(Some(&collector.endpoint), "qsl-test").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(spans), || {
            tracing::info_span!("outer", reconcile_id = "7f").in_scope(|| tracing::info_span!("inner").in_scope(|| {}));
        });
        traces.end().await;

        let sent = collector.sent();
        let resource = sent[0].resource.as_ref().unwrap();
        assert!(format!("{resource:?}").contains("qsl-test"));
        let spans = collector.spans();
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(named("inner").parent_span_id, named("outer").span_id);
        assert!(named("outer").attributes.iter().any(|attribute| attribute.key == "reconcile_id"));
    }

    #[tokio::test]
    async fn a_collector_that_is_away_does_not_hold_up_the_end() {
        crate::install_crypto();
        let (spans, traces) = layer(Some("http://127.0.0.1:1/v1/traces"), "qsl-test").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(spans), || {
            tracing::info_span!("lost").in_scope(|| {});
        });
        tokio::time::timeout(LAST * 3, traces.end()).await.unwrap();
    }
}
