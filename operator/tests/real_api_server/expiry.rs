//! Objects that are to last for a while.

use std::time::Duration;

use crds::{InboxQueue, conditions::SYNCED, conditions::reason, names::EXPIRES_AT};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use operator_core::{names::QueueName, ports::Counts};

use crate::{
    lifecycle::INBOX,
    rig::{Case, eventually, rig},
};

fn expiring(at: &str) -> String {
    INBOX.replace("namespace: $books}", &format!("namespace: $books, annotations: {{{EXPIRES_AT}: '{at}'}}}}"))
}

fn in_seconds(seconds: i64) -> String {
    Timestamp::now().saturating_add(SignedDuration::from_secs(seconds)).unwrap().to_string()
}

#[tokio::test]
async fn an_object_is_deleted_at_its_time_with_what_it_holds_and_not_before() {
    let case = Case::new().await;
    case.apply(&expiring(&in_seconds(3600))).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let holding = Counts { visible: 4, ..Counts::default() };
    rig().fake.set_counts(&QueueName::parse(case.named("ledger")).unwrap(), holding);
    let lasting = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    assert!(lasting.metadata.deletion_timestamp.is_none());

    // Nothing but the clock wakes the operator for it: the operator's own interval is an hour.
    let soon = in_seconds(3);
    case.annotate::<InboxQueue>("books", "ledger", EXPIRES_AT, &soon).await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    assert!(Timestamp::now() >= soon.parse::<Timestamp>().unwrap(), "not before its time");
    assert_eq!(case.things(), Vec::<String>::new(), "the messages kept nothing");
}

#[tokio::test]
async fn a_time_that_is_none_keeps_the_object_and_is_warned_of() {
    let case = Case::new().await;
    case.apply(&expiring("in an hour")).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let events: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(case.client.clone(), &case.namespace("books"));
    eventually("a warning names the annotation", || async {
        let found = events.list(&kube::api::ListParams::default()).await.map_err(|error| error.to_string())?;
        let told = found.items.iter().any(|event| {
            let note = event.note.as_deref().unwrap_or_default();
            event.type_.as_deref() == Some("Warning") && note.contains(EXPIRES_AT) && note.contains("'in an hour'")
        });
        if told { Ok(()) } else { Err(format!("{} events", found.items.len())) }
    })
    .await;
    assert!(case.api::<InboxQueue>("books").get("ledger").await.unwrap().metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn a_paused_object_outlasts_its_time() {
    let case = Case::new().await;
    let paused =
        expiring(&in_seconds(-60)).replace("annotations: {", "annotations: {eventing.qsl.dev/paused: 'true', ");
    case.apply(&paused).await;
    case.until::<InboxQueue>("books", "ledger", SYNCED, "False", reason::RECONCILE_PAUSED).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(case.api::<InboxQueue>("books").get("ledger").await.unwrap().metadata.deletion_timestamp.is_none());
    case.annotate::<InboxQueue>("books", "ledger", crds::names::PAUSED, "false").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
}
