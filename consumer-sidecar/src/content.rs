//! What a request to publish may hold, by its `Content-Type`: events of ours, or CloudEvents in one of the three modes
//! of their HTTP binding. Anything else is refused: a form of a browser's page is one of these never.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use eventing::publish::cloud_events::{parse_batch, parse_binary, parse_structured};
use eventing::publish::ids::IdempotencyKey;
use eventing::publish::{FieldError, InputFault, Keys, Posted, parse_events};
use percent_encoding::percent_decode;

use crate::problem::Problem;

/// The header whose presence says that a request has CloudEvents' attributes in its headers.
const PREFIX: &str = "ce-";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// In which form events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// Ours: one event, or a list.
    Events,
    /// `application/cloudevents+json`.
    Structured,
    /// `application/cloudevents-batch+json`.
    Batch,
    /// `application/json`, with `ce-` headers.
    Binary,
}

impl ContentKind {
    /// What a request's headers say.
    ///
    /// # Errors
    /// 403 where it is nothing that is published.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let content_type = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            _ if types.next().is_some() => {}
            "application/cloudevents+json" => return Ok(Self::Structured),
            "application/cloudevents-batch+json" => return Ok(Self::Batch),
            "application/json" if headers.keys().any(|name| name.as_str().starts_with(PREFIX)) => {
                return Ok(Self::Binary);
            }
            "application/json" => return Ok(Self::Events),
            _ => {}
        }
        let detail =
            "Content-Type must be application/json, application/cloudevents+json or application/cloudevents-batch+json";
        Err(Problem::new(StatusCode::FORBIDDEN, "CONTENT_TYPE_NOT_JSON", detail))
    }

    /// Reads a body of this kind.
    ///
    /// # Errors
    /// With each field, attribute and header at fault.
    pub fn read(self, headers: &HeaderMap, body: &[u8]) -> Result<Posted, InputFault> {
        if self != Self::Events && headers.contains_key(IDEMPOTENCY_KEY) {
            return Err(fault("Idempotency-Key", "goes with no CloudEvent: its id is its key"));
        }
        match self {
            Self::Structured => parse_structured(body),
            Self::Batch => parse_batch(body),
            Self::Binary => parse_binary(&attributes(headers)?, body),
            Self::Events => {
                let keys = idempotency_key(headers)?.map_or(Keys::None, Keys::OfRequest);
                let (events, in_list) = parse_events(body)?;
                Ok(Posted { events, in_list, keys })
            }
        }
    }
}

fn fault(field: &str, reason: &str) -> InputFault {
    InputFault::Fields(vec![FieldError { field: field.to_owned(), reason: reason.to_owned() }])
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, InputFault> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().map_err(|_| fault("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))?;
    IdempotencyKey::parse(text).map(Some).map_err(|error| fault("Idempotency-Key", error.reason))
}

/// The attributes in a request's headers, by their names without `ce-`.
fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, InputFault> {
    let named = |(name, value): (&axum::http::HeaderName, &HeaderValue)| {
        let attribute = name.as_str().strip_prefix(PREFIX)?.to_owned();
        let decoded = decoded(value).ok_or_else(|| fault(name.as_str(), "must be UTF-8, percent-encoded"));
        Some(decoded.map(|text| (attribute, text)))
    };
    headers.iter().filter_map(named).collect()
}

/// A header's value as section 3.1.3.2 has it decoded: first what is within quotes, then one round of percent-decoding.
fn decoded(value: &HeaderValue) -> Option<String> {
    let text = std::str::from_utf8(value.as_bytes()).ok()?.trim();
    let text = match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => unescaped(quoted),
        None => text.to_owned(),
    };
    percent_decode(text.as_bytes()).decode_utf8().ok().map(String::from)
}

/// A quoted string without the backslashes before its characters (RFC 9110, 5.6.4).
fn unescaped(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_header_s_value_is_decoded_once() {
        for (header, value) in [
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            (r#""line \"7\"""#, r#"line "7""#),
            ("100%25", "100%"),
            ("%2525", "%25"),
            (" ride-4 ", "ride-4"),
            ("50%", "50%"),
            ("\"", "\""),
        ] {
            assert_eq!(
                decoded(&HeaderValue::from_bytes(header.as_bytes()).unwrap()).as_deref(),
                Some(value),
                "{header}"
            );
        }
        assert_eq!(decoded(&HeaderValue::from_static("%FF")), None);
    }
}
