//! The envelope of an event: what EventBridge delivers around `detailCore`, parsed once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::json::{self, Json, Object};
use crate::types::{CorrelationId, DetailType, EventId, ParseError, Resource, Source};

/// The only version of `detail` there is.
pub const VERSION: &str = "v1";

/// Whose and which story an event belongs to: `correlationId`, and other texts (or null) that travel along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Option<String>>", into = "BTreeMap<String, Option<String>>")]
pub struct Trace {
    correlation_id: CorrelationId,
    others: BTreeMap<String, Option<String>>,
}

impl Trace {
    /// A trace of a correlation alone.
    pub fn new(correlation_id: CorrelationId) -> Self {
        Self { correlation_id, others: BTreeMap::new() }
    }

    /// The same trace with one more member (`userId`, `tenantId`, `traceparent`, …).
    ///
    /// # Errors
    /// When the text has more than 512 characters, or the name is `correlationId`.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, ParseError> {
        if name == CORRELATION_ID {
            return Err(ParseError::new("trace", "has one correlationId"));
        }
        check_member(value)?;
        self.others.insert(name.to_owned(), Some(value.to_owned()));
        Ok(self)
    }

    /// The correlation.
    pub fn correlation_id(&self) -> &CorrelationId {
        &self.correlation_id
    }

    /// The members that are not null, the correlation too.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.others.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)));
        others.chain([(CORRELATION_ID, self.correlation_id.as_str())])
    }

    /// Another member, where it is there and not null.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.others.get(name)?.as_deref()
    }

    /// The user it happened for.
    pub fn user_id(&self) -> Option<&str> {
        self.get("userId")
    }

    /// The tenant the user belongs to.
    pub fn tenant_id(&self) -> Option<&str> {
        self.get("tenantId")
    }

    /// The device it came from.
    pub fn device_id(&self) -> Option<&str> {
        self.get("deviceId")
    }

    /// W3C `traceparent`.
    pub fn traceparent(&self) -> Option<&str> {
        self.get("traceparent")
    }

    /// W3C `tracestate`.
    pub fn tracestate(&self) -> Option<&str> {
        self.get("tracestate")
    }

    fn from_json(json: &Json) -> Result<Self, ParseError> {
        let object = json.as_object().ok_or(ParseError::new("trace", "must be an object"))?;
        let members = object.iter().map(|(name, value)| match value {
            Json::Null => Ok((name.to_owned(), None)),
            Json::String(text) => Ok((name.to_owned(), Some(text.clone().into_owned()))),
            _ => Err(ParseError::new("trace", "must have texts, or null")),
        });
        Self::try_from(members.collect::<Result<BTreeMap<_, _>, _>>()?)
    }

    pub(crate) fn to_json(&self) -> Json<'_> {
        let others =
            self.others.iter().map(|(name, value)| (name.as_str(), value.as_deref().map_or(Json::Null, Json::from)));
        let correlation_id = (CORRELATION_ID, Json::from(self.correlation_id.as_str()));
        Json::Object(others.chain([correlation_id]).collect())
    }
}

const CORRELATION_ID: &str = "correlationId";

fn check_member(value: &str) -> Result<(), ParseError> {
    if value.chars().nth(512).is_some() {
        return Err(ParseError::new("trace", "has a member of more than 512 characters"));
    }
    Ok(())
}

impl TryFrom<BTreeMap<String, Option<String>>> for Trace {
    type Error = ParseError;
    fn try_from(mut others: BTreeMap<String, Option<String>>) -> Result<Self, ParseError> {
        let correlation_id =
            others.remove(CORRELATION_ID).flatten().ok_or(ParseError::new("correlationId", "must be there"))?;
        for value in others.values().flatten() {
            check_member(value)?;
        }
        Ok(Self { correlation_id: CorrelationId::parse(&correlation_id)?, others })
    }
}

impl From<Trace> for BTreeMap<String, Option<String>> {
    fn from(trace: Trace) -> Self {
        let mut members = trace.others;
        members.insert(CORRELATION_ID.to_owned(), Some(trace.correlation_id.into()));
        members
    }
}

/// The facts of an envelope that has its form. Signed only where the header has `env`, but for `id` and `time`, which
/// never are.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// EventBridge's id of this delivery.
    pub id: EventId,
    /// Who sent.
    pub source: Source,
    /// What happened.
    pub detail_type: DetailType,
    /// What it happened to.
    pub resource: Resource,
    /// Whose and which story.
    pub trace: Trace,
    /// EventBridge's time, as received where it is a text.
    pub time: Option<String>,
    canonical: Vec<u8>,
}

/// Why a body is no envelope of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// `detail.version` is a text other than `v1`.
    #[error("the version of detail is not v1")]
    VersionUnsupported,
    /// A member does not have its form.
    #[error("the envelope is not of the form: {0}")]
    Invalid(#[from] ParseError),
}

