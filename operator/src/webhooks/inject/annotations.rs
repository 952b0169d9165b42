//! What a pod asks for in its annotations, parsed strictly: a typing mistake is refused, never ignored.

use std::collections::BTreeMap;

use eventing::types::BusId;
use k8s_openapi::api::core::v1::Pod;

use super::{ADMIN_PORT, LISTEN_PORT, Refusal};

const PREFIX: &str = "eventing.qsl.dev/";

/// The annotation that asks for a sidecar.
pub const INJECT: &str = "eventing.qsl.dev/inject";

/// Every annotation of a pod, without the prefix.
pub const NAMES: [&str; 14] = [
    "inject",
    "inbox",
    "publish-to",
    "app-port",
    "app-path",
    "app-health-path",
    "log-level",
    "cpu-request",
    "memory-request",
    "cpu-limit",
    "memory-limit",
    "image",
    "drain-seconds",
    "require-token",
];

/// What a pod asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it receives, if it does.
    pub consume: Option<Consume>,
    /// The bus it publishes on, if it does.
    pub publish_to: Option<BusId>,
    /// The sidecar's image, when not the installation's.
    pub image: Option<String>,
    /// The log level, when not the installation's.
    pub log_level: Option<&'static str>,
    /// The sidecar's resources.
    pub resources: Resources,
    /// How long the pod drains.
    pub drain_seconds: u32,
    /// Whether posting to the sidecar takes the token too.
    pub require_token: bool,
}

/// How events are handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consume {
    /// The InboxQueue, of the pod's namespace.
    pub inbox: String,
    /// The application's port.
    pub port: u16,
    /// The path for what no route names.
    pub path: Option<String>,
    /// The path that says whether the application is well.
    pub health_path: Option<String>,
}

/// The sidecar's resources, as quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Requested CPU.
    pub cpu_request: String,
    /// Requested memory.
    pub memory_request: String,
    /// CPU at most; without it, what the node has to spare.
    pub cpu_limit: Option<String>,
    /// Memory at most.
    pub memory_limit: String,
}

impl Request {
    /// Reads a pod's annotations; nothing where the pod asks for nothing.
    pub fn parse(pod: &Pod, namespace: &str) -> Result<Option<Self>, Refusal> {
        let empty = BTreeMap::new();
        let notes = Notes(pod.metadata.annotations.as_ref().unwrap_or(&empty));
        if !notes.flag("inject")? {
            return Ok(None);
        }
        notes.all_known()?;
        let spec = pod.spec.as_ref();
        let request = Self {
            consume: consume(&notes)?,
            publish_to: notes.get("publish-to").map(|value| bus(value, namespace)).transpose()?,
            image: notes.parsed("image", image)?,
            log_level: notes.parsed("log-level", log_level)?,
            resources: resources(&notes)?,
            drain_seconds: drain(&notes, spec.and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(30))?,
            require_token: notes.flag("require-token")?,
        };
        if request.consume.is_none() && request.publish_to.is_none() {
            return Err(Refusal::NothingToDo);
        }
        Ok(Some(request))
    }
}

struct Notes<'a>(&'a BTreeMap<String, String>);

