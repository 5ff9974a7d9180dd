//! The JSON Schema of files of rule tests, for editors: the world, the steps, what happens and what is expected.
//!
//! Never refuses what the reader takes; names of products, rules and receivers are `eightysix test`'s to look up.

use std::ops::RangeInclusive;

use serde_json::json;

use crate::document::schema::{
    Schema, by_key, defaulting, described, document, duration, entries, flag, from_to, group, integer, list, number,
    one_or_more, reference, text, text_like, with, word,
};
use crate::language::Language;
use crate::ruletest::parse::{CHANNELS, GROUP_WAIT_RANGE, TESTS_MAX, steps, world};
use crate::timetable::{definitions, schedule_schema, windows_schema};

const ANY: RangeInclusive<usize> = 0..=usize::MAX;

/// Returns the schema of files of rule tests.
pub fn schema() -> Schema {
    let heard = json!({ "anyOf": [channels(), reference("receiver")] });
    let group_wait =
        format!("How long mail waits for more of the same burst. {} By default 1m.", from_to(&GROUP_WAIT_RANGE));
    let settings = vec![
        (
            "rules",
            described(
                one_or_more(&text(), &ANY),
                "Files of rules, relative to this one; by default the one beside it.",
            ),
        ),
        ("zone", described(text(), "The time zone of all times, such as Asia/Baku; by default UTC.")),
        (
            "language",
            defaulting(described(language(), "What receivers read that say nothing else."), Language::default().code()),
        ),
        (
            "receivers",
            described(
                entries(None, &heard),
                "Receivers and their channels, and what they read. By default every receiver that the rules name, each by all channels. Example: `{ kitchen: mqtt, managers: { by: email, language: az } }`",
            ),
        ),
        ("hours", described(schedule_schema(), "When the doors of the venue are open, as in the configuration.")),
        ("peaks", described(schedule_schema(), "When the venue is busy, as in the configuration.")),
        (
            "windows",
            described(
                windows_schema(json!({})),
                "Times by name, for rules that hold `during` them. Example: `{ dinner: \"18:00-23:00\" }`",
            ),
        ),
        ("group_wait", described(duration(), &group_wait)),
        ("world", described(reference("world"), "What the venue is like before each test.")),
        ("tests", described(list(&reference("test"), &(0..=TESTS_MAX)), "The tests; each has a name and steps.")),
    ];
    let mut all = definitions();
    all.extend(
        [
            ("receiver", receiver()),
            ("test", test()),
            ("step", step()),
            ("world", world()),
            ("product", product()),
            ("limits", entries(None, &number())),
            ("prices", entries(None, &entries(None, &number()))),
            ("stations", entries(None, &word(world::STATUS.map(|(word, _)| word)))),
            ("alert", alert()),
            ("told", told()),
            ("held", held()),
            ("silence", silence()),
        ]
        .map(|(name, form)| (name.to_owned(), form)),
    );
    let about = "What happens in a small restaurant and what must be told because of it: docs/rule-tests.md explains it, `eightysix test` runs it.";
    document("Tests of rules of eightysix", about, group(&["tests"], settings), all)
}

fn channels() -> Schema {
    one_or_more(&word(CHANNELS.map(|(word, _)| word)), &ANY)
}

fn language() -> Schema {
    word(Language::ALL.map(Language::code))
}

/// Takes the channels of a receiver beside what it reads.
fn receiver() -> Schema {
    let settings = vec![
        ("by", described(channels(), "Its channels.")),
        ("language", described(language(), "What it reads; by default the `language` of the file.")),
    ];
    group(&["by"], settings)
}

fn test() -> Schema {
    let steps = list(&reference("step"), &(1..=steps::STEPS_MAX));
    let settings = vec![
        ("name", described(text(), "What it shows, in words.")),
        ("world", described(reference("world"), "What this test adds to the world of the file.")),
        ("steps", described(steps, "What happens and what is expected, in the order of time.")),
    ];
    group(&["name", "steps"], settings)
}

