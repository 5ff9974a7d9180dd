//! How an item stood in a stretch of time: out, low, on, or unknown, since nobody read the list.
//!
//! Pure: lines of the history, gaps and the present row in, pieces out. Invariant, tested: the pieces of an item follow each
//! other from the first instant to the last without a gap or an overlap, so that their lengths add up to the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::report::week::Stretch;
use crate::board::{Standing, standing};
use crate::calendar::Span;
use crate::snapshot::{Freshness, FreshnessLimits, Gap, Snapshot, StopRow};
use crate::store::RowLine;
use crate::units::{ProductId, Quantity, Timestamp};

/// How an item stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ItemState)]
pub(in crate::http) enum State {
    /// Nothing was left.
    Out,
    /// At or below its threshold.
    Low,
    /// Without a limit, or with enough left.
    On,
    /// Nobody read the list.
    Unknown,
}

impl State {
    /// Every state, in the order in which they are listed.
    pub(in crate::http) const ALL: [Self; 4] = [Self::Out, Self::Low, Self::On, Self::Unknown];

    /// Returns its word, for programs and styles.
    pub(in crate::http) const fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Low => "low",
            Self::On => "on",
            Self::Unknown => "unknown",
        }
    }

    fn of(row: Option<&StopRow>, low_stock: Option<Quantity>) -> Self {
        match row.map(|row| standing(row, low_stock)) {
            Some(Standing::Out) => Self::Out,
            Some(Standing::Low) => Self::Low,
            Some(Standing::Limited | Standing::On) | None => Self::On,
        }
    }
}

/// A stretch of time in which an item stood in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Piece {
    /// Its first instant.
    pub(in crate::http) from: Timestamp,
    /// The first instant after it.
    pub(in crate::http) until: Timestamp,
    /// How the item stood.
    pub(in crate::http) state: State,
}

impl Piece {
    /// Returns how long it is.
    pub(in crate::http) fn length(&self) -> Duration {
        self.until.since(self.from)
    }
}

/// How long an item stood in each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::http) struct Totals {
    /// Out.
    pub(in crate::http) out: Duration,
    /// Low.
    pub(in crate::http) low: Duration,
    /// On.
    pub(in crate::http) on: Duration,
    /// Unknown.
    pub(in crate::http) unknown: Duration,
    /// How many times it was out.
    pub(in crate::http) stops: usize,
    /// The longest of them.
    pub(in crate::http) longest: Duration,
    /// How long it was out while the doors were open; `None` where no hours are written down.
    pub(in crate::http) out_open: Option<Duration>,
}

/// What is known of a venue's list over a stretch of time.
pub(in crate::http) struct Known<'a> {
    /// The venue, as it is at the end of the stretch.
    pub(in crate::http) snapshot: &'a Snapshot,
    /// The stretch; its end is now.
    pub(in crate::http) span: Stretch,
    unread: Vec<Stretch>,
    lines: BTreeMap<ProductId, Vec<&'a RowLine>>,
}

