//! Message templates and the mails made of them, with hostile names in the variables.
//!
//! Input: a line with what the rule is about (`item`, an event such as `price_changed`, or a set such as `of venues`), a
//! line with the name that everything has, and the template.

use std::cell::OnceCell;
use std::time::Duration;

use eightysix::alerts::facts::{Facts, forecast_facts, of_change, of_subject, recipe_facts};
use eightysix::alerts::group::{Entry, EntryKind, Group};
use eightysix::alerts::lifecycle::EpisodeId;
use eightysix::alerts::mail::{MailContext, Part, compose};
use eightysix::alerts::notice::{Content, Mail, ReceiverName};
use eightysix::alerts::render::{AlertWords, BadMessage, Messages, bad_message};
use eightysix::alerts::set::SetFacts;
use eightysix::calendar::Calendar;
use eightysix::document::Place;
use eightysix::language::Language;
use eightysix::rules::condition::Condition;
use eightysix::rules::parse::Template;
use eightysix::rules::set::SetKind;
use eightysix::rules::{
    EventKind, Form, GroupBy, Placed, Rule, RuleName, RuleSet, Severity, State, Subject, SubjectKind, Wording,
};
use eightysix::snapshot::diff::diff;
use eightysix::snapshot::{Access, Snapshot};
use eightysix::store::format::{decode_catalog, decode_venue};
use eightysix::units::{BrandId, CategoryId, ProductId, StationId, Timestamp, VenueId, Zone};

use super::text::{assert_shown, is_printable};

/// The longest message, as `alerts::render` cuts it.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// The longest subject of a mail, as `alerts::mail` cuts it.
const SUBJECT_CHARS_MAX: usize = 120;
const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);
const CATALOG: &str = include_str!("picture/catalog.json");
const VENUE: &str = include_str!("picture/venue.json");

/// Characters of a template that are read, as `rules::parse` refuses longer ones.
const TEMPLATE_CHARS_MAX: usize = 4_096;

/// Returns whether a template is left out, as it could make its values grow: `x ~ x` a few dozen times, `'x' * 100000000`.
///
/// The engine bounds steps and not sizes, and whoever writes the rules also starts the service: such a template stops
/// nobody but its author, when the rules are loaded. They are not tried; CONTRIBUTING says so.
pub fn is_not_tried(template: &str) -> bool {
    const POINTS_MAX: usize = 12;
    let words = ["*", "namespace", "recursive", "replace", "join"];
    let in_tags = template.split('{').skip(1).filter_map(|part| part.split('}').next());
    let points: usize = in_tags.map(|tag| tag.matches(['~', '+', ',']).count()).sum();
    // A slice of nothing makes the engine panic. The service catches that, a fuzzer ends at the first panic of any kind.
    let has_slice = template.contains('[') && template.contains(':');
    has_slice || points > POINTS_MAX || words.iter().any(|word| template.contains(word))
}

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, '\n');
    let (Some(about), Some(name), Some(template)) = (parts.next(), parts.next(), parts.next()) else { return };
    let Some((subject, event, set)) = about_of(about) else { return };
    if template.chars().count() > TEMPLATE_CHARS_MAX || is_not_tried(template) {
        return;
    }
    let place = Place { file: "rules/x.yaml".into(), line: 3, column: 5, length: 1 };
    let placed = Placed { text: template.into(), place, quoted: false };
    let snapshot = picture(name);
    let facts = facts(&snapshot, subject, event.is_some(), set);
    let words = AlertWords { rule: "r", severity: "critical", since: NOW, duration: Duration::from_mins(77) };
    let written = Template { text: placed.clone(), language: None, subject, event, set };
    if let Some(bad) = bad_message(&written, &Language::ALL.into()) {
        assert_bad(&bad, template);
        let message: String = template.chars().take(MESSAGE_CHARS_MAX).collect();
        for language in Language::ALL {
            mail(&message, name, language);
        }
        return;
    }
    let rules = RuleSet::new(vec![rule(placed, subject, event)], Vec::new());
    let messages = Messages::compile(&rules, &Zone::utc(), Language::En).unwrap_or_else(|bad| panic!("{bad:?}"));
    let rule = RuleName::new("r").expect("a name");
    for language in Language::ALL {
        let message = messages.render(&rule, false, &facts, words, language).text;
        assert_shown(&message, MESSAGE_CHARS_MAX);
        let again = messages.render(&rule, false, &facts, words, language);
        assert_eq!(again.text, message, "a message differs from itself");
        assert_shown(&messages.render(&rule, true, &facts, words, language).text, MESSAGE_CHARS_MAX);
        mail(&message, name, language);
    }
}

