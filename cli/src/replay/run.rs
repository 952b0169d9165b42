//! Goes through the journal's events that are meant, one after the other and each to its inboxes, until there are no more
//! or somebody interrupts. What was begun is finished; whoever resumes goes on with what is left.

use std::collections::BTreeMap;
use std::pin::Pin;

use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing_http::GrantRequest;

use super::judge::Inbox;
use super::ports::{Book, Journal, Record};
use super::progress::{Earlier, Progress};
use super::routes::Routes;
use crate::failure::Failure;
use crate::resend::patience::patiently;
use crate::resend::ports::{Grants, Sends};
use crate::resend::{Courier, Leaving, Outgoing, stopped};

/// What became of an event at one inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the inbox.
    Sent,
    /// It is, with a grant of its own; and perhaps once more, from an earlier sending without an answer.
    SentAnew,
    /// It would be.
    WouldBeSent,
    /// It is not.
    Left(Leaving),
    /// No inbox gets it now.
    NoInbox,
}

/// One replay, as far as it goes now.
pub struct Run<'a, J, Q, G, B> {
    /// The journal.
    pub journal: &'a J,
    /// Which inboxes an event goes to.
    pub routes: &'a Routes,
    /// Those inboxes, by `NAMESPACE/NAME`.
    pub inboxes: &'a BTreeMap<String, Inbox<Q>>,
    /// Who grants; nobody is asked where nothing is to be done.
    pub grants: Option<&'a G>,
    /// Where it is written down how far it is.
    pub book: &'a mut B,
    /// How far it is.
    pub progress: &'a mut Progress,
}

impl<J: Journal, Q: Sends, G: Grants, B: Book> Run<'_, J, Q, G, B> {
    /// Goes on to the end; each sending waits for its turn. Tells what became of each event, with the inbox, which is
    /// empty where none gets it.
    ///
    /// # Errors
    /// Why it ended before the last. How far it came is written down all the same.
    pub async fn go(
        &mut self,
        turn: &mut impl AsyncFnMut(),
        interrupted: impl Future<Output = ()>,
        told: &mut impl FnMut(&Record, &str, &Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let ended = self.parts(turn, std::pin::pin!(interrupted), told).await;
        let written = self.book.write(self.progress);
        ended.and(written)
    }

    async fn parts(
        &mut self,
        turn: &mut impl AsyncFnMut(),
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
        told: &mut impl FnMut(&Record, &str, &Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (journal, selection) = (self.journal, self.progress.selection.clone());
        let filter = selection.filter();
        while !self.progress.is_complete {
            let after = self.progress.after().map(str::to_owned);
            let asked = patiently("journal", async || journal.page(&filter, after.as_deref()).await);
            let page = tokio::select! {
                biased;
                () = &mut interrupted => return Err(interruption()),
                page = asked => page.map_err(stopped("read the journal"))?,
            };
            let page = page.map_err(|Leaving { code, why }| {
                Failure::Usage(format!("the journal does not take what it is asked ({code}): {why}"))
            })?;
            for record in page.records.iter().filter(|record| selection.takes(record)) {
                self.event(record, turn, interrupted.as_mut(), told).await?;
            }
            self.progress.turn(page.next);
            self.book.write(self.progress)?;
        }
        Ok(())
    }

    async fn event(
        &mut self,
        record: &Record,
        turn: &mut impl AsyncFnMut(),
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
        told: &mut impl FnMut(&Record, &str, &Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (routes, key) = (self.routes, &record.event_key);
        // What is no event goes nowhere by rules, and is judged by each inbox that is named.
        let inboxes = routes.of(&serde_json::from_str(&record.body).unwrap_or_default());
        if inboxes.is_empty() && !self.progress.is_passed(key) {
            self.progress.pass(key);
            told(record, "", &Outcome::NoInbox)?;
        }
        for (id, group) in inboxes {
            let Some(inbox) = self.inboxes.get(id).filter(|_| !self.progress.is_done(key, id)) else { continue };
            let outcome = self.one(record, inbox, group, turn, interrupted.as_mut()).await?;
            let left = if let Outcome::Left(leaving) = &outcome { Some(leaving.code.as_str()) } else { None };
            self.progress.end(key, id, left);
            told(record, id, &outcome)?;
        }
        Ok(())
    }

    async fn one(
        &mut self,
        record: &Record,
        inbox: &Inbox<Q>,
        group: Option<&str>,
        turn: &mut impl AsyncFnMut(),
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Outcome, Failure> {
        if let Err(leaving) = inbox.judge(record, &self.progress.selection.bus, group) {
            return Ok(Outcome::Left(leaving));
        }
        let Some(grants) = self.grants else { return Ok(Outcome::WouldBeSent) };
        tokio::select! {
            biased;
            () = interrupted => return Err(interruption()),
            () = turn() => {}
        }
        let failed = stopped("replay");
        let (key, id, policy) = (&record.event_key, &inbox.id, &inbox.policy);
        let courier = Courier { queue_arn: &policy.queue_arn, queue: &inbox.queue, grants };
        let (granted, is_anew) = match self.progress.earlier(key, id, policy.skew_seconds, Millis::now()) {
            Earlier::Repeatable(granted) => (granted, false),
            earlier => {
                let (purpose, sent_at, body) = (Purpose::Replay, record.sent_at, &*record.body);
                match courier.grant(GrantRequest { inbox: id, purpose, sent_at, body }).await.map_err(&failed)? {
                    Ok(granted) => (granted, earlier == Earlier::Lapsed),
                    Err(leaving) => return Ok(Outcome::Left(leaving)),
                }
            }
        };
        self.progress.begin(key, id, &granted);
        self.book.write(self.progress)?;
        let group = group.filter(|_| inbox.fifo);
        match courier.send(&Outgoing::new(&record.body, &granted, group)).await.map_err(failed)? {
            Ok(()) if is_anew => Ok(Outcome::SentAnew),
            Ok(()) => Ok(Outcome::Sent),
            Err(leaving) => Ok(Outcome::Left(leaving)),
        }
    }
}

fn interruption() -> Failure {
    Failure::Remote { doing: "finish".to_owned(), why: "it was interrupted".to_owned() }
}
