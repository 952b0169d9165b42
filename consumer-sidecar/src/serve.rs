//! The process's two small HTTP servers: HTTP/1.1 alone, so many connections and no more, heads that must come in time
//! and are not large, and an end that lets requests finish.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bytes of a request's head; with more it is answered 431.
const HEAD_BYTES: usize = 32 * 1024;
/// How long nothing is accepted after the system refused to (too many open files).
const PAUSE: Duration = Duration::from_millis(500);

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; who comes later waits until one is closed.
    pub connections: usize,
    /// How long a head may take to come, and a connection may idle.
    pub head: Duration,
}

/// Answers until `stop`, then until what was begun is answered.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    while let Some((stream, place)) = stop.run_until_cancelled(accept(&listener, &places)).await {
        connections.spawn(answer(stream, router.clone(), limits.head, stop.clone(), place));
    }
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    router: Router,
    head: Duration,
    stop: CancellationToken,
    _place: Option<OwnedSemaphorePermit>,
) {
    // Without it answers are late at worst.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    use super::*;

    async fn serving(limits: Limits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        };
        let router = Router::new().route("/", get(|| async { "here" })).route("/slow", get(slow));
        let stop = CancellationToken::new();
        (address, stop.clone(), tokio::spawn(serve(listener, router, limits, stop)))
    }

    /// What comes until the connection is closed.
    async fn ask(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Cut off in the middle, it cannot all be written.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    const LIMITS: Limits = Limits { connections: 8, head: Duration::from_millis(200) };

    #[tokio::test]
    async fn a_huge_head_is_refused_and_one_that_does_not_come_loses_its_connection() {
        let (address, _stop, _serving) = serving(LIMITS).await;
        let huge = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(100_000));
        assert!(ask(address, &huge).await.starts_with("HTTP/1.1 431 "));
        let begun = ask(address, "GET / HTTP/1.1\r\nhost: a\r\n").await;
        assert!(!begun.contains("here"), "{begun}");
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_for_a_place() {
        let (address, _stop, _serving) = serving(Limits { connections: 1, ..LIMITS }).await;
        let _first = TcpStream::connect(address).await.unwrap();
        // The first says nothing, loses its place for that, and the second is answered.
        let second = ask(address, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(second.ends_with("here"), "{second}");
    }

    #[tokio::test]
    async fn a_stop_lets_a_request_finish_and_closes_what_idles() {
        let (address, stop, serving) = serving(Limits { head: Duration::from_mins(10), ..LIMITS }).await;
        let _idle = TcpStream::connect(address).await.unwrap();
        let asking = tokio::spawn(ask(address, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"));
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        assert!(asking.await.unwrap().ends_with("done"));
        serving.await.unwrap();
    }
}
