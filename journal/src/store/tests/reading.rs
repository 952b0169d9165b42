//! Events by their facts, in order, through indexes.

use std::collections::BTreeSet;

use eventing::time::Micros;
use eventing::types::{BusId, DetailType, Source};
use eventing_http::Whose;

use super::super::dead_letters::{CLAIMED, OF_EVENTS};
use super::super::reading::{Way, bindings, statements};
use super::*;
use crate::query::Lead;

/// Forty events: of two correlations, resources, users, tenants, types, sources and buses, each cut otherwise, signed in
/// another order than they arrived in.
async fn forty() -> SurrealStore {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let batch: Vec<_> = (0..40_i64)
        .map(|n| {
            let either = |every: i64, one: &'static str, other: &'static str| if n % every == 0 { one } else { other };
            event(&format!("e-{n}"))
                .ts(1_000 - n / 2)
                .correlation(either(2, "story-a", "story-b"))
                .resource(either(3, "urn:qsl:teller:loan:a", "urn:qsl:teller:loan:b"))
                .user(either(4, "ada", "ben"))
                .tenant(either(5, "north", "south"))
                .detail_type(either(6, "Loan.Granted.v1", "Loan.Repaid.v1"))
                .source(either(7, "qsl.teller", "qsl.vault"))
                .bus(either(8, "bank/loans", "bank/cards"))
                .body(&format!("{{ \"n\":{n},\"escaped\":\"\\u00e9 é \\\\\" }}\n"))
                .build()
        })
        .collect();
    for part in batch.chunks(9) {
        store.append(part).await.unwrap();
    }
    store
}

/// What the filter should find among the forty, in order: positions are n + 1.
fn expected(filter: &EventFilter) -> Vec<u64> {
    let is = |wanted: Option<String>, first: &str, n: i64, every: i64| {
        wanted.is_none_or(|wanted| (n % every == 0) == (wanted == first))
    };
    let mut found: Vec<(i64, u64)> = (0..40_i64)
        .filter(|n| {
            is(filter.correlation_id.as_ref().map(ToString::to_string), "story-a", *n, 2)
                && is(filter.resource.as_ref().map(ToString::to_string), "urn:qsl:teller:loan:a", *n, 3)
                && is(filter.user.clone(), "ada", *n, 4)
                && is(filter.tenant.clone(), "north", *n, 5)
                && is(filter.detail_type.as_ref().map(ToString::to_string), "Loan.Granted.v1", *n, 6)
                && is(filter.source.as_ref().map(ToString::to_string), "qsl.teller", *n, 7)
                && is(filter.bus.as_ref().map(ToString::to_string), "bank/loans", *n, 8)
        })
        .map(|n| (1_000 - n / 2, n.unsigned_abs() + 1))
        .filter(|(ts, _)| filter.from.is_none_or(|from| *ts >= from.0) && filter.to.is_none_or(|to| *ts < to.0))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, position)| position).collect()
}

/// Every part of the answer, laid together.
async fn all(store: &SurrealStore, filter: &EventFilter, limit: usize, bodies: bool) -> Vec<Entry> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(&Asked { filter: filter.clone(), after, limit, bodies }).await.unwrap();
        assert!(page.entries.len() <= limit);
        found.extend(read(&page));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn filters() -> Vec<EventFilter> {
    let none = EventFilter::default;
    let user = || Some("ada".to_owned());
    vec![
        none(),
        EventFilter { correlation_id: Some(CorrelationId::parse("story-a").unwrap()), ..none() },
        EventFilter { resource: Some(Resource::parse("urn:qsl:teller:loan:a").unwrap()), ..none() },
        EventFilter { user: user(), ..none() },
        EventFilter { tenant: Some("north".to_owned()), ..none() },
        EventFilter { detail_type: Some(DetailType::parse("Loan.Granted.v1").unwrap()), ..none() },
        EventFilter { source: Some(Source::parse("qsl.teller").unwrap()), ..none() },
        EventFilter { bus: Some(BusId::new("bank", "loans").unwrap()), ..none() },
        EventFilter { from: Some(Micros(985)), to: Some(Micros(995)), ..none() },
        EventFilter { user: user(), from: Some(Micros(985)), to: Some(Micros(995)), ..none() },
        EventFilter { user: user(), detail_type: Some(DetailType::parse("Loan.Granted.v1").unwrap()), ..none() },
        EventFilter { bus: Some(BusId::new("bank", "cards").unwrap()), tenant: Some("south".to_owned()), ..none() },
        EventFilter { user: Some("nobody".to_owned()), ..none() },
    ]
}

#[tokio::test]
async fn every_filter_finds_its_events_in_the_order_of_their_signed_time_in_parts_of_any_size() {
    let store = forty().await;
    for filter in filters() {
        let wanted = if filter.user.as_deref() == Some("nobody") { Vec::new() } else { expected(&filter) };
        for limit in [1, 3, 7, 40, 1_000] {
            let found = all(&store, &filter, limit, false).await;
            let positions: Vec<u64> = found.iter().map(|entry| entry.position).collect();
            assert_eq!(positions, wanted, "{filter:?} by {limit}");
            assert!(found.iter().all(|entry| entry.body.is_none()));
        }
    }
}

