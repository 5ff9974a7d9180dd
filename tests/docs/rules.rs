//! docs/rules.md: the fields come from the table in the code, and every example is read by the reader of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use eightysix::alerts::render::{FILTERS, Messages, VARIABLES};
use eightysix::alerts::set::MEMBERS_MAX;
use eightysix::document::Problems;
use eightysix::language::Language;
use eightysix::rules::field::{FIELDS, FieldRow, Kind};
use eightysix::rules::parse::{MESSAGE_LENGTH_MAX, NOTIFY_MAX, RULES_MAX, RuleFile, parse};
use eightysix::rules::set::SetKind;
use eightysix::rules::{EventKind, Form, SubjectKind};
use eightysix::snapshot::recipes::GAPS_MAX;
use eightysix::units::Zone;

use super::markdown::{blocks, document, first_cells, root, section};

const BEGIN: &str = "<!-- fields: made from src/rules/field.rs by `UPDATE_DOCS=1 cargo test --test docs` -->\n";
const END: &str = "<!-- end of fields -->\n";

#[test]
fn the_table_of_fields_is_that_of_the_code() {
    let text = document("docs/rules.md");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the fields");
    let (written, after) = rest.split_once(END).expect("the end of the fields");
    let made = fields();
    #[expect(clippy::disallowed_methods, reason = "a person asks for the table to be written")]
    let is_to_be_written = std::env::var("UPDATE_DOCS").is_ok();
    if is_to_be_written {
        fs::write(root().join("docs/rules.md"), format!("{before}{BEGIN}{made}{END}{after}")).expect("written");
    } else {
        assert!(written == made, "docs/rules.md is behind; write it by UPDATE_DOCS=1 cargo test --test docs\n{made}");
    }
}

/// One table for each set of subjects and events that has the same fields, in the order of the code.
fn fields() -> String {
    let mut titles: Vec<String> = Vec::new();
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for row in FIELDS {
        let title = title(row);
        if !titles.contains(&title) {
            titles.push(title.clone());
        }
        let FieldRow { name, meaning, unset_when, example, .. } = row;
        let unset = unset_when.unwrap_or("");
        let line = format!("| `{name}` | {} | {meaning} | {unset} | `{name}: {example}` |\n", values(row.kind));
        tables.entry(title).or_default().push_str(&line);
    }
    let head = "| field | values | what it says | no value when | example |\n| --- | --- | --- | --- | --- |\n";
    let made: Vec<String> = titles.iter().map(|title| format!("\n**{title}**\n\n{head}{}", tables[title])).collect();
    made.concat() + "\n"
}

fn title(row: &FieldRow) -> String {
    if row.events.is_empty() {
        let words: Vec<&str> = row.subjects.iter().map(|subject| subject.word()).collect();
        format!("In rules about: {}", words.join(", "))
    } else {
        let words: Vec<String> = row.events.iter().map(|event| format!("`event: {}`", event.word())).collect();
        format!("Only with {}", words.join(", "))
    }
}

fn values(kind: Kind) -> String {
    let unit = kind.unit();
    match kind {
        Kind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Stock | Kind::Money | Kind::Time => format!("{} ({unit})", kind.wanted()),
        Kind::Count | Kind::Duration | Kind::Flag | Kind::Text | Kind::Texts | Kind::Id => kind.wanted().to_owned(),
    }
}

#[test]
fn every_example_is_a_rule_that_loads() {
    for name in ["docs/rules.md", "README.md"] {
        let text = document(name);
        let examples: Vec<String> =
            blocks(&text, "yaml").into_iter().filter(|block| block.contains("rules:\n")).collect();
        assert!(!examples.is_empty(), "{name} has no rules");
        for example in examples {
            let mut problems = Problems::new();
            let file = RuleFile { name: name.into(), bytes: example.clone().into_bytes() };
            let parsed = parse(&[file], &mut problems);
            assert!(problems.is_empty(), "{}", problems.into_report().expect("it has problems"));
            let compiled = Messages::compile(&parsed.rules, &Zone::utc(), Language::En);
            assert!(compiled.is_ok(), "{:?}\n{example}", compiled.err());
        }
    }
}

#[test]
fn events_subjects_variables_and_filters_are_all_there_and_no_others() {
    let text = document("docs/rules.md");
    let words = |heading: &str| first_cells(section(&text, heading));
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(words("## Events"), set(&EventKind::ALL.map(EventKind::word)));
    assert_eq!(words("## Subjects"), set(&SubjectKind::ALL.map(SubjectKind::word)));
    let variables: Vec<&str> =
        VARIABLES.into_iter().filter(|name| !["item", "set", "station", "venue"].contains(name)).collect();
    assert_eq!(words("## Sets"), set(&SetKind::ALL.map(SetKind::word)));
    assert_eq!(words("### Variables"), set(&variables));
    assert_eq!(words("### Filters"), set(&FILTERS));
}

#[test]
fn the_limits_are_those_of_the_code() {
    let text = document("docs/rules.md");
    let limits = section(&text, "## Limits");
    for (what, limit) in [
        ("rules of all files", RULES_MAX),
        ("characters of a template", MESSAGE_LENGTH_MAX),
        ("receivers of a rule", NOTIFY_MAX),
        ("parts that a product lacks and that are kept", GAPS_MAX),
        ("members of a set that are named", MEMBERS_MAX),
    ] {
        let digits = limit.to_string();
        let (thousands, rest) = digits.split_at(digits.len().saturating_sub(3));
        let written = if thousands.is_empty() { rest.to_owned() } else { format!("{thousands},{rest}") };
        assert!(limits.contains(&format!("| {what} | {written} |")), "{what}: {written}");
    }
}

#[test]
fn the_shipped_rules_are_explained() {
    let text = document("docs/rules.md");
    let explained = first_cells(section(&text, "## The shipped rules"));
    let mut problems = Problems::new();
    let files: Vec<RuleFile> = ["rules/kitchen.yaml", "rules/operations.yaml"]
        .map(|name| RuleFile { name: name.into(), bytes: document(name).into_bytes() })
        .into();
    let parsed = parse(&files, &mut problems);
    let shipped: BTreeSet<String> = parsed.rules.rules().iter().map(|rule| rule.name.to_string()).collect();
    assert_eq!(explained, shipped);
}

#[test]
fn every_shipped_message_is_there_in_each_language() {
    for name in ["kitchen", "operations"] {
        let bytes = fs::read(root().join(format!("rules/{name}.yaml"))).expect("a shipped file");
        let mut problems = Problems::new();
        let parsed = parse(&[RuleFile { name: name.into(), bytes }], &mut problems);
        let mut messages = 0;
        for rule in parsed.rules.rules() {
            let resolved = match &rule.form {
                Form::State(state) => state.resolved_message.as_deref(),
                Form::Event(_) => None,
            };
            for wording in [rule.message.as_ref(), resolved].into_iter().flatten() {
                let languages: BTreeSet<Language> =
                    wording.texts().into_iter().filter_map(|(language, _)| language).collect();
                assert_eq!(languages, Language::ALL.into(), "{}", rule.name.as_str());
                messages += 1;
            }
        }
        assert!(messages > 3, "{name}.yaml has {messages} messages");
    }
}
