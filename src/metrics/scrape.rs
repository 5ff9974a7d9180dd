//! What is reckoned when the metrics are read: ages, and what [`Vitals`] holds of brands, loops, outbox and health.
//!
//! Changes nothing but its own gauges. Invariant: an age grows from one reader to the next although nothing happens.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::alerts::notice::Channel;
use crate::metrics::{Fraction, OfChannel, names, registered};
use crate::units::{BrandId, Timestamp, Uptime};
use crate::vitals::{BrandLook, Entry, StoreLook, Vitals};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBrand {
    brand: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEntry {
    brand: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCheck {
    check: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLoop {
    r#loop: &'static str,
}

/// What of a brand is counted.
type Counted = fn(&BrandLook) -> u64;

/// The gauges.
#[derive(Debug)]
pub(super) struct Scraped {
    oldest: Family<OfBrand, Fraction>,
    planned: Family<OfBrand, Fraction>,
    skew: Family<OfBrand, Fraction>,
    /// What is counted of a brand.
    counts: [(Family<OfBrand, Gauge>, Counted); 6],
    access: Family<OfEntry, Gauge>,
    waiting: Family<OfChannel, Gauge>,
    waited: Family<OfChannel, Fraction>,
    dead_letters: Gauge,
    ready: Gauge,
    checks: Family<OfCheck, Gauge>,
    loops: Family<OfLoop, Gauge>,
    overdue: Family<OfLoop, Gauge>,
}

impl Scraped {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let oldest = registered(names::OLDEST_READING_AGE, registry);
        let planned = registered(names::PLANNED_READING_AGE, registry);
        let counts: [(names::Name, Counted); 6] = [
            (names::VENUES, |look| look.venues),
            (names::VENUES_LATE, |look| look.late),
            (names::ROWS, |look| look.rows),
            (names::ROWS_OUT, |look| look.out),
            (names::BUDGET_USED, |look| look.sent),
            (names::BUDGET_LIMIT, |look| look.limit),
        ];
        Self {
            oldest,
            planned,
            counts: counts.map(|(name, count)| (registered(name, registry), count)),
            skew: registered(names::SKEW, registry),
            access: registered(names::ACCESS, registry),
            waiting: registered(names::OUTBOX_WAITING, registry),
            waited: registered(names::OUTBOX_AGE, registry),
            dead_letters: registered(names::DEAD_LETTERS, registry),
            ready: registered(names::READY, registry),
            checks: registered(names::CHECKS, registry),
            loops: registered(names::LOOPS, registry),
            overdue: registered(names::LOOPS_OVERDUE, registry),
        }
    }

    pub(super) fn take(&self, vitals: &Vitals, now: Timestamp, uptime: Uptime) {
        for (brand, known) in vitals.brands() {
            self.take_brand(&brand, &known.look(now, uptime));
            if let Some(ms) = known.skew_ms() {
                #[expect(clippy::cast_precision_loss, reason = "a difference of clocks is no number of 53 bits")]
                self.skew.get_or_create(&of(&brand)).set(ms as f64 / 1_000.0);
            }
        }
        self.take_outbox(&vitals.store().unwrap_or_default(), now);
        let health = vitals.health(now, uptime);
        self.ready.set(health.is_ready().into());
        for check in health.checks() {
            self.checks.get_or_create(&OfCheck { check: check.name }).set(check.is_ok.into());
        }
        for (word, look) in vitals.loops(uptime) {
            self.loops.get_or_create(&OfLoop { r#loop: word }).set(count(look.count));
            self.overdue.get_or_create(&OfLoop { r#loop: word }).set(count(look.overdue));
        }
    }

    fn take_brand(&self, brand: &BrandId, look: &BrandLook) {
        self.oldest.get_or_create(&of(brand)).set(look.oldest.as_secs_f64());
        self.planned.get_or_create(&of(brand)).set(look.planned.as_secs_f64());
        for (family, counted) in &self.counts {
            family.get_or_create(&of(brand)).set(count(counted(look)));
        }
        for entry in Entry::ALL {
            let labels = OfEntry { brand: brand.to_string(), state: entry.word() };
            self.access.get_or_create(&labels).set((entry == look.entry).into());
        }
    }

    fn take_outbox(&self, look: &StoreLook, now: Timestamp) {
        for channel in Channel::ALL {
            let of_it = || look.queues.iter().filter(|queue| queue.channel == channel.word());
            let waited = of_it().map(|queue| now.since(queue.oldest_queued)).max().unwrap_or(Duration::ZERO);
            let labels = OfChannel { channel: channel.word() };
            self.waiting.get_or_create(&labels).set(count(of_it().map(|queue| queue.waiting).sum()));
            self.waited.get_or_create(&labels).set(waited.as_secs_f64());
        }
        self.dead_letters.set(count(look.dead_letters));
    }

    pub(super) fn forget(&self, brand: &BrandId) {
        for family in [&self.oldest, &self.planned, &self.skew] {
            family.remove(&of(brand));
        }
        for (family, _) in &self.counts {
            family.remove(&of(brand));
        }
        for entry in Entry::ALL {
            self.access.remove(&OfEntry { brand: brand.to_string(), state: entry.word() });
        }
    }
}

fn of(brand: &BrandId) -> OfBrand {
    OfBrand { brand: brand.to_string() }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
