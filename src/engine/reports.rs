//! What receivers are mailed by the clock: whose report is due in a step, and the mail that it becomes.
//!
//! Venues that open or close in the same minute share a mail, and so do all venues for a week. Looks at a venue when its
//! timer says so and when the clock was set back, never at a chain for a poll. Invariant: a report and the note that it was sent are of one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerts::AlertKey;
use crate::alerts::group::Way;
use crate::alerts::lifecycle::Alert;
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::Acknowledgement;
use crate::alerts::report::letter::{self, Page, ReportContext, ShiftReport};
use crate::alerts::report::week::VenueWeek;
use crate::alerts::report::{self, About, Asked, Due, ReportKey, ReportKind, Reported};
use crate::calendar::Week;
use crate::engine::timers::Timer;
use crate::engine::weekly::WeekKey;
use crate::engine::{Commit, Engine, REEVALUATE_EVERY};
use crate::rules::Subject;
use crate::units::{ProductId, Timestamp, VenueId};

/// The venues that were looked at, and when to look again.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    at: Timestamp,
    next: BTreeMap<VenueId, Option<Timestamp>>,
    /// The weeks that are due and not told yet.
    pub(super) weeks: BTreeMap<WeekKey, Week>,
}

/// What is due, by who gets it and of which kind: one mail, or as few as hold it.
type DueReports = BTreeMap<(ReceiverName, ReportKind), Vec<(VenueId, Due)>>;

impl Engine {
    /// Has the venue looked at in the next step: after a start or a reload nobody knows what is due.
    pub(super) fn look_for_reports_of(&mut self, venue: VenueId) {
        let is_asked_for = self.policy.routes.values().any(|route| !route.reports.is_empty());
        if is_asked_for || self.memory.reported.keys().any(|key| key.venue == venue) {
            let at_once = Timestamp::from_unix_ms(0);
            self.timers.set(Timer::Report(venue), Some((at_once, "nobody knows yet which reports are due")));
        }
    }

    /// Writes the reports that are due, and what is to be noted of them.
    pub(super) fn report(&self, commit: &mut Commit, now: Timestamp) {
        if !commit.venues_gone.is_empty() {
            let gone = |key: &&ReportKey| commit.venues_gone.contains(&key.venue);
            commit.reported = self.memory.reported.keys().filter(gone).map(|key| (key.clone(), None)).collect();
        }
        let was_set_back = self.looked_at.is_some_and(|at| now < at);
        let mut venues: BTreeSet<VenueId> = self.timers.due_reports(now).collect();
        // A week is told of all venues at once.
        let is_of_all = self.has_weighed_all(commit) || !(venues.is_empty() || self.weeks.due.is_empty());
        if was_set_back || is_of_all {
            venues = self.memory.venues.keys().copied().collect();
        }
        venues.retain(|venue| self.memory.venues.contains_key(venue) && !commit.venues_gone.contains(venue));
        if venues.is_empty() {
            return;
        }
        let unwanted =
            |key: &&ReportKey| venues.contains(&key.venue) && self.asked_for(&key.receiver, key.kind).is_none();
        commit.reported.extend(self.memory.reported.keys().filter(unwanted).map(|key| (key.clone(), None)));
        let (mut next, mut due) = (BTreeMap::new(), DueReports::new());
        for venue in venues {
            next.insert(venue, self.look_at(venue, commit, &mut due, now));
        }
        let mut looked = Looked { at: now, next, weeks: BTreeMap::new() };
        for ((receiver, kind), reports) in due {
            let of_shift = match kind {
                ReportKind::OpeningCheck => Some(ShiftReport::OpeningCheck),
                ReportKind::Handover => Some(ShiftReport::Handover),
                ReportKind::Weekly => None,
            };
            let is_sent = !self.waits_for_readings(&reports, commit, now)
                && match of_shift {
                    Some(report) => {
                        self.send(&receiver, report, &reports, commit, now);
                        true
                    }
                    None => self.send_week(&receiver, &reports, commit, &mut looked.weeks, now),
                };
            if !is_sent {
                let soon = now.plus(REEVALUATE_EVERY);
                for (venue, _) in reports {
                    let at = looked.next.get(&venue).copied().flatten().map_or(soon, |at| at.min(soon));
                    looked.next.insert(venue, Some(at));
                }
            }
        }
        commit.looked = Some(looked);
    }

    /// Remembers what was reported and when to look again.
    pub(super) fn adopt_reports(
        &mut self,
        reported: Vec<(ReportKey, Option<Reported>)>,
        weighed: Vec<(WeekKey, Arc<VenueWeek>)>,
        looked: Option<Looked>,
    ) {
        for (key, reported) in reported {
            match reported {
                Some(reported) => self.memory.reported.insert(key, reported),
                None => self.memory.reported.remove(&key),
            };
        }
        self.weeks.adopt(weighed, looked.as_ref().map(|looked| looked.weeks.clone()));
        let Some(looked) = looked else { return };
        self.looked_at = Some(looked.at);
        for (venue, at) in looked.next {
            self.timers.set(Timer::Report(venue), at.map(|at| (at, "a report by the clock is due")));
        }
    }

