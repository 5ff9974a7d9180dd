//! The outbox, the workers and those who are told, as tables and times: what SQLite, the network and people do elsewhere.
//!
//! When to try again and when to give up is the real code. Must lose nothing itself: a row leaves the queue only by a
//! finish. Invariant: two messages with the same id are the same bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use eightysix::alerts::notice::{Channel, Content, NoticeId};
use eightysix::delivery::{self, TimeLeft};
use eightysix::simulator::chance::Chance;
use eightysix::sinks::Outcome;
use eightysix::store::{Finish, format};
use eightysix::units::{Timestamp, Uptime};

use crate::driver::Clock;
use crate::fallback::{FELL_BACK, FallbackModel};
use crate::script::{Ear, Trouble};
use crate::tables::Row;

/// As in `delivery::worker`.
const MQTT_BATCH: usize = 32;
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long a sink waits for an answer at most.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Where a notice of the outbox stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits for its time.
    Waiting { due: Timestamp, attempts: u32 },
    /// It ended, at this time.
    Ended { finish: Finish, at: Timestamp },
}

impl Standing {
    /// Returns when it can be tried, while it waits.
    fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { due, .. } => Some(*due),
            Self::Ended { .. } => None,
        }
    }
}

/// A worker: one for each receiver and channel.
#[derive(Debug, Default)]
struct Worker {
    /// What is on its way: the rows, when the answers are known, and whether they will be good.
    attempt: Option<(Vec<usize>, Uptime, bool)>,
}

/// All that is delivered.
pub(crate) struct Delivery {
    /// What a fallback is told instead of others.
    fallback: FallbackModel,
    /// The state of each row of the outbox, in its order.
    pub(crate) standings: Vec<Standing>,
    /// Everything that arrived, in its order: receiver, channel, id and bytes.
    pub(crate) arrived: Vec<(String, &'static str, String, String)>,
    workers: BTreeMap<(String, &'static str), Worker>,
    troubles: BTreeMap<Ear, (Trouble, Uptime)>,
    chance: Chance,
    /// How often a receiver was in trouble when something was sent to it.
    met: BTreeMap<String, u64>,
}

impl Delivery {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            fallback: FallbackModel::new(),
            standings: Vec::new(),
            arrived: Vec::new(),
            workers: BTreeMap::new(),
            troubles: BTreeMap::new(),
            chance: Chance::new(seed ^ 0xde11),
            met: BTreeMap::new(),
        }
    }

    /// Lets a receiver be in trouble until then.
    pub(crate) fn troubles(&mut self, ear: Ear, trouble: Trouble, until: Uptime) {
        self.troubles.insert(ear, (trouble, until));
    }

    /// The process is gone; what was on its way may have arrived and nobody knows.
    pub(crate) fn dies(&mut self) {
        self.workers.clear();
        self.fallback.dies();
    }

