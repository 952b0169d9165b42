//! Consent from above: which names, sources, adoptions and ARNs written by hand the installation grants to which
//! namespaces (chart value `tenancy`).
//!
//! Without entries every namespace may name what it makes and use every source on its own buses; nothing is adopted
//! and no ARN written by hand is taken. With entries a namespace may do what an entry for it allows, and nothing else.

mod parse;

pub use parse::TenancyError;

use crate::claim::Claim;
use std::fmt;

/// What the installation grants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tenancy {
    entries: Vec<Entry>,
}

/// What it grants to some namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    namespaces: Vec<Pattern>,
    names: Vec<Pattern>,
    sources: Vec<Pattern>,
    adopt: Adopt,
    arns: Vec<Pattern>,
}

/// What may be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Adopt {
    /// Nothing.
    #[default]
    Never,
    /// What whoever owns it in AWS tagged for the object.
    Tagged,
    /// Also what bears an allowed name and no mark.
    Named,
}

/// Text, or the beginning of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exactly(String),
    BeginsWith(String),
}

impl Pattern {
    /// Text that may end in `*`.
    fn of(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::BeginsWith(prefix.to_owned()),
            None => Self::Exactly(text.to_owned()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(expected) => text == expected,
            Self::BeginsWith(prefix) => text.starts_with(prefix.as_str()),
        }
    }
}

/// Something that the installation does not grant, with the value that would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotGranted {
    namespace: String,
    what: &'static str,
    member: &'static str,
    value: String,
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, what, member, value } = self;
        write!(
            f,
            "namespace {namespace} may not {what}; the installation grants it by chart value tenancy, with an entry \
             {{namespaces: [{namespace}], {member}: {value}}}"
        )
    }
}

impl Tenancy {
    /// Whether things in AWS may have that name.
    pub fn name(&self, namespace: &str, name: &str) -> Result<(), NotGranted> {
        let granted = self.entries.is_empty() || self.of(namespace).any(|entry| entry.allows_name(name));
        let what = "give things in AWS this name";
        unless(granted, namespace, what, "namePrefixes", || format!("[{name}]"))
    }

    /// Whether a source may be used on the namespace's buses.
    pub fn source(&self, namespace: &str, source: &str) -> Result<(), NotGranted> {
        let allows = |entry: &Entry| entry.sources.iter().any(|pattern| pattern.matches(source));
        let granted = self.entries.is_empty() || self.of(namespace).any(allows);
        unless(granted, namespace, "use this source", "sources", || format!("[{source}]"))
    }

    /// Whether an ARN that a user writes by hand is taken.
    pub fn arn(&self, namespace: &str, arn: &str) -> Result<(), NotGranted> {
        let granted = self.of(namespace).any(|entry| entry.arns.iter().any(|pattern| pattern.matches(arn)));
        unless(granted, namespace, "name this ARN", "arns", || format!("[\"{arn}\"]"))
    }

    /// The claim of an object that asks to adopt, for things of that name. An entry that grants the name and one that
    /// grants adoptions of other names do not add up.
    pub fn adoption(&self, namespace: &str, name: &str) -> Result<Claim, NotGranted> {
        let granted = self.of(namespace).filter(|entry| entry.allows_name(name)).map(|entry| entry.adopt).max();
        match granted.unwrap_or_default() {
            Adopt::Named => Ok(Claim::AdoptNamed),
            Adopt::Tagged => Ok(Claim::AdoptTagged),
            Adopt::Never => Err(NotGranted {
                namespace: namespace.to_owned(),
                what: "adopt things in AWS of this name",
                member: "adopt",
                value: format!("Tagged, namePrefixes: [{name}]"),
            }),
        }
    }

    fn of(&self, namespace: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.namespaces.iter().any(|pattern| pattern.matches(namespace)))
    }
}

impl Entry {
    fn allows_name(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| pattern.matches(name))
    }
}

