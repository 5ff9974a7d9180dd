//! When an estimate turns by time alone: while nothing is sold, the pace falls and the end moves away.
//!
//! Knows nothing of readings. Invariant: between now and the next turn no estimate crosses what the rules compare it with,
//! as long as no row changes and the doors neither open nor close.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::calendar::Calendar;
use crate::rules::condition::{Matcher, Operand};
use crate::rules::field::ForecastField;
use crate::snapshot::Snapshot;
use crate::snapshot::outlook::Outlook;
use crate::snapshot::pace::{Forecast, STEPS_MIN};
use crate::units::{Money, Timestamp};

/// Without a closing time, this far is searched, and then looked at again.
const SEARCHED: Duration = Duration::from_hours(48);

/// What rules compare estimates with: milliseconds, millionths or ten-thousandths, as the field counts; nothing where they
/// ask whether there is a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(BTreeSet<(ForecastField, Option<i128>)>);

impl Asked {
    /// Notes what a field must be.
    pub(super) fn note(&mut self, field: ForecastField, matcher: &Matcher) {
        let operands = match matcher {
            Matcher::AnyOf(operands) => operands.as_slice(),
            Matcher::AtMost(operand)
            | Matcher::AtLeast(operand)
            | Matcher::Below(operand)
            | Matcher::Above(operand) => std::slice::from_ref(operand),
            Matcher::Matches(_) | Matcher::Set | Matcher::Unset => &[],
        };
        self.0.insert((field, None));
        self.0.extend(operands.iter().map(|operand| (field, figure_of(operand))));
    }

    /// Returns the next instant at which an estimate crosses what it is compared with, if it does so while the doors stay as
    /// they are.
    pub(super) fn next(&self, snapshot: &Snapshot, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
        if self.0.is_empty() {
            return None;
        }
        let outlook = Outlook::new(snapshot, calendar, now);
        let closes_at = calendar.closes_at(now);
        let until = closes_at.unwrap_or(now.plus(SEARCHED)).min(now.plus(SEARCHED));
        let catalog = &snapshot.picture.catalog;
        let mut first: Option<Timestamp> = None;
        // Fewer sales foretell nothing, however long nothing is sold.
        for (id, _) in snapshot.paces.iter().filter(|(_, pace)| pace.steps() >= STEPS_MIN) {
            let price = catalog.products.get(id).map(|product| product.price);
            let stands = |at: Timestamp| -> Vec<Option<Ordering>> {
                let said = outlook.of_later(*id, at).ok();
                let stand = |(field, wanted): &(ForecastField, Option<i128>)| {
                    let figure = figure(*field, said.as_ref()?, price, closes_at.map(|closing| closing.since(at)))?;
                    Some(wanted.map_or(Ordering::Equal, |wanted| figure.cmp(&wanted)))
                };
                self.0.iter().map(stand).collect()
            };
            // What turns after another one does is of no interest.
            let turned = first_change(stands, now, first.map_or(until, |first| just_after(first).min(until)));
            // What did not turn in the time that was searched may turn after it.
            let after = || (closes_at != Some(until)).then_some(until);
            first = turned.or_else(after).into_iter().chain(first).min();
        }
        first
    }
}

fn just_after(at: Timestamp) -> Timestamp {
    at.plus(Duration::from_millis(1))
}

/// Returns the first instant after `now` at which the stands are others, if they are at `until`. They never return to what
/// they were, since estimates go one way while nothing is sold.
fn first_change<S: PartialEq>(stands: impl Fn(Timestamp) -> S, now: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let present = stands(now);
    let (mut same, mut other) = (now.unix_ms(), until.unix_ms() - 1);
    if other <= same || stands(Timestamp::from_unix_ms(other)) == present {
        return None;
    }
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if stands(Timestamp::from_unix_ms(middle)) == present {
            same = middle;
        } else {
            other = middle;
        }
    }
    Some(Timestamp::from_unix_ms(other))
}

fn figure(field: ForecastField, said: &Forecast, price: Option<Money>, closes_in: Option<Duration>) -> Option<i128> {
    let ms = |duration: Duration| i128::try_from(duration.as_millis()).unwrap_or(i128::MAX);
    let ends = said.runs_out_in.map(|ends| ms(ends.central));
    match field {
        ForecastField::RunsOutIn => ends,
        ForecastField::RunsOutBeforeClosing => {
            let closes = ms(closes_in?);
            Some(i128::from(ends.is_some_and(|ends| ends < closes)))
        }
        ForecastField::SoldPerHour => Some(i128::from(said.sold_per_hour.central.millionths())),
        ForecastField::MoneyPerHour => Some(i128::from(said.money_per_hour(price?)?.central.ten_thousandths())),
    }
}

fn figure_of(operand: &Operand) -> Option<i128> {
    match operand {
        Operand::Duration(wait) => i128::try_from(wait.as_millis()).ok(),
        Operand::Number(number) => Some(i128::from(number.millionths())),
        Operand::Money(money) => Some(i128::from(money.ten_thousandths())),
        Operand::Flag(flag) => Some(i128::from(*flag)),
        Operand::Time(_) | Operand::Word(_) | Operand::Text(_) | Operand::Id(_) => None,
    }
}
