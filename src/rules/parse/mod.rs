//! Rule files -> the rule set, and every mistake in them at once, each with its place and what to write instead.
//!
//! Templates and the names of receivers are kept with their places for those who can judge them. Never drops a mistake
//! for an earlier one. Invariant: a rule that comes out was read without a problem of its own.

mod expression;
mod followup;
mod matcher;
mod schema;
mod set;
mod unknown_field;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::document::{self, Fields, Node, Place, Problems, Value};
use crate::language::Language;
use crate::rules::condition::Condition;
use crate::rules::field::Scope;
use crate::rules::parse::matcher::ConditionReader;
use crate::rules::set::{AtLeast, SetKind};
use crate::rules::{EventKind, Form, GroupBy, Placed, Rule, RuleName, RuleSet, Severity, State, SubjectKind, Wording};

pub use followup::{ESCALATE_MAX, FOLLOWUP_RANGE, REMIND_MAX};
pub use schema::schema;

/// Rules of a set: each is asked of every item of every venue, and a thousand of them take milliseconds.
pub const RULES_MAX: usize = 10_000;
/// Characters of a template: a message is read on a screen in a kitchen.
pub const MESSAGE_LENGTH_MAX: usize = 4_096;
/// Receivers of one rule; beyond it, a receiver with several addresses is meant.
pub const NOTIFY_MAX: usize = 100;
/// Windows of one rule; beyond it, one window with several spans is meant.
pub const DURING_MAX: usize = 20;
/// The longest `for` and `clear_for`: a state that lasts weeks is no alert but a report.
const WAIT_MAX: Duration = Duration::from_hours(7 * 24);
const WAIT_RANGE: RangeInclusive<Duration> = Duration::ZERO..=WAIT_MAX;

/// The keys of a rule that have no meaning for an event, which is told once and at once.
const STATE_KEYS: [&str; 9] = [
    "at_least",
    "keep_while",
    "for",
    "clear_for",
    "flap_detection",
    "remind",
    "escalate",
    "send_resolved",
    "resolved_message",
];

/// A file of rules as it was found.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its name as problems show it.
    pub name: Arc<str>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What could be read of a set of files.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The rules without a problem. To be used only when no problem was told at all.
    pub rules: RuleSet,
    /// Every receiver that any rule names, rules with problems included; configuration knows whether it exists.
    pub receivers: Vec<Placed>,
    /// Every window that any rule names; configuration knows whether it exists.
    pub windows: Vec<Placed>,
    /// Every message of any rule, rules with problems included; the renderer knows whether it can be used.
    pub templates: Vec<Template>,
}

/// A message of a rule, and what the rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The text.
    pub text: Placed,
    /// The language that it is for, if it is for one alone.
    pub language: Option<Language>,
    /// What the rule is about.
    pub subject: SubjectKind,
    /// The event that it tells of.
    pub event: Option<EventKind>,
    /// What it counts together, if it is about sets.
    pub set: Option<SetKind>,
}

/// Reads all files of a set, and tells every problem.
pub fn parse(files: &[RuleFile], problems: &mut Problems) -> Parsed {
    let mut reader = Reader {
        problems,
        rules: Vec::new(),
        receivers: Vec::new(),
        windows: Vec::new(),
        templates: Vec::new(),
        price_lists: Vec::new(),
    };
    let mut names = BTreeMap::new();
    let mut count = 0;
    for file in files {
        let Some(root) = document::read(&file.name, &file.bytes, reader.problems) else { continue };
        for node in reader.rule_nodes(&root) {
            count += 1;
            if count == RULES_MAX + 1 {
                let help = "let one rule cover several products, by category or tag";
                let message = format!("this is one rule more than the {RULES_MAX} that are read");
                reader.problems.tell_with_help(&node.place, message, help);
            }
            if count > RULES_MAX {
                break;
            }
            reader.rule(node, &mut names);
        }
    }
    let Reader { rules, receivers, windows, templates, price_lists, problems: _ } = reader;
    Parsed { rules: RuleSet::new(rules, price_lists), receivers, windows, templates }
}

struct Reader<'p> {
    problems: &'p mut Problems,
    rules: Vec<Rule>,
    receivers: Vec<Placed>,
    windows: Vec<Placed>,
    templates: Vec<Template>,
    price_lists: Vec<String>,
}

