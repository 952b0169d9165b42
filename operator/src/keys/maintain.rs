//! Brings a line of keys to what its policy says.

use super::{
    KeyAction, KeyPolicy, KeyRecord, Line, StoredKey, UnixSeconds, material, phase, plan_keys,
    store::{KeyStore, StoreError},
};

/// What a pass over a line came to.
#[derive(Debug)]
pub struct Maintained {
    /// The keys as they are now.
    pub records: Vec<KeyRecord>,
    /// What was done, in words.
    pub changes: Vec<String>,
}

impl Maintained {
    /// The keys without their bytes.
    pub fn keys(&self) -> Vec<StoredKey> {
        self.records.iter().map(|record| record.key.clone()).collect()
    }
}

/// Lists, plans, applies; lists again where something was done.
pub async fn maintain(
    store: &KeyStore,
    line: &Line,
    policy: &KeyPolicy,
    now: UnixSeconds,
) -> Result<Maintained, StoreError> {
    let records = store.list(line).await?;
    let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
    let actions = plan_keys(policy, &keys, now);
    if actions.is_empty() {
        return Ok(Maintained { records, changes: Vec::new() });
    }
    let changes = apply(store, line, &keys, &actions).await?;
    Ok(Maintained { records: store.list(line).await?, changes })
}

/// Does what was planned, and says it.
pub async fn apply(
    store: &KeyStore,
    line: &Line,
    keys: &[StoredKey],
    actions: &[KeyAction],
) -> Result<Vec<String>, StoreError> {
    let mut changes = Vec::new();
    for action in actions {
        match action {
            KeyAction::Create(new) => {
                let made = material::generate(line.kid_name(), new.algorithm)?;
                if store.create(line, new, &made).await? {
                    let (kid, from) = (&made.kid, new.nbf.rfc3339());
                    changes.push(format!("made key {kid} ({}), which signs from {from}", new.algorithm));
                }
            }
            KeyAction::Update(update) => {
                store.update(line, update).await?;
                let old = keys.iter().find(|key| key.number == update.number);
                if let Some(old) = old.filter(|old| old.state != update.state) {
                    changes.push(format!("key {} is now {}", old.kid, phase::as_str(update.state)));
                }
                if let Some(old) = old.filter(|old| old.has_private && !update.keep_private) {
                    changes.push(format!("destroyed the private part of key {}", old.kid));
                }
            }
            KeyAction::Forget { number } => {
                store.forget(line, *number).await?;
                let kid = keys.iter().find(|key| key.number == *number).map_or("", |key| key.kid.as_str());
                changes.push(format!("removed key {kid}: nothing it signed is read any more"));
            }
        }
    }
    Ok(changes)
}
