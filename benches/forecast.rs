//! How far the forecast of an end is off: simulated services by demand, asked 30 minutes of selling time before the end, and
//! the plain average since the beginning at the same moments.
//!
//! `cargo bench --bench forecast` lives 2,000 services of each demand; `-- 300` lives 300. `-- 2000 other` lives others, for who
//! changes a constant of `src/snapshot/pace.rs`.

use std::time::Duration;

#[path = "../tests/support/services.rs"]
mod services;

const AHEAD: Duration = Duration::from_mins(30);
/// The seeds of the table, and others: a constant that is chosen on the shown ones looks better than it is.
const SHOWN_FROM: u64 = 1_000_000;
const OTHERS_FROM: u64 = 0;

fn main() {
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000);
    let from = if std::env::args().any(|argument| argument == "other") { OTHERS_FROM } else { SHOWN_FROM };
    println!("| demand | median error | plain average | bias | in the range | silent |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (demand, name) in services::DEMANDS {
        let score = services::score(demand, from..from + runs, AHEAD);
        println!(
            "| {name} | {:.1} min | {:.1} min | {:+.1} min | {:.0} % | {:.0} % |",
            score.median_error(),
            score.plain_median_error(),
            score.bias(),
            score.coverage(),
            score.silence()
        );
    }
}
