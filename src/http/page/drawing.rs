//! Draws time lines: a row for each item, time from left to right, the hours in which the doors are open behind it.
//!
//! How an item stood is told by the height of its piece as much as by its colour, and everything that is drawn stands in a
//! table beside. Colours are those of a light page; `page.css` replaces each by the one of the reader's scheme. Invariant:
//! what is drawn has attributes alone, as the policy of pages allows no styles in it.

use plotters::prelude::{IntoDrawingArea, PathElement, Rectangle, SVGBackend, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

use crate::alerts::report::week::Stretch;
use crate::calendar::Span;
use crate::http::view::timeline::{Piece, State};
use crate::units::{Timestamp, printable};

const TEXT: RGBColor = RGBColor(0x16, 0x18, 0x1B);
const QUIET: RGBColor = RGBColor(0x5A, 0x60, 0x68);
const LINE: RGBColor = RGBColor(0xC9, 0xCE, 0xD4);
const OPEN: RGBColor = RGBColor(0xE2, 0xE5, 0xE9);
const OUT: RGBColor = RGBColor(0xB3, 0x13, 0x1F);
const LOW: RGBColor = RGBColor(0xFF, 0xB3, 0x00);
const ON: RGBColor = RGBColor(0x1A, 0x6B, 0x34);
/// Height of a full piece.
const BAR: i32 = 18;
/// Height of the times below.
const AXIS: i32 = 26;
/// The stripes of what is unknown are so far apart.
const STRIPE: usize = 5;
/// A piece that is shorter than this is drawn as wide as this, so that it is seen.
const PIECE_WIDTH_MIN: i32 = 2;

/// For which screens a drawing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Names stand before their rows.
    Wide,
    /// Names stand above their rows.
    Narrow,
}

impl Width {
    const fn pixels(self) -> i32 {
        match self {
            Self::Wide => 1_000,
            Self::Narrow => 360,
        }
    }

    const fn names(self) -> i32 {
        match self {
            Self::Wide => 230,
            Self::Narrow => 0,
        }
    }

    const fn row(self) -> i32 {
        match self {
            Self::Wide => BAR + 10,
            Self::Narrow => BAR + 28,
        }
    }

    const fn name_length_max(self) -> usize {
        match self {
            Self::Wide => 30,
            Self::Narrow => 44,
        }
    }
}

/// What is drawn.
pub(super) struct Drawing<'a> {
    /// From when to when.
    pub(super) span: Stretch,
    /// When the doors are open.
    pub(super) open: &'a [Span],
    /// Where business days begin.
    pub(super) days: &'a [Timestamp],
    /// Where a time is written, and what.
    pub(super) ticks: &'a [(Timestamp, String)],
    /// The items: a name, or none where the page itself says it, and how it stood.
    pub(super) rows: Vec<(String, &'a [Piece])>,
}

/// A drawing, to be put between the tags of an `svg` of this size.
pub(super) struct Drawn {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) inside: String,
}

