//! When time alone turns a rule: what has been out for so long, doors that close soon, a window that begins.
//!
//! The service asks the rules every few seconds anyway; a year lived again can only look where something may turn.
//! Invariant: between now and the next turn no condition of the rules changes without a reading, but for expressions that
//! compute with a running time: they are looked at every minute.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::calendar::Calendar;
use crate::rules::condition::{Matcher, Operand};
use crate::rules::field::{Field, RowField, VenueField};
use crate::rules::{Form, Rule, RuleSet};
use crate::snapshot::{Snapshot, StopRow};
use crate::units::Timestamp;

/// Just after an exact time, `at_most` and `below`, `at_least` and `above` all have turned.
const JUST_AFTER: Duration = Duration::from_millis(1);
/// When an expression that computes with a running time turns cannot be told beforehand; this is exact enough for people.
const COMPUTED_EVERY: Duration = Duration::from_mins(1);

/// What of the rules turns by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    stopped_for: BTreeSet<Duration>,
    closes_in: BTreeSet<Duration>,
    opens_in: BTreeSet<Duration>,
    /// Whether hours, peaks or windows are asked for.
    has_clock: bool,
    /// Whether an expression computes with a running time.
    is_computed: bool,
}

impl Turns {
    /// Looks through the rules.
    pub(super) fn of(rules: &RuleSet) -> Self {
        let mut turns = Self::default();
        for rule in rules.rules() {
            turns.has_clock |= !rule.during.is_empty();
            visit(rule, &mut |field, matcher| turns.note(field, matcher));
        }
        turns
    }

    /// Returns the next instant at which a rule may turn.
    pub(super) fn next(&self, snapshot: &Snapshot, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
        let out = snapshot.picture.rows.values().filter(|row| !self.stopped_for.is_empty() && row.is_out());
        let stopped = out.flat_map(|row: &StopRow| self.stopped_for.iter().map(|wait| row.since.plus(*wait)));
        let closing = if self.closes_in.is_empty() { None } else { calendar.closes_at(now) };
        let opening = if self.opens_in.is_empty() { None } else { calendar.opens_at(now) };
        let before = |edge: Option<Timestamp>, leads: &BTreeSet<Duration>| -> Vec<Timestamp> {
            edge.into_iter().flat_map(|edge| leads.iter().map(move |lead| edge.minus(*lead))).collect()
        };
        let exact = stopped.chain(before(closing, &self.closes_in)).chain(before(opening, &self.opens_in));
        let clock = if self.has_clock { calendar.turns_at(now) } else { None };
        let computed = self.is_computed.then(|| now.plus(COMPUTED_EVERY));
        exact.map(|at| at.plus(JUST_AFTER)).chain(clock).chain(computed).filter(|at| *at > now).min()
    }

    fn note(&mut self, field: Field, matcher: Option<&Matcher>) {
        let waits = match field {
            Field::Row(RowField::StoppedFor) => &mut self.stopped_for,
            Field::Venue(VenueField::ClosesIn) => {
                self.has_clock = true;
                &mut self.closes_in
            }
            Field::Venue(VenueField::OpensIn) => {
                self.has_clock = true;
                &mut self.opens_in
            }
            Field::Venue(VenueField::Open | VenueField::Peak) => {
                self.has_clock = true;
                return;
            }
            Field::Row(_)
            | Field::Venue(_)
            | Field::Product(_)
            | Field::Parent(_)
            | Field::Variants(_)
            | Field::Recipe(_)
            | Field::Station(_)
            | Field::Price(_)
            | Field::Brand(_)
            | Field::Change(_) => return,
        };
        let Some(matcher) = matcher else {
            self.is_computed = true;
            return;
        };
        let operands = match matcher {
            Matcher::AnyOf(operands) => operands.as_slice(),
            Matcher::AtMost(operand)
            | Matcher::AtLeast(operand)
            | Matcher::Below(operand)
            | Matcher::Above(operand) => std::slice::from_ref(operand),
            Matcher::Matches(_) | Matcher::Set | Matcher::Unset => &[],
        };
        let wait = |operand: &Operand| match operand {
            Operand::Duration(wait) => Some(*wait),
            Operand::Number(_)
            | Operand::Money(_)
            | Operand::Flag(_)
            | Operand::Word(_)
            | Operand::Text(_)
            | Operand::Id(_) => None,
        };
        waits.extend(operands.iter().filter_map(wait));
    }
}

