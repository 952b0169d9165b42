//! What every program of ours does because it holds secrets: first, before it reads an argument, its memory is written
//! to no file and read by no other process of its user; and its logs carry none.
//!
//! Rooms: [`logs`] is what no filter lets through; [`testing`] looks at a program from outside (feature `test-util`).

pub mod logs;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// The memory could not be made private. Only a seccomp profile that forbids the call brings it about; the runtime's
/// default profile does not.
#[derive(Debug, thiserror::Error)]
#[error("this process cannot keep its memory private: {call} failed ({source}); a seccomp profile must allow it")]
pub struct Exposed {
    call: &'static str,
    source: Errno,
}

/// Forbids core dumps, and that another process of the same user attaches or reads `/proc/PID/mem` and its like.
///
/// It takes both: `RLIMIT_CORE` 0 is not asked where `/proc/sys/kernel/core_pattern` names a program to pipe to, and
/// `PR_SET_DUMPABLE` 0 is undone by an `execve`, which keeps the limit. What the process reads in its own `/proc/self`
/// is as before, but for the few files that its owner alone may open (`environ`, `mem`), which are root's then.
/// <https://man7.org/linux/man-pages/man5/core.5.html>,
/// <https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>
///
/// # Errors
/// When the kernel refuses, which is no state to hold a key in: end with this.
pub fn keep_memory_private() -> Result<(), Exposed> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|source| Exposed { call: "setrlimit(RLIMIT_CORE)", source })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|source| Exposed { call: "prctl(PR_SET_DUMPABLE)", source })
}

/// Lets the process have as many files and connections open as it may: container runtimes start programs with a soft limit
/// of 1,024, for the sake of some that use `select`. How many that is; none where there is no limit.
/// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
pub fn raise_file_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where the kernel refuses, the soft limit stands.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_hard_limit_says() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let few = Rlimit { current: Some(1_024), maximum };
        assert_eq!(setrlimit(Resource::Nofile, few), Ok(()));
        assert_eq!(raise_file_limit(), maximum);
    }
}
