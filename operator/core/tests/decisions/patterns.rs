//! Event patterns: what is taken, and what is refused, where and with which words.

use operator_core::pattern::{EventPattern, PATTERN_MAX};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Patterns as AWS's user guide has them, with the fields of our events.
#[test]
fn what_eventbridge_takes_is_taken() {
    let taken = [
        json!({"source": ["qsl.coin"]}),
        json!({"source": ["qsl.coin", {"prefix": "qsl."}], "detail-type": [{"suffix": ".v1"}]}),
        json!({"resources": [""], "account": [null], "version": ["0", 0, true, false]}),
        json!({"detail": {"a": {"b": {"c": [1.5, -2, 6e9]}}}}),
        json!({"detail": {"a": [{"prefix": {"equals-ignore-case": "x"}}, {"suffix": {"equals-ignore-case": ".PNG"}}]}}),
        json!({"detail": {"a": [{"equals-ignore-case": "x"}, {"exists": true}, {"exists": false}]}}),
        json!({"detail": {"a": [{"prefix": ""}]}}),
        json!({"detail": {"a": [{"anything-but": "x"}, {"anything-but": 1}, {"anything-but": ["x", "y"]}]}}),
        json!({"detail": {"a": [{"anything-but": [1, 2.5]}, {"anything-but": {"prefix": "x"}}]}}),
        json!({"detail": {"a": [{"anything-but": {"suffix": ["x", "y"]}}, {"anything-but": {"prefix": ["x"]}}]}}),
        json!({"detail": {"a": [{"anything-but": {"equals-ignore-case": "x"}}]}}),
        json!({"detail": {"a": [{"anything-but": {"equals-ignore-case": ["x", "y"]}}]}}),
        json!({"detail": {"a": [{"anything-but": {"wildcard": "*/lib/*"}}, {"anything-but": {"wildcard": ["*x", "y*"]}}]}}),
        json!({"detail": {"a": [{"wildcard": "a*b*c"}, {"wildcard": "\\*"}, {"wildcard": "\\\\*\\**"}, {"wildcard": "x"}]}}),
        json!({"detail": {"a": [{"numeric": ["=", 3.018e2]}, {"numeric": ["<", 10]}, {"numeric": [">=", -5e9]}]}}),
        json!({"detail": {"a": [{"numeric": [">", 0, "<=", 5e9]}, {"numeric": [">=", 0, "<", 0.5]}]}}),
        json!({"detail": {"a": [{"cidr": "10.0.0.0/24"}, {"cidr": "0.0.0.0/0"}, {"cidr": "2001:db8::/32"}]}}),
        json!({"$or": [{"source": ["a"]}, {"detail": {"a": [1]}}]}),
        json!({"source": ["a"], "detail": {"$or": [{"a": [1], "b": [2]}, {"c": {"$or": [{"d": [1]}, {"e": [2]}]}}]}}),
        // A field may have an operator's name, but not inside $or.
        json!({"detail": {"prefix": ["x"], "numeric": {"a": [1]}}}),
    ];
    for pattern in taken {
        let parsed = EventPattern::parse(pattern.clone());
        assert_eq!(parsed.as_ref().map(EventPattern::as_value), Ok(&pattern));
    }
}

