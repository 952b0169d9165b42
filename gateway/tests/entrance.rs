//! Who is let in: tokens, tickets, origins, and how many of one client.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::time::Duration;

use eventing_service::server::Limits;
use identity_provider::Ask;
use reqwest::{Client as Http, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use world::journal::entry;
use world::{Client, Replica, World, get};

const PATH: &str = "/events/stream?correlationId=line-7";

async fn world() -> World {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    world
}

async fn code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap().to_owned())
}

async fn ticket(replica: &Replica, token: &str, path: &str) -> reqwest::Response {
    let url = format!("{}/events/ticket", replica.url);
    Http::new().post(url).bearer_auth(token).json(&json!({"path": path})).send().await.unwrap()
}

/// Opens with a ticket, as a browser's EventSource does.
async fn present(replica: &Replica, path: &str, ticket: &str) -> reqwest::Response {
    let and = if path.contains('?') { '&' } else { '?' };
    reqwest::get(format!("{}{path}{and}ticket={ticket}", replica.url)).await.unwrap()
}

#[tokio::test]
async fn a_stream_opens_to_nobody_without_a_token_of_the_issuer_for_this_gateway() {
    let world = world().await;
    let replica = world.replica().await;
    let wanted = |aud: &str, expires_in| Ask { sub: "ada".into(), aud: aud.into(), expires_in, ..Ask::default() };
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned();
    for token in [
        none,
        "nonsense".to_owned(),
        world.issuer.token(&wanted("another", None)).unwrap(),
        world.issuer.token(&wanted("events", Some(-60))).unwrap(),
    ] {
        for path in [PATH, "/events/stream/user", "/events/line-7"] {
            assert_eq!(
                code(get(&replica, path, &token, None).await).await,
                (401, "UNAUTHENTICATED".to_owned()),
                "{token}"
            );
        }
        assert_eq!(ticket(&replica, &token, PATH).await.status(), 401);
    }
    assert_eq!(reqwest::get(format!("{}{PATH}", replica.url)).await.unwrap().status(), 401);
    // Another user, another tenant, and one whom the query names.
    let ben = world.token("ben", "");
    for path in [PATH.to_owned(), format!("{PATH}&userId=ada&scope=events:operator")] {
        assert_eq!(get(&replica, &path, &ben, None).await.status(), 404, "{path}");
        assert_eq!(get(&replica, &path, &ben, Some("1.0")).await.status(), 404, "{path}");
    }
    let south = Ask { tenant_id: Some("south".into()), scope: "events:tenant".into(), ..wanted("events", None) };
    let cleo = world.issuer.token(&Ask { sub: "cleo".into(), ..south }).unwrap();
    assert_eq!(get(&replica, PATH, &cleo, None).await.status(), 404);
    assert_eq!(get(&replica, PATH, &world.token("ada", ""), None).await.status(), 200);
}

#[tokio::test]
async fn a_forged_event_is_not_shown_to_the_user_it_names_and_operators_see_what_it_is() {
    let world = world().await;
    let replica = world.replica().await;
    let mut ada = Client::open(&replica, PATH, &world.token("ada", "events:tenant"), None).await;
    let mut operator = Client::open(&replica, PATH, &world.token("op", "events:operator"), None).await;
    world.journal.append(entry(2, "line-7", "ada", false));
    world.journal.append(entry(3, "line-7", "ada", true));
    ada.expect(3).await;
    assert_eq!(operator.expect(2).await["envelopeVerified"], false);
    operator.expect(3).await;
    // Nor when it is all there is of a correlation, nor from what was missed.
    world.journal.append(entry(4, "line-8", "ada", false));
    assert_eq!(get(&replica, "/events/stream?correlationId=line-8", &world.token("ada", ""), None).await.status(), 404);
    let mut again = Client::open(&replica, PATH, &world.token("ada", ""), Some("1.1")).await;
    again.expect(3).await;
}

#[tokio::test]
async fn a_ticket_opens_its_stream_once_at_any_replica_as_whom_it_was_given_to() {
    let world = world().await;
    let (one, other) = (world.replica().await, world.replica().await);
    let token = world.token("ada", "");
    let given = ticket(&one, &token, PATH).await;
    assert_eq!(given.status(), StatusCode::CREATED);
    assert_eq!(given.headers()["cache-control"], "no-store");
    let given: Value = given.json().await.unwrap();
    assert_eq!(given["expiresInSeconds"], 30);
    let text = given["ticket"].as_str().unwrap();
    let mut stream = Client::of(present(&other, &format!("{PATH}&lastEventId=1.0"), text).await);
    stream.expect(1).await;
    world.journal.append(entry(2, "line-7", "ben", true));
    world.journal.append(entry(3, "line-7", "ada", true));
    stream.expect(3).await;
    for replica in [&one, &other] {
        assert_eq!(code(present(replica, PATH, text).await).await, (401, "UNAUTHENTICATED".to_owned()), "used");
    }
    // For another stream; and for what is no stream at all.
    let second: Value = ticket(&one, &token, PATH).await.json().await.unwrap();
    let second = second["ticket"].as_str().unwrap();
    assert_eq!(present(&one, "/events/stream/user", second).await.status(), 401);
    assert_eq!(present(&one, "/events/line-7", second).await.status(), 401);
    assert_eq!(code(ticket(&one, &token, "/events/line-7").await).await, (400, "TICKET_INVALID".to_owned()));
}

