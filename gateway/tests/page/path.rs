//! The way from the browser to a replica of the gateway: it can be cut, closed, held up, and led to another replica.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Whether anything gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Everything does.
    Open,
    /// Connections stay, and nothing comes back on them.
    Silent,
    /// What there was is cut, and nothing new is let through.
    Closed,
}

/// The way. Clones share it.
#[derive(Clone)]
pub(crate) struct Path {
    pub(crate) url: String,
    target: Arc<Mutex<SocketAddr>>,
    way: watch::Sender<Way>,
    asked: Arc<Mutex<String>>,
}

impl Path {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let path = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            target: Arc::new(Mutex::new(target)),
            way: watch::Sender::new(Way::Open),
            asked: Arc::default(),
        };
        let own = path.clone();
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(own.clone().carry(browser));
            }
        });
        path
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Leads to another replica from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }

    /// All that the browser sent so far.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }

    async fn carry(self, browser: TcpStream) {
        let mut way = self.way.subscribe();
        if *way.borrow() == Way::Closed {
            return;
        }
        let target = *self.target.lock().unwrap();
        let Ok(gateway) = TcpStream::connect(target).await else { return };
        let (mut from_browser, mut to_browser) = browser.into_split();
        let (mut from_gateway, mut to_gateway) = gateway.into_split();
        let asked = Arc::clone(&self.asked);
        let there = async move {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(length @ 1..) = from_browser.read(&mut buffer).await {
                asked.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
                if to_gateway.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        };
        let mut held = self.way.subscribe();
        let back = async move {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(length @ 1..) = from_gateway.read(&mut buffer).await {
                let _ = held.wait_for(|way| *way != Way::Silent).await;
                if to_browser.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            () = back => {}
            _ = way.wait_for(|way| *way == Way::Closed) => {}
        }
    }
}
