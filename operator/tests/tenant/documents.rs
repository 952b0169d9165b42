//! What pods are told: the tenant writes into the ConfigMap of its namespace, and all it wrote is mounted by treasury's own
//! consumer, as if it could write there.

use std::collections::BTreeMap;

use eventing::{
    algorithm::Algorithm,
    attributes::Attributes,
    compact::{Compact, b64url},
    config::{ConfigDocument, INBOX_QUEUE, InboxConfig, open_config},
    keyset::{Jwk, KeyRing, KeySetDocument, KeyState, KeyUse, SourcePattern},
    signing::{PrivateKey, kid_for, sign_config, sign_keyset},
    time::{Micros, Millis},
    types::BusId,
};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    caller::delivered,
    judge::Verdict,
    messages::Captured,
    site::{CORE, Site, until_mounted},
    support::{api_of, eventually},
    table::Table,
    tenant::{GUEST, Tenant},
};

const SET: &str = "keyset_platform_qsl-core";
const ENTRY: &str = "inbox_treasury";

pub async fn written_by_hand(site: &Site, tenant: &Tenant, captured: &Captured, table: &mut Table) {
    let core: BusId = CORE.parse().unwrap();
    let old = tenant.caller.key_set(&core).await;
    revoke(site, table).await;
    let newest = renewed(site, tenant, &core, &old).await;
    let mut ring = KeyRing::new([core.clone()]);
    ring.offer(&core, &newest, &site.roots, Millis::now()).unwrap();

    let home = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let own_set = tenant.caller.key_set(&"guest/own".parse().unwrap()).await;
    let with_a_key = bent(&newest, |payload| payload["keys"].as_array_mut().unwrap().push(json!(jwk(&home))));
    for (tried, text) in [
        ("its own key added", with_a_key),
        (
            "its own key, signed by a root made at home",
            sign_keyset(&home, &set_of(&core, &home), Micros::now()).unwrap(),
        ),
        ("the set of its own bus in its place", own_set),
        ("the set of before a revocation", old.clone()),
    ] {
        let text = written(tenant, SET, &text).await;
        let refusal = ring.offer(&core, &text, &site.roots, Millis::now()).unwrap_err();
        table.row(&format!("qsl-core's key set in its ConfigMap: {tried}"), format!("{}: {refusal}", refusal.as_str()));
    }

    let listener = site.mounted(GUEST).await.remove("inbox_listener").unwrap();
    let looser = bent(&listener, |payload| payload["config"]["verification"]["skewSeconds"] = json!(900_000));
    let trusting = bent(&listener, |payload| payload["config"]["buses"].as_array_mut().unwrap().push(json!(CORE)));
    let by_home = sign_config(&home, &entry_of(&site.mounted("treasury").await[ENTRY]), Micros::now()).unwrap();
    for (tried, key, text) in [
        ("a looser check", "inbox_listener", looser),
        ("another bus", "inbox_listener", trusting),
        ("its own inbox's entry under treasury's name", ENTRY, listener.clone()),
        ("an entry for treasury, signed by a root made at home", ENTRY, by_home.clone()),
    ] {
        let text = written(tenant, key, &text).await;
        let name = key.strip_prefix("inbox_").unwrap();
        let opened = open_config::<Value>(&text, &site.roots, GUEST, INBOX_QUEUE, name, Millis::now(), None);
        let refusal = opened.unwrap_err();
        table.row(&format!("Its inboxes' configuration: {tried}"), format!("{}: {refusal}", refusal.as_str()));
    }
    let asked = tenant.caller.grant(&tenant.token, "guest/treasury", "replay", captured.ts, &captured.body).await;
    table.http("A grant that goes by such an entry", asked);
    eventually("the entry of its own inbox is signed anew", || async {
        let kept = site.mounted(GUEST).await.remove("inbox_listener").unwrap();
        let opened = open_config::<Value>(&kept, &site.roots, GUEST, INBOX_QUEUE, "listener", Millis::now(), None);
        opened.map(drop)
    })
    .await;

    let everything = BTreeMap::from([(SET.to_owned(), old), (ENTRY.to_owned(), by_home)]);
    site.treasury.mount(&everything);
    tokio::time::sleep(eventing::consumer::mount::LOOK * 2).await;
    let (status, answer) = tenant.caller.sign(&tenant.token, "guest/own", "p-mounted").await;
    assert_eq!(status, 200, "{answer}");
    let own = site.treasury.put_lain(&delivered(&answer)).await;
    table.verdict("Its own event, with its documents mounted by treasury's consumer", &own);
    let revoked = site.treasury.put(&captured.body, Attributes::new(), Millis::now()).await;
    table.verdict("A captured event of the revoked key, with the set of before mounted", &revoked);
    let verdict = site.deliver(&site.signed_by_the_payment_service("p-8").await).await;
    assert_eq!(verdict, Verdict::Accepted);
    table.control("the payment service's event by its next key, with the tenant's documents mounted", verdict);
}

