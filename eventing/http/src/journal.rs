//! The journal's API, as the gateway and the tools use it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use eventing::types::{CorrelationId, Resource};
use reqwest::header::ACCEPT;
use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::claims::{ClaimAnswer, ClaimRequest, LIMIT};
use crate::client::{ANSWER, ClientError, Service, escape, from_json, read_json, read_on};
use crate::dead_letters::DeadLetters;
use crate::events::{Correlations, EventFilter, Events, Part, ResourceStatus, Whose};

/// The media type of answers that are lines of JSON, one after the other as there is something to tell.
pub const LINES: &str = "application/x-ndjson";

/// What a request may take besides what it waits.
const SLACK: Duration = Duration::from_secs(10);

/// One event of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its place in the order of arrival.
    pub position: u64,
    /// Its key, in hex.
    pub event_key: String,
    /// Every id EventBridge gave it.
    #[serde(default)]
    pub event_bridge_ids: Vec<String>,
    /// Who sent.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// What it happened to.
    pub resource: String,
    /// The bus whose key verified it; none of an event recorded before buses were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// The story.
    pub correlation_id: String,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Whose, of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The whole trace.
    #[serde(default)]
    pub trace: BTreeMap<String, Option<String>>,
    /// When it was signed, RFC 3339.
    pub ts: String,
    /// EventBridge's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// When it entered a queue, in milliseconds.
    pub sent_at: i64,
    /// The key that signed.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: String,
    /// Whether the envelope is signed too; without, only operators see it.
    pub envelope_verified: bool,
    /// The payload, as it was signed.
    pub detail_core: Box<RawValue>,
    /// What the detail-type's action says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The body as it was received, byte for byte; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A page of a correlation's events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timeline {
    /// In the order of their signed time.
    pub events: Vec<Entry>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

/// What came after a position.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changes {
    /// In the order of arrival.
    pub changes: Vec<Entry>,
    /// Where to go on.
    pub position: u64,
    /// Which journal this is: another number once it began anew or was restored. Positions of the one say nothing in the
    /// other, even where they are within it.
    #[serde(default)]
    pub generation: u64,
}

/// The changes that one answer tells in lines, as long as something is recorded.
#[derive(Debug)]
pub struct ChangeLines {
    response: Response,
    /// What of the next line was read.
    read: Vec<u8>,
}

impl ChangeLines {
    /// What came next, once it is there; none at the answer's end, after which the next one is asked for.
    ///
    /// # Errors
    /// When the journal has gone, or says what is not agreed.
    pub async fn next(&mut self) -> Result<Option<Changes>, ClientError> {
        let mut seen = 0;
        loop {
            let end = self.read.get(seen..).and_then(|new| new.iter().position(|byte| *byte == b'\n'));
            if let Some(end) = end {
                let line: Vec<u8> = self.read.drain(..=seen + end).collect();
                return from_json(&line).map(Some);
            }
            seen = self.read.len();
            if !read_on(&mut self.response, &mut self.read, ANSWER).await? {
                // A journal that answers once ends no line.
                let rest = std::mem::take(&mut self.read);
                return (!rest.is_empty()).then(|| from_json(&rest)).transpose();
            }
        }
    }
}

/// A client of the journal.
#[derive(Clone, Debug)]
pub struct JournalClient {
    service: Service,
}

impl JournalClient {
    /// The journal at `base`; `token_file` is for the journal's own audience.
    ///
    /// # Errors
    /// When the address or the CA is none.
    pub fn new(base: &str, ca: &str, token_file: impl Into<PathBuf>) -> Result<Self, ClientError> {
        Ok(Self::over(Service::new(base, ca, Some(token_file.into()))?))
    }

    /// Over a service, which should have a token.
    pub const fn over(service: Service) -> Self {
        Self { service }
    }

