//! A reader's shell: block after block with what the ones before exported, and terminals in which something stays.
#![allow(clippy::print_stdout, reason = "what the commands print")]

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::page::{Fence, Own};
use crate::cargo;

/// How long what runs in a terminal may take to end after Ctrl-C.
const ENDING: Duration = Duration::from_mins(2);

/// One page's shell.
#[derive(Debug)]
pub(super) struct Shell {
    tree: PathBuf,
    scratch: PathBuf,
    exported: PathBuf,
}

impl Shell {
    /// A shell in the tree, which has exported nothing yet. What it notes goes to `scratch`.
    pub(super) fn new(tree: &Path, scratch: &Path) -> Result<Self> {
        let exported = scratch.join("exported.sh");
        fs::write(&exported, "").with_context(|| format!("cannot write {}", exported.display()))?;
        Ok(Self { tree: tree.to_owned(), scratch: scratch.to_owned(), exported })
    }

    /// Runs a block to its end, and hands back what it printed, complaints included.
    pub(super) fn run(&mut self, fence: &Fence) -> Result<String> {
        print(fence);
        let file = self.scratch.join("printed");
        // But for where it is: each block begins in the tree.
        let behind = format!("export -n PWD OLDPWD\nexport -p > '{}'", self.exported.display());
        let mut child = self.spawn(&format!("{}\n{behind}", fence.commands), &file)?;
        let ended = wait(&mut child, fence.within)?;
        let said = fs::read_to_string(&file)?;
        print!("{said}");
        let Some(status) = ended else {
            signal(&child, "KILL")?;
            child.wait()?;
            bail!("the commands were not done within {} s", fence.within.as_secs());
        };
        ensure!(status.success(), "the commands ended with {status}");
        Ok(said)
    }

    /// Starts what stays, and waits until it says that the reader may go on.
    pub(super) fn start(&mut self, fence: &Fence, own: &Own) -> Result<Terminal> {
        print(fence);
        let file = self.scratch.join(format!("terminal-{}", own.name));
        let child = self.spawn(&fence.commands, &file)?;
        let mut terminal = Terminal { child, name: own.name.clone(), ended: false };
        let begin = Instant::now();
        loop {
            // In this order: what ended has said all that it says.
            let ended = terminal.child.try_wait()?;
            let said = fs::read_to_string(&file)?;
            if said.contains(&own.until) {
                println!("# terminal {} says {:?}", own.name, own.until);
                return Ok(terminal);
            }
            if let Some(status) = ended {
                terminal.ended = true;
                bail!("terminal {} ended with {status} before it said {:?}:\n{said}", own.name, own.until);
            }
            let late = begin.elapsed() > fence.within;
            ensure!(!late, "terminal {} did not say {:?} within {:?}:\n{said}", own.name, own.until, fence.within);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Bash in a process group of its own, so that it can be ended with all that it started.
    fn spawn(&self, commands: &str, file: &Path) -> Result<Child> {
        let script = format!("set -eo pipefail\n. '{}'\n{commands}\n", self.exported.display());
        let printed = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(script).current_dir(&self.tree).process_group(0);
        bash.stdin(Stdio::null()).stdout(printed.try_clone()?).stderr(printed);
        cargo::forget(&mut bash);
        bash.spawn().context("cannot start bash")
    }
}

/// A terminal in which something runs. Dropping it ends that at once.
#[derive(Debug)]
pub(super) struct Terminal {
    child: Child,
    name: String,
    ended: bool,
}

impl Terminal {
    /// Ctrl-C, and waits. What was stopped so may end with any status.
    pub(super) fn end(mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            signal(&self.child, "INT")?;
            ensure!(wait(&mut self.child, ENDING)?.is_some(), "terminal {} does not end by Ctrl-C", self.name);
        }
        self.ended = true;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.ended || matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // What cannot be ended here ends with this program: nobody is left to be told.
        let _ = signal(&self.child, "INT");
        if !matches!(wait(&mut self.child, ENDING), Ok(Some(_))) {
            let _ = signal(&self.child, "KILL");
            let _ = self.child.wait();
        }
    }
}

/// Whether bash can read the commands.
#[cfg(test)]
pub(super) fn parse(commands: &str) -> Result<()> {
    let output = Command::new("bash").args(["-n", "-c", commands]).output().context("cannot start bash")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn print(fence: &Fence) {
    fence.commands.lines().for_each(|line| println!("$ {line}"));
}

fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begin.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// To the child's group: it and all that it started. It has not been waited for, so the number is still its own.
fn signal(child: &Child, name: &str) -> Result<()> {
    cargo::succeed(Command::new("kill").arg(format!("-{name}")).arg("--").arg(format!("-{}", child.id())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fence(commands: &str, seconds: u64) -> Fence {
        let within = Duration::from_secs(seconds);
        Fence { line: 1, commands: commands.to_owned(), expected: None, terminal: None, shows: None, within }
    }

    fn own(until: &str) -> Own {
        Own { name: "two".to_owned(), until: until.to_owned() }
    }

    #[test]
    fn a_block_has_what_the_ones_before_exported_and_begins_in_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Shell::new(folder.path(), folder.path()).unwrap();
        shell.run(&fence("export GREETING=\"it's so\"\nmkdir elsewhere\ncd elsewhere", 10)).unwrap();
        let said = shell.run(&fence("echo \"$GREETING\"\nls -d elsewhere\necho complaint >&2", 10)).unwrap();
        assert_eq!(said, "it's so\nelsewhere\ncomplaint\n");
    }

    #[test]
    fn the_first_command_that_fails_ends_the_block_and_so_does_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Shell::new(folder.path(), folder.path()).unwrap();
        let failed = shell.run(&fence("false\ntouch reached", 10)).unwrap_err().to_string();
        assert!(failed.starts_with("the commands ended with exit status: 1"), "{failed}");
        assert!(shell.run(&fence("false | cat", 10)).is_err());
        let late = shell.run(&fence("sleep 60\ntouch reached", 0)).unwrap_err().to_string();
        assert_eq!(late, "the commands were not done within 0 s");
        assert!(!folder.path().join("reached").exists());
    }

    #[test]
    fn what_stays_is_waited_for_and_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Shell::new(folder.path(), folder.path()).unwrap();
        let commands = "echo on\nsh -c 'echo $$ > child; echo it is up; exec sleep 600'\necho off";
        let terminal = shell.start(&fence(commands, 10), &own("it is up")).unwrap();
        let child = fs::read_to_string(folder.path().join("child")).unwrap();
        let process = Path::new("/proc").join(child.trim());
        assert!(process.exists());
        terminal.end().unwrap();
        assert!(!process.exists());
    }

    #[test]
    fn what_ends_before_it_says_so_is_told_with_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Shell::new(folder.path(), folder.path()).unwrap();
        let error = shell.start(&fence("echo no; exit 3", 10), &own("yes")).unwrap_err().to_string();
        assert_eq!(error, "terminal two ended with exit status: 3 before it said \"yes\":\nno\n");
    }
}
