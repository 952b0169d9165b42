//! The owner of a process's long tasks: each is joined, and one that ends early ends the process.

use std::error::Error;
use std::future::Future;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn Error + Send + Sync>;

/// A task that should have run until the shutdown did not.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It failed.
    #[error("{task} failed: {source}")]
    Failed {
        /// Its name.
        task: &'static str,
        /// Why.
        source: BoxError,
    },
    /// It returned although nobody asked it to stop.
    #[error("{task} ended early")]
    Ended {
        /// Its name.
        task: &'static str,
    },
    /// It panicked.
    #[error("a task panicked: {0}")]
    Panicked(#[source] tokio::task::JoinError),
}

/// Tasks that live as long as the process.
#[derive(Debug)]
pub struct Tasks {
    running: JoinSet<(&'static str, Result<(), BoxError>)>,
    shutdown: CancellationToken,
}

impl Tasks {
    /// No tasks yet; all that are spawned are expected to end when `shutdown` is cancelled.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { running: JoinSet::new(), shutdown }
    }

    /// The token that ends them.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task. `name` is a constant, for logs.
    pub fn spawn<E>(&mut self, name: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<BoxError>,
    {
        self.running.spawn(async move { (name, task.await.map_err(Into::into)) });
    }

    /// Waits for all of them. The first that fails, panics or ends before the shutdown stops the others.
    ///
    /// # Errors
    /// The first such failure, after every task has ended.
    pub async fn join(mut self) -> Result<(), TaskError> {
        let mut first = Ok(());
        while let Some(joined) = self.running.join_next().await {
            let outcome = match joined {
                Ok((task, Err(source))) => Err(TaskError::Failed { task, source }),
                Ok((task, Ok(()))) if !self.shutdown.is_cancelled() => Err(TaskError::Ended { task }),
                Ok((_, Ok(()))) => Ok(()),
                Err(panic) => Err(TaskError::Panicked(panic)),
            };
            if let Err(error) = outcome {
                tracing::error!(error = %error, "a task ended");
                self.shutdown.cancel();
                if first.is_ok() {
                    first = Err(error);
                }
            }
        }
        first
    }

    /// Waits for all of them, and asks `last`, which has a token of its own, to stop when they have ended. A failure on
    /// either side stops both.
    ///
    /// # Errors
    /// The first failure of these, or else of `last`, after every task has ended.
    pub async fn join_before(self, last: Self) -> Result<(), TaskError> {
        let (stop, stop_last) = (self.shutdown(), last.shutdown());
        let these = async {
            let outcome = self.join().await;
            stop_last.cancel();
            outcome
        };
        let those = async {
            let outcome = last.join().await;
            stop.cancel();
            outcome
        };
        let (these, those) = tokio::join!(these, those);
        these.and(those)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_stops_the_others_and_is_named() {
        let mut tasks = Tasks::new(CancellationToken::new());
        let shutdown = tasks.shutdown();
        tasks.spawn("patient", async move {
            shutdown.cancelled().await;
            Ok::<(), std::io::Error>(())
        });
        tasks.spawn("hasty", async { Err(std::io::Error::other("no port")) });
        assert_eq!(tasks.join().await.unwrap_err().to_string(), "hasty failed: no port");
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_a_failure_and_one_that_was_asked_to_is_not() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("watch", async { Ok::<(), std::io::Error>(()) });
        assert_eq!(tasks.join().await.unwrap_err().to_string(), "watch ended early");

        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let mut tasks = Tasks::new(shutdown);
        tasks.spawn("watch", async { Ok::<(), std::io::Error>(()) });
        tasks.join().await.unwrap();
    }

    #[tokio::test]
    async fn what_ends_last_is_asked_when_the_others_have_ended() {
        let shutdown = CancellationToken::new();
        let (mut work, mut answers) = (Tasks::new(shutdown.clone()), Tasks::new(CancellationToken::new()));
        let (stop, stop_last) = (work.shutdown(), answers.shutdown());
        let (done, worked) = tokio::sync::oneshot::channel();
        let (seen, last) = (stop_last.clone(), stop_last.clone());
        work.spawn("work", async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            let _ = done.send(seen.is_cancelled());
            Ok::<(), std::io::Error>(())
        });
        answers.spawn("answers", async move {
            last.cancelled().await;
            Ok::<(), std::io::Error>(())
        });
        shutdown.cancel();
        work.join_before(answers).await.unwrap();
        assert!(!worked.await.unwrap(), "answers were stopped before the work had ended");
        assert!(stop_last.is_cancelled());
    }

    #[tokio::test]
    async fn a_failure_of_what_ends_last_stops_the_others() {
        let (mut work, mut answers) = (Tasks::new(CancellationToken::new()), Tasks::new(CancellationToken::new()));
        let stop = work.shutdown();
        work.spawn("work", async move {
            stop.cancelled().await;
            Ok::<(), std::io::Error>(())
        });
        answers.spawn("answers", async { Err(std::io::Error::other("no certificate")) });
        let ended = work.join_before(answers).await.unwrap_err();
        assert_eq!(ended.to_string(), "answers failed: no certificate");
    }
}
