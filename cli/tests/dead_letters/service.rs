//! A signature service: it grants what it is asked, and remembers who asked by which token.

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
use eventing::signing::{PrivateKey, sign_grant};
use eventing::time::Millis;
use eventing::types::{Jti, Kid, QueueArn};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The name that its certificate has.
pub(crate) const NAME: &str = "qsl-signature-service.ops.svc";

/// The service, as long as this lives.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// The certificate, which is its own authority.
    pub(crate) ca: String,
    granter: Arc<Granter>,
}

/// What signs the grants.
pub(crate) struct Granter {
    pub(crate) key: PrivateKey,
    pub(crate) kid: Kid,
    pub(crate) inbox: QueueArn,
    asked: Mutex<Vec<(String, String)>>,
}

impl Service {
    pub(crate) fn start(runtime: &Runtime, key: PrivateKey, kid: Kid, inbox: QueueArn) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        let (ca, private) = (made.cert.pem(), made.signing_key.serialize_pem());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let granter = Arc::new(Granter { key, kid, inbox, asked: Mutex::default() });
        let routes = Router::new().route("/v1/grants", post(grant)).with_state(granter.clone());
        let certificate = ca.clone().into_bytes();
        runtime.spawn(async move {
            let tls = RustlsConfig::from_pem(certificate, private.into_bytes()).await.unwrap();
            axum_server::from_tcp_rustls(listener, tls).unwrap().serve(routes.into_make_service()).await
        });
        Self { address, ca, granter }
    }

    /// Who asked: the token's subject and audience.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.granter.asked.lock().unwrap().clone()
    }
}

async fn grant(State(granter): State<Arc<Granter>>, headers: HeaderMap, Json(ask): Json<Value>) -> Json<Value> {
    let token = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((claims["aud"].as_array().unwrap().len(), &ask["inbox"]), (1, &json!("depot/arrivals")));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    granter.asked.lock().unwrap().push((text(&claims["sub"]), text(&claims["aud"][0])));

    let (body, sent_at, jti) = (text(&ask["body"]), Millis(ask["sentAt"].as_i64().unwrap()), uuid::Uuid::new_v4());
    let Granter { key, kid, inbox, .. } = &*granter;
    let facts = GrantFacts { body: body.as_bytes(), inbox, purpose: Purpose::Redrive, sent_at };
    let grant = sign_grant(key, kid, facts, &Jti::from_uuid(jti), Millis::now().into()).unwrap();
    Json(json!({"grant": grant, "queueArn": inbox, "sentAt": sent_at, "kid": kid, "jti": jti}))
}
