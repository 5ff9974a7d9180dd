//! How old the lists of a brand are, and what its quota buys.
//!
//! Of a venue everything is said of the same moment. Invariant: a venue that was never read has no age, and comes first.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alerts::facts;
use crate::alerts::link::without_tokens;
use crate::http::live::{LiveBrand, LiveVenue};
use crate::poll::quota::Quota;
use crate::snapshot::{Access, Freshness, Trouble};
use crate::units::{BrandId, Seconds, Timestamp, printable};

/// Characters of what a till or Clopos says.
const WHY_LENGTH_MAX: usize = 300;

/// Whether Clopos lets us read a brand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct BrandAccess {
    /// `untried`, `granted`, `unreachable` (it may pass by itself), `refused` (somebody must mend it).
    #[schema(example = "granted")]
    pub(in crate::http) state: &'static str,
    /// Since when it is `unreachable` or `refused`.
    #[schema(required, format = DateTime)]
    pub(in crate::http) since: Option<String>,
    /// Why, for people.
    #[schema(required)]
    pub(in crate::http) why: Option<String>,
}

impl BrandAccess {
    /// Writes whether a brand can be read.
    pub(in crate::http) fn of(access: &Access) -> Self {
        let (state, failing) = match access {
            Access::Untried => ("untried", None),
            Access::Granted => ("granted", None),
            Access::Unreachable { since, why } => ("unreachable", Some((since, why))),
            Access::Refused { since, why } => ("refused", Some((since, why))),
        };
        let (since, why) = failing.map(|(since, why)| (since.to_string(), said(why))).unzip();
        Self { state, since, why }
    }
}

/// How far a list can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Freshness)]
pub(in crate::http) enum FreshnessWord {
    /// Read recently.
    Fresh,
    /// Older than it should be, or not read for the first time yet.
    Stale,
    /// So old, or not read for so long, that it must not be relied on.
    Blind,
}

impl From<Freshness> for FreshnessWord {
    fn from(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Fresh => Self::Fresh,
            Freshness::Stale => Self::Stale,
            Freshness::Blind => Self::Blind,
        }
    }
}

impl From<FreshnessWord> for Freshness {
    fn from(word: FreshnessWord) -> Self {
        match word {
            FreshnessWord::Fresh => Self::Fresh,
            FreshnessWord::Stale => Self::Stale,
            FreshnessWord::Blind => Self::Blind,
        }
    }
}

/// How old the lists of a brand are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct BrandFreshness {
    /// Its slug in the configuration.
    pub(in crate::http) brand: String,
    /// Whether Clopos lets us read it.
    pub(in crate::http) access: BrandAccess,
    /// How many venues are watched.
    pub(in crate::http) venues: usize,
    /// How many of them have a list that is as young as is planned.
    pub(in crate::http) fresh: usize,
    /// How many have one that is old, or are not read for the first time yet.
    pub(in crate::http) stale: usize,
    /// How many have one that must not be relied on, or none.
    pub(in crate::http) blind: usize,
    /// The age of the oldest list that was read, in seconds; null also where the clock was set back since.
    #[schema(required)]
    pub(in crate::http) oldest_age_s: Option<Seconds>,
    /// What the quota buys; null until the brand is watched.
    #[schema(required)]
    pub(in crate::http) quota: Option<QuotaBuys>,
}

/// What a quota buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct QuotaBuys {
    /// Requests a minute, at a steady pace.
    pub(in crate::http) requests_per_minute: u32,
    /// How old a list gets at most, as is planned, in seconds.
    pub(in crate::http) worst_age_s: Seconds,
    /// How old a list should get at most (`polling.oldest`), in seconds.
    pub(in crate::http) oldest_wanted_s: Seconds,
    /// How long it takes to read every venue once, in seconds.
    pub(in crate::http) round_s: Seconds,
    /// By how much one more venue lengthens that, in seconds.
    pub(in crate::http) one_more_venue_s: Seconds,
    /// How many venues fit in all.
    pub(in crate::http) venues_max: usize,
    /// Whether the venues that are watched fit.
    pub(in crate::http) fits: bool,
}

