//! `kubectl-qsl trace`, over the journal of the replay's test.

use eventing_http::DeadLetterReport;
use journal::event::NewEvent;
use journal::store::{DeadLetterStore as _, SurrealStore};
use serde_json::json;

use crate::lines;
use crate::site::Site;

/// The story of this event, which is in the journal, as people and programs are told it.
pub(crate) fn a_story_is_told(site: &Site, store: &SurrealStore, event: &NewEvent) {
    let correlation = event.correlation_id.as_str();
    let without = site.qsl(&["trace", correlation]);
    assert_eq!(without.code, 2, "{}", without.err);
    assert!(without.err.contains("ConfigMap qsl-eventing"), "{}", without.err);
    site.write_entries("ops", &json!({"inbox_journal": site.inbox_entry("ops", "journal", &site.urls[1])}));
    let letter: DeadLetterReport = serde_json::from_value(json!({
        "inbox": "depot/arrivals", "code": "HANDLER_REJECTED", "stage": "handler", "attempts": 5,
        "failedAt": site.now.0, "eventKey": event.key.to_string(),
    }))
    .unwrap();
    site.block_on(store.record(&letter)).unwrap();

    let told = site.qsl(&["trace", correlation, "--payload"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{}", told.out);
    for part in [event.detail_type.as_str(), event.resource.as_str(), event.kid.as_str(), &event.detail_core] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let letter = told.out.lines().last().unwrap();
    assert!(letter.contains("depot/arrivals") && letter.ends_with(event.detail_type.as_str()), "{letter}");

    let json = lines(&site.qsl(&["trace", correlation, "-o", "json"]).out);
    let events: Vec<_> = json.iter().filter(|line| line["event"].is_object()).collect();
    assert!(events.iter().any(|line| line["event"]["eventKey"] == event.key.to_string()));
    assert!(events.iter().all(|line| line["event"]["correlationId"] == correlation));
    assert_eq!(json.last().unwrap()["deadLetter"]["code"], "HANDLER_REJECTED");

    let unknown = site.qsl(&["trace", "nobody-knows-this"]);
    assert_eq!((unknown.code, unknown.out.trim()), (3, ""), "{}", unknown.err);
    assert!(unknown.err.contains("knows nothing of correlation nobody-knows-this"), "{}", unknown.err);
}
