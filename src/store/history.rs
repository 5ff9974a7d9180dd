//! Reads the history back, a page at a time, beside the service that writes it; and when venues were last read.
//!
//! Lines are only ever added at the end and pruned at the beginning, so that pages need no transaction around them.
//! Invariant: a page comes in the order asked for, and no line twice.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::alerts::report::week::{History, Stretch, Turn};
use crate::snapshot::diff::{Change, Recorded};
use crate::snapshot::{Gap, StopRow};
use crate::store::batch::Batch;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, format};
use crate::units::{BrandId, ProductId, Timestamp, VenueId};

/// Lines of one page: a few megabytes, and a few milliseconds of a reader.
pub const PAGE_LINES: u32 = 4_000;

/// A stretch of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySpan {
    /// The number of its first line.
    pub first: i64,
    /// The number of its last line.
    pub last: i64,
    /// How many lines it has.
    pub lines: u64,
}

/// In which order lines are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    OldestFirst,
    /// As they are taken back.
    NewestFirst,
}

/// When the oldest line of a venue was written.
pub(super) const BEGINS: &str =
    "SELECT MIN(at_ms) FROM history INDEXED BY history_by_venue WHERE brand = $1 AND venue = $2";
/// The newest lines of a venue's stop list from an instant on; `$4` is what their bodies begin with.
pub(super) const STOPS: &str = "SELECT id, at_ms, subject, body FROM history INDEXED BY history_by_venue
    WHERE brand = $1 AND venue = $2 AND at_ms >= $3 AND substr(body, 1, length($4)) = $4
    ORDER BY at_ms DESC, id DESC LIMIT $5";
/// The newest lines of one item's row from an instant on.
pub(super) const STOPS_OF_ITEM: &str = "SELECT id, at_ms, subject, body FROM history INDEXED BY history_by_subject
    WHERE brand = $1 AND venue = $2 AND subject = $6 AND at_ms >= $3 AND substr(body, 1, length($4)) = $4
    ORDER BY at_ms DESC, id DESC LIMIT $5";

/// When nobody read a venue, of what ended from an instant on.
pub(super) const GAPS: &str = "SELECT body FROM history INDEXED BY history_by_subject
    WHERE brand = $1 AND venue = $2 AND subject = $3 AND at_ms >= $4 ORDER BY at_ms, id";

/// A line of the history about the row of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLine {
    /// The number of the line.
    pub line: i64,
    /// The product or variant.
    pub product: ProductId,
    /// When a reading showed it.
    pub at: Timestamp,
    /// The row before.
    pub before: Option<StopRow>,
    /// The row from then on.
    pub after: Option<StopRow>,
}

fn row_line(row: &SqliteRow) -> Result<Option<RowLine>, StoreError> {
    let (line, at) = (row.get(0), Timestamp::from_unix_ms(row.get(1)));
    Ok(match format::decode_change(row.get(2), row.get(3))? {
        Change::Row { product, before, after } => Some(RowLine { line, product, at, before, after }),
        Change::Product { .. } | Change::Station { .. } | Change::PriceList { .. } | Change::Price { .. } => None,
    })
}

impl Store {
    /// Returns what the history holds of a venue's stop list: what ran out and came back from `since` on, when nobody read
    /// it, and by when the venue was watched.
    pub async fn history_of(&self, brand: &BrandId, venue: VenueId, since: Timestamp) -> Result<History, StoreError> {
        let begins = self.history_of_venue_begins(brand, venue).await?;
        let gaps = self.gaps_since(brand, venue, since).await?;
        let most = i64::try_from(History::LINES_MAX).unwrap_or(i64::MAX);
        let (mut lines, mut turns) = (0, Vec::new());
        let statement = sqlx::query(STOPS).bind(brand.as_str()).bind(venue.0.cast_signed());
        let statement = statement.bind(since.unix_ms()).bind(format::STOP_BEGINS);
        let mut rows = statement.bind(most.saturating_add(1)).fetch(&self.readers);
        while let Some(row) = rows.try_next().await.map_err(failed("read the history of a venue"))? {
            lines += 1;
            if let Some(RowLine { line, product, at, before, after }) = row_line(&row)? {
                turns.extend(Turn::of(product, at, before.as_ref(), after.as_ref()).map(|turn| (line, turn)));
            }
        }
        turns.sort_by_key(|(line, _): &(i64, Turn)| *line);
        Ok(History {
            begins,
            turns: turns.into_iter().map(|(_, turn)| turn).collect(),
            unread: gaps.into_iter().map(|Gap { from, until }| Stretch { from, until }).collect(),
            is_cut: lines > History::LINES_MAX,
        })
    }

    /// Returns the lines of a venue's stop list from `since` on, of one product or of all, in the order in which they were
    /// written. More than [`History::LINES_MAX`] are refused: what is left out of them would be drawn as if nothing had been.
    pub async fn row_lines(
        &self,
        brand: &BrandId,
        venue: VenueId,
        product: Option<ProductId>,
        since: Timestamp,
    ) -> Result<Vec<RowLine>, StoreError> {
        let most = i64::try_from(History::LINES_MAX).unwrap_or(i64::MAX);
        let statement = sqlx::query(if product.is_some() { STOPS_OF_ITEM } else { STOPS });
        let statement = statement.bind(brand.as_str()).bind(venue.0.cast_signed());
        let statement = statement.bind(since.unix_ms()).bind(format::STOP_BEGINS).bind(most.saturating_add(1));
        let statement = match product {
            Some(product) => statement.bind(format::subject_of_item(product)),
            None => statement,
        };
        let mut lines = Vec::new();
        let mut rows = statement.fetch(&self.readers);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(failed("read the history of a venue"))? {
            count += 1;
            if count > History::LINES_MAX {
                return Err(StoreError::TooMuch { most: History::LINES_MAX });
            }
            lines.extend(row_line(&row)?);
        }
        lines.sort_by_key(|line: &RowLine| line.line);
        Ok(lines)
    }

