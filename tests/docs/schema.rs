//! The JSON Schemas in `config/` are made from the code, the shipped files fit them, and what they know is what the
//! readers know: each setting, each field in each form.

use std::collections::BTreeSet;
use std::env::VarError;
use std::fs;
use std::process::Command;

use eightysix::config::{self, Config};
use eightysix::document::schema::printed;
use eightysix::document::{Problem, Problems};
use eightysix::rules::field::{FIELDS, Scope};
use eightysix::rules::parse::{self, RuleFile};
use eightysix::rules::set::SetKind;
use eightysix::rules::{EventKind, SubjectKind};
use eightysix::ruletest;
use serde_json::Value;

use super::editor::Editor;
use super::markdown::{blocks, document, first_cells, root, section};

/// What `eightysix schema` calls it, where it is checked in, and how it is made.
type Made = (&'static str, &'static str, fn() -> Value);

const SCHEMAS: [Made; 3] = [
    ("rules", "config/rules.schema.json", parse::schema),
    ("tests", "config/rule-tests.schema.json", ruletest::schema),
    ("config", "config/eightysix.schema.json", config::schema),
];

#[test]
fn the_schemas_are_those_of_the_code() {
    #[expect(clippy::disallowed_methods, reason = "a person asks for the schemas to be written")]
    let is_to_be_written = std::env::var("UPDATE_DOCS").is_ok();
    for (word, file, schema) in SCHEMAS {
        let made = printed(&schema());
        if is_to_be_written {
            fs::write(root().join(file), &made).expect("written");
        }
        let is_current = fs::read_to_string(root().join(file)).is_ok_and(|written| written == made);
        assert!(is_current, "{file} is behind; write it by UPDATE_DOCS=1 cargo test --test docs");
        let output = Command::new(env!("CARGO_BIN_EXE_eightysix")).args(["schema", word]).output().expect("it starts");
        assert!(output.status.success() && output.stdout == made.as_bytes(), "eightysix schema {word}");
    }
}

