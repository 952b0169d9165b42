#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Candidates for one Lease, on a paused clock, with an API server in memory that can be cut off for each of them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use axum::http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::BoxError;

use super::*;
use crate::{
    leadership::{Campaign, Term},
    runner::metrics::Metrics,
};

/// One Lease, with versions, as the API server keeps it.
#[derive(Clone, Default)]
struct ApiServer {
    lease: Arc<Mutex<Option<Value>>>,
    version: Arc<AtomicU64>,
}

impl ApiServer {
    /// A client that can be cut off: what it sends then hangs.
    fn client(&self) -> (Client, Arc<AtomicBool>) {
        let cut = Arc::new(AtomicBool::new(false));
        let (server, is_cut) = (self.clone(), Arc::clone(&cut));
        let service = tower::service_fn(move |request| {
            let (server, is_cut) = (server.clone(), Arc::clone(&is_cut));
            async move {
                if is_cut.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                server.answer(request).await
            }
        });
        (Client::new(service, "default"), cut)
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let method = request.method().clone();
        let sent = request.into_body().collect().await?.to_bytes();
        let mut present = self.lease.lock().unwrap();
        let refuse = |code: u16, reason: &str| {
            let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "m"});
            Ok(Response::builder().status(code).body(Body::from(status.to_string().into_bytes()))?)
        };
        if method != Method::GET {
            let mut sent: Value = serde_json::from_slice(&sent)?;
            let expected = present.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
            let given = sent["metadata"].get("resourceVersion").cloned();
            if expected != given {
                return refuse(409, "Conflict");
            }
            sent["metadata"]["resourceVersion"] = json!(self.version.fetch_add(1, Ordering::SeqCst).to_string());
            *present = Some(sent);
        }
        match present.as_ref() {
            Some(lease) => Ok(Response::new(Body::from(lease.to_string().into_bytes()))),
            None => refuse(404, "NotFound"),
        }
    }
}

