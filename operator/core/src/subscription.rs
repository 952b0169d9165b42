//! Subscriptions of an inbox: the pattern of one, and the names of its rule. The names are deterministic, so that a
//! crash after the rule was made is healed by the next pass, which finds it.

use crate::names::{RULE_NAME_MAX, RuleName, cut, hash16};
use crate::parse::ParseError;
use serde_json::{Map, Value};

/// The longest name of one of our objects.
const OBJECT_NAME_MAX: usize = 63;
/// Hexadecimal digits of the hash at the end of a derived name.
const DIGITS: usize = 16;

/// Which subscription of which inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionId<'a> {
    /// The inbox's namespace.
    pub namespace: &'a str,
    /// The inbox's name.
    pub inbox: &'a str,
    /// The subscription's name.
    pub name: &'a str,
}

impl SubscriptionId<'_> {
    /// The name of the EventRule: `<inbox>-<subscription>-<hash>`, at most 63 characters.
    pub fn object_name(&self) -> String {
        let Self { namespace: _, inbox, name } = self;
        with_hash(&format!("{inbox}-{name}"), OBJECT_NAME_MAX, &hash16(&[*inbox, *name]))
    }

    /// The name of the rule in EventBridge, where all namespaces share a bus: `<queue>-<subscription>-<hash>`, at most 60
    /// characters. It begins as the queue's does, so whoever may name the queue may name the rule.
    pub fn rule_name(&self, queue: &str) -> Result<RuleName, ParseError> {
        let Self { namespace, inbox, name } = self;
        let hash = hash16(&[*namespace, *inbox, *name]);
        RuleName::parse(with_hash(&format!("{queue}-{name}"), RULE_NAME_MAX, &hash))
    }
}

fn with_hash(readable: &str, max: usize, hash: &str) -> String {
    format!("{}-{hash}", cut(readable, max.saturating_sub(DIGITS + 1)))
}

/// The events of these sources and these detail-types, in EventBridge's grammar: every one of either where its list is
/// empty. With both empty there is no pattern.
pub fn pattern(sources: &[String], detail_types: &[String]) -> Map<String, Value> {
    [("source", sources), ("detail-type", detail_types)]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(member, values)| (member.to_owned(), Value::from(values)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn id<'a>(namespace: &'a str, inbox: &'a str, name: &'a str) -> SubscriptionId<'a> {
        SubscriptionId { namespace, inbox, name }
    }

    fn names(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_pattern_names_what_is_listed_and_leaves_the_rest_free() {
        let (sources, types) = (names(&["qsl.tide", "qsl.wind"]), names(&["Tide.Turned.v1"]));
        let both = json!({"source": ["qsl.tide", "qsl.wind"], "detail-type": ["Tide.Turned.v1"]});
        assert_eq!(Value::Object(pattern(&sources, &types)), both);
        assert_eq!(Value::Object(pattern(&sources, &[])), json!({"source": ["qsl.tide", "qsl.wind"]}));
        assert_eq!(Value::Object(pattern(&[], &types)), json!({"detail-type": ["Tide.Turned.v1"]}));
    }

    #[test]
    fn names_that_read_alike_are_of_different_subscriptions() {
        assert_ne!(id("pier", "a-b", "c").object_name(), id("pier", "a", "b-c").object_name());
        let in_aws = |namespace, inbox| id(namespace, inbox, "x").rule_name("team-lamps").unwrap();
        assert_ne!(in_aws("pier-a", "b"), in_aws("pier", "a-b"));
        assert!(id("pier", "lamp", "tides").object_name().starts_with("lamp-tides-"));
        assert!(in_aws("pier", "lamp").as_str().starts_with("team-lamps-x-"));
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_kubernetes_and_eventbridge_take(
            namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            inbox in "[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
            queue in "[A-Za-z0-9_-]{1,68}",
        ) {
            let id = id(&namespace, &inbox, &name);
            let object = id.object_name();
            prop_assert!(object.len() <= 63, "{object}");
            prop_assert!(object.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c)));
            prop_assert!(object.starts_with(|c: char| c.is_ascii_alphanumeric()));
            prop_assert!(id.rule_name(&queue).unwrap().as_str().len() <= 60);
            prop_assert_eq!(object, id.object_name());
        }
    }
}
