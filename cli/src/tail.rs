//! `kubectl-qsl tail`: events as they arrive, verified, without a service.
//!
//! In: an EventBus or an InboxQueue, and the service account to act as. Out: a line for each event. A tail makes an
//! InboxQueue of its own ([`objects`]), in the account's namespace, that the operator deletes when its time is over,
//! whatever becomes of this program; [`follow`] receives from it. Nobody else's queue is touched.

mod follow;
mod objects;

use std::process::ExitCode;
use std::time::Duration;

use crds::conditions::{self, READY, TERMINAL};
use crds::names::EXPIRES_AT;
use crds::{EventBus, EventRule, InboxQueue};
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::signal::ctrl_c;
use tokio::time::{Instant, sleep};

use crate::access::account::Named;
use crate::access::{Access, AccessArgs};
use crate::cluster::{self, failed};
use crate::failure::Failure;
use crate::out::tell;
use follow::Show;
use objects::{Followed, Wanted, feeds, temporary};

/// Makes a temporary InboxQueue with its rules in the namespace of the account to act as (--as), waits until it is Ready
/// (on AWS two or three minutes: queues and policies take that long to act), and shows each event that arrives, with the
/// verdict of a consumer. Of an InboxQueue it shows what the rules send there from now on, not what is in its queue. At
/// the end, and at --for at the latest, the operator deletes it with all it holds.
///
/// You need: get on the bus or inbox; list on eventrules for an inbox; create, get and patch on inboxqueues in the
/// account's namespace; create on serviceaccounts/token of the account; get on ConfigMap qsl-eventing of its namespace and
/// ConfigMap qsl-root of the release's. The bus's allowedNamespaces must let the account's namespace attach rules.
///
/// Exit code 0; 2 when the call is wrong; 1 when something is away or refuses.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The InboxQueue or EventBus: NAME, or NAMESPACE/NAME.
    #[arg(value_name = "INBOX|BUS")]
    of: Named,
    /// The namespace of it; the context's own when absent. NAMESPACE/NAME says it too.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Which of the two it is, where both have the name.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// How long, at most a day.
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = lasting)]
    lasting: Duration,
    /// Of a bus, events of this source alone; may be given more than once.
    #[arg(long)]
    source: Vec<String>,
    /// Of a bus, events of this detail-type alone; may be given more than once.
    #[arg(long)]
    detail_type: Vec<String>,
    /// Show events of this correlationId alone.
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// How events are printed.
    #[arg(short, long, value_enum, default_value = "line")]
    output: Output,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inbox,
    Bus,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// A line for people.
    Line,
    /// A JSON object for each.
    Json,
}

fn lasting(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "must be a span of time such as 15m".to_owned())?;
    let bounds = Duration::from_mins(1)..=Duration::from_hours(24);
    if bounds.contains(&time) { Ok(time) } else { Err("must be between 1m and 24h".to_owned()) }
}

/// How long the temporary inbox may take to be Ready, and how often that is looked at.
const READY_WITHIN: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_secs(2);

/// Follows what was named.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    cluster::run(async {
        let access = args.access.connect().await?;
        let followed = find(args, &access).await?;
        let rules = match &followed {
            Followed::Bus(_) => Vec::new(),
            Followed::Inbox(_) => rules(&access).await?,
        };
        let wanted = Wanted { sources: args.source.clone(), detail_types: args.detail_type.clone() };
        let feeds = feeds(&followed, &rules, &wanted).map_err(Failure::Usage)?;
        let (name, end) = (name(), Instant::now() + args.lasting);
        let lasting = SignedDuration::try_from(args.lasting).map_err(|error| Failure::Usage(error.to_string()))?;
        let expires = Timestamp::now().saturating_add(lasting).map_err(|error| Failure::Usage(error.to_string()))?;
        let object = temporary(&name, &access.account, &followed, &feeds, expires);
        let object: InboxQueue = serde_json::from_value(object).map_err(|error| Failure::Usage(error.to_string()))?;
        let inboxes: Api<InboxQueue> = Api::namespaced(access.cluster.client.clone(), &access.account.namespace);
        let place = format!("{}/{name}", access.account.namespace);
        inboxes.create(&PostParams::default(), &object).await.map_err(failed(format!("make InboxQueue {place}")))?;
        tell(&format!("InboxQueue {place} is made; the operator deletes it at {expires}."))?;
        let show = Show { correlation: args.correlation.clone(), as_json: args.output == Output::Json };
        let ended = tokio::select! {
            ended = until_the_end(&access, &inboxes, &name, &show, end) => ended,
            _ = ctrl_c() => Ok(()),
        };
        let released = release(&inboxes, &name).await;
        ended?;
        released?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn until_the_end(
    access: &Access,
    inboxes: &Api<InboxQueue>,
    name: &str,
    show: &Show,
    end: Instant,
) -> Result<(), Failure> {
    until_ready(inboxes, name).await?;
    follow::follow(access, name, show, end).await
}

