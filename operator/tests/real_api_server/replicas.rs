//! Two replicas on one API server and one account: who writes, and when. Each replica is the operator's own wiring
//! (watches, election, fence, gate, controllers) with an AWS in memory that both share; what a replica sends to it is
//! read from that replica's own metrics. The times are the operator's real ones.

mod cut;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser as _;
use crds::InboxQueue;
use eventing_service::admin::Readiness;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use operator::{
    app::leader::{Leader, campaign},
    leadership::{Fence, Times},
    runner::{Hub, metrics::Metrics},
    settings::Settings,
};
use operator_core::{
    fake::{FakeAws, FakeClock},
    names::QueueName,
    ports::QueueChange,
};
use prometheus_client::registry::Registry;
use test_cluster::ControlPlane;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rig::{Case, client_of, install, place};
use cut::Wire;

/// What the issue allows between the end of one leader and the work of the next.
const TAKEOVER: Duration = Duration::from_secs(30);

const INBOX: &str = r"
kind: InboxQueue
metadata: {name: ledger, namespace: $books}
spec: {queueName: $ledger}
";
const SECOND: &str = r"
kind: InboxQueue
metadata: {name: second, namespace: $books}
spec: {queueName: $second}
";

/// A control plane, and an account that all replicas share.
struct Stage {
    plane: ControlPlane,
    case: Case,
    fake: FakeAws,
}

impl Stage {
    async fn new() -> Self {
        eventing_service::install_crypto();
        let plane = tokio::task::spawn_blocking(|| ControlPlane::start().expect("a control plane")).await.unwrap();
        let client = client_of(plane.kubeconfig()).await;
        install(&client).await;
        crate::rig::make_namespace(&client, "qsl-system").await;
        Self { case: Case::with(client), fake: FakeAws::new(&place(), &FakeClock::new()), plane }
    }

    /// Changes the queue by hand, so that whoever leads has something to repair at every look.
    async fn drift(&self, visibility: u32) {
        let queues = self.fake.aws().queues;
        let name = QueueName::parse(self.case.named("ledger")).unwrap();
        if let Some(url) = queues.url(&name).await.unwrap() {
            let change = QueueChange { visibility_timeout_seconds: Some(visibility), ..QueueChange::default() };
            queues.change(&url, &change).await.unwrap();
        }
    }

    async fn holder(&self) -> Option<String> {
        let leases: Api<Lease> = Api::namespaced(self.case.client.clone(), "qsl-system");
        leases.get_opt("qsl-operator").await.unwrap()?.spec?.holder_identity
    }
}

/// A running replica.
struct Replica {
    registry: Arc<Registry>,
    fence: Fence,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(name: &'static str, client: Client, fake: &FakeAws) -> Self {
        let settings = Settings::parse_from([
            "qsl-operator",
            "--oidc-provider-arn=arn:aws:iam::000000000000:oidc-provider/issuer.test",
            "--pod-name",
            name,
            "--resync-seconds=1",
        ]);
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let (hub, watches) = Hub::new();
        let campaign = campaign(&settings, client.clone(), metrics.clone());
        let (fence, stop) = (campaign.fence.clone(), CancellationToken::new());
        let (kept, installed) = tokio::sync::watch::channel(None);
        let aws = fake.aws();
        let readiness = Readiness::new();
        let leader = Leader {
            settings,
            client: client.clone(),
            hub,
            installed,
            aws,
            place: Arc::new(place()),
            tenancy: Arc::default(),
            metrics,
            signing: operator::publication::metrics::SigningMetrics::default(),
            pods: operator::pods::PodMetrics::default(),
            publication: readiness.check("publication's watches", ""),
        };
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            let _kept = kept;
            tokio::join!(
                watches.run(client, &readiness, stopping.clone()),
                campaign.run(stopping, |term, stop| leader.work(term, stop)),
            );
        });
        Self { registry: Arc::new(registry), fence, stop, task }
    }

    /// How many attempts it made at AWS: of one operation, or of any.
    fn calls(&self, operation: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let of_it = text.lines().filter(|line| line.starts_with("aws_calls_total{") && line.contains(operation));
        of_it.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    async fn leads(&self) {
        tokio::time::timeout(TAKEOVER, self.fence.opened()).await.expect("it leads in time");
    }
}

/// A client that reaches the API server through `wire`.
async fn through(wire: &Wire, kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(PathBuf::from(kubeconfig)).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.cluster_url = format!("https://{}", wire.address()).parse().unwrap();
    Client::try_from(config).unwrap()
}

