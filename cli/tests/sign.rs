//! The program signs what it verifies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod program;

use std::os::unix::fs::PermissionsExt as _;

use program::{program, run};
use serde_json::{Value, json};

fn event(source: &str) -> Value {
    json!({
        "source": source, "detailType": "Lamp.Lit.v2", "resource": "urn:qsl:lighthouse:lamp:l-9",
        "trace": {"correlationId": "story-17", "userId": "u-5"}, "detailCore": {"lumen": 900.5, "note": "€"},
    })
}

#[test]
fn what_a_new_key_signs_verifies_with_its_public_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for algorithm in ["Dilithium2", "ML-DSA-44"] {
        let (key, keys) = (path(&format!("{algorithm}.key")), path(&format!("{algorithm}.jwks")));
        let made = run(&["sign", "--new-key", &key, "--algorithm", algorithm, "--source", "qsl.lighthouse"], "");
        assert_eq!((made.code, made.err.as_str()), (0, ""));
        std::fs::write(&keys, &made.out).unwrap();
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let kid = serde_json::from_str::<Value>(&made.out).unwrap()["keys"][0]["kid"].clone();
        assert!(kid.as_str().unwrap().starts_with("local-"));

        let events = json!([event("qsl.lighthouse"), event("qsl.harbour"), event("qsl.lighthouse")]).to_string();
        let signed = run(&["sign", "--key", &key, "--jsonl", "-"], &events);
        assert_eq!((signed.code, signed.err.as_str()), (0, ""));
        let judged = run(&["verify", "--keys", &keys, "--require-envelope-hash", "--jsonl", "-"], &signed.out);
        assert_eq!(judged.code, 3);
        let verdicts: Vec<Value> = judged.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&verdicts[0]["verdict"], &verdicts[0]["kid"]), (&json!("ok"), &kid));
        assert_eq!(verdicts[1]["code"], "SOURCE_NOT_ALLOWED");
        assert_ne!(verdicts[2]["eventKey"], verdicts[0]["eventKey"], "each signing is an event of its own");

        // The other form: one body, signed at a time of one's choosing.
        let arguments = ["sign", "--key", &key, "--ts", "2100-01-01T00:00:00Z", "-"];
        let signed = run(&arguments, &event("qsl.lighthouse").to_string());
        let judged = run(&["verify", "--keys", &keys, "--sent-at", "4102444800000", "-"], &signed.out);
        assert_eq!((judged.code, judged.out.contains("KEY_EXPIRED")), (3, true), "{}", judged.out);
    }
}

#[test]
fn a_key_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.json").display().to_string();
    assert_eq!(run(&["sign", "--new-key", &key], "").code, 0);
    let before = std::fs::read(&key).unwrap();
    let again = run(&["sign", "--new-key", &key], "");
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn what_no_consumer_would_take_is_not_signed_and_every_fault_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.json").display().to_string();
    assert_eq!(run(&["sign", "--new-key", &key], "").code, 0);
    let mut bad = event("qsl.lighthouse");
    bad["source"] = json!("Lighthouse");
    bad["trace"] = json!({});
    let refused = run(&["sign", "--key", &key, "-"], &json!([event("qsl.lighthouse"), bad]).to_string());
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "nothing is signed of a list with a fault");
    for told in ["events/1/source must be qsl.", "events/1/trace/correlationId must be there"] {
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    let text = event("qsl.lighthouse").to_string().replace("900.5", "9007199254740993");
    let refused = run(&["sign", "--key", &key, "-"], &text);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("a number that a double does not hold exactly"), "{}", refused.err);
}

#[test]
fn a_file_that_is_no_key_is_refused_without_showing_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.json");
    for text in ["hunter2", r#"{"alg":"ML-DSA-44","kid":"a","secret":"hunter2"}"#] {
        std::fs::write(&key, text).unwrap();
        let refused = run(&["sign", "--key", &key.display().to_string(), "-"], "{}");
        assert_eq!(refused.code, 2);
        assert!(!refused.err.contains("hunter2"), "{}", refused.err);
    }
    assert_eq!(program(&["sign"]).output().unwrap().status.code(), Some(2), "neither of the two forms");
}
