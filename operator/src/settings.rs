//! What the operator is told when it starts. Every flag has an environment variable.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use operator_core::tenancy::{Tenancy, TenancyError};

use crate::{calls::Budgets, installation::WebhookCertificates};

/// The operator of QSL Eventing: turns EventBuses, EventRules, InboxQueues and SigningKeys into AWS resources, keys
/// and configuration, and puts sidecars into annotated pods. Region, endpoint and credentials of AWS come from the
/// standard variables of its SDK.
#[derive(Parser, Clone, Debug)]
#[command(name = "qsl-operator", version, after_help = "`qsl-operator before-uninstall --help`: what Helm runs first.")]
pub struct Settings {
    /// Namespace that the release is installed in.
    #[arg(long, env = "QSL_RELEASE_NAMESPACE", default_value = "qsl-system")]
    pub release_namespace: String,
    /// Namespace of the private keys and the key sets; nobody else's Secrets should be in it.
    #[arg(long, env = "QSL_KEY_NAMESPACE", default_value = "qsl-keys")]
    pub key_namespace: String,
    /// Name of this operator's pod, for Events.
    #[arg(long, env = "QSL_POD_NAME")]
    pub pod_name: Option<String>,
    /// Level of the log, or a filter as of tracing's EnvFilter.
    #[arg(long, env = "QSL_LOG", default_value = "info")]
    pub log: String,
    /// Address of health and metrics (plain HTTP).
    #[arg(long, env = "QSL_ADMIN_LISTEN", default_value = "0.0.0.0:8081")]
    pub admin_listen: SocketAddr,
    /// What is said of AWS and of this cluster there.
    #[command(flatten)]
    pub aws: AwsSettings,
    /// What controllers go by.
    #[command(flatten)]
    pub controllers: ControllerSettings,
    /// What pods are given.
    #[command(flatten)]
    pub injection: InjectionSettings,
    /// How keys and signed documents are kept.
    #[command(flatten)]
    pub signing: SigningSettings,
    /// How webhooks are served.
    #[command(flatten)]
    pub webhooks: WebhookSettings,
}

/// What is said of AWS and of this cluster there.
#[derive(clap::Args, Clone, Debug)]
pub struct AwsSettings {
    /// What tells this cluster's resources from another's in tags and names; the uid of namespace kube-system when
    /// absent. After a restore into a new cluster, the old one's.
    #[arg(long, env = "QSL_CLUSTER_ID")]
    pub cluster_id: Option<String>,
    /// The AWS account that this installation may work in; any when absent. With another's credentials the operator
    /// waits and says so.
    #[arg(long, env = "QSL_AWS_ACCOUNT")]
    pub aws_account: Option<String>,
    /// ARN of the cluster's OIDC provider in IAM; the roles that the operator makes trust it.
    #[arg(long, env = "QSL_OIDC_PROVIDER_ARN")]
    pub oidc_provider_arn: String,
    /// Audience of the tokens that STS takes.
    #[arg(long, env = "QSL_AWS_TOKEN_AUDIENCE", default_value = "sts.amazonaws.com")]
    pub aws_token_audience: String,
    /// ARN of the permissions boundary that every role gets.
    #[arg(long, env = "QSL_PERMISSIONS_BOUNDARY")]
    pub permissions_boundary: Option<String>,
    /// Service account, of the release's namespace, of the tools (kubectl-qsl): it may take every inbox's redrive role.
    #[arg(long, env = "QSL_TOOLS_SERVICE_ACCOUNT", default_value = "qsl-tools")]
    pub tools_service_account: String,
    /// Seconds that a queue's policy needs to act (SQS: up to 60).
    #[arg(long, env = "QSL_SETTLE_SECONDS", default_value_t = 60)]
    pub settle_seconds: u32,
}

/// What controllers go by.
#[derive(clap::Args, Clone, Debug)]
pub struct ControllerSettings {
    /// Seconds between two looks at what AWS holds for an object that did not change; jittered by a tenth.
    #[arg(long, env = "QSL_RESYNC_SECONDS", default_value_t = 600)]
    pub resync_seconds: u32,
    /// How many objects of one kind are reconciled at a time.
    #[arg(long, env = "QSL_CONCURRENCY", default_value_t = 8)]
    pub concurrency: u16,
    /// Name of the Lease in the release's namespace by which replicas elect a leader.
    #[arg(long, env = "QSL_LEASE_NAME", default_value = "qsl-operator")]
    pub lease_name: String,
    /// Calls a second to EventBridge's control plane, which answers 50 to the whole account and Region.
    #[arg(long, env = "QSL_EVENTBRIDGE_CALLS_PER_SECOND", default_value_t = Budgets::default().event_bridge,
        value_parser = clap::value_parser!(u32).range(1..=50))]
    pub eventbridge_calls_per_second: u32,
    /// Calls a second to SQS's control plane.
    #[arg(long, env = "QSL_SQS_CALLS_PER_SECOND", default_value_t = Budgets::default().sqs,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub sqs_calls_per_second: u32,
    /// Calls a second to IAM.
    #[arg(long, env = "QSL_IAM_CALLS_PER_SECOND", default_value_t = Budgets::default().iam,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub iam_calls_per_second: u32,
    /// Calls a second to CloudWatch.
    #[arg(long, env = "QSL_CLOUDWATCH_CALLS_PER_SECOND", default_value_t = Budgets::default().cloud_watch,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub cloudwatch_calls_per_second: u32,
    /// Calls a second to KMS.
    #[arg(long, env = "QSL_KMS_CALLS_PER_SECOND", default_value_t = Budgets::default().kms,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub kms_calls_per_second: u32,
    /// What each namespace may name, sign, adopt and refer to in AWS, as a JSON list of
    /// {namespaces, namePrefixes, sources, adopt, arns}; without entries names and sources are free, and nothing that
    /// exists is taken.
    #[arg(long, env = "QSL_TENANCY", default_value = "")]
    pub tenancy: String,
}

