//! The queues of an inbox and the signature service, for tests: what was received is hidden until [`FakeQueues::reveal`].
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use eventing::attributes;
use eventing::consumer::{QueueError, Receipt, Received};
use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing_http::{ClientError, GrantRequest, Granted, Problem};
use serde_json::json;

use super::judge::Outgoing;
use super::letter::{Letter, Place};
use super::ports::{Grants, Queues};
use super::samples::Site;

#[derive(Default)]
struct State {
    letters: Vec<(Place, Received, bool)>,
    sent: Vec<Outgoing>,
    /// Failures of the next calls, by the operation's name.
    failures: VecDeque<(&'static str, QueueError)>,
    receives: usize,
}

/// The queues.
#[derive(Default)]
pub(crate) struct FakeQueues(RefCell<State>);

impl FakeQueues {
    pub(crate) fn put(&self, id: &str, letter: &Letter) -> &Self {
        let mut message = letter.message.clone();
        message.message_id = Arc::from(id);
        message.receipt = Receipt(Arc::from(id));
        self.0.borrow_mut().letters.push((letter.place, message, true));
        self
    }

    pub(crate) fn fail_next(&self, operation: &'static str, error: QueueError) {
        self.0.borrow_mut().failures.push_back((operation, error));
    }

    /// As when the time of what was received is over.
    pub(crate) fn reveal(&self) {
        self.0.borrow_mut().letters.iter_mut().for_each(|(.., visible)| *visible = true);
    }

    /// The ids of the dead letters that are left.
    pub(crate) fn left(&self) -> Vec<String> {
        self.0.borrow().letters.iter().map(|(_, message, _)| message.message_id.to_string()).collect()
    }

    pub(crate) fn sent(&self) -> Vec<Outgoing> {
        self.0.borrow().sent.clone()
    }

    pub(crate) fn receives(&self) -> usize {
        self.0.borrow().receives
    }

    fn failure(&self, operation: &'static str) -> Result<(), QueueError> {
        let mut state = self.0.borrow_mut();
        match state.failures.front() {
            Some((of, _)) if *of == operation => Err(state.failures.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }
}

impl Queues for FakeQueues {
    async fn receive(&self, place: Place, max: usize) -> Result<Vec<Received>, QueueError> {
        self.failure("receive")?;
        let mut state = self.0.borrow_mut();
        state.receives += 1;
        let here = state.letters.iter_mut().filter(|(of, _, visible)| *of == place && *visible).take(max);
        Ok(here
            .map(|(_, message, visible)| {
                *visible = false;
                message.clone()
            })
            .collect())
    }

    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError> {
        self.failure("delete")?;
        self.0.borrow_mut().letters.retain(|(of, message, _)| *of != place || message.receipt != *receipt);
        Ok(())
    }

    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        self.failure("send")?;
        self.0.borrow_mut().sent.push(message.clone());
        Ok(())
    }
}

/// The signature service: grants what it is asked, and remembers that, or answers as it is told.
pub(crate) struct FakeGrants<'a> {
    pub(crate) site: &'a Site,
    pub(crate) answers: RefCell<VecDeque<ClientError>>,
    pub(crate) asked: RefCell<Vec<(Purpose, Millis)>>,
}

impl<'a> FakeGrants<'a> {
    pub(crate) fn of(site: &'a Site) -> Self {
        Self { site, answers: RefCell::default(), asked: RefCell::default() }
    }

    pub(crate) fn answers(self, status: u16, code: &str) -> Self {
        let problem = Problem { code: code.to_owned(), detail: format!("because {code}"), ..Problem::default() };
        self.answers.borrow_mut().push_back(ClientError::Answered { status, problem, retry_after: None });
        self
    }
}

impl Grants for FakeGrants<'_> {
    async fn grant(&self, request: GrantRequest<'_>) -> Result<Granted, ClientError> {
        self.asked.borrow_mut().push((request.purpose, request.sent_at));
        if let Some(answer) = self.answers.borrow_mut().pop_front() {
            return Err(answer);
        }
        let grant = self.site.grant(request.body, request.sent_at, Millis::now(), request.purpose);
        let granted = json!({"grant": grant, "queueArn": self.site.inbox, "sentAt": request.sent_at,
            "kid": "grant-1", "jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52"});
        Ok(serde_json::from_value(granted).unwrap())
    }
}

/// The grant of a message that was sent.
pub(crate) fn attribute<'a>(message: &'a Outgoing, name: &str) -> &'a str {
    assert!([attributes::SENT_AT, attributes::REDRIVES, attributes::GRANT].contains(&name));
    message.attributes.iter().find(|(of, _)| *of == name).map(|(_, value)| value.as_str()).unwrap()
}
