//! The difference between a pod and the same pod with its sidecar, as a JSON patch.

use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, jsonptr::PointerBuf};
use k8s_openapi::api::core::v1::{Container, EnvVar, LifecycleHandler, Pod, PodSpec, SleepAction};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    INJECTED, Refusal, Request, Settings, checks,
    sidecar::{self, NAME, TOKEN_FILE, TOKEN_FILE_VARIABLE, URL, URL_VARIABLE},
    volumes::{DELIVERY, app_mount, volumes},
};

/// The patch; empty when nothing differs.
pub fn difference(pod: &Pod, request: &Request, settings: &Settings) -> Result<Patch, Refusal> {
    let spec = pod.spec.as_ref().ok_or(Refusal::NoContainers)?;
    let mut edits = Edits(Vec::new());
    label(pod, &mut edits);
    for volume in volumes(settings) {
        let present = spec.volumes.as_deref();
        edits.element(&["spec", "volumes"], present, "-", |found| found.name == volume.name, &volume);
    }
    add_sidecar(spec, request, settings, &mut edits);
    for (at, container) in spec.containers.iter().enumerate() {
        app(&["spec", "containers", &at.to_string()], container, request, &mut edits);
    }
    Ok(Patch(edits.0))
}

fn label(pod: &Pod, edits: &mut Edits) {
    if checks::has_label(pod) {
        return;
    }
    match &pod.metadata.labels {
        Some(_) => edits.add(&["metadata", "labels", INJECTED], &"true"),
        None => edits.add(&["metadata", "labels"], &json!({INJECTED: "true"})),
    }
}

fn add_sidecar(spec: &PodSpec, request: &Request, settings: &Settings, edits: &mut Edits) {
    let mut wanted = sidecar::container(spec, request, settings);
    let init = spec.init_containers.as_deref();
    if let Some(present) = init.and_then(|init| init.iter().find(|found| found.name == NAME)) {
        // An admission plugin may insist on another (AlwaysPullImages does).
        wanted.image_pull_policy.clone_from(&present.image_pull_policy);
    }
    edits.element(&["spec", "initContainers"], init, "0", |found| found.name == NAME, &wanted);
}

fn app(path: &[&str; 3], container: &Container, request: &Request, edits: &mut Edits) {
    let [spec, list, at] = path;
    let path = |last| [*spec, *list, *at, last];
    for (name, value) in [(URL_VARIABLE, URL), (TOKEN_FILE_VARIABLE, TOKEN_FILE)] {
        let wanted = EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None };
        edits.element(&path("env"), container.env.as_deref(), "-", |found| found.name == name, &wanted);
    }
    let mounts = container.volume_mounts.as_deref();
    edits.element(&path("volumeMounts"), mounts, "-", |found| found.name == DELIVERY, &app_mount());

    let lifecycle = container.lifecycle.as_ref();
    if request.drain_seconds == 0 || lifecycle.is_some_and(|lifecycle| lifecycle.pre_stop.is_some()) {
        return;
    }
    let sleep = SleepAction { seconds: i64::from(request.drain_seconds) };
    let handler = LifecycleHandler { sleep: Some(sleep), ..LifecycleHandler::default() };
    match lifecycle {
        Some(_) => edits.add(&[*spec, *list, *at, "lifecycle", "preStop"], &handler),
        None => edits.add(&path("lifecycle"), &json!({"preStop": handler})),
    }
}

/// Edits, in order.
struct Edits(Vec<PatchOperation>);

impl Edits {
    fn add(&mut self, path: &[&str], value: &impl Serialize) {
        self.0.push(PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens(path.iter().copied()),
            value: json(value),
        }));
    }

    /// Makes one element of a list as wanted: replaced where it differs, put `at` its place where it is absent.
    fn element<T: Serialize + PartialEq>(
        &mut self,
        list: &[&str],
        present: Option<&[T]>,
        at: &str,
        is_it: impl Fn(&T) -> bool,
        wanted: &T,
    ) {
        let found = present.unwrap_or_default().iter().position(is_it);
        let place = |last: &str| PointerBuf::from_tokens(list.iter().copied().chain([last]));
        match found {
            Some(index) if present.and_then(|present| present.get(index)) == Some(wanted) => {}
            Some(index) => self.0.push(PatchOperation::Replace(ReplaceOperation {
                path: place(&index.to_string()),
                value: json(wanted),
            })),
            None => {
                if present.is_none() && !self.makes(list) {
                    self.add(list, &json!([]));
                }
                self.0.push(PatchOperation::Add(AddOperation { path: place(at), value: json(wanted) }));
            }
        }
    }

    fn makes(&self, list: &[&str]) -> bool {
        let path = PointerBuf::from_tokens(list.iter().copied());
        self.0.iter().any(|edit| matches!(edit, PatchOperation::Add(add) if add.path == path))
    }
}

/// Types of Kubernetes always have a JSON form.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
