//! Which events are asked for, and the way to them: one fact leads through its index, the others sift what it finds.

use eventing_http::EventFilter;

use crate::entry::Cursor;

/// A part of the events that fit a filter, by signed time, then position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which events.
    pub filter: EventFilter,
    /// Behind this place; from the beginning without.
    pub after: Option<Cursor>,
    /// So many at most.
    pub limit: usize,
    /// With their bodies.
    pub bodies: bool,
}

/// What leads to events. Each has an index that goes on with signed time and position, so what it finds is in order and
/// nothing else is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// One correlation's.
    Correlation,
    /// One resource's.
    Resource,
    /// One user's.
    User,
    /// One tenant's.
    Tenant,
    /// Of one detail-type.
    DetailType,
    /// Everything, by signed time.
    Time,
}

impl Lead {
    /// The fact that leads, with its value: the first that is set of those that are rarest in a journal.
    pub fn of(filter: &EventFilter) -> (Self, Option<String>) {
        let EventFilter { correlation_id, resource, user, tenant, detail_type, .. } = filter;
        let facts = [
            (Self::Correlation, correlation_id.as_ref().map(ToString::to_string)),
            (Self::Resource, resource.as_ref().map(ToString::to_string)),
            (Self::User, user.clone()),
            (Self::Tenant, tenant.clone()),
            (Self::DetailType, detail_type.as_ref().map(ToString::to_string)),
        ];
        facts.into_iter().find(|(_, value)| value.is_some()).unwrap_or((Self::Time, None))
    }

    /// Whether all that it finds fits, but for the time.
    pub fn is_all_of(self, filter: &EventFilter) -> bool {
        let EventFilter { correlation_id, resource, user, tenant, source, detail_type, bus, from: _, to: _ } = filter;
        let set = [
            (Self::Correlation, correlation_id.is_some()),
            (Self::Resource, resource.is_some()),
            (Self::User, user.is_some()),
            (Self::Tenant, tenant.is_some()),
            (Self::DetailType, detail_type.is_some()),
        ];
        source.is_none() && bus.is_none() && set.into_iter().all(|(lead, is_set)| !is_set || lead == self)
    }
}

/// The facts of a recorded event that filters name.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The correlation.
    pub correlation_id: &'a str,
    /// What it happened to.
    pub resource: &'a str,
    /// The user.
    pub user: Option<&'a str>,
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// Who sent it.
    pub source: &'a str,
    /// What happened.
    pub detail_type: &'a str,
    /// The bus.
    pub bus: Option<&'a str>,
}

/// Whether an event fits every filter but the time, which its place tells.
pub fn fits(filter: &EventFilter, facts: Facts<'_>) -> bool {
    fn is<T: ToString>(wanted: Option<&T>, fact: Option<&str>) -> bool {
        wanted.is_none_or(|wanted| fact == Some(wanted.to_string().as_str()))
    }
    let EventFilter { correlation_id, resource, user, tenant, source, detail_type, bus, from: _, to: _ } = filter;
    is(correlation_id.as_ref(), Some(facts.correlation_id))
        && is(resource.as_ref(), Some(facts.resource))
        && is(user.as_ref(), facts.user)
        && is(tenant.as_ref(), facts.tenant)
        && is(source.as_ref(), Some(facts.source))
        && is(detail_type.as_ref(), Some(facts.detail_type))
        && is(bus.as_ref(), facts.bus)
}

