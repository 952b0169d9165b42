#![allow(clippy::unwrap_used)]
//! Against an API server that answers for ConfigMaps and hangs for Secrets, on a paused clock.

use std::time::Duration;

use axum::http::{Request, Response};
use eventing_service::admin::Readiness;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use tower::BoxError;

use super::*;

/// As long as the API server keeps a watch open on which nothing happens.
const QUIET: Duration = Duration::from_secs(45);

async fn answer(request: Request<Body>) -> Result<Response<UnsyncBoxBody<bytes::Bytes, BoxError>>, BoxError> {
    if request.uri().path().ends_with("/secrets") {
        return std::future::pending().await;
    }
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let body = if watches {
        let quiet = stream::once(tokio::time::sleep(QUIET)).filter_map(|()| async { None });
        StreamBody::new(quiet).boxed_unsync()
    } else if request.uri().path().ends_with("/configmaps") {
        let list =
            r#"{"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}"#;
        Full::new(bytes::Bytes::from_static(list.as_bytes())).map_err(|never| match never {}).boxed_unsync()
    } else {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    };
    Ok(Response::new(body))
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_hangs_is_said_until_the_leader_stops() {
    let client = Client::new(tower::service_fn(answer), "default");
    let (readiness, stop) = (Readiness::new(), CancellationToken::new());
    let check = readiness.check("publication's watches", "");
    check.ready();
    let seen = Seen::new(&client, "qsl-keys");
    let watching = tokio::spawn(seen.watch(Arc::default(), check, stop.clone()));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(readiness.is_ready(), "{}", readiness.report());
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(
        readiness.report(),
        "[-] publication's watches: the watch of keys is stale, the API server gave no sign of life for a minute\n"
    );
    stop.cancel();
    watching.await.unwrap();
    assert!(readiness.is_ready(), "{}", readiness.report());
}
