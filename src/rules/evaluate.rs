//! A rule set and what is known of a venue -> what each rule says of each subject.
//!
//! Never takes what was not read for clear. Of items everything is said of the moment of the last reading: time alone
//! turns nothing about them. `reading.age` makes rules about venues true by mere time; nothing here computes when, since
//! the engine evaluates at least every few seconds anyway. Invariant: findings come in order of
//! rule and subject, and visiting only rows (`State::needs_row`) finds the same as visiting every product.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::rules::condition::Truth;
use crate::rules::set::{AtLeast, Gathered, Part, Said, SetKind, sees_sets};
use crate::rules::shared::{RuleAsks, Visited};
use crate::rules::subject::{BrandView, Scene, VenueView};
use crate::rules::value::View;
use crate::rules::{Finding, Form, Rule, RuleName, RuleSet, State, Subject, SubjectKind};
use crate::snapshot::Access;
use crate::units::{BrandId, Timestamp};

/// What the rules say of a venue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evaluation {
    /// Every subject of which a rule's `when` or `keep_while` holds, or may hold.
    pub findings: Vec<Finding>,
    /// The members of every set of which one may hold.
    pub sets: BTreeMap<(Subject, RuleName), Gathered>,
    /// What it says to rules about several venues.
    pub part: Part,
    /// The stop list was never read or is too old, or the products are still awaited: nothing is said of any item, and
    /// their alerts stay as they are.
    pub items_unknown: bool,
    /// The products were never read: an item without a row may have any product.
    pub products_unknown: bool,
    /// The stations were never read.
    pub stations_unknown: bool,
}

impl Evaluation {
    /// Returns what it means that `rule` has no finding for `subject`: clear, or unknown because nobody could look.
    pub fn unmentioned(&self, rule: &Rule, subject: &Subject) -> Truth {
        let needs_row = match &rule.form {
            Form::State(state) => state.needs_row,
            Form::Event(_) => false,
        };
        let is_unknown = match subject.kind() {
            // Which items belong together, the catalog says.
            SubjectKind::Item if subject.set().is_some() => self.items_unknown || self.products_unknown,
            SubjectKind::Item => self.items_unknown || (self.products_unknown && !needs_row),
            SubjectKind::Station => self.stations_unknown,
            SubjectKind::Venue => false,
            // A venue's evaluation does not look at the brand.
            SubjectKind::Brand => true,
        };
        if is_unknown { Truth::Unknown } else { Truth::Clear }
    }
}

/// Evaluates every rule about items, stations and the venue itself.
pub fn evaluate_venue(rules: &RuleSet, view: &VenueView<'_>, now: Timestamp) -> Evaluation {
    let scene = Scene::new(*view, rules.price_lists(), now);
    let rows = Visited::new(&scene, scene.items_with_row(), rules.shared());
    let items = OnceCell::new();
    let of_items = |needs_row: bool| {
        let every_item = || Visited::new(&scene, scene.items(), rules.shared());
        if needs_row { &rows } else { items.get_or_init(every_item) }
    };
    let (mut findings, mut sets) = (Vec::new(), BTreeMap::new());
    let mut part = Part { said: Vec::new(), sees_items: scene.sees_items(), sees_products: scene.sees_products() };
    for (rule, asks) in rules.rules_and_asks() {
        let Form::State(state) = &rule.form else { continue };
        if !scene.is_within(&rule.during, state.subject) {
            continue;
        }
        if state.subject != SubjectKind::Item {
            evaluate_rule(rule, state, &scene, &mut findings, now);
        } else if let Some(at_least) = state.at_least {
            let asked = Asked { rule, asks, at_least, scene: &scene };
            match at_least.of {
                SetKind::Venues if scene.sees_items() => asked.say(of_items(state.needs_row), &mut part),
                SetKind::Category | SetKind::Station if sees_sets(&scene) => {
                    asked.gather(of_items(state.needs_row), &mut findings, &mut sets);
                }
                SetKind::Venues | SetKind::Category | SetKind::Station => {}
            }
        } else if scene.sees_items() {
            of_items(state.needs_row).ask(asks, scene.items_as_of(), &mut |item, holds, keeps| {
                let subject = Subject::Item(scene.snapshot().id(), item.id);
                findings.push(Finding { rule: rule.name.clone(), subject, holds, keeps });
            });
        }
    }
    Evaluation {
        findings,
        sets,
        part,
        items_unknown: !scene.sees_items(),
        products_unknown: !scene.sees_products(),
        stations_unknown: !scene.sees_stations(),
    }
}

/// Evaluates every rule about the brand itself. A brand without a finding is clear.
pub fn evaluate_brand(rules: &RuleSet, brand: &BrandId, access: &Access, now: Timestamp) -> Vec<Finding> {
    let view = View::Brand(BrandView { brand, access });
    let mut findings = Vec::new();
    for rule in rules.rules() {
        if let Form::State(state) = &rule.form
            && state.subject == SubjectKind::Brand
        {
            findings.extend(finding(rule, state, &view, Subject::Brand, now));
        }
    }
    findings
}

