//! What is wrong with who asks for a sidecar: pure.

use eventing::time::Millis;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt as _};

use super::report::Finding;

/// What asks for a sidecar, and what the injector marks a pod with that has one.
pub(super) const INJECT: &str = "eventing.qsl.dev/inject";
pub(super) const INJECTED: &str = "eventing.qsl.dev/injected";
/// Reason of the operator's Event on a pod whose sidecar waits.
pub const WAITING: &str = "SidecarWaiting";

/// Something that makes pods by a template.
pub trait Workload: Resource<DynamicType = ()> {
    /// The metadata of its pods.
    fn template(&self) -> Option<&ObjectMeta>;
    /// Where that stands.
    const PATH: &'static str = "spec.template.metadata.annotations";
}

fn of(template: &PodTemplateSpec) -> Option<&ObjectMeta> {
    template.metadata.as_ref()
}

impl Workload for Deployment {
    fn template(&self) -> Option<&ObjectMeta> {
        of(&self.spec.as_ref()?.template)
    }
}

impl Workload for StatefulSet {
    fn template(&self) -> Option<&ObjectMeta> {
        of(&self.spec.as_ref()?.template)
    }
}

impl Workload for DaemonSet {
    fn template(&self) -> Option<&ObjectMeta> {
        of(&self.spec.as_ref()?.template)
    }
}

impl Workload for Job {
    fn template(&self) -> Option<&ObjectMeta> {
        of(&self.spec.as_ref()?.template)
    }
}

impl Workload for CronJob {
    const PATH: &'static str = "spec.jobTemplate.spec.template.metadata.annotations";

    fn template(&self) -> Option<&ObjectMeta> {
        of(&self.spec.as_ref()?.job_template.spec.as_ref()?.template)
    }
}

/// Whether it asks for a sidecar, as the webhook has it.
fn asks(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().and_then(|notes| notes.get(INJECT)).is_some_and(|value| value != "false")
}

/// A workload that is annotated itself, and not its template: its pods get no sidecar, and the injector never hears of it.
pub fn misplaced<K: Workload>(object: &K) -> Option<Finding> {
    let has_template =
        object.template().and_then(|meta| meta.annotations.as_ref()).is_some_and(|notes| notes.contains_key(INJECT));
    if !asks(object.meta()) || has_template {
        return None;
    }
    let (kind, path) = (K::kind(&()), K::PATH);
    Some(Finding::of(
        object,
        "AnnotationMisplaced",
        format!("annotation {INJECT} is on the {kind} and not on its pods, which get no sidecar"),
        format!("move it, and those beside it, to {path}"),
    ))
}

/// A pod that asks for a sidecar and has none.
pub fn missed(pod: &Pod) -> Option<Finding> {
    let is_injected = pod.labels().get(INJECTED).is_some_and(|value| value == "true");
    if !asks(&pod.metadata) || is_injected || has_ended(pod) {
        return None;
    }
    Some(Finding::of(
        pod,
        "SidecarMissing",
        format!(
            "annotation {INJECT} asks for a sidecar and this pod has none: it was made while the webhook was not there, or \
             annotated afterwards, or is in a namespace whose pods get none"
        ),
        "have it made again (kubectl rollout restart), and see its Events".to_owned(),
    ))
}

/// What the operator last said that each pod's sidecar waits for.
pub fn waiting(pods: &[Pod], events: &[Event]) -> Vec<Finding> {
    let last = |pod: &&Pod| {
        let said = events.iter().filter(|event| is_about(event, pod));
        let event = said.max_by_key(|event| said_at(event))?;
        let at = said_at(event).map(|at| Millis(at.as_millisecond()));
        let fix = "bring about what it waits for; a sidecar goes on by itself".to_owned();
        Some(Finding { at, ..Finding::of(*pod, WAITING, event.note.clone().unwrap_or_default(), fix) })
    };
    pods.iter().filter(|pod| !has_ended(pod)).filter_map(|pod| last(&pod)).collect()
}

/// Whether it runs no more.
pub(super) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}

/// A pod made again under the name is another.
fn is_about(event: &Event, pod: &Pod) -> bool {
    let about = event.regarding.as_ref().and_then(|regarding| regarding.uid.as_ref());
    event.reason.as_deref() == Some(WAITING) && about.is_some() && about == pod.metadata.uid.as_ref()
}

