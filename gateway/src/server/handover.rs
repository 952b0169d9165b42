//! Taking a connection from hyper once the head of a stream is written.
//!
//! The service leaves the stream here and gives hyper a body that never yields; hyper writes the head (which says
//! `Transfer-Encoding: chunked`) and flushes. From then on nothing of the answer is in hyper's buffers.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::Opened;
use crate::outgoing::Outgoing;

/// What the service, the connection's driver and its socket share.
#[derive(Debug, Clone, Default)]
pub(super) struct Handover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    outgoing: Mutex<Option<Box<Outgoing>>>,
    left: AtomicBool,
    flushed: AtomicBool,
}

impl Handover {
    /// Leaves the stream of an answer here, if it is one.
    pub(super) fn leave(&self, mut response: Response) -> Response {
        let opened = response.extensions_mut().remove::<Opened>();
        let Some(outgoing) = opened.and_then(|opened| opened.take()) else { return response };
        *self.0.outgoing.lock().unwrap_or_else(PoisonError::into_inner) = Some(outgoing);
        self.0.left.store(true, Ordering::Release);
        // No other request is answered here: the stream's end is the connection's.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response.map(|_| axum::body::Body::new(Silent))
    }

    /// Whether a stream was left and its head is written.
    pub(super) fn is_ready(&self) -> bool {
        self.0.flushed.load(Ordering::Acquire)
    }

    /// Takes the stream.
    pub(super) fn take(&self) -> Option<Box<Outgoing>> {
        self.0.outgoing.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn flush(&self) {
        if self.0.left.load(Ordering::Acquire) {
            self.0.flushed.store(true, Ordering::Release);
        }
    }
}

/// A body of which nothing comes.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A connection that sees when hyper flushes. It does so when it has written all that it holds, and after a stream was
/// left not before its head is among that: answer and head are one step of hyper's.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) handover: Handover,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            this.handover.flush();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
