//! Somebody who stole private keys, and puts events on the bus past every sidecar. Nothing but the revocation stops that.

use eventing::time::{Micros, Millis};

use super::book::{Author, Event, Shared};
use super::publisher::event;
use crate::forger::Forger;
use crate::ground::{BUS, Ground};

/// A private key in the wrong hands.
pub(super) struct Stolen {
    /// Its kid.
    pub kid: String,
    forger: Forger,
    /// A time in which it could sign: what it signs later claims that one.
    ts: Micros,
    put: u32,
}

/// Reads private keys.
///
/// # Errors
/// When one of the kids has no private part any more.
pub(super) async fn steal(ground: &Ground, kids: &[String]) -> anyhow::Result<Vec<Stolen>> {
    let thieves = Forger::thieves(ground, kids).await?;
    let stolen = thieves.into_iter().map(|forger| {
        let kid = forger.kid.clone();
        Stolen { kid, forger, ts: Micros::now(), put: 0 }
    });
    Ok(stolen.collect())
}

/// Signs an event with a stolen key and puts it on the bus.
///
/// # Errors
/// When the bus does not take it.
pub(super) async fn put(ground: &Ground, book: &Shared, stolen: &mut Stolen) -> anyhow::Result<String> {
    stolen.put += 1;
    let payment = format!("p-{}-stolen-{}-{}", ground.run, stolen.kid, stolen.put);
    let ts = Micros(stolen.ts.0 + i64::from(stolen.put));
    let envelope = stolen.forger.sign(&event(&payment, &ground.run), uuid::Uuid::new_v4(), ts)?;
    let kids = [stolen.kid.clone()].into();
    // Before it is put: an event that nobody knows of must not be seen anywhere.
    let event = Event { author: Author::Thief, at: Millis::now(), kids, is_uncertain: false };
    book.with(|book| book.events.insert(payment.clone(), event));
    ground.cloud.put(BUS.1, &envelope).await?;
    Ok(payment)
}
