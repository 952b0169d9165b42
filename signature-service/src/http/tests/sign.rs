//! `POST /v1/sign`.

use eventing::algorithm::Algorithm;
use eventing::attributes::{Attributes, GRANT, SENT_AT};
use eventing::compact::{Compact, Typ, b64url};
use eventing::config::VerificationConfig;
use eventing::verify::{Code, Policy, RawMessage, Rejection, Verified, verify};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::directory::samples::{key_of, trusted};

#[tokio::test]
async fn a_batch_is_signed_whole_in_order_with_rising_times() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let mut body = batch();
    body["events"][0]["jti"] = json!("0f8fad5b-d9cb-469f-a165-70867728950e");
    let (status, response) = sign(&router, "driver", &body).await;
    assert_eq!(status, 200);
    let answer = json_of(response).await;
    let (first, second) = (&answer["events"][0], &answer["events"][1]);
    assert_eq!(first["jti"], "0f8fad5b-d9cb-469f-a165-70867728950e");
    assert_eq!(first["detail"]["detailCore"], json!({"stop": "harbour", "delay": 1.5}));
    assert_eq!(second["detail"]["detailCore"]["stop"], "market");
    assert!(first["ts"].as_str().unwrap() < second["ts"].as_str().unwrap());
    let payload = first["detail"]["sig_compact"].as_str().unwrap().split('.').nth(1).unwrap();
    let payload = eventing::compact::b64url_decode(payload).unwrap();
    assert_eq!(payload, br#"{"delay":1.5,"stop":"harbour"}"#);
}

#[tokio::test]
async fn a_long_batch_is_signed_in_parts_and_keeps_its_order() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let mut body = batch();
    let event = body["events"][0].clone();
    let numbered = |n: usize| {
        let mut event = event.clone();
        event["detailCore"] = json!({ "n": n });
        event
    };
    body["events"] = (0..10).map(numbered).collect();
    let (status, response) = sign(&router, "driver", &body).await;
    assert_eq!(status, 200);
    let answer = json_of(response).await;
    let signed = answer["events"].as_array().unwrap();
    let numbers: Vec<_> = signed.iter().map(|event| event["detail"]["detailCore"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<u64>>());
    assert!(signed.is_sorted_by(|a, b| a["ts"].as_str().unwrap() < b["ts"].as_str().unwrap()), "{signed:?}");
}

#[tokio::test]
async fn nothing_of_a_batch_is_signed_if_one_event_is_bad() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let mut body = batch();
    body["events"][1]["resource"] = json!("tram 7");
    let (status, response) = sign(&router, "driver", &body).await;
    let problem = json_of(response).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (400, "INVALID_EVENT"));
    assert_eq!(problem["errors"][0]["field"], "events/1/resource");
    assert!(problem.get("events").is_none());
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let code = async |router: &Router, token, body: &Value| {
        let (status, response) = sign(router, token, body).await;
        let retry = response.headers().contains_key("retry-after");
        (status, json_of(response).await["code"].as_str().unwrap().to_owned(), retry)
    };
    let expect = |status, code: &str, retry| (status, code.to_owned(), retry);
    assert_eq!(code(&router, "nobody", &batch()).await, expect(401, "UNAUTHENTICATED", false));
    assert_eq!(code(&router, "api-server-away", &batch()).await, expect(503, "AUTHENTICATION_UNAVAILABLE", true));
    assert_eq!(code(&router, "passenger", &batch()).await, expect(403, "SOURCE_NOT_GRANTED", false));
    let mut bell = batch();
    bell["events"][1]["source"] = json!("qsl.bell");
    assert_eq!(code(&router, "driver", &bell).await, expect(409, "NO_SIGNING_KEY", false));
    let mut elsewhere = batch();
    elsewhere["bus"] = json!("city/buses");
    assert_eq!(code(&router, "driver", &elsewhere).await, expect(403, "SOURCE_NOT_GRANTED", false));

    // The key was revoked, and the operator makes the next one: a publisher that gave up now would lose its event.
    let mut revoked = sample();
    revoked.private_keys.clear();
    let Rig { router, publish: _publish, .. } = rig(revoked);
    assert_eq!(code(&router, "driver", &batch()).await, expect(503, "NO_ACTIVE_KEY", true));

    let mut off = sample();
    off.buses.get_mut(&trams()).unwrap().publishing = false;
    let Rig { router, publish: _publish, .. } = rig(off);
    assert_eq!(code(&router, "driver", &batch()).await, expect(503, "PUBLISHING_DISABLED", true));
}

/// A directory with one key of this algorithm, opened by a root.
fn signing_with(algorithm: Algorithm) -> Directory {
    let root = Root::at(now() - 60);
    let keys = vec![key_of(algorithm, "trams", &["qsl.tram"], now() - 60, now() + 600)];
    trusted(&root, keys, &root.inbox(1, "arrivals", &["city/trams"]))
}

/// What a consumer says of the event, which EventBridge delivers now with these attributes.
fn consumed(directory: &Directory, detail: &Value, attributes: &Attributes) -> Result<Verified, Rejection> {
    let body = json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Departed.v1",
                      "resources": ["urn:qsl:depot:tram:7"], "detail": detail})
    .to_string();
    let mut ring = directory.trust.ring.clone();
    ring.set_buses([trams()]);
    let queue = "arn:aws:sqs:eu-west-1:111122223333:arrivals".parse().unwrap();
    let policy = Policy::new(&VerificationConfig::default(), queue);
    let message = RawMessage { body: body.as_bytes(), attributes, sent_at: Millis::now() };
    verify(&message, &ring, &policy, Millis::now())
}

