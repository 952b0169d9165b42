//! Events on what a person should look at and the common conditions do not announce, once when it comes about.

use crds::{
    InboxQueue,
    conditions::{self, AUTOSCALING, READY, reason},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::runner::{Wait, record::Events};

/// Tells what is new in `waiting` and in the conditions of `now`, by the status of the object.
pub(super) async fn tell(events: &Events, object: &InboxQueue, waiting: Option<&Wait>, now: &[Condition]) {
    let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if let Some(wait) = waiting.filter(|wait| [reason::NOT_SUPPORTED, reason::NOT_OURS].contains(&wait.reason)) {
        let said = conditions::get(before, READY).is_some_and(|ready| ready.message == wait.message);
        if !said {
            events.warning(object, wait.reason, wait.message.clone()).await;
        }
    }
    let unscaled = conditions::get(now, AUTOSCALING).filter(|scaled| scaled.status == "False");
    let said = conditions::get(before, AUTOSCALING).map(|scaled| &scaled.reason);
    if let Some(unscaled) = unscaled.filter(|unscaled| said != Some(&unscaled.reason)) {
        events.warning(object, &unscaled.reason, unscaled.message.clone()).await;
    }
}
