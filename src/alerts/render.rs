//! Message templates: compiled and tried out when the rules are loaded, rendered within bounds afterwards.
//!
//! A template that fails when it matters must not lose a message: the built-in text goes out instead. Names in facts
//! are printable already; HTML is escaped where the HTML is made.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, ErrorKind, Template, UndefinedBehavior, Value, context};

use crate::alerts::facts::{ChangeFacts, Facts, ItemFacts, RecipeFacts, StationFacts, VenueFacts};
use crate::document::{Place, nearest};
use crate::rules::{EventKind, Form, Placed, RuleName, RuleSet, Severity, SubjectKind};
use crate::units::{
    BrandId, Money, ProductId, Quantity, StationId, Timestamp, VenueId, Zone, human_duration, printable,
};

/// Steps that one rendering may take: a loop over a few thousand values, and far below a second.
const FUEL: u64 = 50_000;
/// How many names `listed` names before it says how many more there are: a line on a phone.
const LISTED_MAX: usize = 5;
/// The longest message: one paragraph on a phone.
const MESSAGE_LENGTH_MAX: usize = 500;

/// What is said of an alert while a message is rendered.
#[derive(Clone, Copy, Debug)]
pub struct AlertWords<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// `info`, `warning` or `critical`.
    pub severity: &'a str,
    /// When the rule was first seen to hold.
    pub since: Timestamp,
    /// Until now, or until it closed.
    pub duration: Duration,
}

/// The compiled messages of a rule set.
pub struct Messages {
    templates: Environment<'static>,
    zone: Zone,
}

/// An instant in a message. People read it, so that it shows the clock on their wall.
#[derive(Debug)]
struct Instant {
    at: Timestamp,
    zone: Zone,
}

impl Object for Instant {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at.local_time(&self.zone))
    }
}

/// A message that does not compile or fails on a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// The part of the text that is wrong, or the whole of it.
    pub place: Place,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub help: String,
}

/// What a message can name; which of them are there depends on what its rule is about. A test renders each.
pub const VARIABLES: [&str; 34] = [
    "brand",
    "refused",
    "venue.id",
    "venue.name",
    "venue.reading_age",
    "venue.trouble",
    "station.id",
    "station.name",
    "station.status",
    "station.products",
    "item.id",
    "item.name",
    "item.parent",
    "item.category",
    "item.price",
    "item.limit",
    "item.low_stock",
    "item.since",
    "item.others_on",
    "item.dishes_on",
    "item.dishes_off",
    "item.add_ons",
    "item.blocked_by",
    "change.list",
    "change.before",
    "change.after",
    "change.out_for",
    "alert.rule",
    "alert.severity",
    "alert.since",
    "alert.duration",
    "item",
    "station",
    "venue",
];
/// The filters of ours, beside those that every minijinja template has.
pub const FILTERS: [&str; 3] = ["local_time", "duration", "listed"];
/// Filters of MiniJinja that make as much of a value as a number says: `slice(1000000000)` would fill the machine.
const FILTERS_WITHOUT_BOUND: [&str; 4] = ["batch", "format", "indent", "slice"];

impl Messages {
    /// Compiles every message of the rules. [`bad_message`] has tried each before, when the rules were read.
    ///
    /// # Errors
    /// Returns every message that does not compile.
    pub fn compile(rules: &RuleSet, zone: &Zone) -> Result<Self, Vec<BadMessage>> {
        let mut messages = Self { templates: environment(), zone: zone.clone() };
        let mut bad = Vec::new();
        for rule in rules.rules() {
            let resolved = match &rule.form {
                Form::State(state) => state.resolved_message.as_ref(),
                Form::Event(_) => None,
            };
            for (placed, is_resolved) in [(rule.message.as_ref(), false), (resolved, true)] {
                let Some(placed) = placed else { continue };
                let name = template_name(&rule.name, is_resolved);
                let text = placed.text.to_string();
                if let Err(error) = survived(|| messages.templates.add_template_owned(name, text)) {
                    bad.push(BadMessage::of(&error, placed));
                }
            }
        }
        if bad.is_empty() { Ok(messages) } else { Err(bad) }
    }

