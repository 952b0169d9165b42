//! The configuration of an inbox and of a bus, as pods read it. Names, ARNs and addresses are computed, never read back
//! from a status.

use std::collections::BTreeSet;

use crds::{
    EventBus, InboxQueue, InboxQueueSpec,
    event_bus::{Publisher, Publishing},
    inbox_parts, inbox_queue,
};
use eventing::{
    config::{self, BusConfig, InboxConfig, PublisherConfig, ServicesConfig, Unsupported},
    types::{BusId, DetailType, QueueArn, Source},
};
use kube::ResourceExt as _;
use operator_core::{
    Installation,
    names::{BusName, InboxQueueName, QueueName, RolePurpose, role_name},
    owner::{Kind, Owner},
};

use super::key_sets::pattern;
use crate::keys::material::algorithm;

/// How often SQS lets a message be received for each attempt, and at most.
const RECEIVES_AN_ATTEMPT: u32 = 3;
const RECEIVES_AT_MOST: u32 = 1_000;

/// A spec that has no configuration, in words; its controller says it too.
#[derive(Debug, thiserror::Error)]
#[error("spec.{field}: {problem}")]
pub struct NoEntry {
    field: &'static str,
    problem: String,
}

fn no_entry(field: &'static str) -> impl Fn(&dyn std::fmt::Display) -> NoEntry {
    move |problem| NoEntry { field, problem: problem.to_string() }
}

/// What an inbox's consumers go by.
pub fn inbox(
    installation: &Installation,
    services: &ServicesConfig,
    inbox: &InboxQueue,
    buses: BTreeSet<BusId>,
) -> Result<InboxConfig, NoEntry> {
    let spec = &inbox.spec;
    let queue_name = InboxQueueName::of(&spec.queue_name, spec.fifo).map_err(|error| no_entry("queueName")(&error))?;
    let owner = owner(Kind::InboxQueue, inbox);
    let role = role_name(installation, &owner, &RolePurpose::Consume);
    let (queue, dead_letter) = (queue_name.queue(), queue_name.dead_letter());
    let max_attempts = unsigned(spec.max_attempts);
    Ok(InboxConfig {
        queue_url: queue_url(installation, &queue),
        queue_arn: queue_arn(installation, &queue)?,
        fifo: queue_name.is_fifo(),
        dead_letter_queue_url: queue_url(installation, &dead_letter),
        dead_letter_queue_arn: queue_arn(installation, &dead_letter)?,
        role_arn: installation.role_arn(&owner, &role).to_string(),
        region: installation.region.to_string(),
        buses: buses.into_iter().collect(),
        verification: verification(&spec.verification),
        forward: forward(&spec.forward)?,
        deduplication: deduplication(&spec.deduplication),
        max_attempts,
        max_receive_count: max_attempts.saturating_mul(RECEIVES_AN_ATTEMPT).min(RECEIVES_AT_MOST),
        visibility_timeout_seconds: unsigned(spec.visibility_timeout_seconds),
        message_retention_seconds: unsigned(spec.message_retention_seconds),
        consuming: match spec.consuming {
            inbox_queue::Consuming::Enabled => config::Consuming::Enabled,
            inbox_queue::Consuming::Paused => config::Consuming::Paused,
        },
        services: services.clone(),
    })
}

/// What of an inbox's spec consumers of this version cannot do.
pub fn unsupported(spec: &InboxQueueSpec) -> Vec<Unsupported> {
    let Ok(forward) = forward(&spec.forward) else { return Vec::new() };
    config::unsupported(&forward)
}

/// The namespaces that publish on a bus.
pub fn publishing_namespaces(bus: &EventBus) -> BTreeSet<String> {
    let own = bus.namespace().unwrap_or_default();
    bus.spec.publishers.iter().map(|publisher| namespace_of(publisher, &own)).collect()
}

/// Whether the bus names the service account among its publishers.
pub fn is_publisher(bus: &EventBus, namespace: &str, service_account: &str) -> bool {
    let own = bus.namespace().unwrap_or_default();
    let mut publishers = bus.spec.publishers.iter();
    publishers.any(|one| one.service_account_ref.name == service_account && namespace_of(one, &own) == namespace)
}

