//! What a condition asks for, in lines for people, as rule files say it.
//!
//! Where a file said it by an expression the words are ours; the meaning is the same. Pure.

use crate::language::Language;
use crate::rules::condition::Condition;
use crate::rules::term::{Comparison, Term, Test};
use crate::rules::why::{asked_for, field_name};

/// A figure is kept in so many parts.
const MILLION: i128 = 1_000_000;

/// Returns what a condition asks for, each part a line, what belongs to a group further to the right. `price_lists` are the
/// names that the rules ask for, in the order of their index.
pub fn described(condition: &Condition, price_lists: &[String], language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    match condition {
        // What stands side by side in a file must all hold.
        Condition::All(parts) => {
            for part in parts {
                describe(part, (price_lists, language), 0, &mut lines);
            }
        }
        Condition::Any(_)
        | Condition::Not(_)
        | Condition::Match { .. }
        | Condition::Compare(_)
        | Condition::Same(..) => describe(condition, (price_lists, language), 0, &mut lines),
    }
    lines
}

fn describe(
    condition: &Condition,
    (price_lists, language): (&[String], Language),
    depth: usize,
    lines: &mut Vec<String>,
) {
    let indent = "  ".repeat(depth);
    let mut group = |word: &str, parts: &[Condition]| {
        lines.push(format!("{indent}{word}:"));
        for part in parts {
            describe(part, (price_lists, language), depth + 1, lines);
        }
    };
    let name = |field| field_name(field, price_lists);
    match condition {
        Condition::All(parts) => group("all", parts),
        Condition::Any(parts) => group("any", parts),
        Condition::Not(part) => group("not", std::slice::from_ref(part)),
        Condition::Match { field, matcher } => {
            lines.push(format!("{indent}{}: {}", name(*field), asked_for(matcher, false, language)));
        }
        Condition::Compare(comparison) => {
            let Comparison { left, test, right } = comparison.as_ref();
            let sign = match test {
                Test::Equal => "=",
                Test::Below => "<",
                Test::AtMost => "<=",
            };
            lines.push(format!("{indent}{} {sign} {}", term(left, price_lists), term(right, price_lists)));
        }
        Condition::Same(one, other) => lines.push(format!("{indent}{} = {}", name(*one), name(*other))),
    }
}

fn term(of: &Term, price_lists: &[String]) -> String {
    let both = |one: &Term, sign: &str, other: &Term| {
        format!("({} {sign} {})", term(one, price_lists), term(other, price_lists))
    };
    match of {
        Term::Field(field) => field_name(*field, price_lists),
        Term::Constant(millionths) => figure(*millionths),
        Term::Sum(one, other) => both(one, "+", other),
        Term::Difference(one, other) => both(one, "-", other),
        Term::Product(one, other) => both(one, "*", other),
        Term::Quotient(one, by) => format!("({} / {})", term(one, price_lists), figure(by.get())),
    }
}

fn figure(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, part) =
        (millionths.unsigned_abs() / MILLION.unsigned_abs(), millionths.unsigned_abs() % MILLION.unsigned_abs());
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let part = format!("{part:06}");
    format!("{sign}{whole}.{}", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::condition::{Matcher, Operand};
    use crate::rules::field::{Field, RowField};
    use crate::units::Quantity;

    #[test]
    fn a_condition_is_described_as_files_say_it() {
        let limit = |matcher| Condition::Match { field: Field::Row(RowField::Limit), matcher };
        let zero = || Operand::Number(Quantity::ZERO);
        let compare = Comparison {
            left: Term::Field(Field::Row(RowField::Limit)),
            test: Test::Below,
            right: Term::Sum(Box::new(Term::Constant(2_500_000)), Box::new(Term::Constant(-1_000_000))),
        };
        let any =
            Condition::Any(vec![limit(Matcher::Unset), Condition::Not(Box::new(limit(Matcher::AtLeast(zero()))))]);
        let all = Condition::All(vec![limit(Matcher::AtMost(zero())), any, Condition::Compare(Box::new(compare))]);
        insta::assert_snapshot!(described(&all, &[], Language::En).join("\n"), @r"
        limit: at most 0
        any:
          limit: none
          not:
            limit: at least 0
        limit < (2.5 + -1)
        ");
    }
}
