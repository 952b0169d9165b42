//! An operator that ends right after any of its changes, in AWS or at the API server; an AWS that throttles, that is
//! away, that refuses a name for a while. The end is that of an undisturbed run (lines 1, 3, 6 and 9 of
//! `docs/reliability.md`).
//!
//! A control plane of its own; each case has its own operators and its own AWS.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{Method, Request};
use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{READY, reason},
};
use futures::{FutureExt, future::BoxFuture};
use kube::{
    Client, Config, ResourceExt,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig},
};
use operator::runner::metrics::Metrics;
use operator_core::fake::{FakeAws, FakeClock, Fault, Faults, When};
use prometheus_client::registry::Registry;
use test_cluster::ControlPlane;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::{
    lifecycle::{BUS, INBOX, RULE},
    rig::{Case, client_of, eventually, install, operate_counted, place},
};

/// Ends an operator: after so many changes, the next one's answer never comes.
#[derive(Debug)]
struct Fuse {
    left: AtomicI64,
    blown: AtomicBool,
    blows: Notify,
}

impl Fuse {
    fn after(changes: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(changes), blown: AtomicBool::new(false), blows: Notify::new() })
    }

    fn never() -> Arc<Self> {
        Self::after(i64::MAX)
    }

    async fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.blown.store(true, Ordering::SeqCst);
            self.blows.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// A client whose changes burn a fuse.
#[derive(Clone)]
struct Burning(Arc<Fuse>);

struct BurningService<S> {
    inner: S,
    fuse: Arc<Fuse>,
}

impl<S> Layer<S> for Burning {
    type Service = BurningService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        BurningService { inner, fuse: self.0.clone() }
    }
}

impl<S> Service<Request<Body>> for BurningService<S>
where
    S: Service<Request<Body>>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (change, fuse) = (request.method() != Method::GET, self.fuse.clone());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            if change {
                fuse.burn().await;
            }
            answer
        }
        .boxed()
    }
}

/// The control plane of these tests; they take turns, since every operator sees all objects on it.
async fn plane() -> (&'static ControlPlane, MutexGuard<'static, ()>) {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let plane = tokio::task::spawn_blocking(|| {
        PLANE.get_or_init(|| {
            eventing_service::install_crypto();
            ControlPlane::start().expect("a control plane")
        })
    });
    let plane = plane.await.unwrap();
    install(&client_of(plane.kubeconfig()).await).await;
    (plane, turn)
}

/// One case: its objects, its AWS, and the operators that come one after the other.
struct Disturbed {
    case: Case,
    fake: FakeAws,
    clock: Arc<FakeClock>,
    fuse: Arc<Fuse>,
    operator: tokio::task::JoinHandle<()>,
    counted: Registry,
    stop: CancellationToken,
}

impl Disturbed {
    /// An operator that ends after so many changes, and a successor that does not.
    async fn new(plane: &ControlPlane, changes: Option<i64>) -> Self {
        let clock = FakeClock::new();
        let fake = FakeAws::new(&place(), &clock);
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let stop = CancellationToken::new();
        let fuse = changes.map_or_else(Fuse::never, Fuse::after);
        let (aws, stopped, ending) = (fake.clone(), stop.clone(), fuse.clone());
        let mut counted = Registry::with_prefix("qsl_operator");
        let metrics = Metrics::new(&mut counted);
        let operator = tokio::spawn(async move {
            let burnt = ending.clone();
            aws.set_hook(Some(Arc::new(move |when, call| {
                let burns = call.write && when == When::After;
                let fuse = burnt.clone();
                async move {
                    if burns {
                        fuse.burn().await;
                    }
                }
                .boxed()
            })));
            let client = ClientBuilder::try_from(config.clone()).unwrap().with_layer(&Burning(ending.clone())).build();
            let first = operate_counted(client, aws.aws(), place(), metrics.clone(), stopped.clone());
            tokio::select! {
                () = Box::pin(first) => return,
                // Whatever it was doing ends here, as with SIGKILL.
                () = ending.blows.notified() => {}
            }
            aws.set_hook(None);
            let client = Client::try_from(config).unwrap();
            Box::pin(operate_counted(client, aws.aws(), place(), metrics, stopped)).await;
        });
        let case = Case::named_so(client_of(plane.kubeconfig()).await, "case-disturbed");
        Self { case, fake, clock, fuse, operator, counted, stop }
    }

    async fn all_ready(&self) {
        self.case.until_ready::<EventBus>("platform", "core").await;
        self.case.until_ready::<InboxQueue>("books", "ledger").await;
        self.case.until_ready::<EventRule>("platform", "coins-all").await;
    }

