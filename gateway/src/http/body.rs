//! A stream as the body of an answer. A server that can write it with less (see [`crate::server`]) takes it out of the
//! answer; any other polls the body.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::outgoing::{Outgoing, Piece};

/// A stream that is open, and its way into whichever server answers: an extension of the answer.
#[derive(Debug, Clone)]
pub struct Opened(Arc<Mutex<Option<Box<Outgoing>>>>);

impl Opened {
    /// The way of `outgoing`.
    pub fn new(outgoing: Outgoing) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(outgoing)))))
    }

    /// Takes it, once.
    pub fn take(&self) -> Option<Box<Outgoing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The body.
#[derive(Debug)]
pub struct StreamBody {
    opened: Opened,
    outgoing: Option<Box<Outgoing>>,
}

impl StreamBody {
    /// The body of what was opened.
    pub fn new(opened: Opened) -> Self {
        Self { opened, outgoing: None }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.outgoing.is_none() {
            self.outgoing = self.opened.take();
        }
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(None) };
        let Some(Piece { id, block, received }) = ready!(outgoing.poll_next(context)) else {
            return Poll::Ready(None);
        };
        outgoing.written(received);
        let bytes = [id.as_bytes(), &block.lines()].concat();
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }
}
