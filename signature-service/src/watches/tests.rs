#![allow(clippy::unwrap_used)]
//! Over an API server that lists, accepts watches and then says nothing.

use axum::http::{Request, Response};
use bytes::Bytes;
use eventing::root::RootHashes;
use eventing::types::BusId;
use eventing_service::admin::Readiness;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::client::Body;
use prometheus_client::registry::Registry;
use tower::BoxError;

use super::*;
use crate::directory::PublishedSet;
use crate::directory::samples::{Root, grant_key, trams};

type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// Lists nothing of anything; a watch of what has `silent` in its path is accepted and never speaks, every other one
/// gives a bookmark from time to time.
fn server(silent: &'static str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| async move {
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let list = r#"{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#;
        let bookmark = |kind: &str, version: &str| {
            let object =
                format!(r#"{{"kind":"{kind}","apiVersion":"{version}","metadata":{{"resourceVersion":"8"}}}}"#);
            format!("{{\"type\":\"BOOKMARK\",\"object\":{object}}}\n")
        };
        let body: Answer = if !is_watch {
            Full::new(Bytes::from_static(list.as_bytes())).map_err(|never| match never {}).boxed_unsync()
        } else if request.uri().path().contains(silent) {
            StreamBody::new(futures::stream::pending::<Result<http_body::Frame<Bytes>, BoxError>>()).boxed_unsync()
        } else {
            let text = bookmark("Any", "v1");
            let frames = futures::stream::unfold((), move |()| {
                let frame = http_body::Frame::data(Bytes::from(text.clone()));
                async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Some((Ok::<_, BoxError>(frame), ()))
                }
            });
            StreamBody::new(frames).boxed_unsync()
        };
        Ok::<_, BoxError>(Response::new(body))
    });
    Client::new(service, "default")
}

fn watching(silent: &'static str) -> (Watching, Readiness, watch::Receiver<Arc<Directory>>) {
    let readiness = Readiness::new();
    let (publish, directory) = watch::channel(Arc::default());
    let short = Patience {
        watch_seconds: 45,
        answer: Duration::from_secs(1),
        silence: Duration::from_secs(20),
        stale: Duration::from_secs(1),
    };
    let watching = Watching {
        client: server(silent),
        key_namespace: "vault".to_owned(),
        roots: Roots::Fixed(RootHashes::of(b"root")),
        patience: short,
        publish,
        metrics: Metrics::register(&mut Registry::default()),
        check: readiness.check("watches", "the first lists"),
    };
    (watching, readiness, directory)
}

async fn becomes(readiness: &Readiness, ready: bool, said: &str) {
    for _ in 0..500 {
        if readiness.is_ready() == ready && readiness.report().contains(said) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((readiness.is_ready(), readiness.report()), (ready, said.to_owned()));
}

#[tokio::test]
async fn a_watch_that_was_accepted_and_fell_silent_makes_it_not_ready() {
    for (silent, said) in
        [("eventbuses", "EventBuses"), ("signingkeys", "SigningKeys"), ("vault/secrets", "private keys")]
    {
        let (watching, readiness, _directory) = watching(silent);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(watching.run(shutdown.clone()));
        becomes(&readiness, true, "no EventBus yet").await;
        becomes(&readiness, false, &format!("no sign of life of the {said}")).await;
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn watches_that_give_signs_of_life_stay_ready() {
    let (watching, readiness, _directory) = watching("nothing");
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(watching.run(shutdown.clone()));
    becomes(&readiness, true, "no EventBus yet").await;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(readiness.is_ready(), "{}", readiness.report());
    }
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_says_the_same_wakes_nobody() {
    let (watching, _readiness, mut directory) = watching("nothing");
    let (root, jwk, mut known) = (Root::new(), grant_key(0, 1).jwk, Known::default());
    let set = |version| {
        let signed = root.set(version, vec![jwk.clone()]);
        (trams(), Arc::new(PublishedSet::read(&trams(), &signed).unwrap()))
    };
    let (first, second) = (set(1), set(2));
    let listed = |known: &mut Known, set: &(BusId, Arc<PublishedSet>)| {
        let again = (set.0.clone(), Arc::new((*set.1).clone()));
        known.apply(Seen::KeySet(Change::Begin));
        known.apply(Seen::KeySet(Change::Listed(("vault".to_owned(), "keyset-1".to_owned()), Some(again))));
        known.apply(Seen::KeySet(Change::Complete));
    };
    for complete in [Seen::Bus(Change::Complete), Seen::SigningKey(Change::Complete)] {
        known.apply(complete);
    }
    known.apply(Seen::PrivateKey(Change::Complete));
    listed(&mut known, &first);
    watching.publish(&mut known);
    assert!(!directory.has_changed().unwrap(), "not before every first list is in");
    known.apply(Seen::Inboxes(Change::Complete));
    watching.publish(&mut known);
    assert!(directory.has_changed().unwrap());
    assert_eq!(directory.borrow_and_update().key_sets.len(), 1);

    listed(&mut known, &first);
    watching.publish(&mut known);
    assert!(!directory.has_changed().unwrap());
    listed(&mut known, &second);
    watching.publish(&mut known);
    assert!(directory.has_changed().unwrap());
}
