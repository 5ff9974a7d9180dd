//! The rules, and what each says of every subject of a venue now, and why.
//!
//! Asks as `rules::evaluate` does and decides nothing. Invariant: of what nobody read it says that it is unknown, never that it
//! is clear.

use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::lifecycle::Alert;
use crate::alerts::{AlertKey, facts};
use crate::calendar::Calendar;
use crate::http::live::{Alerts, LiveBrand, LiveVenue};
use crate::language::Language;
use crate::rules::condition::Truth;
use crate::rules::describe::described;
use crate::rules::subject::{BrandView, Scene, VenueView};
use crate::rules::value::View;
use crate::rules::why::reasons;
use crate::rules::{Form, GroupBy, Placed, Rule, RuleSet, Severity, State, Subject, SubjectKind};
use crate::snapshot::Access;
use crate::units::{BrandId, Timestamp, human_duration, printable};

/// How many parts of a condition are named that do not hold.
const REASONS_MAX: usize = 3;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(in crate::http) struct RuleText {
    /// Its name.
    pub(in crate::http) name: String,
    /// Where it stands: the file and the line.
    pub(in crate::http) place: String,
    /// `info`, `warning` or `critical`.
    pub(in crate::http) severity: &'static str,
    /// `item`, `station`, `venue` or `brand`; `event` for a rule that tells of a moment.
    pub(in crate::http) about: &'static str,
    /// How many items it counts together, and which; null for a rule about each by itself.
    #[schema(required)]
    pub(in crate::http) counts: Option<String>,
    /// What a rule that tells of a moment tells of.
    #[schema(required)]
    pub(in crate::http) event: Option<String>,
    /// What must hold, a line for each part.
    pub(in crate::http) when: Vec<String>,
    /// What keeps its alert open beside that.
    pub(in crate::http) keep_while: Vec<String>,
    /// The windows in which alone it holds; none for always.
    pub(in crate::http) during: Vec<String>,
    /// How long it must hold first.
    #[schema(required)]
    pub(in crate::http) hold_for: Option<String>,
    /// How long it must be clear to end.
    #[schema(required)]
    pub(in crate::http) clear_for: Option<String>,
    /// Who is told; nobody for a rule that shows on screens alone.
    pub(in crate::http) notify: Vec<String>,
    /// Who else is told while it stays open.
    pub(in crate::http) escalate: Vec<String>,
    /// Whether each station has a mail of its own.
    pub(in crate::http) by_station: bool,
    /// What is said when it opens, as a template; null for our own words.
    #[schema(required)]
    pub(in crate::http) message: Option<String>,
}

/// What a rule says of a subject now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct RuleTruth {
    /// `item`, `station`, `venue` or `brand`.
    pub(in crate::http) kind: &'static str,
    /// The number of the item, station or venue; 0 for the brand.
    pub(in crate::http) id: u64,
    /// Its name.
    pub(in crate::http) name: String,
    /// `holds`, `unknown` (something that it asks for was not read), `outside_window` or `clear`.
    pub(in crate::http) truth: &'static str,
    /// What keeps it from holding.
    pub(in crate::http) why: Vec<String>,
    /// `open` or `pending`; null where there is no alert.
    #[schema(required)]
    pub(in crate::http) alert: Option<&'static str>,
    /// Since when there is one.
    #[schema(required, format = DateTime)]
    pub(in crate::http) alert_since: Option<String>,
}

/// How many subjects of a venue a rule holds of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, ToSchema)]
pub(in crate::http) struct Counts {
    /// Of so many it holds.
    pub(in crate::http) holds: usize,
    /// Of so many nobody knows.
    pub(in crate::http) unknown: usize,
    /// Of so many it does not hold, or not in this window.
    pub(in crate::http) clear: usize,
}

impl Counts {
    /// Counts what was found.
    pub(in crate::http) fn of(truths: &[RuleTruth]) -> Self {
        let count = |words: &[&str]| truths.iter().filter(|truth| words.contains(&truth.truth)).count();
        Self { holds: count(&["holds"]), unknown: count(&["unknown"]), clear: count(&["clear", "outside_window"]) }
    }
}

/// Writes a rule; its message as readers of the language get it.
pub(in crate::http) fn text(rules: &RuleSet, rule: &Rule, language: Language) -> RuleText {
    let lines = |condition| described(condition, rules.price_lists());
    let texts = |placed: &[Placed]| placed.iter().map(|it| it.text.to_string()).collect::<Vec<_>>();
    let said = rule.message.as_ref().map(|wording| {
        let texts = wording.texts();
        let own = texts.iter().find(|(of, _)| of.is_none_or(|of| of == language)).or_else(|| texts.first());
        own.map(|(_, placed)| placed.text.to_string()).unwrap_or_default()
    });
    let severity = match rule.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let state = match &rule.form {
        Form::State(state) => Some(state),
        Form::Event(_) => None,
    };
    let counts = state.and_then(|state| state.at_least).map(|it| format!("{} of {}", it.count, it.of.meaning()));
    let event = match &rule.form {
        Form::State(_) => None,
        Form::Event(event) => Some(event.meaning().to_owned()),
    };
    let escalate = state.map(|state| state.escalate.iter().flat_map(|it| texts(&it.to)).collect());
    RuleText {
        name: rule.name.to_string(),
        place: format!("{}:{}", rule.place.file, rule.place.line),
        severity,
        about: state.map_or("event", |state| kind_word(state.subject)),
        counts,
        event,
        when: lines(&rule.when),
        keep_while: state.and_then(|state| state.keep_while.as_ref()).map(lines).unwrap_or_default(),
        during: texts(&rule.during),
        hold_for: state.map(|state| human_duration(state.hold_for)),
        clear_for: state.map(|state| human_duration(state.clear_for)),
        notify: texts(&rule.notify),
        escalate: escalate.unwrap_or_default(),
        by_station: rule.group_by == GroupBy::Station,
        message: said,
    }
}

