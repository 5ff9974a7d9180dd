//! The shapes in which Clopos answers, and readers for single values in all the forms it sends them.
//!
//! Every field is kept as raw JSON text until it is asked for, so one odd field never fails a row, and a decimal is read
//! from its own digits (0.1 stays 0.1). Invariant: nothing here knows what a value means; `decode` does.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::units::{Timestamp, printable};

/// A value not yet read. `null` and absent are the same to us: both are `None` in an `Option` of it.
pub type Raw<'a> = &'a RawValue;

/// What every answer is wrapped in; also the error forms, with and without `success`.
#[derive(Deserialize)]
pub struct Envelope<'a> {
    /// Absent in answers of the price lists.
    #[serde(borrow)]
    pub success: Option<Raw<'a>>,
    /// The rows or the row.
    #[serde(borrow)]
    pub data: Option<Raw<'a>>,
    /// A slug or a sentence.
    #[serde(borrow)]
    pub error: Option<Raw<'a>>,
    /// A sentence.
    #[serde(borrow)]
    pub message: Option<Raw<'a>>,
    /// Rows in the whole list.
    #[serde(borrow)]
    pub total: Option<Raw<'a>>,
    /// The price lists' way of saying it.
    #[serde(borrow)]
    pub pagination: Option<Raw<'a>>,
}

/// `pagination` of the price lists.
#[derive(Deserialize)]
pub struct Pagination<'a> {
    /// Rows in the whole list.
    #[serde(borrow)]
    pub total: Option<Raw<'a>>,
    /// Pages in the whole list.
    #[serde(borrow)]
    pub total_pages: Option<Raw<'a>>,
}

/// The answer of `/auth`.
#[derive(Deserialize)]
pub struct AuthRow<'a> {
    /// The JWT.
    #[serde(borrow)]
    pub token: Option<Raw<'a>>,
    /// Seconds.
    #[serde(borrow)]
    pub expires_in: Option<Raw<'a>>,
    /// Unix seconds; a date in text in some error bodies.
    #[serde(borrow)]
    pub expires_at: Option<Raw<'a>>,
}

/// A row of the stop list.
#[derive(Deserialize)]
pub struct StopRow<'a> {
    /// Product id.
    #[serde(borrow)]
    pub id: Option<Raw<'a>>,
    /// Remaining stock.
    #[serde(borrow)]
    pub limit: Option<Raw<'a>>,
    /// Unix milliseconds.
    #[serde(borrow)]
    pub timestamp: Option<Raw<'a>>,
}

/// A product or variant; the fields that a watcher uses.
#[derive(Deserialize)]
pub struct ProductRow<'a> {
    /// Product id.
    #[serde(borrow)]
    pub id: Option<Raw<'a>>,
    /// Of a variant: its product.
    #[serde(borrow)]
    pub parent_id: Option<Raw<'a>>,
    /// Station id.
    #[serde(borrow)]
    pub station_id: Option<Raw<'a>>,
    /// Category id.
    #[serde(borrow)]
    pub category_id: Option<Raw<'a>>,
    /// `with[]=station`.
    #[serde(borrow)]
    pub station: Option<Raw<'a>>,
    /// `with[]=category`.
    #[serde(borrow)]
    pub category: Option<Raw<'a>>,
    /// `GOODS`, `DISH`, ..
    #[serde(borrow, rename = "type")]
    pub kind: Option<Raw<'a>>,
    /// Short name.
    #[serde(borrow)]
    pub name: Option<Raw<'a>>,
    /// The product's name, on a variant.
    #[serde(borrow)]
    pub parent_name: Option<Raw<'a>>,
    /// Both names.
    #[serde(borrow)]
    pub full_name: Option<Raw<'a>>,
    /// 1 active, 0 not.
    #[serde(borrow)]
    pub status: Option<Raw<'a>>,
    /// 1 hidden, 0 not.
    #[serde(borrow)]
    pub hidden: Option<Raw<'a>>,
    /// Boolean.
    #[serde(borrow)]
    pub sold_by_weight: Option<Raw<'a>>,
    /// Boolean.
    #[serde(borrow)]
    pub has_modifications: Option<Raw<'a>>,
    /// Decimal.
    #[serde(borrow)]
    pub price: Option<Raw<'a>>,
    /// Decimal, often in quotes.
    #[serde(borrow)]
    pub cost_price: Option<Raw<'a>>,
    /// Minutes.
    #[serde(borrow)]
    pub cooking_time: Option<Raw<'a>>,
    /// 0, 1 or 3.
    #[serde(borrow)]
    pub inventory_behavior: Option<Raw<'a>>,
    /// Threshold; 0 is none.
    #[serde(borrow)]
    pub low_stock: Option<Raw<'a>>,
    /// Tags.
    #[serde(borrow)]
    pub tags: Option<Raw<'a>>,
    /// Recipe, in either shape.
    #[serde(borrow)]
    pub recipe: Option<Raw<'a>>,
    /// Variants.
    #[serde(borrow)]
    pub modifications: Option<Raw<'a>>,
    /// Groups of modifiers.
    #[serde(borrow)]
    pub modificator_groups: Option<Raw<'a>>,
}

