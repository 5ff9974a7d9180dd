//! When mail goes out, which of it does in a step, and what each mail says beside its news.
//!
//! Invariant: what is mailed waits no more, and what waits is mailed once.

use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::AlertKey;
use crate::alerts::facts;
use crate::alerts::group::{Group, GroupKey, Route, waiting_for};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{EpisodeId, OpenAlert};
use crate::alerts::mail::{self, MailContext, Part, StillOpen};
use crate::alerts::notice::{Notice, ReceiverName};
use crate::alerts::rate::Mailed;
use crate::engine::tell::Teller;
use crate::engine::timers::Timer;
use crate::engine::{Commit, Engine};
use crate::rules::Severity;
use crate::units::{StationId, Timestamp};

impl Engine {
    /// Takes in which mails wait, and when receivers got some: it decides when the others go out.
    pub(super) fn adopt_mails(&mut self, groups: Vec<(GroupKey, Option<Group>)>, mailed: Vec<(ReceiverName, Mailed)>) {
        let mailed_to: Vec<ReceiverName> = mailed.iter().map(|(receiver, _)| receiver.clone()).collect();
        self.mail_begun = mailed.iter().filter_map(|(_, mailed)| mailed.latest()).chain(self.mail_begun).max();
        self.memory.mailed.extend(mailed);
        for (key, group) in groups {
            let deadline = group.as_ref().map(|group| self.group_deadline(&key, group));
            self.timers.set(Timer::Group(key.clone()), deadline);
            match group {
                Some(group) => {
                    self.mail_begun = self.mail_begun.max(Some(group.opened_at));
                    self.memory.groups.insert(key, group)
                }
                None => self.memory.groups.remove(&key),
            };
        }
        for receiver in mailed_to {
            for (key, group) in waiting_for(&self.memory.groups, &receiver) {
                self.timers.set(Timer::Group(key.clone()), Some(self.group_deadline(key, group)));
            }
        }
    }

    pub(super) fn group_deadline(&self, key: &GroupKey, group: &Group) -> (Timestamp, &'static str) {
        (self.due_at(&key.receiver, group), "a mail has waited for long enough")
    }

    /// Returns when a group of mail goes out, or away: nobody waits for that of a receiver who is gone from the configuration.
    pub(super) fn due_at(&self, receiver: &ReceiverName, group: &Group) -> Timestamp {
        let mailed = self.memory.mailed.get(receiver);
        self.policy.routes.get(receiver).map_or(group.opened_at, |route| route.mails_at(group, mailed))
    }

    /// Says whether the clock was set back since some mail began to wait or went out, so that timers say too little.
    fn is_mail_ahead(&self, now: Timestamp) -> bool {
        self.mail_begun.is_some_and(|at| now < at)
    }
}

