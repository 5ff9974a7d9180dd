//! One step of a brand: an input and the time go in, everything that must become durable comes out.
//!
//! `step` changes nothing; the caller stores the commit in one transaction and then lets the engine `adopt` it, so
//! memory never runs ahead of the store. Invariant: the same state, input and time give the same commit.

mod chain;
mod intake;
mod look;
mod mails;
mod orders;
mod readings;
mod reports;
mod sets;
mod settle;
mod tell;
mod timers;
mod weekly;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use crate::alerts::census::{self, Census};
use crate::alerts::group::{Group, GroupKey, Groups, Route};
use crate::alerts::lifecycle::Alert;
use crate::alerts::link::Links;
use crate::alerts::notice::{Notice, ReceiverName};
use crate::alerts::order::{Answer, Order, OrderId};
use crate::alerts::rate::Mailed;
use crate::alerts::render::Messages;
use crate::alerts::report::week::{History, VenueWeek};
use crate::alerts::report::{ReportKey, Reported};
use crate::alerts::silence::{Silence, SilenceId};
use crate::alerts::{self, AlertBook, AlertKey, Scope, followup};
use crate::board::Setting;
use crate::calendar::Calendars;
use crate::catalog::Venue;
use crate::engine::chain::Chain;
use crate::engine::look::Look;
pub use crate::engine::readings::NOTED_WITHIN;
use crate::engine::reports::Looked;
use crate::engine::sets::Sets;
use crate::engine::settle::Settling;
use crate::engine::tell::Teller;
use crate::engine::timers::{Timer, Timers};
pub use crate::engine::weekly::HistoryWanted;
use crate::engine::weekly::{WeekKey, Weeks};
use crate::language::Language;
use crate::rules::evaluate::{self, Evaluation};
use crate::rules::set::Part;
use crate::rules::subject::VenueView;
use crate::rules::{Finding, Form, RuleName, RuleSet};
use crate::snapshot::diff::Change;
use crate::snapshot::{Access, Freshness, FreshnessLimits, Gap, Reading, Snapshot};
use crate::topics::BaseTopic;
use crate::units::{BrandId, Timestamp, VenueId};

/// Conditions such as `stopped_for` turn by time alone; this often is soon enough for people and cheap enough for a chain.
pub const REEVALUATE_EVERY: Duration = Duration::from_secs(5);

/// What decides who is told what; shared by the brands and replaced as a whole by a reload.
pub struct Policy {
    /// The rules.
    pub rules: RuleSet,
    /// Their compiled messages.
    pub messages: Messages,
    /// The receivers.
    pub routes: BTreeMap<ReceiverName, Route>,
    /// The brokers that carry the feed: each gets every event of the stop lists.
    pub feeds: Vec<(ReceiverName, BaseTopic)>,
    /// Zone and business day, as people and screens are told them.
    pub setting: Setting,
    /// The hours, peaks and windows of every venue.
    pub calendars: Calendars,
    /// Makes the links by which people say that they take care; `None` where the web side has no public address.
    pub links: Option<Links>,
}

/// What the engine remembers of a brand.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Whether Clopos lets us read the brand.
    pub access: Access,
    /// What is known of each venue.
    pub venues: BTreeMap<VenueId, Arc<Snapshot>>,
    /// Pending and open alerts.
    pub book: AlertBook,
    /// Mail that waits for more of its burst.
    pub groups: Groups,
    /// What is not to be told for a while.
    pub silences: BTreeMap<SilenceId, Silence>,
    /// When mails about the brand went out within the last hour, by receiver.
    pub mailed: BTreeMap<ReceiverName, Mailed>,
    /// Which reports were sent.
    pub reported: BTreeMap<ReportKey, Reported>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The brand's venues, as configured or as Clopos lists them; the others are forgotten.
    Venues(Vec<Venue>),
    /// A reading of one venue.
    Reading(VenueId, Reading),
    /// A reading that belongs to every venue: the price lists are the brand's.
    OfBrand(Reading),
    /// Authentication ended one way or the other.
    Access(Access),
    /// Time passed.
    Tick,
    /// The process is about to end.
    Ending,
    /// The policy was replaced: everything is looked at again.
    Reloaded,
    /// Somebody asks for something.
    Order(OrderId, Order),
    /// The history of a venue, which [`Engine::history_wanted`] asked for.
    History(VenueId, History),
}

