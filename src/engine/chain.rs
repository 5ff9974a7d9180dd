//! What each venue says to rules that count venues, held so that one venue's reading costs no look at the others.
//!
//! Follows from the snapshots alone and is not stored: after a start every venue is unknown until it is looked at.
//! Invariant, tested: what was counted as it came in is what counting everything anew gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::RuleName;
use crate::rules::condition::Truth;
use crate::rules::set::{Counts, Part, Said};
use crate::units::{ProductId, VenueId};

/// What is counted over the venues: a rule and a product.
pub(super) type Pair = (RuleName, ProductId);

/// What the venues said when each was last looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    parts: BTreeMap<VenueId, Arc<Part>>,
    tallies: BTreeMap<Pair, Tally>,
    seen: Seen,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    counts: Counts,
    /// Whether the rule holds of the product, at each venue that does not say that it is clear.
    holds: BTreeMap<VenueId, Truth>,
}

/// How many venues can be asked at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    of_rows: u32,
    of_products: u32,
}

/// The chain as it will be after a step.
#[derive(Debug)]
pub(super) struct After<'a> {
    before: &'a Chain,
    /// What the venues say that were looked at; `None` of one that is no longer watched.
    changed: BTreeMap<VenueId, Option<Arc<Part>>>,
    /// The counts of what they say differently.
    counts: BTreeMap<Pair, Counts>,
    seen: Seen,
    /// Some venue can be asked that could not be asked before, or the other way round.
    sees_others: bool,
    venues: u32,
}

impl Chain {
    /// Says whether a venue says something new.
    pub(super) fn differs(&self, venue: VenueId, part: &Part) -> bool {
        self.parts.get(&venue).is_none_or(|known| **known != *part)
    }

    /// Takes in what a venue says, or forgets the venue.
    pub(super) fn set(&mut self, venue: VenueId, part: Option<Arc<Part>>) {
        let before = self.parts.remove(&venue);
        let (gone, new) = differences(before.as_deref(), part.as_deref());
        for said in gone {
            let Some(tally) = self.tallies.get_mut(&pair(said)) else { continue };
            tally.counts.remove(said.holds, said.keeps);
            tally.holds.remove(&venue);
            if tally.holds.is_empty() {
                self.tallies.remove(&pair(said));
            }
        }
        for said in new {
            let tally = self.tallies.entry(pair(said)).or_default();
            tally.counts.add(said.holds, said.keeps);
            tally.holds.insert(venue, said.holds);
        }
        self.seen = self.seen.with(before.as_deref(), part.as_deref());
        if let Some(part) = part {
            self.parts.insert(venue, part);
        }
    }

    /// Returns the chain of so many venues after these said something new.
    pub(super) fn after(&self, changed: &[(VenueId, Option<Arc<Part>>)], venues: usize) -> After<'_> {
        let (mut counts, mut seen, mut sees_others) = (BTreeMap::new(), self.seen, false);
        for (venue, part) in changed {
            let before = self.parts.get(venue).map(Arc::as_ref);
            let (gone, new) = differences(before, part.as_deref());
            let of = |pair: &Pair| self.tallies.get(pair).map(|tally| tally.counts).unwrap_or_default();
            for said in gone {
                let key = pair(said);
                let counted = of(&key);
                counts.entry(key).or_insert(counted).remove(said.holds, said.keeps);
            }
            for said in new {
                let key = pair(said);
                let counted = of(&key);
                counts.entry(key).or_insert(counted).add(said.holds, said.keeps);
            }
            seen = seen.with(before, part.as_deref());
            sees_others |= Seen::of(before) != Seen::of(part.as_deref());
        }
        let venues = u32::try_from(venues).unwrap_or(u32::MAX);
        After { before: self, changed: changed.iter().cloned().collect(), counts, seen, sees_others, venues }
    }
}

impl After<'_> {
    /// Returns everything of which a venue says something new.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Pair> {
        self.counts.keys()
    }

    /// Says whether the venues that lack it may be others than before.
    pub(super) fn may_differ(&self, pair: &Pair) -> bool {
        self.sees_others || self.counts.contains_key(pair)
    }

    /// Returns how many venues there are.
    pub(super) fn venues(&self) -> usize {
        self.venues as usize
    }

    /// Returns what the venues say of it that can be asked.
    pub(super) fn counts(&self, pair: &Pair) -> Counts {
        let before = || self.before.tallies.get(pair).map(|tally| tally.counts).unwrap_or_default();
        self.counts.get(pair).copied().unwrap_or_else(before)
    }

    /// Returns how many venues cannot be asked by a rule that `needs_row`, or does not.
    pub(super) fn unseen(&self, needs_row: bool) -> u32 {
        self.venues.saturating_sub(if needs_row { self.seen.of_rows } else { self.seen.of_products })
    }

    /// Says whether nobody can ask a venue; one that is not watched is none to ask.
    pub(super) fn is_unseen(&self, venue: VenueId, needs_row: bool) -> bool {
        let part = match self.changed.get(&venue) {
            Some(None) => return false,
            Some(Some(part)) => Some(part),
            None => self.before.parts.get(&venue),
        };
        part.is_none_or(|part| !part.sees_items || !(needs_row || part.sees_products))
    }

    /// Returns whether it holds at each venue that does not say that it is clear.
    pub(super) fn members(&self, pair: &Pair) -> BTreeMap<VenueId, Truth> {
        let mut members = self.before.tallies.get(pair).map(|tally| tally.holds.clone()).unwrap_or_default();
        for (venue, part) in &self.changed {
            members.remove(venue);
            let said = part.as_ref().and_then(|part| find(part, pair));
            members.extend(said.map(|said| (*venue, said.holds)));
        }
        members
    }
}

