//! Tokens that outlive what they were made for.

use std::time::{Duration, Instant};

use super::installation::Installation;

const POD: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: tram-7, namespace: depot}
spec:
  serviceAccountName: driver
  containers: [{name: app, image: tram}]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_pods_token_is_refused_within_a_minute() {
    let installation = Installation::start();
    let kubectl = &installation.kubectl;
    kubectl.apply(POD).unwrap();
    let uid = kubectl.run(["get", "pod", "tram-7", "-n", "depot", "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let bound = ["driver", "-n", "depot", "--bound-object-kind=Pod", "--bound-object-name=tram-7"];
    let token = installation.token_of(&[&bound[..], &["--bound-object-uid", &uid]].concat());

    let replica = installation.replica_that_remembers(Duration::from_secs(2)).await;
    replica.becomes(&token, "OK").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(replica.sign(&token).await.0, 200, "a pod that lives is asked about again");

    kubectl.run(["delete", "pod", "tram-7", "-n", "depot", "--now"]).unwrap();
    let deleted = Instant::now();
    replica.becomes(&token, "UNAUTHENTICATED").await;
    // The API server itself remembers a token for ten seconds.
    assert!(deleted.elapsed() < Duration::from_secs(2 + 10 + 5), "{:?}", deleted.elapsed());
    assert_eq!(replica.sign(&installation.token("driver")).await.0, 200, "the account itself is as good as before");
    replica.stop().await;
}