/// How old the list of a venue is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct VenueFreshness {
    /// Its number.
    pub(in crate::http) venue: u64,
    /// Its name.
    pub(in crate::http) name: String,
    /// How far its list can be trusted.
    pub(in crate::http) freshness: FreshnessWord,
    /// When its list was last read; null before the first reading.
    #[schema(required, format = DateTime)]
    pub(in crate::http) as_of: Option<String>,
    /// How old it is, in seconds; null also where the clock was set back since.
    #[schema(required)]
    pub(in crate::http) age_s: Option<Seconds>,
    /// From which age it is stale, in seconds.
    pub(in crate::http) stale_after_s: Seconds,
    /// From which age it is blind, in seconds.
    pub(in crate::http) blind_after_s: Seconds,
    /// Rows of the list; null before the first reading.
    #[schema(required)]
    pub(in crate::http) rows: Option<usize>,
    /// How many of them are out; null before the first reading.
    #[schema(required)]
    pub(in crate::http) out: Option<usize>,
    /// Why the last request failed; null when it did not.
    #[schema(required)]
    pub(in crate::http) trouble: Option<VenueTrouble>,
}

/// Why a venue is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct VenueTrouble {
    /// Since when.
    #[schema(format = DateTime)]
    pub(in crate::http) since: String,
    /// How many requests failed one after the other.
    pub(in crate::http) failures: u32,
    /// What happened, for people.
    pub(in crate::http) why: String,
}

impl VenueTrouble {
    /// Writes why a venue is not read.
    pub(in crate::http) fn of(trouble: &Trouble) -> Self {
        let Trouble { since, failures, why } = trouble;
        Self { since: since.to_string(), failures: *failures, why: said(why) }
    }
}

/// Looks at a brand.
pub(in crate::http) fn of_brand(brand: &BrandId, live: &LiveBrand, now: Timestamp) -> BrandFreshness {
    let (venues, own) = (live.venues(), live.itself());
    let count = |state| venues.iter().filter(|venue| freshness_of(venue, now) == state).count();
    BrandFreshness {
        brand: brand.to_string(),
        access: BrandAccess::of(&own.access),
        venues: venues.len(),
        fresh: count(Freshness::Fresh),
        stale: count(Freshness::Stale),
        blind: count(Freshness::Blind),
        oldest_age_s: venues.iter().filter_map(|venue| venue.snapshot.known_age(now)).max().map(Seconds),
        quota: own.quota.map(buys),
    }
}

fn buys(quota: Quota) -> QuotaBuys {
    let Quota { venues: _, per_minute, fastest: _, oldest } = quota;
    QuotaBuys {
        requests_per_minute: per_minute,
        worst_age_s: Seconds(quota.worst_age()),
        oldest_wanted_s: Seconds(oldest),
        round_s: Seconds(quota.round()),
        one_more_venue_s: Seconds(quota.one_more()),
        venues_max: quota.venues_max(),
        fits: quota.round() <= oldest,
    }
}

/// Looks at each venue of a brand: those that were never read first, then the oldest.
pub(in crate::http) fn of_venues(live: &LiveBrand, now: Timestamp) -> Vec<VenueFreshness> {
    let mut venues: Vec<VenueFreshness> = live.venues().iter().map(|venue| of_venue(venue, now)).collect();
    venues.sort_by_key(|venue| (std::cmp::Reverse(venue.age_s.map_or(Duration::MAX, |Seconds(age)| age)), venue.venue));
    venues
}

fn of_venue(live: &LiveVenue, now: Timestamp) -> VenueFreshness {
    let LiveVenue { snapshot, alerts: _, limits } = live;
    VenueFreshness {
        venue: snapshot.id().0,
        name: facts::venue_name(snapshot),
        freshness: freshness_of(live, now).into(),
        as_of: snapshot.read_at.map(|at| at.to_string()),
        age_s: snapshot.known_age(now).map(Seconds),
        stale_after_s: Seconds(limits.stale_after),
        blind_after_s: Seconds(limits.blind_after),
        rows: snapshot.read_at.map(|_| snapshot.picture.rows.len()),
        out: snapshot.read_at.map(|_| snapshot.picture.rows.values().filter(|row| row.is_out()).count()),
        trouble: snapshot.trouble.as_ref().map(VenueTrouble::of),
    }
}

fn freshness_of(live: &LiveVenue, now: Timestamp) -> Freshness {
    live.snapshot.freshness(live.limits, now)
}

fn said(why: &str) -> String {
    printable(&without_tokens(why), WHY_LENGTH_MAX)
}