/// A recipe part: `{ingredient_id, gross}` or `{id, pivot: {gross}}`.
#[derive(Deserialize)]
pub struct RecipeRow<'a> {
    /// First shape.
    #[serde(borrow)]
    pub ingredient_id: Option<Raw<'a>>,
    /// Second shape.
    #[serde(borrow)]
    pub id: Option<Raw<'a>>,
    /// First shape.
    #[serde(borrow)]
    pub gross: Option<Raw<'a>>,
    /// Second shape.
    #[serde(borrow)]
    pub pivot: Option<Raw<'a>>,
}

/// A group of modifiers.
#[derive(Deserialize)]
pub struct GroupRow<'a> {
    /// The choices.
    #[serde(borrow)]
    pub modificators: Option<Raw<'a>>,
}

/// Anything with an id and a name, and perhaps a state: stations, price lists, venues, tags, categories, modifiers.
#[derive(Deserialize)]
pub struct NamedRow<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Option<Raw<'a>>,
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Raw<'a>>,
    /// Active or not.
    #[serde(borrow)]
    pub status: Option<Raw<'a>>,
    /// Of a station: 1 kitchen, 0 other.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Raw<'a>>,
    /// Of a station: 1 prints, 0 shows.
    #[serde(borrow)]
    pub printable: Option<Raw<'a>>,
    /// Of a modifier: the ingredient as an object with its id, or the id.
    #[serde(borrow)]
    pub ingredient: Option<Raw<'a>>,
    /// Of a modifier: the ingredient's id beside it.
    #[serde(borrow)]
    pub ingredient_id: Option<Raw<'a>>,
}

/// A price in a list.
#[derive(Deserialize)]
pub struct PriceRow<'a> {
    /// The row's own id.
    #[serde(borrow)]
    pub id: Option<Raw<'a>>,
    /// The list.
    #[serde(borrow)]
    pub list_id: Option<Raw<'a>>,
    /// The product or variant.
    #[serde(borrow)]
    pub product_id: Option<Raw<'a>>,
    /// Decimal.
    #[serde(borrow)]
    pub price: Option<Raw<'a>>,
}

/// Opens the body of an answer.
///
/// # Errors
/// Returns what came instead, with the beginning of it: an empty body, a page of HTML, a body cut off in the middle.
pub fn envelope(body: &[u8]) -> Result<Envelope<'_>, String> {
    // A byte order mark is what PHP files saved by some editors put before everything.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => Err("the body is empty".to_owned()),
        Some(b'{') => serde_json::from_slice(body).map_err(|error| {
            if error.is_eof() {
                format!("the body is cut off after {} bytes", body.len())
            } else {
                format!("the body is not JSON at column {}: {}", error.column(), excerpt(body))
            }
        }),
        Some(b'<') => Err(format!("a page of HTML: {}", excerpt(body))),
        Some(_) => Err(format!("the body is no JSON object: {}", excerpt(body))),
    }
}

