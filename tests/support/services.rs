//! Services of a restaurant in which one dish is counted down until nothing is left, and how well its end was foretold.
//!
//! Each is drawn from a seed and is the same on every machine of one kind. The dish is polled every 5 to 15 s, as Clopos
//! would show it. The floor that a forecast must beat is the plain average: all that was sold over all the time since the
//! dish was first seen.

use std::sync::Arc;
use std::time::Duration;

use eightysix::calendar::Span;
use eightysix::simulator::chance::Chance;
use eightysix::snapshot::pace::{self, Paces, Watch};
use eightysix::snapshot::{Rows, StopRow};
use eightysix::units::{ProductId, Quantity, Timestamp};
use jiff::civil::date;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-05-08T00:00:00Z; the doors are open from 11:00 to 23:00.
const MIDNIGHT_MS: i64 = 1_778_198_400_000;
const DISH: ProductId = ProductId(54);

/// How guests order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// One by one, all day alike.
    Steady,
    /// Three times as much at lunch and at dinner as between.
    Peaks,
    /// Tables of two to six portions, ordered within minutes.
    Tables,
    /// Half as much every 75 minutes.
    Slowing,
    /// Steadily, with voided orders, restocks, and a return after it was out.
    Restocked,
    /// Steadily, in portions of 150 to 900 grams.
    Weighed,
    /// From an evening over the night into the next day.
    TwoDays,
}

pub(crate) const DEMANDS: [(Demand, &str); 7] = [
    (Demand::Steady, "steady"),
    (Demand::Peaks, "lunch and dinner peaks"),
    (Demand::Tables, "tables order together"),
    (Demand::Slowing, "slowing down"),
    (Demand::Restocked, "restocks and voids"),
    (Demand::Weighed, "sold by weight"),
    (Demand::TwoDays, "over the night"),
];

/// What a reading first showed.
struct Seen {
    read_at: i64,
    changed_at: i64,
    limit: i64,
}

/// A service: what polls saw, and when it ran out.
struct Service {
    open: Vec<Span>,
    seen: Vec<Seen>,
    outs: Vec<i64>,
}

/// How often and how well the end was foretold.
#[derive(Default)]
pub(crate) struct Score {
    /// Foretold less true end, in minutes; `None` where nothing was said.
    pub(crate) errors: Vec<f64>,
    /// The same of the plain average, at the same moments.
    pub(crate) plain_errors: Vec<f64>,
    pub(crate) in_range: usize,
    pub(crate) silent_min: usize,
    pub(crate) asked_min: usize,
}

impl Score {
    pub(crate) fn median_error(&self) -> f64 {
        median(self.errors.iter().map(|error| error.abs()).collect())
    }

    pub(crate) fn plain_median_error(&self) -> f64 {
        median(self.plain_errors.iter().map(|error| error.abs()).collect())
    }

    pub(crate) fn bias(&self) -> f64 {
        median(self.errors.clone())
    }

    /// The share of ends that lay in the range, in per cent.
    pub(crate) fn coverage(&self) -> f64 {
        share(self.in_range, self.errors.len())
    }

    /// The share of the minutes with something left and open doors in which nothing was foretold, in per cent.
    pub(crate) fn silence(&self) -> f64 {
        share(self.silent_min, self.asked_min)
    }
}

/// Lives `runs` services of a demand and asks `ahead` before each end when it will be.
pub(crate) fn score(demand: Demand, seeds: std::ops::Range<u64>, ahead: Duration) -> Score {
    let ahead = i64::try_from(ahead.as_millis()).expect("a short time");
    let mut score = Score::default();
    for seed in seeds {
        let service = live(demand, &mut Chance::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17)));
        judge(&service, ahead, &mut score);
    }
    score
}

