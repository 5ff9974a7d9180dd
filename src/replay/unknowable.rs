//! The rules of which the history knows too little: it holds what changed, not how old a reading was, which requests
//! failed, or whether Clopos let us in.
//!
//! Invariant: a rule that is left out on one side is left out on both, or the other side's alerts would seem to differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::replay::turns::visit;
use crate::rules::field::{BrandField, FIELDS, Field, VenueField};
use crate::rules::{Form, Rule, RuleName, RuleSet, SubjectKind};

/// A rule that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub rule: RuleName,
    /// What of it the history does not know: `reading.age`, or `the brand` as what it is about.
    pub why: Vec<&'static str>,
}

/// Returns the rule sets without the rules that cannot be replayed, and these.
pub fn leave_out(sets: Vec<RuleSet>) -> (Vec<RuleSet>, Vec<LeftOut>) {
    let mut why: BTreeMap<RuleName, BTreeSet<&'static str>> = BTreeMap::new();
    for rule in sets.iter().flat_map(RuleSet::rules) {
        let unknown = unknown_to_history(rule);
        if !unknown.is_empty() {
            why.entry(rule.name.clone()).or_default().extend(unknown);
        }
    }
    let without = |set: RuleSet| {
        let kept = set.rules().iter().filter(|rule| !why.contains_key(&rule.name)).cloned().collect();
        RuleSet::new(kept, set.price_lists().to_vec())
    };
    let kept = sets.into_iter().map(without).collect();
    let left_out = |(rule, why): (RuleName, BTreeSet<&'static str>)| LeftOut { rule, why: why.into_iter().collect() };
    (kept, why.into_iter().map(left_out).collect())
}

fn unknown_to_history(rule: &Rule) -> BTreeSet<&'static str> {
    let mut unknown = BTreeSet::new();
    if let Form::State(state) = &rule.form
        && state.subject == SubjectKind::Brand
    {
        unknown.insert("the brand");
    }
    visit(rule, &mut |field, _| {
        if is_unknown(field) {
            unknown.extend(FIELDS.iter().find(|row| row.field == field).map(|row| row.name));
        }
    });
    unknown
}

fn is_unknown(field: Field) -> bool {
    match field {
        Field::Venue(VenueField::Reading | VenueField::Trouble | VenueField::ReadingAge)
        | Field::Brand(BrandField::Access) => true,
        Field::Venue(_)
        | Field::Brand(BrandField::Slug)
        | Field::Row(_)
        | Field::Product(_)
        | Field::Parent(_)
        | Field::Variants(_)
        | Field::Recipe(_)
        | Field::Station(_)
        | Field::Forecast(_)
        | Field::Price(_)
        | Field::Change(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Problems;
    use crate::rules::parse::{self, RuleFile};

    fn rules(text: &str) -> RuleSet {
        let mut problems = Problems::new();
        let file = RuleFile { name: "a.yaml".into(), bytes: text.as_bytes().to_vec() };
        let rules = parse::parse(&[file], &mut problems).rules;
        assert!(problems.is_empty(), "{problems:?}");
        rules
    }

    #[test]
    fn what_the_history_does_not_know_is_left_out_on_both_sides() {
        let old = rules(
            "rules:
  - { name: blind, notify: [], subject: venue, when: { venue.reading: blind } }
  - { name: out, notify: [], when: { sold_out: true } }
  - { name: refused, notify: [], subject: brand, when: { brand.access: refused } }
  - { name: sure, notify: [], when: { sold_out: true } }",
        );
        let new = rules(
            "rules:
  - { name: out, notify: [], when: { sold_out: true, venue.status: active, brand: sahil } }
  - { name: sure, notify: [], when: { all: [{ sold_out: true }, { not: { reading.age: { above: 1m } } }] } }
  - { name: slow, notify: [], expr: reading.age > stopped_for }",
        );
        let (kept, left_out) = leave_out(vec![old, new]);
        let names = |set: &RuleSet| set.rules().iter().map(|rule| rule.name.to_string()).collect::<Vec<_>>();
        assert_eq!(kept.iter().map(names).collect::<Vec<_>>(), [["out"], ["out"]]);
        let said: Vec<String> = left_out.iter().map(|it| format!("{}: {}", it.rule, it.why.join(", "))).collect();
        assert_eq!(
            said,
            ["blind: venue.reading", "refused: brand.access, the brand", "slow: reading.age", "sure: reading.age"]
        );
    }
}
