//! Who asks the API server for tokens, and the signature service for signatures, grants and key sets.

use eventing::{time::Millis, types::BusId};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{Api, Client, ResourceExt, api::PostParams};
use serde_json::{Value, json};

pub struct Caller {
    http: reqwest::Client,
    service: String,
}

impl Caller {
    pub fn of(service: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, service: service.to_owned() }
    }

    /// A token of a service account, for that audience or the API server's own.
    pub async fn token(
        &self,
        client: &Client,
        namespace: &str,
        account: &str,
        audience: Option<&str>,
    ) -> Result<String, kube::Error> {
        ask_for_token(client, namespace, account, audience, None).await
    }

    /// The same, bound to a pod as a projected one is.
    pub async fn token_of_pod(&self, client: &Client, pod: &Pod, audience: &str) -> Result<String, kube::Error> {
        let bound = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(pod.name_any()),
            uid: pod.uid(),
        };
        let account = pod.spec.as_ref().unwrap().service_account_name.clone().unwrap();
        ask_for_token(client, &pod.namespace().unwrap(), &account, Some(audience), Some(bound)).await
    }

    /// Asks for the signature of a payment's event on that bus.
    pub async fn sign(&self, token: &str, bus: &str, payment: &str) -> (u16, Value) {
        self.sign_core(token, bus, &json!({"paymentId": payment, "amount": 125.5, "currency": "EUR"})).await
    }

    pub async fn sign_core(&self, token: &str, bus: &str, core: &Value) -> (u16, Value) {
        let resource = format!("urn:qsl:paymentgateway:payment:{}", core["paymentId"].as_str().unwrap_or("p-0"));
        let event = json!({"source": "qsl.payment", "detailType": "Payment.Initiated.v1", "resource": resource,
            "trace": {"correlationId": "c-1", "userId": "u-1"}, "detailCore": core});
        self.post("/v1/sign", token, &json!({"bus": bus, "events": [event]})).await
    }

    pub async fn grant(&self, token: &str, inbox: &str, purpose: &str, sent_at: Millis, body: &str) -> (u16, Value) {
        let ask = json!({"inbox": inbox, "purpose": purpose, "sentAt": sent_at, "body": body});
        self.post("/v1/grants", token, &ask).await
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.service)).bearer_auth(token);
        let answer = request.json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The key set of a bus as everybody may have it, signed.
    pub async fn key_set(&self, bus: &BusId) -> String {
        let request = self.http.get(format!("{}/keys/jwks-pqc?bus={bus}", self.service));
        request.header("Accept", "application/jose").send().await.unwrap().text().await.unwrap()
    }
}

/// What EventBridge would deliver of the event that was signed.
pub fn delivered(answer: &Value) -> String {
    delivery(&answer["events"][0]["detail"])
}

/// An event of a payment as EventBridge delivers it, under an id of its own.
pub fn delivery(detail: &impl serde::Serialize) -> String {
    let detail = json!(detail);
    json!({"version": "0", "id": format!("{:016x}", rand::random::<u64>()), "detail-type": "Payment.Initiated.v1",
        "source": "qsl.payment", "account": "000000000000", "time": "2026-11-27T12:00:00Z", "region": "eu-central-1",
        "resources": [detail["resource"]], "detail": detail})
    .to_string()
}

async fn ask_for_token(
    client: &Client,
    namespace: &str,
    account: &str,
    audience: Option<&str>,
    bound: Option<BoundObjectReference>,
) -> Result<String, kube::Error> {
    let audiences = audience.map(str::to_owned).into_iter().collect();
    let spec = TokenRequestSpec { audiences, bound_object_ref: bound, expiration_seconds: None };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let answer = api.create_token_request(account, &PostParams::default(), &request).await?;
    Ok(answer.status.unwrap().token)
}
