//! The least that a delivery costs on this machine: a program that writes as many bytes to as many clients at the same
//! rate, and does nothing else. What the gateway takes more is its own.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bench_figures::process::usage;
use eventing_process::testing::Program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Arguments;
use crate::clients::{Clients, Wish};
use crate::journal::{GENERATION, HISTORY, correlation, event};
use crate::runs::{Load, PATIENCE, REST, number};

/// What the program is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Floor {
    #[arg(long)]
    clients: usize,
    #[arg(long)]
    correlations: usize,
    #[arg(long)]
    rate: u32,
    #[arg(long)]
    seconds: u32,
}

/// Seconds of CPU for 1,000 deliveries of bare writes.
pub async fn bare(arguments: &Arguments, load: Load) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["floor", "--clients", &arguments.clients.to_string()])
        .args(["--correlations", &load.correlations.to_string(), "--rate", &load.rate.to_string()])
        .args(["--seconds", &arguments.seconds.to_string()]);
    let program = Program::start(&mut command)?;
    let address = |said: &str| said.lines().next().and_then(|line| line.parse().ok());
    let gateway = program.until(PATIENCE, address).map_err(|said| anyhow!("it does not listen: {said}"))?;
    let wishes = (0..arguments.clients).map(|client| Wish {
        gateway,
        path: path(u64::try_from(client % load.correlations).unwrap_or_default()),
        token: Arc::from("none"),
        last_id: None,
    });
    let clients = Clients::open(wishes).await?;
    let ending = tokio::task::spawn_blocking(move || program.ended());
    let (status, said) = ending.await??;
    ensure!(status.success(), "it ended with {status}: {said}");
    let got = clients.end().await.len();
    let cpu: f64 = said.lines().nth(1).context("it told no CPU")?.parse()?;
    let events = usize::try_from(load.rate * arguments.seconds)?;
    ensure!(got == events * arguments.clients / load.correlations, "{got} deliveries of bare writes");
    Ok(cpu * 1_000.0 / number(got))
}

fn path(number: u64) -> String {
    format!("/events/stream?correlationId={}", correlation(number))
}

impl Floor {
    /// Takes all clients, writes, and tells what that took.
    #[allow(clippy::print_stdout, reason = "the parent reads it")]
    pub async fn play(&self) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let mut groups: Vec<Vec<TcpStream>> = (0..self.correlations).map(|_| Vec::new()).collect();
        for _ in 0..self.clients {
            let (stream, nth) = self.welcome(listener.accept().await?.0).await?;
            groups.get_mut(nth).context("a correlation of none")?.push(stream);
        }
        tokio::time::sleep(REST).await;
        let before = usage(std::process::id())?.cpu_seconds;
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.rate);
        for nth in 0..u64::from(self.rate * self.seconds) {
            tick.tick().await;
            let (number, position) = (nth % u64::try_from(self.correlations)?, HISTORY + 1 + nth);
            let json = event(position, &correlation(number));
            let block = format!("id: {GENERATION}.{position}\nevent: event\ndata: {json}\n\n");
            for stream in groups.get_mut(usize::try_from(number)?).context("a correlation of none")? {
                stream.write_all(block.as_bytes()).await?;
            }
        }
        println!("{}", usage(std::process::id())?.cpu_seconds - before);
        // What was written is read before the connections end.
        tokio::time::sleep(REST).await;
        Ok(())
    }

    /// Answers a client, and tells whose events it follows.
    async fn welcome(&self, mut stream: TcpStream) -> Result<(TcpStream, usize)> {
        stream.set_nodelay(true)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(stream.read_buf(&mut head).await? > 0, "a client left");
        }
        let head = String::from_utf8(head)?;
        let asked = |number: &usize| {
            u64::try_from(*number).is_ok_and(|number| head.starts_with(&format!("GET {} ", path(number))))
        };
        let nth = (0..self.correlations).find(asked).context("a client follows none")?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\n").await?;
        Ok((stream, nth))
    }
}
