//! What a brand's task notes of its own work, for metrics and health: single values, none of which it waits for.
//!
//! Nothing of it decides anything. Invariant: a poll that changes nothing costs no walk over the venues and no allocation here.

use std::sync::Arc;
use std::time::Duration;

use crate::clopos::skew::{self, Skew};
use crate::clopos::{Fetched, LoggedIn};
use crate::engine::{Commit, Engine};
use crate::metrics::{BrandMetrics, Delivered, Insight, Metrics};
use crate::snapshot::diff::Change;
use crate::snapshot::{Access, Snapshot};
use crate::store::Finish;
use crate::units::{BrandId, Uptime};
use crate::vitals::{BrandVitals, Entry, LoopKind, Place, Promise, Venues};
use crate::watcher::{Moment, Watcher};

/// How often alerts are counted while something about them changes: nobody looks more often.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// How long a turn of the task may take: a commit waits at most 30 s for the store.
const TURN_MAX: Duration = Duration::from_mins(1);
/// How long after it was written Clopos shows a row, at most; one that appears later came back with an old time, and is no
/// news of then.
const SHOWN_WITHIN: Duration = Duration::from_mins(10);

/// The instruments of one brand's task.
pub struct Measure {
    metrics: Arc<Metrics>,
    counted: BrandMetrics,
    vitals: Arc<BrandVitals>,
    /// The places in which the readings of the venues are noted.
    venues: Arc<Venues>,
    promise: Promise,
    skew: Skew,
    /// Venues came or went, and the places do not fit any more.
    are_venues_due: bool,
    /// Something changed about the alerts since they were counted.
    is_count_due: bool,
    counted_at: Option<Uptime>,
}

impl Measure {
    /// Takes up the instruments of a brand that may send so many requests a minute.
    pub fn new(insight: &Insight, brand: &BrandId, requests_per_minute: u32, now: Uptime) -> Self {
        let vitals = insight.vitals.brand(brand);
        vitals.allow(requests_per_minute);
        Self {
            metrics: Arc::clone(&insight.metrics),
            counted: insight.metrics.brand(brand),
            vitals,
            venues: Arc::default(),
            promise: insight.vitals.promise(LoopKind::Brand, now),
            skew: Skew::default(),
            are_venues_due: false,
            is_count_due: true,
            counted_at: None,
        }
    }

    /// Notes where the task stands when it begins.
    pub fn begin(&mut self, watcher: &Watcher, now: Uptime) {
        self.take_venues(watcher);
        self.enter(&watcher.engine().memory().access);
        self.turn(watcher.engine(), now);
    }

    /// Notes that the task is here, and counts the alerts if that is due.
    pub fn turn(&mut self, engine: &Engine, now: Uptime) {
        self.promise.back_within(TURN_MAX, now);
        if self.is_count_due && self.counted_at.is_none_or(|at| now.since(at) >= COUNT_EVERY) {
            self.counted.stand(&engine.census());
            (self.is_count_due, self.counted_at) = (false, Some(now));
        }
    }

    /// Notes that a request is sent.
    pub fn sent(&self, now: Uptime) {
        self.vitals.sent(now);
    }

    /// Notes how a login ended.
    pub fn logged_in(&self, logged_in: &LoggedIn) {
        self.counted.logged_in(logged_in.result.is_ok());
    }

    /// Notes how a read ended.
    pub fn fetched(&mut self, fetched: &Fetched) {
        self.counted.polled(fetched.result.as_ref().err());
        self.metrics.answered(fetched.took);
        if let Some(dated) = &fetched.dated {
            self.skew.note(dated);
            if let Some(ms) = self.skew.ms() {
                self.vitals.skewed(ms);
            }
        }
    }

    /// Notes that the store has ended with a change, and how long that took if it is kept.
    pub fn stored(&self, is_kept: bool, asked_at: Uptime, now: Uptime) {
        if is_kept {
            self.metrics.committed(now.since(asked_at));
        }
        // One wait for the store is over; the next one has as long.
        self.promise.back_within(TURN_MAX, now);
    }

