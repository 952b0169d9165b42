//! `kubectl-qsl publish`: events put on a bus by hand, signed by the signature service.
//!
//! In: events as a service posts them to its sidecar, and the service account to act as, which the bus's `publishers[]`
//! must name. Out: a line of JSON for each. The way is a sidecar's: the same signer, the same batches, the same repeats.

use std::process::ExitCode;
use std::sync::Arc;

use eventing::config::{BusConfig, PublisherConfig, Publishing};
use eventing::publish::ids::IdempotencyKey;
use eventing::publish::{Keys, NewEvent, Outcome, Placed, Posted, PublishError, Publisher, SignFailure};
use eventing::types::{BusId, Source};
use eventing_aws::EventBridge;
use eventing_http::HttpSigner;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::access::account::Named;
use crate::access::configuration::Configuration;
use crate::cluster;
use crate::events;
use crate::failure::Failure;
use crate::input::Input;
use crate::out::{print, tell};

/// An event has the members source, detailType, resource, trace and detailCore, as a service posts it to its sidecar:
///
///     echo '{"source":"qsl.payment","detailType":"Payment.Initiated.v1","resource":"urn:qsl:paymentgateway:payment:p-1",
///       "trace":{"correlationId":"c-1"},"detailCore":{"paymentId":"p-1"}}' |
///       kubectl qsl publish platform/qsl-core --as paymentgateway/paymentgateway -
///
/// Acts as a service account (--as) that the EventBus names in publishers[], with these sources. You need: create on
/// serviceaccounts/token of it; get on ConfigMap qsl-eventing of its namespace and on ConfigMap qsl-root of the release's;
/// what kubectl port-forward service/qsl-signature-service needs there.
///
/// Exit code 0 when the bus has all events; 3 when it refused some; 2 when the call, an event or what the bus grants
/// must be put right; 1 when something is away or refuses. Where an idempotency key is printed, run it again with that: what
/// the bus has already is then a copy to every consumer.
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The EventBus: NAMESPACE/NAME, or NAME of the context's own namespace.
    #[arg(value_name = "BUS")]
    bus: Named,
    /// The event, or a list of events; - is standard input.
    #[arg(value_name = "FILE")]
    input: Input,
    /// What names this publication: the same key, bus and source are the same event. A new one when absent.
    #[arg(long, value_name = "KEY", value_parser = IdempotencyKey::parse)]
    idempotency_key: Option<IdempotencyKey>,
    #[command(flatten)]
    access: AccessArgs,
}

/// Publishes what was given.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    // Before anybody is asked for anything.
    let (events, in_list) = events::read(&args.input)?;
    let (key, named) = if let Some(key) = &args.idempotency_key {
        (key.clone(), None)
    } else {
        let made = uuid::Uuid::new_v4().to_string();
        let key = IdempotencyKey::parse(&made).map_err(|error| Failure::Usage(error.to_string()))?;
        (key, Some(made))
    };
    let posted = Posted { events, in_list, keys: Keys::OfRequest(key) };
    let placed = cluster::run(publish(args, &posted))?;
    placed.iter().try_for_each(|placed| print(&line(placed)))?;
    let code = exit_code(&placed);
    if let (1, Some(key)) = (code, named) {
        tell(&format!("Run it again with --idempotency-key {key}."))?;
    }
    Ok(ExitCode::from(code))
}

async fn publish(args: &Args, posted: &Posted) -> Result<Vec<Placed>, Failure> {
    let access = args.access.connect().await?;
    let (namespace, name) = args.bus.within(&access.cluster.namespace);
    let bus = BusId::new(&namespace, &name).map_err(|error| Failure::Usage(error.to_string()))?;
    let account = &access.account;
    let config = Configuration::read(&access, &account.namespace).await?.bus(&bus).map_err(|failure| {
        Failure::Usage(format!("{failure}. Service account {account} (--as) publishes on EventBus {bus} only where its publishers[] name it"))
    })?;
    let publisher = granted(&bus, &config, &account.name, &posted.events).map_err(Failure::Usage)?;
    let service = access.signature_service(&config.services).await?;
    let role = access.role(&publisher.role_arn, &config.region).await;
    let put = EventBridge::new(aws_sdk_eventbridge::Client::new(&role), &config.bus_arn);
    let signer = HttpSigner::new(service.service.clone());
    let publisher = Publisher::new(Arc::new(signer), Arc::new(put), bus);
    publisher.publish(posted).await.map_err(|error| failure(&error))
}

/// The entry of a service account, if it may send all these events.
fn granted<'a>(
    bus: &BusId,
    config: &'a BusConfig,
    account: &str,
    events: &[NewEvent],
) -> Result<&'a PublisherConfig, String> {
    if config.publishing == Publishing::Disabled {
        return Err(format!("EventBus {bus}: spec.publishing is Disabled; nothing is published until it is Enabled"));
    }
    let entry = config.publishers.iter().find(|entry| entry.service_account == account);
    let entry = entry.ok_or_else(|| format!("EventBus {bus}: spec.publishers[] does not name {account} (--as)"))?;
    let missing: Vec<&Source> = events
        .iter()
        .map(|event| &event.source)
        .filter(|source| !entry.sources.iter().any(|pattern| pattern.covers(source)))
        .collect();
    match missing.first() {
        None => Ok(entry),
        Some(source) => {
            Err(format!("source {source} is not among those that EventBus {bus} grants {account} in spec.publishers[]"))
        }
    }
}

