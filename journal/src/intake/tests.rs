#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use test_collector::{Collector, Span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::recorder::Limits;
use crate::store::{Location, SurrealStore};
use crate::testing::event;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn an_event_is_recorded_in_its_own_trace_whatever_it_is_written_with() {
    eventing_service::install_crypto();
    let collector = Collector::start().await.unwrap();
    let (spans, traces) = eventing_service::traces::layer(Some(&collector.endpoint), "qsl-journal").unwrap();
    // Everything here runs on this thread.
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans));

    let store = Arc::new(SurrealStore::open(&Location::Memory).await.unwrap());
    let metrics = Metrics::default();
    let (recorder, writer, end) = Recorder::new(store, metrics.clone(), Limits::default()).await.unwrap();
    tokio::spawn(writer.run());
    let intake = Intake::new(recorder, metrics);
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let (one, other) =
        tokio::join!(intake.record(event("a").build(), Some(&traceparent)), intake.record(event("b").build(), None));
    assert_eq!((one, other, *end.borrow()), (HandlerAnswer::Done, HandlerAnswer::Done, 2));
    drop(guard);
    traces.end().await;

    let key = event("a").build().key.to_string();
    let collected = collector.spans();
    let recorded: Vec<&Span> = collected.iter().filter(|span| span.name == "record").collect();
    assert_eq!(recorded.len(), 2);
    let is_of_a = |span: &&&Span| format!("{:?}", span.attributes).contains(&key);
    let of_a = recorded.iter().find(is_of_a).unwrap();
    assert_eq!((hex::encode(&of_a.trace_id).as_str(), hex::encode(&of_a.parent_span_id).as_str()), (TRACE, PARENT));
    let of_b = recorded.iter().find(|span| !is_of_a(span)).unwrap();
    assert_ne!(hex::encode(&of_b.trace_id), TRACE);
}
