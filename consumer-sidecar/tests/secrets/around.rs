//! What is around a sidecar: STS, SQS and EventBridge in one, the signature service, and the application.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use eventing::algorithm::Algorithm;
use eventing::config::{ConfigDocument, EVENT_BUS, INBOX_QUEUE};
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::root::RootHashes;
use eventing::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_config, sign_event, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, Jti};
use serde_json::{Value, json};

pub(crate) const AWS_TOKEN: &str = "a-web-identity-token-as-the-kubelet-projects-it-for-aws";
pub(crate) const AWS_SECRET_KEY: &str = "the-secret-access-key-of-a-session";
pub(crate) const AWS_SESSION_TOKEN: &str = "the-session-token-that-sts-gave-out";
pub(crate) const SIGN_TOKEN: &str = "a-token-for-the-signature-service-alone";
pub(crate) const GRANT: &str = "eyJub3QiOiJhIGdyYW50In0.dGhpcyBpcyBub25l.bm9yIGlzIHRoaXM";
pub(crate) const PAYLOAD: &str = "a-note-that-is-no-business-of-the-log";

const SOURCE: &str = "qsl.lighthouse";
const DETAIL_TYPE: &str = "Lamp.Lit.v2";
const RESOURCE: &str = "urn:qsl:lighthouse:lamp:l-9";

/// Everything, listening.
pub(crate) struct Around {
    shared: Arc<Shared>,
    aws: SocketAddr,
    app: SocketAddr,
    signature_service: SocketAddr,
    ca: String,
    free: u16,
}

struct Shared {
    root: PrivateKey,
    key: PrivateKey,
    messages: Mutex<VecDeque<Value>>,
    dead: Mutex<Vec<Value>>,
    published: Mutex<Vec<Value>>,
    handled: Mutex<Vec<String>>,
    refuses: AtomicBool,
}

impl Around {
    pub(crate) async fn start() -> Self {
        // The sidecar's own provider is installed in its own process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let generate = || PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        let shared = Arc::new(Shared {
            root: generate(),
            key: generate(),
            messages: Mutex::default(),
            dead: Mutex::default(),
            published: Mutex::default(),
            handled: Mutex::default(),
            refuses: AtomicBool::new(false),
        });
        let body = shared.delivered();
        let grant = |name: &str, text: &str| (name.to_owned(), json!({"DataType": "String", "StringValue": text}));
        let granted = Value::from_iter([
            grant("qsl.grant", GRANT),
            grant("qsl.sentAt", &Millis::now().0.to_string()),
            grant("qsl.purpose", "redrive"),
        ]);
        shared.messages.lock().unwrap().extend([message("m-1", &body, &json!({})), message("m-2", &body, &granted)]);

        let aws = serve(Router::new().fallback(aws).with_state(Arc::clone(&shared))).await;
        let app = serve(Router::new().route("/events", post(handle)).with_state(Arc::clone(&shared))).await;
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = RustlsConfig::from_pem(certificate.clone().into_bytes(), key.into_bytes()).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let signature_service = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/v1/sign", post(sign))
            .route("/keys/jwks-pqc", get(StatusCode::SERVICE_UNAVAILABLE))
            .with_state(Arc::clone(&shared));
        tokio::spawn(axum_server::from_tcp_rustls(listener, tls).unwrap().serve(routes.into_make_service()));
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { shared, aws, app, signature_service, ca: certificate, free }
    }

    pub(crate) fn aws(&self) -> String {
        format!("http://{}", self.aws)
    }

    pub(crate) fn app_port(&self) -> u16 {
        self.app.port()
    }

    /// A port that nobody listened at a moment ago.
    pub(crate) fn free_port(&self) -> u16 {
        self.free
    }

    pub(crate) fn root(&self) -> String {
        RootHashes::of(&self.shared.root.public_key()).to_string()
    }

    pub(crate) fn handled(&self) -> usize {
        self.shared.handled.lock().unwrap().len()
    }

    /// What the last delivery was authorised with.
    pub(crate) fn authorization(&self) -> String {
        self.shared.handled.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.shared.dead.lock().unwrap().len()
    }

    pub(crate) fn published(&self) -> usize {
        self.shared.published.lock().unwrap().len()
    }

    pub(crate) fn refuse_to_sign(&self) {
        self.shared.refuses.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_mins(1), "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The files of the namespace's configuration, by name.
    pub(crate) fn configuration(&self) -> [(String, String); 3] {
        let services = json!({"signatureService": format!("https://{}", self.signature_service),
            "journal": "https://journal.invalid", "ca": self.ca});
        let arn = |name: &str| format!("arn:aws:sqs:eu-west-1:111122223333:{name}");
        let inbox = json!({"queueUrl": format!("{}/lamp", self.aws()), "queueArn": arn("lamp"),
            "deadLetterQueueUrl": format!("{}/lamp-dlq", self.aws()), "deadLetterQueueArn": arn("lamp-dlq"),
            "roleArn": "arn:aws:iam::111122223333:role/lamp", "region": "eu-west-1", "buses": ["harbour/lamps"],
            "services": services});
        let bus = json!({"busName": "lamps", "busArn": "arn:aws:events:eu-west-1:111122223333:event-bus/lamps",
            "region": "eu-west-1", "services": services,
            "publishers": [{"serviceAccount": "harbourmaster", "sources": [SOURCE],
                            "roleArn": "arn:aws:iam::111122223333:role/lamps"}]});
        let root = &self.shared.root;
        let entry = |kind: &str, name: &str, config: Value| {
            let (issued, expires) = times();
            let (namespace, kind, name) = ("quay".to_owned(), kind.to_owned(), name.to_owned());
            let entry = ConfigDocument { namespace, kind, name, version: 1, issued, expires, config };
            sign_config(root, &entry, Micros::now()).unwrap()
        };
        [
            ("inbox_lamp".to_owned(), entry(INBOX_QUEUE, "lamp", inbox)),
            ("bus_harbour_lamps".to_owned(), entry(EVENT_BUS, "harbour/lamps", bus)),
            ("keyset_harbour_lamps".to_owned(), self.shared.key_set()),
        ]
    }
}

