//! Tags at rest.

use super::Tags;
use std::fmt;

/// Tags that are kept as text: as maps, those of a thousand inboxes take megabytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed(Box<str>);

impl Packed {
    /// Takes tags to rest.
    pub fn new(tags: &Tags) -> Self {
        // A map of text is always JSON.
        Self(serde_json::to_string(tags).unwrap_or_default().into())
    }

    /// The tags.
    pub fn tags(&self) -> Tags {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Tags)) {
        let mut tags = self.tags();
        change(&mut tags);
        *self = Self::new(&tags);
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_out_as_they_went_in() {
        let tags: Tags = [("a\"b", "é\\"), ("", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut packed = Packed::new(&tags);
        assert_eq!(packed.tags(), tags);
        packed.change(|tags| tags.retain(|key, _| key.is_empty()));
        assert_eq!(packed.tags().len(), 1);
    }
}
