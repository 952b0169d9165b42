//! One connection, from its first byte to its end or to the writer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, Version};
use axum::response::Response;
use eventing_service::server::{HTTP2_STREAMS, Limits, Patient};
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::handover::{Handover, Watched};
use super::{Held, at_once, writer};
use crate::outgoing::Outgoing;

/// How HTTP/2 begins; HTTP/1.1 has no method of this name.
const PREFACE: &[u8] = b"PRI";
/// Bytes that HTTP/2 may hold of one stream for a client that does not read.
const HTTP2_SEND_BUFFER: usize = 64 << 10;

/// What a connection is answered with.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) limits: Limits,
    pub(super) router: Router,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

impl Connection {
    pub(super) async fn answer(self, stream: TcpStream, held: Held) {
        at_once(&stream);
        let mut first = [0; PREFACE.len()];
        let peeked = tokio::time::timeout(self.limits.header_timeout, stream.peek(&mut first));
        let peeked = tokio::select! {
            () = self.shutdown.cancelled() => return,
            peeked = peeked => peeked,
        };
        match peeked {
            Ok(Ok(PREFACE_BYTES)) if first == PREFACE => self.answer_http2(stream).await,
            Ok(Ok(1..)) => {
                // A task of its own: this one is as large as all that hyper needs.
                if let Some((stream, outgoing)) = self.answer_http1(stream).await {
                    self.tasks.spawn(writer::write(stream, outgoing, held));
                }
            }
            // Nothing came, or nothing more will.
            _ => {}
        }
    }

    /// The connection's end, or the stream for whose sake it is taken from hyper.
    async fn answer_http1(&self, stream: TcpStream) -> Option<(TcpStream, Box<Outgoing>)> {
        let handover = Handover::default();
        let service = Answering { router: self.router.clone(), peer: self.peer, handover: Some(handover.clone()) };
        let stream = Patient::new(stream, self.limits.write_timeout);
        let io = TokioIo::new(Watched { stream, handover: handover.clone() });
        let mut builder = http1::Builder::new();
        let header_bytes = usize::try_from(self.limits.header_bytes).unwrap_or(usize::MAX);
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(header_bytes.max(8 << 10));
        // What hyper needs is given back when the stream begins.
        let mut connection = Box::new(builder.serve_connection(io, service));
        let mut stopping = pin!(self.shutdown.cancelled());
        let mut stopped = false;
        let taken = poll_fn(|context| {
            if !stopped && stopping.as_mut().poll(context).is_ready() {
                stopped = true;
                Pin::new(connection.as_mut()).graceful_shutdown();
            }
            let polled = Pin::new(connection.as_mut()).poll(context);
            match polled {
                _ if handover.is_ready() => Poll::Ready(true),
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        });
        if !taken.await {
            return None;
        }
        let stream = connection.into_parts().io.into_inner().stream.into_inner();
        handover.take().map(|outgoing| (stream, outgoing))
    }

    async fn answer_http2(&self, stream: TcpStream) {
        let service = Answering { router: self.router.clone(), peer: self.peer, handover: None };
        let io = TokioIo::new(Patient::new(stream, self.limits.write_timeout));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(self.limits.header_bytes)
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_send_buf_size(HTTP2_SEND_BUFFER)
            .keep_alive_interval(self.limits.header_timeout)
            .keep_alive_timeout(self.limits.header_timeout);
        let mut connection = pin!(builder.serve_connection(io, service));
        tokio::select! {
            // How a connection of a stranger's ended is of no interest.
            _ = connection.as_mut() => return,
            () = self.shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// As many bytes as the preface is looked at.
const PREFACE_BYTES: usize = PREFACE.len();

/// The router as hyper calls it.
struct Answering {
    router: Router,
    peer: SocketAddr,
    /// Where the connection can be taken over.
    handover: Option<Handover>,
}

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        // Of HTTP/1.0 there are no chunks, and HEAD has no body.
        let has_chunks = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        let handover = self.handover.clone().filter(|_| has_chunks);
        // A router is always ready.
        let answer = self.router.clone().call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(match handover {
                Some(handover) => handover.leave(response),
                None => response,
            })
        })
    }
}
