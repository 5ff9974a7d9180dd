//! What a test file can say, by tables: each expectation fails when it is not so, and says what happened.

use std::sync::Arc;

use super::*;

const RULES: &str = r#"
rules:
  - name: out
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
            "[{ stop: { Piti: 0, Plov: 0 } }, { after: 2m, told: [{ to: kitchen, like: P.* }, { to: managers, text: 'Venue: Piti is out, and 1 more' }] }]",
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
        let mut problems = Problems::new();
        let suite = read(&"it.test.yaml".into(), format!("{head}      {steps}").as_bytes(), &mut problems);
        let rules = RuleFile { name: "it.yaml".into(), bytes: rules.into_bytes() };
        let policy = suite.as_ref().and_then(|suite| suite.policy(&[rules], &mut problems));
        match (problems.into_report(), suite, policy) {
            (None, Some(suite), Some(policy)) => format!("{:?}", suite.run(&suite.tests[0], &policy)),
            (report, ..) => report.map(|report| report.to_string()).unwrap_or_default(),
        }
    };
    let story =
        "[{ at: 17:50, stop: { Piti: 0 }, open: [] }, { at: 18:01, open: ['out: Piti'] }, { at: 22:01, open: [] }]";
    assert_eq!(run("dinner", "sold_out: true", story), "Passed");
    let until_close = "[{ at: 22:50, stop: { Piti: 0 }, open: ['out: Piti'] }, { at: 23:01, open: [] }]";
    assert_eq!(run("open", "sold_out: true", until_close), "Passed");
    assert_eq!(run("[dinner, open]", "sold_out: true, venue.closes_in: { below: 15m }", until_close), "Passed");
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
