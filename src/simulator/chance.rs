//! Numbers that look drawn by chance and are the same for the same seed: SplitMix64, nothing more.
//!
//! The generator is an argument of whoever draws; there is no global one. Invariant: a seed gives one sequence, on
//! every platform and for ever, because recorded histories of the simulator depend on it.

/// A seeded sequence of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Starts the sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Draws 64 bits (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number from `0..end`; 0 when `end` is 0. The bias of the remainder is below 2^-32 for our small ranges.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.bits() % end }
    }

    /// Draws a number from `first..=last`.
    pub const fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// Draws true `percent` times in a hundred.
    pub const fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Draws one of the values; `None` when there are none.
    pub fn pick<'a, T>(&mut self, values: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(values.len() as u64)).unwrap_or(0);
        values.get(at)
    }

    /// Draws a waiting time in milliseconds whose mean is `mean_ms`: guests come independently of each other.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few hours are far below 2^53")]
    #[expect(clippy::cast_possible_truncation, reason = "the value was clamped to at most 20 times the mean")]
    #[expect(clippy::cast_sign_loss, reason = "the logarithm of a number in (0, 1] is negated")]
    pub fn wait_ms(&mut self, mean_ms: u64) -> u64 {
        let unit = ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        ((-unit.ln()).min(20.0) * mean_ms as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // Reference output of SplitMix64 for seed 1234567.
        let mut chance = Chance::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| chance.bits()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut chance = Chance::new(7);
        let mut seen = [false; 5];
        for _ in 0..1_000 {
            let drawn = chance.between(3, 7);
            assert!((3..=7).contains(&drawn));
            seen[usize::try_from(drawn - 3).expect("small")] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.pick::<u8>(&[]), None);
        let mean = (0..10_000).map(|_| chance.wait_ms(1_000)).sum::<u64>() / 10_000;
        assert!((950..1_050).contains(&mean), "{mean}");
    }
}
