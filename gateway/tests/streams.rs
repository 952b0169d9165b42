//! The gateway on loopback: a real issuer, a real router, a journal over TLS.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod world;

use std::time::Duration;

use eventing::time::Millis;
use gateway::event::Event;
use gateway::hub::Ahead;
use identity_provider::Ask;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use world::journal::{entry, letter};
use world::{Client, World, get};

#[tokio::test]
async fn a_timeline_shows_each_what_they_may_see() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    world.journal.append(entry(2, "line-7", "ada", false));
    let replica = world.replica().await;
    let read = async |user: &str, scope: &str, path: &str| {
        let response = get(&replica, path, &world.token(user, scope), None).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["events"].as_array().map_or(0, Vec::len), body)
    };
    let (status, events, body) = read("ada", "", "/events/line-7").await;
    assert_eq!((status, events), (200, 1));
    assert_eq!(body["correlationId"], "line-7");
    assert_eq!(body["events"][0]["detailCore"]["name"], 1);
    assert_eq!(body["lastEventId"], "1.2");
    assert_eq!(read("ops", "events:operator", "/events/line-7").await.1, 2);
    assert_eq!(read("ben", "events:tenant", "/events/line-7").await.1, 1);
    let (status, _, problem) = read("ben", "", "/events/line-7").await;
    assert_eq!((status, &problem["code"]), (404, &"NOT_FOUND".into()));
    assert_eq!(read("ben", "", "/events/line-99").await.2, problem, "another's and nobody's look alike");
    assert_eq!(read("ben", "", "/events/stream?correlationId=line-7").await.0, 404);

    assert_eq!(get(&replica, "/events/line-7", "nonsense", None).await.status(), 401);
    let bare = reqwest::get(format!("{}/events/line-7", replica.url)).await.unwrap();
    assert_eq!((bare.status().as_u16(), &bare.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
}

#[tokio::test]
async fn dead_letters_are_those_of_the_events_that_are_seen_and_for_operators_the_unverified_too() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    world.journal.append(entry(2, "line-7", "cleo", true));
    let dead_letter = |code: &str, stage: &str, name| letter(name, "depot/arrivals", code, stage, 5);
    world.journal.tell(dead_letter("HANDLER_EXHAUSTED", "handle", Some(1)));
    world.journal.tell(dead_letter("NO_ROUTE", "route", Some(2)));
    world.journal.tell(dead_letter("SIGNATURE_INVALID", "verify", None));
    let replica = world.replica().await;
    let codes = async |user: &str, scope: &str, path: &str| -> Vec<String> {
        let response = get(&replica, path, &world.token(user, scope), None).await;
        let body: Value = response.json().await.unwrap();
        let told = body["deadLetters"].as_array().cloned().unwrap_or_default();
        told.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes("ada", "", "/events/line-7/dead-letters").await, ["HANDLER_EXHAUSTED"]);
    assert_eq!(codes("cleo", "", "/events/line-7/dead-letters").await, ["NO_ROUTE"]);
    assert_eq!(codes("dora", "", "/events/line-7/dead-letters").await, Vec::<String>::new());
    let all = ["HANDLER_EXHAUSTED", "NO_ROUTE", "SIGNATURE_INVALID"];
    assert_eq!(codes("ops", "events:operator", "/events/line-7/dead-letters").await, all);
    // Of a correlation whose events all failed to verify, an operator sees that.
    assert_eq!(codes("ops", "events:operator", "/events/line-99/dead-letters").await, ["SIGNATURE_INVALID"]);
}

#[tokio::test]
async fn a_stream_brings_each_event_once_ahead_or_not_and_goes_on_where_it_was_cut() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let mut client = Client::open(&replica, path, &token, None).await;
    world.journal.append(entry(2, "line-7", "ada", true));
    assert_eq!(client.expect(2).await["position"], 2);

    let mut early = Event::from_entry(&entry(3, "line-7", "ada", true)).unwrap();
    early.position = None;
    assert_eq!(replica.hub.ahead(early, Millis::now().plus_millis(60_000)), Ahead::Sent);
    client.expect(3).await;
    let with_key_ahead = client.last_id.clone();
    assert!(with_key_ahead.starts_with("1.2~"), "{with_key_ahead}");
    world.journal.append(entry(4, "line-7", "ben", true));
    world.journal.append(entry(3, "line-7", "ada", true));
    world.journal.append(entry(5, "line-7", "ada", true));
    client.expect(5).await;
    assert_eq!(client.last_id, "1.5");
    drop((client, replica));

    world.journal.append(entry(6, "line-7", "ada", true));
    let other = world.replica().await;
    let mut client = Client::open(&other, path, &token, Some("1.5")).await;
    client.expect(6).await;
    world.journal.append(entry(7, "line-7", "ada", true));
    client.expect(7).await;
    // Cut off while an event was ahead: at another replica it does not come again.
    let mut client = Client::open(&other, path, &token, Some(&with_key_ahead)).await;
    for name in [5, 6, 7] {
        client.expect(name).await;
    }
}

