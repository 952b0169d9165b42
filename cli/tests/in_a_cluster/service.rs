//! What answers at the port of our services: a signature service that signs and grants what it is asked, and remembers who
//! asked by which token; or true ones in its place.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventing::grant::{GrantFacts, Purpose};
use eventing::publish::{NewEvent, parse_events};
use eventing::signing::{EventFacts, MonotonicStamp, PrivateKey, sign_event, sign_grant};
use eventing::time::{Micros, Millis};
use eventing::types::{Jti, Kid, QueueArn};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The names that its certificate has: its own, and that of the journal, which answers at the same port.
pub(crate) const NAME: &str = "qsl-signature-service.ops.svc";
pub(crate) const JOURNAL: &str = "qsl-journal.ops.svc";

/// The service, as long as this lives.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// The certificate, which is its own authority.
    pub(crate) ca: String,
    signs: Arc<Signs>,
}

/// What it signs with, and for which inbox it grants.
struct Signs {
    signer: (PrivateKey, Kid),
    granter: (PrivateKey, Kid),
    inbox: QueueArn,
    asked: Mutex<Vec<(String, String)>>,
}

impl Service {
    /// Serves it, or `true_ones` in its place.
    pub(crate) fn start(
        runtime: &Runtime,
        signer: (PrivateKey, Kid),
        granter: (PrivateKey, Kid),
        inbox: QueueArn,
        true_ones: Option<Router>,
    ) -> Self {
        let names = [NAME, JOURNAL].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (ca, private) = (made.cert.pem(), made.signing_key.serialize_pem());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let signs = Arc::new(Signs { signer, granter, inbox, asked: Mutex::default() });
        let routes = Router::new().route("/v1/grants", post(grant)).route("/v1/sign", post(sign));
        let routes = true_ones.unwrap_or_else(|| routes.with_state(signs.clone()));
        let certificate = ca.clone().into_bytes();
        runtime.spawn(async move {
            let tls = RustlsConfig::from_pem(certificate, private.into_bytes()).await.unwrap();
            axum_server::from_tcp_rustls(listener, tls).unwrap().serve(routes.into_make_service()).await
        });
        Self { address, ca, signs }
    }

    /// Who asked: the token's subject and audience.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.signs.asked.lock().unwrap().clone()
    }
}

impl Signs {
    fn remember(&self, headers: &HeaderMap) {
        let token = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"].as_array().unwrap().len(), 1);
        self.asked.lock().unwrap().push((text(&claims["sub"]), text(&claims["aud"][0])));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn grant(State(signs): State<Arc<Signs>>, headers: HeaderMap, Json(ask): Json<Value>) -> Json<Value> {
    signs.remember(&headers);
    assert_eq!(ask["inbox"], "depot/arrivals");
    let (body, sent_at, jti) = (text(&ask["body"]), Millis(ask["sentAt"].as_i64().unwrap()), uuid::Uuid::new_v4());
    let Signs { granter: (key, kid), inbox, .. } = &*signs;
    let facts = GrantFacts { body: body.as_bytes(), inbox, purpose: Purpose::Redrive, sent_at };
    let grant = sign_grant(key, kid, facts, &Jti::from_uuid(jti), Millis::now().into()).unwrap();
    Json(json!({"grant": grant, "queueArn": inbox, "sentAt": sent_at, "kid": kid, "jti": jti}))
}

async fn sign(State(signs): State<Arc<Signs>>, headers: HeaderMap, Json(mut ask): Json<Value>) -> Json<Value> {
    signs.remember(&headers);
    assert_eq!(ask["bus"], "city/trams");
    let (key, kid) = &signs.signer;
    let stamp = MonotonicStamp::new();
    let events = ask["events"].as_array_mut().unwrap().iter_mut().map(|event| {
        let jti = event.as_object_mut().unwrap().remove("jti").unwrap();
        let (events, _) = parse_events(event.to_string().as_bytes()).unwrap();
        let NewEvent { source, detail_type, resource, trace, detail_core } = &events[0];
        let facts = EventFacts { source, detail_type, resource, trace, detail_core: detail_core.as_str() };
        let signed = sign_event(key, kid, facts, Jti::parse(&text(&jti)).unwrap(), stamp.next(Micros::now())).unwrap();
        json!({"detail": signed.detail, "kid": kid, "jti": jti})
    });
    Json(json!({"events": events.collect::<Vec<_>>()}))
}
