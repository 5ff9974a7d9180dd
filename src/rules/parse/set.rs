//! `at_least`: how many items must hold together, and what belongs together.
//!
//! Never reads it for a rule that is not asked of items. Invariant: what comes out has members that can be counted.

use std::ops::RangeInclusive;

use crate::document::Fields;
use crate::rules::SubjectKind;
use crate::rules::field::Scope;
use crate::rules::parse::{Reader, plural};
use crate::rules::set::{AtLeast, SetKind};

/// How many members a rule may want: one alone is no set, and no brand has more products or venues.
pub(super) const COUNT_RANGE: RangeInclusive<i64> = 2..=10_000;

impl Reader<'_> {
    /// Reads the sets that a rule is about. An event has none, and says so with the other settings that it has not.
    pub(super) fn at_least(&mut self, fields: &mut Fields<'_>, scope: Option<Scope>) -> Option<AtLeast> {
        if fields.holds("event") {
            return None;
        }
        let node = fields.optional("at_least")?;
        if let Some(Scope { subject, event: _ }) = scope.filter(|scope| scope.subject != SubjectKind::Item) {
            let message = format!("'at_least' counts items, and this rule is about {}", plural(subject));
            self.problems.tell_with_help(&node.place, message, "remove 'subject', or 'at_least'");
            return None;
        }
        let mut fields = node.fields(SUCH_AS, self.problems)?;
        let count = fields.required("count", "3", self.problems);
        let count = count.and_then(|node| node.integer(&COUNT_RANGE, "items or venues", self.problems));
        let of = fields.required("of", "category", self.problems);
        let of = of.and_then(|node| node.word(&SetKind::ALL.map(|kind| (kind.word(), kind)), self.problems));
        if let Some(entry) = fields.out_of_place("of_total") {
            let help = "remove 'of_total': the venues of the brand are counted, and a message says how many as {{ set.total }}";
            self.problems.tell_with_help(&entry.place, "how many venues there are cannot be set", help);
        }
        fields.finish(self.problems);
        Some(AtLeast { count: u16::try_from(count?).ok()?, of: of? })
    }
}

const SUCH_AS: &str = "{ count: 3, of: category }";
