#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn read(text: &str) -> Result<Json<'_>, Fault> {
    parse(text.as_bytes(), Limits::BODY)
}

fn canonical(text: &str) -> String {
    String::from_utf8(read(text).unwrap().canonical()).unwrap()
}

#[test]
fn faults_of_json_are_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\t\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "01",
        "-",
        "-01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "NaN",
        "Infinity",
        "1 2",
        "[] []",
        "\u{feff}1",
        "/**/1",
        "1,",
        "[1}",
        "{\"a\":1]",
    ] {
        assert_eq!(read(text), Err(Fault::Malformed), "{text}");
    }
}

#[test]
fn what_is_not_utf8_is_refused_where_it_breaks() {
    assert_eq!(parse(b"\"\xff\"", Limits::BODY), Err(Fault::Malformed));
    assert_eq!(parse(b"1\xff", Limits::BODY), Err(Fault::Malformed));
    assert_eq!(parse(b"\"\xed\xa0\x80\"", Limits::BODY), Err(Fault::Malformed), "a surrogate in UTF-8");
    assert_eq!(parse(b"{\"a\":1,\"a\":\"\xff\"}", Limits::BODY), Err(Fault::DuplicateMember), "the first fault");
    assert_eq!(parse(b"{\"a\":\"\xff\",\"a\":1}", Limits::BODY), Err(Fault::Malformed), "the first fault");
    assert_eq!(parse(b"1e400\xff", Limits::BODY), Err(Fault::NumberNotExact), "the first fault");
}

#[test]
fn the_first_fault_in_byte_order_decides() {
    for (text, fault) in [
        ("{\"a\":1e400,\"b\":1,\"b\":2}", Fault::NumberNotExact),
        ("{\"b\":1,\"b\":1e400}", Fault::DuplicateMember),
        ("{\"b\":1,\"b\"", Fault::DuplicateMember),
        ("[1e400", Fault::NumberNotExact),
        ("[9007199254740993x", Fault::NumberNotExact),
        ("[9007199254740993.", Fault::Malformed),
        ("{\"a\":{\"x\":1,\"\\u0078\":2}}", Fault::DuplicateMember),
    ] {
        assert_eq!(read(text), Err(fault), "{text}");
    }
}

#[test]
fn objects_and_lists_are_counted_and_what_is_in_them_is_not() {
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(64, "")).is_ok());
    assert!(read(&nested(64, "1")).is_ok());
    assert_eq!(read(&nested(65, "")), Err(Fault::TooDeep));
    assert_eq!(read(&"[".repeat(1_000_000)), Err(Fault::TooDeep));
    assert_eq!(read(&"{\"a\":".repeat(100_000)), Err(Fault::TooDeep));
    let deep: Value = serde_json::from_str(&nested(9, "1")).unwrap();
    assert!(Json::from_value(&deep, 9).is_ok());
    assert_eq!(Json::from_value(&deep, 8), Err(Fault::TooDeep));
    let objects: Value = serde_json::from_str("{\"a\":{\"a\":{\"a\":1}}}").unwrap();
    assert!(Json::from_value(&objects, 3).is_ok());
    assert_eq!(Json::from_value(&objects, 2), Err(Fault::TooDeep));
}

