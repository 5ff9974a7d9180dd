//! From turns and changes to entries, groups and notices of one step.
//!
//! Everything is collected in copies; nothing is decided twice. Invariant: who was told that an alert opened is told
//! that it closed, and nobody else.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::alerts::facts::{self, Facts};
use crate::alerts::followup;
use crate::alerts::group::{self, Entry, EntryKind, GroupKey, Groups, Way};
use crate::alerts::lifecycle::{Alert, CALM_FOR, EpisodeId, OpenAlert, Turn, Turns};
use crate::alerts::link::Links;
use crate::alerts::notice::{Content, Notice, ReceiverName};
use crate::alerts::published::{self, End};
use crate::alerts::render::{self, AlertWords};
use crate::alerts::texts::Texts;
use crate::alerts::words::{news, values};
use crate::alerts::{AlertKey, Turned};
use crate::board;
use crate::engine::{Commit, Engine};
use crate::language::Language;
use crate::rules::events::events;
use crate::rules::{Form, GroupBy, Placed, Rule, RuleName, Severity};
use crate::snapshot::diff::Change;
use crate::snapshot::{Gap, Snapshot};
use crate::units::{StationId, Timestamp, VenueId};

/// Collects what one step tells.
pub(super) struct Teller<'a> {
    pub(super) engine: &'a Engine,
    /// The groups that something was told to in this step, as they are then; the others wait in the engine's memory.
    pub(super) groups: Groups,
    /// The keys of those groups, also of one that something emptied again.
    pub(super) touched: BTreeSet<GroupKey>,
    pub(super) notices: Vec<Notice>,
    /// What the receivers read, found when something is said.
    languages: OnceCell<BTreeSet<Language>>,
    /// Rules whose message could not be put together, and why.
    pub(super) unrendered: RefCell<BTreeMap<RuleName, String>>,
    pub(super) now: Timestamp,
}

/// A line to tell, before it is known who reads it.
struct News {
    entry: Entry,
    texts: Texts,
}

impl News {
    /// Returns the line for who reads this language.
    fn in_language(&self, language: Language) -> Entry {
        Entry { message: self.texts.in_language(language).to_owned(), ..self.entry.clone() }
    }
}

impl<'a> Teller<'a> {
    /// Starts with nothing told.
    pub(super) fn new(engine: &'a Engine, now: Timestamp) -> Self {
        let (languages, unrendered) = (OnceCell::new(), RefCell::default());
        let (groups, touched, notices) = (Groups::new(), BTreeSet::new(), Vec::new());
        Self { engine, groups, touched, notices, languages, unrendered, now }
    }

    /// Tells what an alert's turn causes and returns the alert as it is from now on.
    pub(super) fn tell_turn(&mut self, turned: Turned<'_>, facts: Facts, end: End) -> (AlertKey, Option<Alert>) {
        let Turned { key, turn, rule } = turned;
        match turn {
            Turn::Stay => {
                let alert = self.engine.memory.book.get(&key).cloned();
                (key, alert)
            }
            Turn::Move(alert) => (key, alert),
            Turn::Open { since, baseline, turns, unstable_since } => {
                let open = |rule| OpenAlert { turns, unstable_since, ..self.open(&key, rule, &facts, since, baseline) };
                let alert = rule.map(|rule| Alert::Open(Box::new(open(rule))));
                (key, alert)
            }
            Turn::Close(open, rest) => {
                self.close(&key, rule, &open, facts, end);
                (key, rest)
            }
        }
    }

    /// Returns the alert as it opens; who is told of it is decided when all turns of the scope are known.
    fn open(&self, key: &AlertKey, rule: &Rule, facts: &Facts, since: Timestamp, baseline: bool) -> OpenAlert {
        // Clopos's own time where it is sane (design): "out since 14:51" although we came at 15:10.
        let since = facts.item.as_ref().and_then(|item| item.since).map_or(since, |at| at.min(since));
        let identity = format!("{}/{:?}/{}", self.engine.brand, key.subject, key.rule.as_str());
        let open = OpenAlert {
            episode: EpisodeId::derive(&identity, self.now),
            since,
            opened_at: self.now,
            clear_since: None,
            baseline,
            severity: rule.severity,
            told: BTreeSet::new(),
            held: BTreeMap::new(),
            reminded_at: None,
            acknowledged: None,
            label: render::label(facts),
            message: Texts::default(),
            station: facts.station.as_ref().map(|station| station.id),
            turns: Turns::default(),
            unstable_since: None,
            set: facts.set.clone(),
            found_after: facts.found_after,
        };
        OpenAlert { message: self.message(rule, &open, facts), ..open }
    }

