//! What a check has to say: what is well, what is not and what would mend it, and what could not be looked at.

use std::fmt::Write as _;

use eventing::time::Millis;
use kube::Resource;
use serde::Serialize;

use crate::cluster::failed;
use crate::failure::Failure;
use crate::table::{harmless, span};

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose; empty for what is in no namespace.
    pub namespace: String,
    /// `Kind/name`
    pub object: String,
    /// The reason, in a word.
    pub reason: &'static str,
    /// The same in a sentence.
    pub note: String,
    /// What would mend it.
    pub fix: String,
    /// When somebody else said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
}

impl Finding {
    /// About an object.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K, reason: &'static str, note: String, fix: String) -> Self {
        let meta = object.meta();
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        Self::about(&K::kind(&()), namespace.unwrap_or_default(), name.unwrap_or_default(), reason, note, fix)
    }

    /// About an object that is perhaps not there.
    pub fn about(kind: &str, namespace: &str, name: &str, reason: &'static str, note: String, fix: String) -> Self {
        Self { namespace: namespace.to_owned(), object: format!("{kind}/{name}"), reason, note, fix, at: None }
    }
}

/// How one thing that was looked at stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Well, in a sentence.
    Well(String),
    /// Not well; none of these is well too.
    Ill(Vec<Finding>),
    /// It could not be looked at, for this reason.
    Unseen(String),
}

impl Verdict {
    /// What was found, or that it is well.
    pub fn of(found: Vec<Finding>, well: impl Into<String>) -> Self {
        if found.is_empty() { Self::Well(well.into()) } else { Self::Ill(found) }
    }
}

/// Why a look had no verdict.
#[derive(Debug)]
pub enum Stop {
    /// The API server does not let this user look.
    NotAllowed(String),
    /// Anything else.
    Failed(Failure),
}

/// What a look comes to.
pub type Looked = Result<Verdict, Stop>;

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A call to the API server that failed; `doing` comes after "cannot".
pub fn stop(doing: &str) -> impl FnOnce(kube::Error) -> Stop {
    move |error| match error {
        kube::Error::Api(answer) if answer.code == 403 => Stop::NotAllowed(answer.message.trim().to_owned()),
        error => Stop::Failed(failed(doing)(error)),
    }
}

/// Something that was looked at, and what there is to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// What there is to say.
    pub note: String,
}

/// All of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is well.
    pub passed: Vec<Line>,
    /// What could not be looked at.
    pub not_looked_at: Vec<Line>,
    /// What is not as usual and may be meant so.
    pub noted: Vec<Finding>,
    /// What is not well.
    pub found: Vec<Finding>,
}

impl Report {
    /// Takes what a look came to.
    ///
    /// # Errors
    /// When the API server is away or refuses for another reason than a right that is not there.
    pub fn take(&mut self, check: &'static str, looked: Looked) -> Result<(), Failure> {
        match looked {
            Ok(Verdict::Well(note)) => self.passed.push(Line { check, note }),
            Ok(Verdict::Unseen(note)) | Err(Stop::NotAllowed(note)) => self.not_looked_at.push(Line { check, note }),
            Ok(Verdict::Ill(found)) => self.found.extend(found),
            Err(Stop::Failed(failure)) => return Err(failure),
        }
        Ok(())
    }

    /// As people read it.
    pub fn told(&self, now: Millis) -> String {
        let mut text = String::new();
        for (mark, lines) in [("ok", &self.passed), ("not looked at", &self.not_looked_at)] {
            for Line { check, note } in lines {
                let _ = writeln!(text, "{mark}: {check}: {}", harmless(note));
            }
        }
        for (mark, findings) in [("note", &self.noted), ("FAILED", &self.found)] {
            for Finding { namespace, object, reason, note, fix, at } in findings {
                let ago = at.map_or_else(String::new, |at| format!(" (said {} ago)", span(now.distance(at) / 1_000)));
                let place = if namespace.is_empty() { String::new() } else { format!("{namespace} ") };
                let _ = writeln!(text, "{mark}: {reason}: {}", harmless(&format!("{place}{object}: {note}{ago}")));
                let _ = writeln!(text, "    fix: {}", harmless(fix));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_failure_comes_with_its_fix_and_what_may_not_be_seen_is_no_failure() {
        let mut report = Report::default();
        let ill =
            Finding::about("Pod", "shop", "till\u{1b}-0", "SidecarMissing", "has none".into(), "restart it".into());
        report.take("clock", Ok(Verdict::of(Vec::new(), "right"))).unwrap();
        report.take("leader", Err(Stop::NotAllowed("leases is forbidden".to_owned()))).unwrap();
        report.take("sidecars", Ok(Verdict::of(vec![Finding { at: Some(Millis(1_000)), ..ill }], "all"))).unwrap();
        let away = Failure::Remote { doing: "ask".to_owned(), why: "gone".to_owned() };
        assert!(report.take("webhooks", Err(away.into())).is_err());
        assert_eq!(
            report.told(Millis(6_000)),
            "ok: clock: right\nnot looked at: leader: leases is forbidden\n\
             FAILED: SidecarMissing: shop Pod/till -0: has none (said 5s ago)\n    fix: restart it\n"
        );
    }
}
