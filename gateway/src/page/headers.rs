//! What browsers are told of every answer of the page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::oidc::{SignIn, Tokens};

/// The headers that never differ.
const FIXED: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // A correlation's id in an address is nobody else's business.
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds them.
pub(super) async fn protect(State(tokens): State<Arc<Tokens>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Made of our own words and of an origin in ASCII.
    if let Ok(policy) = HeaderValue::try_from(policy(tokens.keys().sign_in().as_deref())) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Own files alone, none of it inline; requests go to this gateway and to the issuer's token endpoint; nobody frames the
/// page; and no text becomes markup or code (Trusted Types, without any policy that could make it).
///
/// Before the issuer has said where its endpoint is, nobody comes back from it: the page that does has the whole policy.
fn policy(sign_in: Option<&SignIn>) -> String {
    let issuer = sign_in.map(|sign_in| format!(" {}", sign_in.token.origin().ascii_serialization()));
    format!(
        "default-src 'self'; connect-src 'self'{}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        issuer.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn requests_go_home_and_to_the_token_endpoint_alone() {
        let connect = |sign_in: Option<&SignIn>| {
            let policy = policy(sign_in);
            assert!(policy.starts_with("default-src 'self'; ") && policy.contains("frame-ancestors 'none'"));
            assert!(!policy.contains("unsafe"));
            policy.split("; ").find_map(|part| part.strip_prefix("connect-src ")).unwrap().to_owned()
        };
        assert_eq!(connect(None), "'self'");
        let sign_in = SignIn {
            authorization: "https://login.example/authorize".parse().unwrap(),
            token: "https://tokens.example:8443/oauth/token?a=b".parse().unwrap(),
            end_session: None,
        };
        assert_eq!(connect(Some(&sign_in)), "'self' https://tokens.example:8443");
    }
}
