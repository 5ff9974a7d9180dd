//! How fast a countdown goes: what was sold of an item and when, and what follows from it of the time to come.
//!
//! Only facts are kept: steps down and the stretches in which nothing could be sold. Opening hours are applied when
//! somebody asks, so that other hours in the configuration count at once. What is kept changes only when the row does,
//! after a blind stretch and when the clock is set back; an answer is a function of it, the hours and the time. Invariant: there is no forecast below
//! three steps, none of money below four, and without a further step the pace falls and the end moves away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::calendar::Span;
use crate::snapshot::{CLOCK_SLACK, Rows, StopRow};
use crate::units::{Money, ProductId, Quantity, Timestamp};

/// The countdowns by product or variant; a row that neither changed nor was blind since it came has none.
pub type Paces = BTreeMap<ProductId, Pace>;

/// Steps down below which nothing is said: two of them are one interval, which says next to nothing.
pub const STEPS_MIN: u32 = 3;
/// Steps down below which nothing is said of money: never on less than three intervals.
pub const STEPS_OF_MONEY_MIN: u32 = 4;
/// Steps this close to the first of a batch are kept as one: a busy item keeps the same stretch of time as a slow one.
const BATCH_WITHIN: Duration = Duration::from_mins(10);
/// Batches that are kept of a countdown: nearly three hours of a busy one, of which the first weigh a sixteenth.
const BATCHES_MAX: usize = 16;
/// Pauses that are kept of a countdown; what lies before the oldest is forgotten with the steps in it.
const PAUSES_MAX: usize = 16;
/// A void takes back what was sold this lately and no more; whatever is larger is a restock. An order is taken back at the
/// table; a crate that comes in the morning must not undo last evening's sales.
const VOID_WITHIN: Duration = Duration::from_mins(30);
/// The selling time after which a step weighs a quarter of a new one: the shorter, the sooner it follows a peak, and the
/// more it scatters where demand is steady.
const WEIGHT_QUARTERS_AFTER_H: f64 = 1.0;
/// Selling time that is added to what was seen, so that three steps within seconds are not taken for a pace.
const SEEN_BEFOREHAND_H: f64 = 0.01;
/// How much more sales scatter than single guests would: tables order together, and demand turns with the hour.
const SCATTER: f64 = 3.0;
/// How many deviations the range takes in at each side. Of steady sales nine ends in ten then lie within it, of tables that
/// order together two in three (`benches/forecast.rs`).
const DEVIATIONS: f64 = 1.28;
/// The furthest end that is named; what would last longer than a long day of selling is not running out.
const AHEAD_MAX: Duration = Duration::from_hours(24);
/// The largest pace that is named, in units an hour: beyond it no kitchen sells.
const PER_HOUR_MAX: f64 = 1_000_000.0;

/// What is remembered of the countdown of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Since when its sales are known: all that happened after it is in `batches` and `pauses`.
    pub since: Timestamp,
    /// What was sold, the oldest first.
    pub batches: Vec<Batch>,
    /// When it could not be sold, or nobody knows whether it was, in order and apart from each other.
    pub pauses: Vec<Pause>,
}

/// Steps down that came shortly after each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The first of them.
    pub from: Timestamp,
    /// The last of them.
    pub until: Timestamp,
    /// What was sold by them, above zero.
    pub sold: Quantity,
    /// How many they are, at least one.
    pub steps: u32,
}

/// A stretch that is no selling time: nothing was left, or no reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// A figure that nobody can know exactly: of ends, two in three to nine in ten lie within its range, by demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate<T> {
    /// The lower end of the range.
    pub from: T,
    /// What follows from the sales as they were, if they go on so.
    pub central: T,
    /// The upper end of the range.
    pub to: T,
}

