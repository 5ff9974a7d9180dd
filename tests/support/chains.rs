//! Simulated chains whose stop lists change, and how long each change waits until it is read: by the real plan of the polls,
//! with each venue in turn, and at the best that whoever knew every pace beforehand could do with the same requests.
//!
//! Seeds are fixed and time is simulated, so that the figures are the same on every machine. No walk and no failure takes a
//! request.

#![allow(clippy::cast_precision_loss, reason = "counts and seconds of simulated days are far below 2^52")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the places of quantiles, from counts")]
#![allow(dead_code, reason = "the test and the benchmark each use a part")]

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::time::Duration;

use eightysix::catalog::Venue;
use eightysix::clopos::decode::{Answer, Page, StopList, VenueList};
use eightysix::clopos::query::Request;
use eightysix::poll::quota::Quota;
use eightysix::poll::{Next, Plan, Settings};
use eightysix::simulator::chance::Chance;
use eightysix::snapshot::Snapshot;
use eightysix::units::{Uptime, VenueId};

/// Requests a minute: of the 300 that Clopos allows, with some left for walks.
pub(crate) const PER_MINUTE: u32 = 270;
/// Changes an hour and venue in the mean: a busy restaurant at dinner, a quiet one over the day.
pub(crate) const CHANGES_PER_HOUR: f64 = 4.0;
/// The paces are learned in this time; nothing counts before.
const LEARNED_AFTER_S: f64 = 6.0 * 3600.0;
/// What counts.
const COUNTED_S: f64 = 12.0 * 3600.0;
/// A rush: something every so many seconds, for so long, at the quietest venue.
const RUSH_EVERY_S: f64 = 15.0;
const RUSH_LASTS_S: f64 = 1_800.0;

/// What chains are to be lived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Venues of a chain.
    pub(crate) venues: usize,
    /// No venue is polled more often.
    pub(crate) fastest_s: u64,
    /// When the changes of a day happen.
    pub(crate) rhythm: Rhythm,
    /// The standard deviation of the logarithms of the paces.
    pub(crate) sigma: f64,
}

/// When which share of a day's changes happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rhythm {
    /// At any time alike.
    Steady,
    /// Lunch and dinner, and little between them.
    Daily,
}

/// How long changes waited.
#[derive(Default)]
pub(crate) struct Delays {
    waited_s: Vec<f64>,
    /// The longest time between two readings of a venue.
    pub(crate) oldest_s: f64,
}

/// What some chains of a kind had to wait, by way of polling.
#[derive(Default)]
pub(crate) struct Lived {
    pub(crate) in_turn: Delays,
    pub(crate) planned: Delays,
    pub(crate) best: Delays,
}

/// A chain: what happens when, and how often it may be polled.
struct Chain {
    /// Changes of each venue, in seconds, in order.
    changes: Vec<Vec<f64>>,
    /// Changes per second in the mean, as nobody but the optimum knows them.
    rates: Vec<f64>,
    ends_s: f64,
    settings: Settings,
}

/// Lives so many chains of a kind.
pub(crate) fn live(kind: Kind, chains: u64) -> Lived {
    let mut lived = Lived::default();
    for seed in 0..chains {
        let chain = Chain::new(kind, seed);
        lived.in_turn.add(chain.in_turn());
        lived.planned.add(chain.planned(&mut |_, _| {}));
        lived.best.add(chain.best());
    }
    lived
}

/// Returns how old a list may get in a chain of a kind.
pub(crate) fn worst_age_s(kind: Kind) -> f64 {
    Quota::new(kind.venues, PER_MINUTE, &settings(kind)).worst_age().as_secs_f64()
}

/// Lives a chain twice, once with a rush at the quietest venue, and returns after how many of its polls in the rush the time
/// to the next one is half of what it is without; `None` when it never is.
pub(crate) fn polls_until_found(kind: Kind, seed: u64) -> Option<usize> {
    let mut chain = Chain::new(kind, seed);
    let quietest = (0..kind.venues).min_by(|one, other| chain.rates[*one].total_cmp(&chain.rates[*other]))?;
    let begins_s = LEARNED_AFTER_S;
    chain.ends_s = begins_s + RUSH_LASTS_S;
    chain.changes[quietest].retain(|at_s| *at_s < begins_s);
    let usual = chain.polls_of(quietest, begins_s);
    let usual_s = (usual.last()? - usual.first()?) / (usual.len() - 1) as f64;
    let (mut chance, mut at_s) = (Chance::new(seed ^ 0x86), begins_s);
    while at_s < chain.ends_s {
        chain.changes[quietest].push(at_s);
        at_s += exponential(&mut chance, 1.0 / RUSH_EVERY_S);
    }
    let rushed = chain.polls_of(quietest, begins_s);
    rushed.windows(2).position(|pair| pair[1] - pair[0] <= usual_s / 2.0).map(|at| at + 1)
}