    /// Renders what a rule says of a subject; the built-in text where the rule has none or its template fails.
    pub fn render(&self, rule: &RuleName, is_resolved: bool, facts: &Facts, words: AlertWords<'_>) -> String {
        let template = self.templates.get_template(&template_name(rule, is_resolved));
        let rendered = template.and_then(|template| rendered(&template, context_of(facts, words, &self.zone)));
        let text = rendered.unwrap_or_else(|_| built_in(is_resolved, facts, words));
        printable(text.trim(), MESSAGE_LENGTH_MAX)
    }
}

impl BadMessage {
    fn of(error: &minijinja::Error, placed: &Placed) -> Self {
        Self { place: place_of(error, placed), problem: explain(error), help: help_with(error) }
    }
}

/// Compiles a message of a rule about this kind of subject, or of this event, and renders it against samples: a template
/// must not fail on the night when it matters.
pub fn bad_message(placed: &Placed, subject: SubjectKind, event: Option<EventKind>) -> Option<BadMessage> {
    let words = AlertWords {
        rule: "sold-out",
        severity: Severity::Critical.word(),
        since: Timestamp::from_unix_ms(1_780_000_000_000),
        duration: Duration::from_mins(77),
    };
    let mut samples = vec![sample(subject, event.is_some())];
    if event == Some(EventKind::PriceChanged) {
        // A price in a list belongs to the brand, so there is no venue to name.
        samples.push(Facts { venue: None, station: None, ..samples[0].clone() });
    }
    let mut templates = environment();
    let added = survived(|| templates.add_template_owned("message", placed.text.to_string()));
    let rendered = added.and_then(|()| {
        let template = templates.get_template("message")?;
        samples.iter().try_for_each(|facts| rendered(&template, context_of(facts, words, &Zone::utc())).map(drop))
    });
    rendered.err().map(|error| BadMessage::of(&error, placed))
}

fn rendered(template: &Template<'_, '_>, context: Value) -> Result<String, minijinja::Error> {
    survived(|| template.render(context))
}

/// Lets the engine work. It has been seen to panic, while it rendered a slice of nothing (`''[::-1]`) and while it compiled
/// an import; that must neither keep the rules from being checked nor end the task of a brand, so it is a mistake of the
/// template like any other.
fn survived<T>(work: impl FnOnce() -> Result<T, minijinja::Error>) -> Result<T, minijinja::Error> {
    let panicked = |_| Err(minijinja::Error::new(ErrorKind::InvalidOperation, "a part of it cannot be worked out"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn template_name(rule: &RuleName, is_resolved: bool) -> String {
    format!("{}/{}", if is_resolved { "resolved_message" } else { "message" }, rule.as_str())
}

fn environment() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(FUEL));
    for filter in FILTERS_WITHOUT_BOUND {
        templates.remove_filter(filter);
    }
    templates.add_filter("local_time", |value: &Value| -> Result<String, minijinja::Error> {
        match value.downcast_object_ref::<Instant>() {
            Some(instant) => Ok(instant.at.local_time(&instant.zone)),
            None if value.is_none() => Ok("some time".to_owned()),
            None => Err(bad_operand("local_time", "an instant such as item.since")),
        }
    });
    templates.add_filter("duration", |value: &Value| -> Result<String, minijinja::Error> {
        if value.is_none() {
            return Ok("some time".to_owned());
        }
        let s = u64::try_from(value.clone()).map_err(|_| bad_operand("duration", "a number of seconds"))?;
        Ok(human_duration(Duration::from_secs(s)))
    });
    templates.add_filter("listed", |value: &Value| -> Result<String, minijinja::Error> {
        let names = value.try_iter().map_err(|_| bad_operand("listed", "a list such as item.dishes_off"))?;
        let names: Vec<String> = names.map(|name| name.to_string()).collect();
        Ok(listed(&names))
    });
    templates
}

/// Names the first, and says how many more there are.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let first = names[..names.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn instant(at: Timestamp, zone: &Zone) -> Value {
    Value::from_object(Instant { at, zone: zone.clone() })
}

