//! Signed events of a size, and the ring that verifies them.

use anyhow::{Result, anyhow};
use bench_figures::payment::payment;
use eventing::algorithm::{Algorithm, PublicKey};
use eventing::attributes::Attributes;
use eventing::compact::Compact;
use eventing::config::VerificationConfig;
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse};
use eventing::signing::{EventFacts, PrivateKey, kid_for, sign_event};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, Jti, Source};
use eventing::verify::{Policy, RawMessage, Verified, verify};
use serde_json::json;
use serde_json::value::RawValue;

const NOW: Millis = Millis(1_800_000_000_000);
/// Different events of one size: one alone would teach the branch predictor its bytes.
const DIFFERENT: u32 = 32;

/// Events of one algorithm and size, ready to be verified.
pub struct Events {
    /// The bodies, as a queue gives them.
    pub bodies: Vec<Vec<u8>>,
    signed: Vec<(Vec<u8>, Vec<u8>)>,
    public: PublicKey,
    ring: KeyRing,
    policy: Policy,
    attributes: Attributes,
}

impl Events {
    /// Events whose `detailCore` has about so many bytes.
    pub fn new(algorithm: Algorithm, size: usize) -> Result<Self> {
        let key = PrivateKey::generate(algorithm)?;
        let source = Source::parse("qsl.payment")?;
        let kid = kid_for("payments", &key.public_key())?;
        let bus: BusId = "platform/qsl-core".parse()?;
        let jwk = Jwk {
            kid: kid.clone(),
            algorithm,
            public_key: key.public_key(),
            key_use: KeyUse::Sig,
            sources: vec![source.clone().into()],
            nbf: NOW.seconds() - 3_600,
            exp: NOW.seconds() + 3_600,
            state: KeyState::Active,
        };
        let document = KeySetDocument { bus: bus.clone(), version: 1, issued: 0, expires: i64::MAX, keys: vec![jwk] };
        let mut ring = KeyRing::new([bus]);
        ring.take(KeySet::new(&document)?)?;
        let mut events = Self {
            bodies: Vec::new(),
            signed: Vec::new(),
            public: PublicKey::from_bytes(algorithm, &key.public_key())?,
            ring,
            policy: Policy::new(
                &VerificationConfig::default(),
                "arn:aws:sqs:eu-west-1:111122223333:qsl-treasury-inbox".parse()?,
            ),
            attributes: Attributes::new(),
        };
        for nth in 0..DIFFERENT {
            let facts = EventFacts {
                source: &source,
                detail_type: &"Payment.Initiated.v1".parse()?,
                resource: &"urn:qsl:paymentgateway:payment:p-700445".parse()?,
                trace: &Trace::new(format!("c-{nth}").parse()?).with("userId", "u-5")?.with("tenantId", "t-1")?,
                detail_core: &payment(nth, size).to_string(),
            };
            let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52")?;
            let event = sign_event(&key, &kid, facts, jti, Micros::from(NOW))?;
            events.push(&event.detail, &event.sig_compact)?;
        }
        Ok(events)
    }

    fn push(&mut self, detail: &RawValue, sig_compact: &str) -> Result<()> {
        let body = json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Payment.Initiated.v1",
            "source": "qsl.payment", "account": "111122223333", "time": "2027-01-15T08:00:00Z", "region": "eu-west-1",
            "resources": ["urn:qsl:paymentgateway:payment:p-700445"], "detail": detail,
        });
        self.bodies.push(serde_json::to_vec(&body)?);
        let compact = Compact::split(sig_compact)?;
        self.signed.push((compact.signed().to_vec(), compact.signature().to_vec()));
        Ok(())
    }

    /// All that a consumer does before its handler.
    pub fn verify(&self, nth: usize) -> Result<Verified> {
        let body = self.bodies.get(nth % self.bodies.len()).ok_or_else(|| anyhow!("no event"))?;
        let message = RawMessage { body, attributes: &self.attributes, sent_at: NOW };
        Ok(verify(&message, &self.ring, &self.policy, NOW)?)
    }

    /// The primitive alone, over the same bytes.
    pub fn verify_bare(&self, nth: usize) -> bool {
        let signed = self.signed.get(nth % self.signed.len());
        signed.is_some_and(|(message, signature)| self.public.verify(message, signature))
    }
}
