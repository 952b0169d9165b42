//! What is counted and written down, and what never is.

use eventing_process::testing::Lines;

use super::grants::{ask, grant, granting};
use super::*;

/// The registry as Prometheus reads it.
pub(super) fn scrape(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

/// Everything this thread logs from now on, as long as the guard lives.
fn begin() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::TRACE);
    (lines.clone(), tracing::subscriber::set_default(layer.with_writer(lines).finish()))
}

/// The lines of the audit.
fn audit(lines: &Lines) -> Vec<Value> {
    let lines = lines.text();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().filter(|line| line["target"] == "audit").collect()
}

#[tokio::test]
async fn every_signature_and_grant_leaves_one_line_without_payload_or_token() {
    let (directory, body) = granting();
    let Rig { router, publish: _publish, .. } = rig(directory);
    let (lines, _guard) = begin();
    assert_eq!(sign(&router, "driver", &batch()).await.0, 200);
    let granted = json_of(grant(&router, "driver", &ask(&body)).await).await;

    let audit = audit(&lines);
    let said: Vec<_> = audit.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(said, ["signed", "signed", "granted"]);
    assert_eq!((&audit[0]["caller"], &audit[0]["bus"]), (&json!("depot/driver"), &json!("city/trams")));
    let grant = &audit[2];
    for (field, expected) in [
        ("caller", "depot/driver"),
        ("inbox", "depot/arrivals"),
        ("queue", "arn:aws:sqs:eu-west-1:111122223333:arrivals"),
        ("purpose", "redrive"),
        ("bus", "city/trams"),
        ("source", "qsl.tram"),
        ("correlation_id", "line-7"),
        ("kid", granted["kid"].as_str().unwrap()),
        ("jti", granted["jti"].as_str().unwrap()),
    ] {
        assert_eq!(grant[field], expected, "{field}");
    }
    let said = lines.text();
    assert!(grant["sent_at"].is_string() && grant["event_ts"].is_string());
    for secret in ["harbour", "market", "detailCore", "Bearer", &body, granted["grant"].as_str().unwrap()] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

/// A replay is of an event as old as its keys are known; how old, the audit says.
#[tokio::test]
async fn a_replay_of_an_old_event_is_granted_to_whom_may_replay_and_leaves_its_line() {
    let (root, day) = (Root::at(now() - 60), 24 * 3_600);
    let signing = key("trams", &["qsl.tram"], now() - 90 * day, now() - 30 * day);
    let then = Millis::from_seconds(now() - 60 * day);
    let body = samples::event_body(&signing, then.into());
    let keys = vec![signing, grant_key(now() - 60, now() + 600)];
    let directory = samples::trusted(&root, keys, &root.inbox(1, "arrivals", &["city/trams"]));
    let Rig { router, registry, publish: _publish, .. } = rig(directory);
    let (lines, _guard) = begin();
    let replay =
        |sent_at: Millis| json!({"inbox": "depot/arrivals", "purpose": "replay", "sentAt": sent_at.0, "body": body});
    let mut redrive = replay(then);
    redrive["purpose"] = json!("redrive");
    assert_eq!(grant(&router, "porter", &replay(then)).await.status(), 200);
    for (token, ask, expected) in [
        ("driver", replay(then), refused(403, "GRANT_NOT_ALLOWED", false, "inbox")),
        ("porter", redrive.clone(), refused(403, "GRANT_NOT_ALLOWED", false, "inbox")),
        ("driver", redrive, refused(400, "SENT_AT_OUT_OF_BOUNDS", false, "sentAt")),
        ("porter", replay(then.plus_millis(301_000)), refused(422, "TIMESTAMP_SKEW", false, "body")),
        ("porter", replay(Millis::now().plus_millis(60_000)), refused(400, "SENT_AT_OUT_OF_BOUNDS", false, "sentAt")),
    ] {
        assert_eq!(refusal(grant(&router, token, &ask).await).await, expected, "{token}");
    }

    let audit = audit(&lines);
    let granted: Vec<_> = audit.iter().filter(|line| line["message"] == "granted").collect();
    assert_eq!(granted.len(), 1);
    for (field, expected) in [
        ("caller", "depot/porter".to_owned()),
        ("inbox", "depot/arrivals".to_owned()),
        ("purpose", "replay".to_owned()),
        ("sent_at", then.to_string()),
        ("correlation_id", "line-7".to_owned()),
    ] {
        assert_eq!(granted[0][field], expected, "{field}");
    }
    assert!(granted[0]["event_key"].is_string() && granted[0]["event_kid"].is_string());
    assert!(!lines.text().contains("harbour"));
    assert!(scrape(&registry).contains(r#"grants_total{purpose="replay",outcome="OK"} 1"#));
}

#[tokio::test]
async fn every_refusal_is_counted_and_written_down_who_ever_asked() {
    let (directory, body) = granting();
    let Rig { router, registry, publish: _publish, .. } = rig(directory);
    let (lines, _guard) = begin();
    for token in ["a-strangers-token", "api-server-away", "passenger"] {
        sign(&router, token, &batch()).await;
        grant(&router, token, &ask(&body)).await;
    }
    grant(&router, "driver", &ask("harbour")).await;
    grant(&router, "driver", &json!({"harbour": "market"})).await;
    grant(&router, "driver", &ask(&body)).await;

    let audit = audit(&lines);
    let line = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        [text("message"), text("caller"), text("inbox"), text("code")].join(" ")
    };
    assert_eq!(
        audit.iter().map(line).collect::<Vec<_>>(),
        [
            // Of the strangers' four the first: see the next test.
            "not signed - - UNAUTHENTICATED",
            "not signed depot/passenger - SOURCE_NOT_GRANTED",
            "not granted depot/passenger depot/arrivals GRANT_NOT_ALLOWED",
            "not granted depot/driver depot/arrivals BODY_MALFORMED",
            "not granted depot/driver - INVALID_REQUEST",
            "granted depot/driver depot/arrivals -",
        ]
    );
    let said = lines.text();
    for secret in ["a-strangers-token", "harbour", "market"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }

    let counted = scrape(&registry);
    for line in [
        r#"sign_requests_total{code="UNAUTHENTICATED"} 1"#,
        r#"sign_requests_total{code="AUTHENTICATION_UNAVAILABLE"} 1"#,
        r#"sign_requests_total{code="SOURCE_NOT_GRANTED"} 1"#,
        r#"grants_total{purpose="unknown",outcome="AUTHENTICATION_UNAVAILABLE"} 1"#,
        r#"grants_total{purpose="unknown",outcome="UNAUTHENTICATED"} 1"#,
        r#"grants_total{purpose="unknown",outcome="INVALID_REQUEST"} 1"#,
        r#"grants_total{purpose="redrive",outcome="GRANT_NOT_ALLOWED"} 1"#,
        r#"grants_total{purpose="redrive",outcome="BODY_MALFORMED"} 1"#,
        r#"grants_total{purpose="redrive",outcome="OK"} 1"#,
    ] {
        assert!(counted.contains(line), "{line} in {counted}");
    }
}

#[tokio::test]
async fn a_flood_of_bad_tokens_is_a_line_a_second_and_what_others_do_is_written_down_meanwhile() {
    let (directory, body) = granting();
    let Rig { router, registry, publish: _publish, .. } = rig(directory);
    let (lines, _guard) = begin();
    let start = std::time::Instant::now();
    let mut asked = 0;
    while start.elapsed() < Duration::from_millis(2_500) {
        sign(&router, &format!("bad-{asked}"), &batch()).await;
        grant(&router, "", &ask(&body)).await;
        asked += 2;
    }
    sign(&router, "passenger", &batch()).await;

    let audit = audit(&lines);
    let (strangers, known): (Vec<_>, Vec<_>) = audit.iter().partition(|line| line["caller"].is_null());
    assert!((2..=3).contains(&strangers.len()), "one at once, and one a second: {audit:?}");
    let told: u64 = strangers.iter().map(|line| 1 + line["left_out"].as_u64().unwrap()).sum();
    assert!(told > 3 && told <= asked, "{told} of {asked}: {strangers:?}");
    assert_eq!((known.len(), &known[0]["code"], &known[0]["left_out"]), (1, &json!("SOURCE_NOT_GRANTED"), &json!(0)));
    let counted = scrape(&registry);
    for metric in ["sign_requests_total{code", r#"grants_total{purpose="unknown",outcome"#] {
        let line = format!("{metric}=\"UNAUTHENTICATED\"}} {}\n", asked / 2);
        assert!(counted.contains(&line), "{line} in {counted}");
    }
}

#[tokio::test]
async fn who_waits_is_counted_as_long_as_it_does() {
    let Rig { router, registry, publish: _publish, .. } = rig(sample());
    let held = get_keys(&router, "?bus=city/buses&wait=60", &[]);
    let look = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        scrape(&registry)
    };
    // Whoever hangs up waits no more.
    let during = tokio::select! {
        _ = held => String::new(),
        during = look => during,
    };
    assert!(during.contains("key_set_waiters 1\n"), "{during}");
    assert!(scrape(&registry).contains("key_set_waiters 0\n"));
}

#[test]
fn the_expiry_of_each_served_set_is_shown_and_of_no_other() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let (before, now) = (sample(), Directory::default());
    let expires = before.key_sets[&trams()].expires;
    metrics.key_sets(&Directory::default(), &before);
    let shown = format!(r#"key_set_expiry_timestamp_seconds{{bus="city/trams"}} {expires}"#);
    assert!(scrape(&registry).contains(&shown), "{}", scrape(&registry));
    metrics.key_sets(&before, &now);
    assert!(!scrape(&registry).contains("city/trams"), "{}", scrape(&registry));
}
