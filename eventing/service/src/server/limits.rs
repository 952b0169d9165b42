//! The limits of a server: what one connection, one request and all of them may cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// What is allowed. The defaults suit a small JSON interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body (1 MiB).
    pub body_bytes: usize,
    /// Bytes of a request's head (32 KiB).
    pub header_bytes: u32,
    /// How long a head may take to arrive, and a connection may idle (30 s).
    pub header_timeout: Duration,
    /// How long a handler may take until its answer's head, its body's arrival included (75 s: a long poll of 60 s
    /// fits). A stream that has begun is not cut.
    pub answer_timeout: Duration,
    /// How long a client may leave unread what is written to it (30 s).
    pub write_timeout: Duration,
    /// Requests being answered at once (512).
    pub requests: usize,
    /// Open connections (2,048).
    pub connections: usize,
}

/// Requests that one connection of HTTP/2 may have open.
pub const HTTP2_STREAMS: u32 = 256;

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            requests: 512,
            connections: 2048,
        }
    }
}

impl Limits {
    /// The router, answering within these limits.
    pub fn requests(&self, router: Router) -> Router {
        let places = Arc::new(Semaphore::new(self.requests));
        let timeout = self.answer_timeout;
        router
            .layer(DefaultBodyLimit::max(self.body_bytes))
            .layer(from_fn(move |request, next| answer_within(Arc::clone(&places), timeout, request, next)))
    }

    /// Sets what concerns connections.
    pub(super) fn connections_of<A>(&self, server: &mut axum_server::Server<SocketAddr, A>) {
        /// A batch of events comes in one.
        const HTTP2_FRAME: u32 = 256 * 1024;
        let builder = server.http_builder();
        builder
            .http1()
            .header_read_timeout(self.header_timeout)
            .max_buf_size(usize::try_from(self.header_bytes).unwrap_or(usize::MAX).max(8192));
        builder
            .http2()
            .max_header_list_size(self.header_bytes)
            .max_frame_size(HTTP2_FRAME)
            .max_concurrent_streams(HTTP2_STREAMS)
            .keep_alive_interval(self.header_timeout)
            .keep_alive_timeout(self.header_timeout);
    }
}

async fn answer_within(places: Arc<Semaphore>, timeout: Duration, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Problem::unavailable("OVERLOADED", "Too many requests are being answered.", 1).into_response();
    };
    tokio::time::timeout(timeout, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::unavailable("TIMEOUT", "The request was not answered in time.", 1).into_response())
}
