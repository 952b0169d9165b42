//! Where a stream begins: from memory if that reaches back far enough, else from the journal.

use std::sync::Arc;
use std::time::Duration;

use eventing_service::Problem;

use super::{Gateway, journal_problem, no_such_correlation};
use crate::cursor::Cursor;
use crate::event::Event;
use crate::hub::{Following, Remembered, Topic};
use crate::journal::JournalError;
use crate::outgoing::{Reset, Start};
use crate::viewer::{Reach, Viewer};

/// Events of one answer of the journal.
const LIMIT: usize = 500;
/// Events of the first answer, where one event is enough.
const FIRST: usize = 20;
/// A correlation's events are read up to here.
const MAX_CORRELATION: usize = 10_000;
/// A client that comes back later than this many events begins anew,
const MAX_BEHIND: u64 = 20_000;
/// and so does one that missed more than this many which have to be read: they are held until it has them.
const MAX_READ: usize = 2_000;

/// One who follows, and what is remembered for him.
pub(super) struct Comer<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) viewer: &'a Viewer,
    pub(super) following: &'a Following,
}

impl Comer<'_> {
    /// Where the stream begins. Called after following began: what is not in the journal yet comes out of the queue.
    pub(super) async fn start(&self, last: Option<Cursor>, remembered: Remembered) -> Result<Start, Problem> {
        let Some(cursor) = last else {
            self.must_be_shown(remembered.shows).await?;
            return Ok(Start { cursor: Cursor::at(self.following.position), missed: Vec::new(), reset: None });
        };
        if !cursor.is_of(self.following.position) {
            self.must_be_shown(remembered.shows).await?;
            return Ok(self.anew(cursor, Reset::JournalBeganAnew));
        }
        if cursor.position() > self.following.position.at {
            self.must_be_shown(remembered.shows).await?;
            return self.of_another_replica(cursor).await;
        }
        if cursor.position() >= remembered.from {
            self.must_be_shown(remembered.shows).await?;
            self.gateway.metrics.resumed("memory");
            return Ok(Start { cursor, missed: remembered.events, reset: None });
        }
        self.gateway.metrics.resumed("journal");
        match self.following.topic() {
            Topic::Correlation(correlation) => self.of_correlation(cursor, correlation).await,
            Topic::User(_) => self.of_user(cursor, remembered).await,
        }
    }

    /// Another replica may be ahead of this one; only the journal knows.
    async fn of_another_replica(&self, cursor: Cursor) -> Result<Start, Problem> {
        let end = self.gateway.journal.end().await.map_err(|error| journal_problem(&error))?;
        if !cursor.is_of(end) || end.at < cursor.position() {
            return Ok(self.anew(cursor, Reset::JournalBeganAnew));
        }
        self.gateway.metrics.resumed("memory");
        Ok(Start { cursor, missed: Vec::new(), reset: None })
    }

    fn anew(&self, mut cursor: Cursor, reset: Reset) -> Start {
        cursor.restart(self.following.position);
        Start { cursor, missed: Vec::new(), reset: Some(reset) }
    }

    /// A correlation of which the viewer may see nothing is none.
    async fn must_be_shown(&self, remembered: bool) -> Result<(), Problem> {
        let Topic::Correlation(correlation) = self.following.topic() else { return Ok(()) };
        if remembered || self.viewer.reach == Reach::All {
            return Ok(());
        }
        let mut shown = false;
        let look = |events: Vec<Event>| {
            shown = events.iter().any(|event| self.viewer.may_see(event));
            shown
        };
        self.read(correlation, FIRST, look).await.map_err(|error| journal_problem(&error))?;
        if shown { Ok(()) } else { Err(no_such_correlation()) }
    }

    async fn of_correlation(&self, cursor: Cursor, correlation: &str) -> Result<Start, Problem> {
        let (mut missed, mut shown) = (Vec::new(), self.viewer.reach == Reach::All);
        let look = |events: Vec<Event>| {
            for event in events.into_iter().filter(|event| self.viewer.may_see(event)) {
                shown = true;
                if event.position > Some(cursor.position()) {
                    missed.push(Arc::new(event));
                }
            }
            missed.len() > MAX_READ
        };
        let complete = self.read(correlation, LIMIT, look).await.map_err(|error| journal_problem(&error))?;
        if !shown {
            return Err(no_such_correlation());
        }
        if !complete || missed.len() > MAX_READ {
            return Ok(self.anew(cursor, Reset::TooFarBehind));
        }
        // The journal gives a correlation by time, and a cursor counts positions.
        missed.sort_by_key(|event| event.position);
        Ok(Start { cursor, missed, reset: None })
    }

    /// The journal is read up to where memory begins.
    async fn of_user(&self, cursor: Cursor, remembered: Remembered) -> Result<Start, Problem> {
        let until = self.following.position.at;
        if until.saturating_sub(cursor.position()) > MAX_BEHIND {
            return Ok(self.anew(cursor, Reset::TooFarBehind));
        }
        let (mut missed, mut position) = (Vec::new(), cursor.position());
        while position < remembered.from {
            let page = self.gateway.journal.changes(position, Duration::ZERO, LIMIT).await;
            let page = page.map_err(|error| journal_problem(&error))?;
            let older = |event: &Event| event.position <= Some(remembered.from);
            let own = |event: &Event| self.following.topic().has(event) && self.viewer.may_see(event);
            missed.extend(page.events.into_iter().filter(|event| older(event) && own(event)).map(Arc::new));
            if missed.len() > MAX_READ {
                return Ok(self.anew(cursor, Reset::TooFarBehind));
            }
            if page.position.at <= position {
                break;
            }
            position = page.position.at;
        }
        missed.extend(remembered.events);
        Ok(Start { cursor, missed, reset: None })
    }

    /// Reads a correlation, part by part, until one is enough; whether that was all.
    async fn read(
        &self,
        correlation: &str,
        first: usize,
        mut is_enough: impl FnMut(Vec<Event>) -> bool,
    ) -> Result<bool, JournalError> {
        let (mut next, mut limit, mut read) = (None::<String>, first, 0);
        loop {
            let part = self.gateway.journal.timeline(correlation, limit, next.as_deref()).await?;
            read += part.events.len();
            (next, limit) = (part.next, LIMIT);
            if is_enough(part.events) || next.is_none() || read >= MAX_CORRELATION {
                return Ok(next.is_none());
            }
        }
    }
}