impl Seen {
    fn with(self, before: Option<&Part>, after: Option<&Part>) -> Self {
        let (gone, new) = (Self::of(before), Self::of(after));
        let counted = |all: u32, gone: u32, new: u32| (all + new).saturating_sub(gone);
        Self {
            of_rows: counted(self.of_rows, gone.of_rows, new.of_rows),
            of_products: counted(self.of_products, gone.of_products, new.of_products),
        }
    }

    fn of(part: Option<&Part>) -> Self {
        let Some(part) = part.filter(|part| part.sees_items) else { return Self::default() };
        Self { of_rows: 1, of_products: u32::from(part.sees_products) }
    }
}

fn pair(said: &Said) -> Pair {
    (said.rule.clone(), said.product)
}

fn find<'p>(part: &'p Part, (rule, product): &Pair) -> Option<&'p Said> {
    let place = part.said.binary_search_by(|said| (&said.rule, said.product).cmp(&(rule, *product)));
    place.ok().map(|at| &part.said[at])
}

/// Returns what only the earlier and what only the later part says.
fn differences<'p>(before: Option<&'p Part>, after: Option<&'p Part>) -> (Vec<&'p Said>, Vec<&'p Said>) {
    let said = |part: Option<&'p Part>| part.map_or(&[][..], |part| &part.said);
    let only =
        |one: &'p [Said], other: &'p [Said]| one.iter().filter(|said| other.binary_search(said).is_err()).collect();
    (only(said(before), said(after)), only(said(after), said(before)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRUTHS: [Truth; 3] = [Truth::Holds, Truth::Clear, Truth::Unknown];

    fn part(said: &[(u64, usize, usize)], sees_items: bool, sees_products: bool) -> Arc<Part> {
        let rule = RuleName::new("chain").expect("a name");
        let said = said.iter().map(|(product, holds, keeps)| {
            (
                (*product),
                Said { rule: rule.clone(), product: ProductId(*product), holds: TRUTHS[*holds], keeps: TRUTHS[*keeps] },
            )
        });
        let said: BTreeMap<u64, Said> = said.collect();
        Arc::new(Part { said: said.into_values().collect(), sees_items, sees_products })
    }

    type Drawn = (u64, Option<(Vec<(u64, usize, usize)>, bool, bool)>);

    fn drawn() -> impl Strategy<Value = Vec<Vec<Drawn>>> {
        let said = prop::collection::vec((0..4_u64, 0..3_usize, 0..3_usize), 0..5);
        let venue = (0..4_u64, prop::option::weighted(0.9, (said, any::<bool>(), any::<bool>())));
        prop::collection::vec(prop::collection::vec(venue, 1..4), 1..12)
    }

    proptest! {
        /// After each step: what the step foresaw, what was taken in, and everything counted anew are the same.
        #[test]
        fn counting_as_it_comes_in_is_counting_anew(steps in drawn()) {
            let (mut chain, mut all) = (Chain::default(), BTreeMap::new());
            for step in steps {
                // A venue is looked at once in a step.
                let step: BTreeMap<u64, _> = step.into_iter().collect();
                let changed: Vec<(VenueId, Option<Arc<Part>>)> = step
                    .into_iter()
                    .map(|(venue, said)| {
                        (VenueId(venue), said.map(|(said, items, products)| part(&said, items, products)))
                    })
                    .collect();
                all.extend(changed.iter().cloned());
                let known = chain.clone();
                let after = known.after(&changed, 4);
                for (venue, part) in &changed {
                    chain.set(*venue, part.clone());
                }
                let mut anew = Chain::default();
                for (venue, part) in &all {
                    anew.set(*venue, part.clone());
                }
                prop_assert_eq!(&chain, &anew);
                let whole = chain.after(&[], 4);
                for product in (0..4).map(ProductId) {
                    let pair = (RuleName::new("chain").expect("a name"), product);
                    prop_assert_eq!(after.counts(&pair), whole.counts(&pair));
                    prop_assert_eq!(after.members(&pair), whole.members(&pair));
                    prop_assert!(after.may_differ(&pair) || known.after(&[], 4).members(&pair) == whole.members(&pair));
                }
                for needs_row in [true, false] {
                    prop_assert_eq!(after.unseen(needs_row), whole.unseen(needs_row));
                    let gone = changed.iter().filter(|(_, part)| part.is_none()).map(|(venue, _)| *venue);
                    prop_assert!(gone.into_iter().all(|venue| !after.is_unseen(venue, needs_row)));
                }
            }
        }
    }
}
