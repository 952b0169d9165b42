//! `kubectl-qsl check`, of an installation that is well and of those that are not.

mod installed;

use serde_json::{Value, json};
use test_cluster::ControlPlane;

use crate::program::Answer;
use installed::Installed;

const OBJECTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop, annotations: {eventing.qsl.dev/inject: "true"}}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec: {containers: [{name: till, image: till}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: waits
  namespace: shop
  annotations: {eventing.qsl.dev/inject: "true", eventing.qsl.dev/inbox: tills}
spec: {serviceAccountName: till, automountServiceAccountToken: false, containers: [{name: till, image: till}]}
"#;

/// The findings: object and reason.
fn found(answer: &Answer) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&answer.out).expect(&answer.err);
    let text = |found: &Value, name: &str| found[name].as_str().unwrap().to_owned();
    report["found"].as_array().unwrap().iter().map(|one| (text(one, "object"), text(one, "reason"))).collect()
}

/// What `check` says of what is broken: that one object for that one reason, with a fix that has these words.
fn says(site: &Installed, what: &str, expected: &[(&str, &str)], fix: &str) {
    let json = site.check(&["-n", "shop", "-o", "json"]);
    assert_eq!(json.code, 3, "{what}: {}{}", json.out, json.err);
    let expected: Vec<_> =
        expected.iter().map(|(object, reason)| ((*object).to_owned(), (*reason).to_owned())).collect();
    assert_eq!(found(&json), expected, "{what}");
    let told = site.check(&["-n", "shop"]);
    assert_eq!(told.code, 3);
    assert!(told.out.contains(fix), "{what}: {}", told.out);
    println!("--- {what}\n{}", told.out);
}

#[test]
fn a_good_installation_passes_and_each_broken_one_is_told_with_its_fix() {
    let site = Installed::start();
    let good = site.check(&["-n", "shop"]);
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{}", good.out);
    assert!(good.out.lines().all(|line| line.starts_with("ok: ")), "{}", good.out);
    assert_eq!(good.out.lines().count(), 14, "{}", good.out);
    println!("--- good\n{}", good.out);

    site.set_authority(&Installed::another_authority());
    let injector = ("MutatingWebhookConfiguration/qsl-eventing", "InjectorUnreachable");
    says(&site, "another authority", &[injector], "fix: the caBundle is not of the authority");
    site.set_authority(site.authority());

    site.lead("2020-01-01T00:00:00.000000Z");
    site.set_ready("deployment", "qsl-operator", 0);
    let operator = [("Deployment/qsl-operator", "ProgramNotReady"), ("Lease/qsl-operator", "NoLeader")];
    says(&site, "an operator that is away", &operator, "fix: see what keeps the operator: kubectl -n ops logs");
    site.lead("2100-01-01T00:00:00.000000Z");
    site.set_ready("deployment", "qsl-operator", 2);

    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/maxAttempts";
    site.patch(&["crd", "inboxqueues.eventing.qsl.dev"], &json!([{"op": "remove", "path": schema}]));
    let definition = ("CustomResourceDefinition/inboxqueues.eventing.qsl.dev", "DefinitionOutdated");
    says(&site, "definitions of another version", &[definition], "fix: upgrade the chart (helm upgrade)");
    site.define("inboxqueues");

    site.write_status("inbox", "tills", &[("Ready", "False"), ("PolicyFull", "True")], &json!({}));
    site.write_document(-7_200, 3_600);
    let full = [("InboxQueue/tills", "PolicyFull"), ("ConfigMap/qsl-eventing", "DocumentExpired")];
    says(
        &site,
        "a policy without room, and documents that ran out",
        &full,
        "fix: have fewer EventRules target this inbox",
    );
    site.write_status("inbox", "tills", &[("Ready", "True"), ("PolicyFull", "False")], &json!({}));
    site.write_document(-10, 3_600);

    site.set_hour_of_aws(Some("Fri, 27 Nov 2020 12:00:00 GMT"));
    says(
        &site,
        "a clock that is wrong",
        &[("Clock/AWS", "ClockSkew")],
        "fix: set the clock that is wrong (NTP, chrony)",
    );
    site.set_hour_of_aws(None);

    site.annotate_account("eks.amazonaws.com/role-arn=arn:aws:iam::000000000000:role/tills");
    says(
        &site,
        "a role on an account",
        &[("ServiceAccount/till", "RoleOnAccount")],
        "fix: remove annotation eks.amazonaws.com",
    );
    site.annotate_account("eks.amazonaws.com/role-arn=arn:aws:iam::000000000000:role/photos");
    let noted = site.check(&["-n", "shop"]);
    assert_eq!(noted.code, 0, "an application may have a role of its own: {}", noted.out);

    let again = site.check(&["-n", "shop"]);
    assert_eq!(again.code, 0, "what was mended is well: {}", again.out);
    site.stop();
}

