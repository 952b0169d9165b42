//! The services of the guides, each started by its language's own program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use eventing_process::testing::Program;
use sidecar_ground::Ground;

/// How long a service may take to start or to end, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A language with a guide.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    Python,
    Node,
    Go,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::Python, Self::Node, Self::Go];

    /// Its folder in `examples/guides`, and its page in `docs/guides`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::Go => "go",
        }
    }

    /// What its fenced blocks are marked with, and the service's source.
    pub(crate) fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("python", "service.py"),
            Self::Node => ("js", "service.mjs"),
            Self::Go => ("go", "main.go"),
        }
    }

    pub(crate) fn folder(self) -> PathBuf {
        workspace().join("examples/guides").join(self.name())
    }

    /// Its program, and what to install where that is missing.
    fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("python3", "install Python 3.9 or later (https://www.python.org/downloads)"),
            Self::Node => ("node", "install Node.js 20 or later (https://nodejs.org/en/download)"),
            Self::Go => ("go", "install Go 1.22 or later (https://go.dev/dl)"),
        }
    }

    fn command(self) -> Command {
        let (program, install) = self.program();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
        assert!(is_there, "{program} is not on PATH, and the guide's service is tested with it: {install}");
        let mut command = Command::new(program);
        command.current_dir(self.folder());
        command
    }

    /// The service, built where that is needed; `folder` holds what was built.
    fn service(self, folder: &Path) -> Command {
        let mut command = self.command();
        if let Self::Go = self {
            // Not `go run`: whoever ends that leaves the service behind.
            let program = folder.join("service");
            command.args(["build", "-o"]).arg(&program).arg(".");
            // The standard library alone, by the Go that is here.
            command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
            let built = command.output().unwrap();
            assert!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
            return Command::new(program);
        }
        command.arg(self.source().1);
        command
    }
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    program: Program,
    pub(crate) port: u16,
    _built: tempfile::TempDir,
}

impl Service {
    /// Starts it as the injector would let it be started, and waits until it listens.
    pub(crate) fn start(language: Language, ground: &Ground) -> Self {
        let built = tempfile::tempdir().unwrap();
        let mut command = language.service(built.path());
        command
            .env("PORT", "0")
            .env("QSL_EVENTING_URL", format!("http://{}", ground.listen))
            .env("QSL_EVENTING_TOKEN_FILE", ground.token_file());
        // A proxy that is none: what is on localhost must not be looked for there.
        command.env("http_proxy", "http://127.0.0.1:1").env("HTTP_PROXY", "http://127.0.0.1:1");
        let program = Program::start(&mut command).unwrap();
        let port = program
            .until(PATIENCE, |said| said.split_once("listening on port ")?.1.lines().next()?.trim().parse().ok())
            .unwrap_or_else(|said| panic!("{} does not listen: {said}", language.name()));
        Self { program, port, _built: built }
    }

    pub(crate) fn until_it_says(&self, what: &str) {
        let said = self.program.until(PATIENCE, |said| said.contains(what).then_some(()));
        said.unwrap_or_else(|said| panic!("it does not say {what}: {said}"));
    }

    pub(crate) fn said(&self) -> String {
        self.program.said()
    }

    /// Stops it as the kubelet does.
    pub(crate) fn stop(self) {
        self.program.terminate().unwrap();
        let (status, said) = self.program.ended().unwrap();
        assert!(status.success(), "it ended with {status}: {said}");
    }
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("QSL_WORKSPACE"))
}