impl Reader<'_> {
    fn rule_nodes<'n>(&mut self, root: &'n Node) -> &'n [Node] {
        let Some(mut fields) = root.fields("rules: [ .. ]", self.problems) else { return &[] };
        let rules = fields.required("rules", "[ { name: sold-out, .. } ]", self.problems);
        fields.finish(self.problems);
        rules.and_then(|rules| rules.list(self.problems)).unwrap_or_default()
    }

    /// Reads one rule, and keeps it when nothing is wrong with it.
    fn rule(&mut self, node: &Node, names: &mut BTreeMap<RuleName, Place>) {
        let problems_before = self.problems.count();
        let such_as = "{ name: sold-out, when: { sold_out: true }, notify: [kitchen] }";
        let Some(mut fields) = node.fields(such_as, self.problems) else { return };
        let name = self.name(&mut fields, names);
        let title = name.as_ref().map_or_else(|| "rule".to_owned(), |(name, _)| format!("rule {name}"));
        fields.label = &title;
        let scope = self.scope(&mut fields);
        let at_least = self.at_least(&mut fields, scope);
        let set = at_least.map(|at_least| at_least.of);
        let during = self.during(&mut fields, scope, set);
        let when = self.when(&mut fields, scope);
        let severity = self.severity(&mut fields);
        let notify = self.notify(&mut fields);
        let group_by = self.group_by(&mut fields, scope, set);
        // Nobody knows what a message can say of a set that could not be read.
        let known = scope.filter(|_| at_least.is_some() || !fields.holds("at_least"));
        let message = self.wording(&mut fields, "message", known, set);
        let form = match scope.map(|scope| (scope, scope.event)) {
            Some((_, Some(event))) => {
                self.refuse_state_keys(&mut fields);
                Some(Form::Event(event))
            }
            Some((scope, None)) => {
                let mut state = self.state(&mut fields, scope, at_least, when.as_ref(), &notify);
                state.resolved_message = self.wording(&mut fields, "resolved_message", known, set).map(Box::new);
                Some(Form::State(state))
            }
            None if fields.holds("event") => {
                self.refuse_state_keys(&mut fields);
                None
            }
            None => {
                // Nobody knows which fields exist; the keys are known all the same.
                for key in STATE_KEYS {
                    fields.optional(key);
                }
                None
            }
        };
        fields.finish(self.problems);
        if let (Some((name, place)), Some(form), Some(when), Some(severity)) = (name, form, when, severity)
            && self.problems.count() == problems_before
        {
            self.rules.push(Rule { name, place, form, when, during, severity, notify, group_by, message });
        }
    }

    fn name(&mut self, fields: &mut Fields<'_>, names: &mut BTreeMap<RuleName, Place>) -> Option<(RuleName, Place)> {
        let node = fields.required("name", "sold-out", self.problems)?;
        let text = node.text(self.problems)?;
        let name = match RuleName::new(text) {
            Ok(name) => name,
            Err(reason) => {
                let message = format!("{} cannot be a rule's name", node.describe());
                self.problems.tell_with_help(&node.place, message, reason);
                return None;
            }
        };
        if let Some(first) = names.get(&name) {
            self.problems.push(document::Problem {
                place: node.place.clone(),
                message: format!("a second rule is called '{name}'"),
                help: Some("give it another name: alerts are told apart by it".to_owned()),
                related: Some((first.clone(), "the first one is here".to_owned())),
            });
        } else {
            names.insert(name.clone(), node.place.clone());
        }
        Some((name, node.place.clone()))
    }

    /// Reads `event` and `subject`; `None` after a problem, as then nobody knows which fields exist.
    fn scope(&mut self, fields: &mut Fields<'_>) -> Option<Scope> {
        let event = match fields.optional("event") {
            Some(node) => Some(node.word(&EventKind::ALL.map(|event| (event.word(), event)), self.problems)?),
            None => None,
        };
        let default = event.map_or(SubjectKind::Item, EventKind::subject);
        let Some(node) = fields.optional("subject") else { return Some(Scope { subject: default, event }) };
        let subject = node.word(&SubjectKind::ALL.map(|subject| (subject.word(), subject)), self.problems)?;
        if let Some(event) = event
            && subject != default
        {
            let message = format!("'{}' is an event of {}", event.word(), plural(default));
            self.problems.tell_with_help(&node.place, message, "remove 'subject'");
            return None;
        }
        Some(Scope { subject, event })
    }

    /// Reads `when` and `expr`, of which both must hold.
    fn when(&mut self, fields: &mut Fields<'_>, scope: Option<Scope>) -> Option<Condition> {
        let expr = fields.optional("expr");
        let is_event = fields.holds("event");
        let when = if is_event || expr.is_some() {
            fields.optional("when")
        } else {
            fields.required("when", "{ sold_out: true, station.status: active }", self.problems)
        };
        let scope = scope?;
        let when = when.map(|node| self.condition(node, scope));
        let expr = expr
            .map(|node| expression::read(node, &mut ConditionReader::new(scope, &mut self.price_lists, self.problems)));
        match (when, expr) {
            (Some(when), Some(expr)) => Some(Condition::All(vec![when?, expr?])),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => is_event.then(|| Condition::All(Vec::new())),
        }
    }

    fn condition(&mut self, node: &Node, scope: Scope) -> Option<Condition> {
        ConditionReader::new(scope, &mut self.price_lists, self.problems).read(node)
    }

    fn severity(&mut self, fields: &mut Fields<'_>) -> Option<Severity> {
        let Some(node) = fields.optional("severity") else { return Some(Severity::Warning) };
        node.word(&Severity::ALL.map(|severity| (severity.word(), severity)), self.problems)
    }

    /// Reads what shares a mail. A station is always one of a venue, so that `[station]` says the same as `[venue, station]`.
    fn group_by(&mut self, fields: &mut Fields<'_>, scope: Option<Scope>, set: Option<SetKind>) -> GroupBy {
        let Some(node) = fields.optional("group_by") else { return GroupBy::Venue };
        let items = node.one_or_more();
        if items.is_empty() {
            let help = "write [venue], which is the default, or [venue, station]";
            self.problems.tell_with_help(&node.place, "'group_by' names nothing", help);
            return GroupBy::Venue;
        }
        let words = GroupBy::ALL.map(|group_by| (group_by.word(), group_by));
        let named: Vec<GroupBy> = items.iter().filter_map(|item| item.word(&words, self.problems)).collect();
        if !named.contains(&GroupBy::Station) {
            return GroupBy::Venue;
        }
        let has_station = scope.is_none_or(|scope| matches!(scope.subject, SubjectKind::Item | SubjectKind::Station))
            && set.is_none_or(|set| set == SetKind::Station);
        if !has_station {
            let message = "'group_by: station' has no meaning here: what this rule is about is of no station";
            self.problems.tell_with_help(&node.place, message, "remove it, or write [venue]");
        }
        GroupBy::Station
    }

    /// Reads the receivers. The key must be there, as a rule that tells nobody is more often an oversight than meant;
    /// `[]` says that it is meant.
    fn notify(&mut self, fields: &mut Fields<'_>) -> Vec<Placed> {
        let such_as = "[kitchen, managers], or [] for the screens only";
        let Some(node) = fields.required("notify", such_as, self.problems) else { return Vec::new() };
        self.receivers(node.one_or_more())
    }

    fn receivers(&mut self, nodes: &[Node]) -> Vec<Placed> {
        let mut receivers = self.names(nodes);
        if let Some(more) = receivers.get(NOTIFY_MAX) {
            let message = format!("this is one receiver more than the {NOTIFY_MAX} of a rule");
            self.problems.tell_with_help(&more.place, message, "give one receiver several addresses");
            receivers.truncate(NOTIFY_MAX);
        }
        self.receivers.extend(receivers.iter().cloned());
        receivers
    }

    /// Reads the names of the windows in which alone the rule holds.
    fn during(&mut self, fields: &mut Fields<'_>, scope: Option<Scope>, set: Option<SetKind>) -> Vec<Placed> {
        let Some(node) = fields.optional("during") else { return Vec::new() };
        if set == Some(SetKind::Venues) {
            let help = "remove 'during': at its end nobody could tell what came back";
            self.problems.tell_with_help(
                &node.place,
                "'during' has no meaning for venues that are counted together",
                help,
            );
            return Vec::new();
        }
        if scope.is_some_and(|scope| scope.subject == SubjectKind::Brand) {
            let help = "remove 'during', or write the rule about venues";
            self.problems.tell_with_help(&node.place, "'during' has no meaning for a brand, which has no hours", help);
            return Vec::new();
        }
        let names = node.one_or_more();
        if names.is_empty() || names.len() > DURING_MAX {
            let expected = format!("1 to {DURING_MAX} names of windows, such as open or dinner");
            return node.refuse(&expected, self.problems).unwrap_or_default();
        }
        let during = self.names(names);
        self.windows.extend(during.iter().cloned());
        during
    }

    /// Reads names of receivers or windows, none of them twice.
    fn names(&mut self, nodes: &[Node]) -> Vec<Placed> {
        let mut names: Vec<Placed> = Vec::new();
        for node in nodes {
            let Some(placed) = node.text(self.problems).map(|text| placed(node, text)) else { continue };
            if let Some(first) = names.iter().find(|other| other.text == placed.text) {
                self.problems.push(document::Problem {
                    message: format!("{} is named twice", node.describe()),
                    place: placed.place,
                    help: Some("remove one of the two".to_owned()),
                    related: Some((first.place.clone(), "first named here".to_owned())),
                });
                continue;
            }
            names.push(placed);
        }
        names
    }

    /// Reads what is said: one text, or a text for each of some languages.
    fn wording(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        scope: Option<Scope>,
        set: Option<SetKind>,
    ) -> Option<Wording> {
        let node = fields.optional(key)?;
        let Value::Mapping(_) = &node.value else {
            return self.template(node, None, scope, set).map(Wording::ForAll);
        };
        let mut texts = node.fields("{ en: .., az: .., ru: .. }", self.problems)?;
        let mut read = BTreeMap::new();
        for language in Language::ALL {
            let text = texts.optional(language.code());
            read.extend(text.and_then(|text| Some((language, self.template(text, Some(language), scope, set)?))));
        }
        if texts.entries.is_empty() {
            let message = format!("'{key}' has no text in any language");
            self.problems.tell_with_help(
                &node.place,
                message,
                "write a text, or one for each language: { az: .., ru: .. }",
            );
        }
        texts.finish(self.problems);
        Some(Wording::ByLanguage(read))
    }

    fn template(
        &mut self,
        node: &Node,
        language: Option<Language>,
        scope: Option<Scope>,
        set: Option<SetKind>,
    ) -> Option<Placed> {
        let text = node.text(self.problems)?;
        if text.chars().count() > MESSAGE_LENGTH_MAX {
            let message = format!("'{}' is longer than the {MESSAGE_LENGTH_MAX} characters of a message", node.label);
            self.problems.tell(&node.place, message);
        }
        let text = placed(node, text);
        let template = |Scope { subject, event }| Template { text: text.clone(), language, subject, event, set };
        self.templates.extend(scope.map(template));
        Some(text)
    }

    fn state(
        &mut self,
        fields: &mut Fields<'_>,
        scope: Scope,
        at_least: Option<AtLeast>,
        when: Option<&Condition>,
        notify: &[Placed],
    ) -> State {
        let has_hours = scope.subject != SubjectKind::Brand && at_least.is_none_or(|it| it.of != SetKind::Venues);
        let keep_while = fields.optional("keep_while").and_then(|node| self.condition(node, scope));
        let is_of_items = scope.subject == SubjectKind::Item;
        let needs_row = is_of_items && when.into_iter().chain(&keep_while).all(Condition::needs_row);
        State {
            subject: scope.subject,
            at_least,
            needs_row,
            says_it_is_off: at_least.is_none() && when.is_some_and(Condition::says_it_is_off),
            keep_while,
            hold_for: self.wait(fields, "for"),
            clear_for: self.wait(fields, "clear_for"),
            remind: fields.optional("remind").map(|node| self.remind(node, has_hours)).unwrap_or_default(),
            escalate: fields.optional("escalate").map(|node| self.escalate(node, notify)).unwrap_or_default(),
            flap_detection: self.unless_refused(fields, "flap_detection"),
            send_resolved: self.unless_refused(fields, "send_resolved"),
            resolved_message: None,
        }
    }

    /// Reads a flag that is set unless the rule says otherwise.
    fn unless_refused(&mut self, fields: &mut Fields<'_>, key: &'static str) -> bool {
        fields.optional(key).is_none_or(|node| node.flag(self.problems) == Some(true))
    }

    fn wait(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Duration {
        let node = fields.optional(key);
        node.and_then(|node| node.duration(&WAIT_RANGE, self.problems)).unwrap_or_default()
    }

    fn refuse_state_keys(&mut self, fields: &mut Fields<'_>) {
        for key in STATE_KEYS {
            if let Some(entry) = fields.out_of_place(key) {
                let message = format!("'{key}' has no meaning for an event, which is told once and at once");
                let help = format!("remove '{key}', or replace 'event' by a 'when' that describes a state");
                self.problems.tell_with_help(&entry.place, message, help);
            }
        }
    }
}

fn placed(node: &Node, text: &str) -> Placed {
    let quoted = node.as_scalar().is_some_and(|(_, quoted)| quoted);
    Placed { text: text.into(), place: node.place.clone(), quoted }
}

/// Names the kind in a sentence about all of them.
const fn plural(subject: SubjectKind) -> &'static str {
    match subject {
        SubjectKind::Item => "items",
        SubjectKind::Station => "stations",
        SubjectKind::Venue => "venues",
        SubjectKind::Brand => "brands",
    }
}
