//! Grants: by the cluster's own rules, on what the root signed.

use std::time::Duration;

use eventing::time::Millis;
use serde_json::{Value, json};

use super::installation::{ACCOUNT, Installation, Replica};

/// The driver may redrive one inbox; who is of the yard may replay it.
pub(crate) const RIGHTS: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: redrive-arrivals, namespace: depot}
rules: [{apiGroups: [eventing.qsl.dev], resources: [inboxqueues], resourceNames: [arrivals], verbs: [redrive]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: redrive-arrivals, namespace: depot}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: redrive-arrivals}
subjects: [{kind: ServiceAccount, name: driver, namespace: depot}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: replay-arrivals, namespace: depot}
rules: [{apiGroups: [eventing.qsl.dev], resources: [inboxqueues], resourceNames: [arrivals], verbs: [replay]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: replay-arrivals, namespace: depot}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: replay-arrivals}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts:yard'}]
";

/// An event that the replica signs now, as EventBridge delivers it.
async fn event(replica: &Replica, driver: &str) -> String {
    let answer = replica.becomes(driver, "OK").await;
    json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Departed.v1",
           "resources": ["urn:qsl:depot:tram:7"], "detail": answer["events"][0]["detail"]})
    .to_string()
}

async fn grant(replica: &Replica, token: &str, inbox: &str, purpose: &str, body: &str) -> (u16, Value) {
    let ask = json!({"inbox": inbox, "purpose": purpose, "sentAt": Millis::now().0, "body": body});
    let (status, answer) = replica.post("/v1/grants", token, &ask).await;
    (status, if status == 200 { answer["queueArn"].clone() } else { answer["code"].clone() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_needs_the_verb_on_that_inbox() {
    let installation = Installation::start();
    installation.kubectl.apply(RIGHTS).unwrap();
    let replica = installation.replica().await;
    let (driver, passenger) = (installation.token("driver"), installation.token("passenger"));
    let porter = installation.token_of(&["porter", "-n", "yard"]);
    let body = event(&replica, &driver).await;

    let (granted, refused) = (json!("arn:aws:sqs:eu-west-1:111122223333:arrivals"), json!("GRANT_NOT_ALLOWED"));
    for (who, token, inbox, purpose, expected) in [
        ("driver", &driver, "depot/arrivals", "redrive", (200, &granted)),
        ("driver", &driver, "depot/arrivals", "replay", (403, &refused)),
        ("driver", &driver, "depot/departures", "redrive", (403, &refused)),
        ("driver", &driver, "city/arrivals", "redrive", (403, &refused)),
        ("passenger", &passenger, "depot/arrivals", "redrive", (403, &refused)),
        ("porter", &porter, "depot/arrivals", "replay", (200, &granted)),
        ("porter", &porter, "depot/arrivals", "redrive", (403, &refused)),
    ] {
        let (status, answer) = grant(&replica, token, inbox, purpose, &body).await;
        assert_eq!((status, &answer), expected, "{who} {purpose} {inbox}");
    }

    installation.kubectl.run(["delete", "rolebinding", "redrive-arrivals", "-n", "depot"]).unwrap();
    let mut last = (0, Value::Null);
    for _ in 0..100 {
        last = grant(&replica, &driver, "depot/arrivals", "redrive", &body).await;
        if last.0 == 403 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(last, (403, refused), "a right that was taken away is gone");
    replica.stop().await;
}

#[test]
fn of_the_namespaces_configuration_alone_it_reads_and_of_their_secrets_nothing() {
    let installation = Installation::start();
    let may = |arguments: &[&str]| {
        let asked = [&["auth", "can-i", "--as", ACCOUNT], arguments].concat();
        let output = installation.kubectl.command(asked).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim() == "yes"
    };
    assert!(may(&["list", "configmaps/qsl-eventing", "-n", "depot"]));
    assert!(may(&["create", "subjectaccessreviews.authorization.k8s.io"]));
    for not in [
        &["list", "configmaps", "-n", "depot"][..],
        &["list", "configmaps/other", "-n", "depot"],
        &["patch", "configmaps/qsl-eventing", "-n", "depot"],
        &["list", "secrets", "-n", "depot"],
        &["get", "secrets/qsl-root", "-n", "ops"],
        &["patch", "secrets", "-n", "vault"],
        &["list", "inboxqueues.eventing.qsl.dev", "-n", "depot"],
    ] {
        assert!(!may(not), "{not:?}");
    }
}
