//! Of two faults the earlier is told: a fault for each code, and every two that one message can have.

use serde_json::{Map, Value};

use super::*;
use crate::compact::b64url;
use crate::json::{Json, Limits};
use crate::keyset::{KeyState, SourcePattern};

/// A message in the making, and what it is judged by.
struct Draft {
    key: TestKey,
    header: Map<String, Value>,
    core: Value,
    /// Goes before the body's first member.
    prefix: &'static str,
    outer: Value,
    signature: fn(&mut Vec<u8>),
    signed: bool,
    padding: usize,
    attributes: Attributes,
    sent_at: Millis,
    policy: Policy,
}

impl Draft {
    fn new(algorithm: Algorithm) -> Self {
        let key = event_key(algorithm);
        let core = json!({"lumen": 900});
        let signed = key.event(NOW.into(), &core);
        let compact = Compact::split(&signed.sig_compact).unwrap();
        let header = compact.signed().split(|byte| *byte == b'.').next().unwrap();
        let header = crate::compact::b64url_decode(std::str::from_utf8(header).unwrap()).unwrap();
        Self {
            header: serde_json::from_slice(&header).unwrap(),
            outer: serde_json::from_slice(&body(&signed.detail)).unwrap(),
            key,
            core,
            prefix: "",
            signature: |_| {},
            signed: true,
            padding: 0,
            attributes: Attributes::new(),
            sent_at: NOW,
            policy: policy(),
        }
    }

    fn verdict(mut self) -> Result<(), Code> {
        let payload = Json::from_value(&self.core, Limits::BODY.depth).unwrap().canonical();
        let mut compact = format!("{}.{}", b64url(&serde_json::to_vec(&self.header).unwrap()), b64url(&payload));
        let mut signature = self.key.private.sign(compact.as_bytes()).unwrap();
        (self.signature)(&mut signature);
        compact.push('.');
        compact.push_str(&b64url(&signature));
        let detail = self.outer["detail"].as_object_mut().unwrap();
        detail.insert("sig_compact".to_owned(), if self.signed { json!(compact) } else { Value::Null });
        let body = format!("{{{}{}", self.prefix, &self.outer.to_string()[1..]) + &" ".repeat(self.padding);
        let ring = ring(&[(&bus("north"), &[&self.key])]);
        judged(body.as_bytes(), &self.attributes, self.sent_at, &ring, &self.policy).map(drop)
    }
}

/// A part of the message; two faults in one part cannot be had together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Size,
    Prefix,
    Version,
    Envelope,
    Signature,
    Header,
    Crit,
    Env,
    Algorithms,
    Alg,
    Use,
    State,
    End,
    Begin,
    Sources,
    Grant,
    Time,
    Core,
}

struct Broken {
    code: Code,
    parts: &'static [Part],
    breaks: fn(&mut Draft),
}

