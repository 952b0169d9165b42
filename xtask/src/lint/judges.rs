//! Judges of the chart that are not ours: helm-unittest tries what `charts/qsl-eventing/tests` says of the templates, and
//! kube-score holds what is rendered against its policies. No critical finding is let through.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cargo::{succeed, workspace};
use crate::tools;

/// What of kube-score's policies is not followed, and why.
const NOT_FOLLOWED: [(&str, &str); 3] = [
    (
        "container-image-pull-policy",
        "images are pinned by version or digest: asking the registry each time adds a fault",
    ),
    (
        "container-ephemeral-storage-request-and-limit",
        "no root can be written, and volumes on disk have their own limits",
    ),
    (
        "statefulset-has-servicename",
        "wants a headless Service; the journal is one pod, and reached by its Service alone",
    ),
];

/// Runs the chart's own tests.
pub fn unittest(chart: &str) -> Result<()> {
    let mut unittest = Command::new(tools::helm_unittest()?);
    succeed(unittest.current_dir(workspace()).args(["--strict", chart]))
}

/// Judges the documents of a rendered chart.
pub fn score(rendered: &str) -> Result<()> {
    let mut command = Command::new(tools::kube_score()?);
    // No limit of CPU: it throttles, and the request shares the node out already.
    command.args(["score", "--output-format", "ci", "--ignore-container-cpu-limit"]);
    for (policy, _) in NOT_FOLLOWED {
        command.args(["--ignore-test", policy]);
    }
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut judge = command.spawn()?;
    let mut input = judge.stdin.take().context("kube-score takes no input")?;
    let text = rendered.to_owned();
    // It may answer before it has read everything.
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = judge.wait_with_output()?;
    ensure!(writing.join().is_ok_and(|written| written.is_ok()), "kube-score did not read the chart");
    let found = String::from_utf8(output.stdout)?;
    let critical = critical(&found)?;
    ensure!(critical.is_empty(), "kube-score: {}", critical.join("; "));
    Ok(())
}

/// The critical findings among the lines of an answer, each of which begins with its grade.
fn critical(found: &str) -> Result<Vec<&str>> {
    // An answer in another form would pass unread.
    ensure!(found.lines().any(|line| line.starts_with("[OK]")), "kube-score says nothing is right: {found}");
    Ok(found.lines().filter(|line| line.starts_with("[CRITICAL]")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_is_critical_is_found_and_an_answer_in_another_form_is_refused() {
        let found = "[OK] a v1/Pod\n[WARNING] b v1/Pod: (c) hm\n[CRITICAL] d v1/Pod: (e) no\n";
        assert_eq!(critical(found).unwrap(), ["[CRITICAL] d v1/Pod: (e) no"]);
        assert!(critical("nothing").is_err());
    }
}
