//! A bus on EventBridge.

use std::error::Error;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::http::HttpResponse;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use eventing::publish::{Bus, Entry, EntryFault, PutError};

use crate::Identity;
use crate::sqs::chain;

/// One bus.
#[derive(Clone, Debug)]
pub struct EventBridge {
    client: Client,
    bus: String,
}

impl EventBridge {
    /// Over a client that exists; `bus` is the bus's name or ARN.
    pub fn new(client: Client, bus: &str) -> Self {
        Self { client, bus: bus.to_owned() }
    }

    /// With a role assumed by the pod's identity.
    pub fn connect(identity: &Identity, role_arn: &str, region: &str, bus: &str) -> Self {
        Self::new(Client::new(&identity.assume(role_arn, region)), bus)
    }
}

impl Bus for EventBridge {
    async fn put(&self, entries: &[Entry]) -> Result<Vec<Result<String, EntryFault>>, PutError> {
        let entries = entries.iter().map(|entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(entry.source.as_str())
                .detail_type(entry.detail_type.as_str())
                .resources(entry.resource.as_str())
                .detail(&entry.detail)
                .build()
        });
        let call = self.client.put_events().set_entries(Some(entries.collect()));
        let output = call.send().await.map_err(|error| failure(&error))?;
        let answers = output.entries.unwrap_or_default().into_iter();
        Ok(answers
            .map(|answer| match (answer.event_id, answer.error_code) {
                (Some(event_id), None) => Ok(event_id),
                (_, code) => Err(EntryFault {
                    code: code.unwrap_or_else(|| "Unknown".to_owned()),
                    message: answer.error_message.unwrap_or_default(),
                }),
            })
            .collect())
    }
}

/// Only what surely never reached EventBridge counts as not sent.
fn failure(error: &SdkError<PutEventsError, HttpResponse>) -> PutError {
    match error {
        SdkError::ConstructionFailure(_) => PutError::NotSent(chain(error)),
        SdkError::DispatchFailure(dispatch) => {
            // "Other" is what went wrong on our side, such as credentials that nobody gave, but also a connection that
            // broke before the answer.
            let ours = dispatch.is_user() || (dispatch.is_other() && !is_of_connection(error));
            let before_sending = ours || is_refused(error);
            if before_sending { PutError::NotSent(chain(error)) } else { PutError::Uncertain(chain(error)) }
        }
        SdkError::ServiceError(service) => {
            let fault = EntryFault {
                code: error.code().unwrap_or("Unknown").to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            };
            let status = service.raw().status().as_u16();
            // A role that was just made is denied for a while.
            let passing =
                fault.is_passing() || status >= 500 || status == 429 || fault.code.starts_with("AccessDenied");
            if passing {
                PutError::NotSent(format!("{}: {}", fault.code, fault.message))
            } else {
                PutError::Refused(fault)
            }
        }
        _ => PutError::Uncertain(chain(error)),
    }
}

/// Nobody listened: nothing was sent.
fn is_refused(error: &dyn Error) -> bool {
    let io = sources(error).find_map(|error| error.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// There was a connection, and what became of the request on it is not known.
fn is_of_connection(error: &dyn Error) -> bool {
    sources(error).any(<dyn Error>::is::<hyper::Error>)
}

fn sources<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| (*error).source())
}
