//! The API server's word on a token (`authentication.k8s.io/v1` TokenReview).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;

use super::cache::{Answer, Cache, TokenHash};
use super::{AuthenticationError, Authenticator, ServiceAccount, claims};

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
            cache: Mutex::default(),
            places: Semaphore::new(REVIEWS_AT_ONCE),
        }
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
            tracing::warn!(error = %error, "the API server did not review a token");
            AuthenticationError::Unavailable
        };
        let parameters = PostParams::default();
        let asked = self.reviews.create(&parameters, &review);
        let answer = tokio::time::timeout(REVIEW_TIMEOUT, asked)
            .await
            .map_err(|elapsed| unavailable(&elapsed))?
            .map_err(|error| unavailable(&error))?;
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
    use k8s_openapi::api::authentication::v1::UserInfo;

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
}
