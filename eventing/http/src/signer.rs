//! Signing by the signature service.

use std::time::Duration;

use eventing::publish::{SignFailure, Signed, Signer, ToSign};
use eventing::types::BusId;
use serde::{Deserialize, Serialize};

use crate::client::{ClientError, Service, read_json};

/// What one request may take.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Request<'a> {
    bus: &'a BusId,
    events: &'a [ToSign],
}

#[derive(Deserialize)]
struct Answer {
    events: Vec<Signed>,
}

/// The signature service as a signer; callers prove themselves by the service's token file.
#[derive(Clone, Debug)]
pub struct HttpSigner {
    service: Service,
}

impl HttpSigner {
    /// Over a service, which should have a token file.
    pub const fn new(service: Service) -> Self {
        Self { service }
    }
}

impl Signer for HttpSigner {
    async fn sign(&self, bus: &BusId, events: &[ToSign]) -> Result<Vec<Signed>, SignFailure> {
        let request = self.service.post("/v1/sign").json(&Request { bus, events });
        let response = self.service.send(request, LIMIT).await.map_err(failure)?;
        let answer: Answer = read_json(response).await.map_err(failure)?;
        Ok(answer.events)
    }
}

/// A refusal stays one (400, 403, 409, 413); all else may pass.
fn failure(error: ClientError) -> SignFailure {
    match error {
        ClientError::Answered { status, problem, retry_after } => {
            let detail = if problem.detail.is_empty() { problem.title } else { problem.detail };
            let code = if problem.code.is_empty() { "SIGNING_FAILED".to_owned() } else { problem.code };
            if matches!(status, 400 | 403 | 409 | 413 | 422) {
                SignFailure::Refused { status, code, detail, errors: problem.errors }
            } else {
                SignFailure::Unavailable { code, detail, retry_after }
            }
        }
        other => SignFailure::Unavailable {
            code: "SIGNATURE_SERVICE_UNREACHABLE".to_owned(),
            detail: other.to_string(),
            retry_after: None,
        },
    }
}