/// Asserts that a mistake is told with its place in the template, and not at length.
fn assert_bad(bad: &BadMessage, template: &str) {
    assert!(bad.place.line == 3 && bad.place.column >= 5, "the place is not in the message: {:?}", bad.place);
    let first_line = template.lines().next().unwrap_or_default().chars().count().max(1);
    assert!(bad.place.column + bad.place.length <= 5 + first_line + 1, "{:?}: {template:?}", bad.place);
    assert!(!bad.problem.is_empty() && !bad.help.is_empty(), "a mistake without a word");
    assert!(bad.problem.len() <= 4 * template.len() + 500, "a mistake of {} bytes", bad.problem.len());
}

/// Reads what a rule is about: a subject, an event, or what it counts together, such as `of venues`.
fn about_of(word: &str) -> Option<(SubjectKind, Option<EventKind>, Option<SetKind>)> {
    let of = word.strip_prefix("of ");
    if let Some(set) = SetKind::ALL.into_iter().find(|kind| of == Some(kind.word())) {
        return Some((SubjectKind::Item, None, Some(set)));
    }
    let event = EventKind::ALL.into_iter().find(|event| event.word() == word);
    let subject = SubjectKind::ALL.into_iter().find(|subject| subject.word() == word);
    event.map(|event| (event.subject(), Some(event), None)).or(subject.map(|subject| (subject, None, None)))
}

/// Returns a small restaurant in which everything is called `name`.
pub fn picture(name: &str) -> Snapshot {
    let mut catalog = decode_catalog(CATALOG).expect("the catalog of these tests");
    for product in catalog.products.values_mut() {
        product.name = name.into();
        product.full_name = name.into();
        product.category_name = Some(name.to_owned());
    }
    catalog.stations.values_mut().for_each(|station| station.name = name.into());
    catalog.price_lists.values_mut().for_each(|list| list.name = name.into());
    let mut snapshot = decode_venue(VenueId(7), VENUE, catalog).expect("the venue of these tests");
    snapshot.venue.name = name.into();
    snapshot
}

fn facts(snapshot: &Snapshot, subject: SubjectKind, is_event: bool, set: Option<SetKind>) -> Facts {
    let brand = BrandId::new("sahil").expect("a slug");
    let venue = snapshot.id();
    let of = match subject {
        SubjectKind::Item if set == Some(SetKind::Category) => Subject::OfCategory(venue, CategoryId(10)),
        SubjectKind::Item if set == Some(SetKind::Station) => Subject::OfStation(venue, StationId(1)),
        SubjectKind::Item if set == Some(SetKind::Venues) => Subject::OfVenues(ProductId(1)),
        SubjectKind::Item => Subject::Item(venue, ProductId(1)),
        SubjectKind::Station => Subject::Station(venue, StationId(1)),
        SubjectKind::Venue => Subject::Venue(venue),
        SubjectKind::Brand => Subject::Brand,
    };
    let refused = Access::Refused { since: NOW, why: snapshot.venue.name.clone() };
    let read = Some(snapshot).filter(|_| set != Some(SetKind::Venues));
    let mut facts = of_subject(&brand, &refused, read, &of, NOW);
    if set == Some(SetKind::Venues) {
        facts.set = Some(SetFacts::of_venues(Some(snapshot), ProductId(1), 70));
    }
    facts.set = facts.set.map(|set| set.with_members(1..60, |_| eightysix::alerts::facts::venue_name(snapshot)));
    let before = Snapshot::unread(snapshot.venue.clone());
    let change = diff(&before.picture, &snapshot.picture).into_iter().next_back();
    facts.recipe = recipe_facts(&facts, snapshot, &OnceCell::new());
    let plain = Calendar::plain(Zone::utc(), jiff::civil::Time::midnight());
    facts.forecast = forecast_facts(&facts, snapshot, &plain, NOW);
    facts.change = change.filter(|_| is_event).map(|change| of_change(&change, snapshot, NOW));
    facts
}

