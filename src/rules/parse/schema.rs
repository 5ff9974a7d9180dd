//! The JSON Schema of rule files, for editors: keys, words and the fields that a rule of its subject and event has.
//!
//! The fields are those of the one table, in the forms that `matcher` reads. Never refuses what the parser takes; what it
//! cannot know, such as an empty range, a bad pattern or a name that is taken, is `eightysix check`'s to tell.

use serde_json::{Value, json};

use crate::document::schema::{
    Schema, defaulting, described, document, duration, flag, from_to, group, integer, list, one_or_more, reference,
    text, text_like, time_of_day, wanting, with, word,
};
use crate::language::Language;
use crate::rules::field::{FIELDS, Field, FieldRow, Kind, Scope};
use crate::rules::followup::SHIFT_START;
use crate::rules::parse::expression::{EXPRESSION, EXPRESSION_BYTES_MAX};
use crate::rules::parse::followup::{ESCALATE_MAX, FOLLOWUP_RANGE, REMIND_MAX};
use crate::rules::parse::set::COUNT_RANGE;
use crate::rules::parse::{DURING_MAX, MESSAGE_LENGTH_MAX, NOTIFY_MAX, RULES_MAX, STATE_KEYS, WAIT_RANGE};
use crate::rules::set::SetKind;
use crate::rules::{EventKind, GroupBy, Severity, SubjectKind};

/// Any number of values but none.
const SOME: std::ops::RangeInclusive<usize> = 1..=usize::MAX;

/// Returns the schema of rule files.
pub fn schema() -> Schema {
    let rules = described(list(&reference("rule"), &(0..=RULES_MAX)), "What somebody wants to be told, rule by rule.");
    let mut definitions = vec![
        ("rule".to_owned(), rule()),
        ("event-rule".to_owned(), event_rule()),
        ("state-rule".to_owned(), state_rule()),
        ("name".to_owned(), name()),
        ("during".to_owned(), during()),
        ("severity".to_owned(), severity()),
        ("notify".to_owned(), notify()),
        (
            "message".to_owned(),
            message(
                "What is said, a MiniJinja template such as `{{ item.name }} is out`. By default the rule's name and what it is about. One text for everybody, or one for each language: `{ en: .., az: .., ru: .. }`.",
            ),
        ),
        ("texts".to_owned(), texts()),
        ("wait".to_owned(), duration()),
        ("escalation".to_owned(), escalation()),
        ("set".to_owned(), set()),
    ];
    for scope in scopes() {
        definitions.push((condition_name(scope), condition(scope)));
    }
    for row in FIELDS {
        definitions.push((field_name(row), field(row)));
        definitions.push((matcher_name(row), matcher(row)));
    }
    let about = "What eightysix tells, and to whom: docs/rules.md explains it, `eightysix check` finds what no schema can know.";
    document("Rules of eightysix", about, group(&["rules"], vec![("rules", rules)]), definitions)
}

/// Tells the two kinds of rules apart by what only one of them has.
fn rule() -> Schema {
    let is_event = json!({ "type": "object", "required": ["event"] });
    json!({ "if": is_event, "then": reference("event-rule"), "else": reference("state-rule") })
}

fn state_rule() -> Schema {
    let mut settings = common_settings();
    settings.push(("when", described(json!({ "type": "object" }), WHEN)));
    settings.push(("subject", subject()));
    settings.extend(STATE_KEYS.map(|key| (key, state_setting(key))));
    let of_subject = SubjectKind::ALL.map(|subject| {
        let condition = reference(&condition_name(Scope { subject, event: None }));
        let mut then = json!({ "properties": { "when": condition, "keep_while": condition } });
        if subject == SubjectKind::Brand {
            then["properties"]["during"] = false.into();
        }
        if subject != SubjectKind::Item {
            then["properties"]["at_least"] = false.into();
        }
        let is_written = subject != SubjectKind::Item;
        json!({ "if": is("subject", subject.word(), is_written), "then": then })
    });
    let rule = with(group(&["name", "notify"], settings), "allOf", of_subject.to_vec().into());
    with(rule, "anyOf", json!([{ "required": ["when"] }, { "required": ["expr"] }]))
}

fn event_rule() -> Schema {
    let mut settings = common_settings();
    settings.push(("when", described(json!({ "type": "object" }), WHEN)));
    settings.push(("subject", subject()));
    let of_event = EventKind::ALL.map(|event| {
        let scope = Scope { subject: event.subject(), event: Some(event) };
        let properties =
            json!({ "when": reference(&condition_name(scope)), "subject": word([event.subject().word()]) });
        json!({ "if": is("event", event.word(), true), "then": { "properties": properties } })
    });
    with(group(&["name", "event", "notify"], settings), "allOf", of_event.to_vec().into())
}

