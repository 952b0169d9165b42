//! What KEDA scales an inbox's consumers by: a ScaledObject and a TriggerAuthentication, owned by the inbox, where the
//! KEDA API exists. Whether it does is asked again in every pass that wants it, so KEDA may come later.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::{
    InboxQueue,
    autoscaling::{Autoscaling, ScaleTargetRef},
    conditions::{self, AUTOSCALING, reason},
    inbox_queue::Consuming,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{
    Client, ResourceExt,
    core::{GroupVersionKind, discovery::ApiResource},
};
use operator_core::{arn::Region, ports::QueueUrl};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::controllers::owned::{Outcome, Owned, Wanted};

/// KEDA's API.
const GROUP: &str = "keda.sh";
const VERSION: &str = "v1alpha1";
/// KEDA leaves the replicas as they are while this stands on a ScaledObject.
const PAUSED: &str = "autoscaling.keda.sh/paused";
/// When to look again for KEDA where it is wanted and not there.
const LOOK_AGAIN: Duration = Duration::from_mins(2);

/// KEDA's objects of all inboxes.
pub(super) struct Keda {
    client: Client,
    /// The uids of inboxes that want nothing of KEDA and have nothing: looked at once.
    without: Mutex<HashSet<String>>,
    /// Whether KEDA was there when it was last looked for.
    seen: Mutex<Option<(Instant, bool)>>,
}

/// What became of an inbox's scaling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scaled {
    /// The condition, where scaling is wanted.
    pub condition: Option<Condition>,
    /// What was changed.
    pub changes: Vec<String>,
    /// When to look again.
    pub again: Option<Duration>,
}

impl Keda {
    /// For the inboxes of one API server.
    pub(super) fn new(client: Client) -> Self {
        Self { client, without: Mutex::default(), seen: Mutex::default() }
    }

    /// Brings KEDA's objects about, or removes them where the spec has no `autoscaling`.
    pub(super) async fn scale(
        &self,
        object: &InboxQueue,
        region: &Region,
        queue: &QueueUrl,
        now: &Time,
    ) -> Result<Scaled, kube::Error> {
        let Some(autoscaling) = &object.spec.autoscaling else {
            return self.unscale(object).await;
        };
        self.note(object, false);
        let said = |status, reason, message: &str| {
            let generation = object.metadata.generation;
            Some(conditions::condition(AUTOSCALING, status, reason, message, generation, now.clone()))
        };
        if !self.exists().await? {
            let message = format!(
                "there is no API {GROUP}/{VERSION} in this cluster: nothing scales {} until KEDA is installed",
                target(&autoscaling.scale_target_ref)
            );
            let condition = said(false, reason::KEDA_NOT_INSTALLED, &message);
            return Ok(Scaled { condition, changes: Vec::new(), again: Some(LOOK_AGAIN) });
        }
        let mut changes = Vec::new();
        for (kind, wanted) in wanted(object, autoscaling, region, queue) {
            let Wanted { name, .. } = &wanted;
            match self.of(object, kind).put(&wanted, None).await? {
                Outcome::Stands => {}
                Outcome::Made => changes.push(format!("make {} {name}", kind.name)),
                Outcome::Changed => changes.push(format!("change {} {name}", kind.name)),
                Outcome::Foreign => {
                    let message = format!(
                        "{} {name} exists and is not this inbox's; it is left as it is: delete or rename it, or leave autoscaling out",
                        kind.name
                    );
                    return Ok(Scaled {
                        condition: said(false, reason::NOT_OURS, &message),
                        changes,
                        again: Some(LOOK_AGAIN),
                    });
                }
            }
        }
        let message = match object.spec.consuming {
            Consuming::Enabled => format!("KEDA scales {}", target(&autoscaling.scale_target_ref)),
            Consuming::Paused => "consuming is Paused: KEDA leaves the replicas as they are".to_owned(),
        };
        Ok(Scaled { condition: said(true, reason::SCALED_OBJECT_APPLIED, &message), changes, again: None })
    }

    /// Removes what there is, once for each inbox and start of the operator; then it is known that there is nothing.
    async fn unscale(&self, object: &InboxQueue) -> Result<Scaled, kube::Error> {
        let mut scaled = Scaled::default();
        if self.lock().contains(&object.uid().unwrap_or_default()) {
            return Ok(scaled);
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).filter(|(at, _)| at.elapsed() < LOOK_AGAIN);
        let exists = match seen {
            Some((_, exists)) => exists,
            None => self.exists().await?,
        };
        if exists {
            // The ScaledObject first: it names the authentication.
            for kind in KINDS.iter().rev() {
                let owned = self.of(object, kind);
                if let Some(found) = owned.find(&object.name_any()).await?
                    && owned.remove(&found.metadata).await?
                {
                    scaled.changes.push(format!("delete {} {}", kind.name, object.name_any()));
                }
            }
        }
        self.note(object, true);
        Ok(scaled)
    }

