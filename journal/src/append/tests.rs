#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::testing::event;

#[test]
fn new_events_take_the_next_places_in_their_order() {
    let batch = [event("a").build(), event("b").build()];
    let changes = append(&batch, Known { end: 7, ..Known::default() });
    assert_eq!(changes.new.iter().map(|placed| placed.position).collect::<Vec<_>>(), [8, 9]);
    assert_eq!(changes.end, 9);
}

#[test]
fn a_recorded_event_under_its_old_id_changes_nothing() {
    let one = event("a").build();
    let recorded = HashMap::from([(one.key, vec![one.event_id.clone()])]);
    assert!(append(&[one], Known { end: 1, recorded }).is_empty());
}

#[test]
fn a_recorded_event_under_a_new_id_adds_the_id_and_nothing_else() {
    let one = event("a").id("second").build();
    let recorded = HashMap::from([(one.key, vec![EventId::parse("first").unwrap()])]);
    let batch = [one.clone()];
    let changes = append(&batch, Known { end: 1, recorded });
    assert_eq!(changes.end, 1);
    assert!(changes.new.is_empty());
    let ids = ["first", "second"].map(|id| EventId::parse(id).unwrap());
    assert_eq!(changes.ids, [(one.key, ids.to_vec())]);
}

#[test]
fn copies_within_a_batch_are_one_event_with_both_ids() {
    let batch = [event("a").id("first").build(), event("a").id("second").build()];
    let changes = append(&batch, Known::default());
    assert_eq!(changes.new.len(), 1);
    assert_eq!(changes.new[0].ids.len(), 2);
    assert_eq!(changes.end, 1);
}

#[test]
fn the_list_of_ids_is_bounded() {
    let batch: Vec<_> = (0..100).map(|n| event("a").id(&format!("id-{n}")).build()).collect();
    assert_eq!(append(&batch, Known::default()).new[0].ids.len(), MAX_IDS);
}
