//! The issuer's keys, and where people sign in: read by discovery, cached, read again when a token names one that is not known.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::discovery::{Discovery, SignIn};

/// The keys are read again after so long.
const REFRESH_EVERY: Duration = Duration::from_mins(5);
/// While there are none, they are asked for more often.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Unknown kids cause at most one fetch in so long: anybody can make them up.
const UNKNOWN_KID_PAUSE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
const MAX_BYTES: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The issuer could not be asked, and nothing is known of its keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeysUnavailable(String);

/// The issuer's keys.
#[derive(Debug)]
pub struct Keys {
    issuer: String,
    http: reqwest::Client,
    /// Unknown kids cause at most one fetch in so long.
    pause: Duration,
    known: RwLock<Option<Arc<Known>>>,
    fetched: Mutex<Option<Instant>>,
}

struct Known {
    keys: HashMap<Option<String>, Vec<(Jwk, DecodingKey)>>,
    count: usize,
    sign_in: Option<Arc<SignIn>>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of `issuer`, none of them read yet. `ca` is PEM.
    ///
    /// # Errors
    /// When the address or the CA cannot be used.
    pub fn new(issuer: &str, ca: Option<&[u8]>) -> Result<Self, KeysUnavailable> {
        let failed = |error: &dyn std::fmt::Display| KeysUnavailable(error.to_string());
        let address = reqwest::Url::parse(issuer).map_err(|error| failed(&error))?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        let http = match ca {
            Some(pem) => {
                http.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).map_err(|error| failed(&error))?)
            }
            // Plain HTTP needs no authorities, and there may be none in the image.
            None if address.scheme() == "http" => http.tls_certs_only([]),
            None => http,
        };
        let http = http.build().map_err(|error| failed(&error))?;
        Ok(Self {
            issuer: issuer.to_owned(),
            http,
            pause: UNKNOWN_KID_PAUSE,
            known: RwLock::default(),
            fetched: Mutex::default(),
        })
    }

    /// The same with another pause between the fetches that unknown kids cause.
    #[must_use]
    pub fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Whether any are known.
    pub fn are_known(&self) -> bool {
        self.snapshot().is_some()
    }

    /// Where people sign in, once the issuer has said so.
    pub fn sign_in(&self) -> Option<Arc<SignIn>> {
        self.snapshot()?.sign_in.clone()
    }

    /// The key for a token's header: the one of that kid, or without kid the only one there is.
    ///
    /// # Errors
    /// When no keys are known and the issuer does not answer.
    pub async fn find(&self, kid: Option<&str>, alg: Algorithm) -> Result<Option<DecodingKey>, KeysUnavailable> {
        if let Some(key) = self.snapshot().and_then(|known| known.find(kid, alg)) {
            return Ok(Some(key));
        }
        self.fetch(self.pause).await?;
        Ok(self.snapshot().and_then(|known| known.find(kid, alg)))
    }

    /// Keeps them fresh until `shutdown`, telling `known` after each attempt whether there are any.
    pub async fn keep_fresh(&self, shutdown: CancellationToken, known: impl Fn(Result<(), String>)) {
        loop {
            let outcome = self.fetch(Duration::ZERO).await;
            if let Err(error) = &outcome {
                tracing::warn!(error = %error, "the issuer's keys could not be read");
            }
            let any = self.are_known();
            known(if any { Ok(()) } else { outcome.map_err(|error| error.to_string()) });
            let pause = if any { REFRESH_EVERY } else { RETRY_EVERY };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn snapshot(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One fetch at a time, and none if one was tried within `pause`.
    async fn fetch(&self, pause: Duration) -> Result<(), KeysUnavailable> {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|last| last.elapsed() < pause) {
            return if self.are_known() { Ok(()) } else { Err(KeysUnavailable("asked a moment ago".to_owned())) };
        }
        *fetched = Some(Instant::now());
        let known = Arc::new(self.read().await?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(())
    }

    async fn read(&self) -> Result<Known, KeysUnavailable> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovery: Discovery = self.get(&address).await?;
        if discovery.issuer != self.issuer {
            return Err(KeysUnavailable(format!("{address} is of issuer {}", discovery.issuer)));
        }
        let jwks_uri = discovery.jwks_uri().ok_or(KeysUnavailable("the issuer's jwks_uri is not https".to_owned()))?;
        let set: JwkSet = self.get(jwks_uri).await?;
        let known = Known { sign_in: discovery.sign_in().map(Arc::new), ..Known::from(set) };
        if known.count == 0 {
            return Err(KeysUnavailable("the issuer has no key for signatures".to_owned()));
        }
        Ok(known)
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, KeysUnavailable> {
        let failed = |error: &dyn std::fmt::Display| KeysUnavailable(format!("{address}: {error}"));
        let mut answer = self.http.get(address).send().await.map_err(|error| failed(&error))?;
        if !answer.status().is_success() {
            return Err(failed(&answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(failed(&"the answer is too large"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| failed(&error))
    }
}

impl From<JwkSet> for Known {
    /// Keys that are not for verifying signatures, are symmetric or do not parse are left out.
    fn from(set: JwkSet) -> Self {
        let mut known = Self { keys: HashMap::new(), count: 0, sign_in: None };
        for jwk in set.keys {
            let symmetric = matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
            let other_use = jwk.common.public_key_use.as_ref().is_some_and(|use_| *use_ != PublicKeyUse::Signature);
            let operations = jwk.common.key_operations.as_ref();
            let cannot_verify = operations.is_some_and(|all| !all.contains(&KeyOperations::Verify));
            if symmetric || other_use || cannot_verify {
                continue;
            }
            if let Ok(key) = DecodingKey::from_jwk(&jwk) {
                known.count += 1;
                known.keys.entry(jwk.common.key_id.clone()).or_default().push((jwk, key));
            }
        }
        known
    }
}

impl Known {
    fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<DecodingKey> {
        let fits = |(jwk, _): &&(Jwk, DecodingKey)| match jwk.common.key_algorithm {
            Some(only) => only.to_string() == format!("{alg:?}"),
            None => true,
        };
        let found = match kid {
            Some(kid) => self.keys.get(&Some(kid.to_owned()))?.iter().find(fits),
            None if self.count == 1 => self.keys.values().flatten().find(fits),
            None => None,
        };
        found.map(|(_, key)| key.clone())
    }
}
