//! Events by their facts, correlations and resources over HTTP.

use eventing::time::Micros;
use eventing::types::{BusId, CorrelationId, DetailType, Resource, Source};
use eventing_http::EventFilter;
use serde_json::json;

use super::*;

fn whole() -> EventFilter {
    EventFilter {
        correlation_id: Some(CorrelationId::parse("story 1/ü&x=y").unwrap()),
        resource: Some(Resource::parse("urn:qsl:teller:loan:l-1#2").unwrap()),
        user: Some("ada+1@x".to_owned()),
        tenant: Some("north %".to_owned()),
        source: Some(Source::parse("qsl.teller").unwrap()),
        detail_type: Some(DetailType::parse("Loan.Granted.v1").unwrap()),
        bus: Some(BusId::new("bank", "loans").unwrap()),
        from: Some(Micros(1_795_420_800_000_000)),
        to: Some(Micros(1_795_420_800_000_002)),
    }
}

/// The query of a filter, each byte of a value escaped that may not stand in it.
fn query(filter: &EventFilter) -> String {
    let escaped = |text: &str| text.bytes().fold(String::new(), |done, byte| format!("{done}%{byte:02X}"));
    let pairs: Vec<String> =
        filter.parameters().iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}

async fn journal_with_one() -> Journal {
    let journal = journal().await;
    let one = event("a").correlation("story 1/ü&x=y").resource("urn:qsl:teller:loan:l-1#2").user("ada+1@x");
    journal.recorder.record(one.tenant("north %").body("{\"a\":\"\\u00e9\"}\r\n").build()).await.unwrap();
    journal
}

#[tokio::test]
async fn the_clients_parameters_are_read_as_they_were_meant() {
    let journal = journal_with_one().await;
    let found = async |filter: EventFilter| {
        let (status, answer) = journal.get(&format!("/v1/events?{}", query(&filter))).await;
        assert_eq!(status, 200, "{answer}");
        answer["events"].as_array().unwrap().len()
    };
    assert_eq!(found(whole()).await, 1);
    assert_eq!(found(EventFilter::default()).await, 1);
    for other in [
        EventFilter { correlation_id: Some(CorrelationId::parse("story 1/ü").unwrap()), ..whole() },
        EventFilter { resource: Some(Resource::parse("urn:qsl:teller:loan:l-1").unwrap()), ..whole() },
        EventFilter { user: Some("ada 1@x".to_owned()), ..whole() },
        EventFilter { tenant: Some("north".to_owned()), ..whole() },
        EventFilter { source: Some(Source::parse("qsl.vault").unwrap()), ..whole() },
        EventFilter { detail_type: Some(DetailType::parse("Loan.Repaid.v1").unwrap()), ..whole() },
        EventFilter { bus: Some(BusId::new("bank", "cards").unwrap()), ..whole() },
        EventFilter { from: Some(Micros(1_795_420_800_000_002)), to: None, ..whole() },
        EventFilter { from: None, to: Some(Micros(1_795_420_800_000_001)), ..whole() },
    ] {
        assert_eq!(found(other.clone()).await, 0, "{other:?}");
    }
}

