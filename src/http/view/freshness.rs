//! How old the lists of a brand are, and what its quota buys.
//!
//! Of a venue everything is said of the same moment. Invariant: a venue that was never read has no age, and comes first.

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::facts;
use crate::alerts::link::without_tokens;
use crate::board::freshness_word;
use crate::http::live::{LiveBrand, LiveVenue};
use crate::http::view::ms;
use crate::poll::quota::Quota;
use crate::snapshot::{Access, Trouble};
use crate::units::{BrandId, Timestamp, printable};

/// Characters of what a till or Clopos says.
const WHY_LENGTH_MAX: usize = 300;

/// How old the lists of a brand are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct BrandFreshness {
    /// Its slug in the configuration.
    pub(in crate::http) brand: String,
    /// `untried`, `granted`, `unreachable` (it may pass by itself), `refused` (somebody must mend it).
    pub(in crate::http) access: &'static str,
    /// Why Clopos does not let us read it; null while it does.
    #[schema(required)]
    pub(in crate::http) access_why: Option<String>,
    /// How many venues are watched.
    pub(in crate::http) venues: usize,
    /// How many of them have a list that is as young as is planned.
    pub(in crate::http) fresh: usize,
    /// How many have one that is old.
    pub(in crate::http) stale: usize,
    /// How many have one that must not be relied on, or none.
    pub(in crate::http) blind: usize,
    /// The age of the oldest list that was read, in milliseconds.
    #[schema(required)]
    pub(in crate::http) oldest_age_ms: Option<u64>,
    /// What the quota buys; null until the brand is watched.
    #[schema(required)]
    pub(in crate::http) quota: Option<QuotaBuys>,
}

/// What a quota buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct QuotaBuys {
    /// Requests a minute, at a steady pace.
    pub(in crate::http) requests_per_minute: u32,
    /// How old a list gets at most, as is planned, in milliseconds.
    pub(in crate::http) worst_age_ms: u64,
    /// How old a list should get at most (`polling.oldest`), in milliseconds.
    pub(in crate::http) oldest_wanted_ms: u64,
    /// How long it takes to read every venue once, in milliseconds.
    pub(in crate::http) round_ms: u64,
    /// By how much one more venue lengthens that, in milliseconds.
    pub(in crate::http) one_more_venue_ms: u64,
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
    /// `fresh`, `stale` (old), `blind` (not to be relied on).
    pub(in crate::http) state: &'static str,
    /// When its list was read; null before the first reading.
    #[schema(required, format = DateTime)]
    pub(in crate::http) read_at: Option<String>,
    /// How old it is, in milliseconds.
    #[schema(required)]
    pub(in crate::http) age_ms: Option<u64>,
    /// From which age it is stale, in milliseconds.
    pub(in crate::http) stale_after_ms: u64,
    /// From which age it is blind, in milliseconds.
    pub(in crate::http) blind_after_ms: u64,
    /// Rows of the list.
    pub(in crate::http) rows: usize,
    /// How many of them are out.
    pub(in crate::http) out: usize,
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

/// Looks at a brand.
pub(in crate::http) fn of_brand(brand: &BrandId, live: &LiveBrand, now: Timestamp) -> BrandFreshness {
    let (venues, own) = (live.venues(), live.itself());
    let count = |state: &str| venues.iter().filter(|venue| state_of(venue, now) == state).count();
    let (access, access_why) = match own.access {
        Access::Untried => ("untried", None),
        Access::Granted => ("granted", None),
        Access::Unreachable { why, .. } => ("unreachable", Some(said(&why))),
        Access::Refused { why, .. } => ("refused", Some(said(&why))),
    };
    BrandFreshness {
        brand: brand.to_string(),
        access,
        access_why,
        venues: venues.len(),
        fresh: count("fresh"),
        stale: count("stale"),
        blind: count("blind"),
        oldest_age_ms: venues.iter().filter_map(|venue| venue.snapshot.age(now)).max().map(ms),
        quota: own.quota.map(buys),
    }
}

fn buys(quota: Quota) -> QuotaBuys {
    let Quota { venues: _, per_minute, fastest: _, oldest } = quota;
    QuotaBuys {
        requests_per_minute: per_minute,
        worst_age_ms: ms(quota.worst_age()),
        oldest_wanted_ms: ms(oldest),
        round_ms: ms(quota.round()),
        one_more_venue_ms: ms(quota.one_more()),
        venues_max: quota.venues_max(),
        fits: quota.round() <= oldest,
    }
}

/// Looks at each venue of a brand: those that were never read first, then the oldest.
pub(in crate::http) fn of_venues(live: &LiveBrand, now: Timestamp) -> Vec<VenueFreshness> {
    let mut venues: Vec<VenueFreshness> = live.venues().iter().map(|venue| of_venue(venue, now)).collect();
    venues.sort_by_key(|venue| (std::cmp::Reverse(venue.age_ms.unwrap_or(u64::MAX)), venue.venue));
    venues
}

fn of_venue(live: &LiveVenue, now: Timestamp) -> VenueFreshness {
    let LiveVenue { snapshot, alerts: _, limits } = live;
    let trouble = |trouble: &Trouble| VenueTrouble {
        since: trouble.since.to_string(),
        failures: trouble.failures,
        why: said(&trouble.why),
    };
    VenueFreshness {
        venue: snapshot.id().0,
        name: facts::venue_name(snapshot),
        state: state_of(live, now),
        read_at: snapshot.read_at.map(|at| at.to_string()),
        age_ms: snapshot.age(now).map(ms),
        stale_after_ms: ms(limits.stale_after),
        blind_after_ms: ms(limits.blind_after),
        rows: snapshot.picture.rows.len(),
        out: snapshot.picture.rows.values().filter(|row| row.is_out()).count(),
        trouble: snapshot.trouble.as_ref().map(trouble),
    }
}

fn state_of(live: &LiveVenue, now: Timestamp) -> &'static str {
    freshness_word(live.snapshot.freshness(live.limits, now))
}

fn said(why: &str) -> String {
    printable(&without_tokens(why), WHY_LENGTH_MAX)
}