fn said_at(event: &Event) -> Option<Timestamp> {
    let repeated = event.series.as_ref().map(|series| series.last_observed_time.0);
    repeated.or_else(|| event.event_time.as_ref().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::{Value, json};

    use super::*;

    fn deployment(own: &Value, template: &Value) -> Deployment {
        let template = json!({"metadata": {"annotations": template}});
        serde_json::from_value(json!({"metadata": {"name": "till", "namespace": "shop", "annotations": own},
            "spec": {"selector": {}, "template": template}}))
        .unwrap()
    }

    fn pod(more: &Value) -> Pod {
        let mut pod = json!({"metadata": {"name": "till-0", "namespace": "shop", "uid": "u-1",
            "annotations": {INJECT: "true"}, "labels": {}}, "status": {"phase": "Running"}});
        for (path, value) in more.as_object().unwrap() {
            *pod.pointer_mut(path).unwrap() = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn an_annotation_on_a_workload_instead_of_its_template_is_found() {
        let asks = json!({INJECT: "true"});
        let found = misplaced(&deployment(&asks, &json!({}))).unwrap();
        assert_eq!((found.object.as_str(), found.reason), ("Deployment/till", "AnnotationMisplaced"));
        assert!(found.fix.ends_with("to spec.template.metadata.annotations"), "{}", found.fix);
        for (own, template) in [
            (&asks, &asks),
            (&asks, &json!({INJECT: "false"})),
            (&json!({}), &asks),
            (&json!({}), &json!({})),
            (&json!({INJECT: "false"}), &json!({})),
        ] {
            assert_eq!(misplaced(&deployment(own, template)), None, "{own} {template}");
        }
    }

    #[test]
    fn a_cron_job_is_told_where_its_own_template_is() {
        let job: CronJob = serde_json::from_value(json!({
            "metadata": {"name": "nightly", "annotations": {INJECT: "true"}},
            "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {}}}}}))
        .unwrap();
        let fix = misplaced(&job).unwrap().fix;
        assert!(fix.ends_with("to spec.jobTemplate.spec.template.metadata.annotations"), "{fix}");
    }

    #[test]
    fn a_pod_that_asked_and_has_no_sidecar_is_found_while_it_lives() {
        assert_eq!(missed(&pod(&json!({}))).unwrap().object, "Pod/till-0");
        for (what, more) in [
            ("it has one", json!({"/metadata/labels": {INJECTED: "true"}})),
            ("it did not ask", json!({"/metadata/annotations": {}})),
            ("it said no", json!({"/metadata/annotations": {INJECT: "false"}})),
            ("it has ended", json!({"/status/phase": "Succeeded"})),
        ] {
            assert_eq!(missed(&pod(&more)), None, "{what}");
        }
    }

    #[test]
    fn a_sidecar_waits_for_what_was_said_last_of_this_very_pod() {
        let event = |uid: &str, reason: &str, note: &str, time: &str| -> Event {
            serde_json::from_value(json!({"metadata": {"name": note}, "reason": reason, "note": note,
                "regarding": {"kind": "Pod", "name": "till-0", "uid": uid}, "eventTime": time}))
            .unwrap()
        };
        let events = [
            event("u-1", WAITING, "waits for keys", "2026-11-27T12:05:00.000000Z"),
            event("u-1", WAITING, "waits for its inbox", "2026-11-27T12:00:00.000000Z"),
            event("u-1", "Pulled", "an image", "2026-11-27T12:09:00.000000Z"),
            event("u-0", WAITING, "of an earlier pod", "2026-11-27T12:10:00.000000Z"),
        ];
        let found = waiting(&[pod(&json!({}))], &events);
        assert_eq!((found.len(), found[0].note.as_str(), found[0].reason), (1, "waits for keys", WAITING));
        assert_eq!(found[0].at, Millis::parse_rfc3339("2026-11-27T12:05:00Z").ok());
        assert!(waiting(&[pod(&json!({"/status/phase": "Failed"}))], &events).is_empty());
        assert!(waiting(&[pod(&json!({}))], &events[2..]).is_empty());
    }
}
