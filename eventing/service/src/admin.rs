//! The second port: `/livez`, `/readyz` with named checks, `/metrics`. Plain HTTP, for the kubelet and Prometheus.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;

/// How one check stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Ready(Option<String>),
    NotReady(String),
}

/// The checks of one process. It is ready when every check is.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    checks: Arc<Mutex<Vec<(&'static str, Standing)>>>,
}

/// The handle by which one part says how it stands.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    of: Readiness,
}

impl Readiness {
    /// No checks: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, which is not ready until it says so. `waiting_for` is what `/readyz` shows until then.
    pub fn check(&self, name: &'static str, waiting_for: impl Into<String>) -> Check {
        self.set(name, Standing::NotReady(waiting_for.into()));
        Check { name, of: self.clone() }
    }

    /// Whether every check is ready.
    pub fn is_ready(&self) -> bool {
        self.with(|checks| checks.iter().all(|(_, standing)| matches!(standing, Standing::Ready(_))))
    }

    /// One line a check, as `/readyz` prints them.
    pub fn report(&self) -> String {
        self.with(|checks| {
            checks.iter().fold(String::new(), |text, (name, standing)| match standing {
                Standing::Ready(None) => text + &format!("[+] {name} ok\n"),
                Standing::Ready(Some(note)) => text + &format!("[+] {name} ok: {note}\n"),
                Standing::NotReady(reason) => text + &format!("[-] {name}: {reason}\n"),
            })
        })
    }

    fn with<T>(&self, read: impl FnOnce(&mut Vec<(&'static str, Standing)>) -> T) -> T {
        // Nothing panics while it is held; a poisoned list is as good as any.
        read(&mut self.checks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, name: &'static str, standing: Standing) {
        let changed = self.with(|checks| match checks.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) if *old == standing => false,
            Some((_, old)) => {
                *old = standing.clone();
                true
            }
            None => {
                checks.push((name, standing.clone()));
                true
            }
        });
        match standing {
            _ if !changed => {}
            Standing::Ready(note) => tracing::info!(check = name, note, "ready"),
            Standing::NotReady(reason) => tracing::info!(check = name, reason, "not ready"),
        }
    }
}

impl Check {
    /// It is ready.
    pub fn ready(&self) {
        self.of.set(self.name, Standing::Ready(None));
    }

    /// It is ready, and has something to say ("no inbox is configured yet").
    pub fn ready_with(&self, note: impl Into<String>) {
        self.of.set(self.name, Standing::Ready(Some(note.into())));
    }

    /// It is not ready, for this reason.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.of.set(self.name, Standing::NotReady(reason.into()));
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: Arc<Registry>,
}

/// The routes of the second port. Serve them with [`crate::server::Server::plain`].
pub fn router(readiness: Readiness, metrics: Arc<Registry>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(exposition))
        .with_state(Admin { readiness, metrics })
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let status = if admin.readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, admin.readiness.report())
}

async fn exposition(State(admin): State<Admin>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.metrics) {
        Ok(()) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;
    use axum::http::Request;
    use prometheus_client::metrics::counter::Counter;
    use tower::ServiceExt as _;

    use super::*;

    async fn get_text(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 65536).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_only_when_every_check_is_and_each_says_how_it_stands() {
        let readiness = Readiness::new();
        let (watches, database) = (readiness.check("watches", "first list"), readiness.check("database", "open"));
        let router = router(readiness, Arc::new(Registry::default()));
        watches.ready_with("no bus yet");
        assert_eq!(
            get_text(&router, "/readyz").await,
            (503, "[+] watches ok: no bus yet\n[-] database: open\n".to_owned())
        );
        database.ready();
        assert_eq!(get_text(&router, "/readyz").await.0, 200);
        watches.not_ready("stale for 90 s");
        assert_eq!(get_text(&router, "/readyz").await.0, 503);
        assert_eq!(get_text(&router, "/livez").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_the_registrys() {
        let mut registry = Registry::with_prefix("qsl");
        let signed: Counter = Counter::default();
        registry.register("signatures", "Signatures made", signed.clone());
        signed.inc_by(3);
        let (status, text) = get_text(&router(Readiness::new(), Arc::new(registry)), "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("qsl_signatures_total 3"), "{text}");
    }
}
