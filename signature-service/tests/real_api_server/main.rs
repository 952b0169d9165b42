//! The service against a real API server: its watches, token reviews and access reviews, with exactly the rights the
//! chart gives it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod chart;
mod grants;
mod installation;
mod program;
mod replicas;
mod tokens;

use serde_json::json;

use installation::{Installation, token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_publishers_token_for_this_service_signs_and_changes_take_effect_at_once() {
    let installation = Installation::start();
    let (kubectl, kid) = (&installation.kubectl, installation.kid());
    let replica = installation.replica().await;

    let driver = installation.token("driver");
    let answer = replica.becomes(&driver, "OK").await;
    assert!(replica.readiness.is_ready(), "{}", replica.readiness.report());
    assert_eq!(answer["events"][0]["kid"], kid);
    assert!(answer["events"][0]["detail"]["sig_compact"].is_string());

    for (what, bad) in [
        ("another audience", token(kubectl, &["driver", "-n", "depot", "--audience", "journal.eventing.qsl.dev"])),
        ("the API server's audience", token(kubectl, &["driver", "-n", "depot"])),
        ("a changed token", format!("{driver}x")),
    ] {
        assert_eq!(replica.sign(&bad).await.0, 401, "{what}");
    }
    let passenger = installation.token("passenger");
    assert_eq!(replica.sign(&passenger).await.1["code"], "SOURCE_NOT_GRANTED");

    let patch = |kind: &str, patch: &str| {
        kubectl.run(["patch", kind, "trams", "-n", "city", "--type=merge", "-p", patch]).unwrap();
    };
    patch("eventbus", r#"{"spec":{"publishing":"Disabled"}}"#);
    replica.becomes(&driver, "PUBLISHING_DISABLED").await;
    patch("eventbus", r#"{"spec":{"publishing":"Enabled"}}"#);
    replica.becomes(&driver, "OK").await;
    patch("signingkey", &json!({"spec": {"revokedKids": [kid]}}).to_string());
    replica.becomes(&driver, "NO_ACTIVE_KEY").await;
    replica.stop().await;
}