const fn kind_word(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Item => "item",
        SubjectKind::Station => "station",
        SubjectKind::Venue => "venue",
        SubjectKind::Brand => "brand",
    }
}

/// A venue at which a rule is asked.
pub(in crate::http) struct Asked<'a> {
    /// The rules.
    pub(in crate::http) rules: &'a RuleSet,
    /// The brand.
    pub(in crate::http) brand: &'a BrandId,
    /// Whether it can be read.
    pub(in crate::http) access: &'a Access,
    /// The brand's own alerts.
    pub(in crate::http) own_alerts: &'a Alerts,
    /// The venue.
    pub(in crate::http) venue: &'a LiveVenue,
    /// Its hours and windows.
    pub(in crate::http) calendar: &'a Calendar,
}

impl Asked<'_> {
    /// Returns what a rule says of each subject of the venue: where it holds first, then where nobody knows. Of a rule that
    /// tells of moments there is nothing to say afterwards; of one that counts items, of which of them it holds.
    pub(in crate::http) fn truths(&self, rule: &Rule, now: Timestamp) -> Vec<RuleTruth> {
        let Form::State(state) = &rule.form else { return Vec::new() };
        let LiveVenue { snapshot, alerts: _, limits } = self.venue;
        let view = VenueView {
            brand: self.brand,
            access: self.access,
            snapshot,
            freshness_limits: *limits,
            calendar: self.calendar,
        };
        let scene = Scene::new(view, self.rules.price_lists(), now);
        let venue = snapshot.id();
        let asked = |view: Option<View<'_>>, subject: Subject, name: String, id: u64| {
            self.truth((rule, state), &scene, view.as_ref(), (subject, name, id), now)
        };
        let mut truths: Vec<RuleTruth> = match state.subject {
            SubjectKind::Item => {
                let seen = scene.sees_items();
                let of_item = |item: crate::rules::subject::Item<'_>| {
                    let view = seen.then_some(View::Item(&scene, item, None));
                    asked(view, Subject::Item(venue, item.id), facts::product_name(snapshot, item.id), item.id.0)
                };
                scene.items().map(of_item).collect()
            }
            SubjectKind::Station => {
                let stations = scene.catalog().stations.values();
                let of_station = |station: &crate::catalog::Station| {
                    let name = facts::label_of_station(snapshot, station.id);
                    asked(Some(View::Station(&scene, station)), Subject::Station(venue, station.id), name, station.id.0)
                };
                stations.map(of_station).collect()
            }
            SubjectKind::Venue => {
                vec![asked(Some(View::Venue(&scene)), Subject::Venue(venue), facts::venue_name(snapshot), venue.0)]
            }
            SubjectKind::Brand => {
                let view = View::Brand(BrandView { brand: self.brand, access: self.access });
                vec![asked(Some(view), Subject::Brand, self.brand.to_string(), 0)]
            }
        };
        let rank =
            |truth: &RuleTruth| ["holds", "unknown", "outside_window"].iter().position(|word| *word == truth.truth);
        // Of those of which it does not hold, those come first that lack the least.
        truths.sort_by_key(|truth| (rank(truth).unwrap_or(usize::MAX), truth.why.len(), truth.id));
        truths
    }

    fn truth(
        &self,
        (rule, state): (&Rule, &State),
        scene: &Scene<'_>,
        view: Option<&View<'_>>,
        (subject, name, id): (Subject, String, u64),
        now: Timestamp,
    ) -> RuleTruth {
        let as_of = if state.subject == SubjectKind::Item { scene.items_as_of() } else { now };
        let (truth, why) = match view {
            _ if !scene.is_within(&rule.during, state.subject) => ("outside_window", Vec::new()),
            None => ("unknown", vec!["the stop list was not read, or is too old".to_owned()]),
            Some(view) => {
                let found = reasons(&rule.when, view, self.rules.price_lists(), as_of);
                let why = found.into_iter().take(REASONS_MAX).map(|reason| printable(&reason.text, 200)).collect();
                match rule.when.truth(view, as_of) {
                    Truth::Holds => ("holds", Vec::new()),
                    Truth::Clear => ("clear", why),
                    Truth::Unknown => ("unknown", why),
                }
            }
        };
        let alerts = if subject == Subject::Brand { self.own_alerts } else { &self.venue.alerts };
        let (alert, since) = match alerts.get(&AlertKey { subject, rule: rule.name.clone() }) {
            Some(Alert::Open(open)) => (Some("open"), Some(open.opened_at)),
            Some(Alert::Pending { since, .. }) => (Some("pending"), Some(*since)),
            Some(Alert::Rested(_)) | None => (None, None),
        };
        RuleTruth {
            kind: kind_word(state.subject),
            id,
            name,
            truth,
            why,
            alert,
            alert_since: since.map(|at| at.to_string()),
        }
    }
}

/// Finds a venue by what an address says; the first that there is where it says nothing.
pub(in crate::http) fn chosen(live: &LiveBrand, venue: Option<u64>) -> Option<LiveVenue> {
    let venues = live.venues();
    match venue {
        Some(id) => venues.into_iter().find(|venue| venue.snapshot.id().0 == id),
        None => venues.into_iter().next(),
    }
}
