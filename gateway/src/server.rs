//! The gateway's own listener. Thousands of streams are open and silent, so what one of them holds is what counts:
//!
//! ```text
//!   accept ─▶ place (all, address) ─▶ HTTP/2? ─▶ hyper's h2, many streams on a connection
//!                                  └▶ HTTP/1.1 ─▶ hyper's h1 ─▶ a stream's head is written ─▶ writer: socket and queue
//! ```
//!
//! hyper keeps two buffers of 8 KiB for each connection of HTTP/1.1. Once the head of a stream is out, nothing of hyper
//! is needed any more: the connection is taken from it, and [`writer`] writes the chunks. Everything else is hyper's.

mod connection;
mod handover;
mod writer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use eventing_service::seldom::Seldom;
use eventing_service::server::{Limits, ServeError};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::{Addresses, Place};
use crate::metrics::Metrics;

/// Bytes that the kernel may hold for a client that does not read; it takes twice as many for its own.
const SEND_BUFFER: u32 = 128 << 10;
/// Connections that wait to be accepted: all clients come back at once when a replica goes.
const BACKLOG: u32 = 4_096;
/// Accepting goes on after a failure (of file descriptors, mostly) when so much time has passed.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that answers nothing yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    drain: Duration,
    addresses: Addresses,
    metrics: Metrics,
}

/// What one connection holds while it is open.
#[derive(Debug)]
struct Held {
    _open: OwnedSemaphorePermit,
    _of_address: Place,
    metrics: Metrics,
}

impl Held {
    /// A place among all, and one among those of the peer's address, unless it speaks for others.
    fn take(
        places: &Arc<Semaphore>,
        addresses: &Addresses,
        peer: SocketAddr,
        metrics: &Metrics,
    ) -> Result<Self, &'static str> {
        let open = Arc::clone(places).try_acquire_owned().map_err(|_| "all")?;
        let of_address = if addresses.is_proxy(peer.ip()) {
            Place::default()
        } else {
            addresses.take(peer.ip().into()).ok_or("address")?
        };
        metrics.connected();
        Ok(Self { _open: open, _of_address: of_address, metrics: metrics.clone() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.metrics.disconnected();
    }
}

impl Server {
    /// Listens on `address`, for plain HTTP/1.1 and HTTP/2 with prior knowledge.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn listen(
        address: SocketAddr,
        limits: Limits,
        drain: Duration,
        addresses: &Addresses,
        metrics: Metrics,
    ) -> Result<Self, ServeError> {
        let listen = |source| ServeError::Listen { address, source };
        let listener = listener(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, limits, drain, addresses: addresses.apart(), metrics })
    }

    /// Where it listens: the port chosen, when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with `router` until `shutdown`, then lets what runs end within the drain time.
    ///
    /// # Errors
    /// None; as the owner of tasks wants it.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { listener, address, limits, drain, addresses, metrics } = self;
        let router = limits.requests(router);
        let (places, full, tasks) = (Arc::new(Semaphore::new(limits.connections)), Seldom::default(), TaskTracker::new());
        tracing::info!(%address, "listening");
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if let Some(left_out) = full.left_out() {
                        tracing::warn!(error = %error, left_out, "a connection was not accepted");
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            match Held::take(&places, &addresses, peer, &metrics) {
                Ok(held) => {
                    let connection = connection::Connection {
                        peer,
                        limits,
                        router: router.clone(),
                        tasks: tasks.clone(),
                        shutdown: shutdown.clone(),
                    };
                    tasks.spawn(connection.answer(stream, held));
                }
                Err(reason) => {
                    metrics.connection_refused(reason);
                    if let Some(left_out) = full.left_out() {
                        tracing::warn!(reason, left_out, "a connection was refused: too many are open");
                    }
                }
            }
        }
        drop(listener);
        tasks.close();
        if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections were closed that had not ended");
        }
        Ok(())
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // What is accepted has it from the listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The socket as it is used: an event goes out at once.
fn at_once(stream: &TcpStream) {
    // Where the peer is gone already, reading says so.
    let _ = stream.set_nodelay(true);
}
