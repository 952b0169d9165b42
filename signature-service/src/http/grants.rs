//! `POST /v1/grants`: authenticate, parse, authorise, plan (which verifies the body), sign, audit.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing::types::Jti;
use eventing_service::Problem;
use eventing_service::authentication::ServiceAccount;
use eventing_service::authorisation::Access;
use eventing_service::problem::FieldError;
use serde::Serialize;

use super::Service;
use super::asker::{Asker, body_of, too_large};
use super::sign::{no_active_key, publishing_disabled};
use crate::audit;
use crate::grant::{Ask, AskFault, Granting, MAX_ASK_BYTES, Refusal, parse_ask, plan};
use crate::signer::SignedGrant;

/// When to ask again where the operator has to renew something first.
const RENEWAL_RETRY_SECONDS: u32 = 30;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    grant: String,
    queue_arn: String,
    purpose: Purpose,
    sent_at: Millis,
    kid: String,
    jti: String,
    ts: String,
}

pub(super) async fn post_grant(
    State(service): State<Service>,
    asker: Asker,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let mut asked = None;
    let granted = grant(&service, &asker, request, &mut asked).await;
    let purpose = asked.as_ref().map(|ask: &Ask| ask.purpose);
    match granted {
        Ok(answer) => {
            service.metrics.grant(purpose, "OK");
            Ok(Json(answer))
        }
        Err(problem) => {
            service.metrics.grant(purpose, problem.code());
            if let Some(refused) = asker.refused(&service, problem.code()) {
                refused.to_grant(asked.as_ref());
            }
            Err(problem)
        }
    }
}

/// What was asked is left in `asked` as soon as it is known.
async fn grant(service: &Service, asker: &Asker, request: Request, asked: &mut Option<Ask>) -> Result<Answer, Problem> {
    let caller = asker.caller()?;
    let body = body_of(request, MAX_ASK_BYTES).await?;
    let ask = asked.insert(parse_ask(&body).map_err(ask_problem)?);
    drop(body);
    let access = access(ask);
    if !service.authorizer.allows(caller, &access).await? {
        return Err(not_allowed(caller, &access));
    }
    let place = service.places.to_sign().await?;
    let (directory, signer, own) = (service.directory(), service.signer.clone(), ask.clone());
    let signed = tokio::task::spawn_blocking(move || {
        let _place = place;
        let granting = plan(&directory, &own, Millis::now()).map_err(|refusal| refusal_problem(&own, refusal))?;
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        let signed = signer.grant(&granting, &own, jti).map_err(|error| {
            tracing::error!(%error, "a grant was not signed");
            Problem::internal()
        })?;
        Ok::<(Granting, SignedGrant), Problem>((granting, signed))
    });
    let (granting, signed) = signed.await.map_err(|_| Problem::internal())??;
    audit::granted(caller, ask, &granting, &signed);
    let SignedGrant { grant, kid, jti, ts } = signed;
    Ok(Answer {
        grant,
        queue_arn: granting.queue.to_string(),
        purpose: ask.purpose,
        sent_at: ask.sent_at,
        kid: kid.to_string(),
        jti: jti.to_string(),
        ts: ts.to_string(),
    })
}

/// The verb is the purpose, on the InboxQueue itself.
fn access(ask: &Ask) -> Access {
    Access {
        verb: ask.purpose.as_str(),
        group: "eventing.qsl.dev",
        resource: "inboxqueues",
        namespace: ask.inbox.namespace().to_owned(),
        name: ask.inbox.name().to_owned(),
    }
}

fn not_allowed(caller: &ServiceAccount, access: &Access) -> Problem {
    let Access { verb, group, resource, namespace, name } = access;
    Problem::forbidden(
        "GRANT_NOT_ALLOWED",
        format!(
            "{caller} has not the verb {verb} on {resource}.{group} {name} in namespace {namespace}; a Role gives it."
        ),
    )
    .with_field("inbox", format!("is not yours to {verb}"))
}

fn ask_problem(fault: AskFault) -> Problem {
    match fault {
        AskFault::TooLarge => too_large(MAX_ASK_BYTES),
        AskFault::Fields(fields) => Problem::bad_request("INVALID_REQUEST", "The request is not valid.")
            .with_fields(fields.into_iter().map(|error| FieldError { field: error.field, reason: error.reason })),
    }
}

fn refusal_problem(ask: &Ask, refusal: Refusal) -> Problem {
    let inbox = &ask.inbox;
    match refusal {
        Refusal::InTheFuture => out_of_bounds("lies in the future"),
        Refusal::TooOld => out_of_bounds("is more than 28 days ago, longer than a dead letter is kept"),
        Refusal::NoInbox => Problem::new(
            StatusCode::NOT_FOUND,
            "INBOX_UNKNOWN",
            format!("There is no configuration of InboxQueue {inbox} that the root signed."),
        )
        .with_field("inbox", "is not known"),
        Refusal::InboxExpired => Problem::unavailable(
            "CONFIGURATION_EXPIRED",
            format!("The configuration of InboxQueue {inbox} has run out; the operator renews it."),
            RENEWAL_RETRY_SECONDS,
        )
        .with_field("inbox", "has no configuration in its time"),
        Refusal::Keys(why) => Problem::unavailable(
            "KEYS_UNAVAILABLE",
            format!("The body cannot be verified now: {why}."),
            RENEWAL_RETRY_SECONDS,
        )
        .with_field("inbox", why.to_string()),
        Refusal::Body(rejection) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            rejection.code.as_str(),
            "The body is not an event that the inbox takes at that time.",
        )
        .with_field("body", rejection.message),
        Refusal::PublishingDisabled(bus) => {
            publishing_disabled(&bus).with_field("body", format!("is an event of EventBus {bus}"))
        }
        Refusal::NoGrantKey(bus) => {
            no_active_key(format!("EventBus {bus} has no key for grants now; the operator makes it."))
                .with_field("body", format!("is an event of EventBus {bus}"))
        }
    }
}

fn out_of_bounds(reason: &str) -> Problem {
    Problem::bad_request("SENT_AT_OUT_OF_BOUNDS", format!("The time given {reason}.")).with_field("sentAt", reason)
}
