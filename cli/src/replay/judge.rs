//! Whether an inbox takes an event that the journal recorded: a pure decision over its body and the keys there are.

use eventing::attributes::Attributes;
use eventing::keyset::KeyRing;
use eventing::types::BusId;
use eventing::verify::{Policy, RawMessage, verify};

use super::ports::Record;
use crate::resend::Leaving;

/// An inbox, as events are judged for it and sent to it.
#[derive(Debug)]
pub struct Inbox<Q> {
    /// `NAMESPACE/NAME` of the InboxQueue.
    pub id: String,
    /// Whether it is FIFO: what is sent to it has a group.
    pub fifo: bool,
    /// The keys of its buses.
    pub ring: KeyRing,
    /// How it judges, and its queue.
    pub policy: Policy,
    /// To send to.
    pub queue: Q,
}

impl<Q> Inbox<Q> {
    /// Judges as the signature service and the inbox's consumers will: as if the event had entered the queue at its
    /// recorded time. `group` is what a rule, or somebody, gives it.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn judge(&self, record: &Record, bus: &BusId, group: Option<&str>) -> Result<(), Leaving> {
        let attributes = Attributes::new();
        let message = RawMessage { body: record.body.as_bytes(), attributes: &attributes, sent_at: record.sent_at };
        let event = verify(&message, &self.ring, &self.policy, record.sent_at)
            .map_err(|rejection| Leaving::new(rejection.code.as_str(), rejection.message))?;
        if event.bus != *bus {
            let why = format!("a key of EventBus {} verifies it, and not one of {bus}", event.bus);
            return Err(Leaving::new("ANOTHER_BUS", why));
        }
        if self.fifo && group.is_none() {
            let why = "no rule that sends it to this FIFO inbox gives it a message group: name one with --group";
            return Err(Leaving::new("NO_GROUP", why));
        }
        Ok(())
    }
}
