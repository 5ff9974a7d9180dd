//! The maps under `when` and `keep_while` -> conditions whose every value has its field's type.
//!
//! Refuses what can never hold (an empty list, a range with nothing in it), since such a rule would be silent for ever.
//! Invariant: a condition that comes out asks only for fields that its scope has.

use std::cmp::Ordering;
use std::time::Duration;

use crate::calendar::clock_time;
use crate::document::{Node, Place, Problems, Value, nearest};
use crate::rules::condition::{Condition, Matcher, Operand, Pattern, Truth};
use crate::rules::field::{FIELDS, Field, FieldRow, Kind, ListIndex, PRICES_PREFIX, Scope};
use crate::rules::parse::unknown_field::unknown_field;
use crate::rules::value;
use crate::units::{self, Money, Quantity};

/// How deep `any`, `all` and `not` may stand within each other; nobody can read more, and evaluation recurses.
pub(super) const CONDITION_DEPTH_MAX: usize = 32;
/// Matchers and combinations of one condition: each may be asked of every item at every reading.
const CONDITION_NODES_MAX: usize = 256;
/// Values of one list: longer ones are what categories and tags are for.
const VALUES_MAX: usize = 1_000;
/// Price lists that a rule set may refer to.
const PRICE_LISTS_MAX: usize = 256;

/// Reads one condition.
pub(super) struct ConditionReader<'p> {
    pub(super) scope: Scope,
    price_lists: &'p mut Vec<String>,
    pub(super) problems: &'p mut Problems,
    nodes: usize,
}

impl<'p> ConditionReader<'p> {
    pub(super) fn new(scope: Scope, price_lists: &'p mut Vec<String>, problems: &'p mut Problems) -> Self {
        Self { scope, price_lists, problems, nodes: 0 }
    }

    pub(super) fn read(&mut self, node: &Node) -> Option<Condition> {
        let condition = self.group(node, 1);
        if self.nodes > CONDITION_NODES_MAX {
            let message = format!("'{}' has more than the {CONDITION_NODES_MAX} parts of a condition", node.label);
            self.problems.tell_with_help(&node.place, message, "make several rules of it");
            return None;
        }
        condition
    }

    /// Reads a map, of which all must hold.
    fn group(&mut self, node: &Node, depth: usize) -> Option<Condition> {
        let entries = node.entries("{ sold_out: true, station.status: active }", self.problems)?;
        if entries.is_empty() {
            let help = "write at least one field, such as sold_out: true";
            self.problems.tell_with_help(&node.place, format!("'{}' asks for nothing", node.label), help);
            return None;
        }
        if depth > CONDITION_DEPTH_MAX {
            let message = format!("conditions are nested deeper than the {CONDITION_DEPTH_MAX} levels that are read");
            self.problems.tell(&node.place, message);
            return None;
        }
        self.nodes += entries.len();
        let parts: Vec<Option<Condition>> = entries
            .iter()
            .map(|entry| match &*entry.key {
                "any" => self.groups(&entry.node, depth + 1).map(Condition::Any),
                "all" => self.groups(&entry.node, depth + 1).map(Condition::All),
                "not" => self.group(&entry.node, depth + 1).map(|part| Condition::Not(Box::new(part))),
                name => self.field(name, &entry.place).and_then(|field| self.matcher(name, field, &entry.node)),
            })
            .collect();
        let mut parts: Vec<Condition> = parts.into_iter().collect::<Option<_>>()?;
        if parts.len() == 1 { parts.pop() } else { Some(Condition::All(parts)) }
    }

    /// Reads the list of maps under `any` or `all`.
    fn groups(&mut self, node: &Node, depth: usize) -> Option<Vec<Condition>> {
        let Value::Sequence(items) = &node.value else {
            return node.refuse("a list of groups, such as [ { low: true }, { sold_out: true } ]", self.problems);
        };
        if items.is_empty() {
            let help = "write at least one group, such as [ { sold_out: true } ]";
            self.problems.tell_with_help(&node.place, format!("'{}' is an empty list", node.label), help);
            return None;
        }
        let parts: Vec<Option<Condition>> = items.iter().map(|item| self.group(item, depth)).collect();
        parts.into_iter().collect()
    }

