//! `POST /v1/dead-letters`, for the consumers of the inbox, and `GET /v1/dead-letters?correlation=`, for those
//! who may read.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use eventing::types::CorrelationId;
use eventing_http::{DeadLetterReport, DeadLetters};
use eventing_service::Problem;
use eventing_service::authentication::Caller;

use super::parameters::Parameters;
use super::{Api, Reader, consumer_of, unavailable};

/// The longest code; ours are shorter.
const MAX_CODE: usize = 64;
const STAGES: [&str; 3] = ["verify", "route", "handle"];

pub(super) async fn tell(
    Caller(account): Caller,
    State(api): State<Api>,
    report: Result<Json<DeadLetterReport>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(report) = report?;
    consumer_of(&api, &report.inbox, &account)?;
    check(&report)?;
    api.dead_letters.record(&report).await.map_err(|error| {
        tracing::error!(%error, "dead letter not recorded");
        Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal takes no writes now.", 1)
    })?;
    api.metrics.told();
    Ok(StatusCode::NO_CONTENT)
}

fn check(report: &DeadLetterReport) -> Result<(), Problem> {
    let DeadLetterReport { code, stage, event_key, claimed_correlation_id, .. } = report;
    let is_code = (1..=MAX_CODE).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let both = event_key.is_some() && claimed_correlation_id.is_some();
    let wrong = [
        (!is_code, "code", "must be 1 to 64 of A to Z, 0 to 9 and _"),
        (!STAGES.contains(&stage.as_str()), "stage", "must be verify, route or handle"),
        (both, "claimedCorrelationId", "must be left out where there is an eventKey, whose event has the correlation"),
    ];
    let invalid = || Problem::bad_request("DEAD_LETTER_INVALID", "The dead letter is not valid.");
    match wrong.into_iter().find(|(is_wrong, ..)| *is_wrong) {
        Some((_, field, reason)) => Err(invalid().with_field(field, reason)),
        None => Ok(()),
    }
}

pub(super) async fn list(
    _: Reader,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Json<DeadLetters>, Problem> {
    let correlation = parameters.must("correlation", |text| CorrelationId::parse(text).map_err(|error| error.reason));
    let limit = parameters.limit();
    let correlation = parameters.end_with(correlation)?;
    let begun = Instant::now();
    let dead_letters = api.dead_letters.of(&correlation, limit).await.map_err(|error| unavailable(&error))?;
    api.metrics.read("dead_letters", begun.elapsed());
    Ok(Json(DeadLetters { dead_letters }))
}
