//! A limit of memory and one core, around a child: it sees the limit as it would in a container, since the engine sizes
//! its caches from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The chart's limit for the journal, in bytes.
pub const MEMORY: u64 = 512 << 20;

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
    /// Makes the group: of cgroup v2, or of v1 where that is what limits memory.
    pub fn new() -> Result<Self> {
        let second = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").is_ok();
        let (root, most, kills) = if second {
            ("/sys/fs/cgroup", "memory.max", "memory.events")
        } else {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control")
        };
        let group = Path::new(root).join(format!("qsl-journal-bench-{}", std::process::id()));
        let may = || format!("{} cannot be made: memory is limited as root only", group.display());
        fs::create_dir(&group).with_context(may)?;
        let limit = Self { group, seen_at: Path::new(root), kills };
        fs::write(limit.group.join(most), MEMORY.to_string())?;
        Ok(limit)
    }

    /// This program again, inside.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", ENTER, "sh"]).arg(&self.group).arg(self.seen_at);
        command.arg(std::env::current_exe()?);
        Ok(command)
    }

    /// How many processes were killed because they wanted more.
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

/// What the files of a folder take.
pub fn disk(folder: &Path) -> Result<u64> {
    let output = Command::new("du").args(["-s", "--block-size=1"]).arg(folder).output()?;
    ensure!(output.status.success(), "du ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().next().context("du says nothing")?.parse()?)
}
