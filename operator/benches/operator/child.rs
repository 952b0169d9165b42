//! The operator that is measured: watches, election, fence, call budgets and controllers as the product starts them, on
//! the AWS in memory.
//!
//! It says `ready` when it runs, then answers each line of its standard input with what AWS was asked until then.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use operator::{
    app::leader::{Leader, campaign},
    runner::{Hub, metrics::Metrics},
    settings::Settings,
};
use operator_core::{
    Installation,
    fake::{FakeAws, FakeClock, Fault, Faults, Hook, Tally, When},
    tags::Tags,
};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::arguments::Operate;

/// More calls a second than there are: what the operator itself takes is measured, unless the budget is.
const UNBOUNDED: u32 = 1_000_000;
/// Any number; the same faults befall the same calls in every run.
const SEED: u64 = 5;

/// What AWS was asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Calls to EventBridge.
    pub event_bridge: u64,
    /// Calls to SQS.
    pub sqs: u64,
    /// Calls to IAM.
    pub iam: u64,
    /// Calls of all services.
    pub total: u64,
    /// Those that change something.
    pub writes: u64,
    /// Each operation, and how often.
    pub operations: Vec<(String, u64)>,
}

impl From<&Tally> for Asked {
    fn from(tally: &Tally) -> Self {
        Self {
            event_bridge: tally.of_service("EventBridge"),
            sqs: tally.of_service("SQS"),
            iam: tally.of_service("IAM"),
            total: tally.total(),
            writes: tally.writes(),
            operations: tally.operations().map(|(service, name, count)| (format!("{service} {name}"), count)).collect(),
        }
    }
}

/// A client of the API server of a kubeconfig.
pub async fn client(kubeconfig: &std::path::Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Runs until its standard input ends.
#[allow(clippy::print_stdout, reason = "its answers")]
pub async fn run(operate: &Operate) -> Result<()> {
    let place = place()?;
    let fake = FakeAws::new(&place, &FakeClock::running());
    fake.set_hook((operate.latency > 0).then(|| delay(Duration::from_millis(operate.latency))));
    if operate.budgets {
        fake.keep_rates();
    }
    fake.set_faults((operate.throttled > 0).then(|| Faults::seeded(SEED).with(Fault::Throttled, operate.throttled)));
    let client = client(&operate.kubeconfig).await?;
    let (hub, watches) = Hub::new();
    let metrics = Metrics::new(&mut Registry::default());
    let settings = settings(operate)?;
    let campaign = campaign(&settings, client.clone(), metrics.clone());
    // Keys and documents wait for the first start, which is not measured.
    let (_first_start, installed) = tokio::sync::watch::channel(None);
    let readiness = eventing_service::admin::Readiness::new();
    let leader = Leader {
        settings,
        client: client.clone(),
        hub: hub.clone(),
        installed,
        aws: fake.aws(),
        place: Arc::new(place),
        tenancy: Arc::default(),
        metrics,
        signing: operator::publication::metrics::SigningMetrics::default(),
        pods: operator::pods::PodMetrics::default(),
        publication: readiness.check("publication's watches", ""),
    };
    let stop = CancellationToken::new();
    let fence = campaign.fence.clone();
    let running = async {
        tokio::join!(
            watches.run(client, &readiness, stop.clone()),
            campaign.run(stop.clone(), |term, stop| leader.work(term, stop)),
        )
    };
    let answering = async {
        hub.filled().await;
        fence.opened().await;
        println!("ready");
        let mut questions = BufReader::new(tokio::io::stdin()).lines();
        while questions.next_line().await?.is_some() {
            // What was recorded call by call would pile up.
            fake.take_calls();
            println!("{}", serde_json::to_string(&Asked::from(&fake.tally()))?);
        }
        stop.cancel();
        anyhow::Ok(())
    };
    tokio::join!(running, answering).1
}

/// The product's, but for what a run varies.
fn settings(operate: &Operate) -> Result<Settings> {
    let mut settings = Settings::try_parse_from([
        "qsl-operator".to_owned(),
        "--oidc-provider-arn=arn:aws:iam::000000000000:oidc-provider/issuer.test".to_owned(),
        "--settle-seconds=0".to_owned(),
        format!("--resync-seconds={}", operate.resync),
    ])?;
    if !operate.budgets {
        settings.controllers.eventbridge_calls_per_second = UNBOUNDED;
        settings.controllers.sqs_calls_per_second = UNBOUNDED;
        settings.controllers.iam_calls_per_second = UNBOUNDED;
    }
    Ok(settings)
}

fn place() -> Result<Installation> {
    Ok(Installation {
        account: "000000000000".parse()?,
        region: "eu-central-1".parse()?,
        partition: "aws".parse()?,
        cluster_id: "bench-cluster".into(),
        oidc_provider: "arn:aws:iam::000000000000:oidc-provider/issuer.test".parse().context("a provider")?,
        token_audience: "sts.amazonaws.com".into(),
        permissions_boundary: None,
        // An artificial delay: what the operator itself takes is measured.
        settle: Duration::ZERO,
        tools: operator_core::owner::ServiceAccount { namespace: "qsl-system".into(), name: "qsl-tools".into() },
        tags: Tags::new(),
    })
}

fn delay(time: Duration) -> Hook {
    Arc::new(move |when, _| match when {
        When::Before => Box::pin(tokio::time::sleep(time)),
        When::After => Box::pin(std::future::ready(())),
    })
}
