//! docs/rule-tests.md is run, and the shipped rules pass their tests, each of which is needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use eightysix::alerts::render::Messages;
use eightysix::document::Problems;
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::rules::RuleSet;
use eightysix::rules::parse::RuleFile;
use eightysix::ruletest::{self, Verdict};

use super::markdown::{blocks, document, root, section};

fn eightysix_test(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eightysix"));
    command.current_dir(folder).arg("test").args(arguments).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_example_prints_what_the_document_says() {
    let text = document("docs/rule-tests.md");
    let site = tempfile::tempdir().expect("a folder");
    fs::create_dir(site.path().join("rules")).expect("a folder");
    let [tests, rules] = &blocks(&text, "yaml")[..] else { panic!("a file of tests and one of rules") };
    let [good, bad] = &blocks(&text, "text")[..] else { panic!("what passes and what fails") };
    let write = |file: &str, text: &str| fs::write(site.path().join(file), text).expect("written");
    write("rules/kebab.test.yaml", tests);
    write("rules/kebab.yaml", rules);
    let first = eightysix_test(site.path(), &[]);
    assert_eq!((stdout(&first), first.status.code()), (good.clone(), Some(0)));
    assert!(rules.contains("for: 20s"));
    write("rules/kebab.yaml", &rules.replace("for: 20s", "for: 30s"));
    let failed = eightysix_test(site.path(), &["rules/kebab.test.yaml"]);
    assert_eq!((stdout(&failed), failed.status.code()), (bad.clone(), Some(1)));
    let failed = eightysix_test(site.path(), &["--json"]);
    let lines = stdout(&failed);
    let objects: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert_eq!((objects.len(), &objects[0]["ok"], &objects[1]["failed"]), (2, &false.into(), &1.into()));
    assert_eq!(objects[0]["differences"][0]["line"], 15);
}

#[test]
fn both_endings_find_their_rules_and_no_name_reaches_a_terminal_raw() {
    let site = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| fs::write(site.path().join(file), text).expect("written");
    write("kebab.yml", "rules: [{ name: out, when: { sold_out: true }, notify: [] }]\n");
    let steps = r#"[{ open: ["out: Kebab \e[2J"], told: [{ to: cook, text: "\e[2J" }] }]"#;
    let tests = format!("receivers: {{ cook: mqtt }}\ntests: [{{ name: \"a \\e[2J b\", steps: {steps} }}]\n");
    write("kebab.test.yml", &tests);
    let ended = eightysix_test(site.path(), &["."]);
    let shown = stdout(&ended);
    assert_eq!(ended.status.code(), Some(1), "{shown}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(shown.contains("kebab.test.yml:2: a  [2J b\n") && !shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn the_expressions_say_what_the_document_says() {
    let text = document("docs/rules.md");
    let [rules, tests] = &blocks(section(&text, "### Expressions"), "yaml")[..] else {
        panic!("rules and their tests")
    };
    let site = tempfile::tempdir().expect("a folder");
    fs::write(site.path().join("stakes.yaml"), rules).expect("written");
    fs::write(site.path().join("stakes.test.yaml"), tests).expect("written");
    let ended = eightysix_test(site.path(), &["stakes.test.yaml"]);
    assert!(ended.status.success(), "{}{}", stdout(&ended), String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn the_sets_say_what_the_document_says() {
    let text = document("docs/rules.md");
    let [rules, tests] = &blocks(section(&text, "## Sets"), "yaml")[..] else { panic!("rules and their tests") };
    let site = tempfile::tempdir().expect("a folder");
    fs::write(site.path().join("sets.yaml"), rules).expect("written");
    fs::write(site.path().join("sets.test.yaml"), tests).expect("written");
    let ended = eightysix_test(site.path(), &["sets.test.yaml"]);
    assert!(ended.status.success(), "{}{}", stdout(&ended), String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn the_shipped_rules_pass_their_tests() {
    let ended = eightysix_test(&root(), &[]);
    assert!(ended.status.success(), "{}{}", stdout(&ended), String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn every_shipped_rule_has_a_test_that_fails_without_it() {
    for pack in ["rules/kitchen", "rules/operations"] {
        let (rules, tests) = (document(&format!("{pack}.yaml")), document(&format!("{pack}.test.yaml")));
        let mut problems = Problems::new();
        let suite = ruletest::read(&pack.into(), tests.as_bytes(), &mut problems).expect("tests");
        let file = RuleFile { name: pack.into(), bytes: rules.into_bytes() };
        let whole = suite.policy(&[file], &mut problems).expect("rules");
        assert!(problems.is_empty());
        for gone in whole.rules.rules() {
            let left = whole.rules.rules().iter().filter(|rule| rule.name != gone.name).cloned().collect();
            let rules = RuleSet::new(left, whole.rules.price_lists().to_vec());
            let messages =
                Messages::compile(&rules, &whole.setting.zone, Language::En).expect("the messages are those shipped");
            let (routes, setting, calendars) = (whole.routes.clone(), whole.setting.clone(), whole.calendars.clone());
            let policy =
                Arc::new(Policy { rules, messages, routes, feeds: Vec::new(), setting, calendars, links: None });
            let passed = suite.tests.iter().all(|test| suite.run(test, &policy) == Verdict::Passed);
            assert!(!passed, "{pack}.test.yaml does not miss the rule {}", gone.name);
        }
    }
}