fn bad_operand(filter: &str, wanted: &str) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, format!("the filter {filter} needs {wanted}"))
}

/// Returns where in the rule file the wrong part of a template stands.
fn place_of(error: &minijinja::Error, placed: &Placed) -> Place {
    let whole = || placed.place.clone();
    error.range().map_or_else(whole, |range| placed.place.within(&placed.text, range.start, range.end, placed.quoted))
}

/// Says what to write instead: the nearest name, or what there is.
fn help_with(error: &minijinja::Error) -> String {
    let detail = error.detail().unwrap_or_default();
    let meant = |name: &str, known: &[&'static str]| {
        nearest(name, known.iter().copied()).map(|near| format!("did you mean '{near}'?"))
    };
    if error.kind() == ErrorKind::UndefinedError {
        let named = detail.split('`').nth(1).unwrap_or_default();
        return meant(named, &VARIABLES).unwrap_or_else(|| {
            "a message knows brand, venue, and as far as its rule is about them station, item, change and alert \
             (docs/rules.md)"
                .to_owned()
        });
    }
    if error.kind() == ErrorKind::UnknownFilter {
        let named = detail.split_whitespace().nth(1).unwrap_or_default();
        if FILTERS_WITHOUT_BOUND.contains(&named) {
            return format!("write it without {named}, which makes as much of a value as a number says");
        }
        return meant(named, &FILTERS)
            .unwrap_or_else(|| format!("use {} or a filter of minijinja", FILTERS.join(", ")));
    }
    "write text with {{ item.name }} and {{ item.since | local_time }} in it (docs/rules.md)".to_owned()
}

/// Says what is wrong with a template, without its internal name.
fn explain(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "it takes too long to put together".to_owned();
    }
    let detail = error.detail().map(|detail| format!(": {}", plainly(detail))).unwrap_or_default();
    let line =
        error.line().filter(|line| *line > 1).map(|line| format!(" (line {line} of the message)")).unwrap_or_default();
    format!("{}{detail}{line}", error.kind())
}

/// Says what a parser expected and did not get in the order in which people ask: what is there, what should be.
fn plainly(detail: &str) -> String {
    match detail.strip_prefix("unexpected ").and_then(|rest| rest.split_once(", expected ")) {
        Some(("end of input", wanted)) => format!("it ends before the {wanted}"),
        Some((found, wanted)) => format!("there is {found} in the place of {wanted}"),
        None => detail.replace("unexpected ", "there is no place for "),
    }
}

fn built_in(is_resolved: bool, facts: &Facts, words: AlertWords<'_>) -> String {
    let label = label(facts);
    let venue = facts.venue.as_ref().filter(|_| facts.item.is_some() || facts.station.is_some());
    let place = venue.map(|venue| format!(" at {}", venue.name)).unwrap_or_default();
    let change =
        facts.change.as_ref().map(|change| format!(" ({} -> {})", change.before, change.after)).unwrap_or_default();
    if is_resolved {
        format!("{}: {label}{place} is over after {}", words.rule, human_duration(words.duration))
    } else {
        format!("{}: {label}{place}{change}", words.rule)
    }
}

/// Returns what the facts are about, in the fewest words: the item, else the station, the venue, the brand.
pub fn label(facts: &Facts) -> String {
    let item = facts.item.as_ref().map(|item| item.name.clone());
    let station = || facts.station.as_ref().map(|station| station.name.clone());
    let venue = || facts.venue.as_ref().map(|venue| venue.name.clone());
    item.or_else(station).or_else(venue).unwrap_or_else(|| facts.brand.to_string())
}

