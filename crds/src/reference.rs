//! References to other objects, and the consent of the namespace that is reached into.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A reference to an object, of the referrer's own namespace unless another is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
pub struct ObjectRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
    /// Namespace of the object; the referrer's own when absent. Another namespace must consent
    /// (`allowedNamespaces` there).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::DNS_LABEL))]
    pub namespace: Option<String>,
}

impl ObjectRef {
    /// The namespace meant, for a referrer in `own`.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

/// Whose objects may attach themselves to this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum NamespaceSource {
    /// Those of its own namespace alone.
    #[default]
    Same,
    /// Those of every namespace.
    All,
    /// Those of the namespaces whose labels `selector` matches, and of its own.
    Selector,
}

/// The consent to be reached from other namespaces.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.from == 'Selector' ? has(self.selector) : !has(self.selector)")
        .message("selector goes with 'from: Selector' and with nothing else")
)]
pub struct AllowedNamespaces {
    /// Same (the default): only this namespace. All: every namespace. Selector: this one, and those whose labels
    /// `selector` matches.
    #[serde(default)]
    pub from: NamespaceSource,
    /// Selects namespaces by their labels; `kubernetes.io/metadata.name` is the name of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}
