//! Signed events, as EventBridge puts them into a queue.

use anyhow::{Context as _, Result};
use bench_figures::payment::payment;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_event};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, Jti, Kid};
use serde_json::json;

pub const SOURCE: &str = "qsl.payment";
pub const DETAIL_TYPE: &str = "Payment.Initiated.v1";
pub const RESOURCE: &str = "urn:qsl:paymentgateway:payment:p-700445";
/// Bytes of `detailCore`.
pub const SIZE: usize = 2_048;

/// A key of a bus, and what it signs.
pub struct Key {
    private: PrivateKey,
    kid: Kid,
    pub algorithm: Algorithm,
}

impl Key {
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let private = PrivateKey::generate(algorithm)?;
        let kid = kid_for("payments", &private.public_key())?;
        Ok(Self { private, kid, algorithm })
    }

    /// The set of the bus `platform/qsl-core`, with this key alone.
    pub fn set(&self) -> KeySetDocument {
        let now = Millis::now().seconds();
        let (issued, expires) = (now - 60, now + 3_600);
        let key = Jwk {
            kid: self.kid.clone(),
            algorithm: self.algorithm,
            public_key: self.private.public_key(),
            key_use: KeyUse::Sig,
            sources: vec![SourcePattern::Any],
            nbf: issued,
            exp: expires,
            state: KeyState::Active,
        };
        KeySetDocument { bus: bus(), version: 1, issued, expires, keys: vec![key] }
    }

    /// The `nth` event; its correlation is `c-{nth}`.
    pub fn event(&self, nth: u32) -> Result<SignedEvent> {
        let facts = EventFacts {
            source: &SOURCE.parse()?,
            detail_type: &DETAIL_TYPE.parse()?,
            resource: &RESOURCE.parse()?,
            trace: &Trace::new(format!("c-{nth}").parse()?).with("userId", "u-5")?.with("tenantId", "t-1")?,
            detail_core: &payment(nth, SIZE).to_string(),
        };
        let jti = Jti::parse(&format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}"))?;
        Ok(sign_event(&self.private, &self.kid, facts, jti, Micros::now())?)
    }

    /// The bodies of so many events, as a queue gives them. Signed by every core: it takes a while.
    pub fn bodies(&self, count: u32) -> Result<Vec<String>> {
        let workers = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let each = count.div_ceil(workers);
        std::thread::scope(|scope| {
            let ranges = (0..workers).map(|worker| worker * each..((worker + 1) * each).min(count));
            let works: Vec<_> = ranges
                .map(|range| scope.spawn(move || range.map(|nth| self.body(nth)).collect::<Result<Vec<_>>>()))
                .collect();
            let mut bodies = Vec::new();
            for work in works {
                bodies.extend(work.join().ok().context("signing panicked")??);
            }
            Ok(bodies)
        })
    }

    fn body(&self, nth: u32) -> Result<String> {
        let body = json!({
            "version": "0", "id": format!("6a7e8feb-b491-4cf7-a9f1-0000{nth:08x}"), "detail-type": DETAIL_TYPE,
            "source": SOURCE, "account": "111122223333", "time": "2027-01-15T08:00:00Z", "region": "eu-west-1",
            "resources": [RESOURCE], "detail": self.event(nth)?.detail,
        });
        Ok(body.to_string())
    }
}

pub fn bus() -> BusId {
    #[expect(clippy::expect_used, reason = "two constants that are names")]
    BusId::new("platform", "qsl-core").expect("a bus's name")
}

/// The `nth` of a correlation.
pub fn nth(correlation: &str) -> Option<usize> {
    correlation.strip_prefix("c-")?.parse().ok()
}
