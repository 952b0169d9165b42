//! Claims over HTTP.

use serde_json::json;

use super::*;

const CLERK: &str = "depot/clerk";
const PATH: &str = "/v1/claims";

/// A request about one event.
fn of(action: &str, holder: &str, more: &Value) -> Value {
    let mut body = json!({"inbox": "depot/arrivals", "action": action, "holder": holder,
        "keys": [{"key": "07".repeat(32), "keepSeconds": 3_600}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_claim_goes_from_one_consumer_to_the_next_and_ends_confirmed() {
    let journal = journal().await;
    let ask = async |body: Value| journal.post_as(CLERK, PATH, &body).await;
    let claim = |holder: &str| of("claim", holder, &json!({"lapseSeconds": 60}));
    assert_eq!(ask(claim("a")).await, (200, json!({"outcome": "claimed", "attempts": 0})));
    let (_, held) = ask(claim("b")).await;
    assert_eq!(held["outcome"], "held");
    assert!((1..=60).contains(&held["lapsesInSeconds"].as_u64().unwrap()), "{held}");
    let settled = (200, json!({"outcome": "settled"}));
    assert_eq!(ask(of("release", "a", &json!({"attempts": 3}))).await, settled);
    assert_eq!(ask(claim("b")).await, (200, json!({"outcome": "claimed", "attempts": 3})));
    assert_eq!(ask(of("confirm", "b", &json!({}))).await, settled);
    assert_eq!(ask(claim("c")).await, (200, json!({"outcome": "handled"})));
}

#[tokio::test]
async fn only_the_inboxs_own_consumers_are_let_in() {
    let journal = journal().await;
    let body = of("claim", "a", &json!({"lapseSeconds": 60}));
    for stranger in ["depot/porter", "city/clerk", "shop/window"] {
        let (status, problem) = journal.post_as(stranger, PATH, &body).await;
        assert_eq!((status, &problem["code"]), (403, &json!("NOT_A_CONSUMER")), "{stranger}");
        assert_eq!(problem["errors"][0]["field"], "inbox");
    }
    assert_eq!(journal.post_as("nobody", PATH, &body).await.0, 401);
    // Nobody is judged before the inboxes are known, and the clerk reads no events.
    let unread = json!({"inbox": "depot/unread", "action": "probe"});
    let (status, problem) = journal.post_as(CLERK, PATH, &unread).await;
    assert_eq!((status, &problem["code"]), (503, &json!("INBOXES_UNKNOWN")));
    assert_eq!(journal.get_as(Some(CLERK), "/v1/timeline/c-1").await.0, 403);
    // None of them got it.
    assert_eq!(journal.post_as(CLERK, PATH, &body).await.1["outcome"], "claimed");
}

#[tokio::test]
async fn a_probe_is_answered_and_a_bad_claim_names_its_field() {
    let journal = journal().await;
    let probe = json!({"inbox": "depot/arrivals", "action": "probe"});
    assert_eq!(journal.post_as(CLERK, PATH, &probe).await, (200, json!({"outcome": "settled"})));
    let (status, problem) = journal.post_as(CLERK, PATH, &of("claim", "a", &json!({"lapseSeconds": 0}))).await;
    assert_eq!((status, &problem["code"]), (400, &json!("CLAIM_INVALID")));
    assert_eq!(problem["errors"][0]["field"], "lapseSeconds");
    for malformed in [json!({"inbox": "depot"}), of("steal", "a", &json!({})), of("claim", "a", &json!({"more": 1}))] {
        let (status, problem) = journal.post_as(CLERK, PATH, &malformed).await;
        assert_eq!((status, &problem["code"]), (422, &json!("BODY_INVALID")), "{malformed}");
    }
}
