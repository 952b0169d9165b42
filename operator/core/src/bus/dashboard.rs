//! A bus's dashboard in CloudWatch.
//!
//! Dashboards have no tags, so one of its widgets is text that says whose it is. The graphs search for the bus's
//! rules, so that a rule that comes or goes changes nothing here.

use super::Desired;
use super::mark::{describe_owner, mark};
use crate::claim::Claim;
use crate::difference::Difference;
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{DashboardName, dashboard_name};
use crate::owner::Owner;
use crate::ports::Aws;
use serde_json::{Value, json};

/// Something to do about a dashboard.
#[derive(Debug, Clone, PartialEq)]
pub enum DashboardAction {
    /// Make it, or put it right.
    Put(DashboardName, Value),
    /// Delete it.
    Delete(DashboardName),
}

impl DashboardAction {
    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::Put(name, _) => format!("put dashboard {name}"),
            Self::Delete(name) => format!("delete dashboard {name}"),
        }
    }
}

/// The body that a bus's dashboard should have, where it should have one.
fn body(desired: &Desired) -> Option<Value> {
    if !desired.dashboard {
        return None;
    }
    let Desired { installation, owner, bus_name, .. } = desired;
    let text = format!(
        "# Bus {bus_name}\n{}. It is put right when it is edited: copy it to change it.",
        mark(installation, owner)
    );
    let graph = |x: u32, y: u32, title: &str, metrics: Value| {
        json!({
            "type": "metric", "x": x, "y": y, "width": 12, "height": 6,
            "properties": {
                "title": title, "view": "timeSeries", "stat": "Sum", "period": 60,
                "region": installation.region, "metrics": metrics,
            },
        })
    };
    let by_rule = |names: &[&str]| -> Value {
        let searches = names.iter().enumerate().map(|(place, metric)| {
            let search = format!(
                "SEARCH('{{AWS/Events,EventBusName,RuleName}} EventBusName=\"{bus_name}\" MetricName=\"{metric}\"', 'Sum', 60)"
            );
            json!([{"expression": search, "id": format!("m{place}"), "label": metric}])
        });
        searches.collect()
    };
    Some(json!({"widgets": [
        {"type": "text", "x": 0, "y": 0, "width": 24, "height": 3, "properties": {"markdown": text}},
        graph(0, 3, "Matched by rules, and delivered", by_rule(&["MatchedEvents", "Invocations"])),
        graph(12, 3, "Late: throttled rules, retries", by_rule(&["ThrottledRules", "RetryInvocationAttempts"])),
        graph(0, 9, "Not delivered", by_rule(&["FailedInvocations", "InvocationsSentToDlq"])),
        graph(12, 9, "Lost", by_rule(&["InvocationsFailedToBeSentToDlq"])),
        graph(0, 15, "PutEvents, of the whole account", json!([
            ["AWS/Events", "PutEventsEntriesCount"],
            ["AWS/Events", "PutEventsFailedEntriesCount"],
        ])),
    ]}))
}

/// Reads the owner's dashboard. One of its name that is somebody else's is refused where one is wanted, and not ours
/// to see where none is.
pub(super) async fn observe(aws: &Aws, desired: &Desired) -> Result<Option<Value>, AwsError> {
    let Desired { installation, owner, .. } = desired;
    match observe_own(aws, installation, owner).await? {
        Seen::Own(body) => Ok(Some(body)),
        Seen::Foreign(whose) if desired.dashboard && desired.claim != Claim::Look => {
            let message = format!("dashboard {} exists and belongs to {whose}", dashboard_name(installation, owner));
            Err(AwsError::new(ErrorClass::NotOurs { owner: whose }, "CloudWatch", "ownership", message))
        }
        Seen::Foreign(_) | Seen::Nothing => Ok(None),
    }
}

/// What there is under the dashboard's name.
pub(super) enum Seen {
    /// The owner's.
    Own(Value),
    /// Whose it is, in a reader's words.
    Foreign(String),
    /// Nothing.
    Nothing,
}

/// Reads what there is under the name of the owner's dashboard.
pub(super) async fn observe_own(aws: &Aws, installation: &Installation, owner: &Owner) -> Result<Seen, AwsError> {
    let Some(body) = aws.monitoring.dashboard(&dashboard_name(installation, owner)).await? else {
        return Ok(Seen::Nothing);
    };
    let texts = body.get("widgets").and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<&str> = texts.filter_map(|widget| widget.get("properties")?.get("markdown")?.as_str()).collect();
    let ours = mark(installation, owner);
    // The mark is followed by a full stop, so that one owner's is not the beginning of another's.
    if texts.iter().any(|text| text.contains(&format!("{ours}."))) {
        return Ok(Seen::Own(body));
    }
    Ok(Seen::Foreign(describe_owner(&texts.join("\n"))))
}

/// What to do about it.
pub(super) fn plan(desired: &Desired, seen: Option<&Value>) -> Option<DashboardAction> {
    let name = || dashboard_name(&desired.installation, &desired.owner);
    match (body(desired), seen) {
        (Some(wanted), found) if found != Some(&wanted) => Some(DashboardAction::Put(name(), wanted)),
        (None, Some(_)) => Some(DashboardAction::Delete(name())),
        _ => None,
    }
}

/// What an action that is planned puts right.
pub(super) fn difference(seen: Option<&Value>, action: &DashboardAction) -> Difference {
    match action {
        DashboardAction::Put(name, _) if seen.is_some() => Difference::document(format!("dashboard {name}"), "body"),
        DashboardAction::Put(name, _) => Difference::missing(format!("dashboard {name}")),
        DashboardAction::Delete(name) => Difference::superfluous(format!("dashboard {name}")),
    }
}

/// Does it.
pub(super) async fn apply(aws: &Aws, action: &DashboardAction) -> Result<(), AwsError> {
    match action {
        DashboardAction::Put(name, body) => aws.monitoring.put_dashboard(name, body).await,
        DashboardAction::Delete(name) => aws.monitoring.delete_dashboard(name).await,
    }
}
