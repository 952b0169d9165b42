//! CloudWatch's shapes and ours.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    self, ComparisonOperator, Dimension, MetricAlarm, MetricDataQuery, MetricDataResult, MetricStat, Tag,
};
use jiff::Timestamp;
use operator_core::arn::{ActionArn, AlarmArn};
use operator_core::names::AlarmName;
use operator_core::ports::{Alarm, AlarmFacts, Comparison, Metric, MetricQuery, MissingData, Statistic};
use operator_core::tags::Tags;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub(super) fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn dimensions(dimensions: &BTreeMap<String, String>) -> Vec<Dimension> {
    dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

pub(super) fn statistic(statistic: Statistic) -> types::Statistic {
    match statistic {
        Statistic::Sum => types::Statistic::Sum,
        Statistic::Maximum => types::Statistic::Maximum,
    }
}

pub(super) fn comparison(comparison: Comparison) -> ComparisonOperator {
    match comparison {
        Comparison::Greater => ComparisonOperator::GreaterThanThreshold,
        Comparison::GreaterOrEqual => ComparisonOperator::GreaterThanOrEqualToThreshold,
    }
}

pub(super) fn missing_data(missing: MissingData) -> &'static str {
    match missing {
        MissingData::NotBreaching => "notBreaching",
        MissingData::Ignore => "ignore",
        MissingData::Missing => "missing",
        MissingData::Breaching => "breaching",
    }
}

pub(super) fn facts(found: &MetricAlarm) -> Result<AlarmFacts, String> {
    let name = AlarmName::parse(found.alarm_name().unwrap_or_default()).map_err(|error| error.to_string())?;
    Ok(AlarmFacts {
        arn: AlarmArn::parse(found.alarm_arn().unwrap_or_default()).map_err(|error| error.to_string())?,
        description: found.alarm_description().unwrap_or_default().to_owned(),
        alarm: alarm(&name, found),
        name,
    })
}

/// The alarm, if it has nothing but what an alarm of ours has.
fn alarm(name: &AlarmName, found: &MetricAlarm) -> Option<Alarm> {
    let evaluation_periods = found.evaluation_periods()?;
    let plain = found.actions_enabled().unwrap_or(true)
        && found.ok_actions().is_empty()
        && found.insufficient_data_actions().is_empty()
        && found.extended_statistic().is_none()
        && found.unit().is_none()
        && found.datapoints_to_alarm().is_none_or(|points| points == evaluation_periods)
        && found.evaluate_low_sample_count_percentile().is_none()
        && found.metrics().is_empty()
        && found.threshold_metric_id().is_none();
    let pair = |dimension: &Dimension| Some((dimension.name()?.to_owned(), dimension.value()?.to_owned()));
    let actions: Result<_, _> = found.alarm_actions().iter().map(|arn| ActionArn::parse(arn)).collect();
    let alarm = Alarm {
        name: name.clone(),
        description: found.alarm_description().unwrap_or_default().to_owned(),
        metric: Metric {
            namespace: found.namespace()?.to_owned(),
            name: found.metric_name()?.to_owned(),
            dimensions: found.dimensions().iter().map(pair).collect::<Option<_>>()?,
        },
        statistic: match found.statistic()? {
            types::Statistic::Sum => Statistic::Sum,
            types::Statistic::Maximum => Statistic::Maximum,
            _ => return None,
        },
        period_seconds: u32::try_from(found.period()?).ok()?,
        evaluation_periods: u32::try_from(evaluation_periods).ok()?,
        threshold: found.threshold()?,
        comparison: match found.comparison_operator()? {
            ComparisonOperator::GreaterThanThreshold => Comparison::Greater,
            ComparisonOperator::GreaterThanOrEqualToThreshold => Comparison::GreaterOrEqual,
            _ => return None,
        },
        missing_data: match found.treat_missing_data().unwrap_or("missing") {
            "notBreaching" => MissingData::NotBreaching,
            "ignore" => MissingData::Ignore,
            "missing" => MissingData::Missing,
            "breaching" => MissingData::Breaching,
            _ => return None,
        },
        actions: actions.ok()?,
    };
    plain.then_some(alarm)
}

