//! What one cycle of a brand writes, as statements.
//!
//! Few rows join the line of those who write; the many of a first start or another configuration are encoded a part at a
//! time, so that their texts are never all in memory. Invariant: a cycle is one transaction, and an order that it answers is
//! still there.

use std::collections::BTreeMap;

use crate::alerts::AlertKey;
use crate::alerts::group::{Group, GroupKey};
use crate::alerts::lifecycle::Alert;
use crate::alerts::notice::{Notice, ReceiverName};
use crate::alerts::rate::Mailed;
use crate::alerts::report::{ReportKey, Reported};
use crate::alerts::silence::{Silence, SilenceId};
use crate::engine::Commit;
use crate::snapshot::diff::Change;
use crate::snapshot::{Gap, Snapshot};
use crate::store::batch::Batch;
use crate::store::queue::Write;
use crate::store::sqlite::failed;
use crate::store::{Store, StoreError, format, history, mail, orders};
use crate::units::{BrandId, Timestamp, VenueId};

/// A cycle of more rows than this is written by itself.
const ROWS_TOGETHER_MAX: usize = 256;
/// Rows of a large cycle that are encoded at once.
const ROWS_ENCODED: usize = 64;
/// What a cycle is, for the error.
const CYCLE: &str = "store what changed";

/// One thing that a cycle writes.
#[derive(Clone, Copy)]
enum Row<'c> {
    Venue(&'c Snapshot),
    Catalog(&'c Snapshot),
    VenueGone(VenueId),
    Alert(&'c AlertKey, Option<&'c Alert>),
    Group(&'c GroupKey, Option<&'c Group>),
    Change(VenueId, &'c Change),
    Gap(VenueId, Gap),
    Readings(&'c BTreeMap<VenueId, Timestamp>),
    Notice(&'c Notice),
    Mailed(&'c ReceiverName, &'c Mailed),
    Reported(&'c ReportKey, Option<&'c Reported>),
    Silence(&'c SilenceId, Option<&'c Silence>),
}

impl Store {
    /// Writes a changed cycle, whole or not at all.
    pub async fn commit(&self, brand: &BrandId, commit: &Commit, now: Timestamp) -> Result<(), StoreError> {
        let rows: Vec<Row<'_>> = rows(commit).collect();
        // The texts of those who wait in the line are all there at once, and those of catalogs are long.
        let is_large = rows.len() > ROWS_TOGETHER_MAX || rows.iter().any(|row| matches!(row, Row::Catalog(_)));
        if !is_large {
            let (answers, batch) = (commit.answers.clone(), encoded(&rows, brand, now));
            return self.write(Write { answers, answered_at: now, batch, operation: CYCLE }).await;
        }
        let mut tx = self.begin().await?;
        orders::put_answers(&mut tx, &commit.answers, now).await?;
        for rows in rows.chunks(ROWS_ENCODED) {
            encoded(rows, brand, now).run(&mut tx, CYCLE).await?;
        }
        tx.commit().await.map_err(failed(CYCLE))
    }
}

/// Returns everything that a cycle writes, but for its answers.
fn rows(commit: &Commit) -> impl Iterator<Item = Row<'_>> {
    let stored = |snapshot: &Snapshot| commit.stored.get(&snapshot.id()).copied().unwrap_or_default();
    let venues = commit.venues.iter().flat_map(move |snapshot| {
        let stored = stored(snapshot);
        let venue = stored.snapshot.then_some(Row::Venue(snapshot));
        venue.into_iter().chain(stored.catalog.then_some(Row::Catalog(snapshot)))
    });
    let readings = (!commit.readings.is_empty()).then_some(Row::Readings(&commit.readings));
    venues
        .chain(commit.venues_gone.iter().map(|venue| Row::VenueGone(*venue)))
        .chain(commit.alerts.iter().map(|(key, alert)| Row::Alert(key, alert.as_ref())))
        .chain(commit.groups.iter().map(|(key, group)| Row::Group(key, group.as_ref())))
        .chain(commit.changes.iter().map(|(venue, change)| Row::Change(*venue, change)))
        .chain(commit.gaps.iter().map(|(venue, gap)| Row::Gap(*venue, *gap)))
        .chain(readings)
        .chain(commit.notices.iter().map(Row::Notice))
        .chain(commit.mailed.iter().map(|(receiver, mailed)| Row::Mailed(receiver, mailed)))
        .chain(commit.reported.iter().map(|(key, reported)| Row::Reported(key, reported.as_ref())))
        .chain(commit.silences.iter().map(|(id, silence)| Row::Silence(id, silence.as_ref())))
}

fn encoded(rows: &[Row<'_>], brand: &BrandId, now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        put(&mut batch, *row, brand, now);
    }
    batch
}

fn put(batch: &mut Batch, row: Row<'_>, brand: &BrandId, now: Timestamp) {
    match row {
        Row::Venue(snapshot) => put_venue(batch, brand, snapshot),
        Row::Catalog(snapshot) => put_catalog(batch, brand, snapshot),
        Row::VenueGone(venue) => forget_venue(batch, brand, venue),
        Row::Alert(key, alert) => put_alert(batch, brand, key, alert, now),
        Row::Group(key, group) => mail::put_group(batch, brand, key, group),
        Row::Change(venue, change) => {
            let (subject, body) = format::encode_change(change);
            put_history(batch, brand, venue, &subject, body, now);
        }
        Row::Gap(venue, gap) => {
            put_history(batch, brand, venue, format::GAP_SUBJECT, format::encode_gap(gap), now);
        }
        Row::Readings(readings) => history::put_readings(batch, brand, readings),
        Row::Notice(notice) => put_notice(batch, notice),
        Row::Mailed(receiver, mailed) => mail::put_mailed(batch, brand, receiver, mailed),
        Row::Reported(key, reported) => mail::put_reported(batch, brand, key, reported),
        Row::Silence(id, silence) => orders::put_silence(batch, brand, id, silence),
    }
}

fn put_venue(batch: &mut Batch, brand: &BrandId, snapshot: &Snapshot) {
    let statement = "INSERT INTO venue (brand, venue, body) VALUES (?, ?, ?) ON CONFLICT (brand, venue) DO UPDATE SET body = excluded.body";
    let values = batch.add(statement).bind(brand.as_str()).bind(snapshot.id().0.cast_signed());
    values.bind(format::encode_venue(snapshot));
}

fn put_catalog(batch: &mut Batch, brand: &BrandId, snapshot: &Snapshot) {
    let statement = "INSERT INTO catalog (brand, venue, body) VALUES (?, ?, ?) ON CONFLICT (brand, venue) DO UPDATE SET body = excluded.body";
    let values = batch.add(statement).bind(brand.as_str()).bind(snapshot.id().0.cast_signed());
    values.bind(format::encode_catalog(&snapshot.picture.catalog));
}

fn forget_venue(batch: &mut Batch, brand: &BrandId, venue: VenueId) {
    for statement in
        ["DELETE FROM venue WHERE brand = ? AND venue = ?", "DELETE FROM catalog WHERE brand = ? AND venue = ?"]
    {
        batch.add(statement).bind(brand.as_str()).bind(venue.0.cast_signed());
    }
}

fn put_alert(batch: &mut Batch, brand: &BrandId, key: &AlertKey, alert: Option<&Alert>, now: Timestamp) {
    let subject = format::encode_subject(&key.subject);
    if alert.and_then(Alert::open).is_none() {
        orders::put_past_episode(batch, brand, &subject, key, now);
    }
    let Some(alert) = alert else {
        let statement = "DELETE FROM alert WHERE brand = ? AND subject = ? AND rule = ?";
        batch.add(statement).bind(brand.as_str()).bind(subject).bind(key.rule.as_str());
        return;
    };
    let statement = "INSERT INTO alert (brand, subject, rule, body) VALUES (?, ?, ?, ?)
         ON CONFLICT (brand, subject, rule) DO UPDATE SET body = excluded.body";
    let values = batch.add(statement).bind(brand.as_str()).bind(subject).bind(key.rule.as_str());
    values.bind(format::encode_alert(alert));
}

fn put_history(batch: &mut Batch, brand: &BrandId, venue: VenueId, subject: &str, body: String, now: Timestamp) {
    let statement = "INSERT INTO history (brand, venue, at_ms, subject, body) VALUES (?, ?, ?, ?, ?)";
    let values = batch.add(statement).bind(brand.as_str()).bind(venue.0.cast_signed()).bind(now.unix_ms());
    values.bind(subject).bind(body);
}

pub(super) fn put_notice(batch: &mut Batch, notice: &Notice) {
    // The id is derived from the content: a cycle that is repeated inserts the same rows, and they are ignored.
    let statement = "INSERT INTO outbox (notice, receiver, channel, at_ms, summary, body, queued_ms, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (notice, receiver, channel) DO NOTHING";
    let (at, body) = (notice.at.unix_ms(), format::encode_content(&notice.content));
    let values = batch.add(statement).bind(notice.id.as_str()).bind(notice.receiver.as_str());
    let values = values.bind(notice.content.channel().word()).bind(at).bind(&notice.summary).bind(body);
    values.bind(at).bind(at);
}
