//! What is said of broken rules beyond the catalogue of mistakes (`tests/bad_input`): limits, receivers, several files.

use super::*;
use crate::document::Report;
use crate::rules::parse::Parsed;

/// A rule with these keys beside its name and `notify`.
fn rule(keys: &str) -> String {
    format!("rules: [{{ name: r, notify: [], {keys} }}]")
}

fn problems_of(files: &[RuleFile]) -> (Parsed, Option<Report>) {
    let mut problems = Problems::new();
    let parsed = parse(files, &mut problems);
    (parsed, problems.into_report())
}

/// Every problem as `line:column: what is wrong; what to write`.
fn lines(text: &str) -> Vec<String> {
    let (_, report) = problems_of(&[file("r", text)]);
    let problems = report.map(|report| report.problems).unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().trim_start_matches("r:").to_owned()).collect()
}

#[test]
fn two_rules_of_one_name_in_two_files_are_both_shown() {
    let text = "rules: [{ name: a, event: stopped, notify: [kitchen] }]";
    let (_, report) = problems_of(&[file("one.yaml", text), file("two.yaml", text)]);
    let said = report.expect("a problem").problems[0].to_string();
    assert_eq!(
        said,
        "two.yaml:1:17: a second rule is called 'a'; give it another name: alerts are told apart by it \
         (the first one is here: one.yaml:1:17)"
    );
}

#[test]
fn receivers_are_returned_with_their_places_even_from_broken_rules() {
    let (parsed, report) = problems_of(&[
        file("one.yaml", "rules:\n- { name: a, event: stopped, notify: kitchen }\n"),
        file("two.yaml", "rules:\n- { name: b, event: stoped, notify: [\"ops\", office] }\n"),
    ]);
    assert_eq!(report.map(|report| report.problems.len()), Some(1));
    let placed = |placed: &crate::rules::Placed| {
        let place = &placed.place;
        format!("{} {}:{}:{} {}", placed.text, place.file, place.line, place.column, placed.quoted)
    };
    let receivers: Vec<String> = parsed.receivers.iter().map(placed).collect();
    assert_eq!(receivers, ["kitchen one.yaml:2:38 false", "ops two.yaml:2:38 true", "office two.yaml:2:45 false"]);
    let kept: Vec<&str> = parsed.rules.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(kept, ["a"], "a rule with a problem does not come out");
}

#[test]
fn limits_are_told_by_their_names() {
    let nested = |depth: usize| {
        let when = format!("{}{{ low: true }}{}", "{ not: ".repeat(depth), " }".repeat(depth));
        lines(&format!("rules: [{{ name: r, notify: [], when: {when} }}]"))
    };
    assert_eq!(nested(31), [""; 0]);
    assert!(nested(32)[0].ends_with("conditions are nested deeper than the 32 levels that are read"));
    let parts = |count: usize| {
        let when = vec!["{ low: true }"; count - 1].join(", ");
        lines(&format!("rules: [{{ name: r, notify: [], when: {{ any: [{when}] }} }}]"))
    };
    assert_eq!(parts(256), [""; 0]);
    assert_eq!(parts(257), ["1:32: 'when' has more than the 256 parts of a condition; make several rules of it"]);
    let values = vec!["1"; 1_001].join(", ");
    assert!(lines(&rule(&format!("when: {{ product.id: [{values}] }}")))[0].contains("more than 1000 values"));
    let asking = |n| format!("- {{ name: r{n}, notify: [], when: {{ prices.l{n}: 1 }} }}");
    let lists = (0..257).map(asking).collect::<Vec<_>>().join("\n");
    assert_eq!(
        lines(&format!("rules:\n{lists}")),
        ["258:37: rules refer to more than the 256 price lists that are read"]
    );
    let long = format!("rules: [{{ name: r, notify: [], event: back, message: {} }}]", "x".repeat(4_097));
    assert_eq!(lines(&long), ["1:54: 'message' is longer than the 4096 characters of a message"]);
    let telling = |n| format!("- {{ name: r{n}, event: back, notify: [] }}");
    let many = (0..10_001).map(telling).collect::<Vec<_>>().join("\n");
    assert_eq!(
        lines(&format!("rules:\n{many}")),
        ["10002:3: this is one rule more than the 10000 that are read; let one rule cover several products, by \
             category or tag"]
    );
}

#[test]
fn the_shipped_rules_are_sound() {
    let shipped = [
        file("rules/kitchen.yaml", include_str!("../../../rules/kitchen.yaml")),
        file("rules/operations.yaml", include_str!("../../../rules/operations.yaml")),
    ];
    let (parsed, report) = problems_of(&shipped);
    assert_eq!(report.map(|report| report.to_string()), None);
    let names: Vec<&str> = parsed.rules.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "back-on-sale",
            "brand-unreachable",
            "credentials-refused",
            "ingredient-out",
            "low-stock",
            "price-changed",
            "runs-out-soon",
            "sold-out",
            "sold-out-no-station",
            "station-off",
            "venue-unreadable"
        ]
    );
    let receivers: std::collections::BTreeSet<&str> = parsed.receivers.iter().map(|placed| &*placed.text).collect();
    assert_eq!(receivers, ["kitchen", "managers", "office", "ops"].into());
}

#[test]
fn every_field_takes_the_example_that_the_table_gives() {
    use crate::rules::field::FIELDS;
    for row in FIELDS {
        let name = row.name.replace("<list>", "Delivery");
        for subject in row.subjects {
            let events: Vec<String> = row.events.iter().map(|event| format!("event: {}", event.word())).collect();
            let scopes = if events.is_empty() { vec![format!("subject: {}", subject.word())] } else { events };
            for scope in scopes {
                let text = rule(&format!("{scope}, when: {{ {name}: {} }}", row.example));
                assert_eq!(lines(&text), [""; 0], "{text}");
            }
        }
    }
}

#[test]
fn a_name_has_one_type_for_each_subject_and_event() {
    use crate::rules::field::{FIELDS, Scope};
    use crate::rules::{EventKind, SubjectKind};
    let mut scopes: Vec<Scope> = SubjectKind::ALL.map(|subject| Scope { subject, event: None }).into();
    scopes.extend(EventKind::ALL.map(|event| Scope { subject: event.subject(), event: Some(event) }));
    for scope in scopes {
        let mut names: Vec<&str> = FIELDS.iter().filter(|row| row.is_in(scope)).map(|row| row.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{scope:?}");
    }
}
