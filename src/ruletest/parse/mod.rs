//! Test files -> suites, and every mistake in them at once, each with its place and what to write instead.
//!
//! Names of products and stations are held to the world of the test here; those of rules and receivers by
//! `Suite::policy`, which knows them. Invariant: a test that comes out was read without a problem of its own.

mod schema;
mod steps;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::notice::{Channel, ReceiverName};
use crate::calendar::{Calendar, OPEN, PEAK, Schedule};
use crate::document::{self, Fields, Node, Place, Problems, Value, nearest};
use crate::language::Language;
use crate::rules::{Placed, Rule, RuleSet};
use crate::ruletest::{BUSINESS_DAY_STARTS, Named, Receiver, Suite, Test, World};
use crate::timetable;
use crate::units::{Zone, printable};

pub use schema::schema;

/// How the names of test files end, so that `rules/*.yaml` does not take them for rules.
pub const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];
/// Tests of a file; each is lived in milliseconds, and nobody reads more.
pub const TESTS_MAX: usize = 1_000;
/// Mail waits this long in a test that does not say otherwise, as in a configuration.
const GROUP_WAIT_DEFAULT: Duration = Duration::from_mins(1);
/// What a configuration may say.
const GROUP_WAIT_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_mins(30);
/// The zone of a test that names none: the times of day are its own.
const ZONE_DEFAULT: &str = "UTC";
/// Characters of an unknown name that a message repeats.
const SHOWN_MAX: usize = 60;
/// The channels of a receiver, by their words.
const CHANNELS: [(&str, Channel); 3] =
    [("mqtt", Channel::Mqtt), ("email", Channel::Email), ("webhook", Channel::Webhook)];

/// Says whether a file of that name holds tests and no rules.
pub fn is_test_file(name: &str) -> bool {
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Reads a file of tests, and tells every problem in it.
pub fn read(file: &Arc<str>, bytes: &[u8], problems: &mut Problems) -> Option<Suite> {
    let root = document::read(file, bytes, problems)?;
    let mut fields = root.fields("tests: [ .. ]", problems)?;
    let rules = fields.optional("rules").map(|node| texts(node, problems));
    let zone = fields.optional("zone").map_or_else(|| Zone::named(ZONE_DEFAULT).ok(), |node| zone(node, problems));
    let language =
        fields.optional("language").map_or(Some(Language::default()), |node| node.word(&Language::WORDS, problems));
    let receivers = fields.optional("receivers").map(|node| receivers(node, problems));
    let group_wait = fields
        .optional("group_wait")
        .map_or(Some(GROUP_WAIT_DEFAULT), |node| node.duration(&GROUP_WAIT_RANGE, problems));
    let [hours, peaks] = ["hours", "peaks"].map(|key| fields.optional(key));
    // What cannot be read counts as written, so that it is not told to be missing as well.
    let hours = hours.map(|node| timetable::opening_hours(node, problems).unwrap_or_default());
    let peaks = peaks.map(|node| timetable::schedule(node, problems).unwrap_or_default());
    let windows = fields.optional("windows").map(|node| windows(node, problems)).unwrap_or_default();
    let mut world = World { venue: "Venue".to_owned(), ..World::default() };
    if let Some(node) = fields.optional("world") {
        world::extend(&mut world, node, problems);
    }
    let tests = fields.required("tests", "[ { name: .., steps: [ .. ] } ]", problems);
    let tests = tests.and_then(|node| node.list(problems)).unwrap_or_default();
    fields.finish(problems);
    let zone = zone.unwrap_or(Zone::utc());
    let language = language.unwrap_or_default();
    let mut named = Named::default();
    let tests = all_tests(tests, &world, &zone, &mut named, problems);
    let group_wait = group_wait.unwrap_or(GROUP_WAIT_DEFAULT);
    let of_hours = [(OPEN, hours.is_some()), (PEAK, peaks.is_some())].into_iter().filter(|(_, is_written)| *is_written);
    let known: Vec<&str> = of_hours.map(|(name, _)| name).chain(windows.keys().map(String::as_str)).collect();
    refuse_unknown(&named.windows, "window in the tests", &known, problems);
    let known = known.into_iter().map(str::to_owned).collect();
    let calendar = Calendar::plain(zone.clone(), BUSINESS_DAY_STARTS).with_hours(hours, peaks).with_windows(windows);
    let file = Arc::clone(file);
    Some(Suite { file, rules, tests, zone, language, calendar, receivers, group_wait, windows: known, named })
}

/// Tells each window that a rule names and the tests do not have, with the nearest one that they have.
pub(super) fn refuse_unknown_windows(named: &[Placed], known: &[String], problems: &mut Problems) {
    for window in named.iter().filter(|window| !known.iter().any(|name| **name == *window.text)) {
        let key = match &*window.text {
            OPEN => "hours",
            PEAK => "peaks",
            other => {
                let known = known.iter().map(String::as_str);
                unknown(&window.place, other, "window in the tests", known, problems);
                continue;
            }
        };
        let message = format!("'{}' is never on, as the tests have no '{key}'", window.text);
        problems.tell_with_help(&window.place, message, format!("write {key}: \"12:00-23:00\" in the tests"));
    }
}

/// Tells each reminder at the opening of the doors, when the tests say of none that they open.
pub(super) fn refuse_openings_without_hours(rules: &RuleSet, known: &[String], problems: &mut Problems) {
    if known.iter().any(|name| name == OPEN) {
        return;
    }
    for shift in rules.rules().iter().filter_map(Rule::shift_start) {
        let message = format!("'{}' never comes, as the tests have no 'hours'", shift.text);
        problems.tell_with_help(&shift.place, message, "write hours: \"12:00-23:00\" in the tests");
    }
}

fn windows(node: &Node, problems: &mut Problems) -> BTreeMap<String, Schedule> {
    let entries = node.entries("{ dinner: \"18:00-23:00\" }", problems).unwrap_or_default();
    let mut windows = BTreeMap::new();
    for entry in entries {
        windows.extend(timetable::window(entry, problems).map(|window| (entry.key.to_string(), window)));
    }
    windows
}

/// Tells each of the names that is not known, with the nearest one that is.
pub(super) fn refuse_unknown(named: &[(Place, Arc<str>)], what: &str, known: &[&str], problems: &mut Problems) {
    for (place, name) in named.iter().filter(|(_, name)| !known.contains(&&**name)) {
        unknown(place, name, what, known.iter().copied(), problems);
    }
}

/// Tells that nothing of the world has this name.
fn unknown<'n>(
    place: &Place,
    name: &str,
    what: &str,
    known: impl Iterator<Item = &'n str> + Clone,
    problems: &mut Problems,
) {
    let message = format!("there is no {what} '{}'", printable(name, SHOWN_MAX));
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None if known.clone().next().is_none() => format!("there is none at all; write the {what} first"),
        None => format!("write one of {}", known.take(10).collect::<Vec<_>>().join(", ")),
    };
    problems.tell_with_help(place, message, help);
}

