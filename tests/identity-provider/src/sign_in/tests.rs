#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const BACK: &str = "http://127.0.0.1:9/";
const VERIFIER: &str = "a-verifier-that-only-the-page-knows";

fn request() -> Request {
    Request {
        response_type: "code".to_owned(),
        client_id: "page".to_owned(),
        redirect_uri: BACK.to_owned(),
        state: "a state".to_owned(),
        nonce: Some("n".to_owned()),
        code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
        code_challenge_method: "S256".to_owned(),
    }
}

fn issuer() -> Issuer {
    Issuer::new("http://127.0.0.1:8").unwrap().granting("events", 60)
}

/// Asks, answers with this form, and gives the address that leads back.
async fn back(issuer: &Issuer, form: &str) -> String {
    let id = Inner::keep(&mut issuer.sign_ins.inner().requests, request());
    let response = answer(State(issuer.clone()), HeaderMap::new(), format!("request={id}&{form}")).await;
    response.headers()["location"].to_str().unwrap().to_owned()
}

fn change(code: &str) -> Change {
    Change {
        grant_type: "authorization_code".to_owned(),
        code: code.parse().unwrap(),
        redirect_uri: BACK.to_owned(),
        client_id: "page".to_owned(),
        code_verifier: VERIFIER.to_owned(),
    }
}

fn code(address: &str) -> &str {
    address.split("code=").nth(1).unwrap().split('&').next().unwrap()
}

#[tokio::test]
async fn a_code_is_changed_once_by_the_page_that_began() {
    let issuer = issuer();
    let address = back(&issuer, "sub=ada&tenant_id=north&scope=events%3Atenant").await;
    assert!(
        address.starts_with(BACK) && address.contains("state=a%20state") && address.contains("iss=http%3A"),
        "{address}"
    );
    let tokens = issuer.change(&change(code(&address))).unwrap();
    let claims = |name: &str| -> Value {
        let part = tokens[name].as_str().unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        (&claims("access_token")["aud"], &claims("access_token")["scope"]),
        (&json!("events"), &json!("events:tenant"))
    );
    assert_eq!((&claims("id_token")["aud"], &claims("id_token")["nonce"]), (&json!("page"), &json!("n")));
    assert_eq!(issuer.change(&change(code(&address))).unwrap_err()["error"], "invalid_grant");
}

#[tokio::test]
async fn another_verifier_page_or_client_gets_nothing() {
    let issuer = issuer();
    let spoil: [fn(&mut Change); 3] = [
        |change| change.code_verifier.push('x'),
        |change| change.redirect_uri.push('x'),
        |change| change.client_id.push('x'),
    ];
    for spoil in spoil {
        let address = back(&issuer, "sub=ada").await;
        let mut change = change(code(&address));
        spoil(&mut change);
        assert_eq!(issuer.change(&change).unwrap_err()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn who_cancels_comes_back_without_a_code() {
    let address = back(&issuer(), "cancel=1&sub=ada").await;
    assert!(address.contains("error=access_denied") && !address.contains("code="), "{address}");
}

#[tokio::test]
async fn what_is_not_pkce_or_leads_nowhere_is_refused() {
    let spoil: [fn(&mut Request); 3] = [
        |request| request.response_type = "token".to_owned(),
        |request| request.code_challenge_method = "plain".to_owned(),
        |request| request.redirect_uri = "javascript:alert(1)".to_owned(),
    ];
    for spoil in spoil {
        let mut request = request();
        spoil(&mut request);
        assert_eq!(ask(State(issuer()), Query(request)).await.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(ask(State(issuer()), Query(request())).await.status(), StatusCode::OK);
}