#[tokio::test]
async fn what_is_signed_verifies() {
    for algorithm in Algorithm::ALL {
        let directory = signing_with(algorithm);
        let Rig { router, publish: _publish, .. } = rig(directory.clone());
        let (status, response) = sign(&router, "driver", &batch()).await;
        assert_eq!(status, 200, "{algorithm}");
        let answer = json_of(response).await;
        for (at, stop) in [(0, "harbour"), (1, "market")] {
            let event = &answer["events"][at];
            let verified = consumed(&directory, &event["detail"], &Attributes::new()).unwrap();
            assert_eq!(verified.detail_core.as_str(), format!(r#"{{"delay":1.5,"stop":"{stop}"}}"#));
            assert_eq!((verified.algorithm, verified.has_env), (algorithm, true));
            assert_eq!(event["kid"], verified.kid.as_str());
            assert_eq!(event["jti"], verified.jti.unwrap().as_str());
        }
    }
}

#[tokio::test]
async fn nothing_of_a_callers_choosing_is_signed() {
    let directory = signing_with(Algorithm::MlDsa44);
    let Rig { router, publish: _publish, .. } = rig(directory.clone());
    for name in ["header", "payload", "kid", "alg", "ts", "typ", "env", "hash", "crit", "sig_compact", "detail", "use"]
    {
        let mut body = batch();
        body["events"][0][name] = json!("QSL-GRANT-PQC");
        let (_, response) = sign(&router, "driver", &body).await;
        assert_eq!(refusal(response).await, refused(400, "INVALID_EVENT", false, &format!("events/0/{name}")));
        let mut body = batch();
        body[name] = json!("QSL-GRANT-PQC");
        let (_, response) = sign(&router, "driver", &body).await;
        assert_eq!(refusal(response).await, refused(400, "INVALID_EVENT", false, name));
    }

    // The payload of a grant can be had as an event's: it is signed as an event, and no consumer takes it for a grant.
    let sent_at = Millis::now();
    let mut body = batch();
    body["events"][0]["detailCore"] = json!({"bodySha256": b64url(&Sha256::digest(b"{}")), "purpose": "redrive",
        "inbox": "arn:aws:sqs:eu-west-1:111122223333:arrivals", "sentAt": sent_at.0});
    let (_, response) = sign(&router, "driver", &body).await;
    let answer = json_of(response).await;
    let forged = answer["events"][0]["detail"]["sig_compact"].as_str().unwrap();
    let compact = Compact::split(forged).unwrap();
    assert!(compact.header(Typ::Event).is_ok());
    assert!(compact.header(Typ::Grant).is_err());
    let attributes = [(SENT_AT, sent_at.0.to_string()), (GRANT, forged.to_owned())].into_iter().collect();
    let rejection = consumed(&directory, &answer["events"][1]["detail"], &attributes).unwrap_err();
    assert_eq!(rejection.code, Code::GrantInvalid);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_problem_like_any_other() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    for (path, most) in [("/v1/sign", MAX_BODY_BYTES), ("/v1/grants", MAX_ASK_BYTES)] {
        let body = " ".repeat(most + 1);
        let answer = post(&router, path, "driver", &body).await;
        assert_eq!(refusal(answer).await, refused(413, "BODY_TOO_LARGE", false, ""), "{path}");
        let answer = post(&router, path, "nobody", &body).await;
        assert_eq!(refusal(answer).await.0, 401, "{path}");
        let answer = post(&router, path, "driver", &body[1..]).await;
        assert_eq!(refusal(answer).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn more_than_there_are_places_for_is_sent_back_and_waiting_takes_none_of_them() {
    let places = Places::new(1, 0, 0);
    let Rig { router, publish: _publish, .. } = rig_with(sample(), places.clone());
    let taken = places.to_sign().await.unwrap();
    let (_, response) = sign(&router, "driver", &batch()).await;
    assert_eq!(refusal(response).await, refused(503, "OVERLOADED", true, ""));
    drop(taken);
    for _ in 0..3 {
        assert_eq!(sign(&router, "driver", &batch()).await.0, 200, "a place is given back");
    }
}

#[tokio::test]
async fn a_burst_waits_its_turn_and_what_is_more_is_sent_back() {
    let places = Places::new(1, 1, 0);
    let Rig { router, publish: _publish, .. } = rig_with(sample(), places.clone());
    let taken = places.to_sign().await.unwrap();
    let asking = router.clone();
    let mut next = Box::pin(async move { sign(&asking, "driver", &batch()).await });
    let waited = tokio::time::timeout(Duration::from_millis(50), &mut next).await;
    assert!(waited.is_err(), "no place, and yet an answer");
    let (_, response) = sign(&router, "driver", &batch()).await;
    assert_eq!(refusal(response).await, refused(503, "OVERLOADED", true, ""), "the queue is full");
    drop(taken);
    assert_eq!(next.await.0, 200, "its turn came");
    assert_eq!(sign(&router, "driver", &batch()).await.0, 200, "place and queue are given back");
}
