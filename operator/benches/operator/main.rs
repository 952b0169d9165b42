//! `cargo xtask bench operator`: the real controllers on a real API server, with the AWS in memory, measured.
//!
//! The operator runs in a process of its own ([`child`]), which answers questions on its standard input; this process
//! makes the objects ([`objects`]), waits until they are ready ([`readiness`]), asks the API server what was written
//! ([`api_server`]) and the kernel what it took ([`bench_figures::process`]). [`course`] is one measured run; [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod api_server;
mod arguments;
mod child;
mod course;
mod figures;
mod objects;
mod readiness;

use anyhow::Result;
use arguments::{Arguments, Mode};
use clap::Parser;

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    let arguments = Arguments::parse_from(given);
    eventing_service::install_crypto();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.mode {
        Mode::Operate(operate) => runtime.block_on(Box::pin(child::run(&operate))),
        Mode::Measure(measure) => {
            // It blocks, and must not be dropped inside the runtime.
            let plane = test_cluster::ControlPlane::start()?;
            let outcome = runtime.block_on(Box::pin(figures::run(&measure, plane.kubeconfig())));
            plane.stop()?;
            outcome
        }
    }
}
