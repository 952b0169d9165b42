//! The authorization code flow with PKCE (RFC 6749, RFC 7636), without passwords: whoever comes says who they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Ask, Issuer, read_form, seconds_now};

const FORM: &str = include_str!("sign-in.html");
/// Where the form has the id of its request.
const REQUEST: &str = "{request}";
/// Nobody is asked for more at once; then the oldest are none any more.
const MAX: usize = 1_000;

/// What a page asks for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Request {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
}

/// Who somebody says they are.
#[derive(Debug, Clone, Deserialize)]
struct Answer {
    request: Uuid,
    #[serde(default)]
    cancel: Option<String>,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    scope: String,
}

/// A code to be changed for tokens.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    grant_type: String,
    code: Uuid,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// Those who are signing in: requests by the id in their form, and answers by their code.
#[derive(Clone, Default)]
pub(crate) struct SignIns(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    requests: HashMap<Uuid, Request>,
    codes: HashMap<Uuid, (Request, Answer)>,
}

#[derive(Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl SignIns {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep<T>(map: &mut HashMap<Uuid, T>, value: T) -> Uuid {
        if map.len() >= MAX {
            map.clear();
        }
        let id = Uuid::new_v4();
        map.insert(id, value);
        id
    }
}

pub(crate) async fn ask(State(issuer): State<Issuer>, Query(request): Query<Request>) -> Response {
    let Request { response_type, redirect_uri, code_challenge_method, .. } = &request;
    let leads_back = redirect_uri.parse::<Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if response_type != "code" || code_challenge_method != "S256" || !leads_back {
        let why = "response_type=code, code_challenge_method=S256 and a redirect_uri over HTTP are needed";
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    let id = Inner::keep(&mut issuer.sign_ins.inner().requests, request);
    Html(FORM.replace(REQUEST, &id.to_string())).into_response()
}

pub(crate) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Response {
    // The form is ours: another origin's answers nothing in the name of who looks.
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes() != issuer.public.as_bytes());
    let mut sign_ins = issuer.sign_ins.inner();
    let answer = read_form::<Answer>(&body).filter(|_| !foreign);
    let request = answer.as_ref().and_then(|answer| sign_ins.requests.remove(&answer.request));
    let (Some(answer), Some(request)) = (answer, request) else {
        return (StatusCode::BAD_REQUEST, "this sign-in is not known, or was answered").into_response();
    };
    let back = [("state", request.state.as_str()), ("iss", &issuer.name)];
    if answer.cancel.is_some() || answer.sub.is_empty() {
        let refused = [("error", "access_denied"), ("error_description", "The sign-in was cancelled.")];
        return Redirect::to(&with_query(&request.redirect_uri, &[refused, back].concat())).into_response();
    }
    let uri = request.redirect_uri.clone();
    let state = request.state.clone();
    let code = Inner::keep(&mut sign_ins.codes, (request, answer)).to_string();
    Redirect::to(&with_query(&uri, &[("code", &code), ("state", &state), ("iss", &issuer.name)])).into_response()
}

impl Issuer {
    /// The tokens for a code; a code is good once, with the verifier of its challenge.
    pub(crate) fn change(&self, change: &Change) -> Result<Value, Value> {
        let refused = |error: &str, why: &str| json!({"error": error, "error_description": why});
        if change.grant_type != "authorization_code" {
            return Err(refused("unsupported_grant_type", "only authorization_code is"));
        }
        let kept = self.sign_ins.inner().codes.remove(&change.code);
        let (request, answer) = kept.ok_or_else(|| refused("invalid_grant", "the code is not known, or was used"))?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&change.code_verifier));
        let same = request.redirect_uri == change.redirect_uri && request.client_id == change.client_id;
        if !same || challenge != request.code_challenge {
            return Err(refused("invalid_grant", "the code was given to another page"));
        }
        let tokens = self.tokens(&request, &answer);
        tokens.map_err(|error| refused("server_error", &error.to_string()))
    }

    fn tokens(&self, request: &Request, answer: &Answer) -> anyhow::Result<Value> {
        let access_token = self.token(&Ask {
            sub: answer.sub.clone(),
            tenant_id: Some(answer.tenant_id.clone()),
            scope: answer.scope.clone(),
            aud: self.audience.clone(),
            expires_in: Some(self.lifetime),
        })?;
        let now = seconds_now();
        let id_token = self.sign(&IdToken {
            iss: &self.name,
            sub: &answer.sub,
            aud: &request.client_id,
            exp: now.saturating_add(self.lifetime),
            iat: now,
            name: &answer.sub,
            nonce: request.nonce.as_deref(),
        })?;
        let expires_in = self.lifetime;
        Ok(json!({
            "access_token": access_token, "id_token": id_token, "token_type": "Bearer", "expires_in": expires_in,
        }))
    }
}

/// An address with more parameters.
fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    format!("{address}{}{}", if address.contains('?') { '&' } else { '?' }, pairs.join("&"))
}

/// Percent-encoding of all but RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests;