impl Drawing<'_> {
    /// Draws it.
    pub(super) fn draw(&self, width: Width) -> Drawn {
        let rows = i32::try_from(self.rows.len()).unwrap_or(i32::MAX / 100);
        let (pixels, height) = (width.pixels(), rows * width.row() + AXIS + 4);
        let mut svg = String::new();
        let size = (pixels.unsigned_abs(), height.unsigned_abs());
        // Only a backend that writes to a file can fail.
        let _ = self.draw_on(&SVGBackend::with_string(&mut svg, size).into_drawing_area(), width, height);
        let inside = svg.split_once('>').map_or("", |(_, inside)| inside).trim_end();
        let inside = inside.strip_suffix("</svg>").unwrap_or(inside).to_owned();
        Drawn { width: pixels, height, inside }
    }

    fn draw_on(
        &self,
        area: &plotters::prelude::DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        width: Width,
        height: i32,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let x = |at: Timestamp| self.x(at, width);
        let bottom = height - AXIS;
        for span in self.open {
            area.draw(&Rectangle::new([(x(span.start), 0), (x(span.end), bottom)], OPEN.filled()))?;
        }
        for day in self.days {
            area.draw(&PathElement::new([(x(*day), 0), (x(*day), bottom + 4)], QUIET.stroke_width(1)))?;
        }
        for (n, (name, pieces)) in self.rows.iter().enumerate() {
            let top = i32::try_from(n).unwrap_or(0) * width.row();
            let (base, text) = match width {
                Width::Wide => (top + BAR + 5, (0, top + 9)),
                Width::Narrow => (top + BAR + 22, (0, top + 4)),
            };
            let name = printable(name, width.name_length_max());
            area.draw(&Text::new(name, text, style(14, TEXT, HPos::Left)))?;
            for piece in *pieces {
                self.draw_piece(area, piece, width, base)?;
            }
        }
        area.draw(&PathElement::new([(width.names(), bottom), (width.pixels(), bottom)], LINE.stroke_width(1)))?;
        for (at, label) in self.ticks {
            area.draw(&PathElement::new([(x(*at), bottom), (x(*at), bottom + 5)], QUIET.stroke_width(1)))?;
            let half = i32::try_from(label.chars().count()).unwrap_or(0) * 4;
            let middle = x(*at).clamp(width.names() + half, width.pixels() - half);
            area.draw(&Text::new(label.clone(), (middle, bottom + 8), style(13, QUIET, HPos::Center)))?;
        }
        area.present()?;
        Ok(())
    }

    fn draw_piece(
        &self,
        area: &plotters::prelude::DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        piece: &Piece,
        width: Width,
        base: i32,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (from, until) = (self.x(piece.from, width), self.x(piece.until, width));
        let until = until.max(from + PIECE_WIDTH_MIN);
        match piece.state {
            State::Out => area.draw(&Rectangle::new([(from, base - BAR), (until, base)], OUT.filled()))?,
            State::Low => area.draw(&Rectangle::new([(from, base - BAR / 2), (until, base)], LOW.filled()))?,
            State::On => area.draw(&PathElement::new([(from, base - 1), (until, base - 1)], ON.stroke_width(2)))?,
            State::Unknown => {
                let edges = (from..until).step_by(STRIPE).chain([until]);
                let stripes = edges.enumerate().map(|(n, x)| (x, if n % 2 == 0 { base } else { base - BAR * 2 / 3 }));
                area.draw(&PathElement::new(stripes.collect::<Vec<_>>(), QUIET.stroke_width(1)))?;
            }
        }
        Ok(())
    }

    fn x(&self, at: Timestamp, width: Width) -> i32 {
        let Stretch { from, until } = self.span;
        let whole = until.since(from).as_millis().max(1);
        let (names, pixels) = (width.names(), width.pixels());
        let room = u128::try_from(pixels - names).unwrap_or(0);
        let part = at.min(until).since(from).as_millis() * room / whole;
        names + i32::try_from(part).unwrap_or(0)
    }
}

fn style(size: u32, color: RGBColor, across: HPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(across, VPos::Top));
    style.color = color.to_backend_color();
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + s * 1000)
    }

    fn piece(from: i64, until: i64, state: State) -> Piece {
        Piece { from: at(from), until: at(until), state }
    }

    #[test]
    fn each_piece_is_drawn_where_and_as_high_as_it_is() {
        let pieces = [
            piece(0, 250, State::On),
            piece(250, 500, State::Out),
            piece(500, 750, State::Low),
            piece(750, 1_000, State::Unknown),
        ];
        let name = "<script>alert('Plov & \"Co\"')</script>".to_owned();
        let span = Stretch { from: at(0), until: at(1_000) };
        let ticks = [(at(500), "18:00".to_owned())];
        let drawing = Drawing { span, open: &[], days: &[], ticks: &ticks, rows: vec![(name, &pieces)] };
        let Drawn { width, height, inside } = drawing.draw(Width::Narrow);
        assert_eq!((width, height), (360, 76));
        let drawn: Vec<&str> =
            inside.lines().filter(|line| line.starts_with("<rect") || line.starts_with("<poly")).collect();
        insta::assert_snapshot!(drawn.join("\n"), @r##"
        <polyline fill="none" opacity="1" stroke="#1A6B34" stroke-width="2" points="0,39 90,39 "/>
        <rect x="90" y="22" width="90" height="18" opacity="1" fill="#B3131F" stroke="none"/>
        <rect x="180" y="31" width="90" height="9" opacity="1" fill="#FFB300" stroke="none"/>
        <polyline fill="none" opacity="1" stroke="#5A6068" stroke-width="1" points="270,40 275,28 280,40 285,28 290,40 295,28 300,40 305,28 310,40 315,28 320,40 325,28 330,40 335,28 340,40 345,28 350,40 355,28 360,40 "/>
        <polyline fill="none" opacity="1" stroke="#C9CED4" stroke-width="1" points="0,50 360,50 "/>
        <polyline fill="none" opacity="1" stroke="#5A6068" stroke-width="1" points="180,50 180,55 "/>
        "##);
        assert!(inside.contains("&lt;script&gt;") && !inside.contains("<script"), "{inside}");
        assert!(!inside.contains("style="), "{inside}");
    }

    #[test]
    fn what_is_short_is_seen() {
        let pieces = [piece(0, 1, State::Out), piece(1, 1_000_000, State::On)];
        let span = Stretch { from: at(0), until: at(1_000_000) };
        let drawing = Drawing { span, open: &[], days: &[], ticks: &[], rows: vec![(String::new(), &pieces)] };
        assert!(drawing.draw(Width::Narrow).inside.contains("width=\"2\""));
    }
}
