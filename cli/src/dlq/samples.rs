//! What the tests of the dead letters build upon: a bus with its keys, events of it, and letters.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use eventing::algorithm::Algorithm;
use eventing::attributes::{self, Attributes};
use eventing::config::VerificationConfig;
use eventing::consumer::{Receipt, Received};
use eventing::envelope::Trace;
use eventing::grant::{GrantFacts, Purpose};
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse};
use eventing::signing::{EventFacts, PrivateKey, kid_for, sign_event, sign_grant};
use eventing::time::Millis;
use eventing::types::{BusId, DetailType, Jti, QueueArn, Resource, Source};
use eventing::verify::Policy;
use serde_json::json;

use super::judge::Judge;
use super::letter::{Letter, Place};
use super::ports::Found;

/// When the events of the samples are signed.
pub(crate) const NOW: Millis = Millis(1_800_000_000_000);
pub(crate) const HOUR: i64 = 3_600_000;

/// A message that entered its queue at [`NOW`].
pub(crate) fn message(body: &str) -> Received {
    Received {
        message_id: Arc::from("m-1"),
        receipt: Receipt(Arc::from("r-1")),
        body: Arc::from(body),
        attributes: Attributes::new(),
        sent_at: NOW,
        receive_count: 6,
        group: None,
    }
}

/// A letter with these attributes that entered its queue then; SQS moved what nobody says that they wrote.
pub(crate) fn letter(place: Place, body: &str, sent_at: Millis, attributes: &[(&'static str, &str)]) -> Letter {
    let mut message = message(body);
    message.sent_at = sent_at;
    message.attributes = attributes.iter().copied().collect();
    let written = [attributes::CODE, "ERROR_CODE"].iter().any(|name| message.attributes.get(name).is_some());
    Letter::read(place, Found { message, moved: !written })
}

/// A bus, its keys, and the inbox that it feeds.
pub(crate) struct Site {
    key: PrivateKey,
    grant: PrivateKey,
    jwks: [Jwk; 2],
    pub(crate) inbox: QueueArn,
    /// An hour after its keys began to sign, and an hour before they end.
    pub(crate) now: Millis,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::at(NOW)
    }

    /// A site whose keys sign now, by the true clock.
    pub(crate) fn now() -> Self {
        Self::at(Millis::now())
    }

    fn at(now: Millis) -> Self {
        let [key, grant] = [(); 2].map(|()| PrivateKey::generate(Algorithm::MlDsa44).unwrap());
        let jwk = |private: &PrivateKey, name, key_use, sources| Jwk {
            kid: kid_for(name, &private.public_key()).unwrap(),
            algorithm: Algorithm::MlDsa44,
            public_key: private.public_key(),
            key_use,
            sources,
            nbf: now.seconds() - 3_600,
            exp: now.seconds() + 3_600,
            state: KeyState::Active,
        };
        let source = vec![Source::parse("qsl.tram").unwrap().into()];
        let jwks = [jwk(&key, "tram", KeyUse::Sig, source), jwk(&grant, "grant", KeyUse::Grant, vec![])];
        let inbox = QueueArn::parse("arn:aws:sqs:eu-west-1:111122223333:arrivals").unwrap();
        Self { key, grant, jwks, inbox, now }
    }

    /// The body of an event signed then.
    pub(crate) fn event(&self, ts: Millis) -> String {
        let facts = EventFacts {
            source: &Source::parse("qsl.tram").unwrap(),
            detail_type: &DetailType::parse("Tram.Left.v1").unwrap(),
            resource: &Resource::parse("urn:qsl:depot:tram:7").unwrap(),
            trace: &Trace::new("line-7".parse().unwrap()),
            detail_core: r#"{"stop":"harbour"}"#,
        };
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        let signed = sign_event(&self.key, &self.jwks[0].kid, facts, jti, ts.into()).unwrap();
        json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Left.v1",
               "resources": ["urn:qsl:depot:tram:7"], "detail": signed.detail})
        .to_string()
    }

    /// A grant that was given at `ts` for an event of `sent_at`.
    pub(crate) fn grant(&self, body: &str, sent_at: Millis, ts: Millis, purpose: Purpose) -> String {
        let facts = GrantFacts { body: body.as_bytes(), inbox: &self.inbox, purpose, sent_at };
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        sign_grant(&self.grant, &self.jwks[1].kid, facts, &jti, ts.into()).unwrap()
    }

    /// Judges as the site's standard inbox.
    pub(crate) fn judge(&self) -> Judge {
        let bus = BusId::new("city", "trams").unwrap();
        let (issued, keys) = (self.now.seconds(), self.jwks.to_vec());
        let document = KeySetDocument { bus: bus.clone(), version: 1, issued, expires: issued + 86_400, keys };
        let mut ring = KeyRing::new([bus]);
        ring.take(KeySet::new(&document).unwrap()).unwrap();
        Judge {
            ring,
            policy: Policy::new(&VerificationConfig::default(), self.inbox.clone()),
            fifo: false,
            groups: BTreeMap::new(),
            group: None,
            accept_late: false,
        }
    }
}
