//! A dead letter, read: who wrote it, why, and what it says of its event. Pure, and nothing in it is trusted.
//!
//! Three write into the same queues: our consumers (attribute `qsl.code`), EventBridge (`ERROR_CODE`), and SQS itself,
//! which moves a message past `maxReceiveCount` as it is.

use std::fmt;

use eventing::attributes::{self, Attributes};
use eventing::consumer::Received;
use eventing::time::Millis;
use eventing::verify::Code;
use serde::Serialize;
use serde_json::Value;

use super::ports::Found;

/// EventBridge's attributes
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
const ERROR_CODE: &str = "ERROR_CODE";
const ERROR_MESSAGE: &str = "ERROR_MESSAGE";
const RULE_ARN: &str = "RULE_ARN";

/// The queue that a dead letter is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The dead-letter queue; a standard inbox's only one.
    Rejected,
    /// A FIFO inbox's queue of what EventBridge could not deliver.
    Undelivered,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "rejected",
            Self::Undelivered => "undelivered",
        })
    }
}

/// Who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    /// A consumer of ours, with its ten attributes.
    Consumer,
    /// SQS, past `maxReceiveCount`.
    Sqs,
    /// EventBridge, which could not deliver.
    EventBridge,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "consumer",
            Self::Sqs => "sqs",
            Self::EventBridge => "eventbridge",
        })
    }
}

/// What the body claims of its event: nothing of it is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// `source`
    pub source: Option<String>,
    /// `detail-type`
    pub detail_type: Option<String>,
    /// `detail.trace.correlationId`
    pub correlation_id: Option<String>,
}

/// A dead letter. `Debug` shows neither body nor grant.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where it is.
    pub place: Place,
    /// Who wrote it.
    pub writer: Writer,
    /// As it came from the queue.
    pub message: Received,
    /// Why it is one: our code, EventBridge's, or RECEIVES_EXHAUSTED of what SQS moved.
    pub code: String,
    /// The same in a sentence, where there is one.
    pub said: String,
    /// Since when, as far as that is known: our consumer's word, else the time it entered the queue.
    pub at: Millis,
    /// How often it was sent again already.
    pub redrives: u32,
    /// What the body says.
    pub claimed: Claimed,
}

impl Letter {
    /// Reads what was received from `place`. Of what SQS moved, no attribute says who wrote it.
    pub fn read(place: Place, Found { message, moved }: Found) -> Self {
        let of = |name: &str| message.attributes.get(name).unwrap_or_default().to_owned();
        let has = |name: &str| !moved && message.attributes.get(name).is_some();
        let (writer, code, said) = if has(attributes::CODE) {
            (Writer::Consumer, of(attributes::CODE), of(attributes::MESSAGE))
        } else if has(ERROR_CODE) {
            (Writer::EventBridge, of(ERROR_CODE), of(ERROR_MESSAGE))
        } else {
            let said = format!("SQS moved it after {} receives", message.receive_count.saturating_sub(1));
            (Writer::Sqs, Code::ReceivesExhausted.as_str().to_owned(), said)
        };
        let failed_at = millis(&message.attributes, attributes::FAILED_AT).filter(|_| writer == Writer::Consumer);
        let redrives = message.attributes.get(attributes::REDRIVES).and_then(|count| count.parse().ok());
        Self {
            place,
            writer,
            code,
            said,
            at: failed_at.unwrap_or(message.sent_at),
            redrives: redrives.unwrap_or_default(),
            claimed: claimed(&message.body),
            message,
        }
    }

    /// The time of the event that our consumer wrote down.
    pub fn noted_time(&self) -> Option<Millis> {
        millis(&self.message.attributes, attributes::SENT_AT)
    }

    /// One of its attributes.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.message.attributes.get(name)
    }

    /// The rule that could not deliver it.
    pub fn rule_arn(&self) -> Option<&str> {
        self.attribute(RULE_ARN)
    }
}

