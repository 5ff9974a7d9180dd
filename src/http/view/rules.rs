//! The rules, and what each says of every subject of a venue now, and why.
//!
//! Asks as `rules::evaluate` does and decides nothing. Invariant: of what nobody read it says that it is unknown, never that it
//! is clear.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::alerts::lifecycle::Alert;
use crate::alerts::{AlertKey, facts};
use crate::calendar::Calendar;
use crate::engine::Policy;
use crate::http::live::{Alerts, Live, LiveBrand, LiveSelf, LiveVenue};
use crate::http::words::rules as words;
use crate::language::Language;
use crate::rules::condition::Truth;
use crate::rules::describe::described;
use crate::rules::subject::{BrandView, Item, Scene, VenueView};
use crate::rules::value::View;
use crate::rules::why::reasons;
use crate::rules::{Form, GroupBy, Placed, Rule, RuleSet, Severity, State, Subject, SubjectKind};
use crate::snapshot::Access;
use crate::units::{BrandId, Seconds, Timestamp, printable};

/// How many parts of a condition are named that do not hold.
const REASONS_MAX: usize = 3;

/// What a rule says of a subject, in the order in which it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Truth)]
pub(in crate::http) enum Verdict {
    /// It holds.
    Holds,
    /// Something that it asks for was not read.
    Unknown,
    /// It is not asked at this time.
    OutsideWindow,
    /// It does not hold.
    Clear,
}

impl Verdict {
    /// Returns its word in the API.
    pub(in crate::http) const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Unknown => "unknown",
            Self::OutsideWindow => "outside_window",
            Self::Clear => "clear",
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(in crate::http) struct RuleText {
    /// Its name.
    pub(in crate::http) name: String,
    /// Where it stands: the file and the line.
    pub(in crate::http) place: String,
    /// `info`, `warning` or `critical`.
    #[serde(serialize_with = "as_word")]
    #[schema(value_type = String)]
    pub(in crate::http) severity: Severity,
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
    /// How long it must hold first; null for a rule that tells of a moment.
    #[schema(required)]
    pub(in crate::http) hold_for_s: Option<Seconds>,
    /// How long it must be clear to end; null for a rule that tells of a moment.
    #[schema(required)]
    pub(in crate::http) clear_for_s: Option<Seconds>,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it writes by reference")]
fn as_word<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.word())
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
    /// What it says.
    pub(in crate::http) truth: Verdict,
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
    pub(in crate::http) fn of<'t>(truths: impl Iterator<Item = &'t RuleTruth>) -> Self {
        Self::of_verdicts(truths.map(|truth| truth.truth))
    }

    fn of_verdicts(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Holds => counts.holds += 1,
                Verdict::Unknown => counts.unknown += 1,
                Verdict::OutsideWindow | Verdict::Clear => counts.clear += 1,
            }
        }
        counts
    }
}

