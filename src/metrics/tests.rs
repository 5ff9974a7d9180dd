//! What is read of the metrics: both texts, the series of a brand, ages that grow by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::alerts::census::{Census, State};
use crate::clopos::verdict::Verdict;
use crate::rules::Severity;
use crate::units::VenueId;
use crate::vitals::{LoopKind, Place, QueueLook, StoreLook};

const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);
const UPTIME: Uptime = Uptime(Duration::from_secs(1_000));

fn brand(name: &str) -> BrandId {
    BrandId::new(name).expect("a slug")
}

/// Puts a brand of one venue that was read 4 s ago.
fn put(vitals: &Vitals, name: &str) {
    let read_at = Some(NOW.minus(Duration::from_secs(4)));
    let place = Place { read_at, followed_at: read_at, watched_since: NOW, rows: (5, 2) };
    let known = vitals.brand(&brand(name));
    known.take_venues(std::iter::once((VenueId(1), place)), Duration::from_secs(3));
    known.allow(240);
    known.skewed(-1_250);
}

/// The series of a text and their values.
fn series(text: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect(line);
        (name.to_owned(), value.parse().expect(line))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

#[test]
fn a_brand_has_as_many_series_as_is_said_and_none_when_it_is_gone() {
    let (metrics, vitals) = (Metrics::new(NOW), Vitals::default());
    let read = || series(&metrics.text(Form::Classic, &vitals, NOW, UPTIME));
    let before = read();
    assert!(before.keys().all(|name| !name.contains("brand=")), "{before:?}");
    put(&vitals, "sahil");
    metrics.brand(&brand("sahil"));
    let with = read();
    assert_eq!(with.len() - before.len(), BRAND_SERIES);
    put(&vitals, "gunay");
    metrics.brand(&brand("gunay"));
    assert_eq!(read().len() - with.len(), BRAND_SERIES);
    for gone in vitals.keep_brands(&BTreeSet::from([brand("sahil")])) {
        metrics.forget(&gone);
    }
    assert_eq!(read().keys().collect::<Vec<_>>(), with.keys().collect::<Vec<_>>());
}

#[test]
fn what_is_counted_is_read_in_both_texts() {
    let (metrics, vitals) = (Metrics::new(NOW), Vitals::default());
    put(&vitals, "sahil");
    let counted = metrics.brand(&brand("sahil"));
    counted.polled(None);
    counted.polled(Some(&Verdict::RateLimited { wait: Duration::ZERO }));
    counted.logged_in(false);
    counted.stand(&Census::from([((Severity::Critical, State::Firing), 3)]));
    vitals.brand(&brand("sahil")).sent(UPTIME);
    metrics.detected(Duration::from_millis(1_500));
    metrics.committed(Duration::from_millis(3));
    metrics.answered(Duration::from_millis(120));
    metrics.delivered(Channel::Webhook, Delivered::Never);
    metrics.heartbeat_sent(true);
    metrics.configured(7, NOW);
    for form in [Form::OpenMetrics, Form::Classic] {
        let text = metrics.text(form, &vitals, NOW, UPTIME);
        assert_eq!(text.ends_with("# EOF\n"), form == Form::OpenMetrics);
        let read = series(&text);
        for (name, value) in [
            (r#"eightysix_polls_total{brand="sahil",verdict="ok"}"#, 1.0),
            (r#"eightysix_polls_total{brand="sahil",verdict="rate_limited"}"#, 1.0),
            (r#"eightysix_polls_total{brand="sahil",verdict="passing"}"#, 0.0),
            (r#"eightysix_logins_total{brand="sahil",outcome="failed"}"#, 1.0),
            (r#"eightysix_alerts{brand="sahil",severity="critical",state="firing"}"#, 3.0),
            (r#"eightysix_alerts{brand="sahil",severity="info",state="silenced"}"#, 0.0),
            (r#"eightysix_budget_used_requests{brand="sahil"}"#, 1.0),
            (r#"eightysix_budget_limit_requests{brand="sahil"}"#, 240.0),
            (r#"eightysix_stop_list_rows{brand="sahil"}"#, 5.0),
            (r#"eightysix_stop_list_rows_out{brand="sahil"}"#, 2.0),
            (r#"eightysix_oldest_reading_age_seconds{brand="sahil"}"#, 4.0),
            (r#"eightysix_planned_reading_age_seconds{brand="sahil"}"#, 3.0),
            (r#"eightysix_clopos_clock_skew_seconds{brand="sahil"}"#, -1.25),
            (r#"eightysix_access{brand="sahil",state="untried"}"#, 1.0),
            (r#"eightysix_access{brand="sahil",state="refused"}"#, 0.0),
            // Whole bounds are written differently in the two texts.
            (r#"eightysix_detection_delay_seconds_bucket{le="0.5"}"#, 0.0),
            (r#"eightysix_detection_delay_seconds_bucket{le="+Inf"}"#, 1.0),
            ("eightysix_detection_delay_seconds_sum", 1.5),
            ("eightysix_commit_duration_seconds_count", 1.0),
            ("eightysix_poll_duration_seconds_count", 1.0),
            (r#"eightysix_deliveries_total{channel="webhook",outcome="dead"}"#, 1.0),
            (r#"eightysix_heartbeats_total{outcome="sent"}"#, 1.0),
            ("eightysix_rules", 7.0),
            ("eightysix_config_last_reload_successful", 1.0),
            ("eightysix_config_last_reload_success_timestamp_seconds", 1_780_000_000.0),
            ("process_start_time_seconds", 1_780_000_000.0),
            ("eightysix_ready", 0.0),
            (r#"eightysix_check_ok{check="brands"}"#, 1.0),
            (r#"eightysix_check_ok{check="loops"}"#, 0.0),
        ] {
            assert_eq!(read.get(name), Some(&value), "{form:?} {name}: {read:#?}");
        }
        assert!(read.contains_key(concat!("eightysix_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}")));
    }
}

#[test]
fn ages_grow_between_two_readers() {
    let (metrics, vitals) = (Metrics::new(NOW), Vitals::default());
    put(&vitals, "sahil");
    let queue = QueueLook {
        receiver: "ops".to_owned(),
        channel: "webhook".to_owned(),
        waiting: 2,
        oldest_queued: NOW.minus(Duration::from_secs(10)),
        first_due: NOW,
        first_attempts: 3,
    };
    let older =
        QueueLook { receiver: "chef".to_owned(), oldest_queued: NOW.minus(Duration::from_secs(90)), ..queue.clone() };
    vitals.note_store(StoreLook { at: UPTIME, takes_writes: true, queues: vec![queue, older], dead_letters: 4 });
    let _promise = vitals.promise(LoopKind::Orders, UPTIME);
    let read = |s: u64| {
        let later = Duration::from_secs(s);
        let read = series(&metrics.text(Form::OpenMetrics, &vitals, NOW.plus(later), UPTIME.plus(later)));
        [
            read[r#"eightysix_oldest_reading_age_seconds{brand="sahil"}"#],
            read[r#"eightysix_outbox_oldest_age_seconds{channel="webhook"}"#],
            read[r#"eightysix_outbox_oldest_age_seconds{channel="mqtt"}"#],
            read[r#"eightysix_outbox_waiting{channel="webhook"}"#],
            read["eightysix_dead_letters"],
            read[r#"eightysix_loops{loop="orders"}"#],
            read[r#"eightysix_loops_overdue{loop="orders"}"#],
        ]
        .map(|value| value.to_string())
    };
    assert_eq!(read(0), ["4", "90", "0", "4", "4", "1", "0"]);
    assert_eq!(read(61), ["65", "151", "0", "4", "4", "1", "1"]);
}

/// What may stand in a label: words of ours and brands, of which there are as many as are configured.
#[test]
fn no_label_can_grow_without_bound() {
    let (metrics, vitals) = (Metrics::new(NOW), Vitals::default());
    put(&vitals, "sahil");
    metrics.brand(&brand("sahil"));
    let text = metrics.text(Form::Classic, &vitals, NOW, UPTIME);
    let labels: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('{')?.1.rsplit_once('}')?.0))
        .flat_map(|labels| labels.split("\","))
        .filter_map(|label| Some(label.split_once('=')?.0))
        .collect();
    let known = ["brand", "channel", "check", "le", "loop", "outcome", "severity", "state", "verdict", "version"];
    assert_eq!(labels, BTreeSet::from(known));
}
