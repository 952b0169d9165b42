//! What the API server said of a token, remembered by the token's hash for a short while.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::ServiceAccount;

/// A good answer is kept this long at most: a deleted pod's token is good for no longer.
pub(super) const KEEP_GOOD: SignedDuration = SignedDuration::from_secs(60);
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

/// What the API server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Whose the token is.
    Account(ServiceAccount),
    /// It is nobody's, or not for us.
    Refused,
}

#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<TokenHash, (Answer, Timestamp)>,
    keep_good: SignedDuration,
}

impl Cache {
    /// Keeps good answers for `keep_good`, a minute at most.
    pub(super) fn new(keep_good: SignedDuration) -> Self {
        Self { entries: HashMap::new(), keep_good: keep_good.min(KEEP_GOOD) }
    }

    /// The answer remembered.
    pub(super) fn get(&self, token: TokenHash, now: Timestamp) -> Option<Answer> {
        let (answer, until) = self.entries.get(&token)?;
        (now < *until).then(|| answer.clone())
    }

    /// Remembers an answer, never past the token's own end.
    pub(super) fn put(&mut self, token: TokenHash, answer: Answer, exp: Timestamp, now: Timestamp) {
        if self.entries.len() >= CAPACITY {
            self.entries.retain(|_, (_, until)| now < *until);
        }
        if self.entries.len() >= CAPACITY {
            self.entries.clear();
        }
        let keep = if answer == Answer::Refused { KEEP_REFUSED } else { self.keep_good };
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
        let teller = Answer::Account(ServiceAccount::new("treasury", "teller"));
        let (long, short, bad) = (TokenHash::of("long"), TokenHash::of("short"), TokenHash::of("bad"));
        let mut cache = Cache::new(SignedDuration::from_hours(1));
        cache.put(long, teller.clone(), at(3_600), at(0));
        cache.put(short, teller.clone(), at(10), at(0));
        cache.put(bad, Answer::Refused, at(3_600), at(0));
        assert_eq!(cache.get(long, at(59)), Some(teller.clone()));
        assert_eq!(cache.get(long, at(60)), None);
        assert_eq!(cache.get(short, at(9)), Some(teller));
        assert_eq!(cache.get(short, at(10)), None);
        assert_eq!(cache.get(bad, at(4)), Some(Answer::Refused));
        assert_eq!(cache.get(bad, at(5)), None);
        assert_eq!(cache.get(TokenHash::of("other"), at(0)), None);
    }
}
