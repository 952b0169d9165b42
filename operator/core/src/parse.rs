//! What every parsed type shares: one error, and a macro for names that are text with a rule.

use thiserror::Error;

/// Text that is not what it should be: what it was to be, and why it is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: {reason}")]
pub struct ParseError {
    /// What the text was to be, in a user's words.
    pub what: &'static str,
    /// Why it is not, naming the bound that it breaks.
    pub reason: String,
}

impl ParseError {
    /// An error about `what`.
    pub fn new(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into() }
    }
}

/// A newtype over text with one fallible constructor, `parse`, that calls the given check.
macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes the text.
            pub fn parse(text: impl Into<String>) -> Result<Self, $crate::parse::ParseError> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(reason) => Err($crate::parse::ParseError::new($what, reason)),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::parse::ParseError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::parse::ParseError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
pub(crate) use text_type;

/// Text of 1 to `max` characters, each an ASCII letter, a digit or one of `others`.
pub(crate) fn check_text(text: &str, max: usize, others: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".into());
    }
    if text.len() > max {
        return Err(format!("{text:?} has {} characters, at most {max} are allowed", text.len()));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c)) {
        Some(c) => Err(format!("{text:?} holds {c:?}; letters, digits and {others:?} are allowed")),
        None => Ok(()),
    }
}
