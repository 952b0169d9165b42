//! The tenant: a service account with every verb on our group, and on pods, service accounts, their tokens, ConfigMaps
//! and Secrets, in namespace `guest` alone. It acts with its own token.

use std::time::Duration;

use kube::{
    Client, Config,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{
    caller::Caller,
    site::{AUDIENCE, Site},
    support::{api_of, apply, eventually, installed::UNJUDGED},
};

pub const GUEST: &str = "guest";
const ACCOUNT: &str = "mallory";

const RIGHTS: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: mallory, namespace: guest}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant, namespace: guest}
rules:
- {apiGroups: [eventing.qsl.dev], resources: ["*"], verbs: ["*"]}
- {apiGroups: [""], resources: [pods, serviceaccounts, serviceaccounts/token, configmaps, secrets], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: guest}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{kind: ServiceAccount, name: mallory, namespace: guest}]
"#;

pub struct Tenant {
    pub client: Client,
    pub caller: Caller,
    /// Its own token for the signature service.
    pub token: String,
}

impl Tenant {
    pub async fn of(site: &Site) -> Self {
        // It comes after the platform, by the API server's clock of seconds too: of two who claim a name, the older has it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for object in serde_yaml_ng::Deserializer::from_str(RIGHTS) {
            let object: Value = serde::Deserialize::deserialize(object).unwrap();
            apply(&site.client, &object).await.unwrap();
        }
        let caller = Caller::of(&site.service);
        let token = caller.token(&site.client, GUEST, ACCOUNT, None).await.unwrap();
        let client = with_token(site, &token).await;
        let token = caller.token(&client, GUEST, ACCOUNT, Some(AUDIENCE)).await.unwrap();
        Self { client, caller, token }
    }

    /// One of our kinds, in its namespace.
    pub async fn create(&self, kind: &str, name: &str, spec: &Value) -> Result<DynamicObject, kube::Error> {
        self.create_with(kind, &json!({"name": name}), spec).await
    }

    /// The same past the validating webhook, as when that was away.
    pub async fn slip(&self, kind: &str, name: &str, spec: &Value, annotations: &Value) {
        let metadata = json!({"name": name, "labels": {UNJUDGED: "true"}, "annotations": annotations});
        self.create_with(kind, &metadata, spec).await.unwrap();
    }

    async fn create_with(&self, kind: &str, metadata: &Value, spec: &Value) -> Result<DynamicObject, kube::Error> {
        let object = ours(kind, metadata, spec);
        let typed = serde_json::from_value(object.clone()).unwrap();
        api_of(&self.client, &object).create(&PostParams::default(), &typed).await
    }

    /// Changes one of its objects, or with `status` what the object says of itself.
    pub async fn change(&self, kind: &str, name: &str, change: &Value, status: bool) {
        let api = api_of(&self.client, &ours(kind, &json!({"name": name}), &Value::Null));
        let (parameters, change) = (PatchParams::default(), Patch::Merge(change));
        let changed = if status {
            api.patch_status(name, &parameters, &change).await
        } else {
            api.patch(name, &parameters, &change).await
        };
        changed.unwrap();
    }

    /// What an object says that is refused.
    pub async fn refusal(&self, kind: &str, name: &str) -> String {
        let wrong = [("Terminal", "True"), ("ReferencesResolved", "False")];
        self.says(kind, name, move |type_, status, _| wrong.contains(&(type_, status))).await
    }

    pub async fn until_ready(&self, kind: &str, name: &str) {
        self.says(kind, name, |type_, status, _| (type_, status) == ("Ready", "True")).await;
    }

    /// The first condition of an object that is like that, by type, status and reason.
    pub async fn says(&self, kind: &str, name: &str, is: impl Fn(&str, &str, &str) -> bool) -> String {
        let api = api_of(&self.client, &ours(kind, &json!({"name": name}), &Value::Null));
        eventually(&format!("{kind} {name} says it"), || async {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let of_now = |condition: &&Value| condition["observedGeneration"] == json!(object.metadata.generation);
            let text = |condition: &Value, member: &str| condition[member].as_str().unwrap_or_default().to_owned();
            let found = conditions
                .iter()
                .filter(of_now)
                .find(|condition| is(&text(condition, "type"), &text(condition, "status"), &text(condition, "reason")));
            let said = found.map(|found| {
                let [type_, status, reason, message] =
                    ["type", "status", "reason", "message"].map(|member| text(found, member));
                format!("{type_}={status} {reason}: {message}")
            });
            said.ok_or_else(|| format!("{conditions:?}"))
        })
        .await
    }
}

/// An object of ours in the tenant's namespace, or where `metadata` says.
pub fn ours(kind: &str, metadata: &Value, spec: &Value) -> Value {
    let mut object = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": {"namespace": GUEST}});
    object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    object
}

/// A client that has nothing but that token.
async fn with_token(site: &Site, token: &str) -> Client {
    let text = std::fs::read_to_string(site.plane.kubeconfig()).unwrap();
    let mut file: Value = serde_yaml_ng::from_str(&text).unwrap();
    for user in file["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": token});
    }
    let kubeconfig = Kubeconfig::from_yaml(&file.to_string()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
