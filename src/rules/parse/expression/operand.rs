//! The sides of a comparison: fields, constants, and figures computed from them.
//!
//! Figures of one measure may be added; an amount or a duration may be multiplied by a number, and divided by a constant.
//! Invariant: a figure that comes out has one measure, and its divisors are constants other than zero.

use std::num::NonZeroI128;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::rules::field::{FieldRow, Kind};
use crate::rules::parse::expression::ExpressionReader;
use crate::rules::parse::expression::names::name_of;
use crate::rules::term::{MILLION, Term, product, quotient};
use crate::units;

/// The largest constant: as far as a quantity goes.
const CONSTANT_MAX: f64 = 9e12;

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(super) enum Side {
    /// A field.
    Field(String, FieldRow),
    /// A constant that is no figure.
    Text(String),
    /// True or false.
    Flag(bool),
    /// A constant figure, in millionths.
    Constant(i128, Measure),
    /// A computed figure.
    Computed(Term, Measure),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Number,
    Money,
    Duration,
}

impl Measure {
    /// Returns the measure of a type, `None` for one that is no figure.
    pub(super) const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Stock | Kind::Count => Some(Self::Number),
            Kind::Money => Some(Self::Money),
            Kind::Duration => Some(Self::Duration),
            Kind::Time | Kind::Flag | Kind::Word(_) | Kind::Text | Kind::Texts | Kind::Id => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Money => "an amount",
            Self::Duration => "a duration",
        }
    }
}

impl Side {
    /// Returns the figure, `None` for what is none. A constant number may stand for an amount.
    pub(super) fn figure(&self) -> Option<(Term, Measure)> {
        match self {
            Self::Field(_, row) => Measure::of(row.kind).map(|measure| (Term::Field(row.field), measure)),
            Self::Constant(millionths, measure) => Some((Term::Constant(*millionths), *measure)),
            Self::Computed(term, measure) => Some((term.clone(), *measure)),
            Self::Text(_) | Self::Flag(_) => None,
        }
    }

    /// Says what it is, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Field(name, _) => format!("'{name}'"),
            Self::Text(text) => format!("the text '{}'", units::printable(text, 60)),
            Self::Flag(flag) => flag.to_string(),
            Self::Constant(_, measure) | Self::Computed(_, measure) => measure.name().to_owned(),
        }
    }
}

impl ExpressionReader<'_, '_> {
    /// Reads one side of a comparison, or a part of it.
    pub(super) fn side(&mut self, node: &IdedExpr) -> Option<Side> {
        match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Call(call) if name_of(&node.expr).is_none() => self.computed(node, call),
            Expr::Select(select) if select.test => {
                self.refuse(node, "'has' is already yes or no", "write has(..) or !has(..) alone")
            }
            Expr::Ident(_) | Expr::Select(_) | Expr::Call(_) => {
                self.field(node).map(|(name, row)| Side::Field(name, row))
            }
            Expr::List(_) => self.refuse(node, "a list is not compared", "write field in [a, b]"),
            Expr::Comprehension(_) => self.refuse(node, "an expression has no loops", "write 'word' in product.tags"),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.refuse(node, "this cannot be compared", "write a field, a number or a text in quotes")
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and rounding to millionths is meant")]
    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Option<Side> {
        match literal {
            LiteralValue::Boolean(flag) => Some(Side::Flag(*flag.inner())),
            LiteralValue::String(text) => Some(Side::Text(text.inner().to_owned())),
            LiteralValue::Int(number) => Some(Side::Constant(i128::from(*number.inner()) * MILLION, Measure::Number)),
            LiteralValue::UInt(number) => Some(Side::Constant(i128::from(*number.inner()) * MILLION, Measure::Number)),
            LiteralValue::Double(number) if number.inner().abs() <= CONSTANT_MAX => {
                let exact = number.inner() * 1e6;
                // A decimal such as 0.1 is off by some parts in 10^16.
                if (exact - exact.round()).abs() > 1e-6 + exact.abs() * 1e-15 {
                    return self.refuse(node, "figures are counted in millionths", "write at most 6 decimals");
                }
                Some(Side::Constant(exact.round() as i128, Measure::Number))
            }
            LiteralValue::Double(_) => self.refuse(node, "no figure is that large", "write a smaller number"),
            LiteralValue::Null => self.refuse(node, "nothing is compared with null", "write !has(field)"),
            LiteralValue::Bytes(_) => self.refuse(node, "no field holds bytes", "write a text without b before it"),
        }
    }

    fn computed(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Side> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("duration", None, [argument]) => self.duration(argument),
            (operators::NEGATE, None, [part]) => {
                let (term, measure) = self.figure(part)?;
                self.combined(node, operators::SUBSTRACT, (Term::Constant(0), measure), (term, measure))
            }
            (
                operator @ (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE),
                None,
                [left, right],
            ) => {
                let (left, right) = (self.figure(left), self.figure(right));
                self.combined(node, operator, left?, right?)
            }
            (
                operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::IN,
                ..,
            ) => self.refuse(node, "yes or no is not compared", "use && and || to join conditions, and ! for not"),
            (operators::CONDITIONAL, ..) => {
                self.refuse(node, "an expression has no '? :'", "write (a && b) || (!a && c) for a ? b : c")
            }
            (name, ..) => self.unknown_function(node, name),
        }
    }

