//! Who asks, also where nobody is let in: a refused request is counted and written down like any other.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest as _, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use eventing_service::Problem;
use eventing_service::authentication::{AuthenticationError, ServiceAccount, bearer};

use super::Service;
use crate::audit::Refused;

/// The caller, or why nobody is known, and where the request came from.
pub(super) struct Asker {
    caller: Result<ServiceAccount, AuthenticationError>,
    peer: Option<SocketAddr>,
}

impl FromRequestParts<Service> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Infallible> {
        let caller = match bearer(&parts.headers) {
            Ok(token) => service.authenticator.authenticate(token).await,
            Err(missing) => Err(missing),
        };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        Ok(Self { caller, peer })
    }
}

impl Asker {
    /// The caller.
    pub(super) fn caller(&self) -> Result<&ServiceAccount, Problem> {
        self.caller.as_ref().map_err(|error| error.clone().into())
    }

    /// What the audit says of a refusal. Whoever has no good token can ask as often as it likes, so such refusals are
    /// not each written down; counted they are.
    pub(super) fn refused<'a>(&'a self, service: &Service, code: &'a str) -> Option<Refused<'a>> {
        let caller = self.caller.as_ref().ok();
        let left_out = if caller.is_some() { 0 } else { service.strangers.left_out()? };
        Some(Refused { caller, peer: self.peer, code, left_out })
    }
}

/// The request's body, read only once the caller is known.
pub(super) async fn body_of(request: Request, most: usize) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(most),
        status => Problem::new(status, "BODY_UNREADABLE", "The body did not arrive whole."),
    })
}

/// 413.
pub(super) fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", format!("The body may have {most} bytes."))
}
