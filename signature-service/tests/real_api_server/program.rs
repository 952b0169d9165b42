//! The program itself, as a process: what it logs, and how it stops.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventing_process::testing::{Program, found};
use futures::StreamExt as _;
use reqwest::{Body, Client};
use serde_json::{Value, json};

use super::installation::Installation;

const PATIENCE: Duration = Duration::from_mins(1);
const URL: &str = "https://localhost";

/// The service as a process over the installation, and a way to speak to it.
struct Service {
    program: Program,
    address: SocketAddr,
    admin: SocketAddr,
    certificate: reqwest::Certificate,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start(installation: &Installation, log: &str) -> Self {
        Self::over(&installation.kubeconfig_of_the_service(), &installation.root_hash(), log)
    }

    fn over(kubeconfig: &str, root_hash: &str, log: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        write("tls.crt", &made.cert.pem());
        write("tls.key", &made.signing_key.serialize_pem());
        write("root.sha256", root_hash);
        write("kubeconfig", kubeconfig);
        let program = Program::start(
            Command::new(env!("CARGO_BIN_EXE_signature-service"))
                .env_clear()
                .env("KUBECONFIG", path("kubeconfig"))
                .env("QSL_TLS_DIR", folder.path())
                .env("QSL_ROOT_DIR", folder.path())
                .env("QSL_LISTEN", "127.0.0.1:0")
                .env("QSL_ADMIN_LISTEN", "127.0.0.1:0")
                .env("QSL_KEY_NAMESPACE", "vault")
                .env("QSL_LOG", log),
        );
        let program = program.unwrap();
        let listening = |tls: bool| {
            program.until(PATIENCE, |said| {
                let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let mut lines = lines.filter(|line| line["message"] == "listening" && line["tls"] == tls);
                lines.next()?["address"].as_str()?.parse::<SocketAddr>().ok()
            })
        };
        let (address, admin) = (listening(true).unwrap(), listening(false).unwrap());
        let certificate = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        Self { program, address, admin, certificate, _folder: folder }
    }

    /// Somebody with connections of its own.
    fn client(&self) -> Client {
        let client = Client::builder().tls_certs_only([self.certificate.clone()]).resolve("localhost", self.address);
        client.timeout(Duration::from_secs(20)).build().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{URL}:{}{path}", self.address.port())
    }

    async fn readiness(&self) -> u16 {
        reqwest::get(format!("http://{}/readyz", self.admin)).await.unwrap().status().as_u16()
    }

