//! Orchestration: publishes what its workflows do, under the names its callers have always used.
//!
//! `POST /workflows/{id}/{legacy_event_name}` with `{"correlationId": …, "userId": …, "tenantId": …, …}`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use examples::publish::{Event, Publisher, Request, idempotency_key};
use examples::serve;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("orchestration", routes(Publisher::from_env()?)).await
}

fn routes(publisher: Publisher) -> Router {
    Router::new().route("/workflows/{id}/{legacy_event_name}", post(workflow)).with_state(publisher)
}

/// The event that replaces a legacy one.
fn detail_type(legacy_event_name: &str) -> Option<&'static str> {
    Some(match legacy_event_name {
        "workflow_started" => "Workflow.Started.v1",
        "workflow_completed" => "Workflow.Completed.v1",
        "workflow_failed" => "Workflow.Failed.v1",
        "workflow_status_update" => "Workflow.StatusUpdated.v1",
        "workflow_error" => "Workflow.Error.v1",
        _ => return None,
    })
}

async fn workflow(
    State(publisher): State<Publisher>,
    Path((id, legacy_event_name)): Path<(String, String)>,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Response {
    let Some(detail_type) = detail_type(&legacy_event_name) else {
        return (StatusCode::NOT_FOUND, "no such workflow event").into_response();
    };
    let mut detail_core = request.facts;
    detail_core.insert("workflowId".to_owned(), id.as_str().into());
    let event = Event {
        source: "qsl.workflow",
        detail_type: detail_type.to_owned(),
        resource: format!("urn:qsl:orchestration:workflow:{id}"),
        trace: request.trace,
        detail_core,
    };
    // A workflow may report its status or an error many times, so only the caller knows what is a repetition.
    let key = idempotency_key(&headers, || uuid::Uuid::new_v4().to_string());
    publisher.publish(&event, &key).await
}

#[cfg(test)]
mod tests {
    use super::detail_type;

    #[test]
    fn each_legacy_name_has_its_event() {
        let map = [
            ("workflow_started", "Workflow.Started.v1"),
            ("workflow_completed", "Workflow.Completed.v1"),
            ("workflow_failed", "Workflow.Failed.v1"),
            ("workflow_status_update", "Workflow.StatusUpdated.v1"),
            ("workflow_error", "Workflow.Error.v1"),
        ];
        for (legacy, event) in map {
            assert_eq!(detail_type(legacy), Some(event));
        }
        assert_eq!(detail_type("workflow_paused"), None);
    }
}
