//! What libFuzzer says at the end of a search.

/// The figures of one check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How often the check ran.
    runs: u64,
    /// How often in a second.
    runs_a_second: u64,
    /// Branches reached.
    branches: u64,
    /// Inputs kept because each reaches something new.
    kept: u64,
    /// Whether something broke it.
    pub failed: bool,
}

impl Statistics {
    /// The names of the columns.
    pub const HEAD: &str = "check            runs   a second   branches   inputs kept   broken";

    /// Reads the end of a log.
    pub fn read(log: &str, failed: bool) -> Self {
        let after = |name: &str| {
            let (_, after) = log.rsplit_once(name)?;
            // A figure may have its unit, or more after a slash: `corp: 812/190Kb`.
            let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        Self {
            runs: after("stat::number_of_executed_units:").unwrap_or_default(),
            runs_a_second: after("stat::average_exec_per_sec:").unwrap_or_default(),
            branches: after(" cov:").unwrap_or_default(),
            kept: after(" corp:").unwrap_or_default(),
            failed,
        }
    }

    /// A line of the table.
    pub fn line(&self, target: &str) -> String {
        let Self { runs, runs_a_second, branches, kept, failed } = self;
        let broken = if *failed { "YES" } else { "no" };
        format!("{target:<10} {runs:>10} {runs_a_second:>10} {branches:>10} {kept:>13}   {broken:>6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figures_of_a_log_count() {
        let log = "#2\tINITED cov: 411 ft: 412 corp: 1/1b exec/s: 0 rss: 41Mb\n\
                   #9182\tDONE   cov: 1203 ft: 4410 corp: 812/190Kb lim: 4096 exec/s: 4591 rss: 80Mb\n\
                   Done 9182 runs in 2 second(s)\n\
                   stat::number_of_executed_units: 9182\n\
                   stat::average_exec_per_sec:     4591\n\
                   stat::new_units_added:          80\n";
        let read = Statistics::read(log, false);
        let expected = Statistics { runs: 9182, runs_a_second: 4591, branches: 1203, kept: 812, failed: false };
        assert_eq!(read, expected);
        assert!(read.line("body").ends_with("no"));
        assert!(Statistics::read("", true).line("body").ends_with("YES"));
    }
}
