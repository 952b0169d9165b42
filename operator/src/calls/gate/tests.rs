#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::FutureExt as _;
use prometheus_client::registry::Registry;

use super::*;
use crate::leadership::Fence;

const READ: Operation = Operation { service: Service::EventBridge, name: "ListRules", writes: false };
const WRITE: Operation = Operation { service: Service::EventBridge, name: "PutRule", writes: true };
const ATTEMPT: Duration = Duration::from_secs(5);

fn gate(term: Term) -> Gate {
    Gate::new(term, ATTEMPT, Budgets::default(), Metrics::new(&mut Registry::default()))
}

fn error(class: ErrorClass) -> AwsError {
    AwsError::new(class, "EventBridge", "PutRule", "made to fail")
}

/// Calls that note when they came, and answer as `answer` says of their number.
struct Remote<A> {
    came: Mutex<Vec<Instant>>,
    number: AtomicU32,
    answer: A,
}

impl<A: Fn(u32) -> Answer<()>> Remote<A> {
    fn new(answer: A) -> Self {
        Self { came: Mutex::default(), number: AtomicU32::new(0), answer }
    }

    async fn ask(&self) -> Answer<()> {
        self.came.lock().unwrap().push(Instant::now());
        sleep(Duration::from_millis(25)).await;
        (self.answer)(self.number.fetch_add(1, Ordering::SeqCst))
    }

    fn calls(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_at_once_goes_out_at_the_budgets_rate() {
    let (gate, remote) = (gate(Term::endless()), Remote::new(|_| Ok(())));
    let start = Instant::now();
    let calls = (0..200).map(|_| gate.call(READ, |()| 0, || remote.ask()));
    futures::future::join_all(calls).await;
    let came = remote.came.lock().unwrap();
    for first in came.iter() {
        let second = came.iter().filter(|at| *at >= first && **at < *first + Duration::from_secs(1)).count();
        assert!(second <= 26, "{second} calls in one second");
    }
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn services_do_not_wait_for_each_other() {
    let (gate, remote) = (gate(Term::endless()), Remote::new(|_| Ok(())));
    let mut waiting: Vec<_> = (0..200).map(|_| Box::pin(gate.call(READ, |()| 0, || remote.ask()))).collect();
    for call in &mut waiting {
        assert!(call.as_mut().now_or_never().is_none());
    }
    let start = Instant::now();
    let queue = Operation { service: Service::Sqs, name: "GetQueueUrl", writes: false };
    gate.call(queue, |()| 0, || remote.ask()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(25));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_for_its_turn_is_not_made_after_the_term() {
    let fence = Fence::closed();
    fence.open_until(Instant::now() + Duration::from_secs(3));
    let (gate, remote) = (gate(fence.opened().await), Remote::new(|_| Ok(())));
    let over = Instant::now() + Duration::from_secs(3);
    let answers = futures::future::join_all((0..200).map(|_| gate.call(WRITE, |()| 0, || remote.ask()))).await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(error) if error.class == ErrorClass::Fenced));
    assert_eq!(refused.count() + remote.calls(), 200);
    assert!(remote.calls() < 100, "{}", remote.calls());
    assert!(remote.came.lock().unwrap().iter().all(|at| *at < over));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_not_repeated_after_the_term() {
    let fence = Fence::closed();
    fence.open_until(Instant::now() + Duration::from_secs(1));
    let remote = Remote::new(|_| Err(error(ErrorClass::Throttled)));
    let over = Instant::now() + Duration::from_secs(1);
    let answer = gate(fence.opened().await).call(WRITE, |()| 0, || remote.ask()).await;
    assert_eq!(answer.unwrap_err().class, ErrorClass::Fenced);
    assert!(remote.came.lock().unwrap().iter().all(|at| *at < over));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut_off_and_a_write_is_not_repeated() {
    let (gate, number) = (gate(Term::endless()), AtomicU32::new(0));
    let start = Instant::now();
    let answer: Answer<()> = gate
        .call(
            WRITE,
            |()| 0,
            || {
                number.fetch_add(1, Ordering::SeqCst);
                std::future::pending()
            },
        )
        .await;
    assert_eq!((answer.unwrap_err().class, start.elapsed()), (ErrorClass::Retryable, ATTEMPT));
    assert_eq!(number.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_failed_for_what_may_pass_is_repeated_and_a_write_never() {
    let once = |n| if n == 0 { Err(error(ErrorClass::Retryable)) } else { Ok(()) };
    let (reads, writes) = (Remote::new(once), Remote::new(once));
    let gate = gate(Term::endless());
    assert!(gate.call(READ, |()| 0, || reads.ask()).await.is_ok());
    assert!(gate.call(WRITE, |()| 0, || writes.ask()).await.is_err());
    assert_eq!((reads.calls(), writes.calls()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_that_repeating_does_not_help_comes_back_at_once() {
    for class in [ErrorClass::Invalid, ErrorClass::Denied, ErrorClass::Conflict, ErrorClass::Missing] {
        let remote = Remote::new(|_| Err(error(class.clone())));
        assert_eq!(gate(Term::endless()).call(READ, |()| 0, || remote.ask()).await.unwrap_err().class, class);
        assert_eq!(remote.calls(), 1, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_throttles_for_ten_minutes_is_asked_rarely_and_served_after() {
    let ten_minutes = Instant::now() + Duration::from_mins(10);
    let remote =
        Arc::new(Remote::new(
            move |_| {
                if Instant::now() < ten_minutes { Err(error(ErrorClass::Throttled)) } else { Ok(()) }
            },
        ));
    let gate = Arc::new(gate(Term::endless()));
    // Sixteen passes at a time, each of which gives up after some patience and comes back.
    let passes = (0..16).map(|_| async {
        while gate.call(READ, |()| 0, || remote.ask()).await.is_err() {
            sleep(Duration::from_secs(15)).await;
        }
    });
    futures::future::join_all(passes).await;
    let came = remote.came.lock().unwrap();
    let during = came.iter().filter(|at| **at < ten_minutes).count();
    assert!(during < 300, "{during} calls in ten minutes of refusals");
    let after = came.last().unwrap().duration_since(ten_minutes);
    assert!(after < Duration::from_mins(1), "converged {after:?} after");
}
