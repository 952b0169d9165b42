//! Attack 22: all that the operator and its libraries log in this program, at the loudest, and no private key in it.

use std::sync::LazyLock;

use crds::SigningKey;
use eventing_process::{
    logs::discreet,
    testing::{Lines, found},
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::rig::{Case, KEYS, RELEASE, eventually};

static LINES: LazyLock<Lines> = LazyLock::new(Lines::default);

/// Keeps what is logged from now on, by all tests of this program, as the operator's own logs are set up.
pub fn begin() {
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(LINES.clone());
    tracing_subscriber::registry().with(discreet()).with(EnvFilter::new("trace")).with(layer).init();
}

/// What of a Secret's data nobody may see, past what all such texts begin with, and where base64 begins anew.
fn private_part(key: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let from = match key {
        // A seed; or a public key of 1312 bytes, and then the secret.
        "private" | "next.private" if bytes.len() > 1_312 => 1_314,
        "private" | "next.private" => 0,
        // Past "-----BEGIN PRIVATE KEY-----", the line's end, and two.
        "tls.key" | "ca.key" => 30,
        _ => return None,
    };
    bytes.get(from..).map(<[u8]>::to_vec)
}

#[tokio::test]
async fn through_the_life_of_keys_and_certificates_no_private_part_is_logged() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let spec = json!({"busRef": {"name": "core"}, "algorithm": "Dilithium2", "sources": ["qsl.note"]});
    case.apply("SigningKey", "platform", "notes", &spec).await.unwrap();
    let old = case.active("notes").await;
    let api = case.api::<SigningKey>("platform");
    let ask = json!({"metadata": {"annotations": {"eventing.qsl.dev/rotate-requested-at": "now"}}});
    for key in ["coins", "notes"] {
        api.patch(key, &PatchParams::default(), &Patch::Merge(&ask)).await.unwrap();
    }
    eventually("another key signs", || async {
        let status = api.get("notes").await.unwrap().status.unwrap();
        status.active_kid.clone().filter(|kid| *kid != old).ok_or(status)
    })
    .await;

    let mut secrets = Vec::new();
    for namespace in [KEYS, RELEASE] {
        for secret in case.secrets(namespace).list(&ListParams::default()).await.unwrap().items {
            let name = secret.metadata.name.unwrap();
            let private = secret.data.unwrap_or_default().into_iter();
            let private =
                private.filter_map(|(key, bytes)| Some((format!("{name} {key}"), private_part(&key, &bytes.0)?)));
            secrets.extend(private);
        }
    }
    let names: Vec<_> = secrets.iter().map(|(name, _)| name.as_str()).collect();
    for expected in ["qsl-root private", "qsl-ca ca.key", "qsl-signature-service-tls tls.key"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    assert!(names.iter().filter(|name| name.starts_with("skey-")).count() >= 4, "{names:?}");
    api.delete("notes", &DeleteParams::default()).await.unwrap();
    eventually("the object is gone", || async {
        if api.get_opt("notes").await.unwrap().is_none() { Ok(()) } else { Err("there") }
    })
    .await;

    let said = LINES.text();
    for line in ["root key and certificates stand", "requesting", "kube_client::client::builder"] {
        assert!(said.contains(line), "it did not log what it should have: {line}");
    }
    for (name, secret) in secrets {
        assert_eq!(found(&secret, &said), None, "{name} is in the log");
    }
}
