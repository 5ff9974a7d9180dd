//! `hours` and `peaks` of brands and venues, and the named `windows`: the calendars made of the timetables.
//!
//! Invariant: what a venue does not write of itself is its brand's.

use std::collections::BTreeMap;

use crate::calendar::{Calendar, Calendars, OPEN, PEAK, Schedule};
use crate::config::{Locale, Named, Names, named};
use crate::document::{Fields, Node, Problems};
use crate::timetable::{self, schedule};
use crate::units::{BrandId, VenueId, VenueKey};

/// Windows of one configuration: each is asked of whenever a venue is looked at.
pub(super) const WINDOWS_MAX: usize = 50;

/// When a venue's doors are open and when it is busy, as far as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Hours {
    open: Option<Schedule>,
    peaks: Option<Schedule>,
}

/// The hours of a brand's venues: of all that have none of their own, and of those that have.
#[derive(Clone, Debug, Default)]
pub(super) struct BrandHours {
    /// Of every venue without its own.
    pub(super) all: Hours,
    /// Each venue's own.
    pub(super) own: BTreeMap<VenueId, Hours>,
}

/// Reads `hours` and `peaks` of a brand or a venue.
pub(super) fn hours(fields: &mut Fields<'_>, problems: &mut Problems) -> Hours {
    let [open, peaks] = ["hours", "peaks"].map(|key| fields.optional(key));
    Hours {
        open: open.and_then(|node| schedule(node, problems)),
        peaks: peaks.and_then(|node| schedule(node, problems)),
    }
}

/// Reads the named windows.
pub(super) fn windows(node: &Node, problems: &mut Problems) -> Named<Schedule> {
    let mut windows = named(node, "{ dinner: \"18:00-23:00\" }", problems, timetable::window);
    windows.names = with_those_of_hours(windows.names);
    let count = windows.resolved.len();
    if count > WINDOWS_MAX {
        problems.tell(&node.place, format!("'windows' names {count}, more than the {WINDOWS_MAX} that are kept"));
    }
    windows
}

/// Adds the windows that every venue has by its hours and peaks.
pub(super) fn with_those_of_hours(names: Names) -> Names {
    match names {
        Names::Known(names) => Names::Known([OPEN, PEAK].map(str::to_owned).into_iter().chain(names).collect()),
        Names::Unknown => Names::Unknown,
    }
}

/// Makes the calendar of every venue.
pub(super) fn calendars(
    locale: &Locale,
    windows: BTreeMap<String, Schedule>,
    brands: BTreeMap<BrandId, BrandHours>,
) -> Calendars {
    let plain = Calendar::plain(locale.timezone.clone(), locale.business_day_starts).with_windows(windows);
    let mut calendars = Calendars::of_all(plain.clone());
    for (brand, BrandHours { all, own }) in brands {
        for (venue, hours) in own {
            // What a venue does not write is the brand's: only the hours of one may differ, and not its peaks.
            let open = hours.open.or_else(|| all.open.clone());
            let peaks = hours.peaks.or_else(|| all.peaks.clone());
            let venue = VenueKey { brand: brand.clone(), venue };
            calendars.set_venue(venue, plain.clone().with_hours(open, peaks));
        }
        calendars.set_brand(brand, plain.clone().with_hours(all.open, all.peaks));
    }
    calendars
}
