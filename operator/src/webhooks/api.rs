//! The two routes. Each takes an AdmissionReview and answers with one.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::post};
use crds::{EventBus, EventRule, InboxQueue, SigningKey, names::FORCE_DELETE};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    core::{
        DynamicObject,
        admission::{AdmissionRequest, AdmissionResponse, AdmissionReview, Operation},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{
    inject::{self, Settings},
    validate::{self, Judged, Judgement, Others},
};
use crate::{installation::Installed, runner::Hub};

/// What the injector says while it cannot inject.
const NOT_READY: &str = "the operator of QSL Eventing has not finished its first start (the root key is not there yet); try again in a few seconds";

/// What the routes answer from.
#[derive(Clone)]
pub struct Answers {
    /// What sidecars are given; the root's hash comes from `installed`.
    pub template: Arc<Settings>,
    /// The root key's hash, once it is there.
    pub installed: watch::Receiver<Option<Installed>>,
    /// The objects there are.
    pub hub: Hub,
}

/// `POST /inject` and `POST /validate`.
pub fn router(answers: Answers) -> Router {
    Router::new().route("/inject", post(inject)).route("/validate", post(validate)).with_state(answers)
}

type Review = Json<AdmissionReview<DynamicObject>>;

async fn inject(State(answers): State<Answers>, Json(review): Review) -> Review {
    let request: AdmissionRequest<DynamicObject> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    Json(injected(&answers, &request, response).into_review())
}

fn injected(
    answers: &Answers,
    request: &AdmissionRequest<DynamicObject>,
    response: AdmissionResponse,
) -> AdmissionResponse {
    let Some(object) = &request.object else { return response };
    let pod: Pod = match typed(object) {
        Ok(pod) => pod,
        Err(error) => return response.deny(format!("the pod cannot be read: {error}")),
    };
    let root_sha256 = answers.installed.borrow().as_ref().map(Installed::root_hashes);
    let Some(root_sha256) = root_sha256 else { return response.deny(NOT_READY) };
    let settings = Settings { root_sha256, ..Settings::clone(&answers.template) };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    match inject::inject(&pod, namespace, &settings) {
        Ok(patch) if patch.0.is_empty() => response,
        Ok(patch) => response.clone().with_patch(patch).unwrap_or_else(|error| response.deny(error)),
        Err(refusal) => {
            let name = pod.metadata.name.or(pod.metadata.generate_name).unwrap_or_default();
            tracing::info!(namespace, pod = name, %refusal, "pod refused");
            response.deny(refusal)
        }
    }
}

async fn validate(State(answers): State<Answers>, Json(review): Review) -> Review {
    let request: AdmissionRequest<DynamicObject> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    Json(validated(&answers.hub, &request, response).into_review())
}

fn validated(
    hub: &Hub,
    request: &AdmissionRequest<DynamicObject>,
    mut response: AdmissionResponse,
) -> AdmissionResponse {
    let Some(object) = request.object.as_ref().filter(|_| request.operation != Operation::Delete) else {
        return response;
    };
    // An object on its way out is not judged any more: its finalizer has to come off.
    if object.metadata.deletion_timestamp.is_some() {
        return response;
    }
    let stores = (
        hub.buses.store().state(),
        hub.rules.store().state(),
        hub.inboxes.store().state(),
        hub.signing_keys.store().state(),
    );
    let others = Others {
        buses: stores.0.iter().map(AsRef::as_ref).collect(),
        rules: stores.1.iter().map(AsRef::as_ref).collect(),
        inboxes: stores.2.iter().map(AsRef::as_ref).collect(),
        signing_keys: stores.3.iter().map(AsRef::as_ref).collect(),
    };
    let old = request.old_object.as_ref();
    let Judgement { refusal, mut warnings } = match request.kind.kind.as_str() {
        "EventBus" => judge::<EventBus>(object, old, &others),
        "EventRule" => judge::<EventRule>(object, old, &others),
        "InboxQueue" => judge::<InboxQueue>(object, old, &others),
        "SigningKey" => judge::<SigningKey>(object, old, &others),
        _ => Judgement::default(),
    };
    if object.annotations().get(FORCE_DELETE).is_some_and(|value| value != "true" && value != "false") {
        warnings.push(format!("annotation {FORCE_DELETE} has an effect only as \"true\""));
    }
    if !warnings.is_empty() {
        response.warnings = Some(warnings);
    }
    match refusal {
        Some(refusal) => response.deny(refusal),
        None => response,
    }
}

/// An object that cannot be read is the schema's to refuse; one whose spec stays as it was is not judged anew, so that
/// annotations and finalizers come and go whatever is wrong with it.
fn judge<K: Judged>(object: &DynamicObject, old: Option<&DynamicObject>, others: &Others<'_>) -> Judgement {
    if old.is_some_and(|old| old.data.get("spec") == object.data.get("spec")) {
        return Judgement::default();
    }
    let Ok(new) = typed::<K>(object) else { return Judgement::default() };
    validate::admit(&new, old.and_then(|old| typed::<K>(old).ok()).as_ref(), others)
}

fn typed<T: DeserializeOwned>(object: &DynamicObject) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(object)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn request(annotations: &serde_json::Value) -> AdmissionRequest<DynamicObject> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "stock-", "annotations": annotations},
            "spec": {"containers": [{"name": "stock", "image": "stock.test/image"}]},
        });
        let request = json!({
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": "warehouse",
            "operation": "CREATE", "userInfo": {}, "object": pod,
        });
        serde_json::from_value(request).unwrap()
    }

    fn settings() -> Settings {
        Settings {
            image: "sidecar.test/image".to_owned(),
            image_pull_policy: "Always".to_owned(),
            root_sha256: Vec::new(),
            region: "eu-central-1".to_owned(),
            aws_endpoint: None,
            aws_audience: "sts.amazonaws.com".to_owned(),
            log_level: "info".to_owned(),
            otlp_endpoint: None,
        }
    }

    #[test]
    fn until_the_root_key_is_there_annotated_pods_are_refused_with_a_sentence() {
        let (_sender, installed) = watch::channel(None);
        let answers = Answers { template: Arc::new(settings()), installed, hub: Hub::new().0 };
        let request = request(&json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": "bus"}));
        let response = injected(&answers, &request, AdmissionResponse::from(&request));
        assert!(!response.allowed);
        assert!(response.result.message.contains("first start"), "{}", response.result.message);
    }
}
