//! The strict pass over a body.

use eventing::json::{Fault, Json, Limits, parse};
use serde_json::Value;

/// The bytes are a body.
pub fn check(data: &[u8]) {
    let others: Result<Value, _> = serde_json::from_slice(data);
    match parse(data, Limits::BODY) {
        Ok(json) => {
            let value = others.expect("what we take, others take");
            same_to_everybody(&json, &value);
            assert_eq!(json.is_canonically(data), data == json.canonical(), "told of the text it was read from");
        }
        // What others take and we do not has its own codes: depth, a name twice, a number that is not exact.
        Err(Fault::Malformed) => assert!(others.is_err(), "malformed to us alone"),
        Err(Fault::TooLarge) => assert!(data.len() > Limits::BODY.bytes),
        Err(_) => {}
    }
    // A header is read by the same pass with other limits, so it takes nothing that a body does not.
    if parse(data, Limits::HEADER).is_ok() {
        assert!(parse(data, Limits::BODY).is_ok());
    }
}

/// The value has one canonical form: its own, that of another implementation, and its own again.
pub(crate) fn same_to_everybody(json: &Json, value: &Value) {
    let canonical = json.canonical();
    let others = serde_json_canonicalizer::to_vec(value).expect("others write it");
    assert_eq!(canonical, others, "the canonical form of another implementation");
    // What is owned knows nothing of the text it was read from, so all of it is written.
    assert_eq!(canonical, json.clone().into_owned().canonical(), "whether it stands in its canonical form or not");
    let again = parse(&canonical, Limits { bytes: usize::MAX, ..Limits::BODY }).expect("we read what we write");
    assert_eq!(&again, json);
    assert_eq!(again.canonical(), canonical, "the canonical form of a canonical form is itself");
    assert!(json.is_canonically(&canonical), "told without writing it down");
    let through = json.to_value();
    let taken = Json::from_value(&through, Limits::BODY.depth).expect("it goes through serde_json");
    assert_eq!(&taken, json);
}
