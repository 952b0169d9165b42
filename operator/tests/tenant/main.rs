//! A tenant that may create every kind in its own namespace, and nothing elsewhere, tries to get an event of source
//! `qsl.payment` accepted by an inbox of bus `qsl-core`. What it tried and how each was refused is the snapshot beside
//! this file.
//!
//! Real are the API server with our webhooks, the four controllers (AWS is in memory and refuses what AWS refuses),
//! publication, the signature service over HTTP, and the consumer that judges what lies in the inbox ([`judge`]).
//! [`site`] is what the platform set up; [`tenant`] acts with the tenant's own token, never with more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod adoption;
mod caller;
mod documents;
mod grants;
mod judge;
mod messages;
mod objects;
mod parts;
mod rights;
mod signing;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tenant;

use site::Site;
use table::Table;
use tenant::Tenant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_gets_nothing_accepted_and_what_it_tried_is_listed() {
    let site = Site::start().await;
    let tenant = Tenant::of(&site).await;
    let mut table = Table::default();
    let captured = messages::rightful(&site, &mut table).await;
    let before = site.protected().await;
    for known in ["bus qsl-core", "queue qsl-treasury-inbox", "treasury/inbox_treasury", "published/keyset"] {
        assert!(before.contains_key(known), "{known}: {:?}", before.keys());
    }

    adoption::past_the_webhook(&site, &tenant, &mut table).await;
    objects::of_its_own(&site, &tenant, &mut table).await;
    objects::in_reach_of_others(&site, &tenant, &mut table).await;
    rights::elsewhere(&site, &tenant, &mut table).await;
    signing::with_tokens(&site, &tenant, &mut table).await;
    messages::captured(&site, &captured, &mut table).await;
    messages::of_its_own(&site, &tenant, &mut table).await;
    messages::past_eventbridge(&site, &tenant, &mut table).await;
    grants::asked_for_and_bent(&site, &tenant, &captured, &mut table).await;

    assert_eq!(site.protected().await, before, "what is in AWS, and what the root signed for others, is as it was");
    documents::written_by_hand(&site, &tenant, &captured, &mut table).await;
    objects::with_consent(&site, &tenant, &mut table).await;
    assert_eq!(site.treasury.accepted(), site.rightful(), "the inbox's application saw the rightful events alone");
    insta::assert_snapshot!(table);
}
