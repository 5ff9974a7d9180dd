//! What must be true of prices: each that is told was so, none is told twice, and the last one is told.
//!
//! Knows what people wrote into the price list of the hall and what was told of it. Invariant: no price comes twice.

use std::collections::BTreeMap;

use eightysix::units::{Money, ProductId};

/// The price of every dish when a life begins.
pub(crate) const FIRST_PRICE: Money = Money::from_ten_thousandths(50_000);
/// What a price rises by: another one each time.
const STEP: i64 = 1_000;

/// The judge of prices.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    /// What people wrote, after the first price.
    written: BTreeMap<ProductId, Vec<Money>>,
    /// What was told last.
    told: BTreeMap<ProductId, Money>,
    /// How many prices of a dish had been written when a rule about them came into force; none while there is no such rule.
    watched_from: Option<BTreeMap<ProductId, usize>>,
    /// How many prices of a dish had been written when a silence over it ended: what changed in it is told to nobody.
    silenced_until: BTreeMap<ProductId, usize>,
}

impl Prices {
    /// Returns the next price of a dish.
    pub(crate) fn rises(&mut self, dish: ProductId) -> Money {
        let written = self.written.entry(dish).or_default();
        let rise = STEP * (i64::try_from(written.len()).expect("few") + 1);
        let price = Money::from_ten_thousandths(FIRST_PRICE.ten_thousandths() + rise);
        written.push(price);
        price
    }

    /// Other rules are written: whether they tell of prices is seen when they are in force.
    pub(crate) fn are_unwatched(&mut self) {
        self.watched_from = None;
    }

    /// A rule about prices is in force.
    pub(crate) fn are_watched(&mut self) {
        let counts = || self.written.iter().map(|(dish, written)| (*dish, written.len())).collect();
        self.watched_from.get_or_insert_with(counts);
    }

    /// A silence over a dish is over.
    pub(crate) fn speak_again(&mut self, dish: ProductId) {
        self.silenced_until.insert(dish, self.written.get(&dish).map_or(0, Vec::len));
    }

    /// Judges a change of a price that is told.
    pub(crate) fn judge_told(&mut self, dish: ProductId, before: &str, after: &str) {
        let written = self.written.get(&dish).map_or(&[] as &[Money], Vec::as_slice);
        let all: Vec<Money> = std::iter::once(FIRST_PRICE).chain(written.iter().copied()).collect();
        let place = |text: &str| {
            let found = all.iter().position(|price| price.to_string() == text);
            found.unwrap_or_else(|| panic!("{dish} never cost {text}: {all:?}"))
        };
        let (before, after) = (place(before), place(after));
        assert!(before < after, "{dish} never changed from {} to {}", all[before], all[after]);
        let told = self.told.insert(dish, all[after]);
        let told_before = told.and_then(|told| all.iter().position(|price| *price == told)).unwrap_or_default();
        assert!(told_before <= before, "{dish} is told once more to cost {}", all[after]);
    }

    /// Checks that the last price of each dish that is on the menu was told, as far as it had to be.
    pub(crate) fn check_end(&self, is_on_the_menu: impl Fn(ProductId) -> bool) -> Result<(), String> {
        let Some(watched_from) = &self.watched_from else { return Ok(()) };
        for (dish, written) in self.written.iter().filter(|(dish, _)| is_on_the_menu(**dish)) {
            let untold = [watched_from.get(dish), self.silenced_until.get(dish)];
            let is_new = untold.into_iter().flatten().all(|count| written.len() > *count);
            let last = written.last();
            if is_new && self.told.get(dish) != last {
                return Err(format!("{dish} costs {last:?}, and {:?} was told last", self.told.get(dish)));
            }
        }
        Ok(())
    }
}
