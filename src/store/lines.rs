//! Reads the history for people and programs: the newest lines first, those that are asked for, a few at a time.
//!
//! A place in it is the time and the number of a line, so that what is written meanwhile moves nothing. Invariant: whoever
//! goes on from the last line that he was given sees each line once.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::snapshot::diff::Recorded;
use crate::store::newest::Newest;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, format};
use crate::units::{BrandId, ProductId, Timestamp, VenueId};

/// Which lines are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LinesOf {
    /// Of one brand.
    pub brand: Option<BrandId>,
    /// Of one venue.
    pub venue: Option<VenueId>,
    /// Of one product or variant.
    pub product: Option<ProductId>,
    /// From here on.
    pub since: Option<Timestamp>,
    /// Before here.
    pub until: Option<Timestamp>,
}

/// The lines of all brands.
pub(super) const OF_ALL: &str = "SELECT id, brand, venue, at_ms, subject, body FROM history INDEXED BY history_by_time
    WHERE (at_ms, id) > ($1, $2) AND (at_ms, id) < ($3, $4) AND subject <> $5
    ORDER BY at_ms DESC, id DESC LIMIT $6";
/// The lines of one venue.
pub(super) const OF_VENUE: &str =
    "SELECT id, brand, venue, at_ms, subject, body FROM history INDEXED BY history_by_venue
    WHERE brand = $7 AND venue = $8 AND (at_ms, id) > ($1, $2) AND (at_ms, id) < ($3, $4) AND subject <> $5
    ORDER BY at_ms DESC, id DESC LIMIT $6";
/// The lines of one item at one venue.
pub(super) const OF_ITEM: &str =
    "SELECT id, brand, venue, at_ms, subject, body FROM history INDEXED BY history_by_subject
    WHERE brand = $7 AND venue = $8 AND subject = $9 AND (at_ms, id) > ($1, $2) AND (at_ms, id) < ($3, $4)
        AND subject <> $5
    ORDER BY at_ms DESC, id DESC LIMIT $6";
/// The first brand behind another, by the index: `SELECT DISTINCT` would walk through every line.
pub(super) const NEXT_BRAND: &str = "SELECT MIN(brand) FROM history INDEXED BY history_by_venue WHERE brand > $1";
/// The venues of a brand, by the index.
pub(super) const VENUES: &str = "WITH RECURSIVE of_brand (venue) AS (
        SELECT MIN(venue) FROM history INDEXED BY history_by_venue WHERE brand = $1
        UNION ALL
        SELECT (SELECT MIN(venue) FROM history INDEXED BY history_by_venue WHERE brand = $1 AND venue > of_brand.venue)
        FROM of_brand WHERE venue IS NOT NULL)
    SELECT venue FROM of_brand WHERE venue IS NOT NULL";

/// Whether there is a line of a brand.
pub(super) const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM history INDEXED BY history_by_venue WHERE brand = $1)";

/// A place between two lines: the time and the number of one.
type Place = (i64, i64);

