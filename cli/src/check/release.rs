//! The release: its definitions, its programs, who of the operators leads, and whether this program is of its version.

use std::collections::BTreeMap;

use eventing::time::Millis;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::report::{Finding, Looked, Verdict, stop};

/// The operator's Deployment, and its Lease.
const OPERATOR: &str = "qsl-operator";
/// What the chart labels everything with.
const PARTS: &str = "app.kubernetes.io/part-of=qsl-eventing";
/// The label that says of which version a part is.
const VERSION: &str = "app.kubernetes.io/version";
/// This program's.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// A release, in its namespace.
pub struct Release<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// The namespace.
    pub namespace: &'a str,
}

/// Whether the definitions of the four kinds are there, served, and those of this version.
pub async fn definitions(client: &Client) -> Looked {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut found = Vec::new();
    for wanted in crds::generate::definitions() {
        let there = api.get_opt(&wanted.name_any()).await.map_err(stop("read the CustomResourceDefinitions"))?;
        found.extend(definition(&wanted, there.as_ref()));
    }
    Ok(Verdict::of(found, format!("the four kinds are those of {}/{} in {OWN}", crds::GROUP, crds::VERSION)))
}

fn definition(wanted: &CustomResourceDefinition, there: Option<&CustomResourceDefinition>) -> Option<Finding> {
    let ill = |reason, note: String, fix: &str| {
        Some(Finding::about("CustomResourceDefinition", "", &wanted.name_any(), reason, note, fix.to_owned()))
    };
    let Some(there) = there else {
        let fix = "install the chart, which brings it, or apply crds/generated of this version";
        return ill("DefinitionMissing", "it is not there".to_owned(), fix);
    };
    let conditions = there.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    if let Some(not) =
        conditions.iter().find(|one| ["Established", "NamesAccepted"].contains(&&*one.type_) && one.status != "True")
    {
        let why = not.message.as_deref().unwrap_or_default();
        let fix = "delete the definition whose names it shares, or let the API server finish";
        return ill("DefinitionNotServed", format!("it is not served: {}: {why}", not.type_), fix);
    }
    let schema = |of: &CustomResourceDefinition| {
        let version = of.spec.versions.iter().find(|version| version.name == crds::VERSION && version.served)?;
        Some((version.schema.clone(), version.subresources.clone()))
    };
    let fix =
        "upgrade the chart (helm upgrade), which brings those of its version; or take the kubectl-qsl of that version";
    match schema(there) {
        None => ill("DefinitionOutdated", format!("version {} is not served", crds::VERSION), fix),
        stands if stands != schema(wanted) => {
            ill("DefinitionOutdated", format!("its schema is not that of version {OWN}"), fix)
        }
        Some(_) => None,
    }
}

impl Release<'_> {
    /// Whether the release's programs are there and ready.
    pub async fn workloads(&self) -> Looked {
        let params = ListParams::default().labels(PARTS);
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), self.namespace);
        let deployments = deployments.list(&params).await.map_err(stop("list the release's Deployments"))?.items;
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), self.namespace);
        let sets = sets.list(&params).await.map_err(stop("list the release's StatefulSets"))?.items;
        if deployments.is_empty() && sets.is_empty() {
            return Ok(Verdict::Ill(vec![Finding::about(
                "Namespace",
                "",
                self.namespace,
                "NotInstalled",
                "nothing of the chart is there".to_owned(),
                "name the release's namespace (--release-namespace), or install the chart".to_owned(),
            )]));
        }
        let mut standing: BTreeMap<(&str, String), (i32, i32)> = BTreeMap::new();
        for one in &deployments {
            let wants = one.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = one.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
            standing.insert(("Deployment", one.name_any()), (wants, ready));
        }
        for one in &sets {
            let wants = one.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = one.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
            standing.insert(("StatefulSet", one.name_any()), (wants, ready));
        }
        Ok(programs(self.namespace, &standing))
    }

    /// Whether an operator leads.
    pub async fn leader(&self) -> Looked {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), self.namespace);
        let lease = api.get_opt(OPERATOR).await.map_err(stop("read the operator's Lease"))?;
        Ok(leads(self.namespace, lease.as_ref(), Millis::now()))
    }

    /// Whether the operator is of this program's version.
    pub async fn version(&self) -> Looked {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), self.namespace);
        Ok(match api.get_opt(OPERATOR).await.map_err(stop("read the operator's Deployment"))? {
            Some(operator) => same_version(&operator),
            None => Verdict::Unseen(format!("there is no Deployment {OPERATOR} in namespace {}", self.namespace)),
        })
    }
}

