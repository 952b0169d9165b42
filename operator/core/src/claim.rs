//! How an object lays claim to what it finds under its names, and whose a found thing then is.
//!
//! A thing with another owner's mark is always refused, naming that owner. One without a mark is refused unless the
//! claim adopts: by its name, or because whoever owns it in AWS tagged it for this very object ([`ADOPT`]). What an
//! object retained when it was deleted carries that tag too, so it finds its way back.

use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::owner::Owner;
use crate::tags::{self, ADOPT, CLUSTER, KIND, NAME, NAMESPACE, Tags, UID};

/// How an object lays claim to what it finds under its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Claim {
    /// What carries its mark, and what it makes itself.
    #[default]
    Own,
    /// Also what carries no mark and is tagged for it.
    AdoptTagged,
    /// Also what carries no mark, by its name alone, unless it is tagged for another object.
    AdoptNamed,
    /// Nothing: it looks at what there is, whosoever it is, and changes nothing.
    Look,
}

/// Whose a found thing is, seen by an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The object's own.
    Ours,
    /// The object's own, marked with the uid of an earlier incarnation (a restore from a backup).
    Restored {
        /// That uid; empty where the tag is gone.
        uid: String,
    },
    /// Nobody's, and the object takes it over.
    Adopted,
    /// Nobody's.
    Unmarked,
    /// Another's, in a reader's words.
    Another(String),
}

/// Whose a thing with these tags is, for an object with this claim.
pub fn standing(claim: Claim, installation: &Installation, owner: &Owner, found: &Tags) -> Standing {
    let marks = tags::marks(installation, owner);
    let identity = [CLUSTER, KIND, NAMESPACE, NAME];
    if identity.iter().all(|key| found.get(*key) == marks.get(*key)) {
        return match found.get(UID) {
            Some(uid) if *uid == owner.uid => Standing::Ours,
            other => Standing::Restored { uid: other.cloned().unwrap_or_default() },
        };
    }
    if identity.iter().any(|key| found.contains_key(*key)) {
        return Standing::Another(tags::describe_owner(found));
    }
    let tagged_for = found.get(ADOPT).map(String::as_str);
    let for_us = tagged_for == Some(tags::adopt_value(owner).as_str());
    match (claim, tagged_for) {
        (Claim::AdoptTagged | Claim::AdoptNamed, Some(_)) if for_us => Standing::Adopted,
        (Claim::AdoptNamed, None) => Standing::Adopted,
        (_, Some(other)) if !for_us => {
            Standing::Another(format!("nobody, and is kept for {} {other} by tag {ADOPT}", owner.kind))
        }
        _ => Standing::Unmarked,
    }
}

/// A thing that is being taken: its standing is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What it is called.
    pub thing: String,
    /// How it stood before.
    pub standing: Standing,
}

/// Those of the things that are taken in this pass: adopted, or marked anew after a restore.
pub fn taken<'a>(
    claim: Claim,
    installation: &Installation,
    owner: &Owner,
    things: impl IntoIterator<Item = (String, &'a Tags)>,
) -> Vec<Taken> {
    let judged = things.into_iter().map(|(thing, found)| {
        let standing = standing(claim, installation, owner, found);
        Taken { thing, standing }
    });
    judged.filter(|taken| matches!(taken.standing, Standing::Adopted | Standing::Restored { .. })).collect()
}

impl Claim {
    /// Whether a found thing may be taken for the object's own; another's is refused, and so is what nobody marked
    /// unless it is adopted. A claim that only looks refuses nothing.
    pub fn check(
        self,
        installation: &Installation,
        owner: &Owner,
        found: &Tags,
        service: &'static str,
        thing: &str,
    ) -> Result<Standing, AwsError> {
        let standing = standing(self, installation, owner, found);
        let (whose, hint) = match &standing {
            _ if self == Self::Look => return Ok(standing),
            Standing::Ours | Standing::Restored { .. } | Standing::Adopted => return Ok(standing),
            Standing::Another(whose) => (whose.clone(), String::new()),
            Standing::Unmarked => (tags::describe_owner(found), self.hint(owner)),
        };
        Err(AwsError {
            service,
            operation: "ownership",
            message: format!("{thing} exists and belongs to {whose}{hint}"),
            class: ErrorClass::NotOurs { owner: whose },
        })
    }

