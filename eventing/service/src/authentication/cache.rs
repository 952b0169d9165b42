//! What the API server said of a token, remembered by the token's hash for a short while.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::ServiceAccount;

/// A good answer is kept this long at most: a deleted pod's token is good for no longer.
const KEEP_GOOD: SignedDuration = SignedDuration::from_secs(60);
/// A refusal is kept only long enough to keep a flood off the API server.
const KEEP_REFUSED: SignedDuration = SignedDuration::from_secs(5);
/// More tokens than this are never remembered at once.
const CAPACITY: usize = 10_000;

/// A token's hash; the token itself is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<TokenHash, (Option<ServiceAccount>, Timestamp)>,
}

impl Cache {
    /// The answer remembered: `Some(None)` is a refusal.
    pub(super) fn get(&self, token: TokenHash, now: Timestamp) -> Option<Option<ServiceAccount>> {
        let (answer, until) = self.entries.get(&token)?;
        (now < *until).then(|| answer.clone())
    }

    /// Remembers an answer, never past the token's own end.
    pub(super) fn put(&mut self, token: TokenHash, answer: Option<ServiceAccount>, exp: Timestamp, now: Timestamp) {
        if self.entries.len() >= CAPACITY {
            self.entries.retain(|_, (_, until)| now < *until);
        }
        if self.entries.len() >= CAPACITY {
            self.entries.clear();
        }
        let keep = if answer.is_some() { KEEP_GOOD } else { KEEP_REFUSED };
        let until = now.checked_add(keep).map_or(exp, |until| until.min(exp));
        self.entries.insert(token, (answer, until));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_answer_lasts_a_minute_and_never_past_the_tokens_end() {
        let teller = ServiceAccount::new("treasury", "teller");
        let (long, short, bad) = (TokenHash::of("long"), TokenHash::of("short"), TokenHash::of("bad"));
        let mut cache = Cache::default();
        cache.put(long, Some(teller.clone()), at(3_600), at(0));
        cache.put(short, Some(teller.clone()), at(10), at(0));
        cache.put(bad, None, at(3_600), at(0));
        assert_eq!(cache.get(long, at(59)), Some(Some(teller.clone())));
        assert_eq!(cache.get(long, at(60)), None);
        assert_eq!(cache.get(short, at(9)), Some(Some(teller)));
        assert_eq!(cache.get(short, at(10)), None);
        assert_eq!(cache.get(bad, at(4)), Some(None));
        assert_eq!(cache.get(bad, at(5)), None);
        assert_eq!(cache.get(TokenHash::of("other"), at(0)), None);
    }
}
