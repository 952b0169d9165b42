//! Where an event goes inside the application: a pure look-up.

use crate::config::{ForwardConfig, Unrouted};
use crate::verify::Verified;

/// The path of an application that names none.
pub const DEFAULT_PATH: &str = "/events";

/// What the routes say of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed<'a> {
    /// To this path.
    To(&'a str),
    /// To the dead-letter queue.
    DeadLetter,
    /// Nowhere, and that is well.
    Acknowledge,
}

/// The first route that takes the event; else the application's path, else what the inbox says of unrouted events.
pub fn route<'a>(event: &Verified, forward: &'a ForwardConfig, app_path: Option<&'a str>) -> Routed<'a> {
    let takes = forward.routes.iter().find(|route| route.takes(&event.source, &event.detail_type));
    match (takes, app_path, forward.unrouted) {
        (Some(route), _, _) => Routed::To(&route.path),
        (None, Some(path), _) => Routed::To(path),
        (None, None, _) if forward.routes.is_empty() => Routed::To(DEFAULT_PATH),
        (None, None, Unrouted::DeadLetter) => Routed::DeadLetter,
        (None, None, Unrouted::Acknowledge) => Routed::Acknowledge,
    }
}
