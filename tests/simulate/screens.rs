//! A broker and the retained tree on it: what the feed does with its connection, without one.
//!
//! What should stand there and what must be published for it is the real code. Invariant: a topic that may be at the
//! broker is in the ledger, which outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::board::Setting;
use eightysix::board::retained::{Desired, RetainedState, Topic, Tree};
use eightysix::engine::{Commit, Engine};
use eightysix::service::feeds::{DesiredTree, Differences, Feeds};
use eightysix::simulator::chance::Chance;
use eightysix::sinks::mqtt::plan::{self, Published, REFRESH_EVERY};
use eightysix::topics::BaseTopic;
use eightysix::units::{Timestamp, Uptime};
use tokio::sync::watch;

use crate::driver::Clock;

/// A status may be of a reading that is so old while all else is as it was (docs/mqtt.md).
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Publishes on their way at once; fewer than the feed's, so that a broker goes away in the middle of a tree.
const AT_ONCE: u64 = 6;

/// A broker, and our side of it.
pub(crate) struct Screens {
    /// What the broker retains.
    pub(crate) retained: BTreeMap<String, String>,
    feeds: Feeds,
    setting: Setting,
    tree: watch::Sender<Desired>,
    topics: BaseTopic,
    ledger: BTreeSet<Topic>,
    published: BTreeMap<Topic, Published>,
    is_connected: bool,
    away_until: Uptime,
    /// The business day of the returns that screens show.
    day: jiff::civil::Date,
    chance: Chance,
}

impl Screens {
    pub(crate) fn new(seed: u64, setting: Setting, now: Timestamp) -> Self {
        let topics = BaseTopic::new("eightysix").expect("a base topic");
        let tree = watch::Sender::new(Desired::default());
        let feeds = Feeds::new(vec![DesiredTree { topics: topics.clone(), tree: tree.clone() }], setting.clone());
        Self {
            retained: BTreeMap::new(),
            day: feeds.business_day(now),
            feeds,
            setting,
            tree,
            topics,
            ledger: BTreeSet::new(),
            published: BTreeMap::new(),
            is_connected: false,
            away_until: Uptime::default(),
            chance: Chance::new(seed ^ 0x5c4e),
        }
    }

    /// Returns the names of the topics.
    pub(crate) fn topics(&self) -> &BaseTopic {
        &self.topics
    }

    /// The broker goes away until then; one that forgets has no disk.
    pub(crate) fn leave(&mut self, until: Uptime, forgets: bool) {
        (self.is_connected, self.away_until) = (false, until);
        if forgets {
            self.retained.clear();
        }
    }

    /// Says whether publishes reach the broker.
    pub(crate) fn is_up(&self, now: Uptime) -> bool {
        now >= self.away_until
    }

    /// A process starts, or takes another configuration: the first tree is what is remembered.
    pub(crate) fn start(&mut self, engine: &Engine, now: Timestamp) {
        self.published = self.ledger.iter().map(|topic| (topic.clone(), Published::Unknown)).collect();
        self.is_connected = false;
        self.day = self.feeds.business_day(now);
        let trees = vec![DesiredTree { topics: self.topics.clone(), tree: self.tree.clone() }];
        self.feeds = Feeds::new(trees, self.setting.clone());
        let whole = self.feeds.whole(&self.topics, engine, now);
        self.tree.send_modify(|desired| desired.replace(whole));
    }

    /// The process is gone.
    pub(crate) fn dies(&mut self) {
        self.tree.send_replace(Desired::default());
    }

    /// Returns what a commit makes different, before it is adopted.
    pub(crate) fn differences(&self, commit: &Commit) -> Differences {
        self.feeds.differences(commit)
    }

    /// Brings the tree up to what was adopted.
    pub(crate) fn show(&mut self, engine: &Engine, differences: &Differences, now: Timestamp) {
        self.feeds.show(engine, differences, now);
    }

    /// Publishes some of what differs, and returns when to go on.
    pub(crate) fn turn(&mut self, engine: Option<&Engine>, clock: Clock) -> Uptime {
        let later = clock.uptime.plus(Duration::from_secs(5));
        let Some(engine) = engine else { return later };
        self.turn_the_day(engine, clock.wall);
        let desired = self.tree.borrow().tree().cloned();
        let (Some(desired), true) = (desired, self.is_up(clock.uptime)) else { return later };
        if !self.is_connected {
            self.is_connected = true;
            self.published.values_mut().for_each(|known| *known = Published::Unknown);
        }
        let steps = plan::plan(&desired, &self.published, clock.uptime);
        let many = self.chance.between(1, AT_ONCE);
        let is_done = steps.len() as u64 <= many;
        for step in steps.into_iter().take(usize::try_from(many).expect("small")) {
            self.ledger.insert(step.topic.clone());
            let is_acknowledged = !self.chance.happens(5);
            self.publish(&step.topic, step.state.as_deref(), is_acknowledged, clock.uptime);
        }
        if is_done { later } else { clock.uptime.plus(Duration::from_millis(250)) }
    }