/// Says whether an alert about the subject ends by the time alone: no window of its rule is on, and what the rule asks
/// for is still so, or nobody knows. Then nothing came back.
pub fn ends_by_window(rule: &Rule, subject: &Subject, scene: &Scene<'_>, now: Timestamp) -> bool {
    let Form::State(state) = &rule.form else { return false };
    if scene.is_within(&rule.during, state.subject) {
        return false;
    }
    let as_of = if state.subject == SubjectKind::Item { scene.items_as_of() } else { now };
    if let Some(at_least) = state.at_least {
        return at_least.truths(gathered(rule, state, scene, subject).counts, 0).1 != Truth::Clear;
    }
    let view = match subject {
        Subject::Item(_, id) => scene.item(*id).map(|item| View::Item(scene, item, None)),
        Subject::Station(_, id) => scene.catalog().stations.get(id).map(|station| View::Station(scene, station)),
        Subject::Venue(_) => Some(View::Venue(scene)),
        Subject::Brand | Subject::OfCategory(..) | Subject::OfStation(..) | Subject::OfVenues(_) => None,
    };
    view.is_some_and(|view| finding(rule, state, &view, subject.clone(), as_of).is_some())
}

/// Returns what a rule says of the members of one set at a venue, whatever its windows; of a product over several venues,
/// what it says of it here.
pub fn gathered(rule: &Rule, state: &State, scene: &Scene<'_>, subject: &Subject) -> Gathered {
    let mut gathered = Gathered::default();
    let Some(kind) = subject.set() else { return gathered };
    let venue = scene.snapshot().id();
    for item in scene.items().filter(|item| kind.of(venue, scene.catalog(), item).as_ref() == Some(subject)) {
        let view = View::Item(scene, item, None);
        if let Some(found) = finding(rule, state, &view, Subject::Item(venue, item.id), scene.items_as_of()) {
            gathered.add(item.id, found.holds, found.keeps);
        }
    }
    gathered
}

/// A rule about sets of items, asked at a venue.
struct Asked<'a> {
    rule: &'a Rule,
    asks: &'a RuleAsks,
    at_least: AtLeast,
    scene: &'a Scene<'a>,
}

impl<'a> Asked<'a> {
    /// Finds the sets of the venue that are not clear.
    fn gather(
        &self,
        items: &Visited<'a>,
        findings: &mut Vec<Finding>,
        sets: &mut BTreeMap<(Subject, RuleName), Gathered>,
    ) {
        let (venue, catalog) = (self.scene.snapshot().id(), self.scene.catalog());
        let mut found: BTreeMap<Subject, Gathered> = BTreeMap::new();
        items.ask(self.asks, self.scene.items_as_of(), &mut |item, holds, keeps| {
            if let Some(subject) = self.at_least.of.of(venue, catalog, &item) {
                found.entry(subject).or_default().add(item.id, holds, keeps);
            }
        });
        for (subject, gathered) in found {
            let (holds, keeps) = self.at_least.truths(gathered.counts, 0);
            if keeps != Truth::Clear {
                findings.push(Finding { rule: self.rule.name.clone(), subject: subject.clone(), holds, keeps });
            }
            sets.insert((subject, self.rule.name.clone()), gathered);
        }
    }

    /// Says what a rule about several venues must know of this one.
    fn say(&self, items: &Visited<'a>, part: &mut Part) {
        items.ask(self.asks, self.scene.items_as_of(), &mut |item, holds, keeps| {
            part.said.push(Said { rule: self.rule.name.clone(), product: item.id, holds, keeps });
        });
    }
}

fn evaluate_rule(rule: &Rule, state: &State, scene: &Scene<'_>, findings: &mut Vec<Finding>, now: Timestamp) {
    let venue = scene.snapshot().id();
    match state.subject {
        SubjectKind::Station => {
            for station in scene.catalog().stations.values() {
                let view = View::Station(scene, station);
                findings.extend(finding(rule, state, &view, Subject::Station(venue, station.id), now));
            }
        }
        SubjectKind::Venue => {
            findings.extend(finding(rule, state, &View::Venue(scene), Subject::Venue(venue), now));
        }
        SubjectKind::Item | SubjectKind::Brand => {}
    }
}

/// Returns the finding, unless the rule is clear of the subject in every way.
pub(super) fn finding(
    rule: &Rule,
    state: &State,
    view: &View<'_>,
    subject: Subject,
    now: Timestamp,
) -> Option<Finding> {
    let holds = rule.when.truth(view, now);
    let keeps = match &state.keep_while {
        Some(keep_while) if holds != Truth::Holds => holds.or(keep_while.truth(view, now)),
        Some(_) | None => holds,
    };
    (keeps != Truth::Clear).then(|| Finding { rule: rule.name.clone(), subject, holds, keeps })
}