async fn a_while(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_from_the_api_server_stops_before_the_next_one_begins() {
    let stage = Stage::new().await;
    let wire = Wire::to(stage.plane.api_server()).await;
    let old = Replica::start("old", through(&wire, stage.plane.kubeconfig()).await, &stage.fake);
    old.leads().await;
    let new = Replica::start("new", stage.case.client.clone(), &stage.fake);
    stage.case.apply(INBOX).await;
    stage.case.until_ready::<InboxQueue>("books", "ledger").await;

    wire.cut();
    let cut = Instant::now();
    let (mut old_last, mut old_calls, mut new_led, mut visibility) = (cut, old.calls(""), None, 100);
    let new_wrote = loop {
        visibility += 1;
        stage.drift(visibility).await;
        let (calls, now) = (old.calls(""), Instant::now());
        if calls != old_calls {
            (old_calls, old_last) = (calls, now);
        }
        if new_led.is_none() && new.fence.is_open() {
            new_led = Some(now);
        }
        if new.calls("SetQueueAttributes") > 0 {
            break now;
        }
        assert!(cut.elapsed() < TAKEOVER, "nobody took over within {TAKEOVER:?}");
        a_while(20).await;
    };
    // Cut off, it had work and did it, for as long as its lease was safe …
    assert!(old_last - cut > Duration::from_secs(5), "it stopped after {:?}, not by its fence", old_last - cut);
    assert!(old.calls("SetQueueAttributes") > 0);
    // … and no longer.
    let led = new_led.unwrap();
    assert!(led - old_last > Times::DEFAULT.attempt, "only {:?} between the two", led - old_last);
    println!(
        "last call {:?}, next leader {:?}, its first write {:?} after the cut",
        old_last - cut,
        led - cut,
        new_wrote - cut
    );
    a_while(3000).await;
    assert_eq!(old.calls(""), old_calls, "it called AWS after its lease");

    // Back again, it sees that another leads, and stays quiet.
    wire.mend();
    a_while(6000).await;
    assert!(!old.fence.is_open());
    assert_eq!(old.calls(""), old_calls);
    assert!(stage.holder().await.unwrap().starts_with("new_"));
}

/// Two replicas; the old one leads, and has made an inbox.
async fn a_leader_and_a_second() -> (Stage, Replica, Replica) {
    let stage = Stage::new().await;
    let old = Replica::start("old", stage.case.client.clone(), &stage.fake);
    old.leads().await;
    let new = Replica::start("new", stage.case.client.clone(), &stage.fake);
    stage.case.apply(INBOX).await;
    stage.case.until_ready::<InboxQueue>("books", "ledger").await;
    (stage, old, new)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_within_thirty_seconds() {
    let (stage, old, new) = a_leader_and_a_second().await;
    assert_eq!(new.calls(""), 0, "only the leader calls AWS");

    old.task.abort();
    let killed = Instant::now();
    stage.case.apply(SECOND).await;
    stage.case.until_ready::<InboxQueue>("books", "second").await;
    println!("ready {:?} after the kill", killed.elapsed());
    assert!(killed.elapsed() < TAKEOVER, "{:?}", killed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_gives_the_lease_back_and_is_followed_at_once() {
    let (stage, old, new) = a_leader_and_a_second().await;

    let stopped = Instant::now();
    old.stop.cancel();
    old.task.await.unwrap();
    new.leads().await;
    println!("the next leads {:?} after the stop", stopped.elapsed());
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
    assert!(stage.holder().await.unwrap().starts_with("new_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_away_aws_is_left_alone_and_then_work_goes_on() {
    let stage = Stage::new().await;
    let wire = Wire::to(stage.plane.api_server()).await;
    let only = Replica::start("only", through(&wire, stage.plane.kubeconfig()).await, &stage.fake);
    only.leads().await;
    stage.case.apply(INBOX).await;
    stage.case.until_ready::<InboxQueue>("books", "ledger").await;

    wire.cut();
    let cut = Instant::now();
    while only.fence.is_open() {
        assert!(cut.elapsed() < Times::DEFAULT.duration, "the fence is still open after {:?}", cut.elapsed());
        a_while(20).await;
    }
    let (before, calls) = (stage.fake.things(), only.calls(""));
    a_while(20_000).await;
    assert_eq!(only.calls(""), calls);
    assert_eq!(stage.fake.things(), before);

    wire.mend();
    stage.case.apply(SECOND).await;
    stage.case.until_ready::<InboxQueue>("books", "second").await;
}
