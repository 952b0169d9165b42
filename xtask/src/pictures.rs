//! `cargo xtask pictures`: the page as its tests see it, in `docs/images`.

use anyhow::Result;

use crate::cargo::{self, succeed, workspace};
use crate::tools;

/// Writes the pictures.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs the page's tests, which take the pictures on their way.
pub fn run(_: &Args) -> Result<()> {
    tools::chromium_with_fonts()?;
    let mut tests = cargo::command(["test", "--workspace", "--test", "page"]);
    succeed(tests.env("QSL_PAGE_SCREENSHOTS", workspace().join("docs/images")))
}
