//! Grants: none holds that says anything else than the one thing it may.

use std::sync::LazyLock;

use eventing::attributes::{self, Attributes};
use eventing::config::VerificationConfig;
use eventing::envelope::Trace;
use eventing::grant::Purpose;
use eventing::keyset::KeyUse;
use eventing::signing::{EventFacts, sign_event};
use eventing::time::{Micros, Millis};
use eventing::verify::{Code, Policy, RawMessage, Verified, verify};
use serde_json::json;

use crate::keys::{RING, jwk, private, signed};

const NOW: Millis = Millis(1_800_000_000_000);
const SIGNED_AT: Millis = Millis(1_790_000_000_000);
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:lamp-inbox";
const JTI: &str = "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52";

/// An event of long ago, which only a grant lets in.
static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = private(1);
    let word = "qsl.lighthouse".parse().expect("a source");
    let facts = EventFacts {
        source: &word,
        detail_type: &"Lamp.Lit.v2".parse().expect("a detail type"),
        resource: &"urn:qsl:lighthouse:lamp:l-9".parse().expect("a resource"),
        trace: &Trace::new("story-17".parse().expect("a correlation")),
        detail_core: &json!({"lumen": 900}).to_string(),
    };
    let jti = JTI.parse().expect("a jti");
    let kid = jwk(&key, KeyUse::Sig).kid;
    let event = sign_event(&key, &kid, facts, jti, Micros::from(SIGNED_AT)).expect("it is signed");
    let body = json!({
        "id": "d-1", "detail-type": "Lamp.Lit.v2", "source": "qsl.lighthouse",
        "resources": ["urn:qsl:lighthouse:lamp:l-9"], "detail": event.detail,
    });
    body.to_string().into_bytes()
});

/// The bytes are a grant; or, after an exclamation mark, the payload of one that the grant key signs.
pub fn check(data: &[u8]) {
    if let Some(payload) = data.strip_prefix(b"!") {
        let key = private(2);
        let kid = jwk(&key, KeyUse::Grant).kid;
        let ts = Micros::from(NOW).to_string();
        let header = json!({
            "alg": "ML-DSA-44", "kid": kid, "ts": ts, "hash": "SHA-256", "typ": "QSL-GRANT-PQC", "jti": JTI,
        });
        if payload.is_empty() {
            return;
        }
        match judge(&signed(&key, &header, payload)) {
            Ok(verified) => {
                let purpose = verified.purpose.expect("it came by a grant");
                assert_eq!(payload, expected(purpose), "a grant of something else");
                assert_eq!(verified.sent_at, SIGNED_AT);
            }
            Err(code) => {
                assert_eq!(code, Code::GrantInvalid);
                let good = [Purpose::Redrive, Purpose::Replay].map(expected);
                assert!(!good.iter().any(|good| good == payload), "a good grant is refused");
            }
        }
    } else if let Ok(text) = std::str::from_utf8(data) {
        // Nobody here signed it.
        assert_eq!(judge(text).map(|verified| verified.event_key), Err(Code::GrantInvalid));
    }
}

/// The payload of the one grant that holds, for a purpose.
pub(crate) fn expected(purpose: Purpose) -> Vec<u8> {
    let payload = json!({
        "bodySha256": body_sha256(), "inbox": QUEUE, "purpose": purpose.as_str(), "sentAt": SIGNED_AT.0,
    });
    serde_json_canonicalizer::to_vec(&payload).expect("others write it")
}

fn body_sha256() -> String {
    use sha2::Digest as _;
    eventing::compact::b64url(&sha2::Sha256::digest(&*BODY))
}

fn judge(grant: &str) -> Result<Verified, Code> {
    let mut given = Attributes::new();
    given.insert(attributes::GRANT, grant);
    given.insert(attributes::SENT_AT, SIGNED_AT.0.to_string());
    let message = RawMessage { body: &BODY, attributes: &given, sent_at: NOW };
    let policy = Policy::new(&VerificationConfig::default(), QUEUE.parse().expect("an ARN"));
    verify(&message, &RING, &policy, NOW).map_err(|rejection| rejection.code)
}