impl<'a> Known<'a> {
    /// Gathers what is known. `begins` is the oldest line of the venue, `lines` come in the order in which they were written.
    pub(in crate::http) fn new(
        (snapshot, limits): (&'a Snapshot, FreshnessLimits),
        (begins, gaps): (Option<Timestamp>, &[Gap]),
        lines: &'a [RowLine],
        span: Stretch,
    ) -> Self {
        let mut by_product: BTreeMap<ProductId, Vec<&RowLine>> = BTreeMap::new();
        for line in lines {
            by_product.entry(line.product).or_default().push(line);
        }
        let unread = unread((snapshot, limits), (begins, gaps), span);
        Self { snapshot, span, unread, lines: by_product }
    }

    /// Returns every product of which the list said something in the stretch, or says something now.
    pub(in crate::http) fn products(&self) -> impl Iterator<Item = ProductId> {
        let mut products: Vec<ProductId> =
            self.lines.keys().chain(self.snapshot.picture.rows.keys()).copied().collect();
        products.sort_unstable();
        products.dedup();
        products.into_iter()
    }

    /// Returns how an item stood, piece by piece.
    pub(in crate::http) fn pieces(&self, product: ProductId) -> Vec<Piece> {
        let low_stock = self.snapshot.picture.catalog.products.get(&product).and_then(|product| product.low_stock);
        let state = |row: Option<&StopRow>| State::of(row, low_stock);
        let lines = self.lines.get(&product).map_or(&[][..], Vec::as_slice);
        let Stretch { from, until } = self.span;
        let mut pieces = Pieces { unread: &self.unread, done: Vec::new(), at: from };
        // What was so before the first line, that line says; without any it was always as it is now.
        let present = state(self.snapshot.picture.rows.get(&product));
        let mut is = None;
        for line in lines {
            // Where two lines disagree, nobody watched in between.
            let said_before = state(line.before.as_ref());
            let before = is.is_none_or(|is| is == said_before).then_some(said_before);
            pieces.go_on(line.at.min(until), before.unwrap_or(State::Unknown));
            is = Some(state(line.after.as_ref()));
        }
        pieces.go_on(until, is.unwrap_or(present));
        pieces.done
    }
}

/// Adds the lengths up. `open` is when the doors were open, in order.
pub(in crate::http) fn totals(pieces: &[Piece], open: Option<&[Span]>) -> Totals {
    let mut totals = Totals { out_open: open.map(|_| Duration::ZERO), ..Totals::default() };
    let mut doors = open.unwrap_or_default();
    for piece in pieces {
        let length = piece.length();
        match piece.state {
            State::Out => {
                totals.out += length;
                totals.stops += 1;
                totals.longest = totals.longest.max(length);
                let within = |span: &Span| span.end.min(piece.until).since(span.start.max(piece.from));
                // What is over before this piece is over before every later one.
                while let Some((_, later)) = doors.split_first().filter(|(span, _)| span.end <= piece.from) {
                    doors = later;
                }
                let reached = doors.iter().take_while(|span| span.start < piece.until);
                totals.out_open = totals.out_open.map(|before| before + reached.map(within).sum::<Duration>());
            }
            State::Low => totals.low += length,
            State::On => totals.on += length,
            State::Unknown => totals.unknown += length,
        }
    }
    totals
}

/// Pieces that are put together from the first instant on.
struct Pieces<'a> {
    /// When nobody read the list, from the first such time on that is not over where they reach.
    unread: &'a [Stretch],
    done: Vec<Piece>,
    /// Up to where they reach.
    at: Timestamp,
}

impl Pieces<'_> {
    /// Goes on to an instant; one that lies back, of a clock that was set, is none to go to.
    fn go_on(&mut self, until: Timestamp, state: State) {
        while let Some((gap, later)) = self.unread.split_first().filter(|(gap, _)| gap.from < until) {
            if gap.until > self.at {
                self.push(gap.from, state);
                self.push(gap.until.min(until), State::Unknown);
            }
            if gap.until > until {
                break;
            }
            self.unread = later;
        }
        self.push(until, state);
    }

    fn push(&mut self, until: Timestamp, state: State) {
        if until <= self.at {
            return;
        }
        match self.done.last_mut() {
            Some(last) if last.state == state => last.until = until,
            Some(_) | None => self.done.push(Piece { from: self.at, until, state }),
        }
        self.at = until;
    }
}

