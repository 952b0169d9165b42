//! `cargo xtask docs`: the commands of quickstart and tutorials, run in order as a reader would, in a fresh clone.
//!
//! - in: the fences marked `sh` of each page, and the output that a `text` fence behind one shows ([`page`], [`expected`])
//! - out: each command with what it printed; the first that fails, or prints something else, ends the run; at the end the
//!   times at which the first timeline and a second service's first event were there ([`shell`] runs them)
//!
//! The quickstart's own commands start the system, so the other pages run on it.
#![allow(clippy::print_stdout, reason = "the answer of the command")]

mod expected;
mod page;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use test_cluster::cache;

use self::page::{Fence, Page};
use self::shell::{Shell, Terminal};
use crate::cargo::{succeed, workspace};
use crate::progress::Progress;

/// The pages in their order, each as its name below `docs/`. The first one starts the system.
const PAGES: [&str; 6] = [
    "quickstart",
    "tutorials/first-service",
    "tutorials/fifo",
    "tutorials/rotation",
    "tutorials/ml-dsa-44",
    "tutorials/migration",
];

/// Runs the commands of quickstart and tutorials.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the commands, and run nothing.
    #[arg(long)]
    list: bool,
    /// Only this page (`first-service`), on the system that the quickstart starts.
    #[arg(long, value_name = "NAME")]
    page: Option<String>,
    /// In this working tree as it is, instead of a clone of its last commit.
    #[arg(long)]
    here: bool,
    /// On the `cargo xtask demo` that runs in this working tree already; starts none.
    #[arg(long, requires = "page")]
    running: bool,
}

/// When something that a page promises was there.
#[derive(Debug)]
struct Shown {
    what: String,
    after: Duration,
}

/// Lists or runs.
pub fn run(args: &Args) -> Result<()> {
    let pages = pages(workspace())?;
    let chosen = chosen(&pages, args.page.as_deref())?;
    if args.list {
        for page in &chosen {
            list(page);
        }
        return Ok(());
    }
    let progress = Progress::new();
    let begin = Instant::now();
    let scratch = workspace().join("target/docs");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let tree = if args.here || args.running {
        workspace().to_owned()
    } else {
        // Not within this tree: cargo would join its configuration to the clone's, and build everything anew.
        progress.step("a clone of the last commit", || clone(&cache::root()?.join("docs/clone")))?
    };
    // What the clone has, where there is one: an edit that is not committed is not run.
    let pages = pages_of(&tree, &chosen)?;
    let mut system = Vec::new();
    if args.running {
        ensure!(
            !is_called(PAGES[0], args.page.as_deref().unwrap_or_default()),
            "--running: {} starts its own",
            PAGES[0]
        );
        ensure!(tree.join("target/demo/env").exists(), "no demo is running here: `cargo xtask demo` starts one");
    } else if args.page.as_deref().is_some_and(|name| !is_called(PAGES[0], name)) {
        let first = Page::read(&tree, PAGES[0])?;
        let mut shell = Shell::new(&tree, &scratch)?;
        for fence in first.fences.iter().filter(|fence| fence.terminal.is_some()) {
            system.push(start(&mut shell, &first, fence)?);
        }
    }
    let mut shown = Vec::new();
    for page in &pages {
        let terminals = play(page, &tree, &scratch, begin, &mut shown)?;
        // What the quickstart started is what the others run on.
        if page.name == PAGES[0] {
            system.extend(terminals);
        } else {
            terminals.into_iter().rev().try_for_each(Terminal::end)?;
        }
    }
    system.into_iter().rev().try_for_each(Terminal::end)?;
    let commands: usize = pages.iter().map(|page| page.fences.len()).sum();
    println!("\nAll {commands} blocks of commands on {} pages did what the pages say.", pages.len());
    for Shown { what, after } in &shown {
        println!("{what}: after {:.0} s", after.as_secs_f64());
    }
    Ok(())
}

/// Whether what the pages show as YAML is a part of the files they name, so that there is one source of each.
pub fn check(root: &Path) -> Result<()> {
    for page in pages(root)? {
        for shown in &page.yaml {
            let place = format!("docs/{}.md:{}", page.name, shown.line);
            let Some(file) = &shown.of else { bail!("{place}: ```yaml names no file; `of=PATH` does") };
            let text = fs::read_to_string(root.join(file)).with_context(|| format!("{place}: {file}"))?;
            ensure!(text.contains(&shown.text), "{place}: this is not so in {file}");
        }
    }
    Ok(())
}

