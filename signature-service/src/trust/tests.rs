#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use eventing::config::ConfigDocument;
use eventing::signing::sign_config;
use eventing::time::Micros;
use serde_json::json;

use super::*;
use crate::directory::samples::{NOON, Root, depot_inbox, grant_key, trams};

/// What one offers, and the trust it is offered to.
struct Offering {
    root: Root,
    sets: BTreeMap<BusId, PublishedSet>,
    entries: BTreeMap<InboxId, Arc<str>>,
    trusted: Trusted,
}

impl Offering {
    fn new() -> Self {
        let (root, trusted) = (Root::new(), Trusted::default());
        Self { root, sets: BTreeMap::new(), entries: BTreeMap::new(), trusted }
    }

    fn set(&mut self, by: &Root, version: u64) {
        let signed = by.set(version, vec![grant_key(NOON, NOON + 9).jwk]);
        self.sets.insert(trams(), PublishedSet::read(&trams(), &signed).unwrap());
    }

    fn entry(&mut self, text: &str) {
        self.entries.insert(depot_inbox(), Arc::from(text));
    }

    fn follow(&mut self, again: bool) -> Arc<Trust> {
        let roots = self.root.hashes();
        self.trusted.follow(self.sets.iter(), self.entries.iter(), &roots, Millis::from_seconds(NOON), again);
        self.trusted.now()
    }

    fn queue(&mut self) -> Option<String> {
        self.follow(false).inboxes.get(&depot_inbox()).map(|facts| facts.queue().name().to_owned())
    }
}

fn signed_as(root: &Root, namespace: &str, kind: &str, name: &str) -> String {
    let config = json!({"queueArn": "arn:aws:sqs:eu-west-1:111122223333:stolen", "buses": ["city/trams"]});
    let (namespace, kind, name) = (namespace.to_owned(), kind.to_owned(), name.to_owned());
    let (issued, expires) = (NOON, NOON + 3_600);
    let document = ConfigDocument { namespace, kind, name, version: 9, issued, expires, config };
    sign_config(&root.key, &document, Micros(NOON * 1_000_000)).unwrap()
}

#[test]
fn only_what_the_root_signed_is_trusted() {
    let (mut offering, other) = (Offering::new(), Root::new());
    offering.set(&other, 1);
    offering.entry(&other.inbox(1, "arrivals", &["city/trams"]));
    let trust = offering.follow(false);
    assert!(trust.inboxes.is_empty() && trust.ring.set(&trams()).is_none());

    let (set, entry) = (offering.root.set(1, vec![]), offering.root.inbox(1, "arrivals", &["city/trams"]));
    offering.sets.insert(trams(), PublishedSet::read(&trams(), &set).unwrap());
    offering.entry(&entry);
    let trust = offering.follow(false);
    assert_eq!(trust.inboxes[&depot_inbox()].buses, [trams()]);
    assert_eq!(trust.ring.version(&trams()), Some(1));
}

#[test]
fn an_entry_holds_for_its_own_inbox_alone() {
    let mut offering = Offering::new();
    for (namespace, kind, name) in [
        ("elsewhere", INBOX_QUEUE, "arrivals"),
        ("depot", INBOX_QUEUE, "departures"),
        ("depot", eventing::config::EVENT_BUS, "arrivals"),
    ] {
        let text = signed_as(&offering.root, namespace, kind, name);
        offering.entry(&text);
        assert_eq!(offering.queue(), None, "{namespace} {kind} {name}");
    }
}

#[test]
fn a_version_never_goes_down_though_the_entry_was_gone() {
    let mut offering = Offering::new();
    let (old, new) = (offering.root.inbox(7, "old", &["city/trams"]), offering.root.inbox(8, "new", &["city/trams"]));
    offering.entry(&new);
    assert_eq!(offering.queue().as_deref(), Some("new"));
    offering.entry(&old);
    assert_eq!(offering.queue().as_deref(), Some("new"), "the last good one stays");
    offering.entries.clear();
    assert_eq!(offering.queue(), None, "an inbox without entry is none");
    offering.entry(&old);
    assert_eq!(offering.queue(), None);
    offering.entry(&new);
    assert_eq!(offering.queue().as_deref(), Some("new"));
}

#[test]
fn what_was_refused_is_taken_once_its_root_is_known() {
    let (mut offering, next) = (Offering::new(), Root::new());
    let entry = next.inbox(1, "arrivals", &["city/trams"]);
    offering.entry(&entry);
    offering.set(&next, 1);
    assert_eq!(offering.queue(), None);
    offering.root = next;
    assert_eq!(offering.queue().as_deref(), Some("arrivals"));
    assert_eq!(offering.trusted.now().ring.version(&trams()), Some(1));
}

#[test]
fn what_is_the_same_is_not_opened_again_and_changes_nothing() {
    let mut offering = Offering::new();
    let entry = offering.root.inbox(1, "arrivals", &["city/trams"]);
    offering.entry(&entry);
    let root = Root { key: offering.root.key.clone(), at: NOON };
    offering.set(&root, 1);
    let first = offering.follow(false);
    // Read anew, as a new list of the watch does.
    offering.entry(&entry);
    assert!(Arc::ptr_eq(&first, &offering.follow(false)));
    offering.entry("not a signature");
    assert!(Arc::ptr_eq(&first, &offering.follow(true)));
}
