//! What a collector of traces sees of the fan-out.

use test_collector::{Collector, Span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The spans that came of what `work` does.
async fn spans_of(work: impl FnOnce()) -> Vec<Span> {
    eventing_service::install_crypto();
    let collector = Collector::start().await.unwrap();
    let (spans, traces) = eventing_service::traces::layer(Some(&collector.endpoint), "qsl-gateway").unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans), work);
    traces.end().await;
    collector.spans()
}

fn traced(name: u8, position: Option<u64>, correlation: &str) -> Event {
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    Event { traceparent: Some(traceparent.into()), ..event(name, position, correlation, "ada") }
}

fn says(span: &Span, key: &str, value: &str) -> bool {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    found.is_some_and(|attribute| format!("{:?}", attribute.value).contains(value))
}

#[tokio::test]
async fn an_event_that_somebody_follows_is_fanned_out_in_its_own_trace_and_another_leaves_none() {
    let spans = spans_of(|| {
        let hub = hub();
        let _own = [follow(&hub, correlation("line-7"), "ada"), follow(&hub, Topic::User("ada".into()), "ada")];
        let _not_his = follow(&hub, correlation("line-7"), "ben");
        assert_eq!(hub.ahead(traced(1, None, "line-7"), Millis(20_000)), Ahead::Sent);
        hub.advance(vec![traced(2, Some(11), "line-7"), event(3, Some(12), "line-7", "ada")], 12, Millis(20_001));
        hub.advance(vec![event(4, Some(13), "line-9", "ben")], 13, Millis(20_002));
    })
    .await;
    let of = |name: u8| spans.iter().filter(|span| says(span, "key", &key(name).encode())).collect::<Vec<_>>();
    for (name, via) in [(1, "inbox"), (2, "tail")] {
        let [span]: [&Span; 1] = of(name).try_into().unwrap();
        assert_eq!((span.name.as_str(), hex::encode(&span.trace_id).as_str()), ("fan_out", TRACE));
        assert_eq!(hex::encode(&span.parent_span_id), PARENT);
        assert!(says(span, "via", via) && says(span, "streams", "IntValue(2)"), "{span:?}");
    }
    let [untraced]: [&Span; 1] = of(3).try_into().unwrap();
    assert!(untraced.parent_span_id.is_empty() && hex::encode(&untraced.trace_id) != TRACE);
    assert_eq!(spans.len(), 3, "of what nobody follows there is none: {spans:?}");
}
