//! How long a change at a venue waits until it is read, by the plan of the polls, in turn, and at best.
//!
//! `cargo bench --bench freshness` prints the table of docs/performance.md, and fails when a number that is to be held is not;
//! `-- 5000` lives that many venues of each kind instead of 1,000.

use std::process::ExitCode;

#[path = "../tests/support/chains.rs"]
mod chains;

use chains::{CHANGES_PER_HOUR, Kind, Lived, PER_MINUTE, Rhythm, live, polls_until_found, worst_age_s};

/// The plan against the best, for every chain.
const OF_BEST_MAX: f64 = 1.1;
/// The plan against polling in turn, for the chain of [`SKEWED`].
const OF_IN_TURN_MAX: f64 = 0.66;
const SKEWED: (usize, f64) = (100, 1.5);
/// A rush is found within so many polls of its venue.
const POLLS_TO_FIND_MAX: usize = 3;
const RUSHES: u64 = 100;

fn main() -> ExitCode {
    let venues = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000);
    println!("{PER_MINUTE} requests a minute, {CHANGES_PER_HOUR} changes an hour and venue in the mean; seconds");
    println!(
        "| venues | fastest | rhythm | sigma | in turn: mean, median, p95 | plan: mean, median, p95 | best: mean | plan / in turn | best / in turn | plan / best | oldest, allowed |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let kind = |venues, fastest_s, rhythm, sigma| Kind { venues, fastest_s, rhythm, sigma };
    let steady = [(1, 3), (20, 3), (20, 1), (100, 3), (300, 3)];
    let steady = steady.iter().flat_map(|(venues, fastest_s)| {
        [0.5, 1.0, 1.5, 2.0].map(|sigma| kind(*venues, *fastest_s, Rhythm::Steady, sigma))
    });
    let daily = [20, 100, 300].map(|venues| kind(venues, 1, Rhythm::Daily, 1.5));
    let mut is_held = true;
    for kind in steady.chain(daily) {
        let chains = u64::try_from(kind.venues).map_or(1, |of_chain| u64::div_ceil(venues, of_chain));
        is_held &= row(kind, live(kind, chains));
    }
    is_held &= rushes(kind(100, 3, Rhythm::Steady, 1.0));
    if is_held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a row and says whether it is held.
fn row(kind: Kind, mut lived: Lived) -> bool {
    let Kind { venues, fastest_s, rhythm, sigma } = kind;
    let [in_turn, planned, best] = [&lived.in_turn, &lived.planned, &lived.best].map(chains::Delays::mean);
    let (oldest_s, allowed_s) = (lived.planned.oldest_s, worst_age_s(kind));
    let mut shown = |of: fn(&mut Lived) -> &mut chains::Delays| {
        let delays = of(&mut lived);
        format!("{:.2}, {:.2}, {:.2}", delays.mean(), delays.quantile(0.5), delays.quantile(0.95))
    };
    let (all_in_turn, all_planned) = (shown(|lived| &mut lived.in_turn), shown(|lived| &mut lived.planned));
    println!(
        "| {venues} | {fastest_s} s | {rhythm:?} | {sigma} | {all_in_turn} | {all_planned} | {best:.2} | {:.2} | {:.2} | {:.2} | {oldest_s:.0}, {allowed_s:.0} |",
        planned / in_turn,
        best / in_turn,
        planned / best
    );
    let is_skewed = (venues, sigma) == SKEWED && matches!(rhythm, Rhythm::Steady);
    let is_soon = planned <= OF_BEST_MAX * best && !(is_skewed && planned > OF_IN_TURN_MAX * in_turn);
    let is_held = is_soon && oldest_s <= allowed_s + 1.0;
    if !is_held {
        println!(
            "NOT HELD: at most {OF_BEST_MAX} times the best, {OF_IN_TURN_MAX} of in turn where venues are unequal, no list older than allowed and a second"
        );
    }
    is_held
}

/// Prints how soon rushes are found, and says whether that is soon enough.
fn rushes(kind: Kind) -> bool {
    let mut polls: Vec<usize> = (0..RUSHES).map(|seed| polls_until_found(kind, seed).unwrap_or(usize::MAX)).collect();
    polls.sort_unstable();
    let (median, most) = (polls[polls.len() / 2], polls[polls.len() - 1]);
    println!(
        "a rush at the quietest of {} venues: its polls come twice as often as without it after {median} of them in the median, {most} at most ({RUSHES} rushes)",
        kind.venues
    );
    most <= POLLS_TO_FIND_MAX
}