impl Chain {
    fn new(kind: Kind, seed: u64) -> Self {
        let Kind { venues, sigma, rhythm, .. } = kind;
        let mut chance = Chance::new(seed.wrapping_mul(1_000_003).wrapping_add(venues as u64));
        let drawn: Vec<f64> = (0..venues).map(|_| (sigma * normal(&mut chance)).exp()).collect();
        let mean = drawn.iter().sum::<f64>() / venues as f64;
        let rates: Vec<f64> = drawn.iter().map(|rate| rate / mean * CHANGES_PER_HOUR / 3600.0).collect();
        let ends_s = LEARNED_AFTER_S + COUNTED_S;
        let changes = rates.iter().map(|rate| changes(&mut chance, *rate, rhythm, ends_s)).collect();
        Self { changes, rates, ends_s, settings: settings(kind) }
    }

    /// Polls one venue after the other.
    fn in_turn(&self) -> Delays {
        let mut delays = Delays::default();
        let count = self.changes.len();
        let round_s = (count as f64 * slot_s()).max(self.settings.fastest.as_secs_f64());
        for (nth, changes) in self.changes.iter().enumerate() {
            delays.add(polled_every(changes, round_s, nth as f64 / count as f64 * round_s));
        }
        delays
    }

    /// Polls each venue at the interval that is best for its true pace: proportional to one over its root, within the bounds.
    fn best(&self) -> Delays {
        let (fastest, oldest) = (self.settings.fastest.as_secs_f64(), self.worst_age_s());
        let interval = |scale: f64, rate: f64| (scale / rate.sqrt()).clamp(fastest, oldest);
        let takes = |scale: f64| self.rates.iter().map(|rate| slot_s() / interval(scale, *rate)).sum::<f64>();
        let (mut few, mut many) = (1e9_f64, 1e-9_f64);
        for _ in 0..200 {
            let middle = (few * many).sqrt();
            if takes(middle) > 1.0 { many = middle } else { few = middle }
        }
        let mut delays = Delays::default();
        let mut chance = Chance::new(7);
        for (changes, rate) in self.changes.iter().zip(&self.rates) {
            let every_s = interval(few, *rate);
            delays.add(polled_every(changes, every_s, unit(&mut chance) * every_s));
        }
        delays
    }

    /// Asks the plan at each moment at which a request may leave. `polled` hears of each poll.
    fn planned(&self, polled: &mut dyn FnMut(usize, f64)) -> Delays {
        let venue = |nth: usize| Venue { id: VenueId(nth as u64 + 1), name: String::new(), active: true };
        let venues: Vec<Venue> = (0..self.changes.len()).map(venue).collect();
        let snapshots: Vec<Snapshot> = venues.iter().map(|venue| Snapshot::unread(venue.clone())).collect();
        let mut plan = Plan::new(self.settings, PER_MINUTE, None, venues.iter().map(|venue| venue.id));
        let (mut read, mut last_s) = (vec![0; venues.len()], vec![0.0; venues.len()]);
        let mut delays = Delays::default();
        let mut slot = 0.0;
        while slot * slot_s() < self.ends_s {
            let now_s = slot * slot_s();
            slot += 1.0;
            let now = Uptime(Duration::from_secs_f64(now_s));
            let Next::Send(request) = plan.next(now) else { continue };
            plan.sent(&request, now);
            plan.answered(&request, Ok(answer(&request, &venues)), now);
            let Request::StopList { venue: VenueId(id), .. } = request else { continue };
            let nth = usize::try_from(id - 1).expect("small");
            polled(nth, now_s);
            let came = self.changes[nth][read[nth]..].iter().take_while(|at| **at <= now_s).count();
            for at_s in &self.changes[nth][read[nth]..read[nth] + came] {
                delays.note(*at_s, now_s);
            }
            if now_s > LEARNED_AFTER_S {
                delays.oldest_s = delays.oldest_s.max(now_s - last_s[nth]);
            }
            last_s[nth] = now_s;
            read[nth] += came;
            plan.observed(&snapshots[nth], came > 0, now);
        }
        // A venue that was forgotten is known by what nobody reads any more.
        for (nth, last_s) in last_s.into_iter().enumerate() {
            delays.oldest_s = delays.oldest_s.max(self.ends_s - last_s);
            self.changes[nth][read[nth]..].iter().for_each(|at_s| delays.note(*at_s, self.ends_s));
        }
        delays
    }

