//! Whose account this is and which cluster: what names, tags and policies are made of.

use std::time::Duration;

use aws_config::SdkConfig;
use eventing_service::admin::Check;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use operator_core::{
    Installation, ParseError,
    arn::{AccountId, OidcProviderArn, PolicyArn, Region},
    owner::ServiceAccount,
    tags::Tags,
};
use tokio_util::sync::CancellationToken;

use crate::{
    runner::{
        Pace,
        backoff::{pause, spread},
    },
    settings::AwsSettings,
};

/// Time between two tries with another account's credentials: a person has to act.
const FOREIGN_ACCOUNT: Duration = Duration::from_mins(1);

/// What is given, parsed.
#[derive(Clone, Debug)]
pub struct Facts {
    account: Option<AccountId>,
    region: Region,
    cluster_id: Option<String>,
    oidc_provider: OidcProviderArn,
    token_audience: String,
    permissions_boundary: Option<PolicyArn>,
    settle: Duration,
    tools: ServiceAccount,
}

impl Facts {
    /// Parses what is given, or says what is wrong.
    pub fn parse(settings: &AwsSettings, release_namespace: &str, region: &str) -> Result<Self, ParseError> {
        Ok(Self {
            account: settings.aws_account.as_deref().map(AccountId::parse).transpose()?,
            region: Region::parse(region)?,
            cluster_id: settings.cluster_id.clone(),
            oidc_provider: OidcProviderArn::parse(&settings.oidc_provider_arn)?,
            token_audience: settings.aws_token_audience.clone(),
            permissions_boundary: settings.permissions_boundary.as_deref().map(PolicyArn::parse).transpose()?,
            settle: settings.settle(),
            tools: ServiceAccount {
                namespace: release_namespace.to_owned(),
                name: settings.tools_service_account.clone(),
            },
        })
    }
}

/// What keeps the place from being known.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("{0}")]
    Aws(#[from] operator_core::AwsError),
    #[error("the uid of namespace kube-system cannot be read: {0}")]
    Cluster(#[from] kube::Error),
    #[error("the credentials are of account {found}, this installation is for {wanted}")]
    Foreign { found: AccountId, wanted: AccountId },
}

/// Asks until it is known, or until `shutdown`; `check` says what is in the way meanwhile.
pub async fn find(
    facts: &Facts,
    aws: &SdkConfig,
    client: &Client,
    check: &Check,
    shutdown: &CancellationToken,
) -> Option<Installation> {
    let mut failures = 0;
    loop {
        match ask(facts, aws, client).await {
            Ok(place) => {
                tracing::info!(account = %place.account, region = %place.region, cluster_id = place.cluster_id, "working for this account");
                check.ready();
                return Some(place);
            }
            Err(unknown) => {
                failures += 1;
                let wait = match unknown {
                    Unknown::Foreign { .. } => spread(FOREIGN_ACCOUNT, rand::random()),
                    Unknown::Aws(_) | Unknown::Cluster(_) => pause(failures, Pace::Quick, rand::random()),
                };
                tracing::warn!(error = %unknown, again_seconds = wait.as_secs(), "account or cluster not known yet");
                check.not_ready(unknown.to_string());
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = shutdown.cancelled() => return None,
                }
            }
        }
    }
}

async fn ask(facts: &Facts, aws: &SdkConfig, client: &Client) -> Result<Installation, Unknown> {
    let caller = operator_aws::caller(aws).await?;
    if let Some(wanted) = facts.account.clone().filter(|wanted| *wanted != caller.account) {
        return Err(Unknown::Foreign { found: caller.account, wanted });
    }
    let cluster_id = if let Some(given) = &facts.cluster_id {
        given.clone()
    } else {
        let system = Api::<Namespace>::all(client.clone()).get("kube-system").await?;
        system.metadata.uid.unwrap_or_default()
    };
    Ok(Installation {
        account: caller.account,
        region: facts.region.clone(),
        partition: caller.partition,
        cluster_id,
        oidc_provider: facts.oidc_provider.clone(),
        token_audience: facts.token_audience.clone(),
        permissions_boundary: facts.permissions_boundary.clone(),
        settle: facts.settle,
        tools: facts.tools.clone(),
        tags: Tags::new(),
    })
}
