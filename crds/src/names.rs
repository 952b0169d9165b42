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

/// Annotation on a SigningKey, any value: a new value rotates the key now.
pub const ROTATE_REQUESTED_AT: &str = "eventing.qsl.dev/rotate-requested-at";

/// The category that all four kinds are in: `kubectl get qsl`.
pub const CATEGORY: &str = "qsl";