/// The place behind which events are looked for: that of `from`, or where the part before ended.
pub fn begin(filter: &EventFilter, after: Option<Cursor>) -> Cursor {
    // Behind everything that was signed before.
    let from = Cursor { ts: filter.from.map_or(i64::MIN, |from| from.0.saturating_sub(1)), position: u64::MAX };
    after.map_or(from, |after| after.max(from))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use eventing::time::Micros;
    use eventing::types::{BusId, CorrelationId, DetailType, Resource, Source};

    use super::*;

    fn everything() -> EventFilter {
        EventFilter {
            correlation_id: Some(CorrelationId::parse("story-1").unwrap()),
            resource: Some(Resource::parse("urn:qsl:teller:loan:l-1").unwrap()),
            user: Some("ada".to_owned()),
            tenant: Some("north".to_owned()),
            source: Some(Source::parse("qsl.teller").unwrap()),
            detail_type: Some(DetailType::parse("Loan.Granted.v1").unwrap()),
            bus: Some(BusId::new("bank", "loans").unwrap()),
            from: Some(Micros(10)),
            to: Some(Micros(20)),
        }
    }

    const FACTS: Facts<'static> = Facts {
        correlation_id: "story-1",
        resource: "urn:qsl:teller:loan:l-1",
        user: Some("ada"),
        tenant: Some("north"),
        source: "qsl.teller",
        detail_type: "Loan.Granted.v1",
        bus: Some("bank/loans"),
    };

    #[test]
    fn the_rarest_fact_leads_and_time_leads_without_any() {
        let mut filter = everything();
        let mut led = || {
            let (lead, value) = Lead::of(&filter);
            match lead {
                Lead::Correlation => filter.correlation_id = None,
                Lead::Resource => filter.resource = None,
                Lead::User => filter.user = None,
                Lead::Tenant => filter.tenant = None,
                Lead::DetailType => filter.detail_type = None,
                Lead::Time => {}
            }
            (lead, value.unwrap_or_default())
        };
        let leads: Vec<(Lead, String)> = (0..6).map(|_| led()).collect();
        let expected = [
            (Lead::Correlation, "story-1"),
            (Lead::Resource, "urn:qsl:teller:loan:l-1"),
            (Lead::User, "ada"),
            (Lead::Tenant, "north"),
            (Lead::DetailType, "Loan.Granted.v1"),
            (Lead::Time, ""),
        ];
        assert_eq!(leads, expected.map(|(lead, value)| (lead, value.to_owned())));
        for sifted in [EventFilter { bus: None, ..filter.clone() }, EventFilter { source: None, ..filter.clone() }] {
            assert!(!Lead::Time.is_all_of(&sifted), "source and bus sift");
        }
        assert!(Lead::Time.is_all_of(&EventFilter { source: None, bus: None, ..filter }));
        assert!(Lead::User.is_all_of(&EventFilter { user: Some("ada".to_owned()), ..EventFilter::default() }));
        assert!(!Lead::Correlation.is_all_of(&everything()));
    }

    #[test]
    fn an_event_fits_when_every_fact_that_is_asked_for_is_its_own() {
        assert!(fits(&everything(), FACTS));
        assert!(fits(&EventFilter::default(), Facts { user: None, tenant: None, bus: None, ..FACTS }));
        for other in [
            Facts { correlation_id: "story-2", ..FACTS },
            Facts { resource: "urn:qsl:teller:loan:l-2", ..FACTS },
            Facts { user: Some("ben"), ..FACTS },
            Facts { user: None, ..FACTS },
            Facts { tenant: None, ..FACTS },
            Facts { source: "qsl.vault", ..FACTS },
            Facts { detail_type: "Loan.Granted.v2", ..FACTS },
            Facts { bus: None, ..FACTS },
        ] {
            assert!(!fits(&everything(), other), "{other:?}");
        }
    }

    #[test]
    fn a_part_begins_at_the_time_asked_for_or_where_the_one_before_ended() {
        let later = Cursor { ts: 15, position: 3 };
        let from = Cursor { ts: 9, position: u64::MAX };
        assert_eq!(begin(&everything(), None), from);
        assert_eq!(begin(&everything(), Some(later)), later);
        assert_eq!(begin(&everything(), Some(Cursor { ts: 5, position: 9 })), from);
        assert_eq!(begin(&EventFilter::default(), None).ts, i64::MIN);
    }
}
