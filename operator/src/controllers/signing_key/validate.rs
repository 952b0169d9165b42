//! From a spec to a policy of keys; what is refused names the field and the way out.

use std::time::Duration;

use crds::SigningKey;
use kube::ResourceExt;

use super::dereference::Referenced;
use crate::{
    keys::{KeyPolicy, Rotation, Signing, material::algorithm},
    runner::Terminal,
};

/// The annotation that rotates now.
use crds::names::ROTATE_REQUESTED_AT;

/// Judges the object against the bus and the bus's other keys.
pub(super) fn validate(object: &SigningKey, referenced: &Referenced) -> Result<(), Terminal> {
    granted(object, referenced)?;
    alone(object, referenced)
}

/// The policy, without judging it against other objects.
pub(super) fn policy(
    object: &SigningKey,
    revoked: impl IntoIterator<Item = String>,
    keep: Duration,
    signing: Signing,
) -> Result<KeyPolicy, Terminal> {
    let spec = &object.spec;
    let rotation = Rotation::of(&spec.rotation).map_err(|(field, problem)| Terminal::spec(field, problem))?;
    Ok(KeyPolicy {
        algorithm: algorithm(spec.algorithm),
        sources: spec.sources.iter().cloned().collect(),
        rotation,
        keep,
        revoked: revoked.into_iter().collect(),
        rotate_request: object.annotations().get(ROTATE_REQUESTED_AT).cloned(),
        adopts: false,
        signing,
    })
}

/// Every source is one that a publisher of the bus may send; `*` is all of those, whichever they are.
fn granted(object: &SigningKey, referenced: &Referenced) -> Result<(), Terminal> {
    let publishers = &referenced.bus.spec.publishers;
    let published = |source: &String| publishers.iter().any(|publisher| publisher.sources.contains(source));
    let not = quoted(object.spec.sources.iter().filter(|source| *source != "*" && !published(source)));
    if not.is_empty() {
        return Ok(());
    }
    let bus = referenced.bus.name_any();
    let problem = format!(
        "no publisher of EventBus {bus} may send {not}; add what is missing to publishers[].sources there, or remove it here"
    );
    Err(Terminal::spec("sources", problem))
}

/// No source is another key's. Of two that name one source, the older keeps it; of two of one second, the one whose
/// name comes first.
fn alone(object: &SigningKey, referenced: &Referenced) -> Result<(), Terminal> {
    let age = |key: &SigningKey| (key.creation_timestamp(), key.name_any());
    let mut older: Vec<_> = referenced.others.iter().filter(|other| age(other) < age(object)).collect();
    older.sort_by_key(|other| age(other));
    for other in older {
        let both = quoted(object.spec.sources.iter().filter(|source| other.spec.sources.contains(source)));
        if !both.is_empty() {
            let name = other.name_any();
            let problem = format!("SigningKey {name} of the same bus has {both} already; name it in one of the two");
            return Err(Terminal::spec("sources", problem));
        }
    }
    Ok(())
}

fn quoted<'a>(sources: impl Iterator<Item = &'a String>) -> String {
    sources.map(|source| format!("'{source}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn key(name: &str, sources: &[&str], created: &str) -> SigningKey {
        let object = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey",
            "metadata": {"name": name, "namespace": "platform", "creationTimestamp": created},
            "spec": {"busRef": {"name": "bus"}, "sources": sources},
        });
        serde_json::from_value(object).unwrap()
    }

    fn referenced(others: Vec<SigningKey>) -> Referenced {
        let bus = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventBus",
            "metadata": {"name": "bus", "namespace": "platform"},
            "spec": {"busName": "bus", "publishers": [
                {"serviceAccountRef": {"name": "stock"}, "sources": ["qsl.stock"]},
                {"serviceAccountRef": {"name": "goods"}, "sources": ["qsl.goods"]},
            ]},
        });
        let others = others.into_iter().map(Arc::new).collect();
        Referenced { bus: Arc::new(serde_json::from_value(bus).unwrap()), others }
    }

    const EARLY: &str = "2026-11-23T08:00:00Z";
    const LATE: &str = "2026-11-23T09:00:00Z";

    fn refusal(object: &SigningKey, others: Vec<SigningKey>) -> Option<String> {
        validate(object, &referenced(others)).err().map(|terminal| terminal.message)
    }

    #[test]
    fn two_keys_of_a_bus_never_cover_one_source_and_the_older_keeps_it() {
        let (old, new) = (key("old", &["qsl.stock"], EARLY), key("new", &["qsl.stock", "qsl.goods"], LATE));
        assert_eq!(refusal(&old, vec![new.clone()]), None);
        let said = refusal(&new, vec![old]).unwrap();
        assert!(said.contains("SigningKey old") && said.contains("'qsl.stock'"), "{said}");
    }

    #[test]
    fn of_two_of_one_second_the_first_name_keeps_the_source() {
        let (a, b) = (key("a", &["qsl.stock"], EARLY), key("b", &["qsl.stock"], EARLY));
        assert_eq!(refusal(&a, vec![b.clone()]), None);
        assert!(refusal(&b, vec![a]).unwrap().contains("SigningKey a "));
    }

    #[test]
    fn of_several_in_the_way_the_oldest_is_named() {
        let (first, second) = (key("z", &["qsl.goods"], EARLY), key("a", &["qsl.stock"], LATE));
        let third = key("third", &["qsl.stock", "qsl.goods"], "2026-11-23T10:00:00Z");
        let said = refusal(&third, vec![second, first]).unwrap();
        assert!(said.contains("SigningKey z") && said.contains("'qsl.goods'"), "{said}");
    }

    #[test]
    fn an_exact_source_and_all_of_them_go_together() {
        let (exact, all) = (key("exact", &["qsl.stock"], EARLY), key("all", &["*"], LATE));
        assert_eq!(refusal(&all, vec![exact]), None);
    }

    #[test]
    fn a_source_that_nobody_may_publish_is_refused() {
        let said = refusal(&key("new", &["qsl.other", "qsl.stock", "qsl.third"], EARLY), Vec::new()).unwrap();
        assert!(said.contains("EventBus bus may send 'qsl.other', 'qsl.third';"), "{said}");
    }
}
