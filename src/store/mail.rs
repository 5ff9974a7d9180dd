//! Mail that waits for more of its burst, when mails went out, and which reports did: rows that the cycle of a brand writes and a start reads.
//!
//! Knows no rules of waiting. Invariant: what is written here is part of the transaction of its cycle.

use std::collections::BTreeMap;

use sqlx::{Row, Sqlite, Transaction};

use crate::alerts::group::{Group, GroupKey};
use crate::alerts::notice::ReceiverName;
use crate::alerts::rate::Mailed;
use crate::alerts::report::{ReportKey, Reported};
use crate::store::batch::Batch;
use crate::store::sqlite::failed;
use crate::store::{StoreError, format};
use crate::units::{BrandId, VenueId};

pub(super) async fn load_groups(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<BTreeMap<GroupKey, Group>, StoreError> {
    let rows = sqlx::query("SELECT receiver, venue, body FROM mail_group WHERE brand = $1").bind(brand.as_str());
    let rows = rows.fetch_all(&mut **tx).await.map_err(failed("read the waiting mail"))?;
    let mut groups = BTreeMap::new();
    for row in rows {
        let venue = row.get::<&str, _>(1).parse().ok().map(VenueId);
        let key = GroupKey { receiver: ReceiverName::new(row.get(0)), venue };
        groups.insert(key, format::decode_group(row.get(2))?);
    }
    Ok(groups)
}

pub(super) async fn load_mailed(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<BTreeMap<ReceiverName, Mailed>, StoreError> {
    let rows = sqlx::query("SELECT receiver, body FROM mailed WHERE brand = $1").bind(brand.as_str());
    let rows = rows.fetch_all(&mut **tx).await.map_err(failed("read when mails went out"))?;
    rows.iter().map(|row| Ok((ReceiverName::new(row.get(0)), format::decode_mailed(row.get(1))?))).collect()
}

pub(super) fn put_mailed(batch: &mut Batch, brand: &BrandId, receiver: &ReceiverName, mailed: &Mailed) {
    let statement = "INSERT INTO mailed (brand, receiver, body) VALUES (?, ?, ?)
         ON CONFLICT (brand, receiver) DO UPDATE SET body = excluded.body";
    batch.add(statement).bind(brand.as_str()).bind(receiver.as_str()).bind(format::encode_mailed(mailed));
}

pub(super) async fn load_reported(
    tx: &mut Transaction<'_, Sqlite>,
    brand: &BrandId,
) -> Result<BTreeMap<ReportKey, Reported>, StoreError> {
    let rows = sqlx::query("SELECT receiver, venue, kind, body FROM report WHERE brand = $1").bind(brand.as_str());
    let rows = rows.fetch_all(&mut **tx).await.map_err(failed("read which reports were sent"))?;
    let mut reported = BTreeMap::new();
    for row in rows {
        let venue = VenueId(row.get::<i64, _>(1).cast_unsigned());
        let key = ReportKey { receiver: ReceiverName::new(row.get(0)), venue, kind: format::report_kind(row.get(2))? };
        reported.insert(key, format::decode_reported(row.get(3))?);
    }
    Ok(reported)
}

pub(super) fn put_reported(batch: &mut Batch, brand: &BrandId, key: &ReportKey, reported: Option<&Reported>) {
    let ReportKey { receiver, venue, kind } = key;
    let statement = match reported {
        Some(_) => {
            "INSERT INTO report (brand, receiver, venue, kind, body) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (brand, receiver, venue, kind) DO UPDATE SET body = excluded.body"
        }
        None => "DELETE FROM report WHERE brand = ? AND receiver = ? AND venue = ? AND kind = ?",
    };
    let values = batch.add(statement).bind(brand.as_str()).bind(receiver.as_str()).bind(venue.0.cast_signed());
    let values = values.bind(kind.word());
    if let Some(reported) = reported {
        values.bind(format::encode_reported(reported));
    }
}

pub(super) fn put_group(batch: &mut Batch, brand: &BrandId, key: &GroupKey, group: Option<&Group>) {
    let venue = key.venue.map_or_else(|| "brand".to_owned(), |venue| venue.to_string());
    let statement = match group {
        Some(_) => {
            "INSERT INTO mail_group (brand, receiver, venue, body) VALUES (?, ?, ?, ?)
             ON CONFLICT (brand, receiver, venue) DO UPDATE SET body = excluded.body"
        }
        None => "DELETE FROM mail_group WHERE brand = ? AND receiver = ? AND venue = ?",
    };
    let values = batch.add(statement).bind(brand.as_str()).bind(key.receiver.as_str()).bind(venue);
    if let Some(group) = group {
        values.bind(format::encode_group(group));
    }
}