    fn duration(&mut self, argument: &IdedExpr) -> Option<Side> {
        let Expr::Literal(LiteralValue::String(text)) = &argument.expr else {
            return self.refuse(argument, "'duration' takes a text in quotes", "write duration('5m')");
        };
        let Ok(span) = units::parse_duration(text.inner()) else {
            let message = format!("'{}' is no duration", units::printable(text.inner(), 60));
            return self.refuse(
                argument,
                message,
                "write one such as duration('20s'), duration('5m') or duration('1h30m')",
            );
        };
        Some(Side::Constant(i128::try_from(span.as_micros()).ok()?, Measure::Duration))
    }

    fn figure(&mut self, node: &IdedExpr) -> Option<(Term, Measure)> {
        let side = self.side(node)?;
        match side.figure() {
            Some(figure) => Some(figure),
            None => self.refuse(
                node,
                format!("{} is no figure to compute with", side.describe()),
                "write it on one side of a comparison, alone",
            ),
        }
    }

    fn combined(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        left: (Term, Measure),
        right: (Term, Measure),
    ) -> Option<Side> {
        let ((left, one), (right, other)) = (left, right);
        let is_sum = matches!(operator, operators::ADD | operators::SUBSTRACT);
        let measure =
            if is_sum { sum_measure(&left, one, &right, other) } else { product_measure(operator, one, other) };
        let Some(measure) = measure else {
            let (verb, help) = if is_sum {
                ("added to or taken from", "use figures of one unit; a duration is written duration('5m')")
            } else {
                ("multiplied with or divided by", "write a number on one side")
            };
            return self.refuse(node, format!("{} is not {verb} {}", other.name(), one.name()), help);
        };
        let folded = constant_of(&left).zip(constant_of(&right));
        let (left, right) = (Box::new(left), Box::new(right));
        let term = match operator {
            operators::ADD => Term::Sum(left, right),
            operators::SUBSTRACT => Term::Difference(left, right),
            operators::MULTIPLY => Term::Product(left, right),
            _ => {
                let Some(divisor) = constant_of(&right).and_then(NonZeroI128::new) else {
                    let help = "write a number other than 0; for a / b > 2 write a > b * 2";
                    return self.refuse(node, "only a constant divides", help);
                };
                Term::Quotient(left, divisor)
            }
        };
        if term.most().is_none() {
            let help = "multiply fewer fields, or move a constant to the other side of the comparison";
            return self.refuse(node, "this figure may become larger than can be counted", help);
        }
        let Some((one, other)) = folded else { return Some(Side::Computed(term, measure)) };
        let millionths = match operator {
            operators::ADD => one.checked_add(other),
            operators::SUBSTRACT => one.checked_sub(other),
            operators::MULTIPLY => product(one, other),
            _ => quotient(one, other),
        };
        millionths.map(|millionths| Side::Constant(millionths, measure))
    }
}

/// Returns the measure that two figures share, `None` when they have none in common. A constant number stands for an
/// amount where it meets one.
pub(super) fn sum_measure(left: &Term, one: Measure, right: &Term, other: Measure) -> Option<Measure> {
    match (one, other) {
        _ if one == other => Some(one),
        (Measure::Money, Measure::Number) if constant_of(right).is_some() => Some(Measure::Money),
        (Measure::Number, Measure::Money) if constant_of(left).is_some() => Some(Measure::Money),
        (Measure::Number | Measure::Money | Measure::Duration, _) => None,
    }
}

fn product_measure(operator: &str, one: Measure, other: Measure) -> Option<Measure> {
    match (one, other) {
        (_, Measure::Number) => Some(one),
        (Measure::Number, Measure::Money | Measure::Duration) if operator == operators::MULTIPLY => Some(other),
        (_, Measure::Money | Measure::Duration) => None,
    }
}

/// Returns the constant that a term is.
pub(super) fn constant_of(term: &Term) -> Option<i128> {
    match term {
        Term::Constant(millionths) => Some(*millionths),
        Term::Field(_) | Term::Sum(..) | Term::Difference(..) | Term::Product(..) | Term::Quotient(..) => None,
    }
}
