//! Broken texts and what is said about them; hostile texts and that nothing breaks.
//!
//! Tables of texts; a property holds reading and showing together on any text.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::units;

fn parse(text: &str) -> (Option<Node>, Problems) {
    let mut problems = Problems::new();
    let node = read(&Arc::from("f"), text.as_bytes(), &mut problems);
    (node, problems)
}

fn told(problems: Problems) -> String {
    let report = problems.into_report();
    report
        .map_or(String::new(), |report| report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn broken_yaml_is_told_where_its_cause_is() {
    let cases: &[(&str, &str)] = &[
        ("a: 1\n\tb: 2\n", "f:2:1: there is a tab in the indentation; use spaces"),
        ("\ta: 1\nb: 2\n", "f:1:1: there is a tab in the indentation; use spaces"),
        ("a:\n\tb: 2\n", "f:2:1: there is a tab in the indentation; use spaces"),
        ("a: \"x\nb: 2\nc: 3\n", "f:1:4: the quote that begins here is never closed; close it on the same line"),
        ("a:\n  b: 'x\nc: 3\n", "f:2:6: the quote that begins here is never closed; close it on the same line"),
        (
            "a: [1, 2\nb: 3\n",
            "f:1:4: the bracket that begins here is never closed; close it, and check commas and quotes within",
        ),
        (
            "a: {b: 1\n",
            "f:1:4: the bracket that begins here is never closed; close it, and check commas and quotes within",
        ),
        (
            "a: [1, 2}\n",
            "f:1:4: a bracket or a comma is missing or too many here; check the brackets of this line or of one above",
        ),
        (
            "a: { b: 1\nc: 2\n",
            "f:2:2: a bracket or a comma is missing or too many here; check the brackets of this line or of one above",
        ),
        ("a: x: y\n", "f:1:5: there is a second ': ' in this value; put a value that holds ': ' in quotes"),
        ("a: 1\nb\nc: 2\n", "f:2:1: a setting without a colon; write 'name: value', with a space behind the colon"),
        (
            "a:\n   b: 1\n  c: 2\n",
            "f:3:3: the indentation does not fit the lines above; line it up with the settings it belongs to",
        ),
        ("a: @x\n", "f:1:4: a value cannot begin with this character; put the value in quotes"),
        ("a: %x\n", "f:1:4: a value cannot begin with this character; put the value in quotes"),
        ("a: `x`\n", "f:1:4: a value cannot begin with this character; put the value in quotes"),
        (
            "a: *x\n",
            "f:1:4: no anchor of this name stands above; if '*' belongs to the value, put the value in quotes; an anchor is written '&name' first",
        ),
        (
            "a: !item.active && item.limit == 0\n",
            "f:1:4: YAML takes a value that begins with '!' for a tag, and there are no tags here; put the whole value in quotes",
        ),
        (
            "a: !x 1\nb: !y 2\n",
            "f:1:4: YAML takes a value that begins with '!' for a tag, and there are no tags here; put the whole value in quotes\nf:2:4: YAML takes a value that begins with '!' for a tag, and there are no tags here; put the whole value in quotes",
        ),
        (
            "a: \"\\d\"\n",
            "f:1:4: this is no escape that double quotes know; use single quotes, in which '\\' is itself",
        ),
        (
            "a: 'x' y\n",
            "f:1:8: there is text behind the closing quote; put all of the value in one pair of quotes; within single quotes write '' for a quote",
        ),
        (
            "a: {{ item.name }} is out\n",
            "f:1:5: this cannot be the name of a setting; write a word, a colon and the value; a value with {{ }} needs quotes",
        ),
        (
            "a: 1\na: 2\nb: 1\nb: 2\n",
            "f:2:1: 'a' is set twice; keep one of the two (first set here: f:1:1)\nf:4:1: 'b' is set twice; keep one of the two (first set here: f:3:1)",
        ),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; put it into a file of its own"),
        (
            "? [a]\n: 1\n",
            "f:1:3: this cannot be the name of a setting; write a word, a colon and the value; a value with {{ }} needs quotes",
        ),
        ("a: &x [*x]\n", "f:1:8: this alias stands within the value that it repeats"),
        ("<<: 5\n", "f:1:5: '<<' takes in a group of settings, not '5'"),
        ("a: - b\n", "f:1:4: the indentation does not fit the lines above; line it up with the settings it belongs to"),
        (
            "- a\nb: 1\n",
            "f:2:1: the indentation does not fit the lines above; line it up with the settings it belongs to",
        ),
    ];
    for (text, expected) in cases {
        let (_, problems) = parse(text);
        assert_eq!(told(problems), *expected, "{text:?}");
    }
}

#[test]
fn texts_that_are_no_text_or_too_much_of_it_are_refused() {
    let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        format!("{text}a{level}: &a{level} [{items}]\n")
    });
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"a: 1\nb: \xff\n".to_vec(), "f:2:4: this is not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\rb: 2\r\nc: \xff\n".to_vec(), "f:3:4: this is not UTF-8 text; save the file as UTF-8"),
        (
            vec![b' '; BYTES_MAX + 1],
            "f: the file has more than the 1048576 bytes that are read; split it into several files",
        ),
        (
            ["[".repeat(5_000)].concat().into_bytes(),
            "f:1:65: this is nested deeper than the 64 levels that are read; close its brackets, or make it flatter",
        ),
        (
            (0..200).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level))).into_bytes(),
            "f:64:64: this is nested deeper than the 64 levels that are read; close its brackets, or make it flatter",
        ),
        (
            bomb.into_bytes(),
            "f:6:15: the file holds more than the 200000 values that are read; split the file, or repeat less by aliases",
        ),
        (
            format!("a: &a 1\nb: [{}]\n", "*a, ".repeat(ALIASES_MAX + 1)).into_bytes(),
            "f:2:40005: the file uses more than the 10000 aliases that are read",
        ),
    ];
    for (bytes, expected) in cases {
        let mut problems = Problems::new();
        assert!(read(&Arc::from("f"), &bytes, &mut problems).is_none(), "{expected}");
        assert_eq!(told(problems), expected);
    }
}

