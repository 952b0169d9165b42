//! Requests that come at once share signing and puts, and nothing else.

use futures::future::join_all;

use super::*;

/// A request with one event, known by `n`.
fn one(source: &str, n: usize) -> Posted {
    let events = parsed(&event(source, &json!({ "n": n })));
    Posted { in_list: false, keys: Keys::OfRequest(IdempotencyKey::parse(&format!("k-{n}")).unwrap()), ..list(events) }
}

fn refused(code: &str) -> SignFailure {
    let (code, detail) = (code.to_owned(), "no".to_owned());
    SignFailure::Refused { status: 409, code, detail, errors: Vec::new() }
}

#[tokio::test]
async fn many_at_once_are_signed_together_and_put_in_tens_and_each_gets_its_own_answer() {
    let (publisher, signer, bus) = publisher(FakeBus::default());
    let bus_id = "platform/lanes".parse().unwrap();
    let requests: Vec<Posted> = (0..31).map(|n| one("qsl.tram", n)).collect();
    let answers = join_all(requests.iter().map(|posted| publisher.publish(posted))).await;
    for (posted, answer) in requests.iter().zip(answers) {
        let placed = answer.unwrap();
        assert!(placed.len() == 1 && is_published(&placed[0]));
        assert_eq!(Some(&placed[0].jti), posted.jti(&bus_id, 0).as_ref());
    }
    // Nobody waited for the others: what came first may have been signed before they came.
    assert!(signer.sizes().len() <= 2, "{:?}", signer.sizes());
    assert!(bus.sizes().len() <= 5, "{:?}", bus.sizes());
    assert_eq!((signer.sizes().iter().sum::<usize>(), bus.sizes().iter().sum::<usize>()), (31, 31));
}

#[tokio::test]
async fn a_round_has_no_more_events_than_one_request_to_sign_may_have() {
    let (publisher, signer, _) = publisher(FakeBus::default());
    let (large, small) = (list(some(70)), list(some(20)));
    let requests = [&large, &large, &small, &small];
    let answers = join_all(requests.map(|posted| publisher.publish(posted))).await;
    let counts: Vec<usize> = answers.into_iter().map(|placed| placed.unwrap().len()).collect();
    assert_eq!(counts, [70, 70, 20, 20]);
    assert!(signer.sizes().iter().all(|size| *size <= 100), "{:?}", signer.sizes());
}

#[tokio::test]
async fn one_caller_s_refused_event_fails_nobody_else_s() {
    let (publisher, signer, _) = publisher(FakeBus::default());
    // Of the shared request and of the second caller's own.
    signer.refuses("qsl.lane", refused("NO_SIGNING_KEY"));
    let requests = [one("qsl.tram", 0), one("qsl.lane", 1), one("qsl.tram", 2), one("qsl.tram", 3)];
    let answers = join_all(requests.iter().map(|posted| publisher.publish(posted))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match n {
            1 => assert_eq!(answer.unwrap_err(), PublishError::Sign(refused("NO_SIGNING_KEY"))),
            _ => assert!(is_published(&answer.unwrap()[0]), "{n}"),
        }
    }
}

#[tokio::test]
async fn an_entry_the_bus_refuses_is_its_caller_s_alone() {
    let spared = vec![(0, "NotAuthorizedForSourceException")];
    let (publisher, _, bus) = publisher(FakeBus::default().next(Next::Spares(spared)));
    let requests: Vec<Posted> = (0..8).map(|n| one("qsl.tram", n)).collect();
    let answers = join_all(requests.iter().map(|posted| publisher.publish(posted))).await;
    let published = answers.into_iter().filter(|answer| is_published(&answer.as_ref().unwrap()[0])).count();
    assert_eq!((published, bus.sizes().iter().sum::<usize>()), (7, 8));
}

#[tokio::test]
async fn who_went_away_before_its_round_publishes_nothing() {
    let (publisher, signer, bus) = publisher(FakeBus::default());
    signer.failures.lock().unwrap().push_back(away(None));
    let first = one("qsl.tram", 0);
    let gone = one("qsl.tram", 1);
    let leaves = async {
        // It asks while the first is being signed, and does not wait for the answer.
        tokio::select! {
            _ = publisher.publish(&gone) => panic!("it was answered before the first"),
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    };
    let begun = publisher.publish(&first);
    tokio::pin!(begun);
    tokio::select! {
        biased;
        _ = &mut begun => panic!("it was answered before it was signed"),
        () = tokio::task::yield_now() => {}
    }
    leaves.await;
    assert!(is_published(&begun.await.unwrap()[0]));
    publisher.publish(&one("qsl.tram", 2)).await.unwrap();
    assert_eq!((signer.sizes(), bus.sizes()), (vec![1, 1, 1], vec![1, 1]));
}