fn unless(
    granted: bool,
    namespace: &str,
    what: &'static str,
    member: &'static str,
    value: impl FnOnce() -> String,
) -> Result<(), NotGranted> {
    if granted {
        return Ok(());
    }
    Err(NotGranted { namespace: namespace.to_owned(), what, member, value: value() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TWO: &str = r#"[
        {"namespaces": ["red"], "namePrefixes": ["red-", "qsl-core"], "sources": ["qsl.red", "qsl.r-*"]},
        {"namespaces": ["blue*"], "namePrefixes": ["*"], "sources": ["*"], "adopt": "Tagged"},
        {"namespaces": ["blue-2"], "namePrefixes": ["old-"], "adopt": "Named", "arns": ["arn:aws:kms:*"]}
    ]"#;

    #[test]
    fn without_entries_names_and_sources_are_free_and_nothing_that_exists_is_taken() {
        let nothing = Tenancy::parse("").unwrap();
        assert_eq!(nothing, Tenancy::parse("[]").unwrap());
        assert_eq!(nothing.name("red", "anything"), Ok(()));
        assert_eq!(nothing.source("red", "qsl.anything"), Ok(()));
        assert!(nothing.adoption("red", "anything").is_err());
        assert!(nothing.arn("red", "arn:aws:kms:eu-west-3:1:key/1").is_err());
    }

    #[test]
    fn with_entries_a_namespace_may_do_what_an_entry_for_it_allows_and_nothing_else() {
        let two = Tenancy::parse(TWO).unwrap();
        for (namespace, name, allowed) in [
            ("red", "red-inbox", true),
            ("red", "qsl-core", true),
            ("red", "qsl-core-2", true),
            ("red", "blue-inbox", false),
            ("redder", "red-inbox", false),
            ("blue-1", "anything", true),
            ("green", "anything", false),
        ] {
            assert_eq!(two.name(namespace, name).is_ok(), allowed, "{namespace} {name}");
        }
        for (namespace, source, allowed) in [
            ("red", "qsl.red", true),
            ("red", "qsl.red2", false),
            ("red", "qsl.r-x", true),
            ("blue", "qsl.red", true),
            ("green", "qsl.red", false),
        ] {
            assert_eq!(two.source(namespace, source).is_ok(), allowed, "{namespace} {source}");
        }
        for (namespace, arn, allowed) in [
            ("blue-2", "arn:aws:kms:eu-west-3:1:key/1", true),
            ("blue-2", "arn:aws:sqs:eu-west-3:1:queue", false),
            ("blue-1", "arn:aws:kms:eu-west-3:1:key/1", false),
        ] {
            assert_eq!(two.arn(namespace, arn).is_ok(), allowed, "{namespace} {arn}");
        }
    }

    #[test]
    fn an_adoption_needs_one_entry_that_grants_it_for_that_very_name() {
        let two = Tenancy::parse(TWO).unwrap();
        assert!(two.adoption("red", "red-inbox").is_err());
        assert_eq!(two.adoption("blue-1", "old-inbox"), Ok(Claim::AdoptTagged));
        assert_eq!(two.adoption("blue-2", "old-inbox"), Ok(Claim::AdoptNamed));
        assert_eq!(two.adoption("blue-2", "new-inbox"), Ok(Claim::AdoptTagged), "names and adoptions do not add up");
    }

    #[test]
    fn a_refusal_says_which_value_grants_it() {
        let two = Tenancy::parse(TWO).unwrap();
        for (refusal, expected) in [
            (two.name("green", "x").unwrap_err(), "{namespaces: [green], namePrefixes: [x]}"),
            (two.source("green", "qsl.x").unwrap_err(), "{namespaces: [green], sources: [qsl.x]}"),
            (two.arn("green", "arn:x").unwrap_err(), "{namespaces: [green], arns: [\"arn:x\"]}"),
            (two.adoption("red", "red-x").unwrap_err(), "{namespaces: [red], adopt: Tagged, namePrefixes: [red-x]}"),
        ] {
            let said = refusal.to_string();
            assert!(said.contains("chart value tenancy") && said.ends_with(expected), "{said}");
        }
    }
}
