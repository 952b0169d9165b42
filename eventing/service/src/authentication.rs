//! Who calls: a service account, proven by a projected token made for us alone.
//!
//! ```text
//!   Authorization: Bearer … ─▶ claims (shape, audience, exp: cheap) ─▶ cache ─▶ TokenReview ─▶ ServiceAccount
//! ```

mod cache;
mod claims;
mod token_review;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::problem::Problem;
pub use token_review::TokenReviewer;

/// A service account of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ServiceAccount {
    /// The account of that name.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Reads `system:serviceaccount:NAMESPACE:NAME`.
    pub fn from_username(username: &str) -> Option<Self> {
        let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        let named = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
        named.then(|| Self::new(namespace, name))
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A caller that is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// There is no bearer token.
    #[error("the request carries no bearer token")]
    Missing,
    /// The token is not good here.
    #[error("the token is not accepted: {0}")]
    Refused(&'static str),
    /// The API server could not be asked.
    #[error("tokens cannot be checked now")]
    Unavailable,
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Unavailable => Self::unavailable("AUTHENTICATION_UNAVAILABLE", error.to_string(), 2),
            AuthenticationError::Missing | AuthenticationError::Refused(_) => Self::unauthenticated(error.to_string()),
        }
    }
}

/// Whoever can say which account a token belongs to.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The account whose token this is.
    ///
    /// # Errors
    /// [`AuthenticationError::Refused`] when it is nobody's or not meant for us, `Unavailable` when that cannot be
    /// told now.
    async fn authenticate(&self, token: &str) -> Result<ServiceAccount, AuthenticationError>;
}

/// The bearer token of a request.
///
/// # Errors
/// [`AuthenticationError::Missing`] when there is none, or more than one `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthenticationError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(AuthenticationError::Missing);
    };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(AuthenticationError::Missing)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(AuthenticationError::Missing)
    }
}

/// Extractor: the authenticated caller. The router's state gives the [`Authenticator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub ServiceAccount);

impl<S> FromRequestParts<S> for Caller
where
    Arc<dyn Authenticator>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = <Arc<dyn Authenticator>>::from_ref(state);
        Ok(Self(authenticator.authenticate(bearer(&parts.headers)?).await?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_service_accounts_have_a_name_here() {
        let account = ServiceAccount::from_username("system:serviceaccount:treasury:teller").unwrap();
        assert_eq!(account, ServiceAccount::new("treasury", "teller"));
        for other in [
            "kubernetes-admin",
            "system:serviceaccount:a",
            "system:serviceaccount::b",
            "system:serviceaccount:a:b:c",
            "",
        ] {
            assert_eq!(ServiceAccount::from_username(other), None, "{other}");
        }
    }

    #[test]
    fn one_bearer_token_and_nothing_else_counts() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer abc"]), Ok("abc".to_owned()));
        assert_eq!(of(&["bearer abc"]), Ok("abc".to_owned()));
        for none in [&[][..], &["Basic abc"], &["Bearer "], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(of(none), Err(AuthenticationError::Missing), "{none:?}");
        }
    }
}
