//! Where the services write down what they handled, before they answer 2xx: a pod of its own that is never killed, as
//! their database would be. What stands there was handled, and what was handled stands there, whoever is killed.

use futures::future::try_join_all;
use serde::Deserialize;

use super::book::Row;
use crate::ground::{CONSUMERS, Consumer, Ground};

/// What comes up for a run.
const MANIFEST: &str = include_str!("../../demo/records.yaml");
/// The variable that tells a service where to write.
const VARIABLE: &str = "RECORDS_URL";
const ROLLOUT: &str = "--timeout=120s";

/// Brings it up, empty, and has the services write there.
///
/// # Errors
/// When something of it does not come up.
pub(super) async fn begin(ground: &Ground) -> anyhow::Result<()> {
    // One of a run before this would know events of that run.
    end(ground).await?;
    ground.kubectl.run_with_input(&["apply", "-f", "-"], MANIFEST).await?;
    ground.kubectl.run(["-n", "records", "rollout", "status", "deployment/records", ROLLOUT]).await?;
    each(ground, |name| format!("{VARIABLE}=http://records.records.svc/rows/{name}")).await
}

/// The services as they were, and nothing left of it.
///
/// # Errors
/// When a service does not come up again.
pub(super) async fn end(ground: &Ground) -> anyhow::Result<()> {
    each(ground, |_| format!("{VARIABLE}-")).await?;
    ground.kubectl.run(["delete", "namespace", "records", "--ignore-not-found", "--timeout=120s"]).await?;
    Ok(())
}

async fn each(ground: &Ground, setting: impl Fn(&str) -> String) -> anyhow::Result<()> {
    let services = CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar()).map(Consumer::name);
    let settings = services.map(|name| {
        let (deployment, setting) = (format!("deployment/{name}"), setting(name));
        async move {
            ground.kubectl.run(["-n", name, "set", "env", &deployment, &setting]).await?;
            ground.kubectl.run(["-n", name, "rollout", "status", &deployment, ROLLOUT]).await
        }
    });
    try_join_all(settings).await?;
    Ok(())
}

/// Rows from a place on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rows {
    rows: Vec<Written>,
    next: usize,
}

/// A row as a service writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    service: String,
    pod: String,
    event_key: String,
    handled_at: String,
    attempt: u32,
}

/// What was written since the last look.
pub(super) struct Reader {
    next: usize,
}

impl Reader {
    /// Which has read nothing.
    pub(super) const fn new() -> Self {
        Self { next: 0 }
    }

    /// Reads on.
    ///
    /// # Errors
    /// When it cannot be reached, or holds what no service writes.
    pub(super) async fn read(&mut self, ground: &Ground) -> anyhow::Result<Vec<((Consumer, String), Row)>> {
        let path = format!("rows?after={}", self.next);
        let Rows { rows, next } = ground.json("records", "services/records:80", &path).await?;
        self.next = next;
        rows.into_iter().map(|row| Ok((key(&row)?, read(row)?))).collect()
    }
}

fn key(row: &Written) -> anyhow::Result<(Consumer, String)> {
    let consumer = CONSUMERS.into_iter().find(|consumer| consumer.name() == row.service);
    let consumer = consumer.ok_or_else(|| anyhow::anyhow!("rows of {}", row.service))?;
    Ok((consumer, row.event_key.clone()))
}

fn read(row: Written) -> anyhow::Result<Row> {
    Ok(Row { pod: row.pod, at: eventing::time::Micros::parse_rfc3339(&row.handled_at)?, attempt: row.attempt })
}
