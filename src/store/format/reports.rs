//! The stored form of which reports by the clock were sent.
//!
//! Business days are dates as people write them, so that a look into the database says which.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::alerts::report::{ReportKind, Reported};
use crate::store::StoreError;
use crate::store::format::{json, parse};
use crate::units::Timestamp;

#[derive(Serialize, Deserialize)]
struct StoredReported {
    v: u32,
    since: i64,
    days: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missed: Vec<String>,
}

/// Writes which reports are no longer due.
pub fn encode_reported(reported: &Reported) -> String {
    let Reported { since, days, missed } = reported;
    let texts = |days: &[Date]| days.iter().map(Date::to_string).collect();
    json(&StoredReported { v: 1, since: since.unix_ms(), days: texts(days), missed: texts(missed) })
}

/// Reads back which reports are no longer due.
pub fn decode_reported(body: &str) -> Result<Reported, StoreError> {
    let stored: StoredReported = parse("reports that were sent", body)?;
    let day = |text: &String| {
        text.parse::<Date>().map_err(|_| StoreError::unreadable("day of a report", &format!("'{text}' is none")))
    };
    let days = |texts: &[String]| texts.iter().map(day).collect::<Result<Vec<_>, _>>();
    let (days, missed) = (days(&stored.days)?, days(&stored.missed)?);
    Ok(Reported { since: Timestamp::from_unix_ms(stored.since), days, missed })
}

/// Reads the kind of a report back.
pub fn report_kind(word: &str) -> Result<ReportKind, StoreError> {
    let unknown = || StoreError::unreadable("kind of report", &format!("'{word}' is not one"));
    ReportKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(unknown)
}
