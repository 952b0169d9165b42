//! CloudWatch behind the port `Monitoring`.

mod convert;

use crate::error::{Calls, unless_missing};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::types::AlarmType;
use operator_core::arn::AlarmArn;
use operator_core::error::{AwsError, ErrorClass};
use operator_core::names::{AlarmName, DashboardName};
use operator_core::ports::{Alarm, AlarmFacts, Answer, MetricQuery, Monitoring, Window};
use operator_core::tags::Tags;
use serde_json::Value;
use std::collections::BTreeSet;

const CALLS: Calls = Calls("CloudWatch");
/// Names that `DescribeAlarms` and `DeleteAlarms` take at once.
const NAMES_AT_ONCE: usize = 100;
/// Queries that `GetMetricData` takes at once.
const QUERIES_AT_ONCE: usize = 500;

/// CloudWatch.
#[derive(Debug)]
pub(crate) struct CloudWatch {
    client: Client,
}

/// Sends a request and classifies its error.
macro_rules! call {
    ($operation:literal, $request:expr) => {
        $request.send().await.map_err(|error| CALLS.error($operation, &error))
    };
}

impl CloudWatch {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn all(&self, request: DescribeAlarmsFluentBuilder) -> Answer<Vec<AlarmFacts>> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = request.clone().alarm_types(AlarmType::MetricAlarm).set_next_token(token);
            let answer = call!("DescribeAlarms", request)?;
            for alarm in answer.metric_alarms() {
                found.push(convert::facts(alarm).map_err(|reason| CALLS.unreadable("DescribeAlarms", reason))?);
            }
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

#[async_trait]
impl Monitoring for CloudWatch {
    async fn alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<Vec<AlarmFacts>> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut found = Vec::new();
        for names in names.chunks(NAMES_AT_ONCE) {
            found.extend(self.all(self.client.describe_alarms().set_alarm_names(Some(names.to_vec()))).await?);
        }
        Ok(found)
    }

    async fn alarms_under(&self, prefix: &str) -> Answer<Vec<AlarmFacts>> {
        self.all(self.client.describe_alarms().alarm_name_prefix(prefix)).await
    }

    async fn put_alarm(&self, alarm: &Alarm, tags: &Tags) -> Answer<()> {
        let Alarm {
            name,
            description,
            metric,
            statistic,
            period_seconds,
            evaluation_periods,
            threshold,
            comparison,
            missing_data,
            actions,
        } = alarm;
        let request = self
            .client
            .put_metric_alarm()
            .alarm_name(name.as_str())
            .alarm_description(description)
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .set_dimensions(Some(convert::dimensions(&metric.dimensions)))
            .statistic(convert::statistic(*statistic))
            .period(convert::number(*period_seconds))
            .evaluation_periods(convert::number(*evaluation_periods))
            .threshold(*threshold)
            .comparison_operator(convert::comparison(*comparison))
            .treat_missing_data(convert::missing_data(*missing_data))
            .actions_enabled(true)
            .set_alarm_actions(Some(actions.iter().map(ToString::to_string).collect()))
            .set_tags(Some(convert::tags(tags)));
        call!("PutMetricAlarm", request).map(drop)
    }

    async fn delete_alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<()> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        for names in names.chunks(NAMES_AT_ONCE) {
            let request = self.client.delete_alarms().set_alarm_names(Some(names.to_vec()));
            call!("DeleteAlarms", request).map_err(|error| match error.class {
                ErrorClass::Missing => AwsError { class: ErrorClass::Conflict, ..error },
                _ => error,
            })?;
        }
        Ok(())
    }

    async fn alarm_tags(&self, arn: &AlarmArn) -> Answer<Tags> {
        let request = self.client.list_tags_for_resource().resource_arn(arn.to_string());
        let answer = call!("ListTagsForResource", request)?;
        let pair = |tag: &aws_sdk_cloudwatch::types::Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
        Ok(answer.tags().iter().filter_map(pair).collect())
    }

    async fn tag_alarm(&self, arn: &AlarmArn, tags: &Tags) -> Answer<()> {
        let request = self.client.tag_resource().resource_arn(arn.to_string()).set_tags(Some(convert::tags(tags)));
        call!("TagResource", request).map(drop)
    }

    async fn untag_alarm(&self, arn: &AlarmArn, keys: &BTreeSet<String>) -> Answer<()> {
        let keys = keys.iter().cloned().collect();
        let request = self.client.untag_resource().resource_arn(arn.to_string()).set_tag_keys(Some(keys));
        call!("UntagResource", request).map(drop)
    }

    async fn dashboard(&self, name: &DashboardName) -> Answer<Option<Value>> {
        let request = self.client.get_dashboard().dashboard_name(name.as_str());
        let answer = unless_missing(call!("GetDashboard", request))?;
        Ok(answer.map(|answer| convert::body(answer.dashboard_body().unwrap_or_default())))
    }

    async fn put_dashboard(&self, name: &DashboardName, body: &Value) -> Answer<()> {
        let request = self.client.put_dashboard().dashboard_name(name.as_str()).dashboard_body(body.to_string());
        call!("PutDashboard", request).map(drop)
    }

    async fn delete_dashboard(&self, name: &DashboardName) -> Answer<()> {
        let request = self.client.delete_dashboards().dashboard_names(name.as_str());
        unless_missing(call!("DeleteDashboards", request)).map(drop)
    }

    async fn newest(&self, queries: &[MetricQuery], window: Window) -> Answer<Vec<Option<f64>>> {
        let mut newest = Vec::with_capacity(queries.len());
        for queries in queries.chunks(QUERIES_AT_ONCE) {
            let request = self
                .client
                .get_metric_data()
                .set_metric_data_queries(Some(convert::queries(queries)))
                .start_time(convert::time(window.from))
                .end_time(convert::time(window.until))
                .scan_by(aws_sdk_cloudwatch::types::ScanBy::TimestampDescending);
            // Newest first, so the first page has the newest of each query that has any.
            let answer = call!("GetMetricData", request)?;
            newest.extend(convert::newest(queries.len(), answer.metric_data_results()));
        }
        Ok(newest)
    }
}
