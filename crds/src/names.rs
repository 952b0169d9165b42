//! Names that stand in metadata: annotations, labels, the finalizer.

/// The finalizer that keeps an object until what it made in AWS is gone.
pub const FINALIZER: &str = "eventing.qsl.dev/finalizer";

/// Annotation, `"true"`: the controller leaves the object and AWS as they are.
pub const PAUSED: &str = "eventing.qsl.dev/paused";

/// Annotation, any value: a new value asks for a reconcile now; the status repeats it in `lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "eventing.qsl.dev/reconcile-requested-at";

/// Annotation, a duration such as `5m`: the time between two looks at what AWS holds for this object, in place of the
/// installation's. From one minute to a day.
pub const POLL_INTERVAL: &str = "eventing.qsl.dev/poll-interval";

/// Annotation, `"true"`: delete although something is in the way.
pub const FORCE_DELETE: &str = "eventing.qsl.dev/force-delete";

/// Annotation on an InboxQueue, a number of seconds: retention may be shortened to exactly that although messages are
/// older and are lost by it.
pub const ALLOW_EXPIRY: &str = "eventing.qsl.dev/allow-expiry";

/// Annotation on a SigningKey, any value: a new value rotates the key now, and the status repeats it in
/// `lastHandledRotateAt`. On Secret `qsl-root` of the release's namespace: a new value rotates the root.
pub const ROTATE_REQUESTED_AT: &str = "eventing.qsl.dev/rotate-requested-at";

/// Annotation on an InboxQueue, written by the operator: the buses that fed it and do so no more, each with the second
/// since 1970 at which that was seen. Their keys stay the inbox's while messages of theirs may be in its queues.
pub const FED_BY: &str = "eventing.qsl.dev/fed-by";

/// Annotation, a moment as of RFC 3339 (`2026-11-27T12:00:00Z`): after it the operator deletes the object, with what it
/// holds.
pub const EXPIRES_AT: &str = "eventing.qsl.dev/expires-at";

/// The category that all four kinds are in: `kubectl get qsl`.
pub const CATEGORY: &str = "qsl";
