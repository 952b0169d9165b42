//! Who asks: a token of the one issuer, for our audience, signed with an algorithm from a fixed, asymmetric list.
//!
//! ```text
//!   bearer token ─▶ header (kid, alg) ─▶ Keys (issuer's JWKS, cached, fetched again for a kid not known) ─▶ Viewer
//! ```

mod discovery;
mod keys;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::settings::OidcSettings;
use crate::viewer::Viewer;
pub use discovery::SignIn;
pub use keys::{Keys, KeysUnavailable};

/// The issuer's clock and ours may differ so much.
const LEEWAY_SECONDS: u64 = 5;
/// Longer tokens are nobody's.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// Somebody who is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is not good here.
    #[error("the token is not accepted: {0}")]
    Refused(&'static str),
    /// The issuer's keys are not known now.
    #[error("the issuer's keys cannot be read now")]
    Unavailable,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Tokens {
    settings: OidcSettings,
    keys: Keys,
}

impl Tokens {
    /// Tokens of the configured issuer.
    pub fn new(settings: OidcSettings, keys: Keys) -> Self {
        Self { settings, keys }
    }

    /// The keys, to be kept fresh by their owner.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What they are judged by.
    pub fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// When it is not good here, or cannot be judged now.
    pub async fn viewer(&self, token: &str) -> Result<Viewer, TokenError> {
        let refused = TokenError::Refused;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("it is too long"));
        }
        let header = decode_header(token).map_err(|_| refused("it is not a signed JWT"))?;
        if !self.settings.algorithms.contains(&header.alg) {
            return Err(refused("its algorithm is not allowed"));
        }
        if header.crit.is_some() {
            return Err(refused("it asks for an extension"));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await.map_err(|_| TokenError::Unavailable)?;
        let key = key.ok_or(refused("its key is not the issuer's"))?;
        let claims = decode::<Map<String, Value>>(token, &key, &self.validation(header.alg))
            .map_err(|error| refused(reason(error.kind())))?
            .claims;
        self.read(&claims)
    }

    /// One algorithm at a time: the header's, which is on the list.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.settings.audience]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    fn read(&self, claims: &Map<String, Value>) -> Result<Viewer, TokenError> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        let user = text(&self.settings.user_claim).ok_or(TokenError::Refused("it names no user"))?;
        let expires = claims.get("exp").and_then(Value::as_f64).ok_or(TokenError::Refused("it has no end"))?;
        let reach = match claims.get(&self.settings.scope_claim) {
            Some(Value::String(scopes)) => Viewer::reach_of(scopes.split_whitespace()),
            Some(Value::Array(scopes)) => Viewer::reach_of(scopes.iter().filter_map(Value::as_str)),
            _ => Viewer::reach_of([]),
        };
        Ok(Viewer {
            user: user.to_owned(),
            tenant: text(&self.settings.tenant_claim).map(str::to_owned),
            reach,
            #[expect(clippy::cast_possible_truncation, reason = "seconds; what does not fit saturates")]
            expires: expires as i64,
        })
    }
}

fn reason(kind: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidAudience => "its audience is not this gateway",
        ErrorKind::InvalidIssuer => "its issuer is not ours",
        ErrorKind::InvalidSignature => "its signature is not the issuer's",
        ErrorKind::InvalidAlgorithm => "its algorithm is not its key's",
        _ => "it is not valid",
    }
}

#[cfg(test)]
mod tests;