    /// Says what an alert is about in every language: whoever opens the pages reads it in his own.
    fn said_for_pages(&self, say: impl Fn(Language) -> String) -> Texts {
        Texts::said(self.engine.policy.setting.language, &BTreeSet::from(Language::ALL), say)
    }

    /// Says something in each language that a receiver reads: once, however many there are who read it.
    fn said(&self, say: impl Fn(Language) -> String) -> Texts {
        let policy = &self.engine.policy;
        let languages = self.languages.get_or_init(|| policy.routes.values().map(|route| route.language).collect());
        Texts::said(policy.setting.language, languages, say)
    }

    /// Renders what is said of an open alert now.
    pub(super) fn message(&self, rule: &Rule, open: &OpenAlert, facts: &Facts) -> Texts {
        let words = AlertWords {
            rule: rule.name.as_str(),
            severity: rule.severity.word(),
            since: open.since,
            duration: self.now.since(open.since),
        };
        self.said_for_pages(|language| self.rendered(&rule.name, false, facts, words, language))
    }

    /// Puts a message together, and notes when its template fails: our own words go out then.
    fn rendered(
        &self,
        rule: &RuleName,
        is_resolved: bool,
        facts: &Facts,
        words: AlertWords<'_>,
        language: Language,
    ) -> String {
        let said = self.engine.policy.messages.render(rule, is_resolved, facts, words, language);
        if let Some(why) = said.failed {
            self.unrendered.borrow_mut().entry(rule.clone()).or_insert(why);
        }
        said.text
    }

    /// Tells receivers that an alert is open.
    pub(super) fn tell_opened(&mut self, rule: &Rule, open: &OpenAlert, facts: &Facts, receivers: &[ReceiverName]) {
        let message = self.said(|language| opening_words(rule, open, language));
        let news = self.alert_news(EntryKind::Opened, &rule.name, open, message);
        self.tell(receivers, &news, facts, Some(open), None);
    }

    /// Tells others of an alert that stays open.
    pub(super) fn tell_escalated(&mut self, rule: &Rule, open: &OpenAlert, facts: &Facts, receivers: &[ReceiverName]) {
        let is_taken_care_of = followup::is_taken_care_of(open, self.now);
        let lasts = self.now.since(open.opened_at);
        let message =
            self.said(|language| news::open_for(language, open.message.in_language(language), lasts, is_taken_care_of));
        let news = self.alert_news(EntryKind::Escalated, &rule.name, open, message);
        self.tell(receivers, &news, facts, Some(open), None);
    }

    /// Tells those who were told of an alert again that it is open.
    pub(super) fn tell_reminded(&mut self, rule: &Rule, open: &OpenAlert, facts: &Facts) {
        let expected = open.acknowledged.as_ref().and_then(|said| {
            let at = said.back_at?.local_time(&self.engine.policy.setting.zone);
            Some((said.by.as_str(), at))
        });
        let expected = expected.as_ref().map(|(by, at)| (*by, at.as_str()));
        let lasts = self.now.since(open.opened_at);
        let message =
            self.said(|language| news::still_so(language, open.message.in_language(language), lasts, expected));
        let mut news = self.alert_news(EntryKind::Reminded, &rule.name, open, message);
        news.entry.id = group::repeated_entry_id(&open.episode, EntryKind::Reminded, self.now);
        self.tell(&open.told.iter().cloned().collect::<Vec<_>>(), &news, facts, Some(open), None);
    }

    /// Tells the machines among those who were told of an alert that somebody takes care of it. No mail goes out for it:
    /// the next one says so.
    pub(super) fn tell_acknowledged(&mut self, key: &AlertKey, open: &OpenAlert, facts: &Facts) {
        let Some(acknowledged) = &open.acknowledged else { return };
        let zone = &self.engine.policy.setting.zone;
        let message = self.said(|language| {
            format!("{}: {}", values::name(language, &open.label), acknowledged.in_words(language, zone))
        });
        let mut news = self.alert_news(EntryKind::Acknowledged, &key.rule, open, message);
        news.entry.id = group::repeated_entry_id(&open.episode, EntryKind::Acknowledged, acknowledged.at);
        for route in open.told.iter().filter_map(|receiver| self.engine.policy.routes.get(receiver)) {
            let entry = news.in_language(route.language);
            self.notices.extend(group::at_once(route, &entry, facts, Some(open), None, self.links()));
        }
    }

