//! Signed key sets from the signature service.

use std::time::Duration;

use eventing::config::ServicesConfig;
use eventing::consumer::{ConnectKeySets, FetchError, Fetched, KeySets};
use eventing::types::BusId;
use reqwest::StatusCode;

use crate::client::{ClientError, Service, read_at_most};

/// What a request may take besides what it waits.
const SLACK: Duration = Duration::from_secs(8);
/// The most bytes of a set: the largest payload that is signed, and what base64url, header and signature add.
const SET: usize = 2 * 1024 * 1024;

/// Makes clients of the signature service that a configuration names. Key sets are public: no token goes along.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeySetClient;

impl ConnectKeySets for KeySetClient {
    type KeySets = HttpKeySets;

    fn connect(&self, services: &ServicesConfig) -> Result<HttpKeySets, FetchError> {
        let service = Service::new(&services.signature_service, &services.ca, None).map_err(failed)?;
        Ok(HttpKeySets { service })
    }
}

/// The signature service's key sets.
#[derive(Clone, Debug)]
pub struct HttpKeySets {
    service: Service,
}

impl HttpKeySets {
    /// Over a service.
    pub const fn new(service: Service) -> Self {
        Self { service }
    }
}

impl KeySets for HttpKeySets {
    async fn fetch(&self, bus: &BusId, known: Option<&str>, wait: Duration) -> Result<Fetched, FetchError> {
        let wait_seconds = wait.as_secs().min(60).to_string();
        let mut request = self
            .service
            .get("/keys/jwks-pqc", &[("bus", &bus.to_string()), ("wait", &wait_seconds)])
            .header("Accept", "application/jose");
        if let Some(etag) = known {
            request = request.header("If-None-Match", etag);
        }
        let response = self.service.send(request, wait + SLACK).await.map_err(failed)?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Unchanged);
        }
        let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = read_at_most(response, SET).await.map_err(failed)?;
        let jws = String::from_utf8(bytes).map_err(|_| FetchError("the key set is not text".to_owned()))?;
        Ok(Fetched::Set { jws, etag })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
fn failed(error: ClientError) -> FetchError {
    FetchError(error.to_string())
}