    /// The operator's metrics as they are scraped.
    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.counted).unwrap();
        text
    }

    async fn all_gone(&self) {
        self.case.until_gone::<EventRule>("platform", "coins-all").await;
        self.case.until_gone::<InboxQueue>("books", "ledger").await;
        self.case.until_gone::<EventBus>("platform", "core").await;
    }

    async fn delete_all(&self) {
        self.case.delete::<EventRule>("platform", "coins-all").await;
        self.case.delete::<InboxQueue>("books", "ledger").await;
        self.case.delete::<EventBus>("platform", "core").await;
    }

    /// Everything in AWS: all cases have the same names, and so the same hashes of them.
    fn things(&self) -> BTreeMap<String, String> {
        self.fake.things().into_iter().map(|(name, (_, text))| (name, text)).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.operator.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_ends_right_after_any_change_has_a_successor_that_finishes() {
    let (plane, _turn) = plane().await;
    let undisturbed = Disturbed::new(plane, None).await;
    for document in [BUS, INBOX, RULE] {
        undisturbed.case.apply(document).await;
    }
    undisturbed.all_ready().await;
    let expected = undisturbed.things();
    let roles = expected.keys().filter(|name| name.starts_with("role ")).count();
    assert!(expected.len() - roles >= 4 && roles >= 3, "{expected:?}");
    undisturbed.delete_all().await;
    undisturbed.all_gone().await;
    assert_eq!(undisturbed.fake.things().len(), 0);
    undisturbed.end().await;

    for changes in 0.. {
        let disturbed = Disturbed::new(plane, Some(changes)).await;
        for document in [BUS, INBOX, RULE] {
            disturbed.case.apply(document).await;
        }
        disturbed.all_ready().await;
        assert_eq!(disturbed.things(), expected, "ended after {changes} changes");
        disturbed.delete_all().await;
        disturbed.all_gone().await;
        let left = disturbed.fake.things();
        assert!(left.is_empty(), "ended after {changes} changes: {left:?}");
        let blown = disturbed.fuse.blown.load(Ordering::SeqCst);
        disturbed.end().await;
        if !blown {
            assert!(changes > 20, "a life of {changes} changes shows nothing");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttling_aws_is_not_hammered_and_all_converges_after_it() {
    let (plane, _turn) = plane().await;
    let disturbed = Disturbed::new(plane, None).await;
    disturbed.fake.set_faults(Some(Faults::seeded(1).with(Fault::Throttled, 1000)));
    for document in [BUS, INBOX, RULE] {
        disturbed.case.apply(document).await;
    }
    tokio::time::sleep(Duration::from_secs(15)).await;
    let calls = disturbed.fake.tally().total();
    // Three objects, each tried at most after about 0.5, 1.5, 3.5, 7.5 s; a bus asks once, an inbox once a try.
    assert!((3..=30).contains(&calls), "{calls} calls in fifteen seconds");
    let metrics = disturbed.metrics();
    for kind in ["EventBus", "InboxQueue"] {
        let line = format!(r#"qsl_operator_reconcile_errors_total{{kind="{kind}",class="Throttled"}} "#);
        let counted = metrics.lines().find_map(|counted| counted.strip_prefix(&line)).unwrap_or_default();
        assert!(counted.parse().is_ok_and(|errors: u32| errors >= 1), "{line}in {metrics}");
    }
    assert_eq!(disturbed.fake.things().len(), 0);
    disturbed.fake.set_faults(None);
    disturbed.all_ready().await;
    disturbed.delete_all().await;
    disturbed.all_gone().await;
    disturbed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_with_aws_away_keeps_the_finalizer_says_why_and_finishes_later() {
    let (plane, _turn) = plane().await;
    let disturbed = Disturbed::new(plane, None).await;
    disturbed.case.apply(BUS).await;
    disturbed.case.until_ready::<EventBus>("platform", "core").await;
    disturbed.fake.set_faults(Some(Faults::seeded(1).with(Fault::Unavailable(When::Before), 1000)));
    disturbed.case.delete::<EventBus>("platform", "core").await;
    let said = eventually("the bus says why it is still there", || async {
        let bus = disturbed.case.api::<EventBus>("platform").get("core").await.map_err(|error| error.to_string())?;
        assert!(!bus.finalizers().is_empty());
        let conditions = bus.status.map(|status| status.conditions).unwrap_or_default();
        let ready = crds::conditions::get(&conditions, READY).cloned();
        let why = ready.filter(|ready| ready.status == "False").map(|ready| ready.message);
        why.filter(|message| message.contains("503")).ok_or(format!("{conditions:?}"))
    })
    .await;
    assert!(said.contains("EventBridge"), "{said}");
    assert_eq!(disturbed.fake.things().len(), 2, "the bus and its publisher's role");
    disturbed.fake.set_faults(None);
    disturbed.case.until_gone::<EventBus>("platform", "core").await;
    assert_eq!(disturbed.fake.things().len(), 0);
    disturbed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_name_that_was_deleted_recently_is_waited_for_quietly_and_then_taken() {
    let (plane, _turn) = plane().await;
    let disturbed = Disturbed::new(plane, None).await;
    disturbed.case.apply(INBOX).await;
    disturbed.case.until_ready::<InboxQueue>("books", "ledger").await;
    disturbed.case.delete::<InboxQueue>("books", "ledger").await;
    disturbed.case.until_gone::<InboxQueue>("books", "ledger").await;
    disturbed.case.apply(INBOX).await;
    let waiting = disturbed.case.until::<InboxQueue>("books", "ledger", READY, "False", reason::SETTLING).await;
    assert!(waiting.message.contains("60"), "{}", waiting.message);
    assert_eq!(disturbed.fake.things().len(), 0);
    disturbed.clock.advance(Duration::from_mins(1));
    disturbed.case.until_ready::<InboxQueue>("books", "ledger").await;
    disturbed.case.delete::<InboxQueue>("books", "ledger").await;
    disturbed.case.until_gone::<InboxQueue>("books", "ledger").await;
    disturbed.end().await;
}