/// Everything that one step changes.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Snapshots to remember.
    pub venues: Vec<Arc<Snapshot>>,
    /// Venues to forget.
    pub venues_gone: Vec<VenueId>,
    /// The access to remember.
    pub access: Option<Access>,
    /// Alerts to put into the book, or to take out.
    pub alerts: Vec<(AlertKey, Option<Alert>)>,
    /// Groups to keep, or to drop.
    pub groups: Vec<(GroupKey, Option<Group>)>,
    /// Lines of the history: what changed where.
    pub changes: Vec<(VenueId, Change)>,
    /// Lines of the history: when nobody read which stop list.
    pub gaps: Vec<(VenueId, Gap)>,
    /// When venues were last read, to note for the next process; empty while that need not be noted anew.
    pub readings: BTreeMap<VenueId, Timestamp>,
    /// Notices for the outbox.
    pub notices: Vec<Notice>,
    /// Silences to keep, or to forget.
    pub silences: Vec<(SilenceId, Option<Silence>)>,
    /// When mails went out to those who get one.
    pub mailed: Vec<(ReceiverName, Mailed)>,
    /// Reports to note as sent or as no longer due, and those that nobody asks for any more.
    pub reported: Vec<(ReportKey, Option<Reported>)>,
    /// Reports that were not sent in time and are left out, with their business days.
    pub missed: Vec<(ReportKey, Date)>,
    /// Rules whose message could not be put together, and why.
    pub unrendered: BTreeMap<RuleName, String>,
    /// What became of orders.
    pub answers: Vec<(OrderId, Answer)>,
    /// Which of `venues` must be stored: stop list and the rest, catalog.
    pub stored: BTreeMap<VenueId, Stored>,
    evaluated: Vec<(Option<VenueId>, Evaluated)>,
    /// What venues say anew to rules that count venues; `None` of one that is gone.
    parts: Vec<(VenueId, Option<Arc<Part>>)>,
    looked: Option<Looked>,
    /// Weeks of venues that were weighed.
    weighed: Vec<(WeekKey, Arc<VenueWeek>)>,
}

/// Which parts of a snapshot changed durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stored {
    /// Everything but the catalog.
    pub snapshot: bool,
    /// The catalog.
    pub catalog: bool,
}

impl Commit {
    /// Returns the venues that were evaluated, and whose freshness may have turned with the time.
    pub fn evaluated_venues(&self) -> impl Iterator<Item = VenueId> {
        self.evaluated.iter().filter_map(|(scope, _)| *scope)
    }

    /// Says whether anything must be written: an unchanged poll writes nothing.
    pub fn is_durable(&self) -> bool {
        let Self {
            venues: _,
            venues_gone,
            access: _,
            alerts,
            groups,
            changes,
            // It changes with the snapshot.
            gaps: _,
            readings,
            notices,
            silences,
            // It changes with the notice of the mail.
            mailed: _,
            reported,
            // It is left out as soon as that is noted.
            missed: _,
            unrendered: _,
            answers,
            stored,
            evaluated: _,
            parts: _,
            looked: _,
            // They are weighed again after a restart.
            weighed: _,
        } = self;
        let something_stored = stored.values().any(|stored| stored.snapshot || stored.catalog);
        let something_mailed = !(groups.is_empty() && reported.is_empty());
        let something_told = something_mailed || !(alerts.is_empty() && changes.is_empty() && notices.is_empty());
        let something_asked = !(silences.is_empty() && answers.is_empty());
        something_stored || something_told || something_asked || !(venues_gone.is_empty() && readings.is_empty())
    }
}

