//! Figures that a rule's expression computes from fields, and how two of them compare.
//!
//! Numbers, amounts and durations are all counted in millionths of their unit, so that one arithmetic serves them; which of
//! them may meet is the parser's matter. Nothing here can fail: a divisor is a constant and not zero, and the parser refuses
//! a term whose [`Term::most`] cannot be counted; were one to come here, it would be unknown. Never allocates while it
//! evaluates. Invariant: a comparison with a figure that is unset is clear, whatever the other one is.

use std::num::NonZeroI128;

use crate::rules::condition::Truth;
use crate::rules::field::Field;
use crate::rules::value::{self, Value, View};
use crate::units::Timestamp;

/// Parts of one: how exactly figures are counted.
pub const MILLION: i128 = 1_000_000;
/// An amount counts ten-thousandths.
pub const MILLIONTHS_OF_MONEY: i128 = 100;
/// The largest figure that a field can hold: amounts are 64 bits of ten-thousandths, all others less.
const FIELD_MAX: i128 = i64::MAX as i128 * MILLIONTHS_OF_MONEY;

/// What an expression computes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// The value of a field that is a number, an amount or a duration.
    Field(Field),
    /// A constant, in millionths.
    Constant(i128),
    /// One and the other.
    Sum(Box<Term>, Box<Term>),
    /// One without the other.
    Difference(Box<Term>, Box<Term>),
    /// One times the other.
    Product(Box<Term>, Box<Term>),
    /// One divided by a constant in millionths.
    Quotient(Box<Term>, NonZeroI128),
}

/// How two figures compare. More than, and not equal, are these with sides changed or negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// Both are the same.
    Equal,
    /// The left one is less.
    Below,
    /// The left one is less or the same.
    AtMost,
}

/// Two figures and how they must compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comparison {
    /// The one.
    pub left: Term,
    /// How they must compare.
    pub test: Test,
    /// The other.
    pub right: Term,
}

/// A figure at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Known(i128),
    Unset,
    Unknown,
}

impl Comparison {
    /// Says whether the two compare so for a subject.
    pub fn truth(&self, view: &View<'_>, now: Timestamp) -> Truth {
        match self.left.figure(view, now).with(self.right.figure(view, now), |left, right| match self.test {
            Test::Equal => Some(i128::from(left == right)),
            Test::Below => Some(i128::from(left < right)),
            Test::AtMost => Some(i128::from(left <= right)),
        }) {
            Figure::Known(holds) => Truth::of(holds == 1),
            Figure::Unset => Truth::Clear,
            Figure::Unknown => Truth::Unknown,
        }
    }

    /// Shows every field of both sides.
    pub fn visit(&self, see: &mut dyn FnMut(Field)) {
        self.left.visit(see);
        self.right.visit(see);
    }

    /// Returns the one truth that it has for all items without a row, if there is only one.
    pub(super) fn without_row(&self) -> Option<Truth> {
        let is_unset = |field| value::without_row(field) == Some(Value::Unset);
        (self.left.asks_for(is_unset) || self.right.asks_for(is_unset)).then_some(Truth::Clear)
    }
}

/// Says whether two fields of one kind have the same value. Unset is the same as nothing, another unset included.
pub(super) fn same(left: Value<'_>, right: Value<'_>) -> Truth {
    if left == Value::Unset || right == Value::Unset {
        Truth::Clear
    } else if left == Value::Unknown || right == Value::Unknown {
        Truth::Unknown
    } else {
        Truth::of(left == right)
    }
}

impl Term {
    fn figure(&self, view: &View<'_>, now: Timestamp) -> Figure {
        match self {
            Self::Field(field) => Figure::of(view.value(*field, now)),
            Self::Constant(millionths) => Figure::Known(*millionths),
            Self::Sum(left, right) => left.figure(view, now).with(right.figure(view, now), i128::checked_add),
            Self::Difference(left, right) => left.figure(view, now).with(right.figure(view, now), i128::checked_sub),
            Self::Product(left, right) => left.figure(view, now).with(right.figure(view, now), product),
            Self::Quotient(left, right) => left.figure(view, now).with(Figure::Known(right.get()), quotient),
        }
    }

    /// Returns the largest figure that it can be, whatever its fields hold; `None` when that cannot be counted.
    pub fn most(&self) -> Option<i128> {
        match self {
            Self::Field(_) => Some(FIELD_MAX),
            Self::Constant(millionths) => millionths.checked_abs(),
            Self::Sum(left, right) | Self::Difference(left, right) => left.most()?.checked_add(right.most()?),
            Self::Product(left, right) => product(left.most()?, right.most()?),
            Self::Quotient(left, right) => quotient(left.most()?, right.get().checked_abs()?),
        }
    }