/// What the countdown says of the time to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Units an hour of selling time.
    pub sold_per_hour: Estimate<Quantity>,
    /// The selling time until nothing is left; `None` when that is more than a day of it.
    pub runs_out_in: Option<Estimate<Duration>>,
    /// The steps down that it is made of.
    pub steps: u32,
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// Nothing is left.
    Out,
    /// The doors are closed.
    DoorsClosed,
    /// It was seen to sell less than [`STEPS_MIN`] times: so often.
    FewSteps(u32),
    /// It has not sold since the doors opened: yesterday's evening says little of today's morning.
    NotSoldSinceOpening,
    /// The clock was set back behind its last sale.
    ClockSetBack,
}

impl Forecast {
    /// Returns what an hour of it brings at a price, as a range; `None` below [`STEPS_OF_MONEY_MIN`] steps.
    pub fn money_per_hour(&self, price: Money) -> Option<Estimate<Money>> {
        let Estimate { from, central, to } = self.sold_per_hour;
        let is_known = self.steps >= STEPS_OF_MONEY_MIN;
        is_known.then(|| Estimate { from: times(price, from), central: times(price, central), to: times(price, to) })
    }
}

/// How closely the list was watched since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One reading followed the other.
    Followed,
    /// This process begins with what another one kept at that time. Of a row that is another nobody knows how it came to
    /// that; one that is the same was not sold.
    Begun(Timestamp),
    /// The last good reading was at that time, so long ago that nobody knows what happened since, not even to a row that is
    /// the same.
    Blind(Timestamp),
}

/// Returns the countdowns after a reading, the same allocation when nothing of them changed.
pub fn follow(known: &Arc<Paces>, before: &Rows, after: &Rows, watch: Watch, now: Timestamp) -> Arc<Paces> {
    let mut next = Arc::clone(known);
    for id in known.keys().filter(|id| !after.contains_key(id)) {
        Arc::make_mut(&mut next).remove(id);
    }
    for (id, row) in after {
        let Some(was) = before.get(id) else { continue };
        let pace = known.get(id);
        let unseen_since = match watch {
            Watch::Followed => None,
            Watch::Begun(since) => (was.limit != row.limit).then_some(since),
            Watch::Blind(since) => Some(since),
        };
        let followed = match unseen_since {
            _ if pace.is_some_and(|pace| pace.is_ahead_of(now)) => Some(Pace::from(now)),
            None if was.limit == row.limit => continue,
            Some(since) if !was.is_out() => Some(after_blind(pace, since, now)),
            Some(_) | None => after_change(pace, was, row, now),
        };
        if let Some(followed) = followed
            && Some(&followed) != pace
        {
            Arc::make_mut(&mut next).insert(*id, followed);
        }
    }
    next
}

/// What was sold while nobody watched is not known: a restock may hide in it, and the point of sale may have stood still.
fn after_blind(pace: Option<&Pace>, since: Timestamp, now: Timestamp) -> Pace {
    let Some(pace) = pace else { return Pace::from(now) };
    let mut next = pace.clone();
    next.pause(since, now);
    next
}

/// Returns what is known after the limit changed; `None` when there was and is nothing to remember.
fn after_change(pace: Option<&Pace>, was: &StopRow, row: &StopRow, now: Timestamp) -> Option<Pace> {
    let seen_since = || Pace::from(was.seen_at.min(now));
    let last = pace.map_or(was.seen_at.min(now), Pace::last);
    let at = instant_of(row, last, now).max(last);
    if was.is_out() {
        let mut next = pace?.clone();
        if !row.is_out() {
            next.pause(was.since, at);
        }
        return Some(next);
    }
    let left = row.limit.max(Quantity::ZERO);
    let (smaller, larger) = (left.min(was.limit).millionths(), left.max(was.limit).millionths());
    let amount = Quantity::from_millionths(larger.saturating_sub(smaller));
    if left > was.limit {
        let mut next = pace?.clone();
        next.take_back(amount, at);
        return Some(next);
    }
    // Somebody who stops a dish by hand sets it to nothing, however much is left: more at once than was ever sold of it
    // before, taken together, is no sale.
    if row.is_out() && amount > pace.map_or(Quantity::ZERO, Pace::sold) {
        return pace.cloned();
    }
    let mut next = pace.cloned().unwrap_or_else(seen_since);
    next.sell(amount, at);
    Some(next)
}

