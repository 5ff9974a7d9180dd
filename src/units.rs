//! The shared vocabulary of small values: identifiers, instants, amounts, secrets and places in a text.
//!
//! Nothing here reads a clock or does I/O. A bare `u64` or `String` that means one of these does not cross a module
//! (style 12). Invariant: every value printed by `Display` parses back to the same value, secrets excepted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// Names the tenant at Clopos, a short slug such as `sahil`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrandId(Arc<str>);

impl BrandId {
    /// Takes a slug of 1 to 64 characters out of `a-z A-Z 0-9 - _ .`, so that it is safe in topics and file names.
    ///
    /// # Errors
    /// Returns the reason as a sentence for people when the slug has another form.
    pub fn new(slug: &str) -> Result<Self, String> {
        let fits = !slug.is_empty()
            && slug.len() <= 64
            && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if fits {
            Ok(Self(slug.into()))
        } else {
            Err("a brand is 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' or '.'".to_owned())
        }
    }

    /// Returns the slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BrandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BrandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies a restaurant within its brand (`x-venue`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VenueId(pub u64);

/// A venue of a brand: the pair that names it everywhere outside its own brand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VenueKey {
    /// The tenant.
    pub brand: BrandId,
    /// The restaurant.
    pub venue: VenueId,
}

impl fmt::Display for VenueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.brand, self.venue)
    }
}

/// Identifies a product, a variant (`MODIFICATION`) or an ingredient within its brand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u64);

/// Identifies a station (kitchen, bar, tandir) within its venue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StationId(pub u64);

/// Identifies a menu category.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryId(pub u64);

/// Identifies a price list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceListId(pub u64);

impl fmt::Display for VenueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for VenueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "venue {}", self.0)
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "station {}", self.0)
    }
}

impl fmt::Debug for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "category {}", self.0)
    }
}

impl fmt::Debug for PriceListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "price list {}", self.0)
    }
}

/// An instant, in milliseconds since 1970-01-01 UTC. Only `clock` and answers of Clopos create one from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The largest distance from 1970 that can be shown as a date (9999-12-31 and its mirror image).
    const LIMIT_MS: i64 = 253_402_300_799_000;

    /// Takes Unix milliseconds, clamped to the years -5800 to 9999.
    pub const fn from_unix_ms(ms: i64) -> Self {
        if ms > Self::LIMIT_MS {
            Self(Self::LIMIT_MS)
        } else if ms < -Self::LIMIT_MS {
            Self(-Self::LIMIT_MS)
        } else {
            Self(ms)
        }
    }

    /// Returns Unix milliseconds.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Returns whole Unix seconds, rounded down.
    pub const fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the instant `later` after this one, never past the clamp of [`Timestamp::from_unix_ms`].
    pub fn plus(self, later: Duration) -> Self {
        let ms = i64::try_from(later.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// Returns the instant `earlier` before this one.
    pub fn minus(self, earlier: Duration) -> Self {
        let ms = i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_ms(self.0.saturating_sub(ms))
    }

    /// Returns how long ago `earlier` was at this instant; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the wall-clock time of this instant in `zone`.
    pub fn in_zone(self, zone: &Zone) -> jiff::Zoned {
        self.to_jiff().to_zoned(zone.0.clone())
    }

    /// Returns `hh:mm` in `zone`, for people.
    pub fn local_time(self, zone: &Zone) -> String {
        self.in_zone(zone).strftime("%H:%M").to_string()
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// Prints RFC 3339 in UTC with milliseconds: `2026-05-08T15:04:11.204Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    /// Reads RFC 3339.
    fn from_str(text: &str) -> Result<Self, String> {
        let at: jiff::Timestamp = text.parse().map_err(|_| format!("'{text}' is not an RFC 3339 instant"))?;
        Ok(Self::from_unix_ms(at.as_millisecond()))
    }
}

/// Time since the process started, unmoved by corrections of the wall clock: for pacing and waiting, never for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Uptime(pub Duration);

impl Uptime {
    /// Returns the moment `later` after this one.
    pub const fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// Returns how long ago `earlier` was at this moment; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A time zone by its IANA name, from the zones bundled with the binary or the system's.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Finds the zone with this name, such as `Asia/Baku`.
    ///
    /// # Errors
    /// Returns the reason as a sentence for people when no such zone is known.
    pub fn named(name: &str) -> Result<Self, String> {
        TimeZone::get(name)
            .map(Self)
            .map_err(|_| format!("no time zone is called '{name}'; write one such as Asia/Baku"))
    }

    /// Returns UTC.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Returns the IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns the time zone for date arithmetic.
    pub const fn as_jiff(&self) -> &TimeZone {
        &self.0
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A stock figure in the product's own unit (pieces, or kilograms when sold by weight); exact to a millionth.
///
/// Clopos sends `3`, `2.5`, `-1` and `"16.2000"` for it, so it may be fractional and negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Decimal places kept.
    const PLACES: u32 = 6;
    /// Nothing left.
    pub const ZERO: Self = Self(0);

    /// Takes whole units.
    pub const fn whole(units: i64) -> Self {
        Self(units.saturating_mul(1_000_000))
    }

    /// Takes millionths of a unit, the stored form.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// Returns millionths of a unit, the stored form.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Returns the sum, held at the largest value.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the nearest floating-point number of units, for templates and JSON.
    #[expect(clippy::cast_precision_loss, reason = "stock figures are far below 2^53 millionths")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1_000_000.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, Self::PLACES, 0)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_decimal(text, Self::PLACES).map(Self)
    }
}

/// An amount in the brand's currency (configuration names it, the API never does); exact to a ten-thousandth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Decimal places kept: Clopos sends cost prices as `"16.2000"`.
    const PLACES: u32 = 4;

    /// Takes ten-thousandths, the stored form.
    pub const fn from_ten_thousandths(amount: i64) -> Self {
        Self(amount)
    }

    /// Returns ten-thousandths, the stored form.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// Returns the nearest floating-point number, for templates and JSON.
    #[expect(clippy::cast_precision_loss, reason = "prices are far below 2^53 ten-thousandths")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 10_000.0
    }
}

