//! Reads the history for people and programs: the newest lines first, those that are asked for, a few at a time.
//!
//! A place in it is the time and the number of a line, so that what is written meanwhile moves nothing. Invariant: whoever
//! goes on from the last line that he was given sees each line once.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::snapshot::diff::Recorded;
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

/// The lines of a stretch of time; most are of what is asked for, or few are kept in all.
const BY_TIME: &str = "SELECT id, brand, venue, at_ms, subject, body FROM history INDEXED BY history_by_time
    WHERE at_ms >= $1 AND at_ms < $2 AND (at_ms < $3 OR id < $4) AND subject <> $5
        AND ($6 IS NULL OR brand = $6) AND ($7 IS NULL OR venue = $7) AND ($8 IS NULL OR subject = $8)
    ORDER BY at_ms DESC, id DESC LIMIT $9";
/// The lines of one item at one venue.
const BY_SUBJECT: &str = "SELECT id, brand, venue, at_ms, subject, body FROM history INDEXED BY history_by_subject
    WHERE at_ms >= $1 AND at_ms < $2 AND (at_ms < $3 OR id < $4) AND subject <> $5
        AND brand = $6 AND venue = $7 AND subject = $8
    ORDER BY at_ms DESC, id DESC LIMIT $9";

impl Store {
    /// Returns the newest lines of those that are asked for, each with its number; with `before`, those that come after that
    /// one in this order.
    pub async fn newest_lines(
        &self,
        of: &LinesOf,
        before: Option<(Timestamp, i64)>,
        limit: u32,
    ) -> Result<Vec<(i64, Recorded)>, StoreError> {
        let LinesOf { brand, venue, product, since, until } = of;
        let one = brand.is_some() && venue.is_some() && product.is_some();
        let until_ms = until.map_or(i64::MAX, Timestamp::unix_ms);
        let (before_ms, before_id) = before.map_or((i64::MAX, i64::MAX), |(at, id)| (at.unix_ms(), id));
        let statement = sqlx::query(if one { BY_SUBJECT } else { BY_TIME });
        let statement = statement.bind(since.map_or(i64::MIN, Timestamp::unix_ms));
        let statement = statement.bind(until_ms.min(before_ms.saturating_add(1))).bind(before_ms).bind(before_id);
        let statement = statement.bind(format::GAP_SUBJECT).bind(brand.as_ref().map(BrandId::as_str));
        let statement = statement.bind(venue.map(|venue| venue.0.cast_signed()));
        let statement = statement.bind(product.map(format::subject_of_item)).bind(limit);
        let rows = statement.fetch_all(&self.readers).await.map_err(failed("read the history"))?;
        rows.iter().map(recorded).collect()
    }
}

fn recorded(row: &SqliteRow) -> Result<(i64, Recorded), StoreError> {
    let brand = BrandId::new(row.get(1)).map_err(|why| StoreError::unreadable("brand", &why))?;
    let (venue, at) = (VenueId(row.get::<i64, _>(2).cast_unsigned()), Timestamp::from_unix_ms(row.get(3)));
    Ok((row.get(0), Recorded { brand, venue, at, change: format::decode_change(row.get(4), row.get(5))? }))
}