fn times() -> (i64, i64) {
    let now = Millis::now().seconds();
    (now - 60, now + 3_600)
}

impl Shared {
    fn key_set(&self) -> String {
        let ((issued, expires), public_key) = (times(), self.key.public_key());
        let key = Jwk {
            kid: kid_for("lamp", &public_key).unwrap(),
            algorithm: Algorithm::MlDsa44,
            public_key,
            key_use: KeyUse::Sig,
            sources: vec![SourcePattern::try_from(SOURCE.to_owned()).unwrap()],
            nbf: issued,
            exp: expires,
            state: KeyState::Active,
        };
        let bus = BusId::new("harbour", "lamps").unwrap();
        let set = KeySetDocument { bus, version: 1, issued, expires, keys: vec![key] };
        sign_keyset(&self.root, &set, Micros::now()).unwrap()
    }

    fn signed(&self) -> SignedEvent {
        let facts = EventFacts {
            source: &SOURCE.parse().unwrap(),
            detail_type: &DETAIL_TYPE.parse().unwrap(),
            resource: &RESOURCE.parse().unwrap(),
            trace: &Trace::new("story-17".parse().unwrap()),
            detail_core: &json!({"note": PAYLOAD}).to_string(),
        };
        let kid = kid_for("lamp", &self.key.public_key()).unwrap();
        let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
        sign_event(&self.key, &kid, facts, jti, Micros::now()).unwrap()
    }

    /// An event as EventBridge delivers it.
    fn delivered(&self) -> String {
        json!({"id": "delivery-1", "detail-type": DETAIL_TYPE, "source": SOURCE, "resources": [RESOURCE],
               "detail": self.signed().detail})
        .to_string()
    }
}

fn message(id: &str, body: &str, attributes: &Value) -> Value {
    json!({"MessageId": id, "ReceiptHandle": format!("receipt-of-{id}"), "Body": body,
        "MessageAttributes": attributes,
        "Attributes": {"SentTimestamp": Millis::now().0.to_string(), "ApproximateReceiveCount": "1"}})
}

async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

async fn handle(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    let authorization = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
    shared.handled.lock().unwrap().push(authorization);
    StatusCode::OK
}

async fn sign(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if shared.refuses.load(Ordering::SeqCst) {
        let problem = json!({"title": "Forbidden", "detail": "not you", "code": "SOURCE_NOT_GRANTED"});
        return (StatusCode::FORBIDDEN, problem.to_string()).into_response();
    }
    assert_eq!(headers[header::AUTHORIZATION], format!("Bearer {SIGN_TOKEN}"));
    let SignedEvent { detail, kid, jti, .. } = shared.signed();
    json!({"events": [{"detail": detail, "kid": kid, "jti": jti}]}).to_string().into_response()
}

async fn aws(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").map_or("", |value| value.to_str().unwrap());
    let asked = || serde_json::from_slice::<Value>(&body).unwrap();
    let answer = match target.rsplit('.').next().unwrap() {
        // STS speaks the older protocol, which names its operation in the body.
        "" => {
            assert!(String::from_utf8_lossy(&body).contains(AWS_TOKEN));
            let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
            return format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDEXAMPLE</AccessKeyId>\
                 <SecretAccessKey>{AWS_SECRET_KEY}</SecretAccessKey><SessionToken>{AWS_SESSION_TOKEN}</SessionToken>\
                 <Expiration>{later}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
                 </AssumeRoleWithWebIdentityResponse>"
            )
            .into_response();
        }
        "ReceiveMessage" => {
            assert_eq!(headers["x-amz-security-token"], AWS_SESSION_TOKEN);
            let messages: Vec<Value> = shared.messages.lock().unwrap().drain(..).collect();
            if messages.is_empty() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            json!({"Messages": messages})
        }
        "SendMessage" => {
            shared.dead.lock().unwrap().push(asked());
            json!({"MessageId": "d-1", "MD5OfMessageBody": ""})
        }
        "DeleteMessageBatch" => {
            let asked = asked();
            let entries = asked["Entries"].as_array().unwrap();
            let ids: Value = entries.iter().map(|entry| json!({"Id": entry["Id"]})).collect();
            json!({"Successful": ids, "Failed": []})
        }
        "PutEvents" => {
            shared.published.lock().unwrap().push(asked());
            json!({"FailedEntryCount": 0, "Entries": [{"EventId": "eb-1"}]})
        }
        _ => json!({}),
    };
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response()
}
