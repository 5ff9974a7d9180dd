//! Conditions and what they say of a subject: it holds, it does not, or nobody can know.
//!
//! Three-valued after Kleene, so that a value that was not read can neither fire nor end an alert. Never allocates
//! while it evaluates. Invariant, tested: and, or and not obey Kleene's tables.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use regex::{Regex, RegexBuilder};

use crate::rules::field::{BrandField, Field, RowField, StationField, VariantsField};
use crate::rules::term::{self, Comparison};
use crate::rules::value::{self, Value, View};
use crate::units::{Money, Quantity, Timestamp};

/// The compiled size that a pattern may have: the library's own limit of 10 MB times 10,000 rules would fill a machine.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// What is known of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It is so.
    Holds,
    /// It is not so.
    Clear,
    /// It was not read.
    Unknown,
}

impl Truth {
    /// Takes what was read.
    pub const fn of(statement: bool) -> Self {
        if statement { Self::Holds } else { Self::Clear }
    }

    /// Returns whether both hold.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Clear, _) | (_, Self::Clear) => Self::Clear,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Holds, Self::Holds) => Self::Holds,
        }
    }

    /// Returns whether at least one holds.
    pub const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// Returns the opposite; of the unknown, the unknown.
    pub const fn not(self) -> Self {
        match self {
            Self::Holds => Self::Clear,
            Self::Clear => Self::Holds,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Every one must hold; none at all holds.
    All(Vec<Condition>),
    /// At least one must hold.
    Any(Vec<Condition>),
    /// It must not hold.
    Not(Box<Condition>),
    /// A field must fit.
    Match {
        /// The field.
        field: Field,
        /// What its value must be.
        matcher: Matcher,
    },
    /// Two figures must compare in a way; only expressions say it.
    Compare(Box<Comparison>),
    /// Two fields of one kind must have the same value; only expressions say it.
    Same(Field, Field),
}

/// What a value must be. A value that is unset fits only `Unset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matcher {
    /// Equal to one of these; of several texts, one must be.
    AnyOf(Vec<Operand>),
    /// This or less.
    AtMost(Operand),
    /// This or more.
    AtLeast(Operand),
    /// Less than this.
    Below(Operand),
    /// More than this.
    Above(Operand),
    /// A text, or one of several, that the pattern describes from end to end.
    Matches(Pattern),
    /// Any value.
    Set,
    /// None.
    Unset,
}

/// A value that a rule names, of the field's own type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operand {
    /// A stock figure or a count.
    Number(Quantity),
    /// An amount.
    Money(Money),
    /// A time span.
    Duration(Duration),
    /// A time of the clock.
    Time(Time),
    /// True or false.
    Flag(bool),
    /// One of the field's words.
    Word(&'static str),
    /// Any text.
    Text(Arc<str>),
    /// A number that names something.
    Id(u64),
}

/// A pattern that must describe a whole text; it runs in time linear in the text.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    written: Arc<str>,
}

impl Condition {
    /// Says whether the condition holds for a subject.
    pub fn truth(&self, view: &View<'_>, now: Timestamp) -> Truth {
        match self {
            Self::All(parts) => {
                let mut truth = Truth::Holds;
                for part in parts {
                    truth = truth.and(part.truth(view, now));
                    if truth == Truth::Clear {
                        break;
                    }
                }
                truth
            }
            Self::Any(parts) => {
                let mut truth = Truth::Clear;
                for part in parts {
                    truth = truth.or(part.truth(view, now));
                    if truth == Truth::Holds {
                        break;
                    }
                }
                truth
            }
            Self::Not(part) => part.truth(view, now).not(),
            Self::Match { field, matcher } => matcher.truth(view.value(*field, now)),
            Self::Compare(comparison) => comparison.truth(view, now),
            Self::Same(left, right) => term::same(view.value(*left, now), view.value(*right, now)),
        }
    }

