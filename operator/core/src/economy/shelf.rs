//! What is known of the things of one kind: by a listing of all of them, and by what we did to single ones.

use crate::error::{AwsError, ErrorClass};
use crate::ports::Answer;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// So many single looks within the time that a listing serves are made one by one; the next ones share a listing.
const SINGLE_LOOKS: u32 = 4;
/// How long nothing is listed after AWS denied it to us.
const DENIED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// So many own writes are kept before old ones are looked for.
const PRUNE_AT: usize = 256;

/// A listing that several wait for.
pub(super) type Listing<K, V> = Shared<BoxFuture<'static, Answer<Arc<BTreeMap<K, V>>>>>;

/// What is known of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known<V> {
    /// It is there.
    Is(V),
    /// It is not.
    Gone,
    /// A write failed, and may have taken effect.
    Unsure,
}

/// What to do to learn of a thing.
pub(super) enum Look<K: Ord, V> {
    /// Ask for it alone.
    Single,
    /// Wait for this listing, and then look again by [`Shelf::listed`].
    Listing(Listing<K, V>),
}

/// The things of one kind.
pub(super) struct Shelf<K: Ord, V> {
    serves: SignedDuration,
    listing: Option<(Timestamp, Listing<K, V>)>,
    own: BTreeMap<K, (Timestamp, Known<V>)>,
    looks: (Timestamp, u32),
    denied_until: Timestamp,
    prune_at: usize,
}