#[test]
fn who_asked_for_a_sidecar_and_has_none_and_whose_sidecar_waits_is_said() {
    let site = Installed::start();
    let kubectl = site.kubectl();
    let missed = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "missed", "namespace": "shop"},
        "spec": {"serviceAccountName": "till", "automountServiceAccountToken": false,
                 "containers": [{"name": "till", "image": "till"}]}}"#;
    kubectl.apply(missed).unwrap();
    kubectl.run(["annotate", "pod", "missed", "-n", "shop", "eventing.qsl.dev/inject=true"]).unwrap();
    kubectl.apply(OBJECTS).unwrap();
    let uid = kubectl.run(["get", "pod", "waits", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "waits.1", "namespace": "shop"}, "reason": "SidecarWaiting", "type": "Normal",
        "note": "waits for InboxQueue shop/tills", "action": "Observe", "eventTime": "2026-11-27T12:00:00.000000Z",
        "reportingController": "qsl-operator", "reportingInstance": "qsl-operator-0",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "waits", "namespace": "shop", "uid": uid}});
    kubectl.apply(&event.to_string()).unwrap();

    let answer = site.check(&["-n", "shop", "-o", "json"]);
    let expected =
        [("Deployment/till", "AnnotationMisplaced"), ("Pod/missed", "SidecarMissing"), ("Pod/waits", "SidecarWaiting")];
    let expected: Vec<_> =
        expected.iter().map(|(object, reason)| ((*object).to_owned(), (*reason).to_owned())).collect();
    assert_eq!((answer.code, found(&answer)), (3, expected), "{}", answer.err);
    let table = site.check(&["-n", "shop"]);
    assert!(table.out.contains("waits for InboxQueue shop/tills (said "), "{}", table.out);
    assert_eq!(site.check(&["-n", "default"]).code, 0, "another namespace is none of it");

    let stranger = site.check_as_a_viewer_of_shop();
    assert_eq!(stranger.code, 3, "{}{}", stranger.out, stranger.err);
    assert!(stranger.out.contains("not looked at: leader: "), "{}", stranger.out);
    assert!(stranger.out.contains("FAILED: SidecarMissing: shop Pod/missed"), "{}", stranger.out);
    site.stop();
}

#[test]
fn before_an_installation_rights_and_what_the_values_need_are_looked_at() {
    let plane = ControlPlane::start().unwrap();
    let site = Installed::before(plane);
    let ready = site.check(&["--pre"]);
    assert_eq!((ready.code, ready.err.as_str()), (0, ""), "{}", ready.out);
    assert!(ready.out.contains("ok: permissions: you may install into namespace ops"), "{}", ready.out);

    let wants = site.check(&["--pre", "--with", "keda", "--with", "cert-manager", "-o", "json"]);
    let missing = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| (format!("API/{name}"), "DefinitionMissing".to_owned())).collect()
    };
    let expected = missing(&[
        "scaledobjects.keda.sh/v1alpha1",
        "triggerauthentications.keda.sh/v1alpha1",
        "certificates.cert-manager.io/v1",
        "issuers.cert-manager.io/v1",
    ]);
    assert_eq!((wants.code, found(&wants)), (3, expected), "{}", wants.err);

    let installed = site.check(&["-n", "default"]);
    assert_eq!(installed.code, 3);
    assert!(installed.out.contains("FAILED: NotInstalled: Namespace/ops"), "{}", installed.out);

    let stranger = site.check_as_nobody(&["--pre", "-o", "json"]);
    let lacks = found(&stranger);
    assert_eq!(stranger.code, 3, "{}", stranger.err);
    assert!(
        lacks.contains(&(
            "Right/create:clusterroles.rbac.authorization.k8s.io".to_owned(),
            "PermissionMissing".to_owned()
        ))
    );
    assert_eq!(lacks.len(), 16, "{lacks:?}");
    assert_eq!(site.check(&["--with", "keda"]).code, 2, "what the values need is looked at before");
    site.stop();
}