fn judge(service: &Service, ahead: i64, score: &mut Score) {
    let (mut paces, mut rows) = (Arc::new(Paces::new()), Rows::new());
    let (mut next, mut sold, mut first) = (0, 0, None);
    let last = service.outs.last().copied().unwrap_or_default();
    let asked: Vec<i64> = service.outs.iter().map(|out| selling_before(service, *out, ahead)).collect();
    let begins = service.seen[0].read_at;
    let mut moments: Vec<i64> = (begins..last).step_by(usize::try_from(MINUTE_MS).expect("small")).collect();
    moments.extend(&asked);
    moments.sort_unstable();
    for moment in moments {
        while let Some(seen) = service.seen.get(next).filter(|seen| seen.read_at <= moment) {
            let before = rows.get(&DISH).copied();
            sold += before.map_or(0, |row: StopRow| (row.limit.millionths() - seen.limit).max(0));
            first.get_or_insert(seen.read_at);
            let after = Rows::from([(DISH, row(before, seen))]);
            paces = pace::follow(&paces, &rows, &after, Watch::Followed, at(seen.read_at));
            rows = after;
            next += 1;
        }
        let Some(now) = rows.get(&DISH).filter(|row| !row.is_out()) else { continue };
        if !service.open.iter().any(|span| span.holds(at(moment))) {
            continue;
        }
        let said = pace::forecast(paces.get(&DISH), now, Some(&service.open), at(moment));
        let said = said.ok().and_then(|said| said.runs_out_in);
        score.asked_min += 1;
        score.silent_min += usize::from(said.is_none());
        let Some(out) = service.outs.iter().zip(&asked).find(|(_, asked)| **asked == moment).map(|(out, _)| *out)
        else {
            continue;
        };
        let Some(said) = said else { continue };
        let true_min = minutes(selling(service, moment, out));
        let error = said.central.as_secs_f64() / 60.0 - true_min;
        score.errors.push(error);
        let range = said.from.as_secs_f64() / 60.0..=said.to.as_secs_f64() / 60.0;
        score.in_range += usize::from(range.contains(&true_min));
        let elapsed = minutes(moment - first.unwrap_or(moment)).max(1.0);
        let plain_min = elapsed * now.limit.as_f64() / (units(sold)).max(1e-6);
        score.plain_errors.push(plain_min - true_min);
    }
}

/// As the snapshot joins a row with what was known of it.
fn row(before: Option<StopRow>, seen: &Seen) -> StopRow {
    let (limit, changed_at) = (Quantity::from_millionths(seen.limit), at(seen.changed_at));
    match before {
        Some(row) if row.is_out() == (seen.limit <= 0) => StopRow { limit, updated_at: Some(changed_at), ..row },
        Some(_) | None => StopRow { limit, updated_at: Some(changed_at), since: changed_at, seen_at: at(seen.read_at) },
    }
}

fn live(demand: Demand, chance: &mut Chance) -> Service {
    loop {
        let open: Vec<Span> = (0..2)
            .map(|day| {
                let starts = MIDNIGHT_MS + day * DAY_MS;
                Span {
                    day: date(2026, 5, 8 + i8::try_from(day).expect("a day")),
                    start: at(starts + 11 * HOUR_MS),
                    end: at(starts + 23 * HOUR_MS),
                }
            })
            .collect();
        let service = sell(demand, open, chance);
        if !service.outs.is_empty() {
            return service;
        }
    }
}

/// Sells until nothing is left; without an end before the doors close there is nothing to foretell.
fn sell(demand: Demand, open: Vec<Span>, chance: &mut Chance) -> Service {
    let is_late = demand == Demand::TwoDays;
    let begins = MIDNIGHT_MS
        + if is_late { 20 * HOUR_MS + minutes_of(chance, 0, 90) } else { 11 * HOUR_MS + minutes_of(chance, 0, 180) };
    let ends = MIDNIGHT_MS + if is_late { DAY_MS } else { 0 } + 23 * HOUR_MS;
    let per_hour = chance.between(6, 40);
    let portions = i64::try_from(per_hour * chance.between(15, 60) / 10).expect("small").max(6);
    let mut limit = if demand == Demand::Weighed { portions * 525_000 } else { portions * 1_000_000 };
    let mut events = orders(demand, per_hour, begins, ends, chance);
    let mut restocks = if demand == Demand::Restocked { 2 } else { 0 };
    let mut service =
        Service { open, seen: vec![Seen { read_at: begins, changed_at: begins, limit }], outs: Vec::new() };
    let (mut poll, mut shown) = (begins, limit);
    let mut see = |changed_at: i64, limit: i64, seen: &mut Vec<Seen>, chance: &mut Chance| {
        while poll <= changed_at {
            poll += i64::try_from(chance.between(5_000, 15_000)).expect("small");
        }
        if limit != shown {
            seen.push(Seen { read_at: poll, changed_at, limit });
            shown = limit;
        }
    };
    let mut at = 0;
    while at < events.len() {
        let (when, amount) = events[at];
        // What happens between two polls is one step to whoever reads.
        let polled = events.get(at + 1).is_none_or(|(next, _)| next - when > 10_000);
        at += 1;
        if limit <= 0 && amount < 0 {
            continue;
        }
        limit = (limit + amount).max(0);
        if polled || limit == 0 {
            see(when, limit, &mut service.seen, chance);
        }
        if limit == 0 {
            service.outs.push(when);
            if restocks == 0 {
                break;
            }
            restocks -= 1;
            let back = i64::try_from(chance.between(10, 40)).expect("small") * MINUTE_MS;
            events.push((when + back, i64::try_from(chance.between(8, 30)).expect("small") * 1_000_000));
            events.sort_unstable();
        }
    }
    service
}