    /// Takes back that nobody takes care of an open alert, where that is said in a mail which still waits.
    pub(super) fn correct_escalation(&mut self, key: &GroupKey, open: &OpenAlert) {
        let message = open.message.in_language(self.engine.language_of(&key.receiver));
        for entry in self.waiting(key, &open.episode).filter(|entry| entry.kind == EntryKind::Escalated) {
            message.clone_into(&mut entry.message);
        }
    }

    /// Puts the present words of an open alert into a mail that still waits to tell of it.
    pub(super) fn correct_opening(&mut self, key: &GroupKey, rule: &Rule, open: &OpenAlert) {
        let message = opening_words(rule, open, self.engine.language_of(&key.receiver));
        for entry in self.waiting(key, &open.episode).filter(|entry| entry.kind == EntryKind::Opened) {
            message.clone_into(&mut entry.message);
        }
    }

    /// Makes what a mail that still waits says of a cause as urgent as what it holds back.
    pub(super) fn raise(&mut self, key: &GroupKey, cause: &EpisodeId) {
        for entry in self.waiting(key, cause).filter(|entry| entry.kind.tells_first()) {
            entry.severity = Severity::Critical;
        }
    }

    /// Returns what a mail that still waits says of an alert.
    fn waiting(&mut self, key: &GroupKey, episode: &EpisodeId) -> impl Iterator<Item = &mut Entry> {
        self.touch(key);
        let entries = self.groups.get_mut(key).into_iter().flat_map(|group| &mut group.entries);
        entries.filter(move |entry| entry.episode.as_ref() == Some(episode))
    }

    /// Takes reminders of an open alert out of a mail that still waits.
    pub(super) fn take_reminders_back(&mut self, key: &GroupKey, episode: &EpisodeId) {
        self.take_out(key, episode, &[EntryKind::Reminded]);
    }

    /// Takes what is said of an open alert out of a mail that still waits; says whether the receiver has not been told
    /// of it therefore.
    pub(super) fn take_back(&mut self, key: &GroupKey, episode: &EpisodeId) -> bool {
        self.take_out(key, episode, &[EntryKind::Opened, EntryKind::Escalated, EntryKind::Reminded])
    }

    fn take_out(&mut self, key: &GroupKey, episode: &EpisodeId, kinds: &[EntryKind]) -> bool {
        self.touch(key);
        let Some(group) = self.groups.get_mut(key) else { return false };
        let is_of_it = |waiting: &Entry| waiting.episode.as_ref() == Some(episode) && kinds.contains(&waiting.kind);
        let is_untold = group.entries.iter().any(|waiting| is_of_it(waiting) && waiting.kind.tells_first());
        group.entries.retain(|waiting| !is_of_it(waiting));
        if group.entries.is_empty() {
            self.groups.remove(key);
        }
        is_untold
    }

    fn close(&mut self, key: &AlertKey, rule: Option<&Rule>, open: &OpenAlert, mut facts: Facts, end: End) {
        if rule.is_some_and(|rule| matches!(&rule.form, Form::State(state) if !state.send_resolved)) {
            // What is over before it was told is no news, whether its end is told or not.
            let venue = facts.venue.as_ref().map(|venue| venue.id);
            for receiver in &open.told {
                self.take_back(&GroupKey { receiver: receiver.clone(), venue }, &open.episode);
            }
            return;
        }
        // The catalog may have lost the product meanwhile; the name it had when it went out is still right.
        if let Some(item) = facts.item.as_mut().filter(|item| item.price.is_none()) {
            item.name.clone_from(&open.label);
        }
        let duration = self.now.since(open.since);
        let words = AlertWords { rule: key.rule.as_str(), severity: open.severity.word(), since: open.since, duration };
        let by_window = end == End::Window;
        let message = self.said(|language| {
            let label = values::name(language, &open.label);
            match rule {
                Some(Rule { during, .. }) if by_window => {
                    let windows: Vec<&str> = during.iter().map(|window| window.text.as_ref()).collect();
                    news::outside_window(language, &label, &windows.join(", "), duration)
                }
                Some(rule) => self.rendered(&rule.name, true, &facts, words, language),
                None => news::rule_taken_away(language, &label, key.rule.as_str(), duration),
            }
        });
        let mut news = self.alert_news(EntryKind::Closed, &key.rule, open, message);
        news.entry.found_after = facts.found_after;
        let told = open.told.iter().filter(|receiver| !by_window || self.waits_to_be_told(receiver, &facts, open));
        let told: Vec<ReceiverName> = told.cloned().collect();
        self.tell(&told, &news, &facts, Some(open), Some(end));
        if !by_window {
            return;
        }
        // The end of a window brings nothing back, so that no mail says so; machines must know that the episode ended.
        let venue = facts.venue.as_ref().map(|venue| venue.id);
        for route in open.told.iter().filter(|receiver| !told.contains(receiver)) {
            self.take_reminders_back(&GroupKey { receiver: route.clone(), venue }, &open.episode);
            let Some(route) = self.engine.policy.routes.get(route) else { continue };
            let entry = news.in_language(route.language);
            self.notices.extend(group::at_once(route, &entry, &facts, Some(open), Some(end), self.links()));
        }
    }