/// Writes a rule in a language, and its message as those who are told in `told_in` get it.
pub(in crate::http) fn text(rules: &RuleSet, rule: &Rule, language: Language, told_in: Language) -> RuleText {
    let lines = |condition| described(condition, rules.price_lists(), language);
    let texts = |placed: &[Placed]| placed.iter().map(|it| it.text.to_string()).collect::<Vec<_>>();
    let said = rule.message.as_ref().map(|wording| {
        let texts = wording.texts();
        let own = texts.iter().find(|(of, _)| of.is_none_or(|of| of == told_in)).or_else(|| texts.first());
        own.map(|(_, placed)| placed.text.to_string()).unwrap_or_default()
    });
    let state = match &rule.form {
        Form::State(state) => Some(state),
        Form::Event(_) => None,
    };
    let counts = state.and_then(|state| state.at_least).map(|it| words::counts(language, it.count, it.of));
    let event = match &rule.form {
        Form::State(_) => None,
        Form::Event(event) => Some(words::event(language, *event).to_owned()),
    };
    let escalate = state.map(|state| state.escalate.iter().flat_map(|it| texts(&it.to)).collect());
    RuleText {
        name: rule.name.to_string(),
        place: format!("{}:{}", rule.place.file, rule.place.line),
        severity: rule.severity,
        about: state.map_or("event", |state| kind_word(state.subject)),
        counts,
        event,
        when: lines(&rule.when),
        keep_while: state.and_then(|state| state.keep_while.as_ref()).map(lines).unwrap_or_default(),
        during: texts(&rule.during),
        hold_for_s: state.map(|state| Seconds(state.hold_for)),
        clear_for_s: state.map(|state| Seconds(state.clear_for)),
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
    rules: &'a RuleSet,
    /// The brand.
    brand: &'a BrandId,
    /// Whether it can be read.
    access: &'a Access,
    /// The brand's own alerts.
    own_alerts: &'a Alerts,
    /// The venue.
    venue: &'a LiveVenue,
    /// Its hours and windows.
    calendar: &'a Calendar,
}

impl Asked<'_> {
    /// Returns what a rule says of each subject of the venue: where it holds first, then where nobody knows. Of a rule that
    /// tells of moments there is nothing to say afterwards; of one that counts items, of which of them it holds.
    pub(in crate::http) fn truths(&self, rule: &Rule, language: Language, now: Timestamp) -> Vec<RuleTruth> {
        let Form::State(state) = &rule.form else { return Vec::new() };
        let scene = self.scene(now);
        let subjects = self.subjects(state, &scene).into_iter();
        let mut truths: Vec<RuleTruth> = subjects
            .map(|(subject, view)| self.truth((rule, state), &scene, view.as_ref(), subject, (language, now)))
            .collect();
        // Of those of which it does not hold, those come first that lack the least.
        truths.sort_by_key(|truth| (truth.truth, truth.why.len(), truth.id));
        truths
    }

    /// Counts what each rule says, without a word about why; of all rules from one look at the venue.
    pub(in crate::http) fn counts(&self, now: Timestamp) -> Vec<Counts> {
        let scene = self.scene(now);
        let of_rule = |rule: &Rule| {
            let Form::State(state) = &rule.form else { return Counts::default() };
            let subjects = self.subjects(state, &scene).into_iter();
            let says = subjects.map(|(_, view)| says((rule, state), &scene, view.as_ref(), now));
            Counts::of_verdicts(says)
        };
        self.rules.rules().iter().map(of_rule).collect()
    }

    fn scene(&self, now: Timestamp) -> Scene<'_> {
        let LiveVenue { snapshot, alerts: _, limits } = self.venue;
        let view = VenueView {
            brand: self.brand,
            access: self.access,
            snapshot,
            freshness_limits: *limits,
            calendar: self.calendar,
        };
        Scene::new(view, self.rules.price_lists(), now)
    }

    /// Returns what a rule is asked about, each as it is seen; items are not while their list is too old.
    fn subjects<'s>(&'s self, state: &State, scene: &'s Scene<'s>) -> Vec<(Subject, Option<View<'s>>)> {
        let venue = self.venue.snapshot.id();
        match state.subject {
            SubjectKind::Item => {
                let seen = scene.sees_items();
                let of_item =
                    |item: Item<'s>| (Subject::Item(venue, item.id), seen.then_some(View::Item(scene, item, None)));
                scene.items().map(of_item).collect()
            }
            SubjectKind::Station => {
                let stations = scene.catalog().stations.values();
                stations.map(|it| (Subject::Station(venue, it.id), Some(View::Station(scene, it)))).collect()
            }
            SubjectKind::Venue => vec![(Subject::Venue(venue), Some(View::Venue(scene)))],
            SubjectKind::Brand => {
                let view = View::Brand(BrandView { brand: self.brand, access: self.access });
                vec![(Subject::Brand, Some(view))]
            }
        }
    }

    fn truth(
        &self,
        (rule, state): (&Rule, &State),
        scene: &Scene<'_>,
        view: Option<&View<'_>>,
        subject: Subject,
        (language, now): (Language, Timestamp),
    ) -> RuleTruth {
        let truth = says((rule, state), scene, view, now);
        let why = match (truth, view) {
            (Verdict::Holds | Verdict::OutsideWindow, _) => Vec::new(),
            (Verdict::Unknown | Verdict::Clear, None) => vec![words::no_list(language).to_owned()],
            (Verdict::Unknown | Verdict::Clear, Some(view)) => {
                let as_of = as_of(state, scene, now);
                let found = reasons(&rule.when, view, self.rules.price_lists(), language, as_of);
                found.into_iter().take(REASONS_MAX).map(|reason| printable(&reason.text, 200)).collect()
            }
        };
        let snapshot = &self.venue.snapshot;
        let (id, name) = match &subject {
            Subject::Item(_, id) => (id.0, facts::product_name(snapshot, *id)),
            Subject::Station(_, id) => (id.0, facts::label_of_station(snapshot, *id)),
            Subject::Venue(id) => (id.0, facts::venue_name(snapshot)),
            Subject::Brand => (0, self.brand.to_string()),
            // Rules are asked about each by itself, also those that count.
            Subject::OfCategory(..) | Subject::OfStation(..) | Subject::OfVenues(_) => (0, String::new()),
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

/// Says what a rule says of a subject.
fn says((rule, state): (&Rule, &State), scene: &Scene<'_>, view: Option<&View<'_>>, now: Timestamp) -> Verdict {
    if !scene.is_within(&rule.during, state.subject) {
        return Verdict::OutsideWindow;
    }
    let Some(view) = view else { return Verdict::Unknown };
    match rule.when.truth(view, as_of(state, scene, now)) {
        Truth::Holds => Verdict::Holds,
        Truth::Clear => Verdict::Clear,
        Truth::Unknown => Verdict::Unknown,
    }
}

/// What is said of items is said of the instant at which they were read.
fn as_of(state: &State, scene: &Scene<'_>, now: Timestamp) -> Timestamp {
    if state.subject == SubjectKind::Item { scene.items_as_of() } else { now }
}

/// Where rules are asked: a venue, and its brand, as they are.
pub(in crate::http) struct Place {
    brand: BrandId,
    own: LiveSelf,
    venue: LiveVenue,
}

impl Place {
    /// Finds a place by what an address says.
    pub(in crate::http) fn of(live: &Live, brand: &str, venue: Option<u64>) -> Option<Self> {
        let (brand, live) = live.brands().find(|(id, _)| id.as_str() == brand)?;
        let venue = chosen(live, venue)?;
        Some(Self { brand: brand.clone(), own: live.itself(), venue })
    }

    /// Asks the rules there.
    pub(in crate::http) fn asked<'a>(&'a self, policy: &'a Policy) -> Asked<'a> {
        let Self { brand, own, venue } = self;
        let calendar = policy.calendars.of(brand, venue.snapshot.id());
        Asked { rules: &policy.rules, brand, access: &own.access, own_alerts: &own.alerts, venue, calendar }
    }
}

/// Finds a venue by what an address says; the first that there is where it says nothing.
fn chosen(live: &LiveBrand, venue: Option<u64>) -> Option<LiveVenue> {
    let venues = live.venues();
    match venue {
        Some(id) => venues.into_iter().find(|venue| venue.snapshot.id().0 == id),
        None => venues.into_iter().next(),
    }
}
