//! Tests of rules: a small world, what happens in it, and what must be told because of it.
//!
//! `parse` reads the files, `play` lives a test on the engine that the service runs, `judge` compares. Knows nothing of
//! how rules are decided; the service's code says that. Invariant: the same files give the same verdicts at any time and
//! on any machine.

mod judge;
mod parse;
mod play;
mod reason;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::group::{Route, Way};
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::render::{Messages, bad_message};
use crate::alerts::report::Reports;
use crate::alerts::silence::Criteria;
use crate::board::Setting;
use crate::calendar::{Calendar, Calendars};
use crate::catalog::{Catalog, Product, Station};
use crate::document::{Place, Problems};
use crate::engine::Policy;
use crate::language::Language;
use crate::rules::condition::Pattern;
use crate::rules::parse::{self as rule_files, RuleFile};
use crate::rules::{Placed, Rule, RuleSet};
use crate::topics::BaseTopic;
use crate::units::{Money, PriceListId, ProductId, Quantity, Timestamp, Zone};

pub use parse::{ENDINGS, TESTS_MAX, is_test_file, read, schema};

/// When the business day of a test begins, as in a configuration that does not say otherwise.
const BUSINESS_DAY_STARTS: jiff::civil::Time = jiff::civil::time(4, 0, 0, 0);
/// The base of the topics that tests name.
const BASE_TOPIC: &str = "eightysix";

/// A file of tests.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name as problems show it.
    pub file: Arc<str>,
    /// The files of the rules that it tests, relative to it; `None` for the file beside it.
    pub rules: Option<Vec<Placed>>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
    zone: Zone,
    /// What receivers read that have no other language, and screens.
    language: Language,
    /// The hours, peaks and windows of the venue.
    calendar: Calendar,
    receivers: Option<BTreeMap<ReceiverName, Receiver>>,
    group_wait: Duration,
    /// The names of the windows that a rule may hold in.
    windows: Vec<String>,
    /// The names of rules and receivers that expectations give, with their places.
    named: Named,
}

/// A receiver as a file gives it.
#[derive(Clone, Debug)]
struct Receiver {
    channels: Vec<Channel>,
    language: Option<Language>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows, in words.
    pub name: Arc<str>,
    /// Where its name stands.
    pub place: Place,
    world: World,
    begins: Timestamp,
    steps: Vec<Step>,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as expected.
    Passed,
    /// The first step at which something was not, with all that was not.
    Failed(Vec<Difference>),
}

/// What was expected at a place of the file, and what happened instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where the expectation stands.
    pub place: Place,
    /// When it was to hold, in the zone of the test.
    pub at: String,
    /// What was expected, a line each.
    pub expected: Vec<String>,
    /// What happened, a line each.
    pub happened: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Named {
    rules: Vec<(Place, Arc<str>)>,
    receivers: Vec<(Place, Arc<str>)>,
    windows: Vec<(Place, Arc<str>)>,
}

/// What the venue sells and what of it is limited.
#[derive(Clone, Debug, Default)]
struct World {
    venue: String,
    catalog: Catalog,
    limits: BTreeMap<ProductId, Quantity>,
}

