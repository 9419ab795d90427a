//! Dashboard and rules hold together with the catalog of metrics, with each other and with their pages. Whether
//! Prometheus has an answer to them, `tests/observability/live.py` asks.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bidgate::metrics::{CATALOG, Family, Kind};
use serde_json::Value;

/// Labels that Prometheus gives to all that it scrapes, or makes itself.
const TARGET_LABELS: &[&str] = &["namespace", "job", "instance", "alertname", "alertstate"];

/// Columns of Grafana's grid.
const GRID: u64 = 24;

mod tests {
    use super::*;

    #[test]
    fn the_dashboard_is_written_as_grafana_would() {
        let text = read("k8s/observability/grafana-dashboard.json");
        let sorted = serde_json::to_string_pretty(&dashboard()).unwrap();
        assert!(
            text == sorted + "\n",
            "keys in order, two spaces: jq -S . FILE"
        );
    }

    #[test]
    fn panels_are_told_apart_and_do_not_overlap() {
        let dashboard = dashboard();
        let panels = all_panels(&dashboard);
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        let titles: BTreeSet<_> = panels.iter().map(|panel| title(panel)).collect();
        assert_eq!(ids.len(), panels.len(), "ids");
        assert_eq!(titles.len(), panels.len(), "titles");
        let mut taken = BTreeSet::new();
        for panel in panels {
            for cell in cells(panel) {
                assert!(taken.insert(cell), "{} overlaps at {cell:?}", title(panel));
            }
        }
    }

    #[test]
    fn every_panel_says_what_to_do_and_has_unit_thresholds_and_data_source() {
        for panel in graphs(&dashboard()) {
            let title = title(panel);
            let said = panel["description"].as_str().unwrap();
            assert!(said.len() > 60 && said.ends_with('.'), "{title}: {said}");
            let defaults = &panel["fieldConfig"]["defaults"];
            let heatmap = panel["type"] == "heatmap";
            assert!(heatmap || defaults["unit"].is_string(), "{title}");
            assert!(heatmap || defaults["thresholds"].is_object(), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }

    #[test]
    fn every_query_has_its_letter_and_each_of_several_its_legend() {
        for panel in graphs(&dashboard()) {
            let title = title(panel);
            let targets = panel["targets"].as_array().unwrap();
            let letters: BTreeSet<_> = targets
                .iter()
                .map(|target| text(&target["refId"]))
                .collect();
            assert_eq!(letters.len(), targets.len(), "{title}");
            for target in targets {
                assert_eq!(target["datasource"], panel["datasource"], "{title}");
                let named = !text(&target["legendFormat"]).is_empty();
                assert_eq!(
                    named,
                    panel["type"] != "table" && panel["type"] != "stat",
                    "{title}"
                );
            }
        }
    }

    #[test]
    fn every_metric_and_label_that_is_named_exists() {
        let recorded = names_after("- record: ");
        for expression in [dashboard_expressions(), rule_expressions()].concat() {
            for used in metrics(&expression) {
                if recorded.contains(&used.name) {
                    continue;
                }
                let family = family(&used.name);
                let family = family.unwrap_or_else(|| panic!("no {}: {expression}", used.name));
                for label in &used.labels {
                    let known = family.labels.contains(&label.as_str())
                        || TARGET_LABELS.contains(&label.as_str())
                        || label == "le" && used.name.ends_with("_bucket");
                    assert!(known, "{} has no {label}: {expression}", used.name);
                }
            }
            for label in groupings(&expression) {
                let of_family = CATALOG
                    .iter()
                    .any(|family| family.labels.contains(&&*label));
                let known = of_family || label == "le" || TARGET_LABELS.contains(&&*label);
                assert!(known, "nothing has {label}: {expression}");
            }
        }
    }

    #[test]
    fn the_dashboard_shows_every_family() {
        let used: BTreeSet<String> = dashboard_expressions()
            .iter()
            .flat_map(|expression| metrics(expression))
            .filter_map(|used| Some(family(&used.name)?.name.to_owned()))
            .collect();
        let families = CATALOG.iter().map(|family| family.name.to_owned());
        assert_eq!(used, families.collect());
    }

    #[test]
    fn the_operator_gets_the_same_rules() {
        let plain = read("k8s/observability/prometheus-rules.yaml");
        let groups = plain.lines().skip_while(|line| *line != "groups:");
        let expected: Vec<_> = groups.map(indented).collect();
        let wrapped = read("k8s/observability/prometheusrule.yaml");
        let spec = wrapped.lines().skip_while(|line| *line != "spec:").skip(1);
        let found: Vec<_> = spec.map(str::to_owned).collect();
        assert!(expected == found, "write it as its first lines say");
    }

    #[test]
    fn every_alert_has_a_severity_a_runbook_and_a_case() {
        let rules = read("k8s/observability/prometheus-rules.yaml");
        let cases = read("tests/observability/rules_test.yaml");
        let runbooks = headings("docs/alerts.md", "## ");
        assert_eq!(alerts(), runbooks, "headings of docs/alerts.md");
        for alert in rules.split("- alert: ").skip(1) {
            let name = alert.lines().next().unwrap();
            let runbook = format!("runbook: docs/alerts.md#{}\n", name.to_lowercase());
            assert!(alert.contains(&runbook), "{name} names no runbook");
            let severe = ["critical", "warning"].map(|word| format!("severity: {word} }}\n"));
            assert!(severe.iter().any(|label| alert.contains(label)), "{name}");
            // Those that are expected to be silent stand on one line.
            let fires = cases.contains(&format!("- alertname: {name}\n"));
            assert!(fires, "{name} never fires in rules_test.yaml");
        }
    }

    #[test]
    fn the_page_lists_the_alerts_with_their_severity_and_the_rows() {
        let page = read("docs/observability.md");
        let listed = page.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let name = cells.first()?.strip_prefix("| [`Bidgate")?;
            Some((
                format!("Bidgate{}", name.split('`').next()?),
                (*cells.get(1)?).to_owned(),
            ))
        });
        let rules = read("k8s/observability/prometheus-rules.yaml");
        let expected = rules.split("- alert: ").skip(1).map(|alert| {
            let severity = alert.split("severity: ").nth(1).unwrap();
            let severity = severity.split(' ').next().unwrap();
            (
                alert.lines().next().unwrap().to_owned(),
                severity.to_owned(),
            )
        });
        assert_eq!(listed.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let dashboard = dashboard();
        let rows = all_panels(&dashboard)
            .into_iter()
            .filter(|panel| panel["type"] == "row");
        for row in rows {
            let (name, question) = title(row).split_once(": ").unwrap();
            let told = page.lines().any(|line| {
                line.to_lowercase()
                    .starts_with(&format!("| {name} | {question} |").to_lowercase())
            });
            assert!(told, "docs/observability.md does not have the row {name}");
        }
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&read("k8s/observability/grafana-dashboard.json")).unwrap()
}

fn all_panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().collect()
}

