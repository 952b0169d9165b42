//! The serving certificates of webhook, signature service and journal.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;

use super::{
    InstallError,
    authority::{is_conflict, labels, private_text, text},
    certificates::{self, CertificateError, Facts, Identity},
};
use crate::secrets::{Secrets, Wiped};

/// A service of ours that speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The injector and the validation.
    Webhook,
    /// The signature service.
    SignatureService,
    /// The journal.
    Journal,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webhook, Self::SignatureService, Self::Journal];

    /// Those whose certificates are ours even where cert-manager makes the webhooks'.
    pub const BESIDE_THE_WEBHOOKS: [Self; 2] = [Self::SignatureService, Self::Journal];

    /// The name of its Service.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "qsl-webhook",
            Self::SignatureService => "qsl-signature-service",
            Self::Journal => "qsl-journal",
        }
    }

    /// The name of its Secret.
    pub fn secret(self) -> &'static str {
        match self {
            Self::Webhook => "qsl-webhook-tls",
            Self::SignatureService => "qsl-signature-service-tls",
            Self::Journal => "qsl-journal-tls",
        }
    }

    /// The names it answers to.
    pub fn hosts(self, namespace: &str) -> Vec<String> {
        let host = format!("{}.{namespace}.svc", self.name());
        vec![host.clone(), format!("{host}.cluster.local")]
    }
}

/// The authorities beside a certificate, in its Secret.
pub const BUNDLE: &str = "ca.crt";

/// For so long after a new authority came, nothing is moved to it: those who verify learn of it meanwhile.
const AUTHORITY_SETTLES: Duration = Duration::from_hours(48);

/// What to do with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It stays, and the authorities beside it are brought up to date.
    Bundle,
    /// It is made anew.
    Issue,
}

/// Judges a certificate. `authorities` are the bundle's, the newest first.
pub fn judge(
    present: &Facts,
    beside: &str,
    bundle: &str,
    authorities: &[Facts],
    hosts: &[String],
    now: Timestamp,
) -> Verdict {
    let known = authorities.iter().any(|authority| authority.subject == present.issuer);
    let settled =
        authorities.len() < 2 || authorities.first().is_some_and(|newest| newest.age(now) > AUTHORITY_SETTLES);
    let named = hosts.iter().all(|host| present.names.contains(host));
    if !known || !named || present.is_over(now) || (present.is_due(now) && settled) {
        Verdict::Issue
    } else if beside == bundle {
        Verdict::Keep
    } else {
        Verdict::Bundle
    }
}

/// Makes the service's certificate where there is none, and anew when two thirds of its life have passed.
pub async fn ensure(
    secrets: &Secrets,
    service: Service,
    hosts: &[String],
    authority: &Identity,
    now: Timestamp,
) -> Result<Identity, InstallError> {
    let name = service.secret();
    let Some(found) = secrets.get_opt(name).await? else {
        let made = secret(name, &certificates::new_serving(authority, hosts, now)?, authority, None);
        return match secrets.create(&made).await {
            Ok(written) => read(&written, name),
            Err(error) if is_conflict(&error) => read(&secrets.get(name).await?, name),
            Err(error) => Err(error.into()),
        };
    };
    let authorities = certificates::read_bundle(&authority.certificate)?;
    let verdict = read(&found, name).and_then(|present| {
        let facts = certificates::read_bundle(&present.certificate)?;
        let first = facts.first().ok_or_else(|| CertificateError::Read("there is none".to_owned()))?;
        let beside = text(&found, name, BUNDLE)?;
        Ok((judge(first, &beside, &authority.certificate, &authorities, hosts, now), present))
    });
    let next = match verdict {
        Ok((Verdict::Keep, present)) => return Ok(present),
        Ok((Verdict::Bundle, present)) => present,
        // What cannot be read serves nobody: it is made anew.
        Ok((Verdict::Issue, _)) | Err(_) => certificates::new_serving(authority, hosts, now)?,
    };
    let changed = secret(name, &next, authority, found.metadata.resource_version.clone());
    match secrets.replace(name, &changed).await {
        Ok(written) => read(&written, name),
        Err(error) if is_conflict(&error) => read(&secrets.get(name).await?, name),
        Err(error) => Err(error.into()),
    }
}

fn secret(name: &str, identity: &Identity, authority: &Identity, version: Option<String>) -> Wiped {
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    Wiped::from(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: version,
            labels: Some(labels()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), bytes(&identity.certificate)),
            ("tls.key".to_owned(), bytes(&identity.key)),
            (BUNDLE.to_owned(), bytes(&authority.certificate)),
        ])),
        ..Secret::default()
    })
}

fn read(secret: &Wiped, name: &'static str) -> Result<Identity, InstallError> {
    Ok(Identity { certificate: text(secret, name, "tls.crt")?, key: private_text(secret, name, "tls.key")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(subject: &str, issuer: &str, from_day: i64, days: i64) -> Facts {
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap_or_default();
        Facts {
            not_before: day(from_day),
            not_after: day(from_day + days),
            subject: subject.as_bytes().to_vec(),
            issuer: issuer.as_bytes().to_vec(),
            names: vec!["a.svc".to_owned()],
        }
    }

    fn on(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap_or_default()
    }

    #[test]
    fn a_certificate_stays_until_it_is_due_of_another_authority_or_for_other_names() {
        let hosts = ["a.svc".to_owned()];
        let authority = [facts("one", "one", 0, 3650)];
        let judged = |present: &Facts, day| judge(present, "x", "x", &authority, &hosts, on(day));
        assert_eq!(judged(&facts("s", "one", 0, 90), 59), Verdict::Keep);
        assert_eq!(judged(&facts("s", "one", 0, 90), 60), Verdict::Issue);
        assert_eq!(judged(&facts("s", "gone", 0, 90), 1), Verdict::Issue);
        assert_eq!(
            judge(&facts("s", "one", 0, 90), "x", "x", &authority, &["b.svc".to_owned()], on(1)),
            Verdict::Issue
        );
    }

    #[test]
    fn nothing_moves_to_an_authority_before_it_is_known() {
        let hosts = ["a.svc".to_owned()];
        let both = [facts("two", "two", 100, 3650), facts("one", "one", 0, 3650)];
        let present = facts("s", "one", 40, 90);
        assert_eq!(judge(&present, "old", "new", &both, &hosts, on(101)), Verdict::Bundle);
        assert_eq!(judge(&present, "new", "new", &both, &hosts, on(103)), Verdict::Issue);
    }
}