/// When and in what light a scope was last evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Evaluated {
    at: Timestamp,
    freshness: Option<Freshness>,
}

/// A brand's engine.
pub struct Engine {
    brand: BrandId,
    policy: Arc<Policy>,
    limits: FreshnessLimits,
    memory: Memory,
    evaluated: BTreeMap<Option<VenueId>, Evaluated>,
    chain: Chain,
    /// When something was last evaluated, by the clock of then.
    latest: Option<Timestamp>,
    /// The deadline of every scope and group, as `memory` and `evaluated` have it: a poll must not look over a chain.
    timers: Timers,
    /// The latest instant at which mail began to wait or went out, by the clock of then: before it, all mail is looked over.
    mail_begun: Option<Timestamp>,
    /// When was last looked for reports that are due.
    looked_at: Option<Timestamp>,
    weeks: Weeks,
}

impl Engine {
    /// Starts from what the store remembers.
    pub fn new(brand: BrandId, policy: Arc<Policy>, limits: FreshnessLimits, memory: Memory) -> Self {
        let (timers, chain, evaluated) = (Timers::default(), Chain::default(), BTreeMap::new());
        let (latest, looked_at, weeks) = (None, None, Weeks::default());
        let mails = memory.groups.values().map(|group| group.opened_at);
        let mail_begun = mails.chain(memory.mailed.values().filter_map(Mailed::latest)).max();
        let mut engine =
            Self { brand, policy, limits, memory, evaluated, chain, latest, timers, mail_begun, looked_at, weeks };
        for scope in engine.scopes().collect::<Vec<_>>() {
            engine.set_timer_of(scope);
        }
        for (key, group) in &engine.memory.groups {
            engine.timers.set(Timer::Group(key.clone()), Some(engine.group_deadline(key, group)));
        }
        for venue in engine.memory.venues.keys().copied().collect::<Vec<_>>() {
            engine.look_for_reports_of(venue);
        }
        engine
    }

    /// Returns what is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the brand.
    pub fn brand(&self) -> &BrandId {
        &self.brand
    }

    /// Counts the alerts by severity and state.
    pub fn census(&self) -> Census {
        census::census(&self.memory.book, &self.policy.rules)
    }

    /// Returns from which age a reading is stale and blind.
    pub fn limits(&self) -> FreshnessLimits {
        self.limits
    }

    /// Sets from which age a reading is stale and blind: with more venues each is read more rarely.
    pub fn set_limits(&mut self, limits: FreshnessLimits) {
        self.limits = limits;
    }

    /// Takes the memory out, for an engine with another policy: alerts, timers and groups stay.
    pub fn into_memory(self) -> Memory {
        self.memory
    }

