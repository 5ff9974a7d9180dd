//! `hours` and `peaks` of brands and venues, and the named `windows`: the calendars made of the timetables.
//!
//! Invariant: what a venue does not write of itself is its brand's.

use std::collections::BTreeMap;

use crate::calendar::{Calendar, Calendars, OPEN, PEAK, Schedule};
use crate::config::{Locale, Named, Names, Venues, named};
use crate::document::{Fields, Node, Problems};
use crate::rules::followup::SHIFT_START;
use crate::rules::{Placed, Rule, RuleSet};
use crate::timetable::{self, opening_hours, schedule};
use crate::units::{BrandId, VenueId, VenueKey};

/// Windows of one configuration: each is asked of whenever a venue is looked at.
pub(super) const WINDOWS_MAX: usize = 50;
/// Venues of a brand, and rules, that a warning names; the others are counted.
const NAMED_MAX: usize = 10;

/// When a venue's doors are open and when it is busy, as far as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Hours {
    open: Option<Schedule>,
    peaks: Option<Schedule>,
}

impl Hours {
    /// Returns the hours of a venue: what it does not write is the brand's. Only the hours may differ, and not the peaks.
    fn within(&self, brand: &Self) -> Self {
        let open = self.open.as_ref().or(brand.open.as_ref()).cloned();
        Self { open, peaks: self.peaks.as_ref().or(brand.peaks.as_ref()).cloned() }
    }

    /// Says whether the doors open and close again in a usual week; what could not be read may.
    pub(super) fn open_and_close(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.longest().is_some())
    }
}

/// The hours of a brand's venues: of all that have none of their own, and of those that have.
#[derive(Clone, Debug, Default)]
pub(super) struct BrandHours {
    /// Of every venue without its own.
    pub(super) all: Hours,
    /// Each venue's own.
    pub(super) own: BTreeMap<VenueId, Hours>,
}

/// Reads `hours` and `peaks` of a brand or a venue. What is misspelt or cannot be read counts as written, so that
/// nobody is told that it is missing as well.
pub(super) fn hours(fields: &mut Fields<'_>, problems: &mut Problems) -> Hours {
    let [open, peaks] = ["hours", "peaks"].map(|key| fields.optional(key));
    let [open_is_misspelt, peaks_are_misspelt] = ["hours", "peaks"].map(|key| fields.misspells(key));
    let open = open.map(|node| opening_hours(node, problems).unwrap_or_default());
    let peaks = peaks.map(|node| schedule(node, problems).unwrap_or_default());
    Hours {
        open: open.or_else(|| open_is_misspelt.then(Schedule::default)),
        peaks: peaks.or_else(|| peaks_are_misspelt.then(Schedule::default)),
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
            let Hours { open, peaks } = hours.within(&all);
            let venue = VenueKey { brand: brand.clone(), venue };
            calendars.set_venue(venue, plain.clone().with_hours(open, peaks));
        }
        calendars.set_brand(brand, plain.clone().with_hours(all.open, all.peaks));
    }
    calendars
}

/// Returns where a rule asks for a window, or for the opening of the doors.
type Asked = fn(&Rule) -> Option<&Placed>;

/// Looks for rules that hold `during` the hours or peaks of a venue that has none, where they never hold, and for those
/// that `remind` when it opens: a mistake when no venue at all has some, and otherwise a warning that names the venues.
pub(super) fn never_on(
    rules: &RuleSet,
    hours: &BTreeMap<BrandId, BrandHours>,
    venues: &BTreeMap<BrandId, Venues>,
    problems: &mut Problems,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let asking: [(&str, &str, &str, &str, Asked); 3] = [
        ("hours", "during", OPEN, "is never on", |rule| rule.during.iter().find(|placed| *placed.text == *OPEN)),
        ("peaks", "during", PEAK, "is never on", |rule| rule.during.iter().find(|placed| *placed.text == *PEAK)),
        ("hours", "remind", SHIFT_START, "never comes", Rule::shift_start),
    ];
    for (key, setting, word, never, asked) in asking {
        let has = |hours: &Hours| if key == "peaks" { hours.peaks.is_some() } else { hours.open.is_some() };
        let Without { is_everywhere: is_nowhere, named: without } = without(hours, venues, has);
        let meant: Vec<(&Rule, &Placed)> = rules.rules().iter().filter_map(|rule| Some((rule, asked(rule)?))).collect();
        if is_nowhere {
            let message = format!("'{word}' {never}, as no brand and no venue has '{key}'");
            let help = format!("write the '{key}' of a brand or of its venues, or remove '{word}' from '{setting}'");
            for (_, placed) in meant {
                problems.tell_with_help(&placed.place, message.clone(), help.clone());
            }
        } else if !meant.is_empty() && !without.is_empty() {
            let names = shortened(meant.iter().map(|(rule, _)| rule.name.to_string()));
            let without = shortened(without.into_iter());
            warnings.push(format!(
                "no '{key}' are written for {without}: '{setting}: {word}' {never} there, in the rules {names}"
            ));
        }
    }
    warnings
}

/// The venues that lack something of their hours.
pub(super) struct Without {
    /// No brand and no venue has it.
    pub(super) is_everywhere: bool,
    /// The venues that lack it, for people.
    pub(super) named: Vec<String>,
}

/// Finds the venues that lack what `has` looks for.
pub(super) fn without(
    hours: &BTreeMap<BrandId, BrandHours>,
    venues: &BTreeMap<BrandId, Venues>,
    has: impl Fn(&Hours) -> bool,
) -> Without {
    let is_everywhere = !hours.values().any(|brand| has(&brand.all) || brand.own.values().any(&has));
    let lacking = hours.iter().filter_map(|(brand, BrandHours { all, own })| {
        let lacks = |venue: &VenueId| !own.get(venue).map_or_else(|| has(all), |own| has(&own.within(all)));
        match venues.get(brand) {
            Some(Venues::Listed(ids)) => named_without(brand, ids.iter().filter(|id| lacks(id))),
            Some(Venues::All) | None => (!has(all)).then(|| format!("any venue of brand {brand}")),
        }
    });
    Without { is_everywhere, named: lacking.collect() }
}

fn named_without<'v>(brand: &BrandId, venues: impl Iterator<Item = &'v VenueId>) -> Option<String> {
    let names: Vec<String> = venues.map(ToString::to_string).collect();
    let noun = match names.len() {
        0 => return None,
        1 => "venue",
        _ => "venues",
    };
    Some(format!("{noun} {} of brand {brand}", shortened(names.into_iter())))
}

pub(super) fn shortened(mut names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let first = names.by_ref().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
