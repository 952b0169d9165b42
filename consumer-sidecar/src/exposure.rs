//! Whether the application's port answers on the pod's address. Then whoever reaches the pod may post to it, past the
//! sidecar, and only the delivery token tells such a post from a delivery: people should know.
//!
//! A connection from within the pod meets no NetworkPolicy, so this says what the application does, and not who gets
//! through.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How often it is tried: the application may begin to listen at any time.
pub const EVERY: Duration = Duration::from_secs(30);
/// How long a connection within the pod may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks whether the application is open to others than the sidecar.
#[derive(Debug)]
pub struct Exposure {
    addresses: Vec<IpAddr>,
    port: u16,
    exposed: Gauge,
}

impl Exposure {
    /// Of the application at `port` of a pod with these addresses, shown in `registry` under the prefix `qsl_sidecar`.
    pub fn new(addresses: Vec<IpAddr>, port: u16, registry: &mut Registry) -> Self {
        let exposed = Gauge::default();
        let registry = registry.sub_registry_with_prefix("qsl_sidecar");
        let help = "1 once the application's port answered on the pod's address";
        registry.register("application_exposed", help, exposed.clone());
        Self { addresses, port, exposed }
    }

    /// Looks until it is so, and says it once. Where the pod's addresses are not known there is nothing to look at.
    pub async fn notice(self, every: Duration) {
        if self.addresses.is_empty() {
            return;
        }
        let open = loop {
            match self.open_address().await {
                Some(address) => break address,
                None => sleep(every).await,
            }
        };
        self.exposed.set(1);
        tracing::warn!(
            %open,
            "the application's port answers on the pod's address, so others than the sidecar may post to it: have it listen on 127.0.0.1, or refuse what does not carry the delivery token"
        );
    }

    /// The first of the pod's addresses at which the port answers.
    async fn open_address(&self) -> Option<SocketAddr> {
        for address in &self.addresses {
            let address = SocketAddr::new(*address, self.port);
            if matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_))) {
                return Some(address);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use eventing_process::testing::Lines;
    use tokio::net::TcpListener;
    use tracing_subscriber::fmt;

    use super::*;

    /// Another address of this machine, in place of the pod's.
    const POD: &str = "127.0.0.2";
    const OFTEN: Duration = Duration::from_millis(5);

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text.lines().find(|line| line.starts_with("qsl_sidecar_application_exposed ")).unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_application_that_listens_for_others_too_is_noticed_and_said_once() {
        let lines = Lines::default();
        let _logged = tracing::subscriber::set_default(fmt().json().with_writer(lines.clone()).finish());
        let loopback = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = loopback.local_addr().unwrap().port();
        let mut registry = Registry::default();
        // A pod has two where it has both families; nobody listens at the first.
        let addresses = vec!["::1".parse().unwrap(), POD.parse().unwrap()];
        let exposure = Exposure::new(addresses, port, &mut registry);
        assert_eq!(exposure.open_address().await, None, "on loopback alone it is open to nobody");
        let notice = tokio::spawn(exposure.notice(OFTEN));
        sleep(OFTEN * 10).await;
        assert!(!notice.is_finished() && lines.text().is_empty(), "{}", lines.text());
        assert_eq!(shown(&registry), "qsl_sidecar_application_exposed 0");

        let _for_others = TcpListener::bind((POD, port)).await.unwrap();
        notice.await.unwrap();
        assert_eq!(shown(&registry), "qsl_sidecar_application_exposed 1");
        let said = lines.text();
        assert_eq!(said.matches("answers on the pod's address").count(), 1, "{said}");
        assert!(said.contains(&format!("{POD}:{port}")), "{said}");
    }

    #[tokio::test]
    async fn without_the_pod_s_addresses_nothing_is_looked_at() {
        let mut registry = Registry::default();
        Exposure::new(Vec::new(), 1, &mut registry).notice(OFTEN).await;
        assert_eq!(shown(&registry), "qsl_sidecar_application_exposed 0");
    }
}
