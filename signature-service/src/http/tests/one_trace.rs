//! One event is one trace: a sidecar publishes it, this service signs it, a sidecar receives it and hands it on, and
//! each tells a collector.

use std::sync::Mutex;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use consumer_sidecar::api::{self, Api, Publish};
use consumer_sidecar::args::Inbox;
use consumer_sidecar::forward::Forwarder;
use consumer_sidecar::problem::Problem;
use consumer_sidecar::token::DeliveryToken;
use consumer_sidecar::traces::{self, Exporter, Origin, Tracer};
use eventing::attributes::Attributes;
use eventing::config::{InboxConfig, VerificationConfig};
use eventing::consumer::{Delivery, Drain, Handler as _, HandlerAnswer};
use eventing::keyset::{KeyRing, KeySet, KeySetDocument};
use eventing::publish::{Bus, Entry, EntryFault, Placed, Posted, Publisher, PutError};
use eventing::trace_context::TraceContext;
use eventing::verify::{Policy, RawMessage, verify};
use eventing_http::HttpSigner;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:quay-inbox";

/// A span as the collector has it, its ids in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    name: String,
    trace: String,
    id: String,
    parent: String,
}

type Collected = Arc<Mutex<Vec<Told>>>;

/// Takes OTLP in both of its forms.
async fn collect(State(collected): State<Collected>, headers: HeaderMap, body: Bytes) {
    let mut told = Vec::new();
    if headers["content-type"] == "application/json" {
        let sent: Value = serde_json::from_slice(&body).unwrap();
        for span in sent["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
            let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
            let (name, trace, id, parent) = (text("name"), text("traceId"), text("spanId"), text("parentSpanId"));
            let nanos = |name: &str| text(name).parse::<u64>().unwrap();
            assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"));
            told.push(Told { name, trace, id, parent });
        }
    } else {
        let sent = ExportTraceServiceRequest::decode(body).unwrap();
        let spans = sent.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
        told.extend(spans.map(|span| Told {
            name: span.name.clone(),
            trace: hex::encode(&span.trace_id),
            id: hex::encode(&span.span_id),
            parent: hex::encode(&span.parent_span_id),
        }));
    }
    collected.lock().unwrap().extend(told);
}

/// Serves a router; where it is.
async fn at(router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A bus that keeps what is put.
#[derive(Default)]
struct Kept(Mutex<Vec<Entry>>);

impl Bus for Kept {
    async fn put(&self, entries: &[Entry]) -> Result<Vec<Result<String, EntryFault>>, PutError> {
        self.0.lock().unwrap().extend(entries.to_vec());
        Ok(entries.iter().map(|_| Ok("eb-1".to_owned())).collect())
    }
}

/// The sidecar's API over the publisher.
struct Through(Publisher);

impl Publish for Through {
    async fn publish(&self, posted: Posted) -> Result<Vec<Placed>, Problem> {
        let failed = |error: eventing::publish::PublishError| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "FAILED", error.to_string())
        };
        self.0.publish(&posted).await.map_err(failed)
    }
}

/// Posts an event to a sidecar's API, as a service does that has a trace.
async fn publish(api: Router) {
    let event = batch()["events"][0].to_string();
    let request = Request::post("/v1/events").header("host", "localhost").header("content-type", "application/json");
    let request = request.header("traceparent", CALLER).body(Body::from(event)).unwrap();
    let answer = api.oneshot(request).await.unwrap();
    let (status, body) = (answer.status(), text(answer).await);
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
}

/// What EventBridge makes of an entry, verified.
fn delivery(entry: &Entry, set: &KeySetDocument) -> Delivery {
    let detail: Value = serde_json::from_str(&entry.detail).unwrap();
    let body = json!({"id": "d-1", "detail-type": entry.detail_type, "source": entry.source,
                      "resources": [entry.resource], "detail": detail});
    let body = body.to_string();
    let mut ring = KeyRing::new([trams()]);
    ring.take(KeySet::new(set).unwrap()).unwrap();
    let raw = RawMessage { body: body.as_bytes(), attributes: &Attributes::new(), sent_at: Millis::now() };
    let policy = Policy::new(&VerificationConfig::default(), ARN.parse().unwrap());
    let event = Arc::new(verify(&raw, &ring, &policy, Millis::now()).unwrap());
    Delivery { event, body: Arc::from(body), attempt: 1, received: Millis::now() }
}

