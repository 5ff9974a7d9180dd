//! When time alone turns a rule: what has been out for so long, doors that close soon, a window that begins.
//!
//! The service asks the rules every few seconds anyway; a year lived again can only look where something may turn.
//! Invariant: between now and the next turn no condition of the rules changes without a reading, but for expressions that
//! compute with a running time: they are looked at every minute.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::calendar::Calendar;
use crate::replay::silence::Asked;
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
    estimates: Asked,
    /// Whether hours, peaks or windows are asked for.
    has_clock: bool,
    /// Whether it matters which business day it is.
    has_days: bool,
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
        let next_day = if self.has_days { calendar.next_day_at(now) } else { None };
        let computed = self.is_computed.then(|| now.plus(COMPUTED_EVERY));
        let estimates = self.estimates.next(snapshot, calendar, now);
        exact
            .map(|at| at.plus(JUST_AFTER))
            .chain(clock)
            .chain(next_day)
            .chain(estimates)
            .chain(computed)
            .filter(|at| *at > now)
            .min()
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
            Field::Forecast(field) => {
                self.has_clock = true;
                match matcher {
                    Some(matcher) => self.estimates.note(field, matcher),
                    None => self.is_computed = true,
                }
                return;
            }
            Field::Row(RowField::Since | RowField::TimesToday) => {
                self.has_days = true;
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
            | Operand::Time(_)
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

/// Says whether a rule asks how often something ran out in the business day.
pub(super) fn counts_stops_of_the_day(rule: &Rule) -> bool {
    let mut counts = false;
    visit(rule, &mut |field, _| counts |= field == Field::Row(RowField::TimesToday));
    counts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::catalog::Venue;
    use crate::document::Problems;
    use crate::rules::parse::{self, RuleFile};
    use crate::rules::subject::{Scene, VenueView};
    use crate::rules::value::View;
    use crate::snapshot::pace::{Batch, Pace};
    use crate::snapshot::{Access, FreshnessLimits};
    use crate::units::{BrandId, ProductId, Quantity, VenueId, Zone};

    fn next(when: &str, now: &str) -> Option<String> {
        let snapshot = snapshot(Quantity::ZERO, "2026-05-08T14:00:00Z".parse().expect("an instant"));
        let now = now.parse().expect("an instant");
        Turns::of(&rules(when)).next(&snapshot, &calendar(), now).map(|at| at.to_string()[5..].to_owned())
    }

    fn rules(when: &str) -> RuleSet {
        let text = format!("rules:\n  - {{ name: a, notify: [], {when} }}\n");
        let mut problems = Problems::new();
        let rules = parse::parse(&[RuleFile { name: "a.yaml".into(), bytes: text.into_bytes() }], &mut problems).rules;
        assert!(problems.is_empty(), "{when}: {problems:?}");
        rules
    }

    fn calendar() -> Calendar {
        let span = |text| Schedule::daily(&[ClockSpan::parse(text).expect("a span")]);
        let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
        let calendar = calendar.with_hours(Some(span("10:00-23:00")), None);
        calendar.with_windows([("dinner".to_owned(), span("18:00-21:00"))].into())
    }

    fn snapshot(limit: Quantity, since: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let row = StopRow { limit, updated_at: None, since, seen_at: since };
        snapshot.picture.rows = Arc::new([(ProductId(54), row)].into());
        snapshot
    }

    /// Asks of a dish of which six an hour were sold until 14:00, with four left, or as many as are said.
    fn next_of_countdown(when: &str, left: i64, now: &str) -> Option<String> {
        let rules = rules(when);
        let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
        let mut snapshot = snapshot(Quantity::whole(left), at("2026-05-08T13:00:00Z"));
        let sold = |minute: u64| {
            let at = at("2026-05-08T13:00:00Z").plus(Duration::from_mins(minute));
            Batch { from: at, until: at, sold: Quantity::whole(1), steps: 1 }
        };
        let batches = [10, 20, 30, 40, 50, 60].map(sold).into();
        let pace = Pace { since: at("2026-05-08T13:00:00Z"), batches, pauses: Vec::new() };
        snapshot.paces = Arc::new([(ProductId(54), pace)].into());
        let turns = Turns::of(&rules);
        let next = turns.next(&snapshot, &calendar(), at(now))?;
        // It is the very instant: a millisecond before, the rule says what it says now.
        let truth = |at: Timestamp| {
            let snapshot = Snapshot { read_at: Some(at), ..snapshot.clone() };
            let view = VenueView {
                brand: &BrandId::new("sahil").expect("a slug"),
                access: &Access::Granted,
                snapshot: &snapshot,
                freshness_limits: FreshnessLimits::NONE,
                calendar: &calendar(),
            };
            let scene = Scene::new(view, &[], at);
            let item = scene.item(ProductId(54)).expect("on the list");
            rules.rules()[0].when.truth(&View::Item(&scene, item, None), at)
        };
        let before = next.minus(Duration::from_millis(1));
        assert_eq!(truth(before), truth(at(now)), "{when} just before {next}");
        Some(format!("{} {:?}", &next.to_string()[11..19], truth(next)))
    }

    #[test]
    fn an_estimate_turns_while_nothing_is_sold() {
        for (when, left, now, expected) in [
            // It moves away from the moment of the last sale on.
            ("when: { runs_out_in: { at_most: 45m } }", 4, "2026-05-08T14:00:00Z", Some("14:06:45 Clear")),
            ("when: { runs_out_in: { at_most: 45m } }", 4, "2026-05-08T14:20:00Z", Some("18:00:00 Clear")),
            ("when: { sold_per_hour: { below: 2 } }", 4, "2026-05-08T14:00:00Z", Some("14:47:08 Clear")),
            ("when: { runs_out_before_closing: true }", 30, "2026-05-08T14:00:00Z", Some("14:22:00 Clear")),
            ("when: { runs_out_in: { is: set } }", 30, "2026-05-08T14:00:00Z", Some("15:14:40 Clear")),
            ("when: { runs_out_in: { at_most: 45m } }", 0, "2026-05-08T14:00:00Z", Some("18:00:00 Clear")),
            ("expr: \"runs_out_in < duration('45m')\"", 4, "2026-05-08T14:00:00Z", Some("14:06:45 Clear")),
        ] {
            assert_eq!(next_of_countdown(when, left, now).as_deref(), expected, "{when} with {left} from {now}");
        }
    }

    #[test]
    fn of_several_countdowns_the_first_that_turns_is_named() {
        let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
        let (since, now) = (at("2026-05-08T13:00:00Z"), at("2026-05-08T14:00:00Z"));
        // Every so many minutes one was sold, with so many left.
        let countdowns = [(10, 4), (6, 9), (15, 3), (20, 2), (5, 12), (12, 5), (30, 1)];
        let venue = |countdowns: &[(u64, i64)]| {
            let mut known = snapshot(Quantity::ZERO, since);
            let (mut rows, mut paces) = (BTreeMap::new(), BTreeMap::new());
            for (id, (every, left)) in (1..).zip(countdowns) {
                let sold = |nth: u64| {
                    let at = now.minus(Duration::from_mins(every * nth));
                    Batch { from: at, until: at, sold: Quantity::whole(1), steps: 1 }
                };
                rows.insert(
                    ProductId(id),
                    StopRow { limit: Quantity::whole(*left), updated_at: None, since, seen_at: since },
                );
                paces.insert(
                    ProductId(id),
                    Pace { since, batches: (0..4).rev().map(sold).collect(), pauses: Vec::new() },
                );
            }
            (known.picture.rows, known.paces) = (Arc::new(rows), Arc::new(paces));
            known
        };
        for when in ["runs_out_in: { at_most: 45m }", "sold_per_hour: { below: 3 }", "runs_out_before_closing: true"] {
            let turns = Turns::of(&rules(&format!("when: {{ {when} }}")));
            let next = |countdowns: &[(u64, i64)]| turns.next(&venue(countdowns), &calendar(), now);
            let alone: Vec<_> = countdowns.iter().filter_map(|one| next(&[*one])).collect();
            for shift in 0..countdowns.len() {
                let mut several = countdowns;
                several.rotate_left(shift);
                assert_eq!(next(&several), alone.iter().min().copied(), "{when} of {several:?}");
            }
        }
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
            ("when: { times_today: { at_least: 3 } }", "2026-05-08T14:00:00Z", Some("05-09T04:00:00.000Z")),
            ("when: { since: { below: \"12:00\" } }", "2026-05-09T03:59:59Z", Some("05-09T04:00:00.000Z")),
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
