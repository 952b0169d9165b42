//! However a text is spelled, it is judged as if all of it were written anew: what stands in its canonical form is
//! compared as it stands, and must be nothing else.

use super::*;

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

proptest! {
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
    fn one_edit_from_the_canonical_form_the_text_is_judged_as_if_all_of_it_were_written(
        value in value(),
        at in any::<prop::sample::Index>(),
        removed in 0..3_usize,
        put in edit(),
    ) {
        let canonical = serde_json_canonicalizer::to_string(&Value::from_iter([("a", value)])).unwrap();
        let at = at.index(canonical.chars().count());
        let text: String =
            canonical.chars().take(at).chain(put.chars()).chain(canonical.chars().skip(at + removed)).collect();
        if let Ok(json) = read(&text) {
            // What is owned knows nothing of the text, so all of it is written.
            let written = json.clone().into_owned().canonical();
            prop_assert_eq!(json.canonical(), written.clone());
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&serde_json_canonicalizer::to_vec(&value).unwrap(), &written);
            prop_assert_eq!(json.is_canonically(text.as_bytes()), text.as_bytes() == written);
            prop_assert!(json.is_canonically(&written));
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
}

/// What may be put into a text so that it often stays JSON, and is seldom spelled as before.
fn edit() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        " ",
        "\t",
        "\r",
        "\n",
        "0",
        "1",
        ".0",
        ".5",
        "e0",
        "E1",
        "e-7",
        "-",
        "+",
        "\\u0061",
        "\\u000a",
        "\\u001F",
        "\\n",
        "\\/",
        "\\\\",
        "\\\"",
        "\\ud83d\\ude00",
        "\u{e000}",
        "😀",
        "\u{7f}",
        ",",
        ",1",
        ",\"A\":1",
        ",\"\":-0",
        "\"\":{},",
        "null,",
        "{}",
        "[]",
        "[ ]",
        "{ }",
    ])
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
