//! A page of events as an answer, in the form of [`eventing_http::Timeline`] and [`eventing_http::Events`]. Its entries are
//! JSON already: reading a thousand of them to write them again would take as long as finding them.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::entry::Page;

/// Bytes of an answer that are not of its entries, about.
const BESIDE: usize = 64;

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], json(&self)).into_response()
    }
}

fn json(Page { entries, next }: &Page) -> String {
    // Digits and a full stop, so there is nothing to escape.
    let next = next.map(|next| format!(r#","next":"{next}""#)).unwrap_or_default();
    let bytes: usize = entries.iter().map(|told| told.as_str().len() + 1).sum();
    let mut json = String::with_capacity(bytes + BESIDE);
    json.push_str(r#"{"events":["#);
    for (nth, told) in entries.iter().enumerate() {
        if nth > 0 {
            json.push(',');
        }
        json.push_str(told.as_str());
    }
    json.extend(["]", &next, "}"]);
    json
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use eventing_http::{Events, Timeline};

    use super::*;
    use crate::entry::{Cursor, Told};

    fn told(position: u64) -> Told {
        Told::kept(format!(
            r#"{{"position":{position},"eventKey":"ab","source":"qsl.teller","detailType":"Loan.Granted.v1","resource":"r","correlationId":"c","ts":"t","sentAt":1,"kid":"k","algorithm":"a","envelopeVerified":true,"detailCore":{{ "n" : 1 }}}}"#
        ))
    }

    #[test]
    fn it_is_what_clients_read_however_many_there_are() {
        let next = Some(Cursor { ts: -5, position: 2 });
        for (entries, next) in [(vec![], None), (vec![told(1)], next), (vec![told(1), told(2)], next)] {
            let count = entries.len();
            let json = json(&Page { entries, next });
            let events: Events = serde_json::from_str(&json).unwrap();
            let timeline: Timeline = serde_json::from_str(&json).unwrap();
            assert_eq!((events.events.len(), timeline.events.len()), (count, count));
            assert_eq!((&events.next, &timeline.next), (&next.map(|next| next.to_string()), &events.next));
            assert!(events.events.iter().all(|entry| entry.detail_core.get() == r#"{ "n" : 1 }"#));
            let positions: Vec<u64> = events.events.iter().map(|entry| entry.position).collect();
            assert_eq!(positions, (1..=2).take(count).collect::<Vec<_>>());
        }
    }
}