    /// Finds the field in the table; a price list gets its index.
    pub(super) fn field(&mut self, name: &str, place: &Place) -> Option<FieldRow> {
        let Some(found) = FIELDS.iter().find(|row| row.is_named(name) && row.is_in(self.scope)) else {
            let (message, help) = unknown_field(name, self.scope);
            self.problems.tell_with_help(place, message, help);
            return None;
        };
        match found.field {
            Field::Price(_) => {
                let list = name.strip_prefix(PRICES_PREFIX).unwrap_or(name).trim().to_lowercase();
                let known = self.price_lists.iter().position(|other| *other == list);
                let index = known.unwrap_or(self.price_lists.len());
                if index == PRICE_LISTS_MAX {
                    let message = format!("rules refer to more than the {PRICE_LISTS_MAX} price lists that are read");
                    self.problems.tell(place, message);
                    return None;
                }
                if known.is_none() {
                    self.price_lists.push(list);
                }
                Some(FieldRow { field: Field::Price(ListIndex(u16::try_from(index).ok()?)), ..*found })
            }
            Field::Row(_)
            | Field::Product(_)
            | Field::Parent(_)
            | Field::Variants(_)
            | Field::Recipe(_)
            | Field::Station(_)
            | Field::Venue(_)
            | Field::Brand(_)
            | Field::Forecast(_)
            | Field::Change(_) => Some(*found),
        }
    }

    fn matcher(&mut self, name: &str, row: FieldRow, node: &Node) -> Option<Condition> {
        let matches = |matcher| Condition::Match { field: row.field, matcher };
        match &node.value {
            Value::Scalar { .. } | Value::Sequence(_) => self.values(name, row, node).map(Matcher::AnyOf).map(matches),
            Value::Mapping(entries) if entries.is_empty() => {
                let help = format!("write a value, such as {}", row.example);
                self.problems.tell_with_help(&node.place, format!("'{name}' asks for nothing"), help);
                None
            }
            Value::Mapping(_) => self.tests(name, row, node),
        }
    }

    /// Reads a value, or a list of which any will do.
    fn values(&mut self, name: &str, row: FieldRow, node: &Node) -> Option<Vec<Operand>> {
        let items = node.one_or_more();
        if items.is_empty() {
            let help = format!("write at least one value, or one such as {}", row.example);
            self.problems.tell_with_help(&node.place, format!("'{}' is an empty list", node.label), help);
            return None;
        }
        if items.len() > VALUES_MAX {
            let message = format!("'{}' lists more than {VALUES_MAX} values", node.label);
            self.problems.tell_with_help(&node.place, message, "ask for a category or a tag instead");
            return None;
        }
        if row.field.is_running() {
            let message = format!("'{name}' is hardly ever exactly {}", items[0].describe());
            self.problems.tell_with_help(&node.place, message, format!("write a range, such as {}", row.example));
            return None;
        }
        let operands: Vec<Option<Operand>> = items.iter().map(|item| self.operand(name, row.kind, item)).collect();
        operands.into_iter().collect()
    }

    /// Reads a map of tests, of which all must hold.
    fn tests(&mut self, name: &str, row: FieldRow, node: &Node) -> Option<Condition> {
        let problems_before = self.problems.count();
        let mut fields = node.fields(row.example, self.problems)?;
        let matches = |matcher| Condition::Match { field: row.field, matcher };
        let mut parts = Vec::new();
        let mut ranges = Vec::new();
        for key in ["at_least", "above", "at_most", "below"] {
            let Some(bound) = fields.optional(key) else { continue };
            let Some(operand) = self.bound(name, row.kind, bound) else { continue };
            ranges.push(match key {
                "at_least" => Matcher::AtLeast(operand),
                "above" => Matcher::Above(operand),
                "at_most" => Matcher::AtMost(operand),
                _ => Matcher::Below(operand),
            });
        }
        self.refuse_empty_range(name, row.kind, &ranges, node);
        parts.extend(ranges.into_iter().map(matches));
        if let Some(values) = fields.optional("not").and_then(|not| self.values(name, row, not)) {
            parts.push(Condition::Not(Box::new(matches(Matcher::AnyOf(values)))));
        }
        if let Some(pattern) = fields.optional("matches").and_then(|pattern| self.pattern(name, row.kind, pattern)) {
            parts.push(matches(Matcher::Matches(pattern)));
        }
        if let Some(presence) = fields.optional("is").and_then(|is| self.presence(name, row, is)) {
            if presence == Matcher::Unset && !parts.is_empty() {
                let message = format!("'{name}' without a value has nothing to compare");
                self.problems.tell_with_help(&node.place, message, "keep 'is: unset' or the other tests");
            }
            parts.push(matches(presence));
        }
        fields.finish(self.problems);
        if self.problems.count() > problems_before {
            return None;
        }
        if parts.len() == 1 { parts.pop() } else { Some(Condition::All(parts)) }
    }

