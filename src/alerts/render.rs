//! Message templates: compiled and tried out when the rules are loaded, rendered within bounds afterwards.
//!
//! A template that fails when it matters must not lose a message: the built-in text goes out instead. Names in facts
//! are printable already; HTML is escaped where the HTML is made. Invariant: the values in a sentence are written in the
//! language of the sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{Environment, ErrorKind, State, Template, UndefinedBehavior, Value, context};

use crate::alerts::facts::{
    ChangeFacts, ChangeValue, Facts, ForecastFacts, ItemFacts, RecipeFacts, StationFacts, VenueFacts,
};
use crate::alerts::samples::{sample, sample_of_set, unlike};
use crate::alerts::set;
use crate::alerts::words::{news, values};
use crate::document::{Place, nearest};
use crate::language::Language;
use crate::rules::parse::Template as Written;
use crate::rules::set::SetKind;
use crate::rules::{EventKind, Form, Placed, RuleName, RuleSet, Severity, SubjectKind, Wording};
use crate::units::{Quantity, Timestamp, Zone, printable};

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

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The sentence.
    pub text: String,
    /// Why it is our own and not that of the rule, when the rule's template failed.
    pub failed: Option<String>,
}

/// The compiled messages of a rule set.
pub struct Messages {
    /// The same templates for each language: the filters differ.
    templates: BTreeMap<Language, Environment<'static>>,
    zone: Zone,
    /// The language of the locale, in which those read who have no text in their own.
    common: Language,
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
pub const VARIABLES: [&str; 49] = [
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
    "item.limited",
    "item.sold_out",
    "item.low_stock",
    "item.since",
    "item.times_today",
    "item.others_on",
    "item.dishes_on",
    "item.dishes_off",
    "item.add_ons",
    "item.blocked_by",
    "item.runs_out_at",
    "item.runs_out_from",
    "item.runs_out_to",
    "item.sold_per_hour",
    "item.money_per_hour",
    "set.kind",
    "set.id",
    "set.name",
    "set.count",
    "set.total",
    "set.members",
    "change.list",
    "change.before",
    "change.after",
    "change.out_for",
    "alert.rule",
    "alert.severity",
    "alert.since",
    "alert.duration",
    "item",
    "set",
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
    pub fn compile(rules: &RuleSet, zone: &Zone, common: Language) -> Result<Self, Vec<BadMessage>> {
        let mut templates = environment();
        let mut bad = Vec::new();
        for rule in rules.rules() {
            let resolved = match &rule.form {
                Form::State(state) => state.resolved_message.as_deref(),
                Form::Event(_) => None,
            };
            for (wording, is_resolved) in [(rule.message.as_ref(), false), (resolved, true)] {
                for (language, placed) in wording.map(Wording::texts).unwrap_or_default() {
                    let name = template_name(&rule.name, is_resolved, language);
                    let text = placed.text.to_string();
                    if let Err(error) = survived(|| templates.add_template_owned(name, text)) {
                        bad.push(BadMessage::of(&error, placed));
                    }
                }
            }
        }
        if bad.is_empty() { Ok(Self::of(&templates, zone, common)) } else { Err(bad) }
    }

    /// Lets every language have its filters over templates that were compiled once.
    fn of(templates: &Environment<'static>, zone: &Zone, common: Language) -> Self {
        let templates = Language::ALL.map(|language| (language, speaking(templates.clone(), language))).into();
        Self { templates, zone: zone.clone(), common }
    }

    /// Renders what a rule says of a subject to who reads this language. A rule that has texts by language and none in
    /// this one says it in that of the locale, else in English; the built-in text goes out where it has neither, or no
    /// text at all, or the template fails.
    pub fn render(
        &self,
        rule: &RuleName,
        is_resolved: bool,
        facts: &Facts,
        words: AlertWords<'_>,
        language: Language,
    ) -> Said {
        let own = [language, self.common, Language::En].map(|text| (Some(text), text));
        let known = [(None, language)].into_iter().chain(own);
        let rendered = known.into_iter().find_map(|(text, spoken)| {
            let templates = self.templates.get(&spoken)?;
            let template = templates.get_template(&template_name(rule, is_resolved, text)).ok()?;
            Some(rendered(&template, context_of(facts, words, &self.zone, spoken)))
        });
        let (text, failed) = match rendered {
            Some(Ok(text)) => (text, None),
            Some(Err(error)) => (built_in(is_resolved, facts, words, language), Some(explain(&error))),
            None => (built_in(is_resolved, facts, words, language), None),
        };
        Said { text: printable(text.trim(), MESSAGE_LENGTH_MAX), failed }
    }
}

impl BadMessage {
    fn of(error: &minijinja::Error, placed: &Placed) -> Self {
        Self { place: place_of(error, placed), problem: explain(error), help: help_with(error) }
    }
}

/// Compiles a message of a rule and renders it against samples, for everybody who may read it: a template must not fail
/// on the night when it matters. `languages` are those of the receivers and of the locale.
pub fn bad_message(written: &Written, languages: &BTreeSet<Language>) -> Option<BadMessage> {
    let Written { text: placed, language, subject, event, set } = written;
    let readers: Vec<Language> = language.map_or_else(|| languages.iter().copied().collect(), |own| vec![own]);
    let words = AlertWords {
        rule: "sold-out",
        severity: Severity::Critical.word(),
        since: Timestamp::from_unix_ms(1_780_000_000_000),
        duration: Duration::from_mins(77),
    };
    let alone = sample(*subject, event.is_some());
    let mut samples = vec![set.map_or(alone.clone(), |kind| sample_of_set(kind, alone))];
    if *subject == SubjectKind::Item {
        // Most of the time nothing is foretold, and a message must come out all the same.
        samples.push(Facts { forecast: None, ..samples[0].clone() });
    }
    if *event == Some(EventKind::PriceChanged) {
        // A price in a list belongs to the brand, so there is no venue to name.
        samples.push(Facts { venue: None, station: None, ..samples[0].clone() });
    }
    let mut templates = environment();
    if let Err(error) = survived(|| templates.add_template_owned("message", placed.text.to_string())) {
        return Some(BadMessage::of(&error, placed));
    }
    if let Some(bad) = unknown_name(&templates, placed) {
        return Some(bad);
    }
    let spoken = Language::ALL.map(|language| (language, speaking(templates.clone(), language)));
    let tried = |facts: &Facts, language: Language| {
        let spoken = spoken.iter().find(|(known, _)| *known == language);
        let template = spoken.map_or(&templates, |(_, templates)| templates).get_template("message")?;
        rendered(&template, context_of(facts, words, &Zone::utc(), language)).map(drop)
    };
    let failed =
        |language: &Language| samples.iter().find_map(|facts| Some((*language, tried(facts, *language).err()?)));
    // What works in English and in no other language takes a word of ours for a code.
    let taken_for_codes = |language: &Language| {
        let unlike = unlike(&samples[0]);
        let fails = |facts: &Facts| tried(facts, Language::En).is_ok().then(|| tried(facts, *language).err())?;
        unlike.iter().find_map(|facts| Some((*language, fails(facts)?)))
    };
    let (reader, error) = readers.iter().find_map(failed).or_else(|| readers.iter().find_map(taken_for_codes))?;
    let bad = BadMessage::of(&error, placed);
    let is_of_language = language.is_none() && samples.iter().all(|facts| tried(facts, Language::En).is_ok());
    if !is_of_language || reader == Language::En {
        return Some(bad);
    }
    let code = reader.code();
    let help = "compare figures and flags such as item.sold_out, as words follow the reader's language".to_owned();
    Some(BadMessage { problem: format!("{} (for those who read {code})", bad.problem), help, ..bad })
}

/// Returns the first name in a message that nothing has. A filter may take what is undefined for nothing, or complain of
/// what it got instead of the name.
fn unknown_name(templates: &Environment<'_>, placed: &Placed) -> Option<BadMessage> {
    let asked = templates.get_template("message").ok()?.undeclared_variables(true);
    let is_group = |name: &str| VARIABLES.iter().any(|known| known.split('.').next() == Some(name));
    let is_known = |name: &str| {
        // What a field has in it is left to the samples.
        let field = name.match_indices('.').nth(1).map_or(name, |(end, _)| &name[..end]);
        VARIABLES.contains(&field) || is_group(name) || templates.globals().any(|(global, _)| global == name)
    };
    let unknown = asked.iter().filter(|name| !is_known(name));
    let (start, name) = unknown.filter_map(|name| Some((placed.text.find(name.as_str())?, name))).min()?;
    let error = minijinja::Error::new(ErrorKind::UndefinedError, format!("`{name}` is undefined"));
    let place = placed.place.within(&placed.text, start, start + name.len(), placed.quoted);
    Some(BadMessage { place, ..BadMessage::of(&error, placed) })
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

/// Names the text of a rule for one language, or for everybody.
fn template_name(rule: &RuleName, is_resolved: bool, language: Option<Language>) -> String {
    let language = language.map_or("", Language::code);
    format!("{}/{language}/{}", if is_resolved { "resolved_message" } else { "message" }, rule.as_str())
}

fn environment() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(FUEL));
    for filter in FILTERS_WITHOUT_BOUND {
        templates.remove_filter(filter);
    }
    // Figures are texts, and have the comma of their reader's language.
    templates.add_filter("float", |state: &State<'_, '_>, value: &Value, default: Option<Value>, kwargs: Kwargs| {
        minijinja::filters::float(state, &with_point(value), default, kwargs)
    });
    let int = |state: &State<'_, '_>, value: &Value, default: Option<Value>, base: Option<u32>, kwargs: Kwargs| {
        minijinja::filters::int(state, &with_point(value), default, base, kwargs)
    };
    templates.add_filter("int", int);
    speaking(templates, Language::En)
}

