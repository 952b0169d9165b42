//! The table that makes a handler idempotent: what was handled, and how often it was delivered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::delivery::Delivery;
use crate::records::{NotWritten, Records};

/// How many events are remembered. A real service would keep them in its database, beside what they changed.
const CAPACITY: usize = 10_000;

/// One handled event, as `GET /handled` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handled {
    /// What happened.
    pub detail_type: String,
    /// What it happened to.
    pub resource: String,
    /// What ties a business transaction's events together.
    pub correlation_id: String,
    /// The event's identity.
    pub event_key: String,
    /// The key that signed it.
    pub kid: String,
    /// The attempt that handled it.
    pub attempt: u32,
    /// When it was delivered first.
    pub handled_at: Timestamp,
    /// How often it was delivered, copies included.
    pub deliveries: u32,
    /// How many of these were replays.
    pub replays: u32,
}

type BusinessKey = (String, String);

#[derive(Default)]
struct Table {
    order: VecDeque<BusinessKey>,
    rows: HashMap<BusinessKey, Handled>,
}

/// What was handled, oldest first.
#[derive(Clone, Default)]
pub struct Ledger {
    table: Arc<Mutex<Table>>,
    records: Option<Records>,
}

impl Ledger {
    /// One that writes each delivery down elsewhere too, where the environment names a place.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self { records: Records::from_env()?, ..Self::default() })
    }

    /// One that writes each delivery down there too.
    pub fn with(records: Records) -> Self {
        Self { records: Some(records), ..Self::default() }
    }

    /// Notes a delivery. True when its event is new or is replayed, and so is to be
    /// worked on.
    pub async fn first(&self, delivery: &Delivery) -> Result<bool, NotWritten> {
        let at = Timestamp::now();
        if let Some(records) = &self.records {
            records.write(delivery, at).await?;
        }
        Ok(self.note(delivery, at))
    }

    fn note(&self, delivery: &Delivery, at: Timestamp) -> bool {
        let key = delivery.business_key();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = table.rows.get_mut(&key) {
            row.deliveries = row.deliveries.saturating_add(1);
            row.replays = row.replays.saturating_add(delivery.is_replay.into());
            return delivery.is_replay;
        }
        if table.order.len() == CAPACITY
            && let Some(oldest) = table.order.pop_front()
        {
            table.rows.remove(&oldest);
        }
        table.order.push_back(key.clone());
        table.rows.insert(
            key,
            Handled {
                detail_type: delivery.detail_type.clone(),
                resource: delivery.resource.clone(),
                correlation_id: delivery.correlation_id.clone(),
                event_key: delivery.event_key.clone(),
                kid: delivery.kid.clone(),
                attempt: delivery.attempt,
                handled_at: at,
                deliveries: 1,
                replays: delivery.is_replay.into(),
            },
        );
        true
    }

    /// Each handled event once.
    pub fn handled(&self) -> Vec<Handled> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.order.iter().filter_map(|key| table.rows.get(key).cloned()).collect()
    }
}
