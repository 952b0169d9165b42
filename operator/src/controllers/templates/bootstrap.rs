//! `bootstrap.template.json`: the operator's role by `operator-policy.json`, and the boundary of the roles it makes.

use std::collections::BTreeSet;

use operator_core::{
    arn::{BusArn, KeyArn, OidcProviderArn, QueueArn},
    names::ROLES_PATH,
    owner::ServiceAccount,
    policy::{PolicyDocument, role},
};
use serde_json::{Value, json};

use super::read::Template;
use crate::controllers::tests::place;

const TEMPLATE: &str = include_str!("../../../../infra/aws/bootstrap.template.json");
const POLICY: &str = include_str!("../../../../infra/aws/operator-policy.json");
const BOUNDARY: &str = "arn:aws:iam::000000000000:policy/a-stack-Boundary";
const ISSUER: &str = "oidc.example/id/7";
const PROVIDER: &str = "arn:aws:iam::000000000000:oidc-provider/oidc.example/id/7";

fn template(given: &[(&str, &str)]) -> Template {
    let given = [&[("OidcIssuer", ISSUER)][..], given].concat();
    let mut template = Template::read(TEMPLATE, &given);
    template.stands_for("Boundary", &BOUNDARY);
    template.stands_for("OidcProvider", &PROVIDER);
    template
}

#[test]
fn the_operators_role_may_do_what_the_policy_beside_it_says() {
    let policies = template(&[]).properties("OperatorRole")["Policies"].clone();
    let place = place();
    let filled = POLICY
        .replace("${Region}", place.region.as_str())
        .replace("${AccountId}", place.account.as_str())
        .replace("${PermissionsBoundaryArn}", BOUNDARY);
    assert!(!filled.contains("${"), "{filled}");
    assert_eq!(PolicyDocument::new(policies[0]["PolicyDocument"].clone()), PolicyDocument::from_text(&filled));
    assert_eq!(policies.as_array().unwrap().len(), 1);
}

#[test]
fn the_operators_service_account_alone_takes_the_role_and_the_provider_is_made_where_none_is_given() {
    let operator = ServiceAccount { namespace: "qsl-system".into(), name: "qsl-operator".into() };
    let anothers = "arn:aws:iam::000000000000:oidc-provider/oidc.example/id/7/given";
    for (given, provider, made) in
        [(&[][..], PROVIDER, 1), (&[("OidcProviderArn", anothers), ("OidcIssuer", ISSUER)][..], anothers, 0)]
    {
        let template = template(given);
        assert_eq!(template.of_type("AWS::IAM::OIDCProvider").len(), made);
        let trust = template.properties("OperatorRole")["AssumeRolePolicyDocument"].clone();
        let trust = PolicyDocument::from_text(trust.as_str().unwrap());
        let mut place = place();
        place.oidc_provider = OidcProviderArn::parse(PROVIDER).unwrap();
        let expected = role::trust(&place, &BTreeSet::from([operator.clone()])).as_text().replace(PROVIDER, provider);
        assert_eq!(trust, PolicyDocument::from_text(&expected));
    }
    let provider = template(&[]).properties("OidcProvider");
    assert_eq!(provider, json!({"Url": format!("https://{ISSUER}"), "ClientIdList": ["sts.amazonaws.com"]}));
}

/// The pairs of action and service of a policy's resources.
fn allowed(policy: &Value) -> BTreeSet<(String, String)> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let mut allowed = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                let service = resource.as_str().unwrap().split(':').nth(2).unwrap().to_owned();
                allowed.insert((action.as_str().unwrap().to_owned(), service));
            }
        }
    }
    allowed
}

#[test]
fn the_boundary_allows_what_roles_of_the_operator_may_do_and_no_more() {
    let queue = |name: &str| QueueArn::parse(&format!("arn:aws:sqs:eu-central-1:000000000000:{name}")).unwrap();
    let (inbox, rejects) = (queue("ledger"), queue("ledger-dlq"));
    let queues = role::Inbox {
        inbox: &inbox,
        rejects: &rejects,
        dead_letters: &BTreeSet::from([rejects.clone()]),
        keys: &BTreeSet::from([KeyArn::parse("arn:aws:kms:eu-central-1:000000000000:key/k").unwrap()]),
    };
    let bus = BusArn::parse("arn:aws:events:eu-central-1:000000000000:event-bus/ferry").unwrap();
    let sources = BTreeSet::from(["qsl.coin".parse().unwrap(), "qsl.ferry.*".parse().unwrap()]);
    let made = [role::consumer(queues), role::redrive(queues), role::publisher(&bus, &sources)];
    let needed: BTreeSet<(String, String)> = made.iter().flat_map(|policy| allowed(&policy.to_value())).collect();
    let boundary = template(&[]).properties("Boundary")["PolicyDocument"].clone();
    assert_eq!(allowed(&boundary), needed);
    for statement in boundary["Statement"].as_array().unwrap() {
        let resource = statement["Resource"].as_str().unwrap();
        assert!(resource.contains(":eu-central-1:000000000000:"), "{resource} is of every account or Region");
    }
}

#[test]
fn the_operator_cannot_change_its_own_role() {
    let template = template(&[]);
    let role = template.properties("OperatorRole");
    assert_eq!((role.get("Path"), role.get("RoleName")), (None, None), "its path is /, which is not {ROLES_PATH}");
    let policy = &role["Policies"][0]["PolicyDocument"];
    let writes =
        ["iam:CreateRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PutRolePermissionsBoundary"];
    for statement in policy["Statement"].as_array().unwrap() {
        let actions: Vec<&str> =
            statement["Action"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if writes.iter().any(|write| actions.contains(write)) {
            let resource = statement["Resource"].as_str().unwrap();
            assert_eq!(resource, format!("arn:aws:iam::000000000000:role{ROLES_PATH}*"));
        }
    }
}
