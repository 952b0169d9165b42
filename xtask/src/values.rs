//! `cargo xtask values`: the table of the chart's values in `docs/chart.md`, from the comments of `values.yaml`.
//!
//! What stands above a value, without an empty line between, describes it. A line of it that is indented by three begins
//! a new line in the table; an example (`# key:` of the value itself, and what follows) is left out.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::cargo::workspace;

const VALUES: &str = "charts/qsl-eventing/values.yaml";
const PAGE: &str = "docs/chart.md";
const BEGIN: &str = "<!-- The values: made by `cargo xtask values` from charts/qsl-eventing/values.yaml. -->\n";
const END: &str = "<!-- The end of the values. -->\n";

/// Writes the table.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where the table is stale.
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks it.
pub fn run(args: &Args) -> Result<()> {
    let values = fs::read_to_string(workspace().join(VALUES)).context(VALUES)?;
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).context(PAGE)?;
    let (head, rest) = page.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    let made = format!("{head}{BEGIN}\n{}\n{END}{tail}", table(&values).context(VALUES)?);
    if args.check {
        ensure!(made == page, "{PAGE} is stale: `cargo xtask values` writes it");
        return Ok(());
    }
    Ok(fs::write(&path, made)?)
}

/// A value, or a group of them, whose default is empty.
struct Row {
    path: String,
    default: String,
    what: String,
}

fn table(values: &str) -> Result<String> {
    let mut table = String::from("| value | default | what it does |\n|---|---|---|\n");
    for Row { path, default, what } in rows(values)? {
        let is_group = default.is_empty();
        ensure!(is_group || !what.is_empty(), "{path}: no comment says what it does; write one above it");
        if what.is_empty() {
            continue;
        }
        let default = if is_group { String::new() } else { format!("`{}`", default.replace('|', "\\|")) };
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{path}` | {default} | {} |", what.replace('|', "\\|"));
    }
    Ok(table)
}

fn rows(values: &str) -> Result<Vec<Row>> {
    let (mut rows, mut path, mut comment) = (Vec::new(), Vec::new(), Vec::new());
    for line in values.lines() {
        let text = line.trim();
        if text.is_empty() {
            comment.clear();
        } else if let Some(said) = text.strip_prefix('#') {
            comment.push(said);
        } else {
            let (key, default) = text.split_once(':').with_context(|| format!("`{line}` is no value"))?;
            path.truncate((line.len() - line.trim_start().len()) / 2);
            path.push(key);
            let (path, what) = (path.join("."), describe(key, &comment));
            rows.push(Row { path, default: default.trim().to_owned(), what });
            comment.clear();
        }
    }
    Ok(rows)
}

fn describe(key: &str, comment: &[&str]) -> String {
    let example = format!("{key}:");
    let mut what = String::new();
    for line in comment.iter().take_while(|line| line.trim() != example) {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_item = line.strip_prefix("   ").is_some_and(|rest| !rest.starts_with(' '));
        what.push_str(match (what.is_empty(), is_item) {
            (true, _) => "",
            (false, true) => "<br>",
            (false, false) => " ",
        });
        what.push_str(&words);
    }
    what
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_stands_above_a_value_describes_it() {
        let values = "# Not of a value.\n\n# A group.\na:\n  # Of b:\n  #   one   the first\n  #   two   the second,\n  #         continued\n  \
                      # b:\n  #   x\n  b: [x|y]\nc:\n  # Deep.\n  d: 1\n";
        let expected = "| value | default | what it does |\n|---|---|---|\n| `a` |  | A group. |\n\
                        | `a.b` | `[x\\|y]` | Of b:<br>one the first<br>two the second, continued |\n| `c.d` | `1` | Deep. |\n";
        assert_eq!(table(values).unwrap(), expected);
    }

    #[test]
    fn a_value_that_nothing_is_said_of_is_refused() {
        let refused = table("# A group.\na:\n  b: 1\n").unwrap_err().to_string();
        assert_eq!(refused, "a.b: no comment says what it does; write one above it");
    }
}