/// What pods are given.
#[derive(clap::Args, Clone, Debug)]
pub struct InjectionSettings {
    /// Image of the sidecar.
    #[arg(long, env = "QSL_SIDECAR_IMAGE", default_value = "qsl-consumer-sidecar")]
    pub sidecar_image: String,
    /// When the kubelet pulls the sidecar's image.
    #[arg(long, env = "QSL_SIDECAR_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub sidecar_image_pull_policy: String,
    /// Level of the sidecar's log where the pod names none.
    #[arg(long, env = "QSL_SIDECAR_LOG", default_value = "info")]
    pub sidecar_log: String,
    /// AWS endpoint for sidecars, where it is not AWS's own.
    #[arg(long, env = "QSL_SIDECAR_AWS_ENDPOINT")]
    pub sidecar_aws_endpoint: Option<String>,
    /// Where sidecars send their spans, by OTLP over HTTP.
    #[arg(long, env = "QSL_SIDECAR_OTLP_ENDPOINT")]
    pub sidecar_otlp_endpoint: Option<String>,
    /// Address of the signature service; its Service in the release's namespace when absent.
    #[arg(long, env = "QSL_SIGNATURE_SERVICE_URL")]
    pub signature_service_url: Option<String>,
    /// Address of the journal; its Service in the release's namespace when absent.
    #[arg(long, env = "QSL_JOURNAL_URL")]
    pub journal_url: Option<String>,
}

/// How keys and signed documents are kept.
#[derive(clap::Args, Clone, Debug)]
pub struct SigningSettings {
    /// Seconds that a signed key set or configuration holds, from an hour to 14 days; it is renewed hourly.
    #[arg(
        long,
        env = "QSL_DOCUMENT_LIFETIME_SECONDS",
        default_value_t = 259_200,
        value_parser = clap::value_parser!(u64).range(3_600..=1_209_600)
    )]
    pub document_lifetime_seconds: u64,
    /// Seconds that the journal keeps events: public keys stay listed at least as long, and 28 days in any case.
    #[arg(long, env = "QSL_JOURNAL_RETENTION_SECONDS", default_value_t = 2_592_000)]
    pub journal_retention_seconds: u64,
}

/// How webhooks are served.
#[derive(clap::Args, Clone, Debug)]
pub struct WebhookSettings {
    /// Address of the webhooks (TLS).
    #[arg(long, env = "QSL_WEBHOOK_LISTEN", default_value = "0.0.0.0:9443")]
    pub webhook_listen: SocketAddr,
    /// Who makes and rotates the webhooks' certificate and puts its authority into the webhook configurations.
    #[arg(long, env = "QSL_WEBHOOK_CERTIFICATES", default_value = "operator", value_enum)]
    pub webhook_certificates: WebhookCertificates,
    /// Folder of the webhooks' certificate: the operator's own, between a write and a reload; or the one that
    /// cert-manager's Secret is mounted to.
    #[arg(long, env = "QSL_WEBHOOK_CERTIFICATE_DIR", default_value = "/tmp/qsl-webhook-tls")]
    pub webhook_certificate_dir: PathBuf,
    /// Name of the MutatingWebhookConfiguration, which the operator gives its CA.
    #[arg(long, env = "QSL_WEBHOOK_CONFIGURATION", default_value = "qsl-eventing")]
    pub webhook_configuration: String,
}

impl AwsSettings {
    /// How long a queue's policy needs to act.
    pub fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_seconds.into())
    }
}

impl ControllerSettings {
    /// What the installation grants to whom.
    pub fn tenancy(&self) -> Result<Arc<Tenancy>, TenancyError> {
        Tenancy::parse(&self.tenancy).map(Arc::new)
    }

    /// The time between two looks at what AWS holds.
    pub fn resync(&self) -> Duration {
        Duration::from_secs(self.resync_seconds.into())
    }

    /// The calls a second that each service of AWS gets.
    pub fn budgets(&self) -> Budgets {
        Budgets {
            event_bridge: self.eventbridge_calls_per_second,
            sqs: self.sqs_calls_per_second,
            iam: self.iam_calls_per_second,
            cloud_watch: self.cloudwatch_calls_per_second,
            kms: self.kms_calls_per_second,
        }
    }
}

impl Settings {
    /// Address of the signature service.
    pub fn signature_service(&self) -> String {
        self.injection.signature_service_url.clone().unwrap_or_else(|| self.service("qsl-signature-service"))
    }

    /// Address of the journal.
    pub fn journal(&self) -> String {
        self.injection.journal_url.clone().unwrap_or_else(|| self.service("qsl-journal"))
    }

    fn service(&self, name: &str) -> String {
        format!("https://{name}.{}.svc", self.release_namespace)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn services_are_in_the_releases_namespace_unless_named() {
        let arguments = ["qsl-operator", "--oidc-provider-arn", "arn:aws:iam::000000000000:oidc-provider/issuer"];
        let settings = Settings::try_parse_from(arguments).unwrap();
        assert_eq!(settings.journal(), "https://qsl-journal.qsl-system.svc");
        assert_eq!(settings.aws.settle(), Duration::from_mins(1));
    }

    #[test]
    fn every_flag_has_its_variable() {
        use clap::CommandFactory;
        for argument in
            Settings::command().get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            assert!(argument.get_env().is_some_and(|name| name.to_string_lossy().starts_with("QSL_")), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }
}
