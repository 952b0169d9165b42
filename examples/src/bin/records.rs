//! Records: where services write down what they handled, while tests kill them.
//!
//! `POST /rows/{service}` adds a row. `GET /rows?after=N` gives those from place N on, and the place to go on from. All of
//! it is in memory, so it ends with its pod.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use examples::records::Row;
use examples::serve;
use serde::{Deserialize, Serialize};

/// The most rows in one answer.
const PART: usize = 5_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("records", routes()).await
}

/// A row, and whose it is.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    service: String,
    #[serde(flatten)]
    row: Row,
}

type Rows = Arc<Mutex<Vec<Written>>>;

fn routes() -> Router {
    let routes = Router::new().route("/rows/{service}", post(write)).route("/rows", get(read));
    routes.with_state(Rows::default())
}

async fn write(State(rows): State<Rows>, Path(service): Path<String>, Json(row): Json<Row>) -> StatusCode {
    rows.lock().unwrap_or_else(PoisonError::into_inner).push(Written { service, row });
    StatusCode::CREATED
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    after: usize,
}

#[derive(Serialize)]
struct Part {
    rows: Vec<Written>,
    next: usize,
}

async fn read(State(rows): State<Rows>, Query(Place { after }): Query<Place>) -> Json<Part> {
    let all = rows.lock().unwrap_or_else(PoisonError::into_inner);
    let rows: Vec<Written> = all.iter().skip(after).take(PART).cloned().collect();
    let next = after + rows.len();
    Json(Part { rows, next })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(routes: &Router, request: Request<Body>) -> Value {
        let answer = routes.clone().oneshot(request).await.unwrap();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    #[tokio::test]
    async fn rows_are_read_in_order_from_any_place_on() {
        let routes = routes();
        for key in ["a", "b", "c"] {
            let row = json!({"pod": "treasury-1", "eventKey": key, "handledAt": "2026-11-27T08:00:00Z", "attempt": 1});
            let request = Request::post("/rows/treasury").header("content-type", "application/json");
            answer(&routes, request.body(Body::from(row.to_string())).unwrap()).await;
        }
        for (after, keys) in [(0, vec!["a", "b", "c"]), (2, vec!["c"]), (3, vec![])] {
            let request = Request::get(format!("/rows?after={after}")).body(Body::empty()).unwrap();
            let part = answer(&routes, request).await;
            let rows: Vec<&Value> = part["rows"].as_array().unwrap().iter().collect();
            assert_eq!(rows.iter().map(|row| row["eventKey"].as_str().unwrap()).collect::<Vec<_>>(), keys);
            assert!(rows.iter().all(|row| row["service"] == "treasury" && row["pod"] == "treasury-1"), "{part}");
            assert_eq!(part["next"], 3);
        }
    }
}
