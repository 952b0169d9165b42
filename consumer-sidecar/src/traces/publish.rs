//! What is published gets its trace.

use axum::http::HeaderMap;
use eventing::publish::{NewEvent, Posted};
use eventing::trace_context::TraceContext;

use super::{Kind, Span, Tracer};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// A span for each event. One that names no trace itself gets that of the request, or a new one.
pub fn publishing(tracer: &Tracer, headers: &HeaderMap, posted: &mut Posted) -> Vec<Span> {
    let caller = header(headers, TRACEPARENT).and_then(TraceContext::parse);
    let state = header(headers, TRACESTATE).filter(|_| caller.is_some());
    posted.events.iter_mut().map(|event| begin(tracer, caller, state, event)).collect()
}

fn begin(tracer: &Tracer, caller: Option<TraceContext>, state: Option<&str>, event: &mut NewEvent) -> Span {
    let own = event.trace.traceparent().map(TraceContext::parse);
    let span = tracer
        .begin("publish", Kind::Producer, own.unwrap_or(caller))
        .with("qsl.source", event.source.as_str())
        .with("qsl.detail_type", event.detail_type.as_str());
    if own.is_none() {
        set(event, TRACEPARENT, &span.context().to_string());
        if let Some(state) = state.filter(|_| event.trace.tracestate().is_none()) {
            set(event, TRACESTATE, state);
        }
    }
    span
}

/// A value that a trace does not take (a state that is too long) is left out.
fn set(event: &mut NewEvent, name: &str, value: &str) {
    if let Ok(trace) = event.trace.clone().with(name, value) {
        event.trace = trace;
    }
}

/// A header that is there once.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use eventing::publish::{Keys, parse_events};
    use serde_json::json;

    use super::*;

    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced(tracer: &Tracer, headers: &[(&'static str, &str)], own: Option<&str>) -> (TraceContext, Posted) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let event = json!({
            "source": "qsl.tram", "detailType": "Tram.Left.v1", "resource": "urn:qsl:tram:line:7",
            "trace": {"correlationId": "ride-4", "traceparent": own}, "detailCore": {},
        });
        let (events, in_list) = parse_events(event.to_string().as_bytes()).unwrap();
        let mut posted = Posted { events, in_list, keys: Keys::None };
        let spans = publishing(tracer, &headers, &mut posted);
        (spans[0].context(), posted)
    }

    fn on() -> Tracer {
        Tracer(Some(tokio::sync::mpsc::channel(8).0))
    }

    #[test]
    fn an_event_has_the_trace_of_its_request_or_a_new_one() {
        let caller = TraceContext::parse(CALLER).unwrap();
        let (span, posted) = traced(&on(), &[("traceparent", CALLER), ("tracestate", "a=1")], None);
        let trace = &posted.events[0].trace;
        assert_eq!((trace.traceparent(), trace.tracestate()), (Some(span.to_string().as_str()), Some("a=1")));
        assert_eq!((span.trace_id() == caller.trace_id(), span.span_id() == caller.span_id()), (true, false));
        let (span, posted) = traced(&on(), &[("tracestate", "a=1")], None);
        assert_eq!(posted.events[0].trace.traceparent(), Some(span.to_string().as_str()));
        assert_eq!(posted.events[0].trace.tracestate(), None);
        // Without an exporter the sidecar is no link of the chain.
        let (_, posted) = traced(&Tracer::default(), &[("traceparent", CALLER)], None);
        assert_eq!(posted.events[0].trace.traceparent(), Some(CALLER));
        let (_, posted) = traced(&Tracer::default(), &[], None);
        assert!(posted.events[0].trace.traceparent().and_then(TraceContext::parse).is_some());
    }

    #[test]
    fn what_the_event_says_itself_stays() {
        let own = CALLER.replace("0af7", "beef");
        let (span, posted) = traced(&on(), &[("traceparent", CALLER)], Some(&own));
        assert_eq!(posted.events[0].trace.traceparent(), Some(own.as_str()));
        assert_eq!(span.trace_id(), TraceContext::parse(&own).unwrap().trace_id());
        let (_, posted) = traced(&on(), &[("traceparent", CALLER)], Some("mine"));
        assert_eq!(posted.events[0].trace.traceparent(), Some("mine"));
    }
}
