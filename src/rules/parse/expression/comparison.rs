//! Comparisons, lists and questions to texts -> matchers, or comparisons of computed figures.
//!
//! Refuses what can never hold and what is always the same, as the matchers of `when` do. Invariant: the two sides of what
//! comes out have one type.

use std::sync::Arc;
use std::time::Duration;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use crate::calendar::clock_time;
use crate::document::nearest;
use crate::rules::condition::{Condition, Matcher, Operand, Pattern};
use crate::rules::field::{FIELDS, Field, FieldRow, Kind};
use crate::rules::parse::expression::ExpressionReader;
use crate::rules::parse::expression::operand::{Measure, Side, constant_of, sum_measure};
use crate::rules::parse::matcher::{exclude_each_other, is_never};
use crate::rules::term::{Comparison, MILLION, MILLIONTHS_OF_MONEY, Term, Test};
use crate::units::{Money, Quantity, printable};

impl ExpressionReader<'_, '_> {
    /// Reads two sides and the operator between them.
    pub(super) fn comparison(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        left_node: &IdedExpr,
        right_node: &IdedExpr,
    ) -> Option<Condition> {
        let (left, right) = (self.side(left_node), self.side(right_node));
        match (left?, right?) {
            (Side::Field(name, row), Side::Field(other_name, other)) => {
                self.fields(node, operator, (&name, row), (&other_name, other))
            }
            (Side::Field(name, row), right @ (Side::Text(_) | Side::Flag(_) | Side::Constant(..))) => {
                self.with_constant(right_node, operator, (&name, row), &right)
            }
            (left @ (Side::Text(_) | Side::Flag(_) | Side::Constant(..)), Side::Field(name, row)) => {
                self.with_constant(left_node, turned(operator), (&name, row), &left)
            }
            (left, right) => {
                if let (Some(left), Some(right)) = (left.figure(), right.figure()) {
                    return self.figures(node, operator, left, right);
                }
                let message = format!("{} is not compared with {}", left.describe(), right.describe());
                self.refuse(node, message, "write a field and a value of its type")
            }
        }
    }

    /// Compares two fields.
    fn fields(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        (name, row): (&str, FieldRow),
        (other_name, other): (&str, FieldRow),
    ) -> Option<Condition> {
        if row.field == other.field {
            return self.refuse(node, format!("'{name}' is compared with itself"), "write another field on one side");
        }
        let figure = |row: FieldRow| Measure::of(row.kind).map(|measure| (Term::Field(row.field), measure));
        if let (Some(left), Some(right)) = (figure(row), figure(other)) {
            return self.figures(node, operator, left, right);
        }
        if row.kind != other.kind || row.kind == Kind::Texts {
            let message = format!("'{name}' and '{other_name}' have different types, so they never compare");
            return self.refuse(node, message, "write a field and a value of its type");
        }
        let same = Condition::Same(row.field, other.field);
        match operator {
            operators::EQUALS => Some(same),
            operators::NOT_EQUALS => Some(Condition::Not(Box::new(same))),
            _ => self.without_order(node, name),
        }
    }

    /// Compares two figures of which at least one is computed, or two fields.
    fn figures(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        (left, one): (Term, Measure),
        (right, other): (Term, Measure),
    ) -> Option<Condition> {
        if sum_measure(&left, one, &right, other).is_none() {
            let message = format!("{} is not compared with {}", one.name(), other.name());
            let help =
                "write two figures of one unit; a constant duration is written duration('5m'), an amount as a number";
            return self.refuse(node, message, help);
        }
        if constant_of(&left).is_some() && constant_of(&right).is_some() {
            return self.refuse(node, "two constants compare alike for everything", "write a field on one side");
        }
        let is_exact = matches!(operator, operators::EQUALS | operators::NOT_EQUALS);
        if is_exact && (left.asks_for(Field::is_running) || right.asks_for(Field::is_running)) {
            return self.refuse(node, "running times are hardly ever exactly the same", "use >= or <=");
        }
        let compare = |left, test, right| Condition::Compare(Box::new(Comparison { left, test, right }));
        Some(match operator {
            operators::LESS => compare(left, Test::Below, right),
            operators::LESS_EQUALS => compare(left, Test::AtMost, right),
            operators::GREATER => compare(right, Test::Below, left),
            operators::GREATER_EQUALS => compare(right, Test::AtMost, left),
            operators::EQUALS => compare(left, Test::Equal, right),
            _ => Condition::Not(Box::new(compare(left, Test::Equal, right))),
        })
    }