    /// Says whether the opening of the episode still waits in a mail, from which its end takes it out.
    fn waits_to_be_told(&self, receiver: &ReceiverName, facts: &Facts, open: &OpenAlert) -> bool {
        let key = GroupKey { receiver: receiver.clone(), venue: facts.venue.as_ref().map(|venue| venue.id) };
        let waiting =
            if self.touched.contains(&key) { self.groups.get(&key) } else { self.engine.memory.groups.get(&key) };
        let is_its = |entry: &Entry| entry.episode.as_ref() == Some(&open.episode) && entry.kind.tells_first();
        waiting.is_some_and(|group| group.entries.iter().any(is_its))
    }

    fn alert_news(&self, kind: EntryKind, rule: &RuleName, open: &OpenAlert, texts: Texts) -> News {
        let entry = Entry {
            id: group::alert_entry_id(&open.episode, kind),
            kind,
            episode: Some(open.episode.clone()),
            rule: rule.as_str().to_owned(),
            severity: open.severity,
            label: open.label.clone(),
            message: String::new(),
            at: self.now,
            baseline: open.baseline && kind == EntryKind::Opened,
            found_after: open.found_after.filter(|_| kind == EntryKind::Opened),
            station: self.engine.policy.rules.get(rule).and_then(|rule| apart(rule, open.station)),
        };
        News { entry, texts }
    }

    /// Tells the changes of the commit: by event rules to receivers, and to every feed.
    ///
    /// The price lists belong to the brand: every venue's catalog shows their change, and it is told once.
    pub(super) fn tell_changes(&mut self, commit: &mut Commit) {
        let mut told_of_brand = BTreeSet::new();
        let mut by_venue: BTreeMap<VenueId, Vec<Change>> = BTreeMap::new();
        for (venue, change) in &commit.changes {
            by_venue.entry(*venue).or_default().push(change.clone());
        }
        for venue in commit.venues.clone() {
            let Some(changes) = by_venue.remove(&venue.id()) else { continue };
            let Some(before) = self.engine.memory.venues.get(&venue.id()) else { continue };
            if !before.is_complete() {
                continue;
            }
            let access = &self.engine.memory.access;
            let (rules, view) = (&self.engine.policy.rules, self.engine.view(before, access));
            let found = events(rules, &changes, &view, &self.engine.view(&venue, access), self.now);
            let (gaps_before, gaps_after) = (OnceCell::new(), OnceCell::new());
            for event in found {
                let is_gone = matches_removal(&event.change);
                let (shown, gaps) = if is_gone { (before, &gaps_before) } else { (&venue, &gaps_after) };
                let mut facts = facts::of_subject(&self.engine.brand, access, Some(shown), &event.subject, self.now);
                facts.recipe = facts::recipe_facts(&facts, shown, gaps);
                let calendar = self.engine.policy.calendars.of(&self.engine.brand, shown.id());
                facts.forecast = facts::forecast_facts(&facts, shown, calendar, self.now);
                facts.times_today = facts::times_today(&facts, shown, calendar, self.now);
                facts.change = Some(facts::of_change(&event.change, shown, self.now));
                facts.found_after = found_after(&event.change, &venue, self.now);
                // Before it is noted as told: it may be silenced at one venue alone, and belongs to all of them.
                let catalog = Some(&*shown.picture.catalog);
                if self.engine.silence_over(&event.rule, &event.subject, catalog, commit, self.now).is_some() {
                    continue;
                }
                let mut what = String::new();
                if let Change::Price { list, product, .. } = event.change {
                    what = list.0.to_string();
                    if !told_of_brand.insert((event.rule.clone(), list, product)) {
                        continue;
                    }
                    facts.venue = None;
                    facts.station = None;
                }
                let Some(rule) = self.engine.policy.rules.get(&event.rule) else { continue };
                self.tell_event(rule, &facts, &what);
            }
            for change in &changes {
                self.feed(change, &venue);
            }
        }
    }

