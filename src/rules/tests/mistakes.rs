//! Broken rule files and every word that is said of them.

use super::*;
use crate::document::Report;
use crate::rules::parse::Parsed;

/// The broken part of a file; the rest around it is sound.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// The inside of `when`, on line 1 from column 39.
    When(&'static str),
    /// Keys of a rule that has its name and `notify`, on line 1 from column 31.
    Rule(&'static str),
    /// A whole file.
    File(&'static str),
}

use Broken::{File, Rule, When};

impl Broken {
    fn text(self) -> String {
        match self {
            When(when) => format!("rules: [{{ name: r, notify: [], when: {{ {when} }} }}]"),
            Rule(keys) => format!("rules: [{{ name: r, notify: [], {keys} }}]"),
            File(text) => text.to_owned(),
        }
    }
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

const CASES: &[(Broken, &[&str])] = &[
    // Unknown fields.
    (When("limt: { at_most: 0 }"), &["1:40: there is no field 'limt' for items; did you mean 'limit'?"]),
    (When("product.typ: DISH"), &["1:40: there is no field 'product.typ' for items; did you mean 'product.type'?"]),
    (
        When("station.active: true"),
        &["1:40: there is no field 'station.active' for items; did you mean 'station.status'?"],
    ),
    (
        When("product: { type: DISH }"),
        &[
            "1:40: there is no field 'product' for items; write one of product.id, product.name, product.full_name, product.type, product.status, product.hidden, product.price, product.cost_price, product.low_stock, product.category_id, product.category, product.tags, product.inventory_behavior, product.sold_by_weight, product.cooking_time",
        ],
    ),
    (
        When("weather: sunny"),
        &[
            "1:40: there is no field 'weather' for items; write one of limit, limited, sold_out, low, near_low, stopped_for, product.*, parent.*, variants.*, prices.<list>, station.*, venue.*, reading.age, brand, brand.access",
        ],
    ),
    (
        When("station.stats: active"),
        &["1:40: there is no field 'station.stats' for items; did you mean 'station.status'?"],
    ),
    (
        When("venue.weather: fine"),
        &[
            "1:40: there is no field 'venue.weather' for items; write one of venue.id, venue.name, venue.status, venue.reading, venue.trouble",
        ],
    ),
    (
        When("runs_out_in: { below: 30m }"),
        &[
            "1:40: there is no field 'runs_out_in' for items; write one of limit, limited, sold_out, low, near_low, stopped_for, product.*, parent.*, variants.*, prices.<list>, station.*, venue.*, reading.age, brand, brand.access",
        ],
    ),
    (When("prices.: 3"), &["1:40: there is no field 'prices.' for items; write prices.<list>"]),
    (When("item.limit: 0"), &["1:40: there is no field 'item.limit' for items; did you mean 'limit'?"]),
    (
        When("was_out_for: { at_least: 10m }"),
        &["1:40: only an event has 'was_out_for'; write event: back, or ask for another field"],
    ),
    (
        When("change.before: 3"),
        &[
            "1:40: only an event has 'change.before'; write event: limit_changed or event: price_changed, or ask for another field",
        ],
    ),
    (
        Rule("subject: station, when: { limit: 0 }"),
        &["1:58: stations have no 'limit'; it belongs to rules with subject: item"],
    ),
    (
        Rule("subject: venue, when: { station.status: inactive }"),
        &["1:56: venues have no 'station.status'; it belongs to rules with subject: item, station"],
    ),
    (
        Rule("subject: brand, when: { venue.reading: blind }"),
        &["1:56: brands have no 'venue.reading'; it belongs to rules with subject: item, station, venue"],
    ),
    (
        Rule("event: stopped, when: { was_out_for: { at_least: 1m } }"),
        &["1:56: only an event has 'was_out_for'; write event: back, or ask for another field"],
    ),
    (
        Rule("event: station_changed, when: { product.type: DISH }"),
        &["1:64: stations have no 'product.type'; it belongs to rules with subject: item"],
    ),
    // Values of the wrong type.
    (When("limit: { at_most: zero }"), &["1:58: 'limit' is compared with a number such as 3 or 2.5, not 'zero'"]),
    (When("limit: \"0\""), &["1:47: 'limit' is compared with a number such as 3 or 2.5, not '0'; remove the quotes"]),
    (When("limit: 10m"), &["1:47: 'limit' is compared with a number such as 3 or 2.5, not '10m'"]),
    (When("limit: [0, none, 1]"), &["1:51: 'limit' is compared with a number such as 3 or 2.5, not 'none'"]),
    (When("limit:"), &["1:40: 'limit' is compared with a number such as 3 or 2.5, not nothing"]),
    (When("sold_out: yes"), &["1:50: 'sold_out' is compared with true or false, not 'yes'"]),
    (When("sold_out: 1"), &["1:50: 'sold_out' is compared with true or false, not '1'"]),
    (
        When("product.hidden: \"false\""),
        &["1:56: 'product.hidden' is compared with true or false, not 'false'; remove the quotes"],
    ),
    (
        When("product.price: { above: 8,50 }"),
        &[
            "1:66: there is no setting '50' in 'product.price'; write one of at_least, above, at_most, below, not, matches or is",
        ],
    ),
    (When("product.price: cheap"), &["1:55: 'product.price' is compared with an amount such as 8.50, not 'cheap'"]),
    (When("product.id: plov"), &["1:52: 'product.id' is compared with an id, a whole number such as 54, not 'plov'"]),
    (When("product.id: 5.5"), &["1:52: 'product.id' is compared with an id, a whole number such as 54, not '5.5'"]),
    (
        When("product.category_id: -1"),
        &["1:61: 'product.category_id' is compared with an id, a whole number such as 54, not '-1'"],
    ),
    (When("variants.left: 1.5"), &["1:55: 'variants.left' is compared with a whole number such as 3, not '1.5'"]),
    (
        When("stopped_for: { at_least: 45 }"),
        &["1:65: 'stopped_for' is compared with a duration such as 20s, 5m or 1h30m, not '45'"],
    ),
    (
        When("stopped_for: { at_least: 45 min }"),
        &["1:65: 'stopped_for' is compared with a duration such as 20s, 5m or 1h30m, not '45 min'"],
    ),
    (
        When("product.cooking_time: long"),
        &["1:62: 'product.cooking_time' is compared with a duration such as 20s, 5m or 1h30m, not 'long'"],
    ),
    (When("product.name: [[a]]"), &["1:55: 'product.name' is compared with a text, not a list"]),
    (When("product.name: \"\""), &["1:54: 'product.name' is compared with a text, not ''"]),
    (
        Rule("event: price_changed, when: { change.before: 10m }"),
        &["1:77: 'change.before' is compared with an amount such as 8.50, not '10m'"],
    ),
    // Words that a field never has.
    (When("station.status: activ"), &["1:56: 'station.status' is never 'activ'; did you mean 'active'?"]),
    (When("station.status: [active, off]"), &["1:65: 'station.status' is never 'off'; write one of active, inactive"]),
    (When("product.type: dish"), &["1:54: 'product.type' is never 'dish'; did you mean 'DISH'?"]),
    (
        When("product.type: { not: BURGER }"),
        &[
            "1:61: 'product.type' is never 'BURGER'; write one of GOODS, DISH, TIMER, PREPARATION, INGREDIENT, MODIFICATION, MODIFIER",
        ],
    ),
    (
        When("product.inventory_behavior: 1"),
        &["1:68: 'product.inventory_behavior' is never '1'; write one of MINUS_INGREDIENTS, MINUS_SELF, PASSIVE"],
    ),
    (
        Rule("subject: venue, when: { venue.reading: blnd }"),
        &["1:71: 'venue.reading' is never 'blnd'; did you mean 'blind'?"],
    ),
    (
        Rule("subject: brand, when: { brand.access: untried }"),
        &["1:70: 'brand.access' is never 'untried'; write one of granted, refused, unreachable"],
    ),
    // Matchers that make no sense.
    (When("limit: { atmost: 0 }"), &["1:49: there is no setting 'atmost' in 'limit'; did you mean 'at_most'?"]),
    (
        When("limit: { equals: 0 }"),
        &[
            "1:49: there is no setting 'equals' in 'limit'; write one of at_least, above, at_most, below, not, matches or is",
        ],
    ),
    (When("limit: {}"), &["1:40: 'limit' asks for nothing; write a value, such as { at_most: 0 }"]),
    (When("limit: []"), &["1:40: 'limit' is an empty list; write at least one value, or one such as { at_most: 0 }"]),
    (When("limit: { is: missing }"), &["1:53: 'is' must be one of set or unset, not 'missing'"]),
    (When("sold_out: { is: set }"), &["1:56: 'sold_out' always has a value; write a value, such as true"]),
    (
        When("sold_out: { above: false }"),
        &["1:59: 'sold_out' has no order, so nothing is 'above' it; write the value itself, or a list of values"],
    ),
    (
        When("product.id: { above: 5 }"),
        &["1:61: 'product.id' has no order, so nothing is 'above' it; write the value itself, or a list of values"],
    ),
    (
        When("product.type: { matches: DISH }"),
        &["1:65: 'product.type' is no free text, so no pattern fits it; write the value itself, or a list of values"],
    ),
    (
        When("product.name: { matches: \"(fanta\" }"),
        &["1:65: 'matches' cannot use '(fanta': unclosed group; write a pattern such as \"(?i).*fanta.*\""],
    ),
    (
        When("product.name: { matches: \"a)(b\" }"),
        &["1:65: 'matches' cannot use 'a)(b': unopened group; write a pattern such as \"(?i).*fanta.*\""],
    ),
    (
        When("product.name: { matches: \"\\\\w{900}{900}\" }"),
        &[
            "1:65: 'matches' cannot use '\\w{900}{900}': it needs more than 256 KiB; write a pattern such as \"(?i).*fanta.*\"",
        ],
    ),
    (
        When("stopped_for: 45m"),
        &["1:53: 'stopped_for' is hardly ever exactly '45m'; use at_least or at_most, such as { at_least: 45m }"],
    ),
    (
        When("stopped_for: { not: 45m }"),
        &["1:60: 'stopped_for' is hardly ever exactly '45m'; use at_least or at_most, such as { at_least: 45m }"],
    ),
    // What can never hold.
    (
        When("limit: { above: 3, below: 3 }"),
        &["1:40: no value of 'limit' is in this range; two ranges are written under 'any'"],
    ),
    (
        When("limit: { at_least: 5, at_most: 3 }"),
        &["1:40: no value of 'limit' is in this range; two ranges are written under 'any'"],
    ),
    (
        When("limit: { above: 3, at_most: 3 }"),
        &["1:40: no value of 'limit' is in this range; two ranges are written under 'any'"],
    ),
    (When("stopped_for: { below: 0s }"), &["1:40: 'stopped_for' is never that small: it starts at 0"]),
    (When("product.price: { at_most: -1 }"), &["1:40: 'product.price' is never that small: it starts at 0"]),
    (When("variants.left: { below: 0 }"), &["1:40: 'variants.left' is never that small: it starts at 0"]),
    (
        When("limit: { is: unset, below: 3 }"),
        &["1:40: 'limit' without a value has nothing to compare; keep 'is: unset' or the other tests"],
    ),
    // Conditions of the wrong shape.
    (Rule("when: {}"), &["1:32: 'when' asks for nothing; write at least one field, such as sold_out: true"]),
    (
        Rule("when: [sold_out]"),
        &["1:32: 'when' must be a group of settings, such as { sold_out: true, station.status: active }, not a list"],
    ),
    (
        Rule("when: sold_out"),
        &[
            "1:38: 'when' must be a group of settings, such as { sold_out: true, station.status: active }, not 'sold_out'",
        ],
    ),
    (
        Rule("when:"),
        &[
            "1:32: 'when' has no value; write a group of settings, such as { sold_out: true, station.status: active }, or remove the line",
        ],
    ),
    (
        When("any: { sold_out: true, low: true }"),
        &[
            "1:40: 'any' must be a list of groups, such as [ { low: true }, { sold_out: true } ], not a group of settings",
        ],
    ),
    (When("any: []"), &["1:40: 'any' is an empty list; write at least one group, such as [ { sold_out: true } ]"]),
    (When("any: [{}]"), &["1:46: 'any' asks for nothing; write at least one field, such as sold_out: true"]),
    (
        When("any: [sold_out]"),
        &[
            "1:46: 'any' must be a group of settings, such as { sold_out: true, station.status: active }, not 'sold_out'",
        ],
    ),
    (
        When("not: [{ sold_out: true }]"),
        &["1:40: 'not' must be a group of settings, such as { sold_out: true, station.status: active }, not a list"],
    ),
    (When("not: {}"), &["1:40: 'not' asks for nothing; write at least one field, such as sold_out: true"]),
    (
        Rule("subject: station"),
        &["1:9: 'when' is missing in 'rule r'; write when: { sold_out: true, station.status: active }"],
    ),
    // Rules.
    (
        File("rules: [{ notify: [], when: { sold_out: true } }]"),
        &["1:9: 'name' is missing in 'rules'; write name: sold-out"],
    ),
    (
        File("rules: [{ name: Sold Out, notify: [], when: { sold_out: true } }]"),
        &[
            "1:17: 'Sold Out' cannot be a rule's name; a rule's name is 1 to 64 characters of a-z, 0-9, '-', '_' or '.', and begins with a letter or digit",
        ],
    ),
    (
        File("rules: [{ name: r, when: { sold_out: true } }]"),
        &["1:9: 'notify' is missing in 'rule r'; write notify: [kitchen, managers], or [] for the screens only"],
    ),
    (
        Rule("when: { sold_out: true }, notifi: [kitchen]"),
        &[
            "1:58: there is no setting 'notifi' in 'rule r'; write one of name, event, subject, when, severity, notify, message, keep_while, for, clear_for, send_resolved or resolved_message",
        ],
    ),
    (
        Rule("when: { sold_out: true }, serverity: critical"),
        &["1:58: there is no setting 'serverity' in 'rule r'; did you mean 'severity'?"],
    ),
    (
        Rule("when: { sold_out: true }, severity: high"),
        &["1:68: 'severity' must be one of info, warning or critical, not 'high'"],
    ),
    (
        Rule("when: { sold_out: true }, severity: critcal"),
        &["1:68: 'severity' cannot be 'critcal'; did you mean 'critical'?"],
    ),
    (
        Rule("when: { sold_out: true }, for: 20"),
        &["1:63: 'for' must be a duration such as 20s, 5m, 1h30m or 2d, not '20'"],
    ),
    (Rule("when: { sold_out: true }, for: 8d"), &["1:63: 'for' must be a duration from 0 s to 7 d, not '8d'"]),
    (
        Rule("when: { sold_out: true }, clear_for: soon"),
        &["1:69: 'clear_for' must be a duration such as 20s, 5m, 1h30m or 2d, not 'soon'"],
    ),
    (Rule("when: { sold_out: true }, send_resolved: no"), &["1:73: 'send_resolved' must be true or false, not 'no'"]),
    (Rule("when: { sold_out: true }, message: \"\""), &["1:67: 'message' must be a text, not ''"]),
    (Rule("when: { sold_out: true }, message: [a]"), &["1:58: 'message' must be a text, not a list"]),
    (
        Rule("when: { sold_out: true }, subject: dish"),
        &["1:67: 'subject' must be one of item, station, venue or brand, not 'dish'"],
    ),
    (
        Rule("when: { sold_out: true }, remind: [1h]"),
        &[
            "1:58: there is no setting 'remind' in 'rule r'; write one of name, event, subject, when, severity, notify, message, keep_while, for, clear_for, send_resolved or resolved_message",
        ],
    ),
    (
        Rule("when: { low: true }, keep_while: { near_lo: true }"),
        &["1:67: there is no field 'near_lo' for items; did you mean 'near_low'?"],
    ),
    (
        Rule("event: sold_out"),
        &[
            "1:39: 'event' must be one of stopped, back, limit_changed, price_changed, station_changed, product_added or product_removed, not 'sold_out'",
        ],
    ),
    // Only keys that the rule can have are offered.
    (
        Rule("event: stopped, fro: 1m"),
        &[
            "1:48: there is no setting 'fro' in 'rule r'; write one of name, event, subject, when, severity, notify or message",
        ],
    ),
    (Rule("event: stoped"), &["1:39: 'event' cannot be 'stoped'; did you mean 'stopped'?"]),
    (
        Rule(
            "event: stopped, for: 1m, clear_for: 1m, send_resolved: true, keep_while: { low: true }, resolved_message: x",
        ),
        &[
            "1:48: 'for' has no meaning for an event, which is told once and at once; remove 'for', or replace 'event' by a 'when' that describes a state",
            "1:57: 'clear_for' has no meaning for an event, which is told once and at once; remove 'clear_for', or replace 'event' by a 'when' that describes a state",
            "1:72: 'send_resolved' has no meaning for an event, which is told once and at once; remove 'send_resolved', or replace 'event' by a 'when' that describes a state",
            "1:93: 'keep_while' has no meaning for an event, which is told once and at once; remove 'keep_while', or replace 'event' by a 'when' that describes a state",
            "1:120: 'resolved_message' has no meaning for an event, which is told once and at once; remove 'resolved_message', or replace 'event' by a 'when' that describes a state",
        ],
    ),
    (Rule("event: stopped, subject: station"), &["1:57: 'stopped' is an event of items; remove 'subject'"]),
    (
        File("rules: [{ name: r, notify: [kitchen, ops, kitchen], event: stopped }]"),
        &["1:43: 'kitchen' is named twice; remove one of the two (first named here: r:1:29)"],
    ),
    (
        File("rules: [{ name: r, notify: [{ kitchen: 1 }], event: stopped }]"),
        &["1:29: 'notify' must be a text, not a group of settings"],
    ),
    (
        File("rules: [{ name: r, notify: , event: stopped }]"),
        &["1:20: 'notify' has no value; write a text, or remove the line"],
    ),
    // Files.
    (File(""), &["1:1: 'rules' is missing in this file; write rules: [ { name: sold-out, .. } ]"]),
    (File("rule: []"), &["1:1: there is no setting 'rule' in this file; did you mean 'rules'?"]),
    (File("rules: { name: r }"), &["1:1: 'rules' must be a list, such as [a, b], not a group of settings"]),
    (
        File("rules: [sold-out]"),
        &[
            "1:9: 'rules' must be a group of settings, such as { name: sold-out, when: { sold_out: true }, notify: [kitchen] }, not 'sold-out'",
        ],
    ),
    (File("rules: []\nreceivers: []"), &["2:1: there is no setting 'receivers' in this file; write rules"]),
    (File("rules:\n  - name: a\n\tnotify: []"), &["3:1: there is a tab in the indentation; use spaces"]),
    (
        File("rules:\n- name: r\n  name: s\n  notify: []\n  event: stopped"),
        &["3:3: 'name' is set twice; keep one of the two (first set here: r:2:3)"],
    ),
    // Several at once.
    (
        File(
            "rules:\n- name: a\n  when: { limt: 0, sold_out: maybe }\n  for: soon\n  notfy: [x]\n- name: a\n  event: back\n  notify: []\n  clear_for: 1m",
        ),
        &[
            "3:11: there is no field 'limt' for items; did you mean 'limit'?",
            "3:30: 'sold_out' is compared with true or false, not 'maybe'",
            "4:8: 'for' must be a duration such as 20s, 5m, 1h30m or 2d, not 'soon'",
            "5:3: there is no setting 'notfy' in 'rule a'; did you mean 'notify'?",
            "6:9: a second rule is called 'a'; give it another name: alerts are told apart by it (the first one is here: r:2:9)",
            "9:3: 'clear_for' has no meaning for an event, which is told once and at once; remove 'clear_for', or replace 'event' by a 'when' that describes a state",
        ],
    ),
];

#[test]
fn every_mistake_is_told_at_its_place_with_what_to_write() {
    let mut wrong = Vec::new();
    for (broken, expected) in CASES {
        let told = lines(&broken.text());
        if told != *expected {
            wrong.push(format!("{broken:?}\n  told     {told:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    assert!(
        lines(&When("x").text().replace('x', &format!("product.id: [{values}]")))[0].contains("more than 1000 values")
    );
    let rule = |n| format!("- {{ name: r{n}, notify: [], when: {{ prices.l{n}: 1 }} }}");
    let lists = (0..257).map(rule).collect::<Vec<_>>().join("\n");
    assert_eq!(
        lines(&format!("rules:\n{lists}")),
        ["258:37: rules refer to more than the 256 price lists that are read"]
    );
    let long = format!("rules: [{{ name: r, notify: [], event: back, message: {} }}]", "x".repeat(4_097));
    assert_eq!(lines(&long), ["1:54: 'message' is longer than the 4096 characters of a message"]);
    let rule = |n| format!("- {{ name: r{n}, event: back, notify: [] }}");
    let many = (0..10_001).map(rule).collect::<Vec<_>>().join("\n");
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
            "low-stock",
            "price-changed",
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
                let text = Rule("x").text().replace('x', &format!("{scope}, when: {{ {name}: {} }}", row.example));
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