    /// Computes what the input changes.
    pub fn step(&self, input: Input, now: Timestamp) -> Commit {
        let mut commit = Commit::default();
        let mut scopes = BTreeSet::new();
        let mut teller = Teller::new(self, now);
        let mut baseline = false;
        self.end_silences(&mut commit, now);
        match input {
            Input::Venues(venues) => self.take_venues(venues, &mut commit, &mut teller, now),
            Input::Reading(venue, reading) => {
                let Some(before) = self.memory.venues.get(&venue) else { return commit };
                baseline = !before.is_complete();
                self.take_reading(before, reading, &mut commit, now);
                if !commit.changes.is_empty()
                    || commit.stored.contains_key(&venue)
                    || self.waits_for_a_reading(venue, now)
                    || self.is_due(Some(venue), &commit, now)
                {
                    scopes.insert(Some(venue));
                }
            }
            Input::OfBrand(reading) => {
                for before in self.memory.venues.values() {
                    self.take_reading(before, reading.clone(), &mut commit, now);
                }
                scopes.extend(commit.stored.keys().copied().map(Some));
            }
            Input::Access(access) => {
                if access == Access::Granted && self.memory.access.is_shut_out() {
                    commit.venues = self.watched_anew(now);
                }
                commit.access = (access != self.memory.access).then_some(access);
                scopes.insert(None);
            }
            Input::Tick => {
                self.note_readings(false, &mut commit, now);
                scopes.extend(self.scopes().filter(|scope| self.is_due(*scope, &commit, now)));
            }
            Input::Ending => self.note_readings(true, &mut commit, now),
            Input::Reloaded => scopes.extend(self.scopes()),
            Input::Order(id, order) => {
                // The rules are asked with the next look: what turns is reconciled with the alerts of before this step.
                let answer = self.take_order(order, &mut commit, &mut teller, now);
                commit.answers.push((id, answer));
            }
            Input::History(venue, history) => self.take_history(venue, &history, &mut commit, now),
        }
        let is_due = scopes.contains(&None);
        let is_first_look =
            scopes.iter().any(Option::is_some) && scopes.iter().flatten().all(|venue| self.is_first_look(*venue));
        for scope in scopes {
            self.evaluate(scope, baseline, &mut commit, &mut teller, now);
        }
        self.evaluate_chain(is_due, baseline || is_first_look, &mut commit, &mut teller, now);
        self.end_silences_of_what_is_back(&mut commit);
        teller.tell_changes(&mut commit);
        self.report(&mut commit, now);
        teller.finish(&mut commit);
        commit
    }

    /// Takes a commit into memory, after it was stored.
    pub fn adopt(&mut self, commit: Commit) {
        let Commit {
            venues,
            venues_gone,
            access,
            alerts,
            groups,
            changes: _,
            gaps: _,
            readings,
            notices: _,
            silences,
            mailed,
            reported,
            missed: _,
            unrendered: _,
            answers: _,
            stored: _,
            evaluated,
            parts,
            looked,
            weighed,
        } = commit;
        let mut retimed: BTreeSet<Option<VenueId>> = evaluated.iter().map(|(scope, _)| *scope).collect();
        self.adopt_noted(&readings);
        for snapshot in venues {
            let id = snapshot.id();
            self.adopt_reading(&snapshot);
            if self.memory.venues.insert(id, snapshot).is_none() {
                retimed.insert(Some(id));
                self.look_for_reports_of(id);
            }
        }
        self.adopt_reports(reported, weighed, looked);
        for venue in venues_gone {
            self.memory.venues.remove(&venue);
            self.timers.set(Timer::Report(venue), None);
            self.weeks.forget(venue);
            self.evaluated.remove(&Some(venue));
            self.chain.set(venue, None);
            retimed.insert(Some(venue));
        }
        if let Some(access) = access {
            self.memory.access = access;
        }
        for (venue, part) in parts {
            self.chain.set(venue, part);
        }
        for (key, alert) in alerts {
            retimed.insert(key.subject.venue());
            self.memory.book.set(key, alert);
        }
        self.adopt_mails(groups, mailed);
        for (id, silence) in silences {
            match silence {
                Some(silence) => self.memory.silences.insert(id, silence),
                None => self.memory.silences.remove(&id),
            };
        }
        self.evaluated.extend(evaluated.iter().copied());
        self.note_latest(&evaluated);
        for scope in retimed {
            self.set_timer_of(scope);
        }
    }

    /// Returns when time alone changes something, and why (style 27).
    pub fn next_deadline(&self) -> Option<(Timestamp, &'static str)> {
        self.timers.first()
    }

    fn set_timer_of(&mut self, scope: Option<VenueId>) {
        let is_watched = scope.is_none_or(|venue| self.memory.venues.contains_key(&venue));
        let deadline = is_watched.then(|| self.scope_deadline(scope)).flatten();
        self.timers.set(Timer::Scope(scope), deadline);
    }

