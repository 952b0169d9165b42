//! The API server's word on a token (`authentication.k8s.io/v1` TokenReview).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;

use super::cache::{Answer, Cache, KEEP_GOOD, TokenHash};
use super::{AuthenticationError, Authenticator, ServiceAccount, claims};
use crate::seldom::Seldom;
use crate::unquoted::Unquoted as _;

/// Reviews under way at once; the rest wait their turn, and mostly find the answer remembered.
const REVIEWS_AT_ONCE: usize = 16;
/// A review that takes longer is no answer.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks the API server whose a token is. The token must have been made for this service's audience alone.
pub struct TokenReviewer {
    reviews: Api<TokenReview>,
    audience: String,
    cache: Mutex<Cache>,
    places: Semaphore,
    unanswered: Seldom,
}

impl std::fmt::Debug for TokenReviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenReviewer").field("audience", &self.audience).finish_non_exhaustive()
    }
}

impl TokenReviewer {
    /// A reviewer for tokens of `audience`. Needs `create` on `tokenreviews` in the cluster.
    pub fn new(client: kube::Client, audience: impl Into<String>) -> Self {
        Self {
            reviews: Api::all(client),
            audience: audience.into(),
            cache: Mutex::new(Cache::new(KEEP_GOOD)),
            places: Semaphore::new(REVIEWS_AT_ONCE),
            unanswered: Seldom::default(),
        }
    }

    /// The same, remembering a good answer for this long instead of a minute; never longer than that.
    #[must_use]
    pub fn keep(mut self, good: Duration) -> Self {
        let good = SignedDuration::try_from(good).unwrap_or(KEEP_GOOD);
        self.cache = Mutex::new(Cache::new(good));
        self
    }

    fn remembered(&self, token: TokenHash) -> Option<Answer> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(token, Timestamp::now())
    }

    fn remember(&self, token: TokenHash, answer: Answer, exp: Timestamp) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(token, answer, exp, Timestamp::now());
    }

    async fn review(&self, token: &str) -> Result<TokenReviewStatus, AuthenticationError> {
        let review = TokenReview {
            spec: TokenReviewSpec { audiences: Some(vec![self.audience.clone()]), token: Some(token.to_owned()) },
            ..TokenReview::default()
        };
        let unavailable = |error: &dyn std::fmt::Display| {
            if let Some(left_out) = self.unanswered.left_out() {
                tracing::warn!(error = %error, left_out, "the API server did not review a token");
            }
            AuthenticationError::Unavailable
        };
        let parameters = PostParams::default();
        let asked = self.reviews.create(&parameters, &review);
        let answer = tokio::time::timeout(REVIEW_TIMEOUT, asked)
            .await
            .map_err(|elapsed| unavailable(&elapsed))?
            // What was read has the token in it.
            .map_err(|error| unavailable(&error.unquoted()))?;
        answer.status.ok_or_else(|| unavailable(&"no status"))
    }
}

#[async_trait]
impl Authenticator for TokenReviewer {
    async fn authenticate(&self, token: &str) -> Result<ServiceAccount, AuthenticationError> {
        let exp = claims::expiry(token, &self.audience, Timestamp::now())?;
        let hash = TokenHash::of(token);
        if let Some(answer) = self.remembered(hash) {
            return told(answer);
        }
        let _place = self.places.acquire().await.map_err(|_| AuthenticationError::Unavailable)?;
        if let Some(answer) = self.remembered(hash) {
            return told(answer);
        }
        let answer = account_of(&self.review(token).await?, &self.audience).map_or(Answer::Refused, Answer::Account);
        self.remember(hash, answer.clone(), exp);
        told(answer)
    }
}

fn told(answer: Answer) -> Result<ServiceAccount, AuthenticationError> {
    match answer {
        Answer::Account(account) => Ok(account),
        Answer::Refused => Err(AuthenticationError::Refused("the cluster does not know it")),
    }
}