/// A dashboard's body; text that is not JSON is a body that equals no other.
pub(super) fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

pub(super) fn time(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}

/// The queries by their place: an id begins with a small letter.
pub(super) fn queries(queries: &[MetricQuery]) -> Vec<MetricDataQuery> {
    let query = |(place, MetricQuery { metric, statistic: of, period_seconds }): (usize, &MetricQuery)| {
        let metric = types::Metric::builder()
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .set_dimensions(Some(dimensions(&metric.dimensions)))
            .build();
        let stat =
            MetricStat::builder().metric(metric).stat(statistic(*of).as_str()).period(number(*period_seconds)).build();
        MetricDataQuery::builder().id(id(place)).metric_stat(stat).return_data(true).build()
    };
    queries.iter().enumerate().map(query).collect()
}

/// The first value of each of so many queries, in their order.
pub(super) fn newest(queries: usize, results: &[MetricDataResult]) -> Vec<Option<f64>> {
    (0..queries)
        .map(|place| {
            let id = id(place);
            let mut of_query = results.iter().filter(|result| result.id() == Some(id.as_str()));
            of_query.find_map(|result| result.values().first().copied())
        })
        .collect()
}

fn id(place: usize) -> String {
    format!("q{place}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found() -> types::builders::MetricAlarmBuilder {
        MetricAlarm::builder()
            .alarm_name("qsl-1-FailedInvocations")
            .alarm_arn("arn:aws:cloudwatch:eu-west-3:210987654321:alarm:qsl-1-FailedInvocations")
            .alarm_description("of ours")
            .namespace("AWS/Events")
            .metric_name("FailedInvocations")
            .dimensions(Dimension::builder().name("EventBusName").value("acme").build())
            .statistic(types::Statistic::Sum)
            .period(300)
            .evaluation_periods(1)
            .threshold(1.0)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .treat_missing_data("notBreaching")
            .alarm_actions("arn:aws:sns:eu-west-3:210987654321:pager")
    }

    #[test]
    fn an_alarm_is_read_as_it_was_put() {
        let alarm = facts(&found().build()).unwrap().alarm.unwrap();
        assert_eq!(dimensions(&alarm.metric.dimensions), found().build().dimensions());
        assert_eq!(statistic(alarm.statistic), types::Statistic::Sum);
        assert_eq!(comparison(alarm.comparison), ComparisonOperator::GreaterThanOrEqualToThreshold);
        assert_eq!(missing_data(alarm.missing_data), "notBreaching");
        assert_eq!((alarm.period_seconds, alarm.evaluation_periods), (300, 1));
        assert_eq!(alarm.actions.len(), 1);
    }

    #[test]
    fn what_somebody_gave_an_alarm_is_seen() {
        for (what, edited) in [
            ("another state's action", found().ok_actions("arn:aws:sns:eu-west-3:210987654321:other")),
            ("actions switched off", found().actions_enabled(false)),
            ("a percentile", found().extended_statistic("p99")),
            ("one period of three", found().evaluation_periods(3).datapoints_to_alarm(1)),
            ("another statistic", found().statistic(types::Statistic::Average)),
            ("another comparison", found().comparison_operator(ComparisonOperator::LessThanThreshold)),
            ("an action of another sort", found().alarm_actions("arn:aws:automate:eu-west-3:ec2:stop")),
        ] {
            let facts = facts(&edited.build()).unwrap();
            assert_eq!((facts.alarm, facts.description.as_str()), (None, "of ours"), "{what}");
        }
        assert!(
            facts(&found().datapoints_to_alarm(1).build()).unwrap().alarm.is_some(),
            "as many as there are periods"
        );
    }

    #[test]
    fn the_newest_values_are_in_the_order_asked_for() {
        let result =
            |id: &str, values: &[f64]| MetricDataResult::builder().id(id).set_values(Some(values.to_vec())).build();
        let results = [result("q2", &[7.0, 1.0]), result("q0", &[3.0]), result("q1", &[])];
        assert_eq!(newest(4, &results), [Some(3.0), None, Some(7.0), None]);
    }
}