    /// Notes what a commit brings that is about to be taken in.
    pub fn adopting(&mut self, engine: &Engine, commit: &Commit, now: Moment) {
        for (venue, change) in &commit.changes {
            let Change::Row { after: Some(row), before, product: _ } = change else { continue };
            let read_at = engine.memory().venues.get(venue).and_then(|before| before.read_at);
            let (Some(written), Some(read_at)) = (row.updated_at, read_at) else { continue };
            let is_written_anew = before.as_ref().is_none_or(|before| before.updated_at != row.updated_at);
            let delay = skew::delay(written, now.wall, self.skew.ms().unwrap_or(0));
            if is_written_anew && delay <= now.wall.since(read_at).saturating_add(SHOWN_WITHIN) {
                self.metrics.detected(delay);
            }
        }
        for snapshot in &commit.venues {
            let Some(venue) = self.venues.get(&snapshot.id()) else {
                self.are_venues_due = true;
                continue;
            };
            if let Some(at) = snapshot.followed_at {
                venue.read(at);
            }
            if commit.stored.get(&snapshot.id()).is_some_and(|stored| stored.snapshot) {
                let (rows, out) = rows(snapshot);
                venue.lists(rows, out);
            }
        }
        self.are_venues_due |= !commit.venues_gone.is_empty();
        if let Some(access) = &commit.access {
            self.enter(access);
        }
        self.is_count_due |= !(commit.alerts.is_empty() && commit.silences.is_empty());
    }

    /// Notes the venues anew after a commit that brought or took some.
    pub fn adopted(&mut self, watcher: &Watcher) {
        if std::mem::take(&mut self.are_venues_due) {
            self.take_venues(watcher);
        }
    }

    fn take_venues(&mut self, watcher: &Watcher) {
        let place = |snapshot: &Snapshot| Place {
            read_at: snapshot.read_at,
            followed_at: snapshot.followed_at,
            watched_since: snapshot.watched_since,
            rows: rows(snapshot),
        };
        let venues = watcher.engine().memory().venues.iter().map(|(id, snapshot)| (*id, place(snapshot)));
        self.venues = self.vitals.take_venues(venues, watcher.quota().worst_age());
    }

    fn enter(&self, access: &Access) {
        self.vitals.enter(match access {
            Access::Untried => Entry::Untried,
            Access::Granted => Entry::Granted,
            Access::Unreachable { .. } => Entry::Unreachable,
            Access::Refused { .. } => Entry::Refused,
        });
    }
}

/// Counts the rows of a stop list, and those that are out.
fn rows(snapshot: &Snapshot) -> (usize, usize) {
    let rows = &snapshot.picture.rows;
    (rows.len(), rows.values().filter(|row| row.is_out()).count())
}

