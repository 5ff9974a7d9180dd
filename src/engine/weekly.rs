//! The week of each venue for who is reported it: which history is wanted for it, and the mail once all of it is weighed.
//!
//! The history is in the store, so that the shell reads it, one venue after the other. What is weighed is forgotten with
//! the process and weighed again. Invariant: no week is told of a chain before all its venues are weighed.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::alerts::notice::{Notice, ReceiverName};
use crate::alerts::report::letter::ReportContext;
use crate::alerts::report::week::{self, History, VenueWeek};
use crate::alerts::report::weekly::{self, WeekPage};
use crate::alerts::report::{About, Due};
use crate::calendar::Week;
use crate::engine::{Commit, Engine};
use crate::units::{Timestamp, VenueId};

/// A venue's week, by the day on which it is reported.
pub(super) type WeekKey = (VenueId, Date);

/// The weeks that are due, and what is known of them already.
#[derive(Clone, Debug, Default)]
pub(super) struct Weeks {
    pub(super) due: BTreeMap<WeekKey, Week>,
    weighed: BTreeMap<WeekKey, Arc<VenueWeek>>,
}

/// The history that is wanted of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryWanted {
    /// The venue.
    pub venue: VenueId,
    /// From when on it is wanted.
    pub since: Timestamp,
}

impl Weeks {
    /// Remembers what was weighed, and forgets what is not due any more; `due` is what is from now on, if that was looked at.
    pub(super) fn adopt(&mut self, weighed: Vec<(WeekKey, Arc<VenueWeek>)>, due: Option<BTreeMap<WeekKey, Week>>) {
        self.weighed.extend(weighed);
        if let Some(due) = due {
            self.due = due;
            self.weighed.retain(|key, _| self.due.contains_key(key));
        }
    }

    /// Forgets a venue that is not watched any more.
    pub(super) fn forget(&mut self, venue: VenueId) {
        self.due.retain(|(of, _), _| *of != venue);
        self.weighed.retain(|(of, _), _| *of != venue);
    }

    fn of<'a>(&'a self, key: WeekKey, commit: &'a Commit) -> Option<&'a Arc<VenueWeek>> {
        let new = commit.weighed.iter().find(|(weighed, _)| *weighed == key).map(|(_, weighed)| weighed);
        new.or_else(|| self.weighed.get(&key))
    }
}

impl Engine {
    /// Returns of which venue the history is wanted next, because its week is due; it is handed in by `Input::History`,
    /// read after the last commit and before the next one.
    pub fn history_wanted(&self) -> Option<HistoryWanted> {
        let lacks = |(key, _): &(&WeekKey, &Week)| !self.weeks.weighed.contains_key(key);
        let ((venue, _), week) = self.weeks.due.iter().find(lacks)?;
        Some(HistoryWanted { venue: *venue, since: week.before })
    }

    /// Weighs the weeks of a venue that are due.
    pub(super) fn take_history(&self, venue: VenueId, history: &History, commit: &mut Commit, now: Timestamp) {
        let Some(snapshot) = self.memory.venues.get(&venue) else { return };
        let calendar = self.policy.calendars.of(&self.brand, venue);
        for (key, week) in self.weeks.due.iter().filter(|((of, _), _)| *of == venue) {
            let weighed = week::weigh(week, calendar, snapshot, self.limits, history, now);
            commit.weighed.push((*key, Arc::new(weighed)));
        }
    }

    /// Says whether this step weighed the last of the weeks that are due.
    pub(super) fn has_weighed_all(&self, commit: &Commit) -> bool {
        !commit.weighed.is_empty() && self.weeks.due.keys().all(|key| self.weeks.of(*key, commit).is_some())
    }

    /// Writes the week of these venues for a receiver; `None` until each of them is weighed.
    pub(super) fn week_told(
        &self,
        receiver: &ReceiverName,
        reports: &[(VenueId, Due)],
        commit: &Commit,
        now: Timestamp,
    ) -> Option<Notice> {
        let (_, Due { about: About::Week(week), .. }) = reports.first()? else { return None };
        let page = |(venue, due): &(VenueId, Due)| {
            let snapshot = self.snapshot_in(commit, *venue)?;
            let weighed = self.weeks.of((*venue, due.about.day()), commit)?;
            Some(WeekPage { snapshot, freshness: snapshot.freshness(self.limits, now), weighed })
        };
        let pages: Vec<WeekPage<'_>> = reports.iter().map(page).collect::<Option<_>>()?;
        let (language, zone) = (self.language_of(receiver), &self.policy.setting.zone);
        let context = ReportContext { language, brand: &self.brand, zone };
        Some(weekly::compose(receiver, week, &pages, &context, now))
    }
}
