//! Compact signatures: three parts of base64url, a header with rules, and the bytes that were signed as received.

mod header;

use std::borrow::Cow;
use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;

use crate::algorithm::SIGNATURE_BYTES;
use crate::json::Json;
use crate::signing::{PrivateKey, SignError};
use crate::time::Micros;
use crate::types::{Jti, Kid};

pub use header::Header;

/// What a compact signature is for; the header's `typ` keeps the four apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typ {
    /// An event's `sig_compact`.
    Event,
    /// A key set.
    KeySet,
    /// An entry of configuration.
    Config,
    /// A grant to send a message again.
    Grant,
}

impl Typ {
    /// The value of the header's `typ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "QSL-JWS-PQC",
            Self::KeySet => "QSL-KEYSET-PQC",
            Self::Config => "QSL-CONFIG-PQC",
            Self::Grant => "QSL-GRANT-PQC",
        }
    }
}

/// Why a text is no compact signature, or its header is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompactFault {
    /// Not three parts of strict base64url, or a signature of another length.
    #[error("the signature {0}")]
    Malformed(&'static str),
    /// The header breaks a rule.
    #[error("the signature's header {0}")]
    Header(&'static str),
    /// The header demands something that we do not know.
    #[error("the signature's header demands an extension that is not known")]
    CritUnknown,
}

/// A compact signature, split and decoded; nothing in it is trusted yet.
#[derive(Clone)]
pub struct Compact<'a> {
    signed: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits and decodes.
    ///
    /// # Errors
    /// [`CompactFault::Malformed`]
    pub fn split(text: &'a str) -> Result<Self, CompactFault> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CompactFault::Malformed("has not three parts"));
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(CompactFault::Malformed("has an empty part"));
        }
        let decode = |part: &str| b64url_decode(part).ok_or(CompactFault::Malformed("is not base64url"));
        let decoded = Self {
            signed: text.get(..header.len() + 1 + payload.len()).unwrap_or_default(),
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        };
        if decoded.signature.len() == SIGNATURE_BYTES {
            Ok(decoded)
        } else {
            Err(CompactFault::Malformed("has not the length of one"))
        }
    }

    /// Reads the header by the rules of the wire format.
    ///
    /// # Errors
    /// [`CompactFault::Header`], then [`CompactFault::CritUnknown`]
    pub fn header(&self, typ: Typ) -> Result<Header, CompactFault> {
        Header::parse(&self.header, typ)
    }

    /// The payload's own bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What the signature is over: the first two parts with their dot, as received.
    pub fn signed(&self) -> &'a [u8] {
        self.signed.as_bytes()
    }
}

impl fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact").field("payload_bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

/// What a signer writes into the header besides `alg`, `hash` and `typ`.
pub(crate) struct Heading<'a> {
    pub(crate) typ: Typ,
    pub(crate) kid: &'a Kid,
    pub(crate) ts: Micros,
    pub(crate) env: Option<&'a [u8; 32]>,
    pub(crate) jti: Option<&'a Jti>,
    pub(crate) with_public_key: bool,
}

/// Makes a compact signature.
pub(crate) fn sign(key: &PrivateKey, heading: &Heading<'_>, payload: &[u8]) -> Result<String, SignError> {
    let text = |text: &str| Json::String(Cow::Owned(text.to_owned()));
    let mut members = vec![
        ("alg", text(key.algorithm().as_str())),
        ("kid", text(heading.kid.as_str())),
        ("ts", text(&heading.ts.to_string())),
        ("hash", text("SHA-256")),
        ("typ", text(heading.typ.as_str())),
    ];
    members.extend(heading.env.map(|env| ("env", Json::String(Cow::Owned(b64url(env))))));
    members.extend(heading.jti.map(|jti| ("jti", text(jti.as_str()))));
    if heading.with_public_key {
        members.push(("pub", Json::String(Cow::Owned(b64url(&key.public_key())))));
    }
    let header = Json::Object(members.into_iter().collect()).canonical();
    let mut compact = format!("{}.{}", b64url(&header), b64url(payload));
    let signature = key.sign(compact.as_bytes())?;
    compact.push('.');
    compact.push_str(&b64url(&signature));
    Ok(compact)
}

/// base64url without padding.
pub fn b64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Strict base64url: no padding, trailing bits zero, nothing else accepted.
pub fn b64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    /// Another implementation of the same strictness.
    fn decoded_by_another(text: &str) -> Option<Vec<u8>> {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
    }

    #[test]
    fn whatever_stands_wherever_in_a_text_is_taken_or_refused_as_by_another_implementation() {
        // Long enough for each way of decoding: many bytes at once, eight, four, and each number of them at the end.
        for length in 1..=140 {
            for at in (0..length).rev().take(9).chain(0..length.min(36)) {
                for character in (0..=255).map(char::from) {
                    let mut text = "Q".repeat(length);
                    text.replace_range(at..=at, character.encode_utf8(&mut [0; 4]));
                    assert_eq!(b64url_decode(&text), decoded_by_another(&text), "{character:?} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn each_of_the_three_parts_must_be_there() {
        let good = format!("e30.e30.{}", b64url(&[7; SIGNATURE_BYTES]));
        assert!(Compact::split(&good).is_ok());
        let signature = good.rsplit('.').next().unwrap_or_default();
        for missing in [format!(".e30.{signature}"), format!("e30..{signature}"), "e30.e30.".to_owned()] {
            let fault = Compact::split(&missing).err();
            assert_eq!(fault, Some(CompactFault::Malformed("has an empty part")), "{}", missing.len());
        }
    }

    proptest! {
        #[test]
        fn bytes_are_written_as_by_another_implementation_and_read_back(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let text = b64url(&bytes);
            prop_assert_eq!(&text, &base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes));
            prop_assert_eq!(b64url_decode(&text), Some(bytes));
        }

        #[test]
        fn texts_that_look_like_base64url_are_read_as_by_another_implementation(text in "[-_A-Za-z0-9+/=.]{0,80}") {
            prop_assert_eq!(b64url_decode(&text), decoded_by_another(&text));
        }
    }
}
