//! Inboxes whose policies have no room for a rule: only fewer rules, or another inbox, can help. The rule's other
//! targets are put all the same.

use crds::{InboxQueue, conditions::reason};
use operator_core::arn::RuleArn;

use crate::{controllers::world::full_name, runner::Terminal};

/// What is said of a rule with those parts, if an inbox that it targets says that it has no room for them.
pub(super) fn without_room<'a>(
    parts: &[RuleArn],
    inboxes: impl IntoIterator<Item = &'a InboxQueue>,
) -> Option<Terminal> {
    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let is_full = |inbox: &&InboxQueue| {
        let refused = inbox.status.as_ref().map(|status| status.rules_without_room.as_slice()).unwrap_or_default();
        refused.iter().any(|arn| parts.contains(arn))
    };
    let full: Vec<String> = inboxes.into_iter().filter(is_full).map(full_name).collect();
    (!full.is_empty()).then(|| Terminal {
        reason: reason::NO_ROOM,
        message: format!(
            "spec.targets: the policies of InboxQueue {} have no room for this rule: SQS takes 8,192 bytes (about 70 rules, \
             about 35 where the inbox is sealed), and older rules fill them; let fewer rules target the inbox, join their \
             patterns to one rule, or target another inbox",
            full.join(" and of InboxQueue ")
        ),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::controllers::tests::object;

    #[test]
    fn the_inboxes_without_room_are_named_and_others_are_not() {
        let part = |name: &str| format!("arn:aws:events:eu-central-1:000000000000:rule/ferry/{name}");
        let inbox = |name: &str, refused: &[&str]| {
            let mut inbox: InboxQueue = object("InboxQueue", "books", name, &json!({"queueName": name}));
            let refused: Vec<String> = refused.iter().map(|name| part(name)).collect();
            inbox.status = Some(serde_json::from_value(json!({"rulesWithoutRoom": refused})).unwrap());
            inbox
        };
        let inboxes = [inbox("one", &["coins-2"]), inbox("two", &["notes"]), inbox("three", &["coins", "coins-2"])];
        let parts: Vec<RuleArn> = ["coins", "coins-2"].iter().map(|name| part(name).parse().unwrap()).collect();
        let terminal = without_room(&parts, &inboxes).unwrap();
        assert!(terminal.message.contains("InboxQueue books/one and of InboxQueue books/three"), "{terminal}");
        assert_eq!(terminal.reason, reason::NO_ROOM);
        assert_eq!(without_room(&parts, inboxes.get(1)), None);
        assert_eq!(without_room(&[], &inboxes), None);
    }
}