/// Visits every field that a rule asks for, with what it must be; `None` when it is compared with other fields.
pub(super) fn visit(rule: &Rule, see: &mut dyn FnMut(Field, Option<&Matcher>)) {
    rule.when.visit(see);
    if let Form::State(state) = &rule.form
        && let Some(keep_while) = &state.keep_while
    {
        keep_while.visit(see);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::catalog::Venue;
    use crate::document::Problems;
    use crate::rules::parse::{self, RuleFile};
    use crate::units::{ProductId, Quantity, VenueId, Zone};

    fn next(when: &str, now: &str) -> Option<String> {
        let text = format!("rules:\n  - {{ name: a, notify: [], {when} }}\n");
        let mut problems = Problems::new();
        let rules = parse::parse(&[RuleFile { name: "a.yaml".into(), bytes: text.into_bytes() }], &mut problems).rules;
        assert!(problems.is_empty(), "{when}: {problems:?}");
        let span = |text| Schedule::daily(&[ClockSpan::parse(text).expect("a span")]);
        let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
        let calendar = calendar.with_hours(Some(span("10:00-23:00")), None);
        let calendar = calendar.with_windows([("dinner".to_owned(), span("18:00-21:00"))].into());
        let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let since = "2026-05-08T14:00:00Z".parse().expect("an instant");
        let row = StopRow { limit: Quantity::ZERO, updated_at: None, since, seen_at: since };
        snapshot.picture.rows = Arc::new([(ProductId(54), row)].into());
        let now = now.parse().expect("an instant");
        Turns::of(&rules).next(&snapshot, &calendar, now).map(|at| at.to_string()[5..].to_owned())
    }

    #[test]
    fn a_rule_turns_where_its_time_is_up() {
        for (when, now, expected) in [
            ("when: { limit: { at_most: 0 } }", "2026-05-08T14:00:00Z", None),
            ("when: { stopped_for: { at_least: 45m } }", "2026-05-08T14:00:00Z", Some("05-08T14:45:00.001Z")),
            ("when: { stopped_for: { at_least: 45m } }", "2026-05-08T14:45:00.001Z", None),
            (
                "when: { any: [{ stopped_for: { above: 18h } }, { not: { stopped_for: { below: 2h } } }] }",
                "2026-05-08T14:00:00Z",
                Some("05-08T16:00:00.001Z"),
            ),
            (
                "when: { sold_out: true }, keep_while: { stopped_for: { at_most: 1h } }",
                "2026-05-08T14:00:00Z",
                Some("05-08T15:00:00.001Z"),
            ),
            ("when: { sold_out: true, venue.open: true }", "2026-05-08T12:00:00Z", Some("05-08T18:00:00.000Z")),
            ("when: { sold_out: true }, during: dinner", "2026-05-08T18:00:00Z", Some("05-08T21:00:00.000Z")),
            ("when: { venue.closes_in: { at_most: 30m } }", "2026-05-08T21:30:00Z", Some("05-08T22:30:00.001Z")),
            ("expr: \"stopped_for >= duration('45m')\"", "2026-05-08T14:00:00Z", Some("05-08T14:45:00.001Z")),
            ("expr: limit <= product.low_stock", "2026-05-08T14:00:00Z", None),
            ("expr: stopped_for >= product.cooking_time * 2", "2026-05-08T14:00:00Z", Some("05-08T14:01:00.000Z")),
            (
                "when: { sold_out: true }, expr: venue.open == venue.peak",
                "2026-05-08T21:30:00Z",
                Some("05-08T23:00:00.000Z"),
            ),
            ("when: { venue.opens_in: { at_most: 45m } }", "2026-05-08T23:30:00Z", Some("05-09T09:15:00.001Z")),
        ] {
            assert_eq!(next(when, now).as_deref(), expected, "{when} from {now}");
        }
    }
}
