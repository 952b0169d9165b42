#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! The router, called directly, over a sample directory, a fake authenticator and a fake authorizer.

mod grants;
mod keys;
mod one_trace;
mod sign;
mod telling;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, Response};
use eventing::time::Millis;
use eventing_service::authentication::{AuthenticationError, ServiceAccount};
use eventing_service::authorisation::{Access, Unavailable};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::directory::samples::{self, Root, driver, grant_key, key, signed_set, trams};
use crate::directory::{Directory, PublishedSet};

struct Tokens(HashMap<&'static str, ServiceAccount>);

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, token: &str) -> Result<ServiceAccount, AuthenticationError> {
        match token {
            "api-server-away" => Err(AuthenticationError::Unavailable),
            _ => self.0.get(token).cloned().ok_or(AuthenticationError::Refused("unknown")),
        }
    }
}

/// The driver may redrive `depot/arrivals`, the porter replay it, and nobody anything else; of the inspector nothing can be
/// said now.
struct Rights;

#[async_trait]
impl Authorizer for Rights {
    async fn allows(&self, account: &ServiceAccount, access: &Access) -> Result<bool, Unavailable> {
        let Access { verb, group, resource, namespace, name } = access;
        let object = (*group, *resource, namespace.as_str(), name.as_str());
        let arrivals = object == ("eventing.qsl.dev", "inboxqueues", "depot", "arrivals");
        match account.name.as_str() {
            "inspector" => Err(Unavailable),
            name => Ok([("driver", "redrive"), ("porter", "replay")].contains(&(name, *verb)) && arrivals),
        }
    }
}

fn now() -> i64 {
    Millis::now().seconds()
}

fn sample() -> Directory {
    samples::directory(vec![key("trams", &["qsl.tram"], now() - 60, now() + 600)])
}

/// The router, and what stands around it.
struct Rig {
    publish: watch::Sender<Arc<Directory>>,
    router: Router,
    registry: Registry,
    shutdown: CancellationToken,
}

fn rig(directory: Directory) -> Rig {
    rig_with(directory, Places::new(8, 0, 256))
}

fn rig_with(directory: Directory, places: Places) -> Rig {
    let account = |name| ServiceAccount::new("depot", name);
    let others = ["passenger", "inspector", "porter"].map(|name| (name, account(name)));
    let tokens = std::iter::once(("driver", driver())).chain(others).collect();
    let (publish, directory) = watch::channel(Arc::new(directory));
    let (mut registry, shutdown) = (Registry::default(), CancellationToken::new());
    let service = Service {
        directory,
        authenticator: Arc::new(Tokens(tokens)),
        authorizer: Arc::new(Rights),
        signer: Signer::default(),
        places,
        metrics: Metrics::register(&mut registry),
        strangers: Arc::default(),
        shutdown: shutdown.clone(),
    };
    Rig { publish, router: router(service), registry, shutdown }
}

fn batch() -> Value {
    let event = |stop: &str| {
        json!({"source": "qsl.tram", "detailType": "Tram.Departed.v1", "resource": "urn:qsl:depot:tram:7",
               "trace": {"correlationId": "line-7"}, "detailCore": {"stop": stop, "delay": 1.50}})
    };
    json!({"bus": "city/trams", "events": [event("harbour"), event("market")]})
}

async fn post(router: &Router, path: &str, token: &str, body: &str) -> Response<Body> {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn sign(router: &Router, token: &str, body: &Value) -> (u16, Response<Body>) {
    let response = post(router, "/v1/sign", token, &body.to_string()).await;
    (response.status().as_u16(), response)
}

async fn get_keys(router: &Router, query: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(format!("/keys/jwks-pqc{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

/// Status, code, whether it says when to come back, and the first field it names.
async fn refusal(response: Response<Body>) -> (u16, String, bool, String) {
    let (status, retry) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem = json_of(response).await;
    let field = problem["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
    (status, problem["code"].as_str().unwrap().to_owned(), retry, field)
}

fn refused(status: u16, code: &str, retry: bool, field: &str) -> (u16, String, bool, String) {
    (status, code.to_owned(), retry, field.to_owned())
}
