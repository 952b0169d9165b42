//! What a caller may do, in the words of the cluster's own rules (RBAC, or whatever else the API server asks).

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;

use crate::authentication::ServiceAccount;
use crate::problem::Problem;

/// Reviews under way at once; the rest wait their turn.
const REVIEWS_AT_ONCE: usize = 16;
/// A review that takes longer, its turn included, is no answer.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(10);

/// One thing done to one object of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The verb.
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The kind, as its path has it: `inboxqueues`.
    pub resource: &'static str,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

/// The API server could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what you may do cannot be checked now")]
pub struct Unavailable;

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Self::unavailable("AUTHORISATION_UNAVAILABLE", error.to_string(), 2)
    }
}

/// Whoever can say what an account may do.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Whether the account may.
    ///
    /// # Errors
    /// When that cannot be told now.
    async fn allows(&self, account: &ServiceAccount, access: &Access) -> Result<bool, Unavailable>;
}

/// Asks the API server (`authorization.k8s.io/v1` SubjectAccessReview). Nothing is remembered: a right that was taken
/// away is gone with the next request.
pub struct AccessReviewer {
    reviews: Api<SubjectAccessReview>,
    places: Semaphore,
}

impl std::fmt::Debug for AccessReviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessReviewer").finish_non_exhaustive()
    }
}

impl AccessReviewer {
    /// Needs `create` on `subjectaccessreviews` in the cluster.
    pub fn new(client: kube::Client) -> Self {
        Self { reviews: Api::all(client), places: Semaphore::new(REVIEWS_AT_ONCE) }
    }

    async fn review(&self, review: &SubjectAccessReview) -> Result<bool, Unavailable> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(error = %error, "the API server did not review an access");
            Unavailable
        };
        let _place = self.places.acquire().await.map_err(|closed| unavailable(&closed))?;
        let answer = self.reviews.create(&PostParams::default(), review).await.map_err(|error| unavailable(&error))?;
        let status = answer.status.ok_or_else(|| unavailable(&"no status"))?;
        Ok(status.allowed && status.denied != Some(true))
    }
}

#[async_trait]
impl Authorizer for AccessReviewer {
    async fn allows(&self, account: &ServiceAccount, access: &Access) -> Result<bool, Unavailable> {
        let review = SubjectAccessReview { spec: spec(account, access), ..SubjectAccessReview::default() };
        tokio::time::timeout(REVIEW_TIMEOUT, self.review(&review)).await.unwrap_or(Err(Unavailable))
    }
}

/// The question. The groups are those that every service account is in: a rule may name them instead of the account.
fn spec(account: &ServiceAccount, access: &Access) -> SubjectAccessReviewSpec {
    let ServiceAccount { namespace, name } = account;
    let Access { verb, group, resource, namespace: of, name: object } = access;
    SubjectAccessReviewSpec {
        user: Some(format!("system:serviceaccount:{namespace}:{name}")),
        groups: Some(vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ]),
        resource_attributes: Some(ResourceAttributes {
            verb: Some((*verb).to_owned()),
            group: Some((*group).to_owned()),
            resource: Some((*resource).to_owned()),
            namespace: Some(of.clone()),
            name: Some(object.clone()),
            ..ResourceAttributes::default()
        }),
        ..SubjectAccessReviewSpec::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::sync::{Arc, Mutex};

    use axum::http::{Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::BoxError;

    use super::*;

    /// An API server that answers every review with this status, and what it was asked last.
    fn server(status: Option<Value>) -> (AccessReviewer, Arc<Mutex<Value>>) {
        let asked = Arc::new(Mutex::new(Value::Null));
        let seen = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seen, status) = (Arc::clone(&seen), status.clone());
            async move {
                let path = request.uri().path().to_owned();
                let bytes = request.into_body().collect().await?.to_bytes();
                let mut review: Value = serde_json::from_slice(&bytes)?;
                *seen.lock().unwrap() = json!({"path": path, "spec": review["spec"]});
                let Some(status) = status else { return Err("connection refused".into()) };
                review["status"] = status;
                Ok::<_, BoxError>(Response::new(Body::from(review.to_string().into_bytes())))
            }
        });
        (AccessReviewer::new(kube::Client::new(service, "default")), asked)
    }

    fn harbour_master() -> ServiceAccount {
        ServiceAccount::new("harbour", "master")
    }

    fn redrive() -> Access {
        Access {
            verb: "redrive",
            group: "eventing.qsl.dev",
            resource: "inboxqueues",
            namespace: "docks".to_owned(),
            name: "cranes".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_question_names_the_account_its_groups_and_the_object() {
        let (reviewer, asked) = server(Some(json!({"allowed": true})));
        assert_eq!(reviewer.allows(&harbour_master(), &redrive()).await, Ok(true));
        assert_eq!(
            *asked.lock().unwrap(),
            json!({"path": "/apis/authorization.k8s.io/v1/subjectaccessreviews", "spec": {
                "user": "system:serviceaccount:harbour:master",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:harbour", "system:authenticated"],
                "resourceAttributes": {"verb": "redrive", "group": "eventing.qsl.dev", "resource": "inboxqueues",
                                       "namespace": "docks", "name": "cranes"}}})
        );
    }

    #[tokio::test]
    async fn only_a_clear_yes_is_one() {
        for (status, expected) in [
            (Some(json!({"allowed": false})), Ok(false)),
            (Some(json!({"allowed": false, "evaluationError": "a role is missing"})), Ok(false)),
            (Some(json!({"allowed": true, "denied": true})), Ok(false)),
            (None, Err(Unavailable)),
        ] {
            let (reviewer, _) = server(status.clone());
            assert_eq!(reviewer.allows(&harbour_master(), &redrive()).await, expected, "{status:?}");
        }
    }
}
