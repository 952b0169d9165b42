//! What is put into treasury's queue: genuine events bent and repeated, and events of the tenant's own making.

use std::time::Duration;

use eventing::{
    algorithm::Algorithm,
    attributes::Attributes,
    compact::{Compact, Typ},
    envelope::Trace,
    signing::{EventFacts, PrivateKey, sign_event},
    time::{Micros, Millis},
    types::{DetailType, Jti, Kid, Resource, Source},
};
use serde_json::{Value, json};

use crate::{
    caller::{delivered, delivery},
    judge::{Verdict, before},
    site::{CORE, Site, TREASURY_ARN},
    support::place,
    table::Table,
    tenant::Tenant,
};

/// Later than any inbox of here takes an event.
pub const LATE: Duration = Duration::from_secs(301);

/// A genuine event, as somebody saw it pass.
pub struct Captured {
    pub body: String,
    pub ts: Millis,
}

impl Captured {
    /// When it would come too late.
    pub fn late(&self) -> Millis {
        before(self.ts, LATE)
    }
}

/// The rightful flow; the tenant saw the event.
pub async fn rightful(site: &Site, table: &mut Table) -> Captured {
    let body = site.signed_by_the_payment_service("p-7").await;
    let verdict = site.deliver(&body).await;
    assert_eq!(verdict, Verdict::Accepted);
    table.control("an event that the payment service signed, in treasury's inbox", verdict);
    let event: Value = serde_json::from_str(&body).unwrap();
    let compact = Compact::split(event["detail"]["sig_compact"].as_str().unwrap()).unwrap();
    Captured { ts: compact.header(Typ::Event).unwrap().ts.millis(), body }
}

/// Genuine events bent, and put again.
pub async fn captured(site: &Site, captured: &Captured, table: &mut Table) {
    let bent = |change: &dyn Fn(&mut Value)| {
        let mut event: Value = serde_json::from_str(&captured.body).unwrap();
        change(&mut event);
        event.to_string()
    };
    for (tried, body) in [
        ("another amount", bent(&|event| event["detail"]["detailCore"]["amount"] = json!(9_999))),
        ("another detail-type", bent(&|event| event["detail-type"] = json!("Payment.Settled.v1"))),
        ("another user", bent(&|event| event["detail"]["trace"]["userId"] = json!("u-mallory"))),
        ("another source", bent(&|event| event["source"] = json!("qsl.workflow"))),
        ("another id", bent(&|event| event["id"] = json!("another"))),
        ("its signature taken off", bent(&|event| event["detail"]["sig_compact"] = Value::Null)),
    ] {
        let verdict = site.treasury.put(&body, Attributes::new(), Millis::now()).await;
        table.verdict(&format!("A captured event with {tried}"), &verdict);
    }
    let verdict = site.treasury.put(&captured.body, Attributes::new(), captured.late()).await;
    table.verdict("A captured event outside the skew", &verdict);
    let claimed = Attributes::from_iter([("qsl.sentAt", captured.ts.0.to_string())]);
    let verdict = site.treasury.put(&captured.body, claimed, captured.late()).await;
    table.verdict("The same with the attribute qsl.sentAt", &verdict);
}

/// Events signed by whatever the tenant can sign with.
pub async fn of_its_own(site: &Site, tenant: &Tenant, table: &mut Table) {
    for (bus, what) in [("guest/own", "its own bus"), ("guest/borrowed", "its bus called qsl-core that was refused")] {
        let (status, answer) = tenant.caller.sign(&tenant.token, bus, "p-666").await;
        assert_eq!(status, 200, "{answer}");
        let verdict = site.treasury.put_lain(&delivered(&answer)).await;
        table.verdict(&format!("An event of qsl.payment that was signed for {what}"), &verdict);
    }
    let kids = site.kids(CORE).await;
    for (kid, tried) in [(kids.signing, "qsl-core's kid"), (kids.granting, "qsl-core's grant kid")] {
        let verdict = site.treasury.put_lain(&forged(&kid)).await;
        table.verdict(&format!("An event signed by a key made at home, under {tried}"), &verdict);
    }
}

