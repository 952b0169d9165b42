//! A tiny OIDC issuer for tests and the demo: it gives anybody a token for whoever they name. Never for production.
//!
//! `GET /.well-known/openid-configuration`, `GET /jwks`, `POST /token` (form: `sub`, `tenant_id`, `scope`, `aud`,
//! `expires_in`) → `{"access_token", "token_type", "expires_in"}`. The ES256 key is made at start.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const KID: &str = "test";
const HOUR: u64 = 3_600;

/// The issuer: its name and its key.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    key: Arc<EncodingKey>,
    jwk: Arc<Jwk>,
}

/// What a token is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Ask {
    /// The user.
    pub sub: String,
    /// The tenant.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// The scopes, with spaces.
    #[serde(default)]
    pub scope: String,
    /// The audience.
    pub aud: String,
    /// Seconds the token is good for; an hour when left out, and negative for one that is over.
    #[serde(default)]
    pub expires_in: Option<i64>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'a str>,
    scope: &'a str,
}

impl Issuer {
    /// An issuer with a new key. `name` is what discovery and tokens call it: the address it is reached at.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: impl Into<String>) -> anyhow::Result<Self> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).context("no key could be made")?;
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes())?;
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        jwk.common.key_id = Some(KID.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { name: name.into(), key: Arc::new(key), jwk: Arc::new(jwk) })
    }

    /// A token.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, ask: &Ask) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims {
            iss: &self.name,
            sub: &ask.sub,
            aud: &ask.aud,
            exp: i64::try_from(now)?.saturating_add(ask.expires_in.unwrap_or(i64::try_from(HOUR)?)),
            iat: now,
            tenant_id: ask.tenant_id.as_deref().filter(|tenant| !tenant.is_empty()),
            scope: &ask.scope,
        };
        let header = Header { kid: Some(KID.to_owned()), ..Header::new(Algorithm::ES256) };
        Ok(encode(&header, &claims, &self.key)?)
    }

    fn discovery(&self) -> Value {
        let at = self.name.trim_end_matches('/');
        json!({
            "issuer": self.name,
            "jwks_uri": format!("{at}/jwks"),
            "token_endpoint": format!("{at}/token"),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

/// The issuer's routes.
pub fn router(issuer: Issuer) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(async |State(issuer): State<Issuer>| Json(issuer.discovery())))
        .route("/jwks", get(async |State(issuer): State<Issuer>| Json(JwkSet { keys: vec![(*issuer.jwk).clone()] })))
        .route("/token", post(post_token))
        .with_state(issuer)
}

/// A form has the shape of a query.
fn read_form(body: &str) -> Option<Ask> {
    let form = Uri::builder().path_and_query(format!("/?{body}")).build().ok()?;
    Query::try_from_uri(&form).ok().map(|Query(ask)| ask)
}

async fn post_token(State(issuer): State<Issuer>, body: String) -> Result<Json<Value>, (StatusCode, String)> {
    let ask = read_form(&body).ok_or((StatusCode::BAD_REQUEST, "a form with sub and aud is needed".to_owned()))?;
    let token = issuer.token(&ask).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let expires_in = ask.expires_in.unwrap_or(HOUR.cast_signed());
    Ok(Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})))
}