/// Prints at least two decimals: `8.50`, `0.1250`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, Self::PLACES, 2)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_decimal(text, Self::PLACES).map(Self)
    }
}

/// A value that must not be seen: it prints as dots and is wiped from no log because it never enters one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps the secret text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text; the only way to read it, so that every use can be found by this name.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// A value together with the moment it was seen (style 17: not seen is not false).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed<T> {
    /// What was seen.
    pub value: T,
    /// When it was seen.
    pub at: Timestamp,
}

/// Replaces control and direction-changing characters by spaces, and cuts at `length_max` characters.
///
/// Names come from the POS and are hostile text: a terminal, a mail header and a log line must survive them.
pub fn printable(text: &str, length_max: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(length_max)
        .map(|c| {
            let turns_text = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns_text || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }
        })
        .collect();
    if text.chars().nth(length_max).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Reads a duration as configuration and rules write it: `20s`, `1m`, `1h30m`, `2d`, `500ms`.
///
/// # Errors
/// Returns the reason as a sentence for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("'{text}' is not a duration; write one such as 20s, 5m, 1h30m or 2d");
    let mut total_ms: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: u64 = rest[..digits].parse().map_err(|_| refuse())?;
        let unit_ms = match &rest[digits..digits + letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(refuse()),
        };
        total_ms = number.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(refuse)?;
        rest = &rest[digits + letters..];
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as [`parse_duration`] reads it, such as `1h30m`.
pub fn written_duration(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis();
    let mut written = String::new();
    for (unit, unit_ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest_ms >= unit_ms {
            written += &(rest_ms / unit_ms).to_string();
            written += unit;
            rest_ms %= unit_ms;
        }
    }
    if written.is_empty() { "0s".to_owned() } else { written }
}

/// Writes a duration for people, in its two largest units: `45 s`, `12 min`, `1 h 17 min`, `3 d 2 h`.
pub fn human_duration(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 if s % 3_600 < 60 => format!("{} h", s / 3_600),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ if s % 86_400 < 3_600 => format!("{} d", s / 86_400),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Reads a decimal number, exact to `places` and rounded half away from zero beyond; exponents are understood.
fn parse_decimal(text: &str, places: u32) -> Result<i64, String> {
    let refuse = || format!("'{}' is not a number in the range that is kept", printable(text, 40));
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| refuse())?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits || exponent.abs() > 40 {
        return Err(refuse());
    }
    let kept = i64::try_from(whole.len()).unwrap_or(i64::MAX) + i64::from(exponent) + i64::from(places);
    let mut scaled: i64 = 0;
    let mut round_up = false;
    let mut position = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if position < kept {
            scaled = scaled.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit - b'0'))).ok_or_else(refuse)?;
        } else if position == kept {
            round_up = digit >= b'5';
        }
        position += 1;
    }
    while position < kept {
        scaled = scaled.checked_mul(10).ok_or_else(refuse)?;
        position += 1;
    }
    scaled = scaled.checked_add(i64::from(round_up)).ok_or_else(refuse)?;
    Ok(if negative { -scaled } else { scaled })
}

