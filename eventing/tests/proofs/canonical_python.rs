//! An independent canonicaliser over generated JSON. The property tests of `json` ask `serde_json_canonicalizer`, which
//! writes numbers by the same algorithm as we; `rfc8785` of PyPI writes them by Python's.

use eventing::json::{Json, Limits, parse};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::python::ask;

/// What may stand in many places of a text, which is seldom canonical there.
const EDITS: &[&str] =
    &[" ", "\n", "0", ".0", "e0", "E1", "-", "\\u0061", "\\u000A", "\\/", "\\n", "\\ud83d\\ude00", "[ ]", "{ },"];

/// Objects and lists of what a body may hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (any::<i32>(), 0..12i32).prop_map(|(digits, scale)| Value::from(f64::from(digits) / 10f64.powi(scale))),
        "\\PC{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn generated_json_has_the_canonical_form_that_rfc8785_of_pypi_says() {
    let mut runner = TestRunner::default();
    let (mut texts, mut ours) = (Vec::new(), Vec::new());
    while texts.len() < 3_000 {
        let text = value().new_tree(&mut runner).unwrap().current().to_string();
        // What stands in its canonical form is not written anew: so the same text one edit away from it, too.
        let (at, put) = (any::<Index>(), select(EDITS)).new_tree(&mut runner).unwrap().current();
        let at = at.index(text.chars().count());
        let edited = text.chars().take(at).chain(put.chars()).chain(text.chars().skip(at)).collect();
        for text in [text, edited] {
            // Some doubles are integers that we refuse, and some edits leave no JSON.
            if let Ok(json) = parse(text.as_bytes(), Limits::BODY) {
                ours.push(String::from_utf8(json.canonical()).unwrap());
                texts.push(text);
            }
        }
    }
    let numbers = (0..20_000).map(|_| any::<f64>().new_tree(&mut runner).unwrap().current());
    for number in numbers.filter(|number| !(9e15..1e21).contains(&number.abs())) {
        ours.push(String::from_utf8(Json::Number(number).canonical()).unwrap());
        texts.push(format!("{number:e}"));
    }
    let theirs = ask("canonical.py", &json!(texts));
    for ((text, ours), theirs) in texts.iter().zip(&ours).zip(theirs.as_array().unwrap()) {
        assert_eq!(ours, theirs.as_str().unwrap(), "{text}");
    }
}
