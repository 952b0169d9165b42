//! The gateway's program with its inbox paused, as the operator publishes it: two replicas, which the journal alone feeds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::IntoResponse as _;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::signing::EventFacts;
use eventing::types::Jti;
use eventing_http::Entry;
use eventing_process::testing::Program;
use gateway::event::Event;
use serde_json::{Value, json};
use sidecar_ground::{Ground, Key, Names, Secrets};
use world::{Client, World};

const PATIENCE: Duration = Duration::from_mins(1);
const EVENTS: u32 = 20;
const NAMES: Names = Names {
    namespace: "depot",
    service_account: "qsl-gateway",
    inbox: "clientupdates",
    bus: ("depot", "qsl-trams"),
    source: "qsl.tram",
};

struct Gateway {
    program: Program,
    url: String,
    admin: String,
}

impl Gateway {
    async fn start(world: &World, ground: &Ground) -> Self {
        let (address, admin) = (free_port(), free_port());
        let mut command = ground.consumer(Path::new(env!("CARGO_BIN_EXE_gateway"))).unwrap();
        command
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .args(["--oidc-issuer", world.issuer_name(), "--oidc-audience", "events"])
            .args(["--journal-url", &format!("https://localhost:{}", world.journal.address.port())])
            .arg("--journal-ca")
            .arg(world.folder().join("ca.crt"))
            .arg("--token-dir")
            .arg(world.folder().join("tokens"));
        let program = Program::start(&mut command).unwrap();
        let gateway = Self { program, url: format!("http://{address}"), admin: format!("http://{admin}") };
        let begun = Instant::now();
        while !gateway.is_fed_by_the_journal_alone().await {
            assert!(begun.elapsed() < PATIENCE, "{}", gateway.program.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        gateway
    }

    async fn is_fed_by_the_journal_alone(&self) -> bool {
        let Ok(answer) = reqwest::get(format!("{}/readyz", self.admin)).await else { return false };
        let is_ready = answer.status().is_success();
        is_ready && answer.text().await.unwrap().contains("the inbox is paused; the journal alone feeds")
    }

    async fn metrics(&self) -> String {
        reqwest::get(format!("{}/metrics", self.admin)).await.unwrap().text().await.unwrap()
    }

    async fn follow(&self, token: &str) -> Client {
        let url = format!("{}/events/stream?correlationId=line-7", self.url);
        Client::of(reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap())
    }
}

/// One that nobody listened at a moment ago.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An event as the queue has it, and as the journal.
fn signed(ground: &Ground, key: &Key, nth: u32) -> (String, Entry) {
    let facts = EventFacts {
        source: &NAMES.source.parse().unwrap(),
        detail_type: &"Tram.Departed.v1".parse().unwrap(),
        resource: &format!("urn:qsl:depot:tram:{nth}").parse().unwrap(),
        trace: &Trace::new("line-7".parse().unwrap()).with("userId", "ada").unwrap(),
        detail_core: &json!({"name": nth}).to_string(),
    };
    let body = key.deliver(facts, Jti::parse(&format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}")).unwrap()).unwrap();
    let parts: Value = serde_json::from_str(&body).unwrap();
    let entry = json!({
        "Detail": parts["detail"].to_string(), "DetailType": parts["detail-type"], "Source": parts["source"],
        "Resources": parts["resources"],
    });
    let verified = ground.verify(&entry).unwrap();
    let mut entry: Value = serde_json::from_str(Event::from_verified(&verified).unwrap().json.as_ref()).unwrap();
    entry["position"] = 0.into();
    (body, serde_json::from_value(entry).unwrap())
}

/// The name of the next event.
async fn next(client: &mut Client) -> u32 {
    let block = client.next().await.unwrap();
    assert_eq!(block.event.as_deref(), Some("event"), "{block:?}");
    let event: Value = serde_json::from_str(&block.data.unwrap()).unwrap();
    u32::try_from(event["detailCore"]["name"].as_u64().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_inbox_paused_each_replica_serves_every_event_and_none_again_when_the_inbox_goes_on() {
    let world = World::new().await;
    let key = Key::generate("trams", Algorithm::MlDsa44).unwrap();
    let nobody = Arc::new(|_: &[u8]| axum::http::StatusCode::NOT_FOUND.into_response());
    let ground = Ground::start(NAMES, Secrets::default(), &key, nobody, &json!({})).await.unwrap();
    ground.consuming(2, "Paused").unwrap();
    for (audience, token) in [("aws", Secrets::default().aws_token), ("journal", "good")] {
        let folder = world.folder().join("tokens").join(audience);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("token"), token).unwrap();
    }
    let (_, first) = signed(&ground, &key, 0);
    world.journal.append(first);
    let gateways = [Gateway::start(&world, &ground).await, Gateway::start(&world, &ground).await];
    let token = world.token("ada", "");
    let mut clients = [gateways[0].follow(&token).await, gateways[1].follow(&token).await];

    for nth in 1..=EVENTS {
        let (body, entry) = signed(&ground, &key, nth);
        ground.sqs.send_all(&[body]);
        world.journal.append(entry);
    }
    for client in &mut clients {
        for nth in 1..=EVENTS {
            assert_eq!(next(client).await, nth);
        }
    }
    let state = ground.sqs.state();
    assert_eq!((state.waiting, state.held, state.deleted), (EVENTS as usize, 0, 0), "nobody received from it");
    for gateway in &gateways {
        assert!(!gateway.metrics().await.contains("qsl_gateway_inbox_events_total{"));
    }

    // What waited is received now, and is known; what comes next comes once.
    ground.consuming(3, "Enabled").unwrap();
    tokio::time::timeout(PATIENCE, ground.sqs.emptied()).await.unwrap();
    let (body, entry) = signed(&ground, &key, EVENTS + 1);
    ground.sqs.send_all(&[body]);
    world.journal.append(entry);
    for client in &mut clients {
        assert_eq!(next(client).await, EVENTS + 1);
    }
    assert_eq!(ground.sqs.state().dead_letters, 0);
}
