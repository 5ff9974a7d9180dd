//! What receivers make of everything they were told: each episode begins once and ends once, and all hear of the same.

use std::collections::{BTreeMap, BTreeSet};

use eightysix::alerts::lifecycle::OpenAlert;
use eightysix::alerts::notice::{Content, ReceiverName};
use eightysix::engine::Commit;
use eightysix::language::Language;
use eightysix::store::format;

use crate::chain::{RULES, language_of};
use crate::tables::Row;

/// What people are told in a language, as far as it matters here.
pub(crate) struct Said {
    /// What marks a line that is critical.
    pub(crate) critical: &'static str,
    takes_care: &'static str,
    before_that: &'static str,
    /// Before and after the name of a rule.
    taken_away: [&'static str; 2],
    watched_by_us: &'static str,
}

/// Returns what people are told in a language.
pub(crate) fn said(language: Language) -> Said {
    match language {
        Language::Az => Said {
            critical: "[kritik]",
            takes_care: "məşğul olur",
            before_that: "  bundan əvvəl, ",
            taken_away: [": ", " qaydası silinib"],
            watched_by_us: "eightysix Clopos üzərindən izləyir",
        },
        Language::Ru => Said {
            critical: "[критично]",
            takes_care: "занимается",
            before_that: "  до этого, ",
            taken_away: [": правило ", " удалено"],
            watched_by_us: "eightysix следит за",
        },
        Language::En => Said {
            critical: "[critical]",
            takes_care: "takes care of it",
            before_that: "  before that, at ",
            taken_away: [": the rule ", " was taken away"],
            watched_by_us: "eightysix watches",
        },
    }
}

/// Checks that the openings and closings of each alert take turns, and that every receiver hears of the same episodes.
pub(crate) fn check_events(outbox: &[Row]) {
    let mut open: BTreeMap<(&str, String, String), String> = BTreeMap::new();
    let mut told: BTreeMap<(String, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut reminders = BTreeSet::new();
    for row in outbox.iter().filter(|row| row.channel != "email" && row.receiver != "feed") {
        let event: serde_json::Value = serde_json::from_str(&row.event_body()).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let alert = (row.receiver.as_str(), text(&event["subject"]), text(&event["data"]["alert"]["rule"]));
        let episode = text(&event["data"]["alert"]["episode"]);
        let is_baseline = event["data"]["alert"]["baseline"] == true;
        match event["type"].as_str() {
            Some("dev.eightysix.alert.opened.v1") => {
                // The end of some is not told.
                if !tells_ends(&alert.2) {
                    open.remove(&alert);
                }
                let earlier = open.insert(alert.clone(), episode.clone());
                assert_eq!(earlier, None, "{alert:?} opened twice: {}", row.line());
                if !is_baseline {
                    assert!(told.entry((episode, "opened")).or_default().insert(&row.receiver), "told twice");
                }
            }
            Some("dev.eightysix.alert.closed.v1") => {
                let opened = open.remove(&alert);
                // A screen is not told of what was so before it was watched, and hears its end all the same.
                if row.receiver != "kitchen" || opened.is_some() {
                    assert_eq!(opened, Some(episode.clone()), "{alert:?} closed unopened: {}", row.line());
                }
                assert!(told.entry((episode, "closed")).or_default().insert(&row.receiver), "told twice");
            }
            Some("dev.eightysix.alert.escalated.v1") => {
                let earlier = open.insert(alert.clone(), episode);
                assert_eq!(earlier, None, "{alert:?} was told before: {}", row.line());
            }
            Some("dev.eightysix.alert.reminded.v1") => {
                let is_told = open.get(&alert) == Some(&episode) || row.receiver == "kitchen";
                assert!(is_told, "a reminder of what was never told: {}", row.line());
                assert!(reminders.insert((&row.receiver, &row.id)), "told twice: {}", row.line());
            }
            Some("dev.eightysix.alert.acked.v1") => {
                let is_told = open.get(&alert) == Some(&episode) || row.receiver == "kitchen";
                assert!(is_told, "{alert:?} is taken care of and was never told: {}", row.line());
                let message = text(&event["data"]["message"]);
                let own = said(language_of(&row.receiver)).takes_care;
                assert!(message.contains(own), "{} is told in another language: {message}", row.receiver);
            }
            Some("dev.eightysix.change.v1") => {}
            other => panic!("{other:?}"),
        }
    }
    for ((episode, kind), receivers) in &told {
        let Some(opened) = told.get(&(episode.clone(), "opened")) else { continue };
        assert!(
            *kind == "opened" || opened.is_subset(receivers),
            "{episode} opened for {opened:?}, closed for {receivers:?}"
        );
    }
}

fn tells_ends(rule: &str) -> bool {
    RULES.iter().flat_map(|set| set.dishes).all(|known| known.name != rule || known.tells_ends)
}

/// The rules of which the managers are told, by mail.
pub(crate) const MAILED: [&str; 3] = ["out", "thin", "idle"];

/// Holds the mails against the alerts: no dish or set begins or ends twice.
/// Returns what the last mails leave people to believe: the venue, and the dish or set of what has begun and not ended.
pub(crate) fn check_mails(outbox: &[Row], venues: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    // By venue and dish: told to have begun, less told to have ended.
    let mut balance: BTreeMap<(String, String), i32> = BTreeMap::new();
    for row in outbox.iter().filter(|row| row.receiver == "managers") {
        let Content::Email(mail) = format::decode_content(&row.body).expect("a stored notice") else {
            panic!("managers get mail: {}", row.summary);
        };
        // A mail of several venues has a line with the name of each before what happened there.
        let mut venue = mail.thread_id.split('.').nth(1).expect("a venue").to_owned();
        let said = said(language_of(&row.receiver));
        let last = mail.text.lines().next_back().unwrap_or_default();
        assert!(last.starts_with(said.watched_by_us), "a mail to {} in another language: {}", row.receiver, mail.text);
        for line in mail.text.lines() {
            // What is all of one station names that as well.
            let place = line.strip_suffix(':').and_then(|place| place.split(", ").next());
            if let Some(known) = place.and_then(|place| venues.get(place)) {
                venue.clone_from(known);
            }
            let line = line.trim_end_matches(&format!("  {}", said.critical));
            let line = without_time(
                line.strip_prefix(said.before_that)
                    .and_then(|line| line.split_once(": "))
                    .map_or(line, |(_, line)| line),
            );
            let [before, after] = said.taken_away;
            let withdrawn = MAILED.iter().find_map(|rule| line.split_once(&format!("{before}{rule}{after}")));
            let withdrawn = withdrawn.map(|(dish, _)| (dish, -1));
            let begins = line.strip_prefix("begins ").map(|dish| (dish, 1));
            let ends = line.strip_prefix("ends ").map(|dish| (dish, -1));
            if let Some((dish, turn)) = begins.or(ends).or(withdrawn) {
                *balance.entry((venue.clone(), dish.to_owned())).or_default() += turn;
            }
        }
        for (dish, told) in &balance {
            assert!((0..=1).contains(told), "{dish:?} begins or ends twice in the mails, the last: {}", mail.text);
        }
    }
    balance.into_iter().filter(|(_, told)| *told == 1).map(|(dish, _)| dish).collect()
}

/// Returns a line of a mail without the time that it may end with.
fn without_time(line: &str) -> &str {
    line.strip_suffix(')').and_then(|line| line.rsplit_once(" (")).map_or(line, |(line, _)| line)
}

/// Checks that an alert that opens is told to whom its rule names: at once to machines, and to people by a mail that is
/// sent or waits. Screens do not ring for what was so before it was watched.
///
/// Who is `kept_waiting` is not told, and waits.
pub(crate) fn check_told(notify: &[&str], kept_waiting: &[&str], open: &OpenAlert, commit: &Commit) {
    let told: Vec<&str> = open.told.iter().map(ReceiverName::as_str).collect();
    let held: Vec<&str> = open.held.keys().map(ReceiverName::as_str).collect();
    let at_once: Vec<&str> = notify.iter().copied().filter(|receiver| !kept_waiting.contains(receiver)).collect();
    assert_eq!((told, held.as_slice()), (at_once, kept_waiting), "who is told of {}, and who waits", open.label);
    for receiver in notify {
        let is_told = commit.notices.iter().any(|notice| {
            let names_it = match &notice.content {
                Content::Webhook(event) => event.body.contains(open.episode.as_str()),
                Content::Mqtt(message) => message.body.contains(open.episode.as_str()),
                Content::Email(mail) => mail.text.contains(open.message.in_language(mail.language)),
            };
            notice.receiver.as_str() == *receiver && names_it
        });
        let waits = commit.groups.iter().filter(|(key, _)| key.receiver.as_str() == *receiver).any(|(_, group)| {
            let entries = group.iter().flat_map(|group| &group.entries);
            entries.filter_map(|entry| entry.episode.as_ref()).any(|episode| *episode == open.episode)
        });
        let rings = !kept_waiting.contains(receiver) && (*receiver != "kitchen" || !open.baseline);
        assert_eq!(is_told || waits, rings, "{receiver} hears that {} has begun", open.label);
    }
}
