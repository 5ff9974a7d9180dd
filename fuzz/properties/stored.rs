//! What a database may hold, cut, edited or written by another version: decoded, shown and encoded again.
//!
//! Input: a line with the kind of the value, then its stored form. A `venue` has its catalog behind an empty line, a
//! `change` its subject in a line of its own.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use eightysix::alerts::facts::{item_facts, of_change, of_subject};
use eightysix::alerts::mail::SUBJECT_LENGTH_MAX;
use eightysix::alerts::notice::{Content, Notice, ReceiverName};
use eightysix::alerts::order::Order;
use eightysix::alerts::published::cloud_event;
use eightysix::alerts::report::WEEKLY_DEFAULT;
use eightysix::alerts::report::letter::{Page, ReportContext, ShiftReport, compose};
use eightysix::alerts::report::week::{self, History, VenueWeek};
use eightysix::alerts::report::weekly::{self, WeekPage};
use eightysix::board::scene::Scene;
use eightysix::board::{Setting, change_facts, feed_event, lines, lists, status};
use eightysix::calendar::{Calendar, Shift, Week};
use eightysix::document::Problems;
use eightysix::language::Language;
use eightysix::rules::evaluate::evaluate_venue;
use eightysix::rules::events::events;
use eightysix::rules::parse::{RuleFile, parse};
use eightysix::rules::subject::VenueView;
use eightysix::snapshot::diff::{Change, apply, diff};
use eightysix::snapshot::{Access, FreshnessLimits, Snapshot};
use eightysix::store::StoreError;
use eightysix::store::format::{
    decode_alert, decode_catalog, decode_change, decode_content, decode_group, decode_order, decode_reported,
    decode_silence, decode_subject, decode_venue, encode_alert, encode_catalog, encode_change, encode_content,
    encode_group, encode_order, encode_reported, encode_silence, encode_subject, encode_venue,
};
use eightysix::topics::{BaseTopic, check_topic};
use eightysix::units::{BrandId, Timestamp, VenueId, Zone};

use super::text::assert_shown;

/// Bytes of a retained body: the limit of a list and some room for what stands around it.
const BODY_BYTES_MAX: usize = 80 * 1024;
/// The rules that come with the program.
const RULES: [(&str, &str); 2] = [
    ("kitchen.yaml", include_str!("../../rules/kitchen.yaml")),
    ("operations.yaml", include_str!("../../rules/operations.yaml")),
];

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((kind, body)) = text.split_once('\n') else { return };
    match kind {
        "catalog" => drop(again(body, decode_catalog, encode_catalog)),
        "alert" => drop(again(body, decode_alert, encode_alert)),
        "group" => drop(again(body, decode_group, encode_group)),
        "notice" => drop(again(body, decode_content, encode_content)),
        "report" => drop(again(body, decode_reported, encode_reported)),
        "subject" => drop(again(body, decode_subject, encode_subject)),
        "silence" => silence(body),
        "order" => order(body),
        "change" => change(body),
        "venue" => venue(body),
        _ => {}
    }
}

/// Asserts that what was decoded is decoded from what it is encoded as, and that this form is final.
fn again<T: PartialEq + Debug>(
    body: &str,
    decode: impl Fn(&str) -> Result<T, StoreError>,
    encode: impl Fn(&T) -> String,
) -> Option<T> {
    let value = match decode(body) {
        Ok(value) => value,
        Err(error) => {
            assert_shown(&error.to_string(), 400);
            return None;
        }
    };
    let encoded = encode(&value);
    let decoded = decode(&encoded).unwrap_or_else(|error| panic!("{error}: {encoded}"));
    assert_eq!(decoded, value, "decoded from {encoded}");
    assert_eq!(encode(&decoded), encoded, "one value has two forms");
    Some(value)
}

/// A line of the history: its subject and its body.
fn change(line: &str) {
    let decode = |line: &str| {
        let (subject, body) = line.split_once('\n').unwrap_or((line, ""));
        decode_change(subject, body)
    };
    let encode = |change: &Change| {
        let (subject, body) = encode_change(change);
        format!("{subject}\n{body}")
    };
    drop(again(line, decode, encode));
}

fn silence(body: &str) {
    let Some(silence) = again(body, decode_silence, encode_silence) else { return };
    assert_shown(&silence.in_words(&silence.until.local_time(&Zone::utc())), 300);
}

fn order(body: &str) {
    match again(body, decode_order, encode_order) {
        // Its words are cleaned where they are typed, so that only a panic would be a mistake here.
        Some(Order::Acknowledge { acknowledgement, .. }) => drop(acknowledgement.in_words(Language::En, &Zone::utc())),
        Some(Order::Silence(_) | Order::EndSilence(_)) | None => {}
    }
}

fn venue(body: &str) {
    let (body, catalog) = body.split_once("\n\n").unwrap_or((body, ""));
    let catalog = again(catalog, decode_catalog, encode_catalog).unwrap_or_default();
    let decode = |body: &str| decode_venue(VenueId(7), body, catalog.clone());
    let Some(snapshot) = again(body, decode, encode_venue) else { return };
    for now in [Timestamp::from_unix_ms(1_780_000_000_000), Timestamp::from_unix_ms(i64::MAX)] {
        shown(&snapshot, now);
    }
}

