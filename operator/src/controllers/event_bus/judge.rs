//! What keeps a bus from being as its spec says although AWS would do it: a key, or a dead-letter queue, that EventBridge
//! cannot use. A person acts in AWS, where nothing wakes us, so it is looked at again.

use std::time::Duration;

use crds::conditions::reason;
use operator_core::{
    bus::{self, Desired, Observed, Obstacle},
    difference::Difference,
};

use crate::runner::{Failure, Wait};

/// When to look again at a key or a queue.
const AGAIN: Duration = Duration::from_mins(1);

/// What is waited for; a failure where AWS does not let the operator see what it is.
pub(super) fn obstacle(obstacle: &Obstacle) -> Result<Wait, Failure> {
    let reference = |reason| {
        let wait = Wait::reference(reason, format!("spec.deadLetter.queueArn: {obstacle}"));
        Wait { again: Some(AGAIN), ..wait }
    };
    Ok(match obstacle {
        Obstacle::Key(problem) => Wait::time(reason::KEY_NOT_USABLE, format!("spec.kmsKeyId: {problem}"), AGAIN),
        Obstacle::DeadLetterMissing(_) => reference(reason::REF_NOT_FOUND),
        Obstacle::DeadLetterRefuses { .. } => reference(reason::REF_NOT_PERMITTED),
        Obstacle::Unknown(error) => return Err(error.clone().into()),
    })
}

/// What differs from the spec for who only looks: first what is in the way, for which the plan leaves things as they are.
pub(super) fn differences(desired: &Desired, observed: &Observed) -> Result<Vec<Difference>, Failure> {
    let in_the_way = observed.obstacle.as_ref().map(obstacle).transpose()?;
    let in_the_way = in_the_way.map(|wait| Difference::unusable(wait.message));
    Ok(in_the_way.into_iter().chain(bus::differences(observed, &bus::plan(desired, observed))).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use operator_core::{
        Claim, difference,
        error::{AwsError, ErrorClass},
        fake::{FakeAws, FakeClock},
        policy::PolicyDocument,
        ports::KeyFacts,
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::{
        event_bus::{dereference::Referenced, validate},
        tests::{object, place},
    };

    const KEY: &str = "arn:aws:kms:eu-central-1:000000000000:key/k";

    fn desired(spec: &Value) -> Desired {
        let mut whole = json!({"busName": "core"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let object = object("EventBus", "platform", "core", &whole);
        validate::validate(&Arc::new(place()), Claim::Own, &object, &Referenced::default()).unwrap()
    }

    /// What is seen of a bus whose policy of `alias/ledger` lets nobody in.
    async fn observed(desired: &Desired, key: impl FnOnce(&mut KeyFacts)) -> Observed {
        let fake = FakeAws::new(&Arc::new(place()), &FakeClock::new());
        let mut facts = KeyFacts { arn: KEY.parse().unwrap(), aws_managed: false, enabled: true, symmetric: true };
        key(&mut facts);
        fake.set_key(&facts, &"alias/ledger".parse().unwrap(), &PolicyDocument::new(json!({"Statement": []})));
        bus::observe(&fake.aws(), desired).await.unwrap()
    }

    /// What is said of a bus with this key: condition, reason and message.
    async fn said(spec: Value, key: impl FnOnce(&mut KeyFacts)) -> String {
        let observed = observed(&desired(&spec), key).await;
        let Wait { condition, reason, message, again } = obstacle(&observed.obstacle.unwrap()).unwrap();
        assert_eq!(again, Some(AGAIN), "nothing else wakes it");
        format!("{condition} {reason} {message}")
    }

    #[tokio::test]
    async fn a_key_that_eventbridge_cannot_use_is_waited_for_and_no_right_of_the_operator_is_blamed() {
        let spec = |key: &str| json!({"kmsKeyId": key});
        for (text, expected) in [
            (said(spec(KEY), |_| ()).await, "does not let events.amazonaws.com use it"),
            (said(spec("alias/ledger"), |key| key.enabled = false).await, "is disabled"),
            (said(spec("alias/ledger"), |key| key.aws_managed = true).await, "is AWS's own"),
            (said(spec("alias/none"), |_| ()).await, "does not exist"),
        ] {
            assert!(text.starts_with("Ready KeyNotUsable spec.kmsKeyId: KMS key "), "{text}");
            assert!(text.contains(expected) && !text.contains("lacks"), "{expected}: {text}");
        }
    }

    #[tokio::test]
    async fn a_dead_letter_queue_is_a_reference_that_is_waited_for() {
        let spec = json!({"deadLetter": {"queueArn": "arn:aws:sqs:eu-central-1:000000000000:lost"}});
        let text = said(spec, |_| ()).await;
        let expected = "ReferencesResolved RefNotFound spec.deadLetter.queueArn: dead-letter queue arn:aws:sqs:eu-central-1\
                        :000000000000:lost does not exist";
        assert_eq!(text, expected);
        let queue = "arn:aws:sqs:eu-central-1:000000000000:lost".parse().unwrap();
        let refuses = Obstacle::DeadLetterRefuses { queue, statement: json!({"Effect": "Allow"}) };
        let Wait { condition, reason, message, .. } = obstacle(&refuses).unwrap();
        assert_eq!((condition, reason), ("ReferencesResolved", "RefNotPermitted"));
        assert!(message.ends_with(r#"{"Effect":"Allow"}"#) && !message.contains("lacks"), "{message}");
    }

    #[tokio::test]
    async fn who_only_looks_is_told_what_is_in_the_way_although_nothing_is_planned() {
        let desired = desired(&json!({"kmsKeyId": "alias/ledger"}));
        let observed = observed(&desired, |key| key.enabled = false).await;
        assert_eq!(bus::plan(&desired, &observed), []);
        let said = difference::sentence(&differences(&desired, &observed).unwrap());
        assert_eq!(said, "spec.kmsKeyId: KMS key alias/ledger is disabled, or about to be deleted: enable it");
    }

    #[test]
    fn what_the_operator_itself_may_not_see_is_its_own_lack() {
        let denied = AwsError::new(ErrorClass::Denied, "KMS", "GetKeyPolicy", "AccessDeniedException: no");
        let failure = obstacle(&Obstacle::Unknown(denied)).unwrap_err();
        assert_eq!(failure.class(), "Denied");
        assert!(failure.to_string().contains("lacks kms:GetKeyPolicy"), "{failure}");
    }
}
