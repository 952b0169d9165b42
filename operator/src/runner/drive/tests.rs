#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! Passes of the real inbox controller, with an AWS in memory and an API server that takes everything.

use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};

use axum::http::{Method, Request, Response};
use crds::InboxQueue;
use http_body_util::BodyExt as _;
use kube::client::Body;
use operator_core::{
    Installation,
    fake::{FakeAws, FakeClock},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::BoxError;

use super::*;
use crate::{
    calls::{self, Budgets, Gate},
    controllers::{self, inbox_queue::InboxQueues, world::World},
    leadership::{Fence, Term, client::fenced},
};

/// Where nothing takes its time.
fn place() -> Installation {
    Installation { settle: Duration::ZERO, ..controllers::tests::place() }
}

fn inbox() -> InboxQueue {
    serde_json::from_value(json!({
        "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
        "metadata": {"name": "ledger", "namespace": "books", "uid": "u-1", "resourceVersion": "1", "generation": 3},
        "spec": {"queueName": "qsl-ledger", "serviceAccounts": ["ledger"]},
    }))
    .unwrap()
}

/// An API server that takes everything and counts what is written.
#[derive(Clone, Default)]
struct ApiServer {
    writes: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl ApiServer {
    fn client(&self) -> Client {
        let server = self.clone();
        Client::new(tower::service_fn(move |request| server.clone().answer(request)), "default")
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if request.uri().path().starts_with("/apis/keda.sh") {
            let missing =
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
            return Ok(Response::builder().status(404).body(Body::from(serde_json::to_vec(&missing)?))?);
        }
        let is_event = request.uri().path().contains("events.k8s.io");
        if request.method() != Method::GET {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        let sent = request.into_body().collect().await?.to_bytes();
        let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
        let answer = if is_event { sent.clone() } else { serde_json::to_value(inbox())? };
        self.bodies.lock().unwrap().push(sent);
        Ok(Response::new(Body::from(serde_json::to_vec(&answer)?)))
    }

    fn written(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }
}

/// A runner whose term is `term`, with so many calls a second to each service.
fn runner(term: &Term, fake: &FakeAws, server: &ApiServer, per_second: u32) -> Runner<InboxQueue, InboxQueues> {
    let metrics = Metrics::new(&mut Registry::default());
    let budgets = Budgets { event_bridge: per_second, sqs: per_second, iam: per_second, ..Budgets::default() };
    let attempt = Duration::from_secs(5);
    let gate = Arc::new(Gate::new(term.clone(), attempt, budgets, metrics.clone()));
    let (hub, _watches) = Hub::new();
    let aws = calls::guard(fake.aws(), &gate);
    let fresh = aws.clone();
    let world = World { hub: hub.clone(), aws, fresh, installation: Arc::new(place()), tenancy: Arc::default() };
    let client = fenced(server.client(), term.clone(), attempt);
    let settings = RunnerSettings { resync: Duration::from_mins(10), concurrency: 1 };
    let events = Events::new(client.clone(), None);
    Runner::new(client.clone(), hub, InboxQueues::new(world, client.clone(), events.clone()), events, metrics, settings)
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_in_the_middle_of_an_apply_ends_all_writing_and_the_successor_finishes() {
    let undisturbed = FakeAws::new(&place(), &FakeClock::new());
    runner(&Term::endless(), &undisturbed, &ApiServer::default(), 1000).pass(&inbox()).await;
    assert!(!undisturbed.things().is_empty());

    for (interrupted, seconds) in (1..60).enumerate() {
        let (fake, server, fence) = (FakeAws::new(&place(), &FakeClock::new()), ApiServer::default(), Fence::closed());
        // One call a second to each service, so the pass gets further the longer the fence is open.
        fence.open_until(Instant::now() + Duration::from_secs(seconds));
        let term = fence.opened().await;
        let losing = runner(&term, &fake, &server, 1);
        losing.pass(&inbox()).await;
        let (calls, writes) = (fake.take_calls().len(), server.written());
        if term.check().is_ok() {
            assert!(interrupted > 5, "only {interrupted} passes were interrupted");
            return;
        }
        // Whatever it is asked to do after its term, it does nothing.
        losing.pass(&inbox()).await;
        assert_eq!((fake.take_calls().len(), server.written()), (0, writes), "after {calls} calls");

        runner(&Term::endless(), &fake, &server, 1000).pass(&inbox()).await;
        assert_eq!(fake.things(), undisturbed.things(), "interrupted after {seconds} s and {calls} calls");
    }
    unreachable!("no pass reached its end within a minute");
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_fenced_writes_no_status_about_it() {
    let (fake, server, fence) = (FakeAws::new(&place(), &FakeClock::new()), ApiServer::default(), Fence::closed());
    fence.open_until(Instant::now() + Duration::from_secs(2));
    let term = fence.opened().await;
    runner(&term, &fake, &server, 1).pass(&inbox()).await;
    // The finalizer alone: no status that says an error, and no Event.
    let bodies = server.bodies.lock().unwrap();
    assert!(bodies.iter().all(|body| body.get("status").is_none()), "{bodies:?}");
    assert_eq!(server.written(), 1);
}

#[tokio::test]
async fn a_pass_is_a_trace_whose_calls_to_aws_are_its_children() {
    use tracing_subscriber::layer::SubscriberExt as _;

    eventing_service::install_crypto();
    let collector = test_collector::Collector::start().await.unwrap();
    let (spans, traces) = eventing_service::traces::layer(Some(&collector.endpoint), "qsl-operator").unwrap();
    let only_ours = tracing_subscriber::filter::Targets::new().with_target("operator", tracing::Level::INFO);
    let recorded = tracing_subscriber::Layer::with_filter(spans, only_ours);
    // With one subscriber alone, a span that another test's thread meets first would be off for all of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    {
        let _recording = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorded));
        let (fake, server) = (FakeAws::new(&place(), &FakeClock::new()), ApiServer::default());
        runner(&Term::endless(), &fake, &server, 1000).pass(&inbox()).await;
    }
    traces.end().await;

    let spans = collector.spans();
    let pass = spans.iter().find(|span| span.name == "reconcile").unwrap();
    let attributes = format!("{:?}", pass.attributes);
    for said in ["reconcile_id", "InboxQueue", "books", "ledger", "generation", "Ready"] {
        assert!(attributes.contains(said), "{said} in {attributes}");
    }
    let calls: Vec<_> = spans.iter().filter(|span| span.parent_span_id == pass.span_id).collect();
    assert!(calls.iter().any(|call| call.name == "CreateQueue"), "{spans:?}");
    assert!(calls.iter().all(|call| call.trace_id == pass.trace_id));
}
