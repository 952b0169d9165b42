//! `GET /keys/jwks-pqc`: plain for people, signed for verifiers, who hold the request open until the set changes.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use eventing::types::BusId;
use eventing_service::Problem;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::Service;
use crate::directory::Directory;

/// The longest a request is held open.
const MAX_WAIT_SECONDS: u64 = 60;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    bus: Option<String>,
    #[serde(default)]
    wait: u64,
}

/// One representation, ready to go.
struct Found {
    body: String,
    tag: String,
    content_type: &'static str,
}

pub(super) async fn get_key_set(
    State(service): State<Service>,
    ask: Result<Query<Ask>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let bus = ask.bus.as_deref().map(str::parse::<BusId>).transpose().map_err(|fault| {
        Problem::bad_request("QUERY_INVALID", "The bus is not valid.").with_field("bus", fault.reason)
    })?;
    let signed = wants_signed(&headers);
    let deadline = Instant::now() + Duration::from_secs(ask.wait.min(MAX_WAIT_SECONDS));
    let mut changes = service.directory.clone();
    loop {
        let directory = changes.borrow_and_update().clone();
        let found = find(&directory, bus.as_ref(), signed)?;
        let known = found.as_ref().is_some_and(|found| is_known(&headers, &found.tag));
        let news = found.is_some() && !known;
        if news || tokio::time::timeout_at(deadline, changes.changed()).await.map_or(true, |change| change.is_err()) {
            return answer(found, known);
        }
    }
}

fn find(directory: &Directory, bus: Option<&BusId>, signed: bool) -> Result<Option<Found>, Problem> {
    match (bus, signed) {
        (None, true) => {
            Err(Problem::bad_request("QUERY_INVALID", "A signed key set is one bus's.").with_field("bus", "is missing"))
        }
        (Some(bus), true) => Ok(directory.key_sets.get(bus).map(|set| Found {
            body: set.signed.clone(),
            tag: set.tag.clone(),
            content_type: "application/jose",
        })),
        (Some(bus), false) => Ok(directory.key_sets.get(bus).map(|set| plain(&set.keys))),
        (None, false) => {
            let keys: Vec<_> = directory.key_sets.values().flat_map(|set| set.keys.iter().cloned()).collect();
            Ok(Some(plain(&keys)))
        }
    }
}

fn plain(keys: &[serde_json::Value]) -> Found {
    let body = json!({"keys": keys}).to_string();
    let tag = hex::encode(Sha256::digest(body.as_bytes()));
    Found { body, tag, content_type: "application/json" }
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

fn answer(found: Option<Found>, known: bool) -> Result<Response, Problem> {
    let found = found.ok_or_else(|| Problem::not_found("There is no key set of this bus."))?;
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = if known { String::new() } else { found.body };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", found.tag)) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