fn inbox() -> InboxConfig {
    serde_json::from_value(json!({
        "queueUrl": "http://q", "queueArn": ARN, "deadLetterQueueUrl": "http://d", "deadLetterQueueArn": ARN,
        "roleArn": "arn:aws:iam::111122223333:role/r", "region": "eu-west-1", "buses": ["city/trams"],
        "services": {"signatureService": "https://s", "journal": "https://j", "ca": ""},
    }))
    .unwrap()
}

/// Hands a delivery on; the `traceparent` that the application got.
async fn hand_on(delivery: Delivery, tracer: Tracer, token: &DeliveryToken) -> String {
    let (sender, mut got) = tokio::sync::mpsc::channel(1);
    let handle = async |State(sender): State<tokio::sync::mpsc::Sender<String>>, headers: HeaderMap| {
        sender.send(headers["traceparent"].to_str().unwrap().to_owned()).await.unwrap();
    };
    let port = at(Router::new().route("/events", post(handle)).with_state(sender)).await.port();
    let app = Inbox { name: "quay".into(), port, path: None, health_path: None };
    let configuration = watch::channel(Some(Arc::new(inbox()))).1;
    let forwarder = Forwarder::new(app, token, configuration, tracer).unwrap();
    assert_eq!(forwarder.handle(delivery).await, HandlerAnswer::Done);
    got.recv().await.unwrap()
}

#[tokio::test]
async fn one_event_is_one_trace_from_who_publishes_it_to_who_handles_it() {
    eventing_service::install_crypto();
    let collected = Collected::default();
    let collector = at(Router::new().route("/v1/traces", post(collect)).with_state(collected.clone())).await;
    let collector = format!("http://{collector}");
    let (spans, service_traces) =
        eventing_service::traces::layer(Some(&format!("{collector}/v1/traces")), "qsl-signature-service").unwrap();
    // Everything here runs on this thread.
    let _service = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans));

    let key = key("trams", &["qsl.tram"], now() - 60, now() + 600);
    let keys = vec![key.jwk.clone()];
    let set = KeySetDocument { bus: trams(), version: 1, issued: 0, expires: now() + 600, keys };
    let service = at(rig(samples::directory(vec![key])).router).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("driver"), "driver").unwrap();
    let service =
        eventing_http::Service::new(&format!("http://{service}"), "", Some(directory.path().join("driver"))).unwrap();
    let bus = Arc::new(Kept::default());
    let publisher = Publisher::new(Arc::new(HttpSigner::new(service)), bus.clone(), trams());

    let origin = Origin { namespace: "depot".into(), pod: "driver-0".into(), service_account: "driver".into() };
    let (tracer, exporter) = Exporter::new(&collector, &origin, traces::Metrics::default()).unwrap();
    let stop = CancellationToken::new();
    let exporting = tokio::spawn(exporter.run(stop.clone()));
    let token = DeliveryToken::read_or_create(&directory.path().join("token")).unwrap();
    let (drain, drained) = (Drain::new(Duration::from_secs(1)), watch::channel(false).1);
    let publishing = Some(Arc::new(Through(publisher)));
    let api =
        Api { publish: publishing, tracer: tracer.clone(), token: token.clone(), require_token: false, drain, drained };
    publish(api::router(api)).await;
    let entry = bus.0.lock().unwrap().remove(0);
    let handled = TraceContext::parse(&hand_on(delivery(&entry, &set), tracer, &token).await).unwrap();
    stop.cancel();
    exporting.await.unwrap();
    service_traces.end().await;

    let collected = collected.lock().unwrap().clone();
    let span = |name: &str| {
        let named: Vec<&Told> = collected.iter().filter(|told| told.name == name).collect();
        assert_eq!(named.len(), 1, "{name} in {collected:?}");
        named[0].clone()
    };
    let caller = TraceContext::parse(CALLER).unwrap();
    let [published, signed, received, handling] = ["publish", "sign", "receive", "handle"].map(span);
    for told in [&published, &signed, &received, &handling] {
        assert_eq!(told.trace, caller.trace_id(), "{told:?}");
    }
    assert_eq!(published.parent, caller.span_id());
    assert_eq!((&signed.parent, &received.parent), (&published.id, &published.id));
    assert_eq!(handling.parent, received.id);
    assert_eq!((handled.trace_id(), handled.span_id()), (caller.trace_id(), handling.id));
}
