//! Ownership marks: the tags that say whose a thing is.

mod packed;

pub use packed::Packed;

use crate::claim::Claim;
use crate::error::AwsError;
use crate::installation::Installation;
use crate::owner::Owner;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

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
/// Tag on an inbox's queue: the inbox has, or had, alarms.
pub const ALARMED: &str = "eventing.qsl.dev/alarms";

/// Tag that whoever owns a thing in AWS puts on it to give it to an object that adopts: `namespace/name` of that
/// object. What an object retains when it is deleted is left with it.
pub const ADOPT: &str = "eventing.qsl.dev/adopt";
/// Tag: which of the tags are the user's and the installation's, as short hashes of their keys: what the spec names
/// no longer is taken away by that, and a tag that somebody else put never is.
pub const SET_BY_US: &str = "eventing.qsl.dev/tag-keys";

/// The marks of an owner, without which nothing is touched.
pub fn marks(installation: &Installation, owner: &Owner) -> Tags {
    let Owner { kind, namespace, name, uid } = owner;
    [
        (CLUSTER, installation.cluster_id.as_str()),
        (KIND, kind.as_str()),
        (NAMESPACE, namespace),
        (NAME, name),
        (UID, uid),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The value of tag [`ADOPT`] that gives a thing to `owner`.
pub fn adopt_value(owner: &Owner) -> String {
    format!("{}/{}", owner.namespace, owner.name)
}

/// All tags that a thing of `owner` carries: the user's, the installation's, and the marks, which win.
pub fn wanted(installation: &Installation, owner: &Owner, user: &Tags) -> Tags {
    let mut tags = user.clone();
    tags.extend(installation.tags.clone());
    let hashes: BTreeSet<String> = tags.keys().map(|key| short_hash(key)).collect();
    if !hashes.is_empty() {
        tags.insert(SET_BY_US.to_owned(), hashes.into_iter().collect());
    }
    tags.extend(marks(installation, owner));
    tags
}

/// A step towards the wanted tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChange {
    /// Put these.
    Put(Tags),
    /// Take these away, by their keys.
    Take(BTreeSet<String>),
}

/// What makes `found` carry `wanted`, in order. What the spec named once goes before the list of our keys forgets it,
/// and the invitation ([`ADOPT`]) after the marks stand: a crash in between loses neither. Tags that somebody else
/// put are left alone.
pub fn changes(wanted: &Tags, found: &Tags) -> Vec<TagChange> {
    let mut changes = Vec::new();
    let superfluous = superfluous(wanted, found);
    if !superfluous.is_empty() {
        changes.push(TagChange::Take(superfluous));
    }
    let missing = missing(wanted, found);
    if !missing.is_empty() {
        changes.push(TagChange::Put(missing));
    }
    if found.contains_key(ADOPT) {
        changes.push(TagChange::Take(BTreeSet::from([ADOPT.to_owned()])));
    }
    changes
}

/// Tags of ours that are no longer wanted, by their keys.
fn superfluous(wanted: &Tags, found: &Tags) -> BTreeSet<String> {
    let set_by_us = found.get(SET_BY_US).map(String::as_str).unwrap_or_default();
    let is_listed = |key: &str| {
        let hash = short_hash(key);
        set_by_us.as_bytes().chunks(SHORT_HASH).any(|listed| listed == hash.as_bytes())
    };
    found
        .keys()
        .filter(|key| !wanted.contains_key(*key))
        // A deletion that was begun and taken back (a restore from a backup) leaves no trace behind.
        .filter(|key| matches!(key.as_str(), SET_BY_US | CUT_OFF_AT | FOUND_EMPTY_AT) || is_listed(key))
        .cloned()
        .collect()
}

/// What turns a thing of `owner` into nobody's: the invitation that lets an object of the same name have it back, and
/// then, in one call, the marks go. All else stays as it is.
pub fn release(owner: &Owner) -> [TagChange; 2] {
    let marks = [CLUSTER, KIND, NAMESPACE, NAME, UID, SET_BY_US, CUT_OFF_AT, FOUND_EMPTY_AT];
    [
        TagChange::Put(Tags::from([(ADOPT.to_owned(), adopt_value(owner))])),
        TagChange::Take(marks.into_iter().map(str::to_owned).collect()),
    ]
}

/// How long the hash of a key is: fifty keys, the most AWS takes, fit in the 256 characters of a tag's value.
const SHORT_HASH: usize = 5;

/// Thirty bits of SHA-256 in characters that AWS takes in tags.
fn short_hash(key: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digest = Sha256::digest(key.as_bytes());
    let digits = digest.iter().take(SHORT_HASH).filter_map(|byte| DIGITS.get(usize::from(byte % 64)));
    digits.map(|digit| char::from(*digit)).collect()
}

/// What of `wanted` is missing or different in `found`. Tags that are not ours are left alone.
fn missing(wanted: &Tags, found: &Tags) -> Tags {
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
        (None, None, None, None) => "somebody else (it carries no mark of an installation)".to_owned(),
        _ => {
            let missing = [CLUSTER, KIND, NAMESPACE, NAME].into_iter().filter(|key| !found.contains_key(*key));
            format!("an owner whose mark is torn (tag {} is missing)", missing.collect::<Vec<_>>().join(", "))
        }
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
    Claim::Own.check(installation, owner, found, service, thing).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::tests::installation;
    use crate::owner::Kind;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn all(user: &[(&str, &str)]) -> Tags {
        let owner = Owner { kind: Kind::EventBus, namespace: "n".into(), name: "m".into(), uid: "u".into() };
        wanted(&installation("here"), &owner, &tags(user))
    }

    /// What is there after the changes, each of which must be needed.
    fn after(wanted: &Tags, found: &Tags) -> Tags {
        let mut found = found.clone();
        for change in changes(wanted, &found.clone()) {
            match change {
                TagChange::Put(tags) => found.extend(tags),
                TagChange::Take(keys) => {
                    assert!(keys.iter().all(|key| found.remove(key).is_some()), "{keys:?}");
                }
            }
        }
        found
    }

    #[test]
    fn what_the_spec_names_no_longer_goes_and_what_others_put_stays() {
        let mut found = all(&[("team", "red"), ("cost", "7")]);
        found.insert("backup".into(), "daily".into());
        found.insert(CUT_OFF_AT.into(), "1".into());
        let mut expected = all(&[("team", "blue")]);
        expected.insert("backup".into(), "daily".into());
        assert_eq!(after(&all(&[("team", "blue")]), &found), expected);
        let mut expected = all(&[]);
        expected.insert("backup".into(), "daily".into());
        assert_eq!(after(&all(&[]), &found), expected);
        assert_eq!(changes(&all(&[]), &expected), []);
    }

    #[test]
    fn a_key_is_forgotten_only_after_it_is_gone() {
        let found = all(&[("team", "red"), ("cost", "7")]);
        let changes = changes(&all(&[("team", "red")]), &found);
        let [TagChange::Take(taken), TagChange::Put(put)] = changes.as_slice() else { unreachable!("{changes:?}") };
        assert_eq!(*taken, BTreeSet::from(["cost".to_owned()]));
        assert!(put.keys().eq([SET_BY_US]));
    }

    #[test]
    fn what_an_adopted_thing_brings_along_stays_but_for_the_invitation_which_goes_last() {
        let found = tags(&[("team", "red"), (ADOPT, "n/m")]);
        let changes = changes(&all(&[]), &found);
        assert!(matches!(changes.as_slice(), [TagChange::Put(_), TagChange::Take(_)]), "{changes:?}");
        assert!(after(&all(&[]), &found).contains_key("team"));
        assert!(!after(&all(&[]), &found).contains_key(ADOPT));
    }

    #[test]
    fn fifty_keys_fit_in_one_tag() {
        let many: Vec<String> = (0..50).map(|number| format!("key-{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
        let listed = all(&many).get(SET_BY_US).cloned().unwrap_or_default();
        assert_eq!(listed.len(), 250);
        assert!(listed.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{listed}");
    }
}
