//! The journal, for tests: its events in their order, in parts of three; and a book of what was written down.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use eventing::time::Millis;
use eventing_http::{ClientError, EventFilter, Problem};

use crate::failure::Failure;
use crate::replay::ports::{Book, Journal, Page, Record};
use crate::replay::progress::Progress;

const PART: usize = 3;

/// The journal.
#[derive(Default)]
pub(super) struct FakeJournal {
    records: RefCell<Vec<Record>>,
    answers: RefCell<VecDeque<ClientError>>,
    asked: RefCell<Vec<EventFilter>>,
}

impl FakeJournal {
    pub(super) fn record(&self, key: &str, sent_at: Millis, body: &str) {
        self.records.borrow_mut().push(Record {
            event_key: key.to_owned(),
            source: "qsl.tram".to_owned(),
            detail_type: "Tram.Left.v1".to_owned(),
            correlation_id: "line-7".to_owned(),
            kid: "tram-1".to_owned(),
            ts: sent_at.to_string(),
            sent_at,
            body: Arc::from(body),
        });
    }

    /// Its next answers are these.
    pub(super) fn answers(&self, times: usize, status: u16, code: &str) {
        let problem = Problem { code: code.to_owned(), detail: format!("because {code}"), ..Problem::default() };
        let retry_after = Some(std::time::Duration::from_millis(1));
        let answer = ClientError::Answered { status, problem, retry_after };
        self.answers.borrow_mut().extend((0..times).map(|_| answer.clone()));
    }

    /// What it was asked for.
    pub(super) fn asked(&self) -> Vec<EventFilter> {
        self.asked.borrow().clone()
    }

    pub(super) fn bodies(&self) -> Vec<Arc<str>> {
        self.records.borrow().iter().map(|record| Arc::clone(&record.body)).collect()
    }
}

impl Journal for FakeJournal {
    async fn page(&self, filter: &EventFilter, after: Option<&str>) -> Result<Page, ClientError> {
        self.asked.borrow_mut().push(filter.clone());
        if let Some(answer) = self.answers.borrow_mut().pop_front() {
            return Err(answer);
        }
        let begin: usize = after.map_or(0, |after| after.parse().unwrap());
        let records = self.records.borrow();
        let end = records.len().min(begin + PART);
        let next = (end < records.len()).then(|| end.to_string());
        Ok(Page { records: records[begin..end].to_vec(), next })
    }
}

/// A book that outlives the program that wrote in it; nothing more is written once that has died.
#[derive(Default)]
pub(super) struct FakeBook {
    pub(super) text: Vec<u8>,
    pub(super) writes: usize,
    /// After so many, the program is dead.
    pub(super) dies_after: Option<usize>,
}

impl FakeBook {
    /// What whoever resumes reads.
    pub(super) fn read(&self) -> Progress {
        Progress::read(&self.text).unwrap()
    }
}

impl Book for FakeBook {
    fn write(&mut self, progress: &Progress) -> Result<(), Failure> {
        if self.dies_after.is_some_and(|most| self.writes >= most) {
            return Err(Failure::Usage("killed".to_owned()));
        }
        self.writes += 1;
        self.text = serde_json::to_vec(progress).unwrap();
        Ok(())
    }
}
