#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! The server on loopback, with real sockets and real certificates.

use std::path::Path;

use axum::Json;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn write_certificate(folder: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

fn client(trusted: reqwest::Certificate) -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap()
}

fn router() -> Router {
    Router::new()
        .route("/ping", get(async || "pong"))
        .route("/flood", get(async || "x".repeat(64 << 20)))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(30)).await))
        .route("/echo", post(async |Json(body): Json<serde_json::Value>| Json(body)))
}

fn start(server: Server) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<Result<(), ServeError>>) {
    crate::install_crypto();
    let (address, shutdown) = (server.address(), CancellationToken::new());
    let task = tokio::spawn(server.serve(router(), shutdown.clone()));
    (address, shutdown, task)
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    crate::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let server = Server::tls(loopback(), folder.path()).await.unwrap();
    let mut certificate = server.certificate.clone().unwrap();
    let (address, shutdown, task) = start(server);
    let url = format!("https://localhost:{}/ping", address.port());
    let answer = client(first.clone()).get(&url).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "pong");

    assert!(!certificate.reload().await.unwrap());
    let second = write_certificate(folder.path());
    assert!(certificate.reload().await.unwrap());
    assert!(client(first).get(&url).send().await.is_err());
    client(second.clone()).get(&url).send().await.unwrap();

    std::fs::write(folder.path().join("tls.crt"), "nonsense").unwrap();
    assert!(certificate.reload().await.is_err());
    client(second).get(&url).send().await.unwrap();

    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn bodies_heads_and_slowness_have_limits() {
    let limits = Limits { body_bytes: 64, answer_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::plain(loopback()).await.unwrap().limits(limits);
    let (address, shutdown, task) = start(server);
    let client = reqwest::Client::new();
    let at = |path: &str| format!("http://{address}{path}");

    let large = client.post(at("/echo")).json(&"x".repeat(65)).send().await.unwrap();
    assert_eq!(large.status(), 413);
    let head = client.get(at("/ping")).header("x-large", "x".repeat(100_000)).send().await;
    assert!(head.is_err() || head.is_ok_and(|answer| answer.status() == 431));
    let slow = client.get(at("/slow")).send().await.unwrap();
    assert_eq!((slow.status().as_u16(), &slow.headers()["retry-after"]), (503, &"1".parse().unwrap()));

    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_does_not_arrive_and_a_connection_too_many_are_closed() {
    let limits = Limits { header_timeout: Duration::from_millis(200), connections: 1, ..Limits::default() };
    let server = Server::plain(loopback()).await.unwrap().limits(limits);
    let (address, shutdown, task) = start(server);
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /ping HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let read = second.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{read:?}");

    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), slow.read_to_end(&mut rest)).await.unwrap().ok();
    let pong = reqwest::get(format!("http://{address}/ping")).await.unwrap();
    assert_eq!(pong.status(), 200, "the place is free again");
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection() {
    let limits = Limits { write_timeout: Duration::from_millis(300), connections: 1, ..Limits::default() };
    let server = Server::plain(loopback()).await.unwrap().limits(limits);
    let (address, shutdown, task) = start(server);
    let mut deaf = tokio::net::TcpStream::connect(address).await.unwrap();
    deaf.write_all(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut freed = false;
    for _ in 0..50 {
        if freed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        freed = reqwest::get(format!("http://{address}/ping")).await.is_ok();
    }
    assert!(freed, "the place of the one that does not read is given to another");
    shutdown.cancel();
    task.await.unwrap().unwrap();
}
