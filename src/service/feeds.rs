//! The picture of every venue as it should stand at each broker of the feed.
//!
//! Holds the desired trees and nothing else; `sinks::mqtt::feed` makes them so. Invariant: a tree is handed out only
//! when every brand has put its venues in, since an unfinished tree would clear what is merely not there yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::board::retained::{Desired, RetainedState, Tree};
use crate::board::{self, Setting};
use crate::calendar;
use crate::engine::{Commit, Engine};
use crate::snapshot::Snapshot;
use crate::topics::BaseTopic;
use crate::units::{BrandId, Timestamp, VenueId};

/// The desired tree of one broker.
#[derive(Clone)]
pub struct DesiredTree {
    /// The names of its topics.
    pub topics: BaseTopic,
    /// What it should hold.
    pub tree: watch::Sender<Desired>,
}

/// The desired trees of all brokers that carry the feed.
#[derive(Clone)]
pub struct Feeds {
    trees: Vec<DesiredTree>,
    setting: Setting,
}

impl Feeds {
    /// Takes the trees, which may hold venues already.
    pub fn new(trees: Vec<DesiredTree>, setting: Setting) -> Self {
        Self { trees, setting }
    }

    /// Returns the business day of an instant, in the venues' zone.
    pub fn business_day(&self, now: Timestamp) -> jiff::civil::Date {
        calendar::business_day(now, &self.setting.zone, self.setting.day_starts)
    }

    /// Returns what a commit makes different.
    pub fn differences(&self, commit: &Commit) -> Differences {
        let stored = commit.stored.keys().copied();
        let alerts = commit.alerts.iter().filter_map(|(key, _)| key.subject.venue());
        Differences {
            lists: stored.chain(alerts).collect(),
            statuses: commit.venues.iter().map(|snapshot| snapshot.id()).chain(commit.evaluated_venues()).collect(),
            gone: commit.venues_gone.clone(),
        }
    }

    /// Brings the trees up to the engine's memory where it differs.
    pub fn show(&self, engine: &Engine, differences: &Differences, now: Timestamp) {
        let Differences { lists, statuses, gone } = differences;
        for DesiredTree { topics, tree } in &self.trees {
            tree.send_if_modified(|desired| {
                let before = desired.edits();
                for venue in gone {
                    replace(desired, topics, engine.brand(), *venue, Tree::new());
                }
                for venue in lists {
                    if let Some(lists) = self.lists(topics, engine, *venue, now) {
                        replace(desired, topics, engine.brand(), *venue, lists);
                    }
                }
                for snapshot in statuses.iter().filter_map(|venue| engine.memory().venues.get(venue)) {
                    let (topic, state) = self.status(topics, engine, snapshot, now);
                    desired.put(topic, state);
                }
                desired.edits() != before
            });
        }
    }

    /// Returns the whole tree of one brand, for the start.
    pub fn whole(&self, topics: &BaseTopic, engine: &Engine, now: Timestamp) -> Tree {
        let mut tree = Tree::new();
        for (venue, snapshot) in &engine.memory().venues {
            tree.extend(self.lists(topics, engine, *venue, now).unwrap_or_default());
            tree.extend([self.status(topics, engine, snapshot, now)]);
        }
        tree
    }

    fn status(
        &self,
        topics: &BaseTopic,
        engine: &Engine,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> (String, Arc<RetainedState>) {
        board::status(topics, engine.brand(), snapshot, &self.setting, engine.limits(), now)
    }

    fn lists(&self, topics: &BaseTopic, engine: &Engine, venue: VenueId, now: Timestamp) -> Option<Tree> {
        let memory = engine.memory();
        let snapshot = memory.venues.get(&venue)?;
        let alerts = board::open_alerts(memory.book.of(Some(venue)));
        Some(board::lists(topics, engine.brand(), snapshot, alerts, &self.setting, now))
    }
}

/// Which venues differ at the brokers, and in what.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// Lists, products or alerts.
    lists: BTreeSet<VenueId>,
    /// The status: a new reading, or a reading that aged.
    statuses: BTreeSet<VenueId>,
    /// Venues that are no longer watched.
    gone: Vec<VenueId>,
}

impl Differences {
    /// Means the lists of every venue.
    pub fn of_all_lists(engine: &Engine) -> Self {
        Self { lists: engine.memory().venues.keys().copied().collect(), ..Self::default() }
    }
}

/// Replaces everything of a venue but its status, which is put in afterwards; an empty replacement takes it all.
fn replace(desired: &mut Desired, topics: &BaseTopic, brand: &BrandId, venue: VenueId, lists: Tree) {
    let Some(tree) = desired.tree() else { return };
    let prefix = topics.venue(brand, venue);
    let status = topics.status(brand, venue);
    let is_gone = |topic: &String| !lists.contains_key(topic) && (lists.is_empty() || *topic != status);
    let own = tree.range(format!("{prefix}/")..format!("{prefix}0")).map(|(topic, _)| topic);
    let gone: Vec<String> = own.filter(|topic| is_gone(topic)).cloned().collect();
    for topic in gone {
        desired.remove(topic);
    }
    for (topic, state) in lists {
        desired.put(topic, state);
    }
}
