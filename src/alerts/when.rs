//! Times as people give them, by a command or on a page: `23:00`, `2026-12-01 12:00`, `2h`.
//!
//! They are read in the zone of the configuration, and lie ahead where they name no day.

use std::time::Duration;

use jiff::civil;

use crate::units::{Timestamp, Zone, parse_duration};

/// The longest silence: whatever is to be silent for longer wants another rule.
pub const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads a time of day, which is the next such time; a day and a time; or how long from now.
pub fn parse(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
    if let Ok(span) = parse_duration(text) {
        return Ok(now.plus(span));
    }
    let local = now.in_zone(zone).datetime();
    let of_day = || {
        let time = time_of_day(text)?;
        let today = local.date().to_datetime(time);
        if today > local { Some(today) } else { Some(local.date().tomorrow().ok()?.to_datetime(time)) }
    };
    let whole = || {
        let (day, time) = text.split_once([' ', 'T'])?;
        // What stands behind a date would be left out.
        let day = day.parse::<civil::Date>().ok().filter(|_| day.len() == "2026-12-01".len())?;
        Some(day.to_datetime(time_of_day(time)?))
    };
    let at = whole().or_else(of_day).and_then(|local| local.to_zoned(zone.as_jiff().clone()).ok());
    let at = at.map(|at| Timestamp::from_unix_ms(at.timestamp().as_millisecond()));
    at.ok_or_else(|| {
        "write a time such as 23:00, a day and a time such as '2026-12-01 12:00', or a span such as 2h".to_owned()
    })
}

/// Reads `9:30`, `09:30` or `09:30:15`, and nothing beside it: a day or a zone would be left out.
fn time_of_day(text: &str) -> Option<civil::Time> {
    let (hour, rest) = text.split_once(':')?;
    let is_figures = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_time =
        is_figures(hour, 1..=2) && rest.split(':').count() <= 2 && rest.split(':').all(|part| is_figures(part, 2..=2));
    is_time.then(|| format!("{hour:0>2}:{rest}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_zone_and_lie_ahead() {
        let zone = Zone::named("Asia/Baku").expect("bundled");
        let now: Timestamp = "2026-05-08T14:00:00Z".parse().expect("an instant");
        for (text, expected) in [
            ("23:00", Some("2026-05-08T19:00:00.000Z")),
            ("18:00", Some("2026-05-09T14:00:00.000Z")),
            ("17:59", Some("2026-05-09T13:59:00.000Z")),
            ("2026-12-01 12:00", Some("2026-12-01T08:00:00.000Z")),
            ("2026-12-01T12:00", Some("2026-12-01T08:00:00.000Z")),
            ("2026-12-01T12:00:30", Some("2026-12-01T08:00:30.000Z")),
            ("9:30", Some("2026-05-09T05:30:00.000Z")),
            ("2h", Some("2026-05-08T16:00:00.000Z")),
            // A day or a zone must not be left out in silence.
            ("2026-12-01T12:00[Europe/Paris]", None),
            ("2026-12-01T12:00+01:00", None),
            ("2026-12-01T12:00 13:00", None),
            ("2026-12-01", None),
            ("12", None),
            ("2026", None),
            ("T12:00", None),
            ("12:00Z", None),
            ("soon", None),
            ("25:00", None),
            ("2026-13-01 12:00", None),
            ("", None),
        ] {
            assert_eq!(parse(text, now, &zone).ok().map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