/// A running candidate that notes when it worked.
struct Candidate {
    fence: Fence,
    worked: Arc<Mutex<Vec<Instant>>>,
    cut: Arc<AtomicBool>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Candidate {
    /// Works every 10 ms while its term lasts; when it is asked to stop it takes `ending` to do so.
    fn start(server: &ApiServer, name: &str, ending: Duration) -> Self {
        let (client, cut) = server.client();
        let (fence, times, stop) = (Fence::closed(), Times::DEFAULT, CancellationToken::new());
        let election = Election::new(client, "qsl-system", "qsl-operator", name.into(), times, fence.clone());
        let metrics = Metrics::new(&mut Registry::default());
        let campaign = Campaign { election, fence: fence.clone(), times, metrics };
        let worked: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let (noting, stopping) = (Arc::clone(&worked), stop.clone());
        let work = move |term: Term, stop: CancellationToken| {
            let noting = Arc::clone(&noting);
            async move {
                let mut stopped = None;
                while stopped.is_none_or(|since: Instant| since.elapsed() < ending) {
                    if stop.is_cancelled() && stopped.is_none() {
                        stopped = Some(Instant::now());
                    }
                    if term.check().is_ok() {
                        noting.lock().unwrap().push(Instant::now());
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let task = tokio::spawn(async move { campaign.run(stopping, work).await });
        Self { fence, worked, cut, stop, task }
    }

    fn last(&self) -> Instant {
        *self.worked.lock().unwrap().last().expect("it worked")
    }

    fn first(&self) -> Option<Instant> {
        self.worked.lock().unwrap().first().copied()
    }

    /// Waits until it works; returns when it began.
    async fn begins(&self) -> Instant {
        loop {
            if let Some(first) = self.first() {
                return first;
            }
            sleep(10).await;
        }
    }
}

async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(start_paused = true)]
async fn of_many_candidates_one_leads_without_a_gap() {
    let server = ApiServer::default();
    let candidates: Vec<_> = (0..4).map(|n| Candidate::start(&server, &format!("c{n}"), Duration::ZERO)).collect();
    tokio::time::sleep(Duration::from_mins(10)).await;
    let working: Vec<_> = candidates.iter().filter(|candidate| candidate.first().is_some()).collect();
    assert_eq!(working.len(), 1);
    let worked = working[0].worked.lock().unwrap();
    assert!(worked.windows(2).all(|pair| pair[1] - pair[0] < Duration::from_millis(50)));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_stops_a_margin_before_the_next_begins_and_that_is_soon() {
    // At any moment of the renewals' rhythm.
    for moment in 0..8 {
        let server = ApiServer::default();
        let old = Candidate::start(&server, "old", Duration::ZERO);
        old.begins().await;
        let new = Candidate::start(&server, "new", Duration::ZERO);
        sleep(30_000 + moment * 600).await;
        old.cut.store(true, Ordering::SeqCst);
        let cut = Instant::now();
        let began = new.begins().await;
        assert!(began - cut < Duration::from_secs(25), "{:?}", began - cut);
        assert!(old.last() + Times::DEFAULT.attempt < began, "{:?} between the two", began - old.last());
        // Back again, it only looks on.
        old.cut.store(false, Ordering::SeqCst);
        let last = old.last();
        sleep(60_000).await;
        assert_eq!(old.last(), last);
        assert!(new.fence.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_killed_is_followed_within_thirty_seconds() {
    let server = ApiServer::default();
    let old = Candidate::start(&server, "old", Duration::ZERO);
    old.begins().await;
    let new = Candidate::start(&server, "new", Duration::ZERO);
    sleep(30_000).await;
    old.task.abort();
    let killed = Instant::now();
    assert!(new.begins().await - killed < Duration::from_secs(25));
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_lets_its_work_end_then_gives_the_lease_back() {
    let server = ApiServer::default();
    let old = Candidate::start(&server, "old", Duration::from_secs(15));
    old.begins().await;
    let new = Candidate::start(&server, "new", Duration::ZERO);
    sleep(10_000).await;
    old.stop.cancel();
    let stopped = Instant::now();
    old.task.await.unwrap();
    // What was running could write to its end: the lease was renewed meanwhile.
    assert!(stopped.elapsed() >= Duration::from_secs(15));
    let last = *old.worked.lock().unwrap().last().unwrap();
    assert!(last - stopped > Duration::from_secs(14), "{:?}", last - stopped);
    let began = new.begins().await;
    assert!(began > last && began - last < Duration::from_secs(4), "{:?}", began - last);
}

#[tokio::test(start_paused = true)]
async fn one_whose_work_does_not_end_keeps_the_lease_until_it_runs_out() {
    let server = ApiServer::default();
    let old = Candidate::start(&server, "old", Duration::from_mins(5));
    old.begins().await;
    let new = Candidate::start(&server, "new", Duration::ZERO);
    sleep(10_000).await;
    old.stop.cancel();
    let stopped = Instant::now();
    old.task.await.unwrap();
    assert_eq!(stopped.elapsed().as_secs(), Times::DEFAULT.drain.as_secs());
    let ended = Instant::now();
    let began = new.begins().await;
    assert!(began - ended > Times::DEFAULT.margin, "{:?}", began - ended);
}

#[tokio::test(start_paused = true)]
async fn a_short_absence_of_the_api_server_ends_no_term() {
    let server = ApiServer::default();
    let only = Candidate::start(&server, "only", Duration::ZERO);
    only.begins().await;
    let term = only.fence.opened().await;
    sleep(10_000).await;
    only.cut.store(true, Ordering::SeqCst);
    sleep(5000).await;
    only.cut.store(false, Ordering::SeqCst);
    sleep(20_000).await;
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_takes_the_lease_by_hand_ends_the_term_at_the_next_renewal() {
    let server = ApiServer::default();
    let old = Candidate::start(&server, "old", Duration::ZERO);
    old.begins().await;
    sleep(10_000).await;
    {
        let mut lease = server.lease.lock().unwrap();
        let lease = lease.as_mut().unwrap();
        lease["spec"]["holderIdentity"] = json!("a person");
        lease["metadata"]["resourceVersion"] = json!("by hand");
    }
    let taken = Instant::now();
    sleep(10_000).await;
    assert!(old.last() - taken < Times::DEFAULT.renew + Duration::from_secs(1), "{:?}", old.last() - taken);
}
