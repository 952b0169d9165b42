//! The run: grow, read at each size, kill -9 in the middle of writing, and go on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use bench_figures::limit::{Limit, UNSHARE, disk};
use eventing_process::testing::Program;

use crate::child::{PATIENCE, Told};
use crate::events::blocks;

/// The limit that it is measured in, in bytes.
const MEMORY: u64 = 512 << 20;
/// Events that are written when the writer is killed, and how many it was to write.
const KILLED_AFTER: u32 = 5_000;
const MORE: u32 = 20_000;

/// What came out.
#[derive(Debug)]
pub struct Course {
    /// Of each size, in order.
    pub sizes: Vec<Size>,
    /// Bytes on disk, of the last size.
    pub disk: u64,
    /// The most memory that any process had, in bytes.
    pub peak: u64,
    /// The same of those that opened the journal again.
    pub reopened_peak: u64,
    /// Seconds until the first answer, after a good end and after a kill.
    pub reopening: [f64; 2],
    /// Events in the end that should not be there, or are not.
    pub wrong: u64,
    /// Processes that the kernel killed for their memory.
    pub oom_kills: u32,
}

/// A journal of so many events.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub events: u32,
    /// Those written last, and what that took.
    pub written: u32,
    pub seconds: f64,
    pub cpu_seconds: f64,
    /// Milliseconds of a timeline of 10 events and of one of 1,000: the median and the 95th of 100.
    pub short: [f64; 2],
    pub long: [f64; 2],
}

pub fn run(folder: &Path, events: u32) -> Result<Course> {
    let limit = Limit::new(MEMORY)?;
    let mut course =
        Course { sizes: Vec::new(), disk: 0, peak: 0, reopened_peak: 0, reopening: [0.0; 2], wrong: 0, oom_kills: 0 };
    let mut begin = 0;
    for events in [events / 100, events / 10, events].into_iter().filter(|events| blocks(*events) > 0) {
        step(&format!("writing to {events} events"));
        course.grow(&limit, folder, begin, events)?;
        begin = events;
    }
    course.disk = disk(folder)?;
    step("kill -9 of a writer, and what is there after it");
    kill(&limit, folder, events)?;
    let (after_kill, _) = course.reopen(&limit, folder, events)?;
    course.write(&limit, folder, events, events + MORE)?;
    let (after_end, behind) = course.reopen(&limit, folder, events)?;
    course.reopening = [after_end, after_kill];
    course.wrong = behind.abs_diff(u64::from(MORE));
    course.oom_kills = limit.kills()?;
    Ok(course)
}

impl Course {
    fn grow(&mut self, limit: &Limit, folder: &Path, from: u32, to: u32) -> Result<()> {
        let (seconds, cpu_seconds) = self.write(limit, folder, from, to)?;
        let told = child(limit, &["read"], folder, &[to])?;
        let read = told.iter().find_map(|told| match told {
            Told::Read { short, long, .. } => Some((*short, *long)),
            _ => None,
        });
        let (short, long) = read.context("a reader told nothing")?;
        self.sizes.push(Size { events: to, written: to - from, seconds, cpu_seconds, short, long });
        Ok(())
    }

    fn write(&mut self, limit: &Limit, folder: &Path, from: u32, to: u32) -> Result<(f64, f64)> {
        let told = child(limit, &["write"], folder, &[from, to])?;
        let wrote = told.iter().find_map(|told| match told {
            Told::Wrote { seconds, cpu_seconds, peak } => Some((*seconds, *cpu_seconds, *peak)),
            _ => None,
        });
        let (seconds, cpu_seconds, peak) = wrote.context("a writer told nothing")?;
        self.peak = self.peak.max(peak);
        Ok((seconds, cpu_seconds))
    }

    /// Seconds until it answered, and how many events there are behind these.
    fn reopen(&mut self, limit: &Limit, folder: &Path, events: u32) -> Result<(f64, u64)> {
        let (mut opened, mut behind) = (None, 0);
        for told in child(limit, &["read"], folder, &[events])? {
            match told {
                Told::Opened { seconds, .. } => opened = Some(seconds),
                Told::Read { peak, behind: more, .. } => {
                    self.reopened_peak = self.reopened_peak.max(peak);
                    behind = more;
                }
                Told::Written(_) | Told::Wrote { .. } => {}
            }
        }
        self.peak = self.peak.max(self.reopened_peak);
        Ok((opened.context("a reader told nothing")?, behind))
    }
}

/// Plays a part to its end, and gives what it told.
fn child(limit: &Limit, part: &[&str], folder: &Path, numbers: &[u32]) -> Result<Vec<Told>> {
    let (status, said) = Program::start(&mut command(limit, part, folder, numbers)?)?.ended()?;
    ensure!(status.success(), "{part:?} ended with {status} (OOM kills: {}): {said}", limit.kills()?);
    Ok(said.lines().filter_map(told).collect())
}

fn kill(limit: &Limit, folder: &Path, events: u32) -> Result<()> {
    let writer = Program::start(&mut command(limit, &["write"], folder, &[events, events + MORE])?)?;
    let far = |said: &str| said.lines().filter_map(told).find(|told| matches!(told, Told::Written(KILLED_AFTER)));
    writer.until(PATIENCE, far).map_err(|said| anyhow!("the writer did not get far: {said}"))?;
    // Dropped, it is killed with no warning.
    drop(writer);
    Ok(())
}

fn command(limit: &Limit, part: &[&str], folder: &Path, numbers: &[u32]) -> Result<Command> {
    let mut command = limit.enter(Command::new(UNSHARE));
    command.arg(std::env::current_exe()?).args(part).arg(folder).args(numbers.iter().map(u32::to_string));
    Ok(command)
}

fn told(line: &str) -> Option<Told> {
    serde_json::from_str(line).ok()
}

#[allow(clippy::print_stderr, reason = "how far it is")]
fn step(what: &str) {
    eprintln!("{what}");
}