/// Reads an object of known shape; `None` when it is something else.
pub fn object<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<T> {
    // Serde would fill a struct from an array by position; nothing that Clopos publishes looks so.
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

/// Reads the elements of a list; `None` when it is something else.
pub fn list(raw: Raw<'_>) -> Option<Vec<Raw<'_>>> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads an id: a whole number above 0, also in quotes or with an empty fraction.
pub fn id(raw: Raw<'_>) -> Option<u64> {
    whole(raw).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}

/// Reads a whole number, also in quotes or with an empty fraction (`3`, `"3"`, `3.0`).
pub fn whole(raw: Raw<'_>) -> Option<i64> {
    let text = scalar(raw)?;
    let (number, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !fraction.bytes().all(|digit| digit == b'0') {
        return None;
    }
    number.parse().ok()
}

/// Reads the digits of a decimal, also in quotes, for the exact types of `units` to parse.
pub fn decimal<T: std::str::FromStr>(raw: Raw<'_>) -> Option<T> {
    scalar(raw)?.trim().parse().ok()
}

/// Reads a truth: `true`, `1`, `"1"`, `"true"` and their opposites.
pub fn flag(raw: Raw<'_>) -> Option<bool> {
    match scalar(raw)?.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Reads a text, or a number as the text it is written with.
pub fn text(raw: Raw<'_>) -> Option<String> {
    scalar(raw).map(Cow::into_owned)
}

/// Reads an instant: Unix milliseconds, RFC 3339, or `YYYY-MM-DD HH:MM:SS`.
///
/// The last form carries no zone and Clopos names none; it is read as UTC. Milliseconds before 1973 are not an instant
/// but seconds or a counter by mistake, and are refused.
pub fn instant(raw: Raw<'_>) -> Option<Timestamp> {
    const SANE_MS: i64 = 100_000_000_000;
    if let Some(ms) = whole(raw) {
        return (ms >= SANE_MS).then(|| Timestamp::from_unix_ms(ms));
    }
    let text = scalar(raw)?;
    let text = text.trim();
    text.parse().or_else(|_| format!("{}Z", text.replacen(' ', "T", 1)).parse()).ok()
}

/// Shows the beginning of a value to people.
pub fn shown(raw: Option<Raw<'_>>) -> String {
    raw.map_or_else(|| "missing".to_owned(), |raw| format!("'{}'", printable(raw.get(), 40)))
}

/// Takes the first whole words of a body: a word cut in two could be half a secret, which nobody would recognise.
fn excerpt(body: &[u8]) -> String {
    const LENGTH: usize = 400;
    let mut start = String::new();
    for word in String::from_utf8_lossy(body).split_whitespace() {
        if start.len() > LENGTH {
            break;
        }
        start.push_str(word);
        start.push(' ');
    }
    start
}

fn scalar(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Money, Quantity};

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("test JSON")
    }

    #[test]
    fn numbers_are_read_from_their_own_digits() {
        let cases = [
            ("0.1", Some(100_000)),
            ("\"16.2000\"", Some(16_200_000)),
            ("-1", Some(-1_000_000)),
            ("2.5e0", Some(2_500_000)),
            ("9007199254.740993", Some(9_007_199_254_740_993)),
            ("\" 3 \"", Some(3_000_000)),
            ("\"three\"", None),
            ("true", None),
            ("null", None),
            ("{}", None),
            ("\"\"", None),
        ];
        for (json, millionths) in cases {
            assert_eq!(decimal::<Quantity>(&raw(json)).map(Quantity::millionths), millionths, "{json}");
        }
        assert_eq!(decimal::<Money>(&raw("8.1")), "8.1".parse().ok());
    }

    #[test]
    fn ids_flags_and_instants_come_in_many_forms() {
        let ids =
            [("54", Some(54)), ("\"54\"", Some(54)), ("54.0", Some(54)), ("54.5", None), ("0", None), ("-1", None)];
        for (json, wanted) in ids {
            assert_eq!(id(&raw(json)), wanted, "{json}");
        }
        let flags = [("1", Some(true)), ("\"0\"", Some(false)), ("false", Some(false)), ("2", None), ("[]", None)];
        for (json, wanted) in flags {
            assert_eq!(flag(&raw(json)), wanted, "{json}");
        }
        let instants = [
            ("1761202010781", Some("2025-10-23T06:46:50.781Z")),
            ("\"1761202010781\"", Some("2025-10-23T06:46:50.781Z")),
            ("\"2026-01-13T14:08:49.000000Z\"", Some("2026-01-13T14:08:49.000Z")),
            ("\"2026-01-13 20:04:05\"", Some("2026-01-13T20:04:05.000Z")),
            ("1761202010", None),
            ("0", None),
            ("\"yesterday\"", None),
        ];
        for (json, wanted) in instants {
            assert_eq!(instant(&raw(json)).map(|at| at.to_string()).as_deref(), wanted, "{json}");
        }
    }
}
