//! From a spec to a policy of keys; what is refused names the field and the way out.

use std::time::Duration;

use crds::{SigningKey, Span};
use kube::ResourceExt;

use super::dereference::Referenced;
use crate::{
    keys::{KeyPolicy, Rotation, Signing, material::algorithm},
    runner::Terminal,
};

/// The annotation that rotates now.
use crds::names::ROTATE_REQUESTED_AT;

/// The policy that the object asks for.
pub(super) fn validate(object: &SigningKey, referenced: &Referenced, keep: Duration) -> Result<KeyPolicy, Terminal> {
    granted(object, referenced)?;
    alone(object, referenced)?;
    policy(object, referenced.revoked.iter().cloned(), keep, Signing::Wanted)
}

/// The policy, without judging it against other objects.
pub(super) fn policy(
    object: &SigningKey,
    revoked: impl IntoIterator<Item = String>,
    keep: Duration,
    signing: Signing,
) -> Result<KeyPolicy, Terminal> {
    let spec = &object.spec;
    let length = |span: &Span, field: &str| span.length().map_err(|error| Terminal::spec(field, error));
    let rotation = Rotation::new(
        length(&spec.rotation.period, "rotation.period")?,
        length(&spec.rotation.publish_before, "rotation.publishBefore")?,
        length(&spec.rotation.overlap, "rotation.overlap")?,
    );
    Ok(KeyPolicy {
        algorithm: algorithm(spec.algorithm),
        sources: spec.sources.iter().cloned().collect(),
        rotation: rotation.map_err(|error| Terminal::spec("rotation", error))?,
        keep,
        revoked: revoked.into_iter().collect(),
        rotate_request: object.annotations().get(ROTATE_REQUESTED_AT).cloned(),
        signing,
    })
}

/// Every source is one that a publisher of the bus may send.
fn granted(object: &SigningKey, referenced: &Referenced) -> Result<(), Terminal> {
    let publishers = &referenced.bus.spec.publishers;
    let published = |source: &String| publishers.iter().any(|publisher| publisher.sources.contains(source));
    match object.spec.sources.iter().find(|source| *source != "*" && !published(source)) {
        None => Ok(()),
        Some(source) => {
            let bus = referenced.bus.name_any();
            let problem = format!(
                "no publisher of EventBus {bus} may send '{source}'; add it to publishers[].sources there, or remove it here"
            );
            Err(Terminal::spec("sources", problem))
        }
    }
}

/// No source is another key's. Of two that name one source, the older keeps it.
fn alone(object: &SigningKey, referenced: &Referenced) -> Result<(), Terminal> {
    let age = |key: &SigningKey| (key.creation_timestamp(), key.name_any());
    let older = referenced.others.iter().filter(|other| age(other) < age(object));
    for other in older {
        if let Some(source) = object.spec.sources.iter().find(|source| other.spec.sources.contains(source)) {
            let problem = format!(
                "SigningKey {} of the same bus has '{source}' already; name it in one of the two",
                other.name_any()
            );
            return Err(Terminal::spec("sources", problem));
        }
    }
    Ok(())
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
        Referenced { bus: Arc::new(serde_json::from_value(bus).unwrap()), others, revoked: Vec::new() }
    }

    const EARLY: &str = "2026-11-23T08:00:00Z";
    const LATE: &str = "2026-11-23T09:00:00Z";

    fn refusal(object: &SigningKey, others: Vec<SigningKey>) -> Option<String> {
        validate(object, &referenced(others), Duration::ZERO).err().map(|terminal| terminal.message)
    }

    #[test]
    fn two_keys_of_a_bus_never_cover_one_source_and_the_older_keeps_it() {
        let (old, new) = (key("old", &["qsl.stock"], EARLY), key("new", &["qsl.stock", "qsl.goods"], LATE));
        assert_eq!(refusal(&old, vec![new.clone()]), None);
        let said = refusal(&new, vec![old]).unwrap();
        assert!(said.contains("SigningKey old") && said.contains("'qsl.stock'"), "{said}");
    }

    #[test]
    fn an_exact_source_and_all_of_them_go_together() {
        let (exact, all) = (key("exact", &["qsl.stock"], EARLY), key("all", &["*"], LATE));
        assert_eq!(refusal(&all, vec![exact]), None);
    }

    #[test]
    fn a_source_that_nobody_may_publish_is_refused() {
        let said = refusal(&key("new", &["qsl.other"], EARLY), Vec::new()).unwrap();
        assert!(said.contains("EventBus bus") && said.contains("'qsl.other'"), "{said}");
    }
}