fn context_of(facts: &Facts, words: AlertWords<'_>, zone: &Zone) -> Value {
    let Facts { brand, venue, station, item, change, refused, recipe } = facts;
    let no_recipe = RecipeFacts::default();
    let recipe = recipe.as_ref().unwrap_or(&no_recipe);
    context! {
        brand => brand.as_str(),
        venue => venue.as_ref().map(venue_value),
        station => station.as_ref().map_or_else(no_station, station_value),
        item => item.as_ref().map(|item| item_value(item, recipe, zone)),
        change => change.as_ref().map(change_value),
        refused => refused,
        alert => context! {
            rule => words.rule,
            severity => words.severity,
            since => instant(words.since, zone),
            duration => words.duration.as_secs(),
        },
    }
}

fn venue_value(venue: &VenueFacts) -> Value {
    let VenueFacts { id, name, reading_age, trouble } = venue;
    context! { id => id.0, name => name, reading_age => reading_age.map(|age| age.as_secs()), trouble => trouble }
}

fn station_value(station: &StationFacts) -> Value {
    let StationFacts { id, name, active, products } = station;
    context! { id => id.0, name => name, status => if *active { "active" } else { "inactive" }, products => products }
}

/// What a message reads where nobody was assigned: a sentence must still come out.
fn no_station() -> Value {
    context! { id => Value::from(()), name => "no station", status => "unassigned", products => 0 }
}

fn item_value(item: &ItemFacts, recipe: &RecipeFacts, zone: &Zone) -> Value {
    let ItemFacts { id, name, parent, category, price, limit, low_stock, since, others_on } = item;
    let RecipeFacts { dishes_on, dishes_off, add_ons, blocked_by } = recipe;
    context! {
        id => id.0,
        name => name,
        parent => parent.map(|id| id.0),
        category => category.map(|id| id.0),
        price => price.map(|price| price.to_string()),
        limit => limit.map_or_else(|| "unrestricted".to_owned(), |limit| limit.to_string()),
        low_stock => low_stock.map(|quantity| quantity.to_string()),
        since => since.map(|at| instant(at, zone)),
        others_on => others_on,
        dishes_on => dishes_on,
        dishes_off => dishes_off,
        add_ons => add_ons,
        blocked_by => blocked_by,
    }
}

fn change_value(change: &ChangeFacts) -> Value {
    let ChangeFacts { list, before, after, out_for } = change;
    context! { list => list, before => before, after => after, out_for => out_for.map(|d| d.as_secs()) }
}

