#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! Attacks on tokens, against an issuer on loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventing::time::Millis;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;
use crate::settings::SignInSettings;
use crate::viewer::Reach;

const AUDIENCE: &str = "events";

struct Pair {
    private: EncodingKey,
    public_pem: String,
    jwk: Value,
}

fn pair(kid: &str) -> Pair {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let private = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    Pair { private, public_pem: pair.public_key_pem(), jwk: serde_json::to_value(jwk).unwrap() }
}

/// An issuer whose keys can be changed; its address is its name.
struct Issuer {
    name: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

async fn issuer(keys: Vec<Value>) -> Issuer {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("http://{}", listener.local_addr().unwrap());
    let discovery = json!({"issuer": name, "jwks_uri": format!("{name}/jwks")});
    let keys = Arc::new(Mutex::new(keys));
    let jwks = async |State(keys): State<Arc<Mutex<Vec<Value>>>>| Json(json!({"keys": *keys.lock().unwrap()}));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(async || Json(discovery)))
        .route("/jwks", get(jwks))
        .with_state(Arc::clone(&keys));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Issuer { name, keys }
}

fn tokens(issuer: &Issuer) -> Tokens {
    eventing_service::install_crypto();
    let settings = OidcSettings {
        issuer: issuer.name.clone(),
        audience: AUDIENCE.to_owned(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        user_claim: "sub".to_owned(),
        tenant_claim: "tenant_id".to_owned(),
        scope_claim: "scope".to_owned(),
        ca: None,
        sign_in: SignInSettings::default(),
    };
    let keys = Keys::new(&issuer.name, None).unwrap().pausing(Duration::ZERO);
    Tokens::new(settings, keys)
}

fn claims(issuer: &Issuer) -> Value {
    let now = Millis::now().seconds();
    json!({"iss": issuer.name, "aud": AUDIENCE, "sub": "ada", "tenant_id": "north", "exp": now + 60})
}

fn signed(pair: &Pair, kid: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &pair.private).unwrap()
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

#[tokio::test]
async fn a_good_token_names_user_tenant_and_reach() {
    let pair = pair("k1");
    let issuer = issuer(vec![pair.jwk.clone()]).await;
    let tokens = tokens(&issuer);
    let mut good = claims(&issuer);
    good["scope"] = json!("openid events:tenant");
    let viewer = tokens.viewer(&signed(&pair, "k1", &good)).await.unwrap();
    assert_eq!((viewer.user.as_str(), viewer.tenant.as_deref(), viewer.reach), ("ada", Some("north"), Reach::Tenant));
    assert_eq!(viewer.expires, good["exp"].as_i64().unwrap());
    good["scope"] = json!(["events:operator"]);
    assert_eq!(tokens.viewer(&signed(&pair, "k1", &good)).await.unwrap().reach, Reach::All);
    good["aud"] = json!(["other", AUDIENCE]);
    assert!(tokens.viewer(&signed(&pair, "k1", &good)).await.is_ok());
}

#[tokio::test]
async fn no_algorithm_and_a_symmetric_one_are_refused() {
    let pair = pair("k1");
    let oct = json!({"kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode("secret"), "alg": "HS256"});
    let issuer = issuer(vec![pair.jwk.clone(), oct]).await;
    let (tokens, claims) = (tokens(&issuer), claims(&issuer));
    for alg in ["none", "None", ""] {
        let token = unsigned(&json!({"alg": alg, "kid": "k1", "typ": "JWT"}), &claims);
        assert!(matches!(tokens.viewer(&token).await, Err(TokenError::Refused(_))), "{alg}");
    }
    let x = URL_SAFE_NO_PAD.decode(pair.jwk["x"].as_str().unwrap()).unwrap();
    for (kid, secret) in [("k1", pair.public_pem.as_bytes()), ("k1", x.as_slice()), ("shared", b"secret".as_slice())] {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(tokens.viewer(&token).await, Err(TokenError::Refused("its algorithm is not allowed")));
    }
    let confused = unsigned(&json!({"alg": "RS256", "kid": "k1"}), &claims) + "AAAA";
    assert!(matches!(tokens.viewer(&confused).await, Err(TokenError::Refused(_))));
}

#[tokio::test]
async fn a_token_for_others_of_others_out_of_time_or_incomplete_is_refused() {
    let pair = pair("k1");
    let issuer = issuer(vec![pair.jwk.clone()]).await;
    let (tokens, good) = (tokens(&issuer), claims(&issuer));
    let now = Millis::now().seconds();
    for (claim, value, why) in [
        ("aud", json!("other"), "its audience is not this gateway"),
        ("aud", Value::Null, "it is not valid"),
        ("iss", json!("http://elsewhere"), "its issuer is not ours"),
        ("exp", json!(now - 60), "it has expired"),
        ("exp", Value::Null, "it is not valid"),
        ("nbf", json!(now + 60), "it is not valid yet"),
        ("sub", Value::Null, "it names no user"),
        ("sub", json!(""), "it names no user"),
        ("sub", json!(7), "it names no user"),
    ] {
        let mut bad = good.clone();
        if value.is_null() {
            bad.as_object_mut().unwrap().remove(claim);
        } else {
            bad[claim] = value;
        }
        let verdict = tokens.viewer(&signed(&pair, "k1", &bad)).await;
        assert_eq!(verdict, Err(TokenError::Refused(why)), "{claim}: {bad}");
    }
}

#[tokio::test]
async fn only_the_issuers_own_keys_count_and_new_ones_are_found() {
    let (old, new, thief) = (pair("k1"), pair("k2"), pair("k1"));
    let issuer = issuer(vec![old.jwk.clone()]).await;
    let (tokens, claims) = (tokens(&issuer), claims(&issuer));
    assert!(tokens.viewer(&signed(&old, "k1", &claims)).await.is_ok());
    let forged = tokens.viewer(&signed(&thief, "k1", &claims)).await;
    assert_eq!(forged, Err(TokenError::Refused("its signature is not the issuer's")));
    let unknown = tokens.viewer(&signed(&new, "k2", &claims)).await;
    assert_eq!(unknown, Err(TokenError::Refused("its key is not the issuer's")));
    issuer.keys.lock().unwrap().push(new.jwk.clone());
    assert!(tokens.viewer(&signed(&new, "k2", &claims)).await.is_ok());
}

#[tokio::test]
async fn without_the_issuer_nobody_is_let_in_and_nobody_is_called_a_liar() {
    let pair = pair("k1");
    let gone = Issuer { name: "http://127.0.0.1:9".to_owned(), keys: Arc::default() };
    let verdict = tokens(&gone).viewer(&signed(&pair, "k1", &claims(&gone))).await;
    assert_eq!(verdict, Err(TokenError::Unavailable));
}
