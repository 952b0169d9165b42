//! At the door: from where somebody comes, and which pages of others may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use eventing_service::Problem;

use crate::addresses::{Addresses, Client, Place};

/// What a page of another origin may send.
const ALLOWED_HEADERS: &str = "authorization, content-type, last-event-id, cache-control";
const ALLOWED_METHODS: &str = "GET, POST";
/// What it may read beside the body.
const EXPOSED_HEADERS: &str = "retry-after";
/// For so many seconds it need not ask again.
const MAX_AGE: &str = "600";

/// Who is let in, and how many from one address.
#[derive(Debug, Clone)]
pub struct Entrance {
    streams: Addresses,
    origins: std::sync::Arc<[HeaderValue]>,
}

impl Entrance {
    /// As many streams from one address as `addresses` says; pages of these origins may ask.
    pub fn new(addresses: &Addresses, origins: impl IntoIterator<Item = HeaderValue>) -> Self {
        Self { streams: addresses.apart(), origins: origins.into_iter().collect() }
    }

    /// A place for a stream.
    pub(super) fn stream_of(&self, parts: &Parts) -> Result<Place, Problem> {
        let client = self.client(parts);
        self.streams.take(client).ok_or_else(|| {
            let sentence = "Too many streams are open from this address; end one of them first.";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_STREAMS_FROM_ADDRESS", sentence)
        })
    }

    fn client(&self, parts: &Parts) -> Client {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // A server that does not say who is connected counts all as one.
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        self.streams.client(peer, &parts.headers)
    }

    fn allows(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins.iter().find(|allowed| *allowed == origin)
    }
}

/// Cross-origin requests, by the list alone: no origin but those on it reads an answer. There are no cookies, so
/// credentials are none of its business. And every answer is of the type it says, whatever its payloads look like.
pub(super) async fn guard(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    let allowed = entrance.allows(request.headers()).cloned();
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&allowed, asks_first) {
        (_, false) => next.run(request).await,
        (Some(_), true) => StatusCode::NO_CONTENT.into_response(),
        (None, true) => {
            Problem::forbidden("ORIGIN_NOT_ALLOWED", "No page of this origin may ask here.").into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What a cache keeps for one origin is not for another.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = allowed else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    if asks_first {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}
