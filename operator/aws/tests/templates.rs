//! The CloudFormation templates of `infra/aws`, made and deleted in an emulated AWS, and what they made.
//!
//! The emulator knows neither AWS::Budgets::Budget nor AWS::IAM::OIDCProvider, and refuses a template in which one would
//! be made: so the budget has no reader here, and the provider is given. Both are held to AWS's schemas by
//! `cargo xtask lint --only templates`, and what they say by the tests of `operator/src/controllers/templates.rs`. It gives
//! nobody less for want of a permission, so what the policies say is judged there too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use operator_core::names::{BusName, QueueName};
use operator_core::ports::Aws;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const REGION: &str = "eu-west-3";
/// Queues and rules have the names that services know: an account of its own keeps them apart from other tests'.
const ACCOUNT: &str = "410987654321";
const EVENTING: &str = include_str!("../../../infra/aws/qsl-eventbridge.template.json");
const BOOTSTRAP: &str = include_str!("../../../infra/aws/bootstrap.template.json");
const INBOXES: [&str; 5] = ["treasury", "compliance", "notification", "journal", "clientupdates"];

/// The emulator, and the name of this test's stack.
struct Emulated {
    endpoint: String,
    config: SdkConfig,
    stack: String,
}

async fn emulated(what: &str) -> Emulated {
    let Ok(endpoint) = std::env::var("QSL_TEST_AWS_ENDPOINT") else {
        panic!("QSL_TEST_AWS_ENDPOINT is not set: this test needs an emulated AWS, which `cargo xtask test` starts")
    };
    let credentials = aws_sdk_sqs::config::Credentials::new(ACCOUNT, "secret", None, None, "tests");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(&endpoint)
        .region(aws_config::Region::new(REGION))
        .credentials_provider(credentials)
        .load()
        .await;
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    Emulated { endpoint, config, stack: format!("{what}-{nanos:x}") }
}

impl Emulated {
    fn aws(&self) -> Aws {
        operator_aws::connect(&self.config)
    }