impl Store {
    /// Returns the newest lines of those that are asked for, each with its number; with `before`, those that come after that
    /// one in this order.
    ///
    /// Every statement goes straight to its lines by an index. Lines of several venues are put together from those of each, of
    /// which only the newest are read: an index for each thing that may be asked for would be written with every line.
    pub async fn newest_lines(
        &self,
        of: &LinesOf,
        before: Option<(Timestamp, i64)>,
        limit: u32,
    ) -> Result<Vec<(i64, Recorded)>, StoreError> {
        let LinesOf { brand, venue, product, since, until } = of;
        let below = until.map_or((i64::MAX, i64::MAX), |until| (until.unix_ms(), i64::MIN));
        let below = before.map_or(below, |(at, id)| below.min((at.unix_ms(), id)));
        let above = since.map_or((i64::MIN, i64::MIN), |since| (since.unix_ms(), i64::MIN));
        let is_of_all = match brand {
            _ if venue.is_some() || product.is_some() => false,
            None => true,
            Some(brand) => self.is_the_only_one(brand).await?,
        };
        if is_of_all {
            let statement = sqlx::query(OF_ALL).bind(above.0).bind(above.1).bind(below.0).bind(below.1);
            let statement = statement.bind(format::GAP_SUBJECT).bind(limit).fetch_all(&self.readers);
            return statement.await.map_err(failed("read the history"))?.iter().map(recorded).collect();
        }
        let mut newest: Newest<Place, SqliteRow> = Newest::of(limit);
        for (brand, venue) in self.places(brand.as_ref(), *venue).await? {
            let between = (newest.above().unwrap_or(above), below);
            let rows = self.lines_at((&brand, venue), *product, between, limit).await?;
            for row in rows {
                newest.take((row.get(3), row.get(0)), row);
            }
        }
        newest.into_newest_first().map(|(_, row)| recorded(&row)).collect()
    }

    /// Says whether any line is kept of a brand, watched or not.
    pub async fn has_lines_of(&self, brand: &BrandId) -> Result<bool, StoreError> {
        let row = sqlx::query(IS_THERE).bind(brand.as_str()).fetch_one(&self.readers).await;
        Ok(row.map_err(failed("look into the history"))?.get(0))
    }

    /// Says whether no line is kept of another brand.
    async fn is_the_only_one(&self, brand: &BrandId) -> Result<bool, StoreError> {
        Ok(self.brand_behind("").await?.is_none_or(|first| first == brand.as_str())
            && self.brand_behind(brand.as_str()).await?.is_none())
    }

    /// Returns the first brand behind another of which a line is kept.
    async fn brand_behind(&self, brand: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(NEXT_BRAND).bind(brand).fetch_one(&self.readers).await;
        Ok(row.map_err(failed("look into the history"))?.get(0))
    }

    /// Returns where lines are of, among all that are kept.
    async fn places(&self, brand: Option<&BrandId>, venue: Option<VenueId>) -> Result<Vec<(String, i64)>, StoreError> {
        let reading = || failed("look into the history");
        let mut brands: Vec<String> = Vec::from_iter(brand.map(BrandId::to_string));
        while brand.is_none() {
            let last = brands.last().map_or("", String::as_str);
            let Some(next) = self.brand_behind(last).await? else { break };
            brands.push(next);
        }
        let mut places = Vec::new();
        for brand in brands {
            if let Some(venue) = venue {
                places.push((brand, venue.0.cast_signed()));
                continue;
            }
            let rows = sqlx::query(VENUES).bind(&brand).fetch_all(&self.readers).await.map_err(reading())?;
            places.extend(rows.iter().map(|row| (brand.clone(), row.get(0))));
        }
        Ok(places)
    }

    async fn lines_at(
        &self,
        (brand, venue): (&str, i64),
        product: Option<ProductId>,
        (above, below): (Place, Place),
        limit: u32,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let statement = sqlx::query(if product.is_some() { OF_ITEM } else { OF_VENUE });
        let statement = statement.bind(above.0).bind(above.1).bind(below.0).bind(below.1).bind(format::GAP_SUBJECT);
        let statement = statement.bind(limit).bind(brand).bind(venue);
        let statement = match product {
            Some(product) => statement.bind(format::subject_of_item(product)),
            None => statement,
        };
        statement.fetch_all(&self.readers).await.map_err(failed("read the history"))
    }
}

fn recorded(row: &SqliteRow) -> Result<(i64, Recorded), StoreError> {
    let brand = BrandId::new(row.get(1)).map_err(|why| StoreError::unreadable("brand", &why))?;
    let (venue, at) = (VenueId(row.get::<i64, _>(2).cast_unsigned()), Timestamp::from_unix_ms(row.get(3)));
    Ok((row.get(0), Recorded { brand, venue, at, change: format::decode_change(row.get(4), row.get(5))? }))
}
