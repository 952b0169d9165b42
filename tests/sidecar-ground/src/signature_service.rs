//! A signature service: TLS by a certificate of its own, and a signer of the caller's choosing.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use eventing::json::{Json, Limits, parse};
use eventing::publish::parse_event;
use eventing::signing::EventFacts;
use eventing::types::Jti;
use serde_json::{Value, json};

use crate::key::Key;

/// Answers the body of `POST /v1/sign`.
pub type Sign = Arc<dyn Fn(&[u8]) -> Response + Send + Sync>;

/// A signature service at its address, and the authority that vouches for it.
#[derive(Debug)]
pub struct SignatureService {
    /// Where it is.
    pub url: String,
    /// Who vouches for it, in PEM.
    pub ca: String,
}

#[derive(Clone)]
struct Asked {
    sign: Sign,
    authorization: Arc<str>,
}

impl SignatureService {
    /// Starts one that believes whoever brings this token.
    ///
    /// # Errors
    /// It cannot listen, or make a certificate.
    pub async fn start(sign: Sign, token: &str) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        let ca = made.cert.pem();
        let private = made.signing_key.serialize_pem();
        let tls = RustlsConfig::from_pem(ca.clone().into_bytes(), private.into_bytes()).await?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("https://{}", listener.local_addr()?);
        let asked = Asked { sign, authorization: format!("Bearer {token}").into() };
        let routes =
            Router::new().route("/v1/sign", post(answer)).route("/keys/jwks-pqc", get(no_news)).with_state(asked);
        tokio::spawn(axum_server::from_tcp_rustls(listener, tls)?.serve(routes.into_make_service()));
        Ok(Self { url, ca })
    }
}

async fn answer(State(asked): State<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|given| given.as_bytes() != asked.authorization.as_bytes()) {
        return problem(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "another token than the one for this service");
    }
    (asked.sign)(&body)
}

/// The mounted set is all there is: whoever asks for news waits for it.
async fn no_news() -> StatusCode {
    tokio::time::sleep(Duration::from_secs(25)).await;
    StatusCode::SERVICE_UNAVAILABLE
}

/// A refusal as the service says it.
pub fn problem(status: StatusCode, code: &str, detail: impl Display) -> Response {
    let body = json!({"title": "not signed", "detail": detail.to_string(), "code": code});
    (status, body.to_string()).into_response()
}

/// Signs what is asked.
pub fn signing(key: Arc<Key>) -> Sign {
    Arc::new(move |body| match sign(&key, body) {
        Ok(answer) => answer.to_string().into_response(),
        Err(error) => problem(StatusCode::BAD_REQUEST, "INVALID_EVENT", format!("{error:#}")),
    })
}

fn sign(key: &Key, body: &[u8]) -> Result<Value> {
    let asked = parse(body, Limits::BODY).map_err(|fault| anyhow!("the request {fault}"))?;
    let events = asked.as_object().and_then(|asked| asked.get("events")).and_then(Json::as_array);
    let signed = events.context("no events")?.iter().map(|event| sign_one(key, event));
    Ok(json!({"events": signed.collect::<Result<Vec<_>>>()?}))
}

fn sign_one(key: &Key, json: &Json) -> Result<Value> {
    let mut errors = Vec::new();
    let event = parse_event(json, "", &["jti"], &mut errors);
    ensure!(errors.is_empty(), "{errors:?}");
    let event = event.context("no event")?;
    let jti = json.as_object().and_then(|event| event.get("jti")).and_then(Json::as_str);
    let facts = EventFacts {
        source: &event.source,
        detail_type: &event.detail_type,
        resource: &event.resource,
        trace: &event.trace,
        detail_core: event.detail_core.as_str(),
    };
    let jti = jti.map_or_else(|| Ok(Jti::from_uuid(uuid::Uuid::new_v4())), Jti::parse)?;
    let signed = key.sign(facts, jti)?;
    Ok(json!({"detail": signed.detail, "kid": signed.kid, "jti": signed.jti}))
}