    /// Notes whether the inbox is known to have nothing of KEDA's.
    fn note(&self, object: &InboxQueue, without: bool) {
        let uid = object.uid().unwrap_or_default();
        if without {
            self.lock().insert(uid)
        } else {
            self.lock().remove(&uid)
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets an inbox that goes; its owner references take KEDA's objects with it.
    pub(super) fn forget(&self, object: &InboxQueue) {
        self.note(object, false);
    }

    /// Whether the cluster has KEDA's API, with both kinds.
    async fn exists(&self) -> Result<bool, kube::Error> {
        let exists = match self.client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
            Ok(served) => KINDS.iter().all(|kind| served.resources.iter().any(|one| one.name == kind.plural)),
            // By the code: a group that is not served is answered in plain text, which has no reason.
            Err(kube::Error::Api(answer)) if answer.code == 404 => false,
            Err(error) => return Err(error),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), exists));
        Ok(exists)
    }

    fn of<'a>(&self, object: &'a InboxQueue, kind: &Kind) -> Owned<'a, InboxQueue> {
        let named = GroupVersionKind::gvk(GROUP, VERSION, kind.name);
        Owned::new(self.client.clone(), object, ApiResource::from_gvk_with_plural(&named, kind.plural))
    }
}

/// A kind of KEDA's.
struct Kind {
    name: &'static str,
    plural: &'static str,
}

/// The authentication first: the ScaledObject names it.
const KINDS: &[Kind] = &[
    Kind { name: "TriggerAuthentication", plural: "triggerauthentications" },
    Kind { name: "ScaledObject", plural: "scaledobjects" },
];

/// Both objects, each named after the inbox.
fn wanted<'a>(
    object: &InboxQueue,
    autoscaling: &Autoscaling,
    region: &Region,
    queue: &QueueUrl,
) -> impl Iterator<Item = (&'a Kind, Wanted)> + use<'a> {
    let Autoscaling {
        scale_target_ref: ScaleTargetRef { api_version, kind, name: target },
        min_replicas,
        max_replicas,
        messages_per_replica,
        polling_interval_seconds,
        cooldown_seconds,
    } = autoscaling;
    let name = object.name_any();
    // KEDA's own operator asks: it needs no right of the consumers, and they none of its.
    let authentication = json!({"podIdentity": {"provider": "aws", "identityOwner": "keda"}});
    let scaled = json!({
        "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": target},
        "minReplicaCount": min_replicas,
        "maxReplicaCount": max_replicas,
        "pollingInterval": polling_interval_seconds,
        "cooldownPeriod": cooldown_seconds,
        "triggers": [{
            "type": "aws-sqs-queue",
            "authenticationRef": {"name": name},
            // KEDA takes text alone.
            "metadata": {
                "queueURL": queue.to_string(),
                "awsRegion": region.to_string(),
                "queueLength": messages_per_replica.to_string(),
                "scaleOnInFlight": "true",
            },
        }],
    });
    let paused = match object.spec.consuming {
        Consuming::Enabled => "false",
        // Nothing is received, so more replicas would do nothing more.
        Consuming::Paused => "true",
    };
    let of = |annotations: Value, spec: Value| Wanted { name: name.clone(), annotations, spec, exact: &[] };
    let both = [of(json!({}), authentication), of(json!({PAUSED: paused}), scaled)];
    KINDS.iter().zip(both)
}

fn target(reference: &ScaleTargetRef) -> String {
    format!("{} {}", reference.kind, reference.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::controllers::tests::object;

    fn made(consuming: &str) -> Vec<Value> {
        let spec = json!({"queueName": "lamp", "consuming": consuming, "autoscaling": {
            "scaleTargetRef": {"name": "keeper"}, "minReplicas": 0, "maxReplicas": 7, "messagesPerReplica": 20}});
        let inbox: InboxQueue = object("InboxQueue", "pier", "lamp", &spec);
        let autoscaling = inbox.spec.autoscaling.clone().unwrap();
        let region = Region::parse("eu-central-1").unwrap();
        wanted(&inbox, &autoscaling, &region, &QueueUrl("https://sqs/000000000000/lamp".into()))
            .map(|(kind, wanted)| json!({"kind": kind.name, "annotations": wanted.annotations, "spec": wanted.spec}))
            .collect()
    }

    #[test]
    fn the_consumers_are_scaled_by_their_queue() {
        insta::assert_yaml_snapshot!(made("Enabled"));
    }

    #[test]
    fn a_paused_inbox_scales_nobody() {
        assert_eq!(made("Paused")[1]["annotations"], json!({PAUSED: "true"}));
        assert_eq!(made("Enabled")[1]["annotations"], json!({PAUSED: "false"}));
    }
}
