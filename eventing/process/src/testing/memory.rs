//! A program's memory, as another process of its user sees it.

use std::fs::{self, File};
use std::io::{self, PipeReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// A user that is not root: to root, everything looks the same.
const NOBODY: u32 = 65532;
/// How often, and how long between, a program is looked at until its memory is private.
const LOOKS: (u32, Duration) = (400, Duration::from_millis(25));

/// What others could have of a program's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The limit on core files, soft and hard, as `/proc/PID/limits` has it.
    pub core_limits: [String; 2],
    /// Whether its user's other processes may read it. Of one that cannot be dumped the kernel says that root owns what
    /// is in `/proc/PID`.
    pub is_its_users: bool,
}

/// A running program that stays where it first writes: its standard output is a pipe that is full.
#[derive(Debug)]
pub struct Held {
    child: Child,
    user: u32,
    _unread: PipeReader,
}

impl Held {
    /// Starts it, with nothing in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: impl AsRef<Path>, arguments: &[&str]) -> io::Result<Self> {
        let (unread, mut full) = io::pipe()?;
        rustix::io::ioctl_fionbio(&full, true)?;
        while full.write(&[0; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&full, false)?;
        let user = match rustix::process::getuid() {
            root if root.is_root() => NOBODY,
            own => own.as_raw(),
        };
        // By its descriptor, since that user may not reach the folder that it is in.
        let file = File::open(program)?;
        let mut command = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
        if user == NOBODY {
            command.uid(user).gid(user);
        }
        let child = command.args(arguments).env_clear().current_dir("/").stdout(full).spawn()?;
        Ok(Self { child, user, _unread: unread })
    }

    /// How it looks now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn exposure(&self) -> io::Result<Exposure> {
        let limits = format!("/proc/{}/limits", self.child.id());
        let text = fs::read_to_string(&limits)?;
        let core = text.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap_or_default();
        let mut limit = core.split_whitespace().map(str::to_owned);
        let core_limits = [limit.next().unwrap_or_default(), limit.next().unwrap_or_default()];
        Ok(Exposure { core_limits, is_its_users: fs::metadata(limits)?.uid() == self.user })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `program --help` has made its memory private by the time it says its first word.
///
/// # Errors
/// How it looks instead, after ten seconds.
pub fn memory_is_private(program: impl AsRef<Path>) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let held = Held::start(program, &["--help"]).map_err(told)?;
    let private = Exposure { core_limits: ["0", "0"].map(str::to_owned), is_its_users: false };
    for _ in 0..LOOKS.0 {
        if held.exposure().map_err(told)? == private {
            return Ok(());
        }
        std::thread::sleep(LOOKS.1);
    }
    Err(format!("{:?}", held.exposure()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_program_that_does_nothing_for_it_is_its_users() {
        let held = Held::start("/usr/bin/yes", &[]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let before = held.exposure().unwrap();
        assert!(before.is_its_users, "{before:?}");
    }
}
