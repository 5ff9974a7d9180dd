//! The history of a venue and its items: how each stood, and the lines that say so.
//!
//! Invariant: names are those of the present catalog; what is gone from it is called by its number.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::facts::{self, NAME_LENGTH_MAX};
use crate::alerts::report::week::Stretch;
use crate::calendar::Calendar;
use crate::catalog::Venue;
use crate::http::live::{Live, LiveVenue};
use crate::http::view::timeline::{self, Known, Piece, State, Totals};
use crate::snapshot::diff::{Change, Recorded};
use crate::snapshot::{Gap, Snapshot};
use crate::store::{RowLine, Store, StoreError};
use crate::units::{BrandId, ProductId, Seconds, Timestamp, VenueId, printable};

/// For how long back time lines are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::http) enum Range {
    /// A day.
    #[default]
    Day,
    /// A week.
    Week,
    /// Thirty days.
    Month,
}

impl Range {
    /// Every range, the shortest first.
    pub(in crate::http) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Returns its word in addresses.
    pub(in crate::http) const fn word(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// Finds the range of a word.
    pub(in crate::http) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.word() == word)
    }

    /// Returns the stretch that ends now.
    pub(in crate::http) fn until(self, now: Timestamp) -> Stretch {
        let hours = match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        };
        Stretch { from: now.minus(Duration::from_hours(hours)), until: now }
    }
}

/// An item and how it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Told {
    /// The product or variant.
    pub(in crate::http) product: ProductId,
    /// Its name.
    pub(in crate::http) name: String,
    /// How it stood, piece by piece.
    pub(in crate::http) pieces: Vec<Piece>,
    /// How long it stood so.
    pub(in crate::http) totals: Totals,
}

/// Where a venue is among those that are watched.
#[derive(Clone)]
pub(in crate::http) struct Place {
    /// The brand.
    pub(in crate::http) brand: BrandId,
    /// The venue as it is.
    pub(in crate::http) venue: LiveVenue,
}

/// Finds a venue by what an address says.
pub(in crate::http) fn place(live: &Live, brand: &str, venue: u64) -> Option<Place> {
    let (brand, live) = live.brands().find(|(id, _)| id.as_str() == brand)?;
    Some(Place { brand: brand.clone(), venue: live.venue(VenueId(venue))? })
}

/// What the store knows of how the items of a venue stood.
pub(in crate::http) struct Past {
    /// When the oldest line of the venue was written, where the snapshot does not say since when it is read.
    begins: Option<Timestamp>,
    gaps: Vec<Gap>,
    lines: Vec<RowLine>,
}

/// Reads what the store knows: of one item, or of all.
pub(in crate::http) async fn past(
    store: &Store,
    place: &Place,
    product: Option<ProductId>,
    since: Timestamp,
) -> Result<Past, StoreError> {
    let Place { brand, venue: LiveVenue { snapshot, .. } } = place;
    let venue = snapshot.id();
    let begins = match snapshot.first_read_at {
        Some(_) => None,
        None => store.history_of_venue_begins(brand, venue).await?,
    };
    let gaps = store.gaps_since(brand, venue, since).await?;
    let lines = store.row_lines(brand, venue, product, since).await?;
    Ok(Past { begins, gaps, lines })
}

/// Tells how the items of a venue stood: one of them, or all that were out or low, those first that were out for longest.
///
/// It goes through each line and each gap of each item once; where there are very many, that takes a while.
pub(in crate::http) fn told(
    place: &Place,
    past: &Past,
    product: Option<ProductId>,
    calendar: &Calendar,
    span: Stretch,
) -> Vec<Told> {
    let LiveVenue { snapshot, alerts: _, limits } = &place.venue;
    let Past { begins, gaps, lines } = past;
    let known = Known::new((snapshot, *limits), (*begins, gaps), lines, span);
    let open = calendar.open_between(span.from, span.until);
    let told_of = |product: ProductId| {
        let pieces = known.pieces(product);
        let totals = timeline::totals(&pieces, open.as_deref());
        Told { product, name: facts::product_name(snapshot, product), pieces, totals }
    };
    if let Some(product) = product {
        return vec![told_of(product)];
    }
    let is_told = |it: &Told| it.totals.out + it.totals.low > Duration::ZERO;
    let mut told: Vec<Told> = known.products().map(told_of).filter(is_told).collect();
    told.sort_by_key(|it| (std::cmp::Reverse((it.totals.out, it.totals.low)), it.product));
    told
}

/// How an item stood over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct ItemTimeline {
    /// The number of the product or variant.
    pub(in crate::http) product: u64,
    /// Its name.
    pub(in crate::http) name: String,
    /// How long nothing was left, in seconds.
    pub(in crate::http) out_s: Seconds,
    /// How long little was left, in seconds.
    pub(in crate::http) low_s: Seconds,
    /// How long it was on sale, in seconds.
    pub(in crate::http) on_s: Seconds,
    /// How long nobody read the list, in seconds.
    pub(in crate::http) unknown_s: Seconds,
    /// How many times it was out.
    pub(in crate::http) stops: usize,
    /// The longest of them, in seconds.
    pub(in crate::http) longest_s: Seconds,
    /// How long it was out while the doors were open, in seconds; null where no hours are written down.
    #[schema(required)]
    pub(in crate::http) out_open_s: Option<Seconds>,
    /// How it stood, one piece after the other, without a gap.
    pub(in crate::http) pieces: Vec<TimelinePiece>,
}

