//! What of a page is run: its fences marked `sh`, in order, with the output that the next `text` fence shows.
//!
//! The mark may say more, which GitHub does not show: `terminal=NAME until="TEXT"` for what stays in a terminal of its own
//! until it says that, `shows="WHAT"` for what is there when the block is done, `within=SECONDS` for how long it may take.
//! `yaml of=PATH` says of which file the block is a part. What is marked otherwise (`console`, `http`) is only read.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// How long a block may take that does not say so.
const WITHIN: Duration = Duration::from_mins(5);

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    /// Its name below `docs/`, without `.md`.
    pub name: String,
    /// What is run.
    pub fences: Vec<Fence>,
    /// What is shown of files.
    pub yaml: Vec<Yaml>,
}

/// Commands.
#[derive(Debug, PartialEq)]
pub(super) struct Fence {
    /// Line of its mark.
    pub line: usize,
    /// The commands, as they stand there.
    pub commands: String,
    /// What they print, with `...` for what may differ.
    pub expected: Option<String>,
    /// A terminal of its own.
    pub terminal: Option<Own>,
    /// What is there once they are done.
    pub shows: Option<String>,
    /// How long they may take.
    pub within: Duration,
}

/// A terminal in which a command stays.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Own {
    /// Its name.
    pub name: String,
    /// What it says when the reader may go on.
    pub until: String,
}

/// A part of a file.
#[derive(Debug)]
pub(super) struct Yaml {
    /// Line of its mark.
    pub line: usize,
    /// The file.
    pub of: Option<String>,
    /// The part.
    pub text: String,
}

impl Page {
    /// Reads `docs/NAME.md` of the tree at `root`.
    pub(super) fn read(root: &Path, name: &str) -> Result<Self> {
        let file = format!("docs/{name}.md");
        let text = fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {file}"))?;
        Self::parse(name, &text).context(file)
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut page = Self { name: name.to_owned(), fences: Vec::new(), yaml: Vec::new() };
        let mut lines = text.lines().enumerate();
        while let Some((at, mark)) = lines.next() {
            let Some(mark) = mark.strip_prefix("```") else {
                ensure!(!mark.trim_start().starts_with("```"), "line {}: an indented fence is not run", at + 1);
                continue;
            };
            let mut content = String::new();
            loop {
                let (_, line) = lines.next().with_context(|| format!("line {}: the fence has no end", at + 1))?;
                if line == "```" {
                    break;
                }
                content.push_str(line);
                content.push('\n');
            }
            page.take(at + 1, mark, content).with_context(|| format!("line {}", at + 1))?;
        }
        Ok(page)
    }

