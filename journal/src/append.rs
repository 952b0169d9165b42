//! What a batch of events changes in the journal: a pure decision over what is known of their keys.

use std::collections::HashMap;

use eventing::types::{EventId, EventKey};

use crate::event::NewEvent;

/// EventBridge ids kept for one event. An event that comes under more of them is still one event.
pub const MAX_IDS: usize = 32;

/// What the store holds of a batch's keys.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The last position given.
    pub end: u64,
    /// The EventBridge ids of those events that are recorded already.
    pub recorded: HashMap<EventKey, Vec<EventId>>,
}

/// An event with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// Its place.
    pub position: u64,
    /// EventBridge's ids of its copies.
    pub ids: Vec<EventId>,
    /// The event.
    pub event: &'a NewEvent,
}

/// What a batch changes. Written whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    /// The last position given, afterwards.
    pub end: u64,
    /// Events not seen before, in the order of their arrival.
    pub new: Vec<Placed<'a>>,
    /// Recorded events that came under one more EventBridge id: all their ids.
    pub ids: Vec<(EventKey, Vec<EventId>)>,
}

impl Changes<'_> {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.ids.is_empty()
    }
}

/// Decides what a batch changes.
pub fn append<'a>(batch: &'a [NewEvent], known: Known) -> Changes<'a> {
    let Known { mut end, mut recorded } = known;
    let mut new: Vec<Placed<'a>> = Vec::new();
    let mut placed: HashMap<EventKey, usize> = HashMap::new();
    let mut more_ids: Vec<EventKey> = Vec::new();
    for event in batch {
        if let Some(ids) = recorded.get_mut(&event.key) {
            if add(ids, &event.event_id) && !more_ids.contains(&event.key) {
                more_ids.push(event.key);
            }
            continue;
        }
        if let Some(copy_of) = placed.get(&event.key).and_then(|at| new.get_mut(*at)) {
            add(&mut copy_of.ids, &event.event_id);
            continue;
        }
        end = end.saturating_add(1);
        placed.insert(event.key, new.len());
        new.push(Placed { position: end, ids: vec![event.event_id.clone()], event });
    }
    Changes { end, new, ids: more_ids.into_iter().filter_map(|key| Some((key, recorded.remove(&key)?))).collect() }
}

/// Adds an id that is not there yet, as long as there is room.
fn add(ids: &mut Vec<EventId>, id: &EventId) -> bool {
    let is_new = !ids.contains(id) && ids.len() < MAX_IDS;
    if is_new {
        ids.push(id.clone());
    }
    is_new
}

#[cfg(test)]
mod tests;
