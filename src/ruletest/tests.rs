//! What a test file can say, by tables: each expectation fails when it is not so, and says what happened.

use std::sync::Arc;

use super::*;

const RULES: &str = r#"
rules:
  - name: out
    flap_detection: false
    when: { limit: { at_most: 0 }, station.status: active }
    for: 20s
    clear_for: 10s
    notify: [kitchen, managers]
    message: "{{ item.name }} is out"
    resolved_message: "{{ item.name }} is back"
  - { name: added, event: product_added, notify: [kitchen], message: "{{ item.name }} is new" }
"#;

/// The head of every file of the table.
const HEAD: &str = "\
receivers: { kitchen: mqtt, managers: email }
world: { stations: { Kitchen: active }, products: { Piti: { station: Kitchen }, Plov: { station: Kitchen }, Tea: {} } }
tests:
  - name: it
    steps:
";

/// Reads and lives one test of these steps, and returns what happened instead, or `passed`.
fn lived(steps: &str) -> String {
    let mut problems = Problems::new();
    let text = format!("{HEAD}{steps}");
    let suite = read(&"it.test.yaml".into(), text.as_bytes(), &mut problems);
    let rules = RuleFile { name: "it.yaml".into(), bytes: RULES.as_bytes().to_vec() };
    let policy = suite.as_ref().and_then(|suite| suite.policy(&[rules], &mut problems));
    if let Some(report) = problems.into_report() {
        panic!("{report}\n{text}");
    }
    let suite = suite.expect("a suite without a problem");
    let policy: Arc<Policy> = policy.expect("rules without a problem");
    let verdict = suite.run(&suite.tests[0], &policy);
    assert_eq!(verdict, suite.run(&suite.tests[0], &policy), "the same every time");
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed(differences) => {
            let happened = differences.iter().flat_map(|difference| &difference.happened);
            happened.map(String::as_str).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn each_expectation_holds_when_it_is_so_and_fails_when_it_is_not() {
    let opened = "{ stop: { Piti: 0 } }, { after: 20s }";
    let cases: &[(&str, &str)] = &[
        ("[{ open: [] }]", "passed"),
        ("[{ open: ['out: Piti'] }]", "none"),
        ("[{ stop: { Piti: 0 }, pending: [{ out: Piti }], open: [] }]", "passed"),
        ("[{ stop: { Piti: 0 }, pending: [] }]", "out: Piti"),
        (
            "[{ stop: { Piti: 0 } }, { after: 19s, pending: ['out: Piti'] }, { after: 1s, open: ['out: Piti'] }]",
            "passed",
        ),
        ("[OPENED, { open: [] }]", "out: Piti"),
        ("[OPENED, { told: [{ to: kitchen, by: mqtt, text: Piti is out }] }]", "passed"),
        ("[OPENED, { told: [{ to: kitchen, like: .*out }] }]", "passed"),
        ("[OPENED, { told: [{ to: kitchen, like: out }] }]", "18:00:20 kitchen by mqtt: Piti is out   <--"),
        (
            "[OPENED, { told: [{ to: kitchen, by: email, text: Piti is out }] }]",
            "18:00:20 kitchen by mqtt: Piti is out   <--",
        ),
        ("[OPENED, { told: [] }]", "18:00:20 kitchen by mqtt: Piti is out   <--"),
        ("[OPENED, { told: [{ to: kitchen, text: Piti is out }] }, { told: [] }]", "passed"),
        ("[OPENED, { held: [{ to: managers, about: 'out: Piti', why: mail waits for 1 min more }] }]", "passed"),
        ("[OPENED, { held: [{ to: managers, why: no route }] }]", "managers, out: Piti: mail waits for 1 min more"),
        (
            "[OPENED, { after: 1m, told: [{ to: kitchen, text: Piti is out }, { to: managers, text: Piti is out }] }]",
            "passed",
        ),
        (
            "[{ stop: { Piti: 0, Plov: 0 } }, { after: 2m, told: [{ to: kitchen, like: P.* }, { to: managers, text: 'Venue: Piti is out; 1 more news' }] }]",
            "passed",
        ),
        ("[{ stop: { Tea: 0 } }, { after: 1m, open: [], pending: [], told: [] }]", "passed"),
        ("[OPENED, { clear: all }, { after: 9s, open: ['out: Piti'] }, { after: 1s, open: [] }]", "passed"),
        (
            "[{ readings: fail, stop: { Piti: 0 } }, { after: 9m, open: [], held: [{ to: kitchen, about: out, why: the stop list is blind }] }]",
            "passed",
        ),
        ("[OPENED, { station: { Kitchen: inactive } }, { after: 10s, open: [] }]", "passed"),
        ("[OPENED, { product: { Piti: { station: none } } }, { after: 10s, open: [] }]", "passed"),
        ("[{ add: { Dolma: {} }, told: [{ to: kitchen, text: Dolma is new }] }]", "passed"),
        (
            "[{ remove: Tea }, { stop: { Piti: 0 }, topics: { product/1: '\"state\":\"out\"', product/2: absent } }]",
            "passed",
        ),
        (
            "[{ stop: { Piti: 0 } }, { after: 20s }, { clear: Piti }, { after: 10s }, { stop: { Piti: 0 } }, { after: 20s,
               told: [{ to: kitchen, text: Piti is out }, { to: kitchen, text: Piti is back }] }]",
            "18:00:20 kitchen by mqtt: Piti is out   <--; 18:00:30 kitchen by mqtt: Piti is back; 18:00:50 kitchen by mqtt: Piti is out   <--",
        ),
        (
            "[{ stop: { Piti: 0 } }, { after: 20s }, { clear: Piti }, { after: 10s }, { stop: { Piti: 0 } }, { after: 20s,
               told: [{ to: kitchen, text: Piti is out }, { to: kitchen, text: Piti is back }, { to: kitchen, text: Piti is out }] }]",
            "passed",
        ),
        (
            "[OPENED, { told: [{ to: kitchen, text: Piti is out }, { to: kitchen, text: Piti is out }] }]",
            "18:00:20 kitchen by mqtt: Piti is out",
        ),
        // A pattern covers each different text once, and the same text twice only when it stands there twice.
        ("[{ stop: { Piti: 0, Plov: 0 } }, { after: 20s, told: [{ to: kitchen, like: P.* is out }] }]", "passed"),
        (
            "[{ stop: { Piti: 0 } }, { after: 20s }, { clear: Piti }, { after: 10s }, { stop: { Piti: 0 } }, { after: 20s,
               told: [{ to: kitchen, like: P.* }] }]",
            "18:00:20 kitchen by mqtt: Piti is out   <--; 18:00:30 kitchen by mqtt: Piti is back; 18:00:50 kitchen by mqtt: Piti is out   <--",
        ),
        ("[{ topics: { product/1: out } }]", "product/1: absent"),
        // Nothing is read while the brand is refused, and everything once it is granted again.
        ("[{ access: refused, add: { Dolma: {} }, told: [] }]", "passed"),
        (
            "[{ access: refused, add: { Dolma: {} } }, { after: 1m, access: granted, told: [{ to: kitchen, text: Dolma is new }] }]",
            "passed",
        ),
        ("[{ at: 23:59, stop: { Piti: 0 } }, { at: 00:00, pending: ['out: Piti'] }]", "none"),
        ("[{ at: 23:59:50, stop: { Piti: 0 } }, { at: 00:00, pending: ['out: Piti'] }]", "passed"),
    ];
    for (steps, expected) in cases {
        let steps = steps.replace("OPENED", opened);
        let happened = lived(&format!("      {steps}"));
        assert_eq!(happened.replace("none; ", ""), *expected, "{steps}");
    }
}