#[derive(Clone, Debug)]
struct Step {
    at: Timestamp,
    deeds: Vec<Deed>,
    wants: Vec<Want>,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Deed {
    Limit(ProductId, Quantity),
    Clear(ProductId),
    ClearAll,
    Station(Station),
    Product(Box<Product>),
    Remove(ProductId),
    Price(PriceListId, ProductId, Money),
    Readings(Readings),
    Access(AccessWord),
    Acknowledge(Place, String),
    Silence(Quiet),
}

/// A silence of so long from now on.
#[derive(Clone, Debug)]
struct Quiet {
    covers: Criteria,
    lasts: Duration,
    until_back: bool,
    during: Option<Arc<str>>,
}

/// What requests for the stop list meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readings {
    Work,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AccessWord {
    Granted,
    Unreachable,
    Refused,
}

/// Something that must be so.
#[derive(Clone, Debug)]
struct Want {
    place: Place,
    what: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    /// Exactly these alerts are open, as `rule: label`.
    Open(Vec<String>),
    /// Exactly these alerts are pending.
    Pending(Vec<String>),
    /// Exactly this was told since the last step that says what was told.
    Told(Vec<Telling>),
    /// This keeps the news from a receiver, among other things.
    Held(Vec<Holding>),
    /// These topics hold these texts, or are not there.
    Topics(Vec<(Arc<str>, Option<Arc<str>>)>),
}

#[derive(Clone, Debug, PartialEq)]
struct Telling {
    to: Arc<str>,
    by: Option<Channel>,
    text: Words,
}

#[derive(Clone, Debug, PartialEq)]
enum Words {
    Exactly(Arc<str>),
    Like(Pattern),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Holding {
    to: Arc<str>,
    about: Option<Arc<str>>,
    why: Arc<str>,
}

impl Suite {
    /// Reads the rules that the tests are about, and tells the names that neither they nor the receivers have.
    ///
    /// Returns `None` when the messages of the rules cannot be used, which was told then.
    pub fn policy(&self, files: &[RuleFile], problems: &mut Problems) -> Option<Arc<Policy>> {
        let parsed = rule_files::parse(files, problems);
        let own = self.receivers.iter().flatten().filter_map(|(_, receiver)| receiver.language);
        let languages: BTreeSet<Language> = own.chain([self.language]).collect();
        for template in &parsed.templates {
            if let Some(bad) = bad_message(template, &languages) {
                problems.tell_with_help(&bad.place, format!("this message cannot be used: {}", bad.problem), bad.help);
            }
        }
        let rules = parsed.rules;
        parse::refuse_unknown_windows(&parsed.windows, &self.windows, problems);
        parse::refuse_openings_without_hours(&rules, &self.windows, problems);
        let routes = self.routes(&rules);
        let rule_names: Vec<&str> = rules.rules().iter().map(|rule| rule.name.as_str()).collect();
        let receivers = rules.rules().iter().flat_map(Rule::receivers).map(|placed| &*placed.text);
        let receiver_names: BTreeSet<&str> = routes.keys().map(ReceiverName::as_str).chain(receivers).collect();
        let receiver_names: Vec<&str> = receiver_names.into_iter().collect();
        parse::refuse_unknown(&self.named.rules, "rule", &rule_names, problems);
        parse::refuse_unknown(&self.named.receivers, "receiver", &receiver_names, problems);
        let messages = Messages::compile(&rules, &self.zone, self.language).ok()?;
        let setting = Setting {
            boot: "test".to_owned(),
            language: self.language,
            zone: self.zone.clone(),
            day_starts: BUSINESS_DAY_STARTS,
        };
        let calendars = Calendars::of_all(self.calendar.clone());
        Some(Arc::new(Policy { rules, messages, routes, feeds: Vec::new(), setting, calendars, links: None }))
    }

    /// Lives a test under the policy and says how it ended.
    pub fn run(&self, test: &Test, policy: &Arc<Policy>) -> Verdict {
        let mut stage = play::Stage::open(test, Arc::clone(policy));
        for step in &test.steps {
            stage.live_until(step.at);
            let mut differences = judge::refusals(&stage.meet(&step.deeds), &stage);
            differences.extend(judge::differences(&step.wants, &mut stage));
            if !differences.is_empty() {
                return Verdict::Failed(differences);
            }
        }
        Verdict::Passed
    }

    /// Returns the receivers as the file gives them; by default every one that a rule names, by all channels.
    fn routes(&self, rules: &RuleSet) -> BTreeMap<ReceiverName, Route> {
        let named = rules.rules().iter().flat_map(Rule::receivers).map(|placed| ReceiverName::new(&placed.text));
        let by_all = || Receiver { channels: vec![Channel::Mqtt, Channel::Email, Channel::Webhook], language: None };
        let receivers = self.receivers.clone().unwrap_or_else(|| named.map(|name| (name, by_all())).collect());
        let route = |(receiver, Receiver { channels, language }): (ReceiverName, Receiver)| {
            let ways = channels.into_iter().filter_map(way).collect();
            let language = language.unwrap_or(self.language);
            (
                receiver.clone(),
                Route {
                    receiver,
                    language,
                    group_wait: self.group_wait,
                    quiet: None,
                    at_most: None,
                    reports: Reports::default(),
                    ways,
                },
            )
        };
        receivers.into_iter().map(route).collect()
    }
}

fn way(channel: Channel) -> Option<Way> {
    match channel {
        Channel::Mqtt => BaseTopic::new(BASE_TOPIC).ok().map(Way::Mqtt),
        Channel::Email => Some(Way::Email),
        Channel::Webhook => Some(Way::Webhook),
    }
}

#[cfg(test)]
mod tests;
