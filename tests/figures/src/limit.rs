//! A limit of memory and one core around a process, which sees the limit as it would in a container: what sizes its caches
//! from there does as it does there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};

/// The program that [`Limit::enter`] stands on.
pub const UNSHARE: &str = "/usr/bin/unshare";
static MADE: AtomicU32 = AtomicU32::new(0);
/// Goes into the group, and shows it where a container's own is found; one core; then the program.
const ENTER: &str = r#"echo $$ > "$1/cgroup.procs" && mount --bind "$1" "$2" && shift 2 && exec taskset -c 0 "$@""#;

/// A group of processes with this limit, for as long as the value lives.
#[derive(Debug)]
pub struct Limit {
    group: PathBuf,
    seen_at: &'static Path,
    kills: &'static str,
}

impl Limit {
    /// Makes the group for so many bytes: of cgroup v2, or of v1 where that is what limits memory.
    ///
    /// # Errors
    /// Only root may.
    pub fn new(bytes: u64) -> Result<Self> {
        let second = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").is_ok();
        let (root, most, kills) = if second {
            ("/sys/fs/cgroup", "memory.max", "memory.events")
        } else {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control")
        };
        let group =
            Path::new(root).join(format!("qsl-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
        let may = || format!("{} cannot be made: memory is limited as root only", group.display());
        fs::create_dir(&group).with_context(may)?;
        let limit = Self { group, seen_at: Path::new(root), kills };
        fs::write(limit.group.join(most), bytes.to_string())?;
        Ok(limit)
    }

    /// What starts a program inside; the program is the next argument.
    pub fn enter(&self, mut command: Command) -> Command {
        command.args(["--mount", "sh", "-ec", ENTER, "sh"]).arg(&self.group).arg(self.seen_at);
        command
    }

    /// How many processes were killed because they wanted more.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn kills(&self) -> Result<u32> {
        let text = fs::read_to_string(self.group.join(self.kills))?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).context("no count of kills")?;
        Ok(count.trim().parse()?)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // Its processes have ended, or it stays until the machine does.
        let _ = fs::remove_dir(&self.group);
    }
}

/// What the files of a folder take, in bytes.
///
/// # Errors
/// `du` fails.
pub fn disk(folder: &Path) -> Result<u64> {
    let output = Command::new("du").args(["-s", "--block-size=1"]).arg(folder).output()?;
    ensure!(output.status.success(), "du ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().next().context("du says nothing")?.parse()?)
}