/// Pattern, where it is wrong, and what is said of it.
fn refused() -> Vec<(Value, &'static str, &'static str)> {
    let detail = |leaf: Value| json!({"detail": {"a": leaf}});
    vec![
        (json!([]), "", "a pattern is an object"),
        (json!({}), "", "is empty and would match nothing"),
        (json!({"sorce": ["a"]}), "/sorce", "'sorce' is no member of an event; there are account, detail-type"),
        (json!({"detailType": ["a"]}), "/detailType", "write 'detail-type'"),
        (json!({"Source": ["a"]}), "/Source", "write 'source'"),
        (json!({"$or": [{"a": [1]}, {"source": ["a"]}]}), "/$or/0/a", "is no member of an event"),
        (json!({"source": "a"}), "/source", "values stand in an array: [\"a\"]"),
        (json!({"source": {"prefix": "a"}}), "/source", "has no members"),
        (json!({"detail": ["a"]}), "/detail", "is an object"),
        (json!({"detail": {}}), "/detail", "is empty"),
        (detail(json!({"b": {}})), "/detail/a/b", "is empty"),
        (json!({"detail": {"a/b": {"c~d": []}}}), "/detail/a~1b/c~0d", "[{\"exists\": true}] for any"),
        (detail(json!(1)), "/detail/a", "values stand in an array: [1]"),
        (detail(json!({"prefix": "x"})), "/detail/a/prefix", "[{\"prefix\": \"x\"}]"),
        (detail(json!([["x"]])), "/detail/a/0", "not an array"),
        (detail(json!([{}])), "/detail/a/0", "is empty: name an operator"),
        (detail(json!(["x", {"prefix": "x", "suffix": "y"}])), "/detail/a/1", "stands alone"),
        (
            detail(json!([{"contains": "x"}])),
            "/detail/a/0/contains",
            "'contains' is no operator; there are anything-but",
        ),
        (detail(json!([{"exactly": "x"}])), "/detail/a/0/exactly", "write the string itself"),
        (detail(json!([{"prefix": 1}])), "/detail/a/0/prefix", "takes a string, or {\"equals-ignore-case\""),
        (detail(json!([{"suffix": ["x"]}])), "/detail/a/0/suffix", "takes a string"),
        (detail(json!([{"prefix": {"wildcard": "x"}}])), "/detail/a/0/prefix/wildcard", "not 'wildcard'"),
        (
            detail(json!([{"suffix": {"equals-ignore-case": 1}}])),
            "/detail/a/0/suffix/equals-ignore-case",
            "takes a string",
        ),
        (detail(json!([{"prefix": {}}])), "/detail/a/0/prefix", "is empty"),
        (detail(json!([{"equals-ignore-case": 1}])), "/detail/a/0/equals-ignore-case", "takes a string"),
        (detail(json!([{"exists": "yes"}])), "/detail/a/0/exists", "true (the field is there)"),
        (detail(json!([{"wildcard": 1}])), "/detail/a/0/wildcard", "takes a string"),
        (detail(json!([{"wildcard": "ab**c"}])), "/detail/a/0/wildcard", "at character 2"),
        (detail(json!([{"wildcard": "*\\n"}])), "/detail/a/0/wildcard", "escapes nothing, at character 1"),
        (detail(json!([{"wildcard": "ä\\"}])), "/detail/a/0/wildcard", "at character 1"),
        (detail(json!([{"cidr": 10}])), "/detail/a/0/cidr", "as a string"),
        (detail(json!([{"cidr": "10.0.0.0"}])), "/detail/a/0/cidr", "is not a block"),
        (detail(json!([{"cidr": "10.0.0/8"}])), "/detail/a/0/cidr", "is not an address"),
        (detail(json!([{"cidr": "10.0.0.0/32"}])), "/detail/a/0/cidr", "from 0 to 31; for a single address"),
        (detail(json!([{"cidr": "::/128"}])), "/detail/a/0/cidr", "from 0 to 127"),
        (detail(json!([{"cidr": "::/-1"}])), "/detail/a/0/cidr", "number of bits"),
        (detail(json!([{"numeric": 1}])), "/detail/a/0/numeric", "takes an array"),
        (detail(json!([{"numeric": []}])), "/detail/a/0/numeric", "takes an operator and a number"),
        (detail(json!([{"numeric": ["<"]}])), "/detail/a/0/numeric", "takes an operator and a number"),
        (detail(json!([{"numeric": [">", 1, "<"]}])), "/detail/a/0/numeric", "or two of each"),
        (detail(json!([{"numeric": [">", 1, "<", 2, "<", 3]}])), "/detail/a/0/numeric", "more than two"),
        (detail(json!([{"numeric": ["!=", 1]}])), "/detail/a/0/numeric/0", "\"!=\" is no comparison"),
        (detail(json!([{"numeric": [1, "<"]}])), "/detail/a/0/numeric/0", "1 is no comparison"),
        (detail(json!([{"numeric": ["<", "1"]}])), "/detail/a/0/numeric/1", "\"1\" is not a number"),
        (detail(json!([{"numeric": ["<", 5.1e9]}])), "/detail/a/0/numeric/1", "from -5.0e9 to 5.0e9"),
        (detail(json!([{"numeric": ["<", 5, ">", 0]}])), "/detail/a/0/numeric/0", "begins with its lower bound"),
        (detail(json!([{"numeric": ["=", 5, "<", 6]}])), "/detail/a/0/numeric/0", "begins with its lower bound"),
        (detail(json!([{"numeric": [">", 5, "=", 6]}])), "/detail/a/0/numeric/2", "ends with its upper bound"),
        (
            detail(json!([{"numeric": [">=", 5, "<=", 5]}])),
            "/detail/a/0/numeric/3",
            "5 is not greater than the lower, 5",
        ),
        (detail(json!([{"numeric": [">=", 5, "<=", null]}])), "/detail/a/0/numeric/3", "null is not a number"),
        (detail(json!([{"anything-but": null}])), "/detail/a/0/anything-but", "not true, false or null"),
        (detail(json!([{"anything-but": []}])), "/detail/a/0/anything-but", "is empty"),
        (detail(json!([{"anything-but": ["x", 1]}])), "/detail/a/0/anything-but/1", "cannot be mixed"),
        (detail(json!([{"anything-but": [1, true]}])), "/detail/a/0/anything-but/1", "a string or a number"),
        (detail(json!([{"anything-but": -6e9}])), "/detail/a/0/anything-but", "out of bounds"),
        (
            detail(json!([{"anything-but": {"numeric": ["<", 1]}}])),
            "/detail/a/0/anything-but/numeric",
            "these can: equals",
        ),
        (detail(json!([{"anything-but": {"prefix": ""}}])), "/detail/a/0/anything-but/prefix", "empty prefix"),
        (detail(json!([{"anything-but": {"suffix": ["x", ""]}}])), "/detail/a/0/anything-but/suffix/1", "empty suffix"),
        (detail(json!([{"anything-but": {"prefix": []}}])), "/detail/a/0/anything-but/prefix", "is empty"),
        (detail(json!([{"anything-but": {"prefix": 1}}])), "/detail/a/0/anything-but/prefix", "or an array of strings"),
        (detail(json!([{"anything-but": {"prefix": [1]}}])), "/detail/a/0/anything-but/prefix/0", "takes a string"),
        (detail(json!([{"anything-but": {"wildcard": "**"}}])), "/detail/a/0/anything-but/wildcard", "side by side"),
        (detail(json!([{"anything-but": {}}])), "/detail/a/0/anything-but", "is empty"),
        (json!({"$or": {"source": ["a"]}}), "/$or", "an array of patterns"),
        (json!({"$or": [{"source": ["a"]}]}), "/$or", "two or more"),
        (json!({"$or": [{"source": ["a"]}, "b"]}), "/$or/1", "is not a pattern"),
        (json!({"$or": [{"source": ["a"]}, {}]}), "/$or/1", "is empty"),
        (json!({"detail": {"$or": [{"a": [1]}, {"prefix": ["x"]}]}}), "/detail/$or/1/prefix", "inside $or"),
        (json!({"detail": {"$or": [{"a": [1]}, {"b": {"<": [1]}}]}}), "/detail/$or/1/b/<", "inside $or"),
    ]
}

