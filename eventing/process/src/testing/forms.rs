//! A secret in the forms in which it may get into a log.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The form in which a secret is in a text, if it is there: as it is, as `Debug` escapes it, as numbers, in hex, in
/// base64. The first 24 bytes are enough, so that a line cut short tells too.
pub fn found(secret: impl AsRef<[u8]>, text: &str) -> Option<&'static str> {
    let secret = secret.as_ref();
    // A multiple of three bytes has a base64 that does not depend on what follows.
    let start = secret.get(..24).unwrap_or(secret);
    let escaped: String = start.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
    let numbers = start.iter().map(u8::to_string).collect::<Vec<_>>();
    let hex = start.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let forms = [
        ("as it is", String::from_utf8_lossy(start).into_owned()),
        ("escaped", escaped),
        ("numbers", numbers.join(", ")),
        ("numbers without spaces", numbers.join(",")),
        ("hex", hex.clone()),
        ("hex in capitals", hex.to_ascii_uppercase()),
        ("base64", STANDARD_NO_PAD.encode(start)),
        ("base64url", URL_SAFE_NO_PAD.encode(start)),
    ];
    forms.into_iter().find(|(_, form)| !form.is_empty() && text.contains(form.as_str())).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_not_where_it_is_not() {
        let secret: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(5) ^ 0xa5).collect();
        let json = STANDARD_NO_PAD.encode(&secret);
        for said in [
            format!("{secret:?}"),
            format!("Secret {{ data: {{\"private\": {json}==}} }}"),
            URL_SAFE_NO_PAD.encode(&secret),
            secret.iter().fold(String::new(), |all, byte| format!("{all}{byte:02X}")),
            secret.escape_ascii().to_string(),
        ] {
            assert!(found(&secret, &said).is_some(), "{said}");
        }
        assert_eq!(found(&secret, "nothing of it"), None);
        assert_eq!(found("a-token", "Bearer a-token"), Some("as it is"));
    }
}
