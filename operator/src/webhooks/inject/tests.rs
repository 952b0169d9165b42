#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;

fn settings() -> Settings {
    Settings {
        image: "registry.example/sidecar:1".to_owned(),
        image_pull_policy: "IfNotPresent".to_owned(),
        root_sha256: vec!["ab".repeat(32)],
        region: "eu-central-1".to_owned(),
        aws_endpoint: None,
        aws_audience: "sts.amazonaws.com".to_owned(),
        log_level: "info".to_owned(),
        otlp_endpoint: None,
    }
}

fn pod(annotations: &[(&str, &str)]) -> Value {
    let annotations: serde_json::Map<_, _> =
        annotations.iter().map(|(name, value)| (format!("eventing.qsl.dev/{name}"), json!(value))).collect();
    json!({
        "metadata": {"generateName": "stock-", "annotations": annotations, "labels": {"app": "stock"}},
        "spec": {
            "serviceAccountName": "stock",
            "containers": [{"name": "stock", "image": "registry.example/stock", "ports": [{"containerPort": 8080}]}],
        },
    })
}

const CONSUMER: [(&str, &str); 3] = [("inject", "true"), ("inbox", "stock"), ("app-port", "8080")];

fn injected(pod: &Value) -> Result<Value, Refusal> {
    let patch = inject(&serde_json::from_value(pod.clone()).unwrap(), "warehouse", &settings())?;
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &patch).unwrap();
    Ok(pod)
}

fn refusal(pod: &Value) -> String {
    injected(pod).unwrap_err().to_string()
}

fn with(annotations: &[(&str, &str)]) -> Value {
    let all: Vec<_> = CONSUMER.iter().chain(annotations).copied().collect();
    pod(&all)
}

#[test]
fn a_consumer_gets_its_sidecar() {
    insta::assert_yaml_snapshot!(injected(&pod(&CONSUMER)).unwrap());
}

#[test]
fn a_publisher_needs_no_port_and_names_its_bus() {
    let out = injected(&pod(&[("inject", "true"), ("publish-to", "platform/stock-bus")])).unwrap();
    let env = out["spec"]["initContainers"][0]["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|set| set["name"] == name).map(|set| set["value"].clone());
    assert_eq!(value("QSL_PUBLISH_TO"), Some(json!("platform/stock-bus")));
    assert_eq!((value("QSL_INBOX"), value("QSL_APP_PORT")), (None, None));
    let own = injected(&pod(&[("inject", "true"), ("publish-to", "stock-bus")])).unwrap();
    assert!(own.to_string().contains("warehouse/stock-bus"));
}

#[test]
fn a_pod_that_does_not_ask_is_left_alone() {
    for annotations in [vec![], vec![("inject", "false"), ("inbox", "stock")]] {
        let pod = pod(&annotations);
        assert_eq!(injected(&pod).unwrap(), pod);
    }
}

#[test]
fn injecting_twice_changes_nothing() {
    let mut crowded = pod(&CONSUMER);
    crowded["spec"]["initContainers"] = json!([{"name": "migrate", "image": "m"}]);
    crowded["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    crowded["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "b"}]);
    crowded["spec"]["containers"][0]["lifecycle"] = json!({"postStart": {"exec": {"command": ["true"]}}});
    for pod in [pod(&CONSUMER), crowded] {
        let once = injected(&pod).unwrap();
        let patch = inject(&serde_json::from_value(once).unwrap(), "warehouse", &settings()).unwrap();
        assert_eq!(patch.0, []);
    }
}

#[test]
fn a_container_added_after_the_first_time_gets_its_part_the_second_time() {
    let mut pod = injected(&pod(&CONSUMER)).unwrap();
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "late", "image": "l"}));
    pod["spec"]["initContainers"].as_array_mut().unwrap().insert(0, json!({"name": "early", "image": "e"}));
    let again = injected(&pod).unwrap();
    assert_eq!(again["spec"]["containers"][1]["env"][0]["name"], "QSL_EVENTING_URL");
    let names: Vec<_> = again["spec"]["initContainers"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["early", "qsl-eventing"]);
}

