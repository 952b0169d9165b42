//! Events as the consumer hands them on, with everything of the size that a real one has.
//!
//! They come in blocks of 10,000, and the stories of a block are told at the same time: one of 1,000 events, of which
//! every tenth is, and 900 of 10 events.

use anyhow::Result;
use bench_figures::payment::payment;
use eventing::time::{Micros, Millis};
use eventing::types::{CorrelationId, EventId, EventKey};
use journal::event::NewEvent;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Bytes of `detailCore`, as in the other benchmarks.
const SIZE: usize = 2_048;
const BLOCK: u32 = 10_000;
/// Characters of a signature.
const SIGNATURE: usize = 3_227;
/// From how many characters signatures are taken: those of one block of the engine share none.
const NOISE: usize = 1 << 20;
/// The signed time of the first event, and the step to the next.
const BEGIN: i64 = 1_795_420_800_000_000;
const STEP: i64 = 500;
const STEPS: [&str; 8] =
    ["Initiated", "Validated", "Screened", "Authorized", "Reserved", "Settled", "Booked", "Notified"];

/// Makes events: what takes time is made once, so that the making does not count.
#[derive(Debug)]
pub struct Maker {
    detail_core: String,
    payload: String,
    noise: String,
}

/// The story that the `nth` event belongs to.
pub fn story(nth: u32) -> String {
    let (block, at) = (nth / BLOCK, nth % BLOCK);
    if at.is_multiple_of(10) { long_story(block) } else { short_story(block, (at - at / 10 - 1) % 900) }
}

/// The story of 1,000 events of a block.
pub fn long_story(block: u32) -> String {
    format!("long-{block}")
}

/// One of the 900 stories of 10 events of a block.
pub fn short_story(block: u32, of: u32) -> String {
    format!("short-{block}-{of}")
}

/// How many blocks so many events are.
pub fn blocks(events: u32) -> u32 {
    events / BLOCK
}

impl Maker {
    pub fn new() -> Self {
        let detail_core = payment(1, SIZE).to_string();
        // As long as the base64 of the payload is.
        Self { payload: noise(u64::MAX, detail_core.len().div_ceil(3) * 4), detail_core, noise: noise(1, NOISE) }
    }

    /// The next one begins where this ends, and each round elsewhere.
    fn signature(&self, nth: u32) -> &str {
        let at = nth as usize * SIGNATURE % (NOISE - SIGNATURE);
        self.noise.get(at..at + SIGNATURE).unwrap_or_default()
    }

    pub fn event(&self, nth: u32) -> Result<NewEvent> {
        let (story, step) = (story(nth), STEPS.get(nth as usize / 10 % STEPS.len()).copied().unwrap_or_default());
        let trace = json!({"correlationId": story, "tenantId": "t-1", "userId": format!("u-{}", nth % 5_000)});
        let (trace, detail_type) = (trace.to_string(), format!("Payment.{step}.v1"));
        let resource = format!("urn:qsl:paymentgateway:payment:{story}");
        let id = format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}");
        let Self { detail_core, payload, .. } = self;
        let body = format!(
            r#"{{"version":"0","id":"{id}","detail-type":"{detail_type}","source":"qsl.payment","account":"111122223333","time":"2027-01-15T08:00:00Z","region":"eu-west-1","resources":["{resource}"],"detail":{{"detailCore":{detail_core},"resource":"{resource}","sig_compact":"{payload}.{}","trace":{trace},"version":"v1"}}}}"#,
            self.signature(nth)
        );
        Ok(NewEvent {
            key: EventKey(Sha256::digest(nth.to_be_bytes()).into()),
            event_id: EventId::parse(&id)?,
            source: "qsl.payment".parse()?,
            detail_type: detail_type.parse()?,
            resource: resource.parse()?,
            bus: Some("platform/qsl-core".parse()?),
            correlation_id: CorrelationId::parse(&story)?,
            user_id: Some(format!("u-{}", nth % 5_000)),
            tenant_id: Some("t-1".to_owned()),
            trace,
            ts: Micros(BEGIN + i64::from(nth) * STEP),
            time: Some("2027-01-15T08:00:00Z".to_owned()),
            sent_at: Millis::now(),
            kid: "payments-abc".parse()?,
            algorithm: "ML-DSA-44".to_owned(),
            envelope_verified: true,
            detail_core: detail_core.clone(),
            body,
        })
    }
}

/// Text that does not compress, as signatures do not.
fn noise(seed: u64, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // xorshift64: ten letters a step.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for nth in 0..10.min(length - text.len()) {
            let at = usize::try_from(state >> (6 * nth) & 63).unwrap_or_default();
            text.push(LETTERS.get(at).copied().unwrap_or(b'A').into());
        }
    }
    text
}
