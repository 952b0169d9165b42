//! The application as the sidecar meets it: whether it can take events, and requests to it.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use eventing::consumer::HandlerAnswer;
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

/// The application behind an inbox, on loopback.
#[derive(Debug)]
pub(super) struct App {
    http: reqwest::Client,
    place: Inbox,
    authorization: HeaderValue,
    /// Whether the application could take events when it was last asked, or handed one.
    able: watch::Sender<bool>,
}

impl App {
    /// # Errors
    /// When no HTTP client can be made.
    pub(super) fn new(place: Inbox, token: &DeliveryToken) -> anyhow::Result<Self> {
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
        Ok(Self { http, place, authorization, able: watch::Sender::new(false) })
    }

    /// The application's path for what no route names.
    pub(super) fn path(&self) -> Option<&str> {
        self.place.path.as_deref()
    }

    /// Its ability to take events, as it changes.
    pub(super) fn able(&self) -> watch::Receiver<bool> {
        self.able.subscribe()
    }

    /// Asks the application again and again whether it can take events. Until it first can, nothing is received; so
    /// while it cannot.
    pub(super) async fn watch(&self) -> Infallible {
        let mut able = self.able.subscribe();
        tracing::info!(port = self.place.port, "waiting for the application to answer");
        loop {
            if !self.answers().await {
                self.note_away("it does not answer, or not 2xx where its health is asked for");
                sleep(PROBE).await;
                continue;
            }
            if !self.able.send_replace(true) {
                tracing::info!(port = self.place.port, "the application answers");
            }
            // It does not close while `self` is there.
            let lost = able.wait_for(|able| !able);
            match self.place.health_path {
                // A port that is closed is noticed by who posts to it.
                None => drop(lost.await),
                Some(_) => drop(timeout(HEALTH, lost).await),
            }
        }
    }

    /// Whether the application can take events: by its own word where it has one, else by its open port.
    pub(super) async fn answers(&self) -> bool {
        let Inbox { port, health_path, .. } = &self.place;
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
            tracing::warn!(port = self.place.port, why, "the application cannot take events: receiving stands still");
        }
    }

    /// Posts to a path, with the delivery token.
    ///
    /// # Errors
    /// Without an answer, what that says of the events.
    pub(super) async fn post(
        &self,
        path: &str,
        mut headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<reqwest::Response, HandlerAnswer> {
        headers.insert(AUTHORIZATION, self.authorization.clone());
        let request = self.http.post(format!("http://127.0.0.1:{}{path}", self.place.port));
        match request.headers(headers).timeout(limit).body(body).send().await {
            Ok(response) => Ok(response),
            Err(error) if error.is_connect() => {
                self.note_away("nobody listens at its port");
                Err(HandlerAnswer::Unreachable)
            }
            Err(error) if error.is_timeout() => Err(HandlerAnswer::Timeout),
            Err(_) => Err(self.broke().await),
        }
    }

    /// What a connection that broke says of the events on it.
    pub(super) async fn broke(&self) -> HandlerAnswer {
        if self.answers().await {
            return HandlerAnswer::Retry("the connection to the handler broke".to_owned());
        }
        self.note_away("it ended while it had an event");
        HandlerAnswer::Gone
    }
}
