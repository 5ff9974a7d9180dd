//! Rules: what somebody wants to be told, and what each rule says of a venue at a moment.
//!
//! YAML becomes a [`RuleSet`] (`parse`), a set and a picture become findings (`evaluate`) and events (`events`). Level,
//! not edge: a finding says what should be firing now; since when, and whom that concerns, is `alerts`' matter. Never
//! reads a clock or keeps state. Invariant: the same set, picture and time give the same findings, in the same order.

pub mod condition;
pub mod describe;
pub mod evaluate;
pub mod events;
pub mod field;
pub mod followup;
pub mod parse;
pub mod set;
mod shared;
pub mod subject;
pub mod term;
pub mod value;
pub mod why;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::document::Place;
use crate::language::Language;
use crate::rules::condition::{Condition, Truth};
use crate::rules::followup::{Escalation, Reminder};
use crate::rules::set::{AtLeast, SetKind};
use crate::rules::shared::RuleAsks;
use crate::units::{CategoryId, ProductId, StationId, VenueId};

/// Characters of a rule's name: it becomes part of topics, ids and mail threads.
const NAME_LENGTH_MAX: usize = 64;

/// The name of a rule, unique over all files: its identity through edits and reloads. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(Arc<str>);

/// What a rule is about. Its order is that of the ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// The brand as a whole.
    Brand,
    /// A venue.
    Venue(VenueId),
    /// A station of a venue.
    Station(VenueId, StationId),
    /// A product or variant at a venue.
    Item(VenueId, ProductId),
    /// The items of a category at a venue, together.
    OfCategory(VenueId, CategoryId),
    /// The items that a station of a venue prepares, together.
    OfStation(VenueId, StationId),
    /// A product or variant at the venues of the brand, together.
    OfVenues(ProductId),
}

/// The kinds of [`Subject`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SubjectKind {
    /// A product or variant at a venue: what a rule is about unless it says otherwise.
    Item,
    /// A station of a venue.
    Station,
    /// A venue.
    Venue,
    /// The brand as a whole.
    Brand,
}

/// How much a rule matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Soon a trouble.
    Warning,
    /// A trouble now.
    Critical,
}

/// What an event rule tells of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// An item ran out: it had no row or something left, and now nothing is left.
    Stopped,
    /// An item was out and no longer is.
    Back,
    /// The limit of an item differs, its row came or went.
    LimitChanged,
    /// A base price, or a price in a list, differs.
    PriceChanged,
    /// A station differs, came or went.
    StationChanged,
    /// A product came to the catalog.
    ProductAdded,
    /// A product went from the catalog.
    ProductRemoved,
}

/// A text of a rule file that others have to judge (a receiver's name, a template), and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The text, quotes and escapes resolved.
    pub text: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether it stood in quotes or a block: see [`Place::within`].
    pub quoted: bool,
}

/// What is said, as a rule has it: templates.
#[derive(Clone, PartialEq, Debug)]
pub enum Wording {
    /// One text for whoever reads it.
    ForAll(Placed),
    /// A text for each of some languages; never empty.
    ByLanguage(BTreeMap<Language, Placed>),
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Its identity.
    pub name: RuleName,
    /// Where its name stands.
    pub place: Place,
    /// Whether it watches a state or tells of an event.
    pub form: Form,
    /// What must hold.
    pub when: Condition,
    /// The named windows in which alone it holds; none for a rule that holds at any time.
    pub during: Vec<Placed>,
    /// How much it matters.
    pub severity: Severity,
    /// The receivers it is for; none for a rule that shows only on the board and in the feed.
    pub notify: Vec<Placed>,
    /// What shares a mail.
    pub group_by: GroupBy,
    /// What is said when it fires; without it, the renderer's own words.
    pub message: Option<Wording>,
}

/// What of a receiver's news shares a mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GroupBy {
    /// All of a venue.
    #[default]
    Venue,
    /// All of a station of a venue.
    Station,
}

impl GroupBy {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Venue, Self::Station];

    /// Returns the word of rule files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Venue => "venue",
            Self::Station => "station",
        }
    }
}

/// What only one kind of rule has.
#[derive(Clone, PartialEq, Debug)]
pub enum Form {
    /// Fires while something is so.
    State(State),
    /// Tells once that something happened.
    Event(EventKind),
}

