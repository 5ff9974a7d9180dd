//! Sets of items that a rule counts together: those of a category or a station of a venue, or one product over the venues.
//!
//! Never takes a member of which nobody knows for one that holds, or for one that does not. Invariant, tested: a set holds
//! or is clear only where no answer of its unknown members could change that.

use crate::catalog::{Catalog, Product};
use crate::rules::condition::Truth;
use crate::rules::subject::{Item, Scene};
use crate::rules::{RuleName, Subject};
use crate::units::{ProductId, VenueId};

/// How many members of a set must hold together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AtLeast {
    /// So many of them, at least two.
    pub count: u16,
    /// What belongs together.
    pub of: SetKind,
}

/// What belongs together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SetKind {
    /// The items of a category at a venue.
    Category,
    /// The items that a station of a venue prepares.
    Station,
    /// One product at the venues of the brand.
    Venues,
}

/// How many members hold and how many are unknown, and the same of what keeps an open alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    hold: u32,
    unknown: u32,
    keep: u32,
    keep_unknown: u32,
}

/// What a rule says of the members of one set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gathered {
    /// How many there are that are not clear.
    pub counts: Counts,
    /// Whether each of these holds or is unknown, in order of their ids. What only keeps an alert is not among them.
    pub members: Vec<(ProductId, Truth)>,
}

/// What one venue says to rules about several venues.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// What each rule says of each product that is not clear, in order.
    pub said: Vec<Said>,
    /// Something can be said of the rows of the stop list: what has no row is clear to a rule that needs one.
    pub sees_items: bool,
    /// Something can be said of every product.
    pub sees_products: bool,
}

/// What a rule says of a product at a venue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Said {
    /// The rule.
    pub rule: RuleName,
    /// The product.
    pub product: ProductId,
    /// Whether its `when` holds.
    pub holds: Truth,
    /// Whether its `when` or its `keep_while` holds.
    pub keeps: Truth,
}

impl SetKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Category, Self::Station, Self::Venues];

    /// Returns the word that rules write and receivers read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Station => "station",
            Self::Venues => "venues",
        }
    }

    /// Returns what is counted, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Category => "the items of each category at each venue",
            Self::Station => "the items that each station of each venue prepares",
            Self::Venues => "each product, at all venues of the brand",
        }
    }

    /// Returns the set to which an item belongs. What the catalog does not know, or has no category or station, belongs to
    /// none; a variant without its own belongs to that of its product.
    pub fn of(self, venue: VenueId, catalog: &Catalog, item: &Item<'_>) -> Option<Subject> {
        let of = |product: &Product| match self {
            Self::Category => catalog.category_of(product).map(|id| Subject::OfCategory(venue, id)),
            Self::Station => catalog.station_of(product).map(|id| Subject::OfStation(venue, id)),
            Self::Venues => None,
        };
        match self {
            Self::Category | Self::Station => of(item.product?),
            Self::Venues => Some(Subject::OfVenues(item.id)),
        }
    }
}

impl AtLeast {
    /// Says whether enough members hold, and whether enough of them keep an open alert; `unseen` is the number of members
    /// of which nothing is known at all.
    pub fn truths(self, counts: Counts, unseen: u32) -> (Truth, Truth) {
        let Counts { hold, unknown, keep, keep_unknown } = counts;
        (self.truth(hold, unknown + unseen), self.truth(keep, keep_unknown + unseen))
    }

    fn truth(self, hold: u32, unknown: u32) -> Truth {
        let wanted = u32::from(self.count);
        if hold >= wanted {
            Truth::Holds
        } else if hold + unknown < wanted {
            Truth::Clear
        } else {
            Truth::Unknown
        }
    }
}

impl Counts {
    /// Adds what is said of a member.
    pub fn add(&mut self, holds: Truth, keeps: Truth) {
        let (of_holds, of_keeps) = self.places(holds, keeps);
        for place in [of_holds, of_keeps].into_iter().flatten() {
            *place += 1;
        }
    }

    /// Adds what was counted elsewhere.
    pub fn join(&mut self, other: Self) {
        let Self { hold, unknown, keep, keep_unknown } = other;
        self.hold += hold;
        self.unknown += unknown;
        self.keep += keep;
        self.keep_unknown += keep_unknown;
    }

