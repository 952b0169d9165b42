//! The compact signature and its header.

use eventing::compact::{Compact, CompactFault, Header, Typ, b64url, b64url_decode};
use eventing::json::{Limits, parse};

const TYPS: [Typ; 4] = [Typ::Event, Typ::KeySet, Typ::Config, Typ::Grant];

/// The bytes are a compact signature; or, after an exclamation mark, the header of one.
pub fn check(data: &[u8]) {
    if let Some(header) = data.strip_prefix(b"!") {
        let text = format!("{}.e30.{}", b64url(header), b64url(&[0; 2420]));
        if header.is_empty() {
            assert!(Compact::split(&text).is_err());
            return;
        }
        let compact = Compact::split(&text).expect("three parts of base64url");
        assert_eq!(compact.payload(), b"{}");
        read_header(&compact, header);
    } else if let Ok(text) = std::str::from_utf8(data) {
        split(text);
    }
}

fn split(text: &str) {
    let parts: Vec<&str> = text.split('.').collect();
    let decoded: Option<Vec<Vec<u8>>> = parts.iter().map(|part| b64url_decode(part)).collect();
    match Compact::split(text) {
        Ok(compact) => {
            let [header, payload, signature] = parts[..] else { panic!("not three parts") };
            assert_eq!(compact.signed(), format!("{header}.{payload}").as_bytes());
            // One text for one value: nothing that differs reads the same.
            assert_eq!(b64url(compact.payload()), payload);
            assert_eq!((b64url(compact.signature()).as_str(), compact.signature().len()), (signature, 2420));
            let header = b64url_decode(header).expect("it was decoded before");
            read_header(&compact, &header);
        }
        Err(CompactFault::Malformed(_)) => {
            let of_three = decoded.is_some_and(|decoded| {
                decoded.len() == 3 && decoded.iter().all(|part| !part.is_empty()) && decoded[2].len() == 2420
            });
            assert!(!of_three, "refused without reason");
        }
        Err(fault) => panic!("{fault:?} before the header was read"),
    }
}

fn read_header(compact: &Compact<'_>, bytes: &[u8]) {
    let read = TYPS.map(|typ| compact.header(typ));
    let good: Vec<&Header> = read.iter().flatten().collect();
    assert!(good.len() <= 1, "one signature, two meanings");
    let Some(header) = good.first() else { return };
    let json = parse(bytes, Limits::HEADER).expect("a header is strict JSON");
    let text = |name: &str| json.as_object().and_then(|header| header.get(name)).and_then(|value| value.as_str());
    assert_eq!(text("alg"), Some(header.alg.as_str()));
    assert_eq!(text("kid"), Some(header.kid.as_str()));
    assert_eq!(text("jti"), header.jti.as_ref().map(eventing::types::Jti::as_str));
    assert_eq!(text("env"), header.env.map(|env| b64url(&env)).as_deref());
    assert_eq!(text("hash"), Some("SHA-256"));
    assert!(json.as_object().is_some_and(|header| header.get("crit").is_none()), "no extension is known");
}