/// A rule that fires while something is so.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    /// What it is asked of.
    pub subject: SubjectKind,
    /// How many items it must hold of together, when it is about sets of them and not about each by itself.
    pub at_least: Option<AtLeast>,
    /// Once firing, it stays while this holds as well as while `when` does: the gap that stops it from flapping.
    pub keep_while: Option<Condition>,
    /// How long it must hold before it fires.
    pub hold_for: Duration,
    /// How long it must be clear before it resolves.
    pub clear_for: Duration,
    /// Whether an alert that goes on and off is told to be over only when it is calm.
    pub flap_detection: bool,
    /// Whether its end is told.
    pub send_resolved: bool,
    /// When those who were told are told again.
    pub remind: Box<[Reminder]>,
    /// Who else is told while it stays open.
    pub escalate: Box<[Escalation]>,
    /// What is said when it ends.
    pub resolved_message: Option<Box<Wording>>,
    /// Whether it is clear for every item without a row of the stop list, so that only rows need a visit.
    pub needs_row: bool,
    /// Whether it fires for what cannot be had alone, so that it can be why something else is out.
    pub says_it_is_off: bool,
}

/// The rules in force, in order of their names. A reload replaces the set as a whole.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// What each of them asks of items.
    asks: Vec<RuleAsks>,
    /// What several of them ask of items.
    shared: Vec<Condition>,
    price_lists: Vec<String>,
    /// Whether a rule counts venues.
    counts_venues: bool,
}

/// What a rule says of a subject now. A subject without a finding is clear, unless
/// [`Evaluation::unmentioned`](evaluate::Evaluation::unmentioned) says that nothing is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: RuleName,
    /// The subject.
    pub subject: Subject,
    /// Whether the rule's `when` holds: what lets an alert begin.
    pub holds: Truth,
    /// Whether its `when` or its `keep_while` holds: what lets an alert go on. Never less than `holds`.
    pub keeps: Truth,
}

impl Rule {
    /// Returns where it asks to remind when the doors open.
    pub fn shift_start(&self) -> Option<&Placed> {
        let Form::State(state) = &self.form else { return None };
        state.remind.iter().find_map(|reminder| match reminder {
            Reminder::ShiftStart(placed) => Some(placed),
            Reminder::After(_) => None,
        })
    }

    /// Returns the sets that it is about, if it is about sets.
    pub fn at_least(&self) -> Option<AtLeast> {
        match &self.form {
            Form::State(state) => state.at_least,
            Form::Event(_) => None,
        }
    }

    /// Returns everybody whom the rule may tell, at once or while it stays so; who is named twice comes twice.
    pub fn receivers(&self) -> impl Iterator<Item = &Placed> {
        let escalate: &[Escalation] = match &self.form {
            Form::State(state) => &state.escalate,
            Form::Event(_) => &[],
        };
        self.notify.iter().chain(escalate.iter().flat_map(|escalation| &escalation.to))
    }
}

impl Wording {
    /// Returns its texts, each with the language that it is for, if it is for one alone.
    pub fn texts(&self) -> Vec<(Option<Language>, &Placed)> {
        match self {
            Self::ForAll(text) => vec![(None, text)],
            Self::ByLanguage(texts) => texts.iter().map(|(language, text)| (Some(*language), text)).collect(),
        }
    }
}

impl RuleSet {
    /// Takes rules with unique names, and the lower-case names of the price lists that their conditions refer to.
    pub fn new(mut rules: Vec<Rule>, price_lists: Vec<String>) -> Self {
        rules.sort_by(|one, other| one.name.cmp(&other.name));
        let (shared, asks) = shared::take_apart(&rules);
        let counts_venues = rules.iter().any(|rule| rule.at_least().is_some_and(|it| it.of == SetKind::Venues));
        Self { rules, asks, shared, price_lists, counts_venues }
    }

    /// Returns the rules in order of their names.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn rules_and_asks(&self) -> impl Iterator<Item = (&Rule, &RuleAsks)> {
        self.rules.iter().zip(&self.asks)
    }

    fn shared(&self) -> &[Condition] {
        &self.shared
    }

    /// Returns the rule of that name.
    pub fn get(&self, name: &RuleName) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.name.cmp(name)).ok().map(|at| &self.rules[at])
    }

    /// Says whether a rule counts the venues that lack a product.
    pub fn counts_venues(&self) -> bool {
        self.counts_venues
    }

    /// Returns the lower-case names of the price lists that conditions refer to by index.
    pub fn price_lists(&self) -> &[String] {
        &self.price_lists
    }
}

