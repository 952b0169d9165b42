//! Alerts, dashboards, metrics and their pages agree: what an alert or a panel asks for is in `docs/metrics.md`, what is
//! there is in the code and the other way round, and each alert has its page in `docs/runbooks`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize as _;
use serde_json::json;
use serde_yaml_ng::{Deserializer, Value};

use crate::cargo::{succeed, workspace};
use crate::{dashboards, tools};

/// Where the metrics of each prefix are registered.
const REGISTRIES: [(&[&str], &str); 6] = [
    (&["qsl_operator_"], "operator/src"),
    (&["qsl_signature_service_"], "signature-service/src"),
    (&["qsl_journal_"], "journal/src"),
    (&["qsl_gateway_"], "gateway/src"),
    (&["qsl_consumer_"], "eventing/src"),
    (&["qsl_publisher_", "qsl_sidecar_", "qsl_traces_"], "consumer-sidecar/src"),
];
/// What stands before the name where a metric is registered.
const MARKS: [&str; 5] =
    ["register(", "register_with_unit(", "seconds(registry,", "encode_descriptor(", "encode(&mut encoder,"];

/// Checks the rules among the documents of the rendered charts.
pub fn check<'a>(rendered: impl Iterator<Item = &'a str>) -> Result<()> {
    let text = fs::read_to_string(workspace().join("docs/metrics.md")).context("docs/metrics.md")?;
    let documented = documented(&text);
    for (prefixes, folder) in REGISTRIES {
        let mut registered = BTreeSet::new();
        sources(&workspace().join(folder), &mut |source| registered.extend(names_in(source)))?;
        agree(prefixes, &documented, &registered).with_context(|| format!("docs/metrics.md and {folder}"))?;
    }
    for (panel, query) in dashboards::queries()? {
        let known = |metric: &String| documented.contains(metric) || documented.contains(histogram(metric));
        let unknown = metrics_in(&query).into_iter().find(|metric| !known(metric));
        ensure!(unknown.is_none(), "{panel} rests on {unknown:?}, which docs/metrics.md does not have");
    }
    let mut alerts = BTreeSet::new();
    for document in rendered.flat_map(Deserializer::from_str) {
        let object = Value::deserialize(document)?;
        for rule in rules(&object) {
            alerts.insert(alert(rule, &documented)?);
        }
    }
    pages(&alerts)
}

/// Tries the rules of a rendered chart on Prometheus' own engine, with the cases of `xtask/alerts`, and has the dashboards'
/// queries parsed.
pub fn fire(rendered: &str) -> Result<()> {
    let (mut rules, mut queries) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
    for document in Deserializer::from_str(rendered) {
        let object = Value::deserialize(document)?;
        if object.get("kind").and_then(Value::as_str) == Some("PrometheusRule") {
            rules.write_all(serde_yaml_ng::to_string(&object.get("spec"))?.as_bytes())?;
        }
    }
    let recorded = dashboards::queries()?.into_iter().enumerate();
    let recorded: Vec<_> =
        recorded.map(|(n, (_, query))| json!({"record": format!("panel:{n}"), "expr": query})).collect();
    let recorded = json!({"groups": [{"name": "dashboards", "rules": recorded}]});
    queries.write_all(serde_yaml_ng::to_string(&recorded)?.as_bytes())?;
    let folder = workspace().join("xtask/alerts");
    let output = Command::new("gofmt").current_dir(&folder).args(["-l", "."]).output()?;
    ensure!(output.stdout.is_empty(), "not formatted: {}", String::from_utf8_lossy(&output.stdout));
    let mut test = tools::go()?;
    test.env("QSL_RULES", rules.path()).env("QSL_QUERIES", queries.path());
    succeed(test.current_dir(&folder).args(["test", "-count=1", "."]))
}

/// The metrics in the tables: the first cell of each line.
fn documented(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name.to_owned()).collect()
}

/// Both have the same metrics of those prefixes. The registry adds `_seconds` and `_total` to some names.
fn agree(prefixes: &[&str], documented: &BTreeSet<String>, registered: &BTreeSet<String>) -> Result<()> {
    let mut left = registered.clone();
    let without_prefix = |name: &str| prefixes.iter().find_map(|prefix| Some(name.strip_prefix(prefix)?.to_owned()));
    for name in documented.iter().filter_map(|name| without_prefix(name)) {
        let without = name.strip_suffix("_total").unwrap_or(&name);
        let forms = [name.as_str(), without, without.strip_suffix("_seconds").unwrap_or(without)];
        let found = forms.into_iter().find(|form| registered.contains(*form));
        left.remove(found.with_context(|| format!("{prefixes:?} {name} is registered nowhere"))?);
    }
    ensure!(left.is_empty(), "not described: {prefixes:?} {left:?}");
    Ok(())
}

/// The names of metrics that a source registers.
fn names_in(source: &str) -> BTreeSet<String> {
    let after = MARKS.iter().flat_map(|mark| source.split(mark).skip(1));
    let literals = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'));
    literals.map(|(name, _)| name.to_owned()).collect()
}

