//! `kubectl-qsl replay`, over a true journal in memory and a true signature service, whose callers the API server judges,
//! and a true consumer.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use eventing::consumer::{Delivery, Handler, HandlerAnswer};
use eventing_service::authentication::{ServiceAccount, TokenReviewer};
use eventing_service::authorisation::AccessReviewer;
use journal::api::{Api, right_to_read, router};
use journal::claims::Claims;
use journal::consumers::WatchedConsumers;
use journal::event::NewEvent;
use journal::observe::{ClaimMetrics, Metrics};
use journal::recorder::{Limits, Recorder};
use journal::store::{EventStore as _, Location, SurrealStore};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use test_cluster::ControlPlane;

use crate::granting::{client, signature_service};
use crate::keys::Keys;
use crate::lines;
use crate::site::Site;

const EVENTS: usize = 1_000;

/// What the chart gives the tools: what the journal asks,
const TO_READ: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: qsl-tools-journal, namespace: ops}
rules: [{apiGroups: [eventing.qsl.dev], resources: [eventjournals], resourceNames: [qsl-journal], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: qsl-tools-journal, namespace: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: qsl-tools-journal}
subjects: [{kind: ServiceAccount, name: qsl-tools, namespace: ops}]
";

/// and what the signature service asks.
const TO_REPLAY: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: qsl-tools}
rules: [{apiGroups: [eventing.qsl.dev], resources: [inboxqueues], verbs: [replay]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: qsl-tools}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: qsl-tools}
subjects: [{kind: ServiceAccount, name: qsl-tools, namespace: ops}]
";

const RULE: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventRule
metadata: {name: trams, namespace: depot}
spec:
  busRef: {name: trams, namespace: city}
  eventPattern: {source: [{prefix: qsl.}]}
  targets: [{inboxRef: {name: arrivals}}]
";

/// The journal's API over this store.
async fn journal(plane: &ControlPlane, store: Arc<SurrealStore>) -> Router {
    let client = client(plane).await;
    let (_, _, end) = Recorder::new(store.clone(), Metrics::default(), Limits::default()).await.unwrap();
    let (claims, _) = Claims::new(store.clone(), ClaimMetrics::default());
    router(Api {
        generation: store.generation().await.unwrap(),
        store: store.clone(),
        reader: store.clone(),
        end,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), "journal.eventing.qsl.dev")),
        authorizer: Arc::new(AccessReviewer::new(client)),
        gateway: ServiceAccount::new("ops", "qsl-gateway"),
        right: right_to_read("ops"),
        claims,
        dead_letters: store,
        consumers: Arc::new(WatchedConsumers::default()),
        metrics: Metrics::default(),
    })
}

/// A handler that writes down what it got: how often, by event, and whether it was told that it is a replay.
#[derive(Default)]
struct Ledger(Mutex<HashMap<String, Vec<bool>>>);

impl Handler for Ledger {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        let (key, is_replay) = (delivery.event.event_key.to_string(), delivery.event.is_replay());
        self.0.lock().unwrap().entry(key).or_default().push(is_replay);
        HandlerAnswer::Done
    }

    async fn ready(&self) {}
}

impl Ledger {
    /// Waits until every event was handled so often; then each was, and was marked each time.
    fn each_was_handled(&self, times: usize) {
        let start = Instant::now();
        let all = || self.0.lock().unwrap().values().map(Vec::len).sum::<usize>();
        while all() < EVENTS * times && start.elapsed() < Duration::from_mins(5) {
            std::thread::sleep(Duration::from_millis(50));
        }
        // What would come twice comes now.
        std::thread::sleep(Duration::from_secs(2));
        let handled = self.0.lock().unwrap();
        assert_eq!(handled.len(), EVENTS);
        for (key, marks) in handled.iter() {
            assert_eq!(*marks, vec![true; times], "{key}");
        }
    }
}

