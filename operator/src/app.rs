//! Wiring: clients, the hub of watches, the first start, webhooks, controllers and publication. The only place that
//! knows both Kubernetes' and AWS's clients.
//!
//! Everything that needs the API server alone starts at once, in every replica; a replica stands for election when it
//! is known whose account this is ([`place`]), which is asked again and again and never ends the process. Controllers
//! and publication run in the one that leads, behind its term's fence ([`Leader`]).

pub mod controllers;
pub mod leader;
pub mod place;

use std::{convert::Infallible, sync::Arc};

use eventing_service::{
    admin::{self, Readiness},
    server::Server,
    tasks::Tasks,
};
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::Installation,
    pods::{PodMetrics, Told},
    publication::metrics::SigningMetrics,
    runner::{
        Hub,
        metrics::{Metrics, Objects},
        record::Events,
    },
    settings::Settings,
    webhooks::{self, WebhookServer, api::Answers, inject},
};
use leader::{Leader, campaign};

/// The operator could not start, or a part of it broke.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration is wrong: exit code 64.
    #[error("{0}")]
    Configuration(String),
    /// Something else.
    #[error(transparent)]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl AppError {
    fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(error.into())
    }
}

/// Runs the operator until `shutdown`.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> Result<(), AppError> {
    let client = Client::try_default().await.map_err(|error| AppError::Configuration(error.to_string()))?;
    let aws = operator_aws::load().await;
    let region = aws.region().map(ToString::to_string);
    let region = region.ok_or_else(|| AppError::Configuration("no AWS region: set AWS_REGION".to_owned()))?;
    let facts = place::Facts::parse(&settings.aws, &settings.release_namespace, &region)
        .map_err(|error| AppError::Configuration(error.to_string()))?;

    let tenancy = settings.controllers.tenancy().map_err(|error| AppError::Configuration(error.to_string()))?;

    let readiness = Readiness::new();
    let mut registry = Registry::with_prefix("qsl_operator");
    let metrics = Metrics::new(&mut registry);
    let signing_metrics = SigningMetrics::new(&mut registry);
    let pod_metrics = PodMetrics::new(&mut registry);
    let admin = Server::plain(settings.admin_listen).await.map_err(AppError::broken)?;
    let (hub, watches) = Hub::new();
    Objects::register(hub.clone(), &mut registry);
    let (installed_sender, installed) = watch::channel(None);
    let mut tasks = Tasks::new(shutdown);
    // The API server sends reviews until the pod is gone, so answers end last.
    let mut answering = Tasks::new(CancellationToken::new());

    let (watching, checks, stop) = (client.clone(), readiness.clone(), tasks.shutdown());
    tasks.spawn("watches", until_stopped(async move { Box::pin(watches.run(watching, &checks, stop)).await }));
    let first_start = Installation {
        client: client.clone(),
        namespace: settings.release_namespace.clone(),
        key_namespace: settings.key_namespace.clone(),
        webhook_configuration: settings.webhooks.webhook_configuration.clone(),
        webhook_hosts: Vec::new(),
        webhook_certificates: settings.webhooks.webhook_certificates,
        events: Events::new(client.clone(), settings.pod_name.clone()),
        told: Told::default(),
    };
    tasks.spawn("first start", until_stopped(first_start.run(installed_sender, tasks.shutdown())));
    let server = WebhookServer::new(
        webhooks::WebhookSettings {
            listen: settings.webhooks.webhook_listen,
            folder: settings.webhooks.webhook_certificate_dir.clone(),
            certificates: settings.webhooks.webhook_certificates,
        },
        installed.clone(),
    );
    let answers =
        Answers { template: Arc::new(template(&settings, &region)), installed: installed.clone(), hub: hub.clone() };
    let listening = readiness.check("webhooks", "the first start");
    let stop = answering.shutdown();
    answering.spawn("webhooks", server.run(webhooks::api::router(answers), move |_| listening.ready(), stop));

    let account = readiness.check("AWS account", "the first answer of STS");
    let publication = readiness.check("publication's watches", "");
    // Only the leader has any.
    publication.ready();
    // Not before there is something to wait for: without a check it would say that all is ready.
    let stop = answering.shutdown();
    answering.spawn("admin", admin.serve(admin::router(readiness, Arc::new(registry)), stop));
    let campaign = campaign(&settings, client.clone(), metrics.clone());
    let stop = tasks.shutdown();
    tasks.spawn(
        "leader",
        until_stopped(async move {
            let Some(place) = place::find(&facts, &aws, &client, &account, &stop).await else { return };
            let (aws, place) = (operator_aws::connect(&aws), Arc::new(place));
            let (signing, pods) = (signing_metrics, pod_metrics);
            let leader =
                Leader { settings, client, hub, installed, aws, place, tenancy, metrics, signing, pods, publication };
            Box::pin(campaign.run(stop, |term, stop| leader.work(term, stop))).await;
        }),
    );
    tasks.join_before(answering).await.map_err(AppError::broken)
}

/// A part that ends only when it is asked to.
async fn until_stopped(part: impl Future<Output = ()>) -> Result<(), Infallible> {
    part.await;
    Ok(())
}

fn template(settings: &Settings, region: &str) -> inject::Settings {
    inject::Settings {
        image: settings.injection.sidecar_image.clone(),
        image_pull_policy: settings.injection.sidecar_image_pull_policy.clone(),
        root_sha256: Vec::new(),
        region: region.to_owned(),
        aws_endpoint: settings.injection.sidecar_aws_endpoint.clone(),
        aws_audience: settings.aws.aws_token_audience.clone(),
        log_level: settings.injection.sidecar_log.clone(),
        otlp_endpoint: settings.injection.sidecar_otlp_endpoint.clone(),
    }
}