#[test]
fn a_rule_for_dinner_is_tested_with_the_windows_of_the_file() {
    let head = HEAD.replace("world:", "hours: \"10:00-23:00\"\nwindows: { dinner: \"18:00-22:00\" }\nworld:");
    let run = |during: &str, when: &str, steps: &str| {
        let rules = format!(
            "rules: [{{ name: out, during: {during}, when: {{ {when} }}, notify: [managers], message: '{{{{ item.name }}}}' }}]"
        );
        lived_in(&format!("{head}      {steps}"), &rules)
    };
    let story =
        "[{ at: 17:50, stop: { Piti: 0 }, open: [] }, { at: 18:01, open: ['out: Piti'] }, { at: 22:01, open: [] }]";
    assert_eq!(run("dinner", "sold_out: true", story), "Passed");
    let until_close = "[{ at: 22:50, stop: { Piti: 0 }, open: ['out: Piti'] }, { at: 23:01, open: [] }]";
    assert_eq!(run("open", "sold_out: true", until_close), "Passed");
    assert_eq!(run("[dinner, open]", "sold_out: true, venue.closes_in: { below: 15m }", until_close), "Passed");
    let closed = lived_in(
        "tests: [{ name: it, steps: [{ open: [] }] }]",
        "rules: [{ name: out, during: [open, peak], when: { sold_out: true }, notify: [] }]",
    );
    for (window, key) in [("open", "hours"), ("peak", "peaks")] {
        let told =
            format!("'{window}' is never on, as the tests have no '{key}'; write {key}: \"12:00-23:00\" in the tests");
        assert!(closed.contains(&told), "{closed}");
    }
    let unknown = run("diner", "sold_out: true", "[{ open: [] }]");
    assert!(unknown.contains("there is no window in the tests 'diner'; did you mean 'dinner'?"), "{unknown}");
}

#[test]
fn tests_are_told_from_rules_by_their_names() {
    for (name, expected) in
        [("kitchen.test.yaml", true), ("a.test.yml", true), ("kitchen.yaml", false), ("test.yaml", false)]
    {
        assert_eq!(is_test_file(name), expected, "{name}");
    }
}

