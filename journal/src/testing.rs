//! Builders for the tests of this crate.
#![allow(clippy::unwrap_used)]

use eventing::time::{Micros, Millis};
use eventing::types::{BusId, CorrelationId, DetailType, EventId, EventKey, Kid, Resource, Source};
use sha2::{Digest as _, Sha256};

use crate::event::NewEvent;

/// An event whose key follows from `name`.
pub(crate) struct Builder(NewEvent);

pub(crate) fn event(name: &str) -> Builder {
    Builder(NewEvent {
        key: EventKey(Sha256::digest(name).into()),
        event_id: EventId::parse(&format!("eb-{name}")).unwrap(),
        source: Source::parse("qsl.teller").unwrap(),
        detail_type: DetailType::parse("Loan.Granted.v1").unwrap(),
        resource: Resource::parse("urn:qsl:teller:loan:l-1").unwrap(),
        bus: Some(BusId::new("bank", "loans").unwrap()),
        correlation_id: CorrelationId::parse("story-1").unwrap(),
        user_id: Some("user-1".to_owned()),
        tenant_id: None,
        trace: r#"{"correlationId":"story-1","userId":"user-1"}"#.to_owned(),
        ts: Micros(1_795_420_800_000_001),
        time: Some("2026-11-23T08:00:00Z".to_owned()),
        sent_at: Millis(1_795_420_800_100),
        kid: Kid::parse("loans-abc").unwrap(),
        algorithm: "ML-DSA-44".to_owned(),
        envelope_verified: true,
        detail_core: r#"{"amount":0.1}"#.to_owned(),
        body: format!(r#"{{"name":"{name}"}}"#),
    })
}

impl Builder {
    pub(crate) fn id(mut self, id: &str) -> Self {
        self.0.event_id = EventId::parse(id).unwrap();
        self
    }

    pub(crate) fn detail_type(mut self, detail_type: &str) -> Self {
        self.0.detail_type = DetailType::parse(detail_type).unwrap();
        self
    }

    pub(crate) fn resource(mut self, resource: &str) -> Self {
        self.0.resource = Resource::parse(resource).unwrap();
        self
    }

    pub(crate) fn correlation(mut self, id: &str) -> Self {
        self.0.correlation_id = CorrelationId::parse(id).unwrap();
        self
    }

    pub(crate) fn bus(mut self, bus: &str) -> Self {
        self.0.bus = Some(bus.parse().unwrap());
        self
    }

    pub(crate) fn source(mut self, source: &str) -> Self {
        self.0.source = Source::parse(source).unwrap();
        self
    }

    pub(crate) fn user(mut self, user: &str) -> Self {
        self.0.user_id = Some(user.to_owned());
        self
    }

    pub(crate) fn tenant(mut self, tenant: &str) -> Self {
        self.0.tenant_id = Some(tenant.to_owned());
        self
    }

    /// With a payload of so many bytes.
    pub(crate) fn payload(mut self, bytes: usize) -> Self {
        self.0.detail_core = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.0.body);
        self
    }

    pub(crate) fn ts(mut self, micros: i64) -> Self {
        self.0.ts = Micros(micros);
        self
    }

    pub(crate) fn envelope_verified(mut self, verified: bool) -> Self {
        self.0.envelope_verified = verified;
        self
    }

    pub(crate) fn build(self) -> NewEvent {
        self.0
    }
}