/// Asserts that a picture can be judged and shown, whatever its figures and names are.
fn shown(snapshot: &Snapshot, now: Timestamp) {
    let brand = BrandId::new("sahil").expect("a slug");
    let rules = RULES.map(|(name, text)| RuleFile { name: name.into(), bytes: text.into() });
    let mut problems = Problems::new();
    let rules = parse(&rules, &mut problems).rules;
    assert!(problems.is_empty(), "the shipped rules: {problems:?}");
    let limits = FreshnessLimits {
        stale_after: std::time::Duration::from_mins(1),
        blind_after: std::time::Duration::from_mins(5),
    };
    let granted = Access::Granted;
    let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
    let view = |snapshot| VenueView {
        brand: &brand,
        access: &granted,
        snapshot,
        freshness_limits: limits,
        calendar: &calendar,
    };
    let found = evaluate_venue(&rules, &view(snapshot), now);
    for finding in &found.findings {
        let facts = of_subject(&brand, &granted, Some(snapshot), &finding.subject, now);
        assert_json(&cloud_event("id", "alert.opened", &facts, None, None, now));
    }
    let empty = Snapshot::unread(snapshot.venue.clone());
    let found = diff(&empty.picture, &snapshot.picture);
    assert_eq!(apply(&empty.picture, &found), snapshot.picture, "the changes do not lead to the picture");
    let _ = events(&rules, &found, &view(&empty), &view(snapshot), now);
    for change in &found {
        let (subject, body) = encode_change(change);
        assert!(!subject.is_empty(), "a change of nothing");
        assert_json(&body);
        let _ = of_change(change, snapshot, now);
        if let Some((kind, product)) = feed_event(change, snapshot) {
            let facts = change_facts(&brand, change, product, snapshot, now);
            assert_json(&cloud_event("id", kind, &facts, None, Some("x"), now));
        }
    }
    report(&brand, snapshot, limits, now);
    board(&brand, snapshot, limits, now);
}

/// Asserts that a report can be written of whatever is known, and that names are no markup in it.
fn report(brand: &BrandId, snapshot: &Snapshot, limits: FreshnessLimits, now: Timestamp) {
    let (zone, receiver) = (Zone::named("Asia/Baku").expect("bundled"), ReceiverName::new("managers"));
    let calendar = Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0));
    let shift = Shift { day: calendar.business_day(now), begins_at: now, opens_at: now, closes_at: Some(now) };
    let freshness = snapshot.freshness(limits, now);
    let page = Page { snapshot, freshness, shift, care: BTreeMap::new() };
    // The week in which everything that is out ran out, at the venue alone and beside another one.
    let weeks = calendar.weeks(WEEKLY_DEFAULT, now);
    let weigh = |week: &Week| week::weigh(week, &calendar, snapshot, limits, &History::default(), now);
    let weighed: Vec<(Week, VenueWeek)> = weeks.iter().map(|week| (*week, weigh(week))).collect();
    for language in Language::ALL {
        let context = ReportContext { language, brand, zone: &zone };
        let shifts = [ShiftReport::OpeningCheck, ShiftReport::Handover];
        let of_shifts = shifts.map(|report| compose(&receiver, report, &[page.clone(), page.clone()], &context, now));
        let of_weeks = weighed.iter().flat_map(|(week, weighed)| {
            let page = WeekPage { snapshot, freshness, weighed };
            [&[page][..], &[page, page]].map(|pages| weekly::compose(&receiver, week, pages, &context, now))
        });
        for notice in of_shifts.into_iter().chain(of_weeks) {
            whole(notice);
        }
    }
}

/// Asserts that a report is a whole mail.
fn whole(notice: Notice) {
    let Content::Email(mail) = notice.content else { panic!("a report is a mail") };
    assert_shown(&mail.subject, SUBJECT_LENGTH_MAX);
    assert!(mail.text.contains("eightysix") && mail.html.ends_with("</html>"), "it is whole: {mail:?}");
    assert!(!mail.html.contains("<script"), "a name is markup: {}", mail.html);
}

fn board(brand: &BrandId, snapshot: &Snapshot, limits: FreshnessLimits, now: Timestamp) {
    let setting = Setting {
        boot: "b".to_owned(),
        language: Language::En,
        zone: Zone::named("Asia/Baku").expect("bundled"),
        day_starts: jiff::civil::time(4, 0, 0, 0),
    };
    let topics = BaseTopic::default();
    let scene = Arc::new(Scene::new(brand.clone(), Arc::new(snapshot.clone()), Arc::new(setting), now));
    let tree = lists(&topics, &scene, [].iter());
    let (topic, status) = status(&topics, &scene, limits);
    for (topic, state) in tree.iter().chain([(&topic, &status)]) {
        check_topic(topic).unwrap_or_else(|why| panic!("{topic:?}: {why}"));
        assert!(topic.starts_with("eightysix/v1/sahil/7/"), "{topic:?} is not of this venue");
        let body = state.body();
        assert!(body.len() <= BODY_BYTES_MAX, "{topic} has {} bytes", body.len());
        assert_json(&body);
        assert_eq!(body, state.body(), "{topic} is drawn anew and says another thing");
    }
    for line in lines(snapshot) {
        assert_shown(&item_facts(snapshot, line.product).name, 80);
    }
}

#[track_caller]
fn assert_json(body: &str) {
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(body);
    assert!(parsed.is_ok_and(|value| value.is_object()), "not a JSON object: {body}");
}