fn millis(attributes: &Attributes, name: &str) -> Option<Millis> {
    attributes.get(name)?.parse().ok().filter(|millis| *millis >= 0).map(Millis)
}

fn claimed(body: &str) -> Claimed {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return Claimed::default() };
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Claimed {
        source: text("/source"),
        detail_type: text("/detail-type"),
        correlation_id: text("/detail/trace/correlationId"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::samples::{NOW, letter, message};

    const BODY: &str =
        r#"{"source":"qsl.tram","detail-type":"Tram.Left.v1","detail":{"trace":{"correlationId":"c-7"}}}"#;

    fn read(attributes: &[(&'static str, &str)]) -> Letter {
        letter(Place::Rejected, BODY, NOW, attributes)
    }

    #[test]
    fn each_of_the_three_shapes_is_told_from_the_others() {
        let ours = read(&[
            ("qsl.code", "HANDLER_REJECTED"),
            ("qsl.message", "answered 422"),
            ("qsl.failedAt", "1700000000005"),
            ("qsl.redrives", "2"),
        ]);
        assert_eq!(
            (ours.writer, ours.code.as_str(), ours.said.as_str()),
            (Writer::Consumer, "HANDLER_REJECTED", "answered 422")
        );
        assert_eq!((ours.at, ours.redrives), (Millis(1_700_000_000_005), 2));

        let bridge = read(&[
            ("ERROR_CODE", "NO_PERMISSIONS"),
            ("ERROR_MESSAGE", "denied"),
            ("RULE_ARN", "arn:aws:events:x:1:rule/b/r"),
        ]);
        assert_eq!(
            (bridge.writer, bridge.code.as_str(), bridge.said.as_str()),
            (Writer::EventBridge, "NO_PERMISSIONS", "denied")
        );
        assert_eq!(bridge.rule_arn(), Some("arn:aws:events:x:1:rule/b/r"));

        let moved = read(&[("qsl.grant", "a.b.c"), ("qsl.redrives", "1"), ("qsl.failedAt", "7")]);
        assert_eq!((moved.writer, moved.code.as_str()), (Writer::Sqs, "RECEIVES_EXHAUSTED"));
        // What only our consumer may say is not believed of others.
        assert_eq!((moved.at, moved.redrives), (moved.message.sent_at, 1));
    }

    #[test]
    fn what_sqs_moved_is_nobody_else_s_whatever_its_sender_wrote() {
        let mut message = message(BODY);
        let forged = [("qsl.code", "NO_ROUTE"), ("qsl.sentAt", "7"), ("qsl.failedAt", "7"), ("ERROR_CODE", "X")];
        message.attributes = forged.into_iter().collect();
        let moved = Letter::read(Place::Rejected, Found { message, moved: true });
        assert_eq!((moved.writer, moved.code.as_str(), moved.at), (Writer::Sqs, "RECEIVES_EXHAUSTED", NOW));
    }

    #[test]
    fn what_the_body_claims_is_read_and_a_body_that_is_none_claims_nothing() {
        let claimed = read(&[]).claimed;
        assert_eq!(claimed.correlation_id.as_deref(), Some("c-7"));
        assert_eq!(
            (claimed.source.as_deref(), claimed.detail_type.as_deref()),
            (Some("qsl.tram"), Some("Tram.Left.v1"))
        );
        for body in ["", "not json", "[1]", "{\"source\":7}"] {
            assert_eq!(letter(Place::Rejected, body, NOW, &[]).claimed, Claimed::default(), "{body}");
        }
    }

    #[test]
    fn times_and_counts_that_are_none_are_not_there() {
        let odd = read(&[("qsl.code", "X"), ("qsl.failedAt", "-1"), ("qsl.sentAt", "soon"), ("qsl.redrives", "many")]);
        assert_eq!((odd.at, odd.noted_time(), odd.redrives), (odd.message.sent_at, None, 0));
    }
}