    /// Shows every field that is computed with.
    fn visit(&self, see: &mut dyn FnMut(Field)) {
        match self {
            Self::Field(field) => see(*field),
            Self::Constant(_) => {}
            Self::Sum(left, right) | Self::Difference(left, right) | Self::Product(left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::Quotient(left, _) => left.visit(see),
        }
    }

    /// Says whether one of its fields is such.
    pub fn asks_for(&self, is_such: impl Fn(Field) -> bool) -> bool {
        let mut asks = false;
        self.visit(&mut |field| asks |= is_such(field));
        asks
    }
}

impl Figure {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => Self::Known(i128::from(number.millionths())),
            Value::Money(money) => Self::Known(i128::from(money.ten_thousandths()) * MILLIONTHS_OF_MONEY),
            Value::Duration(duration) => {
                Self::Known(i128::try_from(duration.as_micros()).map_or(FIELD_MAX, |micros| micros.min(FIELD_MAX)))
            }
            Value::Unset => Self::Unset,
            // The parser lets no other type come here.
            Value::Time(_)
            | Value::Flag(_)
            | Value::Word(_)
            | Value::Text(_)
            | Value::Texts(_)
            | Value::Id(_)
            | Value::Unknown => Self::Unknown,
        }
    }

    fn with(self, other: Self, compute: impl FnOnce(i128, i128) -> Option<i128>) -> Self {
        match (self, other) {
            (Self::Unset, _) | (_, Self::Unset) => Self::Unset,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Known(one), Self::Known(other)) => compute(one, other).map_or(Self::Unknown, Self::Known),
        }
    }
}

/// Multiplies two figures in millionths. What is too large for exactness is rounded to whole units first.
pub fn product(one: i128, other: i128) -> Option<i128> {
    match one.checked_mul(other) {
        Some(exact) => Some(exact / MILLION),
        None if one.unsigned_abs() > other.unsigned_abs() => (one / MILLION).checked_mul(other),
        None => (other / MILLION).checked_mul(one),
    }
}

/// Divides two figures in millionths, as [`product`] multiplies them; nothing is divided by zero.
pub fn quotient(one: i128, divisor: i128) -> Option<i128> {
    match one.checked_mul(MILLION) {
        Some(exact) => exact.checked_div(divisor),
        None => one.checked_div(divisor)?.checked_mul(MILLION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::field::RowField;

    #[test]
    fn figures_are_multiplied_and_divided_in_millionths() {
        let large = i128::MAX / (4 * MILLION);
        for (one, other, times, by) in [
            (6 * MILLION, 3 * MILLION, Some(18 * MILLION), Some(2 * MILLION)),
            (-6 * MILLION, MILLION / 2, Some(-3 * MILLION), Some(-12 * MILLION)),
            (large * MILLION, 3 * MILLION, Some(large * 3 * MILLION), Some(large * MILLION / (3 * MILLION) * MILLION)),
            (i128::MAX, 3 * MILLION, None, Some(i128::MAX / (3 * MILLION) * MILLION)),
            (i128::MAX, 1, Some(i128::MAX / MILLION), None),
        ] {
            assert_eq!(product(one, other), times, "{one} * {other}");
            assert_eq!(product(other, one), times, "{other} * {one}");
            assert_eq!(quotient(one, other), by, "{one} / {other}");
        }
        assert_eq!(quotient(MILLION, 0), None);
    }

    #[test]
    fn a_term_knows_the_most_that_it_can_be() {
        let limit = || Box::new(Term::Field(Field::Row(RowField::Limit)));
        let squared = || Box::new(Term::Product(limit(), limit()));
        let third = NonZeroI128::new(-3 * MILLION).expect("not zero");
        assert_eq!(Term::Sum(limit(), Box::new(Term::Constant(-7))).most(), Some(FIELD_MAX + 7));
        assert_eq!(Term::Difference(limit(), limit()).most(), Some(2 * FIELD_MAX));
        assert_eq!(Term::Quotient(limit(), third).most(), Some(FIELD_MAX / 3));
        assert!(squared().most().is_some_and(|most| most > 1_000_000_000 * FIELD_MAX));
        assert_eq!(Term::Product(squared(), limit()).most(), None);
        assert_eq!(Term::Constant(i128::MIN).most(), None);
    }

    #[test]
    fn unset_is_stronger_than_unknown() {
        let sum = |one: Figure, other: Figure| one.with(other, i128::checked_add);
        assert_eq!(sum(Figure::Unset, Figure::Unknown), Figure::Unset);
        assert_eq!(sum(Figure::Unknown, Figure::Known(1)), Figure::Unknown);
        assert_eq!(sum(Figure::Known(2), Figure::Known(1)), Figure::Known(3));
        // What cannot be counted is not known: never false.
        assert_eq!(sum(Figure::Known(i128::MAX), Figure::Known(1)), Figure::Unknown);
        assert_eq!(same(Value::Unset, Value::Unset), Truth::Clear);
        assert_eq!(same(Value::Unknown, Value::Unset), Truth::Clear);
        assert_eq!(same(Value::Unknown, Value::Flag(true)), Truth::Unknown);
        assert_eq!(same(Value::Text("a"), Value::Text("a")), Truth::Holds);
    }
}
