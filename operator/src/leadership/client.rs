//! A client of the API server whose writes stop with the term.

use std::time::Duration;

use axum::http::{Method, Request, Response};
use kube::{Client, client::Body};
use tower::BoxError;

use super::{Fenced, Term};

/// A write to the API server was cut off: it may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server did not answer within {0:?}; what was asked may have been done")]
pub struct CutOff(pub Duration);

/// A client as `client`, but whatever is no read is refused once `term` is over, and cut off after `attempt`.
pub fn fenced(client: Client, term: Term, attempt: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, term) = (client.clone(), term.clone());
        async move { send(&client, &term, attempt, request).await }
    });
    Client::new(service, namespace)
}

async fn send(
    client: &Client,
    term: &Term,
    attempt: Duration,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(client.send(request).await?);
    }
    term.check()?;
    match tokio::time::timeout(attempt, client.send(request)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(CutOff(attempt).into()),
    }
}

/// Whether this error, or what caused it, is a write that was not made.
pub fn is_fenced(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(present) = error {
        let is_aws = present
            .downcast_ref::<operator_core::AwsError>()
            .is_some_and(|error| error.class == operator_core::ErrorClass::Fenced);
        if is_aws || present.is::<Fenced>() {
            return true;
        }
        error = present.source();
    }
    false
}

#[cfg(all(test, feature = "paused-clock"))]
mod tests {
    #![allow(clippy::expect_used)]

    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{
        Api,
        api::{Patch, PatchParams},
    };
    use tokio::time::Instant;

    use super::*;
    use crate::leadership::Fence;

    /// An API server that counts what reaches it, and answers after a while.
    fn server(takes: Duration) -> (Client, Arc<AtomicU32>) {
        let reached = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&reached);
        let service = tower::service_fn(move |_: Request<Body>| {
            counter.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::time::sleep(takes).await;
                let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#;
                Ok::<_, BoxError>(Response::new(Body::from(map.as_bytes().to_vec())))
            }
        });
        (Client::new(service, "default"), reached)
    }

    async fn write(client: &Client) -> Result<ConfigMap, kube::Error> {
        let patch = Patch::Merge(serde_json::json!({}));
        Api::default_namespaced(client.clone()).patch("a", &PatchParams::default(), &patch).await
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_term_writes_do_not_reach_the_api_server_and_reads_do() {
        let (client, reached) = server(Duration::ZERO);
        let fence = Fence::closed();
        fence.open_until(Instant::now() + Duration::from_secs(13));
        let client = fenced(client, fence.opened().await, Duration::from_secs(5));
        assert!(write(&client).await.is_ok());
        tokio::time::advance(Duration::from_secs(13)).await;
        let error = write(&client).await.expect_err("the term is over");
        assert!(is_fenced(&error), "{error:?}");
        assert_eq!(reached.load(Ordering::SeqCst), 1);
        assert!(Api::<ConfigMap>::default_namespaced(client).get("a").await.is_ok());
        assert_eq!(reached.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_hangs_is_cut_off_within_the_margin() {
        let (client, _) = server(Duration::from_mins(5));
        let client = fenced(client, Term::endless(), Duration::from_secs(5));
        let start = Instant::now();
        let error = write(&client).await.expect_err("cut off");
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert!(!is_fenced(&error), "{error:?}");
    }
}
