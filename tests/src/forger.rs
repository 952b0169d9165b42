//! Somebody who signs events himself and puts them on the bus past every sidecar.

use anyhow::Context as _;
use crds::SigningKey;
use crds::signing_key::KeyState;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::signing::{EventFacts, PrivateKey, kid_for, sign_event};
use eventing::time::Micros;
use eventing::types::{DetailType, Jti, Kid, Resource, Source};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::{Timestamp, ToSpan as _};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::ground::{Ground, KEYS, SIGNING_KEY};

const KID: &str = "eventing.qsl.dev/kid";
const ALGORITHM: &str = "eventing.qsl.dev/algorithm";

/// A private key in the wrong hands.
pub(crate) struct Forger {
    /// Its kid.
    pub kid: String,
    key: PrivateKey,
}

impl Forger {
    /// Reads private keys, as only somebody who may read the key namespace can.
    ///
    /// # Errors
    /// When one of the kids has no private part any more.
    pub(crate) async fn thieves(ground: &Ground, kids: &[String]) -> anyhow::Result<Vec<Self>> {
        let api: Api<Secret> = Api::namespaced(ground.client.clone(), KEYS);
        let secrets = api.list(&ListParams::default().labels("eventing.qsl.dev/use=sig")).await?;
        let stolen = kids.iter().map(|kid| {
            let secret = secrets.iter().find(|secret| secret.annotations().get(KID) == Some(kid));
            let secret = secret.with_context(|| format!("no Secret of {kid}"))?;
            let algorithm: Algorithm = secret.annotations().get(ALGORITHM).context("no algorithm")?.parse()?;
            let private = secret.data.as_ref().and_then(|data| data.get("private"));
            let private = private.with_context(|| format!("{kid} has no private part"))?;
            Ok(Self { kid: kid.clone(), key: PrivateKey::from_secret_bytes(algorithm, &private.0)? })
        });
        stolen.collect()
    }

    /// Somebody with a key of his own, which no set holds.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn stranger() -> anyhow::Result<Self> {
        let key = PrivateKey::generate(Algorithm::MlDsa44)?;
        Ok(Self { kid: kid_for("stranger", &key.public_key())?.to_string(), key })
    }

    /// The envelope of an event as a service posts it, signed.
    ///
    /// # Errors
    /// When no verifier would take the event.
    pub(crate) fn sign(&self, body: &Value, jti: uuid::Uuid, ts: Micros) -> anyhow::Result<Value> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let trace = Trace::new(text("/trace/correlationId").parse()?)
            .with("userId", text("/trace/userId"))?
            .with("tenantId", text("/trace/tenantId"))?;
        let facts = EventFacts {
            source: &text("/source").parse::<Source>()?,
            detail_type: &text("/detailType").parse::<DetailType>()?,
            resource: &text("/resource").parse::<Resource>()?,
            trace: &trace,
            detail_core: &body["detailCore"].to_string(),
        };
        let signed = sign_event(&self.key, &Kid::parse(&self.kid)?, facts, Jti::from_uuid(jti), ts)?;
        Ok(json!({
            "source": body["source"], "detail-type": body["detailType"], "resources": [body["resource"]],
            "detail": signed.detail,
        }))
    }
}

/// The kids that could sign now, and for a while yet.
///
/// # Errors
/// When the SigningKey cannot be read.
pub(crate) async fn able(ground: &Ground) -> anyhow::Result<Vec<String>> {
    let status = ground.platform::<SigningKey>().get(SIGNING_KEY).await?.status.unwrap_or_default();
    let now = Timestamp::now();
    let soon = now + 3.seconds();
    let able = status.keys.into_iter().filter(|key| {
        matches!(key.state, KeyState::Active | KeyState::Accepted) && key.not_before.0 <= now && soon < key.not_after.0
    });
    Ok(able.map(|key| key.kid).collect())
}