/// Reads all pages, in their order.
fn pages(root: &Path) -> Result<Vec<Page>> {
    PAGES.iter().map(|name| Page::read(root, name)).collect()
}

fn pages_of(tree: &Path, chosen: &[&Page]) -> Result<Vec<Page>> {
    chosen.iter().map(|page| Page::read(tree, &page.name)).collect()
}

/// All, or the one that is called so.
fn chosen<'a>(pages: &'a [Page], name: Option<&str>) -> Result<Vec<&'a Page>> {
    let Some(name) = name else { return Ok(pages.iter().collect()) };
    let found: Vec<_> = pages.iter().filter(|page| is_called(&page.name, name)).collect();
    ensure!(!found.is_empty(), "--page: there is no page {name}; there are {}", PAGES.join(", "));
    Ok(found)
}

/// `tutorials/fifo` is also called `fifo`.
fn is_called(page: &str, name: &str) -> bool {
    page == name || page.rsplit_once('/').is_some_and(|(_, last)| last == name)
}

fn list(page: &Page) {
    println!("# docs/{}.md", page.name);
    for fence in &page.fences {
        if let Some(terminal) = &fence.terminal {
            println!("# in terminal {}, until it says {:?}:", terminal.name, terminal.until);
        }
        println!("{}", fence.commands);
    }
}

/// A clone of what is committed, in place of an older one.
fn clone(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    succeed(Command::new("git").args(["clone", "--quiet"]).arg(workspace()).arg(folder))?;
    Ok(folder.to_owned())
}

fn start(shell: &mut Shell, page: &Page, fence: &Fence) -> Result<Terminal> {
    let terminal = fence.terminal.as_ref().context("the block has a terminal")?;
    shell.start(fence, terminal).with_context(|| place(page, fence))
}

/// Runs one page from its top to its end, and hands back the terminals that are still open.
fn play(page: &Page, tree: &Path, scratch: &Path, begin: Instant, shown: &mut Vec<Shown>) -> Result<Vec<Terminal>> {
    let (mut shell, mut terminals) = (Shell::new(tree, scratch)?, Vec::new());
    println!("\n== docs/{}.md", page.name);
    for fence in &page.fences {
        if fence.terminal.is_some() {
            terminals.push(start(&mut shell, page, fence)?);
        } else {
            let said = shell.run(fence).with_context(|| place(page, fence))?;
            if let Some(wanted) = &fence.expected {
                expected::check(wanted, &said).with_context(|| place(page, fence))?;
            }
        }
        if let Some(what) = &fence.shows {
            shown.push(Shown { what: what.clone(), after: begin.elapsed() });
        }
    }
    Ok(terminals)
}

fn place(page: &Page, fence: &Fence) -> String {
    format!("docs/{}.md:{}", page.name, fence.line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_page_has_commands_that_the_shell_can_read_and_the_two_times_are_taken() {
        let pages = pages(workspace()).unwrap();
        let fences = || pages.iter().flat_map(|page| page.fences.iter().map(move |fence| (page, fence)));
        for page in &pages {
            assert!(page.fences.len() > 2, "docs/{}.md has {} blocks", page.name, page.fences.len());
        }
        for (page, fence) in fences() {
            shell::parse(&fence.commands).with_context(|| place(page, fence)).unwrap();
        }
        let shown: Vec<_> = fences().filter_map(|(_, fence)| fence.shows.as_deref()).collect();
        assert_eq!(shown, ["the first timeline", "a second service's first event"]);
    }

    #[test]
    fn every_tutorial_of_the_folder_is_run() {
        for entry in fs::read_dir(workspace().join("docs/tutorials")).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let name = format!("tutorials/{}", file.strip_suffix(".md").unwrap());
            assert!(PAGES.contains(&name.as_str()), "docs/{name}.md is not among the pages that are run");
        }
    }

    #[test]
    fn what_a_page_shows_as_yaml_is_a_part_of_the_file_it_names() {
        check(workspace()).unwrap();
    }

    #[test]
    fn a_page_is_called_by_the_last_part_of_its_name_and_an_unknown_one_is_refused() {
        let pages = pages(workspace()).unwrap();
        assert_eq!(chosen(&pages, Some("fifo")).unwrap().first().unwrap().name, "tutorials/fifo");
        assert_eq!(chosen(&pages, None).unwrap().len(), PAGES.len());
        let refused = chosen(&pages, Some("lifo")).unwrap_err().to_string();
        assert!(refused.starts_with("--page: there is no page lifo; there are quickstart, "), "{refused}");
    }
}