/// Gives our filters the words of a language.
fn speaking(mut templates: Environment<'static>, language: Language) -> Environment<'static> {
    templates.add_filter("local_time", move |value: &Value| -> Result<String, minijinja::Error> {
        match value.downcast_object_ref::<Instant>() {
            Some(instant) => Ok(instant.at.local_time(&instant.zone)),
            None if value.is_none() => Ok(values::unknown_time(language).to_owned()),
            None => Err(bad_operand("local_time", "an instant such as item.since")),
        }
    });
    templates.add_filter("duration", move |value: &Value| -> Result<String, minijinja::Error> {
        if value.is_none() {
            return Ok(values::unknown_duration(language).to_owned());
        }
        let s = u64::try_from(value.clone()).map_err(|_| bad_operand("duration", "a number of seconds"))?;
        Ok(values::duration(language, Duration::from_secs(s)))
    });
    templates.add_filter("listed", move |value: &Value| -> Result<String, minijinja::Error> {
        let names = value.try_iter().map_err(|_| bad_operand("listed", "a list such as item.dishes_off"))?;
        let names: Vec<String> = names.map(|name| name.to_string()).collect();
        let unnamed = value.downcast_object_ref::<set::Members>().map_or(0, |members| members.unnamed);
        Ok(listed(&names, unnamed, language))
    });
    templates
}

fn with_point(value: &Value) -> Value {
    let written = value.as_str().filter(|text| text.contains(','));
    written.map_or_else(|| value.clone(), |text| Value::from(text.replace(',', ".")))
}

/// Names the first, and says how many more there are.
fn listed(names: &[String], unnamed: usize, language: Language) -> String {
    let shown = names.len().min(LISTED_MAX);
    let more = names.len() - shown + unnamed;
    let first = names[..shown].join(", ");
    if more == 0 { first } else { values::and_more(language, &first, more) }
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
        if let Some(group) = VARIABLES.contains(&named).then(|| named.split('.').next().unwrap_or_default()) {
            return format!(
                "this rule has no {group}: docs/rules.md says in which it is there; one with at_least has set.name and set.members"
            );
        }
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

fn built_in(is_resolved: bool, facts: &Facts, words: AlertWords<'_>, language: Language) -> String {
    let label = label(facts);
    let label = values::name(language, &label);
    let is_within = facts.item.is_some() || facts.set.is_some() || facts.station.is_some();
    let venue = facts.venue.as_ref().filter(|_| is_within);
    let venue = venue.map(|venue| values::name(language, &venue.name));
    if is_resolved {
        return news::is_over(language, words.rule, &label, venue.as_deref(), words.duration);
    }
    let value = |value: &ChangeValue| values::change(language, value);
    let change = facts.change.as_ref().map(|change| (value(&change.before), value(&change.after)));
    let change = change.as_ref().map(|(before, after)| (before.as_str(), after.as_str()));
    let began = news::began(language, words.rule, &label, venue.as_deref(), change);
    let Some(set) = &facts.set else { return began };
    let set::Members { names, unnamed } = set::Members::of(set, language);
    format!("{began}: {}", listed(&names, unnamed, language))
}

/// Returns what the facts are about, in the fewest words: the item, else the set, the station, the venue, the brand.
pub fn label(facts: &Facts) -> String {
    let item = facts.item.as_ref().map(|item| item.name.clone());
    let set = || facts.set.as_ref().map(|set| set.name.clone());
    let station = || facts.station.as_ref().map(|station| station.name.clone());
    let venue = || facts.venue.as_ref().map(|venue| venue.name.clone());
    item.or_else(set).or_else(station).or_else(venue).unwrap_or_else(|| facts.brand.to_string())
}

fn context_of(facts: &Facts, words: AlertWords<'_>, zone: &Zone, language: Language) -> Value {
    // What was found late is said beside the message, whatever its template says.
    let Facts { brand, venue, station, item, set, change, refused, recipe, forecast, times_today, found_after: _ } =
        facts;
    let no_recipe = RecipeFacts::default();
    let recipe = recipe.as_ref().unwrap_or(&no_recipe);
    let around = Around { recipe, forecast: forecast.as_ref(), times_today: *times_today };
    // The dishes of a category are made at several stations, and each venue has its own.
    let is_of_stations = set.as_ref().is_none_or(|set| set.kind == SetKind::Station);
    let unassigned = || is_of_stations.then(|| no_station(language));
    context! {
        brand => brand.as_str(),
        venue => venue.as_ref().map(|venue| venue_value(venue, language)),
        station => station.as_ref().map(station_value).or_else(unassigned),
        item => item.as_ref().map(|item| item_value(item, &around, zone, language)),
        set => set.as_ref().map(|set| set::value(set, language)),
        change => change.as_ref().map(|change| change_value(change, language)),
        refused => refused,
        alert => context! {
            rule => words.rule,
            severity => words.severity,
            since => instant(words.since, zone),
            duration => words.duration.as_secs(),
        },
    }
}

fn venue_value(venue: &VenueFacts, language: Language) -> Value {
    let VenueFacts { id, name, reading_age, trouble } = venue;
    let name = values::name(language, name);
    context! { id => id.0, name => name, reading_age => reading_age.map(|age| age.as_secs()), trouble => trouble }
}

fn station_value(station: &StationFacts) -> Value {
    let StationFacts { id, name, active, products } = station;
    context! { id => id.0, name => name, status => if *active { "active" } else { "inactive" }, products => products }
}

/// What a message reads where nobody was assigned: a sentence must still come out.
fn no_station(language: Language) -> Value {
    context! { id => Value::from(()), name => values::no_station(language), status => "unassigned", products => 0 }
}

/// What is known of an item beside its row and product.
struct Around<'a> {
    recipe: &'a RecipeFacts,
    forecast: Option<&'a ForecastFacts>,
    times_today: Option<u32>,
}

fn item_value(item: &ItemFacts, around: &Around<'_>, zone: &Zone, language: Language) -> Value {
    let Around { recipe, forecast, times_today } = *around;
    let ItemFacts { id, name, parent, category, price, limit, low_stock, since, others_on } = item;
    let RecipeFacts { dishes_on, dishes_off, add_ons, blocked_by } = recipe;
    let unlimited = || values::unrestricted(language).to_owned();
    let runs_out_at = forecast.and_then(|forecast| forecast.runs_out_at);
    context! {
        id => id.0,
        name => values::name(language, name),
        parent => parent.map(|id| id.0),
        category => category.map(|id| id.0),
        price => price.map(|price| values::money(language, price)),
        limit => limit.map_or_else(unlimited, |limit| values::quantity(language, limit)),
        limited => limit.is_some(),
        sold_out => limit.is_some_and(|limit| limit <= Quantity::ZERO),
        low_stock => low_stock.map(|low_stock| values::quantity(language, low_stock)),
        since => since.map(|at| instant(at, zone)),
        times_today => times_today,
        others_on => others_on,
        dishes_on => dishes_on,
        dishes_off => dishes_off,
        add_ons => add_ons,
        blocked_by => blocked_by.iter().map(|name| values::name(language, name).into_owned()).collect::<Vec<_>>(),
        runs_out_at => runs_out_at.map(|ends| instant(ends.central, zone)),
        runs_out_from => runs_out_at.map(|ends| instant(ends.from, zone)),
        runs_out_to => runs_out_at.map(|ends| instant(ends.to, zone)),
        sold_per_hour => values::sold_per_hour(language, forecast.map(ForecastFacts::sold_range)),
        money_per_hour => values::money_per_hour(language, forecast.and_then(ForecastFacts::money_range)),
    }
}

fn change_value(change: &ChangeFacts, language: Language) -> Value {
    let ChangeFacts { list, before, after, out_for } = change;
    let [before, after] = [before, after].map(|value| values::change(language, value));
    context! { list => list, before => before, after => after, out_for => out_for.map(|d| d.as_secs()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alerts::samples::sample_forecast;
    use crate::rules::condition::Condition;
    use crate::rules::{Rule, State as StateForm};
    use crate::snapshot::pace::Estimate;
    use crate::units::Money;

    fn placed(text: &str) -> Placed {
        let place = Place { file: "rules/x.yaml".into(), line: 1, column: 1, length: 1 };
        Placed { text: text.into(), place, quoted: false }
    }

    fn by_language(texts: &[(Language, &str)]) -> Wording {
        Wording::ByLanguage(texts.iter().map(|(language, text)| (*language, placed(text))).collect())
    }

    /// Compiles what a rule called sold-out says when it fires and when it ends.
    fn messages_of(wording: &Wording, zone: &Zone, common: Language) -> Messages {
        let state = StateForm {
            subject: SubjectKind::Item,
            at_least: None,
            keep_while: None,
            hold_for: Duration::ZERO,
            clear_for: Duration::ZERO,
            flap_detection: true,
            send_resolved: true,
            remind: Box::default(),
            escalate: Box::default(),
            resolved_message: None,
            needs_row: false,
            says_it_is_off: false,
        };
        let rule = Rule {
            name: RuleName::new("sold-out").expect("a name"),
            place: placed("").place,
            form: Form::State(state),
            when: Condition::All(Vec::new()),
            during: Vec::new(),
            severity: Severity::Critical,
            notify: Vec::new(),
            group_by: crate::rules::GroupBy::Venue,
            message: Some(wording.clone()),
        };
        let compiled = Messages::compile(&RuleSet::new(vec![rule], Vec::new()), zone, common);
        compiled.unwrap_or_else(|bad| panic!("{bad:?}"))
    }

    fn bad_of(text: &str, languages: &[Language]) -> Option<BadMessage> {
        let written =
            Written { text: placed(text), language: None, subject: SubjectKind::Item, event: None, set: None };
        bad_message(&written, &languages.iter().copied().collect())
    }

    fn words() -> AlertWords<'static> {
        let since = Timestamp::from_unix_ms(0);
        AlertWords { rule: "sold-out", severity: "critical", since, duration: Duration::from_mins(77) }
    }

    #[test]
    fn a_language_without_a_text_reads_that_of_the_locale_then_english_then_ours() {
        use Language::{Az, En, Ru};
        let rule = RuleName::new("sold-out").expect("a name");
        let facts = sample(SubjectKind::Item, false);
        let age = "{{ alert.duration | duration }}";
        let [az, ru, en] = ["az", "ru", "en"].map(|word| format!("{word} {age}"));
        for (texts, common, expected) in [
            (vec![(Az, &az), (Ru, &ru), (En, &en)], En, ["az 1 saat 17 dəq", "ru 1 ч 17 мин", "en 1 h 17 min"]),
            // The figures follow the sentence: half of it in another language helps nobody.
            (vec![(Az, &az), (En, &en)], Az, ["az 1 saat 17 dəq", "az 1 saat 17 dəq", "en 1 h 17 min"]),
            (vec![(Az, &az), (En, &en)], Ru, ["az 1 saat 17 dəq", "en 1 h 17 min", "en 1 h 17 min"]),
            (vec![(Az, &az)], En, ["az 1 saat 17 dəq", "sold-out: Lamb kebab, Sahil", "sold-out: Lamb kebab at Sahil"]),
        ] {
            let texts: Vec<(Language, &str)> = texts.into_iter().map(|(one, text)| (one, text.as_str())).collect();
            let messages = messages_of(&by_language(&texts), &Zone::utc(), common);
            let said = [Az, Ru, En].map(|reader| messages.render(&rule, false, &facts, words(), reader).text);
            assert_eq!(said, expected, "{texts:?}, {common:?}");
        }
    }

    #[test]
    fn one_text_has_the_words_and_figures_of_its_reader() {
        let text = "{{ item.limit }} {{ item.price }} {{ item.low_stock | float > 2 }} {{ item.dishes_on | listed }} \
                    {{ none | duration }} {{ none | local_time }} {{ station.name }} {{ item.name }} {{ venue.name }}";
        let messages = messages_of(&Wording::ForAll(placed(text)), &Zone::utc(), Language::En);
        let rule = RuleName::new("sold-out").expect("a name");
        let mut facts = Facts { station: None, ..sample(SubjectKind::Item, false) };
        let item = facts.item.as_mut().expect("an item");
        item.low_stock = Some(Quantity::from_millionths(2_500_000));
        item.limit = None;
        item.name = "#332 (not in catalog)".to_owned();
        facts.venue.as_mut().expect("a venue").name = "venue 7".to_owned();
        facts.recipe.as_mut().expect("recipes").dishes_on = vec!["Plov".to_owned(); 7];
        for (language, expected) in [
            (
                Language::Az,
                "limitsiz 12,50 True Plov, Plov, Plov, Plov, Plov və daha 2 bir müddət naməlum vaxt stansiyasız #332 (kataloqda yoxdur) Məkan 7",
            ),
            (
                Language::Ru,
                "без ограничений 12,50 True Plov, Plov, Plov, Plov, Plov и ещё 2 некоторое время неизвестное время без станции #332 (нет в каталоге) Заведение 7",
            ),
            (
                Language::En,
                "unrestricted 12.50 True Plov, Plov, Plov, Plov, Plov and 2 more some time some time no station #332 (not in catalog) venue 7",
            ),
        ] {
            assert_eq!(messages.render(&rule, false, &facts, words(), language).text, expected);
        }
    }

    #[test]
    fn a_word_of_ours_that_is_taken_for_a_code_is_a_mistake_where_it_is_read() {
        let text = "{% if item.limit != 'unrestricted' and item.limit | float <= 0 %}out{% endif %}";
        assert_eq!(bad_of(text, &[Language::En]), None);
        let bad = bad_of(text, &Language::ALL).expect("limitsiz is no number");
        assert!(bad.problem.ends_with("(for those who read az)"), "{bad:?}");
        assert!(bad.help.contains("item.sold_out"), "{bad:?}");
        for text in
            ["{% if item.sold_out %}out{% endif %}", "{% if item.limited and item.limit | float > 2 %}x{% endif %}"]
        {
            assert_eq!(bad_of(text, &Language::ALL), None, "{text}");
        }
        let everywhere = bad_of("{{ item.nmae }}", &Language::ALL).expect("there is no such name");
        assert!(!everywhere.problem.contains("for those who read"), "{everywhere:?}");
    }

    #[test]
    fn every_variable_that_is_offered_is_there() {
        let mut templates = environment();
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let set = sample_of_set(SetKind::Category, sample(SubjectKind::Item, true)).set;
        let facts = Facts { set, ..sample(SubjectKind::Item, true) };
        let context = context_of(&facts, words, &Zone::utc(), Language::En);
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
        let text = "{{ item.since }}, {{ item.since | local_time }}, {{ 'since ' ~ alert.since }}";
        let messages = messages_of(&Wording::ForAll(placed(text)), &zone, Language::En);
        let rule = RuleName::new("sold-out").expect("a name");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let text = messages.render(&rule, false, &sample(SubjectKind::Item, false), words, Language::En).text;
        assert_eq!(text, "00:26, 00:26, since 04:00");
    }

    #[test]
    fn an_estimate_is_a_range_and_without_one_a_sentence_still_comes_out() {
        let text = "at {{ item.runs_out_at | local_time }} ({{ item.runs_out_from }} to {{ item.runs_out_to | local_time }}); {{ item.sold_per_hour }} and {{ item.money_per_hour }} an hour";
        let messages = messages_of(&Wording::ForAll(placed(text)), &Zone::utc(), Language::En);
        let rule = RuleName::new("sold-out").expect("a name");
        let words = AlertWords {
            rule: "sold-out",
            severity: "warning",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let mut facts = sample(SubjectKind::Item, false);
        let mut said = |forecast: Option<ForecastFacts>| {
            facts.forecast = forecast;
            messages.render(&rule, false, &facts, words, Language::En).text
        };
        let known = sample_forecast();
        assert_eq!(
            said(Some(known)),
            "at 21:01 (20:50 to 21:17); about 6 to 11 and an estimated 75.00 to 138.00 an hour"
        );
        let small = Estimate {
            from: Quantity::from_millionths(1_480_000),
            central: Quantity::whole(2),
            to: Quantity::from_millionths(3_310_000),
        };
        assert_eq!(
            said(Some(ForecastFacts { sold_per_hour: small, money_per_hour: None, runs_out_at: None })),
            "at some time (None to some time); about 1.4 to 3.4 and nobody knows how much an hour"
        );
        assert_eq!(
            said(None),
            "at some time (None to some time); nobody knows how many and nobody knows how much an hour"
        );
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
            assert_eq!(listed(&names(count), 0, Language::En), expected);
        }
        assert_eq!(listed(&names(2), 3, Language::En), "dish 1, dish 2 and 3 more");
        assert_eq!(bad_of("{{ item.dishes_off | listed }}", &[Language::En]), None);
        let bad = bad_of("{{ item.id | listed }}", &[Language::En]).expect("a number is no list");
        assert!(bad.problem.contains("the filter listed needs a list such as item.dishes_off"), "{}", bad.problem);
    }

    #[test]
    fn a_message_on_which_the_engine_panics_is_a_mistake_and_no_end() {
        for text in ["{{ ''[::-1] }}", "{{ item.others_on[::-1] }}"] {
            let bad = bad_of(text, &[Language::En]);
            assert!(bad.is_none_or(|bad| bad.problem.contains("a part of it cannot be worked out")), "{text}");
        }
        let messages = messages_of(&Wording::ForAll(placed("{{ item.name[::-1] }}")), &Zone::utc(), Language::En);
        let rule = RuleName::new("sold-out").expect("a name");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let mut facts = sample(SubjectKind::Item, false);
        assert_eq!(messages.render(&rule, false, &facts, words, Language::En).text, "babek bmaL");
        facts.item.as_mut().expect("an item").name.clear();
        assert_eq!(messages.render(&rule, false, &facts, words, Language::En).text, "sold-out:  at Sahil");
    }

    #[test]
    fn a_message_that_never_ends_is_stopped_and_the_news_still_goes_out() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let messages = messages_of(&Wording::ForAll(placed(endless)), &Zone::utc(), Language::En);
        let rule = RuleName::new("sold-out").expect("a name");
        let words = AlertWords {
            rule: "sold-out",
            severity: "critical",
            since: Timestamp::from_unix_ms(0),
            duration: Duration::from_mins(1),
        };
        let Said { text, failed } =
            messages.render(&rule, false, &sample(SubjectKind::Item, false), words, Language::En);
        assert_eq!(
            (text.as_str(), failed.as_deref()),
            ("sold-out: Lamb kebab at Sahil", Some("it takes too long to put together"))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What begins with the mark was not replaced by the built-in text: it did not fail.
        #[test]
        fn a_message_never_fails_in_any_language(
            name in "[\\PCəğışçöü%{}]{0,20}",
            figures in prop::option::of(any::<(i64, i64)>()),
            seconds in prop::option::of(any::<u64>()),
            (count, reader) in (0_usize..9, 0_usize..3),
        ) {
            let named = VARIABLES.iter().filter(|it| it.contains('.')).map(|it| format!("{{{{ {it} }}}}"));
            let named = named.collect::<Vec<_>>().concat();
            let text = format!("§{named}{{{{ item.dishes_on | listed }}}}{{{{ venue.reading_age | duration }}}}\
                {{{{ item.limit | float(0) }}}}{{{{ item.since | local_time }}}}");
            let messages = messages_of(&Wording::ForAll(placed(&text)), &Zone::utc(), Language::ALL[reader]);
            let rule = RuleName::new("sold-out").expect("a name");
            let mut facts = sample(SubjectKind::Item, true);
            facts.set = sample_of_set(SetKind::Venues, facts.clone()).set;
            let item = facts.item.as_mut().expect("an item");
            item.name = printable(&name, 80);
            item.limit = figures.map(|(limit, _)| Quantity::from_millionths(limit));
            item.price = figures.map(|(_, price)| Money::from_ten_thousandths(price));
            item.since = seconds.map(|s| Timestamp::from_unix_ms(s.cast_signed()));
            facts.recipe.as_mut().expect("recipes").dishes_on = vec![name.clone(); count];
            facts.venue.as_mut().expect("a venue").reading_age = seconds.map(Duration::from_secs);
            for language in Language::ALL {
                let said = messages.render(&rule, false, &facts, words(), language).text;
                prop_assert!(said.starts_with('§') && said.chars().count() <= MESSAGE_LENGTH_MAX, "{said}");
                let built_in = messages.render(&rule, true, &facts, words(), language).text;
                prop_assert!(built_in.starts_with("sold-out: "), "{built_in}");
            }
        }
    }
}
