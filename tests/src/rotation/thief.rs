//! Somebody who stole private keys, and puts events on the bus past every sidecar. Nothing but the revocation stops that.

use anyhow::Context as _;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::signing::{EventFacts, PrivateKey, sign_event};
use eventing::time::{Micros, Millis};
use eventing::types::{DetailType, Jti, Kid, Resource, Source};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::book::{Author, Event, Shared};
use super::ground::{BUS, Ground, KEYS};
use super::publisher::event;

const KID: &str = "eventing.qsl.dev/kid";
const ALGORITHM: &str = "eventing.qsl.dev/algorithm";

/// A private key in the wrong hands.
pub(super) struct Stolen {
    /// Its kid.
    pub kid: String,
    key: PrivateKey,
    /// A time in which it could sign: what it signs later claims that one.
    ts: Micros,
    put: u32,
}

/// Reads private keys, as only somebody who may read the key namespace can.
///
/// # Errors
/// When one of the kids has no private part any more.
pub(super) async fn steal(ground: &Ground, kids: &[String]) -> anyhow::Result<Vec<Stolen>> {
    let api: Api<Secret> = Api::namespaced(ground.client.clone(), KEYS);
    let secrets = api.list(&ListParams::default().labels("eventing.qsl.dev/use=sig")).await?;
    let stolen = kids.iter().map(|kid| {
        let secret = secrets.iter().find(|secret| secret.annotations().get(KID) == Some(kid));
        let secret = secret.with_context(|| format!("no Secret of {kid}"))?;
        let algorithm: Algorithm = secret.annotations().get(ALGORITHM).context("no algorithm")?.parse()?;
        let private = secret.data.as_ref().and_then(|data| data.get("private"));
        let private = private.with_context(|| format!("{kid} has no private part"))?;
        let key = PrivateKey::from_secret_bytes(algorithm, &private.0)?;
        Ok(Stolen { kid: kid.clone(), key, ts: Micros::now(), put: 0 })
    });
    stolen.collect()
}

/// Signs an event with a stolen key and puts it on the bus.
///
/// # Errors
/// When the bus does not take it.
pub(super) async fn put(ground: &Ground, book: &Shared, stolen: &mut Stolen) -> anyhow::Result<String> {
    stolen.put += 1;
    let payment = format!("p-{}-stolen-{}-{}", ground.run, stolen.kid, stolen.put);
    let body = event(&payment, &ground.run);
    let text = |member: &str| body[member].as_str().unwrap_or_default();
    let trace = Trace::new(ground.run.parse()?).with("userId", "u-1")?.with("tenantId", "t-1")?;
    let facts = EventFacts {
        source: &text("source").parse::<Source>()?,
        detail_type: &text("detailType").parse::<DetailType>()?,
        resource: &text("resource").parse::<Resource>()?,
        trace: &trace,
        detail_core: &body["detailCore"].to_string(),
    };
    let ts = Micros(stolen.ts.0 + i64::from(stolen.put));
    let signed = sign_event(&stolen.key, &Kid::parse(&stolen.kid)?, facts, Jti::from_uuid(uuid::Uuid::new_v4()), ts)?;
    let envelope = json!({
        "source": body["source"], "detail-type": body["detailType"], "resources": [body["resource"]],
        "detail": signed.detail,
    });
    let kids = [stolen.kid.clone()].into();
    // Before it is put: an event that nobody knows of must not be seen anywhere.
    let event = Event { author: Author::Thief, at: Millis::now(), kids, is_uncertain: false };
    book.with(|book| book.events.insert(payment.clone(), event));
    ground.cloud.put(BUS.1, &envelope).await?;
    Ok(payment)
}
