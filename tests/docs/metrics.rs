//! docs/metrics.md: the table is made of the registry, and verdicts, checks and alerts are those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use eightysix::clopos::verdict::Verdict;
use eightysix::metrics::{BRAND_SERIES, Form, Insight};
use eightysix::units::{BrandId, Timestamp, Uptime, VenueId};
use eightysix::vitals::{Health, Place};
use serde_json::Value;

use super::markdown::{blocks, document, first_cells, root, section};

const BEGIN: &str = "<!-- metrics: made from src/metrics/ by `UPDATE_DOCS=1 cargo test --test docs` -->\n";
const END: &str = "<!-- end of metrics -->\n";

/// What a process with one brand shows.
fn text() -> String {
    let insight = Insight::default();
    let (brand, at) = (BrandId::new("sahil").expect("a slug"), Timestamp::from_unix_ms(1_780_000_000_000));
    let place = Place { read_at: Some(at), followed_at: Some(at), watched_since: at, rows: (1, 1) };
    let known = insight.vitals.brand(&brand);
    known.take_venues(std::iter::once((VenueId(1), place)), Duration::from_secs(3));
    known.skewed(0);
    insight.metrics.brand(&brand);
    insight.metrics.text(Form::Classic, &insight.vitals, at, Uptime::default())
}

/// A row for each metric, in the order of its name.
fn table(text: &str) -> String {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().expect("a name");
        let Some((_, inside)) = line.split_once('{') else { continue };
        let inside = inside.rsplit_once('}').expect("an end").0;
        let found =
            inside.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).filter(|label| *label != "le");
        labels.entry(name.trim_end_matches("_bucket")).or_default().extend(found);
    }
    let types: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let helps: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')).collect();
    assert_eq!(types.keys().collect::<Vec<_>>(), helps.keys().collect::<Vec<_>>());
    let mut made = "\n| metric | kind | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for (name, help) in helps {
        let of_it: Vec<String> = labels.get(name).into_iter().flatten().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(made, "| `{name}` | {} | {} | {help} |", types[name], of_it.join(", "));
    }
    made + "\n"
}

#[test]
fn the_table_of_metrics_is_that_of_the_registry() {
    let written = document("docs/metrics.md");
    let (before, rest) = written.split_once(BEGIN).expect("the beginning of the metrics");
    let (present, after) = rest.split_once(END).expect("the end of the metrics");
    let made = table(&text());
    #[expect(clippy::disallowed_methods, reason = "a person asks for the table to be written")]
    let is_to_be_written = std::env::var("UPDATE_DOCS").is_ok();
    if is_to_be_written {
        fs::write(root().join("docs/metrics.md"), format!("{before}{BEGIN}{made}{END}{after}")).expect("written");
    } else {
        assert!(present == made, "docs/metrics.md is behind; write it by UPDATE_DOCS=1 cargo test --test docs\n{made}");
    }
    assert!(written.contains(&format!("A brand has {BRAND_SERIES} series and")), "{BRAND_SERIES}");
    let others = text().lines().filter(|line| !line.starts_with('#') && !line.contains("brand=")).count();
    assert!((80..=90).contains(&others), "'about 85 beside them' are {others}");
}

#[test]
fn verdicts_checks_and_alerts_are_those_that_there_are() {
    let written = document("docs/metrics.md");
    let verdicts: BTreeSet<String> = Verdict::WORDS.into_iter().chain(["ok"]).map(str::to_owned).collect();
    let table = section(&written, "## Metrics").split_once("| verdict |").expect("the verdicts").1;
    assert_eq!(first_cells(table), verdicts);

    let ready = section(&written, "## Is the job done?");
    for name in Health::NAMES {
        assert!(ready.contains(&format!("- **{name}**: ")), "{name}");
    }
    let example: Value = serde_json::from_str(&blocks(ready, "json")[0]).expect("JSON");
    let names: Vec<&str> =
        example["checks"].as_array().expect("checks").iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!(names, Health::NAMES);

    let rules: Value = serde_yaml::from_str(&document("deploy/prometheus/rules.yaml")).expect("YAML");
    let alerts = rules["groups"][0]["rules"].as_array().expect("rules").iter();
    let alerts: BTreeSet<String> = alerts.map(|rule| rule["alert"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(first_cells(section(&written, "## Alerts of Prometheus")), alerts);
}
