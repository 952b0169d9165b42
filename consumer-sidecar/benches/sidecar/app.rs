//! The application: it writes down when each event came, and does nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::events::nth;

/// How long the slow ones take.
const SLOW: Duration = Duration::from_secs(2);

/// Deliveries by the number of their event.
#[derive(Debug, Clone, Default)]
pub struct App {
    came: Arc<Mutex<Vec<Vec<Instant>>>>,
    /// One in so many is slow.
    slow_each: Option<usize>,
}

impl App {
    pub fn with_slow_ones(each: usize) -> Self {
        Self { slow_each: Some(each), ..Self::default() }
    }

    pub fn is_slow(&self, nth: usize) -> bool {
        self.slow_each.is_some_and(|each| nth % each == each / 2)
    }

    pub fn routes(self) -> Router {
        Router::new().route("/events", post(handle)).with_state(self)
    }

    /// When each event came first; events that did not are missing.
    pub fn came(&self) -> Vec<Option<Instant>> {
        self.lock().iter().map(|times| times.first().copied()).collect()
    }

    /// How many events came, and how many of them more than once.
    pub fn counted(&self) -> (usize, usize) {
        let came = self.lock();
        (came.iter().filter(|times| !times.is_empty()).count(), came.iter().filter(|times| times.len() > 1).count())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Instant>>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handle(State(app): State<App>, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let now = Instant::now();
    let correlation = headers.get("qsl-correlation-id").and_then(|value| value.to_str().ok());
    let Some(nth) = correlation.and_then(nth) else { return StatusCode::BAD_REQUEST };
    {
        let mut came = app.lock();
        if came.len() <= nth {
            came.resize(nth + 1, Vec::new());
        }
        if let Some(times) = came.get_mut(nth) {
            times.push(now);
        }
    }
    if app.is_slow(nth) {
        tokio::time::sleep(SLOW).await;
    }
    StatusCode::OK
}