    fn scope_deadline(&self, scope: Option<VenueId>) -> Option<(Timestamp, &'static str)> {
        let last = self.evaluated.get(&scope).map(|evaluated| evaluated.at);
        // An alert that was looked at since and did not turn waits for a reading, not for the time.
        let alerts = alerts::deadlines(&self.memory.book, &self.policy.rules, scope)
            .filter(|(at, _)| last.is_none_or(|last| *at > last));
        let look = last.map(|at| (at.plus(REEVALUATE_EVERY), "conditions that turn by time are looked at again"));
        let follow_up = last.and_then(|last| self.follows_up_at(scope, last));
        let follow_up = follow_up.map(|at| (at, "an alert has stayed open long enough to be told again"));
        let stale = last.and_then(|last| self.goes_stale_at(scope?, last));
        let stale = stale.map(|at| (at, "what is counted over the venues may not rest on an old list"));
        alerts.chain(look).chain(follow_up).chain(stale).min_by_key(|(at, _)| *at)
    }

    /// Returns when something is to be said, after `last`, of an alert of the scope that stays open.
    pub(crate) fn follows_up_at(&self, scope: Option<VenueId>, last: Timestamp) -> Option<Timestamp> {
        let calendar = scope.map(|venue| self.policy.calendars.of(&self.brand, venue));
        let next = |(key, alert): (&AlertKey, &Alert)| {
            let (Alert::Open(open), Form::State(state)) = (alert, &self.policy.rules.get(&key.rule)?.form) else {
                return None;
            };
            followup::next_at(open, &state.remind, &state.escalate, calendar, last)
        };
        self.memory.book.of(scope).filter_map(next).min()
    }

    fn scopes(&self) -> impl Iterator<Item = Option<VenueId>> {
        std::iter::once(None).chain(self.memory.venues.keys().copied().map(Some))
    }

    /// Returns what a receiver reads; one that is gone from the configuration reads what everybody does.
    fn language_of(&self, receiver: &ReceiverName) -> Language {
        self.policy.routes.get(receiver).map_or(self.policy.setting.language, |route| route.language)
    }

    fn is_due(&self, scope: Option<VenueId>, commit: &Commit, now: Timestamp) -> bool {
        let Some(evaluated) = self.evaluated.get(&scope) else { return true };
        // A clock that was set back must not stop the evaluation until it has caught up.
        let was_set_back = now < evaluated.at;
        let has_deadline = self.timers.get(&Timer::Scope(scope)).is_some_and(|at| at <= now);
        was_set_back || has_deadline || evaluated.freshness != self.freshness(scope, commit, now)
    }

    /// Says whether an alert of the venue has waited long enough and turns with the next reading that agrees.
    fn waits_for_a_reading(&self, venue: VenueId, now: Timestamp) -> bool {
        alerts::deadlines(&self.memory.book, &self.policy.rules, Some(venue)).any(|(at, _)| at <= now)
    }

    /// Returns when the venue is worth a reading for the sake of an alert that waits, if any waits.
    pub fn reading_wanted_at(&self, venue: VenueId) -> Option<Timestamp> {
        alerts::deadlines(&self.memory.book, &self.policy.rules, Some(venue)).map(|(at, _)| at).min()
    }

    /// Says whether a venue serves guests, as far as its hours are written down.
    pub fn is_open(&self, venue: VenueId, now: Timestamp) -> bool {
        self.policy.calendars.of(&self.brand, venue).is_open(now) != Some(false)
    }

    fn freshness(&self, scope: Option<VenueId>, commit: &Commit, now: Timestamp) -> Option<Freshness> {
        Some(self.snapshot_in(commit, scope?)?.freshness(self.limits, now))
    }

    /// Returns the snapshot as it will be after the commit.
    fn snapshot_in<'a>(&'a self, commit: &'a Commit, venue: VenueId) -> Option<&'a Arc<Snapshot>> {
        let changed = commit.venues.iter().find(|snapshot| snapshot.id() == venue);
        changed.or_else(|| self.memory.venues.get(&venue))
    }

