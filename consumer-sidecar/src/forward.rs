//! The consumer's handler: a POST to the application's port on loopback.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use eventing::config::{Format, ForwardConfig, InboxConfig};
use eventing::consumer::{Delivery, Handler, HandlerAnswer, Routed, route};
use eventing::json::{Limits, parse};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::args::Inbox;
use crate::token::DeliveryToken;

/// How often the application is asked while it cannot take events.
const PROBE: Duration = Duration::from_millis(500);
/// How often it is asked for its health while it can.
const HEALTH: Duration = Duration::from_secs(2);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection is kept that is not used: less than the five seconds after which Node and uvicorn close theirs,
/// so that no event is posted on one that is being closed.
const IDLE: Duration = Duration::from_secs(3);

/// Hands events to the application.
#[derive(Debug)]
pub struct Forwarder {
    http: reqwest::Client,
    app: Inbox,
    authorization: HeaderValue,
    configuration: watch::Receiver<Option<Arc<InboxConfig>>>,
    /// Whether the application could take events when it was last asked, or handed one.
    able: watch::Sender<bool>,
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
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(2))
            .pool_idle_timeout(IDLE)
            .http1_only()
            // It speaks plain HTTP on loopback only: no system store of certificates is read for it.
            .tls_certs_only([])
            .build()?;
        let mut authorization = HeaderValue::try_from(token.bearer())?;
        authorization.set_sensitive(true);
        Ok(Self { http, app, authorization, configuration, able: watch::Sender::new(false) })
    }

    /// Asks the application again and again whether it can take events. Until it first can, nothing is received; so
    /// while it cannot.
    pub async fn watch(&self) -> Infallible {
        let mut able = self.able.subscribe();
        tracing::info!(port = self.app.port, "waiting for the application to answer");
        loop {
            if !self.answers().await {
                self.note_away("it does not answer, or not 2xx where its health is asked for");
                sleep(PROBE).await;
                continue;
            }
            if !self.able.send_replace(true) {
                tracing::info!(port = self.app.port, "the application answers");
            }
            // It does not close while `self` is there.
            let lost = able.wait_for(|able| !able);
            match self.app.health_path {
                // A port that is closed is noticed by who posts to it.
                None => drop(lost.await),
                Some(_) => drop(timeout(HEALTH, lost).await),
            }
        }
    }

    /// Whether the application can take events: by its own word where it has one, else by its open port.
    async fn answers(&self) -> bool {
        let Inbox { port, health_path, .. } = &self.app;
        let answers = async {
            match health_path {
                None => TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
                Some(path) => {
                    let asked = self.http.get(format!("http://127.0.0.1:{port}{path}")).send().await;
                    asked.is_ok_and(|response| response.status().is_success())
                }
            }
        };
        timeout(PATIENCE, answers).await.unwrap_or(false)
    }

    fn note_away(&self, why: &str) {
        if self.able.send_replace(false) {
            tracing::warn!(port = self.app.port, why, "the application cannot take events: receiving stands still");
        }
    }

    async fn post(&self, path: &str, forward: &ForwardConfig, delivery: &Delivery) -> HandlerAnswer {
        let body = match forward.format {
            Format::DetailCore => delivery.event.detail_core.as_bytes().to_vec(),
            // A configuration that asks for these is refused when it is read.
            Format::CloudEventsBinary | Format::CloudEventsStructured => return HandlerAnswer::Unreachable,
            // The canonical form of the whole: within it detailCore stands as it was signed, whatever its spelling was.
            Format::Envelope => match parse(delivery.body.as_bytes(), Limits::BODY) {
                Ok(body) => body.canonical(),
                Err(fault) => return HandlerAnswer::Reject(format!("the body {fault}")),
            },
        };
        let sent = self
            .http
            .post(format!("http://127.0.0.1:{}{path}", self.app.port))
            .headers(self.headers(delivery))
            .timeout(Duration::from_secs(forward.timeout_seconds.into()))
            .body(body)
            .send()
            .await;
        match sent {
            Ok(response) => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
                HandlerAnswer::from_status(response.status().as_u16(), retry_after)
            }
            Err(error) if error.is_connect() => {
                self.note_away("nobody listens at its port");
                HandlerAnswer::Unreachable
            }
            Err(error) if error.is_timeout() => HandlerAnswer::Timeout,
            Err(_) if self.answers().await => HandlerAnswer::Retry("the connection to the handler broke".to_owned()),
            Err(_) => {
                self.note_away("it ended while it had an event");
                HandlerAnswer::Gone
            }
        }
    }

    fn headers(&self, delivery: &Delivery) -> HeaderMap {
        let event = &delivery.event;
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut set = |name: &'static str, text: &str| {
            if let Ok(value) = HeaderValue::try_from(header_text(text)) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("qsl-source", event.source.as_str());
        set("qsl-detail-type", event.detail_type.as_str());
        set("qsl-resource", event.resource.as_str());
        set("qsl-correlation-id", event.correlation_id.as_str());
        set("qsl-event-key", &event.event_key.to_string());
        set("qsl-kid", event.kid.as_str());
        set("qsl-attempt", &delivery.attempt.to_string());
        for (name, text) in [("traceparent", event.trace.traceparent()), ("tracestate", event.trace.tracestate())] {
            if let Some(text) = text {
                set(name, text);
            }
        }
        headers
    }
}

/// Printable ASCII as it is, but for `%`; everything else percent-encoded, so that no text can make a header of its own.
fn header_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `Retry-After` in seconds; a date is not honoured.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl Handler for Forwarder {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        let Some(config) = self.configuration.borrow().clone() else { return HandlerAnswer::Unreachable };
        match route(&delivery.event, &config.forward, self.app.path.as_deref()) {
            Routed::To(path) => self.post(path, &config.forward, &delivery).await,
            Routed::DeadLetter => HandlerAnswer::NoRoute,
            Routed::Acknowledge => HandlerAnswer::Unrouted,
        }
    }

    async fn ready(&self) {
        // It does not close while `self` is there.
        let _ = self.able.subscribe().wait_for(|able| *able).await;
    }
}

#[cfg(test)]
mod tests;
