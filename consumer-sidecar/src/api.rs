//! The loopback API: `POST /v1/events` for the application, `POST /drain` for the pod's own `preStop`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use eventing::consumer::Drain;
use eventing::publish::{FieldError, InputFault, Outcome, Placed, Posted};
use serde_json::json;
use tokio::sync::watch;

use crate::content::ContentKind;
use crate::guard;
use crate::problem::{EventOutcome, Problem};
use crate::token::DeliveryToken;
use crate::traces::{Tracer, publishing};

/// The most bytes of a request that are read: more than any event, so that the fault is said properly.
const BODY: usize = 4 * 1024 * 1024;
/// How long a body may take to come.
const UPLOAD: Duration = Duration::from_secs(15);

/// Publishes what the application posts.
pub trait Publish: Send + Sync + 'static {
    /// Publishes events that have their form; a failure of all is a problem.
    fn publish(&self, posted: Posted) -> impl Future<Output = Result<Vec<Placed>, Problem>> + Send;
}

/// What the API works with.
#[derive(Debug)]
pub struct Api<P> {
    /// The bus, if the pod has one.
    pub publish: Option<Arc<P>>,
    /// What records publishing.
    pub tracer: Tracer,
    /// The pod's token, which `POST /drain` must carry.
    pub token: DeliveryToken,
    /// Whether `POST /v1/events` must carry it, too.
    pub require_token: bool,
    /// What `POST /drain` asks for.
    pub drain: Drain,
    /// Becomes true when receiving has ended.
    pub drained: watch::Receiver<bool>,
}

impl<P> Clone for Api<P> {
    fn clone(&self) -> Self {
        Self {
            publish: self.publish.clone(),
            tracer: self.tracer.clone(),
            token: self.token.clone(),
            require_token: self.require_token,
            drain: self.drain.clone(),
            drained: self.drained.clone(),
        }
    }
}

/// The API's routes.
pub fn router<P: Publish>(api: Api<P>) -> Router {
    Router::new()
        .route("/v1/events", post(events::<P>))
        .route("/drain", post(drain::<P>))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_PATH", "there is POST /v1/events") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "events are posted")
        })
        .layer(middleware::from_fn(guarded))
        .with_state(api)
}

async fn guarded(request: Request, next: Next) -> Response {
    match guard::check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn drain<P: Publish>(State(api): State<Api<P>>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    authorized(&headers, &api.token)?;
    api.drain.request();
    let mut drained = api.drained;
    // Without a sender receiving has ended, too.
    let _ = drained.wait_for(|done| *done).await;
    Ok(StatusCode::NO_CONTENT)
}

fn authorized(headers: &HeaderMap, token: &DeliveryToken) -> Result<(), Problem> {
    if headers.get(AUTHORIZATION).is_some_and(|value| token.matches(value.as_bytes())) {
        return Ok(());
    }
    let detail = "the token of QSL_EVENTING_TOKEN_FILE must be given as Authorization: Bearer";
    Err(Problem::new(StatusCode::UNAUTHORIZED, "TOKEN_REQUIRED", detail))
}

async fn events<P: Publish>(State(api): State<Api<P>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let content = ContentKind::of(&headers)?;
    if api.require_token {
        authorized(&headers, &api.token)?;
    }
    let Some(publish) = &api.publish else {
        let detail = "this pod names no bus: annotate it with eventing.qsl.dev/publish-to";
        return Err(Problem::new(StatusCode::NOT_FOUND, "NO_BUS", detail));
    };
    let body = match tokio::time::timeout(UPLOAD, to_bytes(body, BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(too_large(None, BODY)),
        Err(_) => {
            let detail = "the body did not come in time";
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "BODY_TIMEOUT", detail));
        }
    };
    let mut posted = content.read(&headers, &body).map_err(|fault| match fault {
        InputFault::TooLarge { limit } => too_large(Some(body.len()), limit),
        InputFault::Fields(errors) => invalid(errors),
    })?;
    let mut spans = publishing(&api.tracer, &headers, &mut posted);
    let placed = publish.publish(posted).await;
    for (at, span) in spans.iter_mut().enumerate() {
        match placed.as_ref().map(|placed| placed.get(at).map(|placed| &placed.outcome)) {
            Ok(Some(Outcome::Published { .. })) => {}
            Ok(outcome) => span.fail(format!("{outcome:?}")),
            Err(problem) => span.fail(problem.code()),
        }
    }
    drop(spans);
    answer(placed?)
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let first = errors.first().map_or_else(String::new, |error| {
        let field = if error.field.is_empty() { "the body" } else { &error.field };
        format!("{field} {}", error.reason)
    });
    Problem::new(StatusCode::BAD_REQUEST, "INVALID_EVENT", first).errors(errors)
}

/// An event too large for the bus.
pub fn too_large(size: Option<usize>, limit: usize) -> Problem {
    let detail = format!("an event may take {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "EVENT_TOO_LARGE", detail).size(size, limit)
}

/// 202 where the bus has every event; else the gravest problem, with what became of each.
fn answer(placed: Vec<Placed>) -> Result<Response, Problem> {
    let worst = placed.iter().map(|placed| grade(&placed.outcome)).max().unwrap_or(0);
    let outcomes: Vec<EventOutcome> = placed.into_iter().map(outcome).collect();
    let problem = match worst {
        0 => return Ok((StatusCode::ACCEPTED, Json(json!({ "events": outcomes }))).into_response()),
        1 => Problem::new(StatusCode::BAD_GATEWAY, "PUBLISH_REFUSED", "EventBridge does not take an event"),
        2 => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "PUBLISH_FAILED", "the bus did not take an event")
            .retry_after(5),
        _ => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "PUBLISH_UNCERTAIN",
            "an event may have been published, or not; posted again with the same Idempotency-Key it is the same event",
        )
        .retry_after(5),
    };
    Err(problem.events(outcomes))
}

const fn grade(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Published { .. } => 0,
        Outcome::Refused(_) => 1,
        Outcome::NotSent(_) => 2,
        Outcome::Uncertain(_) => 3,
    }
}

fn outcome(placed: Placed) -> EventOutcome {
    let (event_id, code, reason) = match placed.outcome {
        Outcome::Published { event_id } => (Some(event_id), None, None),
        Outcome::Refused(fault) => (None, Some(fault.code), Some(fault.message)),
        Outcome::NotSent(reason) => (None, Some("PUBLISH_FAILED".to_owned()), Some(reason)),
        Outcome::Uncertain(reason) => (None, Some("PUBLISH_UNCERTAIN".to_owned()), Some(reason)),
    };
    EventOutcome { jti: placed.jti.to_string(), kid: placed.kid.to_string(), event_id, code, reason }
}

#[cfg(test)]
mod tests;
