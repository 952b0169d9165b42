//! `cargo xtask dashboards`: Grafana's dashboards in the chart and `docs/dashboards.md`, both made of
//! `xtask/dashboards/*.yaml`, so that a query stands once.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cargo::workspace;

/// The two, in the order of the page.
const SOURCES: [&str; 2] = ["platform", "service"];
/// Grafana's own: as long a window as the scrape interval and the picture's width ask for.
const INTERVAL: &str = "$__rate_interval";
/// Grafana's grid: panels a row, and a panel's size.
const COLUMNS: usize = 2;
const WIDTH: usize = 12;
const HEIGHT: usize = 8;

/// Writes the dashboards and their page.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where a file is stale.
    #[arg(long)]
    pub check: bool,
}

/// One dashboard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dashboard {
    name: String,
    title: String,
    intro: String,
    #[serde(default)]
    variables: Vec<Variable>,
    rows: Vec<Row>,
}

/// What a reader chooses.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    query: String,
}

/// Panels that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panels: Vec<Panel>,
}

/// A question and the query that answers it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    query: String,
    #[serde(default)]
    legend: Option<String>,
    #[serde(default)]
    unit: Unit,
    #[serde(default)]
    kind: Kind,
}

/// What a panel counts in, by Grafana's names.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
enum Unit {
    #[default]
    #[serde(rename = "short")]
    Short,
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ops")]
    PerSecond,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Seconds => "s",
            Self::PerSecond => "ops",
        }
    }
}

/// How a panel is drawn.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Timeseries,
    Stat,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Timeseries => "timeseries",
            Self::Stat => "stat",
        }
    }
}

/// Writes the files, or compares them.
pub fn run(args: &Args) -> Result<()> {
    for (path, content) in files()? {
        if args.check {
            let current = fs::read_to_string(&path).unwrap_or_default() == content;
            ensure!(current, "{} is stale: `cargo xtask dashboards` writes it", path.display());
        } else {
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            fs::write(&path, content)?;
        }
    }
    Ok(())
}

/// Every query as Prometheus takes it, with what it answers: what Grafana fills in is filled in.
pub fn queries() -> Result<Vec<(String, String)>> {
    let mut queries = Vec::new();
    for dashboard in dashboards()? {
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            queries.push((format!("{}: {}", dashboard.name, panel.title), panel.query.replace(INTERVAL, "5m")));
        }
    }
    Ok(queries)
}

fn dashboards() -> Result<Vec<Dashboard>> {
    let read = |name: &&str| {
        let path = workspace().join("xtask/dashboards").join(format!("{name}.yaml"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_yaml_ng::from_str(&text).with_context(|| path.display().to_string())
    };
    SOURCES.iter().map(read).collect()
}

/// What is made of them, and where it belongs.
fn files() -> Result<Vec<(PathBuf, String)>> {
    let dashboards = dashboards()?;
    let folder = workspace().join("charts/qsl-eventing/files/dashboards");
    let mut files = vec![(workspace().join("docs/dashboards.md"), page(&dashboards))];
    for dashboard in &dashboards {
        let text = serde_json::to_string_pretty(&grafana(dashboard))? + "\n";
        files.push((folder.join(format!("{}.json", dashboard.name)), text));
    }
    Ok(files)
}

/// Grafana's form: <https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>.
/// The data source is a variable, so that it fits any Grafana.
fn grafana(dashboard: &Dashboard) -> Value {
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    let mut variables = vec![json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
    })];
    variables.extend(dashboard.variables.iter().map(|Variable { name, query }| {
        // 2: when the time range changes; 1: sorted by name.
        json!({
            "name": name, "label": name, "type": "query", "datasource": source, "definition": query,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1,
        })
    }));
    let (mut panels, mut y, mut id) = (Vec::new(), 0, 0);
    for row in &dashboard.rows {
        id += 1;
        panels.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS * WIDTH, "h": 1},
        }));
        y += 1;
        for (place, panel) in row.panels.iter().enumerate() {
            id += 1;
            let at = json!({
                "x": place % COLUMNS * WIDTH, "y": y + place / COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT,
            });
            let Panel { title, query, legend, unit, kind } = panel;
            panels.push(json!({
                "id": id, "type": kind.name(), "title": upper(title), "gridPos": at, "datasource": source,
                "fieldConfig": {"defaults": {"unit": unit.name()}, "overrides": []},
                "targets": [{
                    "refId": "A", "datasource": source, "expr": query,
                    "legendFormat": legend.as_deref().unwrap_or("now"),
                }],
            }));
        }
        y += row.panels.len().div_ceil(COLUMNS) * HEIGHT;
    }
    json!({
        "uid": format!("qsl-eventing-{}", dashboard.name), "title": dashboard.title, "description": dashboard.intro,
        "tags": ["qsl-eventing"], "schemaVersion": 39, "version": 1, "editable": true, "timezone": "",
        "time": {"from": "now-6h", "to": "now"}, "refresh": "1m",
        "templating": {"list": variables}, "annotations": {"list": []}, "panels": panels,
    })
}