#[tokio::test]
async fn the_user_stream_follows_a_user_through_all_correlations() {
    let world = World::new().await;
    let replica = world.replica().await;
    let token = world.token("ada", "");
    let mut client = Client::open(&replica, "/events/stream/user", &token, None).await;
    for (name, line, user, signed) in [
        (1, "line-1", "ada", true),
        (2, "line-2", "ben", true),
        (3, "line-3", "ada", false),
        (4, "line-4", "ada", true),
    ] {
        world.journal.append(entry(name, line, user, signed));
    }
    client.expect(1).await;
    client.expect(4).await;
    let mut resumed = Client::open(&replica, "/events/stream/user", &token, Some("1.1")).await;
    resumed.expect(4).await;
    assert_eq!(get(&replica, "/events/stream/user", &token, Some("nonsense")).await.status(), 400);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let world = World::new().await;
    let replica = world.replica().await;
    let ask = Ask { sub: "ada".into(), aud: "events".into(), expires_in: Some(2), ..Ask::default() };
    let token = world.issuer.token(&ask).unwrap();
    let mut client = Client::open(&replica, "/events/stream/user", &token, None).await;
    assert_eq!(client.told().await, ("end".to_owned(), "TOKEN_EXPIRED".to_owned()));
    assert_eq!(client.next().await, None);
    while replica.hub.streams().0 > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_place_that_is_gone_is_said_to_be_and_a_journal_that_begins_anew_is_told_to_all() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let reset = ("reset".to_owned(), "JOURNAL_BEGAN_ANEW".to_owned());
    let mut lost = Client::open(&replica, path, &token, Some("1.900")).await;
    assert_eq!(lost.told().await, reset);
    world.journal.append(entry(2, "line-7", "ada", true));
    lost.expect(2).await;
    world.journal.begin_anew();
    assert_eq!(lost.told().await, reset);
    assert_eq!(lost.last_id, "2.0");
    world.journal.append(entry(3, "line-7", "ada", true));
    lost.expect(3).await;
    assert_eq!(lost.last_id, "2.1");
    // One that has grown past the client's place since is another one all the same.
    let mut back = Client::open(&replica, path, &token, Some("1.1")).await;
    assert_eq!(back.told().await, reset);
    // An id of the gateway's first version, which named no journal.
    let mut old = Client::open(&replica, path, &token, Some("1")).await;
    assert_eq!(old.told().await, reset);
}

#[tokio::test]
async fn whoever_comes_back_too_late_for_the_users_stream_is_told_to_begin_anew() {
    let world = World::new().await;
    for name in 0..20_010 {
        world.journal.append(entry(name, "line-1", "ben", true));
    }
    let replica = world.replica().await;
    let token = world.token("ada", "");
    let mut late = Client::open(&replica, "/events/stream/user", &token, Some("1.5")).await;
    assert_eq!(late.told().await, ("reset".to_owned(), "TOO_FAR_BEHIND".to_owned()));
    assert_eq!(late.last_id, "1.20010");
    // Read from the journal where memory does not reach, and from memory from there on.
    let ben = world.token("ben", "");
    let mut just = Client::open(&replica, "/events/stream/user", &ben, Some("1.17000")).await;
    for name in 17_000..20_010 {
        just.expect(name).await;
    }
}

#[tokio::test]
async fn a_stream_goes_on_from_the_query_where_no_header_can_be_set_and_a_reconnect_by_the_header() {
    let world = World::new().await;
    (1..=3).for_each(|name| world.journal.append(entry(name, "line-7", "ada", true)));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7&lastEventId=1.1", world.token("ada", ""));
    let mut client = Client::open(&replica, path, &token, None).await;
    client.expect(2).await;
    client.expect(3).await;
    let mut again = Client::open(&replica, path, &token, Some("1.2")).await;
    again.expect(3).await;
    let bad = get(&replica, "/events/stream/user?lastEventId=nonsense", &token, None).await;
    assert_eq!(bad.json::<Value>().await.unwrap()["code"], "LAST_EVENT_ID_INVALID");
}