/// One fault a code, in the order of the wire format's page. Of the four faults of JSON the first in the body counts, so
/// they stand in one part.
const FAULTS: &[Broken] = {
    use Part::*;
    const fn broken(code: Code, parts: &'static [Part], breaks: fn(&mut Draft)) -> Broken {
        Broken { code, parts, breaks }
    }
    &[
        broken(Code::BodyTooLarge, &[Size], |draft| draft.padding = 1_048_576),
        broken(Code::BodyMalformed, &[Prefix], |draft| draft.prefix = r#""x":"\ud800","#),
        broken(Code::NestingTooDeep, &[Prefix], |draft| draft.prefix = DEEP),
        broken(Code::DuplicateMember, &[Prefix], |draft| draft.prefix = r#""x":1,"x":1,"#),
        broken(Code::NumberNotExact, &[Prefix], |draft| draft.prefix = r#""x":9007199254740993,"#),
        broken(Code::VersionUnsupported, &[Version], |draft| draft.outer["detail"]["version"] = json!("v2")),
        broken(Code::EnvelopeInvalid, &[Envelope], |draft| draft.outer["detail-type"] = json!("lamp.lit")),
        // Without a signature there is nothing that could be wrong with it.
        broken(Code::SignatureMissing, &[Signature, Header, Crit, Env, Alg], |draft| draft.signed = false),
        broken(Code::SignatureMalformed, &[Signature], |draft| draft.signature = |bytes| bytes.push(0)),
        broken(Code::HeaderInvalid, &[Header], |draft| drop(draft.header.insert("hash".into(), json!("SHA-1")))),
        broken(Code::CritUnknown, &[Crit], |draft| {
            draft.header.insert("crit".into(), json!(["lamp"]));
            draft.header.insert("lamp".into(), json!(1));
        }),
        broken(Code::AlgNotAllowed, &[Algorithms], |draft| draft.policy.allowed_algorithms.clear()),
        broken(Code::KidUnknown, &[Use], |draft| draft.key.jwk.key_use = KeyUse::Grant),
        broken(Code::AlgKeyMismatch, &[Alg], |draft| {
            let other = Algorithm::ALL.into_iter().find(|other| *other != draft.key.jwk.algorithm).unwrap();
            draft.header.insert("alg".into(), json!(other.as_str()));
        }),
        broken(Code::KeyRevoked, &[State], |draft| draft.key.jwk.state = KeyState::Revoked),
        broken(Code::KeyExpired, &[End], |draft| draft.key.jwk.exp = NOW.seconds()),
        broken(Code::KeyNotYetValid, &[Begin], |draft| draft.key.jwk.nbf = NOW.seconds() + 1),
        broken(Code::SourceNotAllowed, &[Sources], |draft| {
            draft.key.jwk.sources = vec![SourcePattern::from(Source::parse("qsl.harbour").unwrap())];
        }),
        broken(Code::GrantInvalid, &[Grant], |draft| draft.attributes.insert(attributes::GRANT, "a.b.c")),
        broken(Code::TimestampSkew, &[Time], |draft| draft.sent_at = NOW.plus_millis(300_001)),
        broken(Code::PayloadMismatch, &[Core], |draft| draft.outer["detail"]["detailCore"] = json!({"lumen": 901})),
        broken(Code::EnvelopeMismatch, &[Env], |draft| draft.outer["detail"]["trace"]["userId"] = json!("u-6")),
        broken(Code::EnvelopeHashMissing, &[Env], |draft| {
            draft.header.remove("env");
            draft.policy.require_envelope_hash = true;
        }),
        broken(Code::SignatureInvalid, &[Signature], |draft| draft.signature = |bytes| bytes[7] ^= 1),
    ]
};

/// Sixty-five values deep, the body being the first.
const DEEP: &str = concat!(
    r#""x":"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ","
);

#[test]
fn of_two_faults_the_earlier_is_told() {
    let mut wrong = Vec::new();
    let mut pairs = 0;
    for algorithm in Algorithm::ALL {
        assert_eq!(Draft::new(algorithm).verdict(), Ok(()));
        for (at, first) in FAULTS.iter().enumerate() {
            let mut draft = Draft::new(algorithm);
            (first.breaks)(&mut draft);
            assert_eq!(draft.verdict(), Err(first.code), "alone");
            for second in FAULTS.iter().skip(at + 1) {
                if first.parts.iter().any(|part| second.parts.contains(part)) {
                    continue;
                }
                pairs += 1;
                let mut draft = Draft::new(algorithm);
                (first.breaks)(&mut draft);
                (second.breaks)(&mut draft);
                let verdict = draft.verdict();
                if verdict != Err(first.code) {
                    wrong.push(format!("{algorithm:?}: {} with {}: {verdict:?}", first.code, second.code));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pairs > 2 * 240, "only {pairs} pairs");
    let told: Vec<Code> = FAULTS.iter().map(|fault| fault.code).collect();
    assert_eq!(told, Code::ALL[..told.len()], "a fault for every code of verification");
    assert_eq!(told.last(), Some(&Code::SignatureInvalid));
}

#[test]
fn of_two_faults_of_json_the_first_in_the_body_is_told() {
    let json: Vec<&Broken> = FAULTS.iter().filter(|fault| fault.parts == [Part::Prefix]).collect();
    assert_eq!(json.len(), 4);
    for first in &json {
        for second in &json {
            let mut draft = Draft::new(Algorithm::MlDsa44);
            (second.breaks)(&mut draft);
            let later = std::mem::take(&mut draft.prefix).replace("\"x\"", "\"y\"");
            (first.breaks)(&mut draft);
            let both = format!("{}{later}", draft.prefix);
            draft.prefix = both.leak();
            assert_eq!(draft.verdict(), Err(first.code), "before {}", second.code);
        }
    }
}