#[tokio::test]
async fn a_stream_that_a_ticket_opened_ends_with_the_token_the_ticket_was_asked_for_with() {
    let world = world().await;
    let replica = world.replica().await;
    let ask = Ask { sub: "ada".into(), aud: "events".into(), expires_in: Some(2), ..Ask::default() };
    let token = world.issuer.token(&ask).unwrap();
    let given: Value = ticket(&replica, &token, "/events/stream/user").await.json().await.unwrap();
    let mut stream = Client::of(present(&replica, "/events/stream/user", given["ticket"].as_str().unwrap()).await);
    assert_eq!(stream.told().await, ("end".to_owned(), "TOKEN_EXPIRED".to_owned()));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn one_user_and_one_address_have_so_many_streams_and_whoever_ends_one_may_open_another() {
    let world = world().await;
    let flags = ["--streams-per-user", "3", "--streams-per-address", "5", "--trusted-proxies", "127.0.0.0/8"];
    let replica = world.replica_with(&flags, Limits::default()).await;
    let open = async |user: &str, from: &str| {
        let url = format!("{}{PATH}", replica.url);
        let request = Http::new().get(url).bearer_auth(world.token(user, "events:tenant"));
        request.header("x-forwarded-for", from).send().await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Client::of(open("ada", "192.0.2.1").await));
    }
    assert_eq!(code(open("ada", "192.0.2.2").await).await, (429, "TOO_MANY_STREAMS".to_owned()));
    for user in ["ben", "cleo"] {
        streams.push(Client::of(open(user, "192.0.2.1").await));
    }
    let full = (429, "TOO_MANY_STREAMS_FROM_ADDRESS".to_owned());
    assert_eq!(code(open("dora", "192.0.2.1").await).await, full);
    assert_eq!(code(open("dora", "198.51.100.7, 192.0.2.1").await).await, full, "what stands before may be made up");
    Client::of(open("dora", "192.0.2.2").await);
    streams.pop();
    while open("dora", "192.0.2.1").await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_client_holds_so_many_connections_no_huge_head_and_no_place_by_being_slow() {
    let world = world().await;
    let flags = ["--streams-per-address", "8", "--trusted-proxies", "10.0.0.0/8"];
    let limits = Limits { header_timeout: Duration::from_millis(300), body_bytes: 64, ..Limits::default() };
    let replica = world.replica_with(&flags, limits).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(replica.address).await.unwrap();
        stream.write_all(b"GET /events/line-7 HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    // A ninth is closed at once, and when the slow ones are, there is room again.
    let mut ninth = TcpStream::connect(replica.address).await.unwrap();
    let mut answer = Vec::new();
    let _ = ninth.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    for mut stream in slow {
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    }
    let huge = Http::new().get(format!("{}{PATH}", replica.url)).header("x-huge", "x".repeat(100_000)).send().await;
    assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status() == 431));
    let large = ticket(&replica, &world.token("ada", ""), &"x".repeat(100)).await;
    assert_eq!(large.status(), 413);
    assert_eq!(get(&replica, "/events/line-7", &world.token("ada", ""), None).await.status(), 200);
}

#[tokio::test]
async fn only_pages_of_the_listed_origins_read_an_answer() {
    let world = world().await;
    let replica = world.replica_with(&["--cors-origins", "https://app.example"], Limits::default()).await;
    let ask = async |method: Method, origin: &str| {
        let url = format!("{}/events/line-7", replica.url);
        let request =
            Http::new().request(method.clone(), url).header("origin", origin).bearer_auth(world.token("ada", ""));
        let request = match method {
            Method::OPTIONS => request.header("access-control-request-method", "GET"),
            _ => request,
        };
        request.send().await.unwrap()
    };
    let first = ask(Method::OPTIONS, "https://app.example").await;
    assert_eq!(first.status(), StatusCode::NO_CONTENT);
    assert_eq!(first.headers()["access-control-allow-origin"], "https://app.example");
    assert!(first.headers()["access-control-allow-headers"].to_str().unwrap().contains("last-event-id"));
    assert!(!first.headers().contains_key("access-control-allow-credentials"));
    let read = ask(Method::GET, "https://app.example").await;
    assert_eq!(
        (read.status().as_u16(), &read.headers()["access-control-allow-origin"]),
        (200, &"https://app.example".parse().unwrap())
    );
    for other in ["https://evil.example", "https://app.example.evil.example", "null"] {
        assert_eq!(code(ask(Method::OPTIONS, other).await).await, (403, "ORIGIN_NOT_ALLOWED".to_owned()), "{other}");
        let read = ask(Method::GET, other).await;
        assert!(!read.headers().contains_key("access-control-allow-origin"), "{other}");
        assert_eq!(read.headers()["vary"], "origin");
    }
}
