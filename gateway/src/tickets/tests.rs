#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Mutex;

use eventing::claim::{Answer, Ask, Change, Key, Record, decide};

use super::*;
use crate::viewer::tests::viewer;

/// Claims in memory, decided as the journal decides them.
#[derive(Default)]
struct InMemory(Mutex<HashMap<EventKey, Record>>);

#[async_trait]
impl Claims for InMemory {
    async fn settle(&self, request: &ClaimRequest) -> Result<ClaimAnswer, JournalError> {
        let ask = match request.action {
            ClaimAction::Claim => Ask::Claim { lapse: Duration::from_secs(request.lapse_seconds.into()) },
            ClaimAction::Release => Ask::Release { attempts: request.attempts },
            other => unreachable!("{other:?}"),
        };
        let mut known = self.0.lock().unwrap();
        let [ClaimKey { key, keep_seconds }] = request.keys.as_slice() else { unreachable!("one key") };
        let keys = [Key { record: known.get(key).cloned(), keep: Duration::from_secs((*keep_seconds).into()) }];
        let (answer, changes) = decide(ask, &request.holder, &keys, Millis::now());
        for change in changes {
            match change {
                Change::None => {}
                Change::Write(record) => drop(known.insert(*key, record)),
                Change::Remove => drop(known.remove(key)),
            }
        }
        Ok(match answer {
            Answer::Claimed { attempts } => ClaimAnswer::Claimed { attempts },
            Answer::Handled => ClaimAnswer::Handled,
            Answer::Held { .. } => ClaimAnswer::Held { lapses_in_seconds: 1 },
            Answer::Settled => ClaimAnswer::Settled,
        })
    }
}

struct Away;

#[async_trait]
impl Claims for Away {
    async fn settle(&self, _: &ClaimRequest) -> Result<ClaimAnswer, JournalError> {
        Err(JournalError("away".to_owned()))
    }
}

/// Two replicas at one journal.
fn replicas() -> (Tickets, Tickets, Arc<InMemory>) {
    let journal = Arc::new(InMemory::default());
    let replica = || Tickets::new(journal.clone(), "ops/clientupdates".parse().unwrap(), Metrics::default());
    (replica(), replica(), journal)
}

fn ada() -> Viewer {
    Viewer { expires: Millis::now().seconds() + 600, ..viewer("ada", Some("north"), Reach::Tenant) }
}

fn line() -> StreamPath {
    StreamPath::of_correlation("line-7").unwrap()
}

#[tokio::test]
async fn a_ticket_is_good_once_at_any_replica_for_whom_it_was_given() {
    let (one, other, _) = replicas();
    let ticket = one.give(&ada(), line()).await.unwrap();
    assert_eq!(other.redeem(&ticket, Some(&line())).await, Ok(ada()));
    for replica in [&one, &other] {
        assert_eq!(replica.redeem(&ticket, Some(&line())).await, Err(TicketError::Refused));
    }
}

#[tokio::test]
async fn of_many_who_present_it_at_once_one_is_let_in() {
    let (one, other, _) = replicas();
    let ticket = one.give(&ada(), StreamPath::User).await.unwrap();
    let attempts = (0..32).map(|at| {
        let (replica, ticket) = (if at % 2 == 0 { one.clone() } else { other.clone() }, ticket.clone());
        tokio::spawn(async move { replica.redeem(&ticket, Some(&StreamPath::User)).await.is_ok() })
    });
    let let_in = futures::future::join_all(attempts).await.into_iter().filter(|one| *one.as_ref().unwrap()).count();
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn a_ticket_for_one_stream_opens_no_other_and_is_used_up_by_trying() {
    let (one, _, _) = replicas();
    for wrong in [StreamPath::of_correlation("line-8"), Some(StreamPath::User), None] {
        let ticket = one.give(&ada(), line()).await.unwrap();
        assert_eq!(one.redeem(&ticket, wrong.as_ref()).await, Err(TicketError::Refused));
        assert_eq!(one.redeem(&ticket, Some(&line())).await, Err(TicketError::Refused));
    }
}

#[tokio::test]
async fn what_nobody_gave_is_refused_however_often_and_leaves_nothing_behind() {
    let (one, _, journal) = replicas();
    let given = one.give(&ada(), line()).await.unwrap();
    let mut forged: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&given).unwrap()).unwrap();
    *forged.get_mut("reach").unwrap() = "all".into();
    let forged = URL_SAFE_NO_PAD.encode(forged.to_string());
    let before = journal.0.lock().unwrap().len();
    let wanted = line();
    let tries = (0..8).map(|_| one.redeem(&forged, Some(&wanted)));
    for verdict in futures::future::join_all(tries).await {
        assert_eq!(verdict, Err(TicketError::Refused));
    }
    assert_eq!(journal.0.lock().unwrap().len(), before);
    for nonsense in ["", "x", "e30", "a".repeat(MAX_BYTES + 1).as_str()] {
        assert_eq!(one.redeem(nonsense, Some(&line())).await, Err(TicketError::Refused), "{nonsense}");
    }
}

#[tokio::test]
async fn a_ticket_ends_after_half_a_minute_and_with_its_token() {
    let (one, _, _) = replicas();
    let now = Millis::now();
    let ticket = one.give(&ada(), line()).await.unwrap();
    assert!(read(&ticket, now.plus_millis(29_000)).is_some());
    assert!(read(&ticket, now.plus_millis(31_000)).is_none());
    assert!(read(&ticket, now.plus_millis(-60_000)).is_none(), "no ticket lasts so long");
    let over = Viewer { expires: now.seconds(), ..ada() };
    let ticket = one.give(&over, line()).await.unwrap();
    assert_eq!(one.redeem(&ticket, Some(&line())).await, Err(TicketError::Refused));
}

#[tokio::test]
async fn without_the_journal_no_ticket_is_given_or_taken_and_none_is_called_bad() {
    let (one, _, _) = replicas();
    let ticket = one.give(&ada(), line()).await.unwrap();
    let away = Tickets::new(Arc::new(Away), "ops/clientupdates".parse().unwrap(), Metrics::default());
    assert_eq!(away.redeem(&ticket, Some(&line())).await, Err(TicketError::Unavailable));
    assert_eq!(away.give(&ada(), line()).await, Err(TicketError::Unavailable));
}
