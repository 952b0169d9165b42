//! What a pass changed in AWS, as Kubernetes Events tell it. Pure.
//!
//! A change that follows an edit is told as what was done; one that somebody made by hand and that was put right is
//! told as what differed. The two are told apart by a hash of what was wanted: where it is the one that the status
//! carries since AWS was last as it said, nobody edited anything, and yet AWS differed.

use operator_core::{
    claim::{Standing, Taken},
    difference::{self, Difference},
    names::hash16,
};

/// What a pass found in AWS before it changed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Hash of what was wanted ([`hash_of`]).
    pub wanted: String,
    /// What differed from that.
    pub differences: Vec<Difference>,
    /// What was taken: adopted, or marked anew.
    pub taken: Vec<Taken>,
}

/// An Event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether a person should look.
    pub warning: bool,
    /// Its reason.
    pub reason: &'static str,
    /// Its note.
    pub note: String,
}

/// Reason of the Event that tells what was done.
pub const APPLIED: &str = "Applied";
/// Reason of the Event that tells what somebody changed by hand, and that it was put right.
pub const DRIFT_REPAIRED: &str = "DriftRepaired";
/// Reason of the Event that tells what was taken over.
pub const ADOPTED: &str = "Adopted";
/// Reason of the Event that tells what was marked anew after a restore.
pub const RESTAMPED: &str = "Restamped";

/// Hash of what is wanted: 16 hexadecimal digits that change when anything of it does.
pub fn hash_of(wanted: &impl std::fmt::Debug) -> String {
    hash16(&[format!("{wanted:?}")])
}

/// What is to be told of a pass that did `changes`. `settled` is the hash of what was wanted when AWS was last as the
/// object says.
pub fn tell(found: Option<&Found>, changes: &[String], settled: Option<&str>) -> Vec<Told> {
    let mut told = Vec::new();
    if let Some(found) = found {
        let (adopted, restored): (Vec<&Taken>, Vec<&Taken>) =
            found.taken.iter().partition(|taken| taken.standing == Standing::Adopted);
        if !adopted.is_empty() {
            let things: Vec<&str> = adopted.iter().map(|taken| taken.thing.as_str()).collect();
            let note = format!("took over {}, which nobody had marked", things.join(", "));
            told.push(Told { warning: false, reason: ADOPTED, note });
        }
        if !restored.is_empty() {
            let things: Vec<String> = restored.iter().map(|taken| restored_thing(taken)).collect();
            let note = format!("marked anew what an earlier object of this name made: {}", things.join(", "));
            told.push(Told { warning: false, reason: RESTAMPED, note });
        }
    }
    if changes.is_empty() {
        return told;
    }
    let drift = found.filter(|found| settled == Some(found.wanted.as_str()) && !found.differences.is_empty());
    told.push(match drift {
        Some(found) => {
            let note = format!("changed by hand in AWS, and put right: {}", difference::sentence(&found.differences));
            Told { warning: true, reason: DRIFT_REPAIRED, note }
        }
        None => Told { warning: false, reason: APPLIED, note: changes.join("; ") },
    });
    told
}

fn restored_thing(taken: &Taken) -> String {
    match &taken.standing {
        Standing::Restored { uid } if !uid.is_empty() => format!("{} (of uid {uid})", taken.thing),
        _ => taken.thing.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str) -> Found {
        let differences = vec![Difference::field("queue gate", "retention", 60, 120)];
        Found { wanted: wanted.into(), differences, taken: Vec::new() }
    }

    fn reasons(found: &Found, settled: Option<&str>) -> Vec<&'static str> {
        tell(Some(found), &["set retention of gate".to_owned()], settled).iter().map(|told| told.reason).collect()
    }

    #[test]
    fn what_differs_although_nothing_else_was_wanted_is_drift() {
        assert_eq!(reasons(&found("a"), Some("a")), [DRIFT_REPAIRED]);
        let told = tell(Some(&found("a")), &["set".to_owned()], Some("a"));
        assert!(told.iter().all(|told| told.warning && told.note.ends_with("queue gate: retention is 60, not 120")));
    }

    #[test]
    fn what_follows_an_edit_or_was_never_applied_is_not() {
        assert_eq!(reasons(&found("b"), Some("a")), [APPLIED]);
        assert_eq!(reasons(&found("a"), None), [APPLIED]);
        assert_eq!(tell(None, &["made key".to_owned()], Some("a")).first().map(|told| told.reason), Some(APPLIED));
    }

    #[test]
    fn nothing_done_is_nothing_told() {
        assert_eq!(tell(Some(&found("a")), &[], Some("a")), []);
    }

    #[test]
    fn what_is_taken_is_told_by_how_it_stood() {
        let taken = |thing: &str, standing| Taken { thing: thing.into(), standing };
        let restored = Standing::Restored { uid: "uid-1".into() };
        let taken = vec![taken("queue a", Standing::Adopted), taken("queue b", restored)];
        let told = tell(Some(&Found { taken, ..found("b") }), &["tag".to_owned()], Some("a"));
        let notes: Vec<&str> = told.iter().map(|told| told.note.as_str()).collect();
        let reasons: Vec<&str> = told.iter().map(|told| told.reason).collect();
        assert_eq!(reasons, [ADOPTED, RESTAMPED, APPLIED]);
        assert!(notes.first().is_some_and(|note| note.starts_with("took over queue a,")), "{notes:?}");
        assert!(notes.get(1).is_some_and(|note| note.ends_with("queue b (of uid uid-1)")), "{notes:?}");
    }

    #[test]
    fn another_wish_has_another_hash() {
        assert_eq!(hash_of(&("a", 1)), hash_of(&("a", 1)));
        assert_ne!(hash_of(&("a", 1)), hash_of(&("a", 2)));
    }
}
