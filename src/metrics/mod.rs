//! What is counted of the service's work, for Prometheus: the registry, and the two texts in which it is read.
//!
//! Tasks add to it without waiting; ages are reckoned when it is read, from instants that [`Vitals`] keeps. Invariant: no
//! label holds a product, a venue or a receiver, so that the series are bounded by the brands: see [`BRAND_SERIES`].

mod brand;
mod names;
mod scrape;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::alerts::notice::Channel;
use crate::metrics::brand::Families;
pub use crate::metrics::brand::{BRAND_SERIES, BrandMetrics};
use crate::metrics::scrape::Scraped;
use crate::units::{BrandId, Timestamp, Uptime};
use crate::vitals::Vitals;

/// From the shortest interval of polls to a business day: what a guest notices lies in the middle.
const DELAY_BUCKETS_S: [f64; 13] = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0];
/// Around what Clopos takes, up to the time limit of a request.
const POLL_BUCKETS_S: [f64; 9] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 8.0, 12.0];
/// From a disk that keeps up to one that news wait for.
const COMMIT_BUCKETS_S: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

/// A number that may have a fraction.
type Fraction = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChannel {
    channel: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDelivery {
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

/// How an attempt to tell somebody ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Told.
    Whole,
    /// Told to some of several addresses.
    InPart,
    /// To be tried again.
    Later,
    /// Given up.
    Never,
    /// Over before it could be told.
    TooLate,
}

impl Delivered {
    /// Every end.
    pub const ALL: [Self; 5] = [Self::Whole, Self::InPart, Self::Later, Self::Never, Self::TooLate];

    /// Returns it in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Whole => "delivered",
            Self::InPart => "in_part",
            Self::Later => "retried",
            Self::Never => "dead",
            Self::TooLate => "expired",
        }
    }
}

/// The two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// What Prometheus read before, and what `promtool check metrics` reads.
    Classic,
}

impl Form {
    /// Returns what HTTP calls it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is known and counted of the process, for those who note it and those who show it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Insight {
    /// What is known.
    pub vitals: Arc<Vitals>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Everything that is counted; one for the life of the process.
pub struct Metrics {
    registry: Registry,
    families: Families,
    polls: Histogram,
    detections: Histogram,
    commits: Histogram,
    deliveries: Family<OfDelivery, Counter>,
    heartbeats: Family<OfOutcome, Counter>,
    rules: Gauge,
    is_last_reload_good: Gauge,
    last_good_reload: Fraction,
    scraped: Scraped,
    /// Held while a text is made: two readers at once must not mix their ages.
    reading: Mutex<()>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(Timestamp::from_unix_ms(0))
    }
}

impl Metrics {
    /// Makes the registry of a process that started then, with every series that does not depend on a brand.
    pub fn new(started_at: Timestamp) -> Self {
        let mut registry = Registry::default();
        let started: Fraction = registered(names::STARTED, &mut registry);
        started.set(seconds_of(started_at));
        let (name, help) = names::BUILD;
        registry.register(name, help, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let deliveries = registered(names::DELIVERIES, &mut registry);
        let heartbeats = registered(names::HEARTBEATS, &mut registry);
        for (channel, how) in Channel::ALL.into_iter().flat_map(|channel| Delivered::ALL.map(|how| (channel, how))) {
            delivery(&deliveries, channel, how);
        }
        for is_taken in [true, false] {
            heartbeat(&heartbeats, is_taken);
        }
        Self {
            families: Families::register(&mut registry),
            polls: histogram(&POLL_BUCKETS_S, names::POLL_DURATION, &mut registry),
            detections: histogram(&DELAY_BUCKETS_S, names::DETECTION_DELAY, &mut registry),
            commits: histogram(&COMMIT_BUCKETS_S, names::COMMIT_DURATION, &mut registry),
            deliveries,
            heartbeats,
            rules: registered(names::RULES, &mut registry),
            is_last_reload_good: registered(names::LAST_RELOAD, &mut registry),
            last_good_reload: registered(names::LAST_GOOD_RELOAD, &mut registry),
            scraped: Scraped::register(&mut registry),
            reading: Mutex::default(),
            registry,
        }
    }

    /// Returns what is counted of a brand, with all its series.
    pub fn brand(&self, brand: &BrandId) -> BrandMetrics {
        self.families.of(brand)
    }

    /// Drops the series of a brand that is not watched any more.
    pub fn forget(&self, brand: &BrandId) {
        self.families.forget(brand);
        self.scraped.forget(brand);
    }

    /// Counts how long Clopos took to answer a read.
    pub fn answered(&self, took: Duration) {
        self.polls.observe(took.as_secs_f64());
    }

    /// Counts how long after Clopos wrote a row it was read.
    pub fn detected(&self, delay: Duration) {
        self.detections.observe(delay.as_secs_f64());
    }

    /// Counts how long a change took to the disk, its place in the line included.
    pub fn committed(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }

    /// Counts an attempt to tell somebody that has ended.
    pub fn delivered(&self, channel: Channel, how: Delivered) {
        delivery(&self.deliveries, channel, how).inc();
    }

    /// Counts a heartbeat that was sent, or could not be.
    pub fn heartbeat_sent(&self, is_taken: bool) {
        heartbeat(&self.heartbeats, is_taken).inc();
    }

    /// Notes that a configuration with so many rules is in force since then.
    pub fn configured(&self, rules: usize, at: Timestamp) {
        self.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
        self.is_last_reload_good.set(1);
        self.last_good_reload.set(seconds_of(at));
    }

    /// Notes that a reload was refused.
    pub fn reload_refused(&self) {
        self.is_last_reload_good.set(0);
    }

    /// Returns all of it as text, with the ages of now.
    pub fn text(&self, form: Form, vitals: &Vitals, now: Timestamp, uptime: Uptime) -> String {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.scraped.take(vitals, now, uptime);
        let mut said = String::new();
        let written = match form {
            Form::OpenMetrics => text::encode(&mut said, &self.registry),
            Form::Classic => prometheus_text::encode(&mut said, &self.registry),
        };
        debug_assert!(written.is_ok(), "a String takes everything");
        said
    }
}

fn delivery(deliveries: &Family<OfDelivery, Counter>, channel: Channel, how: Delivered) -> Counter {
    deliveries.get_or_create_owned(&OfDelivery { channel: channel.word(), outcome: how.word() })
}

fn heartbeat(heartbeats: &Family<OfOutcome, Counter>, is_taken: bool) -> Counter {
    heartbeats.get_or_create_owned(&OfOutcome { outcome: if is_taken { "sent" } else { "failed" } })
}

/// Makes a metric under its name and help.
fn registered<M: Metric + Clone + Default>((name, help): names::Name, registry: &mut Registry) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn histogram(bounds_s: &[f64], (name, help): names::Name, registry: &mut Registry) -> Histogram {
    let histogram = Histogram::new(bounds_s.iter().copied());
    registry.register(name, help, histogram.clone());
    histogram
}

/// Returns an instant as Prometheus has it: seconds since 1970.
fn seconds_of(at: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into the 53 bits of a fraction")]
    let ms = at.unix_ms() as f64;
    ms / 1_000.0
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