/// All panels that ask something.
fn graphs(dashboard: &Value) -> Vec<&Value> {
    let mut panels = all_panels(dashboard);
    panels.retain(|panel| panel["type"] != "row");
    assert!(panels.len() > 30, "only {} panels", panels.len());
    panels
}

fn title(panel: &Value) -> &str {
    text(&panel["title"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The squares of the grid that a panel covers.
fn cells(panel: &Value) -> Vec<(u64, u64)> {
    let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
    let (columns, rows) = (
        side("x")..side("x") + side("w"),
        side("y")..side("y") + side("h"),
    );
    assert!(columns.end <= GRID, "{} is too wide", title(panel));
    rows.flat_map(|row| columns.clone().map(move |column| (row, column)))
        .collect()
}

/// Of panels, annotations and variables.
fn dashboard_expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = graphs(&dashboard);
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let notes = dashboard["annotations"]["list"].as_array().unwrap().iter();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let of_panels = targets.map(|target| &target["expr"]);
    let of_notes = notes.map(|note| &note["target"]["expr"]);
    let of_variables = variables.map(|variable| &variable["definition"]);
    let all = of_panels.chain(of_notes).chain(of_variables);
    all.filter_map(|expression| Some(expression.as_str()?.to_owned()))
        .collect()
}

/// An expression stands behind its key, or indented below it.
fn rule_expressions() -> Vec<String> {
    let rules = read("k8s/observability/prometheus-rules.yaml");
    let behind = rules.split("        expr: ").skip(1).map(|rest| {
        let block = rest
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with("          "));
        match rest.lines().next().unwrap() {
            "|-" => block.collect::<Vec<_>>().join("\n"),
            expression => expression.to_owned(),
        }
    });
    let expressions: Vec<_> = behind.collect();
    assert!(expressions.len() > 20, "only {} rules", expressions.len());
    expressions
}

/// A metric as an expression names it.
#[derive(Debug)]
struct Used {
    name: String,
    /// Those in its braces.
    labels: Vec<String>,
}

/// The metrics of this project, and those of processes, that an expression names.
fn metrics(expression: &str) -> Vec<Used> {
    let mut used = Vec::new();
    for start in word_starts(expression) {
        let name = word(expression.split_at(start).1);
        let ours = ["bidgate_", "process_", "job:", "agent:"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) {
            let behind = expression.split_at(start + name.len()).1;
            let braces = behind
                .strip_prefix('{')
                .map_or("", |rest| rest.split('}').next().unwrap());
            let matchers = braces
                .split('"')
                .step_by(2)
                .map(|part| part.trim_start_matches([',', ' ']));
            let labels = matchers
                .map(|part| word(part).to_owned())
                .filter(|label| !label.is_empty());
            used.push(Used {
                name: name.to_owned(),
                labels: labels.collect(),
            });
        }
    }
    used
}

/// The labels of `by`, `on` and `group_left`.
fn groupings(expression: &str) -> Vec<String> {
    let lists = [" by (", " on (", "group_left ("]
        .iter()
        .flat_map(|word| expression.split(word).skip(1));
    let lists = lists.map(|rest| rest.split(')').next().unwrap());
    lists
        .flat_map(|list| list.split(", ").map(str::to_owned))
        .collect()
}

fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let indices = text.char_indices();
    let before = std::iter::once(' ').chain(text.chars());
    indices
        .zip(before)
        .filter(move |((_, c), before)| part(*c) && !part(*before))
        .map(|((index, _), _)| index)
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    text.split_at(end.unwrap_or(text.len())).0
}

/// The family of a name. A histogram's samples have names of their own.
fn family(name: &str) -> Option<&'static Family> {
    CATALOG.iter().find(|family| match family.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(family.name)),
        Kind::Counter | Kind::Gauge => name == family.name,
    })
}

fn alerts() -> Vec<String> {
    names_after("- alert: ")
}

fn names_after(key: &str) -> Vec<String> {
    headings("k8s/observability/prometheus-rules.yaml", key)
}

/// What stands behind a word at the beginning of lines.
fn headings(page: &str, word: &str) -> Vec<String> {
    read(page)
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(word))
        .map(str::to_owned)
        .collect()
}

fn indented(line: &str) -> String {
    if line.is_empty() {
        String::new()
    } else {
        format!("  {line}")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