/// Makes facts of every field that a rule about this kind of subject can count on.
fn sample(subject: SubjectKind, is_event: bool) -> Facts {
    let brand = BrandId::new("sample").expect("a slug of letters");
    let venue = VenueFacts {
        id: VenueId(1),
        name: "Sahil".to_owned(),
        reading_age: Some(Duration::from_secs(4)),
        trouble: Some("no answer within 12 s".to_owned()),
    };
    let station = StationFacts { id: StationId(3), name: "Kitchen".to_owned(), active: true, products: 12 };
    let item = ItemFacts {
        id: ProductId(54),
        name: "Lamb kebab".to_owned(),
        parent: None,
        category: None,
        price: Some(Money::from_ten_thousandths(125_000)),
        limit: Some(Quantity::ZERO),
        low_stock: Some(Quantity::whole(4)),
        since: Some(Timestamp::from_unix_ms(1_780_000_000_000)),
        others_on: Vec::new(),
    };
    let change = ChangeFacts {
        list: Some("Hall".to_owned()),
        before: "3 left".to_owned(),
        after: "out".to_owned(),
        out_for: Some(Duration::from_mins(1)),
    };
    let has_station = matches!(subject, SubjectKind::Item | SubjectKind::Station);
    Facts {
        brand,
        venue: (subject != SubjectKind::Brand).then_some(venue),
        station: has_station.then_some(station),
        item: (subject == SubjectKind::Item).then_some(item),
        change: is_event.then_some(change),
        refused: Some("the client is disabled".to_owned()),
        recipe: (subject == SubjectKind::Item).then(RecipeFacts::default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_offered_is_there() {
        let mut templates = environment();
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let context = context_of(&sample(SubjectKind::Item, true), words, &Zone::utc());
        for variable in VARIABLES {
            let text = format!("{{{{ {variable} }}}}");
            templates.add_template_owned(variable, text).expect("it compiles");
            let rendered = templates.get_template(variable).and_then(|template| template.render(&context));
            assert!(rendered.is_ok(), "{variable}: {rendered:?}");
        }
    }

    #[test]
    fn an_instant_shows_the_clock_on_the_wall_with_and_without_the_filter() {
        let zone = Zone::named("Asia/Baku").expect("bundled");
        let mut messages = Messages { templates: environment(), zone };
        let rule = RuleName::new("sold-out").expect("a name");
        let text = "{{ item.since }}, {{ item.since | local_time }}, {{ 'since ' ~ alert.since }}".to_owned();
        messages.templates.add_template_owned(template_name(&rule, false), text).expect("it compiles");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let text = messages.render(&rule, false, &sample(SubjectKind::Item, false), words);
        assert_eq!(text, "00:26, 00:26, since 04:00");
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names = |count: usize| (1..=count).map(|n| format!("dish {n}")).collect::<Vec<_>>();
        for (count, expected) in [
            (0, ""),
            (1, "dish 1"),
            (5, "dish 1, dish 2, dish 3, dish 4, dish 5"),
            (6, "dish 1, dish 2, dish 3, dish 4, dish 5 and 1 more"),
            (105, "dish 1, dish 2, dish 3, dish 4, dish 5 and 100 more"),
        ] {
            assert_eq!(listed(&names(count)), expected);
        }
        let placed = |text: &str| Placed {
            text: text.into(),
            place: Place { file: "rules/x.yaml".into(), line: 1, column: 1, length: 1 },
            quoted: false,
        };
        assert_eq!(bad_message(&placed("{{ item.dishes_off | listed }}"), SubjectKind::Item, None), None);
        let bad = bad_message(&placed("{{ item.id | listed }}"), SubjectKind::Item, None).expect("a number is no list");
        assert!(bad.problem.contains("the filter listed needs a list such as item.dishes_off"), "{}", bad.problem);
    }

    #[test]
    fn a_message_on_which_the_engine_panics_is_a_mistake_and_no_end() {
        let place = Place { file: "rules/x.yaml".into(), line: 1, column: 1, length: 1 };
        for text in ["{{ ''[::-1] }}", "{{ item.others_on[::-1] }}"] {
            let placed = Placed { text: text.into(), place: place.clone(), quoted: false };
            let bad = bad_message(&placed, SubjectKind::Item, None);
            assert!(bad.is_none_or(|bad| bad.problem.contains("a part of it cannot be worked out")), "{text}");
        }
        let mut messages = Messages { templates: environment(), zone: Zone::utc() };
        let rule = RuleName::new("sold-out").expect("a name");
        let reversed = "{{ item.name[::-1] }}".to_owned();
        messages.templates.add_template_owned(template_name(&rule, false), reversed).expect("it compiles");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let mut facts = sample(SubjectKind::Item, false);
        assert_eq!(messages.render(&rule, false, &facts, words), "babek bmaL");
        facts.item.as_mut().expect("an item").name.clear();
        assert_eq!(messages.render(&rule, false, &facts, words), "sold-out:  at Sahil");
    }

    #[test]
    fn a_message_that_never_ends_is_stopped_and_the_news_still_goes_out() {
        let mut messages = Messages { templates: environment(), zone: Zone::utc() };
        let rule = RuleName::new("sold-out").expect("a name");
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}".to_owned();
        messages.templates.add_template_owned(template_name(&rule, false), endless).expect("it compiles");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let text = messages.render(&rule, false, &sample(SubjectKind::Item, false), words);
        assert_eq!(text, "sold-out: Lamb kebab at Sahil");
    }
}
