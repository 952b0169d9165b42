//! The parts of a bus's spec beside the bus itself, parsed.

use std::collections::{BTreeMap, BTreeSet};

use crds::bus_parts::{Archive, BusAlarms, BusDeadLetter};
use operator_core::{
    Installation,
    arn::{ActionArn, QueueArn},
    bus::{DesiredAlarms, DesiredArchive},
    names::{ArchiveName, RulePartName},
    rule::EventPattern,
};
use serde_json::Value;

use crate::runner::Terminal;

/// The dead-letter queue: a standard queue of this account and Region.
pub(super) fn dead_letter(installation: &Installation, queue: &BusDeadLetter) -> Result<QueueArn, Terminal> {
    let BusDeadLetter { queue_arn } = queue;
    let wrong = |problem: String| Terminal::spec("deadLetter.queueArn", problem);
    let arn = QueueArn::parse(queue_arn).map_err(|error| wrong(error.to_string()))?;
    let Some(name) = arn.name() else { return Err(wrong(format!("{arn} names no queue"))) };
    if name.is_fifo() {
        return Err(wrong(format!(
            "{name} is a FIFO queue; EventBridge takes standard ones for what it cannot deliver"
        )));
    }
    let here = installation.queue_arn(&name);
    if arn != here {
        return Err(wrong(format!("{arn} is not of this installation's account and Region, where it would be {here}")));
    }
    Ok(arn)
}

/// The archives, by their names.
pub(super) fn archives(archives: &[Archive]) -> Result<BTreeMap<ArchiveName, DesiredArchive>, Terminal> {
    let mut parsed = BTreeMap::new();
    for (index, Archive { name, retention_days, event_pattern }) in archives.iter().enumerate() {
        let wrong = |field: &str, problem: String| Terminal::spec(&format!("archives[{index}].{field}"), problem);
        let pattern = event_pattern.clone().map(|pattern| EventPattern::parse(Value::Object(pattern))).transpose();
        let archive = DesiredArchive {
            pattern: pattern.map_err(|error| wrong("eventPattern", error.to_string()))?,
            // 0 is for ever, in AWS's words.
            retention_days: u32::try_from(retention_days.unwrap_or_default())
                .map_err(|_| wrong("retentionDays", "is negative; it is 1 or more, or absent for ever".to_owned()))?,
        };
        let name = ArchiveName::parse(name.as_str()).map_err(|error| wrong("name", error.to_string()))?;
        if parsed.insert(name.clone(), archive).is_some() {
            return Err(wrong("name", format!("{name} is named twice; give each archive a name of its own")));
        }
    }
    Ok(parsed)
}

/// The alarms, on these rules, where they are wanted.
pub(super) fn alarms(alarms: &BusAlarms, rules: &BTreeSet<RulePartName>) -> Result<Option<DesiredAlarms>, Terminal> {
    let BusAlarms { enabled, actions } = alarms;
    let parse = |(index, arn): (usize, &String)| {
        ActionArn::parse(arn).map_err(|error| Terminal::spec(&format!("alarms.actions[{index}]"), error))
    };
    let actions = actions.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    Ok(enabled.then(|| DesiredAlarms { rules: rules.clone(), actions }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::controllers::tests::place;

    fn refusal<T: std::fmt::Debug>(parsed: Result<T, Terminal>) -> String {
        parsed.unwrap_err().message
    }

    #[test]
    fn a_dead_letter_queue_is_a_standard_one_of_this_account_and_region() {
        let parse = |arn: &str| dead_letter(&place(), &BusDeadLetter { queue_arn: arn.to_owned() });
        assert!(parse("arn:aws:sqs:eu-central-1:000000000000:lost").is_ok());
        for (arn, said) in [
            ("arn:aws:sqs:eu-central-1:000000000000:lost.fifo", "is a FIFO queue"),
            ("arn:aws:sqs:eu-central-1:111111111111:lost", "would be arn:aws:sqs:eu-central-1:000000000000:lost"),
            ("arn:aws:sqs:eu-west-1:000000000000:lost", "is not of this installation's account and Region"),
            ("arn:aws:sns:eu-central-1:000000000000:lost", "is not an ARN of sqs"),
        ] {
            let refused = refusal(parse(arn));
            assert!(refused.starts_with("spec.deadLetter.queueArn: ") && refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn an_archive_that_cannot_be_is_refused_by_its_place_and_field() {
        let parse = |list: Value| archives(&serde_json::from_value::<Vec<Archive>>(list).unwrap());
        let kept = parse(json!([{"name": "all"}, {"name": "coins", "retentionDays": 7,
            "eventPattern": {"source": ["qsl.coin"]}}]));
        let kept = kept.unwrap();
        let days: Vec<(&str, u32)> =
            kept.iter().map(|(name, archive)| (name.as_str(), archive.retention_days)).collect();
        assert_eq!(days, [("all", 0), ("coins", 7)]);
        let long = "x".repeat(3000);
        for (list, said) in [
            (json!([{"name": "all"}, {"name": "all"}]), "spec.archives[1].name: all is named twice"),
            (json!([{"name": "a b"}]), "spec.archives[0].name: archive name:"),
            (json!([{"name": "a", "eventPattern": {"source": [long]}}]), "spec.archives[0].eventPattern: "),
            (json!([{"name": "a", "retentionDays": -1}]), "spec.archives[0].retentionDays: is negative"),
        ] {
            let refused = refusal(parse(list));
            assert!(refused.starts_with(said), "{refused}");
        }
    }

    #[test]
    fn alarms_that_are_off_are_none_and_their_actions_are_judged_all_the_same() {
        let parse = |value: Value| alarms(&serde_json::from_value::<BusAlarms>(value).unwrap(), &BTreeSet::new());
        let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
        assert_eq!(parse(json!({"enabled": false, "actions": [topic]})).unwrap(), None);
        assert_eq!(parse(json!({"enabled": true, "actions": [topic]})).unwrap().unwrap().actions.len(), 1);
        let refused = refusal(parse(json!({"actions": [topic, "arn:aws:sqs:eu-central-1:000000000000:pager"]})));
        assert!(refused.starts_with("spec.alarms.actions[1]: alarm action:"), "{refused}");
    }
}
