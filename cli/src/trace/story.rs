//! How a story reads.

use std::fmt::Write as _;

use eventing_http::{DeadLetterReport, Entry};
use jiff::Timestamp;

use crate::out::rfc3339;
use crate::table::{Table, harmless};
use eventing::time::Millis;

/// The events under each other, and the dead letters after them.
pub(super) fn told(events: &[Entry], dead_letters: &[DeadLetterReport], payload: bool) -> String {
    let mut table = Table::new(["SIGNED AT", "AFTER", "SOURCE", "DETAIL-TYPE", "RESOURCE", "VERIFIED"]);
    let mut before = None;
    for event in events {
        let at: Option<Timestamp> = event.ts.parse().ok();
        table.row([
            event.ts.clone(),
            at.zip(before).map(|(at, before)| after(at, before)).unwrap_or_default(),
            event.source.clone(),
            event.detail_type.clone(),
            event.resource.clone(),
            verified(event),
        ]);
        before = at.or(before);
    }
    let mut lines = table.to_string();
    if events.is_empty() {
        lines.clear();
    } else if payload {
        lines = with_payloads(&lines, events);
    }
    if !dead_letters.is_empty() {
        if !events.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&letters(events, dead_letters));
    }
    lines
}

/// Which key, of which algorithm, vouches for it, and for how much of it.
fn verified(event: &Entry) -> String {
    let Entry { kid, algorithm, envelope_verified, .. } = event;
    let of = if *envelope_verified { "" } else { ", its payload alone" };
    format!("{algorithm} {kid}{of}")
}

/// How long after the one before.
fn after(at: Timestamp, before: Timestamp) -> String {
    let millis = at.as_millisecond().saturating_sub(before.as_millisecond());
    match millis {
        ..10_000 => format!("+{}.{:03} s", millis / 1_000, millis.rem_euclid(1_000)),
        10_000..600_000 => format!("+{} s", millis / 1_000),
        _ => format!("+{} min", millis / 60_000),
    }
}

/// Each line of an event, with its payload below.
fn with_payloads(table: &str, events: &[Entry]) -> String {
    let mut lines = String::new();
    let mut events = events.iter();
    for (nth, line) in table.lines().enumerate() {
        let _ = writeln!(lines, "{line}");
        if let Some(event) = (nth > 0).then(|| events.next()).flatten() {
            let _ = writeln!(lines, "    {}", harmless(event.detail_core.get()));
        }
    }
    lines
}

/// What consumers told. What one claims of itself is said to be a claim: nothing of it was verified.
fn letters(events: &[Entry], dead_letters: &[DeadLetterReport]) -> String {
    let mut table = Table::new(["DEAD LETTER AT", "INBOX", "CODE", "STAGE", "ATTEMPTS", "EVENT"]);
    for letter in dead_letters {
        let DeadLetterReport { inbox, code, stage, attempts, failed_at, event_key, claimed_correlation_id: _ } = letter;
        let key = event_key.map(|key| key.to_string());
        let of =
            |key: &String| events.iter().find(|event| event.event_key == *key).map(|event| event.detail_type.clone());
        let event =
            key.map_or_else(|| "unverified: it claims this correlation".to_owned(), |key| of(&key).unwrap_or(key));
        table.row([
            rfc3339(Millis(*failed_at)),
            inbox.to_string(),
            code.clone(),
            stage.clone(),
            attempts.to_string(),
            event,
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn event(detail_type: &str, ts: &str, key: &str, envelope_verified: bool) -> Entry {
        let event: Value = json!({
            "position": 1, "eventKey": key, "source": "qsl.trams", "detailType": detail_type,
            "resource": "urn:qsl:trams:line:7", "correlationId": "ride-1", "ts": ts, "sentAt": 1, "kid": "trams-b",
            "algorithm": "ML-DSA-44", "envelopeVerified": envelope_verified, "detailCore": {"doors": "shut\u{1b}[2J"},
        });
        serde_json::from_str(&event.to_string()).unwrap()
    }

    fn letter(event_key: Option<&str>) -> DeadLetterReport {
        let letter = json!({"inbox": "yard/arrivals", "code": "HANDLER_REJECTED", "stage": "handler", "attempts": 5,
            "failedAt": 1_795_420_800_000_i64, "eventKey": event_key});
        serde_json::from_value(letter).unwrap()
    }

    #[test]
    fn a_story_reads_from_the_first_event_to_its_dead_letters() {
        let key = "ab".repeat(32);
        let events = [
            event("Tram.Left.v1", "2026-11-23T08:00:00.000001Z", &key, true),
            event("Tram.Stopped.v1", "2026-11-23T08:00:01.250001Z", &"cd".repeat(32), false),
        ];
        let said = told(&events, &[letter(Some(&key)), letter(None)], true);
        let lines: Vec<String> =
            said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "SIGNED AT AFTER SOURCE DETAIL-TYPE RESOURCE VERIFIED",
                "2026-11-23T08:00:00.000001Z - qsl.trams Tram.Left.v1 urn:qsl:trams:line:7 ML-DSA-44 trams-b",
                r#"{"doors":"shut\u001b[2J"}"#,
                "2026-11-23T08:00:01.250001Z +1.250 s qsl.trams Tram.Stopped.v1 urn:qsl:trams:line:7 ML-DSA-44 trams-b, \
                 its payload alone",
                r#"{"doors":"shut\u001b[2J"}"#,
                "",
                "DEAD LETTER AT INBOX CODE STAGE ATTEMPTS EVENT",
                "2026-11-23T08:00:00Z yard/arrivals HANDLER_REJECTED handler 5 Tram.Left.v1",
                "2026-11-23T08:00:00Z yard/arrivals HANDLER_REJECTED handler 5 unverified: it claims this correlation",
            ]
        );
        assert!(!said.contains('\u{1b}'));
    }

    #[test]
    fn dead_letters_are_told_where_no_event_is_there() {
        let said = told(&[], &[letter(None)], false);
        assert!(said.starts_with("DEAD LETTER AT"), "{said}");
    }

    #[test]
    fn spans_are_told_as_finely_as_they_matter() {
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
        for (millis, said) in [(0, "+0.000 s"), (9_999, "+9.999 s"), (10_000, "+10 s"), (600_000, "+10 min")] {
            assert_eq!(after(at(5 + millis), at(5)), said);
        }
    }
}
