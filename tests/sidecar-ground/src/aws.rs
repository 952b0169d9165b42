//! STS, SQS and EventBridge at one address.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::ground::Secrets;
use crate::sqs::Sqs;

/// What was put on the bus.
#[derive(Debug, Clone, Default)]
pub struct Published {
    entries: Arc<Mutex<Vec<Value>>>,
    unanswered: Arc<AtomicU32>,
}

impl Published {
    /// Each entry, as `PutEvents` brought it.
    pub fn entries(&self) -> Vec<Value> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next request is taken, and its answer is lost on the way.
    pub fn lose_an_answer(&self) {
        self.unanswered.fetch_add(1, Ordering::SeqCst);
    }

    fn put(&self, asked: &[u8]) -> Response {
        let mut asked: Value = serde_json::from_slice(asked).unwrap_or_default();
        let entries = asked.get_mut("Entries").map(Value::take);
        let Some(Value::Array(entries)) = entries else { return StatusCode::BAD_REQUEST.into_response() };
        let ids = vec![json!({"EventId": "eb-1"}); entries.len()];
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        let lost = self.unanswered.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() {
            let broken = std::io::Error::other("the connection breaks");
            return Body::from_stream(futures::stream::iter([Err::<Bytes, _>(broken)])).into_response();
        }
        as_json(json!({"FailedEntryCount": 0, "Entries": ids}).to_string())
    }
}

/// One account, for one role.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Its inbox and the dead-letter queue.
    pub sqs: Sqs,
    /// Its bus.
    pub published: Published,
    secrets: Secrets,
}

impl Aws {
    /// An empty one, that knows who comes by these secrets.
    pub fn new(secrets: Secrets) -> Self {
        Self { sqs: Sqs::default(), published: Published::default(), secrets }
    }

    /// Lets it answer, and says where.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn serve(self) -> Result<SocketAddr> {
        serve(Router::new().fallback(answer).with_state(Arc::new(self))).await
    }

    fn session(&self, asked: &[u8]) -> Response {
        let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1));
        let Ok(later) = later else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let Secrets { aws_token, secret_key, session_token, .. } = self.secrets;
        if !String::from_utf8_lossy(asked).contains(aws_token) {
            return (StatusCode::FORBIDDEN, "another token than the one for AWS").into_response();
        }
        format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDEXAMPLE</AccessKeyId>\
             <SecretAccessKey>{secret_key}</SecretAccessKey><SessionToken>{session_token}</SessionToken>\
             <Expiration>{later}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        )
        .into_response()
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get("x-amz-security-token");
        given.is_some_and(|given| given.as_bytes() == self.secrets.session_token.as_bytes())
    }
}

async fn answer(State(aws): State<Arc<Aws>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match target.rsplit_once('.') {
        // STS speaks the older protocol, which names its operation in the body.
        None => aws.session(&body),
        Some(_) if !aws.knows(&headers) => (StatusCode::FORBIDDEN, "no session of ours").into_response(),
        Some((_, "PutEvents")) => aws.published.put(&body),
        Some((_, operation)) => as_json(aws.sqs.answer(operation, &body).await),
    }
}

fn as_json(answer: String) -> Response {
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response()
}

/// Serves routes on a port of loopback.
///
/// # Errors
/// It cannot listen.
pub async fn serve(routes: Router) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(axum::serve::ListenerExt::tap_io(listener, no_delay), routes).await });
    Ok(address)
}

/// An answer leaves at once, as AWS's do.
fn no_delay(stream: &mut tokio::net::TcpStream) {
    // Where it cannot be set, times are longer: that shows.
    let _ = stream.set_nodelay(true);
}
