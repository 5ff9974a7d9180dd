//! What the states of a venue are drawn from, so that each can be drawn at any time.
//!
//! Pure but for the texts at hand, which spare a second drawing. Invariant: a scene always draws the same text.

use std::sync::{Arc, Mutex, PoisonError};

use crate::board::payload::{self, Drawn};
use crate::board::{Line, Setting, Standing, line_of_row, lines, station_of};
use crate::calendar::business_day;
use crate::snapshot::Snapshot;
use crate::units::{BrandId, ProductId, StationId, Timestamp};

/// One venue at one moment.
#[derive(Debug)]
pub struct Scene {
    /// The venue's brand.
    pub brand: BrandId,
    /// What is known of the venue.
    pub snapshot: Arc<Snapshot>,
    /// What every payload says alike.
    pub setting: Arc<Setting>,
    /// The moment, which says what came back today.
    pub now: Timestamp,
    /// Texts that were drawn and will be asked for soon.
    at_hand: Mutex<Vec<(Part, String)>>,
}

/// What of a scene a state shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole stop list.
    Stop,
    /// The list of a station, or of what no station prepares.
    Station(Option<StationId>),
    /// One product.
    Product(ProductId),
}

impl Scene {
    /// Takes what there is to be shown.
    pub fn new(brand: BrandId, snapshot: Arc<Snapshot>, setting: Arc<Setting>, now: Timestamp) -> Self {
        Self { brand, snapshot, setting, now, at_hand: Mutex::default() }
    }

    /// Keeps a text that was drawn for who asks next.
    pub(super) fn keep(&self, part: Part, text: String) {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).push((part, text));
    }

    /// Gives a kept text away.
    pub(super) fn take(&self, part: Part) -> Option<String> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let place = at_hand.iter().position(|(kept, _)| *kept == part)?;
        let (_, text) = at_hand.swap_remove(place);
        if at_hand.is_empty() {
            at_hand.shrink_to_fit();
        }
        Some(text)
    }

    /// Draws the body of a state; empty when the scene does not show it.
    pub(super) fn draw(&self, part: Part) -> String {
        match part {
            Part::Stop => payload::list(self, &self.lines().iter().collect::<Vec<_>>()),
            Part::Station(station) => {
                let lines = lines(&self.snapshot).into_iter().filter(|line| line.station == station);
                let drawn: Vec<Drawn> = lines.map(|line| payload::draw(self, line)).collect();
                payload::list(self, &drawn.iter().collect::<Vec<_>>())
            }
            Part::Product(product) => {
                let line = self.line(product);
                line.map(|line| payload::product(self, &payload::draw(self, line))).unwrap_or_default()
            }
        }
    }

    /// Draws the constrained products, in the order of the lists.
    pub(super) fn lines(&self) -> Vec<Drawn> {
        lines(&self.snapshot).into_iter().map(|line| payload::draw(self, line)).collect()
    }

    /// Draws what came back today and is not constrained.
    pub(super) fn back_today(&self) -> Vec<Drawn> {
        returns_of_today(&self.snapshot, &self.setting, self.now).map(|line| payload::draw(self, line)).collect()
    }

    fn line(&self, product: ProductId) -> Option<Line> {
        let row = self.snapshot.picture.rows.get(&product);
        let back = || line_of_return(&self.snapshot, product, &self.setting, self.now);
        row.map(|row| line_of_row(&self.snapshot, product, row)).or_else(back)
    }
}

/// Returns what came back today and is not constrained.
pub fn returns_of_today(snapshot: &Snapshot, setting: &Setting, now: Timestamp) -> impl Iterator<Item = Line> {
    snapshot.returned.keys().filter_map(move |product| line_of_return(snapshot, *product, setting, now))
}

fn line_of_return(snapshot: &Snapshot, product: ProductId, setting: &Setting, now: Timestamp) -> Option<Line> {
    let day = |at| business_day(at, &setting.zone, setting.day_starts);
    let Snapshot { picture, returned, .. } = snapshot;
    let at = *returned.get(&product).filter(|at| day(**at) == day(now))?;
    let station = station_of(&picture.catalog, product);
    let line = Line { product, station, standing: Standing::On, row: None, since: at };
    (!picture.rows.contains_key(&product)).then_some(line)
}