fn rule(message: Placed, subject: SubjectKind, event: Option<EventKind>) -> Rule {
    let state = State {
        subject,
        at_least: None,
        needs_row: false,
        says_it_is_off: false,
        keep_while: None,
        hold_for: Duration::ZERO,
        clear_for: Duration::ZERO,
        flap_detection: true,
        remind: Box::default(),
        escalate: Box::default(),
        send_resolved: true,
        resolved_message: Some(Box::new(Wording::ForAll(message.clone()))),
    };
    Rule {
        name: RuleName::new("r").expect("a name"),
        place: message.place.clone(),
        form: event.map_or(Form::State(state), Form::Event),
        when: Condition::All(Vec::new()),
        during: Vec::new(),
        severity: Severity::Critical,
        notify: Vec::new(),
        group_by: GroupBy::Venue,
        message: Some(Wording::ForAll(message)),
    }
}

/// Asserts that a mail with this message and name, of one venue or of two, has the form of one with harmless words.
fn mail(message: &str, name: &str, language: Language) {
    for venues in 1..=2 {
        mail_of(venues, message, name, language);
    }
}

fn mail_of(venues: u64, message: &str, name: &str, language: Language) {
    let shown = |text: &str| eightysix::units::printable(text, 80);
    let hostile = composed(venues, message, &shown(name), language);
    let harmless = composed(venues, "x", "y", language);
    let Mail { message_id, thread_id, language: _, subject, text, html } = &hostile;
    assert_shown(subject, SUBJECT_CHARS_MAX);
    assert!(message_id.bytes().all(|b| b.is_ascii_hexdigit()) && message_id.len() == 32, "{message_id}");
    assert_eq!(thread_id, &harmless.thread_id, "a name moves a mail to another thread");
    for mark in ['<', '>', '"', '\''] {
        let count = |html: &str| html.matches(mark).count();
        assert_eq!(count(html), count(&harmless.html), "{mark} of a name stands in the HTML: {html}");
    }
    if is_printable(message) {
        assert_eq!(text.lines().count(), harmless.text.lines().count(), "a name makes lines of its own: {text}");
        assert!(text.contains(message.trim_end()), "the message is missing in {text}");
    }
}

fn composed(venues: u64, message: &str, name: &str, language: Language) -> Mail {
    let brand = BrandId::new("sahil").expect("a slug");
    let zone = Zone::utc();
    let entry = |kind| Entry {
        id: format!("{kind:?}"),
        kind,
        episode: Some(EpisodeId::derive("r", NOW)),
        rule: "r".to_owned(),
        severity: Severity::Critical,
        label: name.to_owned(),
        message: message.to_owned(),
        at: NOW,
        baseline: false,
        found_after: None,
        station: None,
    };
    let group = Group { opened_at: NOW, entries: [EntryKind::Opened, EntryKind::Closed].map(entry).into() };
    let part = |venue: u64| Part {
        station: None,
        venue: Some(VenueId(venue)),
        venue_name: Some(name),
        group: &group,
        open: Vec::new(),
        read_at: Some(NOW),
    };
    let parts: Vec<Part<'_>> = (1..=venues).map(part).collect();
    let day_starts = jiff::civil::time(4, 0, 0, 0);
    let context = MailContext { language, brand: &brand, zone: &zone, day_starts, at_most: Some(12), links: None };
    match compose(&ReceiverName::new("managers"), &parts, &context, NOW).content {
        Content::Email(mail) => mail,
        other @ (Content::Mqtt(_) | Content::Webhook(_)) => panic!("a mail became {other:?}"),
    }
}
