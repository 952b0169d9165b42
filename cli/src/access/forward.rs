//! A service of the cluster on a local port, by `kubectl port-forward`, so that whatever logs kubectl in does it here too.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cluster::ClusterArgs;
use crate::failure::Failure;
use crate::table::harmless;

/// How long kubectl may take to begin.
const BEGINS: Duration = Duration::from_secs(20);

/// A forwarded port; the forward ends when this is dropped.
pub struct Forward {
    /// Where it is on this machine.
    pub address: SocketAddr,
    _child: Child,
}

impl Forward {
    /// Forwards a port of a Service.
    pub async fn open(cluster: &ClusterArgs, namespace: &str, service: &str, port: u16) -> Result<Self, Failure> {
        let program = std::env::var_os("QSL_KUBECTL").unwrap_or_else(|| "kubectl".into());
        let mut command = Command::new(&program);
        command.args(cluster.to_kubectl()).args(["-n", namespace, "port-forward", "--address", "127.0.0.1"]);
        command.arg(format!("service/{service}")).arg(format!(":{port}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let doing = format!("reach {service} of namespace {namespace} by a port-forward");
        let mut child = command.spawn().map_err(|error| {
            Failure::Usage(format!("cannot {doing}: {} cannot be run: {error}; $QSL_KUBECTL names another kubectl, --signature-service and --journal an address of your own", program.display()))
        })?;
        match tokio::time::timeout(BEGINS, begun(&mut child)).await {
            Ok(Ok(port)) => Ok(Self { address: (Ipv4Addr::LOCALHOST, port).into(), _child: child }),
            Ok(Err(said)) => Err(Failure::Remote { doing, why: format!("kubectl said: {}", harmless(said.trim())) }),
            Err(_) => Err(Failure::Remote { doing, why: "kubectl did not begin in time".to_owned() }),
        }
    }
}

/// The local port, or what kubectl had to say.
async fn begun(child: &mut Child) -> Result<u16, String> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (Some(out), Some(mut err)) = (out, err) else { return Err("nothing".to_owned()) };
    let mut lines = BufReader::new(out).lines();
    if let Some(port) = lines.next_line().await.ok().flatten().as_deref().and_then(local_port) {
        // Read on, so that kubectl is never stopped by a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        tokio::spawn(async move { tokio::io::copy(&mut err, &mut tokio::io::sink()).await });
        return Ok(port);
    }
    let mut said = String::new();
    // What it said before that fails is told.
    let _ = err.read_to_string(&mut said).await;
    Err(said)
}

/// `Forwarding from 127.0.0.1:41317 -> 8443`
fn local_port(line: &str) -> Option<u16> {
    line.split(" -> ").next()?.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::local_port;

    #[test]
    fn the_local_port_is_read_from_what_kubectl_says() {
        assert_eq!(local_port("Forwarding from 127.0.0.1:41317 -> 8443"), Some(41317));
        assert_eq!(local_port("error: lost connection to pod"), None);
    }
}