#[test]
fn what_was_mounted_into_the_sidecar_meanwhile_is_taken_out_again() {
    let once = injected(&pod(&CONSUMER)).unwrap();
    let mut mounted = once.clone();
    let api = json!({"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    mounted["spec"]["initContainers"][0]["volumeMounts"].as_array_mut().unwrap().push(api);
    assert_eq!(injected(&mounted).unwrap(), once);
}

#[test]
fn the_sidecar_s_user_is_nobody_else_s() {
    let mut pod = pod(&CONSUMER);
    pod["spec"]["securityContext"] = json!({"runAsUser": 15080});
    pod["spec"]["containers"][0]["securityContext"] = json!({"runAsUser": 15081});
    let out = injected(&pod).unwrap();
    assert_eq!(out["spec"]["initContainers"][0]["securityContext"]["runAsUser"], 15082);
}

#[test]
fn an_application_s_own_pre_stop_stays_and_no_drain_adds_none() {
    let mut own = pod(&CONSUMER);
    own["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["bye"]}}});
    let out = injected(&own).unwrap();
    assert_eq!(out["spec"]["containers"][0]["lifecycle"], own["spec"]["containers"][0]["lifecycle"]);
    let none = injected(&with(&[("drain-seconds", "0")])).unwrap();
    assert_eq!(none["spec"]["containers"][0].get("lifecycle"), None);
}

#[test]
fn tokens_are_mounted_into_the_sidecar_alone() {
    let out = injected(&pod(&CONSUMER)).unwrap();
    let mounts = |container: &Value| -> Vec<String> {
        container["volumeMounts"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(mounts(&out["spec"]["initContainers"][0]).contains(&volumes::IDENTITY.to_owned()));
    assert_eq!(mounts(&out["spec"]["containers"][0]), [volumes::DELIVERY]);
    assert_eq!(out["spec"]["containers"][0]["volumeMounts"][0]["readOnly"], true);
}

#[test]
fn annotations_that_cannot_be_used_are_refused_with_a_sentence() {
    let refusals: Vec<String> = [
        pod(&[("inject", "yes")]),
        pod(&[("inject", "true")]),
        pod(&[("inject", "true"), ("inbox", "stock")]),
        pod(&[("inject", "true"), ("publish-to", "b"), ("app-path", "/x")]),
        pod(&[("inject", "true"), ("publish-to", "a/b/c")]),
        with(&[("inbx", "stock")]),
        with(&[("inbox", "Stock")]),
        with(&[("app-port", "http")]),
        with(&[("app-port", "15080")]),
        with(&[("app-path", "events")]),
        with(&[("app-health-path", "/a?b")]),
        with(&[("log-level", "loud")]),
        with(&[("cpu-request", "-1")]),
        with(&[("memory-limit", "64MB")]),
        with(&[("memory-request", "256Mi")]),
        with(&[("cpu-request", "2"), ("cpu-limit", "1500m")]),
        with(&[("image", "a b")]),
        with(&[("drain-seconds", "5s")]),
        with(&[("drain-seconds", "30")]),
        with(&[("require-token", "1")]),
    ]
    .iter()
    .map(refusal)
    .collect();
    insta::assert_yaml_snapshot!(refusals);
}

#[test]
fn pods_that_a_sidecar_cannot_serve_are_refused_with_a_sentence() {
    let changes: [fn(&mut Value); 13] = [
        |pod| pod["spec"]["hostNetwork"] = json!(true),
        |pod| pod["spec"]["hostPID"] = json!(true),
        |pod| pod["spec"]["shareProcessNamespace"] = json!(true),
        |pod| pod["spec"]["os"] = json!({"name": "windows"}),
        |pod| pod["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "windows"}),
        |pod| pod["spec"]["containers"][0]["name"] = json!("qsl-eventing"),
        |pod| pod["spec"]["initContainers"] = json!([{"name": "qsl-eventing", "image": "x"}]),
        |pod| pod["spec"]["volumes"] = json!([{"name": "qsl-eventing-identity", "emptyDir": {}}]),
        |pod| pod["spec"]["containers"][0]["env"] = json!([{"name": "QSL_EVENTING_URL", "value": "http://other"}]),
        |pod| {
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "data", "mountPath": "/var/run/qsl-eventing/x"}]);
        },
        |pod| {
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "qsl-eventing-identity", "mountPath": "/stolen"}]);
        },
        |pod| pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 15081}]),
        |pod| pod["spec"]["containers"] = json!([]),
    ];
    let refusals: Vec<String> = changes
        .iter()
        .map(|change| {
            let mut pod = pod(&CONSUMER);
            change(&mut pod);
            refusal(&pod)
        })
        .collect();
    insta::assert_yaml_snapshot!(refusals);
}

#[test]
fn a_label_of_one_s_own_gives_no_container_the_tokens() {
    let mut pod = pod(&CONSUMER);
    pod["metadata"]["labels"] = json!({"eventing.qsl.dev/injected": "true"});
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "qsl-eventing-identity", "mountPath": "/stolen"}]);
    assert!(refusal(&pod).contains("/stolen"));
}

