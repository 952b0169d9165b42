//! What is told of a replay: a line of JSON for each event and inbox as it goes, or columns at its end.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::ports::Record;
use super::progress::{Count, Progress, Tally};
use super::run::Outcome;
use crate::failure::Failure;
use crate::out::{Output, print, rfc3339, tell};
use crate::resend::Leaving;
use crate::table::Table;

/// How many of those that were not sent are listed one by one in columns.
const LISTED: usize = 200;

/// Tells of one run.
#[derive(Debug)]
pub struct Report {
    output: Output,
    is_dry: bool,
    left: Vec<[String; 7]>,
    unlisted: u64,
}

impl Report {
    /// Nothing to tell yet.
    pub fn new(output: Output, is_dry: bool) -> Self {
        Self { output, is_dry, left: Vec::new(), unlisted: 0 }
    }

    /// Tells of one event at one inbox, or keeps it for the end.
    pub fn tell(&mut self, record: &Record, inbox: &str, outcome: &Outcome) -> Result<(), Failure> {
        if self.output == Output::Json {
            return print(&line(record, inbox, outcome));
        }
        let (code, why) = match outcome {
            Outcome::Sent | Outcome::WouldBeSent | Outcome::NoInbox => return Ok(()),
            Outcome::SentAnew => ("SENT_ANEW", "an earlier sending had no answer: it may come twice"),
            Outcome::Left(Leaving { code, why }) => (code.as_str(), why.as_str()),
        };
        if self.left.len() == LISTED {
            self.unlisted += 1;
            return Ok(());
        }
        let Record { event_key, detail_type, correlation_id, ts, .. } = record;
        let cells = [event_key.get(..16).unwrap_or(event_key), detail_type, correlation_id, ts, inbox, code, why];
        self.left.push(cells.map(str::to_owned));
        Ok(())
    }

    /// Tells how it stands at the end of the run.
    pub fn end(self, progress: &Progress, state: Option<&Path>) -> Result<(), Failure> {
        let tally = &progress.tally;
        if self.output == Output::Json {
            return print(&summary(progress, state));
        }
        if !self.left.is_empty() {
            let mut table = Table::new(["EVENT", "DETAIL-TYPE", "CORRELATION", "SIGNED", "INBOX", "CODE", "WHY"]);
            self.left.into_iter().for_each(|cells| table.row(cells));
            table.print()?;
            print(&"")?;
        }
        if self.unlisted > 0 {
            tell(&format!("{} more are not listed; -o json tells of each.", self.unlisted))?;
        }
        by_inbox(tally, self.is_dry).print()?;
        if tally.without_inbox > 0 {
            tell(&format!("{} events are for no inbox now.", tally.without_inbox))?;
        }
        Ok(())
    }
}

fn by_inbox(tally: &Tally, is_dry: bool) -> Table<4> {
    let mut table = Table::new(["INBOX", if is_dry { "WOULD BE SENT" } else { "SENT" }, "NOT SENT", "WHY NOT"]);
    for (inbox, Count { sent, left }) in &tally.inboxes {
        let why = left.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ");
        table.row([inbox.clone(), sent.to_string(), left.values().sum::<u64>().to_string(), why]);
    }
    table
}

fn line(record: &Record, inbox: &str, outcome: &Outcome) -> Value {
    let (word, leaving) = match outcome {
        Outcome::Sent => ("sent", None),
        Outcome::SentAnew => ("sentAnew", None),
        Outcome::WouldBeSent => ("wouldBeSent", None),
        Outcome::Left(leaving) => ("notSent", Some(leaving)),
        Outcome::NoInbox => ("noInbox", None),
    };
    let Record { event_key, source, detail_type, correlation_id, kid, ts, sent_at, body: _ } = record;
    let mut line = Map::new();
    for (name, value) in [
        ("outcome", word),
        ("inbox", inbox),
        ("eventKey", event_key),
        ("source", source),
        ("detailType", detail_type),
        ("correlationId", correlation_id),
        ("kid", kid),
        ("ts", ts),
        ("sentAt", &rfc3339(*sent_at)),
    ] {
        if !value.is_empty() {
            line.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(Leaving { code, why }) = leaving {
        line.insert("code".to_owned(), json!(code));
        line.insert("message".to_owned(), json!(why));
    }
    if *outcome == Outcome::SentAnew {
        let warning = "an earlier sending had no answer, and its grant holds no more: the event may come twice";
        line.insert("warning".to_owned(), json!(warning));
    }
    Value::Object(line)
}

fn summary(progress: &Progress, state: Option<&Path>) -> Value {
    let tally = &progress.tally;
    json!({"summary": {
        "complete": progress.is_complete, "sent": tally.sent(), "notSent": tally.left(),
        "withoutInbox": tally.without_inbox, "inboxes": tally.inboxes, "state": state,
    }})
}
