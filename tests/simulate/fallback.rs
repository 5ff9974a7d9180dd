//! The fallback who is told what others cannot be told: when it is told of what is the real code, the loop is a model of it.
//!
//! Its judge knows only how long something waited and what became of it. Invariant: nothing is passed on twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::{Channel, Content, Event, Notice, NoticeId, ReceiverName};
use eightysix::alerts::report::Reports;
use eightysix::delivery::untold::{self, Fallback};
use eightysix::language::Language;
use eightysix::store::{Finish, Stuck, Untold, format};
use eightysix::units::{Timestamp, Uptime, Zone};

use crate::delivery::Standing;
use crate::driver::Clock;
use crate::tables::Row;

/// How long a receiver is tried alone.
const AFTER: Duration = Duration::from_mins(5);
/// As in `delivery::fallback`.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// What is due is passed on with the next look, and what is refused when its burst is over.
const LATE_MAX: Duration = Duration::from_mins(1);
/// News that a fallback was told.
pub(crate) const FELL_BACK: &str = "news that a fallback was told";
/// Who has a fallback.
const RECEIVERS: [&str; 3] = ["kitchen", "managers", "office"];

/// The fallback.
pub(crate) struct FallbackModel {
    /// The rows that were passed on, which the store remembers.
    passed_on: BTreeSet<usize>,
    /// What the fallback was told, by id.
    told: BTreeMap<String, Vec<usize>>,
    /// Since when the process runs.
    started_at: Option<Uptime>,
    next_look: Uptime,
    /// Since when a row should have been passed on.
    overdue: BTreeMap<usize, Uptime>,
}

impl FallbackModel {
    pub(crate) fn new() -> Self {
        Self {
            passed_on: BTreeSet::new(),
            told: BTreeMap::new(),
            started_at: None,
            next_look: Uptime::default(),
            overdue: BTreeMap::new(),
        }
    }

    /// The process is gone.
    pub(crate) fn dies(&mut self) {
        self.started_at = None;
        self.overdue.clear();
    }

    /// Looks when it is time to, and returns when to look again.
    pub(crate) fn turn(&mut self, outbox: &[Row], standings: &[Standing], can_store: bool, clock: Clock) -> Uptime {
        let started_at = *self.started_at.get_or_insert(clock.uptime);
        if clock.uptime >= self.next_look {
            self.next_look = clock.uptime.plus(LOOK_EVERY);
            let running_for = clock.uptime.since(started_at);
            for receiver in RECEIVERS.iter().filter(|_| can_store) {
                self.look(receiver, outbox, standings, running_for, clock.wall);
            }
        }
        self.judge(outbox, standings, can_store, started_at, clock);
        self.next_look
    }

    fn look(&mut self, receiver: &str, outbox: &[Row], standings: &[Standing], running_for: Duration, now: Timestamp) {
        let rows = outbox.iter().zip(standings).enumerate();
        let own = rows.filter(|(index, (row, _))| row.receiver == receiver && !self.passed_on.contains(index));
        let untold: Vec<Untold> = own.filter_map(|(index, (row, standing))| as_stored(index, row, standing)).collect();
        let fallback = fallback(receiver);
        let waits = |index: &&usize| matches!(standings[**index], Standing::Waiting { .. });
        let stuck = self.passed_on.iter().filter(waits).filter(|index| outbox[**index].receiver == receiver);
        let stuck = stuck.map(|index| &outbox[*index]);
        let stuck: Vec<Stuck> = stuck.map(|row| Stuck { channel: channel_of(row), since: row.at, why: None }).collect();
        for (channel, due) in untold::due(&untold, &stuck, AFTER, running_for, now) {
            let rows: Vec<usize> = due.iter().map(|it| usize::try_from(it.row).expect("an index")).collect();
            for row in &rows {
                assert!(self.passed_on.insert(*row), "passed on twice: {}", outbox[*row].line());
                assert!(
                    !stuck.is_empty() || may_be_passed_on(*row, outbox, standings, running_for, now),
                    "not late, and passed on: {}",
                    outbox[*row].line()
                );
            }
            let told = untold::compose(&fallback, channel, stuck.first(), &due, now);
            let [mail, event] = told.as_slice() else { panic!("one for each channel of the fallback") };
            check_words(mail, event, &rows, outbox);
            let earlier = self.told.insert(mail.id.as_str().to_owned(), rows);
            assert_eq!(earlier, None, "the same id twice");
        }
    }

    /// Sees that what has waited for too long is passed on soon.
    fn judge(&mut self, outbox: &[Row], standings: &[Standing], can_store: bool, started_at: Uptime, clock: Clock) {
        let runs_long = can_store && clock.uptime.since(started_at) >= AFTER;
        for (index, row) in outbox.iter().enumerate() {
            let is_stuck = match &standings[index] {
                Standing::Waiting { .. } => is_late(row.at, clock.wall),
                Standing::Ended { finish: Finish::Dead { .. } | Finish::Expired { .. }, .. } => true,
                Standing::Ended { .. } => false,
            };
            if !(runs_long && is_stuck && RECEIVERS.contains(&row.receiver.as_str())) || self.passed_on.contains(&index)
            {
                self.overdue.remove(&index);
                continue;
            }
            let since = *self.overdue.entry(index).or_insert(clock.uptime);
            assert!(clock.uptime.since(since) <= LATE_MAX, "nobody is told instead: {}", row.line());
        }
    }

