//! The forecast of an end, on simulated services: each demand near the figures that `docs/forecast.md` shows.
//!
//! It lives the first services of those of which `benches/forecast.rs` made the table. Seeds are fixed, so that it always
//! says the same; what is allowed is what so many fewer services scatter.

use std::time::Duration;

#[path = "support/services.rs"]
mod services;

use services::{DEMANDS, Score, score};

const AHEAD: Duration = Duration::from_mins(30);
const SEEDS: std::ops::Range<u64> = 1_000_000..1_000_600;
/// How far off each column may be: minutes of the error, of the plain average and of the bias, and per cent of the ends in
/// the range and of silence.
const ALLOWED: [f64; 5] = [1.5, 5.0, 2.0, 4.0, 2.0];

/// Reads the row of a demand: its figures in the order of the columns.
fn shown(document: &str, demand: &str) -> Vec<f64> {
    let is_row = |line: &&str| line.strip_prefix("| ").is_some_and(|line| line.starts_with(&format!("{demand} |")));
    let row = document.lines().find(is_row).unwrap_or_else(|| panic!("no row of {demand}"));
    let figure = |cell: &str| cell.split_whitespace().next()?.parse().ok();
    row.split('|').skip(2).filter_map(figure).collect()
}

fn lived(score: &Score) -> [f64; 5] {
    [score.median_error(), score.plain_median_error(), score.bias(), score.coverage(), score.silence()]
}

#[test]
fn the_end_is_foretold_as_well_as_the_document_says() {
    let document = include_str!("../docs/forecast.md");
    let mut wrong = Vec::new();
    for (demand, name) in DEMANDS {
        let score = score(demand, SEEDS, AHEAD);
        let (shown, lived) = (shown(document, name), lived(&score));
        assert_eq!(shown.len(), lived.len(), "{name}: {shown:?}");
        assert!(score.errors.len() > 400, "{name}: {} ends were foretold", score.errors.len());
        let is_near = lived.iter().zip(&shown).zip(ALLOWED).all(|((one, other), off)| (one - other).abs() <= off);
        if !is_near {
            wrong.push(format!("{name}: {lived:.1?} instead of {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