fn texts(node: &Node, problems: &mut Problems) -> Vec<Placed> {
    let placed = |node: &Node, text: &str| {
        let quoted = node.as_scalar().is_some_and(|(_, quoted)| quoted);
        Placed { text: text.into(), place: node.place.clone(), quoted }
    };
    let items = node.one_or_more().iter();
    items.filter_map(|item| item.text(problems).map(|text| placed(item, text))).collect()
}

fn zone(node: &Node, problems: &mut Problems) -> Option<Zone> {
    let name = node.text(problems)?;
    Zone::named(name).map_err(|reason| problems.tell(&node.place, reason)).ok()
}

fn receivers(node: &Node, problems: &mut Problems) -> BTreeMap<ReceiverName, Receiver> {
    let entries = node.entries("{ kitchen: mqtt, managers: email }", problems).unwrap_or_default();
    entries.iter().map(|entry| (ReceiverName::new(&entry.key), receiver(&entry.node, problems))).collect()
}

/// Reads the channels of a receiver, alone or beside its language.
fn receiver(node: &Node, problems: &mut Problems) -> Receiver {
    let Value::Mapping(_) = &node.value else { return Receiver { channels: channels(node, problems), language: None } };
    let mut receiver = Receiver { channels: Vec::new(), language: None };
    let Some(mut fields) = node.fields("{ by: email, language: az }", problems) else { return receiver };
    if let Some(by) = fields.required("by", "email", problems) {
        receiver.channels = channels(by, problems);
    }
    receiver.language = fields.optional("language").and_then(|node| node.word(&Language::WORDS, problems));
    fields.finish(problems);
    receiver
}

fn channels(node: &Node, problems: &mut Problems) -> Vec<Channel> {
    node.one_or_more().iter().filter_map(|item| item.word(&CHANNELS, problems)).collect()
}

fn all_tests(nodes: &[Node], world: &World, zone: &Zone, named: &mut Named, problems: &mut Problems) -> Vec<Test> {
    if let Some(node) = nodes.get(TESTS_MAX) {
        let message = format!("this is one test more than the {TESTS_MAX} of a file");
        problems.tell_with_help(&node.place, message, "begin a second file");
    }
    let mut taken = BTreeSet::new();
    let mut tests = Vec::new();
    for node in nodes.iter().take(TESTS_MAX) {
        let before = problems.count();
        let Some(mut fields) = node.fields("{ name: .., steps: [ .. ] }", problems) else { continue };
        let test = test(&mut fields, world, zone, named, problems);
        fields.finish(problems);
        let Some(test) = test.filter(|_| problems.count() == before) else { continue };
        if test.steps.iter().all(|step| step.wants.is_empty()) {
            let help = "write what is open, pending, told, held or on the topics after a step";
            problems.tell_with_help(&test.place, "this test expects nothing, so it passes whatever happens", help);
        }
        if taken.insert(Arc::clone(&test.name)) {
            tests.push(test);
        } else {
            let message = format!("a second test is called '{}'", printable(&test.name, SHOWN_MAX));
            problems.tell_with_help(&test.place, message, "give it another name: it is what the output shows");
        }
    }
    tests
}

fn test(
    fields: &mut Fields<'_>,
    world: &World,
    zone: &Zone,
    named: &mut Named,
    problems: &mut Problems,
) -> Option<Test> {
    let name = fields.required("name", "a dish that runs out is told after 20 s", problems);
    let mut world = world.clone();
    if let Some(node) = fields.optional("world") {
        world::extend(&mut world, node, problems);
    }
    let steps = fields.required("steps", "[ { at: 18:00, stop: { Lamb kebab: 0 } } ]", problems);
    let nodes = steps.and_then(|node| node.list(problems))?;
    let opening = world.clone();
    let steps = steps::all(nodes, &mut world, zone, named, problems);
    let name = name?;
    if nodes.is_empty() {
        problems.tell_with_help(fields.place_of("steps"), "a test without a step shows nothing", "write a step");
    }
    let begins = steps.first()?.at;
    Some(Test { name: name.text(problems)?.into(), place: name.place.clone(), world: opening, begins, steps })
}
