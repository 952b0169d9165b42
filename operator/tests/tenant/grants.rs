//! Grants: leave to send a message again, for its own inbox at most.

use eventing::{attributes::Attributes, time::Millis};
use serde_json::{Value, json};

use crate::{
    caller::{delivered, delivery},
    messages::Captured,
    site::{Site, TREASURY_ARN},
    table::Table,
    tenant::Tenant,
};

pub async fn asked_for_and_bent(site: &Site, tenant: &Tenant, captured: &Captured, table: &mut Table) {
    let caller = &tenant.caller;
    let (now, token) = (Millis::now(), &tenant.token);
    for (tried, inbox, purpose) in [
        ("A grant to redrive a captured event to treasury's inbox", "treasury/treasury", "redrive"),
        ("The same to replay it", "treasury/treasury", "replay"),
        ("A grant for its inbox that claims treasury's queue", "guest/fake", "replay"),
        ("A grant for its own inbox, of a captured event", "guest/listener", "replay"),
    ] {
        table.http(tried, caller.grant(token, inbox, purpose, captured.ts, &captured.body).await);
    }
    let (status, answer) = caller.sign(token, "guest/own", "p-granted").await;
    assert_eq!(status, 200, "{answer}");
    let own = delivered(&answer);
    let (status, granted) = caller.grant(token, "guest/listener", "replay", now, &own).await;
    assert_eq!((status, &granted["queueArn"]), (200, &json!("arn:aws:sqs:eu-central-1:000000000000:guest-listener")));
    table.control("a grant for its own inbox, of its own event", status);
    let grant = granted["grant"].as_str().unwrap();

    let with = |grant: &str, sent_at: Millis| {
        Attributes::from_iter([("qsl.grant", grant.to_owned()), ("qsl.sentAt", sent_at.0.to_string())])
    };
    let verdict = site.treasury.put(&captured.body, with(grant, captured.ts), captured.late()).await;
    table.verdict("That grant on a captured event outside the skew", &verdict);
    let mut event: Value = serde_json::from_str(&own).unwrap();
    event["detail"]["sig_compact"] = json!(grant);
    table.verdict("That grant as an event's signature", &site.treasury.put_lain(&event.to_string()).await);
    let verdict = site.treasury.put(&own, with(grant, now), crate::judge::before(now, crate::judge::LAIN)).await;
    table.verdict("Its own event with that grant", &verdict);

    // What a grant says, signed as an event's body.
    let facts =
        json!({"inbox": TREASURY_ARN, "purpose": "replay", "sentAt": captured.ts, "bodySha256": hash(&captured.body)});
    let (status, answer) = caller.sign_core(token, "guest/own", &facts).await;
    assert_eq!(status, 200, "{answer}");
    let detail = &answer["events"][0]["detail"];
    assert!(delivery(detail).contains("bodySha256"));
    let as_grant = detail["sig_compact"].as_str().unwrap();
    let verdict = site.treasury.put(&captured.body, with(as_grant, captured.ts), captured.late()).await;
    table.verdict("A grant that was asked for as an event, on a captured event outside the skew", &verdict);
}

fn hash(body: &str) -> String {
    use sha2::Digest as _;
    eventing::compact::b64url(&sha2::Sha256::digest(body.as_bytes()))
}
