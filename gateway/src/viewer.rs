//! Who asks, and what they may see. Decided event by event, from signed facts alone.

use std::collections::HashSet;

use eventing_http::DeadLetterReport;
use serde::{Deserialize, Serialize};

use crate::event::{Event, ShortKey};

/// The stage of a dead letter whose body did not verify.
const VERIFY: &str = "verify";

/// How far somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// Their own events.
    Own,
    /// Their tenant's.
    Tenant,
    /// All, those with an unsigned envelope too.
    All,
}

/// The scope that shows a tenant's events.
pub const TENANT_SCOPE: &str = "events:tenant";
/// The scope that shows all.
pub const OPERATOR_SCOPE: &str = "events:operator";

/// Somebody whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The user.
    pub user: String,
    /// The tenant, if the token names one.
    pub tenant: Option<String>,
    /// How far they see.
    pub reach: Reach,
    /// When the token ends, in seconds since 1970.
    pub expires: i64,
}

impl Viewer {
    /// How far these scopes let somebody see.
    pub fn reach_of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Reach {
        scopes.into_iter().fold(Reach::Own, |reach, scope| {
            reach.max(match scope {
                OPERATOR_SCOPE => Reach::All,
                TENANT_SCOPE => Reach::Tenant,
                _ => Reach::Own,
            })
        })
    }

    /// Whether they may see the event. What an unsigned envelope says of user and tenant proves nothing, so such an
    /// event is for operators alone.
    pub fn may_see(&self, event: &Event) -> bool {
        if self.reach == Reach::All {
            return true;
        }
        let same = |mine: Option<&str>, theirs: Option<&str>| mine.is_some_and(|mine| theirs == Some(mine));
        let own = same(Some(&self.user), event.user_id.as_deref());
        let tenants = self.reach == Reach::Tenant && same(self.tenant.as_deref(), event.tenant_id.as_deref());
        event.envelope_verified && (own || tenants)
    }

    /// Whether they may see a dead letter of a correlation of which they see these events. One is shown with its event;
    /// one of a body that did not verify names a correlation as anybody could have, so it is for operators alone.
    pub fn may_see_dead_letter(&self, dead_letter: &DeadLetterReport, seen: &HashSet<ShortKey>) -> bool {
        match dead_letter.event_key {
            Some(key) if dead_letter.stage != VERIFY => seen.contains(&ShortKey::of(key)),
            _ => self.reach == Reach::All,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::ShortKey;

    pub(crate) fn event(user: Option<&str>, tenant: Option<&str>, envelope_verified: bool) -> Event {
        Event {
            key: ShortKey::of(eventing::types::EventKey([7; 32])),
            position: Some(1),
            correlation_id: "line-7".into(),
            user_id: user.map(Into::into),
            tenant_id: tenant.map(Into::into),
            envelope_verified,
            traceparent: None,
            json: crate::sse::Json::of(&serde_json::json!({})).unwrap(),
            received: std::time::Instant::now(),
        }
    }

    pub(crate) fn viewer(user: &str, tenant: Option<&str>, reach: Reach) -> Viewer {
        Viewer { user: user.to_owned(), tenant: tenant.map(str::to_owned), reach, expires: i64::MAX }
    }

    #[test]
    fn each_sees_what_their_scope_and_the_signed_facts_allow() {
        let own = event(Some("ada"), Some("north"), true);
        let colleagues = event(Some("ben"), Some("north"), true);
        let strangers = event(Some("cleo"), Some("south"), true);
        let nobodys = event(None, None, true);
        let forged = event(Some("ada"), Some("north"), false);
        let all = [&own, &colleagues, &strangers, &nobodys, &forged];
        let sees = |viewer: Viewer| all.map(|event| viewer.may_see(event));
        assert_eq!(sees(viewer("ada", Some("north"), Reach::Own)), [true, false, false, false, false]);
        assert_eq!(sees(viewer("ada", Some("north"), Reach::Tenant)), [true, true, false, false, false]);
        assert_eq!(sees(viewer("ada", None, Reach::Tenant)), [true, false, false, false, false]);
        assert_eq!(sees(viewer("op", None, Reach::All)), [true; 5]);
    }

    #[test]
    fn a_dead_letter_is_shown_with_its_event_and_one_that_did_not_verify_to_operators() {
        let dead_letter = |stage: &str, key: Option<u8>| DeadLetterReport {
            inbox: "depot/arrivals".parse().unwrap(),
            code: "X".to_owned(),
            stage: stage.to_owned(),
            attempts: 1,
            failed_at: 7,
            event_key: key.map(|name| eventing::types::EventKey([name; 32])),
            claimed_correlation_id: None,
        };
        let seen = [ShortKey::of(eventing::types::EventKey([7; 32]))].into();
        let all = [
            dead_letter("handle", Some(7)),
            dead_letter("route", Some(7)),
            dead_letter("handle", Some(8)),
            dead_letter("verify", None),
            dead_letter("verify", Some(7)),
        ];
        let shows = |reach| all.each_ref().map(|one| viewer("ada", None, reach).may_see_dead_letter(one, &seen));
        assert_eq!(shows(Reach::Own), [true, true, false, false, false]);
        assert_eq!(shows(Reach::Tenant), [true, true, false, false, false]);
        assert_eq!(shows(Reach::All), [true, true, false, true, true]);
    }

    #[test]
    fn scopes_add_up_and_unknown_ones_do_nothing() {
        assert_eq!(Viewer::reach_of([]), Reach::Own);
        assert_eq!(Viewer::reach_of(["openid", "events:tenants"]), Reach::Own);
        assert_eq!(Viewer::reach_of(["openid", "events:tenant"]), Reach::Tenant);
        assert_eq!(Viewer::reach_of(["events:operator", "events:tenant"]), Reach::All);
    }
}