    /// Returns how many notices the fallback was told.
    pub(crate) fn fell_back(&self) -> u64 {
        u64::try_from(self.told.len()).unwrap_or(u64::MAX)
    }

    /// Sees that the fallback heard of everything that was given up.
    pub(crate) fn check(&self, outbox: &[Row], standings: &[Standing]) {
        for (index, (row, standing)) in outbox.iter().zip(standings).enumerate() {
            let is_given_up =
                matches!(standing, Standing::Ended { finish: Finish::Dead { .. } | Finish::Expired { .. }, .. });
            let has_fallback = RECEIVERS.contains(&row.receiver.as_str());
            assert!(
                !(is_given_up && has_fallback) || self.passed_on.contains(&index),
                "given up, and nobody else was told: {}",
                row.line()
            );
        }
    }
}

/// Says whether something waits for long enough, or the clock was set back by as much.
fn is_late(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) >= AFTER || at.since(now) >= AFTER
}

fn channel_of(row: &Row) -> Channel {
    format::decode_content(&row.body).expect("a stored notice").channel()
}

/// Says whether a row is late: given up, or behind something of its channel that waits for long enough, or that itself.
fn may_be_passed_on(
    index: usize,
    outbox: &[Row],
    standings: &[Standing],
    running_for: Duration,
    now: Timestamp,
) -> bool {
    let row = &outbox[index];
    if matches!(standings[index], Standing::Ended { .. }) {
        return true;
    }
    let before = outbox[..=index].iter().zip(standings);
    let mut before = before.filter(|(it, _)| it.receiver == row.receiver && it.channel == row.channel);
    let is_stuck =
        |(it, standing): (&Row, &Standing)| matches!(standing, Standing::Waiting { .. }) && is_late(it.at, now);
    running_for >= AFTER && before.any(is_stuck)
}

fn as_stored(index: usize, row: &Row, standing: &Standing) -> Option<Untold> {
    let (given_up_at, why) = match standing {
        Standing::Waiting { attempts, .. } => (None, (*attempts > 0).then(|| "busy".to_owned())),
        Standing::Ended { finish: Finish::Dead { why } | Finish::Expired { why }, at } => {
            (Some(*at), Some(why.clone()))
        }
        Standing::Ended { .. } => return None,
    };
    let notice = Notice {
        id: NoticeId::from_stored(&row.id),
        receiver: ReceiverName::new(&row.receiver),
        at: row.at,
        content: format::decode_content(&row.body).expect("a stored notice"),
        summary: row.summary.clone(),
    };
    Some(Untold { row: i64::try_from(index).expect("an index"), notice, queued_at: row.at, given_up_at, why })
}

fn fallback(receiver: &str) -> Fallback {
    let to = Route {
        receiver: ReceiverName::new("fallback"),
        language: Language::En,
        group_wait: Duration::ZERO,
        quiet: None,
        at_most: None,
        reports: Reports::default(),
        ways: vec![Way::Email, Way::Webhook],
    };
    let day_starts = jiff::civil::time(4, 0, 0, 0);
    Fallback { of: ReceiverName::new(receiver), after: AFTER, to, zone: Zone::utc(), day_starts }
}

/// Sees that the fallback is told of each row, by mail and by event: of up to 50 in words, of the others how many they are.
fn check_words(mail: &Notice, event: &Notice, rows: &[usize], outbox: &[Row]) {
    let (Content::Email(mail), Content::Webhook(Event { body })) = (&mail.content, &event.content) else {
        panic!("a mail and an event");
    };
    let event: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let named = event["data"]["notices"].as_array().expect("a list");
    let more = event["data"]["more"].as_u64().and_then(|more| usize::try_from(more).ok());
    assert_eq!(Some(rows.len() - named.len()), more, "those that are not named are counted: {event}");
    assert!(named.len() == rows.len().min(50), "{event}");
    for (named, row) in named.iter().zip(rows.iter().map(|row| &outbox[*row])) {
        assert_eq!(named["id"], row.id.as_str(), "{event}");
        let words = match format::decode_content(&row.body).expect("a stored notice") {
            Content::Email(mail) => mail.text.lines().next().unwrap_or_default().to_owned(),
            Content::Mqtt(_) | Content::Webhook(_) => {
                let event: serde_json::Value = serde_json::from_str(&row.event_body()).expect("JSON");
                event["data"]["message"].as_str().map_or_else(|| row.summary.clone(), str::to_owned)
            }
        };
        assert!(mail.text.contains(&words), "'{words}' is missing in {}", mail.text);
    }
}