#[test]
fn values_keep_their_text_their_quotes_and_their_place() {
    let (node, problems) =
        parse("on: yes\nn: 1.50\nq: \"1.50\"\nnothing:\nbase: &b {x: 1, y: 2}\nderived: {<<: *b, y: 3}\nö: ü\n");
    assert!(problems.is_empty());
    let mut problems = Problems::new();
    let node = node.expect("a tree");
    let mut fields = node.fields("{ .. }", &mut problems).expect("a group");
    let on = fields.optional("on").expect("a key that YAML 1.1 takes for true");
    assert_eq!((on.as_scalar(), on.as_flag()), (Some(("yes", false)), None));
    assert_eq!(fields.optional("n").and_then(Node::as_scalar), Some(("1.50", false)));
    assert_eq!(fields.optional("q").and_then(Node::as_scalar), Some(("1.50", true)));
    assert!(fields.optional("nothing").expect("there").is_nothing());
    let derived = fields.optional("derived").and_then(|node| node.entries("{}", &mut problems)).expect("a group");
    let texts: Vec<_> = derived.iter().map(|entry| (&*entry.key, entry.node.as_scalar())).collect();
    assert_eq!(texts, [("y", Some(("3", false))), ("x", Some(("1", false)))]);
    let place = &fields.optional("ö").expect("there").place;
    assert_eq!((place.line, place.column, place.length), (7, 4, 1));
    let quoted = &fields.optional("q").expect("there").place;
    assert_eq!((quoted.column, quoted.length), (4, 6));
    assert_eq!((quoted.within("1.50", 2, 4, true).column, quoted.within("1.50", 2, 4, true).length), (7, 2));
}