/// When the row changed: Clopos's time where it is sane, which is after what is known and not ahead, else the reading's.
fn instant_of(row: &StopRow, last: Timestamp, now: Timestamp) -> Timestamp {
    row.updated_at.filter(|at| *at <= now && *at >= last).unwrap_or(now)
}

impl Pace {
    fn from(since: Timestamp) -> Self {
        Self { since, batches: Vec::new(), pauses: Vec::new() }
    }

    /// Returns how many steps down are remembered.
    pub fn steps(&self) -> u32 {
        self.batches.iter().fold(0, |steps, batch| steps.saturating_add(batch.steps))
    }

    /// Returns what was sold by them.
    fn sold(&self) -> Quantity {
        self.batches.iter().fold(Quantity::ZERO, |sold, batch| sold.plus(batch.sold))
    }

    /// Says whether something of it lies ahead: the clock was set back since, and nothing follows from what it showed before.
    fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.last() > now.plus(CLOCK_SLACK)
    }

    /// Returns the last instant of which something is remembered.
    fn last(&self) -> Timestamp {
        let sold = self.batches.last().map_or(self.since, |batch| batch.until);
        self.pauses.last().map_or(sold, |pause| pause.until.max(sold))
    }

    fn sell(&mut self, amount: Quantity, at: Timestamp) {
        match self.batches.last_mut() {
            Some(last) if at.since(last.from) <= BATCH_WITHIN => {
                last.until = at;
                last.sold = last.sold.plus(amount);
                last.steps = last.steps.saturating_add(1);
            }
            Some(_) | None => self.batches.push(Batch { from: at, until: at, sold: amount, steps: 1 }),
        }
        if self.batches.len() > BATCHES_MAX {
            self.forget_until(self.batches[0].until);
        }
    }

    /// Takes a voided order back, the last sale first. A restock is more than was sold lately, and teaches nothing.
    ///
    /// As long as anything that was sold is left, the count stays at what the fields need, once that was reached: a void
    /// would otherwise take their values away, and end an alert that begins again with the next sale.
    fn take_back(&mut self, amount: Quantity, at: Timestamp) {
        let is_late = |batch: &&Batch| at.since(batch.until) <= VOID_WITHIN;
        let lately = self.batches.iter().filter(is_late).fold(Quantity::ZERO, |sold, batch| sold.plus(batch.sold));
        if amount > lately {
            return;
        }
        let needed = Some(self.steps().min(STEPS_OF_MONEY_MIN)).filter(|steps| *steps >= STEPS_MIN).unwrap_or_default();
        let mut left = amount.millionths();
        while let Some(last) = self.batches.last_mut().filter(|_| left > 0) {
            let sold = last.sold.millionths();
            if sold > left {
                last.sold = Quantity::from_millionths(sold - left);
                last.steps = last.steps.saturating_sub(1).max(1);
                break;
            }
            left -= sold;
            self.batches.pop();
        }
        let missing = needed.saturating_sub(self.steps());
        if let Some(last) = self.batches.last_mut() {
            last.steps = last.steps.saturating_add(missing);
        }
    }

    fn pause(&mut self, from: Timestamp, until: Timestamp) {
        let from = self.pauses.last().map_or(self.since, |last| last.until).max(from);
        if from < until {
            self.pauses.push(Pause { from, until });
        }
        if self.pauses.len() > PAUSES_MAX {
            self.forget_until(self.pauses[0].until);
        }
    }

    fn forget_until(&mut self, since: Timestamp) {
        self.since = since.max(self.since);
        self.batches.retain(|batch| batch.until > since);
        self.pauses.retain(|pause| pause.until > since);
    }

    /// Returns the hours in which it could be sold between two instants.
    fn selling_h(&self, open: Option<&[Span]>, from: Timestamp, until: Timestamp) -> f64 {
        let paused = |pause: &Pause| open_time(open, pause.from.max(from), pause.until.min(until));
        let paused: Duration = self.pauses.iter().map(paused).sum();
        open_time(open, from, until).saturating_sub(paused).as_secs_f64() / 3600.0
    }
}

