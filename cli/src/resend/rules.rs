//! The EventRules of the cluster.

use crds::EventRule;
use kube::Api;
use kube::api::ListParams;

use crate::access::Access;
use crate::cluster::failed;
use crate::failure::Failure;

/// All of them.
///
/// # Errors
/// Where not all namespaces may be looked into, too: `doing` comes after "cannot".
pub async fn all(access: &Access, doing: &str) -> Result<Vec<EventRule>, Failure> {
    let everywhere: Api<EventRule> = Api::all(access.cluster.client.clone());
    Ok(everywhere.list(&ListParams::default()).await.map_err(failed(doing))?.items)
}

/// All of them, or where not all namespaces may be looked into, those of these.
///
/// # Errors
/// When those cannot be read either.
pub async fn all_or_of(access: &Access, namespaces: &[&str], doing: &str) -> Result<Vec<EventRule>, Failure> {
    let client = || access.cluster.client.clone();
    let everywhere: Api<EventRule> = Api::all(client());
    match everywhere.list(&ListParams::default()).await {
        Ok(rules) => return Ok(rules.items),
        Err(kube::Error::Api(answer)) if answer.code == 403 => {}
        Err(error) => return Err(failed(doing)(error)),
    }
    let mut rules = Vec::new();
    for namespace in namespaces {
        let here: Api<EventRule> = Api::namespaced(client(), namespace);
        rules.extend(here.list(&ListParams::default()).await.map_err(failed(doing))?.items);
    }
    Ok(rules)
}
