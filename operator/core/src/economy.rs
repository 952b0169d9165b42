//! Fewer calls to AWS, and not a drift less: what the ports answer is remembered where AWS need not be asked again.
//!
//! | asked | answered |
//! |---|---|
//! | a queue's address | remembered, until a call finds no queue there |
//! | tags of a thing that carries our mark | remembered for a day, since only a person changes them; forgotten when the thing was made anew |
//! | roles and their policies | where several are asked for within a while: one listing of all, shared |
//! | the rules of a bus | likewise; but that one is *not* there is always asked, since `PutRule` would replace it |
//! | a queue's attributes and counts, a rule's targets, a bus | asked each time: this is where drift shows |
//!
//! What we write ourselves is known from then on. A write that failed may have taken effect, so that thing is asked
//! again. A person who asks for a look, and a deletion, get [`Economy::fresh`]: nothing remembered.
//!
//! So in a steady state an inbox costs one read a queue, a rule one, and the listings are shared by all.

mod buses;
mod marks;
mod queues;
mod roles;
mod shelf;

use crate::ports::Aws;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The longest that a listing serves; drift in what it lists is seen that much later.
pub const LISTING_SERVES_AT_MOST: Duration = Duration::from_mins(1);

/// The ports to AWS, twice.
#[derive(Debug, Clone)]
pub struct Economy {
    /// Answers what is remembered.
    pub aws: Aws,
    /// Asks AWS each time, and keeps what is remembered right.
    pub fresh: Aws,
}

impl Economy {
    /// Remembers what `aws` says. Marks of `cluster_id` are ours; a listing serves for a tenth of `resync`, the time
    /// between two looks at an object, but no longer than [`LISTING_SERVES_AT_MOST`].
    pub fn new(aws: &Aws, cluster_id: &str, resync: Duration, now: &Now) -> Self {
        let listing_serves = (resync / 10).min(LISTING_SERVES_AT_MOST);
        let buses = Arc::new(buses::Memory::new(cluster_id, listing_serves, now));
        let queues = Arc::new(queues::Memory::new(cluster_id, now));
        let roles = Arc::new(roles::Memory::new(listing_serves, now));
        let ports = |fresh| Aws {
            buses: Arc::new(buses::Remembering::new(aws.buses.clone(), buses.clone(), fresh)),
            queues: Arc::new(queues::Remembering::new(aws.queues.clone(), queues.clone(), fresh)),
            roles: Arc::new(roles::Remembering::new(aws.roles.clone(), roles.clone(), fresh)),
            monitoring: aws.monitoring.clone(),
            keys: aws.keys.clone(),
        };
        Self { aws: ports(false), fresh: ports(true) }
    }
}

/// Locks, whatever a panic left behind.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