impl<K, V> Shelf<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A shelf on which a listing serves so long.
    pub(super) fn new(serves: Duration) -> Self {
        Self {
            serves: SignedDuration::try_from(serves).unwrap_or_default(),
            listing: None,
            own: BTreeMap::new(),
            looks: (Timestamp::MIN, 0),
            denied_until: Timestamp::MIN,
            prune_at: PRUNE_AT,
        }
    }

    /// How to learn of a thing: `list` begins a listing where enough ask that it is worth it.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        list: impl FnOnce() -> BoxFuture<'static, Answer<BTreeMap<K, V>>>,
    ) -> Look<K, V> {
        if let Some((began, listing)) = &self.listing
            && now.duration_since(*began) < self.serves
        {
            return Look::Listing(listing.clone());
        }
        self.listing = None;
        if now.duration_since(self.looks.0) >= self.serves {
            self.looks = (now, 0);
        }
        self.looks.1 = self.looks.1.saturating_add(1);
        if self.looks.1 <= SINGLE_LOOKS || now < self.denied_until {
            return Look::Single;
        }
        self.prune(now);
        let listing = list().map(|answer| answer.map(Arc::new)).boxed().shared();
        self.listing = Some((now, listing.clone()));
        Look::Listing(listing)
    }

    /// A listing failed: the next one asks anew; where it was denied, not for a while.
    pub(super) fn failed(&mut self, error: &AwsError, now: Timestamp) {
        self.listing = None;
        if error.class == ErrorClass::Denied {
            self.denied_until = now.saturating_add(DENIED_FOR).unwrap_or(Timestamp::MAX);
        }
    }

    /// What a listing and our own writes since say of one thing.
    pub(super) fn listed(&self, listed: &BTreeMap<K, V>, key: &K) -> Known<V> {
        match self.own.get(key) {
            Some((_, known)) => known.clone(),
            None => listed.get(key).map_or(Known::Gone, |value| Known::Is(value.clone())),
        }
    }

    /// What a listing and our own writes since say of all things that `of_interest` picks; `None` where one of them is
    /// unsure.
    pub(super) fn all_listed(
        &self,
        listed: &BTreeMap<K, V>,
        of_interest: impl Fn(&K, &V) -> bool,
        may_be: impl Fn(&K) -> bool,
    ) -> Option<BTreeMap<K, V>> {
        let mut found: BTreeMap<K, V> = listed
            .iter()
            .filter(|(key, value)| of_interest(key, value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        for (key, (_, known)) in &self.own {
            match known {
                Known::Is(value) if of_interest(key, value) => {
                    found.insert(key.clone(), value.clone());
                }
                Known::Is(_) | Known::Gone => {
                    found.remove(key);
                }
                Known::Unsure if may_be(key) => return None,
                Known::Unsure => {}
            }
        }
        Some(found)
    }

    /// Notes what we wrote.
    pub(super) fn wrote(&mut self, key: K, known: Known<V>, now: Timestamp) {
        self.own.insert(key, (now, known));
        if self.own.len() >= self.prune_at {
            self.prune(now);
        }
    }

    /// Notes how we changed a thing: what we know of it is changed likewise; of what we do not know we are unsure.
    pub(super) fn changed(&mut self, key: &K, now: Timestamp, change: impl FnOnce(&mut V)) {
        let known = match self.own.remove(key) {
            Some((_, Known::Is(value))) => Some(value),
            Some((_, Known::Gone | Known::Unsure)) => None,
            None => self.in_listing(key),
        };
        let known = known.map_or(Known::Unsure, |mut value| {
            change(&mut value);
            Known::Is(value)
        });
        self.wrote(key.clone(), known, now);
    }

    /// Notes how a write of ours to one thing ended; one that failed may have taken effect.
    pub(super) fn ended<T>(&mut self, answer: &Answer<T>, key: &K, now: Timestamp, change: impl FnOnce(&mut V)) {
        match answer {
            Ok(_) => self.changed(key, now, change),
            Err(_) => self.wrote(key.clone(), Known::Unsure, now),
        }
    }

    fn in_listing(&self, key: &K) -> Option<V> {
        let (_, listing) = self.listing.as_ref()?;
        listing.peek()?.as_ref().ok()?.get(key).cloned()
    }

    /// Lets go of what was written so long ago that every listing that still serves has it.
    fn prune(&mut self, now: Timestamp) {
        let old = self.serves * 2;
        self.own.retain(|_, (at, _)| now.duration_since(*at) < old);
        self.prune_at = PRUNE_AT.max(self.own.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    type Tested = Shelf<&'static str, u8>;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn listing(things: &[(&'static str, u8)]) -> BoxFuture<'static, Answer<BTreeMap<&'static str, u8>>> {
        std::future::ready(Ok(things.iter().copied().collect())).boxed()
    }

    /// The things of a listing at `second`, or `None` where a single look is made.
    fn look(shelf: &mut Tested, second: i64, there: &[(&'static str, u8)]) -> Option<Arc<BTreeMap<&'static str, u8>>> {
        match shelf.look(at(second), || listing(there)) {
            Look::Single => None,
            Look::Listing(listing) => Some(listing.now_or_never().unwrap().unwrap()),
        }
    }

    fn crowded(second: i64, there: &[(&'static str, u8)]) -> (Tested, Arc<BTreeMap<&'static str, u8>>) {
        let mut shelf = Tested::new(Duration::from_mins(1));
        for _ in 0..SINGLE_LOOKS {
            assert_eq!(look(&mut shelf, second, there), None);
        }
        let listed = look(&mut shelf, second, there).unwrap();
        (shelf, listed)
    }

    #[test]
    fn a_few_look_alone_a_crowd_shares_a_listing_that_serves_for_a_while() {
        let (mut shelf, _) = crowded(100, &[("a", 1)]);
        assert!(look(&mut shelf, 159, &[]).unwrap().contains_key("a"));
        assert_eq!(look(&mut shelf, 160, &[]), None, "a new while begins with single looks");
    }

    #[test]
    fn what_we_wrote_since_counts_more_than_the_listing() {
        let (mut shelf, listed) = crowded(100, &[("a", 1), ("b", 2)]);
        shelf.wrote("c", Known::Is(3), at(101));
        shelf.wrote("b", Known::Gone, at(101));
        shelf.changed(&"a", at(101), |value| *value = 7);
        assert_eq!(shelf.listed(&listed, &"a"), Known::Is(7));
        assert_eq!(shelf.listed(&listed, &"b"), Known::Gone);
        assert_eq!(shelf.listed(&listed, &"c"), Known::Is(3));
        let all = shelf.all_listed(&listed, |_, _| true, |_| true).unwrap();
        assert_eq!(all, BTreeMap::from([("a", 7), ("c", 3)]));
    }

    #[test]
    fn of_a_thing_whose_write_failed_we_are_unsure() {
        let (mut shelf, listed) = crowded(100, &[("a", 1)]);
        let failed: Answer<()> = Err(AwsError::new(ErrorClass::Retryable, "IAM", "TagRole", "503"));
        shelf.ended(&failed, &"a", at(101), |value| *value = 7);
        assert_eq!(shelf.listed(&listed, &"a"), Known::Unsure);
        assert_eq!(shelf.all_listed(&listed, |_, _| true, |_| true), None);
        assert!(shelf.all_listed(&listed, |_, _| true, |key| *key != "a").is_some(), "of no interest here");
        // A change of what is in doubt does not end the doubt.
        shelf.changed(&"a", at(102), |value| *value = 8);
        assert_eq!(shelf.listed(&listed, &"a"), Known::Unsure);
    }

    #[test]
    fn own_writes_give_way_to_listings_that_have_them() {
        let (mut shelf, _) = crowded(100, &[]);
        shelf.wrote("a", Known::Is(1), at(101));
        for _ in 0..SINGLE_LOOKS {
            assert_eq!(look(&mut shelf, 230, &[]), None);
        }
        let listed = look(&mut shelf, 230, &[]).unwrap();
        assert_eq!(shelf.listed(&listed, &"a"), Known::Gone, "somebody deleted it since");
    }

    #[test]
    fn a_listing_that_fails_is_not_kept_and_one_that_is_denied_not_asked_for_again_soon() {
        let (mut shelf, _) = crowded(100, &[]);
        shelf.failed(&AwsError::new(ErrorClass::Retryable, "IAM", "List", "503"), at(100));
        assert!(look(&mut shelf, 100, &[]).is_some());
        shelf.failed(&AwsError::new(ErrorClass::Denied, "IAM", "List", "no"), at(100));
        assert_eq!(look(&mut shelf, 100, &[]), None);
        assert_eq!(look(&mut shelf, 3699, &[]), None);
    }

    #[test]
    fn own_writes_do_not_pile_up_where_nothing_is_listed() {
        let mut shelf: Shelf<i64, u8> = Shelf::new(Duration::from_mins(1));
        for number in 0..10_000 {
            shelf.wrote(number, Known::Is(1), at(number));
        }
        assert!(shelf.own.len() <= 2 * PRUNE_AT, "{}", shelf.own.len());
    }
}
