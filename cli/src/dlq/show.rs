//! What is printed of dead letters: columns, or JSON. No grant is ever shown.

use eventing::attributes;
use eventing::time::Millis;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::judge::{Judge, Verdict};
use super::letter::{Claimed, Letter, Place, Writer};
use super::redrive::{Outcome, Sent};
use crate::out::rfc3339;
use crate::resend::Leaving;
use crate::table::{Table, span};

/// A dead letter, as list shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    id: String,
    queue: Place,
    writer: Writer,
    code: String,
    message: String,
    /// Since when it is dead, as far as that is known.
    dead_since: String,
    #[serde(skip)]
    at: Millis,
    redrives: u32,
    #[serde(flatten)]
    claimed: Claimed,
    redrive: Redrive,
}

/// What redrive would do with it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Redrive {
    /// `ok`, or the code for which it would stay.
    verdict: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Millis>,
}

impl Line {
    /// The line of a letter.
    pub fn of(letter: &Letter, judge: &Judge, now: Millis) -> Self {
        let redrive = match judge.judge(letter, now) {
            Verdict::Send(sending) => {
                Redrive { verdict: "ok".to_owned(), why: String::new(), sent_at: Some(sending.sent_at) }
            }
            Verdict::Leave(Leaving { code, why }) => Redrive { verdict: code, why, sent_at: None },
        };
        Self {
            id: letter.message.message_id.to_string(),
            queue: letter.place,
            writer: letter.writer,
            code: letter.code.clone(),
            message: letter.said.clone(),
            dead_since: rfc3339(letter.at),
            at: letter.at,
            redrives: letter.redrives,
            claimed: letter.claimed.clone(),
            redrive,
        }
    }

    fn cells(self, now: Millis) -> [String; 8] {
        let text = |text: Option<String>| text.unwrap_or_default();
        [
            self.id,
            self.queue.to_string(),
            self.writer.to_string(),
            self.code,
            span(now.distance(self.at) / 1_000),
            text(self.claimed.detail_type),
            text(self.claimed.correlation_id),
            self.redrive.verdict,
        ]
    }
}

/// All of them in columns.
pub fn table(lines: Vec<Line>, now: Millis) -> Table<8> {
    let mut table = Table::new(["ID", "QUEUE", "WRITER", "CODE", "AGE", "DETAIL-TYPE", "CORRELATION", "REDRIVE"]);
    for line in lines {
        table.row(line.cells(now));
    }
    table
}

/// A letter whole, but for its grant.
pub fn whole(letter: &Letter, judge: &Judge, now: Millis) -> Value {
    let shown = letter.message.attributes.iter().filter(|(name, _)| *name != attributes::GRANT);
    let attributes: Map<String, Value> = shown.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "letter": Line::of(letter, judge, now),
        "sentTimestamp": rfc3339(letter.message.sent_at),
        "receives": letter.message.receive_count,
        "messageGroupId": letter.message.group,
        "attributes": attributes,
        "body": letter.message.body,
    })
}

/// A letter that is deleted, or would be, in a line.
pub fn dropped(letter: &Letter, word: &str) -> Value {
    let (id, code) = (&letter.message.message_id, &letter.code);
    json!({"outcome": word, "id": id, "deadFor": code, "correlationId": letter.claimed.correlation_id})
}

/// What became of a letter, in a line.
pub fn outcome(letter: &Letter, outcome: &Outcome) -> Value {
    let (word, sent, leaving, warning) = match outcome {
        Outcome::Sent(sent) => ("sent", Some(sent), None, None),
        Outcome::WouldBeSent(sent) => ("wouldBeSent", Some(sent), None, None),
        Outcome::SentNotDeleted(sent, why) => ("sentNotDeleted", Some(sent), None, Some(why)),
        Outcome::Left(leaving) => ("left", None, Some(leaving), None),
    };
    let mut line = Map::new();
    line.insert("outcome".to_owned(), json!(word));
    line.insert("id".to_owned(), json!(letter.message.message_id));
    line.insert("deadFor".to_owned(), json!(letter.code));
    line.insert("correlationId".to_owned(), json!(letter.claimed.correlation_id));
    if let Some(Sent { sent_at, is_late, redrives }) = sent {
        line.insert("sentAt".to_owned(), json!(rfc3339(*sent_at)));
        line.insert("acceptedLate".to_owned(), json!(is_late));
        line.insert("redrives".to_owned(), json!(redrives));
    }
    if let Some(Leaving { code, why }) = leaving {
        line.insert("code".to_owned(), json!(code));
        line.insert("message".to_owned(), json!(why));
    }
    if let Some(why) = warning {
        line.insert("warning".to_owned(), json!(format!("it is still a dead letter: {why}")));
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::samples::{HOUR, NOW, Site, judge, letter};

    #[test]
    fn dead_letters_of_every_shape_have_their_line() {
        let site = Site::new();
        let (body, noted) = (site.event(NOW), NOW.0.to_string());
        let letters = [
            letter(
                Place::Rejected,
                &body,
                NOW,
                &[("qsl.code", "HANDLER_REJECTED"), ("qsl.sentAt", &noted), ("qsl.failedAt", &noted)],
            ),
            letter(Place::Undelivered, &body, NOW.plus_millis(HOUR), &[("ERROR_CODE", "NO_PERMISSIONS")]),
            letter(Place::Rejected, "\u{1b}[2J no event", NOW, &[]),
        ];
        let now = NOW.plus_millis(2 * HOUR);
        let lines = letters.iter().map(|letter| Line::of(letter, &judge(&site), now)).collect();
        insta::assert_snapshot!(table(lines, now).to_string());
    }

    #[test]
    fn a_letter_is_shown_whole_but_for_its_grant() {
        let site = Site::new();
        let shown = whole(
            &letter(Place::Rejected, "{\"a\": 1}", NOW, &[("qsl.grant", "a.b.c"), ("qsl.redrives", "1")]),
            &judge(&site),
            NOW,
        );
        assert_eq!(shown.get("body"), Some(&json!("{\"a\": 1}")), "byte for byte");
        assert_eq!(shown.get("attributes"), Some(&json!({"qsl.redrives": "1"})));
        assert!(!shown.to_string().contains("a.b.c"));
    }
}
