//! Why a pod is refused: each a sentence that names what to change.

use super::annotations::NAMES;

/// A pod that is not admitted with the annotation it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An annotation of our prefix that pods do not have.
    #[error("annotation eventing.qsl.dev/{name} is not known on a pod; known are {}", NAMES.join(", "))]
    UnknownAnnotation {
        /// Its name without the prefix.
        name: String,
    },
    /// An annotation with a value that cannot be read.
    #[error("annotation eventing.qsl.dev/{name} is {value:?}, which cannot be used: {expected}")]
    BadValue {
        /// Its name without the prefix.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
    /// Nothing to receive and nothing to publish.
    #[error(
        "annotation eventing.qsl.dev/inject asks for a sidecar and nothing says what for: add eventing.qsl.dev/inbox, eventing.qsl.dev/publish-to or both"
    )]
    NothingToDo,
    /// An annotation that goes with another one.
    #[error("annotation eventing.qsl.dev/{name} goes with eventing.qsl.dev/{with}, which is absent")]
    GoesWith {
        /// The one that is there.
        name: &'static str,
        /// The one that is not.
        with: &'static str,
    },
    /// An inbox without a port to deliver to.
    #[error("annotation eventing.qsl.dev/inbox needs eventing.qsl.dev/app-port, the port that takes the events")]
    NoAppPort,
    /// A request above its limit.
    #[error(
        "annotation eventing.qsl.dev/{request} asks for more than eventing.qsl.dev/{limit} allows ({value} > {bound}); without the second its default stands"
    )]
    RequestAboveLimit {
        /// The request.
        request: &'static str,
        /// The limit.
        limit: &'static str,
        /// What is asked for.
        value: String,
        /// What is allowed.
        bound: String,
    },
    /// Draining would outlast the pod.
    #[error(
        "annotation eventing.qsl.dev/drain-seconds is {drain} and spec.terminationGracePeriodSeconds {grace}: the pod would be killed while it drains; make the second the larger"
    )]
    DrainTooLong {
        /// Asked for.
        drain: u32,
        /// What the pod has.
        grace: i64,
    },
    /// A pod whose loopback or processes are shared with others.
    #[error(
        "spec.{field} is set: the sidecar's loopback address and its tokens would be open to others; remove it or the annotation eventing.qsl.dev/inject"
    )]
    Shared {
        /// The field.
        field: &'static str,
    },
    /// A Windows pod.
    #[error(
        "the pod runs on Windows (spec.os.name or its node selector) and the sidecar does not; remove the annotation eventing.qsl.dev/inject"
    )]
    Windows,
    /// Something of the pod has a name that the sidecar's has.
    #[error("{what} {name:?} has the name of something that the injector adds; rename it")]
    NameTaken {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A container sets a variable that is ours to set.
    #[error("container {container:?} sets {variable}, which the injector sets; remove it")]
    VariableTaken {
        /// The container.
        container: String,
        /// The variable.
        variable: &'static str,
    },
    /// A container mounts what it should not, or mounts over what is added.
    #[error(
        "container {container:?} mounts volume {volume:?} at {path:?}, which is in the way of what the injector mounts; remove the mount"
    )]
    MountTaken {
        /// The container.
        container: String,
        /// The volume.
        volume: String,
        /// Where.
        path: String,
    },
    /// A container listens where the sidecar does.
    #[error("container {container:?} uses port {port}, which is the sidecar's; use another")]
    PortTaken {
        /// The container.
        container: String,
        /// The port.
        port: i32,
    },
    /// The pod has no containers: it was not validated yet, and would not be.
    #[error("spec.containers is empty")]
    NoContainers,
}