    /// Shows every field that the condition asks for, with what it must be; without where it is compared with others.
    pub fn visit(&self, see: &mut dyn FnMut(Field, Option<&Matcher>)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(part) => part.visit(see),
            Self::Match { field, matcher } => see(*field, Some(matcher)),
            Self::Compare(comparison) => comparison.visit(&mut |field| see(field, None)),
            Self::Same(one, other) => [one, other].into_iter().for_each(|field| see(*field, None)),
        }
    }

    /// Says whether the condition asks for a field that `is_meant`.
    pub fn asks_for(&self, is_meant: impl Fn(Field) -> bool) -> bool {
        let mut asks = false;
        self.visit(&mut |field, _| asks |= is_meant(field));
        asks
    }

    /// Says whether it holds only for what cannot be had: an item that is out, a product without a variant that is
    /// left, a station that is off. Then an alert about it can explain others. Errs on the side of no.
    pub fn says_it_is_off(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(Self::says_it_is_off),
            Self::Any(parts) => !parts.is_empty() && parts.iter().all(Self::says_it_is_off),
            Self::Not(_) | Self::Compare(_) | Self::Same(..) => false,
            Self::Match { field, matcher } => match field {
                Field::Row(RowField::SoldOut) => matcher.truth(Value::Flag(false)) == Truth::Clear,
                Field::Row(RowField::Limit) | Field::Variants(VariantsField::Left) => matcher.is_at_most_zero(),
                Field::Row(RowField::StoppedFor) => !matches!(matcher, Matcher::Unset),
                Field::Station(StationField::Status) => matcher.truth(Value::Word("active")) == Truth::Clear,
                Field::Brand(BrandField::Access) => matcher.truth(Value::Word("granted")) == Truth::Clear,
                Field::Row(_)
                | Field::Variants(_)
                | Field::Station(_)
                | Field::Brand(_)
                | Field::Product(_)
                | Field::Parent(_)
                | Field::Recipe(_)
                | Field::Forecast(_)
                | Field::Price(_)
                | Field::Venue(_)
                | Field::Change(_) => false,
            },
        }
    }

    /// Says whether the condition is clear for every item without a row, whatever else is true or unknown of it: then
    /// only the rows of the stop list need to be visited. Errs on the side of visiting.
    pub fn needs_row(&self) -> bool {
        self.without_row() == Some(Truth::Clear)
    }

    /// Returns the one truth that the condition has for all items without a row, if there is only one.
    fn without_row(&self) -> Option<Truth> {
        match self {
            Self::All(parts) if parts.iter().any(|part| part.without_row() == Some(Truth::Clear)) => Some(Truth::Clear),
            Self::All(parts) => parts.iter().try_fold(Truth::Holds, |truth, part| Some(truth.and(part.without_row()?))),
            Self::Any(parts) if parts.iter().any(|part| part.without_row() == Some(Truth::Holds)) => Some(Truth::Holds),
            Self::Any(parts) => parts.iter().try_fold(Truth::Clear, |truth, part| Some(truth.or(part.without_row()?))),
            Self::Not(part) => part.without_row().map(Truth::not),
            Self::Compare(comparison) => comparison.without_row(),
            Self::Match { field, matcher } => value::without_row(*field).map(|value| matcher.truth(value)),
            Self::Same(one, other) => Some(term::same(value::without_row(*one)?, value::without_row(*other)?)),
        }
    }
}

impl Matcher {
    /// Says whether no number above zero fits.
    fn is_at_most_zero(&self) -> bool {
        let is_low = |operand: &Operand| matches!(operand, Operand::Number(number) if *number <= Quantity::ZERO);
        match self {
            Self::AnyOf(operands) => operands.iter().all(is_low),
            Self::AtMost(operand) | Self::Below(operand) => is_low(operand),
            Self::AtLeast(_) | Self::Above(_) | Self::Matches(_) | Self::Set | Self::Unset => false,
        }
    }

