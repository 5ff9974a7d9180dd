//! The stored form of when venues were read: when they were last, and when nobody read one.
//!
//! The first is a row of a brand, the second a line of the history of a venue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::snapshot::Gap;
use crate::store::StoreError;
use crate::store::format::{json, parse};
use crate::units::{Timestamp, VenueId};

#[derive(Serialize, Deserialize)]
struct StoredReadings {
    v: u32,
    read_at: Vec<(u64, i64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredGap {
    kind: String,
    from: i64,
    until: i64,
}

/// What the lines of the history are called that say when nobody read a stop list.
pub const GAP_SUBJECT: &str = "list";
const GAP_KIND: &str = "unread";

/// Writes when the venues of a brand were last read.
pub fn encode_readings(readings: &BTreeMap<VenueId, Timestamp>) -> String {
    json(&StoredReadings { v: 1, read_at: readings.iter().map(|(venue, at)| (venue.0, at.unix_ms())).collect() })
}

/// Reads back when venues were last read.
pub fn decode_readings(body: &str) -> Result<BTreeMap<VenueId, Timestamp>, StoreError> {
    let stored: StoredReadings = parse("times of readings", body)?;
    Ok(stored.read_at.into_iter().map(|(venue, at)| (VenueId(venue), Timestamp::from_unix_ms(at))).collect())
}

/// Writes a line of the history that says when nobody read a stop list.
pub fn encode_gap(gap: Gap) -> String {
    let Gap { from, until } = gap;
    json(&StoredGap { kind: GAP_KIND.to_owned(), from: from.unix_ms(), until: until.unix_ms() })
}

/// Reads back when nobody read a stop list.
pub fn decode_gap(body: &str) -> Result<Gap, StoreError> {
    let StoredGap { kind, from, until } = parse("line of the history", body)?;
    if kind != GAP_KIND {
        return Err(StoreError::unreadable("line of the history", &format!("'{kind}' of a list is not one")));
    }
    Ok(Gap { from: Timestamp::from_unix_ms(from), until: Timestamp::from_unix_ms(until) })
}