    /// Returns the alerts of a scope as they will be after the commit, without those that are over.
    fn alerts_after<'a>(&'a self, commit: &'a Commit, scope: Option<VenueId>) -> BTreeMap<&'a AlertKey, &'a Alert> {
        let mut after: BTreeMap<&AlertKey, &Alert> = self.memory.book.of(scope).collect();
        for (key, alert) in commit.alerts.iter().filter(|(key, _)| key.subject.venue() == scope) {
            match alert {
                Some(alert) => after.insert(key, alert),
                None => after.remove(key),
            };
        }
        after.retain(|_, alert| !alert.is_over());
        after
    }

    fn evaluate(
        &self,
        scope: Option<VenueId>,
        baseline: bool,
        commit: &mut Commit,
        teller: &mut Teller<'_>,
        now: Timestamp,
    ) {
        let baseline = baseline || scope.is_some_and(|venue| self.is_first_look(venue));
        let access = commit.access.clone().unwrap_or_else(|| self.memory.access.clone());
        let of_venue: Evaluation;
        let of_brand: Vec<Finding>;
        let sets: Sets<'_>;
        let snapshot = scope.and_then(|venue| self.snapshot_in(commit, venue)).cloned();
        let considered = if let Some(venue) = scope {
            let Some(snapshot) = &snapshot else { return };
            of_venue = evaluate::evaluate_venue(&self.policy.rules, &self.view(snapshot, &access), now);
            let items_as_of = snapshot.items_as_of(now);
            if self.policy.rules.counts_venues() && self.chain.differs(venue, &of_venue.part) {
                commit.parts.push((venue, Some(Arc::new(of_venue.part.clone()))));
            }
            sets = Sets::OfVenue(&of_venue);
            let findings = &of_venue.findings;
            Scope { venue: Some(venue), of_venues: false, findings, silence: Some(&of_venue), baseline, items_as_of }
        } else {
            of_brand = evaluate::evaluate_brand(&self.policy.rules, &self.brand, &access, now);
            sets = Sets::None;
            Scope { venue: None, of_venues: false, findings: &of_brand, silence: None, baseline, items_as_of: now }
        };
        let turned = alerts::reconcile(&self.memory.book, &self.policy.rules, &considered, now);
        let look = Look::new(self, snapshot.as_deref(), &access, now).with(sets);
        let mut settling = Settling::of(self, scope, considered.findings);
        for turned in turned {
            let (facts, end) = look.at_turn(&turned);
            let (key, alert) = teller.tell_turn(turned, facts, end);
            settling.turned(&key, alert.as_ref());
            commit.alerts.push((key, alert));
        }
        settling.settle(&look, commit, teller);
        self.relist(&look, considered.findings, commit, teller);
        if let (Some(venue), true) = (scope, commit.alerts.iter().any(|(key, _)| key.subject.venue() == scope)) {
            self.store_with_alerts(venue, commit);
        }
        commit.evaluated.push((scope, Evaluated { at: now, freshness: self.freshness(scope, commit, now) }));
    }

    /// Says whether nothing was said of a venue before: what is out at a first start is no news either when the wait for the
    /// products is over by the time alone.
    fn is_first_look(&self, venue: VenueId) -> bool {
        let known = self.memory.venues.get(&venue);
        known.is_some_and(|snapshot| snapshot.read_at.is_some() && !snapshot.is_complete())
    }

    /// Has the snapshot stored beside the alerts that it turned: a restart must not find a reading that is older than
    /// what was decided by it, and take the venue for blind.
    fn store_with_alerts(&self, venue: VenueId, commit: &mut Commit) {
        if !commit.venues.iter().any(|snapshot| snapshot.id() == venue) {
            commit.venues.extend(self.memory.venues.get(&venue).cloned());
        }
        commit.stored.entry(venue).or_default().snapshot = true;
    }

    fn view<'a>(&'a self, snapshot: &'a Snapshot, access: &'a Access) -> VenueView<'a> {
        let calendar = self.policy.calendars.of(&self.brand, snapshot.id());
        VenueView { brand: &self.brand, access, snapshot, freshness_limits: self.limits, calendar }
    }
}

#[cfg(test)]
mod tests;
