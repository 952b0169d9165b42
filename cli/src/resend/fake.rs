//! An inbox and the signature service, for tests. The inbox refuses what SQS refuses: bodies, attributes, groups and
//! deduplication ids that it does not take.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};

use eventing::attributes;
use eventing::consumer::QueueError;
use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing_http::{ClientError, GrantRequest, Granted, Problem};
use serde_json::json;

use super::message::Outgoing;
use super::ports::{Grants, Sends};
use super::samples::Site;

/// The most bytes of a message, attributes included.
const MESSAGE: usize = 1_048_576;

/// What becomes of the next sendings.
enum Fault {
    /// It fails.
    Fails(QueueError),
    /// The message is in the queue, and nobody hears of it.
    AnswerLost,
}

#[derive(Default)]
struct State {
    sent: Vec<Outgoing>,
    /// The deduplication ids that the inbox has seen.
    known: HashSet<String>,
    faults: VecDeque<Fault>,
}

/// The queue of an inbox.
#[derive(Default)]
pub(crate) struct FakeInbox {
    fifo: bool,
    state: RefCell<State>,
}

impl FakeInbox {
    pub(crate) fn fifo() -> Self {
        Self { fifo: true, state: RefCell::default() }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.fifo
    }

    pub(crate) fn sent(&self) -> Vec<Outgoing> {
        self.state.borrow().sent.clone()
    }

    /// So many sendings fail.
    pub(crate) fn fail(&self, times: usize, error: &QueueError) {
        self.state.borrow_mut().faults.extend((0..times).map(|_| Fault::Fails(error.clone())));
    }

    /// So many sendings take effect, and their answers are lost.
    pub(crate) fn lose_answers(&self, times: usize) {
        self.state.borrow_mut().faults.extend((0..times).map(|_| Fault::AnswerLost));
    }
}

impl Sends for FakeInbox {
    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        let fault = self.state.borrow_mut().faults.pop_front();
        if let Some(Fault::Fails(error)) = fault {
            return Err(error);
        }
        let Outgoing { body, attributes, group, deduplication_id } = message;
        let bytes = attributes.iter().map(|(name, value)| name.len() + value.len() + "String".len()).sum::<usize>();
        refuse(body.is_empty() || body.len() + bytes > MESSAGE, "one or more parameters are invalid: body")?;
        let taken =
            |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r');
        refuse(!body.chars().all(taken), "InvalidMessageContents")?;
        refuse(attributes.len() > 10 || attributes.iter().any(|(_, value)| value.is_empty()), "attributes")?;
        let is_id = |id: &String| (1..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic());
        refuse(group.as_ref().is_some_and(|group| !is_id(group)), "MessageGroupId")?;
        refuse(deduplication_id.as_ref().is_some_and(|id| !is_id(id)), "MessageDeduplicationId")?;
        refuse(self.fifo && (group.is_none() || deduplication_id.is_none()), "MissingParameter")?;
        refuse(!self.fifo && deduplication_id.is_some(), "the request includes a parameter that is not valid")?;
        let mut state = self.state.borrow_mut();
        // A FIFO queue takes a copy and drops it.
        if deduplication_id.as_ref().is_none_or(|id| state.known.insert(id.clone())) {
            state.sent.push(message.clone());
        }
        match fault {
            Some(Fault::AnswerLost) => Err(QueueError::Retry("the answer did not come".to_owned())),
            _ => Ok(()),
        }
    }
}

pub(crate) fn refuse(is_refused: bool, why: &str) -> Result<(), QueueError> {
    if is_refused { Err(QueueError::Refused(why.to_owned())) } else { Ok(()) }
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

/// An attribute of a message that was sent.
pub(crate) fn attribute<'a>(message: &'a Outgoing, name: &str) -> &'a str {
    assert!([attributes::SENT_AT, attributes::REDRIVES, attributes::GRANT].contains(&name));
    message.attributes.iter().find(|(of, _)| *of == name).map(|(_, value)| value.as_str()).unwrap()
}
