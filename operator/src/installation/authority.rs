//! Secret `qsl-ca`: the authority that signs our serving certificates, and the ones before it while they hold.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;
use zeroize::Zeroizing;

use super::{
    InstallError,
    certificates::{self, Identity},
    serving::{BUNDLE, Service},
};
use crate::secrets::{Secrets, Wiped};

/// The Secret's name.
pub const NAME: &str = "qsl-ca";

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// Makes the authority where there is none, and its successor when two thirds of its life have passed.
///
/// Where the Secret was lost, the authorities of the certificates that are served yet stay trusted beside the new one:
/// so those are not made anew before those who verify have heard of it, and nothing is refused meanwhile.
pub async fn ensure(secrets: &Secrets, now: Timestamp) -> Result<Identity, InstallError> {
    let Some(found) = secrets.get_opt(NAME).await? else {
        let Identity { mut certificate, key } = certificates::new_authority(now)?;
        for service in Service::ALL {
            let served = secrets.get_opt(service.secret()).await?;
            let beside = served.as_ref().and_then(|served| text(served, service.secret(), BUNDLE).ok());
            certificate = certificates::append(&certificate, beside.as_deref().unwrap_or_default(), now);
        }
        let made = secret(&Identity { certificate, key }, None);
        return match secrets.create(&made).await {
            Ok(written) => read(&written),
            Err(error) if is_conflict(&error) => read(&secrets.get(NAME).await?),
            Err(error) => Err(error.into()),
        };
    };
    let present = read(&found)?;
    if !certificates::read_bundle(&present.certificate)?.first().is_none_or(|facts| facts.is_due(now)) {
        return Ok(present);
    }
    let next = certificates::new_authority(now)?;
    let bundle = certificates::append(&next.certificate, &present.certificate, now);
    let changed = secret(&Identity { certificate: bundle, key: next.key }, found.metadata.resource_version.clone());
    match secrets.replace(NAME, &changed).await {
        Ok(written) => read(&written),
        Err(error) if is_conflict(&error) => read(&secrets.get(NAME).await?),
        Err(error) => Err(error.into()),
    }
}

/// Another replica was first.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn secret(identity: &Identity, version: Option<String>) -> Wiped {
    Wiped::from(Secret {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            resource_version: version,
            labels: Some(labels()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([
            (CERTIFICATE.to_owned(), ByteString(identity.certificate.clone().into_bytes())),
            (KEY.to_owned(), ByteString(identity.key.as_bytes().to_vec())),
        ])),
        ..Secret::default()
    })
}

/// What marks an object as the operator's.
pub(super) fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "qsl-eventing".to_owned())])
}

fn read(secret: &Wiped) -> Result<Identity, InstallError> {
    Ok(Identity { certificate: text(secret, NAME, CERTIFICATE)?, key: private_text(secret, NAME, KEY)? })
}

/// One text of a Secret's data.
pub(super) fn text(secret: &Wiped, name: &'static str, key: &'static str) -> Result<String, InstallError> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let text = bytes.and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
    text.map(str::to_owned).ok_or(InstallError::Damaged { secret: name, key })
}

/// One text of a Secret's data that is a secret.
pub(super) fn private_text(
    secret: &Wiped,
    name: &'static str,
    key: &'static str,
) -> Result<Zeroizing<String>, InstallError> {
    text(secret, name, key).map(Zeroizing::new)
}