#[test]
fn objects_are_equal_by_what_is_in_them_and_know_whether_anything_is() {
    let [one, spaced, other, empty] =
        [r#"{"a":1}"#, r#"{ "a" : 1 }"#, r#"{"a":2}"#, "{}"].map(|text| read(text).unwrap());
    assert_eq!(one, spaced);
    assert_ne!(one, other);
    assert!(empty.as_object().unwrap().is_empty() && !one.as_object().unwrap().is_empty());
}

#[test]
fn an_integer_is_below_two_to_the_53() {
    assert_eq!(Json::Number(TWO_POW_53 - 1.0).as_integer(), Some(9_007_199_254_740_991));
    assert_eq!(Json::Number(TWO_POW_53).as_integer(), None);
    assert_eq!(Json::Number(0.5).as_integer(), None);
}

#[test]
fn a_body_has_a_mebibyte() {
    let text = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    assert!(read(&text(1_048_576)).is_ok());
    assert_eq!(read(&text(1_048_577)), Err(Fault::TooLarge));
}

#[test]
fn a_name_given_twice_is_found_among_many() {
    let names: Vec<String> = (0..60_000).map(|n| format!("\"n{n}\":0")).collect();
    let unique = format!("{{{}}}", names.join(","));
    assert_eq!(read(&unique).unwrap().as_object().unwrap().len(), 60_000);
    let twice = format!("{{{},\"n\\u0033\":1}}", names.join(","));
    assert_eq!(read(&twice), Err(Fault::DuplicateMember));
}

#[test]
fn numbers_are_exact_or_refused() {
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "9007199254740992.0",
        "9007199254740991.9",
        "1e16",
        "1e20",
        "999999999999999900000",
        "1000000000000000000000",
        "1e309",
        "-1e309",
        "1e-400",
        "0.1e-400",
        "2e-324",
    ] {
        assert_eq!(read(text), Err(Fault::NumberNotExact), "{text}");
    }
    for (text, written) in [
        ("-0", "0"),
        ("0e400", "0"),
        ("0.000", "0"),
        ("-0.0e-5", "0"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991.0", "-9007199254740991"),
        ("1e21", "1e+21"),
        ("1.0", "1"),
        ("10e-1", "1"),
        ("5e-324", "5e-324"),
        ("3e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("333333333.33333329", "333333333.3333333"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("1e-27", "1e-27"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("295147905179352830000", "refused"),
        ("295147905179352825856e0", "refused"),
        ("1e23", "1e+23"),
        ("9.999999999999997e22", "9.999999999999997e+22"),
    ] {
        if written == "refused" {
            assert_eq!(read(text), Err(Fault::NumberNotExact), "{text}");
        } else {
            assert_eq!(canonical(text), written, "{text}");
        }
    }
}

#[test]
fn the_example_of_the_rfc_is_written_as_it_says() {
    let text = r#"{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }"#;
    let written = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(text), written);
}

#[test]
fn members_are_sorted_by_utf16() {
    let text = r#"{"\u20ac":"Euro","\r":"CR","\ufb33":"Dalet","1":"One","\ud83d\ude00":"Smile","\u0080":"Control","\u00f6":"O"}"#;
    let json = read(text).unwrap();
    let order: Vec<&str> = json.as_object().unwrap().iter().filter_map(|(_, value)| value.as_str()).collect();
    assert_eq!(order, ["CR", "One", "Control", "O", "Euro", "Smile", "Dalet"]);
    assert_eq!(json.as_object().unwrap().get("\u{fb33}").unwrap().as_str(), Some("Dalet"));
}

/// Any value that `serde_json` can hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
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

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes, Limits::BODY);
    }

    #[test]
    fn nothing_that_looks_like_json_panics(text in r#"([\[\]{},:"\\eE+\-.0-9a-fu \x00é😀]|true|null|\\ud8){0,40}"#) {
        let ours = read(&text);
        // What we take, others take; the other way round we are stricter.
        if ours.is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn the_canonical_form_is_that_of_another_implementation_and_its_own(value in value()) {
        let text = serde_json::to_string(&value).unwrap();
        match (read(&text), Json::from_value(&value, 64)) {
            (Ok(read), Ok(taken)) => {
                prop_assert_eq!(&read, &taken);
                let canonical = read.canonical();
                prop_assert_eq!(&canonical, &serde_json_canonicalizer::to_vec(&value).unwrap());
                let again = parse(&canonical, Limits::BODY).unwrap();
                prop_assert_eq!(again.canonical(), canonical.clone());
                prop_assert_eq!(&again, &read);
                prop_assert!(read.is_canonically(&canonical));
                let through_value = read.to_value();
                let through_value = Json::from_value(&through_value, 64).unwrap();
                prop_assert_eq!(through_value.canonical(), canonical);
            }
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
    }

    #[test]
    fn however_it_is_spelled_the_canonical_form_is_that_of_another_implementation(
        value in value(),
        choices in prop::collection::vec(0_u8..32, 1..64),
    ) {
        let mut choices = choices.into_iter().cycle();
        let text = spelled(&value, &mut || choices.next().unwrap());
        if let Ok(json) = read(&text) {
            let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(String::from_utf8(json.canonical()).unwrap(), std::str::from_utf8(&canonical).unwrap());
            prop_assert!(json.is_canonically(&canonical));
            prop_assert_eq!(json.is_canonically(text.as_bytes()), text.as_bytes() == canonical);
        }
    }

    #[test]
    fn short_decimals_are_as_another_implementation_writes_them(
        text in "-?(0|[1-9][0-9]{0,7})\\.[0-9]{1,17}(e-?[0-9]{1,2})?",
    ) {
        let text = format!("{{\"n\":{text}}}");
        if let Ok(json) = read(&text) {
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(json.canonical(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }
    }

    #[test]
    fn the_order_is_that_of_utf16(a in any::<String>(), b in any::<String>()) {
        prop_assert_eq!(utf16_order(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
    }

    #[test]
    fn every_double_is_written_as_another_implementation_does(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        if number.is_finite() && !(TWO_POW_53..1e21).contains(&number.abs()) {
            let ours = Json::Number(number).canonical();
            prop_assert_eq!(&ours, &serde_json_canonicalizer::to_vec(&number).unwrap());
            prop_assert_eq!(parse(&ours, Limits::BODY).unwrap(), Json::Number(number + 0.0));
        }
    }
}

/// The value in some spelling or other; `choose` is asked at every turn, and many of its answers change nothing.
fn spelled(value: &Value, choose: &mut dyn FnMut() -> u8) -> String {
    match value {
        Value::String(text) => spelled_text(text, choose),
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| spaced(spelled(element, choose), choose)).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if choose() == 0 {
                members.reverse();
            }
            let members: Vec<_> = members
                .into_iter()
                .map(|(name, value)| {
                    let name = spaced(spelled_text(name, choose), choose);
                    format!("{name}:{}", spaced(spelled(value, choose), choose))
                })
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Number(number) => {
            let number = number.to_string();
            match (choose(), number.contains('e'), number.contains('.')) {
                (0, false, false) => number + ".0",
                (0, false, true) => number + "0",
                (1, false, _) => number + "e0",
                _ => number,
            }
        }
        other => other.to_string(),
    }
}

fn spaced(text: String, choose: &mut dyn FnMut() -> u8) -> String {
    match choose() {
        0 => format!(" {text}"),
        1 => text + "\n",
        _ => text,
    }
}

fn spelled_text(text: &str, choose: &mut dyn FnMut() -> u8) -> String {
    let character = |character: char| match (choose(), character) {
        (0, _) => {
            let units: Vec<_> =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            units.concat()
        }
        (1, '/') => "\\/".to_owned(),
        _ => {
            let quoted = Value::from(character.to_string()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    };
    format!("\"{}\"", text.chars().map(character).collect::<String>())
}

#[test]
fn a_spelling_that_is_not_the_canonical_one_is_not_taken_for_it() {
    for (text, written) in [
        (r#"{ "a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1 }"#, r#"{"a":1}"#),
        (r#"{"a" :1}"#, r#"{"a":1}"#),
        (r#"{"a":[1, 2]}"#, r#"{"a":[1,2]}"#),
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"a":{"c":1,"b":2},"d":{"e":3}}"#, r#"{"a":{"b":2,"c":1},"d":{"e":3}}"#),
        (r#"{"a":[{"c":1,"b":2},{"d":3}]}"#, r#"{"a":[{"b":2,"c":1},{"d":3}]}"#),
        (r#"{"\u0061":1}"#, r#"{"a":1}"#),
        (r#"{"a":"\u00e9"}"#, r#"{"a":"é"}"#),
        (r#"{"a":"\u000A"}"#, r#"{"a":"\n"}"#),
        (r#"{"a":"\u001F"}"#, r#"{"a":"\u001f"}"#),
        (r#"{"a":"\/"}"#, r#"{"a":"/"}"#),
        (r#"{"a":-0}"#, r#"{"a":0}"#),
        (r#"{"a":0.0}"#, r#"{"a":0}"#),
        (r#"{"a":-0.0}"#, r#"{"a":0}"#),
        (r#"{"a":1.0}"#, r#"{"a":1}"#),
        (r#"{"a":1.50}"#, r#"{"a":1.5}"#),
        (r#"{"a":15e-1}"#, r#"{"a":1.5}"#),
        (r#"{"a":1E2}"#, r#"{"a":100}"#),
        (r#"{"a":0.0000001}"#, r#"{"a":1e-7}"#),
        (r#"{"a":0.10000000000000001}"#, r#"{"a":0.1}"#),
        (r#"{"a":123456789012.34567}"#, r#"{"a":123456789012.34567}"#),
        (r#"{"a":9.000000000000001}"#, r#"{"a":9.000000000000002}"#),
        (r#"{"a":1234567890123.45678}"#, r#"{"a":1234567890123.4568}"#),
    ] {
        assert_eq!(canonical(text), written, "{text}");
        assert_eq!(read(text).unwrap().is_canonically(text.as_bytes()), text == written, "{text}");
    }
}

#[test]
fn only_the_canonical_form_is_told_to_be_it() {
    let json = read(r#"{"b":[1,"\n€",null],"a":{}}"#).unwrap();
    let canonical = json.canonical();
    assert!(json.is_canonically(&canonical));
    for end in 0..canonical.len() {
        assert!(!json.is_canonically(&canonical[..end]), "cut short");
        let mut changed = canonical.clone();
        changed[end] ^= 1;
        assert!(!json.is_canonically(&changed), "changed at {end}");
    }
    assert!(!json.is_canonically(&[&canonical[..], b" "].concat()), "longer");
}

#[test]
fn what_is_owned_is_the_same() {
    let owned = {
        let text = String::from(r#"{"b":[1.5,"\n€",null,true],"a":{"x":"y"}}"#);
        let json = read(&text).unwrap();
        let canonical = json.canonical();
        (json.into_owned(), canonical)
    };
    assert_eq!(owned.0.canonical(), owned.1);
}