/// An event signed by a key that nobody knows, under that kid.
fn forged(kid: &Kid) -> String {
    let facts = EventFacts {
        source: &Source::parse("qsl.payment").unwrap(),
        detail_type: &DetailType::parse("Payment.Initiated.v1").unwrap(),
        resource: &Resource::parse("urn:qsl:paymentgateway:payment:p-666").unwrap(),
        trace: &Trace::new("c-1".parse().unwrap()),
        detail_core: &json!({"paymentId": "p-666", "amount": 9_999}).to_string(),
    };
    let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
    let key = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    delivery(&sign_event(&key, kid, facts, jti, Micros::now()).unwrap().detail)
}

/// The ways into the queue, in AWS.
pub async fn past_eventbridge(site: &Site, _: &Tenant, table: &mut Table) {
    let aws = site.fake.aws();
    let url = aws.queues.url(&"qsl-treasury-inbox".parse().unwrap()).await.unwrap().unwrap();
    let facts = aws.queues.queue(&url).await.unwrap().unwrap();
    let policy = facts.attributes.policy.unwrap();
    let sends = |source: &str, principal: &str| judged(&policy.statements(), source, principal);
    let rule = |name: &str| format!("arn:aws:events:eu-central-1:000000000000:rule/{name}");
    let role = "arn:aws:iam::000000000000:role/guest";
    assert_eq!(sends(&rule("qsl-core/payment-all"), ""), "allowed by QslRules");
    assert_eq!(facts.arn.to_string(), TREASURY_ARN);
    table.control("SendMessage by qsl-core's rule", sends(&rule("qsl-core/payment-all"), ""));
    for (tried, source, principal) in [
        ("SendMessage to treasury's queue by a role of the same account", "", role),
        ("SendMessage by a rule of its own bus", &*rule("guest-bus/own-all"), ""),
    ] {
        let outcome = sends(source, principal);
        assert!(outcome.starts_with("denied"), "{tried}: {outcome}");
        table.row(tried, outcome);
    }
    let policies = site.fake.things().into_iter().filter(|(name, (tags, _))| {
        name.starts_with("role ")
            && tags.get("eventing.qsl.dev/namespace").is_some_and(|namespace| namespace == "guest")
    });
    let of_roles: Vec<String> = policies.map(|(_, (_, text))| text).collect();
    let core = place().bus_arn(&"qsl-core".parse().unwrap()).to_string();
    assert!(!of_roles.is_empty() && of_roles.iter().all(|text| !text.contains(&core)), "{of_roles:?}");
    table.row("PutEvents on qsl-core by a role of its own publishers", "not among what the roles allow");
}

/// What a queue's policy says to SendMessage by this source and this principal of the same account, which may by its own
/// policies.
fn judged(statements: &[Value], source: &str, principal: &str) -> String {
    let listed = |value: &Value, one: &str| match value {
        Value::Array(all) => all.iter().any(|value| value == one),
        value => value == one,
    };
    let asked = [("aws:SourceArn", source), ("aws:PrincipalArn", principal)];
    let holds = |statement: &Value| {
        let conditions = statement.get("Condition").and_then(Value::as_object).cloned().unwrap_or_default();
        conditions.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, values)| {
                let (_, is) = asked.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).expect("a key of ours");
                match operator.as_str() {
                    "ArnEquals" => listed(values, is),
                    "ArnNotEquals" => !listed(values, is),
                    other => panic!("an operator that is not ours: {other}"),
                }
            })
        })
    };
    let of = |effect: &str| statements.iter().filter(|statement| statement["Effect"] == effect).find(|one| holds(one));
    let sid = |statement: &Value| statement["Sid"].as_str().unwrap_or_default().to_owned();
    match (of("Deny"), of("Allow")) {
        (Some(statement), _) => format!("denied by {}", sid(statement)),
        (None, Some(statement)) => format!("allowed by {}", sid(statement)),
        (None, None) => "allowed by the principal's own policies".to_owned(),
    }
}
