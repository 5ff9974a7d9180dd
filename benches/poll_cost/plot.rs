//! Draws how the cost of a poll grows.
//!
//! On a white ground, whatever is around it: pages of documents come light and dark.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// What is drawn.
pub(crate) struct Plot<'a> {
    /// What grows.
    pub(crate) name: &'a str,
    /// From the smallest on.
    pub(crate) points: &'a [Point],
}

/// One size and what a poll costs with it.
pub(crate) struct Point {
    pub(crate) to: u32,
    pub(crate) unchanged_us: f64,
    pub(crate) changed_us: f64,
}

const SIZE: (u32, u32) = (640, 320);
const CHANGED: RGBColor = RGBColor(176, 58, 46);
const UNCHANGED: RGBColor = RGBColor(31, 97, 141);

/// Writes the plot as SVG.
pub(crate) fn draw(file: &Path, plot: &Plot<'_>) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let most = plot.points.iter().map(|point| point.changed_us).fold(1.0, f64::max);
    let longest = f64::from(plot.points.iter().map(|point| point.to).max().unwrap_or(1));
    let title = format!("A poll, by {}: microseconds, without network and database", plot.name);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..longest * 1.02, 0.0..most * 1.15)?;
    chart.configure_mesh().x_desc(plot.name).y_desc("us").light_line_style(WHITE).draw()?;
    for (name, color, us) in [
        ("changed", CHANGED, (|point: &Point| point.changed_us) as fn(&Point) -> f64),
        ("unchanged", UNCHANGED, |point: &Point| point.unchanged_us),
    ] {
        let places: Vec<(f64, f64)> = plot.points.iter().map(|point| (f64::from(point.to), us(point))).collect();
        let line = LineSeries::new(places.iter().copied(), color.stroke_width(2));
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2));
        chart.draw_series(line)?.label(name).legend(key);
        chart.draw_series(places.into_iter().map(|place| Circle::new(place, 3, color.filled())))?;
    }
    let labels = SeriesLabelPosition::UpperLeft;
    chart.configure_series_labels().position(labels).background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
