//! Certificates: an authority of our own, and what it signs for our three services.

use std::{net::IpAddr, time::Duration};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::Pem};
use zeroize::Zeroizing;

const AUTHORITY_DAYS: i64 = 3650;
const SERVING_DAYS: i64 = 90;

/// A certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// It could not be read.
    #[error("a certificate could not be read: {0}")]
    Read(String),
    /// The date is out of range.
    #[error("the date is out of range: {0}")]
    Date(#[from] jiff::Error),
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: Zeroizing<String>,
}

/// What is read from a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// Who it is, as encoded.
    pub subject: Vec<u8>,
    /// Who signed it, as encoded.
    pub issuer: Vec<u8>,
    /// The host names and addresses it holds for.
    pub names: Vec<String>,
}

impl Facts {
    /// Two thirds of its life have passed.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.duration_since(self.not_before);
        now.duration_since(self.not_before) * 3 >= life * 2
    }

    /// It holds no more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.not_after <= now
    }

    /// How long it has held.
    pub fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.not_before)).unwrap_or_default()
    }
}

/// Makes an authority. Its name is unlike any other's, so that a certificate says which one signed it.
pub fn new_authority(now: Timestamp) -> Result<Identity, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    let name = format!("QSL Eventing CA {}", crate::keys::material::hash16(&key.public_key_pem()));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now, AUTHORITY_DAYS)?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(Identity { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

/// Makes a serving certificate for these names. `authority` is the first of its bundle.
pub fn new_serving(authority: &Identity, names: &[String], now: Timestamp) -> Result<Identity, CertificateError> {
    let first = first_pem(&authority.certificate)?;
    let signer = KeyPair::from_pem(&authority.key)?;
    let issuer = Issuer::from_ca_cert_der(&first.contents.clone().into(), signer)?;

    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("qsl-eventing", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, now, SERVING_DAYS)?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok(Identity { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

/// Reads each certificate of a bundle, in its order.
pub fn read_bundle(bundle: &str) -> Result<Vec<Facts>, CertificateError> {
    let pems: Result<Vec<Pem>, _> = Pem::iter_from_buffer(bundle.as_bytes()).collect();
    pems.map_err(read_error)?.iter().map(read).collect()
}

/// `bundle`, and after it those of `more` that still hold and are not in it.
pub fn append(bundle: &str, more: &str, now: Timestamp) -> String {
    let mut joined = bundle.trim_end().to_owned() + "\n";
    for block in blocks(more) {
        let holds = read_bundle(block).is_ok_and(|facts| facts.iter().all(|facts| !facts.is_over(now)));
        if holds && blocks(&joined).all(|known| known.trim() != block.trim()) {
            joined.push_str(block.trim());
            joined.push('\n');
        }
    }
    joined
}

fn blocks(bundle: &str) -> impl Iterator<Item = &str> {
    const END: &str = "-----END CERTIFICATE-----";
    bundle.split_inclusive(END).filter(|block| block.contains("-----BEGIN CERTIFICATE-----") && block.contains(END))
}

fn first_pem(bundle: &str) -> Result<Pem, CertificateError> {
    Pem::iter_from_buffer(bundle.as_bytes())
        .next()
        .ok_or_else(|| CertificateError::Read("there is none".to_owned()))?
        .map_err(read_error)
}

fn read(pem: &Pem) -> Result<Facts, CertificateError> {
    let certificate = pem.parse_x509().map_err(read_error)?;
    let validity = certificate.validity();
    Ok(Facts {
        not_before: Timestamp::from_second(validity.not_before.timestamp())?,
        not_after: Timestamp::from_second(validity.not_after.timestamp())?,
        subject: certificate.subject().as_raw().to_vec(),
        issuer: certificate.issuer().as_raw().to_vec(),
        names: host_names(&certificate),
    })
}

fn host_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    names.value.general_names.iter().filter_map(host_name).collect()
}

fn host_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(IpAddr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|sixteen| IpAddr::from(sixteen).to_string()),
        },
        _ => None,
    }
}

/// Whole days: from yesterday, since clocks differ.
fn set_life(params: &mut CertificateParams, now: Timestamp, days: i64) -> Result<(), CertificateError> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let (year, month, day) = parts(today.checked_sub(1.day())?)?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = parts(today.checked_add(days.days())?)?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(())
}

fn parts(date: jiff::civil::Date) -> Result<(i32, u8, u8), CertificateError> {
    match (u8::try_from(date.month()), u8::try_from(date.day())) {
        (Ok(month), Ok(day)) => Ok((i32::from(date.year()), month, day)),
        _ => Err(CertificateError::Read("it has no date".to_owned())),
    }
}

fn read_error(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Read(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn at(days: i64) -> Timestamp {
        "2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap() + (days * 24).hours()
    }

    #[test]
    fn a_serving_certificate_names_its_authority_and_its_hosts() {
        let authority = new_authority(at(0)).unwrap();
        let names = ["qsl-webhook.release.svc".to_owned(), "127.0.0.1".to_owned()];
        let serving = new_serving(&authority, &names, at(0)).unwrap();
        let (authority, serving) =
            (read_bundle(&authority.certificate).unwrap(), read_bundle(&serving.certificate).unwrap());
        assert_eq!(serving[0].issuer, authority[0].subject);
        assert_eq!(serving[0].names, names);
    }

    #[test]
    fn a_certificate_is_due_after_two_thirds_of_its_life() {
        let authority = new_authority(at(0)).unwrap();
        let serving = new_serving(&authority, &["a.b.svc".to_owned()], at(0)).unwrap();
        let facts = &read_bundle(&serving.certificate).unwrap()[0];
        assert!(!facts.is_due(at(59)));
        assert!(facts.is_due(at(61)));
        assert!(!facts.is_over(at(89)));
        assert!(facts.is_over(at(91)));
    }

    #[test]
    fn a_new_authority_stands_before_the_old_one_while_that_holds() {
        let (old, new) = (new_authority(at(0)).unwrap(), new_authority(at(2500)).unwrap());
        let bundle = read_bundle(&append(&new.certificate, &old.certificate, at(2500))).unwrap();
        assert_eq!(bundle.len(), 2);
        assert_ne!(bundle[0].subject, bundle[1].subject);
        let later = read_bundle(&append(&new.certificate, &old.certificate, at(3700))).unwrap();
        assert_eq!(later.len(), 1);
    }

    #[test]
    fn a_new_authority_s_first_certificate_can_sign_from_a_bundle() {
        let (old, new) = (new_authority(at(0)).unwrap(), new_authority(at(2500)).unwrap());
        let bundle =
            Identity { certificate: append(&new.certificate, &old.certificate, at(2500)), key: new.key.clone() };
        let serving = new_serving(&bundle, &["a.b.svc".to_owned()], at(2500)).unwrap();
        assert_eq!(
            read_bundle(&serving.certificate).unwrap()[0].issuer,
            read_bundle(&bundle.certificate).unwrap()[0].subject
        );
    }
}
