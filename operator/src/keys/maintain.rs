//! Brings a line of keys to what its policy says.

use std::collections::BTreeSet;

use super::{
    KeyAction, KeyChange, KeyPolicy, KeyRecord, Line, StoredKey, UnixSeconds,
    change::What,
    material, plan_keys,
    store::{Keys, StoreError, Written},
};

/// How often a line is looked at again in one pass while others work on it too.
const LOOKS: usize = 5;

/// What a pass over a line came to.
#[derive(Debug)]
pub struct Maintained {
    /// The line's keys as they are now.
    pub records: Vec<KeyRecord>,
    /// The kids of all keys of the bus.
    pub kids: BTreeSet<String>,
    /// What was done, in its order.
    pub changes: Vec<KeyChange>,
}

impl Maintained {
    /// The keys without their bytes.
    pub fn keys(&self) -> Vec<StoredKey> {
        self.records.iter().map(|record| record.key.clone()).collect()
    }
}

/// Lists, plans, applies, until the plan is empty. Stopped after any of its writes, the next call goes on from there;
/// of several at once each write is made by one, and the others see it in their next look.
pub async fn maintain(
    store: &impl Keys,
    line: &Line,
    policy: &KeyPolicy,
    now: UnixSeconds,
) -> Result<Maintained, StoreError> {
    let mut changes = Vec::new();
    for _ in 0..LOOKS {
        let all = store.list(line.bus()).await?;
        let kids = all.iter().map(|record| record.key.kid.clone()).collect();
        let records: Vec<_> = all.into_iter().filter(|record| record.line == *line).collect();
        let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
        let actions = plan_keys(policy, &keys, now);
        if actions.is_empty() {
            return Ok(Maintained { records, kids, changes });
        }
        changes.extend(apply(store, line, &records, &actions).await?);
    }
    Err(StoreError::Contended(line.bus().clone()))
}

/// Does what was planned for `records`, and says what it did. It ends early where something changed under our hands:
/// the rest of the plan is for keys that are not so any more.
pub async fn apply(
    store: &impl Keys,
    line: &Line,
    records: &[KeyRecord],
    actions: &[KeyAction],
) -> Result<Vec<KeyChange>, StoreError> {
    let mut changes = Vec::new();
    for action in actions {
        let (written, done) = match action {
            KeyAction::Create(new) => {
                let made = material::generate(line.kid_name(), new.algorithm)?;
                let what = What::Made { algorithm: new.algorithm, state: new.state, nbf: new.nbf };
                let (secret, kid) = (line.secret_name(new.number), made.kid.as_str().to_owned());
                (store.create(line, new, &made).await?, vec![KeyChange { secret, kid, what }])
            }
            KeyAction::Update(update) => {
                let Some(record) = numbered(records, update.number) else { continue };
                let entered = (record.key.state != update.state).then_some(What::Entered(update.state));
                let destroyed = (record.key.has_private && !update.keep_private).then_some(What::Destroyed);
                let done = entered.into_iter().chain(destroyed).map(|what| record.changed(what)).collect();
                (store.update(record, update).await?, done)
            }
            KeyAction::Forget { number } => {
                let Some(record) = numbered(records, *number) else { continue };
                (store.forget(record).await?, vec![record.changed(What::Outlived)])
            }
        };
        match written {
            Written::Done => changes.extend(done),
            // The plan was made for something else.
            Written::Stale => break,
        }
    }
    Ok(changes)
}

fn numbered(records: &[KeyRecord], number: u32) -> Option<&KeyRecord> {
    records.iter().find(|record| record.key.number == number)
}

#[cfg(test)]
mod tests;
