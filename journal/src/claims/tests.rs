#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use futures::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::store::{Location, SurrealStore};

const NOW: Millis = Millis(1_795_420_800_000);
const MINUTE: Duration = Duration::from_mins(1);
const KEEP: Duration = Duration::from_hours(24);

/// Opens the folder's database; the engine gives it free a moment after it was dropped.
async fn open(folder: &TempDir) -> SurrealStore {
    let location = Location::Folder(folder.path().to_owned());
    for _ in 0..100 {
        if let Ok(store) = SurrealStore::open(&location).await {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    SurrealStore::open(&location).await.unwrap()
}

fn wanted(holder: &str, ask: Ask, keys: &[u8]) -> Wanted {
    Wanted {
        inbox: "depot/arrivals".parse().unwrap(),
        ask,
        holder: holder.to_owned(),
        keys: keys.iter().map(|n| (EventKey([*n; 32]), KEEP)).collect(),
    }
}

fn claim(holder: &str, keys: &[u8]) -> Wanted {
    wanted(holder, Ask::Claim { lapse: MINUTE }, keys)
}

async fn one(store: &SurrealStore, wanted: Wanted, now: Millis) -> Answer {
    store.settle(&[wanted], now).await.unwrap()[0]
}

/// How many of them won, and how many were told that another has it.
fn counted(answers: &[Answer]) -> (usize, usize) {
    let count = |is: fn(&Answer) -> bool| answers.iter().filter(|answer| is(answer)).count();
    (count(|answer| matches!(answer, Answer::Claimed { .. })), count(|answer| matches!(answer, Answer::Held { .. })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_claim_at_once_in_transactions_of_their_own_exactly_one_wins() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    for round in 0..5_u8 {
        // Each has a key of its own besides the one they all have.
        let claiming = (0..6_u8).map(|n| {
            let store = store.clone();
            let wanted = claim(&format!("h-{n}"), &[round, 100 + 10 * round + n]);
            tokio::spawn(async move { store.settle(std::slice::from_ref(&wanted), NOW).await.unwrap()[0] })
        });
        let answers: Vec<Answer> = join_all(claiming).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(counted(&answers), (1, 5), "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_claim_at_once_exactly_one_wins_each_event() {
    let folder = TempDir::new().unwrap();
    let (claims, settler) = Claims::new(Arc::new(open(&folder).await), ClaimMetrics::default());
    let running = tokio::spawn(settler.run(CancellationToken::new()));
    for event in 0..10 {
        let claiming = (0..100).map(|n| {
            let claims = claims.clone();
            tokio::spawn(async move { claims.settle(claim(&format!("h-{n}"), &[event])).await.unwrap() })
        });
        let answers: Vec<Answer> = join_all(claiming).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(counted(&answers), (1, 99));
    }
    drop(claims);
    running.await.unwrap();
}

#[tokio::test]
async fn what_was_claimed_confirmed_and_counted_is_there_after_a_reopen() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    for keys in [[1], [2], [3]] {
        assert_eq!(one(&store, claim("a", &keys), NOW).await, Answer::Claimed { attempts: 0 });
    }
    one(&store, wanted("a", Ask::Confirm, &[1]), NOW).await;
    one(&store, wanted("a", Ask::Release { attempts: 2 }, &[2]), NOW).await;
    drop(store);
    let store = open(&folder).await;
    assert_eq!(one(&store, claim("b", &[1]), NOW.plus(MINUTE)).await, Answer::Handled);
    assert_eq!(one(&store, claim("b", &[2]), NOW).await, Answer::Claimed { attempts: 2 });
    assert_eq!(one(&store, claim("b", &[3]), NOW).await, Answer::Held { lapses_in: MINUTE });
    assert_eq!(one(&store, claim("b", &[3]), NOW.plus(MINUTE)).await, Answer::Claimed { attempts: 0 });
    // Another inbox knows nothing of it.
    let elsewhere = Wanted { inbox: "depot/returns".parse().unwrap(), ..claim("b", &[1]) };
    assert_eq!(one(&store, elsewhere, NOW).await, Answer::Claimed { attempts: 0 });
}

#[tokio::test]
async fn a_batch_is_settled_in_its_order() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let batch = [
        claim("a", &[1]),
        claim("b", &[1]),
        wanted("a", Ask::Release { attempts: 1 }, &[1]),
        claim("b", &[1]),
        wanted("b", Ask::Confirm, &[1]),
        claim("c", &[1]),
    ];
    let expected = [
        Answer::Claimed { attempts: 0 },
        Answer::Held { lapses_in: MINUTE },
        Answer::Settled,
        Answer::Claimed { attempts: 1 },
        Answer::Settled,
        Answer::Handled,
    ];
    assert_eq!(store.settle(&batch, NOW).await.unwrap(), expected);
    assert_eq!(one(&store, claim("d", &[1]), NOW).await, Answer::Handled);
}

#[tokio::test]
async fn what_says_nothing_any_more_is_removed_and_nothing_else() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    for key in 0..5 {
        one(&store, claim("a", &[key]), NOW).await;
    }
    one(&store, wanted("a", Ask::Confirm, &[4]), NOW).await;
    let later = NOW.plus(MINUTE + Duration::from_millis(1));
    assert_eq!(store.prune(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.prune(later, 3).await.unwrap(), 3);
    assert_eq!(store.prune(later, 10).await.unwrap(), 1);
    assert_eq!(one(&store, claim("b", &[4]), later).await, Answer::Handled);
    assert_eq!(store.prune(NOW.plus(KEEP * 2), 10).await.unwrap(), 1);
}

#[test]
fn a_request_that_is_out_of_bounds_names_each_field() {
    let request = |change: serde_json::Value| {
        let mut body = serde_json::json!({"inbox": "depot/arrivals", "action": "claim", "holder": "h", "lapseSeconds": 60,
            "keys": [{"key": "07".repeat(32), "keepSeconds": 60}]});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        check(serde_json::from_value(body).unwrap())
    };
    assert!(request(serde_json::json!({})).unwrap().is_some());
    assert_eq!(request(serde_json::json!({"action": "probe", "keys": [], "holder": ""})), Ok(None));
    let wrong = serde_json::json!({"holder": "", "lapseSeconds": 43_201,
        "keys": [{"key": "07".repeat(32), "keepSeconds": 0}]});
    let fields: Vec<String> = request(wrong).unwrap_err().into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["lapseSeconds", "holder", "keys/0/keepSeconds"]);
    let fields = |change| request(change).unwrap_err().into_iter().map(|error| error.field).collect::<Vec<_>>();
    assert_eq!(fields(serde_json::json!({"keys": []})), ["keys"]);
    assert_eq!(fields(serde_json::json!({"action": "release", "attempts": 10_001})), ["attempts"]);
}
