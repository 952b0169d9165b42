//! Consent: whether an object may be reached from another namespace. Pure but for the labels of namespaces.

use std::collections::BTreeMap;

use crds::{AllowedNamespaces, NamespaceSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::runtime::reflector::ObjectRef;

use crate::runner::Hub;

/// Whether an object in `target`, with that consent, may be reached from `from`.
pub(crate) fn permits(hub: &Hub, allowed: &AllowedNamespaces, target: &str, from: &str) -> bool {
    let labels = || {
        let namespace = hub.namespaces.store().get(&ObjectRef::new(from));
        namespace.and_then(|found| found.metadata.labels.clone()).unwrap_or_default()
    };
    decide(allowed, target, from, labels)
}

pub(crate) fn decide(
    allowed: &AllowedNamespaces,
    target: &str,
    from: &str,
    labels: impl FnOnce() -> BTreeMap<String, String>,
) -> bool {
    if target == from {
        return true;
    }
    match (allowed.from, &allowed.selector) {
        (NamespaceSource::Same, _) | (NamespaceSource::Selector, None) => false,
        (NamespaceSource::All, _) => true,
        (NamespaceSource::Selector, Some(selector)) => selects(selector, &labels()),
    }
}

/// Whether the selector matches; one without requirements matches everything, as everywhere in Kubernetes.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector { match_expressions, match_labels } = selector;
    let equal = match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal && match_expressions.iter().flatten().all(|requirement| holds(requirement, labels))
}

/// Whether one requirement holds; an operator that is not known never does.
fn holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelectorRequirement { key, operator, values } = requirement;
    let found = labels.get(key);
    let listed = |value: &String| values.iter().flatten().any(|one| one == value);
    match operator.as_str() {
        "In" => found.is_some_and(listed),
        "NotIn" => !found.is_some_and(listed),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("team".to_owned(), name.to_owned())])
    }

    fn selector(operator: &str, values: &[&str]) -> AllowedNamespaces {
        let requirement = LabelSelectorRequirement {
            key: "team".into(),
            operator: operator.into(),
            values: Some(values.iter().map(ToString::to_string).collect()),
        };
        let selector = LabelSelector { match_expressions: Some(vec![requirement]), match_labels: None };
        AllowedNamespaces { from: NamespaceSource::Selector, selector: Some(selector) }
    }

    #[test]
    fn the_own_namespace_needs_no_consent_and_others_need_some() {
        let same = AllowedNamespaces::default();
        assert!(decide(&same, "red", "red", BTreeMap::new));
        assert!(!decide(&same, "red", "blue", BTreeMap::new));
        let all = AllowedNamespaces { from: NamespaceSource::All, selector: None };
        assert!(decide(&all, "red", "blue", BTreeMap::new));
    }

    #[test]
    fn selectors_judge_labels() {
        for (operator, values, expected) in [
            ("In", &["blue"][..], true),
            ("In", &["green"], false),
            ("NotIn", &["green"], true),
            ("NotIn", &["blue"], false),
            ("Exists", &[], true),
            ("DoesNotExist", &[], false),
            ("Matches", &["blue"], false),
        ] {
            assert_eq!(
                decide(&selector(operator, values), "red", "blue", || team("blue")),
                expected,
                "{operator} {values:?}"
            );
        }
    }

    #[test]
    fn labels_must_all_be_equal() {
        let selector = LabelSelector { match_expressions: None, match_labels: Some(team("blue")) };
        assert!(selects(&selector, &team("blue")));
        assert!(!selects(&selector, &BTreeMap::new()));
    }
}