    /// What would let the object have what nobody marked.
    fn hint(self, owner: &Owner) -> String {
        match self {
            Self::Own => "; to take it over, set spec.adoptionPolicy: AdoptOrCreate".to_owned(),
            Self::AdoptTagged => {
                format!("; to give it to this object, tag it {ADOPT}={}", tags::adopt_value(owner))
            }
            Self::AdoptNamed | Self::Look => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::names::tests::installation;
    use crate::owner::Kind;

    fn owner() -> Owner {
        Owner { kind: Kind::InboxQueue, namespace: "tower".into(), name: "gate".into(), uid: "uid-2".into() }
    }

    fn found(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// What each claim comes to: Own, AdoptTagged, AdoptNamed.
    fn judged(tags: &Tags) -> [Result<Standing, String>; 3] {
        [Claim::Own, Claim::AdoptTagged, Claim::AdoptNamed].map(|claim| {
            let judged = claim.check(&installation("here"), &owner(), tags, "SQS", "queue gate");
            judged.map_err(|error| error.message)
        })
    }

    #[test]
    fn what_carries_our_mark_is_ours_whatever_the_uid() {
        let mut tags = tags::marks(&installation("here"), &owner());
        assert!(judged(&tags).iter().all(|judged| *judged == Ok(Standing::Ours)));
        tags.insert(UID.into(), "uid-1".into());
        let restored = Standing::Restored { uid: "uid-1".into() };
        assert!(judged(&tags).iter().all(|judged| *judged == Ok(restored.clone())));
    }

    #[test]
    fn anothers_is_refused_whatever_is_allowed_and_its_owner_named() {
        let ours = tags::marks(&installation("here"), &owner());
        let of_another_cluster = tags::marks(&installation("there"), &owner());
        let of_another_object = tags::marks(&installation("here"), &Owner { name: "pier".into(), ..owner() });
        let mut torn = ours.clone();
        torn.remove(NAME);
        torn.insert(ADOPT.into(), "tower/gate".into());
        for (tags, whose) in [
            (of_another_cluster, "InboxQueue tower/gate of cluster there"),
            (of_another_object, "InboxQueue tower/pier of cluster here"),
            (torn, "eventing.qsl.dev/name is missing"),
        ] {
            for judged in judged(&tags) {
                let said = judged.unwrap_err();
                assert!(said.contains(whose), "{said}");
                assert!(!said.contains("AdoptOrCreate"), "no advice that does not help: {said}");
            }
        }
    }

    #[test]
    fn what_nobody_marked_is_taken_by_name_only_where_that_is_allowed() {
        let [own, tagged, named] = judged(&found(&[("team", "red")]));
        assert!(own.unwrap_err().ends_with("set spec.adoptionPolicy: AdoptOrCreate"));
        assert!(tagged.unwrap_err().ends_with("tag it eventing.qsl.dev/adopt=tower/gate"));
        assert_eq!(named, Ok(Standing::Adopted));
    }

    #[test]
    fn what_its_owner_tagged_for_us_is_taken_and_what_is_tagged_for_another_is_not() {
        let [own, tagged, named] = judged(&found(&[(ADOPT, "tower/gate")]));
        assert!(own.is_err());
        assert_eq!((tagged, named), (Ok(Standing::Adopted), Ok(Standing::Adopted)));
        for judged in judged(&found(&[(ADOPT, "tower/pier")])) {
            let said = judged.unwrap_err();
            assert!(said.contains("kept for InboxQueue tower/pier"), "{said}");
        }
    }

    #[test]
    fn who_only_looks_is_refused_nothing() {
        let theirs = tags::marks(&installation("there"), &owner());
        let looked = Claim::Look.check(&installation("here"), &owner(), &theirs, "SQS", "queue gate").unwrap();
        assert!(matches!(looked, Standing::Another(_)));
        let nobodys = Claim::Look.check(&installation("here"), &owner(), &Tags::new(), "SQS", "queue gate").unwrap();
        assert_eq!(nobodys, Standing::Unmarked);
    }
}
