//! Several events in one request, to an application that judges each.

use eventing::config::BatchConfig;
use futures::future::join_all;
use serde_json::Value;

use super::*;

/// What an application was sent: how many events each request had, by what they are.
type Requests = Arc<Mutex<Vec<Vec<String>>>>;

/// An application that looks at each event's `do`: `well`, `later`, `never`; `all-500` and `all-422` speak for their
/// whole request.
async fn judging() -> (SocketAddr, Requests) {
    let requests = Requests::default();
    let judge = |State(requests): State<Requests>, headers: HeaderMap, body: Bytes| async move {
        let events: Vec<Value> = serde_json::from_slice(&body).unwrap();
        assert_eq!(headers["qsl-events"], events.len().to_string().as_str());
        assert!(headers.contains_key("authorization") && !headers.contains_key("qsl-event-key"));
        let core = |event: &Value| event.get("data").unwrap_or(&event["detail"]["detailCore"]).clone();
        let asked: Vec<String> = events.iter().map(|event| core(event)["do"].as_str().unwrap().to_owned()).collect();
        requests.lock().unwrap().push(asked.clone());
        for (asks, status) in
            [("all-500", StatusCode::INTERNAL_SERVER_ERROR), ("all-422", StatusCode::UNPROCESSABLE_ENTITY)]
        {
            if asked.iter().any(|asked| asked == asks) {
                return (status, String::new());
            }
        }
        let verdict = |asked: &String| match asked.as_str() {
            "later" => json!({"status": 503, "retryAfterSeconds": 9}),
            "never" => json!({"status": 422}),
            _ => json!({"status": 204}),
        };
        let verdicts: Vec<Value> = asked.iter().map(verdict).collect();
        (StatusCode::OK, json!({ "events": verdicts }).to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/events", axum::routing::post(judge)).with_state(requests.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, requests)
}

fn batching(address: SocketAddr, format: Format, max_events: u32, max_wait_milliseconds: u32) -> Arc<Forwarder> {
    let mut config = config(format, vec![], Unrouted::DeadLetter);
    config.forward.batch = Some(BatchConfig { max_events, max_wait_milliseconds });
    forwarder(address.port(), None, config).0
}

fn asking(what: &str, attempt: u32) -> Delivery {
    Delivery { attempt, ..delivery_of("r", &json!({ "do": what })) }
}

async fn all(forwarder: &Forwarder, asks: &[&str]) -> Vec<HandlerAnswer> {
    join_all(asks.iter().map(|what| forwarder.handle(asking(what, 1)))).await
}

fn status(status: u16, seconds: Option<u64>) -> HandlerAnswer {
    HandlerAnswer::Status { status, retry_after: seconds.map(Duration::from_secs) }
}

#[tokio::test]
async fn what_is_there_at_once_goes_in_one_request_and_each_has_its_own_verdict() {
    for format in [Format::Envelope, Format::CloudEventsStructured] {
        let (address, requests) = judging().await;
        let forwarder = batching(address, format, 4, 10_000);
        let answers = all(&forwarder, &["well", "later", "never", "well"]).await;
        let expected = [HandlerAnswer::Done, status(503, Some(9)), status(422, None), HandlerAnswer::Done];
        assert_eq!(answers, expected);
        assert_eq!(*requests.lock().unwrap(), [["well", "later", "never", "well"]]);
    }
}

#[tokio::test]
async fn a_lone_event_goes_when_its_wait_is_over_and_more_than_enough_go_in_several() {
    let (address, requests) = judging().await;
    let forwarder = batching(address, Format::Envelope, 3, 5);
    assert_eq!(all(&forwarder, &["well"]).await, [HandlerAnswer::Done]);
    assert_eq!(all(&forwarder, &["well"; 7]).await, vec![HandlerAnswer::Done; 7]);
    let sizes: Vec<usize> = requests.lock().unwrap().iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 3), "{sizes:?}");
    assert_eq!((sizes[0], sizes.iter().sum::<usize>()), (1, 8));
}

#[tokio::test]
async fn a_reject_of_all_is_asked_for_each_alone_so_one_poison_hurts_no_other() {
    let (address, requests) = judging().await;
    let forwarder = batching(address, Format::Envelope, 3, 10_000);
    let answers = all(&forwarder, &["well", "all-422", "well"]).await;
    assert_eq!(answers, [HandlerAnswer::Done, status(422, None), HandlerAnswer::Done]);
    assert_eq!(requests.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1, 1]);
}

#[tokio::test]
async fn what_failed_once_goes_alone_the_next_time() {
    let (address, requests) = judging().await;
    let forwarder = batching(address, Format::Envelope, 3, 10_000);
    let answers = all(&forwarder, &["well", "all-500", "well"]).await;
    assert_eq!(answers, vec![status(500, None); 3]);
    assert_eq!(forwarder.handle(asking("well", 2)).await, HandlerAnswer::Done);
    assert_eq!(forwarder.handle(asking("all-500", 2)).await, status(500, None));
    assert_eq!(requests.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1]);
}

#[tokio::test]
async fn a_plain_2xx_accepts_all_and_no_answer_in_time_is_one_for_all() {
    let (address, got) = application().await;
    let forwarder = batching(address, Format::Envelope, 2, 10_000);
    assert_eq!(all(&forwarder, &["well", "well"]).await, vec![HandlerAnswer::Done; 2]);
    assert_eq!(got.lock().unwrap().len(), 1);
    let mut slow = config(Format::Envelope, vec![to("/slow")], Unrouted::DeadLetter);
    slow.forward.batch = Some(BatchConfig { max_events: 2, max_wait_milliseconds: 10_000 });
    let (slow, _) = super::forwarder(address.port(), None, slow);
    assert_eq!(all(&slow, &["well", "well"]).await, vec![HandlerAnswer::Timeout; 2]);
}

#[tokio::test]
async fn who_is_dropped_while_others_gather_leaves_them_to_be_handed_on_anew() {
    let (address, requests) = judging().await;
    let forwarder = batching(address, Format::Envelope, 3, 600_000);
    let leader = forwarder.handle(asking("well", 1));
    let follower = forwarder.handle(asking("well", 1));
    tokio::pin!(follower);
    tokio::select! {
        biased;
        _ = leader => panic!("it did not wait for more"),
        _ = &mut follower => panic!("it was answered"),
        () = sleep(Duration::from_millis(20)) => {}
    }
    // The leader is gone with its `select!`; nothing is left open behind it.
    assert_eq!(follower.await, HandlerAnswer::Unreachable);
    assert_eq!(all(&forwarder, &["well"; 3]).await, vec![HandlerAnswer::Done; 3]);
    assert_eq!(requests.lock().unwrap().len(), 1);
}