/// What the publishers of one namespace go by.
pub fn bus(
    installation: &Installation,
    services: &ServicesConfig,
    bus: &EventBus,
    namespace: &str,
) -> Result<BusConfig, NoEntry> {
    let own = bus.namespace().unwrap_or_default();
    let name = BusName::parse(bus.spec.bus_name.clone()).map_err(|error| no_entry("busName")(&error))?;
    let owner = owner(Kind::EventBus, bus);
    let there = bus.spec.publishers.iter().filter(|publisher| namespace_of(publisher, &own) == namespace);
    let publishers = there.map(|publisher| {
        let service_account = publisher.service_account_ref.name.clone();
        let purpose =
            RolePurpose::Publish { namespace: namespace.to_owned(), service_account: service_account.clone() };
        let role = role_name(installation, &owner, &purpose);
        PublisherConfig {
            service_account,
            sources: publisher.sources.iter().filter_map(|source| pattern(source)).collect(),
            role_arn: installation.role_arn(&owner, &role).to_string(),
        }
    });
    Ok(BusConfig {
        bus_name: name.to_string(),
        bus_arn: installation.bus_arn(&name).to_string(),
        region: installation.region.to_string(),
        publishing: match bus.spec.publishing {
            Publishing::Enabled => config::Publishing::Enabled,
            Publishing::Disabled => config::Publishing::Disabled,
        },
        publishers: publishers.collect(),
        services: services.clone(),
    })
}

fn namespace_of(publisher: &Publisher, own: &str) -> String {
    publisher.service_account_ref.namespace.clone().unwrap_or_else(|| own.to_owned())
}

fn owner<K: crds::Eventing>(kind: Kind, object: &K) -> Owner {
    Owner {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    }
}

fn queue_url(installation: &Installation, name: &QueueName) -> String {
    let suffix = if installation.partition.as_str() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{}.{suffix}/{}/{name}", installation.region, installation.account)
}

fn queue_arn(installation: &Installation, name: &QueueName) -> Result<QueueArn, NoEntry> {
    QueueArn::parse(&installation.queue_arn(name).to_string()).map_err(|error| no_entry("queueName")(&error))
}

fn verification(spec: &inbox_parts::Verification) -> config::VerificationConfig {
    config::VerificationConfig {
        allowed_algorithms: spec.allowed_algorithms.iter().map(|allowed| algorithm(*allowed)).collect(),
        skew_seconds: unsigned(spec.skew_seconds),
        clock: match spec.clock {
            inbox_parts::Clock::SentTimestamp => config::Clock::SentTimestamp,
            inbox_parts::Clock::Receive => config::Clock::Receive,
        },
        require_envelope_hash: spec.require_envelope_hash,
    }
}

fn forward(spec: &inbox_parts::Forward) -> Result<config::ForwardConfig, NoEntry> {
    Ok(config::ForwardConfig {
        routes: spec.routes.iter().map(route).collect::<Result<_, _>>()?,
        unrouted: match spec.unrouted {
            inbox_parts::Unrouted::DeadLetter => config::Unrouted::DeadLetter,
            inbox_parts::Unrouted::Acknowledge => config::Unrouted::Acknowledge,
        },
        format: match spec.format {
            inbox_parts::Format::Envelope => config::Format::Envelope,
            inbox_parts::Format::CloudEventsBinary => config::Format::CloudEventsBinary,
            inbox_parts::Format::CloudEventsStructured => config::Format::CloudEventsStructured,
            inbox_parts::Format::DetailCore => config::Format::DetailCore,
        },
        timeout_seconds: unsigned(spec.timeout_seconds),
        max_in_flight: unsigned(spec.max_in_flight),
        wait_time_seconds: unsigned(spec.wait_time_seconds),
        backoff: config::BackoffConfig {
            initial_seconds: unsigned(spec.backoff.initial_seconds),
            max_seconds: unsigned(spec.backoff.max_seconds),
        },
        batch: spec.batch.as_ref().map(|batch| config::BatchConfig {
            max_events: unsigned(batch.max_events),
            max_wait_milliseconds: unsigned(batch.max_wait_milliseconds),
        }),
    })
}

fn route(spec: &inbox_parts::Route) -> Result<config::Route, NoEntry> {
    let wrong = no_entry("forward.routes");
    Ok(config::Route {
        source: spec.source.as_deref().map(Source::parse).transpose().map_err(|error| wrong(&error))?,
        detail_type: spec.detail_type.as_deref().map(DetailType::parse).transpose().map_err(|error| wrong(&error))?,
        path: spec.path.clone(),
    })
}

fn deduplication(spec: &inbox_parts::Deduplication) -> config::DeduplicationConfig {
    config::DeduplicationConfig {
        keys: spec.keys.clone(),
        ttl_seconds: unsigned(spec.ttl_seconds),
        store: match spec.store {
            inbox_parts::DeduplicationStore::Memory => config::Store::Memory,
            inbox_parts::DeduplicationStore::Journal => config::Store::Journal,
        },
        when_unavailable: match spec.when_unavailable {
            inbox_parts::WhenUnavailable::Wait => config::WhenUnavailable::Wait,
            inbox_parts::WhenUnavailable::DeliverAnyway => config::WhenUnavailable::DeliverAnyway,
        },
    }
}

/// The schema lets no negative number in.
fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
