//! The page: its files, which are part of the binary, and what it must know of the identity provider.
//!
//! ```text
//!   GET /                  index.html
//!   GET /page/{file}       style, modules and icon; each with its hash as ETag
//!   GET /page/config.json  issuer, client id, scopes, and where people sign in
//! ```
//!
//! Nothing here is anybody's: what there is to see comes from the other routes, for a token. Every answer carries the
//! policy that lets the page load and reach this gateway alone, and the issuer's token endpoint.

mod files;
mod headers;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use eventing_service::Problem;
use serde::Serialize;

use crate::oidc::Tokens;
use crate::settings::SignInSettings;

/// The page's routes.
pub fn router(tokens: Arc<Tokens>) -> Router {
    files::router::<Arc<Tokens>>()
        .route("/page/config.json", get(config))
        .layer(middleware::map_response_with_state(Arc::clone(&tokens), headers::protect))
        .with_state(tokens)
}

/// What the page asks for before anything else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    issuer: &'a str,
    client_id: &'a str,
    scopes: &'a [String],
    authorize_parameters: BTreeMap<&'a str, &'a str>,
    authorization_endpoint: &'a str,
    token_endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_session_endpoint: Option<&'a str>,
}

async fn config(State(tokens): State<Arc<Tokens>>) -> Result<Response, Problem> {
    let SignInSettings { client_id, scopes, authorize_parameters } = &tokens.settings().sign_in;
    let client_id = client_id.as_deref().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SIGN_IN_NOT_CONFIGURED",
            "Nobody can sign in here yet: the gateway has no client id (chart value gateway.oidc.clientId).",
        )
    })?;
    let sign_in = tokens.keys().sign_in().ok_or_else(|| {
        let detail = "The identity provider has not said yet where people sign in. Please try again in a moment.";
        Problem::unavailable("ISSUER_UNAVAILABLE", detail, 5)
    })?;
    let config = Config {
        issuer: &tokens.settings().issuer,
        client_id,
        scopes,
        authorize_parameters: authorize_parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        authorization_endpoint: sign_in.authorization.as_str(),
        token_endpoint: sign_in.token.as_str(),
        end_session_endpoint: sign_in.end_session.as_ref().map(AsRef::as_ref),
    };
    let mut response = Json(config).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
