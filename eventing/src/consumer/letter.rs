//! What a dead letter says of itself: the ten attributes.

use std::collections::BTreeMap;

use super::disposition::Verdict;
use super::ports::{DeadLetter, Received};
use crate::attributes;
use crate::time::Millis;
use crate::types::EventKey;

/// The longest sentence that travels.
const SENTENCE: usize = 300;

/// What is known of a message besides the verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The key named by the signature.
    pub kid: Option<String>,
    /// The event's key, where it was verified.
    pub event_key: Option<EventKey>,
    /// The purpose of the grant the message came with.
    pub purpose: Option<&'static str>,
    /// The time that stood in the check of its timestamp.
    pub sent_at: Option<Millis>,
    /// Deliveries to the handler.
    pub attempts: u32,
}

/// Builds the dead letter of a message.
pub fn dead_letter(message: &Received, verdict: &Verdict, known: &Known, failed_at: Millis) -> DeadLetter {
    let mut written = BTreeMap::from([
        (attributes::CODE, verdict.code.as_str().to_owned()),
        (attributes::MESSAGE, sentence(&verdict.message)),
        (attributes::STAGE, verdict.stage.as_str().to_owned()),
        (attributes::ATTEMPTS, known.attempts.to_string()),
        (attributes::SENT_AT, known.sent_at.unwrap_or(message.sent_at).0.to_string()),
        (attributes::FAILED_AT, failed_at.0.to_string()),
    ]);
    // Only what came with a grant that held was sent by somebody who may say so.
    let redrives = message.attributes.get(attributes::REDRIVES).filter(|_| known.purpose.is_some());
    let redrives = redrives.filter(|count| is_small_number(count));
    let optional = [
        (attributes::KID, known.kid.clone()),
        (attributes::PURPOSE, known.purpose.map(str::to_owned)),
        (attributes::HANDLER_STATUS, verdict.status.map(|status| status.to_string())),
        (attributes::REDRIVES, redrives.map(str::to_owned)),
    ];
    written.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    written.retain(|_, value| !value.is_empty());
    DeadLetter {
        body: message.body.clone(),
        attributes: written,
        group: message.group.clone(),
        message_id: message.message_id.clone(),
    }
}

fn is_small_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One line, of characters SQS takes.
fn sentence(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .take(SENTENCE)
        .collect();
    line.trim().to_owned()
}
