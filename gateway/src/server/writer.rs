//! Writes a stream to its socket, chunk by chunk, and sees when the client goes. All that it holds is the socket, the
//! queue, and the chunk that the socket has not taken yet.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::Held;
use crate::outgoing::{Outgoing, Piece};

/// The last chunk.
const LAST: &[u8] = b"0\r\n\r\n";

/// A chunk, as far as it is not written.
struct Chunk {
    /// Its size, and the id line.
    head: Bytes,
    /// The block, which all who get it share, and the chunk's end.
    block: Bytes,
    received: Option<Instant>,
}

impl From<Piece> for Chunk {
    fn from(Piece { id, block, received }: Piece) -> Self {
        let head = format!("{:x}\r\n{id}", id.len() + block.size());
        Self { head: head.into(), block: block.end_of_chunk(), received }
    }
}

/// Writes until the stream ends or the client goes.
pub(super) async fn write(mut stream: TcpStream, mut outgoing: Box<Outgoing>, held: Held) {
    let mut waiting = None;
    let ended = poll_fn(|context| poll(&mut stream, &mut outgoing, &mut waiting, context)).await;
    // The client's last place is given back when nothing of it is left.
    drop((outgoing, stream, held));
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a client went");
    }
}

fn poll(
    stream: &mut TcpStream,
    outgoing: &mut Outgoing,
    waiting: &mut Option<Chunk>,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if poll_gone(stream, context)?.is_ready() {
        return Poll::Ready(Ok(()));
    }
    loop {
        if let Some(chunk) = waiting {
            if poll_write(stream, chunk, context)?.is_pending() {
                // It comes back with the id of what it has read.
                return outgoing.poll_cut_off(context).map(Ok);
            }
            outgoing.written(chunk.received);
            *waiting = None;
        }
        let Some(piece) = ready!(outgoing.poll_next(context)) else {
            // The end of the answer, where there is room for it.
            let _ = stream.try_write(LAST);
            return Poll::Ready(Ok(()));
        };
        *waiting = Some(piece.into());
    }
}

/// Ready when the client has closed its side. It has nothing to say here any more, and is not listened to.
fn poll_gone(stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut bytes = [0; 64];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
}

fn poll_write(stream: &mut TcpStream, chunk: &mut Chunk, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    while chunk.head.has_remaining() || chunk.block.has_remaining() {
        let parts = [IoSlice::new(&chunk.head), IoSlice::new(&chunk.block)];
        let written = ready!(Pin::new(&mut *stream).poll_write_vectored(context, &parts))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_head = written.min(chunk.head.len());
        chunk.head.advance(of_head);
        chunk.block.advance(written - of_head);
    }
    Poll::Ready(Ok(()))
}