/// Holds when a setting is this word; when it is not there, only if it need not be.
fn is(key: &str, value: &str, is_written: bool) -> Schema {
    let is = json!({ "type": "object", "properties": { key: { "const": value } } });
    if is_written { with(is, "required", json!([key])) } else { is }
}

const WHEN: &str = "What must hold, all of it: fields and what they are compared with. `any` and `all` take lists of groups, `not` a group. Example: `when: { sold_out: true, station.status: active }`";

fn common_settings() -> Vec<(&'static str, Schema)> {
    vec![
        ("name", reference("name")),
        ("event", event()),
        ("expr", expr()),
        ("during", reference("during")),
        ("severity", reference("severity")),
        ("notify", reference("notify")),
        ("group_by", group_by()),
        ("message", reference("message")),
    ]
}

/// Returns the form of a key that only rules about a state have.
fn state_setting(key: &str) -> Schema {
    let wait = |what: &str| described(reference("wait"), &format!("{what} {} By default 0s.", from_to(&WAIT_RANGE)));
    match key {
        "at_least" => described(
            reference("set"),
            "How many items must hold together: the rule is then about sets of them, and not about each by itself. Example: `at_least: { count: 3, of: category }`",
        ),
        "keep_while" => described(
            json!({ "type": "object" }),
            "An open alert also stays while this holds: the gap that keeps it from flapping. In the form of `when`. Example: `keep_while: { near_low: true }`",
        ),
        "for" => wait("How long it must hold before the alert opens, such as 20s; survives a restart."),
        "clear_for" => wait("How long it must be clear before the alert closes, such as 1m."),
        "remind" => remind(),
        "escalate" => described(
            one_or_more(&reference("escalation"), &(1..=ESCALATE_MAX)),
            "Who else is told while the alert stays open, and after how long.",
        ),
        "flap_detection" => defaulting(
            described(
                flag(),
                "Whether an alert that opens as the third turn within 15 minutes is unstable: it is told once, and told to be over only when it has been clear for 10 minutes. With false every turn is told.",
            ),
            true,
        ),
        "send_resolved" => defaulting(described(flag(), "Whether the end of an alert is told at all."), true),
        "resolved_message" => message(
            "What is said when the alert closes, a template as `message`. By default that it is over, and after how long. One text, or one for each language.",
        ),
        _ => Value::Bool(true),
    }
}

fn remind() -> Schema {
    let reminder = json!({ "anyOf": [word([SHIFT_START]), duration()] });
    let about = format!(
        "When those who were told are told again while the alert stays open: so long after it opened, or `{SHIFT_START}` for each time the doors open. {} Not while the venue is closed, in the last half hour before it closes, or while somebody takes care of it. Example: `remind: [1h, 3h, {SHIFT_START}]`",
        from_to(&FOLLOWUP_RANGE)
    );
    described(one_or_more(&reminder, &(1..=REMIND_MAX)), &about)
}

fn escalation() -> Schema {
    let after = format!("How long the alert must have been open. {}", from_to(&FOLLOWUP_RANGE));
    let even = "Whether they are told although somebody takes care of it.";
    let settings = vec![
        ("after", described(reference("wait"), &after)),
        (
            "to",
            described(one_or_more(&text(), &(1..=NOTIFY_MAX)), "Whom to tell, by their names in the configuration."),
        ),
        ("even_acknowledged", defaulting(described(flag(), even), false)),
    ];
    group(&["after", "to"], settings)
}

fn set() -> Schema {
    let meanings = SetKind::ALL.map(|kind| (kind.word(), kind.meaning()));
    let of = described(word(SetKind::ALL.map(SetKind::word)), &listed("What is counted together.", &meanings));
    let count = described(integer(&COUNT_RANGE), "How many of them `when` must hold of.");
    group(&["count", "of"], vec![("count", count), ("of", of)])
}

fn name() -> Schema {
    described(
        text_like("^[a-z0-9][a-z0-9._-]{0,63}$", "a name such as sold-out, without capitals and blanks"),
        "1 to 64 characters of a-z, 0-9, '-', '_' or '.', unique over all files, such as sold-out. It is the alert's identity: a renamed rule closes its alerts and opens new ones.",
    )
}

fn event() -> Schema {
    let meanings = EventKind::ALL.map(|event| (event.word(), event.meaning()));
    let about = "What happened, for a rule that tells it once; without it the rule watches a state.";
    described(word(EventKind::ALL.map(EventKind::word)), &listed(about, &meanings))
}