impl Teller<'_> {
    /// Sends the groups that are due and writes everything into the commit.
    pub(super) fn finish(mut self, commit: &mut Commit) {
        let routes: &BTreeMap<ReceiverName, Route> = &self.engine.policy.routes;
        let before = &self.engine.memory.groups;
        for (receiver, due) in self.due() {
            let Some(route) = routes.get(&receiver) else {
                self.take_away(&due);
                continue;
            };
            let (mails, mailed) = route.mails(due, self.engine.memory.mailed.get(&receiver), self.now);
            let groups = || mails.iter().flatten().flat_map(|(_, group)| &group.entries);
            let news: BTreeSet<EpisodeId> = groups().filter_map(|entry| entry.episode.clone()).collect();
            for mail in &mails {
                self.take_away(mail);
                self.notices.push(self.compose(&receiver, mail, &news, commit));
            }
            commit.mailed.extend(mailed.map(|mailed| (receiver, mailed)));
        }
        let gone = self.touched.iter().filter(|key| before.contains_key(key) && !self.groups.contains_key(key));
        commit.groups.extend(gone.map(|key| (key.clone(), None)));
        let changed = self.groups.into_iter().filter(|(key, group)| before.get(key) != Some(group));
        commit.groups.extend(changed.map(|(key, group)| (key, Some(group))));
        commit.notices.append(&mut self.notices);
        commit.unrendered = self.unrendered.into_inner();
    }

    /// Lets groups wait no more.
    fn take_away(&mut self, groups: &[(GroupKey, Group)]) {
        for (key, _) in groups {
            self.groups.remove(key);
            self.touched.insert(key.clone());
        }
    }

    /// Returns the groups that may go out now, by receiver. Of those that wait untouched only the timers are asked: a step must
    /// not look over the mail of a chain.
    fn due(&self) -> BTreeMap<ReceiverName, Vec<(GroupKey, Group)>> {
        let engine = self.engine;
        let before = &engine.memory.groups;
        let mut waiting: BTreeMap<&GroupKey, &Group> = if engine.is_mail_ahead(self.now) {
            before.iter().collect()
        } else {
            engine.timers.due_groups(self.now).filter_map(|key| before.get_key_value(key)).collect()
        };
        waiting.retain(|key, _| !self.touched.contains(key));
        waiting.extend(&self.groups);
        let mut due: BTreeMap<ReceiverName, Vec<(GroupKey, Group)>> = BTreeMap::new();
        for (key, group) in waiting.into_iter().filter(|(key, group)| self.is_due(key, group)) {
            due.entry(key.receiver.clone()).or_default().push((key.clone(), group.clone()));
        }
        due
    }

    /// Says whether a group may go out now. A clock that was set back must not keep mail until it has caught up.
    fn is_due(&self, key: &GroupKey, group: &Group) -> bool {
        let was_set_back = || {
            let mailed = self.engine.memory.mailed.get(&key.receiver);
            let route = self.engine.policy.routes.get(&key.receiver);
            mailed.is_some_and(|mailed| mailed.lies_ahead_of(self.now))
                && route.is_some_and(|route| route.mails_at(group, None) <= self.now)
        };
        self.engine.due_at(&key.receiver, group) <= self.now || self.now < group.opened_at || was_set_back()
    }

    /// Writes a mail; `news` are the alerts of which this and other mails tell now.
    fn compose(
        &self,
        receiver: &ReceiverName,
        mail: &[(GroupKey, Group)],
        news: &BTreeSet<EpisodeId>,
        commit: &Commit,
    ) -> Notice {
        let snapshot_of = |key: &GroupKey| key.venue.and_then(|venue| self.engine.snapshot_in(commit, venue));
        let name = |(key, group): &(GroupKey, Group)| {
            let snapshot = snapshot_of(key)?;
            let station = group.station().map(|id| format!(", {}", facts::label_of_station(snapshot, id)));
            Some(format!("{}{}", facts::venue_name(snapshot), station.unwrap_or_default()))
        };
        let names: Vec<Option<String>> = mail.iter().map(name).collect();
        let setting = &self.engine.policy.setting;
        let mut parts = Vec::with_capacity(mail.len());
        for ((key, group), name) in mail.iter().zip(&names) {
            let (station, snapshot) = (group.station(), snapshot_of(key));
            let mut open = self.still_open(key, station, commit);
            // What another mail of this moment tells is not still open here.
            let is_news_here = |open: &OpenAlert| group.entries.iter().any(|entry| entry.is_of(open));
            open.retain(|open| !news.contains(&open.alert.episode) || is_news_here(open.alert));
            let read_at = snapshot.and_then(|snapshot| snapshot.read_at);
            parts.push(Part { venue: key.venue, venue_name: name.as_deref(), station, group, open, read_at });
        }
        let at_most = self.engine.policy.routes.get(receiver).and_then(|route| route.at_most);
        let context = MailContext {
            language: self.engine.language_of(receiver),
            brand: &self.engine.brand,
            zone: &setting.zone,
            day_starts: setting.day_starts,
            at_most,
            links: self.links(),
        };
        mail::compose(receiver, &parts, &context, self.now)
    }

    /// Returns the alerts of the group's venue that will be open after the commit and that the receiver was told of, each
    /// with what hangs under it and was therefore not told; only those of a station in a mail of that.
    fn still_open<'b>(&'b self, key: &GroupKey, station: Option<StationId>, commit: &'b Commit) -> Vec<StillOpen<'b>> {
        let after = self.engine.alerts_after(commit, key.venue);
        let open = after.iter().filter_map(|(key, alert)| Some((*key, alert.open()?)));
        let open: Vec<(&AlertKey, &OpenAlert)> = open.collect();
        let under = |cause: &AlertKey| {
            let is_effect = |(_, open): &&(&AlertKey, &'b OpenAlert)| matches!(open.held.get(&key.receiver), Some(Hold::Cause(held_by)) if held_by == cause);
            let mut labels: Vec<&str> = open.iter().filter(is_effect).map(|(_, open)| open.label.as_str()).collect();
            labels.dedup();
            labels
        };
        let is_concerned = |open: &OpenAlert| station.is_none() || open.station == station;
        let told = open.iter().filter(|(_, open)| open.told.contains(&key.receiver) && is_concerned(open));
        let mut told: Vec<StillOpen<'_>> = told.map(|(key, alert)| StillOpen { alert, under: under(key) }).collect();
        told.sort_by_key(|open| (severity_rank(open.alert.severity), open.alert.opened_at));
        told
    }
}

fn severity_rank(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    }
}
