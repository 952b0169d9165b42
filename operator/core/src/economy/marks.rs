//! Tags that are remembered: those of things that carry our mark.

use crate::ports::Answer;
use crate::tags::{self, Packed, Tags};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long tags are remembered.
const SERVE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// AWS's clock and ours differ by less; SQS refuses a name for twice as long before it is made anew.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(30);

/// Tags by what they are on, with a trait of that thing that shows when another stands in its place.
#[derive(Debug)]
pub(super) struct Marks<K, T> {
    cluster_id: String,
    known: BTreeMap<K, Known>,
    seen: BTreeMap<K, T>,
}

#[derive(Debug)]
struct Known {
    tags: Packed,
    read_at: Timestamp,
}

impl<K: Ord + Clone, T: PartialEq> Marks<K, T> {
    pub(super) fn new(cluster_id: &str) -> Self {
        Self { cluster_id: cluster_id.to_owned(), known: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// The tags, where they are known.
    pub(super) fn get(&self, thing: &K, now: Timestamp) -> Option<Tags> {
        let known = self.known.get(thing)?;
        (now.duration_since(known.read_at) < SERVE_FOR).then(|| known.tags.tags())
    }

    /// Keeps tags that were read. What does not carry our mark is not kept: whose it is may change any time.
    pub(super) fn keep(&mut self, thing: &K, tags: &Tags, now: Timestamp) {
        if tags.get(tags::CLUSTER) == Some(&self.cluster_id) {
            self.known.insert(thing.clone(), Known { tags: Packed::new(tags), read_at: now });
        } else {
            self.known.remove(thing);
        }
    }

    /// A write of ours to a thing's tags ended: what is known changes likewise; a write that failed may have taken
    /// effect, so nothing is known then.
    pub(super) fn ended<A>(&mut self, answer: &Answer<A>, thing: &K, change: impl FnOnce(&mut Tags)) {
        match (answer, self.known.get_mut(thing)) {
            (Ok(_), Some(known)) => known.tags.change(change),
            (Err(_), _) => self.forget(thing),
            (Ok(_), None) => {}
        }
    }

    /// Forgets those from `first` on, as far as they are `asked_for`, that are not `there`.
    pub(super) fn forget_unless(&mut self, first: &K, asked_for: impl Fn(&K) -> bool, there: impl Fn(&K) -> bool) {
        let asked = self.known.range(first..).map(|(thing, _)| thing).take_while(|thing| asked_for(thing));
        let gone: Vec<K> = asked.filter(|thing| !there(thing)).cloned().collect();
        for thing in &gone {
            self.forget(thing);
        }
    }

    /// Forgets one thing.
    pub(super) fn forget(&mut self, thing: &K) {
        self.known.remove(thing);
        self.seen.remove(thing);
    }

    /// The thing was looked at, or made by us: where its trait is another than before, another stands in its place.
    pub(super) fn seen(&mut self, thing: &K, now: T) {
        let before = self.seen.insert(thing.clone(), now);
        if before.is_some_and(|before| self.seen.get(thing) != Some(&before)) {
            self.known.remove(thing);
        }
    }

    /// The thing was made at this time: where that is after its tags were read, they were another's.
    pub(super) fn made_at(&mut self, thing: &K, made: Timestamp) {
        if self.known.get(thing).is_some_and(|known| made.duration_since(known.read_at) > CLOCKS_DIFFER_BY) {
            self.known.remove(thing);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::error::{AwsError, ErrorClass};

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3600).unwrap()
    }

    fn marked(cluster: &str) -> Tags {
        Tags::from([(tags::CLUSTER.to_owned(), cluster.to_owned())])
    }

    #[test]
    fn our_tags_are_known_for_a_day_and_others_not_at_all() {
        let mut marks: Marks<&str, u8> = Marks::new("here");
        marks.keep(&"ours", &marked("here"), at(0));
        marks.keep(&"theirs", &marked("there"), at(0));
        marks.keep(&"nobodys", &Tags::new(), at(0));
        assert_eq!(marks.get(&"ours", at(23)), Some(marked("here")));
        assert_eq!(marks.get(&"ours", at(24)), None);
        assert_eq!((marks.get(&"theirs", at(0)), marks.get(&"nobodys", at(0))), (None, None));
        // What loses our mark is no longer known.
        marks.keep(&"ours", &Tags::new(), at(1));
        assert_eq!(marks.get(&"ours", at(1)), None);
    }

    #[test]
    fn our_own_writes_change_what_is_known_and_a_failed_one_ends_it() {
        let mut marks: Marks<&str, u8> = Marks::new("here");
        marks.keep(&"gate", &marked("here"), at(0));
        marks.ended(&Ok(()), &"gate", |tags| drop(tags.insert("team".to_owned(), "red".to_owned())));
        assert_eq!(marks.get(&"gate", at(1)).unwrap()["team"], "red");
        let failed: Answer<()> = Err(AwsError::new(ErrorClass::Retryable, "SQS", "TagQueue", "503"));
        marks.ended(&failed, &"gate", Tags::clear);
        assert_eq!(marks.get(&"gate", at(1)), None);
    }

    #[test]
    fn what_was_asked_for_and_is_not_there_is_forgotten() {
        let mut marks: Marks<&str, u8> = Marks::new("here");
        for thing in ["gate", "gate-2", "gate-3", "hall"] {
            marks.keep(&thing, &marked("here"), at(0));
        }
        marks.forget_unless(&"gate", |thing| thing.starts_with("gate"), |thing| *thing == "gate-2");
        let left: Vec<&&str> = marks.known.keys().collect();
        assert_eq!(left, [&"gate-2", &"hall"]);
    }

    #[test]
    fn tags_of_a_thing_that_was_made_anew_are_forgotten() {
        let mut marks: Marks<&str, u8> = Marks::new("here");
        marks.keep(&"gate", &marked("here"), at(0));
        marks.seen(&"gate", 1);
        marks.seen(&"gate", 1);
        assert!(marks.get(&"gate", at(0)).is_some());
        marks.seen(&"gate", 2);
        assert_eq!(marks.get(&"gate", at(0)), None);
        marks.keep(&"gate", &marked("here"), at(0));
        assert!(marks.get(&"gate", at(0)).is_some());
        marks.seen(&"gate", 3);
        assert_eq!(marks.get(&"gate", at(0)), None, "what was seen before the tags were read counts");
    }

    #[test]
    fn tags_that_were_read_before_the_thing_was_made_are_forgotten() {
        let mut marks: Marks<&str, u8> = Marks::new("here");
        marks.keep(&"gate", &marked("here"), at(1));
        marks.made_at(&"gate", at(1));
        assert!(marks.get(&"gate", at(1)).is_some());
        marks.made_at(&"gate", at(2));
        assert_eq!(marks.get(&"gate", at(1)), None);
    }
}
