//! A cluster in memory: an API server that knows every token, and a bus with a key of each algorithm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use axum::http::{Request, Response};
use eventing::algorithm::Algorithm;
use eventing::compact::b64url;
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse};
use eventing::publish::ToSign;
use eventing::signing::{DetailCore, PrivateKey, kid_for, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, Source};
use eventing_service::authentication::ServiceAccount;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use signature_service::directory::{BusFacts, Directory, HeldKey, PublishedSet, Serves, SigningKeyFacts};
use tower::BoxError;

/// Whom the token is for.
pub const AUDIENCE: &str = "signature-service.eventing.qsl.dev";
/// The publisher.
const ACCOUNT: (&str, &str) = ("payments", "gateway");
/// Longer than any run.
const HOUR: i64 = 3_600;

/// The bus that is published on.
pub fn bus() -> Result<BusId> {
    Ok("platform/qsl-core".parse()?)
}

/// The source whose key is of this algorithm.
pub fn source(algorithm: Algorithm) -> Result<Source> {
    Ok(Source::parse(match algorithm {
        Algorithm::Dilithium2 => "qsl.payment",
        Algorithm::MlDsa44 => "qsl.treasury",
    })?)
}

/// An API server that takes every token for the publisher's.
pub fn api_server() -> kube::Client {
    let service = tower::service_fn(|request: Request<Body>| async move {
        let mut review: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
        let username = format!("system:serviceaccount:{}:{}", ACCOUNT.0, ACCOUNT.1);
        let status = json!({"authenticated": true, "audiences": [AUDIENCE], "user": {"username": username}});
        if let Value::Object(review) = &mut review {
            review.insert("status".to_owned(), status);
        }
        Ok::<_, BoxError>(Response::new(Body::from(review.to_string().into_bytes())))
    });
    kube::Client::new(service, "default")
}

/// A token of a service account, as far as anybody here reads it; as long as a real one.
pub fn token() -> String {
    let (now, filler) = (Millis::now().seconds(), "0".repeat(400));
    let claims = json!({"aud": [AUDIENCE], "exp": now + HOUR, "iat": now, "kubernetes.io": {"pod": filler}});
    format!("e30.{}.{}", b64url(claims.to_string().as_bytes()), b64url(&[7; 256]))
}

/// What the watches would have gathered.
pub fn directory() -> Result<Directory> {
    let (bus, now) = (bus()?, Millis::now().seconds());
    let mut directory = Directory::default();
    let mut keys = Vec::new();
    for algorithm in Algorithm::ALL {
        let (source, private) = (source(algorithm)?, PrivateKey::generate(algorithm)?);
        let signing_key = source.as_str().trim_start_matches("qsl.").to_owned();
        let kid = kid_for(&signing_key, &private.public_key())?;
        let public_key = private.public_key();
        keys.push(Jwk {
            kid: kid.clone(),
            algorithm,
            public_key,
            key_use: KeyUse::Sig,
            sources: vec![source.clone().into()],
            nbf: now - HOUR,
            exp: now + HOUR,
            state: KeyState::Active,
        });
        let facts =
            SigningKeyFacts { bus: bus.clone(), sources: vec![source.clone().into()], revoked: BTreeSet::default() };
        directory.signing_keys.insert((bus.namespace().to_owned(), signing_key.clone()), facts);
        let serves = Serves::Sig { signing_key };
        directory.private_keys.push(HeldKey { bus: bus.clone(), serves, kid, private: Arc::new(private) });
        let facts = directory.buses.entry(bus.clone());
        let facts = facts.or_insert_with(|| BusFacts { publishing: true, publishers: BTreeMap::default() });
        facts.publishers.entry(ServiceAccount::new(ACCOUNT.0, ACCOUNT.1)).or_default().insert(source);
    }
    let document = KeySetDocument { bus: bus.clone(), version: 1, issued: now, expires: now + HOUR, keys };
    let signed = sign_keyset(&PrivateKey::generate(Algorithm::MlDsa44)?, &document, Micros::now())?;
    directory.key_sets.insert(bus.clone(), Arc::new(PublishedSet::read(&bus, &signed)?));
    Ok(directory)
}

/// An event whose `detailCore` has about so many bytes.
pub fn event(algorithm: Algorithm, nth: usize, size: usize) -> Result<ToSign> {
    let line = json!({"sku": "sku-7", "quantity": 3, "price": 0.25, "description": "A \"thing\"", "discount": null});
    let core = |lines: usize| {
        json!({
            "paymentId": format!("p-{nth}"), "amount": 125.5, "currency": "EUR", "note": "café €",
            "lines": vec![&line; lines], "debtor": {"name": "A. Example", "iban": "DE02120300000000202051"},
        })
    };
    let core = core(size.saturating_sub(core(0).to_string().len()) / (line.to_string().len() + 1));
    Ok(ToSign {
        source: source(algorithm)?,
        detail_type: "Payment.Initiated.v1".parse()?,
        resource: "urn:qsl:paymentgateway:payment:p-700445".parse()?,
        trace: Trace::new(format!("c-{nth}").parse()?).with("userId", "u-5")?.with("tenantId", "t-1")?,
        detail_core: DetailCore::parse(&core.to_string())?,
        jti: None,
    })
}
