//! The audit log: one line a signature or grant, saying who had what signed with which key, and one line a refusal; of
//! refusals of callers whom nobody knows one line a second, which says how many were left out. Never a payload, never a
//! token.

use std::fmt::Display;
use std::net::SocketAddr;

use eventing::signing::SignedEvent;
use eventing::types::BusId;
use eventing_service::authentication::ServiceAccount;

use crate::grant::{Ask, Granting};
use crate::signer::{Order, SignedGrant};

/// Writes the line of one signature.
pub fn signed(bus: &BusId, caller: &ServiceAccount, order: &Order, signed: &SignedEvent) {
    tracing::info!(
        target: "audit",
        %bus,
        %caller,
        source = %order.event.source,
        detail_type = %order.event.detail_type,
        resource = %order.event.resource,
        correlation_id = %order.event.trace.correlation_id(),
        kid = %signed.kid,
        jti = %signed.jti,
        ts = %signed.ts,
        "signed"
    );
}

/// Writes the line of one grant. `sent_at` is the caller's word for when the event entered a queue; where it equals
/// `event_ts`, a late event was let in by its own time.
pub fn granted(caller: &ServiceAccount, ask: &Ask, granting: &Granting, grant: &SignedGrant) {
    let event = &granting.event;
    tracing::info!(
        target: "audit",
        %caller,
        inbox = %ask.inbox,
        queue = %granting.queue,
        purpose = %ask.purpose,
        sent_at = %ask.sent_at,
        bus = %event.bus,
        source = %event.source,
        detail_type = %event.detail_type,
        resource = %event.resource,
        correlation_id = %event.correlation_id,
        event_key = %event.event_key,
        event_kid = %event.kid,
        event_ts = %event.ts,
        kid = %grant.kid,
        jti = %grant.jti,
        ts = %grant.ts,
        "granted"
    );
}

/// A request that was refused, as far as it was understood.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// Who asked, where that is known.
    pub caller: Option<&'a ServiceAccount>,
    /// From where.
    pub peer: Option<SocketAddr>,
    /// The code of the answer.
    pub code: &'a str,
    /// How many refusals like this were left out of the log since the last.
    pub left_out: u64,
}

impl Refused<'_> {
    /// Writes the line of a batch.
    pub fn to_sign(self, bus: Option<&BusId>) {
        let Self { caller, peer, code, left_out } = self;
        tracing::warn!(
            target: "audit",
            caller = shown(caller),
            peer = shown(peer.as_ref()),
            bus = shown(bus),
            code,
            left_out,
            "not signed"
        );
    }

    /// Writes the line of a grant.
    pub fn to_grant(self, ask: Option<&Ask>) {
        let Self { caller, peer, code, left_out } = self;
        tracing::warn!(
            target: "audit",
            caller = shown(caller),
            peer = shown(peer.as_ref()),
            inbox = shown(ask.map(|ask| &ask.inbox)),
            purpose = shown(ask.map(|ask| &ask.purpose)),
            sent_at = shown(ask.map(|ask| &ask.sent_at)),
            code,
            left_out,
            "not granted"
        );
    }
}

/// A field that is left out where nothing is known.
fn shown<T: Display>(value: Option<T>) -> Option<tracing::field::DisplayValue<T>> {
    value.map(tracing::field::display)
}