fn sources(folder: &Path, read: &mut dyn FnMut(&str)) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, read)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

fn rules(object: &Value) -> impl Iterator<Item = &Value> {
    let is_rule = object.get("kind").and_then(Value::as_str) == Some("PrometheusRule");
    let groups = is_rule.then(|| object.get("spec")?.get("groups")?.as_sequence()).flatten();
    groups.into_iter().flatten().filter_map(|group| group.get("rules")?.as_sequence()).flatten()
}

/// Checks one rule; says its name.
fn alert(rule: &Value, documented: &BTreeSet<String>) -> Result<String> {
    let text = |folder: &str, key: &str| rule.get(folder).and_then(|folder| folder.get(key)).and_then(Value::as_str);
    let name = rule.get("alert").and_then(Value::as_str).context("a rule without a name")?;
    for annotation in ["summary", "description"] {
        ensure!(text("annotations", annotation).is_some(), "{name} has no {annotation}");
    }
    let page = format!("/{name}.md");
    ensure!(text("annotations", "runbook_url").is_some_and(|url| url.ends_with(&page)), "{name}: runbook_url");
    ensure!(matches!(text("labels", "severity"), Some("critical" | "warning")), "{name}: severity");
    let expression = rule.get("expr").and_then(Value::as_str).with_context(|| format!("{name} has no expr"))?;
    for metric in metrics_in(expression) {
        ensure!(documented.contains(&metric), "{name} rests on {metric}, which docs/metrics.md does not have");
    }
    Ok(name.to_owned())
}

/// The metrics of an expression: every word with an underscore that is no function, outside of label matchers.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let mut outside = String::new();
    for (at, part) in expression.split('{').enumerate() {
        outside.push_str(if at == 0 { part } else { part.split_once('}').map_or("", |(_, rest)| rest) });
    }
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let functions: BTreeSet<&str> =
        outside.match_indices('(').filter_map(|(at, _)| outside.get(..at)?.rsplit(|c| !is_word(c)).next()).collect();
    let words = outside.split(|letter| !is_word(letter));
    let metrics = words.filter(|word| word.contains('_') && !functions.contains(word));
    let whole = |word: &str| word.strip_suffix("_bucket").unwrap_or(word).to_owned();
    metrics.map(whole).collect()
}

/// The histogram that a sum or count of one is of.
fn histogram(metric: &str) -> &str {
    metric.strip_suffix("_sum").or_else(|| metric.strip_suffix("_count")).unwrap_or(metric)
}

/// Every alert has a page, and every page an alert.
fn pages(alerts: &BTreeSet<String>) -> Result<()> {
    let folder = workspace().join("docs/runbooks");
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        pages.extend(name.strip_suffix(".md").filter(|name| name.starts_with("Qsl")).map(str::to_owned));
    }
    ensure!(pages == *alerts, "alerts {alerts:?} and pages of docs/runbooks {pages:?} differ");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn metrics_are_told_from_functions_labels_and_their_values() {
        let expression = r#"histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket{b_c="d_e"}[5m])))
            > 1 or (f_total{g=~"h|i"} unless f_total offset 5m) or j_k - time() < 3"#;
        assert_eq!(metrics_in(expression), set(&["a_seconds", "f_total", "j_k"]));
    }

    #[test]
    fn a_metric_that_one_side_alone_has_is_named() {
        let registered = names_in("r.register(\"calls\", ..); r.register_with_unit(\n  \"wait\", ..)");
        assert_eq!(registered, set(&["calls", "wait"]));
        let both = documented("| `p_calls_total` | counter |\n| `p_wait_seconds` | histogram |");
        agree(&["p_"], &both, &registered).unwrap();
        agree(&["p_", "q_"], &documented("| `p_calls_total` |\n| `q_wait_seconds` |"), &registered).unwrap();
        let more = agree(&["p_"], &documented("| `p_calls_total` |\n| `p_gone` |"), &registered).unwrap_err();
        assert!(more.to_string().contains("gone"), "{more}");
        let fewer = agree(&["p_"], &documented("| `p_calls_total` |"), &registered).unwrap_err();
        assert!(fewer.to_string().contains("wait"), "{fewer}");
    }

    #[test]
    fn an_alert_rests_on_what_is_described() {
        let rule = |metric: &str| {
            let text = format!(
                "{{alert: A, expr: '{metric} > 0', labels: {{severity: warning}}, \
                 annotations: {{summary: s, description: d, runbook_url: docs/A.md}}}}"
            );
            serde_yaml_ng::from_str::<Value>(&text).unwrap()
        };
        assert_eq!(alert(&rule("p_calls_total"), &set(&["p_calls_total"])).unwrap(), "A");
        let refused = alert(&rule("p_call_total"), &set(&["p_calls_total"])).unwrap_err();
        assert!(refused.to_string().contains("A rests on p_call_total"), "{refused}");
    }
}
