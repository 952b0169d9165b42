//! `POST /v1/claims`: the right to handle an event, for the consumers of its inbox.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use eventing::claim::Answer;
use eventing_http::{ClaimAnswer, ClaimRequest};
use eventing_service::Problem;
use eventing_service::authentication::Caller;

use super::{Api, consumer_of};
use crate::claims::check;

pub(super) async fn claims(
    Caller(account): Caller,
    State(api): State<Api>,
    request: Result<Json<ClaimRequest>, JsonRejection>,
) -> Result<Json<ClaimAnswer>, Problem> {
    let Json(request) = request?;
    consumer_of(&api, &request.inbox, &account)?;
    let wanted = check(request)
        .map_err(|wrong| Problem::bad_request("CLAIM_INVALID", "The claim is not valid.").with_fields(wrong))?;
    let Some(wanted) = wanted else {
        api.store.probe().await.map_err(|_| not_settled())?;
        return Ok(Json(ClaimAnswer::Settled));
    };
    let answer = api.claims.settle(wanted).await.map_err(|_| not_settled())?;
    Ok(Json(match answer {
        Answer::Claimed { attempts } => ClaimAnswer::Claimed { attempts },
        Answer::Handled => ClaimAnswer::Handled,
        Answer::Held { lapses_in } => ClaimAnswer::Held {
            // Rounded up: asked again a moment too early it would still be held.
            lapses_in_seconds: u32::try_from(lapses_in.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX),
        },
        Answer::Settled => ClaimAnswer::Settled,
    }))
}

fn not_settled() -> Problem {
    Problem::unavailable("CLAIMS_UNAVAILABLE", "Claims cannot be settled now; asked again, they may be.", 1)
}
