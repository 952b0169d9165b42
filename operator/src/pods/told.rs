//! Who was told what already.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What was told, by the pod's uid and by what it is about: each is told once, and again after a restart.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<BTreeSet<(String, String)>>>);

impl Told {
    /// Those of `all` that were not told yet, as many as may be told `at_a_time`; the others come with the next rounds.
    /// What is not among `all` any more is forgotten.
    pub fn news<T>(&self, all: Vec<T>, key: impl Fn(&T) -> (String, String), at_a_time: usize) -> Vec<T> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let still: BTreeSet<_> = all.iter().map(&key).collect();
        told.retain(|known| still.contains(known));
        let news: Vec<T> = all.into_iter().filter(|one| !told.contains(&key(one))).take(at_a_time).collect();
        told.extend(news.iter().map(key));
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_many_are_told_in_turn() {
        let (told, all) = (Told::default(), || (0..30).collect::<Vec<_>>());
        let about = |what: &'static str| move |pod: &i32| (pod.to_string(), what.to_owned());
        assert_eq!(told.news(all(), about("a root"), 20).len(), 20);
        assert_eq!(told.news(all(), about("a root"), 20), (20..30).collect::<Vec<_>>());
        assert!(told.news(all(), about("a root"), 20).is_empty());
        assert_eq!(told.news(all(), about("another root"), 20).len(), 20, "that is another matter");
    }

    #[test]
    fn what_is_over_and_comes_again_is_told_again() {
        let (told, key) = (Told::default(), |pod: &&str| ((*pod).to_owned(), "a root".to_owned()));
        assert_eq!(told.news(vec!["one", "two"], key, 9), ["one", "two"]);
        assert_eq!(told.news(vec!["two"], key, 9), [""; 0]);
        assert_eq!(told.news(vec!["one", "two"], key, 9), ["one"]);
    }
}
