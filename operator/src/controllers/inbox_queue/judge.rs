//! What keeps an inbox from being as its spec says although AWS would do it: a key that EventBridge cannot use, and a
//! retention by which messages would be lost. A person acts in AWS, where nothing wakes us, so it is looked at again.

use std::time::Duration;

use crds::{conditions::reason, names::ALLOW_EXPIRY};
use operator_core::{
    difference::Difference,
    inbox::{self, Desired, Expiring, Observed},
};

use crate::runner::Wait;

/// When to look again at a key, and at messages that grow fewer.
const AGAIN: Duration = Duration::from_mins(1);

/// Waits for a key that can be used. Nothing is encrypted with it before that: EventBridge does not retry what it may
/// not encrypt.
pub(super) fn key(desired: &Desired, observed: &Observed) -> Result<(), Wait> {
    inbox::judge_key(desired, observed.key.as_ref())
        .map_err(|problem| Wait::time(reason::KEY_NOT_USABLE, format!("spec.encryption.kmsKeyId: {problem}"), AGAIN))
}

/// What differs from the spec for who only looks: first a key that cannot be used.
pub(super) fn differences(desired: &Desired, observed: &Observed) -> Vec<Difference> {
    let in_the_way = key(desired, observed).err().map(|wait| Difference::unusable(wait.message));
    in_the_way.into_iter().chain(inbox::differences(observed, &inbox::plan(desired, observed))).collect()
}

/// Waits for messages whose time a retention that is still longer than the spec says keeps from running out.
pub(super) fn retention(observed: &Observed) -> Option<Wait> {
    let shortest = observed.expiring.values().map(|expiring| expiring.wanted_seconds).min()?;
    let what: Vec<String> = observed.expiring.values().map(Expiring::to_string).collect();
    let message = format!(
        "{}; wait until they are handled, or annotate the object {ALLOW_EXPIRY}={shortest} to lose them",
        what.join("; ")
    );
    Some(Wait::time(reason::MESSAGES_WOULD_EXPIRE, message, AGAIN))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{collections::BTreeSet, sync::Arc};

    use operator_core::{
        Claim, difference,
        fake::{FakeAws, FakeClock},
        inbox::with_key,
        names::InboxQueueName,
        owner::{Kind, Owner},
        tags::Tags,
    };

    use super::*;
    use crate::controllers::tests::place;

    fn desired() -> Desired {
        Desired {
            installation: Arc::new(place()),
            owner: Owner { kind: Kind::InboxQueue, namespace: "books".into(), name: "ledger".into(), uid: "1".into() },
            claim: Claim::Look,
            queue_name: InboxQueueName::parse("ledger").unwrap(),
            visibility_timeout_seconds: 30,
            retention_seconds: 60,
            allow_expiry: None,
            encryption: with_key("alias/none", 300).unwrap(),
            dead_letter_retention_seconds: 120,
            max_receive_count: 5,
            sealed: true,
            allowed_rule_arns: BTreeSet::new(),
            service_accounts: BTreeSet::new(),
            redrive_service_accounts: BTreeSet::new(),
            alarms: None,
            tags: Tags::new(),
        }
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_is_waited_for_and_told_to_who_only_looks() {
        let fake = FakeAws::new(&Arc::new(place()), &FakeClock::new());
        let desired = desired();
        let observed = inbox::observe(&fake.aws(), &desired).await.unwrap();
        let wait = key(&desired, &observed).unwrap_err();
        let expected = "spec.encryption.kmsKeyId: KMS key alias/none does not exist in Region eu-central-1";
        assert_eq!((wait.reason, wait.message.as_str()), (reason::KEY_NOT_USABLE, expected));
        let said = difference::sentence(&differences(&desired, &observed));
        assert!(said.starts_with(&format!("{expected}; queue ledger-dlq is not there")), "{said}");
    }
}
