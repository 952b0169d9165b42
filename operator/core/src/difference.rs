//! What differs between AWS and what an object says, field by field: for drift that is repaired, and for objects that
//! only observe. Nothing here is a secret: AWS holds no secret of ours, and documents are named, not shown.

use crate::tags::Tags;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

/// The longest value that is shown, in characters.
const SHOWN: usize = 80;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing {
        /// What it is called.
        thing: String,
    },
    /// It is there, and should not be.
    Superfluous {
        /// What it is called.
        thing: String,
    },
    /// A field has another value.
    Field {
        /// What it is a field of.
        thing: String,
        /// The field, as users know it.
        field: String,
        /// What it is; `None` where it is not set.
        found: Option<String>,
        /// What it should be; `None` where it should not be set.
        wanted: Option<String>,
    },
    /// A document (a policy, a pattern) says something else.
    Document {
        /// What it is a document of.
        thing: String,
        /// The field, as users know it.
        field: String,
    },
    /// Something that it names cannot be used.
    Unusable {
        /// What, why, and the way out.
        problem: String,
    },
}

impl Difference {
    /// A thing that is not there.
    pub fn missing(thing: impl Display) -> Self {
        Self::Missing { thing: thing.to_string() }
    }

    /// A thing that should not be there.
    pub fn superfluous(thing: impl Display) -> Self {
        Self::Superfluous { thing: thing.to_string() }
    }

    /// A field that is `found` and should be `wanted`.
    pub fn field(thing: impl Display, field: impl Display, found: impl Display, wanted: impl Display) -> Self {
        Self::optional(thing, field, Some(found.to_string()), Some(wanted.to_string()))
    }

    /// A field that may be unset.
    pub fn optional(thing: impl Display, field: impl Display, found: Option<String>, wanted: Option<String>) -> Self {
        Self::Field { thing: thing.to_string(), field: field.to_string(), found, wanted }
    }

    /// A document that says something else.
    pub fn document(thing: impl Display, field: impl Display) -> Self {
        Self::Document { thing: thing.to_string(), field: field.to_string() }
    }

    /// Something that the object names and that cannot be used, in a sentence that says what would let it.
    pub fn unusable(problem: impl Display) -> Self {
        Self::Unusable { problem: problem.to_string() }
    }

    /// Tags that are to be put.
    pub fn tags_put(thing: impl Display, put: &Tags, found: &Tags) -> Vec<Self> {
        let thing = thing.to_string();
        put.iter()
            .map(|(key, value)| Self::optional(&thing, tag(key), found.get(key).cloned(), Some(value.clone())))
            .collect()
    }

    /// Tags that are to be taken away.
    pub fn tags_taken(thing: impl Display, keys: &BTreeSet<String>, found: &Tags) -> Vec<Self> {
        let thing = thing.to_string();
        keys.iter().map(|key| Self::optional(&thing, tag(key), found.get(key).cloned(), None)).collect()
    }
}

fn tag(key: &str) -> String {
    format!("tags[{key}]")
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { thing } => write!(f, "{thing} is not there"),
            Self::Superfluous { thing } => write!(f, "{thing} should not be there"),
            Self::Unusable { problem } => f.write_str(problem),
            Self::Document { thing, field } => write!(f, "{thing}: {field} says something else"),
            Self::Field { thing, field, found, wanted } => {
                write!(f, "{thing}: {field} is {}, not {}", shown(found.as_deref()), shown(wanted.as_deref()))
            }
        }
    }
}

fn shown(value: Option<&str>) -> String {
    match value {
        None => "unset".to_owned(),
        Some("") => "empty".to_owned(),
        Some(value) if value.chars().count() > SHOWN => format!("{}…", value.chars().take(SHOWN).collect::<String>()),
        Some(value) => value.to_owned(),
    }
}

/// All of them in one sentence.
pub fn sentence(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_field_and_both_values() {
        let all = [
            Difference::missing("queue gate"),
            Difference::field("queue gate-dlq", "retention", 60, 120),
            Difference::optional("queue gate", "tags[team]", None, Some("x".repeat(90))),
            Difference::document("queue gate", "policy"),
            Difference::superfluous("role pilot"),
            Difference::unusable("KMS key alias/ledger is disabled"),
        ];
        let long = format!("{}…", "x".repeat(80));
        assert_eq!(
            sentence(&all),
            format!(
                "queue gate is not there; queue gate-dlq: retention is 60, not 120; \
                 queue gate: tags[team] is unset, not {long}; queue gate: policy says something else; \
                 role pilot should not be there; KMS key alias/ledger is disabled"
            )
        );
    }
}
