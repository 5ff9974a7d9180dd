//! What Prometheus reads of the running service: both texts, by Prometheus's own tools, and what rules and dashboard name.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::health::Web;
use crate::stage::Stage;
use crate::wait;
use crate::webhook::Answer;

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut promtool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed (tests/run does it)");
    promtool.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    promtool.wait_with_output().expect("it ends")
}

/// The series of a text and their values.
fn series(text: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect(line);
        (name.to_owned(), value.parse().expect(line))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// The names of metrics that stand in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("eightysix_") || word.starts_with("process_")).map(str::to_owned).collect()
}

fn shipped(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every query in the shipped rules, their tests and the dashboard.
fn queries() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let is_query = ["expr", "series", "query", "definition"].contains(&key.as_str());
                    match value.as_str().filter(|_| is_query) {
                        Some(text) => found.push(text.to_owned()),
                        None => collect(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    for name in ["deploy/prometheus/rules.yaml", "deploy/prometheus/rules.test.yaml", "deploy/grafana/eightysix.json"] {
        let value: Value = serde_yaml::from_str(&shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        collect(&value, &mut found);
    }
    found
}

#[tokio::test]
async fn prometheus_reads_what_the_service_has_done() {
    let stage = Stage::open(2).await;
    let web = Web::of(&stage);
    let service = stage.start_with_baseline();
    web.until_ready(true).await;
    stage.hooks.answer(Answer::status(503));
    stage.pos.limit(102, 0);
    wait::until("ops hear of 102", || (!stage.told(102).is_empty()).then_some(()));
    stage.pos.restock(105);
    wait::until("ops hear of 105", || (stage.told(105).len() >= 2).then_some(()));

    let classic = || async { web.get("/metrics", "text/plain").await.expect("an answer") };
    let last = Cell::new(BTreeMap::new());
    let last_read = &last;
    // Alerts are counted every five seconds.
    wait::eventually("one alert is left", || async move {
        let read = series(&classic().await.2);
        let firing = read.get(r#"eightysix_alerts{brand="sahil",severity="critical",state="firing"}"#);
        let is_left = firing == Some(&1.0);
        last_read.set(read);
        is_left
    })
    .await;
    let read = last.into_inner();
    let at_least = |name: &str, least: f64| {
        let value = read.get(name).unwrap_or_else(|| panic!("{name} in {read:#?}"));
        assert!(*value >= least, "{name} is {value}, not {least} or more");
    };
    for (name, least) in [
        (r#"eightysix_polls_total{brand="sahil",verdict="ok"}"#, 10.0),
        (r#"eightysix_logins_total{brand="sahil",outcome="ok"}"#, 1.0),
        (r#"eightysix_budget_used_requests{brand="sahil"}"#, 10.0),
        (r#"eightysix_deliveries_total{channel="webhook",outcome="delivered"}"#, 2.0),
        (r#"eightysix_deliveries_total{channel="webhook",outcome="retried"}"#, 1.0),
        (r#"eightysix_deliveries_total{channel="email",outcome="delivered"}"#, 1.0),
        (r#"eightysix_deliveries_total{channel="mqtt",outcome="delivered"}"#, 1.0),
        ("eightysix_commit_duration_seconds_count", 3.0),
        ("eightysix_poll_duration_seconds_count", 10.0),
        // 102 came; a row that is gone has no time.
        ("eightysix_detection_delay_seconds_count", 1.0),
    ] {
        at_least(name, least);
    }
    for (name, value) in [
        (r#"eightysix_budget_limit_requests{brand="sahil"}"#, 290.0),
        (r#"eightysix_venues{brand="sahil"}"#, 2.0),
        (r#"eightysix_venues_late{brand="sahil"}"#, 0.0),
        (r#"eightysix_stop_list_rows{brand="sahil"}"#, 1.0),
        (r#"eightysix_stop_list_rows_out{brand="sahil"}"#, 1.0),
        (r#"eightysix_planned_reading_age_seconds{brand="sahil"}"#, 1.0),
        (r#"eightysix_access{brand="sahil",state="granted"}"#, 1.0),
        (r#"eightysix_access{brand="sahil",state="refused"}"#, 0.0),
        (r#"eightysix_polls_total{brand="sahil",verdict="rate_limited"}"#, 0.0),
        (r#"eightysix_loops{loop="brand"}"#, 1.0),
        // The feed's events go by the same broker as the kitchen's.
        (r#"eightysix_loops{loop="delivery"}"#, 4.0),
        (r#"eightysix_loops{loop="orders"}"#, 1.0),
        (r#"eightysix_loops{loop="housekeeping"}"#, 1.0),
        ("eightysix_ready", 1.0),
        ("eightysix_rules", 1.0),
        ("eightysix_config_last_reload_successful", 1.0),
        ("eightysix_dead_letters", 0.0),
    ] {
        assert_eq!(read.get(name), Some(&value), "{name} in {read:#?}");
    }
    // Both clocks are one here, and a poll comes every second.
    let skew = read[r#"eightysix_clopos_clock_skew_seconds{brand="sahil"}"#];
    assert!(skew.abs() < 0.6, "{skew}");
    let oldest = read[r#"eightysix_oldest_reading_age_seconds{brand="sahil"}"#];
    assert!(oldest < 30.0, "{oldest}");

    stage.edit("rules.yaml", "critical", "catastrophic");
    service.signal("HUP");
    service.says("the old configuration stays in force");
    let (status, kind, text) = classic().await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(series(&text).get("eightysix_config_last_reload_successful"), Some(&0.0));
    check_texts(&text, &web).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet", "the old configuration stays in force"]);
}

/// Holds both texts against Prometheus's own reader, and what is shipped against the names in them.
async fn check_texts(classic: &str, web: &Web) {
    let checked = promtool(&["check", "metrics"], classic);
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    for hidden in ["105", "102", "Quzu", "Sahil", "managers", "ops", "127.0.0.1"] {
        assert!(
            !classic.lines().any(|line| !line.starts_with('#') && line.contains(&format!("\"{hidden}"))),
            "{hidden}"
        );
    }

    let (status, kind, open) = web.get("/metrics", OPEN_METRICS).await.expect("an answer");
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.ends_with("\n# EOF\n"));
    // Prometheus takes OpenMetrics with times into a database of its own, and refuses what is none.
    let folder = tempfile::tempdir().expect("a folder");
    let stamped = |line: &str| {
        if line.starts_with('#') { format!("{line}\n") } else { format!("{line} 1780000000\n") }
    };
    let (file, data) = (folder.path().join("open.txt"), folder.path().join("data"));
    std::fs::write(&file, open.lines().map(stamped).collect::<String>()).expect("written");
    let paths = [&file, &data].map(|path| path.to_str().expect("a plain path"));
    let taken = promtool(&["tsdb", "create-blocks-from", "openmetrics", paths[0], paths[1]], "");
    assert!(
        taken.status.success(),
        "{}{}",
        String::from_utf8_lossy(&taken.stderr),
        String::from_utf8_lossy(&taken.stdout)
    );

    let known: BTreeSet<String> = series(classic).keys().flat_map(|name| named(name)).collect();
    let (queries, mut count) = (queries(), 0);
    for query in &queries {
        for name in named(query) {
            count += 1;
            assert!(known.contains(&name), "{query}: there is no {name}");
        }
    }
    assert!(count > 50, "{count} names in {} queries", queries.len());
}
