//! `kubectl-qsl sign`: events signed with a key of a file, for tests. In a cluster the signature service signs, and its
//! keys leave it for nobody.
//!
//! In: an event as it is posted to the sidecar (`source`, `detailType`, `resource`, `trace`, `detailCore`), or a list.
//! Out: for each the body that a queue would hold. [`local_key`] is the file.

mod local_key;

use std::path::PathBuf;
use std::process::ExitCode;

use eventing::algorithm::Algorithm;
use eventing::publish::NewEvent;
use eventing::signing::{EventFacts, MonotonicStamp, sign_event};
use eventing::time::Micros;
use eventing::types::{Jti, Source};
use serde_json::{Value, json};

use crate::events;
use crate::failure::Failure;
use crate::input::Input;
use crate::out::print;
use local_key::LocalKey;

/// First make a key, then sign with it:
///
///     kubectl-qsl sign --new-key key.json --source qsl.payment > jwks.json
///     kubectl-qsl sign --key key.json --jsonl event.json | kubectl-qsl verify --keys jwks.json --jsonl -
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The key to sign with, made by --new-key.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key", requires = "input")]
    key: Option<PathBuf>,
    /// Make a key, write it to this new file, and its public half as {"keys":[…]} to standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "input"])]
    new_key: Option<PathBuf>,
    /// What the new key signs with.
    #[arg(long, default_value = "Dilithium2", requires = "new_key")]
    algorithm: Algorithm,
    /// How the new key's kid begins.
    #[arg(long, default_value = "local", requires = "new_key")]
    name: String,
    /// A source that the new key may sign; every source when absent; may be given more than once.
    #[arg(long, requires = "new_key")]
    source: Vec<Source>,
    /// From when the new key may have signed, in seconds since 1970; now when absent.
    #[arg(long, value_name = "SECONDS", requires = "new_key")]
    nbf: Option<i64>,
    /// From when on the new key may not have signed, in seconds since 1970; 30 days from now when absent.
    #[arg(long, value_name = "SECONDS", requires = "new_key")]
    exp: Option<i64>,
    /// When the events are signed, in RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = Micros::parse_rfc3339, conflicts_with = "new_key")]
    ts: Option<Micros>,
    /// Write lines for `verify --jsonl` instead: {"body", "sentTimestampMs"}, sent when they were signed.
    #[arg(long, conflicts_with = "new_key")]
    jsonl: bool,
    /// The event, or a list of events; - is standard input.
    #[arg(value_name = "FILE")]
    input: Option<Input>,
}

const THIRTY_DAYS: i64 = 30 * 24 * 3_600;

/// Makes a key, or signs.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match (&args.new_key, &args.key, &args.input) {
        (Some(path), ..) => new_key(args, path)?,
        (None, Some(key), Some(input)) => sign(args, &LocalKey::read(key)?, input)?,
        // The rules of the arguments leave nothing else.
        (None, ..) => return Err(Failure::Usage("either --new-key, or --key and a file of events".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}

fn new_key(args: &Args, path: &std::path::Path) -> Result<(), Failure> {
    let now = Micros::now().millis().seconds();
    let (nbf, exp) = (args.nbf.unwrap_or(now), args.exp.unwrap_or(now.saturating_add(THIRTY_DAYS)));
    let key = LocalKey::generate(args.algorithm, &args.name)?;
    let jwk = key.jwk(&args.source, nbf, exp);
    key.write(path)?;
    print(&json!({"keys": [jwk]}))
}

fn sign(args: &Args, key: &LocalKey, input: &Input) -> Result<(), Failure> {
    let (events, _) = events::read(input)?;
    let stamp = MonotonicStamp::new();
    for event in &events {
        let ts = stamp.next(args.ts.unwrap_or_else(Micros::now));
        let body = body(key, event, ts)?;
        if args.jsonl {
            print(&json!({"body": body.to_string(), "sentTimestampMs": ts.millis()}))?;
        } else {
            print(&body)?;
        }
    }
    Ok(())
}

/// What EventBridge would deliver.
fn body(key: &LocalKey, event: &NewEvent, ts: Micros) -> Result<Value, Failure> {
    let NewEvent { source, detail_type, resource, trace, detail_core } = event;
    let wrong = |why: &dyn std::fmt::Display| Failure::Usage(why.to_string());
    let facts = EventFacts { source, detail_type, resource, trace, detail_core: detail_core.as_str() };
    let jti = Jti::from_uuid(uuid::Uuid::new_v4());
    let signed = sign_event(key.private(), key.kid(), facts, jti, ts).map_err(|error| wrong(&error))?;
    Ok(json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": detail_type,
        "source": source,
        "account": "000000000000",
        "time": format!("{}Z", ts.to_string().split('.').next().unwrap_or_default()),
        "region": "local",
        "resources": [resource],
        "detail": signed.detail,
    }))
}