#[tokio::test]
async fn a_replay_of_a_bus_gets_each_body_byte_for_byte_with_the_time_it_entered_a_queue() {
    let store = forty().await;
    let filter = EventFilter {
        bus: Some(BusId::new("bank", "loans").unwrap()),
        from: Some(Micros(985)),
        ..EventFilter::default()
    };
    let found = all(&store, &filter, 2, true).await;
    assert_eq!(found.iter().map(|entry| entry.position).collect::<Vec<_>>(), expected(&filter));
    for entry in found {
        let n = entry.position - 1;
        assert_eq!(entry.body.unwrap(), format!("{{ \"n\":{n},\"escaped\":\"\\u00e9 é \\\\\" }}\n"));
        assert_eq!((entry.sent_at, entry.kid.as_str()), (1_795_420_800_100, "loans-abc"));
        assert_eq!(entry.bus.as_deref(), Some("bank/loans"));
    }
}

#[tokio::test]
async fn a_part_with_large_bodies_ends_early_and_the_next_goes_on() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let large = "x".repeat(1 << 20);
    let batch: Vec<_> = (0..10).map(|n| event(&format!("e-{n}")).ts(n).body(&large).build()).collect();
    store.append(&batch).await.unwrap();
    let asked = |after| Asked { filter: EventFilter::default(), after, limit: 100, bodies: true };
    let first = store.events(&asked(None)).await.unwrap();
    assert_eq!(first.entries.len(), 8);
    let second = store.events(&asked(first.next)).await.unwrap();
    assert_eq!((second.entries.len(), second.next), (2, None));
    assert_eq!(read(&second)[0].body.as_ref().map(String::len), Some(1 << 20));
}

#[tokio::test]
async fn an_answer_with_large_events_ends_early_and_the_next_goes_on() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let batch: Vec<_> = (0..10).map(|n| event(&format!("e-{n}")).ts(n).payload(1 << 20).build()).collect();
    store.append(&batch).await.unwrap();
    let positions = |page| read(&page).iter().map(|entry| entry.position).collect::<Vec<_>>();
    let first = store.events(&of("story-1", None, 100)).await.unwrap();
    assert_eq!(first.next, Some(Cursor { ts: 7, position: 8 }));
    let next = first.next;
    assert_eq!(positions(first), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(positions(store.events(&of("story-1", next, 100)).await.unwrap()), [9, 10]);
}

#[tokio::test]
async fn what_follows_a_position_is_read_past_gaps_and_in_parts_of_any_size() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let batch: Vec<_> = (0..350).map(|n| event(&format!("e-{n}")).build()).collect();
    store.append(&batch).await.unwrap();
    let following = async |after, limit| -> Vec<u64> {
        store.changes(after, limit).await.unwrap().iter().map(|entry| entry.position).collect()
    };
    assert_eq!(following(0, 1_000).await, (1..=350).collect::<Vec<_>>());
    assert_eq!(following(20, 201).await, (21..=221).collect::<Vec<_>>());
    assert_eq!(store.prune_events(Millis(i64::MAX), 220).await.unwrap().last, 220);
    assert_eq!(following(0, 3).await, [221, 222, 223]);
    assert_eq!(following(0, 1_000).await, (221..=350).collect::<Vec<_>>());
    assert_eq!(following(350, 10).await, Vec::<u64>::new());
}

/// Two may be recorded between the statements of one look: the one past its range must not be told without the one in it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_while_events_are_recorded_misses_none() {
    const EVENTS: u64 = 800;
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let followers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for after in 0..EVENTS {
                let mut found = Vec::new();
                while found.is_empty() {
                    found = store.changes(after, 1).await.unwrap();
                }
                assert_eq!(found.first().map(|one| one.position), Some(after + 1));
            }
        })
    });
    let followers: Vec<_> = followers.collect();
    for n in 0..EVENTS {
        store.append(&[event(&format!("e-{n}")).build()]).await.unwrap();
    }
    for follower in followers {
        follower.await.unwrap();
    }
}

#[tokio::test]
async fn a_filter_that_fits_little_ends_its_parts_and_misses_nothing() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    for part in 0..6_i64 {
        let batch: Vec<_> = (0..500)
            .map(|n| part * 500 + n)
            .map(|n| event(&format!("e-{n}")).ts(n).source(if n == 2_700 { "qsl.vault" } else { "qsl.teller" }).build())
            .collect();
        store.append(&batch).await.unwrap();
    }
    let filter = EventFilter { source: Some(Source::parse("qsl.vault").unwrap()), ..EventFilter::default() };
    let first = store.events(&Asked { filter: filter.clone(), after: None, limit: 10, bodies: false }).await.unwrap();
    assert!(first.entries.is_empty() && first.next.is_some(), "so many are looked at in one answer");
    let found = all(&store, &filter, 10, false).await;
    assert_eq!(found.iter().map(|entry| entry.position).collect::<Vec<_>>(), [2_701]);
}

