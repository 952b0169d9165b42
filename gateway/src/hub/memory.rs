//! The latest events, so that whoever comes back soon costs the journal nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Topic;
use crate::event::Event;
use crate::viewer::Viewer;

/// Events remembered.
const EVENTS: usize = 4_096;
/// Bytes of them.
const BYTES: usize = 16 << 20;

/// Every event that the tail brought after a position, up to where it is.
#[derive(Debug)]
pub(super) struct Memory {
    events: VecDeque<Arc<Event>>,
    correlations: HashMap<Arc<str>, VecDeque<Arc<Event>>>,
    bytes: usize,
    from: u64,
}

impl Memory {
    /// Nothing yet, and complete after `position`.
    pub(super) fn after(position: u64) -> Self {
        Self { events: VecDeque::new(), correlations: HashMap::new(), bytes: 0, from: position }
    }

    /// After which position it is complete.
    pub(super) fn from(&self) -> u64 {
        self.from
    }

    /// Adds the next event of the tail.
    pub(super) fn add(&mut self, event: &Arc<Event>) {
        self.bytes += event.json.block().size();
        self.correlations.entry(Arc::clone(&event.correlation_id)).or_default().push_back(Arc::clone(event));
        self.events.push_back(Arc::clone(event));
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            self.forget();
        }
    }

    /// Lets go of the oldest.
    fn forget(&mut self) {
        let Some(oldest) = self.events.pop_front() else { return };
        self.bytes -= oldest.json.block().size();
        self.from = oldest.position.unwrap_or(self.from);
        if let Some(correlation) = self.correlations.get_mut(&oldest.correlation_id) {
            // The oldest of all is the oldest of its correlation.
            correlation.pop_front();
            if correlation.is_empty() {
                self.correlations.remove(&oldest.correlation_id);
            }
        }
    }

    /// What is remembered of a topic after a position, as far as the viewer may see it.
    pub(super) fn since(&self, topic: &Topic, viewer: &Viewer, position: u64) -> Vec<Arc<Event>> {
        let of_all = match topic {
            Topic::Correlation(correlation) => self.correlations.get(correlation),
            Topic::User(_) => Some(&self.events),
        };
        let Some(of_all) = of_all else { return Vec::new() };
        let first = of_all.partition_point(|event| event.position <= Some(position));
        of_all.iter().skip(first).filter(|event| topic.has(event) && viewer.may_see(event)).cloned().collect()
    }

    /// Whether an event of the topic is remembered that the viewer may see.
    pub(super) fn shows(&self, topic: &Topic, viewer: &Viewer) -> bool {
        match topic {
            Topic::Correlation(correlation) => {
                self.correlations.get(correlation).is_some_and(|all| all.iter().any(|event| viewer.may_see(event)))
            }
            Topic::User(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::viewer::Reach;
    use crate::viewer::tests::{event, viewer};

    fn at(position: u64, correlation: &str, user: &str) -> Arc<Event> {
        let base = event(Some(user), None, true);
        Arc::new(Event { position: Some(position), correlation_id: correlation.into(), ..base })
    }

    fn positions(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().filter_map(|event| event.position).collect()
    }

    #[test]
    fn what_came_after_a_position_is_found_by_correlation_and_by_user() {
        let (mut memory, ada) = (Memory::after(10), viewer("ada", None, Reach::Own));
        for (position, correlation, user) in [(11, "line-7", "ada"), (12, "line-8", "ada"), (13, "line-7", "ben")] {
            memory.add(&at(position, correlation, user));
        }
        memory.add(&at(14, "line-7", "ada"));
        let (line, user) = (Topic::Correlation("line-7".into()), Topic::User("ada".into()));
        assert_eq!(positions(&memory.since(&line, &ada, 10)), [11, 14]);
        assert_eq!(positions(&memory.since(&line, &ada, 11)), [14]);
        assert_eq!(positions(&memory.since(&user, &ada, 10)), [11, 12, 14]);
        assert_eq!(positions(&memory.since(&user, &ada, 12)), [14]);
        assert!(memory.shows(&line, &ada));
        assert!(!memory.shows(&line, &viewer("cleo", None, Reach::Own)));
        assert!(!memory.shows(&Topic::Correlation("line-9".into()), &ada));
    }

    #[test]
    fn what_it_forgets_is_before_the_position_it_says() {
        let (mut memory, ada) = (Memory::after(0), viewer("ada", None, Reach::Own));
        let last = EVENTS as u64 + 5;
        for position in 1..=last {
            memory.add(&at(position, if position % 2 == 0 { "even" } else { "odd" }, "ada"));
        }
        assert_eq!(memory.from(), 5);
        let all = positions(&memory.since(&Topic::User("ada".into()), &ada, 5));
        assert_eq!(all, (6..=last).collect::<Vec<_>>());
        let even = positions(&memory.since(&Topic::Correlation("even".into()), &ada, 5));
        assert_eq!(even, (6..=last).filter(|position| position % 2 == 0).collect::<Vec<_>>());
    }

    #[test]
    fn large_events_are_forgotten_sooner() {
        let (mut memory, ada) = (Memory::after(0), viewer("ada", None, Reach::Own));
        for position in 1..=4 {
            let mut large = Event { position: Some(position), ..event(Some("ada"), None, true) };
            large.json = crate::sse::Json::of(&"x".repeat(BYTES / 2)).unwrap();
            memory.add(&Arc::new(large));
        }
        assert_eq!(memory.from(), 3);
        assert_eq!(positions(&memory.since(&Topic::User("ada".into()), &ada, 0)), [4]);
    }
}