#[test]
fn readers_tell_what_they_expect() {
    let ten_minutes = Duration::ZERO..=Duration::from_mins(10);
    let words = [("kitchen", 1), ("managers", 2)];
    let cases: &[(&str, &str)] = &[
        ("text: [a]", "f:1:1: 'text' must be a text, not a list"),
        ("text: ''", "f:1:7: 'text' must be a text, not ''"),
        ("text:", "f:1:1: 'text' has no value; write a text, or remove the line"),
        ("number: 1.5", "f:1:9: 'number' must be a whole number of rows from 1 to 9, not '1.5'"),
        ("number: 10", "f:1:9: 'number' must be a whole number of rows from 1 to 9, not '10'"),
        ("number: '5'", "f:1:9: 'number' must be a whole number of rows from 1 to 9, not '5'"),
        ("flag: yes", "f:1:7: 'flag' must be true or false, not 'yes'"),
        ("flag: {}", "f:1:1: 'flag' must be true or false, not a group of settings"),
        ("duration: 10", "f:1:11: 'duration' must be a duration such as 20s, 5m, 1h30m or 2d, not '10'"),
        ("duration: 11m", "f:1:11: 'duration' must be a duration from 0 s to 10 min, not '11m'"),
        ("word: kitchn", "f:1:7: 'word' cannot be 'kitchn'; did you mean 'kitchen'?"),
        ("word: x", "f:1:7: 'word' must be one of kitchen or managers, not 'x'"),
        ("list: a", "f:1:7: 'list' must be a list, such as [a, b], not 'a'"),
        ("group: a", "f:1:8: 'group' must be a group of settings, such as { a: 1 }, not 'a'"),
        ("txt: a", "f:1:1: there is no setting 'txt' in this file; did you mean 'text'?"),
        (
            "zzz: a",
            "f:1:1: there is no setting 'zzz' in this file; write one of text, number, flag, duration, word, list or group",
        ),
        (
            "flag: 1\nnumber: x\nwurd: 1",
            "f:1:7: 'flag' must be true or false, not '1'\nf:2:9: 'number' must be a whole number of rows from 1 to 9, \
             not 'x'\nf:3:1: there is no setting 'wurd' in this file; did you mean 'word'?",
        ),
    ];
    for (text, expected) in cases {
        let (node, mut problems) = parse(text);
        let node = node.expect(text);
        let mut fields = node.fields("{ .. }", &mut problems).expect(text);
        let _ = fields.optional("text").map(|node| node.text(&mut problems).map(str::to_owned));
        let _ = fields.optional("number").map(|node| node.integer(&(1..=9), "rows", &mut problems));
        let _ = fields.optional("flag").map(|node| node.flag(&mut problems));
        let _ = fields.optional("duration").map(|node| node.duration(&ten_minutes, &mut problems));
        let _ = fields.optional("word").map(|node| node.word(&words, &mut problems));
        let _ = fields.optional("list").map(|node| node.list(&mut problems).map(<[Node]>::len));
        let _ = fields.optional("group").map(|node| node.entries("{ a: 1 }", &mut problems).map(<[Entry]>::len));
        fields.finish(&mut problems);
        assert_eq!(told(problems), *expected, "{text}");
    }
}

#[test]
fn the_nearest_word_is_the_one_that_was_meant() {
    for (word, expected) in [
        ("per_minut", Some("requests_per_minute")),
        ("serverity", Some("severity")),
        ("notfy", Some("notify")),
        ("Group-Wait", Some("group_wait")),
        ("x", None),
        ("", None),
        ("colour", None),
    ] {
        assert_eq!(nearest(word, ["requests_per_minute", "severity", "notify", "group_wait"]), expected, "{word}");
    }
}

