//! What somebody writes to make a silence, checked field by field.
//!
//! Knows no alert. Invariant: a silence that is taken covers something, ends within a year, and names who asked for it.

use crate::alerts::order::{SAID_LENGTH_MAX, said};
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::alerts::when;
use crate::engine::Policy;
use crate::units::{BrandId, Timestamp};

/// What is wanted, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    /// What it covers.
    pub(super) covers: Criteria,
    /// When it ends: as people write times, or as programs do.
    pub(super) until: String,
    /// Whether it ends as soon as nothing is left that it covers.
    pub(super) until_back: bool,
    /// The window in which alone it is in force.
    pub(super) during: Option<String>,
    /// Who asks for it.
    pub(super) by: String,
    /// Why.
    pub(super) reason: String,
}

/// A field, by its name in forms and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// What it covers, as a whole.
    Covers,
    /// When it ends.
    Until,
    /// Whether it ends earlier.
    UntilBack,
    /// The window.
    During,
    /// Who.
    By,
    /// Why.
    Reason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It would cover everything.
    Everything,
    /// Nobody is named.
    NoName,
    /// It is too long.
    TooLong,
    /// It is no time.
    NoTime,
    /// It is past, or further than a year away.
    NotAhead,
    /// There is no such window.
    NoWindow,
    /// Nothing is open that could be back.
    NothingOpen,
}

impl Wanted {
    /// Takes what was written, or says what is wrong with each field.
    pub(super) fn check(
        &self,
        brand: &BrandId,
        policy: &Policy,
        has_open: impl Fn(&Silence) -> bool,
        now: Timestamp,
    ) -> Result<Silence, Vec<(Field, Wrong)>> {
        let Self { covers, until, until_back, during, by, reason } = self;
        let mut wrong = Vec::new();
        if *covers == Criteria::default() {
            wrong.push((Field::Covers, Wrong::Everything));
        }
        let ends = ends_at(until, policy, now);
        wrong.extend(ends.err().map(|why| (Field::Until, why)));
        if during.as_ref().is_some_and(|window| !policy.calendars.window_names().any(|name| name == window)) {
            wrong.push((Field::During, Wrong::NoWindow));
        }
        for (field, text) in [(Field::By, by), (Field::Reason, reason)] {
            if text.trim().chars().count() > SAID_LENGTH_MAX {
                wrong.push((field, Wrong::TooLong));
            }
        }
        // What is left of control characters is no name.
        let by = said(by);
        if by.trim().is_empty() {
            wrong.push((Field::By, Wrong::NoName));
        }
        match ends {
            Ok(until) if wrong.is_empty() => {
                let (covers, during) = (covers.clone(), during.as_deref().map(Into::into));
                let (id, reason) = (SilenceId::from_stored(""), said(reason));
                let silence = Silence { id, covers, from: now, until, until_back: *until_back, during, by, reason };
                // It would be over at once.
                let is_over = silence.until_back && !has_open(&silence);
                if is_over { Err(vec![(Field::UntilBack, Wrong::NothingOpen)]) } else { Ok(silence.named(brand)) }
            }
            Ok(_) | Err(_) => Err(wrong),
        }
    }
}

fn ends_at(text: &str, policy: &Policy, now: Timestamp) -> Result<Timestamp, Wrong> {
    let text = text.trim();
    let at = text.parse().or_else(|_| when::parse(text, now, &policy.setting.zone)).map_err(|_| Wrong::NoTime)?;
    if at > now && at.since(now) <= when::LONGEST { Ok(at) } else { Err(Wrong::NotAhead) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::policy;
    use crate::units::{VenueId, Zone};

    #[test]
    fn each_field_is_checked() {
        let policy = policy(Zone::named("Asia/Baku").expect("bundled"));
        let brand = BrandId::new("sahil").expect("a slug");
        let now: Timestamp = "2026-05-08T14:00:00Z".parse().expect("an instant");
        let fits = Wanted {
            covers: Criteria { venue: Some(VenueId(1)), ..Criteria::default() },
            until: "23:00".to_owned(),
            by: " Anar\t".to_owned(),
            ..Wanted::default()
        };
        let taken = fits.check(&brand, &policy, |_| false, now).expect("it fits");
        assert_eq!((taken.by.as_str(), taken.until.to_string().as_str()), ("Anar", "2026-05-08T19:00:00.000Z"));
        let long = "ə".repeat(SAID_LENGTH_MAX + 1);
        for (wanted, expected) in [
            (Wanted { covers: Criteria::default(), ..fits.clone() }, (Field::Covers, Wrong::Everything)),
            (Wanted { until: String::new(), ..fits.clone() }, (Field::Until, Wrong::NoTime)),
            (Wanted { until: "soon".to_owned(), ..fits.clone() }, (Field::Until, Wrong::NoTime)),
            (Wanted { until: "2026-05-08T14:00:00Z".to_owned(), ..fits.clone() }, (Field::Until, Wrong::NotAhead)),
            (Wanted { until: "9000d".to_owned(), ..fits.clone() }, (Field::Until, Wrong::NotAhead)),
            (Wanted { during: Some("lunch".to_owned()), ..fits.clone() }, (Field::During, Wrong::NoWindow)),
            (Wanted { until_back: true, ..fits.clone() }, (Field::UntilBack, Wrong::NothingOpen)),
            (Wanted { by: "\u{202e} ".to_owned(), ..fits.clone() }, (Field::By, Wrong::NoName)),
            (Wanted { reason: long, ..fits.clone() }, (Field::Reason, Wrong::TooLong)),
        ] {
            assert_eq!(wanted.check(&brand, &policy, |_| false, now), Err(vec![expected]), "{wanted:?}");
        }
    }
}
