//! The run: within a limit, grow, read at each size, kill -9 in the middle of writing, and go on; and between its steps write
//! a journal of its own with all the memory there is, since the machine is not as fast at all times.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use bench_figures::limit::{Limit, UNSHARE, disk};
use eventing_process::testing::Program;

use crate::child::{PATIENCE, Told};
use crate::events::blocks;

/// Events of each journal that is written with all the memory there is, at most.
const UNLIMITED: u32 = 20_000;
/// The limit that the rest is measured in, in bytes.
const MEMORY: u64 = 512 << 20;
/// Events that are written when the writer is killed, and how many it was to write.
const KILLED_AFTER: u32 = 5_000;
const MORE: u32 = 20_000;

/// What came out.
#[derive(Debug)]
pub struct Course {
    /// Written with all the memory there is, each from the first event on.
    pub unlimited: Vec<Written>,
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
    /// Those written last.
    pub written: Written,
    /// Milliseconds of a timeline of 10 events and of one of 1,000: the median and the 95th of 100.
    pub short: [f64; 2],
    pub long: [f64; 2],
}

/// Events that were written, and what that took.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub events: u32,
    pub seconds: f64,
}

pub fn run(folder: &Path, events: u32) -> Result<Course> {
    let (limit, unlimited, folder) = (Limit::new(MEMORY)?, folder.join("unlimited"), folder.join("limited"));
    let (folder, alone) = (folder.as_path(), events.min(UNLIMITED));
    let mut course = Course {
        unlimited: Vec::new(),
        sizes: Vec::new(),
        disk: 0,
        peak: 0,
        reopened_peak: 0,
        reopening: [0.0; 2],
        wrong: 0,
        oom_kills: 0,
    };
    let mut begin = 0;
    for events in [events / 100, events / 10, events].into_iter().filter(|events| blocks(*events) > 0) {
        course.unlimited(&unlimited, alone)?;
        step(&format!("writing to {events} events"));
        course.grow(&limit, folder, begin, events)?;
        begin = events;
    }
    course.unlimited(&unlimited, alone)?;
    course.disk = disk(folder)?;
    step("kill -9 of a writer, and what is there after it");
    kill(&limit, folder, events)?;
    let (after_kill, _) = course.reopen(&limit, folder, events)?;
    course.write(&limit, folder, events, events + MORE)?;
    let (after_end, behind) = course.reopen(&limit, folder, events)?;
    course.reopening = [after_end, after_kill];
    course.wrong = behind.abs_diff(u64::from(MORE));
    course.oom_kills = limit.kills()?;
    course.unlimited(&unlimited, alone)?;
    Ok(course)
}

impl Course {
    /// Writes a journal with all the memory there is.
    fn unlimited(&mut self, folder: &Path, events: u32) -> Result<()> {
        step(&format!("writing {events} events with all memory"));
        self.unlimited.push(write_alone(folder, events)?);
        Ok(())
    }

    fn grow(&mut self, limit: &Limit, folder: &Path, from: u32, to: u32) -> Result<()> {
        let written = self.write(limit, folder, from, to)?;
        let told = child(limit, &["read"], folder, &[to])?;
        let read = told.iter().find_map(|told| match told {
            Told::Read { short, long, .. } => Some((*short, *long)),
            _ => None,
        });
        let (short, long) = read.context("a reader told nothing")?;
        self.sizes.push(Size { events: to, written, short, long });
        Ok(())
    }

    fn write(&mut self, limit: &Limit, folder: &Path, from: u32, to: u32) -> Result<Written> {
        let (written, peak) = wrote(&child(limit, &["write"], folder, &[from, to])?, to - from)?;
        self.peak = self.peak.max(peak);
        Ok(written)
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

/// Writes so many events on one core, and removes them.
fn write_alone(folder: &Path, events: u32) -> Result<Written> {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(std::env::current_exe()?).arg("write").arg(folder).args(["0", &events.to_string()]);
    let told = play(command)?;
    std::fs::remove_dir_all(folder)?;
    Ok(wrote(&told, events)?.0)
}

/// What a writer of so many events told, with the most memory that it had.
fn wrote(told: &[Told], events: u32) -> Result<(Written, u64)> {
    let wrote = told.iter().find_map(|told| match told {
        Told::Wrote { seconds, peak } => Some((Written { events, seconds: *seconds }, *peak)),
        _ => None,
    });
    wrote.context("a writer told nothing")
}

/// Plays a part to its end, and gives what it told.
fn child(limit: &Limit, part: &[&str], folder: &Path, numbers: &[u32]) -> Result<Vec<Told>> {
    let told = play(command(limit, part, folder, numbers)?);
    told.with_context(|| format!("{part:?} (OOM kills: {:?})", limit.kills()))
}

fn play(mut command: Command) -> Result<Vec<Told>> {
    let (status, said) = Program::start(&mut command)?.ended()?;
    ensure!(status.success(), "it ended with {status}: {said}");
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
