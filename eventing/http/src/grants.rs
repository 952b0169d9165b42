//! Grants from the signature service: the leave to send a message again.

use std::fmt;
use std::time::Duration;

use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing::types::{Jti, Kid, QueueArn};
use serde::{Deserialize, Serialize};

use crate::client::{ClientError, Service, read_json};

/// What one request may take: the body is verified on the way.
const LIMIT: Duration = Duration::from_secs(15);

/// What is asked for. `Debug` does not show the body.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantRequest<'a> {
    /// The inbox, `NAMESPACE/NAME`.
    pub inbox: &'a str,
    /// Why the message is sent again.
    pub purpose: Purpose,
    /// When it first entered a queue: vouched for by whoever asks.
    pub sent_at: Millis,
    /// Its body, byte for byte.
    pub body: &'a str,
}

impl fmt::Debug for GrantRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inbox, purpose, sent_at, body } = self;
        let mut shown = f.debug_struct("GrantRequest");
        shown.field("inbox", inbox).field("purpose", purpose).field("sent_at", sent_at);
        shown.field("body_bytes", &body.len()).finish()
    }
}

/// A grant, and how the message is to be sent with it. `Debug` does not show the grant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// `qsl.grant`
    pub grant: String,
    /// The queue it is for.
    pub queue_arn: QueueArn,
    /// `qsl.sentAt`
    pub sent_at: Millis,
    /// The key that signed it.
    pub kid: Kid,
    /// The name of the signing, as the audit has it.
    pub jti: Jti,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant: _, queue_arn, sent_at, kid, jti } = self;
        let mut shown = f.debug_struct("Granted");
        shown.field("queue_arn", queue_arn).field("sent_at", sent_at).field("kid", kid).field("jti", jti);
        shown.finish_non_exhaustive()
    }
}

/// Asks the signature service for grants; callers prove themselves by the service's token file.
#[derive(Clone, Debug)]
pub struct GrantClient {
    service: Service,
}

impl GrantClient {
    /// Over a service, which should have a token file.
    pub const fn new(service: Service) -> Self {
        Self { service }
    }

    /// Asks for one grant.
    ///
    /// # Errors
    /// [`ClientError::Answered`] with the code of the refusal (that of the verification, where the body does not
    /// verify), else whatever kept the answer away.
    pub async fn grant(&self, request: GrantRequest<'_>) -> Result<Granted, ClientError> {
        let request = self.service.post("/v1/grants").json(&request);
        read_json(self.service.send(request, LIMIT).await?).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn request_and_answer_have_the_services_form() {
        let request =
            GrantRequest { inbox: "depot/arrivals", purpose: Purpose::Replay, sent_at: Millis(7), body: "{\"a\":1}" };
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({"inbox": "depot/arrivals", "purpose": "replay", "sentAt": 7, "body": "{\"a\":1}"})
        );
        let answer: Granted = serde_json::from_value(json!({
            "grant": "a.b.c", "queueArn": "arn:aws:sqs:eu-west-1:111122223333:arrivals", "purpose": "replay",
            "sentAt": 7, "kid": "grant-1", "jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52",
            "ts": "2026-11-23T08:00:00.000001Z"}))
        .unwrap();
        assert_eq!((answer.grant.as_str(), answer.sent_at), ("a.b.c", Millis(7)));
        assert_eq!(answer.queue_arn.name(), "arrivals");
        let shown = format!("{request:?} {answer:?}");
        assert!(!shown.contains("a.b.c") && !shown.contains("{\"a\":1}") && !shown.contains("\\\"a"), "{shown}");
    }
}