/// The account a review names. A review that does not name our audience came from an authenticator that does not
/// know audiences: it speaks of an API-server token.
fn account_of(status: &TokenReviewStatus, audience: &str) -> Option<ServiceAccount> {
    let ours = status.audiences.iter().flatten().any(|named| named == audience);
    let user = status.user.as_ref().filter(|_| status.authenticated == Some(true) && ours)?;
    ServiceAccount::from_username(user.username.as_deref()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::{Request, Response};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use http_body_util::BodyExt as _;
    use k8s_openapi::api::authentication::v1::UserInfo;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::BoxError;

    use super::*;

    fn status(authenticated: bool, audiences: Option<&[&str]>, username: &str) -> TokenReviewStatus {
        TokenReviewStatus {
            authenticated: Some(authenticated),
            audiences: audiences.map(|all| all.iter().map(ToString::to_string).collect()),
            user: Some(UserInfo { username: Some(username.to_owned()), ..UserInfo::default() }),
            error: None,
        }
    }

    #[test]
    fn only_a_service_account_reviewed_for_our_audience_is_let_in() {
        let teller = "system:serviceaccount:treasury:teller";
        let judge = |status| account_of(&status, "journal.example");
        assert_eq!(
            judge(status(true, Some(&["journal.example"]), teller)),
            Some(ServiceAccount::new("treasury", "teller"))
        );
        assert_eq!(judge(status(false, Some(&["journal.example"]), teller)), None);
        assert_eq!(judge(status(true, None, teller)), None);
        assert_eq!(judge(status(true, Some(&["https://kubernetes.default.svc"]), teller)), None);
        assert_eq!(judge(status(true, Some(&["journal.example"]), "kubernetes-admin")), None);
    }

    const AUDIENCE: &str = "journal.example";

    /// A reviewer, and how often its API server was asked.
    fn reviewer(authenticated: bool) -> (TokenReviewer, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let counted = Arc::clone(&counted);
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut review: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
                review["status"] = json!({"authenticated": authenticated, "audiences": [AUDIENCE],
                    "user": {"username": "system:serviceaccount:treasury:teller"}});
                Ok::<_, BoxError>(Response::new(Body::from(review.to_string().into_bytes())))
            }
        });
        (TokenReviewer::new(kube::Client::new(service, "default"), AUDIENCE), asked)
    }

    fn token(name: &str) -> String {
        let exp = Timestamp::now().as_second() + 600;
        let claims = json!({"aud": [AUDIENCE], "exp": exp, "name": name}).to_string();
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[tokio::test]
    async fn a_second_request_asks_nobody() {
        let teller = Ok(ServiceAccount::new("treasury", "teller"));
        let (good, asked) = reviewer(true);
        for _ in 0..3 {
            assert_eq!(good.authenticate(&token("a")).await, teller);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(good.authenticate(&token("b")).await, teller);
        assert_eq!(asked.load(Ordering::SeqCst), 2, "another token is another question");

        let (bad, asked) = reviewer(false);
        for _ in 0..3 {
            assert!(matches!(bad.authenticate(&token("a")).await, Err(AuthenticationError::Refused(_))));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "a flood of one bad token is one question");
    }

    #[tokio::test]
    async fn requests_at_once_with_one_token_do_not_each_ask() {
        let (good, asked) = reviewer(true);
        let token = token("a");
        let all = (0..64).map(|_| good.authenticate(&token));
        let answers = futures::future::join_all(all).await;
        assert!(answers.iter().all(Result::is_ok));
        assert!(asked.load(Ordering::SeqCst) <= REVIEWS_AT_ONCE, "{asked:?}");
    }

    #[tokio::test]
    async fn what_is_remembered_is_forgotten_in_time() {
        let (good, asked) = reviewer(true);
        let good = good.keep(Duration::from_millis(50));
        let token = token("a");
        good.authenticate(&token).await.unwrap();
        tokio::time::sleep(Duration::from_millis(80)).await;
        good.authenticate(&token).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
