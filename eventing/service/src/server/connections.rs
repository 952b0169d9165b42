//! A cap on open connections: one more is closed at once, before TLS costs anything, and one that does not read
//! loses its place.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use super::patience::Patient;
use crate::seldom::Seldom;

/// Takes a place for each connection and gives it back when the connection's service is dropped.
#[derive(Debug, Clone)]
pub(super) struct Capped {
    places: Arc<Semaphore>,
    patience: Duration,
    full: Arc<Seldom>,
}

impl Capped {
    pub(super) fn new(connections: usize, patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(connections)), patience, full: Arc::default() }
    }
}

impl<S> Accept<TcpStream, S> for Capped {
    type Stream = Patient<TcpStream>;
    type Service = Placed<S>;
    type Future = Ready<io::Result<(Patient<TcpStream>, Placed<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            if let Some(left_out) = self.full.left_out() {
                tracing::warn!(left_out, "a connection was refused: too many are open");
            }
            return ready(Err(io::Error::other("too many connections")));
        };
        let placed = Placed { service, _place: Arc::new(place) };
        ready(stream.set_nodelay(true).map(|()| (Patient::new(stream, self.patience), placed)))
    }
}

/// A connection's service together with its place.
#[derive(Debug, Clone)]
pub(super) struct Placed<S> {
    service: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S, B> Service<Request<B>> for Placed<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.service.call(request)
    }
}
