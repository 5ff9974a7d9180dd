//! What an HTTP answer to a webhook means for its delivery.
//!
//! Pure. The advice of Standard Webhooks: 2xx is success, 410 ends the subscription, everything else is tried again,
//! because a receiver's 400 or 404 is far more often a mistake that is repaired within the day than a verdict.

use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::sinks::Outcome;
use crate::units::{Timestamp, printable};

/// The longest wait that a receiver may ask for: retries end after a day, and a wrong date must not silence it for ever.
const WAIT_MAX: Duration = Duration::from_hours(24);
/// Characters of the answer's body that are shown in `why`.
const EXCERPT_MAX: usize = 200;

/// The parts of an answer that matter.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `Date`, the receiver's own clock.
    pub date: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// The beginning of the body, secrets masked.
    pub excerpt: String,
}

/// Decides how the attempt ended.
pub fn outcome(host: &str, answer: &Answer, now: Timestamp) -> Outcome {
    let why = || format!("{host} answered {}{}", answer.status, shown(&answer.excerpt));
    match answer.status {
        200..=299 => Outcome::Delivered,
        410 => Outcome::Gone { why: format!("{} (410 ends the subscription)", why()) },
        300..=399 => {
            let to = printable(answer.location.as_deref().unwrap_or("nowhere"), EXCERPT_MAX);
            Outcome::later(format!(
                "{host} answered {}, a redirect to {to}; redirects are not followed, write the final address",
                answer.status
            ))
        }
        _ => {
            // A wait is relative to the receiver's clock, where it tells its own.
            let reference = answer.date.as_deref().and_then(http_date).unwrap_or(now);
            let wait_min = answer.retry_after.as_deref().and_then(|text| wait(text, reference));
            Outcome::Later { why: why(), wait_min }
        }
    }
}

fn shown(excerpt: &str) -> String {
    let words: Vec<&str> = excerpt.split_whitespace().collect();
    if words.is_empty() { String::new() } else { format!(": {}", printable(&words.join(" "), EXCERPT_MAX)) }
}

/// Reads `Retry-After`: seconds or a date (RFC 9110 section 10.2.3).
fn wait(text: &str, reference: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        http_date(text)?.since(reference)
    };
    Some(asked.min(WAIT_MAX))
}

/// Reads the three forms of a date in HTTP (RFC 9110 section 5.6.7); all of them are in UTC.
fn http_date(text: &str) -> Option<Timestamp> {
    let read = |format: &str| strtime::parse(format, text.trim()).ok()?.to_datetime().ok();
    let date = read("%a, %d %b %Y %H:%M:%S GMT")
        .or_else(|| read("%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|| read("%a %b %e %H:%M:%S %Y"))?;
    Some(Timestamp::from_unix_ms(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1;
    const HOUR: u64 = 3_600;

    fn answer(status: u16) -> Answer {
        Answer { status, retry_after: None, date: None, location: None, excerpt: String::new() }
    }

    #[test]
    fn every_status_has_its_meaning() {
        for (statuses, meaning) in [
            ("200 201 202 204 299", "Delivered"),
            ("410", "Gone"),
            ("301 302 303 307 308 304", "Later"),
            ("400 401 403 404 405 408 409 413 415 422 425 429 451", "Later"),
            ("500 501 502 503 504 599 999", "Later"),
        ] {
            for status in statuses.split(' ') {
                let outcome =
                    outcome("h.example.com", &answer(status.parse().expect(status)), Timestamp::from_unix_ms(0));
                assert!(format!("{outcome:?}").starts_with(meaning), "{status}: {outcome:?}");
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now: Timestamp = "2026-05-08T15:04:11Z".parse().expect("an instant");
        for (retry_after, date, waits) in [
            ("120", None, Some(120 * SECOND)),
            (" 0 ", None, Some(0)),
            ("Fri, 08 May 2026 16:04:11 GMT", None, Some(HOUR)),
            ("Friday, 08-May-26 16:04:11 GMT", None, Some(HOUR)),
            ("Fri May  8 16:04:11 2026", None, Some(HOUR)),
            ("Fri, 08 May 2026 14:04:11 GMT", None, Some(0)),
            // Its clock is a day ahead of ours: the difference of its own two dates counts.
            ("Sat, 09 May 2026 15:05:11 GMT", Some("Sat, 09 May 2026 15:04:11 GMT"), Some(60 * SECOND)),
            ("Sat, 09 May 2026 15:05:11 GMT", Some("not a date"), Some(24 * HOUR)),
            ("99999999999999999999999", None, Some(24 * HOUR)),
            ("Sat, 08 May 9999 14:04:11 GMT", None, Some(24 * HOUR)),
            ("-5", None, None),
            ("1.5", None, None),
            ("soon", None, None),
            ("", None, None),
            ("Fri, 99 May 2026 16:04:11 GMT", None, None),
        ] {
            for status in [429, 503] {
                let mut answer = answer(status);
                answer.retry_after = Some(retry_after.to_owned());
                answer.date = date.map(str::to_owned);
                let Outcome::Later { wait_min, .. } = outcome("h.example.com", &answer, now) else {
                    panic!("{status} is to be tried again")
                };
                assert_eq!(wait_min, waits.map(Duration::from_secs), "{retry_after:?} {date:?}");
            }
        }
    }

    #[test]
    fn the_reason_shows_the_answer_printably() {
        let mut answer = answer(500);
        answer.excerpt = format!("<h1>\r\n\u{1b}[31mOops\n\t{}", "x".repeat(500));
        let Outcome::Later { why, .. } = outcome("h.example.com", &answer, Timestamp::from_unix_ms(0)) else {
            panic!("500 is to be tried again")
        };
        assert!(why.starts_with("h.example.com answered 500: <h1>  [31mOops xxx") && why.ends_with("x…"), "{why}");
        answer.status = 302;
        answer.location = Some("https://login.example.com/".to_owned());
        let Outcome::Later { why, .. } = outcome("h.example.com", &answer, Timestamp::from_unix_ms(0)) else {
            panic!("302 is to be tried again")
        };
        assert!(why.contains("a redirect to https://login.example.com/; redirects are not followed"), "{why}");
    }
}