#[test]
fn what_eventbridge_refuses_is_refused_with_the_position_and_what_would_be_right() {
    let mut wrong = Vec::new();
    for (pattern, at, said) in refused() {
        match EventPattern::parse(pattern.clone()) {
            Ok(_) => wrong.push(format!("{pattern} was taken")),
            Err(error) if error.at == at && error.problem.contains(said) => {}
            Err(error) => wrong.push(format!("{pattern}: expected {at} … {said}, got {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pattern_has_2_048_characters_which_are_not_bytes() {
    let of_length = |length: usize| json!({"source": ["ä".repeat(length - r#"{"source":[""]}"#.len())]});
    assert!(EventPattern::parse(of_length(PATTERN_MAX)).is_ok());
    let refused = EventPattern::parse(of_length(PATTERN_MAX + 1)).unwrap_err();
    assert_eq!(refused.to_string(), "has 2049 characters, and 2048 are allowed: match fewer values");
}

#[test]
fn wildcards_are_seen_wherever_they_stand() {
    let uses = |pattern: Value| EventPattern::parse(pattern).unwrap().uses_wildcard();
    assert!(uses(json!({"source": ["a", {"wildcard": "qsl.*"}]})));
    assert!(uses(json!({"detail": {"a": [{"anything-but": {"wildcard": ["x*"]}}]}})));
    assert!(uses(json!({"$or": [{"source": ["a"]}, {"detail": {"a": [{"wildcard": "x"}]}}]})));
    assert!(!uses(json!({"source": [{"prefix": "*"}], "detail": {"wildcard": ["*"]}})));
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.:/ ä\"-]{0,8}"
}

fn glob() -> impl Strategy<Value = String> {
    vec(prop_oneof![Just("a"), Just("/x"), Just("\\*"), Just("\\\\"), Just("b*"), Just("*ä")], 0..5)
        .prop_map(|parts| parts.concat().replace("**", "*"))
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i32>().prop_map(Value::from), (-5e9..5e9).prop_map(Value::from)]
}

fn operator() -> impl Strategy<Value = Value> {
    let texts = || vec(text(), 1..4);
    prop_oneof![
        text().prop_map(|x| json!({"prefix": x})),
        text().prop_map(|x| json!({"suffix": {"equals-ignore-case": x}})),
        text().prop_map(|x| json!({"equals-ignore-case": x})),
        glob().prop_map(|x| json!({"wildcard": x})),
        any::<bool>().prop_map(|x| json!({"exists": x})),
        texts().prop_map(|x| json!({"anything-but": x})),
        vec(number(), 1..4).prop_map(|x| json!({"anything-but": x})),
        texts().prop_map(|x| json!({"anything-but": {"equals-ignore-case": x}})),
        glob().prop_map(|x| json!({"anything-but": {"wildcard": x}})),
        (number(), 0..5usize).prop_map(|(x, i)| {
            let comparison = ["=", "<", "<=", ">", ">="][i];
            json!({"numeric": [comparison, x]})
        }),
        (-1000i32..1000, 1..1000i32).prop_map(|(low, span)| json!({"numeric": [">", low, "<=", low + span]})),
        (any::<[u8; 4]>(), 0..32u8).prop_map(|([a, b, c, d], bits)| json!({"cidr": format!("{a}.{b}.{c}.{d}/{bits}")})),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let scalar =
        prop_oneof![text().prop_map(Value::from), number(), any::<bool>().prop_map(Value::from), Just(json!(null))];
    vec(prop_oneof![scalar, operator()], 1..3).prop_map(Value::from)
}

fn fields() -> impl Strategy<Value = Value> {
    let names = || "[a-c]{1,2}";
    leaf().prop_recursive(2, 8, 2, move |below| {
        let members = btree_map(names(), below, 1..3).prop_map(|members| members.into_iter().collect::<Map<_, _>>());
        prop_oneof![
            members.clone().prop_map(Value::Object),
            vec(members.prop_map(Value::Object), 2..3).prop_map(|all| json!({"$or": all})),
        ]
    })
}

fn pattern() -> impl Strategy<Value = Value> {
    (leaf(), proptest::option::of(fields()), any::<bool>()).prop_map(|(source, below, either)| {
        let detail = below.map(|below| if below.is_object() { below } else { json!({"a": below}) });
        match (detail, either) {
            (Some(detail), true) => json!({"$or": [{"source": source}, {"detail": detail}]}),
            (Some(detail), false) => json!({"source": source, "detail": detail}),
            (None, _) => json!({"source": source}),
        }
    })
}

/// The same alternatives in the other order.
fn turned(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), if key == "numeric" { value.clone() } else { turned(value) }))
            .collect(),
        Value::Array(items) => items.iter().rev().map(turned).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_pattern_that_is_taken_comes_back_from_its_text_and_says_the_same(pattern in pattern()) {
        prop_assume!(pattern.to_string().chars().count() <= PATTERN_MAX);
        let parsed = EventPattern::parse(pattern.clone());
        prop_assert!(parsed.is_ok(), "{pattern}: {}", parsed.unwrap_err());
        let parsed = parsed.unwrap();
        let returned: Value = serde_json::from_str(&parsed.as_value().to_string()).unwrap();
        prop_assert_eq!(&returned, &pattern);
        prop_assert!(parsed.says_the_same_as(&returned));
        prop_assert!(parsed.says_the_same_as(&turned(&returned)));
        let again = EventPattern::parse(turned(&returned)).unwrap();
        prop_assert_eq!(again.uses_wildcard(), parsed.uses_wildcard());
        prop_assert_eq!(parsed.uses_wildcard(), returned.to_string().contains("{\"wildcard\":"));
    }

    #[test]
    fn another_value_is_another_pattern(pattern in pattern(), other in "[a-z]{9}") {
        prop_assume!(pattern.to_string().chars().count() < PATTERN_MAX - 12);
        let parsed = EventPattern::parse(pattern.clone()).unwrap();
        let mut different = pattern;
        let leaf = match different.get_mut("$or") {
            Some(branches) => &mut branches[0]["source"],
            None => &mut different["source"],
        };
        leaf.as_array_mut().unwrap().push(other.into());
        prop_assert!(!parsed.says_the_same_as(&different));
    }
}
