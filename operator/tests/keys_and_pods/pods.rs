//! Pods at admission.

use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use crate::rig::{ANNOTATED, Case, apply, eventually, injector, make_namespace};

pub fn pod(annotations: &Value) -> Pod {
    let security = json!({
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 1000,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    let containers = json!([{"name": "ledger", "image": "ledger.test/image", "securityContext": security}]);
    let metadata = json!({"generateName": "ledger-", "annotations": annotations});
    serde_json::from_value(
        json!({"metadata": metadata, "spec": {"serviceAccountName": "ledger", "containers": containers}}),
    )
    .unwrap()
}

/// Has a pod with these annotations made in a namespace under Pod Security `restricted`.
pub async fn admitted(case: &Case, annotations: Value) -> Result<Pod, String> {
    let namespace = case.namespace("strict");
    make_namespace(&case.client, &namespace, &json!({"pod-security.kubernetes.io/enforce": "restricted"})).await;
    let api: Api<Pod> = Api::namespaced(case.client.clone(), &namespace);
    api.create(&PostParams::default(), &pod(&annotations)).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_annotated_pod_gets_a_sidecar_that_pod_security_admits() {
    let case = Case::new().await;
    let annotations = json!({
        "eventing.qsl.dev/inject": "true", "eventing.qsl.dev/inbox": "ledger", "eventing.qsl.dev/app-port": "8080",
    });
    let pod = admitted(&case, annotations).await.unwrap();
    assert_eq!(pod.metadata.labels.unwrap()["eventing.qsl.dev/injected"], "true");
    let spec = pod.spec.unwrap();
    let sidecar = &spec.init_containers.unwrap()[0];
    assert_eq!((sidecar.name.as_str(), sidecar.restart_policy.as_deref()), ("qsl-eventing", Some("Always")));
    let root = sidecar.env.iter().flatten().find(|set| set.name == "QSL_ROOT_SHA256").unwrap();
    assert_eq!(root.value.as_deref(), Some(case.roots().await.to_string().as_str()));
    let env: Vec<_> = spec.containers[0].env.iter().flatten().map(|set| set.name.as_str()).collect();
    assert_eq!(env, ["QSL_EVENTING_URL", "QSL_EVENTING_TOKEN_FILE"]);
}

#[tokio::test]
async fn what_the_api_server_stored_needs_nothing_more() {
    let case = Case::new().await;
    let annotations = json!({
        "eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": "platform/core",
        "eventing.qsl.dev/cpu-limit": "1",
    });
    let mut stored = admitted(&case, annotations).await.unwrap();
    stored.metadata.name = None;
    stored.metadata.resource_version = None;
    stored.metadata.uid = None;
    let api: Api<Pod> = Api::namespaced(case.client.clone(), &case.namespace("strict"));
    let again = api.create(&PostParams::default(), &stored).await.unwrap();
    assert_eq!(again.spec, stored.spec);
}

#[tokio::test]
async fn a_pod_with_a_bad_annotation_is_refused_with_a_sentence() {
    let case = Case::new().await;
    for (annotations, sentence) in [
        (json!({"eventing.qsl.dev/inject": "yes"}), "it is \"true\" or \"false\""),
        (json!({"eventing.qsl.dev/inject": "true"}), "nothing says what for"),
        (
            json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/inbx": "ledger"}),
            "eventing.qsl.dev/inbx is not known",
        ),
    ] {
        let refused = admitted(&case, annotations).await.unwrap_err();
        assert!(refused.contains(sentence), "{refused}");
    }
}

#[tokio::test]
async fn other_pods_never_meet_the_webhook() {
    let case = Case::new().await;
    for annotations in [json!({}), json!({"eventing.qsl.dev/inject": "false", "eventing.qsl.dev/inbx": "ledger"})] {
        let pod = admitted(&case, annotations).await.unwrap();
        assert_eq!(pod.spec.unwrap().init_containers, None);
    }
}

/// Fault 31.
#[tokio::test]
async fn while_the_webhook_is_away_annotated_pods_are_refused_with_a_sentence_and_others_start() {
    let case = Case::new().await;
    // A port that is taken, and at which nobody listens.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let name = case.namespace("dead-injector");
    let here = json!({
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": [case.namespace("strict")],
    });
    apply(&case.client, &injector(&name, nobody.local_addr().unwrap(), &here)).await.unwrap();
    let asks = || json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": "platform/core"});
    let refused = eventually("the API server knows the webhook", || async {
        match admitted(&case, asks()).await {
            Err(refused) => Ok(refused),
            Ok(pod) => Err(pod.metadata.name),
        }
    })
    .await;
    assert!(refused.contains("failed calling webhook \"inject.eventing.qsl.dev\""), "{refused}");
    for annotations in [json!({}), json!({"eventing.qsl.dev/inject": "false"})] {
        admitted(&case, annotations).await.unwrap();
    }
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(case.client.clone());
    configurations.delete(&name, &DeleteParams::default()).await.unwrap();
    let pod = eventually("annotated pods start again", || admitted(&case, asks())).await;
    assert_eq!(pod.spec.unwrap().init_containers.unwrap()[0].name, "qsl-eventing");
}

#[test]
fn the_injector_of_these_tests_is_the_chart_s() {
    let chart = include_str!("../../../charts/qsl-eventing/templates/webhooks.yaml");
    let (injecting, _) = chart.split_once("kind: ValidatingWebhookConfiguration").unwrap();
    for line in [
        &format!("expression: \"{ANNOTATED}\""),
        "failurePolicy: Fail",
        "reinvocationPolicy: IfNeeded",
        "operator: NotIn, values: [kube-system, {{ .Release.Namespace | quote }}]",
        "{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Namespaced}",
    ] {
        assert!(injecting.contains(line), "{line}");
    }
}