/// Reads and lives the only test of a file under rules of its own; returns the verdict, or what is wrong with the files.
fn lived_in(tests: &str, rules: &str) -> String {
    let mut problems = Problems::new();
    let suite = read(&"it.test.yaml".into(), tests.as_bytes(), &mut problems);
    let rules = RuleFile { name: "it.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let policy = suite.as_ref().and_then(|suite| suite.policy(&[rules], &mut problems));
    match (problems.into_report(), suite, policy) {
        (None, Some(suite), Some(policy)) => format!("{:?}", suite.run(&suite.tests[0], &policy)),
        (report, ..) => report.map(|report| report.to_string()).unwrap_or_default(),
    }
}

#[test]
fn variants_are_what_clopos_lists() {
    let world = "world: { products: { Fanta: { recipe: [] }, Fanta 0.5 L: { parent: Fanta } } }";
    let rules = "rules: [{ name: out, when: { sold_out: true, product.type: MODIFICATION, product.name: 0.5 L,
        product.full_name: Fanta 0.5 L, parent.name: Fanta }, notify: [] }]";
    let told = lived_in(
        &format!(
            "{world}\ntests: [{{ name: it, steps: [{{ stop: {{ Fanta 0.5 L: 0 }}, open: ['out: Fanta 0.5 L'] }}] }}]"
        ),
        rules,
    );
    assert_eq!(told, "Passed");
    let world = "world: { products: { Syrup: { type: INGREDIENT }, Fanta: { recipe: Syrup }, Fanta 0.5 L: { parent: Fanta } } }";
    let rules = "rules: [{ name: needed, when: { sold_out: true, blocks: { at_least: 1 } }, notify: [] }]";
    let told =
        lived_in(&format!("{world}\ntests: [{{ name: it, steps: [{{ stop: {{ Syrup: 0 }}, open: [] }}] }}]"), rules);
    assert_eq!(told, "Passed", "nobody orders the parent of variants by itself");
    let world = "world: { products: { Fanta: {}, 0.5 L: { parent: Fanta } } }";
    let told = lived_in(&format!("{world}\ntests: [{{ name: it, steps: [{{ open: [] }}] }}]"), rules);
    assert!(told.contains("the variant '0.5 L' is not named with its parent; write 'Fanta 0.5 L'"), "{told}");
}

#[test]
fn a_mail_of_what_was_so_before_is_never_told() {
    let tests = "group_wait: 10m\nworld: { products: { Piti: {} }, stop: { Piti: 0 } }
tests: [{ name: it, steps: [{ open: ['out: Piti'], told: [] }, { after: 20m, told: [] }] }]";
    let rules = "rules: [{ name: out, when: { sold_out: true }, for: 1m, notify: [managers] }]";
    assert_eq!(lived_in(tests, rules), "Passed");
}

#[test]
fn a_rule_is_held_outside_its_window() {
    let world = "windows: { dinner: \"18:00-22:00\" }\nworld: { products: { Piti: {} } }";
    let rules = "rules: [{ name: out, during: dinner, when: { sold_out: true }, notify: [managers] }]";
    let run = |at: &str| {
        let held = "held: [{ to: managers, about: out, why: outside its window }]";
        lived_in(
            &format!("{world}\ntests: [{{ name: it, steps: [{{ at: {at}, stop: {{ Piti: 0 }}, {held} }}] }}]"),
            rules,
        )
    };
    assert_eq!(run("17:50"), "Passed");
    assert!(run("18:10").contains("mail waits for 1 min more"), "{}", run("18:10"));
}

#[test]
fn what_holds_whatever_happens_is_refused() {
    let rules = "rules: [{ name: out, when: { sold_out: true }, notify: [managers] }]";
    let said = |step: &str| {
        lived_in(&format!("world: {{ products: {{ Piti: {{}} }} }}\ntests: [{{ name: it, steps: [{step}] }}]"), rules)
    };
    assert!(
        said("{ held: [] }").contains("'held' names nothing, so it holds whatever happens"),
        "{}",
        said("{ held: [] }")
    );
    assert!(said("{ topics: {} }").contains("'topics' names nothing"), "{}", said("{ topics: {} }"));
    assert!(said("{ stop: { Piti: 0 } }").contains("this test expects nothing"), "{}", said("{ stop: { Piti: 0 } }"));
    for (why, is_known) in [
        ("pending for 12 s more", true),
        ("pending for 1 h 5 min more", true),
        ("mail waits for 1 min more", true),
        ("pending for 12s more", false),
        ("asleep", false),
        ("the stop list is old", false),
    ] {
        let said = said(&format!("{{ stop: {{ Piti: 0 }}, held: [{{ to: managers, why: {why} }}] }}"));
        assert_eq!(!said.contains("is no reason why news is held"), is_known, "{said}");
    }
}
