//! What a token says of itself, unverified: enough to refuse it cheaply and to bound how long it is remembered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use super::AuthenticationError;

/// Longer tokens are nobody's.
const MAX_TOKEN_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
    exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The time at which a token ends, if it claims to be for `audience` alone and to be still good.
///
/// A token that is also good elsewhere (at the API server above all) is refused: whoever it is shown to could use it
/// there.
pub(super) fn expiry(token: &str, audience: &str, now: Timestamp) -> Result<Timestamp, AuthenticationError> {
    let refused = |why| Err(AuthenticationError::Refused(why));
    if token.len() > MAX_TOKEN_BYTES {
        return refused("it is too long");
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return refused("it is not a JWT");
    };
    let claims = URL_SAFE_NO_PAD.decode(payload).ok().and_then(|json| serde_json::from_slice::<Claims>(&json).ok());
    let Some(claims) = claims else {
        return refused("it lacks aud and exp");
    };
    let only_ours = match &claims.aud {
        Audience::One(one) => one == audience,
        Audience::Many(many) => matches!(many.as_slice(), [one] if one == audience),
    };
    if !only_ours {
        return refused("its audience is not this service alone");
    }
    match Timestamp::from_second(claims.exp) {
        Ok(exp) if now < exp => Ok(exp),
        _ => refused("it has expired"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(claims: &serde_json::Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn only_a_token_for_us_alone_and_in_time_goes_on() {
        let now = Timestamp::from_second(1_000).unwrap();
        let judge = |claims| expiry(&token(&claims), "signatures.example", now).is_ok();
        assert!(judge(serde_json::json!({"aud": ["signatures.example"], "exp": 1_001})));
        assert!(judge(serde_json::json!({"aud": "signatures.example", "exp": 1_001})));
        for bad in [
            serde_json::json!({"aud": ["signatures.example"], "exp": 1_000}),
            serde_json::json!({"aud": ["journal.example"], "exp": 1_001}),
            serde_json::json!({"aud": ["signatures.example", "https://kubernetes.default.svc"], "exp": 1_001}),
            serde_json::json!({"aud": [], "exp": 1_001}),
            serde_json::json!({"exp": 1_001}),
            serde_json::json!({"aud": ["signatures.example"]}),
        ] {
            assert!(!judge(bad.clone()), "{bad}");
        }
        for text in ["", "a.b", "a.b.c", "a.b.c.d", &"x".repeat(20_000)] {
            assert!(expiry(text, "signatures.example", now).is_err());
        }
    }
}
