//! What arrives: deliveries and dead letters of each consumer, as they come.

use std::time::Duration;

use eventing::attributes;
use eventing::time::Millis;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::book::{Letter, Row, Shared};
use crate::cloud::DeadLetter;
use crate::forward::Forward;
use crate::ground::{Consumer, Ground};
use crate::letters;
use crate::services::Handled;
use crate::stream::{self, Viewer};

/// How often a consumer is asked what it handled.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct HandledList {
    handled: Vec<Handled>,
}

/// Takes dead letters out of their queue until `stop`.
pub(super) async fn letters(
    ground: &Ground,
    consumer: Consumer,
    book: &Shared,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let note = |found: &DeadLetter| book.with(|book| book.letters.push(letter(consumer, found)));
    letters::take(ground, consumer, stop, note).await
}

fn letter(consumer: Consumer, found: &DeadLetter) -> Letter {
    let body: Value = serde_json::from_str(&found.body).unwrap_or_default();
    let attribute = |name: &str| found.attributes.get(name).cloned();
    Letter {
        consumer,
        event: body["detail"]["detailCore"]["paymentId"].as_str().unwrap_or_default().to_owned(),
        code: attribute(attributes::CODE).unwrap_or_else(|| "none".to_owned()),
        kid: attribute(attributes::KID).unwrap_or_default(),
        at: attribute(attributes::FAILED_AT).and_then(|at| at.parse().ok()).map(Millis),
    }
}

/// Asks an example service what it handled until `stop`, and once more. Journal and gateway are no such service.
pub(super) async fn rows(
    ground: &Ground,
    consumer: Consumer,
    book: &Shared,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if !consumer.is_sidecar() {
        return Ok(());
    }
    loop {
        let is_last = stop.is_cancelled();
        let target = format!("services/{}:8080", consumer.name());
        let list: HandledList = ground.json(consumer.name(), &target, "handled").await?;
        let own = list.handled.into_iter().filter(|one| one.correlation_id == ground.run);
        let rows: Vec<_> = own.filter_map(|one| Some(((consumer, payment(&one.resource)?), row(&one)))).collect();
        book.with(|book| book.rows.extend(rows));
        if is_last {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(LOOK) => {}
        }
    }
}

fn row(handled: &Handled) -> Row {
    let at = Millis::parse_rfc3339(&handled.handled_at).ok();
    Row { kid: handled.kid.clone(), at, deliveries: handled.deliveries }
}

fn payment(resource: &str) -> Option<String> {
    Some(resource.strip_prefix("urn:qsl:paymentgateway:payment:")?.to_owned())
}

/// Reads the journal's timeline of the run, through the gateway.
pub(super) async fn journal(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    let token = stream::token(&ground.kubectl, &ground.identity, "u-1", "t-1", "").await?;
    let gateway = Forward::open(&ground.kubectl, &ground.release, "svc/qsl-gateway", 80).await?;
    let entries = Viewer::new(&gateway.url, &token).whole_timeline(&ground.run).await?;
    let rows = entries.into_iter().filter_map(|entry| {
        let row = Row { kid: entry.kid, at: None, deliveries: 1 };
        Some(((Consumer::Journal, payment(&entry.resource)?), row))
    });
    book.with(|book| book.rows.extend(rows));
    Ok(())
}
