//! The guides' services as they stand in `examples/guides`, each run by its language beside the real sidecar.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod pages;
mod service;

use std::path::Path;
use std::sync::Arc;

use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::publish::ids::IdempotencyKey;
use eventing::signing::EventFacts;
use eventing::types::Jti;
use eventing::verify::Verified;
use eventing_process::testing::Program;
use serde_json::{Value, json};
use sidecar_ground::signature_service::signing;
use sidecar_ground::{Ground, Key, Names, Secrets, until};

use service::{Language, Service};

const NAMES: Names = Names {
    namespace: "receipts",
    service_account: "receipts",
    inbox: "receipts",
    bus: ("platform", "qsl-core"),
    source: "qsl.receipt",
};
/// As headers cannot carry it.
const CORRELATION: &str = "Zahlung für 100 %";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_in_python_handles_each_event_as_its_guide_says() {
    handles_each_event_as_its_guide_says(Language::Python).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_in_node_handles_each_event_as_its_guide_says() {
    handles_each_event_as_its_guide_says(Language::Node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_in_go_handles_each_event_as_its_guide_says() {
    handles_each_event_as_its_guide_says(Language::Go).await;
}

async fn handles_each_event_as_its_guide_says(language: Language) {
    let site = Site::start(language).await;
    let ground = &site.ground;

    // A good one: a receipt follows it, signed, under a name made of the payment's.
    site.settle("p-good", &json!(125.5));
    until(&site.said("the good one is done"), || ground.sqs.state().deleted == 1).await.unwrap();
    assert_eq!(ground.sqs.state().redelivered, 0);
    let [receipt] = &site.receipts()[..] else { panic!("{:?}", site.receipts()) };
    assert_eq!(receipt.detail_type.as_str(), "Receipt.Issued.v1");
    assert_eq!(receipt.resource.as_str(), "urn:qsl:receipts:receipt:p-good");
    assert_eq!(receipt.correlation_id.as_str(), CORRELATION);
    let payload: Value = serde_json::from_slice(receipt.detail_core.as_bytes()).unwrap();
    assert_eq!(payload, json!({"paymentId": "p-good", "amount": 125.5, "currency": "EUR"}));

    // One that may pass: whether its receipt was published is not known, so it comes again, and so does its receipt,
    // which is the same event to every consumer.
    ground.published.lose_an_answer();
    site.settle("p-later", &json!(20));
    until(&site.said("the one that may pass is done"), || ground.sqs.state().deleted == 2).await.unwrap();
    assert_eq!(ground.sqs.state().redelivered, 1, "{}", site.said("it comes again"));
    site.service.until_it_says("PUBLISH_UNCERTAIN");
    let receipts = site.receipts();
    let [_, lost, again] = &receipts[..] else { panic!("{receipts:?}") };
    assert_eq!(lost.resource.as_str(), "urn:qsl:receipts:receipt:p-later");
    assert_eq!(lost.event_key, again.event_key);
    assert_ne!(lost.event_key, receipt.event_key);
    assert_eq!(ground.sqs.dead_letters(), Vec::<Value>::new());

    // Poison: at once in the dead-letter queue, with its code and the handler's status.
    site.settle("p-poison", &json!("a lot"));
    until(&site.said("the poison is moved"), || ground.sqs.state().deleted == 3).await.unwrap();
    let [letter] = &ground.sqs.dead_letters()[..] else { panic!("{:?}", ground.sqs.dead_letters()) };
    let attribute = |name: &str| letter["MessageAttributes"][name]["StringValue"].as_str().unwrap().to_owned();
    assert_eq!(attribute("qsl.code"), "HANDLER_REJECTED");
    assert_eq!(attribute("qsl.handlerStatus"), "422");
    assert_eq!(attribute("qsl.attempts"), "1");
    assert!(letter["MessageBody"].as_str().unwrap().contains("p-poison"));
    assert_eq!(ground.sqs.state().redelivered, 1);

    site.strangers_are_refused().await;
    assert_eq!(site.receipts().len(), 3, "{}", site.said("nothing else was handled"));
    site.stop();
}

/// A service beside its sidecar.
struct Site {
    ground: Ground,
    key: Arc<Key>,
    service: Service,
    sidecar: Program,
}

impl Site {
    async fn start(language: Language) -> Self {
        // The sidecar's own provider is installed in its own process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = Arc::new(Key::generate("receipts", Algorithm::MlDsa44).unwrap());
        let forward = pages::forward();
        let ground = Ground::start(NAMES, Secrets::default(), &key, signing(Arc::clone(&key)), &forward).await.unwrap();
        let service = Service::start(language, &ground);
        let program = Path::new(env!("CARGO_BIN_EXE_consumer-sidecar"));
        let sidecar = Program::start(&mut ground.sidecar(program, service.port)).unwrap();
        Self { ground, key, service, sidecar }
    }

    /// A payment's event comes into the inbox.
    fn settle(&self, payment: &str, amount: &Value) {
        let facts = EventFacts {
            source: &"qsl.payment".parse().unwrap(),
            detail_type: &"Payment.Settled.v1".parse().unwrap(),
            resource: &format!("urn:qsl:paymentgateway:payment:{payment}").parse().unwrap(),
            trace: &Trace::new(CORRELATION.parse().unwrap()),
            detail_core: &json!({"paymentId": payment, "amount": amount, "currency": "EUR"}).to_string(),
        };
        let bus = self.ground.bus();
        let jti: Jti = IdempotencyKey::parse(payment).unwrap().jti(bus, facts.source, None);
        self.ground.sqs.send_all(&[self.key.deliver(facts, jti).unwrap()]);
    }

    /// What was published, as a consumer sees it.
    fn receipts(&self) -> Vec<Verified> {
        self.ground.published.entries().iter().map(|entry| self.ground.verify(entry).unwrap()).collect()
    }

    async fn strangers_are_refused(&self) {
        let url = format!("http://127.0.0.1:{}/payments", self.service.port);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let delivery = std::fs::read_to_string(self.ground.token_file()).unwrap();
        let as_long = "x".repeat(delivery.len());
        let post = || {
            let payment = json!({"paymentId": "p-forged", "amount": 1, "currency": "EUR"});
            http.post(&url).header("QSL-Correlation-Id", "c-1").header("QSL-Event-Key", "00").json(&payment)
        };
        for (who, request) in [
            ("nobody", post()),
            ("a guess", post().bearer_auth(as_long)),
            ("a part", post().bearer_auth(&delivery[..20])),
            ("none", post().bearer_auth("")),
            ("basic", post().header("authorization", format!("Basic {delivery}"))),
        ] {
            assert_eq!(request.send().await.unwrap().status(), 401, "{who}");
        }
    }

    fn said(&self, what: &str) -> String {
        format!("{what}; service: {}; sidecar: {}", self.service.said(), self.sidecar.said())
    }

    /// Ends both, as in a pod: the service outlives the drain.
    fn stop(self) {
        self.sidecar.terminate().unwrap();
        let (status, said) = self.sidecar.ended().unwrap();
        assert!(status.success(), "the sidecar ended with {status}: {said}");
        self.service.stop();
    }
}