fn failure(error: &PublishError) -> Failure {
    match error {
        PublishError::TooLarge { .. } => Failure::Usage(error.to_string()),
        PublishError::Sign(SignFailure::Refused { errors, .. }) => {
            let fields: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.reason)).collect();
            Failure::Usage(format!("the signature service refuses: {error}; {}", fields.join("; ")))
        }
        PublishError::Sign(SignFailure::Unavailable { .. }) => Failure::Remote {
            doing: "have the events signed; nothing was published".to_owned(),
            why: error.to_string(),
        },
    }
}

fn line(placed: &Placed) -> Value {
    let Placed { jti, kid, outcome } = placed;
    let (word, more) = match outcome {
        Outcome::Published { event_id } => ("published", json!({"eventId": event_id})),
        Outcome::Refused(fault) => ("refused", json!({"code": fault.code, "message": fault.message})),
        Outcome::NotSent(why) => ("notSent", json!({"message": why})),
        Outcome::Uncertain(why) => ("uncertain", json!({"code": "PUBLISH_UNCERTAIN", "message": why})),
    };
    let mut line = json!({"outcome": word, "jti": jti, "kid": kid});
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    line
}

/// What can be repeated comes before what was refused: the hint for it is the more urgent one.
fn exit_code(placed: &[Placed]) -> u8 {
    let any = |is: fn(&Outcome) -> bool| placed.iter().any(|placed| is(&placed.outcome));
    if any(|outcome| matches!(outcome, Outcome::NotSent(_) | Outcome::Uncertain(_))) {
        1
    } else if any(|outcome| matches!(outcome, Outcome::Refused(_))) {
        3
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use eventing::publish::{EntryFault, parse_events};
    use eventing::types::{Jti, Kid};

    use super::*;

    fn config(publishing: &str) -> BusConfig {
        serde_json::from_value(json!({
            "busName": "trams", "busArn": "arn:aws:events:eu-west-1:111122223333:event-bus/trams", "region": "eu-west-1",
            "publishing": publishing,
            "publishers": [{"serviceAccount": "driver", "sources": ["qsl.tram"], "roleArn": "arn:aws:iam::111122223333:role/x"}],
            "services": {"signatureService": "https://s", "journal": "https://j", "ca": ""}}))
        .unwrap()
    }

    fn event(source: &str) -> Vec<NewEvent> {
        let event = json!({"source": source, "detailType": "Tram.Left.v1", "resource": "urn:qsl:depot:tram:7",
                           "trace": {"correlationId": "c"}, "detailCore": {}});
        parse_events(event.to_string().as_bytes()).unwrap().0
    }

    #[test]
    fn who_is_not_granted_hears_which_field_says_so() {
        let bus: BusId = "city/trams".parse().unwrap();
        let asked = |publishing, account, source| {
            let config = config(publishing);
            granted(&bus, &config, account, &event(source)).map(|entry| entry.role_arn.clone())
        };
        assert_eq!(asked("Enabled", "driver", "qsl.tram"), Ok("arn:aws:iam::111122223333:role/x".to_owned()));
        for (publishing, account, source, named) in [
            ("Disabled", "driver", "qsl.tram", "spec.publishing is Disabled"),
            ("Enabled", "porter", "qsl.tram", "spec.publishers[] does not name porter (--as)"),
            ("Enabled", "driver", "qsl.rail", "source qsl.rail is not among those"),
        ] {
            let said = asked(publishing, account, source).unwrap_err();
            assert!(said.contains(named) && said.contains("EventBus city/trams"), "{said}");
        }
    }

    #[test]
    fn the_exit_code_says_what_to_do_next() {
        let placed = |outcome| Placed {
            jti: Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap(),
            kid: Kid::parse("trams-1").unwrap(),
            outcome,
        };
        let good = || placed(Outcome::Published { event_id: "e-1".to_owned() });
        let refused = || placed(Outcome::Refused(EntryFault { code: "X".to_owned(), message: "no".to_owned() }));
        let uncertain = || placed(Outcome::Uncertain("no answer".to_owned()));
        assert_eq!(exit_code(&[good()]), 0);
        assert_eq!(exit_code(&[good(), refused()]), 3);
        assert_eq!(exit_code(&[refused(), uncertain(), good()]), 1);
        assert_eq!(exit_code(&[placed(Outcome::NotSent(String::new()))]), 1);
        let said = line(&uncertain());
        assert_eq!(
            (said.get("outcome"), said.get("code")),
            (Some(&json!("uncertain")), Some(&json!("PUBLISH_UNCERTAIN")))
        );
    }
}
