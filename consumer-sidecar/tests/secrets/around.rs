//! What is around the sidecar, with secrets that are known: the ground of all its tests, an application that keeps what
//! it is given, and a signature service that can refuse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::signing::EventFacts;
use eventing::time::Millis;
use eventing::types::Jti;
use serde_json::json;
use sidecar_ground::signature_service::{Sign, problem, signing};
use sidecar_ground::{Ground, Key, Names, Secrets, aws};

pub(crate) const SECRETS: Secrets = Secrets {
    aws_token: "a-web-identity-token-as-the-kubelet-projects-it-for-aws",
    sign_token: "a-token-for-the-signature-service-alone",
    secret_key: "the-secret-access-key-of-a-session",
    session_token: "the-session-token-that-sts-gave-out",
};
pub(crate) const GRANT: &str = "eyJub3QiOiJhIGdyYW50In0.dGhpcyBpcyBub25l.bm9yIGlzIHRoaXM";
pub(crate) const PAYLOAD: &str = "a-note-that-is-no-business-of-the-log";
const NAMES: Names = Names {
    namespace: "quay",
    service_account: "harbourmaster",
    inbox: "lamp",
    bus: ("harbour", "lamps"),
    source: "qsl.lighthouse",
};

/// Everything, listening; in the queue a good event, and one with a grant that is none.
pub(crate) struct Around {
    pub(crate) ground: Ground,
    pub(crate) app_port: u16,
    handled: Handled,
    refuses: Arc<AtomicBool>,
}

/// The `Authorization` of each delivery.
type Handled = Arc<Mutex<Vec<String>>>;

impl Around {
    pub(crate) async fn start() -> Self {
        // The sidecar's own provider is installed in its own process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = Arc::new(Key::generate("lamp", Algorithm::MlDsa44).unwrap());
        let refuses = Arc::<AtomicBool>::default();
        let sign = refusing(Arc::clone(&refuses), signing(Arc::clone(&key)));
        let ground = Ground::start(NAMES, SECRETS, &key, sign, &json!({})).await.unwrap();
        let handled = Handled::default();
        let app = Router::new().route("/events", post(handle)).with_state(Arc::clone(&handled));
        let app_port = aws::serve(app).await.unwrap().port();
        let body = body(&key);
        let sent_at = Millis::now().0.to_string();
        ground.sqs.send_with(&body, &[]);
        let granted = [("qsl.grant", GRANT.to_owned()), ("qsl.sentAt", sent_at), ("qsl.purpose", "redrive".to_owned())];
        ground.sqs.send_with(&body, &granted);
        Self { ground, app_port, handled, refuses }
    }

    /// With what each delivery was authorised.
    pub(crate) fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }

    pub(crate) fn refuse_to_sign(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }
}

fn refusing(refuses: Arc<AtomicBool>, sign: Sign) -> Sign {
    Arc::new(move |body| {
        if refuses.load(Ordering::SeqCst) {
            return problem(StatusCode::FORBIDDEN, "SOURCE_NOT_GRANTED", "not you");
        }
        sign(body)
    })
}

/// An event as EventBridge delivers it.
fn body(key: &Key) -> String {
    let facts = EventFacts {
        source: &"qsl.lighthouse".parse().unwrap(),
        detail_type: &"Lamp.Lit.v2".parse().unwrap(),
        resource: &"urn:qsl:lighthouse:lamp:l-9".parse().unwrap(),
        trace: &Trace::new("story-17".parse().unwrap()),
        detail_core: &json!({"note": PAYLOAD}).to_string(),
    };
    key.deliver(facts, Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap()).unwrap()
}

async fn handle(State(handled): State<Handled>, headers: HeaderMap) -> StatusCode {
    let authorization = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
    handled.lock().unwrap().push(authorization);
    StatusCode::OK
}
