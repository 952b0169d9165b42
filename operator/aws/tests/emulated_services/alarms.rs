//! The condition of each alarm is brought about, and its action is told: from a metric's value to a message in the queue of
//! whoever is on duty, through alarms that the operator made.
//!
//! The emulator's SQS and EventBridge have no metrics, so the values that theirs would have are put in their place. It
//! judges by every value of the metric's name, whatever the dimensions, and not by periods in a row: those are held to
//! CloudWatch's rules in `operator-core`. This test has an account to
//! itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StateValue};
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use operator_core::arn::ActionArn;
use operator_core::inbox;
use operator_core::names::InboxQueueName;
use operator_core::ports::Encryption;
use serde_json::Value;

use super::*;

/// Who is on duty, and what they are told by.
struct Duty {
    account: String,
    cloudwatch: aws_sdk_cloudwatch::Client,
    sqs: aws_sdk_sqs::Client,
    pages: String,
    topic: ActionArn,
}

impl Emulated {
    /// The emulator with an account of this test alone, in which a topic feeds a queue.
    async fn on_duty() -> (Self, Duty) {
        let Emulated { config, suffix, .. } = emulated().await;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let account = format!("{:012}", nanos % 1_000_000_000_000);
        let config = config
            .into_builder()
            .credentials_provider(aws_sdk_sqs::config::SharedCredentialsProvider::new(Credentials::new(
                account.clone(),
                "x",
                None,
                None,
                "test",
            )))
            .build();
        let sqs = aws_sdk_sqs::Client::new(&config);
        let pages = sqs.create_queue().queue_name("pages").send().await.unwrap().queue_url.unwrap();
        let topic = format!("arn:aws:sns:{REGION}:{account}:pager");
        sns(&account, "Action=CreateTopic&Name=pager");
        let queue = format!("arn:aws:sqs:{REGION}:{account}:pages");
        sns(&account, &format!("Action=Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint={queue}"));
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
        let duty = Duty { account, cloudwatch, sqs, pages, topic: topic.parse().unwrap() };
        (Self { aws: operator_aws::connect(&config), config, suffix }, duty)
    }
}

/// Asks SNS, for which nothing else here needs a client.
fn sns(account: &str, request: &str) {
    let endpoint = std::env::var("QSL_TEST_AWS_ENDPOINT").unwrap();
    let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let form = format!("{request}&Version=2010-03-31");
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{REGION}/sns/aws4_request, SignedHeaders=host, \
         Signature=0\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer}");
}

impl Duty {
    /// The service has measured a value.
    async fn measured(&self, metric: &Metric, value: f64) {
        let dimensions =
            metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let datum = MetricDatum::builder().metric_name(&metric.name).set_dimensions(Some(dimensions.collect()));
        let datum = datum.value(value).build();
        let put = self.cloudwatch.put_metric_data().namespace(&metric.namespace).metric_data(datum);
        put.send().await.unwrap();
    }

    /// What came since the last look: the alarm's name, its new state, and what it watches.
    async fn pages(&self) -> Vec<(String, String, String)> {
        let mut pages = Vec::new();
        loop {
            let received = self.sqs.receive_message().queue_url(&self.pages).max_number_of_messages(10).send().await;
            let messages = received.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return pages;
            }
            for message in messages {
                let notification: Value = serde_json::from_str(&message.body.unwrap()).unwrap();
                let told: Value = serde_json::from_str(notification["Message"].as_str().unwrap()).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let watched = format!("{}", told["Trigger"]["Dimensions"]);
                pages.push((text(&told["AlarmName"]), text(&told["NewStateValue"]), watched));
                let receipt = message.receipt_handle.unwrap();
                self.sqs.delete_message().queue_url(&self.pages).receipt_handle(receipt).send().await.unwrap();
            }
        }
    }

    /// The alarms that sound.
    async fn sounding(&self) -> usize {
        let described = self.cloudwatch.describe_alarms().state_value(StateValue::Alarm).send().await.unwrap();
        described.metric_alarms.unwrap_or_default().len()
    }

    /// A first dead letter; how many SQS counts then.
    async fn dead_letter(&self, queue: &str) -> f64 {
        let url = self.sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
        self.sqs.send_message().queue_url(&url).message_body("a dead letter").send().await.unwrap();
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let read = self.sqs.get_queue_attributes().queue_url(&url).attribute_names(name.clone()).send().await.unwrap();
        read.attributes.unwrap()[&name].parse().unwrap()
    }
}

