//! The plan of the polls on simulated chains: as near to the best as docs/performance.md says, and no list forgotten.
//!
//! It lives a few of the chains of which `benches/freshness.rs` makes the table. Seeds are fixed, so that it always says the
//! same.

#[path = "support/chains.rs"]
mod chains;

use chains::{Kind, Rhythm, live, polls_until_found, worst_age_s};

const SKEWED: Kind = Kind { venues: 100, fastest_s: 3, rhythm: Rhythm::Steady, sigma: 1.5 };

#[test]
fn changes_are_read_almost_as_soon_as_at_best_and_no_list_gets_older_than_it_may() {
    let kinds = [
        Kind { venues: 1, ..SKEWED },
        Kind { venues: 20, fastest_s: 1, rhythm: Rhythm::Daily, ..SKEWED },
        SKEWED,
        Kind { venues: 300, ..SKEWED },
    ];
    for kind in kinds {
        let lived = live(kind, 1);
        let [in_turn, planned, best] = [&lived.in_turn, &lived.planned, &lived.best].map(chains::Delays::mean);
        assert!(planned <= 1.1 * best, "{kind:?}: {planned} s, at best {best} s");
        assert!(planned <= 1.05 * in_turn, "{kind:?}: {planned} s, in turn {in_turn} s");
        // A request leaves every 222 ms, and several lists may come of age at once.
        let oldest_s = lived.planned.oldest_s;
        assert!(oldest_s <= worst_age_s(kind) + 1.0, "{kind:?}: {oldest_s} s");
    }
}

#[test]
fn a_skewed_chain_waits_two_thirds_of_what_it_waits_in_turn() {
    let lived = live(SKEWED, 6);
    let [in_turn, planned] = [&lived.in_turn, &lived.planned].map(chains::Delays::mean);
    assert!(planned <= 0.66 * in_turn, "{planned} s, in turn {in_turn} s");
}

#[test]
fn a_rush_is_found_within_three_polls_of_its_venue() {
    for seed in 0..8 {
        let polls = polls_until_found(Kind { sigma: 1.0, ..SKEWED }, seed);
        assert!(polls.is_some_and(|polls| polls <= 3), "seed {seed}: {polls:?}");
    }
}