async fn find(args: &Args, access: &Access) -> Result<Followed, Failure> {
    let own = args.namespace.as_deref().unwrap_or(&access.cluster.namespace);
    let (namespace, name) = args.of.within(own);
    let client = || access.cluster.client.clone();
    let may_be = |kind| args.kind.is_none_or(|named| named == kind);
    let reading = || failed(format!("read {namespace}/{name}"));
    let inbox = if may_be(Kind::Inbox) {
        Api::<InboxQueue>::namespaced(client(), &namespace).get_opt(&name).await.map_err(reading())?
    } else {
        None
    };
    let bus = if may_be(Kind::Bus) {
        Api::<EventBus>::namespaced(client(), &namespace).get_opt(&name).await.map_err(reading())?
    } else {
        None
    };
    let narrowed = !args.source.is_empty() || !args.detail_type.is_empty();
    if narrowed && let (Some(_), None) = (&inbox, &bus) {
        return Err(Failure::Usage(
            "--source and --detail-type go with a bus: an inbox gets what its rules say".to_owned(),
        ));
    }
    match (inbox, bus) {
        (Some(inbox), None) => Ok(Followed::Inbox(Box::new(inbox))),
        (None, Some(bus)) => Ok(Followed::Bus(Box::new(bus))),
        (Some(_), Some(_)) => Err(Failure::Usage(format!(
            "{namespace}/{name} is an InboxQueue and an EventBus: say --kind inbox or --kind bus"
        ))),
        (None, None) => {
            Err(Failure::Usage(format!("there is no InboxQueue and no EventBus {namespace}/{name} (-n, --kind)")))
        }
    }
}

async fn rules(access: &Access) -> Result<Vec<EventRule>, Failure> {
    let api: Api<EventRule> = Api::all(access.cluster.client.clone());
    let list = api.list(&ListParams::default()).await.map_err(failed("list the EventRules that feed the inbox"))?;
    Ok(list.items)
}

fn name() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("tail-{}", id.get(..8).unwrap_or_default())
}

/// Waits, and says what for.
async fn until_ready(inboxes: &Api<InboxQueue>, name: &str) -> Result<(), Failure> {
    let (end, mut told) = (Instant::now() + READY_WITHIN, String::new());
    loop {
        let object = inboxes.get(name).await.map_err(failed(format!("read InboxQueue {name}")))?;
        let conditions = object.status.map(|status| status.conditions).unwrap_or_default();
        if conditions::is_true(&conditions, READY) {
            return Ok(());
        }
        let terminal = conditions::get(&conditions, TERMINAL).filter(|condition| condition.status == "True");
        if let Some(terminal) = terminal {
            return Err(Failure::Usage(format!(
                "InboxQueue {name} cannot become Ready: {}: {}",
                terminal.reason, terminal.message
            )));
        }
        let waits = conditions::get(&conditions, READY).map(|ready| format!("{}: {}", ready.reason, ready.message));
        let waits = waits.unwrap_or_else(|| "the operator to look at it".to_owned());
        if Instant::now() > end {
            return Err(Failure::Remote { doing: format!("follow: InboxQueue {name} is not Ready"), why: waits });
        }
        if waits != told {
            tell(&format!("Waiting for {waits}"))?;
            told = waits;
        }
        sleep(LOOK).await;
    }
}

/// Its time is over: the operator deletes it with what it holds, which a delete would wait for.
async fn release(inboxes: &Api<InboxQueue>, name: &str) -> Result<(), Failure> {
    let patch = json!({"metadata": {"annotations": {EXPIRES_AT: Timestamp::now().to_string()}}});
    match inboxes.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.is_not_found() => Ok(()),
        Err(error) => Err(failed(format!("let InboxQueue {name} go at once; it goes at its time"))(error)),
    }
}