    /// Compares a field with a constant; `node` is the constant's place.
    fn with_constant(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        (name, row): (&str, FieldRow),
        constant: &Side,
    ) -> Option<Condition> {
        let asks = |matcher| Condition::Match { field: row.field, matcher };
        if matches!(operator, operators::EQUALS | operators::NOT_EQUALS) {
            self.refuse_running(node, name, row)?;
            let same = asks(Matcher::AnyOf(vec![self.operand(node, name, row.kind, constant)?]));
            return Some(if operator == operators::EQUALS { same } else { Condition::Not(Box::new(same)) });
        }
        if !row.kind.has_order() {
            return self.without_order(node, name);
        }
        let operand = self.operand(node, name, row.kind, constant)?;
        let matcher = match operator {
            operators::LESS => Matcher::Below(operand),
            operators::LESS_EQUALS => Matcher::AtMost(operand),
            operators::GREATER => Matcher::Above(operand),
            _ => Matcher::AtLeast(operand),
        };
        if is_never(row.kind, &matcher) {
            let message = format!("'{name}' is never that small: it starts at 0");
            return self.refuse(node, message, "write a bound above 0, or remove it");
        }
        Some(asks(matcher))
    }

    /// Reads `field in [a, b]` and `'word' in field`.
    pub(super) fn membership(&mut self, wanted: &IdedExpr, list: &IdedExpr) -> Option<Condition> {
        let Expr::List(list) = &list.expr else {
            let (name, row) = self.field(list)?;
            if row.kind != Kind::Texts {
                return self.refuse(wanted, format!("'{name}' is no list"), "write == for in, or field in [a, b]");
            }
            let word = self.text(wanted)?;
            return Some(Condition::Match { field: row.field, matcher: Matcher::AnyOf(vec![Operand::Text(word)]) });
        };
        let (name, row) = self.field(wanted)?;
        if list.elements.is_empty() {
            return self.refuse(wanted, format!("'{name}' is in no empty list"), "write at least one value");
        }
        self.refuse_running(wanted, &name, row)?;
        let mut operands = Vec::new();
        for element in &list.elements {
            let operand = self.side(element).and_then(|side| self.operand(element, &name, row.kind, &side));
            operands.push(operand);
        }
        let operands: Vec<Operand> = operands.into_iter().collect::<Option<_>>()?;
        Some(Condition::Match { field: row.field, matcher: Matcher::AnyOf(operands) })
    }

    /// Reads `field.matches('pattern')` and its simpler kin. As in CEL, a pattern describes a part of the text.
    pub(super) fn text_function(
        &mut self,
        node: &IdedExpr,
        function: &str,
        target: &IdedExpr,
        argument: &IdedExpr,
    ) -> Option<Condition> {
        let (name, row) = self.field(target)?;
        if row.kind != Kind::Text {
            let help = match row.kind {
                Kind::Texts | Kind::Text => format!("write 'word' in {name}"),
                Kind::Flag => "write the field alone, or ! before it".to_owned(),
                Kind::Word(_) | Kind::Id => format!("write {name} in [a, b]"),
                Kind::Stock | Kind::Count | Kind::Money | Kind::Duration | Kind::Time => {
                    "use <, <=, > or >=".to_owned()
                }
            };
            return self.refuse(node, format!("'{name}' is no text that '{function}' could ask"), help);
        }
        let text = self.text(argument)?;
        let pattern = match function {
            "startsWith" => Pattern::new(&format!("{}(?s:.*)", regex::escape(&text))),
            "endsWith" => Pattern::new(&format!("(?s:.*){}", regex::escape(&text))),
            "contains" => Pattern::new(&format!("(?s:.*){}(?s:.*)", regex::escape(&text))),
            // The first compilation refuses what would be balanced by the brackets around it.
            _ => Pattern::new(&text).and_then(|_| Pattern::new(&format!("(?s:.*)(?:{text})(?s:.*)"))),
        };
        match pattern {
            Ok(pattern) => Some(Condition::Match { field: row.field, matcher: Matcher::Matches(pattern) }),
            Err(reason) => {
                let message = format!("'{function}' cannot use '{}': {reason}", printable(&text, 60));
                self.refuse(argument, message, "write a pattern such as '(?i)fanta'")
            }
        }
    }

