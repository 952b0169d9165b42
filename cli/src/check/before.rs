//! What an installation needs before it is made: rights of whoever installs, and the definitions of other projects that
//! the values ask for.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use super::report::{Finding, Looked, Stop, Verdict, stop};

/// What some values of the chart need.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `webhook.certManager.enabled`
    CertManager,
    /// InboxQueues with `autoscaling`
    Keda,
    /// `monitoring.podMonitors.enabled`, `monitoring.rules.enabled`
    Prometheus,
}

impl Wanted {
    /// The API, its resources, what they are for, and how they come.
    fn needs(self) -> (&'static str, &'static [&'static str], &'static str, &'static str) {
        match self {
            Self::CertManager => (
                "cert-manager.io/v1",
                &["certificates", "issuers"],
                "cert-manager",
                "install cert-manager first, or leave webhook.certManager.enabled false",
            ),
            Self::Keda => (
                "keda.sh/v1alpha1",
                &["scaledobjects", "triggerauthentications"],
                "KEDA",
                "install KEDA first; an InboxQueue with autoscaling says Autoscaling=False until then",
            ),
            Self::Prometheus => (
                "monitoring.coreos.com/v1",
                &["podmonitors", "prometheusrules"],
                "the Prometheus operator",
                "install the Prometheus operator first, or leave monitoring.podMonitors.enabled and monitoring.rules.enabled false",
            ),
        }
    }
}

/// What the chart makes in the whole cluster: API group and resource.
const OF_CLUSTER: [(&str, &str); 6] = [
    ("", "namespaces"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
];
/// What it makes in the release's namespace; Secrets are helm's own.
const OF_RELEASE: [(&str, &str); 9] = [
    ("", "secrets"),
    ("", "services"),
    ("", "serviceaccounts"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
];

/// Whether this user may install.
pub async fn permissions(client: &Client, release: &str) -> Looked {
    let in_cluster = OF_CLUSTER.into_iter().map(|(group, resource)| (group, resource, "create", None));
    let in_release = OF_RELEASE.into_iter().map(|(group, resource)| (group, resource, "create", Some(release)));
    // The chart's roles have rights that whoever installs may lack: Kubernetes then wants this one.
    let escalate = ("rbac.authorization.k8s.io", "clusterroles", "escalate", None);
    let mut found = Vec::new();
    for (group, resource, verb, namespace) in in_cluster.chain(in_release).chain([escalate]) {
        if !may(client, group, resource, verb, namespace).await? {
            found.push(lacking(group, resource, verb, namespace));
        }
    }
    Ok(Verdict::of(found, format!("you may install into namespace {release}")))
}

async fn may(client: &Client, group: &str, resource: &str, verb: &str, namespace: Option<&str>) -> Result<bool, Stop> {
    let attributes = ResourceAttributes {
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.map_err(stop("ask what you may do"))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn lacking(group: &str, resource: &str, verb: &str, namespace: Option<&str>) -> Finding {
    let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let place = namespace.map_or_else(|| "in the whole cluster".to_owned(), |name| format!("in namespace {name}"));
    let fix = if verb == "escalate" {
        "install as cluster-admin: the chart's roles have rights that are yours to give only so".to_owned()
    } else {
        format!("ask for the right to {verb} {full} {place} (RBAC), or install as cluster-admin")
    };
    let note = format!("you may not {verb} {full} {place}");
    Finding::about("Right", namespace.unwrap_or_default(), &format!("{verb}:{full}"), "PermissionMissing", note, fix)
}

/// Whether the definitions that the values need are there.
pub async fn wanted(client: &Client, wanted: Wanted) -> Looked {
    let (api, resources, whose, fix) = wanted.needs();
    let served: Vec<String> = match client.list_api_group_resources(api).await {
        Ok(list) => list.resources.into_iter().map(|resource| resource.name).collect(),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Vec::new(),
        Err(error) => return Err(stop("ask the API server for its kinds")(error)),
    };
    let missing = resources.iter().filter(|resource| !served.iter().any(|one| one == *resource));
    let missing = missing.map(|resource| {
        let note = format!("{api} has no {resource}: {whose} is not installed");
        Finding::about("API", "", &format!("{resource}.{api}"), "DefinitionMissing", note, fix.to_owned())
    });
    Ok(Verdict::of(missing.collect(), format!("{whose} is installed")))
}

/// Whether another release is in the way: a cluster has one, whose webhooks fail closed.
pub async fn other_release(client: &Client, release: &str) -> Looked {
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = api.get_opt("qsl-eventing").await.map_err(stop("read the webhook configurations"))?;
    let services = found.iter().flat_map(|found| found.webhooks.iter().flatten());
    let mut namespaces =
        services.filter_map(|one| one.client_config.service.as_ref()).map(|service| &service.namespace);
    let other = namespaces.find(|namespace| *namespace != release);
    let other = other.map(|namespace| {
        let fix = format!("upgrade that one (helm -n {namespace}), or uninstall it and delete the configuration first");
        let note = format!("it is of a release in namespace {namespace}, and a cluster has one");
        Finding::about("MutatingWebhookConfiguration", "", "qsl-eventing", "AnotherRelease", note, fix)
    });
    Ok(Verdict::of(other.into_iter().collect(), "no other release is in the way"))
}
