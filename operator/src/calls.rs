//! What every call to AWS passes through, whoever makes it: the fence, the budget, the deadline, and what is told of it.
//!
//! ```text
//!   controller ─▶ ports (a decorator of each) ─▶ Gate: budget ─▶ fence ─▶ attempt (at most 5 s) ─▶ adapter ─▶ AWS
//! ```
//!
//! [`guard`] puts the decorators around the ports of `operator-core`; [`gate`] is what they pass through; [`ports`]
//! names each method's operation and service, and whether it writes.

pub mod gate;
mod ports;

use std::sync::Arc;

use operator_core::Aws;

pub use gate::{Budgets, Gate, Operation, Service};
pub use ports::Gated;

/// `aws`, each call of which passes through `gate`.
pub fn guard(aws: Aws, gate: &Arc<Gate>) -> Aws {
    let Aws { buses, queues, roles, monitoring, keys } = aws;
    Aws {
        buses: Arc::new(Gated::new(buses, gate)),
        queues: Arc::new(Gated::new(queues, gate)),
        roles: Arc::new(Gated::new(roles, gate)),
        monitoring: Arc::new(Gated::new(monitoring, gate)),
        keys: Arc::new(Gated::new(keys, gate)),
    }
}