    fn take(&mut self, line: usize, mark: &str, content: String) -> Result<()> {
        let (language, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        let said = attributes(rest)?;
        match language {
            "sh" => self.fences.push(Fence::of(line, content, said)?),
            "yaml" => self.yaml.push(Yaml { line, of: only("of", said)?, text: content }),
            "text" => {
                let before = self.fences.last_mut().context("```text comes before any ```sh")?;
                ensure!(before.expected.is_none(), "the block before has its ```text already");
                ensure!(before.terminal.is_none(), "what stays in a terminal of its own is waited for by `until`");
                before.expected = Some(content);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Fence {
    fn of(line: usize, commands: String, said: Vec<(String, String)>) -> Result<Self> {
        ensure!(!commands.trim().is_empty(), "there are no commands");
        let background =
            commands.lines().any(|line| line.trim_end().ends_with('&') && !line.trim_end().ends_with("&&"));
        ensure!(!background, "`&` leaves a program behind: give it a terminal of its own (terminal=, until=)");
        let mut fence = Self { line, commands, expected: None, terminal: None, shows: None, within: WITHIN };
        let (mut name, mut until) = (None, None);
        for (key, value) in said {
            match key.as_str() {
                "terminal" => name = Some(value),
                "until" => until = Some(value),
                "shows" => fence.shows = Some(value),
                "within" => fence.within = Duration::from_secs(value.parse().context("within= takes seconds")?),
                other => bail!("{other}= means nothing; there are terminal, until, shows and within"),
            }
        }
        fence.terminal = match (name, until) {
            (None, None) => None,
            (Some(name), Some(until)) => Some(Own { name, until }),
            _ => bail!("terminal= and until= go together"),
        };
        Ok(fence)
    }
}

fn only(key: &str, said: Vec<(String, String)>) -> Result<Option<String>> {
    let mut value = None;
    for (name, said) in said {
        ensure!(name == key, "{name}= means nothing here; there is {key}");
        value = Some(said);
    }
    Ok(value)
}

/// `key=value`, `key="a value"`, with spaces between them.
fn attributes(text: &str) -> Result<Vec<(String, String)>> {
    let (mut rest, mut found) = (text.trim(), Vec::new());
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=').with_context(|| format!("{rest:?} is not key=value"))?;
        let (value, next) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').with_context(|| format!("{key}= has no closing quote"))?,
            None => behind.split_once(' ').unwrap_or((behind, "")),
        };
        found.push((key.to_owned(), value.to_owned()));
        rest = next.trim_start();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn refused(text: &str) -> String {
        format!("{:#}", Page::parse("page", text).unwrap_err())
    }

    #[test]
    fn commands_come_in_order_each_with_the_output_behind_it() {
        let text = "# Title\n```sh\none\ntwo\n```\nIt says:\n```text\n1\n```\n```console\n$ no\n```\n\
                    ```sh shows=\"the end\" within=9\nthree\n```\n```yaml of=a/b.yaml\nkind: A\n```\n";
        let page = Page::parse("page", text).unwrap();
        let [first, second] = page.fences.as_slice() else { panic!("{page:?}") };
        assert_eq!((first.line, first.commands.as_str(), first.expected.as_deref()), (2, "one\ntwo\n", Some("1\n")));
        assert_eq!((second.commands.as_str(), second.expected.as_deref()), ("three\n", None));
        assert_eq!((second.shows.as_deref(), second.within), (Some("the end"), Duration::from_secs(9)));
        let [yaml] = page.yaml.as_slice() else { panic!("{page:?}") };
        assert_eq!((yaml.of.as_deref(), yaml.text.as_str()), (Some("a/b.yaml"), "kind: A\n"));
    }

    #[test]
    fn what_stays_has_a_terminal_and_a_sign_to_go_on() {
        let page = Page::parse("page", "```sh terminal=two until=\"it is up\"\nserve\n```\n").unwrap();
        let own = Own { name: "two".into(), until: "it is up".into() };
        assert_eq!(page.fences.first().unwrap().terminal, Some(own));
        assert_eq!(refused("```sh terminal=two\nserve\n```\n"), "line 1: terminal= and until= go together");
        assert!(refused("a\n```sh\nserve &\n```\n").starts_with("line 2: `&` leaves a program behind"));
    }

    #[test]
    fn a_mark_that_would_be_passed_over_is_refused_with_its_line() {
        for (text, told) in [
            ("```sh whithin=3\na\n```\n", "line 1: whithin= means nothing"),
            ("\n```text\na\n```\n", "line 2: ```text comes before any ```sh"),
            ("```sh\na\n", "line 1: the fence has no end"),
            ("```sh\n\n```\n", "line 1: there are no commands"),
            ("1. x\n   ```sh\n   a\n   ```\n", "line 2: an indented fence is not run"),
            ("```yaml file=a\na\n```\n", "line 1: file= means nothing here; there is of"),
            ("```sh\na\n```\n```text\n1\n```\n```text\n2\n```\n", "line 7: the block before has its ```text already"),
        ] {
            assert!(refused(text).starts_with(told), "{text:?}: {}", refused(text));
        }
    }
}
