//! What the tests of the dead letters build upon: letters, and the judge of the site's inbox.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use eventing::attributes::{self, Attributes};
use eventing::consumer::{Receipt, Received};
use eventing::time::Millis;

use super::judge::Judge;
use super::letter::{Letter, Place};
use super::ports::Found;
pub(crate) use crate::resend::samples::{HOUR, NOW, Site};

/// A message that entered its queue at [`NOW`].
pub(crate) fn message(body: &str) -> Received {
    Received {
        message_id: Arc::from("m-1"),
        receipt: Receipt(Arc::from("r-1")),
        body: Arc::from(body),
        attributes: Attributes::new(),
        sent_at: NOW,
        receive_count: 6,
        group: None,
    }
}

/// A letter with these attributes that entered its queue then; SQS moved what nobody says that they wrote.
pub(crate) fn letter(place: Place, body: &str, sent_at: Millis, attributes: &[(&'static str, &str)]) -> Letter {
    let mut message = message(body);
    message.sent_at = sent_at;
    message.attributes = attributes.iter().copied().collect();
    let written = [attributes::CODE, "ERROR_CODE"].iter().any(|name| message.attributes.get(name).is_some());
    Letter::read(place, Found { message, moved: !written })
}

/// Judges as the site's standard inbox.
pub(crate) fn judge(site: &Site) -> Judge {
    Judge {
        ring: site.ring(),
        policy: site.policy(),
        fifo: false,
        groups: BTreeMap::new(),
        group: None,
        accept_late: false,
    }
}
