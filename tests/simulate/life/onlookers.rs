//! The people and programs around the process of a life: they see what is asked, heard, committed and told.
//!
//! Hands all of it to the judges. Must change nothing but what they remember.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::AlertKey;
use eightysix::alerts::group::Groups;
use eightysix::alerts::lifecycle::{Alert, CALM_FOR, EpisodeId, OpenAlert};
use eightysix::alerts::mail;
use eightysix::alerts::notice::{Content, Notice};
use eightysix::clopos::query::Request;
use eightysix::engine::{Commit, Engine};
use eightysix::rules::Subject;
use eightysix::service::feeds::Differences;
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, ProductId, StationId, Timestamp, VenueId};

use crate::chain::{CAUSE, GROUP_WAIT, INGREDIENT, RULES};
use crate::driver::{Clock, Observer};
use crate::gaps::Gaps;
use crate::life::{HELD_BACK, Met, RUNS_OUT, TOLD_GONE, UNSTABLE, WOKEN};
use crate::prices::Prices;
use crate::reference::{DishRule, Night, Reference};
use crate::reports::ReportsModel;
use crate::screens::Screens;
use crate::sets::Sets;
use crate::stories;

/// In which mails are counted.
const AN_HOUR: Duration = Duration::from_hours(1);
/// An alert turns no more often within the ten minutes of calm that end what is unstable, short of what a reading takes.
const TURNS_MAX: usize = 4;
const NEARLY_CALM: Duration = Duration::from_mins(9);

/// The people and programs around the process.
pub(super) struct Onlookers {
    pub(super) reference: Reference,
    pub(super) prices: Prices,
    pub(super) gaps: Gaps,
    pub(super) reports: ReportsModel,
    pub(super) sets: Sets,
    pub(super) screens: Screens,
    pub(super) differences: Differences,
    /// The open alerts about anything but dishes that are out, which may explain others.
    pub(super) causes: BTreeMap<AlertKey, OpenAlert>,
    /// The episodes of which somebody takes care.
    pub(super) cared_for: BTreeSet<String>,
    /// The brand.
    pub(super) brand: BrandId,
    /// When the managers sleep.
    pub(super) sleep: Option<Night>,
    /// The mails that wait.
    pub(super) waiting: Groups,
    /// How many mails an hour the managers read.
    pub(super) at_most: Option<u32>,
    /// When they got mail, on our clock.
    pub(super) mailed: Vec<Timestamp>,
    /// When they got mail before the clock was set back.
    pub(super) mailed_ahead: Vec<Timestamp>,
    /// The alerts that are open.
    pub(super) firing: BTreeSet<AlertKey>,
    /// When each alert opened and closed, on our clock.
    pub(super) turns: BTreeMap<AlertKey, Vec<Timestamp>>,
    /// What was deleted in the back office.
    pub(super) deleted: BTreeSet<ProductId>,
    /// The set of rules in force.
    pub(super) rules: usize,
    /// What was told of alerts, for the one who reads the story.
    pub(super) journal: Vec<String>,
    /// What went wrong, and how often.
    pub(super) met: Met,
}

impl Onlookers {
    /// The process starts or takes another configuration.
    pub(super) fn starts(&mut self, rules: usize, clock: Clock) {
        self.reference.started(clock.uptime);
        // An alert of a rule that is taken away ends whether it is calm or not.
        if rules != self.rules {
            self.turns.clear();
            self.sets.follows(RULES[rules].sets);
        }
        self.rules = rules;
        if RULES[rules].text.contains("event: price_changed") {
            self.prices.are_watched();
        }
    }

