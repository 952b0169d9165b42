//! The key sets' client against a real server over TLS on loopback, through a wire that can go dead without a word.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use eventing::consumer::{FetchError, Fetched, KeySets};
use eventing::types::BusId;
use eventing_http::{HttpKeySets, Service};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

const TAG: &str = "\"v-7\"";
const SET: &str = "header.payload.signature";

/// What a test's server was asked, and how it answers.
#[derive(Clone)]
struct Serving {
    asked: Arc<Mutex<Vec<String>>>,
    answer: fn() -> Response,
}

async fn serve(
    State(serving): State<Serving>,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let (accept, known) = (text(header::ACCEPT), text(header::IF_NONE_MATCH));
    let wait: u64 = query["wait"].parse().unwrap();
    serving.asked.lock().unwrap().push(format!("{} wait={wait} accept={accept} known={known}", query["bus"]));
    if known == TAG {
        sleep(Duration::from_secs(wait)).await;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    (serving.answer)()
}

fn the_set() -> Response {
    ([(header::ETAG, TAG), (header::CONTENT_TYPE, "application/jose")], SET).into_response()
}

struct Server {
    address: SocketAddr,
    ca: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: fn() -> Response) -> Self {
        // A second test in this process finds it installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes());
        let tls = RustlsConfig::from_pem(certificate, key).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let serving = Serving { asked: asked.clone(), answer };
        let router = Router::new()
            .route("/keys/jwks-pqc", get(serve))
            .route("/elsewhere", get(async || the_set()))
            .with_state(serving);
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        Self { address, ca: made.cert.pem(), asked }
    }

    fn key_sets(&self) -> HttpKeySets {
        self.key_sets_at(self.address)
    }

    fn key_sets_at(&self, address: SocketAddr) -> HttpKeySets {
        HttpKeySets::new(Service::new(&format!("https://{address}"), &self.ca, None).unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn bus() -> BusId {
    "harbour/lamps".parse().unwrap()
}

async fn first(key_sets: &HttpKeySets) -> Result<Fetched, FetchError> {
    key_sets.fetch(&bus(), None, Duration::ZERO).await
}

#[tokio::test]
async fn a_set_comes_with_its_tag_and_is_not_sent_again() {
    let server = Server::start(the_set).await;
    let key_sets = server.key_sets();
    let set = Fetched::Set { jws: SET.to_owned(), etag: Some(TAG.to_owned()) };
    assert_eq!(first(&key_sets).await, Ok(set.clone()));
    assert_eq!(key_sets.fetch(&bus(), Some(TAG), Duration::from_secs(1)).await, Ok(Fetched::Unchanged));
    assert_eq!(key_sets.fetch(&bus(), Some("\"v-6\""), Duration::ZERO).await, Ok(set));
    assert_eq!(
        server.asked(),
        [
            "harbour/lamps wait=0 accept=application/jose known=",
            "harbour/lamps wait=1 accept=application/jose known=\"v-7\"",
            "harbour/lamps wait=0 accept=application/jose known=\"v-6\"",
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code() {
    let server = Server::start(|| {
        let problem = r#"{"title":"Not found","detail":"no such bus","code":"BUS_UNKNOWN"}"#;
        (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/problem+json")], problem).into_response()
    });
    let refused = first(&server.await.key_sets()).await.unwrap_err();
    assert_eq!(refused.to_string(), "404: BUS_UNKNOWN no such bus");
}

#[tokio::test]
async fn a_set_without_end_is_not_read_to_it() {
    let large = Server::start(|| "x".repeat(2 * 1024 * 1024 + 1).into_response()).await;
    let refused = first(&large.key_sets()).await.unwrap_err();
    assert!(refused.to_string().contains("too large"), "{refused}");
    let fits = Server::start(|| "x".repeat(2 * 1024 * 1024).into_response()).await;
    assert!(first(&fits.key_sets()).await.is_ok());
    let no_text = Server::start(|| vec![0xff_u8, 0xfe].into_response()).await;
    assert!(first(&no_text.key_sets()).await.unwrap_err().to_string().contains("not text"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(|| (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response()).await;
    let refused = first(&server.key_sets()).await.unwrap_err();
    assert!(refused.to_string().starts_with("302"), "{refused}");
}

#[tokio::test]
async fn another_certificate_than_the_installations_is_not_talked_to() {
    let (server, other) = (Server::start(the_set).await, Server::start(the_set).await);
    let refused = first(&other.key_sets_at(server.address)).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    assert!(server.asked().is_empty());
}

/// A wire to the server whose connections of the moment can go dead: open still, but nothing passes any more.
struct Wire {
    address: SocketAddr,
    cut: watch::Sender<u64>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = watch::Sender::new(0);
        let cuts = cut.clone();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut cuts = cuts.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {
                            // Both ends stay open, and silent.
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        Self { address, cut }
    }

    fn go_dead(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

#[tokio::test]
async fn a_poll_on_a_dead_wire_is_cut_off_within_ten_seconds_and_the_next_goes_another_way() {
    let server = Server::start(the_set).await;
    let wire = Wire::to(server.address).await;
    let key_sets = server.key_sets_at(wire.address);
    let polling = {
        let key_sets = key_sets.clone();
        tokio::spawn(async move { key_sets.fetch(&bus(), Some(TAG), Duration::from_secs(50)).await })
    };
    while server.asked().is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    // A wire that lives is asked and answers: the poll goes on.
    sleep(Duration::from_secs(7)).await;
    assert!(!polling.is_finished());
    wire.go_dead();
    let began = Instant::now();
    let cut_off = timeout(Duration::from_secs(10), polling).await.expect("within ten seconds").unwrap();
    assert!(cut_off.is_err() && began.elapsed() > Duration::from_secs(1), "{cut_off:?} after {:?}", began.elapsed());
    let next = timeout(Duration::from_secs(2), first(&key_sets)).await.expect("at once");
    assert!(next.is_ok(), "{next:?}");
}

#[tokio::test]
async fn a_wire_that_died_while_nobody_asked_is_not_used() {
    let server = Server::start(the_set).await;
    let wire = Wire::to(server.address).await;
    let key_sets = server.key_sets_at(wire.address);
    first(&key_sets).await.unwrap();
    wire.go_dead();
    sleep(Duration::from_secs(7)).await;
    let next = timeout(Duration::from_secs(2), first(&key_sets)).await.expect("at once");
    assert!(next.is_ok(), "{next:?}");
}
