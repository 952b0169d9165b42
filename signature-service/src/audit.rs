//! The audit log: one line a signature, saying who had what signed with which key, and never the payload.

use eventing::signing::SignedEvent;
use eventing::types::BusId;
use eventing_service::authentication::ServiceAccount;

use crate::signer::Order;

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

/// Writes the line of a batch that was refused.
pub fn refused(bus: &BusId, caller: &ServiceAccount, code: &str, events: usize) {
    tracing::warn!(target: "audit", %bus, %caller, code, events, "refused");
}
