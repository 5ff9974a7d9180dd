//! What is counted of one brand: its series are made when it is taken in and dropped when it goes.
//!
//! The handles are kept by the brand's task, so that counting a poll looks nothing up. Invariant: a brand has the same series
//! from its first moment on, as a rate needs a nought to begin with.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::alerts::census::{Census, State};
use crate::clopos::verdict::Verdict;
use crate::metrics::{names, registered};
use crate::rules::Severity;
use crate::units::BrandId;

/// What a read is called that brought an answer.
const OK: &str = "ok";

/// How many series a brand has at most: those here and those of `scrape`.
pub const BRAND_SERIES: usize = 10 + 2 + 18 + 13;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVerdict {
    brand: String,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLogin {
    brand: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAlerts {
    brand: String,
    severity: &'static str,
    state: &'static str,
}

/// The series of all brands.
#[derive(Debug)]
pub(super) struct Families {
    polls: Family<OfVerdict, Counter>,
    logins: Family<OfLogin, Counter>,
    alerts: Family<OfAlerts, Gauge>,
}

/// The series of one brand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BrandMetrics {
    polls_ok: Counter,
    polls_failed: Vec<(&'static str, Counter)>,
    logins: [Counter; 2],
    alerts: Vec<((Severity, State), Gauge)>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            polls: registered(names::POLLS, registry),
            logins: registered(names::LOGINS, registry),
            alerts: registered(names::ALERTS, registry),
        }
    }

    pub(super) fn of(&self, brand: &BrandId) -> BrandMetrics {
        let poll = |verdict| self.polls.get_or_create_owned(&OfVerdict { brand: brand.to_string(), verdict });
        let login = |outcome| self.logins.get_or_create_owned(&OfLogin { brand: brand.to_string(), outcome });
        let alerts = alert_labels(brand).map(|(place, labels)| (place, self.alerts.get_or_create_owned(&labels)));
        BrandMetrics {
            polls_ok: poll(OK),
            polls_failed: Verdict::WORDS.map(|word| (word, poll(word))).into(),
            logins: OUTCOMES.map(login),
            alerts: alerts.collect(),
        }
    }

    pub(super) fn forget(&self, brand: &BrandId) {
        for verdict in Verdict::WORDS.into_iter().chain([OK]) {
            self.polls.remove(&OfVerdict { brand: brand.to_string(), verdict });
        }
        for outcome in OUTCOMES {
            self.logins.remove(&OfLogin { brand: brand.to_string(), outcome });
        }
        for (_, labels) in alert_labels(brand) {
            self.alerts.remove(&labels);
        }
    }
}

const OUTCOMES: [&str; 2] = ["ok", "failed"];

fn alert_labels(brand: &BrandId) -> impl Iterator<Item = ((Severity, State), OfAlerts)> {
    let places = Severity::ALL.into_iter().flat_map(|severity| State::ALL.map(|state| (severity, state)));
    places.map(|(severity, state)| {
        let labels = OfAlerts { brand: brand.to_string(), severity: severity.word(), state: state.word() };
        ((severity, state), labels)
    })
}

impl BrandMetrics {
    /// Counts a read that has ended.
    pub fn polled(&self, failed: Option<&Verdict>) {
        let Some(verdict) = failed else {
            self.polls_ok.inc();
            return;
        };
        let word = verdict.word();
        if let Some((_, counter)) = self.polls_failed.iter().find(|(known, _)| *known == word) {
            counter.inc();
        }
    }

    /// Counts a login that has ended.
    pub fn logged_in(&self, is_in: bool) {
        let [ok, failed] = &self.logins;
        if is_in {
            ok.inc()
        } else {
            failed.inc()
        };
    }

    /// Takes how many alerts there are, and where they stand.
    pub fn stand(&self, census: &Census) {
        for (place, gauge) in &self.alerts {
            gauge.set(i64::try_from(census.get(place).copied().unwrap_or(0)).unwrap_or(i64::MAX));
        }
    }
}
