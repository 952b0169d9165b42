//! A tiny OIDC issuer for tests and the demo: it gives anybody a token for whoever they name. Never for production.
//!
//! `GET /.well-known/openid-configuration`, `GET /jwks`, `POST /token` (form: `sub`, `tenant_id`, `scope`, `aud`,
//! `expires_in`) → `{"access_token", "token_type", "expires_in"}`. The ES256 key is made at start.
//!
//! For browsers it does the authorization code flow with PKCE, as a provider should: `GET /authorize` asks who somebody
//! wants to be, and `POST /token` with `grant_type=authorization_code` changes the code, once, for an access token and an
//! ID token ([`sign_in`]).

mod sign_in;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use sign_in::{Change, SignIns};

const KID: &str = "test";
const HOUR: i64 = 3_600;

/// The issuer: its name and its key, and who is signing in.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    /// Where browsers reach it.
    public: String,
    audience: String,
    lifetime: i64,
    key: Arc<EncodingKey>,
    jwk: Arc<Jwk>,
    sign_ins: SignIns,
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
    iat: i64,
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
        let name = name.into();
        Ok(Self {
            public: name.trim_end_matches('/').to_owned(),
            name,
            audience: "qsl-eventing".to_owned(),
            lifetime: HOUR,
            key: Arc::new(key),
            jwk: Arc::new(jwk),
            sign_ins: SignIns::default(),
        })
    }

    /// The same, reached by browsers at another address than by the services: discovery names it for what they do.
    #[must_use]
    pub fn public(mut self, address: &str) -> Self {
        address.trim_end_matches('/').clone_into(&mut self.public);
        self
    }

    /// The same, with tokens of sign-ins for this audience and so many seconds.
    #[must_use]
    pub fn granting(mut self, audience: &str, seconds: i64) -> Self {
        (self.audience, self.lifetime) = (audience.to_owned(), seconds);
        self
    }

    /// A token.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, ask: &Ask) -> anyhow::Result<String> {
        let now = seconds_now();
        let claims = Claims {
            iss: &self.name,
            sub: &ask.sub,
            aud: &ask.aud,
            exp: now.saturating_add(ask.expires_in.unwrap_or(HOUR)),
            iat: now,
            tenant_id: ask.tenant_id.as_deref().filter(|tenant| !tenant.is_empty()),
            scope: &ask.scope,
        };
        self.sign(&claims)
    }

    fn sign(&self, claims: &impl Serialize) -> anyhow::Result<String> {
        let header = Header { kid: Some(KID.to_owned()), ..Header::new(Algorithm::ES256) };
        Ok(encode(&header, claims, &self.key)?)
    }

    fn discovery(&self) -> Value {
        let at = self.name.trim_end_matches('/');
        json!({
            "issuer": self.name,
            "jwks_uri": format!("{at}/jwks"),
            "authorization_endpoint": format!("{}/authorize", self.public),
            "token_endpoint": format!("{}/token", self.public),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": true,
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
        .route("/authorize", get(sign_in::ask).post(sign_in::answer))
        .route("/token", post(post_token))
        .with_state(issuer)
}

/// A form has the shape of a query.
fn read_form<T: DeserializeOwned>(body: &str) -> Option<T> {
    let form = Uri::builder().path_and_query(format!("/?{body}")).build().ok()?;
    Query::try_from_uri(&form).ok().map(|Query(read)| read)
}

/// Pages of any origin may ask: the code, its verifier and the redirect URI are what count.
const ANY_ORIGIN: [(HeaderName, &str); 2] =
    [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-store")];

async fn post_token(State(issuer): State<Issuer>, body: String) -> Response {
    if let Some(change) = read_form::<Change>(&body) {
        let answer = issuer.change(&change).map(Json).map_err(|refused| (StatusCode::BAD_REQUEST, Json(refused)));
        return (ANY_ORIGIN, answer).into_response();
    }
    let Some(ask) = read_form::<Ask>(&body) else {
        return (StatusCode::BAD_REQUEST, "a form with sub and aud is needed").into_response();
    };
    match issuer.token(&ask) {
        Ok(token) => {
            let expires_in = ask.expires_in.unwrap_or(HOUR);
            Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn seconds_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX)
}
