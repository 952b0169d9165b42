//! From the spec to what `operator-core` takes; after this the types cannot be wrong.

use std::{collections::BTreeMap, sync::Arc};

use crds::{
    EventBus, EventBusSpec,
    event_bus::{Publisher, Publishing},
};
use kube::ResourceExt;
use operator_core::{
    Claim, Installation,
    bus::{self, Desired},
    names::{BusName, EventSource, KmsKeyId},
    owner::{Kind, ServiceAccount},
};

use super::{dereference::Referenced, parts};
use crate::{controllers::world::owner, runner::Terminal};

/// The bus as it should be, or which field is wrong.
pub(in crate::controllers) fn validate(
    installation: &Arc<Installation>,
    claim: Claim,
    object: &EventBus,
    referenced: &Referenced,
) -> Result<Desired, Terminal> {
    let EventBusSpec {
        bus_name,
        description,
        publishing,
        publishers,
        // Consent is asked for by those who attach rules; deletion by cleanup.
        allowed_namespaces: _,
        kms_key_id,
        dead_letter,
        archives,
        alarms,
        dashboard,
        tags,
        deletion_policy: _,
        adoption_policy: _,
        management_policy: _,
    } = &object.spec;
    Ok(Desired {
        installation: Arc::clone(installation),
        owner: owner(Kind::EventBus, object),
        claim,
        bus_name: BusName::parse(bus_name.as_str()).map_err(|error| Terminal::spec("busName", error))?,
        description: description.clone().unwrap_or_default(),
        publishers: grants(publishers, &object.namespace().unwrap_or_default())?,
        publishing: match publishing {
            Publishing::Enabled => bus::Publishing::Enabled,
            Publishing::Disabled => bus::Publishing::Disabled,
        },
        kms_key: kms_key_id
            .as_deref()
            .map(KmsKeyId::parse)
            .transpose()
            .map_err(|error| Terminal::spec("kmsKeyId", error))?,
        dead_letter: dead_letter.as_ref().map(|queue| parts::dead_letter(installation, queue)).transpose()?,
        archives: parts::archives(archives)?,
        alarms: parts::alarms(alarms, &referenced.rules)?,
        shared_alarm: referenced.shared_alarm.clone(),
        dashboard: dashboard.enabled,
        tags: tags.clone(),
    })
}

/// Who may publish what. One account named twice is a mistake: which of the two was meant is not ours to guess.
fn grants(
    publishers: &[Publisher],
    own: &str,
) -> Result<BTreeMap<ServiceAccount, std::collections::BTreeSet<EventSource>>, Terminal> {
    let mut grants = BTreeMap::new();
    for (index, Publisher { service_account_ref, sources }) in publishers.iter().enumerate() {
        let field = |rest: &str| format!("publishers[{index}].{rest}");
        let account = ServiceAccount {
            namespace: service_account_ref.namespace.clone().unwrap_or_else(|| own.to_owned()),
            name: service_account_ref.name.clone(),
        };
        let parsed: Result<_, _> = sources.iter().map(|source| EventSource::parse(source.as_str())).collect();
        let parsed = parsed.map_err(|error| Terminal::spec(&field("sources"), error))?;
        if grants.insert(account.clone(), parsed).is_some() {
            let problem = format!("service account {account} is named twice; put all its sources in one entry");
            return Err(Terminal::spec(&field("serviceAccountRef"), problem));
        }
    }
    Ok(grants)
}
