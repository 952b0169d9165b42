//! Ownership marks: the tags that say whose a thing is.

use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::owner::Owner;
use std::collections::BTreeMap;

/// Tags of a thing in AWS.
pub type Tags = BTreeMap<String, String>;

/// Tag: the cluster of the owner.
pub const CLUSTER: &str = "eventing.qsl.dev/cluster";
/// Tag: the owner's kind.
pub const KIND: &str = "eventing.qsl.dev/kind";
/// Tag: the owner's namespace.
pub const NAMESPACE: &str = "eventing.qsl.dev/namespace";
/// Tag: the owner's name.
pub const NAME: &str = "eventing.qsl.dev/name";
/// Tag: the owner's uid, for information.
pub const UID: &str = "eventing.qsl.dev/uid";
/// Tag on a queue: since when it is cut off, in milliseconds of Unix time.
pub const CUT_OFF_AT: &str = "eventing.qsl.dev/cut-off-at";
/// Tag on a queue: when it was first counted empty after that, in milliseconds of Unix time.
pub const FOUND_EMPTY_AT: &str = "eventing.qsl.dev/found-empty-at";

/// All tags that a thing of `owner` carries: the user's, the installation's, and the marks, which win.
pub fn wanted(installation: &Installation, owner: &Owner, user: &Tags) -> Tags {
    let mut tags = user.clone();
    tags.extend(installation.tags.clone());
    let Owner { kind, namespace, name, uid } = owner;
    for (key, value) in [
        (CLUSTER, installation.cluster_id.as_str()),
        (KIND, kind.as_str()),
        (NAMESPACE, namespace),
        (NAME, name),
        (UID, uid),
    ] {
        tags.insert(key.to_owned(), value.to_owned());
    }
    tags
}

/// What of `wanted` is missing or different in `found`. Tags that are not ours are left alone.
pub fn missing(wanted: &Tags, found: &Tags) -> Tags {
    wanted
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether the tags carry the mark of this cluster, whoever the owner is.
pub fn of_this_cluster(installation: &Installation, found: &Tags) -> bool {
    found.get(CLUSTER) == Some(&installation.cluster_id) && found.contains_key(KIND)
}

/// Whose a thing is, in a reader's words.
pub fn describe_owner(found: &Tags) -> String {
    let get = |key: &str| found.get(key).map(String::as_str);
    match (get(CLUSTER), get(KIND), get(NAMESPACE), get(NAME)) {
        (Some(cluster), Some(kind), Some(namespace), Some(name)) => {
            format!("{kind} {namespace}/{name} of cluster {cluster}")
        }
        _ => "somebody else (it carries no mark of an installation)".to_owned(),
    }
}

/// Refuses what does not carry the mark of `owner`; a differing uid is the same owner.
pub fn check_owner(
    installation: &Installation,
    owner: &Owner,
    found: &Tags,
    service: &'static str,
    thing: &str,
) -> Result<(), AwsError> {
    let marks = wanted(installation, owner, &Tags::new());
    let same = [CLUSTER, KIND, NAMESPACE, NAME].iter().all(|key| found.get(*key) == marks.get(*key));
    if same {
        return Ok(());
    }
    let whose = describe_owner(found);
    Err(AwsError {
        service,
        operation: "ownership",
        message: format!("{thing} exists and belongs to {whose}"),
        class: ErrorClass::NotOurs { owner: whose },
    })
}