    /// Returns when the oldest line of a venue was written that is kept.
    pub async fn history_of_venue_begins(
        &self,
        brand: &BrandId,
        venue: VenueId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let statement = sqlx::query(BEGINS).bind(brand.as_str()).bind(venue.0.cast_signed());
        let row = statement.fetch_one(&self.readers).await.map_err(failed("look into the history of a venue"))?;
        Ok(row.get::<Option<i64>, _>(0).map(Timestamp::from_unix_ms))
    }

    /// Returns the stretch of the history that holds all of what was recorded from `since` on; `None` for nothing.
    pub async fn history_since(&self, since: Timestamp) -> Result<Option<HistorySpan>, StoreError> {
        let row = sqlx::query("SELECT MIN(id), MAX(id), COUNT(*) FROM history WHERE at_ms >= $1 AND subject <> $2")
            .bind(since.unix_ms())
            .bind(format::GAP_SUBJECT)
            .fetch_one(&self.readers)
            .await
            .map_err(failed("look into the history"))?;
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        let lines = row.get::<i64, _>(2).cast_unsigned();
        Ok(first.zip(last).map(|(first, last)| HistorySpan { first, last, lines }))
    }

    /// Returns the numbers of the oldest and the newest line that is kept; `None` when there is none.
    pub async fn history_numbers(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let row = sqlx::query("SELECT MIN(id), MAX(id) FROM history").fetch_one(&self.readers).await;
        let row = row.map_err(failed("look into the history"))?;
        let (oldest, newest): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        Ok(oldest.zip(newest))
    }

    /// Returns when the oldest change was recorded that is still kept.
    pub async fn history_begins(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT MIN(at_ms) FROM history WHERE subject <> $1")
            .bind(format::GAP_SUBJECT)
            .fetch_one(&self.readers)
            .await;
        let oldest: Option<i64> = row.map_err(failed("look into the history"))?.get(0);
        Ok(oldest.map(Timestamp::from_unix_ms))
    }

    /// Returns when nobody read the stop list of a venue, of the gaps that ended from `since` on, oldest first.
    pub async fn gaps_since(&self, brand: &BrandId, venue: VenueId, since: Timestamp) -> Result<Vec<Gap>, StoreError> {
        let rows = sqlx::query(GAPS).bind(brand.as_str()).bind(venue.0.cast_signed()).bind(format::GAP_SUBJECT);
        let rows = rows.bind(since.unix_ms()).fetch_all(&self.readers).await.map_err(failed("read the history"))?;
        rows.iter().map(|row| format::decode_gap(row.get(0))).collect()
    }

    /// Returns the first lines of a stretch in this order, with their numbers, at most so many; none when it is empty.
    pub async fn history_page(
        &self,
        lines: RangeInclusive<i64>,
        order: Order,
        most: u32,
    ) -> Result<Vec<(i64, Recorded)>, StoreError> {
        let statement = match order {
            Order::OldestFirst => {
                "SELECT id, brand, venue, at_ms, subject, body FROM history
                 WHERE id BETWEEN $1 AND $2 AND subject <> $4 ORDER BY id LIMIT $3"
            }
            Order::NewestFirst => {
                "SELECT id, brand, venue, at_ms, subject, body FROM history
                 WHERE id BETWEEN $1 AND $2 AND subject <> $4 ORDER BY id DESC LIMIT $3"
            }
        };
        let statement = sqlx::query(statement).bind(*lines.start()).bind(*lines.end()).bind(most);
        let statement = statement.bind(format::GAP_SUBJECT);
        let rows = statement.fetch_all(&self.readers).await.map_err(failed("read the history"))?;
        let mut page: Vec<(i64, Recorded)> = Vec::with_capacity(rows.len());
        for row in rows {
            let brand: &str = row.get(1);
            // Most lines are of the brand of the line before.
            let brand = match page.last() {
                Some((_, before)) if before.brand.as_str() == brand => before.brand.clone(),
                Some(_) | None => BrandId::new(brand).map_err(|why| StoreError::unreadable("brand", &why))?,
            };
            let change = format::decode_change(row.get(4), row.get(5))?;
            let (venue, at) = (VenueId(row.get::<i64, _>(2).cast_unsigned()), Timestamp::from_unix_ms(row.get(3)));
            page.push((row.get(0), Recorded { brand, venue, at, change }));
        }
        Ok(page)
    }
}

pub(super) fn put_readings(batch: &mut Batch, brand: &BrandId, readings: &BTreeMap<VenueId, Timestamp>) {
    let statement =
        "INSERT INTO reading (brand, body) VALUES (?, ?) ON CONFLICT (brand) DO UPDATE SET body = excluded.body";
    batch.add(statement).bind(brand.as_str()).bind(format::encode_readings(readings));
}

pub(super) async fn load_readings(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<Option<BTreeMap<VenueId, Timestamp>>, StoreError> {
    let row = sqlx::query("SELECT body FROM reading WHERE brand = $1").bind(brand.as_str());
    let row = row.fetch_optional(&mut **tx).await.map_err(failed("read when venues were read"))?;
    row.map(|row| format::decode_readings(row.get(0))).transpose()
}