    /// Takes back what was added of a member.
    pub fn remove(&mut self, holds: Truth, keeps: Truth) {
        let (of_holds, of_keeps) = self.places(holds, keeps);
        for place in [of_holds, of_keeps].into_iter().flatten() {
            *place = place.saturating_sub(1);
        }
    }

    fn places(&mut self, holds: Truth, keeps: Truth) -> (Option<&mut u32>, Option<&mut u32>) {
        let of_holds = match holds {
            Truth::Holds => Some(&mut self.hold),
            Truth::Unknown => Some(&mut self.unknown),
            Truth::Clear => None,
        };
        let of_keeps = match keeps {
            Truth::Holds => Some(&mut self.keep),
            Truth::Unknown => Some(&mut self.keep_unknown),
            Truth::Clear => None,
        };
        (of_holds, of_keeps)
    }
}

impl Gathered {
    /// Adds what is said of a member; members come in order of their ids.
    pub fn add(&mut self, member: ProductId, holds: Truth, keeps: Truth) {
        self.counts.add(holds, keeps);
        if holds != Truth::Clear {
            self.members.push((member, holds));
        }
    }
}

/// Says whether something can be said of sets of items at a venue: which items belong to one, the catalog alone says.
pub fn sees_sets(scene: &Scene<'_>) -> bool {
    scene.sees_items() && scene.sees_products()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of so many members: they hold, nobody knows, they are clear.
    fn counts(hold: usize, unknown: usize, clear: usize) -> Counts {
        let mut counts = Counts::default();
        let all = [(Truth::Holds, hold), (Truth::Unknown, unknown), (Truth::Clear, clear)];
        for (truth, times) in all {
            for _ in 0..times {
                counts.add(truth, truth);
            }
        }
        counts
    }

    #[test]
    fn a_set_holds_is_clear_or_nobody_knows() {
        use Truth::{Clear as C, Holds as H, Unknown as U};
        // Of three wanted: so many hold, so many are unknown, and nothing at all is known of so many.
        let cases: &[(usize, usize, u32, Truth)] = &[
            (0, 0, 0, C),
            (2, 0, 0, C),
            (3, 0, 0, H),
            (4, 0, 0, H),
            (3, 9, 9, H),
            (2, 1, 0, U),
            (2, 0, 1, U),
            (1, 1, 0, C),
            (1, 1, 1, U),
            (0, 3, 0, U),
            (0, 2, 0, C),
            (0, 0, 12, U),
        ];
        let at_least = AtLeast { count: 3, of: SetKind::Category };
        for (hold, unknown, unseen, expected) in cases {
            let said = at_least.truths(counts(*hold, *unknown, 2), *unseen);
            assert_eq!(said, (*expected, *expected), "{hold} hold, {unknown} unknown, {unseen} unseen");
        }
    }

    #[test]
    fn it_is_known_only_where_no_answer_could_change_it() {
        for count in 2..5 {
            let at_least = AtLeast { count, of: SetKind::Venues };
            for (hold, unknown) in (0..5).flat_map(|hold| (0..5).map(move |unknown| (hold, unknown))) {
                let said = at_least.truths(counts(hold, unknown, 0), 0).0;
                // All the answers that the unknown members may give.
                let answers = (0..=unknown).map(|more| at_least.truths(counts(hold + more, 0, unknown - more), 0).0);
                let answers: std::collections::BTreeSet<Truth> = answers.collect();
                let expected = if answers.len() == 1 { answers.first().copied() } else { Some(Truth::Unknown) };
                assert_eq!(Some(said), expected, "{hold} of {count} hold, {unknown} unknown");
            }
        }
    }

    #[test]
    fn what_was_added_can_be_taken_back() {
        let mut some = counts(2, 1, 3);
        some.add(Truth::Unknown, Truth::Holds);
        assert_ne!(some, counts(2, 1, 3));
        some.remove(Truth::Unknown, Truth::Holds);
        assert_eq!(some, counts(2, 1, 3));
    }
}
