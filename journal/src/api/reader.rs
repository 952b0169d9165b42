//! Who reads: the gateway by its name, tools by the cluster's own rules.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use eventing_service::Problem;
use eventing_service::authentication::{Caller, ServiceAccount};
use eventing_service::authorisation::Access;

use super::Api;
use crate::query::Asked;

/// What a tool must have the verb `get` on: a resource that exists for this alone. No object of it is there.
const RESOURCE: &str = "eventjournals";
/// Its name: an installation has one journal.
const NAME: &str = "qsl-journal";

/// The right to read the journal of this namespace.
pub(super) fn right(namespace: &str) -> Access {
    Access {
        verb: "get",
        group: "eventing.qsl.dev",
        resource: RESOURCE,
        namespace: namespace.to_owned(),
        name: NAME.to_owned(),
    }
}

/// Extractor: whoever may read.
#[derive(Debug)]
pub(super) enum Reader {
    /// The gateway, which judges its viewers itself.
    Gateway,
    /// A tool's account, which has the right.
    Tool(ServiceAccount),
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(account) = Caller::from_request_parts(parts, api).await?;
        if account == api.gateway {
            return Ok(Self::Gateway);
        }
        if api.authorizer.allows(&account, &api.right).await? {
            return Ok(Self::Tool(account));
        }
        api.metrics.refused(&account, parts.uri.path());
        let Access { verb, group, resource, namespace, name } = &api.right;
        Err(Problem::forbidden(
            "NOT_ALLOWED",
            format!(
                "{account} has not the verb {verb} on {resource}.{group} {name} in namespace {namespace}; a Role gives it."
            ),
        ))
    }
}

impl Reader {
    /// Writes down who read which events. The gateway's reading is told by the gateway.
    pub(super) fn tell(&self, asked: &Asked) {
        let Self::Tool(account) = self else { return };
        let Asked { filter, after, limit, bodies } = asked;
        let filter: Vec<String> = filter.parameters().iter().map(|(name, value)| format!("{name}={value}")).collect();
        tracing::info!(
            target: "audit",
            %account,
            filter = filter.join("&"),
            after = after.map(|after| after.to_string()),
            limit,
            bodies,
            "events read"
        );
    }
}
