//! `kubectl-qsl verify`: the verdict of a consumer, offline.
//!
//! In: public keys, and one body or a line of JSON for each of many. Out: a line for each, in order. [`judge`] holds the
//! keys and gives verdicts; [`lines`] reads many, one at a time.

mod judge;
mod lines;

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use eventing::algorithm::Algorithm;
use eventing::json::Limits;
use eventing::types::QueueArn;

use crate::failure::Failure;
use crate::input::Input;
use judge::{Judge, Message, Options, Verdict};
use lines::Lines;

/// Exit code 0 when every event is good, 3 when any was rejected, 2 when the call or its input is wrong.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The public keys: {"keys":[…]}, as the signature service serves them.
    #[arg(long, value_name = "FILE")]
    keys: Input,
    /// When the event entered the queue: SQS's SentTimestamp, in milliseconds since 1970.
    #[arg(long, value_name = "MILLIS", required_unless_present = "jsonl", conflicts_with = "jsonl")]
    sent_at: Option<i64>,
    /// The input has a line for each event: {"body", "sentTimestampMs", "attributes"?, "inbox"?, "options"?}.
    #[arg(long)]
    jsonl: bool,
    /// Reject events whose envelope is not signed.
    #[arg(long)]
    require_envelope_hash: bool,
    /// How far the signed time may lie from the queue's.
    #[arg(long, value_name = "SECONDS")]
    skew_seconds: Option<u32>,
    /// An algorithm that events may be signed with; both when absent; may be given more than once.
    #[arg(long, value_name = "ALGORITHM")]
    allowed_algorithm: Vec<Algorithm>,
    /// The queue's ARN, which a grant must name.
    #[arg(long, value_name = "ARN", conflicts_with = "jsonl")]
    inbox: Option<QueueArn>,
    /// A text attribute of the message, such as qsl.grant; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value, conflicts_with = "jsonl")]
    attribute: Vec<(String, String)>,
    /// The body, or with --jsonl the lines; - is standard input.
    #[arg(value_name = "FILE")]
    input: Input,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Judges what was given.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let defaults = Options {
        require_envelope_hash: args.require_envelope_hash.then_some(true),
        skew_seconds: args.skew_seconds,
        allowed_algorithms: (!args.allowed_algorithm.is_empty()).then(|| args.allowed_algorithm.clone()),
    };
    let judge = Judge::new(&args.keys, defaults)?;
    let all_good = match args.sent_at {
        Some(sent_at) => one(args, &judge, sent_at)?,
        None => many(&args.input, &judge)?,
    };
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn one(args: &Args, judge: &Judge, sent_at: i64) -> Result<bool, Failure> {
    // What is past the limit need not be read to be refused.
    let body = args.input.read_at_most(Limits::BODY.bytes as u64)?;
    let message = Message {
        body: judge::Body(body),
        sent_timestamp_ms: sent_at,
        attributes: Some(args.attribute.iter().cloned().collect()),
        inbox: args.inbox.clone(),
        options: None,
    };
    let verdict = judge.judge(&message);
    let mut out = io::stdout().lock();
    write(&mut out, &verdict)?;
    Ok(verdict.is_ok())
}

/// One line in memory at a time, whatever the input's length.
fn many(input: &Input, judge: &Judge) -> Result<bool, Failure> {
    let mut lines = Lines::new(input.open()?);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut all_good = true;
    // On a faulty line the writer is dropped, and with that what was judged before it is written.
    while let Some(message) = lines.next()? {
        let verdict = judge.judge(&message);
        all_good &= verdict.is_ok();
        write(&mut out, &verdict)?;
        // Whoever sends a line and waits for its verdict gets it.
        if lines.must_wait() {
            out.flush().map_err(Failure::of("write"))?;
        }
    }
    out.flush().map_err(Failure::of("write"))?;
    Ok(all_good)
}

fn write(out: &mut impl io::Write, verdict: &Verdict) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, verdict).map_err(|error| Failure::of("write")(error.into()))?;
    out.write_all(b"\n").map_err(Failure::of("write"))
}