/// Returns what is ordered and taken back, in order of time.
fn orders(demand: Demand, per_hour: u64, begins: i64, ends: i64, chance: &mut Chance) -> Vec<(i64, i64)> {
    let mut events = Vec::new();
    let tables_an_hour = if demand == Demand::Tables { per_hour.div_ceil(4) } else { per_hour };
    let mut when = begins;
    while when < ends {
        when += i64::try_from(chance.wait_ms(3_600_000 / tables_an_hour)).expect("small");
        if i64::try_from(chance.below(1000)).expect("small") >= busy(demand, begins, when) {
            continue;
        }
        let portions = if demand == Demand::Tables { chance.between(2, 6) } else { 1 + u64::from(chance.happens(15)) };
        if demand == Demand::Tables {
            for _ in 0..portions {
                events.push((when + i64::try_from(chance.below(8 * 60_000)).expect("small"), -1_000_000));
            }
            continue;
        }
        let grams: i64 = (0..portions).map(|_| i64::try_from(chance.between(150, 900)).expect("small")).sum();
        let amount =
            if demand == Demand::Weighed { grams * 1_000 } else { i64::try_from(portions).expect("small") * 1_000_000 };
        events.push((when, -amount));
        if demand == Demand::Restocked && chance.happens(5) {
            events.push((when + minutes_of(chance, 1, 6), amount));
        }
        if demand == Demand::Restocked && chance.happens(1) {
            events.push((when, i64::try_from(chance.between(8, 20)).expect("small") * 1_000_000));
        }
    }
    events.sort_unstable();
    events
}

/// How busy it is, of a thousand.
fn busy(demand: Demand, begins: i64, when: i64) -> i64 {
    let of_day = (when - MIDNIGHT_MS).rem_euclid(DAY_MS);
    let is_open = (11 * HOUR_MS..23 * HOUR_MS).contains(&of_day);
    if !is_open {
        return 0;
    }
    match demand {
        Demand::Peaks => {
            let is_peak = [(750, 870), (1140, 1290)]
                .iter()
                .any(|(from, to)| (from * MINUTE_MS..to * MINUTE_MS).contains(&of_day));
            if is_peak { 1000 } else { 330 }
        }
        Demand::Slowing => {
            let halves = (when - begins) / (75 * MINUTE_MS);
            let within = (when - begins) % (75 * MINUTE_MS);
            (1000 >> halves.min(9)) * (150 * MINUTE_MS - within) / (150 * MINUTE_MS)
        }
        Demand::Steady | Demand::Tables | Demand::Restocked | Demand::Weighed | Demand::TwoDays => 1000,
    }
}

/// The instant from which `selling_ms` of open doors lead to `out`.
fn selling_before(service: &Service, out: i64, selling_ms: i64) -> i64 {
    let moment = out - selling_ms;
    let opened = service.open.iter().map(|span| span.start.unix_ms()).filter(|start| *start <= out).max();
    match opened {
        // What is left of the time lies at the end of the evening before.
        Some(opened) if moment < opened => opened - 12 * HOUR_MS - (opened - moment),
        Some(_) | None => moment,
    }
}

fn selling(service: &Service, from: i64, until: i64) -> i64 {
    let open = |span: &Span| (span.end.unix_ms().min(until) - span.start.unix_ms().max(from)).max(0);
    service.open.iter().map(open).sum()
}

fn minutes_of(chance: &mut Chance, from: u64, to: u64) -> i64 {
    i64::try_from(chance.between(from, to)).expect("small") * MINUTE_MS
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of days are far below 2^53")]
fn minutes(ms: i64) -> f64 {
    ms as f64 / 60_000.0
}

#[expect(clippy::cast_precision_loss, reason = "stock figures are far below 2^53 millionths")]
fn units(millionths: i64) -> f64 {
    millionths as f64 / 1_000_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand services")]
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / (whole.max(1)) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