    fn bound(&mut self, name: &str, kind: Kind, node: &Node) -> Option<Operand> {
        if !kind.has_order() {
            let message = format!("'{name}' has no order, so nothing is '{}' it", node.label);
            self.problems.tell_with_help(&node.place, message, "write the value itself, or a list of values");
            return None;
        }
        self.operand(name, kind, node)
    }

    /// Tells a range that no value can be in.
    fn refuse_empty_range(&mut self, name: &str, kind: Kind, ranges: &[Matcher], node: &Node) {
        if ranges.iter().any(|range| is_never(kind, range)) {
            let message = format!("'{name}' is never that small: it starts at 0");
            self.problems.tell_with_help(&node.place, message, "write a bound above 0, or remove it");
            return;
        }
        if ranges.iter().any(|low| ranges.iter().any(|high| are_apart(low, high))) {
            let message = format!("no value of '{name}' is in this range");
            self.problems.tell_with_help(
                &node.place,
                message,
                "write bounds with a value between them; two ranges are written under 'any'",
            );
        }
    }

    fn pattern(&mut self, name: &str, kind: Kind, node: &Node) -> Option<Pattern> {
        if !kind.has_pattern() {
            let message = format!("'{name}' is no free text, so no pattern fits it");
            self.problems.tell_with_help(&node.place, message, "write the value itself, or a list of values");
            return None;
        }
        let text = node.text(self.problems)?;
        match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(reason) => {
                let message = format!("'matches' cannot use {}: {reason}", node.describe());
                self.problems.tell_with_help(&node.place, message, "write a pattern such as \"(?i).*fanta.*\"");
                None
            }
        }
    }

    fn presence(&mut self, name: &str, row: FieldRow, node: &Node) -> Option<Matcher> {
        let is_set = node.word(&[("set", true), ("unset", false)], self.problems)?;
        if row.unset_when.is_none() {
            let message = format!("'{name}' always has a value");
            self.problems.tell_with_help(&node.place, message, format!("write a value, such as {}", row.example));
            return None;
        }
        Some(if is_set { Matcher::Set } else { Matcher::Unset })
    }

    /// Reads one value of the field's type.
    fn operand(&mut self, name: &str, kind: Kind, node: &Node) -> Option<Operand> {
        let (text, quoted) = node.as_scalar().unwrap_or_default();
        let number = if quoted { None } else { text.parse::<Quantity>().ok() };
        let operand = match kind {
            Kind::Stock => number.map(Operand::Number),
            Kind::Count => {
                number.filter(|count| count.millionths() % Quantity::whole(1).millionths() == 0).map(Operand::Number)
            }
            Kind::Money => (!quoted).then(|| text.parse::<Money>().ok()).flatten().map(Operand::Money),
            Kind::Duration => units::parse_duration(text).ok().map(Operand::Duration),
            Kind::Time => clock_time(text).map(Operand::Time),
            Kind::Flag => node.as_flag().map(Operand::Flag),
            Kind::Word(words) => return self.word(name, words, node),
            Kind::Text | Kind::Texts => (!text.trim().is_empty()).then(|| Operand::Text(text.into())),
            Kind::Id => (!quoted).then(|| text.parse::<u64>().ok()).flatten().map(Operand::Id),
        };
        if operand.is_some() {
            return operand;
        }
        let message = format!("'{name}' is compared with {}, not {}", kind.wanted(), node.describe());
        if kind == Kind::Time {
            self.problems.tell_with_help(
                &node.place,
                message,
                "write hour and minute with two digits each, until \"23:59\"",
            );
        } else if quoted && matches!(kind, Kind::Stock | Kind::Count | Kind::Money | Kind::Flag | Kind::Id) {
            self.problems.tell_with_help(&node.place, message, "remove the quotes");
        } else {
            self.problems.tell(&node.place, message);
        }
        None
    }

    fn word(&mut self, name: &str, words: &'static [&'static str], node: &Node) -> Option<Operand> {
        let written = node.as_scalar().map_or("", |(text, _)| text);
        if let Some(word) = words.iter().find(|word| **word == written) {
            return Some(Operand::Word(word));
        }
        let message = format!("'{name}' is never {}", node.describe());
        let help = match nearest(written, words.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.problems.tell_with_help(&node.place, message, help);
        None
    }
}

