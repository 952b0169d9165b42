//! The bus as its configuration changes: who may publish what, with which role, signed by whom.

mod metrics;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use eventing::config::{BusConfig, PublisherConfig, Publishing};
use eventing::publish::{FieldError, Outcome, Placed, Posted, PublishError, Publisher, SignFailure};
use eventing::types::BusId;
use eventing_aws::{EventBridge, Identity};
use eventing_http::{HttpSigner, Service};
use tokio::sync::watch;

use crate::api::{Publish, too_large};
use crate::problem::Problem;
pub use metrics::Metrics;

/// What a publisher was made of; made anew when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    role_arn: String,
    region: String,
    bus_arn: String,
    signature_service: String,
    ca: String,
}

/// Publishes on the pod's bus.
#[derive(Debug)]
pub struct BusPublisher {
    bus: BusId,
    service_account: String,
    configuration: watch::Receiver<Option<Arc<BusConfig>>>,
    identity: Identity,
    sign_token: PathBuf,
    connected: Mutex<Option<(Facts, Publisher)>>,
    metrics: Metrics,
}

impl BusPublisher {
    /// A publisher that connects when it is first needed.
    pub fn new(
        bus: BusId,
        service_account: String,
        configuration: watch::Receiver<Option<Arc<BusConfig>>>,
        identity: Identity,
        sign_token: PathBuf,
        metrics: Metrics,
    ) -> Self {
        Self { bus, service_account, configuration, identity, sign_token, connected: Mutex::new(None), metrics }
    }

    fn connected(&self, config: &BusConfig, publisher: &PublisherConfig) -> Result<Publisher, Problem> {
        let facts = Facts {
            role_arn: publisher.role_arn.clone(),
            region: config.region.clone(),
            bus_arn: config.bus_arn.clone(),
            signature_service: config.services.signature_service.clone(),
            ca: config.services.ca.clone(),
        };
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, publisher)) = connected.as_ref()
            && *made_of == facts
        {
            return Ok(publisher.clone());
        }
        let service = Service::new(&facts.signature_service, &facts.ca, Some(self.sign_token.clone()))
            .map_err(|error| unavailable("SERVICES_UNUSABLE", error.to_string()))?;
        let bus = EventBridge::connect(&self.identity, &facts.role_arn, &facts.region, &facts.bus_arn);
        let publisher = Publisher::new(Arc::new(HttpSigner::new(service)), Arc::new(bus), self.bus.clone());
        *connected = Some((facts, publisher.clone()));
        Ok(publisher)
    }
}

fn unavailable(code: &str, detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(5)
}

/// The publisher entry of a service account, if it may send all these events.
fn granted<'a>(
    bus: &BusId,
    config: &'a BusConfig,
    service_account: &str,
    posted: &Posted,
) -> Result<&'a PublisherConfig, Problem> {
    if config.publishing == Publishing::Disabled {
        let detail = format!("publishing on {bus} is disabled");
        return Err(unavailable("PUBLISHING_DISABLED", detail).retry_after(30));
    }
    let forbidden = |detail| Problem::new(StatusCode::FORBIDDEN, "SOURCE_NOT_GRANTED", detail);
    let Some(publisher) = config.publishers.iter().find(|entry| entry.service_account == service_account) else {
        return Err(forbidden(format!("the publishers of {bus} do not name the service account {service_account}")));
    };
    let errors: Vec<FieldError> = posted
        .events
        .iter()
        .enumerate()
        .filter(|(_, event)| !publisher.sources.iter().any(|pattern| pattern.covers(&event.source)))
        .map(|(at, _)| FieldError {
            field: if posted.in_list { format!("events/{at}/source") } else { "source".to_owned() },
            reason: "is not granted to this service account".to_owned(),
        })
        .collect();
    if errors.is_empty() {
        Ok(publisher)
    } else {
        let detail = format!("{bus} grants the service account {service_account} other sources");
        Err(forbidden(detail).errors(errors))
    }
}

impl Publish for BusPublisher {
    async fn publish(&self, posted: Posted) -> Result<Vec<Placed>, Problem> {
        let began = Instant::now();
        let Some(config) = self.configuration.borrow().clone() else {
            let detail =
                format!("waiting for the configuration of {}: does the bus name this pod's service account?", self.bus);
            return Err(unavailable("BUS_NOT_CONFIGURED", detail));
        };
        let entry = granted(&self.bus, &config, &self.service_account, &posted)?;
        let publisher = self.connected(&config, entry)?;
        let placed = match publisher.publish(&posted).await {
            Ok(placed) => placed,
            Err(error) => {
                self.metrics.count("not_signed", posted.events.len());
                tracing::warn!(bus = %self.bus, %error, "nothing was published");
                return Err(problem(error, posted.in_list));
            }
        };
        self.metrics.published(began.elapsed());
        for placed in &placed {
            let outcome = match &placed.outcome {
                Outcome::Published { .. } => "published",
                Outcome::Refused(_) => "refused",
                Outcome::NotSent(_) => "not_sent",
                Outcome::Uncertain(_) => "uncertain",
            };
            self.metrics.count(outcome, 1);
            if outcome != "published" {
                tracing::warn!(bus = %self.bus, jti = %placed.jti, outcome, why = ?placed.outcome, "event not published");
            }
        }
        Ok(placed)
    }
}

