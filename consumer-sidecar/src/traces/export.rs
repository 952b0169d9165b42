//! Spans to a collector, by OTLP over HTTP in JSON: gathered for a moment, sent once. What a collector does not take is
//! lost, counted, and said once.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Ended, Tracer};

/// How many spans wait at most; more are lost.
const WAITING: usize = 4_096;
/// The most spans of one request.
const SPANS: usize = 512;
/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the last spans may take when the process ends.
const LAST: Duration = Duration::from_secs(3);
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    outcome: &'static str,
}

/// The numbers of traces.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    spans: Family<Label, Counter>,
}

impl Metrics {
    /// Registers the metrics under the prefix `qsl_traces`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_traces");
        registry.register("spans", "Spans recorded, by whether the collector has them", self.spans.clone());
    }

    fn count(&self, outcome: &'static str, spans: usize) {
        self.spans.get_or_create(&Label { outcome }).inc_by(spans as u64);
    }
}

/// Whose spans they are.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The service it is of: its service account.
    pub service_account: String,
}

impl Origin {
    fn attributes(&self) -> Value {
        json!([
            text("service.name", "qsl-consumer-sidecar"),
            text("service.namespace", &self.namespace),
            text("service.instance.id", &self.pod),
            text("k8s.namespace.name", &self.namespace),
            text("k8s.pod.name", &self.pod),
            text("k8s.serviceaccount.name", &self.service_account),
        ])
    }
}

/// Sends what a [`Tracer`] records.
#[derive(Debug)]
pub struct Exporter {
    http: reqwest::Client,
    url: String,
    resource: Value,
    spans: mpsc::Receiver<Ended>,
    metrics: Metrics,
    is_away: bool,
}

impl Exporter {
    /// An exporter to the collector at `endpoint` (without `/v1/traces`), and the tracer whose spans it sends.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(endpoint: &str, origin: &Origin, metrics: Metrics) -> reqwest::Result<(Tracer, Self)> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(LIMIT).build()?;
        let (sender, spans) = mpsc::channel(WAITING);
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = Self { http, url, resource: origin.attributes(), spans, metrics, is_away: false };
        Ok((Tracer(Some(sender)), exporter))
    }

    /// Sends until `stop`, then what there is, for three seconds at most.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut spans = Vec::new();
            stop.run_until_cancelled(self.gather(&mut spans)).await;
            self.send(spans).await;
        }
        self.spans.close();
        let rest = async {
            let mut spans = Vec::new();
            while self.spans.recv_many(&mut spans, SPANS).await > 0 {
                self.send(std::mem::take(&mut spans)).await;
            }
        };
        if tokio::time::timeout(LAST, rest).await.is_err() {
            tracing::warn!("the last spans were not sent in time");
        }
    }

    /// The first span, and those that come within a moment.
    async fn gather(&mut self, spans: &mut Vec<Ended>) {
        self.spans.recv_many(spans, SPANS).await;
        let over = sleep(GATHER);
        tokio::pin!(over);
        while spans.len() < SPANS {
            let room = SPANS - spans.len();
            tokio::select! {
                more = self.spans.recv_many(spans, room) => if more == 0 { break },
                () = &mut over => break,
            }
        }
    }

    async fn send(&mut self, spans: Vec<Ended>) {
        if spans.is_empty() {
            return;
        }
        let body = request(&self.resource, &spans);
        let sent = self.http.post(&self.url).json(&body).send().await.and_then(reqwest::Response::error_for_status);
        match sent {
            Ok(_) => {
                self.is_away = false;
                self.metrics.count("sent", spans.len());
            }
            Err(error) => {
                self.metrics.count("lost", spans.len());
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(%error, "the collector does not take spans; they are lost until it does");
                }
            }
        }
    }
}

/// An `ExportTraceServiceRequest` in its JSON form.
fn request(resource: &Value, spans: &[Ended]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "qsl-eventing"}, "spans": spans}],
    }]})
}

fn span(span: &Ended) -> Value {
    let mut value = json!({
        "traceId": span.context.trace_id(),
        "spanId": span.context.span_id(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanos(span.since),
        "endTimeUnixNano": nanos(span.until),
        "attributes": span.facts.iter().map(|(name, value)| text(name, value)).collect::<Vec<_>>(),
    });
    if let Some(object) = value.as_object_mut() {
        object.extend(span.parent.map(|parent| ("parentSpanId".to_owned(), json!(parent.span_id()))));
        object.extend(span.why.as_ref().map(|why| ("status".to_owned(), json!({"code": ERROR, "message": why}))));
    }
    value
}

fn text(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

/// 64-bit numbers are texts in JSON.
fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