    /// A page of a correlation's events.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn timeline(
        &self,
        correlation_id: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Timeline, ClientError> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.service.get(&format!("/v1/timeline/{}", escape(correlation_id)), &query);
        read_json(self.service.send(request, SLACK).await?).await
    }

    /// What came after a position (without one: after all that is there now); waits up to `wait` for the first.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn changes(
        &self,
        after: impl Into<Option<u64>>,
        wait: Duration,
        limit: usize,
    ) -> Result<Changes, ClientError> {
        let request = self.changes_request(after.into(), wait, limit);
        read_json(self.service.send(request, wait + SLACK).await?).await
    }

    /// What comes after a position, as it comes, for about as long as `wait`.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn follow(&self, after: u64, wait: Duration, limit: usize) -> Result<ChangeLines, ClientError> {
        let request = self.changes_request(Some(after), wait, limit).header(ACCEPT, LINES);
        let response = self.service.send(request, wait + SLACK).await?;
        Ok(ChangeLines { response, read: Vec::new() })
    }

    fn changes_request(&self, after: Option<u64>, wait: Duration, limit: usize) -> RequestBuilder {
        let after = after.map(|after| after.to_string());
        let (wait_seconds, limit) = (wait.as_secs().to_string(), limit.to_string());
        let mut query = vec![("wait", wait_seconds.as_str()), ("limit", &limit)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        self.service.get("/v1/changes", &query)
    }

    /// A part of the events that fit.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn events(&self, filter: &EventFilter, part: Part<'_>) -> Result<Events, ClientError> {
        let Part { after, limit, bodies } = part;
        let mut query = filter.parameters();
        query.push(("limit", limit.to_string()));
        query.extend(after.map(|after| ("after", after.to_owned())));
        query.extend(bodies.then(|| ("body", "true".to_owned())));
        self.ask("/v1/events", &query).await
    }

    /// The latest correlations, at most `limit`; older ones behind the `next` of an answer.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn correlations(
        &self,
        whose: &Whose,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Correlations, ClientError> {
        let Whose { user, tenant } = whose;
        let mut query = vec![("limit", limit.to_string())];
        query.extend(user.clone().map(|user| ("user", user)));
        query.extend(tenant.clone().map(|tenant| ("tenant", tenant)));
        query.extend(after.map(|after| ("after", after.to_owned())));
        self.ask("/v1/correlations", &query).await
    }

    /// How a resource stands; a problem of status 404 where no event told.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn resource(&self, resource: &Resource) -> Result<ResourceStatus, ClientError> {
        self.ask(&format!("/v1/resources/{}", escape(resource.as_str())), &[]).await
    }

    /// What the journal was told of a correlation's dead letters.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn dead_letters(&self, correlation: &CorrelationId, limit: usize) -> Result<DeadLetters, ClientError> {
        let query = [("correlation", correlation.to_string()), ("limit", limit.to_string())];
        self.ask("/v1/dead-letters", &query).await
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Result<T, ClientError> {
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = self.service.get(path, &query);
        read_json(self.service.send(request, SLACK).await?).await
    }

    /// Settles a claim of an inbox of which the caller is a consumer.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn settle(&self, request: &ClaimRequest) -> Result<ClaimAnswer, ClientError> {
        let request = self.service.post("/v1/claims").json(request);
        read_json(self.service.send(request, LIMIT).await?).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines_of(body: impl Into<reqwest::Body>) -> ChangeLines {
        ChangeLines { response: axum::http::Response::new(body.into()).into(), read: Vec::new() }
    }

    fn line(position: u64) -> String {
        format!(r#"{{"changes":[],"position":{position}}}"#)
    }

    #[tokio::test]
    async fn each_line_is_told_and_so_is_what_ends_in_none() {
        let mut following = lines_of(format!("{}\n{}\n{}", line(1), line(2), line(3)));
        for position in 1..=3 {
            assert_eq!(following.next().await.unwrap().unwrap().position, position);
        }
        assert!(following.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_line_that_is_none_of_changes_is_told_as_an_error_and_what_is_too_large_is_not_read() {
        assert!(matches!(lines_of("{}\n").next().await, Err(ClientError::Unreadable(_))));
        assert!(matches!(lines_of(vec![b' '; ANSWER + 1]).next().await, Err(ClientError::Unreadable(_))));
    }
}