    /// A call of CloudFormation, by hand: its SDK would be a dependency for these four alone. The emulator takes account, service and Region from the header and checks no signature.
    fn call(&self, action: &str, arguments: &[(&str, &str)]) -> String {
        let common = [("Action", action), ("Version", "2010-05-15"), ("StackName", self.stack.as_str())];
        let pairs = common.iter().chain(arguments);
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let body: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let scope = format!("{ACCOUNT}/20261128/{REGION}/cloudformation/aws4_request");
        let body = body.join("&");
        let address = self.endpoint.strip_prefix("http://").unwrap().trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        let head = [
            "POST / HTTP/1.0".to_owned(),
            format!("Host: {address}"),
            "Content-Type: application/x-www-form-urlencoded".to_owned(),
            format!("Content-Length: {}", body.len()),
            format!("Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        ];
        stream.write_all(format!("{}\r\n\r\n{body}", head.join("\r\n")).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.lines().next().is_some_and(|status| status.contains(" 200")), "{action}: {answer}");
        answer
    }

    /// Makes the stack, and gives its outputs.
    async fn make(&self, template: &str, parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut arguments = vec![
            ("TemplateBody".to_owned(), template),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM"),
            ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND"),
        ];
        for (at, &(name, value)) in (1..).zip(parameters) {
            arguments.push((format!("Parameters.member.{at}.ParameterKey"), name));
            arguments.push((format!("Parameters.member.{at}.ParameterValue"), value));
        }
        let arguments: Vec<(&str, &str)> = arguments.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.call("CreateStack", &arguments);
        let described = self.until(|described| !described.contains("_IN_PROGRESS</StackStatus>")).await;
        let is_made = described.contains("<StackStatus>CREATE_COMPLETE<");
        assert!(is_made, "{described}\n{}", self.call("DescribeStackEvents", &[]));
        let keys = between(&described, "OutputKey").into_iter().map(str::to_owned);
        keys.zip(between(&described, "OutputValue").into_iter().map(str::to_owned)).collect()
    }

    async fn until(&self, is_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..300 {
            let described = self.call("DescribeStacks", &[]);
            if is_so(&described) {
                return described;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}: not within 30 s: {}", self.stack, self.call("DescribeStackEvents", &[]))
    }
}

/// What stands in each element of a name.
fn between<'a>(text: &'a str, element: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    text.split(begin.as_str()).skip(1).filter_map(|rest| Some(rest.split_once(end.as_str())?.0)).collect()
}

#[tokio::test]
async fn without_the_operator_an_event_comes_to_the_inboxes_of_its_rules_and_messages_outlive_the_stack() {
    let emulated = emulated("eventing").await;
    let outputs = emulated.make(EVENTING, &[("Environment", "test")]).await;
    assert_eq!(outputs.len(), 4 + 4 * INBOXES.len(), "{outputs:?}");
    let output = |name: String| outputs.get(&name).unwrap_or_else(|| panic!("no output {name}")).clone();
    assert_eq!(output("EventBusName".into()), "qsl-core");

    let (aws, bus) = (emulated.aws(), BusName::parse("qsl-core").unwrap());
    let rules = aws.buses.rules(&bus, "").await.unwrap();
    let mut names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["client-updates", "journal-all", "payment-all", "workflow-all"]);
    for inbox in INBOXES {
        let queue = QueueName::parse(format!("qsl-{inbox}-inbox")).unwrap();
        let url = aws.queues.url(&queue).await.unwrap().unwrap();
        assert_eq!(output(format!("{inbox}InboxUrl")), url.0);
        let found = aws.queues.queue(&url).await.unwrap().unwrap().attributes;
        let redrive = found.redrive.unwrap();
        assert!(redrive.dead_letter.to_string().ends_with(&format!(":qsl-{inbox}-inbox-dlq")), "{redrive:?}");
        let policy = found.policy.unwrap();
        for part in ["QslSealed", &output(format!("{inbox}RedriveRoleArn"))] {
            assert!(policy.as_text().contains(part), "{queue}: {part} is not in {policy:?}");
        }
    }
    assert_eq!(aws.monitoring.alarms_under("qsl-test-").await.unwrap().len(), 32);

    let events = aws_sdk_eventbridge::Client::new(&emulated.config);
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name("qsl-core")
        .source("qsl.payment")
        .detail_type("Payment.Initiated.v1")
        .detail(r#"{"version": "v1"}"#);
    let answer = events.put_events().entries(entry.build()).send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 0, "{answer:?}");
    let sqs = aws_sdk_sqs::Client::new(&emulated.config);
    for inbox in INBOXES {
        let queue = sqs.receive_message().queue_url(output(format!("{inbox}InboxUrl"))).wait_time_seconds(10);
        let messages = queue.send().await.unwrap().messages.unwrap_or_default();
        assert_eq!(messages.len(), 1, "{inbox}: {messages:?}");
    }

    emulated.call("DeleteStack", &[]);
    for _ in 0..300 {
        if aws.buses.bus(&bus).await.unwrap().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(aws.buses.bus(&bus).await.unwrap().is_none(), "the bus outlives its stack");
    for inbox in INBOXES {
        for queue in [format!("qsl-{inbox}-inbox"), format!("qsl-{inbox}-inbox-dlq")] {
            let url = aws.queues.url(&QueueName::parse(queue).unwrap()).await.unwrap().unwrap();
            aws.queues.delete(&url).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_operators_role_and_the_boundary_are_made_and_the_chart_is_told_of_both() {
    let emulated = emulated("bootstrap").await;
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example/id/7");
    let given = [("OidcIssuer", "oidc.example/id/7"), ("OidcProviderArn", provider.as_str())];
    let outputs = emulated.make(BOOTSTRAP, &given).await;
    assert_eq!(outputs.get("OidcProviderArn"), Some(&provider));
    let role = outputs.get("OperatorRoleArn").unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let found = emulated.aws().roles.role(&role).await.unwrap().unwrap();
    let trust = found.trust.as_text().to_owned();
    for part in ["oidc.example/id/7:sub", "system:serviceaccount:qsl-system:qsl-operator", provider.as_str()] {
        assert!(trust.contains(part), "{part} is not in {trust}");
    }
    let policy = emulated.aws().roles.inline_policy(&role, "qsl-operator").await.unwrap().unwrap();
    let boundary = outputs.get("PermissionsBoundaryArn").unwrap();
    assert!(policy.as_text().contains(boundary.as_str()), "{boundary} is not in {policy:?}");
    emulated.call("DeleteStack", &[]);
}
