//! Who judges what lies in an inbox's queue: the consumer of that inbox, with the configuration and the keys that a pod of
//! its namespace would have.

mod queue;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eventing::{
    attributes::{self, Attributes},
    consumer::{
        ConfigurationMetrics, DeadLetter, Delivery, Drain, Handler, HandlerAnswer, Metrics, Mount, NoJournal, Roots,
        consume, pipeline::Clock,
    },
    root::RootHashes,
    time::Millis,
};
use eventing_http::KeySetClient;
use queue::InMemory;

use crate::support::PATIENCE;

/// How long a message has to lie in a queue before its kid can be called unknown, and some more: what comes is put there
/// as if it had.
pub const LAIN: Duration = Duration::from_secs(160);

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The application got the event.
    Accepted,
    /// Deleted: the application had the event already.
    Copy,
    /// Dead-lettered.
    Refused { code: String, message: String },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Copy => f.write_str("dropped: the event with this key was handled already"),
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

/// A consumer at work.
pub struct Judge {
    queue: InMemory,
    application: Arc<Application>,
    folder: tempfile::TempDir,
}

impl Judge {
    /// The consumer of an inbox, in a pod of `namespace` with `mounted`, trusting `roots`.
    pub fn at_work(namespace: &str, inbox: &str, mounted: &BTreeMap<String, String>, roots: RootHashes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), mounted);
        let directory = folder.path().to_owned();
        let roots = Roots::Fixed(roots);
        let (namespace, metrics) = (namespace.to_owned(), ConfigurationMetrics::default());
        let mount = Mount { directory, namespace, roots, clock: Clock::system(), metrics };
        let (queue, application) = (InMemory::default(), Arc::new(Application::default()));
        let (configuration, drain) = (mount.inbox(inbox), Drain::new(Duration::ZERO));
        let handler = application.clone();
        tokio::spawn(consume(
            queue.clone(),
            KeySetClient,
            NoJournal,
            mount,
            configuration,
            handler,
            Metrics::default(),
            drain,
        ));
        Self { queue, application, folder }
    }

    /// What the kubelet does when the mounted ConfigMap is another.
    pub fn mount(&self, mounted: &BTreeMap<String, String>) {
        write(self.folder.path(), mounted);
    }

    /// Puts a message that entered the queue then, and says what became of it.
    pub async fn put(&self, body: &str, attributes: Attributes, sent_at: Millis) -> Verdict {
        let handed_on = || lock(&self.application.0).iter().filter(|got| *got == body).count();
        let earlier = handed_on();
        let id = self.queue.put(body, attributes, sent_at);
        let settled = async {
            loop {
                let news = self.queue.news.notified();
                if self.queue.is_settled(&id) {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the message is judged");
        match self.queue.letter(&id) {
            Some(letter) => refused(&letter),
            None if handed_on() > earlier => Verdict::Accepted,
            None => Verdict::Copy,
        }
    }

    /// Puts a message that has lain there for a while.
    pub async fn put_lain(&self, body: &str) -> Verdict {
        self.put(body, Attributes::new(), before(Millis::now(), LAIN)).await
    }

    /// The bodies that the application got.
    pub fn accepted(&self) -> BTreeSet<String> {
        lock(&self.application.0).iter().cloned().collect()
    }
}

fn refused(letter: &DeadLetter) -> Verdict {
    let said = |name: &str| letter.attributes.get(name).cloned().unwrap_or_default();
    Verdict::Refused { code: said(attributes::CODE), message: said(attributes::MESSAGE) }
}

/// So much earlier.
pub fn before(moment: Millis, by: Duration) -> Millis {
    Millis(moment.0 - i64::try_from(by.as_millis()).unwrap())
}

fn write(folder: &Path, mounted: &BTreeMap<String, String>) {
    for (key, text) in mounted {
        std::fs::write(folder.join(key), text).unwrap();
    }
}

/// The application: it takes whatever comes.
#[derive(Default)]
struct Application(Mutex<Vec<String>>);

impl Handler for Application {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        lock(&self.0).push(delivery.body.to_string());
        HandlerAnswer::Done
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