    /// Returns when the plan polls a venue, from a moment on.
    fn polls_of(&self, venue: usize, from_s: f64) -> Vec<f64> {
        let mut polls = Vec::new();
        self.planned(&mut |polled, at_s| polls.extend((polled == venue && at_s >= from_s).then_some(at_s)));
        polls
    }

    fn worst_age_s(&self) -> f64 {
        Quota::new(self.changes.len(), PER_MINUTE, &self.settings).worst_age().as_secs_f64()
    }
}

impl Delays {
    fn note(&mut self, at_s: f64, read_s: f64) {
        if at_s > LEARNED_AFTER_S {
            self.waited_s.push(read_s - at_s);
        }
    }

    fn add(&mut self, mut other: Self) {
        self.waited_s.append(&mut other.waited_s);
        self.oldest_s = self.oldest_s.max(other.oldest_s);
    }

    /// Returns the mean, in seconds.
    pub(crate) fn mean(&self) -> f64 {
        self.waited_s.iter().sum::<f64>() / self.waited_s.len() as f64
    }

    /// Returns what this share of the changes waited at most, in seconds.
    pub(crate) fn quantile(&mut self, share: f64) -> f64 {
        self.waited_s.sort_by(f64::total_cmp);
        self.waited_s[((self.waited_s.len() - 1) as f64 * share) as usize]
    }
}

fn settings(kind: Kind) -> Settings {
    let week = Duration::from_hours(7 * 24);
    let fastest = Duration::from_secs(kind.fastest_s);
    Settings { fastest, oldest: Duration::from_mins(1), catalog: week, prices: week }
}

/// The time that a request takes of the minute.
fn slot_s() -> f64 {
    60.0 / f64::from(PER_MINUTE)
}

fn polled_every(changes: &[f64], every_s: f64, first_s: f64) -> Delays {
    let mut delays = Delays::default();
    for at_s in changes {
        let polls = ((at_s - first_s) / every_s).ceil().max(0.0);
        delays.note(*at_s, first_s + polls * every_s);
    }
    delays
}

/// Draws when a venue changes.
fn changes(chance: &mut Chance, rate: f64, rhythm: Rhythm, ends_s: f64) -> Vec<f64> {
    // Of a day whose rhythm has a mean of one.
    let share = |at_s: f64| match rhythm {
        Rhythm::Steady => 1.0,
        Rhythm::Daily => {
            let hour = at_s / 3600.0 % 24.0;
            let peak = |of: f64, width: f64| (-((hour - of) / width).powi(2)).exp();
            0.1 + 4.0 * peak(4.0, 1.5) + 5.0 * peak(11.0, 1.8)
        }
    };
    let most = match rhythm {
        Rhythm::Steady => 1.0,
        Rhythm::Daily => 5.2,
    };
    let (mut changes, mut at_s) = (Vec::new(), 0.0);
    loop {
        at_s += exponential(chance, rate * most);
        if at_s >= ends_s {
            return changes;
        }
        if unit(chance) * most <= share(at_s) {
            changes.push(at_s);
        }
    }
}

fn answer(request: &Request, venues: &[Venue]) -> Answer {
    match request {
        Request::Venues => {
            Answer::Venues(VenueList { rows: venues.to_vec(), unreadable: BTreeSet::new(), whole: true })
        }
        Request::StopList { .. } | Request::Product { .. } => {
            Answer::StopList(StopList { entries: Vec::new(), unreadable: Vec::new(), whole: true })
        }
        Request::Products { .. } => Answer::Products(empty()),
        Request::Stations { .. } => Answer::Stations(empty()),
        Request::PriceLists { .. } => Answer::PriceLists(empty()),
        Request::Prices { .. } => Answer::Prices(empty()),
    }
}

fn empty<T>() -> Page<T> {
    let (rows, listed, unreadable) = (Vec::new(), Vec::new(), Vec::new());
    Page { rows, listed, unreadable, nameless: 0, total: Some(0), last: None }
}

/// Draws from 0 to 1, never 0.
fn unit(chance: &mut Chance) -> f64 {
    ((chance.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

fn exponential(chance: &mut Chance, rate: f64) -> f64 {
    -unit(chance).ln() / rate
}

/// Draws from the normal distribution (Box and Muller, 1958).
fn normal(chance: &mut Chance) -> f64 {
    (-2.0 * unit(chance).ln()).sqrt() * (TAU * unit(chance)).cos()
}