/// The page: each query as one pastes it into Prometheus.
fn page(dashboards: &[Dashboard]) -> String {
    let mut page = String::from(
        "<!-- Made by `cargo xtask dashboards` from xtask/dashboards/*.yaml: do not edit. -->\n\n# What to draw\n\n\
         The dashboards of Grafana that the chart brings, and the queries in them, by what they answer. Chart value\n\
         `monitoring.dashboards.enabled` makes a ConfigMap of each, with the label that Grafana's sidecar looks for\n\
         (`monitoring.dashboards.labels`); the files are in `charts/qsl-eventing/files/dashboards`, to be imported by hand\n\
         as well. Metrics are described in [metrics](metrics.md); what needs somebody to act is an alert already\n\
         ([runbooks](runbooks/)).\n\n\
         `[5m]` suits a scrape interval of 30 s; the dashboards take Grafana's `$__rate_interval`. How full the queues\n\
         and dead-letter queues are stands in the InboxQueues' status and in CloudWatch (`spec.alarms` of an inbox,\n\
         `spec.dashboard` of a bus), not in Prometheus: SQS and EventBridge write dead letters that no program of ours\n\
         sees.\n",
    );
    for Dashboard { title, intro, rows, .. } in dashboards {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {title}\n{intro}\n");
        for Row { title, panels } in rows {
            let _ = write!(page, "\n### {title}\n| question | query |\n|---|---|\n");
            for Panel { title, query, .. } in panels {
                let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
                let query = query.replace(INTERVAL, "5m").replace('|', "\\|");
                let _ = writeln!(page, "| {title} | `{query}` |");
            }
        }
    }
    page
}

/// A question as a title.
fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use super::*;

    fn thing() -> Dashboard {
        let text = r#"
            name: thing
            title: A thing
            intro: What it does.
            variables: [{name: inbox, query: "label_values(a_total, inbox)"}]
            rows:
            - title: One
              panels:
              - {title: how many, query: 'rate(a_total{b=~"c|d"}[$__rate_interval])', legend: "{{b}}", unit: ops}
              - {title: whether, query: up, kind: stat}
              - {title: how long, query: b_seconds, unit: s}
            - {title: Two, panels: [{title: last, query: d}]}"#;
        serde_yaml_ng::from_str(text).unwrap()
    }

    #[test]
    fn a_query_stands_in_the_dashboard_as_grafana_fills_it_in_and_on_the_page_as_prometheus_takes_it() {
        let made = grafana(&thing());
        assert_eq!(made["panels"][1]["targets"][0]["expr"], r#"rate(a_total{b=~"c|d"}[$__rate_interval])"#);
        assert_eq!(made["panels"][1]["title"], "How many");
        assert_eq!(made["templating"]["list"][1]["query"]["query"], "label_values(a_total, inbox)");
        let page = page(&[thing()]);
        assert!(page.contains("| how many | `rate(a_total{b=~\"c\\|d\"}[5m])` |"), "{page}");
    }

    #[test]
    fn panels_have_numbers_and_places_of_their_own() {
        let made = grafana(&thing());
        let panels = made["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len());
        let place = |panel: &Value| ["y", "x"].map(|axis| panel["gridPos"][axis].as_u64().unwrap());
        let places: Vec<[u64; 2]> = panels.iter().map(place).collect();
        assert_eq!(places, [[0, 0], [1, 0], [1, 12], [9, 0], [17, 0], [18, 0]]);
    }
}
