//! `POST /v1/sign`: authenticate, parse, plan, sign, audit. Nothing is signed if anything of the batch is bad.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use eventing::signing::SignedEvent;
use eventing::time::Millis;
use eventing::types::{BusId, Jti, Source};
use eventing_service::Problem;
use eventing_service::authentication::ServiceAccount;
use eventing_service::problem::FieldError;
use eventing_service::traces;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Span;

use super::Service;
use super::asker::{Asker, body_of, too_large};
use crate::audit;
use crate::directory::Refusal;
use crate::request::{MAX_BODY_BYTES, RequestFault, SignRequest, parse_request};
use crate::signer::Order;

/// How long callers are asked to leave a bus alone whose publishing is off.
const DISABLED_RETRY_SECONDS: u32 = 30;
/// The same where the key that signs was revoked, or is not made yet: the operator makes the next one at once.
const KEY_RETRY_SECONDS: u32 = 2;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    events: Vec<Signed>,
}

#[derive(Debug, Serialize)]
struct Signed {
    detail: Box<RawValue>,
    kid: String,
    jti: String,
    ts: String,
}

pub(super) async fn post_sign(
    State(service): State<Service>,
    asker: Asker,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let mut bus = None;
    match sign(&service, &asker, request, &mut bus).await {
        Ok(answer) => Ok(Json(answer)),
        Err(problem) => {
            service.metrics.refused(problem.code());
            if let Some(refused) = asker.refused(&service, problem.code()) {
                refused.to_sign(bus.as_ref());
            }
            Err(problem)
        }
    }
}

/// The bus is left in `of` as soon as it is known.
async fn sign(service: &Service, asker: &Asker, request: Request, of: &mut Option<BusId>) -> Result<Answer, Problem> {
    let caller = asker.caller()?;
    let body = body_of(request, MAX_BODY_BYTES).await?;
    let started = Instant::now();
    let SignRequest { bus, events } = parse_request(&body).map_err(request_problem)?;
    let bus = of.insert(bus);
    let directory = service.directory();
    let sources: Vec<&Source> = events.iter().map(|(event, _)| &event.source).collect();
    let keys = directory
        .plan(bus, caller, &sources, Millis::now())
        .map_err(|refusal| refusal_problem(bus, caller, refusal))?;
    // Whoever waits for a place has the time at which he got it.
    let place = service.places.to_sign().await?;
    let orders: Arc<[Order]> = events
        .iter()
        .zip(keys)
        .map(|((event, jti), held)| Order {
            event: event.clone(),
            jti: jti.clone().unwrap_or_else(|| Jti::from_uuid(uuid::Uuid::new_v4())),
            ts: service.signer.stamp(),
            kid: held.kid.clone(),
            key: Arc::clone(&held.private),
        })
        .collect();
    // Each event goes on in its own trace, whoever else is in the batch.
    let spans: Vec<Span> = orders.iter().map(span).collect();
    let signed = service.signer.sign(&orders, place).await.map_err(|_| Problem::internal())?;
    drop(spans);
    let signed = signed.map_err(|(at, why)| {
        Problem::bad_request("INVALID_EVENT", "An event cannot be signed.")
            .with_field(format!("events/{at}/detailCore"), why.to_string())
    })?;
    for (order, signed) in orders.iter().zip(&signed) {
        audit::signed(bus, caller, order, signed);
        service.metrics.signature(bus.to_string(), order.key.algorithm().as_str());
    }
    service.metrics.batch(started.elapsed());
    Ok(Answer { events: signed.into_iter().map(Signed::from).collect() })
}

fn span(order: &Order) -> Span {
    let span = tracing::info_span!("sign", otel.kind = "server", source = %order.event.source, kid = %order.kid);
    traces::continues(&span, order.event.trace.traceparent());
    span
}

fn refusal_problem(bus: &BusId, caller: &ServiceAccount, refusal: Refusal) -> Problem {
    let named = |list: Vec<(usize, Source)>, why: &'static str| {
        list.into_iter().map(move |(at, source)| FieldError {
            field: format!("events/{at}/source"),
            reason: format!("{source} {why}"),
        })
    };
    match refusal {
        Refusal::NotGranted(list) => Problem::forbidden(
            "SOURCE_NOT_GRANTED",
            format!(
                "EventBus {bus} does not name {caller} as a publisher of every source here; add it to spec.publishers."
            ),
        )
        .with_fields(named(list, "is not granted to you")),
        Refusal::PublishingDisabled => publishing_disabled(bus),
        Refusal::NoSigningKey(list) => Problem::new(
            StatusCode::CONFLICT,
            "NO_SIGNING_KEY",
            format!("No SigningKey of EventBus {bus} covers every source here; name each in spec.sources of one."),
        )
        .with_fields(named(list, "is covered by no SigningKey")),
        Refusal::NoActiveKey(list) => no_active_key(format!(
            "A SigningKey of EventBus {bus} covers every source here, and has no key that signs now; the operator makes it."
        ))
        .with_fields(named(list, "has no active key")),
    }
}

/// A key that is on its way is waited for.
pub(super) fn no_active_key(detail: String) -> Problem {
    Problem::unavailable("NO_ACTIVE_KEY", detail, KEY_RETRY_SECONDS)
}

/// Nothing is signed for a bus whose publishing is off.
pub(super) fn publishing_disabled(bus: &BusId) -> Problem {
    Problem::unavailable(
        "PUBLISHING_DISABLED",
        format!("Publishing on EventBus {bus} is disabled."),
        DISABLED_RETRY_SECONDS,
    )
}

fn request_problem(fault: RequestFault) -> Problem {
    match fault {
        RequestFault::TooLarge => too_large(MAX_BODY_BYTES),
        RequestFault::Fields(fields) => {
            Problem::bad_request("INVALID_EVENT", "The batch is not valid; nothing was signed.")
                .with_fields(fields.into_iter().map(|error| FieldError { field: error.field, reason: error.reason }))
        }
    }
}

impl From<SignedEvent> for Signed {
    fn from(event: SignedEvent) -> Self {
        let SignedEvent { sig_compact: _, detail, ts, kid, jti } = event;
        Self { detail, kid: kid.to_string(), jti: jti.to_string(), ts: ts.to_string() }
    }
}
