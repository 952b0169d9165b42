//! Who may read, and who may not.

use super::*;

const PATHS: [&str; 6] = [
    "/v1/timeline/c-1",
    "/v1/changes?after=0",
    "/v1/events",
    "/v1/correlations",
    "/v1/dead-letters?correlation=c-1",
    "/v1/resources/urn:qsl:teller:loan:l-1",
];

#[tokio::test]
async fn the_gateway_reads_by_its_name_and_a_tool_by_its_right() {
    let journal = journal().await;
    journal.recorder.record(event("a").build()).await.unwrap();
    for path in PATHS {
        assert_eq!(journal.get(path).await.0, 200, "{path}");
        assert_eq!(journal.get_as(Some("depot/auditor"), path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn nobody_else_reads_anything() {
    let journal = journal().await;
    for path in PATHS {
        assert_eq!(journal.get_as(None, path).await.0, 401, "{path}");
        assert_eq!(journal.get_as(Some("nobody"), path).await.0, 401, "{path}");
        for stranger in ["shop/thief", "ops/auditor", "city/window"] {
            let (status, problem) = journal.get_as(Some(stranger), path).await;
            assert_eq!((status, &problem["code"]), (403, &"NOT_ALLOWED".into()), "{path} {stranger}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains("the verb get on eventjournals.eventing.qsl.dev qsl-journal in namespace ops"),
                "{detail}"
            );
        }
    }
}

#[tokio::test]
async fn a_right_that_cannot_be_told_is_none() {
    let journal = journal().await;
    for path in PATHS {
        let (status, problem) = journal.get_as(Some("depot/unknown"), path).await;
        assert_eq!((status, &problem["code"]), (503, &"AUTHORISATION_UNAVAILABLE".into()), "{path}");
    }
}

#[tokio::test]
async fn the_right_to_read_is_no_right_to_claim() {
    let journal = journal().await;
    let probe = serde_json::json!({"inbox": "depot/arrivals", "action": "probe"});
    for reader in ["depot/auditor", "shop/window"] {
        assert_eq!(journal.post_as(reader, "/v1/claims", &probe).await.0, 403, "{reader}");
    }
}
