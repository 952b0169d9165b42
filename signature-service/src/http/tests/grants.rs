//! `POST /v1/grants`.

use eventing::attributes::{Attributes, GRANT, SENT_AT};
use eventing::grant::Purpose;
use eventing::verify::{RawMessage, verify};

use super::*;
use crate::directory::samples::{depot_inbox, event_body, trusted};

/// A directory that grants, and the body of an event signed now.
pub(super) fn granting() -> (Directory, String) {
    let (root, signing) = (Root::at(now() - 60), key("trams", &["qsl.tram"], now() - 60, now() + 600));
    let body = event_body(&signing, Millis::now().into());
    let keys = vec![signing, grant_key(now() - 60, now() + 600)];
    (trusted(&root, keys, &root.inbox(1, "arrivals", &["city/trams"])), body)
}

pub(super) fn ask(body: &str) -> Value {
    json!({"inbox": "depot/arrivals", "purpose": "redrive", "sentAt": Millis::now().0, "body": body})
}

pub(super) async fn grant(router: &Router, token: &str, ask: &Value) -> Response<Body> {
    post(router, "/v1/grants", token, &ask.to_string()).await
}

#[tokio::test]
async fn a_grant_that_was_asked_for_holds_at_the_consumer() {
    let (directory, body) = granting();
    let Rig { router, publish: _publish, .. } = rig(directory.clone());
    let ask = ask(&body);
    let response = grant(&router, "driver", &ask).await;
    assert_eq!(response.status(), 200);
    let answer = json_of(response).await;
    assert_eq!((&answer["purpose"], &answer["sentAt"]), (&json!("redrive"), &ask["sentAt"]));
    assert_eq!(answer["queueArn"], "arn:aws:sqs:eu-west-1:111122223333:arrivals");

    let sent_at = ask["sentAt"].to_string();
    let attributes: Attributes =
        [(SENT_AT, sent_at), (GRANT, answer["grant"].as_str().unwrap().to_owned())].into_iter().collect();
    let (mut ring, inbox) = (directory.trust.ring.clone(), &directory.trust.inboxes[&depot_inbox()]);
    ring.set_buses(inbox.buses.clone());
    let message = RawMessage { body: body.as_bytes(), attributes: &attributes, sent_at: Millis::now() };
    let verified = verify(&message, &ring, &inbox.policy, Millis::now()).unwrap();
    assert_eq!(verified.purpose, Some(Purpose::Redrive));
}

#[tokio::test]
async fn each_refusal_has_its_status_code_and_field() {
    let (directory, body) = granting();
    let Rig { router, publish, .. } = rig(directory.clone());
    let good = ask(&body);
    let with = |field: &str, value: Value| {
        let mut ask = good.clone();
        ask[field] = value;
        ask
    };
    let later = Millis::now().plus(Duration::from_mins(10)).0;
    let long_ago = Millis::now().plus_millis(-29 * 24 * 3_600 * 1_000).0;
    let changed = body.replacen("harbour", "airport", 1);
    for (token, ask, expected) in [
        ("nobody", good.clone(), refused(401, "UNAUTHENTICATED", false, "")),
        ("api-server-away", good.clone(), refused(503, "AUTHENTICATION_UNAVAILABLE", true, "")),
        ("driver", with("inbox", json!("arrivals")), refused(400, "INVALID_REQUEST", false, "inbox")),
        ("driver", with("queueArn", json!("arn")), refused(400, "INVALID_REQUEST", false, "queueArn")),
        ("inspector", good.clone(), refused(503, "AUTHORISATION_UNAVAILABLE", true, "")),
        ("passenger", good.clone(), refused(403, "GRANT_NOT_ALLOWED", false, "inbox")),
        ("driver", with("purpose", json!("replay")), refused(403, "GRANT_NOT_ALLOWED", false, "inbox")),
        ("driver", with("inbox", json!("depot/departures")), refused(403, "GRANT_NOT_ALLOWED", false, "inbox")),
        ("driver", with("sentAt", json!(later)), refused(400, "SENT_AT_OUT_OF_BOUNDS", false, "sentAt")),
        ("driver", with("sentAt", json!(long_ago)), refused(400, "SENT_AT_OUT_OF_BOUNDS", false, "sentAt")),
        ("driver", with("body", json!(changed)), refused(422, "PAYLOAD_MISMATCH", false, "body")),
        ("driver", with("body", json!("stop")), refused(422, "BODY_MALFORMED", false, "body")),
        ("driver", with("sentAt", json!(0)), refused(400, "SENT_AT_OUT_OF_BOUNDS", false, "sentAt")),
    ] {
        assert_eq!(refusal(grant(&router, token, &ask).await).await, expected, "{token}");
    }

    let mut off = directory.clone();
    off.buses.get_mut(&trams()).unwrap().publishing = false;
    let mut keyless = directory.clone();
    keyless.private_keys.clear();
    let mut unknown = directory.clone();
    unknown.trust = Arc::default();
    for (known, expected) in [
        (off, refused(503, "PUBLISHING_DISABLED", true, "body")),
        (keyless, refused(503, "NO_ACTIVE_KEY", true, "body")),
        (unknown, refused(404, "INBOX_UNKNOWN", false, "inbox")),
    ] {
        publish.send_replace(Arc::new(known));
        assert_eq!(refusal(grant(&router, "driver", &good).await).await, expected);
    }
}

#[tokio::test]
async fn whoever_may_not_learns_nothing_of_what_there_is() {
    let (directory, body) = granting();
    let Rig { router, publish: _publish, .. } = rig(directory);
    let there = refusal(grant(&router, "passenger", &ask(&body)).await).await;
    let mut nowhere = ask("not even an event");
    (nowhere["inbox"], nowhere["sentAt"]) = (json!("depot/nothing"), json!(0));
    assert_eq!(refusal(grant(&router, "passenger", &nowhere).await).await, there);
}

#[tokio::test]
async fn what_is_known_of_an_inbox_or_its_keys_ends_with_its_time() {
    let (root, signing) = (Root::at(now() - 3_600), key("trams", &["qsl.tram"], now() - 60, now() + 600));
    let body = event_body(&signing, Millis::now().into());
    let entry = root.inbox(1, "arrivals", &["city/trams"]);
    let Rig { router, publish: _publish, .. } = rig(trusted(&root, vec![signing], &entry));
    let expired = refused(503, "CONFIGURATION_EXPIRED", true, "inbox");
    assert_eq!(refusal(grant(&router, "driver", &ask(&body)).await).await, expired);

    let (root, signing) = (Root::at(now() - 60), key("trams", &["qsl.tram"], now() - 60, now() + 600));
    let entry = root.inbox(1, "arrivals", &["city/trams", "city/ferries"]);
    let Rig { router, publish: _publish, .. } = rig(trusted(&root, vec![signing], &entry));
    let unavailable = refused(503, "KEYS_UNAVAILABLE", true, "inbox");
    assert_eq!(refusal(grant(&router, "driver", &ask(&body)).await).await, unavailable);
}

#[tokio::test]
async fn a_grant_needs_a_place_to_sign() {
    let (directory, body) = granting();
    let places = Places::new(1, 0, 0);
    let Rig { router, publish: _publish, .. } = rig_with(directory, places.clone());
    let taken = places.to_sign().await.unwrap();
    let overloaded = refused(503, "OVERLOADED", true, "");
    assert_eq!(refusal(grant(&router, "driver", &ask(&body)).await).await, overloaded);
    drop(taken);
    assert_eq!(grant(&router, "driver", &ask(&body)).await.status(), 200);
}