fn subject() -> Schema {
    let meanings = SubjectKind::ALL.map(|subject| (subject.word(), subject.meaning()));
    let about = "What the rule is asked of. An event has its own.";
    let subject = described(word(SubjectKind::ALL.map(SubjectKind::word)), &listed(about, &meanings));
    defaulting(subject, SubjectKind::Item.word())
}

fn listed(about: &str, meanings: &[(&str, &str)]) -> String {
    let lines: Vec<String> = meanings.iter().map(|(word, meaning)| format!("\n- `{word}`: {meaning}")).collect();
    format!("{about}\n{}", lines.concat())
}

/// Takes an expression, of which a schema knows only how long it may be.
fn expr() -> Schema {
    let expr = with(text_like("\\S", EXPRESSION), "type", "string".into());
    described(
        with(expr, "maxLength", EXPRESSION_BYTES_MAX.into()),
        "What must hold as well as `when`, or instead of it: an expression in CEL, which compares two fields, or figures computed from them. docs/rules.md has what it may be made of. Example: `expr: \"sold_out && product.price - product.cost_price >= 8.0\"`",
    )
}

fn during() -> Schema {
    let window = with(text(), "examples", json!(["open", "peak"]));
    described(
        one_or_more(&window, &(1..=DURING_MAX)),
        "The windows in which alone the rule holds, by their names in the configuration; `open` and `peak` are there by the hours and peaks of each venue. By default always. Example: `during: [dinner]`.",
    )
}

fn severity() -> Schema {
    let severity = described(word(Severity::ALL.map(Severity::word)), "How much it matters.");
    defaulting(severity, Severity::Warning.word())
}

fn notify() -> Schema {
    described(
        one_or_more(&text(), &(0..=NOTIFY_MAX)),
        "The receivers, by their names in the configuration. `[]` tells nobody: an open alert is then on the screens only.",
    )
}

fn group_by() -> Schema {
    described(
        one_or_more(&word(GroupBy::ALL.map(GroupBy::word)), &SOME),
        "What shares a mail: all news of a venue, or of each of its stations. By default `[venue]`. Example: `group_by: [venue, station]`",
    )
}

fn message(about: &str) -> Schema {
    described(json!({ "anyOf": [template(), reference("texts")] }), about)
}

fn template() -> Schema {
    with(text(), "maxLength", MESSAGE_LENGTH_MAX.into())
}

/// Takes a text for each of some languages.
fn texts() -> Schema {
    let about = |language: Language| match language {
        Language::Az => "For those who read Azerbaijani.",
        Language::Ru => "For those who read Russian.",
        Language::En => "For those who read English.",
    };
    let settings = Language::ALL.map(|language| (language.code(), described(template(), about(language)))).to_vec();
    with(group(&[], settings), "minProperties", 1.into())
}

/// Every scope that a rule can have.
fn all_scopes() -> impl Iterator<Item = Scope> {
    let states = SubjectKind::ALL.into_iter().map(|subject| Scope { subject, event: None });
    let events = EventKind::ALL.into_iter().map(|event| Scope { subject: event.subject(), event: Some(event) });
    states.chain(events)
}

/// Every scope that has fields of its own: events without fields of their own have those of their subject.
fn scopes() -> impl Iterator<Item = Scope> {
    all_scopes().filter(|scope| own_scope(*scope) == *scope)
}

fn own_scope(scope: Scope) -> Scope {
    let fields = |scope| FIELDS.iter().filter(move |row| row.is_in(scope)).map(|row| row.name);
    let plain = Scope { event: None, ..scope };
    if fields(plain).eq(fields(scope)) { plain } else { scope }
}

fn condition_name(scope: Scope) -> String {
    let Scope { subject, event } = own_scope(scope);
    format!("when-{}", event.map_or(subject.word(), EventKind::word))
}

/// Takes a group of which all must hold.
fn condition(scope: Scope) -> Schema {
    let own = reference(&condition_name(scope));
    let groups = list(&own, &SOME);
    let mut settings = vec![
        ("any", described(groups.clone(), "A list of groups, of which one must hold.")),
        ("all", described(groups, "A list of groups, of which all must hold.")),
        ("not", described(own, "A group that must not hold.")),
    ];
    let mut patterns = json!({});
    for row in FIELDS.iter().filter(|row| row.is_in(scope)) {
        match row.field {
            Field::Price(_) => patterns["^prices\\.\\s*\\S"] = reference(&field_name(row)),
            Field::Row(_)
            | Field::Product(_)
            | Field::Parent(_)
            | Field::Variants(_)
            | Field::Recipe(_)
            | Field::Station(_)
            | Field::Venue(_)
            | Field::Brand(_)
            | Field::Forecast(_)
            | Field::Change(_) => settings.push((row.name, reference(&field_name(row)))),
        }
    }
    let condition = with(group(&[], settings), "minProperties", 1.into());
    if patterns == json!({}) { condition } else { with(condition, "patternProperties", patterns) }
}