    fn text(&mut self, node: &IdedExpr) -> Option<Arc<str>> {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) if !text.inner().trim().is_empty() => Some(text.inner().into()),
            Expr::Literal(_)
            | Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_)
            | Expr::Unspecified => self.refuse(node, "here stands a text in quotes, not empty", "write it as 'text'"),
        }
    }

    /// Turns a constant into a value of the field's type.
    fn operand(&mut self, node: &IdedExpr, name: &str, kind: Kind, constant: &Side) -> Option<Operand> {
        let operand = match (kind, constant) {
            (Kind::Word(words), Side::Text(written)) => return self.word(node, name, words, written),
            (Kind::Time, Side::Text(written)) => clock_time(written).map(Operand::Time),
            (Kind::Flag, Side::Flag(flag)) => Some(Operand::Flag(*flag)),
            (Kind::Text, Side::Text(text)) if !text.trim().is_empty() => Some(Operand::Text(text.as_str().into())),
            (_, Side::Constant(millionths, measure)) => constant_operand(kind, *millionths, *measure),
            (_, Side::Field(..) | Side::Text(_) | Side::Flag(_) | Side::Computed(..)) => None,
        };
        if operand.is_some() {
            return operand;
        }
        if kind == Kind::Texts {
            let message = format!("'{name}' is a list, which is never {}", constant.describe());
            return self.refuse(node, message, format!("write 'word' in {name}"));
        }
        let (wanted, help) = match kind {
            Kind::Duration => ("a duration", "write duration('20s'), duration('5m') or duration('1h30m')".to_owned()),
            Kind::Time => ("a time of day", "write hour and minute with two digits each, such as '09:30'".to_owned()),
            Kind::Money => ("an amount such as 8.50, with at most 4 decimals", "write it as a number".to_owned()),
            Kind::Word(words) => ("one of its words", format!("write one of '{}'", words.join("', '"))),
            Kind::Text | Kind::Texts => ("a text", "put the text in quotes".to_owned()),
            Kind::Flag => (kind.wanted(), "write the field alone, or ! before it".to_owned()),
            Kind::Stock | Kind::Count | Kind::Id => (kind.wanted(), "write it as a number without quotes".to_owned()),
        };
        let message = format!("'{name}' is compared with {wanted}, not {}", constant.describe());
        self.refuse(node, message, help)
    }

    fn word(&mut self, node: &IdedExpr, name: &str, words: &[&'static str], written: &str) -> Option<Operand> {
        if let Some(word) = words.iter().find(|word| **word == written) {
            return Some(Operand::Word(word));
        }
        let help = match nearest(written, words.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.refuse(node, format!("'{name}' is never '{}'", printable(written, 60)), help)
    }

    /// Refuses two parts that must both hold and never do, as a range with nothing in it is refused under `when`.
    pub(super) fn refuse_contradiction(&mut self, node: &IdedExpr, left: &Condition, right: &Condition) -> Option<()> {
        let (mut ones, mut others) = (Vec::new(), Vec::new());
        matches_of(left, &mut ones);
        matches_of(right, &mut others);
        let never = |(field, one): &(Field, &Matcher)| {
            let excludes =
                |(other_field, other): &(Field, &Matcher)| field == other_field && exclude_each_other(one, other);
            !has_several_values(*field) && others.iter().any(excludes)
        };
        let Some((field, _)) = ones.into_iter().find(never) else { return Some(()) };
        let name = FIELDS.iter().find(|row| row.field == field).map_or("the field", |row| row.name);
        self.refuse(
            node,
            format!("no value of '{name}' is on both sides of this &&"),
            "write || for &&, or change one side",
        )
    }

    fn refuse_running(&mut self, node: &IdedExpr, name: &str, row: FieldRow) -> Option<()> {
        if row.field.is_running() {
            return self.refuse(node, format!("'{name}' is hardly ever exactly that"), "use >= or <=");
        }
        Some(())
    }

    fn without_order(&mut self, node: &IdedExpr, name: &str) -> Option<Condition> {
        self.refuse(node, format!("'{name}' has no order"), "write == or !=, or field in [a, b]")
    }
}

/// Collects the matchers that must all hold.
fn matches_of<'c>(condition: &'c Condition, into: &mut Vec<(Field, &'c Matcher)>) {
    match condition {
        Condition::All(parts) => parts.iter().for_each(|part| matches_of(part, into)),
        Condition::Match { field, matcher } => into.push((*field, matcher)),
        Condition::Any(_) | Condition::Not(_) | Condition::Compare(_) | Condition::Same(..) => {}
    }
}

/// Says whether a field is a list, of which one value may be this and another one that.
fn has_several_values(field: Field) -> bool {
    FIELDS.iter().any(|row| row.field == field && row.kind == Kind::Texts)
}

/// Turns a constant figure into a value of the type, `None` where it is none.
fn constant_operand(kind: Kind, millionths: i128, measure: Measure) -> Option<Operand> {
    let is_whole = millionths % MILLION == 0;
    match (kind, measure) {
        (Kind::Count, Measure::Number) if !is_whole => None,
        (Kind::Stock | Kind::Count, Measure::Number) => {
            i64::try_from(millionths).ok().map(|millionths| Operand::Number(Quantity::from_millionths(millionths)))
        }
        (Kind::Money, Measure::Number) if millionths % MILLIONTHS_OF_MONEY == 0 => {
            let amount = i64::try_from(millionths / MILLIONTHS_OF_MONEY).ok()?;
            Some(Operand::Money(Money::from_ten_thousandths(amount)))
        }
        (Kind::Id, Measure::Number) if is_whole => u64::try_from(millionths / MILLION).ok().map(Operand::Id),
        (Kind::Duration, Measure::Duration) => {
            u64::try_from(millionths).ok().map(|micros| Operand::Duration(Duration::from_micros(micros)))
        }
        (
            Kind::Stock
            | Kind::Count
            | Kind::Money
            | Kind::Duration
            | Kind::Time
            | Kind::Flag
            | Kind::Word(_)
            | Kind::Text
            | Kind::Texts
            | Kind::Id,
            _,
        ) => None,
    }
}

/// Returns the operator for sides that change places.
fn turned(operator: &str) -> &str {
    match operator {
        operators::LESS => operators::GREATER,
        operators::LESS_EQUALS => operators::GREATER_EQUALS,
        operators::GREATER => operators::LESS,
        operators::GREATER_EQUALS => operators::LESS_EQUALS,
        same => same,
    }
}
