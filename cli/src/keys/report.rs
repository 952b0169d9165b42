//! What is said of one SigningKey. Pure: time is an argument.

use crds::signing_key::{KeyState, KeyStatus};
use crds::{Algorithm, SigningKey};
use crds::conditions::{self, READY, SYNCED};
use jiff::Timestamp;
use serde::Serialize;

use crate::table::span;

/// The columns of [`KeyReport::rows`].
pub const HEADINGS: [&str; 11] =
    ["NAMESPACE", "NAME", "BUS", "SOURCES", "STATE", "KID", "ALGORITHM", "AGE", "UNTIL", "NEXT", "STATUS"];

/// How long the operator may take to do what was due.
const GRACE_SECONDS: i64 = 60;

/// A SigningKey, as a person wants to know it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    namespace: String,
    name: String,
    /// `NAMESPACE/NAME` of the EventBus.
    bus: String,
    sources: Vec<String>,
    /// What the next key will be of.
    algorithm: Algorithm,
    /// When the next key takes over.
    next_rotation_time: Option<Timestamp>,
    /// Whether the status is not that of the object as it is, or of now.
    stale: bool,
    /// Why it is, and why the object is not Ready.
    notes: Vec<String>,
    keys: Vec<KeyLine>,
}

/// One key of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyLine {
    kid: String,
    /// Not known of a key that is revoked here and another object's.
    algorithm: Option<Algorithm>,
    state: KeyState,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    /// Since it began to sign; absent until then.
    age_seconds: Option<u64>,
}

impl KeyReport {
    /// The report of an object, given all that were found: a kid may be revoked by any SigningKey of its bus.
    pub fn of(object: &SigningKey, all: &[SigningKey], now: Timestamp) -> Self {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let of_bus = |other: &&SigningKey| {
            other.metadata.namespace == object.metadata.namespace && other.spec.bus_ref == object.spec.bus_ref
        };
        let is_revoked = |kid: &String| all.iter().filter(of_bus).any(|other| other.spec.revoked_kids.contains(kid));
        let is_listed = |kid: &String| {
            let statuses = all.iter().filter(of_bus).filter_map(|other| other.status.as_ref());
            statuses.flat_map(|status| &status.keys).any(|key| key.kid == *kid)
        };
        let of_others = object.spec.revoked_kids.iter().filter(|kid| !is_listed(kid)).map(KeyLine::revoked);
        let keys = status.keys.iter().map(|key| KeyLine::of(key, is_revoked(&key.kid), now)).chain(of_others).collect();
        let stale = stale(object, now);
        let is_stale = !stale.is_empty();
        Self {
            bus: format!("{namespace}/{}", object.spec.bus_ref.name),
            namespace,
            name: object.metadata.name.clone().unwrap_or_default(),
            sources: object.spec.sources.clone(),
            algorithm: object.spec.algorithm,
            next_rotation_time: status.next_rotation_time.map(|time| time.0),
            stale: is_stale,
            notes: stale.into_iter().chain(not_well(object)).collect(),
            keys,
        }
    }

    /// A row for each key; what is said of the object stands in the first.
    pub fn rows(&self, now: Timestamp) -> Vec<[String; 11]> {
        let status = match (self.stale, self.notes.join("; ")) {
            (true, notes) => format!("stale: {notes}"),
            (false, notes) if notes.is_empty() => "current".to_owned(),
            (false, notes) => notes,
        };
        let next = self.next_rotation_time.map(|at| from_now(at, now)).unwrap_or_default();
        let row = |[state, kid, algorithm, age, until]: [String; 5], first: bool| {
            let once = |text: &str| if first { text.to_owned() } else { String::new() };
            let (namespace, name) = (self.namespace.clone(), self.name.clone());
            let (bus, sources) = (self.bus.clone(), self.sources.join(","));
            [namespace, name, bus, sources, state, kid, algorithm, age, until, once(&next), once(&status)]
        };
        if self.keys.is_empty() {
            let none = ["none".to_owned(), String::new(), name(self.algorithm), String::new(), String::new()];
            return vec![row(none, true)];
        }
        self.keys.iter().enumerate().map(|(at, key)| row(key.cells(now), at == 0)).collect()
    }
}

impl KeyLine {
    fn of(key: &KeyStatus, is_revoked: bool, now: Timestamp) -> Self {
        let age = now.as_second() - key.not_before.0.as_second();
        Self {
            kid: key.kid.clone(),
            algorithm: Some(key.algorithm),
            // Nothing verifies under it from the moment the spec says so.
            state: if is_revoked { KeyState::Revoked } else { key.state },
            not_before: Some(key.not_before.0),
            not_after: Some(key.not_after.0),
            age_seconds: u64::try_from(age).ok(),
        }
    }

    fn revoked(kid: &String) -> Self {
        let (algorithm, not_before, not_after, age_seconds) = (None, None, None, None);
        Self { kid: kid.clone(), algorithm, state: KeyState::Revoked, not_before, not_after, age_seconds }
    }

    fn cells(&self, now: Timestamp) -> [String; 5] {
        let age = match (self.age_seconds, self.not_before) {
            (Some(seconds), _) => span(seconds),
            (None, begins) => begins.map(|at| from_now(at, now)).unwrap_or_default(),
        };
        let until = self.not_after.map(|at| from_now(at, now)).unwrap_or_default();
        let state = format!("{:?}", self.state).to_lowercase();
        [state, self.kid.clone(), self.algorithm.map(name).unwrap_or_default(), age, until]
    }
}

/// Why the status cannot be relied on.
fn stale(object: &SigningKey, now: Timestamp) -> Vec<String> {
    let Some(status) = object.status.as_ref().filter(|status| status.observed_generation.is_some()) else {
        return vec!["the operator has not looked at it yet".to_owned()];
    };
    let mut why = Vec::new();
    if status.observed_generation < object.metadata.generation {
        why.push("its spec was changed, and the operator has not taken that up".to_owned());
    }
    let ago = |at: Timestamp| {
        let seconds = now.as_second() - at.as_second();
        (seconds > GRACE_SECONDS).then(|| span(seconds.unsigned_abs()))
    };
    if let Some(late) = status.next_rotation_time.as_ref().and_then(|time| ago(time.0)) {
        why.push(format!("the next key was due to take over {late} ago"));
    }
    let active = status.keys.iter().filter(|key| key.state == KeyState::Active);
    for (key, late) in active.filter_map(|key| Some((key, ago(key.not_after.0)?))) {
        why.push(format!("{} ran out {late} ago, and signs nothing", key.kid));
    }
    why
}

/// What its conditions say against it.
fn not_well(object: &SigningKey) -> Option<String> {
    let conditions = &object.status.as_ref()?.conditions;
    let against = [SYNCED, READY].into_iter().find_map(|type_| {
        conditions::get(conditions, type_).filter(|condition| condition.status != "True")
    })?;
    let message = if against.message.is_empty() { String::new() } else { format!(": {}", against.message) };
    Some(format!("not {} ({}){message}", against.type_, against.reason))
}

fn from_now(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    let said = span(seconds.unsigned_abs());
    if seconds >= 0 { format!("in {said}") } else { format!("{said} ago") }
}

fn name(algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Dilithium2 => "Dilithium2",
        Algorithm::MlDsa44 => "ML-DSA-44",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