#[tokio::test]
async fn the_body_comes_byte_for_byte_and_only_where_it_is_asked_for() {
    let journal = journal_with_one().await;
    let entry = async |query: &str| journal.get(&format!("/v1/events{query}")).await.1["events"][0].clone();
    assert_eq!(entry("?body=true").await["body"], "{\"a\":\"\\u00e9\"}\r\n");
    for without in [entry("").await, entry("?body=false").await] {
        assert_eq!(without.get("body"), None);
        assert_eq!(
            (&without["bus"], &without["sentAt"], &without["kid"]),
            (&json!("bank/loans"), &json!(1_795_420_800_100_i64), &json!("loans-abc"))
        );
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_query_is_named() {
    let journal = journal().await;
    for (query, field) in [
        ("correlationId=", "correlationId"),
        ("resource=loan", "resource"),
        ("user=", "user"),
        ("tenant=", "tenant"),
        ("source=teller", "source"),
        ("detailType=Loan", "detailType"),
        ("bus=loans", "bus"),
        ("from=yesterday", "from"),
        ("to=2026-11-23T08:00:00%2B01:00", "to"),
        ("from=2026-11-23T08:00:00Z&to=2026-11-23T08:00:00Z", "to"),
        ("after=x", "after"),
        ("limit=1001", "limit"),
        ("body=yes", "body"),
        // Misspelt, it would have answered everybody's.
        ("userId=ada", "userId"),
        ("user=ada&user=ben", "user"),
    ] {
        let (status, problem) = journal.get(&format!("/v1/events?{query}")).await;
        assert_eq!((status, &problem["code"]), (400, &json!("QUERY_INVALID")), "{query}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
        assert!(problem["errors"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }
}

#[tokio::test]
async fn parts_go_on_where_they_ended_however_the_journal_grows() {
    let journal = journal().await;
    for n in [3, 1, 5] {
        journal.recorder.record(event(&format!("e-{n}")).ts(n).build()).await.unwrap();
    }
    let part = async |after: &str| {
        let (_, answer) = journal.get(&format!("/v1/events?limit=2{after}")).await;
        let times: Vec<_> = answer["events"].as_array().unwrap().iter().map(|entry| entry["ts"].clone()).collect();
        (times, answer["next"].as_str().map(|next| format!("&after={next}")))
    };
    let (first, next) = part("").await;
    assert_eq!(first, [json!("1970-01-01T00:00:00.000001Z"), json!("1970-01-01T00:00:00.000003Z")]);
    // Late ones: before the place they are not told any more, behind it they are.
    for n in [2, 4] {
        journal.recorder.record(event(&format!("e-{n}")).ts(n).build()).await.unwrap();
    }
    let (second, next) = part(&next.unwrap()).await;
    assert_eq!(second, [json!("1970-01-01T00:00:00.000004Z"), json!("1970-01-01T00:00:00.000005Z")]);
    assert_eq!(next, None);
}

#[tokio::test]
async fn recent_correlations_are_told_with_their_latest_event() {
    let journal = journal().await;
    journal.recorder.record(event("a").ts(1).user("ada").build()).await.unwrap();
    journal.recorder.record(event("b").ts(3).user("ben").correlation("story-2").build()).await.unwrap();
    let latest = event("c").ts(2).user("ada").detail_type("Loan.Repaid.v1").build();
    journal.recorder.record(latest).await.unwrap();
    let (_, answer) = journal.get("/v1/correlations?user=ada").await;
    assert_eq!(
        answer,
        json!({"correlations": [{"correlationId": "story-1", "ts": "1970-01-01T00:00:00.000002Z",
            "source": "qsl.teller", "detailType": "Loan.Repaid.v1", "resource": "urn:qsl:teller:loan:l-1"}]})
    );
    let (_, first) = journal.get("/v1/correlations?limit=1").await;
    assert_eq!(first["correlations"][0]["correlationId"], "story-2");
    let (_, second) = journal.get(&format!("/v1/correlations?limit=1&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second["correlations"][0]["correlationId"], "story-1");
}

#[tokio::test]
async fn a_resource_is_told_as_it_stands() {
    let journal = journal().await;
    let path = "/v1/resources/urn%3Aqsl%3Ateller%3Aloan%3Al-1";
    assert_eq!(journal.get(path).await.1["code"], "NOT_FOUND");
    journal.recorder.record(event("b").ts(2).detail_type("Loan.Repaid.v1").build()).await.unwrap();
    journal.recorder.record(event("a").ts(1).build()).await.unwrap();
    assert_eq!(
        journal.get(path).await,
        (
            200,
            json!({"resource": "urn:qsl:teller:loan:l-1", "status": "Repaid",
            "lastUpdated": "1970-01-01T00:00:00.000002Z", "eventKey": event("b").build().key.to_string()})
        )
    );
}