impl RuleName {
    /// Takes a slug of 1 to 64 characters out of `a-z 0-9 - _ .` that begins with a letter or digit.
    ///
    /// # Errors
    /// Returns the reason as a sentence for people when the name has another form.
    pub fn new(name: &str) -> Result<Self, String> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = name.len() <= NAME_LENGTH_MAX
            && name.bytes().next().is_some_and(is_plain)
            && name.bytes().all(|b| is_plain(b) || b"-_.".contains(&b));
        if fits {
            Ok(Self(name.into()))
        } else {
            Err(format!(
                "a rule's name is 1 to {NAME_LENGTH_MAX} characters of a-z, 0-9, '-', '_' or '.', \
                 and begins with a letter or digit"
            ))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Subject {
    /// Returns the venue it belongs to, `None` for the brand.
    pub const fn venue(&self) -> Option<VenueId> {
        match self {
            Self::Brand | Self::OfVenues(_) => None,
            Self::Venue(venue)
            | Self::Station(venue, _)
            | Self::Item(venue, _)
            | Self::OfCategory(venue, _)
            | Self::OfStation(venue, _) => Some(*venue),
        }
    }

    /// Returns what its rules are asked of: those about a set of items, of each of these items.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Self::Brand => SubjectKind::Brand,
            Self::Venue(_) => SubjectKind::Venue,
            Self::Station(..) => SubjectKind::Station,
            Self::Item(..) | Self::OfCategory(..) | Self::OfStation(..) | Self::OfVenues(_) => SubjectKind::Item,
        }
    }

    /// Returns what belongs together in it, if it is a set.
    pub const fn set(&self) -> Option<SetKind> {
        match self {
            Self::OfCategory(..) => Some(SetKind::Category),
            Self::OfStation(..) => Some(SetKind::Station),
            Self::OfVenues(_) => Some(SetKind::Venues),
            Self::Brand | Self::Venue(_) | Self::Station(..) | Self::Item(..) => None,
        }
    }
}

impl SubjectKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Item, Self::Station, Self::Venue, Self::Brand];

    /// Returns the word that rules write.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Station => "station",
            Self::Venue => "venue",
            Self::Brand => "brand",
        }
    }

    /// Returns what such a rule is asked of, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Item => "every product and every variant at every venue",
            Self::Station => "every station of every venue",
            Self::Venue => "every venue",
            Self::Brand => "the brand as a whole",
        }
    }
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Returns the word that rules write and receivers read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Stopped,
        Self::Back,
        Self::LimitChanged,
        Self::PriceChanged,
        Self::StationChanged,
        Self::ProductAdded,
        Self::ProductRemoved,
    ];

    /// Returns the word that rules write and receivers read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Back => "back",
            Self::LimitChanged => "limit_changed",
            Self::PriceChanged => "price_changed",
            Self::StationChanged => "station_changed",
            Self::ProductAdded => "product_added",
            Self::ProductRemoved => "product_removed",
        }
    }

    /// Returns when it is told, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Stopped => "an item ran out: something was left, or it had no row, and now nothing is left",
            Self::Back => "an item was out and no longer is",
            Self::LimitChanged => "the limit of an item differs; its row came or went",
            Self::PriceChanged => {
                "the base price of a product differs, or its price in a list. A list belongs to the brand: its change \
                 is told once, without a venue"
            }
            Self::StationChanged => "a station differs, came or went",
            Self::ProductAdded => "a product came to the catalog",
            Self::ProductRemoved => "a product went from the catalog; two complete walks must have missed it",
        }
    }

    /// Returns what such an event is about.
    pub const fn subject(self) -> SubjectKind {
        match self {
            Self::Stopped
            | Self::Back
            | Self::LimitChanged
            | Self::PriceChanged
            | Self::ProductAdded
            | Self::ProductRemoved => SubjectKind::Item,
            Self::StationChanged => SubjectKind::Station,
        }
    }
}

#[cfg(test)]
mod tests;
