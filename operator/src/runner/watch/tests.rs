#![allow(clippy::unwrap_used)]
//! Against an API server that drops, hangs and refuses, on a paused clock.

use axum::http::{Request, Response};
use eventing_service::admin::Readiness;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use k8s_openapi::api::core::v1::Namespace;
use kube::client::Body;
use serde_json::json;
use tokio::sync::watch;
use tower::BoxError;

use super::*;

/// How the API server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Lists, and keeps watches open until their time is over.
    Serves,
    /// Accepts and never answers; what is open says nothing more and is not ended.
    Hangs,
    /// Refuses connections, and drops those that are open.
    Drops,
    /// Answers everything with this status.
    Refuses(u16),
    /// Ends watches with an event that says the version is too old, and lists.
    Forgets,
}

/// An API server of two namespaces, whose mood can be changed.
fn server() -> (Client, watch::Sender<Mood>) {
    let (sender, moods) = watch::channel(Mood::Serves);
    let service = tower::service_fn(move |request: Request<Body>| answer(request, moods.clone()));
    (Client::new(service, "default"), sender)
}

type Answer = UnsyncBoxBody<bytes::Bytes, BoxError>;

fn text(text: &str) -> Answer {
    Full::new(bytes::Bytes::copy_from_slice(text.as_bytes())).map_err(|never| match never {}).boxed_unsync()
}

async fn answer(request: Request<Body>, mut moods: watch::Receiver<Mood>) -> Result<Response<Answer>, BoxError> {
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let mood = *moods.borrow_and_update();
    let refusal = |code: u16| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Expired", "message": "refused"});
    match (mood, watches) {
        (Mood::Hangs, _) => std::future::pending().await,
        (Mood::Drops, _) => Err("connection refused".into()),
        (Mood::Refuses(code), _) => Ok(Response::builder().status(code).body(text(&refusal(code).to_string()))?),
        (Mood::Forgets, true) => {
            let event = json!({"type": "ERROR", "object": refusal(410)});
            Ok(Response::new(text(&format!("{event}\n"))))
        }
        (Mood::Serves, true) => {
            let frames = futures::stream::once(async move {
                let ended = tokio::time::timeout(Duration::from_secs(45), async move {
                    let _ = moods.changed().await;
                    *moods.borrow()
                })
                .await;
                match ended {
                    Ok(Mood::Hangs) => std::future::pending().await,
                    Ok(_) => Some(Err("connection reset".into())),
                    Err(_) => None,
                }
            });
            let frames =
                frames.filter_map(|end: Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>| async { end });
            Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
        }
        (Mood::Serves | Mood::Forgets, false) => {
            let item = |name: &str| json!({"metadata": {"name": name, "resourceVersion": "1", "uid": name}});
            let list = json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"},
                "items": [item("a"), item("b")]});
            Ok(Response::new(text(&list.to_string())))
        }
    }
}

/// A watch of the server, and how it stands.
fn watching() -> (Readiness, watch::Sender<Mood>, Watched<Namespace>) {
    let (client, mood) = server();
    let readiness = Readiness::new();
    let (watched, writer) = Watched::<Namespace>::new();
    let (check, pumped) = (readiness.check("watch", "the first list"), watched.clone());
    tokio::spawn(async move { pump(client, writer, pumped, check, &CancellationToken::new()).await });
    (readiness, mood, watched)
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_ready_for_hours() {
    let (readiness, _mood, watched) = watching();
    assert!(!readiness.is_ready());
    after(1).await;
    assert!(readiness.is_ready());
    for _ in 0..240 {
        after(30).await;
        assert!(readiness.is_ready(), "{}", readiness.report());
    }
    assert_eq!(watched.store().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_stale_in_little_more_than_a_minute_and_recovers() {
    let (readiness, mood, _watched) = watching();
    after(50).await;
    mood.send(Mood::Hangs).unwrap();
    after(75).await;
    assert!(!readiness.is_ready(), "{}", readiness.report());
    assert!(readiness.report().contains("no sign of life"), "{}", readiness.report());
    mood.send(Mood::Serves).unwrap();
    after(60).await;
    assert!(readiness.is_ready(), "{}", readiness.report());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_drops_and_is_there_again_changes_nothing() {
    let (readiness, mood, _watched) = watching();
    after(10).await;
    for _ in 0..10 {
        mood.send(Mood::Drops).unwrap();
        after(5).await;
        mood.send(Mood::Serves).unwrap();
        after(20).await;
        assert!(readiness.is_ready(), "{}", readiness.report());
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_stays_away_or_refuses_makes_it_stale_with_the_reason() {
    for (bad, said) in
        [(Mood::Drops, "connection refused"), (Mood::Refuses(410), "refused"), (Mood::Refuses(500), "refused")]
    {
        let (readiness, mood, watched) = watching();
        after(10).await;
        mood.send(bad).unwrap();
        after(40).await;
        assert!(readiness.is_ready(), "{bad:?}: {}", readiness.report());
        after(35).await;
        assert!(!readiness.is_ready(), "{bad:?}: {}", readiness.report());
        assert!(readiness.report().contains(said), "{bad:?}: {}", readiness.report());
        assert_eq!(watched.store().len(), 2, "{bad:?}: what was known stays");
        mood.send(Mood::Serves).unwrap();
        after(60).await;
        assert!(readiness.is_ready(), "{bad:?}: {}", readiness.report());
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_is_listed_anew() {
    let (readiness, mood, watched) = watching();
    after(10).await;
    mood.send(Mood::Forgets).unwrap();
    after(300).await;
    assert!(readiness.is_ready(), "{}", readiness.report());
    assert_eq!(watched.store().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_first_list_it_is_not_ready() {
    let (client, mood) = server();
    mood.send(Mood::Refuses(403)).unwrap();
    let readiness = Readiness::new();
    let (watched, writer) = Watched::<Namespace>::new();
    let check = readiness.check("watch", "the first list");
    tokio::spawn(async move { pump(client, writer, watched, check, &CancellationToken::new()).await });
    after(20).await;
    assert!(readiness.report().contains("the first list"), "{}", readiness.report());
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_no_more_is_forgotten() {
    let (_readiness, mood, watched) = watching();
    drop(watched.subscribe());
    let mut reader = watched.subscribe();
    mood.send(Mood::Forgets).unwrap();
    let seen = tokio::time::timeout(Duration::from_mins(5), reader.next()).await.unwrap();
    assert!(seen.is_some());
    after(5).await;
    assert_eq!(watched.subscribers.lock().unwrap().len(), 1);
}
