//! The correlations of late: newest first, each by the latest of its events that the viewer may see.

use std::collections::HashSet;

use eventing_http::Correlation;

use crate::entry::Cursor;

/// A part of the recent correlations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// The latest first.
    pub correlations: Vec<Correlation>,
    /// Where older events begin, if there are any.
    pub next: Option<Cursor>,
}

/// One event at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Its place.
    pub place: Cursor,
    /// Whether its envelope is signed, so that what it says of its user and tenant counts.
    pub envelope_verified: bool,
    /// Its correlation, by this event.
    pub correlation: Correlation,
}

/// Lays parts of several lists, each newest first and of at most `size`, together into one. A list that is full may go
/// on, so what is older than its end is left for the next time: the second value says behind what.
pub fn merge(lists: Vec<Vec<Glance>>, size: usize) -> (Vec<Glance>, Option<Cursor>) {
    let ends = lists.iter().filter(|list| list.len() >= size).filter_map(|list| list.last());
    let horizon = ends.map(|glance| glance.place).max();
    let mut all: Vec<Glance> = lists.into_iter().flatten().collect();
    all.retain(|glance| horizon.is_none_or(|horizon| glance.place >= horizon));
    all.sort_by_key(|glance| std::cmp::Reverse(glance.place));
    all.dedup_by_key(|glance| glance.place);
    (all, horizon)
}

/// Gathers correlations, each once, until there are enough.
#[derive(Debug)]
pub struct Gathering {
    limit: usize,
    signed_only: bool,
    seen: HashSet<String>,
    correlations: Vec<Correlation>,
}

impl Gathering {
    /// At most `limit`; by events with a signed envelope alone, or by all.
    pub fn new(limit: usize, signed_only: bool) -> Self {
        Self { limit, signed_only, seen: HashSet::new(), correlations: Vec::new() }
    }

    /// Takes glances, newest first. Once there are enough it says behind which event the next part begins.
    pub fn take(&mut self, glances: Vec<Glance>) -> Option<Cursor> {
        for Glance { place, envelope_verified, correlation } in glances {
            let shows = envelope_verified || !self.signed_only;
            if shows && self.seen.insert(correlation.correlation_id.clone()) {
                self.correlations.push(correlation);
                if self.correlations.len() == self.limit {
                    return Some(place);
                }
            }
        }
        None
    }

    /// What was gathered.
    pub fn end(self, next: Option<Cursor>) -> Recent {
        Recent { correlations: self.correlations, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance(at: i64, story: &str, signed: bool) -> Glance {
        let correlation = Correlation {
            correlation_id: story.to_owned(),
            ts: at.to_string(),
            source: "qsl.teller".to_owned(),
            detail_type: "Loan.Granted.v1".to_owned(),
            resource: "urn:qsl:teller:loan:l-1".to_owned(),
        };
        Glance { place: place(at), envelope_verified: signed, correlation }
    }

    fn place(at: i64) -> Cursor {
        Cursor { ts: at, position: 1 }
    }

    fn places(glances: &[Glance]) -> Vec<i64> {
        glances.iter().map(|glance| glance.place.ts).collect()
    }

    #[test]
    fn lists_are_one_as_far_as_none_of_them_may_go_on() {
        let list = |places: &[i64]| places.iter().map(|at| glance(*at, "a", true)).collect::<Vec<_>>();
        // The first is full and may go on below 7; an event in both is one.
        let (merged, horizon) = merge(vec![list(&[9, 8, 7]), list(&[8, 6])], 3);
        assert_eq!((places(&merged), horizon), (vec![9, 8, 7], Some(place(7))));
        let (merged, horizon) = merge(vec![list(&[9, 8]), list(&[8, 6])], 3);
        assert_eq!((places(&merged), horizon), (vec![9, 8, 6], None));
        assert_eq!(merge(vec![Vec::new(), Vec::new()], 3), (Vec::new(), None));
    }

    #[test]
    fn each_correlation_comes_once_by_its_latest_event_until_there_are_enough() {
        let glances = vec![glance(9, "a", true), glance(9, "a", true), glance(8, "b", true), glance(7, "c", true)];
        let mut gathering = Gathering::new(2, true);
        assert_eq!(gathering.take(glances), Some(place(8)));
        let recent = gathering.end(Some(place(8)));
        let told: Vec<_> =
            recent.correlations.iter().map(|one| (one.correlation_id.as_str(), one.ts.as_str())).collect();
        assert_eq!(told, [("a", "9"), ("b", "8")]);
    }

    #[test]
    fn an_unsigned_envelope_shows_nothing_where_only_signed_ones_count() {
        let glances = || vec![glance(9, "forged", false), glance(8, "b", true)];
        for (signed_only, expected) in [(true, vec!["b"]), (false, vec!["forged", "b"])] {
            let mut gathering = Gathering::new(5, signed_only);
            assert_eq!(gathering.take(glances()), None);
            let recent = gathering.end(None);
            assert_eq!(recent.correlations.iter().map(|one| one.correlation_id.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}