/// Runs a replay until it has sent so many, and kills it.
fn killed_after(site: &Site, arguments: &[&str], sent: usize) {
    let mut child = site.started_by_the_administrator(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let told = out.lines().filter(|line| line.as_ref().unwrap().contains("\"sent\"")).take(sent).count();
    assert_eq!(told, sent);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How many grants the signature service gave.
fn granted(registry: &Registry) -> usize {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("grants_total{purpose=\"replay\",outcome=\"OK\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

fn summary(out: &str) -> Value {
    lines(out).pop().unwrap()["summary"].clone()
}

/// Issue 8, done when 4, in small: 1,000 events older than the inbox's skew, killed in the middle and resumed.
#[test]
fn a_thousand_old_events_killed_in_the_middle_and_resumed_are_each_handled_once_and_marked_and_by_a_second_replay_again()
 {
    let (mut store, mut registry) = (None, None);
    let site = Site::start_with(async |plane: &ControlPlane, keys: &Keys| {
        let opened = Arc::new(SurrealStore::open(&Location::Memory).await.unwrap());
        store = Some(Arc::clone(&opened));
        let (signature_service, counted) = signature_service(plane, keys).await;
        registry = Some(counted);
        Some(journal(plane, opened).await.merge(signature_service))
    });
    let (store, registry) = (store.unwrap(), registry.unwrap());
    site.kubectl().apply(RULE).unwrap();
    let status = json!({"status": {"targetQueueArns": [site.inbox()]}}).to_string();
    let patch = ["patch", "erule", "trams", "-n", "depot", "--subresource=status", "--type=merge", "-p", &status];
    site.kubectl().run(patch).unwrap();
    let then = site.now.plus_millis(-1_800_000);
    let bodies: Vec<String> = (0..EVENTS).map(|_| site.event(then)).chain([site.stolen_event(then)]).collect();
    let events: Vec<NewEvent> = bodies.iter().map(|body| NewEvent::from(&site.journalled(body, then))).collect();
    site.block_on(async {
        for batch in events.chunks(100) {
            store.append(batch).await.unwrap();
        }
    });
    let ledger = Arc::new(Ledger::default());
    site.consume(Arc::clone(&ledger));

    // Whom the API server does not let read the journal learns nothing of it.
    let what = ["replay", "--bus", "city/trams", "--from", "1h", "-o", "json"];
    let refused = site.qsl(&[&what[..], &["--dry-run"]].concat());
    assert_eq!((refused.code, lines(&refused.out).len()), (1, 1), "{}", refused.err);
    assert!(refused.err.contains("the journal refuses (403 NOT_ALLOWED)"), "{}", refused.err);
    site.kubectl().apply(TO_READ).unwrap();
    crate::tracing::a_story_is_told(&site, &store, &events[0]);

    // By the rules: one inbox. The event of the stolen key is listed, and not sent.
    let dry = site.qsl(&[&what[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 3, "{}", dry.err);
    let told = lines(&dry.out);
    assert_eq!(told.iter().filter(|line| line["outcome"] == "wouldBeSent").count(), EVENTS);
    let left: Vec<_> = told.iter().filter(|line| line["outcome"] == "notSent").collect();
    assert_eq!((left.len(), &left[0]["code"], &left[0]["inbox"]), (1, &json!("KEY_REVOKED"), &json!("depot/arrivals")));
    assert_eq!(granted(&registry), 0, "nobody is asked for a grant");

    // Whoever may not replay to the inbox is told at the first event; with the right, that replay goes on.
    let state = site.path("replay.json");
    let first = [&what[..], &["--to-inbox", "depot/arrivals", "--rate", "1000"]].concat();
    let refused = site.qsl(&[&first[..], &["--state", &state]].concat());
    assert_eq!((refused.code, &summary(&refused.out)["sent"]), (1, &json!(0)), "{}", refused.err);
    assert!(refused.err.contains("the signature service refuses (403 GRANT_NOT_ALLOWED)"), "{}", refused.err);
    site.kubectl().apply(TO_REPLAY).unwrap();
    killed_after(&site, &["replay", "--resume", &state, "--rate", "1000", "-o", "json"], EVENTS / 2);
    let resumed = site.qsl(&["replay", "--resume", &state, "--rate", "1000", "-o", "json"]);
    assert_eq!(resumed.code, 3, "{}", resumed.err);
    let summed = summary(&resumed.out);
    assert_eq!((&summed["complete"], &summed["sent"], &summed["notSent"]), (&json!(true), &json!(EVENTS), &json!(1)));
    ledger.each_was_handled(1);
    let grants = granted(&registry);
    assert!((EVENTS..=EVENTS + 1).contains(&grants), "{grants} grants for {EVENTS} events");

    let again = site.qsl(&["replay", "--resume", &state]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("that replay is complete"), "{}", again.err);

    let second = site.qsl(&[&first[..], &["--state", &site.path("second.json")]].concat());
    assert_eq!((second.code, &summary(&second.out)["sent"]), (3, &json!(EVENTS)), "{}", second.err);
    ledger.each_was_handled(2);
    site.stop();
}