    fn publish(&mut self, topic: &Topic, state: Option<&RetainedState>, is_acknowledged: bool, now: Uptime) {
        match state {
            Some(state) => drop(self.retained.insert(topic.as_ref().to_owned(), state.body())),
            None => drop(self.retained.remove(topic.as_ref())),
        }
        let known = match (state, is_acknowledged) {
            (_, false) => Published::Unknown,
            (Some(state), true) => Published::Confirmed { content: state.hash(), refresh_at: now.plus(REFRESH_EVERY) },
            (None, true) => {
                self.published.remove(topic);
                self.ledger.remove(topic);
                return;
            }
        };
        self.published.insert(Topic::clone(topic), known);
    }

    fn turn_the_day(&mut self, engine: &Engine, now: Timestamp) {
        let today = self.feeds.business_day(now);
        if today != self.day {
            self.day = today;
            self.feeds.show(engine, &Differences::of_all_lists(engine), now);
        }
    }

    /// Publishes what still differs, with the restaurants standing still.
    pub(crate) fn settle(&mut self, engine: &Engine, mut clock: Clock) {
        for _ in 0..1_000 {
            let next = self.turn(Some(engine), clock);
            if next.since(clock.uptime) > Duration::from_secs(1) {
                return;
            }
            clock.uptime = next;
        }
        panic!("the feed does not come to rest");
    }

    /// Holds what the broker retains against what should stand there, and that against what is remembered.
    ///
    /// What turns by time alone, such as a status that becomes blind, is seen at the next look and is no difference then.
    pub(crate) fn check(&self, engine: &Engine, now: Timestamp) -> Result<(), String> {
        let bodies = |tree: &Tree| -> BTreeMap<String, String> {
            tree.iter().map(|(topic, state)| (topic.as_ref().to_owned(), state.body())).collect()
        };
        let desired = bodies(self.tree.borrow().tree().expect("the process runs"));
        let mut whole = bodies(&self.feeds.whole(&self.topics, engine, now));
        let mut retained = self.retained.clone();
        for (topic, said) in retained.iter_mut().filter(|(topic, _)| topic.rsplit('/').nth(1) == Some("product")) {
            // One that went and came back while much was to be published says what it said before.
            let newest = desired.get(topic).filter(|newest| differs_by_the_number_of_the_list(said, newest));
            *said = newest.cloned().unwrap_or_else(|| std::mem::take(said));
        }
        same("what the broker retains and what should stand there", &retained, &desired)?;
        for (topic, newest) in &mut whole {
            let says_the_same = |said: &&String| match topic.rsplit('/').nth(1) {
                _ if topic.ends_with("/status") => differs_by_a_later_reading(said, newest),
                Some("product") => differs_by_the_number_of_the_list(said, newest),
                Some(_) | None => false,
            };
            let said = desired.get(topic).filter(says_the_same).cloned();
            *newest = said.unwrap_or(std::mem::take(newest));
        }
        same("the tree by its differences and the tree of the picture", &desired, &whole)
    }
}

/// Says whether a status says all that the newest one does, but of a reading shortly before.
fn differs_by_a_later_reading(said: &str, newest: &str) -> bool {
    let [mut said, mut newest]: [serde_json::Value; 2] =
        [said, newest].map(|body| serde_json::from_str(body).expect("JSON"));
    let read_at = |status: &serde_json::Value| status["as_of"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let is_soon = match (read_at(&said), read_at(&newest)) {
        (Some(said), Some(newest)) => newest >= said && newest.since(said) < STATUS_EVERY,
        (_, _) => false,
    };
    for status in [&mut said, &mut newest] {
        status["as_of"].take();
        status["valid_until"].take();
    }
    is_soon && said == newest && said["state"] == "fresh"
}

/// Says whether the state of a product says all that the newest one does, but of an earlier list.
fn differs_by_the_number_of_the_list(said: &str, newest: &str) -> bool {
    let [mut said, mut newest]: [serde_json::Value; 2] =
        [said, newest].map(|body| serde_json::from_str(body).expect("JSON"));
    let [earlier, later] = [&mut said, &mut newest].map(|state| state["seq"].take().as_u64());
    earlier <= later && said == newest
}

fn same(what: &str, left: &BTreeMap<String, String>, right: &BTreeMap<String, String>) -> Result<(), String> {
    let topics: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differ: Vec<_> = topics.into_iter().filter(|topic| left.get(*topic) != right.get(*topic)).collect();
    let shown: Vec<_> = differ.iter().take(3).map(|topic| (topic, left.get(*topic), right.get(*topic))).collect();
    if differ.is_empty() { Ok(()) } else { Err(format!("{what}: {} topics differ: {shown:#?}", differ.len())) }
}
