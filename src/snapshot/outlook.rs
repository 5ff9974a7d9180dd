//! What the countdowns of a venue foretell at one moment: the one look-up for rules, messages and replays.
//!
//! Joins what is remembered of an item with its row, the hours of the venue and the time of the last reading. Invariant: whoever
//! asks about the same snapshot, calendar and time is told the same.

use std::cell::Cell;
use std::sync::Arc;

use crate::calendar::{Calendar, Span};
use crate::snapshot::pace::{self, Forecast, Paces, Silent};
use crate::snapshot::{Rows, Snapshot};
use crate::units::{ProductId, Timestamp};

/// What is foretold of an item, or why nothing is; `Err(None)` when it has no row on the stop list.
pub type Foretold = Result<Forecast, Option<Silent>>;

/// The countdowns of a venue, ready to be asked.
#[derive(Clone, Debug)]
pub struct Outlook {
    rows: Arc<Rows>,
    paces: Arc<Paces>,
    as_of: Timestamp,
    /// When the doors were open lately.
    open: Option<Vec<Span>>,
    /// The last answer: a rule asks for several fields of an item.
    last: Cell<Option<(ProductId, Foretold)>>,
}

impl Snapshot {
    /// Returns the instant of which something is said of items: that of the last reading, since nobody knows what was so
    /// after it.
    pub fn items_as_of(&self, now: Timestamp) -> Timestamp {
        self.read_at.unwrap_or(now).min(now)
    }
}

impl Outlook {
    /// Looks at a venue and its hours.
    pub fn new(snapshot: &Snapshot, calendar: &Calendar, now: Timestamp) -> Self {
        let as_of = snapshot.items_as_of(now);
        let (rows, paces) = (Arc::clone(&snapshot.picture.rows), Arc::clone(&snapshot.paces));
        Self { rows, paces, as_of, open: calendar.selling_spans(as_of), last: Cell::new(None) }
    }

    /// Returns the instant of which it speaks, from which on what is foretold is counted.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Returns what is foretold of an item.
    ///
    /// # Errors
    /// Says why nothing is.
    pub fn of(&self, id: ProductId) -> Foretold {
        if let Some((_, answer)) = self.last.get().filter(|(asked, _)| *asked == id) {
            return answer;
        }
        let answer = self.of_later(id, self.as_of);
        self.last.set(Some((id, answer)));
        answer
    }

    /// Returns what will be foretold of an item later, if no row changes until then and the doors stay as they are.
    ///
    /// # Errors
    /// Says why nothing will be.
    pub fn of_later(&self, id: ProductId, at: Timestamp) -> Foretold {
        let row = self.rows.get(&id).ok_or(None)?;
        pace::forecast(self.paces.get(&id), row, self.open.as_deref(), at).map_err(Some)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::catalog::Venue;
    use crate::snapshot::StopRow;
    use crate::snapshot::pace::{Batch, Pace};
    use crate::units::{Quantity, VenueId, Zone};

    fn at(text: &str) -> Timestamp {
        format!("2026-05-08T{text}:00Z").parse().expect("an instant")
    }

    /// One dish that sold six an hour until 14:00, one that is out, and one that was never seen to sell; read at 14:00.
    fn venue() -> Snapshot {
        let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let row = |limit| {
            let since = at("13:00");
            StopRow { limit: Quantity::whole(limit), updated_at: None, since, seen_at: since }
        };
        snapshot.picture.rows = Arc::new([(54, 9), (332, 0), (7, 5)].map(|(id, it)| (ProductId(id), row(it))).into());
        let sold = |text| Batch { from: at(text), until: at(text), sold: Quantity::whole(1), steps: 1 };
        let batches = ["13:10", "13:20", "13:30", "13:40", "13:50", "14:00"].map(sold).into();
        let pace = Pace { since: at("13:00"), batches, pauses: Vec::new() };
        snapshot.paces = Arc::new([(ProductId(54), pace)].into());
        Snapshot { read_at: Some(at("14:00")), ..snapshot }
    }

    #[test]
    fn it_speaks_of_the_last_reading_and_says_the_same_again() {
        let hours = |text| Schedule::daily(&[ClockSpan::parse(text).expect("a span")]);
        let plain = Calendar::plain(Zone::utc(), time(4, 0, 0, 0));
        for (hours, now, sells) in [
            (None, "14:00", Ok(6)),
            (None, "14:05", Ok(6)),
            // A clock that was set back: the reading lies ahead.
            (None, "13:30", Err(Some(Silent::ClockSetBack))),
            (Some(hours("10:00-23:00")), "14:05", Ok(6)),
            (Some(hours("00:00-24:00")), "14:05", Ok(6)),
            // They closed after the reading.
            (Some(hours("10:00-14:02")), "14:05", Ok(6)),
            (Some(hours("10:00-14:00")), "14:05", Err(Some(Silent::DoorsClosed))),
        ] {
            let (snapshot, calendar) = (venue(), plain.clone().with_hours(hours, None));
            let outlook = Outlook::new(&snapshot, &calendar, at(now));
            // In turns, so that no answer is that of another item.
            for _ in 0..2 {
                let steps = outlook.of(ProductId(54)).map(|said| said.steps);
                assert_eq!(steps, sells, "{now} {calendar:?}");
                assert_eq!(outlook.of(ProductId(54)), outlook.of_later(ProductId(54), outlook.as_of()));
                assert_eq!(outlook.of(ProductId(332)), Err(Some(Silent::Out)));
                assert_eq!(outlook.of(ProductId(9)), Err(None));
                assert!(outlook.of(ProductId(7)).is_err());
            }
        }
    }
}