/// Says whether values of a type are never that small.
pub(super) fn is_never(kind: Kind, range: &Matcher) -> bool {
    match range {
        Matcher::Below(most) => least(kind).is_some_and(|least| most.order(least).is_some_and(Ordering::is_ge)),
        Matcher::AtMost(most) => least(kind).is_some_and(|least| most.order(least).is_some_and(Ordering::is_gt)),
        Matcher::AnyOf(_)
        | Matcher::AtLeast(_)
        | Matcher::Above(_)
        | Matcher::Matches(_)
        | Matcher::Set
        | Matcher::Unset => false,
    }
}

/// Says whether no value is in both of two ranges, of which the first has a lower bound and the second an upper one.
fn are_apart(low: &Matcher, high: &Matcher) -> bool {
    let both_closed = matches!((low, high), (Matcher::AtLeast(_), Matcher::AtMost(_)));
    // Which of two times comes first depends on when the day starts; none is both the same and not.
    if let (Some(low @ Operand::Time(_)), Some(high)) = (bound_below(low), bound_above(high)) {
        return low == high && !both_closed;
    }
    let order = bound_below(low).zip(bound_above(high)).and_then(|(low, high)| high.order(value_of(low)));
    order.is_some_and(|order| order.is_gt() || (order.is_eq() && !both_closed))
}

/// Says whether no single value fits both of two matchers. Errs on the side of letting both stand.
pub(super) fn exclude_each_other(one: &Matcher, other: &Matcher) -> bool {
    let fits_none = |operands: &[Operand], other: &Matcher| {
        !operands.iter().any(|operand| other.truth(value_of(operand)) == Truth::Holds)
    };
    match (one, other) {
        (Matcher::AnyOf(operands), other) | (other, Matcher::AnyOf(operands)) => fits_none(operands, other),
        (one, other) => are_apart(one, other) || are_apart(other, one),
    }
}

/// Returns the least value of a type, `None` when it has none: a limit may be negative.
const fn least(kind: Kind) -> Option<value::Value<'static>> {
    match kind {
        Kind::Count => Some(value::Value::Number(Quantity::ZERO)),
        Kind::Money => Some(value::Value::Money(Money::from_ten_thousandths(0))),
        Kind::Duration => Some(value::Value::Duration(Duration::ZERO)),
        Kind::Stock | Kind::Time | Kind::Flag | Kind::Word(_) | Kind::Text | Kind::Texts | Kind::Id => None,
    }
}

fn bound_below(range: &Matcher) -> Option<&Operand> {
    match range {
        Matcher::AtLeast(operand) | Matcher::Above(operand) => Some(operand),
        Matcher::AnyOf(_)
        | Matcher::AtMost(_)
        | Matcher::Below(_)
        | Matcher::Matches(_)
        | Matcher::Set
        | Matcher::Unset => None,
    }
}

fn bound_above(range: &Matcher) -> Option<&Operand> {
    match range {
        Matcher::AtMost(operand) | Matcher::Below(operand) => Some(operand),
        Matcher::AnyOf(_)
        | Matcher::AtLeast(_)
        | Matcher::Above(_)
        | Matcher::Matches(_)
        | Matcher::Set
        | Matcher::Unset => None,
    }
}

fn value_of(operand: &Operand) -> value::Value<'_> {
    match operand {
        Operand::Number(number) => value::Value::Number(*number),
        Operand::Money(money) => value::Value::Money(*money),
        Operand::Duration(duration) => value::Value::Duration(*duration),
        // Which of two times comes first is known where the day starts.
        Operand::Time(_) => value::Value::Unknown,
        Operand::Flag(flag) => value::Value::Flag(*flag),
        Operand::Word(word) => value::Value::Word(word),
        Operand::Text(text) => value::Value::Text(text),
        Operand::Id(id) => value::Value::Id(*id),
    }
}
