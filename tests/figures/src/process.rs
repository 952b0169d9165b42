//! What the kernel says of a process.

use anyhow::{Context as _, Result};

/// Clock ticks a second, as Linux tells user space on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// What a process takes.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Memory in RAM, in bytes.
    pub resident: u64,
    /// The most of it that there was.
    pub peak: u64,
    /// Seconds of CPU since it started.
    pub cpu_seconds: f64,
}

/// Asks for a process.
///
/// # Errors
/// It is not there, or is another user's.
pub fn usage(pid: u32) -> Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes: u64 = found.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?;
        anyhow::Ok(kibibytes * 1024)
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(Usage { resident: bytes("VmRSS")?, peak: bytes("VmHWM")?, cpu_seconds: f64::from(ticks) / TICKS_A_SECOND })
}
