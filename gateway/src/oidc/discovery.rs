//! What the issuer says of itself at `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 3).

use reqwest::Url;
use serde::Deserialize;

/// The document.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    pub(super) issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
}

/// Where people sign in and out, in their browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Where the browser goes.
    pub authorization: Url,
    /// Where the page changes its code for a token.
    pub token: Url,
    /// Where the browser goes to sign out; not every issuer has it.
    pub end_session: Option<Url>,
}

impl Discovery {
    /// Where the keys are, unless an issuer over HTTPS names a place that is not.
    pub(super) fn jwks_uri(&self) -> Option<&str> {
        self.address(&self.jwks_uri).map(|_| self.jwks_uri.as_str())
    }

    /// Where people sign in, if the issuer has all of it.
    pub(super) fn sign_in(&self) -> Option<SignIn> {
        let address = |text: &Option<String>| text.as_deref().and_then(|text| self.address(text));
        Some(SignIn {
            authorization: address(&self.authorization_endpoint)?,
            token: address(&self.token_endpoint)?,
            end_session: address(&self.end_session_endpoint),
        })
    }

    /// An address over HTTP or HTTPS, and over HTTPS where the issuer is.
    fn address(&self, text: &str) -> Option<Url> {
        let url: Url = text.parse().ok()?;
        let secure = url.scheme() == "https";
        (secure || url.scheme() == "http" && self.issuer.starts_with("http://")).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn discovery(issuer: &str, elsewhere: &str) -> Discovery {
        serde_json::from_value(json!({
            "issuer": issuer, "jwks_uri": format!("{elsewhere}/jwks"),
            "authorization_endpoint": format!("{elsewhere}/authorize"), "token_endpoint": format!("{elsewhere}/token"),
        }))
        .unwrap()
    }

    #[test]
    fn an_issuer_over_https_leads_nowhere_else() {
        let all = |issuer, elsewhere| {
            let discovery = discovery(issuer, elsewhere);
            (discovery.jwks_uri().is_some(), discovery.sign_in().is_some())
        };
        assert_eq!(all("https://id.example", "https://login.example"), (true, true));
        assert_eq!(all("http://127.0.0.1:1", "http://127.0.0.1:2"), (true, true));
        assert_eq!(all("https://id.example", "http://id.example"), (false, false));
        assert_eq!(all("http://127.0.0.1:1", "javascript:alert(1)"), (false, false));
    }

    #[test]
    fn without_both_endpoints_nobody_signs_in() {
        let mut discovery = discovery("https://id.example", "https://id.example");
        assert_eq!(discovery.sign_in().unwrap().end_session, None);
        discovery.token_endpoint = None;
        assert_eq!(discovery.sign_in(), None);
    }
}