    async fn until_ready(&self) {
        let start = Instant::now();
        while self.readiness().await != 200 {
            assert!(start.elapsed() < PATIENCE, "{}", self.program.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn batch() -> Value {
    json!({"bus": "city/trams", "events": [{"source": "qsl.tram", "detailType": "Tram.Departed.v1",
        "resource": "urn:qsl:depot:tram:7", "trace": {"correlationId": "line-7"},
        "detailCore": {"stop": "a-stop-that-is-no-business-of-the-log"}}]})
}

async fn sign(client: &Client, url: String, token: &str) -> (u16, Value) {
    let answer = client.post(url).bearer_auth(token).json(&batch()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_loudest_it_logs_no_key_no_token_no_grant_and_no_payload() {
    let installation = Installation::start();
    installation.kubectl.apply(super::grants::RIGHTS).unwrap();
    let service = Service::start(&installation, "trace,kube_client=trace,h2=trace,hyper=trace,rustls=trace");
    service.until_ready().await;
    let (client, url) = (service.client(), service.url("/v1/sign"));
    let (driver, passenger) = (installation.token("driver"), installation.token("passenger"));
    let (status, signed) = sign(&client, url.clone(), &driver).await;
    assert_eq!(status, 200, "{signed}");
    assert_eq!(sign(&client, url.clone(), &passenger).await.0, 403);
    let forged = format!("{driver}-and-more");
    assert_eq!(sign(&client, url.clone(), &forged).await.0, 401);
    assert_eq!(sign(&client, url, "no-token-at-all-but-what-somebody-keeps-secret").await.0, 401);
    let body = json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Departed.v1",
        "resources": ["urn:qsl:depot:tram:7"], "detail": signed["events"][0]["detail"]})
    .to_string();
    let now = jiff::Timestamp::now().as_millisecond();
    let ask = json!({"inbox": "depot/arrivals", "purpose": "redrive", "sentAt": now, "body": body});
    let granted = client.post(service.url("/v1/grants")).bearer_auth(&driver).json(&ask).send().await.unwrap();
    let granted: Value = granted.json().await.unwrap();
    let grant = granted["grant"].as_str().unwrap().to_owned();

    let arguments = service.program.arguments().unwrap();
    service.program.terminate().unwrap();
    let (ended, said) = service.program.ended().unwrap();
    assert!(ended.success(), "{ended}");
    let said = format!("{arguments}\n{said}");
    for line in ["\"signed\"", "\"granted\"", "\"not signed\"", "requesting"] {
        assert!(said.contains(line), "it did not log what it should have: {line} in {said}");
    }
    // Of what is signed the signature alone is secret to those whom it does not concern.
    let last = |jws: &str| jws.rsplit('.').next().unwrap().to_owned();
    let signature = signed["events"][0]["detail"]["sig_compact"].as_str().unwrap();
    let planted = [
        ("the key of events", installation.private_keys()[0].to_vec()),
        ("the key of grants", installation.private_keys()[1].to_vec()),
        ("the driver's token", last(&driver).into_bytes()),
        ("the passenger's token", last(&passenger).into_bytes()),
        ("a token that is none", b"what-somebody-keeps-secret".to_vec()),
        ("the grant", last(&grant).into_bytes()),
        ("the signature", last(signature).into_bytes()),
        ("the payload", b"a-stop-that-is-no-business-of-the-log".to_vec()),
        ("the service's own credentials", installation.own_secret().into_bytes()),
    ];
    for (what, secret) in planted {
        assert!(secret.len() > 8, "{what} is there");
        assert_eq!(found(&secret, &said), None, "{what} is in the log");
    }
}

/// An API server that says of everything what it was asked for, in a form that nobody can read.
async fn garbled() -> SocketAddr {
    let answer = async |request: axum::extract::Request| {
        let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let asked: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let item = json!({"metadata": {"name": "skey-1"}, "data": GARBLED_KEY});
        json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": [item],
               "spec": asked["spec"], "status": asked["spec"]["token"]})
        .to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    address
}

const GARBLED_KEY: &str = "cHJpdmF0ZS1rZXktdGhhdC1uby1wYXJzZXItcmVhZHM=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_read_is_not_quoted() {
    eventing_service::install_crypto();
    let api_server = garbled().await;
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{api_server}")}}],
        "users": [{"name": "c", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    let service =
        Service::over(&kubeconfig.to_string(), &"ab".repeat(32), "trace,kube_client=trace,kube_runtime=trace");
    let claims = json!({"aud": ["signature-service.eventing.qsl.dev"], "exp": 4_000_000_000_u32}).to_string();
    let token = format!("e30.{}.c2lnbmF0dXJlLW9mLWEtdG9rZW4", URL_SAFE_NO_PAD.encode(claims));
    let (status, answer) = sign(&service.client(), service.url("/v1/sign"), &token).await;
    assert_eq!((status, &answer["code"]), (503, &json!("AUTHENTICATION_UNAVAILABLE")));
    let watched = |said: &str| said.contains("a watch of the API server failed").then_some(());
    service.program.until(PATIENCE, watched).unwrap();
    service.program.terminate().unwrap();
    let (_, said) = service.program.ended().unwrap();
    for (what, secret) in [("a key", GARBLED_KEY), ("a token", "c2lnbmF0dXJlLW9mLWEtdG9rZW4")] {
        assert_eq!(found(secret, &said), None, "{what} is in the log");
    }
    for line in ["the API server did not review a token", "not of the expected form at line 1 column"] {
        assert!(said.contains(line), "it did not log what it should have: {line} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_under_load_refuses_no_request_and_ends_those_that_wait() {
    let installation = Installation::start();
    let service = Service::start(&installation, "info");
    service.until_ready().await;
    let (token, shared, sign_at) = (installation.token("driver"), service.client(), service.url("/v1/sign"));
    assert_eq!(sign(&shared, sign_at.clone(), &token).await.0, 200);

    // Those who follow the keys.
    let keys = service.url("/keys/jwks-pqc?bus=city/trams&wait=60");
    let jose = |client: &Client| client.get(keys.clone()).header("accept", "application/jose");
    let tag = jose(&shared).send().await.unwrap().headers()["etag"].to_str().unwrap().to_owned();
    let follow = |client: Client| {
        let request = jose(&client).header("if-none-match", tag.clone());
        tokio::spawn(async move {
            let status = request.timeout(PATIENCE).send().await.unwrap().status().as_u16();
            (status, Instant::now())
        })
    };
    let followers: Vec<_> =
        (0..20).map(|n| follow(if n % 2 == 0 { shared.clone() } else { service.client() })).collect();

    // Those who have events signed: over a connection that is there, and each over its own.
    let (stop_asking, asking) = tokio::sync::watch::channel(());
    let mut load = Vec::new();
    for n in 0..5 {
        let (asking, token, sign_at, shared) = (asking.clone(), token.clone(), sign_at.clone(), shared.clone());
        let (certificate, address) = (service.certificate.clone(), service.address);
        load.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            while !asking.has_changed().unwrap() {
                let client = if n < 3 {
                    shared.clone()
                } else {
                    let client = Client::builder().tls_certs_only([certificate.clone()]);
                    client.resolve("localhost", address).build().unwrap()
                };
                let answer = client.post(&sign_at).bearer_auth(&token).json(&batch()).send().await;
                answers.push(answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}")));
            }
            answers
        }));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    // One that is in the middle of its request when nobody is let in any more.
    let body = serde_json::to_vec(&batch()).unwrap();
    let (first, rest) = (body[..20].to_vec(), body[20..].to_vec());
    let slowly = futures::stream::iter([(0, first), (4_500, rest)]).then(async |(millis, part)| {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok::<_, std::io::Error>(part)
    });
    let slow = service.client().post(&sign_at).bearer_auth(&token).body(Body::wrap_stream(slowly));
    let slow = tokio::spawn(async move { slow.send().await.map(|answer| answer.status().as_u16()) });
    tokio::time::sleep(Duration::from_millis(200)).await;

    let asked = Instant::now();
    service.program.terminate().unwrap();
    for follower in followers {
        let (status, at) = follower.await.unwrap();
        let after = at.saturating_duration_since(asked);
        assert!(status == 304 && after < Duration::from_secs(1), "{status} after {after:?}");
    }
    assert_eq!(service.readiness().await, 503, "it is taken out of the Service's endpoints first");
    // By then everybody has heard.
    tokio::time::sleep(Duration::from_secs(2).saturating_sub(asked.elapsed())).await;
    stop_asking.send_replace(());
    let mut answered = 0;
    for load in load {
        for answer in load.await.unwrap() {
            assert_eq!(answer, Ok(200));
            answered += 1;
        }
    }
    assert!(answered > 50, "{answered}");
    assert!(asked.elapsed() < Duration::from_millis(2_900), "the load ended before the door closed");

    let (slow, ended) = (slow.await.unwrap(), tokio::task::spawn_blocking(|| service.program.ended()));
    assert_eq!(slow.unwrap(), 200, "what was begun is answered");
    let (status, said) = ended.await.unwrap().unwrap();
    assert!(status.success(), "{status}: {said}");
    let took = asked.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(12)).contains(&took), "{took:?}");
}
