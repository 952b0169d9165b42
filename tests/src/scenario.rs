//! The story that demo and tests share: a payment and a workflow through their whole life, and an outsider who forges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::report::{EventReport, ForgedReport, Report};
use crate::services::{CONSUMERS, Handled, Published, Services, Trace};
use crate::stream::{self, Entry, Viewer};

/// The bus of the examples.
pub const BUS: &str = "qsl-core";

/// Dead-letter queues of every inbox whose rules match a payment.
pub const DEAD_LETTER_QUEUES: [&str; 5] = [
    "qsl-treasury-inbox-dlq",
    "qsl-compliance-inbox-dlq",
    "qsl-notification-inbox-dlq",
    "qsl-journal-inbox-dlq",
    "qsl-clientupdates-inbox-dlq",
];

/// The plan's legacy names with the detail-types that they became.
pub const LEGACY: [(&str, &str); 5] = [
    ("workflow_started", "Workflow.Started.v1"),
    ("workflow_status_update", "Workflow.StatusUpdated.v1"),
    ("workflow_error", "Workflow.Error.v1"),
    ("workflow_failed", "Workflow.Failed.v1"),
    ("workflow_completed", "Workflow.Completed.v1"),
];

/// How long one step may take before the run is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running system and somebody who follows it.
#[derive(Debug)]
pub struct Stage {
    /// AWS.
    pub cloud: Cloud,
    /// The five services.
    pub services: Services,
    /// The user.
    pub viewer: Viewer,
    /// Whose events these are.
    pub trace: Trace,
}

/// A line for whoever watches.
pub type Narrate<'a> = &'a (dyn Fn(&str) + Sync);

impl Stage {
    /// An id of this run alone: a step of the same payment is the same event, in every run.
    fn own(&self, id: &str) -> String {
        format!("{id}-{}", self.trace.correlation_id)
    }

    /// Publishes every event of the story, and follows each to the stream, the timeline and the services.
    pub async fn play(&self, narrate: Narrate<'_>) -> anyhow::Result<Report> {
        let correlation = &self.trace.correlation_id;
        let mut stream = self.viewer.follow(correlation).await?;
        let mut published: Vec<(Published, &str, Instant)> = Vec::new();
        let mut arrivals = Vec::new();
        for (kind, name, detail_type) in story() {
            let begin = Instant::now();
            let event = match kind {
                Kind::Payment(id) => self.services.payment(&self.own(id), name, &self.trace).await?,
                Kind::Workflow => self.services.workflow(&self.own("w-1"), name, &self.trace).await?,
            };
            let arrival = stream::next(&mut stream, PATIENCE).await.with_context(|| detail_type.to_owned())?;
            narrate(&line(&arrival.entry, arrival.at.duration_since(begin)));
            published.push((event, detail_type, begin));
            arrivals.push(arrival);
        }
        let timeline = self.viewer.wait_timeline(correlation, published.len(), PATIENCE).await?;
        let mut handled = BTreeMap::new();
        for service in CONSUMERS {
            handled.insert(service, self.services.wait_handled(service, correlation, published.len(), PATIENCE).await?);
        }
        let events = published.iter().map(|(event, detail_type, begin)| {
            let place = |entries: &[Entry]| entries.iter().position(|entry| is(entry, &event.event_id));
            let arrived = arrivals.iter().position(|one| is(&one.entry, &event.event_id));
            let key = timeline.iter().find(|entry| is(entry, &event.event_id)).map(|entry| entry.event_key.clone());
            EventReport {
                id: event.jti.clone(),
                event_bridge_id: event.event_id.clone(),
                detail_type: (*detail_type).to_owned(),
                kid: event.kid.clone(),
                handled_by: handled
                    .iter()
                    .map(|(service, list)| ((*service).to_owned(), deliveries(list, key.as_deref())))
                    .collect(),
                timeline_place: place(&timeline),
                stream_place: arrived,
                milliseconds_to_stream: arrived
                    .and_then(|index| u64::try_from(arrivals[index].at.duration_since(*begin).as_millis()).ok()),
            }
        });
        Ok(Report { correlation_id: correlation.clone(), events: events.collect(), forged: Vec::new() })
    }

