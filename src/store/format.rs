//! The stored form of everything, and nothing but the form: JSON with a version, read by every later version.
//!
//! These types are a contract with databases already written (style 16); values are taken apart without `..` so that a
//! new field cannot be forgotten (style 10). Invariant: decode(encode(x)) == x, tested on random values.

mod alerts;
mod changes;
mod notices;
mod orders;
mod picture;
mod readings;
mod reports;

use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::store::StoreError;

pub use alerts::{
    decode_alert, decode_alert_key, decode_group, decode_mailed, decode_subject, encode_alert, encode_group,
    encode_mailed, encode_subject,
};
pub use changes::{STOP_BEGINS, decode_change, encode_change, subject_of_item};
pub use notices::{decode_content, encode_content};
pub use orders::{decode_order, decode_silence, encode_order, encode_silence};
pub use picture::{Catalogs, decode_catalog, decode_venue, encode_catalog, encode_venue};
pub use readings::{GAP_SUBJECT, decode_gap, decode_readings, encode_gap, encode_readings};
pub use reports::{decode_reported, encode_reported, report_kind};

fn language_of(code: &str) -> Result<Language, StoreError> {
    let unknown = || StoreError::unreadable("language", &format!("'{code}' is not one"));
    Language::of_code(code).ok_or_else(unknown)
}

fn json(stored: &impl Serialize) -> String {
    // Every map key is a field name and every number an integer, so there is nothing that JSON cannot hold.
    serde_json::to_string(stored).unwrap_or_default()
}

fn parse<'a, T: Deserialize<'a>>(what: &'static str, body: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::unreadable(what, &error.to_string()))
}
