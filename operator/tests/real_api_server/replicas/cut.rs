//! A wire to the API server that can be cut: connections stay open and carry nothing any more, as when a network goes.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A wire. Dropping it leaves its connections to their ends.
pub struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// A wire to a server at `https://HOST:PORT`.
    pub async fn to(server: &str) -> Self {
        let server: SocketAddr = server.trim_start_matches("https://").trim_end_matches('/').parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, server, state.clone()));
            }
        });
        Self { address, whole }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing gets through any more, and nobody is told.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// New connections get through again; those that were cut are reset.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    if *whole.borrow_and_update() {
        let Ok(mut far) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = whole.wait_for(|whole| !whole) => {}
        }
    }
    let _ = whole.wait_for(|whole| *whole).await;
}
