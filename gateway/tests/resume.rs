//! A thousand clients that come back at random, while the replicas are restarted one after the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventing::time::Millis;
use eventing_http::Entry;
use gateway::event::Event;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use world::journal::entry;
use world::{Blocks, Replica, World};

const CLIENTS: usize = 1_000;
const CORRELATIONS: usize = 100;
/// Events of each correlation, the first left out.
const EVENTS: usize = 20;
/// Restarts, of one replica and the other in turns.
const RESTARTS: usize = 6;

/// What one client saw: the signed time and the key of each event.
type Seen = Vec<(String, String)>;

/// Where the replicas are now.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    fn set(&self, replicas: &[Option<Replica>]) {
        let now = replicas.iter().flatten().map(|replica| replica.url.clone()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn any(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).choose(&mut rand::rng()).cloned()
    }
}

fn name_of(correlation: usize) -> String {
    format!("line-{correlation}")
}

/// The `nth` event of a correlation. Signed times run against the order of arrival here and there.
fn event(correlation: usize, nth: usize) -> Entry {
    let name = u32::try_from(correlation * 1_000 + nth).unwrap();
    let mut entry = entry(name, &name_of(correlation), &format!("rider-{correlation}"), true);
    entry.ts = format!("2026-11-23T08:00:{:02}.{:06}Z", if nth % 5 == 4 { nth - 3 } else { nth }, nth);
    entry
}

/// Follows a correlation until everything was seen, coming and going.
async fn follow(http: reqwest::Client, addresses: Addresses, token: String, correlation: usize) -> Seen {
    let (mut seen, mut last) = (Seen::new(), "1.0".to_owned());
    while seen.len() <= EVENTS {
        if visit(&http, &addresses, &token, correlation, (&mut last, &mut seen)).await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    }
    // Once more: nothing comes again.
    while visit(&http, &addresses, &token, correlation, (&mut last, &mut seen)).await.is_none() {}
    seen
}

/// Reads for a while; nothing when there was no stream.
async fn visit(
    http: &reqwest::Client,
    addresses: &Addresses,
    token: &str,
    correlation: usize,
    (last, seen): (&mut String, &mut Seen),
) -> Option<()> {
    let url = format!("{}/events/stream?correlationId={}", addresses.any()?, name_of(correlation));
    let answer = http.get(url).bearer_auth(token).header("last-event-id", last.as_str()).send().await.ok()?;
    let mut response = answer.error_for_status().ok()?;
    let (mut blocks, until) = (Blocks::default(), Instant::now() + Duration::from_millis(rand::rng().random_range(50..2_500)));
    while let Ok(Ok(Some(bytes))) = timeout(until.saturating_duration_since(Instant::now()), response.chunk()).await {
        blocks.add(&bytes);
        while let Some(block) = blocks.next() {
            *last = block.id.unwrap();
            match block.event.as_deref() {
                Some("event") => {
                    let event: Value = serde_json::from_str(&block.data.unwrap()).unwrap();
                    seen.push((event["ts"].as_str().unwrap().to_owned(), event["eventKey"].as_str().unwrap().to_owned()));
                }
                Some("end") | None => {}
                other => panic!("{other:?}"),
            }
        }
    }
    Some(())
}

/// Sends all events, a third of them ahead of the journal through one replica.
async fn send(world: &World, replicas: &Mutex<Vec<Option<Replica>>>) {
    for nth in 1..=EVENTS {
        for correlation in 0..CORRELATIONS {
            let entry = event(correlation, nth);
            if rand::rng().random_bool(0.3) {
                let ahead = Event { position: None, ..Event::from_entry(&entry).unwrap() };
                let replicas = replicas.lock().unwrap();
                if let Some(replica) = replicas.iter().flatten().collect::<Vec<_>>().choose(&mut rand::rng()) {
                    replica.hub.ahead(ahead, Millis::now().plus_millis(60_000));
                }
            }
            let journal = world.journal.clone();
            let late = Duration::from_millis(rand::rng().random_range(0..80));
            tokio::spawn(async move {
                sleep(late).await;
                journal.append(entry);
            });
            sleep(Duration::from_millis(4)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_restarts_each_of_a_thousand_clients_sees_each_of_its_events_once_and_together_the_timeline() {
    let world = World::new().await;
    (0..CORRELATIONS).for_each(|correlation| world.journal.append(event(correlation, 0)));
    let flags = ["--streams-per-user", "100", "--streams-per-address", "4000"];
    let start = async || world.replica_with(&flags, eventing_service::server::Limits::default()).await;
    let addresses = Addresses::default();
    let replicas = Mutex::new(vec![Some(start().await), Some(start().await)]);
    addresses.set(&replicas.lock().unwrap());
    let http = reqwest::Client::new();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let correlation = client % CORRELATIONS;
            let token = world.token(&format!("rider-{correlation}"), "");
            (correlation, tokio::spawn(follow(http.clone(), addresses.clone(), token, correlation)))
        })
        .collect();
    let restarts = async {
        for restart in 0..RESTARTS {
            sleep(Duration::from_millis(1_000)).await;
            let at = restart % 2;
            drop(replicas.lock().unwrap()[at].take());
            addresses.set(&replicas.lock().unwrap());
            let again = start().await;
            replicas.lock().unwrap()[at] = Some(again);
            addresses.set(&replicas.lock().unwrap());
        }
    };
    tokio::join!(send(&world, &replicas), restarts);
    let mut timelines = HashMap::new();
    for (correlation, client) in clients {
        let mut seen = client.await.unwrap();
        let timeline: &mut Seen = timelines.entry(correlation).or_insert_with(|| {
            let timeline = world.journal.timeline(&name_of(correlation));
            timeline.into_iter().map(|entry| (entry.ts, entry.event_key)).collect()
        });
        assert_eq!(timeline.len(), EVENTS + 1);
        seen.sort();
        assert_eq!(&seen, timeline);
    }
}
