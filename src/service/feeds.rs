//! The picture of every venue as it should stand at each broker of the feed.
//!
//! Holds the desired trees and nothing else; `sinks::mqtt::feed` makes them so. Invariant: a tree is handed out only
//! when every brand has put its venues in, since an unfinished tree would clear what is merely not there yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::board::retained::{Desired, Topic, Tree};
use crate::board::scene::Scene;
use crate::board::{self, Setting};
use crate::calendar;
use crate::engine::{Commit, Engine};
use crate::snapshot::{Freshness, FreshnessLimits, Snapshot};
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

/// While nothing but the age of a list changes, screens are told so rarely: a message for each reading of each venue would be
/// most of what the service does. `poll::quota` leaves room for it before a list is stale.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Venues whose texts are kept at hand until they are published. Those of more at once wait for long, since they go out one
/// after the other, and are drawn anew then.
const AT_HAND_MAX: usize = 16;

/// The desired trees of all brokers that carry the feed.
#[derive(Clone)]
pub struct Feeds {
    trees: Vec<DesiredTree>,
    setting: Arc<Setting>,
    /// What was last put into the trees of a venue's status.
    said: BTreeMap<VenueId, SaidFresh>,
}

/// A status that said that a list is fresh.
#[derive(Clone, Copy, Debug)]
struct SaidFresh {
    read_at: Timestamp,
    seq: u64,
    limits: FreshnessLimits,
}

impl SaidFresh {
    /// Returns what a status says now, if it says that the list is fresh.
    fn of(snapshot: &Snapshot, limits: FreshnessLimits, now: Timestamp) -> Option<Self> {
        let read_at = snapshot.read_at.filter(|_| snapshot.freshness(limits, now) == Freshness::Fresh)?;
        Some(Self { read_at, seq: snapshot.seq, limits })
    }

    /// Says whether a screen loses nothing when it is not told of this one yet.
    fn covers(&self, next: &Self) -> bool {
        let is_soon = next.read_at >= self.read_at && next.read_at.since(self.read_at) < STATUS_EVERY;
        is_soon && next.seq == self.seq && next.limits == self.limits
    }
}

impl Feeds {
    /// Takes the trees, which may hold venues already.
    pub fn new(trees: Vec<DesiredTree>, setting: Setting) -> Self {
        Self { trees, setting: Arc::new(setting), said: BTreeMap::new() }
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
    pub fn show(&mut self, engine: &Engine, differences: &Differences, now: Timestamp) {
        let Differences { lists, statuses, gone } = differences;
        for venue in gone {
            self.said.remove(venue);
        }
        let statuses = self.statuses_to_say(engine, statuses, now);
        let scene = |venue: &VenueId| self.scene(engine, *venue, now);
        let lists: Vec<Arc<Scene>> = lists.iter().filter_map(scene).collect();
        let statuses: Vec<Arc<Scene>> = statuses.iter().filter_map(scene).collect();
        let are_many = lists.len() > AT_HAND_MAX;
        if lists.is_empty() && statuses.is_empty() && gone.is_empty() {
            return;
        }
        for DesiredTree { topics, tree } in &self.trees {
            tree.send_if_modified(|desired| {
                let before = desired.edits();
                for venue in gone {
                    replace(desired, topics, engine.brand(), *venue, Tree::new());
                }
                for scene in &lists {
                    let lists = Self::lists(topics, engine, scene, are_many);
                    replace(desired, topics, engine.brand(), scene.snapshot.id(), lists);
                }
                for scene in &statuses {
                    let (topic, state) = board::status(topics, scene, engine.limits());
                    desired.put(topic, state);
                }
                desired.edits() != before
            });
        }
    }

    /// Returns the venues whose status says something that screens must know now.
    fn statuses_to_say(&mut self, engine: &Engine, statuses: &BTreeSet<VenueId>, now: Timestamp) -> Vec<VenueId> {
        let mut news = Vec::new();
        for snapshot in statuses.iter().filter_map(|venue| engine.memory().venues.get(venue)) {
            let next = SaidFresh::of(snapshot, engine.limits(), now);
            match (self.said.get(&snapshot.id()), next) {
                (Some(said), Some(next)) if said.covers(&next) => continue,
                (_, Some(next)) => self.said.insert(snapshot.id(), next),
                (_, None) => self.said.remove(&snapshot.id()),
            };
            news.push(snapshot.id());
        }
        news
    }

    /// Returns the whole tree of one brand, for the start.
    pub fn whole(&self, topics: &BaseTopic, engine: &Engine, now: Timestamp) -> Tree {
        let mut tree = Tree::new();
        for venue in engine.memory().venues.keys() {
            let Some(scene) = self.scene(engine, *venue, now) else { continue };
            tree.extend(Self::lists(topics, engine, &scene, true));
            tree.extend([board::status(topics, &scene, engine.limits())]);
        }
        tree
    }

    fn lists(topics: &BaseTopic, engine: &Engine, scene: &Arc<Scene>, are_many: bool) -> Tree {
        let alerts = engine.memory().book.of(Some(scene.snapshot.id()));
        let lists = board::lists(topics, scene, board::open_alerts(alerts));
        for state in lists.values().filter(|_| are_many) {
            state.let_go();
        }
        lists
    }

    fn scene(&self, engine: &Engine, venue: VenueId, now: Timestamp) -> Option<Arc<Scene>> {
        let snapshot = Arc::clone(engine.memory().venues.get(&venue)?);
        Some(Arc::new(Scene::new(engine.brand().clone(), snapshot, Arc::clone(&self.setting), now)))
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
    let is_gone = |topic: &Topic| !lists.contains_key(topic) && (lists.is_empty() || topic.as_ref() != status.as_str());
    let (first, last) = (Topic::from(format!("{prefix}/")), Topic::from(format!("{prefix}0")));
    let gone: Vec<Topic> =
        tree.range(first..last).map(|(topic, _)| topic).filter(|topic| is_gone(topic)).cloned().collect();
    for topic in gone {
        desired.remove(&topic);
    }
    for (topic, state) in lists {
        desired.put(topic, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Venue;

    const LIMITS: FreshnessLimits =
        FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + 1_000 * s)
    }

    fn read(s: i64, seq: u64) -> Snapshot {
        let unread = Snapshot::unread(Venue { id: VenueId(1), name: String::new(), active: true });
        Snapshot { read_at: Some(at(s)), seq, ..unread }
    }

    #[test]
    fn a_status_waits_five_seconds_while_nothing_but_the_age_is_new() {
        let said = SaidFresh::of(&read(0, 1), LIMITS, at(0)).expect("it is fresh");
        let covered = |snapshot: Snapshot, limits: FreshnessLimits, now: i64| {
            SaidFresh::of(&snapshot, limits, at(now)).is_some_and(|next| said.covers(&next))
        };
        let longer = FreshnessLimits { stale_after: Duration::from_mins(2), ..LIMITS };
        for (snapshot, limits, now, expected) in [
            (read(0, 1), LIMITS, 0, true),
            (read(4, 1), LIMITS, 4, true),
            (read(5, 1), LIMITS, 5, false),
            (read(1, 2), LIMITS, 1, false),
            (read(1, 1), longer, 1, false),
            // A list that is no longer fresh, and a clock that was set back.
            (read(4, 1), LIMITS, 70, false),
            (read(-3, 1), LIMITS, 0, false),
        ] {
            assert_eq!(covered(snapshot.clone(), limits, now), expected, "{:?} at {now}", snapshot.read_at);
        }
    }
}
