//! Columns for people, as kubectl prints them; and spans of time in one unit.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// Rows of text under their headings. What is empty is shown as `-`.
#[derive(Debug)]
pub struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub fn new(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned)] }
    }

    /// Adds a row. What would break the line or the terminal is blanked: cells hold what others wrote.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { harmless(&cell) }));
    }

    /// Prints it.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(&self) -> Result<(), Failure> {
        io::stdout().lock().write_all(self.to_string().as_bytes()).map_err(Failure::of("write"))
    }
}

impl<const N: usize> std::fmt::Display for Table<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", cells.join("   ").trim_end())?;
        }
        Ok(())
    }
}

/// A word of the API, as it is written there.
pub fn word(of: &impl Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default()
}

/// Text of others for a terminal: no control characters.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A span of time in the two largest units that say enough, as kubectl prints ages: `45s`, `12m`, `3h10m`, `5d`.
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=10_799 => format!("{minutes}m"),
        10_800..=28_799 if minutes % 60 > 0 => format!("{hours}h{}m", minutes % 60),
        10_800..=172_799 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_a_cell_keeps_to_its_line() {
        let mut table = Table::new(["NAME", "WHAT"]);
        table.row(["a-long-name".to_owned(), String::new()]);
        table.row(["b".to_owned(), "two\nlines\u{1b}[31m".to_owned()]);
        assert_eq!(table.to_string(), "NAME          WHAT\na-long-name   -\nb             two lines [31m\n");
    }

    #[test]
    fn spans_are_told_in_the_units_that_say_enough() {
        for (seconds, said) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_400, "3h10m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (2_592_000, "30d"),
        ] {
            assert_eq!(span(seconds), said, "{seconds}");
        }
    }
}