/// A pod with about everything that a pod can have.
fn crowded() -> Value {
    let security = json!({"runAsUser": 15_080, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
    let probe = json!({"httpGet": {"path": "/up", "port": 8080}, "periodSeconds": 3, "initialDelaySeconds": 1});
    let full = json!({
        "name": "stock", "image": "registry.example/stock", "imagePullPolicy": "Always",
        "command": ["/stock"], "args": ["--level=$(LEVEL)"], "workingDir": "/data", "tty": true, "stdin": true,
        "env": [
            {"name": "LEVEL", "value": "3"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "stock", "key": "password"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "stock"}}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}, "claims": [{"name": "card"}]},
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "run", "mountPath": "/var/run"}],
        "volumeDevices": [{"name": "disk", "devicePath": "/dev/disk"}],
        "livenessProbe": probe, "readinessProbe": probe, "startupProbe": probe,
        "lifecycle": {"postStart": {"exec": {"command": ["true"]}}},
        "securityContext": security, "terminationMessagePath": "/end", "terminationMessagePolicy": "File",
    });
    let leaves_late = json!({
        "name": "late", "image": "l", "lifecycle": {"preStop": {"exec": {"command": ["sleep", "3"]}}},
    });
    let mut pod = with(&[("drain-seconds", "7")]);
    pod["metadata"]["finalizers"] = json!(["example.com/stays"]);
    pod["spec"] = json!({
        "serviceAccountName": "stock", "automountServiceAccountToken": false, "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 60, "dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10"]},
        "nodeSelector": {"disk": "fast"}, "priorityClassName": "high", "schedulerName": "own", "hostname": "stock",
        "imagePullSecrets": [{"name": "registry"}], "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}], "enableServiceLinks": false,
        "securityContext": {"runAsUser": 15_081, "fsGroup": 5, "sysctls": [{"name": "net.a", "value": "1"}]},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        "initContainers": [
            {"name": "migrate", "image": "m", "env": [{"name": "A", "value": "b"}]},
            {"name": "proxy", "image": "p", "restartPolicy": "Always", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}},
        ],
        "containers": [full, leaves_late, {"name": "bare", "image": "b"}],
        "volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}, {"name": "run", "hostPath": {"path": "/run"}}],
    });
    pod
}

/// Takes `taken` out of a list, and the list out of its object where nothing is left.
fn without(object: &mut Value, list: &str, taken: &[&str]) {
    let elements = object[list].as_array_mut().unwrap();
    let before = elements.len();
    elements.retain(|element| !taken.contains(&element["name"].as_str().unwrap()));
    assert_eq!(before - elements.len(), taken.len(), "{list}: each of {taken:?} once");
    if elements.is_empty() {
        object.as_object_mut().unwrap().remove(list);
    }
}

#[test]
fn but_for_what_is_added_the_pod_stays_as_it_was() {
    let (before, mut after) = (crowded(), injected(&crowded()).unwrap());
    assert_eq!(after["metadata"]["labels"].as_object_mut().unwrap().remove(INJECTED), Some(json!("true")));
    without(&mut after["spec"], "volumes", &volumes::NAMES);
    without(&mut after["spec"], "initContainers", &[sidecar::NAME]);
    for (at, container) in after["spec"]["containers"].as_array_mut().unwrap().iter_mut().enumerate() {
        without(container, "env", &["QSL_EVENTING_URL", "QSL_EVENTING_TOKEN_FILE"]);
        without(container, "volumeMounts", &[volumes::DELIVERY]);
        if before["spec"]["containers"][at]["lifecycle"]["preStop"].is_null() {
            let lifecycle = container["lifecycle"].as_object_mut().unwrap();
            assert_eq!(lifecycle.remove("preStop"), Some(json!({"sleep": {"seconds": 7}})));
            if lifecycle.is_empty() {
                container.as_object_mut().unwrap().remove("lifecycle");
            }
        }
    }
    assert_eq!(after, before);
}

#[test]
fn the_sidecar_listens_for_the_application_on_loopback_alone() {
    let out = injected(&with(&[("publish-to", "platform/stock-bus")])).unwrap();
    let sidecar = &out["spec"]["initContainers"][0];
    let listens = sidecar["env"].as_array().unwrap().iter().find(|set| set["name"] == "QSL_LISTEN").unwrap();
    assert_eq!(listens["value"], "127.0.0.1:15080");
    let ports: Vec<_> = sidecar["ports"].as_array().unwrap().iter().map(|port| port["containerPort"].clone()).collect();
    assert_eq!(ports, [15_081], "the port of health and metrics alone is told to others");
}
