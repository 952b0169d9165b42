//! The queues of an inbox and the signature service, for tests. The queues refuse what SQS refuses: batches, bodies,
//! attributes, groups and deduplication ids that it does not take, and receipts of an earlier receive. What was received is
//! hidden until [`FakeQueues::reveal`], and on a FIFO queue so is what is behind it in its group.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use eventing::attributes;
use eventing::consumer::{QueueError, Receipt};
use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing_http::{ClientError, GrantRequest, Granted, Problem};
use serde_json::json;

use super::judge::Outgoing;
use super::letter::{Letter, Place, Writer};
use super::ports::{Found, Grants, Queues};
use super::samples::Site;

/// The most bytes of a message, attributes included.
const MESSAGE: usize = 1_048_576;

struct Held {
    place: Place,
    found: Found,
    visible: bool,
}

#[derive(Default)]
struct State {
    letters: Vec<Held>,
    sent: Vec<Outgoing>,
    /// The deduplication ids that the inbox has seen.
    known: HashSet<String>,
    /// Failures of the next calls, by the operation's name.
    failures: VecDeque<(&'static str, QueueError)>,
    receives: usize,
}

/// The queues.
#[derive(Default)]
pub(crate) struct FakeQueues {
    fifo: bool,
    state: RefCell<State>,
}

impl FakeQueues {
    pub(crate) fn fifo() -> Self {
        Self { fifo: true, state: RefCell::default() }
    }

    pub(crate) fn put(&self, id: &str, letter: &Letter) -> &Self {
        let mut found = Found { message: letter.message.clone(), moved: letter.writer == Writer::Sqs };
        found.message.message_id = Arc::from(id);
        found.message.receive_count = 0;
        self.state.borrow_mut().letters.push(Held { place: letter.place, found, visible: true });
        self
    }

    pub(crate) fn fail_next(&self, operation: &'static str, error: QueueError) {
        self.state.borrow_mut().failures.push_back((operation, error));
    }

    /// As when the time of what was received is over.
    pub(crate) fn reveal(&self) {
        self.state.borrow_mut().letters.iter_mut().for_each(|held| held.visible = true);
    }

    /// The ids of the dead letters that are left.
    pub(crate) fn left(&self) -> Vec<String> {
        self.state.borrow().letters.iter().map(|held| held.found.message.message_id.to_string()).collect()
    }

    pub(crate) fn sent(&self) -> Vec<Outgoing> {
        self.state.borrow().sent.clone()
    }

    pub(crate) fn receives(&self) -> usize {
        self.state.borrow().receives
    }

    fn failure(&self, operation: &'static str) -> Result<(), QueueError> {
        let mut state = self.state.borrow_mut();
        match state.failures.front() {
            Some((of, _)) if *of == operation => Err(state.failures.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }

    /// Whether a dead-letter queue is FIFO: that of what consumers reject is of its inbox's kind, and EventBridge writes
    /// to standard queues alone.
    fn is_fifo(&self, place: Place) -> bool {
        self.fifo && place == Place::Rejected
    }
}

impl Queues for FakeQueues {
    async fn receive(&self, place: Place, max: usize, hidden: Duration) -> Result<Vec<Found>, QueueError> {
        self.failure("receive")?;
        refuse(!(1..=10).contains(&max), "MaxNumberOfMessages must be between 1 and 10")?;
        refuse(hidden > Duration::from_hours(12), "VisibilityTimeout must be between 0 and 43200")?;
        refuse(place == Place::Undelivered && !self.fifo, "a standard inbox has no such queue")?;
        let mut state = self.state.borrow_mut();
        state.receives += 1;
        let (mut taken, mut blocked) = (Vec::new(), HashSet::new());
        for held in state.letters.iter_mut().filter(|held| held.place == place) {
            let group = held.found.message.group.clone().filter(|_| self.is_fifo(place));
            if group.as_ref().is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            if held.visible && taken.len() < max {
                held.visible = false;
                let message = &mut held.found.message;
                message.receive_count += 1;
                message.receipt = Receipt(format!("{}#{}", message.message_id, message.receive_count).into());
                taken.push(held.found.clone());
            } else {
                blocked.extend(group);
            }
        }
        Ok(taken)
    }

    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError> {
        self.failure("delete")?;
        let mut state = self.state.borrow_mut();
        let at = state.letters.iter().position(|held| held.place == place && held.found.message.receipt == *receipt);
        state.letters.remove(at.ok_or(QueueError::ReceiptExpired)?);
        Ok(())
    }

    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        self.failure("send")?;
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
        Ok(())
    }
}

fn refuse(is_refused: bool, why: &str) -> Result<(), QueueError> {
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
