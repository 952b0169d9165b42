//! The body of `POST /v1/grants`, parsed, every fault with its field.

use eventing::grant::Purpose;
use eventing::json::{Fault, Json, Limits, parse};
use eventing::publish::FieldError;
use eventing::time::Millis;

use eventing::types::InboxId;

/// The most bytes of a request: a message's body may have a mebibyte, and as a JSON text up to three times that
/// (`"` takes two bytes, `ü` written in ASCII six for its two).
pub const MAX_ASK_BYTES: usize = (3 << 20) + 4_096;

/// A request for a grant that has its form.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// The inbox the message is sent to.
    pub inbox: InboxId,
    /// Why.
    pub purpose: Purpose,
    /// When the message first entered a queue, by the caller's word.
    pub sent_at: Millis,
    /// The message's body, byte for byte.
    pub body: String,
}

/// Shows no payload.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { inbox, purpose, sent_at, body } = self;
        let mut shown = f.debug_struct("Ask");
        shown.field("inbox", inbox).field("purpose", purpose).field("sent_at", sent_at);
        shown.field("body_bytes", &body.len()).finish()
    }
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskFault {
    /// More than [`MAX_ASK_BYTES`].
    TooLarge,
    /// These fields are wrong.
    Fields(Vec<FieldError>),
}

/// Reads a request.
///
/// # Errors
/// Every field that is wrong.
pub fn parse_ask(request: &[u8]) -> Result<Ask, AskFault> {
    let json = parse(request, Limits { bytes: MAX_ASK_BYTES, depth: 2 }).map_err(|fault| match fault {
        Fault::TooLarge => AskFault::TooLarge,
        other => AskFault::Fields(vec![wrong("", &other.to_string())]),
    })?;
    let object = json.as_object().ok_or_else(|| AskFault::Fields(vec![wrong("", "must be an object")]))?;
    let mut errors: Vec<FieldError> = object
        .iter()
        .filter(|(name, _)| !matches!(*name, "inbox" | "purpose" | "sentAt" | "body"))
        .map(|(name, _)| wrong(name, "is not a field of a request"))
        .collect();
    let text = |name: &str| object.get(name).and_then(Json::as_str);
    let inbox = match text("inbox").map(str::parse::<InboxId>) {
        Some(Ok(inbox)) => Some(inbox),
        Some(Err(fault)) => note(&mut errors, "inbox", fault.reason),
        None => note(&mut errors, "inbox", "must be a text"),
    };
    let purposes = [Purpose::Redrive, Purpose::Replay];
    let purpose = purposes.into_iter().find(|purpose| text("purpose") == Some(purpose.as_str()));
    let purpose = purpose.or_else(|| note(&mut errors, "purpose", "must be redrive or replay"));
    let sent_at = object.get("sentAt").and_then(Json::as_integer).filter(|millis| *millis >= 0).map(Millis);
    let sent_at = sent_at.or_else(|| note(&mut errors, "sentAt", "must be milliseconds since 1970"));
    let body = text("body").map(str::to_owned).or_else(|| note(&mut errors, "body", "must be a text"));
    match (inbox, purpose, sent_at, body) {
        (Some(inbox), Some(purpose), Some(sent_at), Some(body)) if errors.is_empty() => {
            Ok(Ask { inbox, purpose, sent_at, body })
        }
        _ => Err(AskFault::Fields(errors)),
    }
}

fn wrong(field: &str, reason: &str) -> FieldError {
    FieldError { field: field.to_owned(), reason: reason.to_owned() }
}

fn note<T>(errors: &mut Vec<FieldError>, field: &str, reason: &str) -> Option<T> {
    errors.push(wrong(field, reason));
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({"inbox": "depot/arrivals", "purpose": "redrive", "sentAt": 1_795_000_000_000_i64, "body": "{\"a\": \"é\"}"})
    }

    fn faults(request: &str) -> Vec<String> {
        match parse_ask(request.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(AskFault::TooLarge) => vec!["too large".to_owned()],
            Err(AskFault::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn a_good_request_is_read_and_its_body_byte_for_byte() {
        let ask = parse_ask(good().to_string().as_bytes()).unwrap();
        assert_eq!((ask.inbox.namespace(), ask.inbox.name()), ("depot", "arrivals"));
        assert_eq!((ask.purpose, ask.sent_at), (Purpose::Redrive, Millis(1_795_000_000_000)));
        assert_eq!(ask.body, "{\"a\": \"é\"}");
        assert!(!format!("{ask:?}").contains('é'), "{ask:?}");
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (field, bad) in [
            ("inbox", json!("arrivals")),
            ("inbox", json!("depot/Arrivals")),
            ("inbox", json!("depot/arrivals/more")),
            ("purpose", json!("Redrive")),
            ("purpose", json!(null)),
            ("sentAt", json!("1795000000000")),
            ("sentAt", json!(1.5)),
            ("sentAt", json!(-1)),
            ("body", json!({"a": 1})),
            ("grant", json!("a.b.c")),
        ] {
            let mut request = good();
            request.as_object_mut().unwrap().insert(field.to_owned(), bad.clone());
            assert_eq!(faults(&request.to_string()), [field], "{bad}");
        }
        assert_eq!(faults("{}"), ["inbox", "purpose", "sentAt", "body"]);
        assert_eq!(faults("[]"), [""]);
        assert_eq!(faults(&good().to_string().replacen("\"purpose\"", "\"body\":\"x\",\"purpose\"", 1)), [""]);
        assert_eq!(faults(&" ".repeat(MAX_ASK_BYTES + 1)), ["too large"]);
    }

    #[test]
    fn the_largest_message_fits_however_it_is_escaped() {
        let body = "\"".repeat(1 << 20);
        let mut request = good();
        request.as_object_mut().unwrap().insert("body".to_owned(), json!(body));
        assert_eq!(parse_ask(request.to_string().as_bytes()).unwrap().body, body);
        let ascii =
            format!(r#"{{"inbox":"a/b","purpose":"replay","sentAt":0,"body":"{}"}}"#, "\\u00fc".repeat(1 << 19));
        assert_eq!(parse_ask(ascii.as_bytes()).unwrap().body.len(), 1 << 20);
    }
}
