//! Dead letters over HTTP.

use serde_json::json;

use super::*;

const CLERK: &str = "depot/clerk";
const PATH: &str = "/v1/dead-letters";

fn report(code: &str, failed_at: i64, more: &Value) -> Value {
    let mut body =
        json!({"inbox": "depot/arrivals", "code": code, "stage": "handle", "attempts": 5, "failedAt": failed_at});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_gateway_reads_what_consumers_told_by_the_events_correlation_or_the_claimed_one() {
    let journal = journal().await;
    let key = event("a").build().key.to_string();
    let verified = report("HANDLER_EXHAUSTED", 1_000, &json!({"eventKey": key}));
    let claimed = report("SIGNATURE_INVALID", 2_000, &json!({"stage": "verify", "claimedCorrelationId": "story-1"}));
    let others = report("HANDLER_REJECTED", 3_000, &json!({"claimedCorrelationId": "story-2"}));
    for body in [&verified, &claimed, &others] {
        assert_eq!(journal.post_as(CLERK, PATH, body).await, (204, Value::Null));
    }
    let told = async || journal.get(&format!("{PATH}?correlation=story-1")).await.1["deadLetters"].clone();
    // Of which story the verified one is, its event says, which may come later.
    assert_eq!(told().await, json!([claimed]));
    journal.recorder.record(event("a").build()).await.unwrap();
    assert_eq!(told().await, json!([claimed, verified]));
    assert_eq!(journal.get(&format!("{PATH}?correlation=story-1&limit=1")).await.1["deadLetters"], json!([claimed]));
}

#[tokio::test]
async fn only_the_inboxs_consumers_tell_and_only_the_gateway_reads() {
    let journal = journal().await;
    let body = report("HANDLER_EXHAUSTED", 1_000, &json!({"claimedCorrelationId": "story-1"}));
    for stranger in ["depot/porter", "city/clerk", "shop/window"] {
        let (status, problem) = journal.post_as(stranger, PATH, &body).await;
        assert_eq!((status, &problem["code"]), (403, &json!("NOT_A_CONSUMER")), "{stranger}");
    }
    let path = format!("{PATH}?correlation=story-1");
    assert_eq!(journal.get_as(Some(CLERK), &path).await.0, 403);
    assert_eq!(journal.get(&path).await, (200, json!({"deadLetters": []})));
}

#[tokio::test]
async fn a_bad_report_names_its_field() {
    let journal = journal().await;
    let both = json!({"eventKey": "07".repeat(32), "claimedCorrelationId": "story-1"});
    for (body, field) in [
        (report("payload says: x", 1, &json!({})), "code"),
        (report("X", 1, &json!({"stage": "party"})), "stage"),
        (report("X", 1, &both), "claimedCorrelationId"),
    ] {
        let (status, problem) = journal.post_as(CLERK, PATH, &body).await;
        assert_eq!((status, &problem["code"]), (400, &json!("DEAD_LETTER_INVALID")));
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let (status, problem) = journal.get(&format!("{PATH}?correlation=")).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("correlation")));
}
