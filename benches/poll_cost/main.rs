//! What one poll costs the watcher and how that grows: with venues, products, rows, rules and receivers; without the network
//! and the database.
//!
//! `cargo bench --bench poll_cost` prints microseconds, and ratios against a floor of the same run: decoding the bytes of a
//! stop list as long. With `-- --plots docs/plots` it draws each of them as SVG.

#[path = "../load/asked.rs"]
mod asked;
mod chain;
mod plot;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::chain::{Size, floor_ns, measure};
use crate::plot::{Plot, Point};

/// A venue as the design's numbers have it, with few neighbours where their number is not what is asked.
const USUAL: Size = Size { venues: 20, products: 300, rows: 50, rules: 0, receivers: 0 };

/// What grows, and with what.
struct Axis {
    name: &'static str,
    sizes: Vec<(u32, Size)>,
}

fn main() -> ExitCode {
    // Cargo adds `--bench` by itself.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = match arguments.as_slice() {
        [] => None,
        [option, folder] if option == "--plots" => Some(PathBuf::from(folder)),
        _ => {
            println!("cargo bench --bench poll_cost -- [--plots <folder>]");
            return ExitCode::from(2);
        }
    };
    println!("| what grows | to | floor, us | unchanged poll, us | x floor | changed poll, us | x floor |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for Axis { name, sizes } in axes() {
        let points: Vec<Point> = sizes.into_iter().map(|(to, size)| point(name, to, size)).collect();
        if let Some(folder) = &folder {
            let file = folder.join(format!("{name}.svg"));
            plot::draw(&file, &Plot { name, points: &points }).expect("a file of this folder");
        }
    }
    ExitCode::SUCCESS
}

fn point(name: &str, to: u32, size: Size) -> Point {
    let (floor_ns, cost) = (floor_ns(size.rows), measure(size));
    let ratio = |ns: u64| us(ns) / us(floor_ns.max(1));
    let [unchanged_us, changed_us] = [cost.unchanged_ns, cost.changed_ns].map(us);
    let (unchanged, changed) = (ratio(cost.unchanged_ns), ratio(cost.changed_ns));
    println!(
        "| {name} | {to} | {:.1} | {unchanged_us:.1} | {unchanged:.1} | {changed_us:.0} | {changed:.1} |",
        us(floor_ns)
    );
    Point { to, unchanged_us, changed_us }
}

fn us(ns: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let us = ns as f64 / 1_000.0;
    us
}

fn axes() -> [Axis; 5] {
    let small = |count: u32| usize::try_from(count).expect("few");
    let axis = |name, counts: &[u32], size: &dyn Fn(u32) -> Size| Axis {
        name,
        sizes: counts.iter().map(|count| (*count, size(*count))).collect(),
    };
    [
        axis("venues", &[10, 30, 100, 300, 1_000], &|count| Size { venues: count.into(), ..USUAL }),
        axis("products", &[100, 300, 1_000, 3_000], &|count| Size { products: small(count), ..USUAL }),
        axis("rows", &[5, 15, 50, 100, 200], &|count| Size { rows: small(count), products: 1_000, ..USUAL }),
        axis("rules", &[0, 10, 100, 300, 1_000], &|count| Size { rules: small(count), ..USUAL }),
        axis("receivers", &[0, 1, 4, 16, 64], &|count| Size { receivers: small(count), ..USUAL }),
    ]
}
