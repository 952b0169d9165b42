//! What one watch has seen: complete lists replaced whole, single changes applied.

use std::collections::BTreeMap;

/// Namespace and name.
pub(super) type Name = (String, String);

/// One step of a watch, read.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// A list begins.
    Begin,
    /// An object of the list.
    Listed(Name, Option<T>),
    /// The list is complete; what was not in it is gone.
    Complete,
    /// An object changed, or is gone.
    Now(Name, Option<T>),
}

/// The objects of one watch.
#[derive(Debug)]
pub(super) struct Index<T> {
    now: BTreeMap<Name, T>,
    listing: BTreeMap<Name, T>,
    complete: bool,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), listing: BTreeMap::new(), complete: false }
    }
}

impl<T> Index<T> {
    pub(super) fn apply(&mut self, change: Change<T>) {
        match change {
            Change::Begin => self.listing.clear(),
            Change::Listed(name, Some(value)) => {
                self.listing.insert(name, value);
            }
            Change::Listed(_, None) => {}
            Change::Complete => {
                self.now = std::mem::take(&mut self.listing);
                self.complete = true;
            }
            Change::Now(name, Some(value)) => {
                self.now.insert(name, value);
            }
            Change::Now(name, None) => {
                self.now.remove(&name);
            }
        }
    }

    /// Whether a first list has been taken.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.now.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Name {
        ("city".to_owned(), name.to_owned())
    }

    #[test]
    fn a_new_list_replaces_the_old_one_only_when_it_is_complete() {
        let mut index = Index::default();
        index.apply(Change::Begin);
        index.apply(Change::Listed(named("a"), Some(1)));
        index.apply(Change::Listed(named("unreadable"), None));
        assert!(!index.is_complete());
        index.apply(Change::Complete);
        index.apply(Change::Now(named("b"), Some(2)));
        index.apply(Change::Begin);
        index.apply(Change::Listed(named("c"), Some(3)));
        assert_eq!(index.values().copied().collect::<Vec<_>>(), [1, 2]);
        index.apply(Change::Complete);
        assert_eq!(index.values().copied().collect::<Vec<_>>(), [3]);
        index.apply(Change::Now(named("c"), None));
        assert!(index.is_empty());
    }
}
