//! Why a condition does not hold: those of its parts that are not so, or that nobody has read, in words for people.
//!
//! Fields and values stay as rule files write them; what stands between is in the reader's language. Goes the way of
//! [`Condition::truth`]. Invariant, tested: of what holds there is nothing to say; of what is clear each part that is named
//! is not so; of what is unknown each was not read.

use std::time::Duration;

use crate::language::Language;
use crate::rules::condition::{Condition, Matcher, Operand, Truth};
use crate::rules::field::{FIELDS, Field, FieldRow, PRICES_PREFIX};
use crate::rules::value::{Value, View};
use crate::units::{Timestamp, printable, written_duration};

mod words;

use words::Bound;

/// Characters of a value or of what a rule asks for.
const WORDS_LENGTH_MAX: usize = 80;
/// How many of the values that a rule would take are named.
const OPERANDS_NAMED: usize = 5;

/// Part of a condition, and why it keeps the whole from holding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Says it: `station.status is inactive, the rule asks for active`.
    pub text: String,
    /// Whether nobody knows, because it was not read. Otherwise it is not so.
    pub is_unread: bool,
}

/// Returns what keeps a condition from holding, each reason once; nothing when it holds. `price_lists` are the names that
/// the rules ask for, in the order of their index.
pub fn reasons(
    condition: &Condition,
    view: &View<'_>,
    price_lists: &[String],
    language: Language,
    now: Timestamp,
) -> Vec<Reason> {
    let mut asked = Asked { view, price_lists, now, language, reasons: Vec::new() };
    asked.collect(condition, false);
    asked.reasons
}

struct Asked<'a> {
    view: &'a View<'a>,
    price_lists: &'a [String],
    now: Timestamp,
    language: Language,
    reasons: Vec<Reason>,
}

impl Asked<'_> {
    /// Notes why the condition does not hold, or why it does where it must not.
    fn collect(&mut self, condition: &Condition, is_negated: bool) {
        let truth = self.truth(condition, is_negated);
        if truth == Truth::Holds {
            return;
        }
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                // Whether all are needed or one: those that decided it have the truth of the whole.
                for part in parts.iter().filter(|part| self.truth(part, is_negated) == truth).collect::<Vec<_>>() {
                    self.collect(part, is_negated);
                }
                if parts.is_empty() {
                    self.note(words::never(self.language).to_owned(), truth);
                }
            }
            Condition::Not(part) => self.collect(part, !is_negated),
            Condition::Match { field, matcher } => {
                let text = match truth {
                    Truth::Unknown => self.unread(&[*field]),
                    Truth::Clear | Truth::Holds => {
                        let asked = asked_for(matcher, is_negated, self.language);
                        format!("{}, {}", self.is(*field), words::asks_for(self.language, &asked))
                    }
                };
                self.note(text, truth);
            }
            Condition::Compare(comparison) => {
                let mut fields: Vec<Field> = Vec::new();
                comparison.visit(&mut |field| {
                    if !fields.contains(&field) {
                        fields.push(field);
                    }
                });
                self.note_computed(&fields, words::does_not_fit(self.language), truth);
            }
            Condition::Same(one, other) => {
                self.note_computed(&[*one, *other], words::asks_for_same(self.language, !is_negated), truth);
            }
        }
    }

    fn truth(&self, condition: &Condition, is_negated: bool) -> Truth {
        let truth = condition.truth(self.view, self.now);
        if is_negated { truth.not() } else { truth }
    }

    fn note(&mut self, text: String, truth: Truth) {
        let reason = Reason { text, is_unread: truth == Truth::Unknown };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn note_computed(&mut self, fields: &[Field], asked: &str, truth: Truth) {
        let text = match truth {
            Truth::Unknown => self.unread(fields),
            Truth::Clear | Truth::Holds => {
                let values: Vec<String> = fields.iter().map(|field| self.is(*field)).collect();
                format!("{}, {asked}", values.join(words::and(self.language)))
            }
        };
        self.note(text, truth);
    }

    /// Names those of the fields that were not read.
    fn unread(&self, fields: &[Field]) -> String {
        let is_unread = |field: &&Field| self.view.value(**field, self.now) == Value::Unknown;
        let names: Vec<String> = fields.iter().filter(is_unread).map(|field| self.name(*field)).collect();
        match names.as_slice() {
            [] => words::too_large(self.language).to_owned(),
            names => words::unread(self.language, names.len(), &names.join(words::and(self.language))),
        }
    }

    /// Says what a field is: `limit is 3`.
    fn is(&self, field: Field) -> String {
        let value = self.view.value(field, self.now);
        let name = self.name(field);
        match (value, row_of(field).and_then(|row| row.unset_when)) {
            (Value::Unset, why) => words::has_no_value(self.language, &name, why),
            (value, _) => words::is(self.language, &name, &value_words(value)),
        }
    }

    fn name(&self, field: Field) -> String {
        field_name(field, self.price_lists)
    }
}

