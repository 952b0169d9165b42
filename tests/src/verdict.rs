//! What a run came to, as a person reads it: a table, and every promise that was broken.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::ensure;

/// The most broken promises that are written out.
const SHOWN: usize = 20;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The table: what, and how much.
    pub rows: Vec<(String, String)>,
    /// Every promise that was broken; none in a good run.
    pub broken: Vec<String>,
}

impl Verdict {
    /// Fails unless every promise was kept.
    ///
    /// # Errors
    /// With the first promise that was broken; the table is followed by more of them.
    pub fn check(&self) -> anyhow::Result<()> {
        let first = self.broken.first().map_or("", String::as_str);
        ensure!(self.broken.is_empty(), "{} promises were broken, first: {first}", self.broken.len());
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
        for (what, value) in &self.rows {
            writeln!(f, "{what:<width$}  {value}")?;
        }
        for broken in self.broken.iter().take(SHOWN) {
            writeln!(f, "BROKEN: {broken}")?;
        }
        if self.broken.len() > SHOWN {
            writeln!(f, "BROKEN: … and {} more", self.broken.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// Counts by name, in a line.
pub(crate) fn listed(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "0".to_owned();
    }
    counts.iter().map(|(name, count)| format!("{name}: {count}")).collect::<Vec<_>>().join(", ")
}