fn world() -> Schema {
    let settings = vec![
        ("venue", described(text(), "The name of the only venue; by default Venue.")),
        ("stations", described(reference("stations"), "Stations, active or inactive. Example: `{ Kitchen: active }`")),
        (
            "products",
            described(
                entries(None, &reference("product")),
                "Products by name. Without more, `{}`, a product is an active, visible dish of price 10.00 without a station or a threshold.",
            ),
        ),
        ("prices", described(reference("prices"), "Prices in lists. Example: `{ Delivery: { Lamb kebab: 9.50 } }`")),
        ("stop", described(reference("limits"), "The stop list. Example: `{ Lamb kebab: 0 }`")),
    ];
    group(&[], settings)
}

fn product() -> Schema {
    let settings = vec![
        ("type", described(word(world::KINDS), "Its type at Clopos; by default DISH.")),
        (
            "status",
            described(word(world::STATUS.map(|(word, _)| word)), "Switched on in the back office; by default active."),
        ),
        ("hidden", described(flag(), "Hidden from menus; by default false.")),
        ("station", described(text(), "The station that makes it; `none` takes it off its station.")),
        ("recipe", described(one_or_more(&text(), &ANY), "What goes into it, products that stand above it.")),
        ("parent", described(text(), "The product of which it is a variant.")),
        ("price", described(number(), "Its base price; by default 10.00.")),
        ("cost_price", described(number(), "Its cost price; by default 0.")),
        ("low_stock", described(number(), "Its threshold; by default none.")),
        ("category", described(text(), "The name of its category.")),
        (
            "category_id",
            described(
                integer(&(1..=i64::MAX)),
                "The id of its category; by default that of the other products in the category of its name, or a new one.",
            ),
        ),
        ("tags", described(one_or_more(&text(), &ANY), "Its tags.")),
        ("sold_by_weight", described(flag(), "Limits are kilograms; by default false.")),
    ];
    // `Lamb kebab:` with nothing behind it is a product as well.
    with(group(&[], settings), "type", json!(["object", "null"]))
}

fn step() -> Schema {
    let mut settings = vec![
        (
            "at",
            described(
                text_like("[0-9]", steps::TIME),
                "When: a time of day, the next such one, or a day and a time. Example: `18:00`, `2026-05-08 18:00:20`",
            ),
        ),
        (
            "after",
            described(
                duration(),
                &format!(
                    "When: so long after the step before. {} Example: `20s`",
                    from_to(&(std::time::Duration::ZERO..=steps::WAIT_MAX))
                ),
            ),
        ),
    ];
    settings.extend(deeds());
    settings.extend(wants());
    with(group(&[], settings), "dependencies", json!({ "at": { "properties": { "after": false } } }))
}

fn deeds() -> Vec<(&'static str, Schema)> {
    let products = || entries(None, &reference("product"));
    vec![
        ("stop", described(reference("limits"), "Limits are set. Example: `{ Lamb kebab: 0, Piti: 3 }`")),
        ("clear", described(one_or_more(&text(), &ANY), "Products are taken off the stop list; `all` empties it.")),
        ("station", described(reference("stations"), "Stations are switched. Example: `{ Kitchen: inactive }`")),
        ("product", described(products(), "Products are edited. Example: `{ Lamb kebab: { hidden: true } }`")),
        ("add", described(products(), "Products are added. Example: `{ Lamb kebab: { station: Kitchen } }`")),
        (
            "remove",
            described(
                one_or_more(&text(), &ANY),
                "Products are deleted; their rows of the stop list stay until they are cleared.",
            ),
        ),
        (
            "price",
            described(reference("prices"), "Prices in lists change. Example: `{ Delivery: { Lamb kebab: 9.50 } }`"),
        ),
        (
            "readings",
            described(
                word(steps::READINGS.map(|(word, _)| word)),
                "`fail`: no request for the stop list gives a reading any more; `work`: they do again.",
            ),
        ),
        (
            "access",
            described(
                word(steps::ACCESS.map(|(word, _)| word)),
                "`refused` or `unreachable`: the brand cannot be read; `granted`: it can again.",
            ),
        ),
        (
            "acknowledge",
            described(
                one_or_more(&reference("alert"), &ANY),
                "Somebody takes care of these open alerts. Example: `\"sold-out: Lamb kebab\"`",
            ),
        ),
        (
            "silence",
            described(
                reference("silence"),
                "Something is not to be told from now on. Example: `{ product: Lamb kebab, for: 1h }`",
            ),
        ),
    ]
}