    /// Something went wrong.
    pub(super) fn meets(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    /// Judges who is told of an alert that opens and is not about a dish that is out.
    fn judge_told(&self, key: &AlertKey, open: &OpenAlert, commit: &Commit, clock: Clock) {
        let mut others = RULES[self.rules].others.iter();
        let Some((_, notify)) = others.find(|(rule, _)| *rule == key.rule.as_str()) else { return };
        let is_silenced = match key.subject {
            Subject::Item(_, INGREDIENT)
            | Subject::Venue(_)
            | Subject::Brand
            | Subject::OfVenues(_)
            | Subject::OfCategory(..) => Some(false),
            Subject::Item(venue, dish) => self.reference.is_silenced(venue, dish, clock.wall),
            Subject::Station(venue, station) | Subject::OfStation(venue, station) => {
                Some(self.reference.is_station_silenced(venue, station, clock.wall))
            }
        };
        let waiting = match (is_silenced, self.lacks_ingredient(key, clock)) {
            (None, _) | (Some(false), None) => return,
            (Some(true), _) => notify.to_vec(),
            // What it is cooked of explains as well what is foretold of a dish.
            (Some(false), Some(true)) => {
                notify.iter().copied().filter(|receiver| CAUSE.notify.contains(receiver)).collect()
            }
            (Some(false), Some(false)) => {
                let explaining: Vec<&OpenAlert> =
                    self.causes.iter().filter(|(cause, _)| self.explains(cause, key)).map(|(_, open)| open).collect();
                // What a cause that is about to end still explains is not said here.
                if explaining.iter().any(|cause| cause.clear_since.is_some()) {
                    return;
                }
                let hears = |receiver: &&str| explaining.iter().any(|cause| is_told_to(cause, receiver));
                notify.iter().copied().filter(hears).collect()
            }
        };
        stories::check_told(notify, &waiting, open, commit);
    }

    /// Says whether what a dish is cooked of is out and told, by the rules in force; `None` where that is not known.
    fn lacks_ingredient(&self, key: &AlertKey, clock: Clock) -> Option<bool> {
        let is_told = RULES[self.rules].others.iter().any(|(rule, _)| *rule == CAUSE.name);
        if let (Subject::OfStation(venue, _), true) = (&key.subject, is_told) {
            return self.lacks_by_ingredient(key, *venue, clock);
        }
        let Subject::Item(venue, dish) = key.subject else { return Some(false) };
        if !is_told || dish == INGREDIENT {
            return Some(false);
        }
        self.reference.is_explained(DishRule { explained_to: CAUSE.notify, ..CAUSE }, venue, dish, clock.uptime)
    }

    /// Says whether fewer than enough of a set would be out without the ingredient, which is out and told; `None` where
    /// that is not known.
    fn lacks_by_ingredient(&self, key: &AlertKey, venue: VenueId, clock: Clock) -> Option<bool> {
        let cooked = self.reference.cooked_of_ingredient();
        let rule = DishRule { explained_to: CAUSE.notify, ..CAUSE };
        let is_out = self.reference.is_explained(rule, venue, cooked[0], clock.uptime)?;
        if !is_out {
            return Some(false);
        }
        let is_unsettled = |dish: &ProductId| self.reference.is_dish_unsettled(*dish, clock.uptime);
        let needs = self.sets.needs(key, cooked, &self.reference, clock);
        needs.filter(|_| !cooked.iter().any(is_unsettled))
    }

    /// Judges the alerts about sets that open and end with a commit, and that all who were told of one hear of its end.
    fn judge_sets(&self, commit: &Commit, clock: Clock) {
        for (key, alert) in commit.alerts.iter().filter(|(key, _)| key.subject.set().is_some()) {
            match (self.firing.contains(key), alert.as_ref().and_then(Alert::open)) {
                (false, Some(open)) => self.sets.judge_opening(key, open, &self.reference, clock),
                (true, None) => {
                    self.sets.judge_closing(key, &self.reference, clock);
                    let open = &self.causes[key];
                    let machines = open.told.iter().filter(|receiver| receiver.as_str() != "managers");
                    for receiver in machines {
                        let is_end = |body: &str| body.contains(open.episode.as_str()) && body.contains("alert.closed");
                        let hears = commit.notices.iter().filter(|notice| notice.receiver == *receiver);
                        let ends = hears.filter(|notice| event_of(notice).is_some_and(is_end)).count();
                        assert_eq!(ends, 1, "{receiver:?} hears that {key:?} is over");
                    }
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    /// Says whether an alert is why another is so: a station that is off, for what is low of its dishes; refused
    /// credentials, for a venue that cannot be read.
    fn explains(&self, cause: &AlertKey, effect: &AlertKey) -> bool {
        match (&cause.subject, &effect.subject) {
            (Subject::Brand, Subject::Venue(_)) => true,
            (Subject::Station(at, station), Subject::Item(venue, dish)) => {
                at == venue && self.reference.station_of(*dish) == Some(*station)
            }
            (Subject::Station(at, off), Subject::OfStation(venue, station)) => at == venue && off == station,
            // A set is told beside its members.
            (
                Subject::Brand
                | Subject::Venue(_)
                | Subject::Station(..)
                | Subject::Item(..)
                | Subject::OfCategory(..)
                | Subject::OfStation(..)
                | Subject::OfVenues(_),
                _,
            ) => false,
        }
    }

    /// Judges what is told of a moment: that a price changed, or that a product is gone.
    fn judge_change(&mut self, event: &serde_json::Value) {
        if event["data"]["change"]["after"] != "absent" {
            return self.judge_price(event);
        }
        let product = ProductId(event["data"]["item"]["id"].as_u64().expect("a product"));
        assert!(self.deleted.contains(&product), "{product} is told to be gone, and nobody deleted it");
        self.meets(TOLD_GONE);
    }

    fn judge_price(&mut self, event: &serde_json::Value) {
        let text = |name: &str| event["data"]["change"][name].as_str().expect("a price");
        let dish = ProductId(event["data"]["item"]["id"].as_u64().expect("a dish"));
        assert_eq!(event["data"]["change"]["list"], "Hall", "the list whose prices change");
        self.prices.judge_told(dish, text("before"), text("after"));
    }

    /// Judges what a system or a screen is told by the rules.
    fn judge_event(&mut self, receiver: &str, event: &serde_json::Value, commit: &Commit, clock: Clock) {
        self.gaps.judge_event(event);
        let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix("dev.eightysix.")).expect("a type of ours");
        if kind == "change.v1" {
            return self.judge_change(event);
        }
        let rule = event["data"]["alert"]["rule"].as_str().expect("a rule");
        let number = |what: &str| event["data"][what]["id"].as_u64();
        let (Some(venue), Some(dish)) = (number("venue").map(VenueId), number("item").map(ProductId)) else { return };
        let is_news = matches!(kind, "alert.opened.v1" | "alert.reminded.v1" | "alert.escalated.v1");
        if is_news {
            let is_silenced = self.reference.is_silenced(venue, dish, clock.wall);
            assert_ne!(is_silenced, Some(true), "{kind} of {venue} {dish} to {receiver}, and it is silenced");
        }
        let episode = event["data"]["alert"]["episode"].as_str().expect("an episode");
        if kind == "alert.reminded.v1" {
            self.reports.judge_reminder(venue, clock.wall);
        }
        let is_cared_for = self.cared_for.contains(episode);
        assert!(kind != "alert.reminded.v1" || !is_cared_for, "a reminder of what somebody takes care of: {event}");
        if !RULES.iter().flat_map(|set| set.dishes).any(|known| known.name == rule) {
            return;
        }
        match kind {
            "alert.opened.v1" => {
                self.judge_telling(receiver, rule, venue, dish, is_new(commit, rule, venue, dish, clock), clock);
            }
            "alert.closed.v1" => {
                let station = number("station").map(StationId);
                let waited = if event["data"]["alert"]["unstable"] == true { CALM_FOR } else { Duration::ZERO };
                self.reference.judge_closing(rule, venue, dish, station, waited, clock.uptime);
            }
            _ => {}
        }
    }

    /// Judges that no mail goes out at night that was not due before, but those of what is critical.
    fn judge_sleep(&mut self, commit: &Commit, clock: Clock) {
        for (key, group) in &commit.groups {
            let before = match group {
                Some(group) => self.waiting.insert(key.clone(), group.clone()),
                None => self.waiting.remove(key),
            };
            let threads = mail::threads_of(&self.brand, key.venue);
            let is_it = |notice: &&Notice| matches!(&notice.content, Content::Email(mail) if notice.receiver == key.receiver && mail.thread_id.starts_with(&threads));
            let sent = commit.notices.iter().find(is_it);
            let (Some(before), Some(Content::Email(mail))) = (before, sent.map(|notice| &notice.content)) else {
                continue;
            };
            let Some(night) = self.sleep else { continue };
            let is_critical = mail.text.contains(stories::said(mail.language).critical);
            // A clock that was set back lets nothing wait.
            let waits =
                night.holds(before.opened_at.plus(GROUP_WAIT)) && (before.opened_at..night.ends).contains(&clock.wall);
            let is_night = waits && !is_critical;
            assert!(!is_night, "a mail at {} in the night {night:?}: {}", clock.wall, mail.text);
            if waits {
                self.meets(WOKEN);
            }
        }
    }

    /// Judges that the managers get no more mails an hour than they read, but for what is critical, and that nothing
    /// waits while they would read it.
    fn judge_rate(&mut self, commit: &Commit, clock: Clock) {
        let Some(at_most) = self.at_most.and_then(|at_most| usize::try_from(at_most).ok()) else { return };
        let now = clock.wall;
        // What lies ahead of a clock that was set back may count again once it has caught up.
        let (mailed, mut ahead): (Vec<_>, Vec<_>) = self.mailed.drain(..).partition(|at| *at <= now);
        self.mailed = mailed;
        self.mailed_ahead.append(&mut ahead);
        let in_hour = |mailed: &[Timestamp]| mailed.iter().filter(|at| now.since(**at) < AN_HOUR).count();
        let mails = commit.notices.iter().filter(|notice| notice.receiver.as_str() == "managers");
        for notice in mails {
            let Content::Email(mail) = &notice.content else { panic!("managers get mail") };
            let is_critical = mail.text.contains(stories::said(mail.language).critical);
            let before = in_hour(&self.mailed);
            assert!(before < at_most || is_critical, "{before} mails within an hour, and one more: {}", mail.text);
            self.mailed.push(now);
        }
        let may_count = in_hour(&self.mailed) + in_hour(&self.mailed_ahead);
        let is_free = may_count < at_most && !self.sleep.is_some_and(|night| night.holds(now));
        for (key, group) in self.waiting.iter().filter(|_| is_free) {
            let waits = (group.opened_at..group.opened_at.plus(GROUP_WAIT)).contains(&now);
            assert!(waits, "a mail for {key:?} waits since {}, and nothing holds it back at {now}", group.opened_at);
        }
        if self.waiting.values().any(|group| now >= group.opened_at.plus(GROUP_WAIT)) && !is_free {
            self.meets(HELD_BACK);
        }
    }

    /// Judges that no alert turns too often to be of use: what is unstable waits for calm.
    fn judge_turns(&mut self, commit: &Commit, clock: Clock) {
        let now = clock.wall;
        // Of a clock that was set back nobody knows how long ago a turn was.
        if self.turns.values().flatten().any(|at| *at > now) {
            self.turns.clear();
        }
        for (key, alert) in &commit.alerts {
            let open = alert.as_ref().and_then(Alert::open);
            if open.is_some() == self.firing.contains(key) {
                continue;
            }
            match open {
                Some(open) => {
                    self.firing.insert(key.clone());
                    if open.unstable_since.is_some() {
                        self.meets(UNSTABLE);
                    }
                }
                None => drop(self.firing.remove(key)),
            }
            let turns = self.turns.entry(key.clone()).or_default();
            turns.push(now);
            let of_late = turns.iter().filter(|at| now.since(**at) < NEARLY_CALM).count();
            assert!(of_late <= TURNS_MAX, "{of_late} turns of {key:?} by {now}: {turns:?}");
        }
    }

    /// Judges that nothing that is silenced is put into a mail.
    fn judge_mails(&self, commit: &Commit, clock: Clock) {
        let entries = commit.groups.iter().filter_map(|(_, group)| group.as_ref()).flat_map(|group| &group.entries);
        let news = entries.filter(|entry| entry.at == clock.wall && entry.kind.tells_first());
        let told: BTreeSet<&str> = news.filter_map(|entry| entry.episode.as_ref()).map(EpisodeId::as_str).collect();
        for (key, alert) in &commit.alerts {
            let (Subject::Item(venue, dish), Some(Alert::Open(open))) = (&key.subject, alert) else { continue };
            if told.contains(open.episode.as_str()) {
                let is_silenced = self.reference.is_silenced(*venue, *dish, clock.wall);
                assert_ne!(is_silenced, Some(true), "{venue} {dish} is in a mail, and it is silenced");
            }
        }
    }

    /// Judges that somebody hears of an alert, which opens now or was kept from them until now.
    fn judge_telling(&self, receiver: &str, rule: &str, venue: VenueId, dish: ProductId, is_new: bool, clock: Clock) {
        if is_new {
            self.reference.judge_opening(rule, venue, dish);
        } else {
            self.reference.judge_late_telling(rule, venue, dish);
        }
        let known = self.reference.rule(rule).filter(|rule| rule.explained_to.contains(&receiver));
        let is_explained = known.and_then(|rule| self.reference.is_explained(rule, venue, dish, clock.uptime));
        assert_ne!(is_explained, Some(true), "{venue} {dish} is told, and so is what it is cooked of");
    }

    /// Lets the reference hear of the silences that begin and end with a commit.
    fn hush(&mut self, commit: &Commit, clock: Clock) {
        for (id, silence) in &commit.silences {
            match silence {
                Some(silence) => self.reference.falls_silent(silence),
                None => {
                    for dish in self.reference.speaks_again(id, clock) {
                        self.prices.speak_again(dish);
                    }
                }
            }
        }
    }
}

/// Returns the event that a machine is sent.
fn event_of(notice: &Notice) -> Option<&str> {
    match &notice.content {
        Content::Webhook(event) => Some(&event.body),
        Content::Mqtt(message) => Some(&message.body),
        Content::Email(_) => None,
    }
}

fn is_told_to(alert: &OpenAlert, receiver: &str) -> bool {
    alert.told.iter().chain(alert.held.keys()).any(|known| known.as_str() == receiver)
}

/// Says whether an alert opens with this commit.
fn is_new(commit: &Commit, rule: &str, venue: VenueId, dish: ProductId, clock: Clock) -> bool {
    let subject = Subject::Item(venue, dish);
    let of_dish = commit.alerts.iter().find(|(key, _)| key.rule.as_str() == rule && key.subject == subject);
    of_dish.is_some_and(|(_, alert)| matches!(alert, Some(Alert::Open(open)) if open.opened_at == clock.wall))
}

impl Observer for Onlookers {
    fn asked(&mut self, request: &Request, world: &World, clock: Clock) -> u64 {
        self.reference.asked(request, world, clock)
    }

    fn heard(&mut self, ticket: u64, is_readable: bool, clock: Clock) {
        self.reference.heard(ticket, is_readable, clock);
    }

    fn commits(&mut self, commit: &Commit, clock: Clock) {
        self.differences = self.screens.differences(commit);
        self.hush(commit, clock);
        for (_, alert) in &commit.alerts {
            if let Some(Alert::Open(open)) = alert
                && open.acknowledged.is_some()
            {
                self.cared_for.insert(open.episode.as_str().to_owned());
            }
        }
        self.gaps.judge(commit, clock.wall, &mut self.met);
        self.judge_sets(commit, clock);
        for (key, alert) in commit.alerts.iter().filter(|(key, _)| self.reference.rule(key.rule.as_str()).is_none()) {
            match alert.as_ref().and_then(Alert::open) {
                Some(open) => drop(self.causes.insert(key.clone(), open.clone())),
                None => drop(self.causes.remove(key)),
            }
        }
        for (key, alert) in commit.alerts.iter().filter(|(key, _)| key.rule.as_str() == "soon") {
            if let (Some(Alert::Open(open)), Subject::Item(venue, dish)) = (alert, &key.subject)
                && open.opened_at == clock.wall
                && open.clear_since.is_none()
            {
                self.reference.judge_soon(*venue, *dish);
                self.meets(RUNS_OUT);
            }
        }
        for (key, alert) in &commit.alerts {
            if let Some(Alert::Open(open)) = alert
                && open.opened_at == clock.wall
                && open.clear_since.is_none()
            {
                self.judge_told(key, open, commit, clock);
            }
            let rule = self.reference.rules.iter().find(|rule| rule.name == key.rule.as_str());
            if let (Some(rule), Some(Alert::Open(open))) = (rule, alert)
                && open.opened_at == clock.wall
                && open.clear_since.is_none()
            {
                let Subject::Item(venue, dish) = key.subject else { panic!("{key:?} is about a dish") };
                self.reference.judge_opening(rule.name, venue, dish);
                let is_silenced = self.reference.is_silenced(venue, dish, clock.wall);
                let is_explained = self.reference.is_explained(*rule, venue, dish, clock.uptime);
                let kept_waiting = match (is_silenced, is_explained) {
                    (Some(true), _) => rule.notify,
                    (Some(false), Some(true)) => rule.explained_to,
                    (Some(false), Some(false)) => &[],
                    (None, _) | (_, None) => continue,
                };
                stories::check_told(rule.notify, kept_waiting, open, commit);
            }
        }
        for notice in commit.notices.iter().filter(|notice| notice.receiver.as_str() == "feed") {
            let Content::Mqtt(message) = &notice.content else { panic!("the feed goes to a broker") };
            let event: serde_json::Value = serde_json::from_str(&message.body).expect("JSON");
            let (venue, dish) = (event["data"]["venue"]["id"].as_u64(), event["data"]["item"]["id"].as_u64());
            let is_out = match event["type"].as_str() {
                Some("dev.eightysix.product.stopped.v1") => true,
                Some("dev.eightysix.product.back.v1") => false,
                _ => continue,
            };
            let (Some(venue), Some(dish)) = (venue, dish) else { panic!("{event} is about a dish") };
            self.reference.judge_shown(VenueId(venue), ProductId(dish), is_out, clock.uptime);
        }
        for notice in &commit.notices {
            let body = match (notice.receiver.as_str(), &notice.content) {
                ("office", Content::Webhook(event)) => &event.body,
                ("kitchen", Content::Mqtt(message)) => &message.body,
                _ => continue,
            };
            let event: serde_json::Value = serde_json::from_str(body).expect("JSON");
            if notice.receiver.as_str() == "office" {
                self.journal.push(format!("{} {}", event["type"], notice.summary));
            }
            self.judge_event(notice.receiver.as_str(), &event, commit, clock);
        }
        self.reports.judge(commit, &self.reference, clock, &mut self.met);
        self.judge_mails(commit, clock);
        self.judge_sleep(commit, clock);
        self.judge_rate(commit, clock);
        self.judge_turns(commit, clock);
    }

    fn adopted(&mut self, engine: &Engine, clock: Clock) {
        let differences = std::mem::take(&mut self.differences);
        self.screens.show(engine, &differences, clock.wall);
        self.gaps.goes_blind_after(engine.limits().blind_after);
    }
}