fn watched_bus(emulated: &Emulated, installation: &Arc<Installation>, topic: &ActionArn) -> bus::Desired {
    let actions = BTreeSet::from([topic.clone()]);
    bus::Desired {
        installation: installation.clone(),
        owner: owner(Kind::EventBus, "acme"),
        claim: Claim::Own,
        bus_name: BusName::parse(format!("acme-{}", emulated.suffix)).unwrap(),
        description: "a bus".to_owned(),
        publishers: BTreeMap::new(),
        publishing: Publishing::Enabled,
        kms_key: None,
        dead_letter: None,
        archives: BTreeMap::new(),
        alarms: Some(DesiredAlarms {
            rules: BTreeSet::from(["departures".parse().unwrap()]),
            actions: actions.clone(),
        }),
        shared_alarm: SharedAlarm::Kept(actions),
        dashboard: false,
        tags: Tags::new(),
    }
}

fn watched_inbox(emulated: &Emulated, installation: &Arc<Installation>, topic: &ActionArn) -> inbox::Desired {
    let alarms = inbox::Alarms {
        actions: BTreeSet::from([topic.clone()]),
        oldest_message_age_seconds: 900,
        dead_letters: 0,
        in_flight: 100_000,
    };
    inbox::Desired {
        installation: installation.clone(),
        owner: owner(Kind::InboxQueue, "gate"),
        claim: Claim::Own,
        queue_name: InboxQueueName::parse(format!("gate-{}", emulated.suffix)).unwrap(),
        visibility_timeout_seconds: 60,
        retention_seconds: 604_800,
        allow_expiry: None,
        encryption: Encryption::SqsManaged,
        dead_letter_retention_seconds: 1_209_600,
        max_receive_count: 15,
        sealed: true,
        allowed_rule_arns: BTreeSet::new(),
        service_accounts: BTreeSet::new(),
        redrive_service_accounts: BTreeSet::new(),
        alarms: Some(alarms),
        tags: Tags::new(),
    }
}

fn owner(kind: Kind, name: &str) -> Owner {
    Owner { kind, namespace: "tower".to_owned(), name: name.to_owned(), uid: "uid-1".to_owned() }
}

/// A metric's namespace, name and dimensions, a value that is well and one that is not.
type Condition<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], f64, f64);

#[tokio::test]
async fn whoever_is_on_duty_is_told_once_the_condition_of_an_alarm_is_there_and_not_before() {
    let (emulated, duty) = Emulated::on_duty().await;
    let installation = emulated.installation().await;
    assert_eq!(installation.account.as_str(), duty.account);
    let bus = watched_bus(&emulated, &installation, &duty.topic);
    converge(&emulated.aws, &bus).await;
    let inbox = watched_inbox(&emulated, &installation, &duty.topic);
    let observed = inbox::observe(&emulated.aws, &inbox).await.unwrap();
    inbox::apply(&emulated.aws, &inbox, &observed, &inbox::plan(&inbox, &observed)).await.unwrap();

    let (queue, letters) = (inbox.queue_name.queue().to_string(), inbox.queue_name.dead_letter().to_string());
    let dead = duty.dead_letter(&letters).await;
    assert!((dead - 1.0).abs() < f64::EPSILON, "{dead}");
    let rule = [("EventBusName", bus.bus_name.as_str()), ("RuleName", "departures")];
    let of_queue = [("QueueName", queue.as_str())];
    let conditions: [Condition<'_>; 8] = [
        ("AWS/Events", "FailedInvocations", &rule, 0.0, 1.0),
        ("AWS/Events", "InvocationsSentToDlq", &rule, 0.0, 1.0),
        ("AWS/Events", "InvocationsFailedToBeSentToDlq", &rule, 0.0, 1.0),
        ("AWS/Events", "ThrottledRules", &rule, 0.0, 1.0),
        ("AWS/Events", "PutEventsFailedEntriesCount", &[], 0.0, 1.0),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", &of_queue, 900.0, 901.0),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &[("QueueName", letters.as_str())], 0.0, dead),
        ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", &of_queue, 100_000.0, 100_001.0),
    ];
    for (told, (namespace, name, dimensions, quiet, beyond)) in conditions.into_iter().enumerate() {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let metric = Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions };
        duty.measured(&metric, quiet).await;
        assert_eq!((duty.pages().await, duty.sounding().await), (vec![], told), "{name} is {quiet}");
        duty.measured(&metric, beyond).await;
        let pages = duty.pages().await;
        let [(alarm, state, watched)] = pages.as_slice() else { panic!("{name} is {beyond}: {pages:?}") };
        assert!(alarm.starts_with("qsl-") && state == "ALARM", "{alarm} {state}");
        assert!(metric.dimensions.values().all(|value| watched.contains(&format!("\"{value}\""))), "{watched}");
    }

    // An alarm that sounds is as it should be: nothing is written over it.
    assert_eq!(bus::plan(&bus, &bus::observe(&emulated.aws, &bus).await.unwrap()), []);
    assert_eq!(inbox::plan(&inbox, &inbox::observe(&emulated.aws, &inbox).await.unwrap()), []);
    assert_eq!((duty.sounding().await, duty.pages().await), (8, vec![]));
}