/// Names the definition of a field; fields of one name that events give other types stand apart.
fn field_name(row: &FieldRow) -> String {
    let name = row.name.replace(".<list>", "");
    match row.events {
        [event] if FIELDS.iter().filter(|other| other.name == row.name).count() > 1 => {
            format!("{name}-{}", event.word())
        }
        _ => name,
    }
}

fn field(row: &FieldRow) -> Schema {
    let FieldRow { name, kind, meaning, unset_when, example, .. } = row;
    let unit = kind.unit();
    let values = match kind {
        Kind::Word(words) => format!("One of {}.", words.join(", ")),
        Kind::Stock | Kind::Money | Kind::Time => format!("{} ({unit}).", capital(kind.wanted())),
        Kind::Count | Kind::Duration | Kind::Flag | Kind::Text | Kind::Texts | Kind::Id => {
            format!("{}.", capital(kind.wanted()))
        }
    };
    let unset = unset_when.map_or(String::new(), |when| format!("\n\nNo value when {when}."));
    let about = format!("{}.\n\n{values}{unset}\n\nExample: `{name}: {example}`", capital(meaning));
    described(reference(&matcher_name(row)), &about)
}

fn capital(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

/// Names the definition of what fields of one type are compared with.
fn matcher_name(row: &FieldRow) -> String {
    let values = match row.kind {
        Kind::Stock => "stock".to_owned(),
        Kind::Count => "count".to_owned(),
        Kind::Money => "money".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Flag => "flag".to_owned(),
        Kind::Word(words) => words.join("-").to_lowercase(),
        Kind::Text => "text".to_owned(),
        Kind::Texts => "texts".to_owned(),
        Kind::Id => "id".to_owned(),
    };
    let running = if row.field.is_running() { "running-" } else { "" };
    let unset = if row.unset_when.is_some() { "-or-unset" } else { "" };
    format!("is-{running}{values}{unset}")
}

/// Takes what a field is compared with: a value, a list of values, or tests.
fn matcher(row: &FieldRow) -> Schema {
    let value = value(row.kind);
    let values = one_or_more(&value, &SOME);
    let mut tests = Vec::new();
    if row.kind.has_order() {
        for (key, about) in [
            ("at_least", "Holds when the value is this or more."),
            ("above", "Holds when the value is more than this."),
            ("at_most", "Holds when the value is this or less."),
            ("below", "Holds when the value is less than this."),
        ] {
            tests.push((key, described(value.clone(), about)));
        }
    }
    if !row.field.is_running() {
        tests.push(("not", described(values.clone(), "Holds when the value is not this, or none of these.")));
    }
    if row.kind.has_pattern() {
        let about = "Holds when the pattern describes the value from its beginning to its end; `(?i)` makes capitals equal. Example: `(?i).*fanta.*`";
        tests.push(("matches", described(text(), about)));
    }
    if row.unset_when.is_some() {
        tests.push(("is", described(word(["set", "unset"]), "Holds when there is a value, or when there is none.")));
    }
    let tests = with(group(&[], tests), "minProperties", 1.into());
    if row.field.is_running() {
        return wanting(
            tests,
            match row.kind {
                Kind::Duration => "at_least or at_most, such as { at_least: 5m }; it is hardly ever exactly so long",
                Kind::Time => "at_least or below, such as { below: \"18:00\" }; it is hardly ever exactly then",
                Kind::Stock
                | Kind::Count
                | Kind::Money
                | Kind::Flag
                | Kind::Word(_)
                | Kind::Text
                | Kind::Texts
                | Kind::Id => "at_least or at_most, such as { at_least: 5 }; it is hardly ever exactly that",
            },
        );
    }
    // Of forms that all do not fit, editors tell what the first one wants: the words, or what stands in a range.
    let list = list(&value, &SOME);
    json!({ "anyOf": if row.kind.has_order() { [tests, value, list] } else { [value, list, tests] } })
}

/// Takes one value; numbers in quotes are texts, and no number is compared with them.
fn value(kind: Kind) -> Schema {
    match kind {
        Kind::Stock | Kind::Money => json!({ "type": "number" }),
        Kind::Count => json!({ "type": "integer" }),
        Kind::Duration => duration(),
        Kind::Time => time_of_day(kind.wanted()),
        Kind::Flag => flag(),
        Kind::Word(words) => word(words.iter().copied()),
        Kind::Text | Kind::Texts => text(),
        Kind::Id => integer(&(0..=i64::MAX)),
    }
}