#[tokio::test]
async fn without_the_inbox_each_replica_serves_every_event() {
    let world = World::new().await;
    world.journal.append(entry(0, "line-7", "ada", true));
    let replicas = [world.replica().await, world.replica().await];
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let mut clients = Vec::new();
    for replica in &replicas {
        clients.push(Client::open(replica, path, &token, None).await);
    }
    (1..=50).for_each(|name| world.journal.append(entry(name, "line-7", "ada", true)));
    for client in &mut clients {
        for name in 1..=50 {
            client.expect(name).await;
        }
    }
}

#[tokio::test]
async fn many_streams_share_a_connection_of_http_2_and_none_is_compressed() {
    let world = World::new().await;
    world.journal.append(entry(0, "line-7", "ada", true));
    let replica = world.replica().await;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let mut clients = Vec::new();
    for user in 0..40 {
        let url = format!("{}/events/stream?correlationId=line-7", replica.url);
        let token = world.token(&format!("rider-{user}"), "events:tenant");
        let request = http.get(url).bearer_auth(token).header("accept-encoding", "gzip, br");
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        clients.push(Client::of(response));
    }
    (1..=5).for_each(|name| world.journal.append(entry(name, "line-7", "ada", true)));
    for client in &mut clients {
        for name in 1..=5 {
            client.expect(name).await;
        }
    }
    drop(replica);
    for client in &mut clients {
        assert_eq!(client.told().await, ("end".to_owned(), "SHUTDOWN".to_owned()));
    }
}

#[tokio::test]
async fn a_payload_with_markup_and_lines_of_a_stream_is_data_and_nothing_else() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let mut client = Client::open(&replica, path, &token, None).await;
    assert_eq!(client.response.headers()["x-content-type-options"], "nosniff");
    let memo = "</script><img src=x onerror=alert(1)>\n\nevent: reset\ndata: {}\n\n\r\rid: 7\u{2028}";
    let mut marked = entry(2, "line-7", "ada", true);
    marked.detail_core = serde_json::value::to_raw_value(&serde_json::json!({"memo": memo})).unwrap();
    world.journal.append(marked);
    world.journal.append(entry(3, "line-7", "ada", true));
    assert_eq!(client.expect(2).await["detailCore"]["memo"], memo);
    client.expect(3).await;
    let timeline = get(&replica, "/events/line-7", &token, None).await;
    assert_eq!(timeline.headers()["x-content-type-options"], "nosniff");
    assert_eq!(timeline.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_stream_without_chunks_and_a_head_opens_none() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let ask = async |method: &str, version: &str| {
        let mut stream = TcpStream::connect(replica.address).await.unwrap();
        let last = "last-event-id: 1.0\r\nconnection: close";
        let head =
            format!("{method} {path} HTTP/{version}\r\nauthorization: Bearer {token}\r\nhost: x\r\n{last}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let (mut old, mut got) = (ask("GET", "1.0").await, Vec::new());
    while !String::from_utf8_lossy(&got).contains("retry: ") {
        assert!(old.read_buf(&mut got).await.unwrap() > 0);
    }
    let text = String::from_utf8(got).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200") && !head.contains("chunked"), "{head}");
    assert!(body.starts_with("id: 1.1\nevent: event\ndata: {"), "{body}");
    drop(old);
    let (mut only_head, mut got) = (ask("HEAD", "1.1").await, Vec::new());
    only_head.read_to_end(&mut got).await.unwrap();
    assert!(String::from_utf8(got).unwrap().ends_with("\r\n\r\n"));
    while replica.hub.streams().0 > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn much_at_once_makes_nobody_slow_and_what_is_too_large_for_one_answer_comes_in_several() {
    let world = World::new().await;
    world.journal.append(entry(0, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let mut client = Client::open(&replica, path, &token, None).await;
    world.journal.append_all((1..=500).map(|name| entry(name, "line-7", "ada", true)));
    for name in 1..=500 {
        client.expect(name).await;
    }
    let mut large = entry(501, "line-8", "ada", true);
    large.detail_core = serde_json::value::to_raw_value(&"x".repeat(700_000)).unwrap();
    world.journal.append_all(std::iter::repeat_n(large, 60));
    while replica.hub.position().unwrap().at < 561 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.journal.append(entry(502, "line-7", "ada", true));
    client.expect(502).await;
}
