//! The signer against a real server over TLS on loopback: what may be asked again, and what may not.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use eventing::publish::{SignFailure, Signer as _};
use eventing_http::{HttpSigner, Service};

/// A server that answers what it is told to by the token: a status, and how long to wait.
async fn sign(headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let (status, wait) = token.split_once('/').unwrap();
    let problem = r#"{"title":"No","detail":"not now","code":"THE_CODE"}"#;
    let mut response = (StatusCode::from_bytes(status.as_bytes()).unwrap(), problem).into_response();
    if !wait.is_empty() {
        response.headers_mut().insert(header::RETRY_AFTER, wait.parse().unwrap());
    }
    response
}

async fn failure(token: &str) -> SignFailure {
    // A second test in this process finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let tls = RustlsConfig::from_pem(certificate, key).await.unwrap();
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    let server = tokio::spawn(server.serve(Router::new().route("/v1/sign", post(sign)).into_make_service()));
    if token.is_empty() {
        // Nobody is there any more.
        server.abort();
        let _ = server.await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, token).unwrap();
    let signer = HttpSigner::new(Service::new(&base, &made.cert.pem(), Some(file)).unwrap());
    signer.sign(&"harbour/lamps".parse().unwrap(), &[]).await.unwrap_err()
}

fn unavailable(code: &str, after: Option<u64>) -> (String, Option<Duration>) {
    (code.to_owned(), after.map(Duration::from_secs))
}

#[tokio::test]
async fn busy_broken_and_gone_may_be_asked_again() {
    for (token, expected) in [
        ("503/30", unavailable("THE_CODE", Some(30))),
        ("503/", unavailable("THE_CODE", None)),
        ("429/1", unavailable("THE_CODE", Some(1))),
        ("500/", unavailable("THE_CODE", None)),
        // The kubelet may be about to write a new token.
        ("401/", unavailable("THE_CODE", None)),
        ("", unavailable("SIGNATURE_SERVICE_UNREACHABLE", None)),
    ] {
        let failed = failure(token).await;
        let SignFailure::Unavailable { code, retry_after, .. } = &failed else { unreachable!("{token}: {failed:?}") };
        assert_eq!((code.clone(), *retry_after), expected, "{token}");
    }
}

#[tokio::test]
async fn what_the_service_refuses_it_would_refuse_again() {
    for status in [400, 403, 409, 413, 422] {
        let failed = failure(&format!("{status}/")).await;
        assert!(
            matches!(&failed, SignFailure::Refused { status: told, code, .. }
            if *told == status && code == "THE_CODE"),
            "{failed:?}"
        );
    }
}
