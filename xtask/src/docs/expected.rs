//! Whether commands printed what their page shows.

use anyhow::{Result, ensure};

/// What differs from run to run: within a line any characters, alone on a line any lines, or none.
const ANY: &str = "...";

/// Compares. Blanks count as one, since columns are as wide as what stands in them.
pub(super) fn check(wanted: &str, said: &str) -> Result<()> {
    let wanted_lines: Vec<String> = wanted.lines().map(even).collect();
    let said_lines: Vec<String> = said.trim_end().lines().map(even).collect();
    ensure!(are(&wanted_lines, &said_lines), "the page shows\n{wanted}\nand what was printed is\n{said}");
    Ok(())
}

fn even(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn are(wanted: &[String], said: &[String]) -> bool {
    match wanted.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == ANY => {
            (0..=said.len()).any(|n| said.get(n..).is_some_and(|said| are(rest, said)))
        }
        Some((line, rest)) => said.split_first().is_some_and(|(own, said)| is(line, own) && are(rest, said)),
    }
}

fn is(wanted: &str, said: &str) -> bool {
    let mut parts = wanted.split(ANY);
    let Some(mut rest) = parts.next().and_then(|head| said.strip_prefix(head)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.split_once(*part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_within_a_line_and_what_is_left_open_may_differ() {
        for (wanted, said) in [
            ("a b\n", "a    b\n"),
            ("kid ... Active\n", "kid qsl-core-12 Active"),
            ("...\nlast\n", "first\nsecond\nlast\n"),
            ("...\nlast\n", "last\n"),
            ("first\n...\n", "first"),
            ("a...b...c\n", "a1b2c\n"),
        ] {
            assert!(check(wanted, said).is_ok(), "{wanted:?} {said:?}");
        }
    }

    #[test]
    fn anything_else_is_told_with_both() {
        for (wanted, said) in [
            ("a\n", "b\n"),
            ("a\n", "a\nb\n"),
            ("a\nb\n", "a\n"),
            ("kid ... Active\n", "kid x Pending"),
            ("a...b\n", "ba"),
            ("aba...aba\n", "aba"),
            ("...\nlast\n", "last\nmore\n"),
            ("a\n", ""),
        ] {
            assert!(check(wanted, said).is_err(), "{wanted:?} {said:?}");
        }
        let told = check("a\n", "b\n").map_err(|error| error.to_string());
        assert_eq!(told, Err("the page shows\na\n\nand what was printed is\nb\n".to_owned()));
    }
}