/// Returns the name of a field as rule files write it.
pub(super) fn field_name(field: Field, price_lists: &[String]) -> String {
    if let Field::Price(list) = field {
        let list = price_lists.get(usize::from(list.0)).map_or("", String::as_str);
        return printable(&format!("{PRICES_PREFIX}{list}"), WORDS_LENGTH_MAX);
    }
    row_of(field).map_or_else(|| format!("{field:?}"), |row| row.name.to_owned())
}

fn row_of(field: Field) -> Option<&'static FieldRow> {
    let is_price = |row: &FieldRow| matches!((row.field, field), (Field::Price(_), Field::Price(_)));
    FIELDS.iter().find(|row| row.field == field || is_price(row))
}

fn value_words(value: Value<'_>) -> String {
    let words = match value {
        Value::Number(number) => number.to_string(),
        Value::Money(money) => money.to_string(),
        // Parts of a second are below what anybody asks for.
        Value::Duration(duration) => written_duration(Duration::from_secs(duration.as_secs())),
        Value::Time(time) => time.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Word(text) | Value::Text(text) => text.to_owned(),
        Value::Texts(texts) => texts.join(", "),
        Value::Id(id) => id.to_string(),
        Value::Unset => "unset".to_owned(),
        Value::Unknown => "not read".to_owned(),
    };
    printable(&words, WORDS_LENGTH_MAX)
}

/// Says what a value must be.
pub(super) fn asked_for(matcher: &Matcher, is_negated: bool, language: Language) -> String {
    let than = |bound, operand| words::than(language, bound, &operand_words(operand));
    let wanted = match (matcher, is_negated) {
        (Matcher::Set, false) | (Matcher::Unset, true) => return words::a_value(language).to_owned(),
        (Matcher::Set, true) | (Matcher::Unset, false) => return words::no_value(language).to_owned(),
        (Matcher::AnyOf(operands), _) => match operands.as_slice() {
            [only] => operand_words(only),
            operands => {
                let named = operands.iter().take(OPERANDS_NAMED).map(operand_words).collect::<Vec<_>>().join(", ");
                words::one_of(language, &named, operands.len() > OPERANDS_NAMED)
            }
        },
        (Matcher::Below(operand @ Operand::Time(_)), _) => than(Bound::Before, operand),
        (Matcher::Above(operand @ Operand::Time(_)), _) => than(Bound::After, operand),
        (Matcher::AtMost(operand), _) => than(Bound::AtMost, operand),
        (Matcher::AtLeast(operand), _) => than(Bound::AtLeast, operand),
        (Matcher::Below(operand), _) => than(Bound::Below, operand),
        (Matcher::Above(operand), _) => than(Bound::Above, operand),
        (Matcher::Matches(pattern), _) => words::fits(language, &format!("{pattern:?}")),
    };
    let wanted = if is_negated { words::anything_but(language, &wanted) } else { wanted };
    printable(&wanted, WORDS_LENGTH_MAX)
}

fn operand_words(operand: &Operand) -> String {
    match operand {
        Operand::Number(number) => number.to_string(),
        Operand::Money(money) => money.to_string(),
        Operand::Duration(duration) => written_duration(*duration),
        Operand::Time(time) => format!("{:02}:{:02}", time.hour(), time.minute()),
        Operand::Flag(flag) => flag.to_string(),
        Operand::Word(word) => (*word).to_owned(),
        Operand::Text(text) => text.to_string(),
        Operand::Id(id) => id.to_string(),
    }
}