fn problem(error: PublishError, in_list: bool) -> Problem {
    match error {
        PublishError::TooLarge { index, size, limit } => {
            let field = if in_list { format!("events/{index}") } else { "detailCore".to_owned() };
            let reason = format!("would take {size} bytes of {limit}");
            too_large(Some(size), limit).errors(vec![FieldError { field, reason }])
        }
        PublishError::Sign(SignFailure::Refused { status, code, detail, errors }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            Problem::new(status, code, detail).errors(errors)
        }
        PublishError::Sign(SignFailure::Unavailable { code, detail, retry_after }) => {
            unavailable(&code, detail).retry_after(retry_after.unwrap_or(Duration::from_secs(5)).as_secs().max(1))
        }
    }
}

/// Says in the log what publishing waits for, once, and when it is there.
pub async fn announce(bus: BusId, mut configuration: watch::Receiver<Option<Arc<BusConfig>>>) {
    if configuration.borrow_and_update().is_none() {
        tracing::warn!(%bus, "waiting for the bus's configuration; publishing answers 503 until then");
        if configuration.wait_for(Option::is_some).await.is_err() {
            return;
        }
    }
    tracing::info!(%bus, "publishing");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use axum::response::IntoResponse as _;
    use eventing::algorithm::Algorithm;
    use eventing::config::{ConfigDocument, EVENT_BUS, ServicesConfig};
    use eventing::consumer::{Clock, ConfigurationMetrics, Mount, Roots};
    use eventing::publish::Keys;
    use eventing::root::{RootHashes, root_hash};
    use eventing::signing::{PrivateKey, sign_config};
    use eventing::time::Millis;

    use super::*;

    /// A bus that grants nobody, as the operator would publish it.
    fn signed(root: &PrivateKey, version: u64, publishing: Publishing) -> String {
        let services = ServicesConfig {
            signature_service: "https://s".to_owned(),
            journal: "https://j".to_owned(),
            ca: String::new(),
        };
        let config = BusConfig {
            bus_name: "lanes".to_owned(),
            bus_arn: "arn:aws:events:eu-west-1:111122223333:event-bus/lanes".to_owned(),
            region: "eu-west-1".to_owned(),
            publishing,
            publishers: Vec::new(),
            services,
        };
        let now = Millis::now();
        let document = ConfigDocument {
            namespace: "harbour".to_owned(),
            kind: EVENT_BUS.to_owned(),
            name: "platform/lanes".to_owned(),
            version,
            issued: now.seconds(),
            expires: now.seconds() + 3_600,
            config,
        };
        sign_config(root, &document, now.into()).unwrap()
    }

    #[tokio::test]
    async fn a_bus_disabled_in_the_mounted_file_takes_nothing_and_is_open_again_without_a_restart() {
        let (folder, root) = (tempfile::tempdir().unwrap(), PrivateKey::generate(Algorithm::MlDsa44).unwrap());
        let write = |version, publishing| {
            let made = folder.path().join("made");
            std::fs::write(&made, signed(&root, version, publishing)).unwrap();
            std::fs::rename(made, folder.path().join("bus_platform_lanes")).unwrap();
        };
        write(1, Publishing::Enabled);
        let mount = Mount {
            directory: folder.path().to_owned(),
            namespace: "harbour".to_owned(),
            roots: Roots::Fixed(RootHashes::new([root_hash(&root.public_key())])),
            clock: Clock::system(),
            metrics: ConfigurationMetrics::default(),
        };
        let bus: BusId = "platform/lanes".parse().unwrap();
        let mut configuration = mount.bus(&bus);
        let (identity, token) = (Identity::new(folder.path().join("aws"), "quay-0"), folder.path().join("token"));
        let publisher =
            BusPublisher::new(bus, "pilot".to_owned(), configuration.clone(), identity, token, Metrics::default());
        let nothing = || Posted { events: Vec::new(), in_list: true, keys: Keys::None };
        // Whose grant is looked at is past the switch.
        let refusal = async || {
            let problem = publisher.publish(nothing()).await.unwrap_err().into_response();
            let body = axum::body::to_bytes(problem.into_body(), 65_536).await.unwrap();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(refusal().await, "SOURCE_NOT_GRANTED");
        for (version, publishing, code) in
            [(2, Publishing::Disabled, "PUBLISHING_DISABLED"), (3, Publishing::Enabled, "SOURCE_NOT_GRANTED")]
        {
            write(version, publishing);
            let read = configuration.wait_for(|read| read.as_ref().is_some_and(|read| read.publishing == publishing));
            drop(read.await.unwrap());
            assert_eq!(refusal().await, code);
        }
    }
}
