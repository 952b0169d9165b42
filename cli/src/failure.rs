//! Why a subcommand ended before its time, by what the caller does next.

use std::io;
use std::process::ExitCode;

/// Why a subcommand ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The call, or what it was given, must be put right.
    #[error("{0}")]
    Usage(String),
    /// The same call may work another time.
    #[error("cannot {doing}: {source}")]
    Machine {
        /// What was under way.
        doing: String,
        /// What came of it.
        source: io::Error,
    },
    /// The cluster, AWS or a service of ours did not answer, or refused.
    #[error("cannot {doing}: {why}")]
    Remote {
        /// What was under way.
        doing: String,
        /// What came of it.
        why: String,
    },
}

impl Failure {
    /// The failure of an operation that is named by what comes after "cannot".
    pub fn of(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Machine { doing: doing.into(), source }
    }

    /// Tells a person, and gives the exit code.
    #[allow(clippy::print_stderr, reason = "this is what a person at the terminal reads")]
    pub fn told(&self) -> ExitCode {
        eprintln!("error: {self}");
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Machine { .. } | Self::Remote { .. } => ExitCode::FAILURE,
        }
    }
}