/// Returns how an attempt ended, as it is counted.
pub fn delivered(finish: &Finish) -> Delivered {
    match finish {
        Finish::Delivered { but: None } => Delivered::Whole,
        Finish::Delivered { but: Some(_) } => Delivered::InPart,
        Finish::Retry { .. } => Delivered::Later,
        Finish::Dead { .. } => Delivered::Never,
        Finish::Expired { .. } => Delivered::TooLate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::render::Messages;
    use crate::board::Setting;
    use crate::calendar::{Calendar, Calendars};
    use crate::catalog::{StopEntry, Venue};
    use crate::clopos::budget::Outcome;
    use crate::clopos::skew::Dated;
    use crate::clopos::verdict::{Said, Verdict};
    use crate::engine::{Input, Memory, Policy};
    use crate::language::Language;
    use crate::metrics::Form;
    use crate::rules::RuleSet;
    use crate::snapshot::{FreshnessLimits, Reading};
    use crate::units::{ProductId, Quantity, Timestamp, VenueId, Zone};

    const VENUE: VenueId = VenueId(1);

    /// A moment of our clock and of the process.
    fn moment(ms: i64) -> Moment {
        let uptime = Uptime(Duration::from_millis(ms.unsigned_abs()));
        Moment { wall: Timestamp::from_unix_ms(1_780_000_000_000 + ms), uptime }
    }

    fn engine() -> Engine {
        let (rules, zone, language, day_starts) =
            (RuleSet::default(), Zone::utc(), Language::En, jiff::civil::time(4, 0, 0, 0));
        let policy = Policy {
            messages: Messages::compile(&rules, &zone, language).expect("there are no messages"),
            rules,
            routes: [].into(),
            feeds: Vec::new(),
            calendars: Calendars::of_all(Calendar::plain(zone.clone(), day_starts)),
            setting: Setting { boot: "1".to_owned(), language, zone, day_starts },
            links: None,
        };
        let brand = BrandId::new("sahil").expect("a slug");
        Engine::new(brand, Arc::new(policy), FreshnessLimits::NONE, Memory::default())
    }

    /// A read that failed, of a Clopos whose clock is ahead of ours.
    fn dated(ms: i64, ahead_ms: i64) -> Fetched {
        let shown_s = (moment(ms).wall.unix_ms() + ahead_ms).div_euclid(1_000);
        let said = Timestamp::from_unix_ms(shown_s * 1_000);
        Fetched {
            result: Err(Verdict::Passing { why: Said::own("slow") }),
            outcome: Outcome::default(),
            bytes: None,
            dated: Some(Dated { said, sent_at: moment(ms).wall, heard_at: moment(ms + 10).wall }),
            took: Duration::from_millis(10),
        }
    }

    /// How many delays were counted, and their sum in seconds.
    fn delays(insight: &Insight) -> (u64, f64) {
        let text = insight.metrics.text(Form::Classic, &insight.vitals, moment(0).wall, moment(0).uptime);
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name);
            line.parse::<f64>().expect("a number")
        };
        let count = value("eightysix_detection_delay_seconds_count");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        (count as u64, value("eightysix_detection_delay_seconds_sum"))
    }

    #[test]
    fn a_delay_is_counted_by_our_clock_however_far_that_of_clopos_is_off() {
        for ahead_ms in [0, 7 * 60_000, -7 * 60_000] {
            let insight = Insight::default();
            let brand = BrandId::new("sahil").expect("a slug");
            let mut measure = Measure::new(&insight, &brand, 240, moment(0).uptime);
            let mut engine = engine();
            let mut take = |measure: &mut Measure, input: Input, ms: i64| {
                let commit = engine.step(input, moment(ms).wall);
                measure.adopting(&engine, &commit, moment(ms));
                engine.adopt(commit);
            };
            let list = |rows: &[(u64, i64)]| {
                let entry = |&(product, written_ms): &(u64, i64)| StopEntry {
                    product: ProductId(product),
                    limit: Quantity::whole(0),
                    updated_at: Some(moment(written_ms + ahead_ms).wall),
                };
                let entries = rows.iter().map(entry).collect();
                Input::Reading(VENUE, Reading::StopList { entries, unreadable: Vec::new(), whole: true })
            };
            take(&mut measure, Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]), 0);
            // The dates of a minute say how far it is ahead, to a fraction of a second.
            for ms in (0..60_000).step_by(730) {
                measure.fetched(&dated(ms, ahead_ms));
            }
            take(&mut measure, list(&[(53, 30_000)]), 60_000);
            assert_eq!(delays(&insight).0, 0, "a first reading says nothing of delays");
            take(&mut measure, list(&[(53, 30_000), (54, 62_000)]), 65_000);
            let (count, sum_s) = delays(&insight);
            assert!(count == 1 && (sum_s - 3.0).abs() < 0.1, "{ahead_ms} ms ahead: {count} of {sum_s} s");
        }
    }
}
