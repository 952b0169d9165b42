//! The names of what the operator makes for an owner. They are deterministic, so that a crash after a create is healed by
//! the next pass, which finds what the last one made.

use super::{AlarmName, DashboardName, RoleName};
use crate::installation::Installation;
use crate::owner::Owner;
use sha2::{Digest, Sha256};
use std::fmt::Display;

/// What a role is for; part of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RolePurpose {
    /// The role of a bus's publisher, one for each service account.
    Publish {
        /// The account's namespace.
        namespace: String,
        /// The account's name.
        service_account: String,
    },
    /// The role of an inbox's consumers.
    Consume,
    /// The role of those who bring an inbox's dead letters back.
    Redrive,
}

/// The first 16 hex digits of SHA-256 over the parts, each preceded by its length, so that no two lists collide.
pub fn hash16<T: AsRef<[u8]>>(parts: &[T]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.as_ref().len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_ref());
    }
    let mut text = hex::encode(digest.finalize());
    text.truncate(16);
    text
}

/// The name of a role that the operator makes for `owner`: unique in the account, over Regions and clusters.
pub fn role_name(installation: &Installation, owner: &Owner, purpose: &RolePurpose) -> RoleName {
    let (word, account) = match purpose {
        RolePurpose::Consume => ("consume", String::new()),
        RolePurpose::Redrive => ("redrive", String::new()),
        RolePurpose::Publish { namespace, service_account } => ("publish", format!("{namespace}/{service_account}")),
    };
    let hash = hash16(&[
        installation.cluster_id.as_str(),
        installation.region.as_str(),
        &owner.namespace,
        owner.kind.as_str(),
        &owner.name,
        word,
        &account,
    ]);
    let readable = match purpose {
        RolePurpose::Consume => format!("{}-{}", owner.namespace, owner.name),
        RolePurpose::Redrive => format!("redrive-{}-{}", owner.namespace, owner.name),
        RolePurpose::Publish { namespace, service_account } => format!("{}-{namespace}-{service_account}", owner.name),
    };
    RoleName(cut(&format!("qsl-{hash}-{readable}"), 64))
}

/// The path of all roles that any installation of QSL Eventing makes in the account.
pub const ROLES_PATH: &str = "/qsl-eventing/";

/// The path of all roles of one owner, under which IAM can list them.
pub fn role_path(installation: &Installation, owner: &Owner) -> String {
    format!("{ROLES_PATH}{}/", owner_hash(installation, owner))
}

/// What tells an owner from all others of the account.
fn owner_hash(installation: &Installation, owner: &Owner) -> String {
    hash16(&[
        installation.cluster_id.as_str(),
        installation.region.as_str(),
        &owner.namespace,
        owner.kind.as_str(),
        &owner.name,
    ])
}

/// How the names of all alarms of one owner begin; `qsl-` is what the operator's own permissions are limited to.
pub fn alarm_prefix(installation: &Installation, owner: &Owner) -> String {
    format!("qsl-{}-", owner_hash(installation, owner))
}

/// The name of an alarm of `owner`: the prefix, whose it is, and what it watches.
pub fn alarm_name(installation: &Installation, owner: &Owner, watches: &str) -> AlarmName {
    let prefix = alarm_prefix(installation, owner);
    AlarmName(cut(&format!("{prefix}{}-{}-{watches}", owner.namespace, owner.name), 255))
}

/// The name of the dashboard of `owner`.
pub fn dashboard_name(installation: &Installation, owner: &Owner) -> DashboardName {
    let Owner { namespace, name, .. } = owner;
    let readable = format!("{namespace}-{name}").replace('.', "-");
    DashboardName(cut(&format!("qsl-{}-{readable}", owner_hash(installation, owner)), 255))
}

/// The id of a rule's target: the same queue always has the same, so that another message group is put in the place of
/// the former, and there is no moment between the two.
pub fn target_id(queue: &impl Display) -> String {
    let arn = queue.to_string();
    let readable = arn.rsplit(':').next().unwrap_or_default().to_owned();
    let hash = hash16(&[arn.as_str()]);
    cut(&format!("{hash}-{readable}"), 64)
}

/// At most `max` characters of ASCII text, without a separator at the end.
pub(crate) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use crate::names::tests::installation;
    use crate::owner::Kind;

    fn owner(namespace: &str, name: &str) -> Owner {
        Owner { kind: Kind::InboxQueue, namespace: namespace.into(), name: name.into(), uid: "uid".into() }
    }

    #[test]
    fn role_names_differ_by_all_that_tells_owners_apart_and_fit() {
        let consume = RolePurpose::Consume;
        let publish = RolePurpose::Publish { namespace: "hangar".into(), service_account: "pilot".into() };
        let here = installation("cluster-a");
        let names = [
            role_name(&here, &owner("tower", "gate"), &consume),
            role_name(&here, &owner("tower", "gate"), &publish),
            role_name(&here, &owner("tower", "gate"), &RolePurpose::Redrive),
            role_name(&here, &owner("tow", "ergate"), &consume),
            role_name(&here, &owner("tower-gate", "x"), &consume),
            role_name(&installation("cluster-b"), &owner("tower", "gate"), &consume),
        ];
        let distinct: std::collections::BTreeSet<&RoleName> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        let long = role_name(&here, &owner(&"n".repeat(63), &"m".repeat(250)), &consume);
        assert!(RoleName::parse(long.as_str()).is_ok(), "{long}");
        assert!(names[0].as_str().ends_with("-tower-gate"), "{}", names[0]);
    }

    #[test]
    fn a_target_is_told_by_its_queue() {
        let id = |queue: &str| target_id(&format!("arn:aws:sqs:eu-west-3:210987654321:{queue}"));
        assert_eq!(id("gate"), id("gate"));
        assert_ne!(id("gate"), id("gate2"));
        assert!(id("gate").ends_with("-gate"));
        assert!(id(&"q".repeat(80)).len() <= 64);
    }
}