    /// Says whether a value fits.
    pub fn truth(&self, value: Value<'_>) -> Truth {
        if value == Value::Unknown {
            return Truth::Unknown;
        }
        Truth::of(match self {
            Self::AnyOf(operands) => operands.iter().any(|operand| operand.equals(value)),
            Self::AtMost(operand) => operand.order(value).is_some_and(Ordering::is_le),
            Self::AtLeast(operand) => operand.order(value).is_some_and(Ordering::is_ge),
            Self::Below(operand) => operand.order(value).is_some_and(Ordering::is_lt),
            Self::Above(operand) => operand.order(value).is_some_and(Ordering::is_gt),
            Self::Matches(pattern) => pattern.fits(value),
            Self::Set => value != Value::Unset,
            Self::Unset => value == Value::Unset,
        })
    }
}

impl Operand {
    fn equals(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Number(wanted), Value::Number(value)) => *wanted == value,
            (Self::Money(wanted), Value::Money(value)) => *wanted == value,
            (Self::Duration(wanted), Value::Duration(value)) => *wanted == value,
            (Self::Flag(wanted), Value::Flag(value)) => *wanted == value,
            (Self::Word(wanted), Value::Word(value)) => *wanted == value,
            (Self::Text(wanted), Value::Text(value)) => wanted.as_ref() == value,
            (Self::Text(wanted), Value::Texts(values)) => values.iter().any(|value| wanted.as_ref() == value),
            (Self::Id(wanted), Value::Id(value)) => *wanted == value,
            (
                Self::Number(_)
                | Self::Money(_)
                | Self::Duration(_)
                | Self::Time(_)
                | Self::Flag(_)
                | Self::Word(_)
                | Self::Text(_)
                | Self::Id(_),
                _,
            ) => false,
        }
    }

    /// Compares a value with this operand; `None` when they have no order between them.
    pub(crate) fn order(&self, value: Value<'_>) -> Option<Ordering> {
        match (self, value) {
            (Self::Number(wanted), Value::Number(value)) => Some(value.cmp(wanted)),
            (Self::Money(wanted), Value::Money(value)) => Some(value.cmp(wanted)),
            (Self::Duration(wanted), Value::Duration(value)) => Some(value.cmp(wanted)),
            (Self::Time(wanted), Value::Time(value)) => Some(value.order(*wanted)),
            (
                Self::Number(_)
                | Self::Money(_)
                | Self::Duration(_)
                | Self::Time(_)
                | Self::Flag(_)
                | Self::Word(_)
                | Self::Text(_)
                | Self::Id(_),
                _,
            ) => None,
        }
    }
}

impl Pattern {
    /// Compiles a pattern in the syntax of the `regex` crate; `(?i)` at its start makes capitals equal.
    ///
    /// # Errors
    /// Returns what is wrong with it, in one line for people.
    pub fn new(written: &str) -> Result<Self, String> {
        // Compiled as written first: `a)(b` would be balanced by the brackets around it.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
        let compiled = compile(written).and_then(|_| compile(&format!("^(?:{written})$")));
        let regex = compiled.map_err(|err| {
            if let regex::Error::CompiledTooBig(limit) = err {
                return format!("it needs more than {} KiB", limit / 1024);
            }
            // The crate's text ends with the reason, below a drawing of the place.
            let text = err.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })?;
        Ok(Self { regex, written: written.into() })
    }

    /// Says whether a text, or one of several, is as the pattern says.
    pub(crate) fn fits(&self, value: Value<'_>) -> bool {
        match value {
            Value::Text(text) => self.regex.is_match(text),
            Value::Texts(texts) => texts.iter().any(|text| self.regex.is_match(text)),
            Value::Number(_)
            | Value::Money(_)
            | Value::Duration(_)
            | Value::Time(_)
            | Value::Flag(_)
            | Value::Word(_)
            | Value::Id(_)
            | Value::Unset
            | Value::Unknown => false,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.written.cmp(&other.written)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.written)
    }
}