/// Returns how long the doors were open between two instants; always, where no hours are written down.
fn open_time(open: Option<&[Span]>, from: Timestamp, until: Timestamp) -> Duration {
    let Some(spans) = open else { return until.since(from) };
    spans.iter().map(|span| span.end.min(until).since(span.start.max(from))).sum()
}

/// Says what follows from a countdown. `open` are the spans in which the doors are open around `now`, in order; `None`
/// where no hours are written down.
///
/// # Errors
/// Says why nothing follows.
pub fn forecast(pace: Option<&Pace>, row: &StopRow, open: Option<&[Span]>, now: Timestamp) -> Result<Forecast, Silent> {
    if row.is_out() {
        return Err(Silent::Out);
    }
    let opened = match open.map(|spans| spans.iter().find(|span| span.holds(now))) {
        Some(None) => return Err(Silent::DoorsClosed),
        Some(Some(span)) => Some(span.start),
        None => None,
    };
    let steps = pace.map_or(0, Pace::steps);
    let Some(pace) = pace.filter(|_| steps >= STEPS_MIN) else { return Err(Silent::FewSteps(steps)) };
    if pace.is_ahead_of(now) {
        return Err(Silent::ClockSetBack);
    }
    let last_sold = pace.batches.last().map_or(pace.since, |batch| batch.until);
    if opened.is_some_and(|opened| last_sold < opened) {
        return Err(Silent::NotSoldSinceOpening);
    }
    let (mut sold, mut seen_steps) = (0.0, 0.0);
    for batch in &pace.batches {
        let aged = 1.0 + pace.selling_h(open, batch.until, now) / WEIGHT_QUARTERS_AFTER_H;
        sold += batch.sold.as_f64() / (aged * aged);
        seen_steps += f64::from(batch.steps) / (aged * aged);
    }
    // The same weights over the time: the integral of 1 / (1 + x)^2 is x / (1 + x).
    let seen_h = pace.selling_h(open, pace.since, now);
    let time_h = seen_h / (1.0 + seen_h / WEIGHT_QUARTERS_AFTER_H) + SEEN_BEFOREHAND_H;
    let per_hour = (sold / time_h).min(PER_HOUR_MAX);
    let steps_left = (row.limit.as_f64() * seen_steps / sold).max(0.5);
    let of_pace = spread(1.0 / seen_steps);
    let of_end = spread(1.0 / seen_steps + 1.0 / steps_left);
    let ends_h = row.limit.as_f64() / per_hour;
    let is_near = ends_h * 3600.0 <= AHEAD_MAX.as_secs_f64();
    Ok(Forecast {
        sold_per_hour: Estimate {
            from: quantity(per_hour / of_pace),
            central: quantity(per_hour),
            to: quantity((per_hour * of_pace).min(PER_HOUR_MAX)),
        },
        runs_out_in: is_near.then(|| Estimate {
            from: hours(ends_h / of_end),
            central: hours(ends_h),
            to: hours(ends_h * of_end),
        }),
        steps,
    })
}

/// Returns by which factor a range reaches below and above its middle, for a variance of one over the number of steps.
fn spread(variance: f64) -> f64 {
    1.0 + DEVIATIONS * (variance * SCATTER).sqrt()
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range becomes its end")]
fn quantity(units: f64) -> Quantity {
    Quantity::from_millionths((units * 1_000_000.0).round() as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float beyond the range becomes its end")]
fn hours(hours: f64) -> Duration {
    Duration::from_millis((hours * 3_600_000.0).round() as u64)
}

/// Multiplies exactly, and is held at the largest amount.
fn times(price: Money, quantity: Quantity) -> Money {
    let product = i128::from(price.ten_thousandths()) * i128::from(quantity.millionths()) / 1_000_000;
    Money::from_ten_thousandths(i64::try_from(product).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests;
