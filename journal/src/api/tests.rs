#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use eventing_service::authentication::AuthenticationError;
use eventing_service::authorisation::Unavailable;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

mod changes;
mod claims;
mod dead_letters;
mod events;
mod readers;

use super::*;
use crate::claims::Claims;
use crate::consumers::NotYet;
use crate::observe::ClaimMetrics;
use crate::recorder::{Limits, Recorder};
use crate::store::{Location, SurrealStore};
use crate::testing::event;

/// Whoever's token is `NAMESPACE/NAME` is that account.
struct ByName;

#[async_trait]
impl Authenticator for ByName {
    async fn authenticate(&self, token: &str) -> Result<ServiceAccount, AuthenticationError> {
        let (namespace, name) = token.split_once('/').ok_or(AuthenticationError::Refused("nobody's"))?;
        Ok(ServiceAccount::new(namespace, name))
    }
}

/// `depot/clerk` consumes `depot/arrivals`, and nobody else anything.
struct TheClerk;

impl Consumers for TheClerk {
    fn consumes(&self, account: &ServiceAccount, inbox: &InboxId) -> Result<bool, NotYet> {
        if inbox.name() == "unread" {
            return Err(NotYet);
        }
        Ok((account.to_string().as_str(), inbox.to_string().as_str()) == ("depot/clerk", "depot/arrivals"))
    }
}

/// `depot/auditor` may read the journal of `ops`, and nobody else; when asked about `depot/unknown`, nobody can tell.
struct TheAuditor;

#[async_trait]
impl Authorizer for TheAuditor {
    async fn allows(&self, account: &ServiceAccount, access: &Access) -> Result<bool, Unavailable> {
        if account.name == "unknown" {
            return Err(Unavailable);
        }
        Ok(account.to_string() == "depot/auditor" && *access == right_to_read("ops"))
    }
}

struct Journal {
    routes: Router,
    recorder: Recorder,
    end: watch::Receiver<u64>,
}

async fn journal() -> Journal {
    over(SurrealStore::open(&Location::Memory).await.unwrap()).await
}

async fn over(store: SurrealStore) -> Journal {
    let (claims, settler) = Claims::new(Arc::new(store.clone()), ClaimMetrics::default());
    tokio::spawn(settler.run(CancellationToken::new()));
    let (dead_letters, reader) = (Arc::new(store.clone()), Arc::new(store.clone()));
    let store: Arc<dyn EventStore> = Arc::new(store);
    let metrics = Metrics::default();
    let (recorder, writer, end) = Recorder::new(store.clone(), metrics.clone(), Limits::default()).await.unwrap();
    tokio::spawn(writer.run());
    let api = Api {
        generation: store.generation().await.unwrap(),
        store,
        reader,
        end: end.clone(),
        authenticator: Arc::new(ByName),
        authorizer: Arc::new(TheAuditor),
        gateway: ServiceAccount::new("shop", "window"),
        right: right_to_read("ops"),
        claims,
        dead_letters,
        consumers: Arc::new(TheClerk),
        metrics,
    };
    Journal { routes: router(api), recorder, end }
}

impl Journal {
    async fn get_as(&self, token: Option<&str>, path: &str) -> (u16, Value) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post_as(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        // 204 has none.
        (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.get_as(Some("shop/window"), path).await
    }
}

#[tokio::test]
async fn an_entry_has_the_signed_payload_as_it_was_signed() {
    let journal = journal().await;
    journal.recorder.record(event("a").build()).await.unwrap();
    let (_, answer) = journal.get("/v1/timeline/story-1").await;
    assert_eq!(answer["next"], Value::Null);
    let entry = &answer["events"][0];
    assert_eq!(entry["position"], 1);
    assert_eq!(entry["eventKey"], event("a").build().key.to_string());
    assert_eq!(entry["eventBridgeIds"][0], "eb-a");
    assert_eq!(entry["detailCore"]["amount"], 0.1);
    assert_eq!(entry["trace"]["userId"], "user-1");
    assert_eq!(entry["userId"], "user-1");
    assert_eq!(entry.get("tenantId"), None);
    assert_eq!(entry["ts"], "2026-11-23T08:00:00.000001Z");
    assert_eq!(entry["status"], "Granted");
    assert_eq!(entry["envelopeVerified"], true);
    assert_eq!(entry.get("body"), None);
}

#[tokio::test]
async fn a_timeline_is_paged_to_its_end() {
    let journal = journal().await;
    for n in 0..5 {
        journal.recorder.record(event(&format!("e-{n}")).ts(100 - n).build()).await.unwrap();
    }
    let (mut positions, mut path) = (Vec::new(), "/v1/timeline/story-1?limit=2".to_owned());
    loop {
        let (status, answer) = journal.get(&path).await;
        assert_eq!(status, 200);
        positions.extend(answer["events"].as_array().unwrap().iter().map(|entry| entry["position"].as_u64().unwrap()));
        let Some(next) = answer["next"].as_str() else { break };
        path = format!("/v1/timeline/story-1?limit=2&cursor={next}");
    }
    assert_eq!(positions, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_bad_query_names_its_field() {
    let journal = journal().await;
    for (path, field) in [
        ("/v1/timeline/c-1?limit=0", "limit"),
        ("/v1/timeline/c-1?cursor=x", "cursor"),
        ("/v1/changes?after=0&limit=1001", "limit"),
        ("/v1/changes?after=-1", "after"),
        ("/v1/changes?aftre=1", "aftre"),
        ("/v1/correlations?user=", "user"),
        ("/v1/correlations?after=now", "after"),
        ("/v1/resources/loan", "resource"),
        ("/v1/dead-letters", "correlation"),
    ] {
        let (status, problem) = journal.get(path).await;
        assert_eq!((status, problem["errors"][0]["field"].as_str().unwrap()), (400, field), "{path}");
    }
}
