//! `cargo xtask demo`: the system comes up, a payment goes through its life, forged events are refused.

use anyhow::Result;

use crate::cargo::{succeed, workspace};
use crate::progress::Progress;
use crate::system::{Choice, System};

/// Brings the whole system up and plays the story.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// End when the story is told, with an exit code.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs the demo.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    let folder = workspace().join("target/demo");
    let system = System::up(&args.choice, &folder, &progress)?;
    progress.line("the system is up");
    let mut follow = system.cargo(&["run", "--quiet", "--bin", "follow", "--"]);
    if !args.once {
        follow.arg("--stay");
    }
    succeed(&mut follow)?;
    progress.line("done");
    Ok(())
}
