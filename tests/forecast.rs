//! The forecast of an end, on simulated services: a loose bound of what `benches/forecast.rs` measures.
//!
//! Seeds are fixed, so that it always says the same. It must beat the plain average where the pace changes, be not much
//! worse where it does not, and most ends must lie in the range.

use std::time::Duration;

#[path = "support/services.rs"]
mod services;

use services::{DEMANDS, Demand, score};

const AHEAD: Duration = Duration::from_mins(30);
const SEEDS: std::ops::Range<u64> = 5_000_000..5_000_600;

#[test]
fn the_end_is_foretold_better_than_by_the_plain_average_where_the_pace_changes() {
    for (demand, name) in DEMANDS {
        let score = score(demand, SEEDS, AHEAD);
        let (error, plain) = (score.median_error(), score.plain_median_error());
        let allowed = match demand {
            Demand::Peaks | Demand::Slowing => plain,
            Demand::TwoDays => plain / 3.0,
            Demand::Steady | Demand::Tables | Demand::Restocked | Demand::Weighed => plain * 1.3,
        };
        assert!(error <= allowed, "{name}: {error:.1} min, the plain average {plain:.1} min");
        assert!(score.errors.len() > 400, "{name}: {} ends were foretold", score.errors.len());
        assert!(score.coverage() >= 60.0, "{name}: {:.0} % lie in the range", score.coverage());
        assert!(score.silence() <= 20.0, "{name}: silent in {:.0} % of the minutes", score.silence());
        assert!(score.bias().abs() <= 15.0, "{name}: {:+.1} min", score.bias());
    }
}
