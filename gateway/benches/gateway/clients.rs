//! Clients that read cheaply: they look for the mark of an event in what comes, and at the clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::journal::{DIGITS, MARK};

/// Clients that connect at the same time.
const AT_ONCE: usize = 64;

/// What one client wants.
#[derive(Clone)]
pub struct Wish {
    pub gateway: SocketAddr,
    pub path: String,
    pub token: Arc<str>,
    pub last_id: Option<String>,
}

/// Clients with open streams.
pub struct Clients {
    reading: JoinSet<Vec<(u64, Instant)>>,
    got: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Clients {
    /// Opens a stream for each wish; when this is done all are open.
    pub async fn open(wishes: impl IntoIterator<Item = Wish>) -> Result<Self> {
        let (got, stop, places) =
            (Arc::new(AtomicUsize::new(0)), CancellationToken::new(), Arc::new(Semaphore::new(AT_ONCE)));
        let mut opening = JoinSet::new();
        for wish in wishes {
            let place = Arc::clone(&places).acquire_owned().await?;
            opening.spawn(async move {
                let _place = place;
                open(&wish).await
            });
        }
        let mut reading = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            let (stream, rest) = opened??;
            reading.spawn(read(stream, rest, Arc::clone(&got), stop.clone()));
        }
        Ok(Self { reading, got, stop })
    }

    /// Events that came to all of them until now.
    pub fn got(&self) -> usize {
        self.got.load(Ordering::Relaxed)
    }

    /// Ends them. The position of each event that came to one of them, and when.
    pub async fn end(mut self) -> Vec<(u64, Instant)> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(Ok(times)) = self.reading.join_next().await {
            all.extend(times);
        }
        all
    }
}

/// Asks, and reads the head and the first block.
pub async fn open(wish: &Wish) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(wish.gateway).await?;
    stream.set_nodelay(true)?;
    let last = wish.last_id.as_ref().map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    let head =
        format!("GET {} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n{last}\r\n", wish.path, wish.token);
    stream.write_all(head.as_bytes()).await?;
    let mut got = Vec::new();
    // The block that says that all which was missed has come.
    while !contains(&got, b"retry: ") {
        ensure!(stream.read_buf(&mut got).await? > 0, "{}", String::from_utf8_lossy(&got));
    }
    ensure!(got.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&got));
    Ok((stream, Vec::new()))
}

async fn read(
    mut stream: TcpStream,
    mut rest: Vec<u8>,
    got: Arc<AtomicUsize>,
    stop: CancellationToken,
) -> Vec<(u64, Instant)> {
    let mut times = Vec::new();
    loop {
        let read = tokio::select! {
            () = stop.cancelled() => return times,
            read = stream.read_buf(&mut rest) => read,
        };
        if !read.is_ok_and(|bytes| bytes > 0) {
            return times;
        }
        let now = Instant::now();
        let before = times.len();
        times.extend(std::iter::from_fn(|| mark(&mut rest)).map(|position| (position, now)));
        got.fetch_add(times.len() - before, Ordering::Relaxed);
    }
}

/// The next mark in what was read, which is then gone.
fn mark(rest: &mut Vec<u8>) -> Option<u64> {
    let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK.as_bytes()) else {
        // A mark may have begun.
        let keep = rest.len().saturating_sub(MARK.len());
        rest.drain(..keep);
        return None;
    };
    let digits = rest.get(at + MARK.len()..at + MARK.len() + DIGITS)?;
    let position = std::str::from_utf8(digits).ok()?.parse().ok();
    rest.drain(..at + MARK.len() + DIGITS);
    position
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The same over HTTP/2, so many streams on a connection.
pub async fn open_http2(wishes: Vec<Wish>, on_each: usize) -> Result<Clients> {
    let (got, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let mut reading = JoinSet::new();
    for some in wishes.chunks(on_each) {
        let http = reqwest::Client::builder().tls_certs_only([]).http2_prior_knowledge().build()?;
        for wish in some {
            let request = http.get(format!("http://{}{}", wish.gateway, wish.path)).bearer_auth(&wish.token);
            let mut response = request.send().await?.error_for_status()?;
            let mut first = Vec::new();
            while !contains(&first, b"retry: ") {
                first.extend(response.chunk().await?.context("the stream ended")?);
            }
            let (got, stop) = (Arc::clone(&got), stop.clone());
            reading.spawn(async move {
                let (mut times, mut rest) = (Vec::new(), Vec::new());
                loop {
                    let chunk = tokio::select! {
                        () = stop.cancelled() => return times,
                        chunk = response.chunk() => chunk,
                    };
                    let Ok(Some(bytes)) = chunk else { return times };
                    let (now, before) = (Instant::now(), times.len());
                    rest.extend_from_slice(&bytes);
                    times.extend(std::iter::from_fn(|| mark(&mut rest)).map(|position| (position, now)));
                    got.fetch_add(times.len() - before, Ordering::Relaxed);
                }
            });
        }
    }
    Ok(Clients { reading, got, stop })
}
