//! Every alarm of a bus and of an inbox sounds when what it is about is there, by CloudWatch's rules, and no other does.

use crate::support::{World, converge_bus, converge_inbox, run};
use operator_core::bus::{DesiredAlarms, SharedAlarm};
use operator_core::inbox::{self, Alarms};
use operator_core::ports::{Alarm, Comparison, Metric, MetricQuery, MissingData, Window};
use std::collections::BTreeSet;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// Whether an alarm sounds: each of its last periods, of which each has one value here, is beyond the threshold.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
async fn sounds(world: &World, alarm: &Alarm) -> bool {
    let Alarm { metric, statistic, period_seconds, evaluation_periods, threshold, comparison, missing_data, .. } =
        alarm;
    let (metric, statistic, period_seconds) = (metric.clone(), *statistic, *period_seconds);
    let query = [MetricQuery { metric, statistic, period_seconds }];
    let period = Duration::from_secs(period_seconds.into());
    let mut until = world.clock.now() + Duration::from_millis(1);
    for _ in 0..*evaluation_periods {
        let window = Window { from: until - period, until };
        let value = world.aws.monitoring.newest(&query, window).await.unwrap()[0];
        let beyond = match (value, comparison) {
            (None, _) => *missing_data == MissingData::Breaching,
            (Some(value), Comparison::Greater) => value > *threshold,
            (Some(value), Comparison::GreaterOrEqual) => value >= *threshold,
        };
        if !beyond {
            return false;
        }
        until = window.from;
    }
    true
}

/// The ends of the names of the alarms that sound.
async fn sounding(world: &World) -> Vec<String> {
    let ends = ["undelivered", "dead-letters", "oldest-message", "in-flight", "Count", "Rules", "Dlq", "Invocations"];
    let mut sounding = Vec::new();
    for facts in world.aws.monitoring.alarms_under("qsl-").await.unwrap() {
        if sounds(world, &facts.alarm.unwrap()).await {
            let end = ends.iter().find(|end| facts.name.as_str().ends_with(**end)).unwrap();
            sounding.push((*end).to_owned());
        }
    }
    sounding
}

/// A metric of a bus's rule, of a queue or of the account, with its dimensions.
fn metric(name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let namespace = if name.starts_with("Approximate") { "AWS/SQS" } else { "AWS/Events" };
    let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.collect() }
}

/// What sounds after a metric had these values, one a minute.
async fn after(world: &World, metric: &Metric, values: &[f64]) -> Vec<String> {
    for value in values {
        world.clock.advance(MINUTE);
        world.fake.add_value(metric, *value);
    }
    let sounding_then = sounding(world).await;
    world.clock.advance(MINUTE * 60);
    assert_eq!(sounding(world).await, [""; 0], "what has passed is silent again");
    sounding_then
}

async fn watched(world: &World) {
    let actions = BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]);
    let mut bus = world.bus("acme");
    bus.alarms =
        Some(DesiredAlarms { rules: BTreeSet::from(["departures".parse().unwrap()]), actions: actions.clone() });
    bus.shared_alarm = SharedAlarm::Kept(actions.clone());
    converge_bus(&world.aws, &bus).await.unwrap();
    let alarms = Alarms { actions, oldest_message_age_seconds: 900, dead_letters: 0, in_flight: 100_000 };
    let inbox = inbox::Desired { alarms: Some(alarms), ..world.inbox("gate.fifo") };
    converge_inbox(&world.aws, &inbox).await.unwrap();
}

#[test]
fn the_first_event_that_is_lost_late_or_refused_sounds_the_alarm_of_its_rule_and_metric() {
    run(async {
        let world = World::new();
        watched(&world).await;
        let rule = [("EventBusName", "acme"), ("RuleName", "departures")];
        for (name, end) in [
            ("FailedInvocations", "Invocations"),
            ("InvocationsSentToDlq", "Dlq"),
            ("InvocationsFailedToBeSentToDlq", "Dlq"),
            ("ThrottledRules", "Rules"),
        ] {
            assert_eq!(after(&world, &metric(name, &rule), &[0.0, 1.0]).await, [end], "{name}");
            assert_eq!(after(&world, &metric(name, &rule), &[0.0]).await, [""; 0], "{name}");
            let other = [("EventBusName", "acme"), ("RuleName", "arrivals")];
            assert_eq!(after(&world, &metric(name, &other), &[9.0]).await, [""; 0], "{name} of another rule");
        }
        assert_eq!(after(&world, &metric("PutEventsFailedEntriesCount", &[]), &[1.0]).await, ["Count"]);
        assert_eq!(
            after(&world, &metric("PutEventsFailedEntriesCount", &rule), &[1.0]).await,
            [""; 0],
            "it has no dimensions"
        );
    });
}

#[test]
fn a_dead_letter_sounds_at_once_and_age_and_what_is_in_flight_after_five_minutes_in_a_row() {
    run(async {
        let world = World::new();
        watched(&world).await;
        let of = |name: &str, queue: &str| metric(name, &[("QueueName", queue)]);
        let held = "ApproximateNumberOfMessagesVisible";
        assert_eq!(after(&world, &of(held, "gate-dlq.fifo"), &[1.0]).await, ["dead-letters"]);
        assert_eq!(after(&world, &of(held, "gate-dlq.fifo"), &[0.0]).await, [""; 0]);
        assert_eq!(after(&world, &of(held, "gate-undelivered"), &[1.0]).await, ["undelivered"]);
        assert_eq!(after(&world, &of(held, "gate.fifo"), &[5_000.0]).await, [""; 0], "an inbox may hold messages");
        for (name, most, end) in [
            ("ApproximateAgeOfOldestMessage", 900.0, "oldest-message"),
            ("ApproximateNumberOfMessagesNotVisible", 100_000.0, "in-flight"),
        ] {
            let inbox = of(name, "gate.fifo");
            assert_eq!(after(&world, &inbox, &[most + 1.0; 5]).await, [end], "{name}");
            assert_eq!(
                after(&world, &inbox, &[most + 1.0; 4]).await,
                [""; 0],
                "{name}: four minutes are none in a row of five"
            );
            let once_below = [most + 1.0, most + 1.0, most, most + 1.0, most + 1.0];
            assert_eq!(after(&world, &inbox, &once_below).await, [""; 0], "{name}");
        }
    });
}
