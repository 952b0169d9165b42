//! `GET /keys/jwks-pqc`: plain for people, signed for verifiers, who hold the request open until the set changes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use eventing::types::BusId;
use eventing_service::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::Service;
use crate::directory::{Directory, PublishedSet};

/// The longest a request is held open.
const MAX_WAIT_SECONDS: u64 = 60;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    bus: Option<String>,
    #[serde(default)]
    wait: u64,
}

/// Which representation is asked for.
enum Wanted {
    /// The signed bytes of one bus.
    Signed(BusId),
    /// The keys of one bus, plain.
    Plain(BusId),
    /// Those of all buses, plain.
    All,
}

pub(super) async fn get_key_set(
    State(service): State<Service>,
    ask: Result<Query<Ask>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let wanted = Wanted::read(ask.bus.as_deref(), &headers)?;
    let deadline = Instant::now() + held_for(ask.wait);
    let mut changes = service.directory.clone();
    let mut waiting = None;
    loop {
        let directory = changes.borrow_and_update().clone();
        let tag = wanted.tag(&directory);
        let known = tag.as_deref().is_some_and(|tag| is_known(&headers, tag));
        let is_late = ask.wait == 0 || Instant::now() >= deadline || service.shutdown.is_cancelled();
        if is_late || (tag.is_some() && !known) {
            return wanted.answer(&directory, tag, known);
        }
        // A place is taken only by those who are held: news is for everybody.
        if waiting.is_none() {
            waiting = Some((service.places.to_wait()?, service.metrics.waiting()));
        }
        tokio::select! {
            () = service.shutdown.cancelled() => {}
            () = tokio::time::sleep_until(deadline) => {}
            changed = changes.changed() => if changed.is_err() {
                return wanted.answer(&directory, tag, known);
            },
        }
    }
}

fn held_for(wait_seconds: u64) -> Duration {
    Duration::from_secs(wait_seconds.min(MAX_WAIT_SECONDS))
}

impl Wanted {
    fn read(bus: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let bus = bus.map(str::parse::<BusId>).transpose().map_err(|fault| {
            Problem::bad_request("QUERY_INVALID", "The bus is not valid.").with_field("bus", fault.reason)
        })?;
        match (bus, wants_signed(headers)) {
            (None, true) => {
                Err(Problem::bad_request("QUERY_INVALID", "A signed key set is one bus's.")
                    .with_field("bus", "is missing"))
            }
            (Some(bus), true) => Ok(Self::Signed(bus)),
            (Some(bus), false) => Ok(Self::Plain(bus)),
            (None, false) => Ok(Self::All),
        }
    }

    /// The entity tag, if there is such a representation. Nothing of the sets themselves is copied for it: whoever
    /// waits compares this at every change.
    fn tag(&self, directory: &Directory) -> Option<Arc<str>> {
        match self {
            Self::Signed(bus) => directory.key_sets.get(bus).map(|set| Arc::clone(&set.tag)),
            Self::Plain(bus) => directory.key_sets.get(bus).map(|set| Arc::clone(&set.plain_tag)),
            Self::All => {
                let mut hash = Sha256::new();
                directory.key_sets.values().for_each(|set| hash.update(set.plain_tag.as_bytes()));
                Some(Arc::from(hex::encode(hash.finalize())))
            }
        }
    }

    fn body(&self, directory: &Directory) -> Body {
        match self {
            Self::Signed(bus) => directory.key_sets.get(bus).map_or_else(Body::empty, signed),
            Self::Plain(bus) => plain(directory.key_sets.get(bus).into_iter()),
            Self::All => plain(directory.key_sets.values()),
        }
    }

    fn answer(&self, directory: &Directory, tag: Option<Arc<str>>, known: bool) -> Result<Response, Problem> {
        let tag = tag.ok_or_else(|| Problem::not_found("There is no key set of this bus."))?;
        let content_type = if matches!(self, Self::Signed(_)) { "application/jose" } else { "application/json" };
        let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let body = if known { Body::empty() } else { self.body(directory) };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
            headers.insert(header::ETAG, tag);
        }
        Ok(response)
    }
}

/// The one text that all answers share.
fn signed(set: &Arc<PublishedSet>) -> Body {
    struct Shared(Arc<str>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    Body::from(Bytes::from_owner(Shared(Arc::clone(&set.signed))))
}

fn plain<'a>(sets: impl Iterator<Item = &'a Arc<PublishedSet>>) -> Body {
    let keys: Vec<&Value> = sets.flat_map(|set| &set.keys).collect();
    Body::from(json!({"keys": keys}).to_string())
}

fn wants_signed(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/jose")))
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one.strip_prefix("W/").unwrap_or(one).trim_matches('"') == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_held_for_more_than_a_minute() {
        assert_eq!(held_for(0), Duration::ZERO);
        assert_eq!(held_for(59), Duration::from_secs(59));
        for long in [60, 61, 3_600, u64::MAX] {
            assert_eq!(held_for(long), Duration::from_mins(1));
        }
    }
}
