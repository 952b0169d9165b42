//! `dilithium-py`, pure Python by other people, both ways and for both algorithms: it judges the events that we sign,
//! and signs events that we judge.

use std::io::Write as _;
use std::process::{Command, Stdio};

use eventing::algorithm::Algorithm;
use eventing::attributes::Attributes;
use eventing::config::VerificationConfig;
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_event};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, DetailType, Jti, Resource, Source};
use eventing::verify::{Code, Policy, RawMessage, verify};
use serde_json::{Value, json};

fn signed(key: &PrivateKey) -> SignedEvent {
    let trace = Trace::new("story-17".parse().unwrap()).with("userId", "Zoë").unwrap();
    let facts = EventFacts {
        source: &Source::parse("qsl.lighthouse").unwrap(),
        detail_type: &DetailType::parse("Lamp.Lit.v2").unwrap(),
        resource: &Resource::parse("urn:qsl:lighthouse:lamp:l-9").unwrap(),
        trace: &trace,
        detail_core: &json!({"z": [1, true, null], "a": {"note": "a \"quoted\" line\n, €"}, "lumen": 900}).to_string(),
    };
    let kid = kid_for("lamp", &key.public_key()).unwrap();
    let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
    sign_event(key, &kid, facts, jti, Micros(1_795_420_800_000_001)).unwrap()
}

fn delivered(detail: &impl serde::Serialize) -> Value {
    json!({
        "version": "0", "id": "d-1", "detail-type": "Lamp.Lit.v2", "source": "qsl.lighthouse",
        "resources": ["urn:qsl:lighthouse:lamp:l-9"], "detail": detail,
    })
}

/// Runs a script of `tests/independent` on JSON, for JSON.
pub(crate) fn ask(script: &str, question: &Value) -> Value {
    let python = std::env::var_os("QSL_TEST_PYTHON").expect(
        "QSL_TEST_PYTHON must name a Python that has tests/independent/requirements.txt: run the tests by `cargo xtask \
         test`, which makes it",
    );
    let path = format!("{}tests/independent/{script}", env!("QSL_WORKSPACE"));
    let mut child = Command::new(python)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter that QSL_TEST_PYTHON names starts");
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(question).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script} ended with {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn dilithium_py_verifies_what_we_sign_with_both_algorithms() {
    let mut entries = Vec::new();
    let mut expected = Vec::new();
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        let good = delivered(&signed(&key).detail);
        let mut changed_core = good.clone();
        changed_core["detail"]["detailCore"]["lumen"] = json!(901);
        let mut changed_user = good.clone();
        changed_user["detail"]["trace"]["userId"] = json!("Zoe");
        let others = PrivateKey::generate(algorithm).unwrap();
        for (key, event, holds) in
            [(&key, &good, true), (&key, &changed_core, false), (&key, &changed_user, false), (&others, &good, false)]
        {
            let public_key = hex::encode(key.public_key());
            entries.push(json!({"alg": algorithm, "publicKey": public_key, "event": event}));
            expected.push(holds);
        }
    }
    assert_eq!(ask("verify.py", &entries.into()), json!(expected));
}

#[test]
fn we_verify_what_dilithium_py_signs_with_both_algorithms() {
    let cores = [
        json!({}),
        json!({"z": [1, true, null], "a": {"note": "a \"quoted\" line\n, €"}, "lumen": 900}),
        json!({"amount": 125.5, "tiny": 1e-7, "huge": 1e21, "\u{e000}": "before", "😀": "after"}),
    ];
    let questions: Vec<Value> = Algorithm::ALL
        .iter()
        .flat_map(|algorithm| cores.iter().map(move |core| json!({"alg": algorithm, "detailCore": core})))
        .collect();
    let answers = ask("sign.py", &questions.clone().into());
    for (question, answer) in questions.iter().zip(answers.as_array().unwrap()) {
        let jwk = Jwk {
            kid: answer["kid"].as_str().unwrap().parse().unwrap(),
            algorithm: answer["alg"].as_str().unwrap().parse().unwrap(),
            public_key: hex::decode(answer["publicKey"].as_str().unwrap()).unwrap(),
            key_use: KeyUse::Sig,
            sources: vec![SourcePattern::Any],
            nbf: 0,
            exp: i64::MAX,
            state: KeyState::Active,
        };
        let judge = |event: &Value| {
            let bus: BusId = "harbour/north".parse().unwrap();
            let document =
                KeySetDocument { bus: bus.clone(), version: 1, issued: 0, expires: i64::MAX, keys: vec![jwk.clone()] };
            let mut ring = KeyRing::new([bus]);
            ring.take(KeySet::new(&document).unwrap()).unwrap();
            let queue = "arn:aws:sqs:eu-west-1:111122223333:lamp-inbox".parse().unwrap();
            let policy = Policy::new(&VerificationConfig::default(), queue);
            let body = serde_json::to_vec(event).unwrap();
            let attributes = Attributes::new();
            // The time that sign.py writes.
            let sent_at = Millis::parse_rfc3339("2026-11-23T08:00:00Z").unwrap();
            verify(&RawMessage { body: &body, attributes: &attributes, sent_at }, &ring, &policy, sent_at)
        };
        let verified = judge(&answer["event"]).unwrap();
        assert!(verified.has_env, "the envelope is signed too");
        assert_eq!(verified.detail_core.to_value(), question["detailCore"]);
        let mut changed = answer["event"].clone();
        changed["detail"]["trace"]["userId"] = json!("u-6");
        assert_eq!(judge(&changed).unwrap_err().code, Code::EnvelopeMismatch);
        let mut changed = answer["event"].clone();
        changed["detail"]["detailCore"]["more"] = json!(1);
        assert_eq!(judge(&changed).unwrap_err().code, Code::PayloadMismatch);
    }
}