#[test]
fn a_report_shows_the_line_and_says_where_to_look() {
    let (node, mut problems) = parse("limits: 5\nname: a\nname: b\n");
    let node = node.expect("a tree with a duplicate");
    let mut fields = node.fields("{ .. }", &mut problems).expect("a group");
    let _ = fields.optional("limit");
    let _ = fields.optional("name");
    fields.finish(&mut problems);
    problems.tell(&Place::whole(&"rules/x.yaml".into()), "the file cannot be read");
    let report = problems.into_report().expect("problems");
    insta::assert_snapshot!(report.render(false), @r"
    error: there is no setting 'limits' in this file
     --> f:1:1
      |
    1 | limits: 5
      | ^^^^^^
      |
    help: did you mean 'limit'?

    error: 'name' is set twice
     --> f:3:1
      |
    3 | name: b
      | ^^^^
      |
    note: first set here
     --> f:2:1
      |
    2 | name: a
      | ^^^^
    help: keep one of the two

    error: the file cannot be read
    --> rules/x.yaml

    3 problems in 2 files
    ");
    assert_eq!(report.summary(), "3 problems in 2 files");
}

#[test]
fn lines_are_counted_alike_whatever_ends_them() {
    let text = "a: 1\nsecrets:\n  - CANARY\n\nb: 2\nb: 3\nc: @\n";
    let shown = |text: &str| {
        let (node, mut problems) = parse(text);
        problems.tell(&Place { file: "f".into(), line: 3, column: 5, length: 6 }, "wrong");
        (node.map(|node| node.describe()), problems.into_report().expect("problems").render(false))
    };
    let (node, report) = shown(text);
    assert!(report.contains("f:7:4") && report.contains("f:3:5") && !report.contains("CANARY"), "{report}");
    for end in ["\r", "\r\n"] {
        assert_eq!(shown(&text.replace('\n', end)), (node.clone(), report.clone()), "{end:?}");
    }
}

#[test]
fn a_line_is_shown_without_what_steers_a_terminal() {
    let (_, mut problems) = parse("a: \u{9b}2J\u{1b}[2J\u{85}\u{2028}\u{200f}\u{202e}\u{7f}x\tü•\n");
    problems.tell(&Place { file: "f".into(), line: 1, column: 1, length: 1 }, "wrong");
    let shown = problems.into_report().expect("a problem").render(false);
    let line = shown.lines().find(|line| line.contains("2J")).expect("the line");
    assert_eq!(units::printable(line, 100), line, "{shown}");
    assert!(line.contains("ü•"), "{shown}");
}

#[test]
fn too_many_problems_are_counted_and_not_listed() {
    let mut problems = Problems::new();
    for line in 1..=PROBLEMS_MAX + 5 {
        let place = Place { file: "f".into(), line, column: 1, length: 1 };
        problems.tell(&place, "wrong");
        problems.tell(&place, "wrong");
    }
    let report = problems.into_report().expect("problems");
    assert_eq!((report.problems.len(), report.left_out), (PROBLEMS_MAX, 5));
    assert_eq!(report.summary(), "205 problems in f; the first 200 are shown");
}

#[test]
fn would_be_secrets_are_never_shown() {
    let cases = [
        ("password: CANARY", 1),
        ("password: \"CANARY", 1),
        ("passwort: CANARY # my pw", 1),
        ("client-secret: !CANARY", 1),
        ("kitchen: { url: x, password: CANARY, base_topc: x }", 1),
        ("kitchen: { url: x, password: { fil: CANARY }, base_topc: x }", 1),
        ("secrets: [CANARY, CANARY, { file: x }]", 1),
        ("secrets:\n  - CANARY\n  - { file: x }\n  - CANARY", 2),
        ("secrets:\n  - { file: x }\n  - CANARY", 3),
        ("secrets:\n- CANARY", 2),
        ("password: |\n  CANARY\n  CANARY", 3),
        ("password:\n  value: CANARY", 2),
        ("url: mqtts://user:CANARY@host:1/x", 1),
        ("url: user:CANARY@host:1/x", 1),
        ("{ url: 'user:CANARY@host', port: 1 }", 1),
        ("url: https://hooks.example.com/services/T00/CANARY1234567", 1),
        ("url: \"https://hooks.example.com/x?token=CANARY12345678\"", 1),
    ];
    for (text, line) in cases {
        let mut problems = Problems::new();
        let file: Arc<str> = "f".into();
        problems.keep_source(&file, &text.into());
        problems.tell(&Place { file, line, column: 3, length: 4 }, "wrong");
        let report = problems.into_report().expect("a problem");
        let shown = format!("{} {report} {report:?}", report.render(true));
        assert!(!shown.contains("CANARY"), "{text}: {shown}");
        assert!(report.render(false).contains('•'), "{text}: {shown}");
    }
}

#[test]
fn references_to_secrets_and_their_neighbours_are_shown() {
    for text in [
        "password: { file: /etc/password }",
        "kitchen: { url: x, password: { env: MQTT_PASSWORD }, base_topc: x }",
        "secrets: [{ file: a }, { credential: b }]",
        "client_secret: { credential: clopos-sahil }",
        "username: eightysix",
        "to: [manager@example.com, \"Chef <chef@example.com>\"]",
        "base_url: https://integrations.clopos.com/open-api/v2",
        "when: { limit: { at_most: 0 }, product.type: [DISH, GOODS] }",
    ] {
        let mut problems = Problems::new();
        let file: Arc<str> = "f".into();
        problems.keep_source(&file, &text.into());
        problems.tell(&Place { file, line: 1, column: 1, length: 1 }, "wrong");
        let shown = problems.into_report().expect("a problem").render(false);
        assert!(shown.contains(text), "{text}: {shown}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_reading_or_showing(text in "[a-c:{}\\[\\],\"'!&*|>#\\-? \n\tü•\u{202e}\u{1b}]{0,60}") {
        let (node, mut problems) = parse(&text);
        prop_assert!(node.is_some() || !problems.is_empty());
        if let Some(fields) = node.as_ref().and_then(|node| node.fields("{ .. }", &mut problems)) {
            fields.finish(&mut problems);
        }
        if let Some(report) = problems.into_report() {
            let shows_escape = report.render(false).contains('\u{1b}');
            prop_assert!(!shows_escape);
            for problem in &report.problems {
                prop_assert!(problem.place.line <= text.lines().count() + 1, "{}", problem);
            }
        }
    }
}
