//! The history of a venue and its items: how each stood, and the lines that say so.
//!
//! Invariant: names are those of the present catalog; what is gone from it is called by its number.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::facts;
use crate::alerts::report::week::Stretch;
use crate::calendar::Calendar;
use crate::catalog::Venue;
use crate::http::live::{Live, LiveVenue};
use crate::http::view::ms;
use crate::http::view::timeline::{self, Known, Piece, State, Totals};
use crate::snapshot::Snapshot;
use crate::snapshot::diff::{Change, Recorded};
use crate::store::{Store, StoreError};
use crate::units::{BrandId, ProductId, Timestamp, VenueId};

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

/// Reads how the items of a venue stood: one of them, or all that were out or low, those first that were out for longest.
pub(in crate::http) async fn told(
    store: &Store,
    place: &Place,
    product: Option<ProductId>,
    calendar: &Calendar,
    span: Stretch,
) -> Result<Vec<Told>, StoreError> {
    let Place { brand, venue: LiveVenue { snapshot, alerts: _, limits } } = place;
    let venue = snapshot.id();
    let begins = match snapshot.first_read_at {
        Some(_) => None,
        None => store.history_of_venue_begins(brand, venue).await?,
    };
    let gaps = store.gaps_since(brand, venue, span.from).await?;
    let lines = store.row_lines(brand, venue, product, span.from).await?;
    let known = Known::new((snapshot, *limits), (begins, &gaps), &lines, span);
    let open = calendar.open_between(span.from, span.until);
    let told_of = |product: ProductId| {
        let pieces = known.pieces(product);
        let totals = timeline::totals(&pieces, open.as_deref());
        Told { product, name: facts::product_name(snapshot, product), pieces, totals }
    };
    if let Some(product) = product {
        return Ok(vec![told_of(product)]);
    }
    let mut told: Vec<Told> = known.products().map(told_of).collect();
    told.retain(|it| it.totals.out + it.totals.low > Duration::ZERO);
    told.sort_by_key(|it| (std::cmp::Reverse((it.totals.out, it.totals.low)), it.product));
    Ok(told)
}

/// How an item stood over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct ItemTimeline {
    /// The number of the product or variant.
    pub(in crate::http) product: u64,
    /// Its name.
    pub(in crate::http) name: String,
    /// How long nothing was left, in milliseconds.
    pub(in crate::http) out_ms: u64,
    /// How long little was left, in milliseconds.
    pub(in crate::http) low_ms: u64,
    /// How long it was on sale, in milliseconds.
    pub(in crate::http) on_ms: u64,
    /// How long nobody read the list, in milliseconds.
    pub(in crate::http) unknown_ms: u64,
    /// How many times it was out.
    pub(in crate::http) stops: usize,
    /// The longest of them, in milliseconds.
    pub(in crate::http) longest_ms: u64,
    /// How long it was out while the doors were open, in milliseconds; null where no hours are written down.
    #[schema(required)]
    pub(in crate::http) out_open_ms: Option<u64>,
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
            out_ms: ms(out),
            low_ms: ms(low),
            on_ms: ms(on),
            unknown_ms: ms(unknown),
            stops,
            longest_ms: ms(longest),
            out_open_ms: out_open.map(ms),
            pieces: pieces.iter().map(piece).collect(),
        }
    }
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct HistoryLine {
    /// When a reading showed it.
    #[schema(format = DateTime)]
    pub(in crate::http) at: String,
    /// The brand.
    pub(in crate::http) brand: String,
    /// The number of the venue.
    pub(in crate::http) venue: u64,
    /// Its name.
    pub(in crate::http) venue_name: String,
    /// What changed: `stop` (the row of a stop list), `product`, `station`, `price_list`, `price`.
    pub(in crate::http) kind: &'static str,
    /// The number of the product, station or price list.
    pub(in crate::http) id: u64,
    /// Its name.
    pub(in crate::http) name: String,
    /// What it was: `unrestricted`, `3 left`, `out`; for a product its price.
    pub(in crate::http) before: String,
    /// What it is from then on.
    pub(in crate::http) after: String,
}

impl HistoryLine {
    /// Writes a line. The venue may be watched no more.
    pub(in crate::http) fn of(recorded: &Recorded, live: &Live) -> Self {
        let Recorded { brand, venue, at, change } = recorded;
        let watched = live.brand(brand.as_str()).and_then(|live| live.venue(*venue)).map(|live| live.snapshot);
        let snapshot = watched.unwrap_or_else(|| {
            std::sync::Arc::new(Snapshot::unread(Venue { id: *venue, name: String::new(), active: false }))
        });
        let (kind, id, name) = match change {
            Change::Row { product, .. } => ("stop", product.0, facts::product_name(&snapshot, *product)),
            Change::Product { id, .. } => ("product", id.0, facts::product_name(&snapshot, *id)),
            Change::Station { id, .. } => ("station", id.0, facts::label_of_station(&snapshot, *id)),
            Change::PriceList { id, after, before } => {
                let list = after.as_ref().or(before.as_ref());
                ("price_list", id.0, list.map(|list| crate::units::printable(&list.name, 200)).unwrap_or_default())
            }
            Change::Price { product, .. } => ("price", product.0, facts::product_name(&snapshot, *product)),
        };
        let said = facts::of_change(change, &snapshot, *at);
        Self {
            at: at.to_string(),
            brand: brand.to_string(),
            venue: venue.0,
            venue_name: facts::venue_name(&snapshot),
            kind,
            id,
            name,
            before: said.before.code(),
            after: said.after.code(),
        }
    }
}
