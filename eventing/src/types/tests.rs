#![allow(clippy::unwrap_used)]
use std::str::FromStr;

use super::*;

fn holds<T: FromStr<Err = ParseError>>(good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(text.parse::<T>().is_ok(), "{text}");
    }
    for text in bad {
        assert!(text.parse::<T>().is_err(), "{text}");
    }
}

#[test]
fn each_word_has_its_form() {
    let long = |prefix: &str, length: usize| format!("{prefix}{}", "a".repeat(length));
    holds::<Source>(
        &["qsl.payment", "qsl.a", "qsl.a-1-", &long("qsl.", 63)],
        &["", "qsl.", "qsl.1a", "qsl.A", "qsl.a.b", "aws.s3", "qsl.pé", "qsl.a ", &long("qsl.", 64)],
    );
    holds::<DetailType>(
        &["Payment.Initiated.v1", "A.B.v9999", &format!("{0}.{0}.v1", long("A", 61))],
        &[
            "",
            "Payment.Initiated",
            "Payment.Initiated.v0",
            "Payment.Initiated.v01",
            "payment.Initiated.v1",
            "A.B.v10000",
            "A.B.C.v1",
            "A.B.v1.",
            "A..v1",
            "A.B.1",
            "A.É.v1",
            &format!("{}.B.v1", long("A", 63)),
        ],
    );
    holds::<Resource>(
        &["urn:qsl:a:b:c", "urn:qsl:pay-1:x:a:b:c~!", &long("urn:qsl:a:b:", 256)],
        &[
            "",
            "urn:qsl:a:b",
            "urn:qsl:a:b:",
            "urn:qsl::b:c",
            "urn:qsl:A:b:c",
            "urn:qsl:a:b:c d",
            "urn:qsl:a:b:é",
            &long("urn:qsl:a:b:", 257),
        ],
    );
    holds::<CorrelationId>(&["c", "é", &"é".repeat(128)], &["", &"é".repeat(129)]);
    holds::<Kid>(&["a", "A.b_c:d-9", &long("", 128)], &["", "a/b", "a b", "é", "../x", &long("", 129)]);
    holds::<Jti>(
        &["00000000-0000-0000-0000-000000000000"],
        &[
            "",
            "0000000000000000000000000000000000000",
            "0000000A-0000-0000-0000-000000000000",
            "00000000_0000-0000-0000-000000000000",
        ],
    );
    holds::<QueueArn>(
        &["arn:aws:sqs:us-east-1:000000000000:qsl-inbox", "arn:aws-cn:sqs:cn-north-1:000000000000:a.fifo"],
        &[
            "",
            "arn:aws:sns:us-east-1:000000000000:a",
            "arn:aws:sqs:us-east-1:0:a",
            "arn:aws:sqs:us-east-1:000000000000:",
            "arn:aws:sqs:us-east-1:000000000000:a:b",
        ],
    );
    holds::<BusId>(&["a/b", "platform/qsl-core"], &["", "a", "a/", "/b", "a/b/c", "A/b", "a/-b", "a/b."]);
    holds::<EventKey>(&[&"0f".repeat(32)], &["", &"0f".repeat(31), &"0g".repeat(32)]);
}

#[test]
fn words_are_texts_in_json_and_are_parsed_there_too() {
    assert_eq!(serde_json::to_string(&Source::parse("qsl.tide").unwrap()).unwrap(), "\"qsl.tide\"");
    assert!(serde_json::from_str::<Source>("\"tide\"").is_err());
    let key = EventKey([0xab; 32]);
    assert_eq!(serde_json::from_str::<EventKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    assert_eq!(DetailType::parse("Lamp.Lit.v2").unwrap().action(), "Lit");
    let arn = QueueArn::parse("arn:aws:sqs:eu-west-1:111122223333:lamp.fifo").unwrap();
    assert_eq!((arn.region(), arn.account(), arn.name()), ("eu-west-1", "111122223333", "lamp.fifo"));
}
