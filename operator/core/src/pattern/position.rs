//! Where in a pattern.

use std::fmt::Write;

/// What is wrong with a pattern, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if at.is_empty() { String::new() } else { format!("at {at}: ") })]
pub struct PatternError {
    /// Where: a JSON pointer (RFC 6901) into the pattern, empty for the pattern itself.
    pub at: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A place in a pattern: the way to it from the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'a>(Option<(&'a Position<'a>, Step<'a>)>);

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl<'a> Position<'a> {
    pub(super) fn root() -> Self {
        Self(None)
    }

    /// The member of that name of the object here.
    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self(Some((self, Step::Member(name))))
    }

    /// The item of that number of the array here.
    pub(super) fn item(&'a self, number: usize) -> Self {
        Self(Some((self, Step::Item(number))))
    }

    /// An error here.
    pub(super) fn error(&self, problem: impl Into<String>) -> PatternError {
        let mut at = String::new();
        self.write(&mut at);
        PatternError { at, problem: problem.into() }
    }

    fn write(&self, pointer: &mut String) {
        let Some((parent, step)) = self.0 else { return };
        parent.write(pointer);
        // Writing to a string does not fail.
        let _ = match step {
            Step::Member(name) => write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Item(number) => write!(pointer, "/{number}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_json_pointer() {
        let root = Position::root();
        assert_eq!(root.error("x").to_string(), "x");
        let (a, b);
        a = root.member("a/b~c");
        b = a.item(2);
        assert_eq!(b.error("is wrong").to_string(), "at /a~1b~0c/2: is wrong");
    }
}
