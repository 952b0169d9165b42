//! The program over every case of `tests/vectors/signed-events.json`: its verdicts, its order, its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod program;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use program::{Answer, program, run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The vectors, and a folder with their keys.
struct Given {
    folder: TempDir,
    vectors: Value,
}

impl Given {
    fn new() -> Self {
        let path = concat!(env!("QSL_WORKSPACE"), "tests/vectors/signed-events.json");
        let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jwks.json"), vectors["jwks"].to_string()).unwrap();
        Self { folder, vectors }
    }

    fn keys(&self) -> String {
        self.folder.path().join("jwks.json").display().to_string()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn cases(&self) -> &[Value] {
        self.vectors["cases"].as_array().unwrap()
    }

    fn case(&self, name: &str) -> &Value {
        self.cases().iter().find(|case| case["name"] == name).unwrap()
    }

    fn many(&self, lines: &str) -> Answer {
        run(&["verify", "--keys", &self.keys(), "--jsonl", "-"], lines)
    }
}

/// What the vectors say, in the program's words; messages are for people.
fn expected(case: &Value) -> Value {
    match case["expect"].as_str().unwrap() {
        "ok" => json!({"verdict": "ok", "kid": case["kid"], "eventKey": case["eventKey"]}),
        code => json!({"verdict": "rejected", "code": code}),
    }
}

fn without_message(line: &str) -> Value {
    let mut verdict: Value = serde_json::from_str(line).unwrap();
    let message = verdict.as_object_mut().unwrap().remove("message");
    assert_eq!(message.is_some_and(|message| message.is_string()), verdict["verdict"] == "rejected");
    verdict
}

#[test]
fn every_case_gets_its_verdict_in_order() {
    let given = Given::new();
    let lines = given.cases().iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let answer = given.many(&lines);
    assert_eq!((answer.code, answer.err.as_str()), (3, ""));
    let verdicts: Vec<Value> = answer.out.lines().map(without_message).collect();
    assert_eq!(verdicts.len(), 194);
    for (case, verdict) in given.cases().iter().zip(&verdicts) {
        assert_eq!(*verdict, expected(case), "{}", case["name"]);
    }
    let from_a_file = given.file("cases.jsonl", &lines);
    let answer = run(&["verify", "--jsonl", "--keys", &given.keys(), &from_a_file], "");
    assert_eq!(answer.out.lines().map(without_message).collect::<Vec<_>>(), verdicts);
}

#[test]
fn every_case_by_itself_gets_its_verdict_and_its_exit_code() {
    let given = Given::new();
    for case in given.cases() {
        let mut arguments = vec!["verify".to_owned(), "--keys".to_owned(), given.keys()];
        arguments.extend(["--sent-at".to_owned(), case["sentTimestampMs"].to_string()]);
        if case["options"]["requireEnvelopeHash"] == true {
            arguments.push("--require-envelope-hash".to_owned());
        }
        for algorithm in case["options"]["allowedAlgorithms"].as_array().into_iter().flatten() {
            arguments.extend(["--allowed-algorithm".to_owned(), algorithm.as_str().unwrap().to_owned()]);
        }
        if let Some(inbox) = case["inbox"].as_str() {
            arguments.extend(["--inbox".to_owned(), inbox.to_owned()]);
        }
        for (name, value) in case["attributes"].as_object().into_iter().flatten() {
            arguments.extend(["--attribute".to_owned(), format!("{name}={}", value.as_str().unwrap())]);
        }
        arguments.push("-".to_owned());
        let answer = run(&arguments, case["body"].as_str().unwrap());
        assert_eq!(without_message(answer.out.trim_end()), expected(case), "{}", case["name"]);
        assert_eq!(answer.code, if case["expect"] == "ok" { 0 } else { 3 }, "{}", case["name"]);
    }
}

#[test]
fn the_lines_are_as_promised_to_the_letter() {
    let given = Given::new();
    let good = given.case("dilithium2 plain");
    let body = given.file("body.json", good["body"].as_str().unwrap());
    let sent_at = good["sentTimestampMs"].to_string();
    let answer = run(&["verify", "--keys", &given.keys(), "--sent-at", &sent_at, &body], "");
    let line = format!("{{\"verdict\":\"ok\",\"kid\":{},\"eventKey\":{}}}\n", good["kid"], good["eventKey"]);
    assert_eq!((answer.code, answer.out), (0, line));
    let answer = run(&["verify", "--keys", &given.keys(), "--sent-at", "0", &body], "");
    let line = "{\"verdict\":\"rejected\",\"code\":\"TIMESTAMP_SKEW\",\"message\":\"the signed time is too far from the queue's\"}\n";
    assert_eq!((answer.code, answer.out.as_str()), (3, line));
    let answer = given.many("");
    assert_eq!((answer.code, answer.out.as_str()), (0, ""), "nothing is rejected of nothing");
}

#[test]
fn options_of_the_call_hold_where_a_line_has_none_of_its_own() {
    let given = Given::new();
    let case = given.case("dilithium2 without envelope hash, required");
    let mut plain = case.clone();
    plain.as_object_mut().unwrap().remove("options");
    let mut lenient = case.clone();
    lenient["options"]["requireEnvelopeHash"] = json!(false);
    let arguments = ["verify", "--keys", &given.keys(), "--require-envelope-hash", "--jsonl", "-"];
    let answer = run(&arguments, &format!("{plain}\n{lenient}\n"));
    let verdicts: Vec<Value> = answer.out.lines().map(without_message).collect();
    assert_eq!(verdicts[0]["code"], "ENVELOPE_HASH_MISSING");
    assert_eq!(verdicts[1]["verdict"], "ok");
}

#[test]
fn a_body_past_the_limit_is_told_so_in_both_forms() {
    let given = Given::new();
    let body = "x".repeat(1_048_577);
    let answer = run(&["verify", "--keys", &given.keys(), "--sent-at", "0", "-"], &body);
    assert_eq!((answer.code, without_message(answer.out.trim_end())["code"].clone()), (3, json!("BODY_TOO_LARGE")));
    let answer = given.many(&json!({"body": body, "sentTimestampMs": 0}).to_string());
    assert_eq!((answer.code, without_message(answer.out.trim_end())["code"].clone()), (3, json!("BODY_TOO_LARGE")));
}

#[test]
fn a_faulty_line_ends_the_run_by_name_after_the_verdicts_before_it() {
    let given = Given::new();
    let good = given.case("mldsa44 plain");
    let answer = given.many(&format!("{good}\n{{\"body\":7}}\n{good}\n"));
    assert_eq!(answer.code, 2);
    assert_eq!(answer.out.lines().count(), 1);
    assert_eq!(answer.err, "error: line 2, field body: invalid type: integer `7`, expected a text\n");
    let answer = given.many("no json\n");
    assert_eq!((answer.code, answer.err.as_str()), (2, "error: line 1 is not JSON: expected ident at column 2\n"));
}

#[test]
fn a_wrong_call_ends_with_two_and_says_why() {
    let given = Given::new();
    let keys = given.keys();
    let no_keys = given.file("no-keys.json", "{}");
    let twice = given.vectors["jwks"]["keys"][0].clone();
    let twice = given.file("twice.json", json!({"keys": [twice, twice]}).to_string());
    for (arguments, told) in [
        (vec!["verify", "--keys", &keys, "-"], "--sent-at"),
        (vec!["verify", "--keys", &keys, "--sent-at", "soon", "-"], "invalid value"),
        (vec!["verify", "--keys", &keys, "--sent-at", "0", "--jsonl", "-"], "cannot be used with"),
        (vec!["verify", "--sent-at", "0", "-"], "--keys"),
        (vec!["verify", "--keys", &keys, "--sent-at", "0", "/no/such/file"], "cannot open /no/such/file"),
        (vec!["verify", "--keys", "/no/such/file", "--sent-at", "0", "-"], "cannot open /no/such/file"),
        (vec!["verify", "--keys", &no_keys, "--sent-at", "0", "-"], "has no list of keys"),
        (vec!["verify", "--keys", &twice, "--sent-at", "0", "-"], "the key set has a kid twice"),
        (vec!["verify", "--keys", &keys, "--sent-at", "0", "--attribute", "x", "-"], "NAME=VALUE"),
        (vec!["no-such-thing"], "unrecognized subcommand"),
    ] {
        let answer = run(&arguments, "");
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{arguments:?}");
        assert!(answer.err.contains(told), "{arguments:?}: {}", answer.err);
    }
}

#[test]
fn a_key_that_cannot_be_read_is_left_out_and_told() {
    let given = Given::new();
    let mut jwks = given.vectors["jwks"].clone();
    jwks["keys"].as_array_mut().unwrap().push(json!({"kid": "odd", "kty": "EC"}));
    let keys = given.file("odd.json", jwks.to_string());
    let answer = run(&["verify", "--keys", &keys, "--jsonl", "-"], &given.case("mldsa44 plain").to_string());
    assert_eq!(answer.code, 0);
    assert_eq!(answer.err, format!("warning: {keys}: left out 1 that cannot be read as a key\n"));
}

#[test]
fn who_sends_a_line_and_waits_gets_its_verdict() {
    let given = Given::new();
    let mut child = program(&["verify", "--keys", &given.keys(), "--jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["mldsa44 plain", "dilithium2 plain"] {
        writeln!(to, "{}", given.case(name)).unwrap();
        assert_eq!(without_message(&from.next().unwrap().unwrap()), expected(given.case(name)));
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

#[test]
fn memory_does_not_grow_with_the_number_of_lines() {
    let given = Given::new();
    let line = format!("{}\n", given.case("mldsa44 plain"));
    let mut child = program(&["verify", "--keys", &given.keys(), "--jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
        peak.trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let mut send = |count: usize| (0..count).for_each(|_| to.write_all(line.as_bytes()).unwrap());
    send(100);
    let early = peak();
    // These are 16 MB.
    send(2_000);
    assert!(peak() < early + 4_096, "{early} kB, then {} kB", peak());
    drop(to);
    assert!(child.wait().unwrap().success());
}