    /// Captures a genuine event as an outsider, changes it, and finds it refused at every inbox.
    pub async fn forge(&self, narrate: Narrate<'_>) -> anyhow::Result<Vec<ForgedReport>> {
        let wiretap = self.cloud.wiretap(BUS, "qsl.payment").await?;
        self.services.payment(&self.own("p-captured"), "initiated", &self.trace).await?;
        let captured = wiretap.capture("Payment.Initiated.v1", PATIENCE).await;
        wiretap.remove().await?;
        let captured = captured?;
        let mut reports = Vec::new();
        for (forgery, change) in forgeries() {
            let mut envelope = captured.clone();
            change(&mut envelope);
            let id = self.cloud.put(BUS, &envelope).await?;
            let mut codes = BTreeMap::new();
            for queue in DEAD_LETTER_QUEUES {
                let letter = self.cloud.dead_letter(queue, &id, PATIENCE).await?;
                let code = letter.attributes.get("qsl.code").cloned().unwrap_or_else(|| "none".into());
                codes.insert(queue.to_owned(), code);
            }
            narrate(&format!("{forgery}: {}", summary(&codes)));
            reports.push(ForgedReport { forgery: forgery.to_owned(), event_bridge_id: id, codes });
        }
        Ok(reports)
    }
}

/// What the forged events are to be refused with.
pub const FORGERY_CODES: [(&str, &str); 2] =
    [("changed body", "PAYLOAD_MISMATCH"), ("changed detail-type", "ENVELOPE_MISMATCH")];

/// What an outsider does to a captured envelope.
type Change = fn(&mut Value);

fn forgeries() -> [(&'static str, Change); 2] {
    [
        (FORGERY_CODES[0].0, |envelope| envelope["detail"]["detailCore"]["amount"] = json!(999_999)),
        (FORGERY_CODES[1].0, |envelope| envelope["detail-type"] = json!("Payment.Settled.v1")),
    ]
}

enum Kind {
    Payment(&'static str),
    Workflow,
}

/// Three events of a payment's life, one that failed, and the five workflow events by their legacy names.
fn story() -> Vec<(Kind, &'static str, &'static str)> {
    let mut story = vec![
        (Kind::Payment("p-1"), "initiated", "Payment.Initiated.v1"),
        (Kind::Payment("p-1"), "authorized", "Payment.Authorized.v1"),
        (Kind::Payment("p-1"), "settled", "Payment.Settled.v1"),
        (Kind::Payment("p-2"), "failed", "Payment.Failed.v1"),
    ];
    story.extend(LEGACY.map(|(legacy, detail_type)| (Kind::Workflow, legacy, detail_type)));
    story
}

/// Checks what the issue of a good run is: each event once at each service, in order, through the stream.
pub fn check(report: &Report) -> anyhow::Result<()> {
    let expected: Vec<&str> = story().iter().map(|(_, _, detail_type)| *detail_type).collect();
    let published: Vec<&str> = report.events.iter().map(|event| event.detail_type.as_str()).collect();
    ensure!(published == expected, "published {published:?}, not {expected:?}");
    for (index, event) in report.events.iter().enumerate() {
        for service in CONSUMERS {
            let times = event.handled_by.get(service).copied().unwrap_or_default();
            ensure!(times == 1, "{service} handled {} {times} times", event.detail_type);
        }
        ensure!(
            event.timeline_place == Some(index),
            "{} stands at {:?} of the timeline, not at {index}",
            event.detail_type,
            event.timeline_place
        );
        ensure!(
            event.stream_place == Some(index),
            "{} came as number {:?} of the stream, not as {index}",
            event.detail_type,
            event.stream_place
        );
    }
    for (forgery, code) in FORGERY_CODES {
        let forged = report
            .forged
            .iter()
            .find(|one| one.forgery == forgery)
            .with_context(|| format!("no event with {forgery}"))?;
        for queue in DEAD_LETTER_QUEUES {
            let found = forged.codes.get(queue).map(String::as_str);
            ensure!(found == Some(code), "{queue} holds the event with {forgery} with code {found:?}, not {code}");
        }
    }
    Ok(())
}

/// True where this entry is the event with that EventBridge id.
pub fn is(entry: &Entry, event_bridge_id: &str) -> bool {
    entry.event_bridge_ids.iter().any(|id| id == event_bridge_id)
}

fn deliveries(handled: &[Handled], key: Option<&str>) -> u64 {
    handled.iter().filter(|one| Some(one.event_key.as_str()) == key).map(|one| one.deliveries).sum()
}

fn line(entry: &Entry, took: Duration) -> String {
    let envelope = if entry.envelope_verified { "body and envelope" } else { "body only" };
    format!(
        "{:<26} {:>5} ms  verified ({envelope})  {:<10} {}",
        entry.detail_type,
        took.as_millis(),
        entry.algorithm,
        entry.kid
    )
}

fn summary(codes: &BTreeMap<String, String>) -> String {
    codes.iter().map(|(queue, code)| format!("{queue} {code}")).collect::<Vec<_>>().join(", ")
}