/// Returns when nobody read the list, in order and apart from each other.
fn unread(
    (snapshot, limits): (&Snapshot, FreshnessLimits),
    (begins, gaps): (Option<Timestamp>, &[Gap]),
    span: Stretch,
) -> Vec<Stretch> {
    let Stretch { from, until } = span;
    let Some(read_at) = snapshot.read_at else { return vec![span] };
    // What lies ahead is of a clock that was wrong then.
    let mut unread: Vec<Stretch> =
        gaps.iter().filter(|gap| gap.until <= until).map(|gap| Stretch { from: gap.from, until: gap.until }).collect();
    let first = snapshot.first_read_at.or(begins).unwrap_or(read_at).min(read_at);
    unread.push(Stretch { from, until: first });
    // Nothing of what is unread at present is in the history yet.
    if snapshot.freshness(limits, until) != Freshness::Fresh {
        unread.push(Stretch { from: read_at, until });
    }
    unread.retain(|stretch| stretch.from < stretch.until && stretch.until > from && stretch.from < until);
    unread.sort_by_key(|stretch| stretch.from);
    let mut apart: Vec<Stretch> = Vec::with_capacity(unread.len());
    for stretch in unread {
        match apart.last_mut() {
            Some(last) if stretch.from <= last.until => last.until = last.until.max(stretch.until),
            Some(_) | None => apart.push(stretch),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::catalog::Venue;
    use crate::units::VenueId;

    const LIMITS: FreshnessLimits =
        FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    const ITEM: ProductId = ProductId(54);

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + s * 1000)
    }

    fn row(left: i64, s: i64) -> StopRow {
        StopRow { limit: Quantity::whole(left), updated_at: None, since: at(s), seen_at: at(s) }
    }

    /// A line: when, what was left before, and what was left then.
    type Line = (i64, Option<i64>, Option<i64>);

    fn lines(lines: &[Line]) -> Vec<RowLine> {
        let side = |left: Option<i64>, s: i64| left.map(|left| row(left, s));
        let line = |(number, (s, before, after)): (usize, &Line)| RowLine {
            line: i64::try_from(number).expect("few"),
            product: ITEM,
            at: at(*s),
            before: side(*before, *s),
            after: side(*after, *s),
        };
        lines.iter().enumerate().map(line).collect()
    }

    fn venue(left: Option<i64>, first_read: i64, read: i64) -> Snapshot {
        let unread = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let mut snapshot = Snapshot { first_read_at: Some(at(first_read)), read_at: Some(at(read)), ..unread };
        snapshot.picture.rows = Arc::new(left.map(|left| (ITEM, row(left, 0))).into_iter().collect());
        snapshot
    }

    fn pieces(snapshot: &Snapshot, gaps: &[(i64, i64)], of: &[Line], until: i64) -> Vec<Piece> {
        let gaps: Vec<Gap> = gaps.iter().map(|(from, until)| Gap { from: at(*from), until: at(*until) }).collect();
        let (lines, span) = (lines(of), Stretch { from: at(0), until: at(until) });
        Known::new((snapshot, LIMITS), (None, &gaps), &lines, span).pieces(ITEM)
    }

    fn told(snapshot: &Snapshot, gaps: &[(i64, i64)], of: &[Line], until: i64) -> String {
        let pieces = pieces(snapshot, gaps, of, until);
        let s = |timestamp: Timestamp| timestamp.since(at(0)).as_secs();
        let told = pieces.iter().map(|it| format!("{} {}-{}", it.state.word(), s(it.from), s(it.until)));
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_item_is_what_the_lines_say_and_unknown_while_nobody_read() {
        let (all, none): (i64, &[(i64, i64)]) = (-9, &[]);
        for (snapshot, gaps, lines, expected) in [
            (venue(None, all, 1_000), none, &[][..], "on 0-1000"),
            (venue(Some(0), all, 1_000), none, &[], "out 0-1000"),
            (venue(Some(3), all, 1_000), none, &[], "low 0-1000"),
            (venue(Some(30), all, 1_000), none, &[], "on 0-1000"),
            (venue(None, 100, 1_000), none, &[], "unknown 0-100, on 100-1000"),
            (venue(None, all, 900), none, &[], "on 0-900, unknown 900-1000"),
            (venue(None, all, 970), none, &[], "on 0-1000"),
            // A countdown is no news, its end is, and a gap hides whatever was in it.
            (
                venue(None, all, 1_000),
                &[(400, 450), (480, 520)],
                &[(100, None, Some(20)), (200, Some(20), Some(4)), (300, Some(4), Some(0)), (500, Some(0), None)],
                "on 0-200, low 200-300, out 300-400, unknown 400-450, out 450-480, unknown 480-520, on 520-1000",
            ),
            // Nobody watched between two lines that disagree.
            (
                venue(None, all, 1_000),
                none,
                &[(100, None, Some(0)), (500, None, Some(0)), (700, Some(0), None)],
                "on 0-100, unknown 100-500, out 500-700, on 700-1000",
            ),
            // A clock that was set back, and a line ahead of now.
            (
                venue(None, all, 1_000),
                none,
                &[(500, None, Some(0)), (300, Some(0), None), (2_000, None, Some(0))],
                "on 0-1000",
            ),
        ] {
            assert_eq!(told(&snapshot, gaps, lines, 1_000), expected, "{lines:?} {gaps:?}");
        }
        let unread = Snapshot { read_at: None, ..venue(Some(0), all, 0) };
        assert_eq!(told(&unread, none, &[], 1_000), "unknown 0-1000");
    }

    #[test]
    fn what_was_out_while_the_doors_were_closed_is_counted_apart() {
        let of = [(100, None, Some(0)), (400, Some(0), Some(2)), (600, Some(2), Some(0)), (650, Some(0), None)];
        let pieces = pieces(&venue(None, -9, 1_000), &[(900, 950)], &of, 1_000);
        let day = jiff::civil::date(2026, 5, 28);
        let open = [(0, 200), (300, 610)].map(|(start, end)| Span { day, start: at(start), end: at(end) });
        let s = Duration::from_secs;
        let expected = Totals {
            out: s(350),
            low: s(200),
            on: s(400),
            unknown: s(50),
            stops: 2,
            longest: s(300),
            out_open: Some(s(210)),
        };
        assert_eq!(totals(&pieces, Some(&open)), expected);
        assert_eq!(totals(&pieces, None), Totals { out_open: None, ..expected });
    }

    /// The same as `Known::pieces`, plainly: each stretch between two lines is laid against every gap.
    fn plain_pieces(known: &Known<'_>) -> Vec<Piece> {
        let state = |row: Option<&StopRow>| State::of(row, None);
        let Stretch { from, until } = known.span;
        let mut stretches = Vec::new();
        let mut is = None;
        for line in known.lines.get(&ITEM).map_or(&[][..], Vec::as_slice) {
            let before = state(line.before.as_ref());
            let is_so = is.is_none_or(|is| is == before);
            stretches.push((line.at.min(until), if is_so { before } else { State::Unknown }));
            is = Some(state(line.after.as_ref()));
        }
        stretches.push((until, is.unwrap_or_else(|| state(known.snapshot.picture.rows.get(&ITEM)))));
        let mut pieces = Pieces { unread: &[], done: Vec::new(), at: from };
        for (until, state) in stretches {
            let at = pieces.at;
            for gap in known.unread.iter().filter(|gap| gap.until > at && gap.from < until) {
                pieces.push(gap.from, state);
                pieces.push(gap.until.min(until), State::Unknown);
            }
            pieces.push(until, state);
        }
        pieces.done
    }

    proptest! {
        /// To go through lines, gaps and opening hours once is the same as to lay each against all.
        #[test]
        fn one_pass_finds_what_all_pairs_find(
            of in prop::collection::vec((-200_i64..1_400, prop::option::of(-2_i64..3), prop::option::of(-2_i64..3)), 0..30),
            gaps in prop::collection::vec((-200_i64..1_200, 0_i64..200), 0..12),
            doors in prop::collection::vec((0_i64..200, 1_i64..200), 0..9),
            present in prop::option::of(-2_i64..9), first in -300_i64..600, read in 800_i64..1_200,
        ) {
            let gaps: Vec<Gap> = gaps.iter().map(|(from, length)| Gap { from: at(*from), until: at(from + length) }).collect();
            let (snapshot, lines) = (venue(present, first, read), lines(&of));
            let known = Known::new((&snapshot, LIMITS), (None, &gaps), &lines, Stretch { from: at(0), until: at(1_000) });
            let pieces = known.pieces(ITEM);
            prop_assert_eq!(&pieces, &plain_pieces(&known));
            let (mut start, day) = (-300, jiff::civil::date(2026, 5, 28));
            let doors = doors.into_iter().map(|(closed, open)| {
                let from = start + closed;
                start = from + open;
                Span { day, start: at(from), end: at(start) }
            });
            let doors: Vec<Span> = doors.collect();
            let within = |span: &Span, piece: &Piece| span.end.min(piece.until).since(span.start.max(piece.from));
            let out = pieces.iter().filter(|piece| piece.state == State::Out);
            let plain: Duration = out.flat_map(|piece| doors.iter().map(|span| within(span, piece))).sum();
            prop_assert_eq!(totals(&pieces, Some(&doors)).out_open, Some(plain));
        }

        /// Whatever lines, gaps and readings there are, also of clocks that were set: nothing is counted twice or not at all.
        #[test]
        fn the_pieces_fill_the_stretch(
            of in prop::collection::vec((-200_i64..1_400, prop::option::of(-2_i64..9), prop::option::of(-2_i64..9)), 0..30),
            gaps in prop::collection::vec((-200_i64..1_200, 1_i64..400), 0..6),
            present in prop::option::of(-2_i64..9), first in -300_i64..1_200, read in -300_i64..1_200,
        ) {
            let gaps: Vec<(i64, i64)> = gaps.into_iter().map(|(from, length)| (from, from + length)).collect();
            let pieces = pieces(&venue(present, first, read), &gaps, &of, 1_000);
            let mut reached = at(0);
            for (n, piece) in pieces.iter().enumerate() {
                prop_assert!(piece.from == reached && piece.until > piece.from, "{pieces:?}");
                prop_assert!(n == 0 || pieces[n - 1].state != piece.state, "{pieces:?}");
                reached = piece.until;
                let is_in_gap = |(from, until): &(i64, i64)| from < until && at(*from) < piece.until && piece.from < at(*until) && at(*until) <= at(1_000);
                prop_assert!(piece.state == State::Unknown || !gaps.iter().any(is_in_gap), "{pieces:?} {gaps:?}");
            }
            prop_assert_eq!(reached, at(1_000));
            let totals = totals(&pieces, None);
            prop_assert_eq!(totals.out + totals.low + totals.on + totals.unknown, Duration::from_secs(1_000));
        }
    }
}