    /// Does what is due and returns when to look again. `can_store` is false while nothing can be written.
    pub(crate) fn turn(&mut self, outbox: &[Row], broker_is_up: bool, can_store: bool, clock: Clock) -> Uptime {
        for row in &outbox[self.standings.len()..] {
            let waiting = Standing::Waiting { due: row.at, attempts: 0 };
            self.standings.push(waiting);
            self.workers.entry((row.receiver.clone(), row.channel)).or_default();
        }
        for row in outbox {
            self.workers.entry((row.receiver.clone(), row.channel)).or_default();
        }
        let mut next = clock.uptime.plus(LOOK_EVERY);
        let names: Vec<(String, &'static str)> = self.workers.keys().cloned().collect();
        for name in names {
            let look = self.work(&name, outbox, broker_is_up, can_store, clock);
            next = next.min(look);
        }
        next.min(self.fallback.turn(outbox, &self.standings, can_store, clock))
    }

    fn work(
        &mut self,
        name: &(String, &'static str),
        outbox: &[Row],
        broker_is_up: bool,
        can_store: bool,
        clock: Clock,
    ) -> Uptime {
        let worker = self.workers.get_mut(name).expect("it was made");
        if let Some((rows, ends, is_good)) = worker.attempt.clone() {
            if ends > clock.uptime {
                return ends;
            }
            if !can_store {
                // As the worker does: nothing more is sent before that is stored.
                return clock.uptime.plus(Duration::from_secs(5));
            }
            worker.attempt = None;
            for row in rows {
                self.finish(row, &outbox[row], is_good, clock.wall);
            }
        }
        if !can_store || (name.1 == "mqtt" && !broker_is_up) {
            return clock.uptime.plus(LOOK_EVERY);
        }
        let rows = self.due(name, outbox, clock.wall);
        if rows.is_empty() {
            let due = self.next_due(name, outbox).map_or(LOOK_EVERY, |due| due.since(clock.wall).min(LOOK_EVERY));
            return clock.uptime.plus(due.max(Duration::from_millis(10)));
        }
        let (is_good, takes) = self.send(&rows, outbox, clock);
        let ends = clock.uptime.plus(takes);
        self.workers.get_mut(name).expect("it was made").attempt = Some((rows, ends, is_good));
        ends
    }

    /// Takes the oldest that waits, if it is due; for screens those behind it too.
    fn due(&self, name: &(String, &'static str), outbox: &[Row], now: Timestamp) -> Vec<usize> {
        let most = if name.1 == "mqtt" { MQTT_BATCH } else { 1 };
        let mut rows = Vec::new();
        for (index, _) in outbox.iter().enumerate().filter(|(_, row)| is_of(row, name)) {
            let Standing::Waiting { due, .. } = &self.standings[index] else { continue };
            if rows.len() == most || *due > now {
                break;
            }
            rows.push(index);
        }
        rows
    }

    fn next_due(&self, name: &(String, &'static str), outbox: &[Row]) -> Option<Timestamp> {
        let mut own = outbox.iter().zip(&self.standings).filter(|(row, _)| is_of(row, name));
        own.find_map(|(_, standing)| standing.due())
    }

    /// Makes the attempt; what arrives arrives now, whatever becomes of the answer.
    fn send(&mut self, rows: &[usize], outbox: &[Row], clock: Clock) -> (bool, Duration) {
        let ear = match outbox[rows[0]].channel {
            "mqtt" => Ear::Broker,
            "email" => Ear::Mailbox,
            _ => Ear::Webhook,
        };
        let trouble = self.troubles.get(&ear).filter(|(_, until)| clock.uptime < *until).map(|(trouble, _)| *trouble);
        if let Some(trouble) = trouble {
            *self.met.entry(format!("{ear:?} {trouble:?}")).or_default() += 1;
        }
        let (arrives, is_good, takes) = match trouble {
            None => (true, true, Duration::from_millis(self.chance.between(5, 2_000))),
            Some(Trouble::Refuses) => (false, false, Duration::from_millis(5)),
            Some(Trouble::AnswersGetLost) => (true, false, ANSWER_MAX),
            Some(Trouble::Slow) => (true, true, ANSWER_MAX),
        };
        for row in rows.iter().map(|row| &outbox[*row]).filter(|_| arrives) {
            let content = format::decode_content(&row.body).expect("a stored notice");
            let is_over = matches!(&content, Content::Mqtt(message)
                if matches!(delivery::time_left(message, row.at, clock.wall), TimeLeft::Over { .. }));
            if !is_over {
                self.arrived.push((row.receiver.clone(), row.channel, row.id.clone(), row.body.clone()));
            }
        }
        (is_good, takes)
    }

    fn finish(&mut self, index: usize, row: &Row, is_good: bool, now: Timestamp) {
        let Standing::Waiting { attempts, .. } = self.standings[index].clone() else { return };
        let content = format::decode_content(&row.body).expect("a stored notice");
        if let Content::Mqtt(message) = &content
            && let TimeLeft::Over { age } = delivery::time_left(message, row.at, now)
            && !self.arrived.iter().any(|(receiver, _, id, _)| (receiver, id) == (&row.receiver, &row.id))
        {
            let finish = Finish::Expired { why: format!("{} s old", age.as_secs()) };
            self.standings[index] = Standing::Ended { finish, at: now };
            return;
        }
        let outcome =
            if is_good { Outcome::Delivered } else { Outcome::Later { why: "busy".to_owned(), wait_min: None } };
        let id = NoticeId::from_stored(&row.id);
        let finish = delivery::next(content.channel(), &id, attempts + 1, outcome, row.at, now);
        self.standings[index] = match finish {
            Finish::Retry { at, why: _ } => Standing::Waiting { due: at, attempts: attempts + 1 },
            finish @ (Finish::Delivered { .. } | Finish::Dead { .. } | Finish::Expired { .. }) => {
                Standing::Ended { finish, at: now }
            }
        };
    }

    /// Returns when the next notice is due, if any waits.
    pub(crate) fn waits_until(&self) -> Option<Timestamp> {
        self.standings.iter().filter_map(Standing::due).min()
    }

    /// Returns how often a receiver was in trouble, and its fallback was told.
    pub(crate) fn met(&self) -> BTreeMap<String, u64> {
        let fell_back = (FELL_BACK.to_owned(), self.fallback.fell_back());
        self.met.clone().into_iter().chain([fell_back]).collect()
    }

    /// Holds what arrived against what was decided.
    pub(crate) fn check(&self, outbox: &[Row]) {
        self.fallback.check(outbox, &self.standings);
        let mut decided: BTreeMap<(&str, &str, &str), (&Row, &Standing)> = BTreeMap::new();
        for (row, standing) in outbox.iter().zip(&self.standings) {
            let earlier = decided.insert((&row.receiver, row.channel, &row.id), (row, standing));
            assert!(earlier.is_none(), "the model tells one id apart: {} and {:?}", row.summary, earlier);
        }
        for (receiver, channel, id, body) in &self.arrived {
            let known = decided.get(&(receiver.as_str(), *channel, id.as_str()));
            let (row, _) = known.unwrap_or_else(|| panic!("{receiver} got {id}, which nobody decided: {body}"));
            assert_eq!(&row.body, body, "the same id and other words");
        }
        for (row, standing) in outbox.iter().zip(&self.standings) {
            let has_arrived = self
                .arrived
                .iter()
                .any(|(receiver, channel, id, _)| (receiver, *channel, id) == (&row.receiver, row.channel, &row.id));
            match standing {
                Standing::Waiting { .. } => panic!("it still waits: {} for {}", row.summary, row.receiver),
                Standing::Ended { finish: Finish::Delivered { .. }, .. } => {
                    assert!(has_arrived, "noted as delivered, and never arrived: {}", row.summary);
                }
                Standing::Ended { finish: Finish::Expired { .. }, at } => {
                    assert_eq!(row.channel, "mqtt", "only a bell may ring too late: {}", row.summary);
                    assert!(at.since(row.at) >= Duration::from_mins(10), "expired early: {}", row.summary);
                }
                Standing::Ended { finish: Finish::Dead { why }, at } => {
                    let channel = match row.channel {
                        "mqtt" => Channel::Mqtt,
                        "email" => Channel::Email,
                        _ => Channel::Webhook,
                    };
                    // The last wait may be four hours, and a fifth more.
                    let patience = delivery::patience(channel).saturating_sub(Duration::from_hours(5));
                    assert!(at.since(row.at) >= patience, "given up too early ({why}): {}", row.summary);
                }
                Standing::Ended { finish: Finish::Retry { .. }, .. } => panic!("no end: {}", row.summary),
            }
        }
    }
}

fn is_of(row: &Row, name: &(String, &'static str)) -> bool {
    row.receiver == name.0 && row.channel == name.1
}
