//! Objects in Kubernetes that an object of ours owns: made, kept as they should be, removed. What is of that name and
//! not ours is left alone, and said.
//!
//! Each is applied server-side under the operator's one name; an apply to what stands names its uid, since an apply to
//! a deleted object would make it again.

use std::fmt::Debug;

use crds::Eventing;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
    core::{ObjectMeta, discovery::ApiResource},
};
use serde_json::{Map, Value, json};

use crate::runner::FIELD_MANAGER;

/// The label of what the operator makes.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const OURS: &str = "qsl-eventing";

/// An object that should stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// Its name, in the owner's namespace.
    pub name: String,
    /// Its annotations.
    pub annotations: Value,
    /// Its spec: what is left out is the API server's to default, or another's to set.
    pub spec: Value,
    /// Members of the spec that are to be equal as a whole, not only in what is named here.
    pub exact: &'static [&'static str],
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It stood so already.
    Stands,
    /// It was made.
    Made,
    /// It was changed.
    Changed,
    /// Something of that name stands and is not ours.
    Foreign,
}

/// Objects of one kind, in the namespace of their owner.
pub(super) struct Owned<'a, K> {
    owner: &'a K,
    resource: ApiResource,
    api: Api<DynamicObject>,
}

impl<'a, K: Eventing + Debug> Owned<'a, K> {
    /// Objects of `resource` that `owner` owns.
    pub(super) fn new(client: Client, owner: &'a K, resource: ApiResource) -> Self {
        let namespace = owner.meta().namespace.as_deref().unwrap_or_default();
        Self { owner, api: Api::namespaced_with(client, namespace, &resource), resource }
    }

    /// The object of that name as it stands now, whoever's it is.
    pub(super) async fn find(&self, name: &str) -> Result<Option<DynamicObject>, kube::Error> {
        self.api.get_opt(name).await
    }

