//! A program that runs beside its test.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running program, all of whose output is kept. It does not outlive the value.
#[derive(Debug)]
pub struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    reading: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let said = Arc::<Mutex<String>>::default();
        let out = child.stdout.take().map(|out| read(out, Arc::clone(&said)));
        let err = child.stderr.take().map(|err| read(err, Arc::clone(&said)));
        Ok(Self { child, said, reading: out.into_iter().chain(err).collect() })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said until now, on standard output and standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first answer that `find` has of what it said.
    ///
    /// # Errors
    /// All that it said, when there was none within `patience`.
    pub fn until<T>(&self, patience: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let start = Instant::now();
        loop {
            let said = self.said();
            if let Some(found) = find(&said) {
                return Ok(found);
            }
            if start.elapsed() > patience {
                return Err(said);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What everybody on the machine sees of it: its arguments.
    ///
    /// # Errors
    /// When it has ended.
    pub fn arguments(&self) -> io::Result<String> {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.child.id()))?;
        Ok(String::from_utf8_lossy(&bytes).replace('\0', " "))
    }

    /// Asks it to stop, as the kubelet does.
    ///
    /// # Errors
    /// When it has ended.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Stops it where it stands, as a machine does that hangs.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::NotFound)?, signal)?)
    }

    /// Waits for its end; how it ended, and all that it said.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(mut self) -> io::Result<(ExitStatus, String)> {
        let status = self.child.wait()?;
        for reading in self.reading.drain(..) {
            // A reader does not panic.
            let _ = reading.join();
        }
        Ok((status, self.said()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