    fn tell_event(&mut self, rule: &Rule, facts: &Facts, what: &str) {
        let words = AlertWords {
            rule: rule.name.as_str(),
            severity: rule.severity.word(),
            since: self.now,
            duration: Duration::ZERO,
        };
        let (change, path) = (facts.change.as_ref(), published::subject_path(facts));
        let entry = Entry {
            id: group::change_entry_id(&self.engine.brand, rule.name.as_str(), &path, what, change, self.now),
            kind: EntryKind::Changed,
            episode: None,
            rule: rule.name.as_str().to_owned(),
            severity: rule.severity,
            label: render::label(facts),
            message: String::new(),
            at: self.now,
            baseline: false,
            found_after: facts.found_after,
            station: apart(rule, facts.station.as_ref().map(|station| station.id)),
        };
        let texts = self.said(|language| self.rendered(&rule.name, false, facts, words, language));
        self.tell(&receivers_of(rule).collect::<Vec<_>>(), &News { entry, texts }, facts, None, None);
    }

    fn feed(&mut self, change: &Change, after: &Snapshot) {
        let Some((kind, product)) = board::feed_event(change, after) else { return };
        let facts = board::change_facts(&self.engine.brand, change, product, after, self.now);
        let (change, path) = (facts.change.as_ref(), published::subject_path(&facts));
        let entry_id = group::change_entry_id(&self.engine.brand, kind, &path, "stop", change, self.now);
        for (receiver, topics) in &self.engine.policy.feeds {
            let id = group::notice_id(receiver, &[&entry_id]);
            let body = published::cloud_event(id.as_str(), kind, &facts, None, None, self.now);
            let content = Content::Mqtt(group::event_message(topics, &facts, &id, kind, body));
            let summary = feed_summary(kind, &facts);
            self.notices.push(Notice { id, receiver: receiver.clone(), at: self.now, content, summary });
        }
    }

    fn tell(
        &mut self,
        receivers: &[ReceiverName],
        news: &News,
        facts: &Facts,
        open: Option<&OpenAlert>,
        end: Option<End>,
    ) {
        for receiver in receivers {
            let Some(route) = self.engine.policy.routes.get(receiver) else { continue };
            let entry = news.in_language(route.language);
            self.notices.extend(group::at_once(route, &entry, facts, open, end, self.links()));
            if route.ways.contains(&Way::Email) {
                let key = GroupKey { receiver: receiver.clone(), venue: facts.venue.as_ref().map(|venue| venue.id) };
                self.touch(&key);
                group::enqueue(&mut self.groups, &key, entry, self.now);
            }
        }
    }

    pub(super) fn links(&self) -> Option<&'a Links> {
        self.engine.policy.links.as_ref()
    }

    /// Has a waiting group at hand, to be changed in this step.
    fn touch(&mut self, key: &GroupKey) {
        if self.touched.insert(key.clone()) {
            let waiting = self.engine.memory.groups.get(key);
            self.groups.extend(waiting.map(|group| (key.clone(), group.clone())));
        }
    }
}

/// Says that an alert is open, and of one that goes on and off after how long a calm its end is told.
fn opening_words(rule: &Rule, open: &OpenAlert, language: Language) -> String {
    let message = open.message.in_language(language);
    match (&rule.form, open.unstable_since) {
        (Form::State(state), Some(_)) => {
            let calm = state.send_resolved.then(|| CALM_FOR.max(state.clear_for));
            news::unstable(language, message, calm)
        }
        (Form::State(_) | Form::Event(_), _) => message.to_owned(),
    }
}

/// Returns when nobody had read the stop list before a change in it was found.
fn found_after(change: &Change, after: &Snapshot, now: Timestamp) -> Option<Gap> {
    match change {
        Change::Row { .. } => after.gap_until(now),
        Change::Product { .. } | Change::Station { .. } | Change::PriceList { .. } | Change::Price { .. } => None,
    }
}

/// Returns the station whose mail the news of a rule go into, if not into that of the venue.
fn apart(rule: &Rule, station: Option<StationId>) -> Option<StationId> {
    match rule.group_by {
        GroupBy::Venue => None,
        GroupBy::Station => station,
    }
}

fn feed_summary(kind: &str, facts: &Facts) -> String {
    let venue = facts.venue.as_ref().map(|venue| format!(" at {}", venue.name)).unwrap_or_default();
    format!("{kind}: {}{venue}", render::label(facts))
}

pub(super) fn receivers_of(rule: &Rule) -> impl Iterator<Item = ReceiverName> {
    rule.notify.iter().map(|Placed { text, .. }| ReceiverName::new(text))
}

fn matches_removal(change: &Change) -> bool {
    match change {
        Change::Product { after, .. } => after.is_none(),
        Change::Station { after, .. } => after.is_none(),
        Change::Row { .. } | Change::PriceList { .. } | Change::Price { .. } => false,
    }
}