    /// Brings the object about. `found` is what a store or [`Owned::find`] has of that name; where that is nothing it
    /// is looked for, since a store may be late.
    pub(super) async fn put(&self, wanted: &Wanted, found: Option<&DynamicObject>) -> Result<Outcome, kube::Error> {
        let looked = match found {
            Some(_) => None,
            None => self.find(&wanted.name).await?,
        };
        let Some(found) = found.or(looked.as_ref()) else {
            // Without force: what is made by somebody else meanwhile is not taken over.
            let made = self.apply(wanted, None, &PatchParams::apply(FIELD_MANAGER)).await;
            return match made {
                Err(kube::Error::Api(answer)) if answer.is_conflict() => Ok(Outcome::Foreign),
                made => made.map(|()| Outcome::Made),
            };
        };
        if !is_owned(self.owner, &found.metadata) {
            return Ok(Outcome::Foreign);
        }
        if self.stands(wanted, found) {
            return Ok(Outcome::Stands);
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        self.apply(wanted, found.metadata.uid.as_deref(), &parameters).await?;
        // An apply leaves alone what others have added.
        if let Some(surplus) = surplus(wanted, found) {
            self.merge(&found.metadata, &surplus).await?;
        }
        Ok(Outcome::Changed)
    }

    /// Removes an object that was found, if it is ours. Whether it was there and ours.
    pub(super) async fn remove(&self, found: &ObjectMeta) -> Result<bool, kube::Error> {
        let Some(name) = found.name.as_deref().filter(|_| is_owned(self.owner, found)) else { return Ok(false) };
        let same = Preconditions { uid: found.uid.clone(), resource_version: None };
        match self.api.delete(name, &DeleteParams { preconditions: Some(same), ..DeleteParams::default() }).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes the spec of an object that was found by a merge, if it is still that object.
    pub(super) async fn merge(&self, found: &ObjectMeta, spec: &Value) -> Result<(), kube::Error> {
        let patch = json!({"metadata": {"uid": found.uid}, "spec": spec});
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api.patch(found.name.as_deref().unwrap_or_default(), &parameters, &Patch::Merge(patch)).await.map(drop)
    }

    fn document(&self, wanted: &Wanted, uid: Option<&str>) -> Value {
        let mut metadata = json!({
            "name": wanted.name,
            "labels": {MANAGED_BY: OURS},
            "annotations": wanted.annotations,
            "ownerReferences": [reference(self.owner)],
        });
        if let (Some(uid), Some(members)) = (uid, metadata.as_object_mut()) {
            members.insert("uid".to_owned(), uid.into());
        }
        let ApiResource { api_version, kind, .. } = &self.resource;
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": wanted.spec})
    }

    async fn apply(&self, wanted: &Wanted, uid: Option<&str>, parameters: &PatchParams) -> Result<(), kube::Error> {
        let document = self.document(wanted, uid);
        self.api.patch(&wanted.name, parameters, &Patch::Apply(&document)).await.map(drop)
    }

    fn stands(&self, wanted: &Wanted, found: &DynamicObject) -> bool {
        let document = self.document(wanted, None);
        let has = serde_json::to_value(found).is_ok_and(|found| covers(&found, &document));
        let exact =
            |member: &&str| found.data.get("spec").and_then(|spec| spec.get(*member)) == wanted.spec.get(*member);
        has && wanted.exact.iter().all(exact)
    }
}

/// What has to be taken out of the members that are to be equal as a whole, as a merge says it.
fn surplus(wanted: &Wanted, found: &DynamicObject) -> Option<Value> {
    let found = found.data.get("spec")?;
    let members = wanted.exact.iter().filter_map(|member| {
        let more = more_than(found.get(*member)?, wanted.spec.get(*member)?)?;
        Some(((*member).to_owned(), more))
    });
    let members: Map<String, Value> = members.collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

/// `null` for each member of `found` that `wanted` does not have.
fn more_than(found: &Value, wanted: &Value) -> Option<Value> {
    let (Value::Object(found), Value::Object(wanted)) = (found, wanted) else { return None };
    let members = found.iter().filter_map(|(key, found)| {
        let more = match wanted.get(key) {
            Some(wanted) => more_than(found, wanted)?,
            None => Value::Null,
        };
        Some((key.clone(), more))
    });
    let members: Map<String, Value> = members.collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

/// The owner, as what it owns names it.
fn reference<K: Eventing>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.meta().name.clone().unwrap_or_default(),
        uid: owner.meta().uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Whether the object names `owner` as its controller. The uid may be another: after a restore from a backup it is.
pub(super) fn is_owned<K: Eventing>(owner: &K, found: &ObjectMeta) -> bool {
    let OwnerReference { api_version, kind, name, .. } = reference(owner);
    found.namespace == owner.meta().namespace
        && found.owner_references.iter().flatten().any(|one| {
            let OwnerReference {
                api_version: version,
                kind: of,
                name: named,
                controller,
                uid: _,
                block_owner_deletion: _,
            } = one;
            (version, of, named, *controller) == (&api_version, &kind, &name, Some(true))
        })
}

/// Whether `found` has all that `wanted` says: members of objects may be more, lists are equal in length.
fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            // What is empty is not kept.
            let kept = |wanted: &Value| wanted.as_object().is_none_or(|members| !members.is_empty());
            wanted.iter().all(|(key, wanted)| match found.get(key) {
                Some(found) => covers(found, wanted),
                None => !kept(wanted),
            })
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crds::InboxQueue;

    use super::*;
    use crate::controllers::tests::object;

    #[test]
    fn more_members_are_as_good_and_more_items_are_not() {
        let found = json!({"a": {"x": 1, "y": 2}, "l": [{"n": 1, "d": true}]});
        assert!(covers(&found, &json!({"a": {"x": 1}, "l": [{"n": 1}], "none": {}})));
        for differs in
            [json!({"a": {"x": 2}}), json!({"a": {"z": 1}}), json!({"l": []}), json!({"l": [{"n": 1}, {"n": 2}]})]
        {
            assert!(!covers(&found, &differs), "{differs}");
        }
    }

    #[test]
    fn what_others_added_to_a_member_that_is_to_be_equal_is_taken_out_and_nothing_else() {
        let spec = json!({"pattern": {"source": ["a"], "detail": {"coin": [1]}}, "state": "Enabled"});
        let wanted =
            Wanted { name: "rule".to_owned(), annotations: json!({}), spec: spec.clone(), exact: &["pattern"] };
        let found = |spec: Value| -> DynamicObject {
            serde_json::from_value(json!({"apiVersion": "v1", "kind": "Rule", "metadata": {}, "spec": spec})).unwrap()
        };
        assert_eq!(surplus(&wanted, &found(spec)), None);
        let edited = json!({"pattern": {"source": ["b", "c"], "region": ["a"], "detail": {"coin": [1], "note": [2]}},
            "state": "Disabled", "targets": []});
        let taken_out = json!({"pattern": {"region": null, "detail": {"note": null}}});
        assert_eq!(surplus(&wanted, &found(edited)), Some(taken_out));
    }

    #[test]
    fn what_names_the_owner_as_its_controller_is_owned() {
        let inbox: InboxQueue = object("InboxQueue", "pier", "lamp", &json!({"queueName": "lamp"}));
        let metadata = |namespace: &str, reference: Value| -> ObjectMeta {
            serde_json::from_value(json!({"name": "x", "namespace": namespace, "ownerReferences": [reference]}))
                .unwrap()
        };
        let ours = serde_json::to_value(reference(&inbox)).unwrap();
        assert!(is_owned(&inbox, &metadata("pier", ours.clone())));
        assert!(!is_owned(&inbox, &metadata("quay", ours.clone())));
        for (member, other) in [("name", json!("bell")), ("kind", json!("EventBus")), ("controller", json!(false))] {
            let mut differs = ours.clone();
            differs.as_object_mut().unwrap().insert(member.to_owned(), other);
            assert!(!is_owned(&inbox, &metadata("pier", differs)), "{member}");
        }
        let mut restored = ours;
        restored.as_object_mut().unwrap().insert("uid".to_owned(), json!("of-the-old-cluster"));
        assert!(is_owned(&inbox, &metadata("pier", restored)));
        assert!(!is_owned(&inbox, &ObjectMeta::default()));
    }
}