    /// Returns when a kind of report is asked for; nothing goes to who gets no mail.
    fn asked_for(&self, receiver: &ReceiverName, kind: ReportKind) -> Option<Asked> {
        let route = self.policy.routes.get(receiver).filter(|route| route.ways.contains(&Way::Email))?;
        route.reports.asked(kind)
    }

    /// Collects what is due at a venue and notes what is not any more; returns when to look again.
    fn look_at(&self, venue: VenueId, commit: &mut Commit, due: &mut DueReports, now: Timestamp) -> Option<Timestamp> {
        let calendar = self.policy.calendars.of(&self.brand, venue);
        let mut next = None;
        for receiver in self.policy.routes.keys() {
            for kind in ReportKind::ALL {
                let Some(asked) = self.asked_for(receiver, kind) else { continue };
                let key = ReportKey { receiver: receiver.clone(), venue, kind };
                let known = self.memory.reported.get(&key);
                let look = report::look(asked, calendar, known, now);
                next = Some(next.map_or(look.next_at, |at: Timestamp| at.min(look.next_at)));
                commit.missed.extend(look.missed.map(|day| (key.clone(), day)));
                if let Some(report) = look.due {
                    due.entry((receiver.clone(), kind)).or_default().push((venue, report));
                }
                if known != Some(&look.reported) {
                    commit.reported.push((key, Some(look.reported)));
                }
            }
        }
        next
    }

    /// Says whether a venue is about to be read for the first time in this process, and there is time for it: what was
    /// known before a restart is old, and a few seconds make it new.
    fn waits_for_readings(&self, reports: &[(VenueId, Due)], commit: &Commit, now: Timestamp) -> bool {
        let look_again_at = now.plus(REEVALUATE_EVERY);
        let is_awaited = |(venue, _): &(VenueId, Due)| {
            self.snapshot_in(commit, *venue).is_some_and(|snapshot| snapshot.is_awaited(self.limits, now))
        };
        reports.iter().all(|(_, due)| look_again_at < due.too_late_at) && reports.iter().any(is_awaited)
    }

    /// Sends a report of a shift, in as few mails as hold it.
    fn send(
        &self,
        receiver: &ReceiverName,
        report: ShiftReport,
        reports: &[(VenueId, Due)],
        commit: &mut Commit,
        now: Timestamp,
    ) {
        for part in reports.chunks(letter::VENUES_MAX) {
            let page = |(venue, due): &(VenueId, Due)| {
                let snapshot = self.snapshot_in(commit, *venue)?;
                let About::Shift(shift) = due.about else { return None };
                Some(Page {
                    snapshot,
                    freshness: snapshot.freshness(self.limits, now),
                    shift,
                    care: care(&self.alerts_after(commit, Some(*venue))),
                })
            };
            let pages: Vec<Page<'_>> = part.iter().filter_map(page).collect();
            let (language, zone) = (self.language_of(receiver), &self.policy.setting.zone);
            let context = ReportContext { language, brand: &self.brand, zone };
            let notice = letter::compose(receiver, report, &pages, &context, now);
            commit.notices.push(notice);
            note_sent(receiver, report.kind(), part, commit);
        }
    }

    /// Sends the report of a week, unless the history must be read for it first: then notes which week is wanted.
    fn send_week(
        &self,
        receiver: &ReceiverName,
        reports: &[(VenueId, Due)],
        commit: &mut Commit,
        wanted: &mut BTreeMap<WeekKey, Week>,
        now: Timestamp,
    ) -> bool {
        let mut is_sent = true;
        for part in reports.chunk_by(|(_, one), (_, next)| one.about.day() == next.about.day()) {
            if let Some(notice) = self.week_told(receiver, part, commit, now) {
                commit.notices.push(notice);
                note_sent(receiver, ReportKind::Weekly, part, commit);
                continue;
            }
            let week = |(venue, due): &(VenueId, Due)| match due.about {
                About::Week(week) => Some(((*venue, week.day), week)),
                About::Shift(_) => None,
            };
            wanted.extend(part.iter().filter_map(week));
            is_sent = false;
        }
        is_sent
    }
}

/// Notes in the commit of a mail what it reports.
fn note_sent(receiver: &ReceiverName, kind: ReportKind, reports: &[(VenueId, Due)], commit: &mut Commit) {
    for (venue, due) in reports {
        let key = ReportKey { receiver: receiver.clone(), venue: *venue, kind };
        commit.reported.retain(|(noted, _)| *noted != key);
        commit.reported.push((key, Some(due.reported.clone())));
    }
}

/// Returns what was said last of each item by who takes care of an open alert about it.
fn care<'a>(alerts: &BTreeMap<&'a AlertKey, &'a Alert>) -> BTreeMap<ProductId, &'a Acknowledgement> {
    let mut care: BTreeMap<ProductId, &Acknowledgement> = BTreeMap::new();
    for (key, alert) in alerts {
        let (Subject::Item(_, product), Alert::Open(open)) = (&key.subject, *alert) else { continue };
        let Some(said) = &open.acknowledged else { continue };
        let known = care.entry(*product).or_insert(said);
        if said.at > known.at {
            *known = said;
        }
    }
    care
}
