//! The header's rules.

use super::{CompactFault, Typ, b64url_decode};
use crate::json::{self, Json, Limits, Object};
use crate::time::Micros;
use crate::types::{Jti, Kid};

/// A header that keeps the rules. `alg` is any string: what is allowed is the caller's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm it claims.
    pub alg: String,
    /// The key it claims.
    pub kid: Kid,
    /// When it was signed. Judged in milliseconds, ordered by in microseconds.
    pub ts: Micros,
    /// The hash of the envelope.
    pub env: Option<[u8; 32]>,
    /// The name of this signing.
    pub jti: Option<Jti>,
    /// The public key that a key set and a configuration carry along; not one of the page's table.
    pub public_key: Option<Vec<u8>>,
}

/// The members of the wire format's table; `crit` may name none of them.
const NAMED: [&str; 8] = ["alg", "kid", "ts", "hash", "typ", "env", "jti", "crit"];

impl Header {
    pub(super) fn parse(bytes: &[u8], typ: Typ) -> Result<Self, CompactFault> {
        let json = json::parse(bytes, Limits::HEADER).map_err(|fault| {
            CompactFault::Header(match fault {
                json::Fault::TooLarge => "has more than 4 KiB",
                json::Fault::Malformed => "is not JSON",
                json::Fault::TooDeep => "is nested too deep",
                json::Fault::DuplicateMember => "has a member twice",
                json::Fault::NumberNotExact => "has a number that is not exact",
            })
        })?;
        let object = json.as_object().ok_or(CompactFault::Header("is not an object"))?;
        let text = |name: &str, fault: &'static str| {
            object.get(name).and_then(Json::as_str).ok_or(CompactFault::Header(fault))
        };
        let alg = text("alg", "has no alg")?.to_owned();
        let kid = Kid::parse(text("kid", "has no kid")?).map_err(|_| CompactFault::Header("has a kid of no form"))?;
        let ts = Micros::parse_rfc3339(text("ts", "has no ts")?)
            .map_err(|_| CompactFault::Header("has a ts that is not RFC 3339 in UTC"))?;
        if text("hash", "has no hash")? != "SHA-256" {
            return Err(CompactFault::Header("has another hash than SHA-256"));
        }
        if text("typ", "has no typ")? != typ.as_str() {
            return Err(CompactFault::Header("is of another typ"));
        }
        let env = object
            .get("env")
            .map(|env| {
                let bytes = env.as_str().and_then(b64url_decode).and_then(|bytes| bytes.try_into().ok());
                bytes.ok_or(CompactFault::Header("has an env that is no hash"))
            })
            .transpose()?;
        let jti = object
            .get("jti")
            .map(|jti| {
                let jti = jti.as_str().and_then(|jti| Jti::parse(jti).ok());
                jti.ok_or(CompactFault::Header("has a jti that is no UUID in lower case"))
            })
            .transpose()?;
        let public_key = object.get("pub").and_then(Json::as_str).and_then(b64url_decode);
        if let Some(crit) = object.get("crit") {
            // We know no extension, so a proper list is refused too, with a code of its own.
            return Err(if is_crit(crit, object) {
                CompactFault::CritUnknown
            } else {
                CompactFault::Header("has a crit against the rules")
            });
        }
        Ok(Self { alg, kid, ts, env, jti, public_key })
    }
}

/// Whether `crit` is what RFC 7515 lets it be: distinct names of members that are there and that the page does not name.
fn is_crit(crit: &Json, header: &Object) -> bool {
    let Some(names) = crit.as_array().filter(|names| !names.is_empty()) else {
        return false;
    };
    names.iter().enumerate().all(|(at, name)| {
        let is_new = !names.iter().take(at).any(|other| other == name);
        is_new && name.as_str().is_some_and(|name| !NAMED.contains(&name) && header.get(name).is_some())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::json::parse;

    #[test]
    fn crit_names_distinct_members_that_are_there_and_are_none_of_ours() {
        let is = |text: &str| {
            let header = parse(text.as_bytes(), Limits::HEADER).unwrap();
            let header = header.as_object().unwrap();
            is_crit(header.get("crit").unwrap(), header)
        };
        assert!(is(r#"{"crit":["a"],"a":1}"#));
        assert!(is(r#"{"crit":["a","b"],"a":1,"b":2}"#));
        for against in [
            r#"{"crit":[],"a":1}"#,
            r#"{"crit":"a","a":1}"#,
            r#"{"crit":["a","a"],"a":1}"#,
            r#"{"crit":["a","b","a"],"a":1,"b":2}"#,
            r#"{"crit":["a","b"],"a":1}"#,
            r#"{"crit":["a",1],"a":1}"#,
            r#"{"crit":["alg"],"alg":"x"}"#,
        ] {
            assert!(!is(against), "{against}");
        }
    }
}