/// A stretch of time in which an item stood in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct TimelinePiece {
    /// Its first instant.
    #[schema(format = DateTime)]
    pub(in crate::http) from: String,
    /// The first instant after it.
    #[schema(format = DateTime)]
    pub(in crate::http) until: String,
    /// How the item stood.
    pub(in crate::http) state: State,
}

impl ItemTimeline {
    /// Writes what is told for programs.
    pub(in crate::http) fn of(told: &Told) -> Self {
        let Told { product, name, pieces, totals } = told;
        let Totals { out, low, on, unknown, stops, longest, out_open } = *totals;
        let piece = |Piece { from, until, state }: &Piece| TimelinePiece {
            from: from.to_string(),
            until: until.to_string(),
            state: *state,
        };
        Self {
            product: product.0,
            name: name.clone(),
            out_s: Seconds(out),
            low_s: Seconds(low),
            on_s: Seconds(on),
            unknown_s: Seconds(unknown),
            stops,
            longest_s: Seconds(longest),
            out_open_s: out_open.map(Seconds),
            pieces: pieces.iter().map(piece).collect(),
        }
    }
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Change)]
pub(in crate::http) struct HistoryLine {
    /// When a reading first showed it.
    #[schema(format = DateTime)]
    pub(in crate::http) at: String,
    /// The slug of the brand.
    pub(in crate::http) brand: String,
    /// The number of the venue.
    pub(in crate::http) venue: u64,
    /// Its name.
    pub(in crate::http) venue_name: String,
    /// What changed.
    pub(in crate::http) kind: ChangeKind,
    /// The number of the product (`stop`, `product`, `price`), station or price list; the line itself has its number in the stream alone.
    pub(in crate::http) id: u64,
    /// Its name as it is known now, or its number where it is known no more.
    pub(in crate::http) name: String,
    /// What it was: of a stop `unrestricted`, `out` or `3 left`, of a station `active` or `inactive`, of a product or price its price.
    pub(in crate::http) before: String,
    /// What it is from then on.
    pub(in crate::http) after: String,
    /// Of a stop what was left to sell; null where nothing limited it.
    #[schema(required)]
    pub(in crate::http) limit_before: Option<f64>,
    /// Of a stop what is left to sell from then on; null where nothing limits it.
    #[schema(required)]
    pub(in crate::http) limit_after: Option<f64>,
    /// Of a price the number of its price list.
    #[schema(required)]
    pub(in crate::http) price_list: Option<u64>,
}

/// What a line of the history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ChangeKind {
    /// A row of a stop list.
    Stop,
    /// A product of the catalog.
    Product,
    /// A station.
    Station,
    /// A price list.
    PriceList,
    /// The price of a product in a price list.
    Price,
}

impl ChangeKind {
    /// Returns its word in the API.
    pub(in crate::http) const fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Product => "product",
            Self::Station => "station",
            Self::PriceList => "price_list",
            Self::Price => "price",
        }
    }
}

impl HistoryLine {
    /// Writes a line. The venue may be watched no more.
    pub(in crate::http) fn of(recorded: &Recorded, live: &Live) -> Self {
        let Recorded { brand, venue, at, change } = recorded;
        let watched = live.brand(brand.as_str()).and_then(|live| live.venue(*venue)).map(|live| live.snapshot);
        let snapshot = watched
            .unwrap_or_else(|| Arc::new(Snapshot::unread(Venue { id: *venue, name: String::new(), active: false })));
        let (kind, id, name) = match change {
            Change::Row { product, .. } => (ChangeKind::Stop, product.0, facts::product_name(&snapshot, *product)),
            Change::Product { id, .. } => (ChangeKind::Product, id.0, facts::product_name(&snapshot, *id)),
            Change::Station { id, .. } => (ChangeKind::Station, id.0, facts::label_of_station(&snapshot, *id)),
            Change::PriceList { id, after, before } => {
                let list = after.as_ref().or(before.as_ref());
                let name = list.map(|list| printable(&list.name, NAME_LENGTH_MAX)).unwrap_or_default();
                (ChangeKind::PriceList, id.0, name)
            }
            Change::Price { product, .. } => (ChangeKind::Price, product.0, facts::product_name(&snapshot, *product)),
        };
        let price_list = if let Change::Price { list, .. } = change { Some(list.0) } else { None };
        let limits = if let Change::Row { before, after, .. } = change { [*before, *after] } else { [None, None] };
        let [limit_before, limit_after] = limits.map(|row| row.map(|row| row.limit.as_f64()));
        let (before, after) = facts::change_values(change);
        Self {
            at: at.to_string(),
            brand: brand.to_string(),
            venue: venue.0,
            venue_name: facts::venue_name(&snapshot),
            kind,
            id,
            name,
            before: before.code(),
            after: after.code(),
            limit_before,
            limit_after,
            price_list,
        }
    }
}