#[tokio::test]
async fn recent_correlations_are_those_that_the_viewer_may_see_the_latest_first() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let batch = [
        event("a").ts(10).correlation("old").user("ada").build(),
        event("b").ts(20).correlation("shared").user("ben").tenant("north").build(),
        event("c").ts(30).correlation("tenants").user("ben").tenant("north").build(),
        event("d").ts(40).correlation("others").user("cleo").tenant("south").build(),
        event("e").ts(50).correlation("forged").user("ada").tenant("north").envelope_verified(false).build(),
        event("f").ts(60).correlation("shared").user("ada").build(),
        event("g").ts(60).correlation("twin").user("ada").build(),
    ];
    store.append(&batch).await.unwrap();
    let told = async |user: Option<&str>, tenant: Option<&str>, limit: usize| {
        let whose = Whose { user: user.map(str::to_owned), tenant: tenant.map(str::to_owned) };
        let (mut told, mut before) = (Vec::new(), None);
        loop {
            let recent = store.correlations(&whose, before, limit).await.unwrap();
            told.extend(recent.correlations.into_iter().map(|one| one.correlation_id));
            before = recent.next;
            if before.is_none() {
                return told;
            }
        }
    };
    assert_eq!(told(Some("ada"), None, 100).await, ["twin", "shared", "old"]);
    assert_eq!(told(Some("ada"), Some("north"), 100).await, ["twin", "shared", "tenants", "old"]);
    assert_eq!(told(None, None, 100).await, ["twin", "shared", "forged", "others", "tenants", "old"]);
    assert_eq!(told(Some("nobody"), None, 100).await, Vec::<String>::new());
    // In parts nothing is left out; one may come again by an older event.
    let in_parts: BTreeSet<String> = told(Some("ada"), Some("north"), 1).await.into_iter().collect();
    assert_eq!(in_parts, ["old", "shared", "tenants", "twin"].map(str::to_owned).into());
    let latest = store.correlations(&Whose::default(), None, 2).await.unwrap();
    assert_eq!(latest.correlations[0].ts, Micros(60).to_string());
    assert_eq!(latest.next, Some(Cursor { ts: 60, position: 6 }));
}

/// The plan of a statement, operator by operator from the outermost.
async fn plan(store: &SurrealStore, query: &str, lead: Lead) -> String {
    let value = (lead != Lead::Time).then_some("one");
    let bindings = bindings(lead, value, Cursor { ts: 5, position: 1 }, 10);
    let mut answers = store.db().await.unwrap().query(format!("EXPLAIN {query}")).bind(bindings).await.unwrap();
    answers.take::<Option<String>>(0).unwrap().unwrap()
}

#[tokio::test]
async fn every_lead_is_read_through_its_index_in_its_order_both_ways_and_a_correlation_alone_is_sorted_backwards() {
    let store = forty().await;
    let leads = [Lead::Correlation, Lead::Resource, Lead::User, Lead::Tenant, Lead::DetailType, Lead::Time];
    for lead in leads {
        for (way, query) in [Way::On, Way::Back]
            .into_iter()
            .flat_map(|way| statements(lead, way).into_iter().map(move |query| (way, query)))
        {
            let plan = plan(&store, &query, lead).await;
            let operators: Vec<&str> = plan.lines().map(str::trim).collect();
            let scan = operators.last().unwrap();
            let is_limited = match (lead, way) {
                // A range of ids, read in their order until the limit has enough.
                (Lead::Correlation, Way::On) => {
                    operators.len() == 3 && operators[1].starts_with("Limit") && scan.starts_with("RecordIdScan")
                }
                // The engine reads no range of ids backwards: this is the correlation up to its place, and no other.
                (Lead::Correlation, Way::Back) => {
                    operators.len() == 4 && operators[2].starts_with("SortByKey") && scan.starts_with("RecordIdScan")
                }
                // The scan itself ends at the limit: no record is read that is not answered.
                _ => operators.len() == 2 && scan.starts_with("IndexScan") && scan.contains("limit: $size"),
            };
            assert!(is_limited, "{way:?} {query}\n{plan}");
        }
    }
}

#[tokio::test]
async fn what_is_read_besides_is_read_through_an_index_too() {
    let store = forty().await;
    for (query, index) in [(OF_EVENTS, "dead_letter_by_event"), (CLAIMED, "dead_letter_by_claim")] {
        let bindings = surrealdb::types::object! {
            correlation: "story-a".to_owned(), keys: vec!["a".to_owned(), "b".to_owned()], most: 10, events: 10,
        };
        let mut answers = store.db().await.unwrap().query(format!("EXPLAIN {query}")).bind(bindings).await.unwrap();
        let plan: String = answers.take::<Option<String>>(0).unwrap().unwrap();
        assert!(plan.contains(&format!("index: {index}, access: ")), "{plan}");
        assert!(!plan.contains("TableScan") && !plan.contains("Sort") && !plan.contains("access: ,"), "{plan}");
    }
}