impl Notes<'_> {
    fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(&format!("{PREFIX}{name}")).map(String::as_str)
    }

    fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(bad(name, value, "it is \"true\" or \"false\"")),
        }
    }

    fn parsed<T>(&self, name: &'static str, parse: fn(&str) -> Result<T, &'static str>) -> Result<Option<T>, Refusal> {
        let read = |value: &str| parse(value).map_err(|expected| bad(name, value, expected));
        self.get(name).map(read).transpose()
    }

    fn all_known(&self) -> Result<(), Refusal> {
        let ours = self.0.keys().filter_map(|key| key.strip_prefix(PREFIX));
        match ours.into_iter().find(|name| !NAMES.contains(name)) {
            Some(name) => Err(Refusal::UnknownAnnotation { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

fn bad(name: &'static str, value: &str, expected: &'static str) -> Refusal {
    Refusal::BadValue { name, value: value.to_owned(), expected }
}

fn consume(notes: &Notes<'_>) -> Result<Option<Consume>, Refusal> {
    let Some(inbox) = notes.parsed("inbox", object_name)? else {
        return match ["app-port", "app-path", "app-health-path"].into_iter().find(|name| notes.get(name).is_some()) {
            Some(name) => Err(Refusal::GoesWith { name, with: "inbox" }),
            None => Ok(None),
        };
    };
    Ok(Some(Consume {
        inbox,
        port: notes.parsed("app-port", port)?.ok_or(Refusal::NoAppPort)?,
        path: notes.parsed("app-path", path)?,
        health_path: notes.parsed("app-health-path", path)?,
    }))
}

fn bus(value: &str, namespace: &str) -> Result<BusId, Refusal> {
    let (namespace, name) = value.split_once('/').unwrap_or((namespace, value));
    BusId::new(namespace, name).map_err(|_| {
        bad("publish-to", value, "it is the name of an EventBus, or NAMESPACE/NAME of one in another namespace")
    })
}

fn object_name(value: &str) -> Result<String, &'static str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (1..=63).contains(&value.len())
        && value.starts_with(word)
        && value.ends_with(word)
        && value.chars().all(|c| word(c) || c == '-' || c == '.');
    good.then(|| value.to_owned()).ok_or("it is the name of an InboxQueue of the pod's namespace")
}

fn port(value: &str) -> Result<u16, &'static str> {
    const EXPECTED: &str =
        "it is a number from 1 to 65535, without sign or leading zero, and not 15080 or 15081, which are the sidecar's";
    let number: u16 = value.parse().map_err(|_| EXPECTED)?;
    let good = number != 0 && number.to_string() == value && number != LISTEN_PORT && number != ADMIN_PORT;
    good.then_some(number).ok_or(EXPECTED)
}

fn path(value: &str) -> Result<String, &'static str> {
    let good = value.starts_with('/')
        && value.len() <= 256
        && value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%'));
    good.then(|| value.to_owned())
        .ok_or("it is a path such as /events: at most 256 printable ASCII characters without ?, # and %")
}

fn log_level(value: &str) -> Result<&'static str, &'static str> {
    let levels = ["error", "warn", "info", "debug", "trace"];
    levels.into_iter().find(|level| *level == value).ok_or("it is error, warn, info, debug or trace")
}

fn image(value: &str) -> Result<String, &'static str> {
    let good = (1..=512).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| value.to_owned()).ok_or("it is the reference of an image")
}

const DRAIN: u32 = 10;

fn drain(notes: &Notes<'_>, grace: i64) -> Result<u32, Refusal> {
    const EXPECTED: &str = "it is a number of seconds from 0 to 3600";
    let read = |value: &str| match value.parse::<u32>() {
        Ok(seconds) if seconds <= 3600 && seconds.to_string() == value => Ok(seconds),
        _ => Err(bad("drain-seconds", value, EXPECTED)),
    };
    match notes.get("drain-seconds").map(read).transpose()? {
        Some(drain) if i64::from(drain) < grace.max(1) => Ok(drain),
        Some(drain) => Err(Refusal::DrainTooLong { drain, grace }),
        None => Ok(u32::try_from(grace / 2).unwrap_or(0).min(DRAIN)),
    }
}

fn resources(notes: &Notes<'_>) -> Result<Resources, Refusal> {
    let read = |name, default: &str| Ok(notes.parsed(name, quantity)?.unwrap_or_else(|| default.to_owned()));
    let resources = Resources {
        cpu_request: read("cpu-request", "10m")?,
        memory_request: read("memory-request", "24Mi")?,
        cpu_limit: notes.parsed("cpu-limit", quantity)?,
        memory_limit: read("memory-limit", "128Mi")?,
    };
    let pairs = [
        ("cpu-request", &resources.cpu_request, "cpu-limit", resources.cpu_limit.as_ref()),
        ("memory-request", &resources.memory_request, "memory-limit", Some(&resources.memory_limit)),
    ];
    for (request, value, limit, bound) in pairs {
        let Some(bound) = bound else { continue };
        if amount(value) > amount(bound) {
            return Err(Refusal::RequestAboveLimit { request, limit, value: value.clone(), bound: bound.clone() });
        }
    }
    Ok(resources)
}

/// A quantity in the forms that people write; Kubernetes knows more.
fn quantity(value: &str) -> Result<String, &'static str> {
    amount(value).map(|_| value.to_owned()).ok_or("it is a quantity of Kubernetes above zero, such as 50m, 0.5 or 64Mi")
}

/// In thousandths.
fn amount(value: &str) -> Option<u128> {
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, suffix) = value.split_at(digits);
    let factor: u128 = match suffix {
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "Ki" => 1_024_000,
        "Mi" => 1_048_576_000,
        "Gi" => 1_073_741_824_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').map_or((number, "0"), |(whole, fraction)| (whole, fraction));
    if whole.is_empty() || fraction.is_empty() || whole.len() > 12 || fraction.len() > 6 || fraction.contains('.') {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let amount = (whole.parse::<u128>().ok()? * scale + fraction.parse::<u128>().ok()?) * factor / scale;
    (amount > 0).then_some(amount)
}