/// The platform revokes the key that signed what the tenant captured.
async fn revoke(site: &Site, table: &mut Table) {
    let kid = site.kids(CORE).await.signing;
    let key =
        json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey", "metadata": {"namespace": "platform"}});
    let change = Patch::Merge(json!({"spec": {"revokedKids": [kid]}}));
    api_of(&site.client, &key).patch("payments", &PatchParams::default(), &change).await.unwrap();
    let next = eventually("the next key signs", || async {
        let next = site.kids(CORE).await.signing;
        if next == kid { Err(next) } else { Ok(next) }
    })
    .await;
    table.call(next.as_str(), "qsl-core's next kid");
}

/// The set of after that, as the signature service has it.
async fn renewed(site: &Site, tenant: &Tenant, bus: &BusId, old: &str) -> String {
    let set = eventually("the set is another", || async {
        let set = tenant.caller.key_set(bus).await;
        if set == old { Err(()) } else { Ok(set) }
    })
    .await;
    until_mounted(&site.client, "treasury", &[SET]).await;
    set
}

/// Writes a document into the tenant's own ConfigMap, with its own rights; what stands there then.
async fn written(tenant: &Tenant, key: &str, text: &str) -> String {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": GUEST}});
    let change = Patch::Merge(json!({"data": {key: text}}));
    let answer = api_of(&tenant.client, &map).patch("qsl-eventing", &PatchParams::default(), &change).await.unwrap();
    answer.data["data"][key].as_str().unwrap().to_owned()
}

/// The text with another payload under the same header and signature.
fn bent(jws: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut payload: Value = serde_json::from_slice(Compact::split(jws).unwrap().payload()).unwrap();
    payload["version"] = json!(payload["version"].as_u64().unwrap() + 1);
    change(&mut payload);
    let parts: Vec<&str> = jws.split('.').collect();
    format!("{}.{}.{}", parts[0], b64url(payload.to_string().as_bytes()), parts[2])
}

fn jwk(key: &PrivateKey) -> Jwk {
    let public_key = key.public_key();
    let (kid, now) = (kid_for("home", &public_key).unwrap(), Millis::now().seconds());
    let sources = vec![SourcePattern::try_from("qsl.payment".to_owned()).unwrap()];
    let (algorithm, key_use, state) = (Algorithm::MlDsa44, KeyUse::Sig, KeyState::Active);
    Jwk { kid, algorithm, public_key, key_use, sources, nbf: now - 60, exp: now + 3_600, state }
}

fn set_of(bus: &BusId, key: &PrivateKey) -> KeySetDocument {
    let (now, version) = (Millis::now(), u64::try_from(Millis::now().0).unwrap());
    KeySetDocument {
        bus: bus.clone(),
        version,
        issued: now.seconds(),
        expires: now.seconds() + 3_600,
        keys: vec![jwk(key)],
    }
}

/// What an entry says, of a later version and for the tenant's namespace.
fn entry_of(jws: &str) -> ConfigDocument<InboxConfig> {
    let payload: Value = serde_json::from_slice(Compact::split(jws).unwrap().payload()).unwrap();
    let mut entry: ConfigDocument<InboxConfig> = serde_json::from_value(payload).unwrap();
    entry.version += 1;
    entry.config.verification.require_envelope_hash = false;
    entry.config.buses.push("guest/own".parse().unwrap());
    entry
}