fn write_decimal(f: &mut fmt::Formatter<'_>, scaled: i64, places: u32, places_min: usize) -> fmt::Result {
    let one = 10_u64.pow(places);
    let sign = if scaled < 0 { "-" } else { "" };
    let magnitude = scaled.unsigned_abs();
    let fraction = format!("{:0width$}", magnitude % one, width = places as usize);
    let significant = fraction.trim_end_matches('0').len();
    // Money shows two decimals or all four: `8.125` reads like a typing error on a menu.
    let shown = if significant > places_min && places_min > 0 { places as usize } else { significant.max(places_min) };
    if shown == 0 {
        write!(f, "{sign}{}", magnitude / one)
    } else {
        write!(f, "{sign}{}.{}", magnitude / one, &fraction[..shown])
    }
}

/// A length of time, for programs in seconds: a number to the millisecond, without a fraction where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(length) = self;
        match length.subsec_millis() {
            0 => to.serialize_u64(length.as_secs()),
            ms => to.serialize_f64(Duration::new(length.as_secs(), ms * 1_000_000).as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_read_as_clopos_writes_them() {
        for (text, shown) in [
            ("3", "3"),
            ("2.5", "2.5"),
            ("-1", "-1"),
            ("16.2000", "16.2"),
            ("1e3", "1000"),
            ("2.5e-1", "0.25"),
            ("0.0000005", "0.000001"),
        ] {
            assert_eq!(text.parse::<Quantity>().expect(text).to_string(), shown, "{text}");
        }
        for text in ["", "-", ".", "1,5", "abc", "1e99", "99999999999999999999", "0x10", "١"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
        assert_eq!("16.2000".parse::<Money>().expect("a price").to_string(), "16.20");
        assert_eq!("0.125".parse::<Money>().expect("a price").to_string(), "0.1250");
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, ms) in [("20s", 20_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("500ms", 500), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(written_duration(Duration::from_millis(ms)), text);
        }
        for text in ["", "20", "s", "1x", "-5s", "1h 30m", "99999999999999999999s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (s, shown) in [
            (45, "45 s"),
            (720, "12 min"),
            (4_620, "1 h 17 min"),
            (7_200, "2 h"),
            (266_400, "3 d 2 h"),
            (86_400, "1 d"),
        ] {
            assert_eq!(human_duration(Duration::from_secs(s)), shown);
        }
    }

    #[test]
    fn instants_print_rfc3339_and_local_time() {
        let at = Timestamp::from_unix_ms(1_761_202_010_781);
        assert_eq!(at.to_string(), "2025-10-23T06:46:50.781Z");
        assert_eq!(at.local_time(&Zone::named("Asia/Baku").expect("bundled")), "10:46");
        assert_eq!("2025-10-23T06:46:50.781Z".parse(), Ok(at));
    }

    #[test]
    fn hostile_names_become_printable() {
        assert_eq!(printable("Kab\u{1b}[31mab\r\nBcc:\u{202e}x", 64), "Kab [31mab  Bcc: x");
        assert_eq!(printable("abcdef", 4), "abc…");
    }

    #[test]
    fn secrets_print_as_dots() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "••• •••");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(raw in any::<i64>()) {
            let quantity = Quantity::from_millionths(raw.max(-i64::MAX));
            prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
            let money = Money::from_ten_thousandths(raw.max(-i64::MAX));
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            let at = Timestamp::from_unix_ms(raw % Timestamp::LIMIT_MS);
            prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
        }

        #[test]
        fn no_text_breaks_the_parsers(text in "\\PC*") {
            let _ = text.parse::<Quantity>();
            let _ = parse_duration(&text);
            prop_assert!(printable(&text, 8).chars().count() <= 8);
        }
    }

    #[test]
    fn lengths_are_seconds_to_the_millisecond() {
        for (length, written) in [
            (Duration::ZERO, "0"),
            (Duration::from_mins(1), "60"),
            (Duration::from_millis(692), "0.692"),
            (Duration::from_micros(2_204_999), "2.204"),
            (Duration::from_millis(86_400_001), "86400.001"),
        ] {
            assert_eq!(serde_json::to_string(&Seconds(length)).expect("a number"), written);
        }
    }
}