#[test]
fn the_shipped_files_fit_their_schemas() {
    let [rules, tests, config] = SCHEMAS.map(|(_, _, schema)| Editor::of(&schema()));
    let mut wrong = Vec::new();
    let mut check = |editor: &Editor, name: &str, text: &str| {
        wrong.extend(editor.told(text.as_bytes()).map(|told| format!("{name}: {told}")));
    };
    let mut folder: Vec<_> = fs::read_dir(root().join("rules")).expect("rules").map(|it| it.expect("a file")).collect();
    folder.sort_by_key(fs::DirEntry::file_name);
    assert!(folder.len() >= 4);
    for entry in folder {
        let name = format!("rules/{}", entry.file_name().to_string_lossy());
        let (editor, schema) = if ruletest::is_test_file(&name) { (&tests, "rule-tests") } else { (&rules, "rules") };
        let text = document(&name);
        check(editor, &name, &text);
        assert_names_its_schema(&name, &text, &format!("../config/{schema}.schema.json"));
    }
    let example = document("config/eightysix.yaml");
    assert_names_its_schema("config/eightysix.yaml", &example, "eightysix.schema.json");
    check(&config, "config/eightysix.yaml", &example);
    let site = "tests/bad_input/site";
    for name in ["deploy/eightysix.yaml", "deploy/eightysix-systemd.yaml"] {
        check(&config, name, &document(name));
    }
    for name in [format!("{site}/eightysix.yaml"), format!("{site}/running.yaml")] {
        check(&config, &name, &document(&name));
    }
    check(&rules, site, &document(&format!("{site}/rules/kitchen.yaml")));
    for name in ["README.md", "docs/rules.md", "docs/rule-tests.md"] {
        let is_file = |block: &String| block.lines().any(|line| !line.starts_with('#'));
        for block in blocks(&document(name), "yaml").into_iter().filter(is_file) {
            let editor = match () {
                () if block.contains("receivers:\n") => &config,
                () if block.contains("tests:\n") => &tests,
                () => &rules,
            };
            check(editor, name, &block);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

fn assert_names_its_schema(name: &str, text: &str, schema: &str) {
    assert_eq!(text.lines().next(), Some(format!("# yaml-language-server: $schema={schema}").as_str()), "{name}");
    let folder = root().join(name).parent().expect("a folder").to_owned();
    assert!(folder.join(schema).is_file(), "{name} names {schema}");
}

/// A setting that nobody knows, in each group of each file: the reader answers with those that it knows.
const GROUPS: [(&str, &str, &str); 36] = [
    ("rules", "", "?\nrules: []"),
    ("rules", "/definitions/state-rule", "rules: [{ name: a, expr: sold_out, ? }]"),
    ("rules", "/definitions/escalation", "rules: [{ name: a, expr: sold_out, escalate: { after: 30m, ? } }]"),
    ("rules", "/definitions/set", "rules: [{ name: a, expr: sold_out, at_least: { ? } }]"),
    ("rules", "/definitions/event-rule", "rules: [{ name: a, event: back, ? }]"),
    ("rules", "/definitions/texts", "rules: [{ name: a, event: back, message: { ? } }]"),
    ("tests", "", "?\ntests: []"),
    ("tests", "/definitions/receiver", "receivers: { a: { ? } }"),
    ("tests", "/definitions/world", "world: { ? }"),
    ("tests", "/definitions/product", "world: { products: { a: { ? } } }"),
    ("tests", "/definitions/test", "tests: [{ ? }]"),
    ("tests", "/definitions/step", "tests: [{ steps: [{ ? }] }]"),
    ("tests", "/definitions/told/then", "tests: [{ steps: [{ told: { like: a, ? } }] }]"),
    ("tests", "/definitions/told/else/then", "tests: [{ steps: [{ told: { text: a, ? } }] }]"),
    ("tests", "/definitions/held", "tests: [{ steps: [{ held: { ? } }] }]"),
    ("tests", "/definitions/silence", "tests: [{ steps: [{ silence: { rule: a, ? } }] }]"),
    ("config", "", "?"),
    ("config", "/definitions/locale", "locale: { ? }"),
    ("config", "/definitions/clopos", "clopos: { ? }"),
    ("config", "/definitions/brand", "clopos: { brands: [{ ? }] }"),
    ("config", "/definitions/venue", "clopos: { brands: [{ venues: [{ ? }] }] }"),
    ("config", "/definitions/secret", "clopos: { brands: [{ client_secret: { ? } }] }"),
    ("config", "/definitions/polling", "polling: { ? }"),
    ("config", "/definitions/broker/then", "mqtt: { a: { url: mqtts://a, ? } }"),
    ("config", "/definitions/broker/else/then", "mqtt: { a: { listen: 127.0.0.1:1883, ? } }"),
    ("config", "/definitions/mail/then", "smtp: { a: { url: smtps://a, ? } }"),
    ("config", "/definitions/mail/else/then", "smtp: { a: { folder: a, ? } }"),
    ("config", "/definitions/receiver", "receivers: { a: { ? } }"),
    ("config", "/definitions/reports", "receivers: { a: { reports: { ? } } }"),
    ("config", "/definitions/email", "receivers: { a: { email: { ? } } }"),
    ("config", "/definitions/events", "receivers: { a: { mqtt: { ? } } }"),
    ("config", "/definitions/webhook", "receivers: { a: { webhook: { ? } } }"),
    ("config", "/definitions/http", "http: { ? }"),
    ("config", "/definitions/http_token", "http: { tokens: { a: { ? } } }"),
    ("config", "/definitions/http_proxy", "http: { proxy: { ? } }"),
    ("config", "/definitions/heartbeat", "heartbeat: { ? }"),
];

#[test]
fn the_settings_are_those_that_the_readers_know() {
    for (word, pointer, text) in GROUPS {
        let (_, _, schema) = SCHEMAS.iter().find(|(known, ..)| *known == word).expect("a schema");
        let schema = schema();
        let group = schema.pointer(pointer).unwrap_or_else(|| panic!("{word} has no {pointer}"));
        let problems = problems(word, &text.replace('?', "qqqqqqqqqq: 1"));
        let is_of_it =
            |problem: &&Problem| problem.message.contains("'qqqqqqqqqq'") || problem.message.contains("no place where");
        let answer = problems.iter().find(is_of_it).unwrap_or_else(|| panic!("{text}: {problems:?}"));
        let known = listed(answer.help.as_deref().unwrap_or_default());
        let settings: BTreeSet<String> = group["properties"].as_object().expect("a group").keys().cloned().collect();
        let todo = format!("{word}, {pointer}: {text}; see 'A setting' in CONTRIBUTING.md");
        let (unknown, gone) = (known.difference(&settings), settings.difference(&known));
        let [unknown, gone]: [Vec<_>; 2] = [unknown.collect(), gone.collect()];
        assert!(unknown.is_empty(), "the reader takes {unknown:?}, which its schema.rs does not describe yet; {todo}");
        assert!(gone.is_empty(), "schema.rs describes {gone:?}, which the reader no longer takes; {todo}");
        let title = answer.message.split_once("' in ").map_or("", |(_, title)| title);
        let missing = problems.iter().filter_map(|it| it.message.strip_suffix(&format!("' is missing in {title}")));
        let missing: BTreeSet<&str> = missing.map(|start| start.trim_start_matches('\'')).collect();
        let written = |key: &&str| text.contains(&format!("{key}: "));
        let required = group["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let required: BTreeSet<&str> = required.filter(|key| !written(key)).collect();
        assert_eq!(required, missing, "{word}, {pointer}: what must be there");
    }
}

/// Returns the settings that a help lists: `write one of a, b or c`, or `write { file: /path } or { env: NAME }`.
fn listed(help: &str) -> BTreeSet<String> {
    if help.contains('{') {
        return help.split('{').skip(1).filter_map(|it| it.split(':').next()).map(|it| it.trim().to_owned()).collect();
    }
    let list = help.strip_prefix("write ").expect(help);
    let list = list.strip_prefix("one of ").unwrap_or(list).replace(" or ", ", ");
    assert!(!list.ends_with(" and more"), "the list was cut: {list}");
    list.split(", ").map(str::to_owned).collect()
}

fn problems(word: &str, text: &str) -> Vec<Problem> {
    let mut problems = Problems::new();
    match word {
        "rules" => drop(parse::parse(&[RuleFile { name: "x.yaml".into(), bytes: text.into() }], &mut problems)),
        "tests" => drop(ruletest::read(&"x.yaml".into(), text.as_bytes(), &mut problems)),
        _ => {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("eightysix.yaml");
            fs::write(&path, text).expect("written");
            let report = Config::load_in(&path, &|_| Err(VarError::NotPresent)).expect_err("an unknown setting");
            return report.problems;
        }
    }
    problems.into_report().expect("an unknown setting").problems
}

/// Every group that takes no other settings is asked of above, and every setting says what it is.
#[test]
fn every_group_is_held_and_every_setting_is_described() {
    for (word, _, schema) in SCHEMAS {
        let schema = schema();
        let mut groups = Vec::new();
        collect(&schema, &mut String::new(), &mut groups);
        assert!(groups.len() > 3, "{word}");
        for (pointer, group) in groups {
            // Conditions and matchers are held below; without any of its keys, a group has the settings of all forms.
            let is_of_fields = ["/definitions/when-", "/definitions/is-"].iter().any(|it| pointer.starts_with(it));
            let is_held = GROUPS.iter().any(|(held, at, _)| (*held, *at) == (word, &*pointer));
            assert!(
                is_held || is_of_fields || pointer.ends_with("/else/else"),
                "{word}: nothing holds {pointer}; add a row to GROUPS above"
            );
            for (key, setting) in group["properties"].as_object().expect("a group") {
                let target = setting["$ref"].as_str().and_then(|target| schema.pointer(&target[1..]));
                let about = &target.unwrap_or(setting)["description"];
                assert!(
                    about.as_str().is_some_and(|text| text.len() > 5) || *setting == false,
                    "{word}: {pointer}/{key} has no description"
                );
            }
        }
    }
}

fn collect<'s>(value: &'s Value, pointer: &mut String, groups: &mut Vec<(String, &'s Value)>) {
    if value["additionalProperties"] == false {
        groups.push((pointer.clone(), value));
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, child) in children {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&key);
        collect(child, pointer, groups);
        pointer.truncate(length);
    }
}

const VALUES: [&str; 22] = [
    "0",
    "-1",
    "2.5",
    "+3",
    ".5",
    "54",
    "'0'",
    "true",
    "'true'",
    "yes",
    "5m",
    "'5m'",
    "DISH",
    "active",
    "set",
    "unset",
    "~",
    "''",
    "Lamb kebab",
    "(a",
    "[a]",
    "{ a: 1 }",
];
const FORMS: [&str; 12] = [
    "?",
    "[?]",
    "[]",
    "{}",
    "{ at_least: ? }",
    "{ above: ? }",
    "{ at_most: ? }",
    "{ below: ? }",
    "{ not: ? }",
    "{ not: [?, ?] }",
    "{ matches: ? }",
    "{ is: ? }",
];
/// What is told of values rather than of their form, which a schema cannot know.
const OF_VALUES: [&str; 2] = ["is never that small", "'matches' cannot use"];

#[test]
fn the_fields_take_what_the_parser_takes() {
    let editor = Editor::of(&parse::schema());
    let states = SubjectKind::ALL.map(|subject| Scope { subject, event: None });
    let events = EventKind::ALL.map(|event| Scope { subject: event.subject(), event: Some(event) });
    let (mut taken, mut wrong) = (0, Vec::new());
    for scope in states.into_iter().chain(events) {
        let about = match scope.event {
            Some(event) => format!("event: {}", event.word()),
            None => format!("subject: {}", scope.subject.word()),
        };
        for row in FIELDS {
            let name = row.name.replace("<list>", "Hall");
            // The fields that all events of a subject have were tried with the subject.
            let is_all = row.is_in(scope) && (scope.event.is_none() || !row.events.is_empty());
            let forms = if is_all { &FORMS[..] } else { &[] };
            let tried = forms.iter().flat_map(|form| VALUES.map(|value| form.replace('?', value)));
            for form in tried.chain([row.example.to_owned(), "{ at_mots: 0 }".to_owned()]) {
                let text = format!("rules: [{{ name: r, notify: [], {about}, when: {{ {name}: {form} }} }}]");
                let mut problems = Problems::new();
                parse::parse(&[RuleFile { name: "x".into(), bytes: text.clone().into() }], &mut problems);
                let told = problems.into_report().map(|report| report.problems);
                let refused = editor.told(text.as_bytes()).is_some();
                taken += u32::from(told.is_none());
                let is_of_value = |it: &Problem| OF_VALUES.iter().any(|words| it.message.contains(words));
                let agree = told.as_ref().map_or(!refused, |told| refused || told.iter().any(is_of_value));
                wrong.extend(
                    (!agree).then(|| format!("{text}: refused by the schema: {refused}, by the parser: {told:?}")),
                );
            }
        }
    }
    assert!(taken > 500, "{taken} rules were taken");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_documents_explain_every_setting_of_rules_and_their_tests() {
    let settings = |schema: &Value, groups: &[&str]| -> BTreeSet<String> {
        let of =
            |group: &&str| schema.pointer(&format!("{group}/properties")).and_then(Value::as_object).expect("a group");
        groups.iter().flat_map(of).map(|(key, _)| key.clone()).collect()
    };
    let text = document("docs/rules.md");
    let of_rules = settings(&parse::schema(), &["/definitions/state-rule", "/definitions/event-rule"]);
    assert_eq!(
        first_cells(section(&text, "## Keys of a rule")),
        of_rules,
        "the table in docs/rules.md, and the schema"
    );
    let (text, schema) = (document("docs/rule-tests.md"), ruletest::schema());
    assert_eq!(
        first_cells(section(&text, "## A file")),
        settings(&schema, &[""]),
        "the table in docs/rule-tests.md, and the schema"
    );
    assert_eq!(
        first_cells(section(&text, "## The world")),
        settings(&schema, &["/definitions/world"]),
        "the table in docs/rule-tests.md, and the schema"
    );
    for key in settings(&schema, &["/definitions/step", "/definitions/product"]) {
        assert!(
            text.contains(&format!("`{key}`")) || text.contains(&format!("`{key}: ")),
            "docs/rule-tests.md says nothing of '{key}'"
        );
    }
}

#[test]
fn the_document_says_of_events_and_subjects_what_the_schema_says() {
    let text = document("docs/rules.md");
    let events = EventKind::ALL.map(|event| (event.word(), event.meaning()));
    let subjects = SubjectKind::ALL.map(|subject| (subject.word(), subject.meaning()));
    let sets = SetKind::ALL.map(|kind| (kind.word(), kind.meaning()));
    for (word, meaning) in events.into_iter().chain(subjects).chain(sets) {
        assert!(text.contains(&format!("| `{word}` | {meaning} |")), "{word}: {meaning}");
    }
}
