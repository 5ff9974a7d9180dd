//! Silences: what somebody asked not to be told for a while.
//!
//! A silence hides alerts and notices of change from receivers, never from the screens of the feed. It always ends: at a
//! time, or earlier when what it hides is back. Invariant: which subjects it covers follows from the catalog alone.

use std::fmt;
use std::sync::Arc;

use crate::alerts::lifecycle::digest;
use crate::calendar::Calendar;
use crate::catalog::Catalog;
use crate::rules::{RuleName, Subject};
use crate::units::{BrandId, CategoryId, ProductId, StationId, Timestamp, VenueId, printable};

/// Characters of what is said of a silence.
const WORDS_LENGTH_MAX: usize = 300;

/// Identifies a silence: 8 hexadecimal digits derived from what it says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SilenceId(Arc<str>);

impl SilenceId {
    /// Takes an id that was stored or typed.
    pub fn from_stored(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a silence covers: every criterion that is there must fit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Criteria {
    /// The venue.
    pub venue: Option<VenueId>,
    /// The product, with its variants.
    pub product: Option<ProductId>,
    /// The category of the product.
    pub category: Option<CategoryId>,
    /// The station, with all that it prepares.
    pub station: Option<StationId>,
    /// The rule.
    pub rule: Option<RuleName>,
}

/// Something that is not to be told for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Derived from the rest.
    pub id: SilenceId,
    /// What it covers.
    pub covers: Criteria,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends at the latest.
    pub until: Timestamp,
    /// Whether it ends as soon as no alert is left that it covers.
    pub until_back: bool,
    /// The window of the configuration in which alone it is in force: a silence that repeats.
    pub during: Option<Arc<str>>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Silence {
    /// Gives the silence its id.
    pub fn named(self, brand: &BrandId) -> Self {
        let Self { id: _, covers, from, until, until_back: _, during, by, reason } = &self;
        let (covers, during) = (format!("{covers:?}"), during.as_deref().unwrap_or_default());
        let (from, until) = (from.unix_ms().to_string(), until.unix_ms().to_string());
        let id = digest(&[brand.as_str(), &covers, during, &from, &until, by, reason], 4);
        Self { id: SilenceId(id.into()), ..self }
    }

    /// Says until when it lasts, by whom it is and why; `until` is its end as people read it.
    pub fn in_words(&self, until: &str) -> String {
        let back = if self.until_back { " or until it is back" } else { "" };
        let during = self.during.as_ref().map(|window| format!(", during {window} only")).unwrap_or_default();
        let reason = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        printable(&format!("until {until}{back}{during}, by {}{reason}", self.by), WORDS_LENGTH_MAX)
    }

    /// Says whether it is in force at a venue with this calendar. `None` asks for the brand, which has no windows. It
    /// begins when it is asked for: a clock that is set back ends nothing.
    pub fn is_in_force(&self, calendar: Option<&Calendar>, now: Timestamp) -> bool {
        let is_within = |window: &Arc<str>| calendar.is_some_and(|calendar| calendar.is_in_window(window, now));
        now < self.until && self.during.as_ref().is_none_or(is_within)
    }

    /// Says whether it covers what a rule says of a subject. Of a set it covers the whole or nothing: one about a member
    /// alone covers no set, and one about a category, a station or a product the set of that.
    pub fn covers(&self, rule: &RuleName, subject: &Subject, catalog: Option<&Catalog>) -> bool {
        let Criteria { venue, product, category, station, rule: of_rule } = &self.covers;
        let item = match subject {
            Subject::Item(_, id) | Subject::OfVenues(id) => Some(*id),
            Subject::Brand
            | Subject::Venue(_)
            | Subject::Station(..)
            | Subject::OfCategory(..)
            | Subject::OfStation(..) => None,
        };
        let known = item.and_then(|id| catalog?.products.get(&id));
        let at_station = match subject {
            Subject::Station(_, id) | Subject::OfStation(_, id) => Some(*id),
            Subject::Item(..) => known.and_then(|product| catalog?.station_of(product)),
            // Each venue has stations of its own.
            Subject::Brand | Subject::Venue(_) | Subject::OfCategory(..) | Subject::OfVenues(_) => None,
        };
        let in_category = match subject {
            Subject::OfCategory(_, id) => Some(*id),
            Subject::Item(..) | Subject::OfVenues(_) => {
                known.zip(catalog).and_then(|(product, catalog)| catalog.category_of(product))
            }
            Subject::Brand | Subject::Venue(_) | Subject::Station(..) | Subject::OfStation(..) => None,
        };
        let is_product = |id: &ProductId| item == Some(*id) || known.is_some_and(|it| it.parent == Some(*id));
        of_rule.as_ref().is_none_or(|name| name == rule)
            && venue.is_none_or(|id| subject.venue() == Some(id))
            && product.as_ref().is_none_or(is_product)
            && category.is_none_or(|id| in_category == Some(id))
            && station.is_none_or(|id| at_station == Some(id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::Product;
    use crate::units::Zone;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(s * 1000)
    }

    fn silence(covers: Criteria) -> Silence {
        let (by, reason) = ("Anar".to_owned(), "no delivery".to_owned());
        let id = SilenceId::from_stored("");
        Silence { id, covers, from: at(100), until: at(200), until_back: false, during: None, by, reason }
    }

    /// A pizza in two sizes of a kitchen, and a cola of the bar.
    fn catalog() -> Catalog {
        let of = |id: u64, parent: Option<u64>, category: u64, station: u64| Product {
            parent: parent.map(ProductId),
            category: Some(CategoryId(category)),
            station: (station > 0).then_some(StationId(station)),
            ..Product::plain(ProductId(id), &id.to_string())
        };
        let products = [of(1, None, 10, 3), of(2, Some(1), 10, 0), of(3, Some(1), 10, 4), of(4, None, 11, 4)];
        let products: BTreeMap<ProductId, Product> = products.into_iter().map(|it| (it.id, it)).collect();
        Catalog { products, ..Catalog::default() }
    }

    #[test]
    fn what_is_covered() {
        let rule = |name: &str| RuleName::new(name).expect("a name");
        let all: Vec<Subject> = [Subject::Brand, Subject::Venue(VenueId(1)), Subject::Venue(VenueId(2))]
            .into_iter()
            .chain([3, 4].map(|id| Subject::Station(VenueId(1), StationId(id))))
            .chain([1, 2, 3, 4, 9].map(|id| Subject::Item(VenueId(1), ProductId(id))))
            .chain([10, 11].map(|id| Subject::OfCategory(VenueId(1), CategoryId(id))))
            .chain([3, 4].map(|id| Subject::OfStation(VenueId(1), StationId(id))))
            .chain([2, 4].map(|id| Subject::OfVenues(ProductId(id))))
            .collect();
        let venue = Some(VenueId(1));
        let cases: &[(Criteria, &str)] = &[
            (Criteria { venue, ..Criteria::default() }, "v1 s3 s4 i1 i2 i3 i4 i9 c10 c11 p3 p4"),
            (Criteria { venue: Some(VenueId(2)), ..Criteria::default() }, "v2"),
            (Criteria { product: Some(ProductId(1)), ..Criteria::default() }, "i1 i2 i3 o2"),
            (Criteria { product: Some(ProductId(2)), ..Criteria::default() }, "i2 o2"),
            (Criteria { product: Some(ProductId(9)), ..Criteria::default() }, "i9"),
            (Criteria { category: Some(CategoryId(11)), ..Criteria::default() }, "i4 c11 o4"),
            (Criteria { station: Some(StationId(3)), ..Criteria::default() }, "s3 i1 i2 p3"),
            (Criteria { station: Some(StationId(4)), product: Some(ProductId(1)), ..Criteria::default() }, "i3"),
            (Criteria { rule: Some(rule("other")), ..Criteria::default() }, ""),
            (
                Criteria { rule: Some(rule("out")), venue, ..Criteria::default() },
                "v1 s3 s4 i1 i2 i3 i4 i9 c10 c11 p3 p4",
            ),
        ];
        for (covers, expected) in cases {
            let silence = silence(covers.clone());
            let covered = all.iter().filter(|it| silence.covers(&rule("out"), it, Some(&catalog())));
            let name = |subject: &Subject| match subject {
                Subject::Brand => "brand".to_owned(),
                Subject::Venue(id) => format!("v{id}"),
                Subject::Station(_, id) => format!("s{id}"),
                Subject::Item(_, id) => format!("i{id}"),
                Subject::OfCategory(_, id) => format!("c{id}"),
                Subject::OfStation(_, id) => format!("p{id}"),
                Subject::OfVenues(id) => format!("o{id}"),
            };
            assert_eq!(covered.map(name).collect::<Vec<_>>().join(" "), *expected, "{covers:?}");
        }
    }

    #[test]
    fn it_ends_and_repeats() {
        let plain = silence(Criteria::default());
        let force: Vec<bool> = [0, 100, 199, 200].map(|s| plain.is_in_force(None, at(s))).into();
        assert_eq!(force, [true, true, true, false], "at 0 the clock was set back");

        let zone = Zone::named("UTC").expect("a zone");
        let spans = crate::calendar::ClockSpan::parse("00:00-00:02").expect("a span");
        let schedule = crate::calendar::Schedule::daily(&[spans]);
        let windows = [("early".to_owned(), schedule)].into();
        let calendar = Calendar::plain(zone, jiff::civil::time(4, 0, 0, 0)).with_windows(windows);
        let repeats = |name: &str| Silence { during: Some(name.into()), ..plain.clone() };
        let in_force = |silence: &Silence, s: i64| silence.is_in_force(Some(&calendar), at(s));
        assert!(in_force(&repeats("early"), 119) && !in_force(&repeats("early"), 121));
        assert!(!in_force(&repeats("gone"), 119), "a window that a reload took away is never on");
        assert!(!repeats("early").is_in_force(None, at(119)), "the brand has no windows");
    }

    #[test]
    fn the_same_words_have_one_id_and_other_words_another() {
        let brand = BrandId::new("sahil").expect("a slug");
        let one = silence(Criteria::default()).named(&brand);
        assert_eq!((one.id.as_str().len(), &one.id), (8, &one.clone().named(&brand).id));
        let other = Silence { until: at(201), ..one.clone() }.named(&brand);
        assert_ne!(one.id, other.id);
    }
}
