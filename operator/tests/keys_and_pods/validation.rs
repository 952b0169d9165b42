//! What the schema cannot see is refused at apply.

use axum::http::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};

use crate::rig::{Case, eventually};

/// What the API server warns of an object that would be applied.
async fn warnings(case: &Case, plural: &str, object: &Value) -> Result<Vec<String>, String> {
    let (namespace, name) = (&object["metadata"]["namespace"], &object["metadata"]["name"]);
    let path = format!(
        "/apis/eventing.qsl.dev/v1alpha1/namespaces/{}/{plural}/{}?fieldManager=tests&force=true&dryRun=All",
        namespace.as_str().unwrap(),
        name.as_str().unwrap()
    );
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(path)
        .header("content-type", "application/apply-patch+yaml")
        .body(Body::from(object.to_string().into_bytes()))
        .unwrap();
    let answer = case.client.send(request).await.map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string());
    }
    Ok(answer.headers().get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn a_key_whose_algorithm_an_inbox_of_the_bus_refuses_is_warned_of_and_accepted() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let inbox = json!({"queueName": case.namespace("ledger"), "allowedNamespaces": {"from": "All"},
        "verification": {"allowedAlgorithms": ["Dilithium2"]}});
    case.apply("InboxQueue", "books", "ledger", &inbox).await.unwrap();
    let target = json!({"inboxRef": {"name": "ledger", "namespace": case.namespace("books")}});
    let rule = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.note"]}, "targets": [target]});
    case.apply("EventRule", "platform", "notes", &rule).await.unwrap();
    let key = |algorithm: &str| {
        json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey",
            "metadata": {"name": "notes", "namespace": case.namespace("platform")},
            "spec": {"busRef": {"name": "core"}, "algorithm": algorithm, "sources": ["qsl.note"]}})
    };
    // The webhook judges by what it has seen of the others.
    let said = eventually("the key is warned of", || async {
        let said = warnings(&case, "signingkeys", &key("ML-DSA-44")).await?;
        said.first().cloned().ok_or_else(|| "no warning".to_owned())
    })
    .await;
    let inbox = format!("InboxQueue {}/ledger", case.namespace("books"));
    for part in ["299", "spec.algorithm: ", &inbox, "does not allow ML-DSA-44", "dead-letters"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!(warnings(&case, "signingkeys", &key("Dilithium2")).await, Ok(Vec::new()));
    case.key("notes", &["qsl.note"]).await.unwrap();
}

#[tokio::test]
async fn two_keys_for_one_source_and_two_buses_of_one_name_are_refused_with_the_other_s_name() {
    let case = Case::new().await;
    case.bus_and_key().await;
    // The webhook judges by what it has seen of the first.
    let refused = eventually("the second key is refused", || async {
        case.key("more-coins", &["qsl.coin"]).await.map_or_else(|error| Ok(error.to_string()), |_| Err("accepted"))
    })
    .await;
    assert!(refused.contains("SigningKey coins") && refused.contains("qsl.coin"), "{refused}");
    let refused = case.apply("EventBus", "shop", "other", &json!({"busName": case.namespace("bus")})).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&format!("EventBus {}/core", case.namespace("platform"))), "{refused}");
    case.key("notes", &["qsl.note"]).await.unwrap();
}

#[tokio::test]
async fn helm_test_hears_the_webhook_and_says_that_there_are_no_pods() {
    let case = Case::new().await;
    let namespace = case.namespace("platform");
    let args = operator::check::Args { release_namespace: namespace.clone(), release_name: "none".to_owned() };
    let found = operator::check::run(&case.client, &args).await;
    assert!(found.good.iter().any(|line| line == "the validating webhook answers"), "{found:?}");
    assert_eq!(found.bad, [format!("no pod of release none is in namespace {namespace}")]);
}