/// Of each program by kind and name, how many replicas are wanted and how many are ready. The gateway may be left out.
fn programs(namespace: &str, standing: &BTreeMap<(&str, String), (i32, i32)>) -> Verdict {
    let needed = [("Deployment", OPERATOR), ("Deployment", "qsl-signature-service"), ("StatefulSet", "qsl-journal")];
    let missing = needed.into_iter().filter(|(kind, name)| !standing.contains_key(&(*kind, (*name).to_owned())));
    let missing = missing.map(|(kind, name)| {
        let fix = "bring the release to what its chart says: helm upgrade";
        Finding::about(kind, namespace, name, "ProgramMissing", "it is not there".to_owned(), fix.to_owned())
    });
    let not_ready = standing.iter().filter(|(_, (wants, ready))| ready < wants || *wants == 0);
    let not_ready = not_ready.map(|((kind, name), (wants, ready))| {
        let (note, fix) = if *wants == 0 {
            ("it is scaled to none".to_owned(), format!("kubectl -n {namespace} scale {kind}/{name} --replicas=1"))
        } else {
            let fix = format!(
                "see why: kubectl -n {namespace} describe pods -l app.kubernetes.io/name={name}; its /readyz says what it \
                 waits for"
            );
            (format!("{ready} of {wants} replicas are ready"), fix)
        };
        Finding::about(kind, namespace, name, "ProgramNotReady", note, fix)
    });
    Verdict::of(missing.chain(not_ready).collect(), format!("{} programs are ready", standing.len()))
}

fn leads(namespace: &str, lease: Option<&Lease>, now: Millis) -> Verdict {
    let none = |note: String| {
        let fix = format!("see what keeps the operator: kubectl -n {namespace} logs deployment/{OPERATOR}");
        Verdict::Ill(vec![Finding::about("Lease", namespace, OPERATOR, "NoLeader", note, fix)])
    };
    let Some(spec) = lease.and_then(|lease| lease.spec.as_ref()) else {
        return none("no operator has led yet".to_owned());
    };
    let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty());
    let renewed = spec.renew_time.as_ref().map(|at| Millis(at.0.as_millisecond()));
    let (Some(holder), Some(renewed)) = (holder, renewed) else {
        return none("no operator leads: the Lease was given back".to_owned());
    };
    let lasts = i64::from(spec.lease_duration_seconds.unwrap_or_default()) * 1_000;
    if renewed.plus_millis(lasts) < now {
        let ago = now.distance(renewed) / 1_000;
        return none(format!("no operator leads: {holder} last renewed the Lease {ago} s ago"));
    }
    Verdict::Well(format!("{holder} leads"))
}

fn same_version(operator: &Deployment) -> Verdict {
    let labelled = operator.labels().get(VERSION).map(String::as_str);
    // A tag that is a version says it; one of a team's own says nothing.
    let tagged = image(operator).and_then(tag).filter(|tag| is_version(tag));
    let Some(theirs) = tagged.or(labelled) else {
        return Verdict::Unseen(format!("neither the image nor label {VERSION} of the operator says its version"));
    };
    let theirs = theirs.trim_start_matches('v');
    if theirs == OWN {
        return Verdict::Well(format!("the operator is {theirs}, as this program"));
    }
    let note = format!("the operator is {theirs} and this program {OWN}");
    let fix = format!("take the kubectl-qsl of version {theirs}, or upgrade the release to {OWN}");
    Verdict::Ill(vec![Finding::of(operator, "VersionDiffers", note, fix)])
}

fn image(deployment: &Deployment) -> Option<&str> {
    let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == "operator")?.image.as_deref()
}

/// The tag of an image, which may have a registry with a port before it and a digest behind it.
fn tag(image: &str) -> Option<&str> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    name.rsplit_once('/').map_or(name, |(_, last)| last).split_once(':').map(|(_, tag)| tag)
}

fn is_version(tag: &str) -> bool {
    let core = tag.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3 && core.split('.').all(|part| part.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests;