/// A body that has the form of an envelope, and what it carries.
pub(crate) struct Opened<'a> {
    pub(crate) envelope: Envelope,
    pub(crate) detail_core: &'a Json<'a>,
    pub(crate) sig_compact: Option<&'a Json<'a>>,
}

pub(crate) fn open<'a>(body: &'a Json<'a>) -> Result<Opened<'a>, EnvelopeFault> {
    let outer = body.as_object();
    let detail = outer.and_then(|outer| outer.get("detail")).and_then(Json::as_object);
    let version = detail.and_then(|detail| detail.get("version")).and_then(Json::as_str);
    if version.is_some_and(|version| version != VERSION) {
        return Err(EnvelopeFault::VersionUnsupported);
    }
    let outer = outer.ok_or(ParseError::new("body", "must be an object"))?;
    let detail = detail.ok_or(ParseError::new("detail", "must be an object"))?;
    version.ok_or(ParseError::new("version", "must be a text"))?;

    let resource = Resource::parse(text(detail, "resource")?)?;
    let resources = outer.get("resources").ok_or(ParseError::new("resources", "must be there"))?;
    let is_listed = resources
        .as_array()
        .ok_or(ParseError::new("resources", "must be a list"))?
        .iter()
        .any(|listed| listed.as_str() == Some(resource.as_str()));
    if !is_listed {
        return Err(ParseError::new("resources", "must contain the resource").into());
    }
    let trace = detail.get("trace").ok_or(ParseError::new("trace", "must be there"))?;
    let detail_core = detail
        .get("detailCore")
        .filter(|core| core.as_object().is_some())
        .ok_or(ParseError::new("detailCore", "must be an object"))?;
    let source = Source::parse(text(outer, "source")?)?;
    let detail_type = DetailType::parse(text(outer, "detail-type")?)?;
    let envelope = Envelope {
        id: EventId::parse(text(outer, "id")?)?,
        trace: Trace::from_json(trace)?,
        time: outer.get("time").and_then(Json::as_str).map(str::to_owned),
        canonical: hashed(&source, &detail_type, resources, &resource, trace),
        source,
        detail_type,
        resource,
    };
    let sig_compact = detail.get("sig_compact").filter(|sig| **sig != Json::Null);
    Ok(Opened { envelope, detail_core, sig_compact })
}

fn text<'a>(object: &'a Object<'a>, name: &'static str) -> Result<&'a str, ParseError> {
    object.get(name).and_then(Json::as_str).ok_or(ParseError::new(name, "must be a text"))
}

impl Envelope {
    /// The canonical form of what `env` is over.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }
}

/// The envelope that a publisher gives an event: one resource, version `v1`.
pub(crate) fn canonical(source: &Source, detail_type: &DetailType, resource: &Resource, trace: &Trace) -> Vec<u8> {
    let resources = Json::Array(vec![Json::from(resource.as_str())]);
    hashed(source, detail_type, &resources, resource, &trace.to_json())
}

pub(crate) fn hash(canonical: &[u8]) -> [u8; 32] {
    Sha256::digest(canonical).into()
}

fn hashed(source: &Source, detail_type: &DetailType, resources: &Json, resource: &Resource, trace: &Json) -> Vec<u8> {
    json::canonical_object([
        ("detail-type", &Json::from(detail_type.as_str())),
        ("source", &Json::from(source.as_str())),
        ("resources", resources),
        ("resource", &Json::from(resource.as_str())),
        ("trace", trace),
        ("version", &Json::from(VERSION)),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_trace_gives_each_member_by_its_name_and_is_written_as_it_was_read() {
        let names = ["userId", "tenantId", "deviceId", "traceparent", "tracestate"];
        let members = names.map(|name| (name.to_owned(), Some(format!("the {name}"))));
        let nothing = ("locale".to_owned(), None);
        let all: BTreeMap<_, _> =
            members.into_iter().chain([(CORRELATION_ID.to_owned(), Some("c-1".to_owned())), nothing]).collect();
        let trace = Trace::try_from(all.clone()).unwrap();
        let got = [trace.user_id(), trace.tenant_id(), trace.device_id(), trace.traceparent(), trace.tracestate()];
        assert_eq!(got.map(Option::unwrap), names.map(|name| format!("the {name}")));
        assert_eq!(BTreeMap::from(trace), all);
        let bare = Trace::new("c-1".parse().unwrap());
        assert_eq!((bare.tenant_id(), bare.traceparent()), (None, None));
    }

    #[test]
    fn a_member_of_a_trace_has_512_characters_at_most() {
        let with = |length: usize| Trace::new("c-1".parse().unwrap()).with("userId", &"é".repeat(length));
        assert!(with(512).is_ok());
        let refused = with(513).unwrap_err().to_string();
        assert!(refused.contains("512 characters"), "{refused}");
    }
}
