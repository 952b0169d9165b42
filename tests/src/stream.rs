//! The gateway as a user's page follows it: timeline and server-sent events, with a bearer token.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::forward::{Forward, Kubectl};

/// An event of the timeline or the stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Event key, hex.
    pub event_key: String,
    /// EventBridge's ids of it.
    #[serde(default)]
    pub event_bridge_ids: Vec<String>,
    /// Its source.
    pub source: String,
    /// Its detail-type.
    pub detail_type: String,
    /// Its resource.
    pub resource: String,
    /// Its correlation.
    pub correlation_id: String,
    /// The signed time.
    pub ts: String,
    /// Key that signed it.
    pub kid: String,
    /// That key's algorithm.
    pub algorithm: String,
    /// Whether the envelope was signed too.
    pub envelope_verified: bool,
    /// The business payload.
    pub detail_core: Value,
}

/// An event of the stream, with the moment it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The event.
    pub entry: Entry,
    /// The stream's id, to resume from.
    pub id: String,
    /// When the line was read.
    pub at: Instant,
}

/// What the stream said.
#[derive(Clone, Debug)]
pub enum Said {
    /// An event.
    Event(Box<Arrival>),
    /// The id to resume from is gone: what came since stands in the timelines.
    Reset,
}

/// A user's view of the gateway.
#[derive(Clone, Debug)]
pub struct Viewer {
    http: Client,
    /// The gateway's address.
    pub gateway: String,
    /// The user's token.
    pub token: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct TimelineAnswer {
    events: Vec<Entry>,
    next: Option<String>,
}

/// A token of the test identity provider.
pub async fn token(
    kubectl: &Kubectl,
    namespace: &str,
    user: &str,
    tenant: &str,
    scope: &str,
) -> anyhow::Result<String> {
    let forward = Forward::open(kubectl, namespace, "svc/identity-provider", 80).await?;
    let body = format!("sub={user}&tenant_id={tenant}&scope={scope}&aud=qsl-eventing");
    let answer = Client::new()
        .post(format!("{}/token", forward.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await?
        .error_for_status()?;
    Ok(answer.json::<TokenAnswer>().await?.access_token)
}

impl Viewer {
    /// A user with this token.
    pub fn new(gateway: &str, token: &str) -> Self {
        Self { http: Client::new(), gateway: gateway.to_owned(), token: token.to_owned() }
    }

    /// `GET /events/{correlationId}`, its first part; empty while the gateway knows nothing of it.
    pub async fn timeline(&self, correlation_id: &str) -> anyhow::Result<Vec<Entry>> {
        Ok(self.part(correlation_id, "").await?.events)
    }

    /// Every part of it.
    pub async fn whole_timeline(&self, correlation_id: &str) -> anyhow::Result<Vec<Entry>> {
        let mut part = self.part(correlation_id, "").await?;
        let mut events = part.events;
        while let Some(cursor) = part.next {
            part = self.part(correlation_id, &format!("?cursor={cursor}")).await?;
            events.append(&mut part.events);
        }
        Ok(events)
    }

    async fn part(&self, correlation_id: &str, query: &str) -> anyhow::Result<TimelineAnswer> {
        let url = format!("{}/events/{correlation_id}{query}", self.gateway);
        let answer = self.http.get(url).bearer_auth(&self.token).send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(TimelineAnswer { events: Vec::new(), next: None });
        }
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Waits until the timeline holds `count` events.
    pub async fn wait_timeline(
        &self,
        correlation_id: &str,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<Entry>> {
        let deadline = Instant::now() + limit;
        loop {
            let last = match self.timeline(correlation_id).await {
                Ok(events) if events.len() >= count => return Ok(events),
                Ok(events) => format!("{} events", events.len()),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() > deadline {
                bail!("the timeline of {correlation_id} has not {count} events after {limit:?}: {last}");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Follows the user's events, from before the first one: those of this correlation. The channel ends with the
    /// connection.
    pub async fn follow(&self, correlation_id: &str) -> anyhow::Result<mpsc::Receiver<Said>> {
        let wanted = correlation_id.to_owned();
        self.resume(None, move |entry| entry.correlation_id == wanted).await
    }

    /// Follows the user's events that are wanted, from after the one with this id on where there is one. The channel
    /// ends with the connection.
    pub async fn resume(
        &self,
        last: Option<&str>,
        is_wanted: impl Fn(&Entry) -> bool + Send + 'static,
    ) -> anyhow::Result<mpsc::Receiver<Said>> {
        let url = format!("{}/events/stream/user", self.gateway);
        let mut request = self.http.get(url).bearer_auth(&self.token).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        if answer.status() != StatusCode::OK {
            bail!("the stream was refused: {} {}", answer.status(), answer.text().await?);
        }
        let (sender, receiver) = mpsc::channel(1024);
        let mut bytes = answer.bytes_stream();
        tokio::spawn(async move {
            let mut buffer = Vec::new();
            while let Some(Ok(chunk)) = bytes.next().await {
                buffer.extend_from_slice(&chunk);
                while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let block = String::from_utf8_lossy(&buffer[..end]).into_owned();
                    buffer.drain(..end + 2);
                    let said = match parse(&block) {
                        Some(Said::Event(arrival)) if !is_wanted(&arrival.entry) => None,
                        said => said,
                    };
                    if let Some(said) = said
                        && sender.send(said).await.is_err()
                    {
                        return;
                    }
                }
            }
        });
        Ok(receiver)
    }
}

/// One block of the stream; comments (heartbeats) and other events give none.
fn parse(block: &str) -> Option<Said> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    match field("event")? {
        "event" => {
            let entry = serde_json::from_str(field("data")?).ok()?;
            let arrival = Arrival { entry, id: field("id").unwrap_or_default().to_owned(), at: Instant::now() };
            Some(Said::Event(Box::new(arrival)))
        }
        "reset" => Some(Said::Reset),
        _ => None,
    }
}

/// The next arrival, or an error after `limit`.
pub async fn next(stream: &mut mpsc::Receiver<Said>, limit: Duration) -> anyhow::Result<Arrival> {
    let said = tokio::time::timeout(limit, stream.recv())
        .await
        .with_context(|| format!("nothing came through the stream within {limit:?}"))?;
    match said.context("the stream ended")? {
        Said::Event(arrival) => Ok(*arrival),
        Said::Reset => bail!("the stream began anew"),
    }
}
