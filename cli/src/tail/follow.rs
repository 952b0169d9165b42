//! Receives from the temporary inbox, judges as a consumer does, shows, deletes.

use std::time::Duration;

use eventing::config::InboxConfig;
use eventing::consumer::{Queue as _, QueueError, Received};
use eventing::keyset::KeyRing;
use eventing::time::Millis;
use eventing::verify::{Code, Policy, RawMessage, Rejection, Verified, verify};
use eventing_aws::Sqs;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::access::Access;
use crate::access::configuration::Configuration;
use crate::failure::Failure;
use crate::out::{print, rfc3339};
use crate::table::harmless;

/// How long one receive waits, and how long what failed is left alone.
const WAIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(3);
/// How long a queue, a role or the configuration may take to be there, and a queue to be there again.
const PATIENCE: Duration = Duration::from_mins(3);
/// How old the keys may become, and how old they must be to be read again for a kid that is not known.
const KEYS: Duration = Duration::from_mins(1);
const UNKNOWN: Duration = Duration::from_secs(5);

/// What is shown, and how.
#[derive(Debug)]
pub struct Show {
    /// Events of this story alone.
    pub correlation: Option<String>,
    /// As JSON.
    pub as_json: bool,
}

/// Shows what arrives until `end`.
pub async fn follow(access: &Access, name: &str, show: &Show, end: Instant) -> Result<(), Failure> {
    let mut known = configured(access, name).await?;
    let role = access.role(&known.config.role_arn, &known.config.region).await;
    let InboxConfig { queue_url, dead_letter_queue_url, .. } = &known.config;
    let queue = Sqs::new(aws_sdk_sqs::Client::new(&role), queue_url, dead_letter_queue_url, false);
    let mut last_good = Instant::now();
    while Instant::now() < end {
        if known.read.elapsed() > KEYS {
            known.renew(access, name).await;
        }
        match queue.receive(10, WAIT.min(end.saturating_duration_since(Instant::now()))).await {
            Ok(messages) => {
                last_good = Instant::now();
                for message in &messages {
                    let verdict = known.judge(access, name, message).await;
                    show.print(message, &verdict)?;
                }
                let receipts: Vec<_> = messages.into_iter().map(|message| message.receipt).collect();
                if !receipts.is_empty() {
                    // What cannot be deleted comes again; and all of it goes at the end.
                    let _ = queue.delete(&receipts).await;
                }
            }
            Err(QueueError::Retry(_)) if last_good.elapsed() < PATIENCE => sleep(PAUSE).await,
            Err(error) => {
                return Err(Failure::Remote { doing: "receive".to_owned(), why: error.to_string() });
            }
        }
    }
    Ok(())
}

/// What the root signed of the inbox, and when that was read.
struct Known {
    config: InboxConfig,
    policy: Policy,
    ring: KeyRing,
    read: Instant,
}

/// The operator writes it soon after the inbox is Ready.
async fn configured(access: &Access, name: &str) -> Result<Known, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match Known::read(access, name).await {
            Err(_) if Instant::now() < end => sleep(PAUSE).await,
            other => return other,
        }
    }
}

impl Known {
    async fn read(access: &Access, name: &str) -> Result<Self, Failure> {
        let configuration = Configuration::read(access, &access.account.namespace).await?;
        let config = configuration.inbox(name)?;
        let ring = configuration.keys(&config.buses)?;
        let policy = Policy::new(&config.verification, config.queue_arn.clone());
        Ok(Self { config, policy, ring, read: Instant::now() })
    }

    /// Where it cannot be read again, what is known has to do.
    async fn renew(&mut self, access: &Access, name: &str) {
        if let Ok(known) = Self::read(access, name).await {
            *self = known;
        }
        self.read = Instant::now();
    }

    async fn judge(&mut self, access: &Access, name: &str, message: &Received) -> Result<Verified, Rejection> {
        let verdict = self.verdict(message);
        let is_unknown = matches!(&verdict, Err(rejection) if rejection.code == Code::KidUnknown);
        if is_unknown && self.read.elapsed() > UNKNOWN {
            self.renew(access, name).await;
            return self.verdict(message);
        }
        verdict
    }

    fn verdict(&self, message: &Received) -> Result<Verified, Rejection> {
        let Received { body, attributes, sent_at, .. } = message;
        let raw = RawMessage { body: body.as_bytes(), attributes, sent_at: *sent_at };
        verify(&raw, &self.ring, &self.policy, Millis::now())
    }
}

impl Show {
    fn print(&self, message: &Received, verdict: &Result<Verified, Rejection>) -> Result<(), Failure> {
        let claimed = claimed_correlation(&message.body);
        if self.correlation.is_some() && self.correlation != claimed {
            return Ok(());
        }
        let line = if self.as_json { whole(message, verdict).to_string() } else { harmless(&line(message, verdict)) };
        print(&line)
    }
}

fn claimed_correlation(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body.pointer("/detail/trace/correlationId")?.as_str()?.to_owned())
}

fn whole(message: &Received, verdict: &Result<Verified, Rejection>) -> Value {
    let sent_at = rfc3339(message.sent_at);
    match verdict {
        Ok(event) => json!({
            "verdict": "ok", "sentAt": sent_at, "source": event.source, "detailType": event.detail_type,
            "resource": event.resource, "trace": event.trace, "kid": event.kid, "ts": event.ts.to_string(),
            "envelopeSigned": event.has_env, "eventKey": event.event_key, "detailCore": event.detail_core,
        }),
        Err(rejection) => json!({
            "verdict": "rejected", "sentAt": sent_at, "code": rejection.code, "message": rejection.message,
            "body": message.body,
        }),
    }
}

fn line(message: &Received, verdict: &Result<Verified, Rejection>) -> String {
    let sent_at = rfc3339(message.sent_at);
    match verdict {
        Ok(event) => {
            let Verified { source, detail_type, resource, correlation_id, detail_core, .. } = event;
            let core = detail_core.as_str();
            format!("{sent_at}  ok  {source}  {detail_type}  {resource}  {correlation_id}  {core}")
        }
        Err(rejection) => {
            let claimed = claimed_correlation(&message.body).unwrap_or_else(|| "-".to_owned());
            format!("{sent_at}  {}  {claimed}  {}", rejection.code.as_str(), rejection.message)
        }
    }
}