fn silence() -> Schema {
    let lasts = format!("How long it lasts. {} Example: `1h`", from_to(&(std::time::Duration::ZERO..=steps::WAIT_MAX)));
    let settings = vec![
        ("product", described(text(), "The product that is silent, with its variants.")),
        ("station", described(text(), "The station that is silent, with all that it makes.")),
        ("rule", described(text(), "The rule that is silent.")),
        ("for", described(duration(), &lasts)),
        (
            "until_back",
            described(flag(), "It ends earlier, as soon as nothing is open that it hides; by default false."),
        ),
        ("during", described(text(), "The window in which alone it holds: a silence that repeats.")),
    ];
    let names_something = ["product", "station", "rule"].map(|key| json!({ "required": [key] }));
    with(group(&["for"], settings), "anyOf", json!(names_something))
}

fn wants() -> Vec<(&'static str, Schema)> {
    let alerts = || one_or_more(&reference("alert"), &ANY);
    let topics = entries(None, &text());
    vec![
        (
            "open",
            described(
                alerts(),
                "Exactly these alerts are open, by rule and what it is about. Example: `[\"sold-out: Lamb kebab\"]`",
            ),
        ),
        (
            "pending",
            described(alerts(), "Exactly these alerts wait for their `for`. Example: `[\"sold-out: Lamb kebab\"]`"),
        ),
        (
            "told",
            described(
                one_or_more(&reference("told"), &ANY),
                "Exactly this was told since the last step with a `told`, in any order: a `text` as often as it stands here, a `like` every different text that it describes, each once.",
            ),
        ),
        ("held", described(one_or_more(&reference("held"), &ANY), "Among others, this keeps the news from somebody.")),
        (
            "topics",
            described(
                topics,
                "Texts that topics below `eightysix/v1/test/1/` hold, or `absent`. Example: `{ product/1: '\"state\":\"out\"', stop: absent }`",
            ),
        ),
    ]
}

/// Takes `"sold-out: Lamb kebab"`, and what YAML makes of it without quotes.
fn alert() -> Schema {
    let alert = with(text_like(": ", steps::ALERT), "type", "string".into());
    json!({ "anyOf": [alert, entries(None, &text())] })
}

/// Takes what was told, in words or by a pattern.
fn told() -> Schema {
    let words = "The message, word for word; of a mail its subject, with or without the venue's name before it.";
    let pattern = "A pattern that describes the whole message. Example: `.* is out at .*`";
    let in_words = vec![("text", described(text(), words)), ("like", false.into())];
    let by_pattern = vec![("like", described(text(), pattern))];
    by_key(&[("like", telling("like", by_pattern)), ("text", telling("text", in_words))])
}

fn telling(key: &'static str, mut settings: Vec<(&'static str, Schema)>) -> Schema {
    settings.push(("to", described(text(), "The receiver.")));
    settings.push(("by", described(word(CHANNELS.map(|(word, _)| word)), "The channel; by default any.")));
    group(&["to", key], settings)
}

fn held() -> Schema {
    let about =
        json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, one_or_more(&reference("alert"), &ANY)] });
    let settings = vec![
        ("to", described(text(), "The receiver.")),
        (
            "about",
            described(
                about,
                "The alert, or the rule alone where it is held for all. Example: `\"sold-out: Lamb kebab\"`",
            ),
        ),
        (
            "why",
            described(
                text(),
                "Why nothing is told; docs/rule-tests.md has the reasons. Example: `pending for 12 s more`",
            ),
        ),
    ];
    group(&["to", "why"], settings)
}
