//! The consumer's handler: a POST to the application's port on loopback.
//!
//! Rooms: `app` is the application, whether it can take events and requests to it; `request` what it is sent, in the
//! inbox's format, with `cloud_event` for two of them; `batch` gathers events for one request, `verdicts` reads what the
//! application made of each.

mod app;
mod batch;
mod cloud_event;
mod request;
mod verdicts;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use eventing::config::{BatchConfig, ForwardConfig, InboxConfig};
use eventing::consumer::{Delivery, Handler, HandlerAnswer, Routed, route};
use eventing::trace_context::TraceContext;
use eventing_http::retry_after;
use tokio::sync::watch;

use crate::args::Inbox;
use crate::token::DeliveryToken;
use crate::traces::{Kind, Span, Tracer};
use app::App;
use batch::{Batches, Member};

/// Hands events to the application.
#[derive(Debug)]
pub struct Forwarder {
    app: App,
    batches: Batches,
    configuration: watch::Receiver<Option<Arc<InboxConfig>>>,
    tracer: Tracer,
}

impl Forwarder {
    /// A forwarder to the application behind an inbox.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        app: Inbox,
        token: &DeliveryToken,
        configuration: watch::Receiver<Option<Arc<InboxConfig>>>,
        tracer: Tracer,
    ) -> anyhow::Result<Self> {
        Ok(Self { app: App::new(app, token)?, batches: Batches::default(), configuration, tracer })
    }

    /// Asks the application again and again whether it can take events. Until it first can, nothing is received; so
    /// while it cannot.
    pub async fn watch(&self) -> Infallible {
        self.app.watch().await
    }

    /// One event, one request.
    async fn post(&self, path: &str, forward: &ForwardConfig, delivery: &Delivery, span: &Span) -> HandlerAnswer {
        // A span that nobody records is nobody's parent: the application then goes on where the publisher was.
        let parent = self.tracer.is_on().then(|| span.context());
        let (headers, body) = match request::of_one(forward.format, delivery, parent) {
            Ok(request) => request,
            Err(why) => return HandlerAnswer::Reject(why),
        };
        match self.app.post(path, headers, body, limit(forward)).await {
            Ok(response) => {
                let retry_after = retry_after(response.headers(), SystemTime::now());
                HandlerAnswer::from_status(response.status().as_u16(), retry_after)
            }
            Err(answer) => answer,
        }
    }

    /// An event among those that are there at the same time. One that was not handled before goes alone: whoever made a
    /// request fail for all meets only himself the second time.
    async fn post_among(
        &self,
        path: &str,
        forward: &ForwardConfig,
        batch: &BatchConfig,
        delivery: Delivery,
    ) -> HandlerAnswer {
        if delivery.attempt > 1 {
            return self.post_several(path, forward, &[delivery]).await.pop().unwrap_or(HandlerAnswer::Unreachable);
        }
        let members = match self.batches.join(path, delivery, batch).await {
            batch::Joined::Answered(answer) => return answer,
            batch::Joined::Leads(members) => members,
        };
        let (deliveries, waiting): (Vec<_>, Vec<_>) =
            members.into_iter().map(|Member { delivery, answer }| (delivery, answer)).unzip();
        let answers = self.post_several(path, forward, &deliveries).await;
        let mut own = HandlerAnswer::Unreachable;
        for (waiting, answer) in waiting.into_iter().zip(answers) {
            match waiting {
                // Who is gone needs no answer.
                Some(waiting) => drop(waiting.send(answer)),
                None => own = answer,
            }
        }
        own
    }

    /// Several events in one request, and the answer for each.
    async fn post_several(&self, path: &str, forward: &ForwardConfig, events: &[Delivery]) -> Vec<HandlerAnswer> {
        let for_all = |answer: HandlerAnswer| vec![answer; events.len()];
        let (headers, body) = match request::of_several(forward.format, events) {
            Ok(request) => request,
            Err(why) => return for_all(HandlerAnswer::Reject(why)),
        };
        let response = match self.app.post(path, headers, body, limit(forward)).await {
            Ok(response) => response,
            Err(answer) => return for_all(answer),
        };
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        let answer = HandlerAnswer::from_status(status, retry_after);
        if answer == HandlerAnswer::Done {
            return match verdicts::read(response).await {
                Ok(text) => verdicts::of(status, &text, events.len()),
                // It said that it has them, and then not which.
                Err(error) if error.is_timeout() => for_all(HandlerAnswer::Timeout),
                Err(_) => for_all(self.app.broke().await),
            };
        }
        if !answer.is_reject() || events.len() == 1 {
            return for_all(answer);
        }
        // Nobody can tell whom it means, so each is asked for by itself.
        let mut answers = Vec::with_capacity(events.len());
        for event in events {
            answers.extend(Box::pin(self.post_several(path, forward, std::slice::from_ref(event))).await);
        }
        answers
    }
}

fn limit(forward: &ForwardConfig) -> Duration {
    Duration::from_secs(forward.timeout_seconds.into())
}

impl Handler for Forwarder {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        let Some(config) = self.configuration.borrow().clone() else { return HandlerAnswer::Unreachable };
        let forward = &config.forward;
        let event = &delivery.event;
        let path = match route(event, forward, self.app.path()) {
            Routed::To(path) => path,
            Routed::DeadLetter => return HandlerAnswer::NoRoute,
            Routed::Acknowledge => return HandlerAnswer::Unrouted,
        };
        let sender = event.trace.traceparent().and_then(TraceContext::parse);
        let receive = self
            .tracer
            .begin("receive", Kind::Consumer, sender)
            .since(delivery.received)
            .with("qsl.source", event.source.as_str())
            .with("qsl.detail_type", event.detail_type.as_str())
            .with("qsl.event_key", event.event_key.to_string())
            .with("qsl.attempt", delivery.attempt.to_string());
        let mut handle = self.tracer.begin("handle", Kind::Client, Some(receive.context())).with("url.path", path);
        let answer = match &forward.batch {
            None => self.post(path, forward, &delivery, &handle).await,
            Some(batch) => self.post_among(path, forward, batch, delivery).await,
        };
        if answer != HandlerAnswer::Done {
            handle.fail(format!("{answer:?}"));
        }
        answer
    }

    async fn ready(&self) {
        // It does not close while `self` is there.
        let _ = self.app.able().wait_for(|able| *able).await;
    }
}

#[cfg(test)]
mod tests;
