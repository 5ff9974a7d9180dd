//! A group of entries -> one mail: text and HTML from one model, so that both say the same.
//!
//! The first line is the whole news; what else is open at the venue follows, so that one mail is the full picture.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::alerts::group::{Entry, EntryKind, Group, notice_id};
use crate::alerts::lifecycle::{EpisodeId, OpenAlert};
use crate::alerts::link::Links;
use crate::alerts::notice::{Content, Mail, Notice, ReceiverName};
use crate::alerts::words::{letter, values};
use crate::calendar::business_day;
use crate::language::Language;
use crate::snapshot::Gap;
use crate::units::{BrandId, StationId, Timestamp, VenueId, Zone, printable};

/// The longest subject: what a phone shows on two lines.
pub const SUBJECT_LENGTH_MAX: usize = 120;
/// A mail that tells of a reading older than this says how old.
const OLD_READING: Duration = Duration::from_mins(1);
/// News that waited for so long says when it happened.
const OLD_NEWS: Duration = Duration::from_mins(10);
/// The template of the plain text.
const TEXT: &str = "mail.txt";
/// The template of the HTML, in which names are escaped.
const HTML: &str = "mail.html";
/// What the text says of each venue.
const TEXT_PART: &str = "mail_part.txt";
/// What the HTML says of each venue.
const HTML_PART: &str = "mail_part.html";
/// How many names a subject lists before it says how many more there are.
const SUBJECT_NAMES_MAX: usize = 4;
/// How many alerts of a mail have a link: whoever has more of them open looks at a list, and a mail stays short.
const LINKED_MAX: usize = 20;
/// How many names hang under an alert before it is said how many more there are.
const UNDER_NAMES_MAX: usize = 12;

/// What a mail says beside what happened.
#[derive(Clone, Debug)]
pub struct MailContext<'a> {
    /// What the receiver reads.
    pub language: Language,
    /// The tenant.
    pub brand: &'a BrandId,
    /// The zone in which times are shown.
    pub zone: &'a Zone,
    /// When the business day turns over.
    pub day_starts: jiff::civil::Time,
    /// How many mails an hour the receiver gets.
    pub at_most: Option<u32>,
    /// Makes the links by which the reader says that he takes care.
    pub links: Option<&'a Links>,
}

/// What a mail tells of one venue.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The venue; `None` when the brand itself is concerned.
    pub venue: Option<VenueId>,
    /// The venue's name, with that of the station where that has mails of its own.
    pub venue_name: Option<&'a str>,
    /// The station that alone is concerned, when its news have mails of their own.
    pub station: Option<StationId>,
    /// What happened.
    pub group: &'a Group,
    /// Everything open at the venue that this receiver was told of.
    pub open: Vec<StillOpen<'a>>,
    /// When the stop list was last read.
    pub read_at: Option<Timestamp>,
}

/// An open alert, and what is so because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillOpen<'a> {
    /// The alert.
    pub alert: &'a OpenAlert,
    /// The labels of the alerts that this receiver is not told of because of this one.
    pub under: Vec<&'a str>,
}

/// Renders a mail: of one venue, or of all in which something waited for its turn.
pub fn compose(receiver: &ReceiverName, parts: &[Part<'_>], context: &MailContext<'_>, now: Timestamp) -> Notice {
    let entries = || parts.iter().flat_map(|part| &part.group.entries);
    let ids: Vec<&str> = entries().map(|entry| entry.id.as_str()).collect();
    let id = notice_id(receiver, &ids);
    let subject = subject(parts, context);
    let (templates, links) = (templates(), links(receiver, parts, context));
    let render = |of_whole: &str, of_part: &str| {
        rendered(&templates, [of_whole, of_part], parts, &links, context, now).unwrap_or_else(|_| plain(entries()))
    };
    let (venue, station) = if let [part] = parts { (part.venue, part.station) } else { (None, None) };
    let mail = Mail {
        message_id: id.as_str().to_owned(),
        thread_id: thread_id(venue, station, context, now),
        language: context.language,
        subject: subject.clone(),
        text: render(TEXT, TEXT_PART),
        html: render(HTML, HTML_PART),
    };
    Notice { id, receiver: receiver.clone(), at: now, content: Content::Email(mail), summary: subject }
}

/// Returns the links of the alerts that are open, as far as there are not too many: of what is news before the rest.
fn links<'a>(
    receiver: &ReceiverName,
    parts: &[Part<'a>],
    context: &MailContext<'_>,
) -> BTreeMap<&'a EpisodeId, String> {
    let Some(links) = context.links else { return BTreeMap::new() };
    let is_news =
        |part: &Part<'_>, open: &StillOpen<'_>| part.group.entries.iter().any(|entry| entry.is_of(open.alert));
    let of = |news: bool| {
        let open = parts.iter().flat_map(|part| part.open.iter().map(move |open| (part, open)));
        open.filter(move |(part, open)| is_news(part, open) == news && open.alert.clear_since.is_none())
    };
    // Several parts may be of one venue.
    let mut known = BTreeSet::new();
    let episodes = of(true).chain(of(false)).map(|(_, open)| &open.alert.episode);
    let chosen = episodes.filter(|episode| known.insert(*episode)).take(LINKED_MAX);
    chosen.filter_map(|episode| Some((episode, links.url(context.brand, receiver, episode)?))).collect()
}

fn thread_id(venue: Option<VenueId>, station: Option<StationId>, context: &MailContext<'_>, now: Timestamp) -> String {
    let station = station.map(|id| format!("station-{id}.")).unwrap_or_default();
    let day = business_day(now, context.zone, context.day_starts);
    format!("{}{station}{day}", threads_of(context.brand, venue))
}

/// Returns what the id of every thread about a venue begins with, or about the brand itself for `None`.
pub fn threads_of(brand: &BrandId, venue: Option<VenueId>) -> String {
    let venue = venue.map_or_else(|| "brand".to_owned(), |venue| venue.to_string());
    format!("{brand}.{venue}.")
}

/// Says the whole news of the most important entry and how many more there are; a baseline is counted and named.
fn subject(parts: &[Part<'_>], context: &MailContext<'_>) -> String {
    let language = context.language;
    let of_part = |part| move |entry| (part, entry);
    let entries: Vec<(&Part<'_>, &Entry)> =
        parts.iter().flat_map(|part| part.group.entries.iter().map(of_part(part))).collect();
    let label = |(_, entry): &(&Part<'_>, &Entry)| values::name(language, &entry.label).into_owned();
    let of_baseline: Vec<String> = entries.iter().filter(|(_, entry)| entry.baseline).map(label).collect();
    let news = entries.iter().filter(|(_, entry)| !entry.baseline);
    let Some((part, top)) = news.min_by_key(|(_, entry)| (entry.kind, std::cmp::Reverse(entry.severity))) else {
        let more = if of_baseline.len() > SUBJECT_NAMES_MAX { ", …" } else { "" };
        let names = of_baseline.iter().take(SUBJECT_NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        let place = if let [part] = parts { place(part, context) } else { context.brand.as_str().into() };
        let subject = letter::already_open(language, &place, of_baseline.len(), &format!("{names}{more}"));
        return printable(&subject, SUBJECT_LENGTH_MAX);
    };
    let more = match entries.len() - 1 {
        0 => String::new(),
        more => letter::and_more_news(language, more),
    };
    let length_max = SUBJECT_LENGTH_MAX - more.chars().count();
    // A message that begins with the place needs it no second time.
    let placed = format!("{}: ", place(part, context));
    let told = if top.message.starts_with(&placed) { top.message.clone() } else { format!("{placed}{}", top.message) };
    format!("{}{more}", printable(&told, length_max))
}

/// Returns the name of what a part is about.
fn place<'a>(part: &Part<'a>, context: &MailContext<'a>) -> Cow<'a, str> {
    values::name(context.language, part.venue_name.unwrap_or(context.brand.as_str()))
}

/// Renders the template of a mail around that of each part.
fn rendered(
    templates: &Environment<'_>,
    [of_whole, of_part]: [&str; 2],
    parts: &[Part<'_>],
    links: &BTreeMap<&EpisodeId, String>,
    context: &MailContext<'_>,
    now: Timestamp,
) -> Result<String, minijinja::Error> {
    let (language, of_part) = (context.language, templates.get_template(of_part)?);
    let is_of_several = parts.len() > 1;
    let old = |read_at: Timestamp| Some(now.since(read_at)).filter(|age| *age >= OLD_READING);
    let part = |part: &Part<'_>| {
        let body = of_part.render(part_value(part, links, context, now))?;
        // What was read just now needs no line at each of several venues.
        let read_at = part.read_at.filter(|at| !is_of_several || old(*at).is_some());
        Ok(context! {
            place => place(part, context),
            // Names in it are escaped where its form needs that.
            body => Value::from_safe_string(body),
            list_read => read_at.map(|at| letter::list_read(language, &at.local_time(context.zone), old(at))),
        })
    };
    let waited = context.at_most.filter(|_| is_of_several);
    templates.get_template(of_whole)?.render(context! {
        language => language.code(),
        brand => context.brand.as_str(),
        is_of_several => is_of_several,
        waited => waited.map(|at_most| letter::waited(language, at_most)),
        parts => parts.iter().map(part).collect::<Result<Vec<Value>, minijinja::Error>>()?,
        sent_at => now.local_time(context.zone),
        watched_by_us => letter::watched_by_us(language, context.brand.as_str()),
    })
}

fn part_value(
    part: &Part<'_>,
    links: &BTreeMap<&EpisodeId, String>,
    context: &MailContext<'_>,
    now: Timestamp,
) -> Value {
    let (group, place, language) = (part.group, place(part, context), context.language);
    let of_kind = |kind: EntryKind| -> Vec<Value> {
        let is_shown = |entry: &&Entry| entry.kind == kind && reopening(group, entry).is_none();
        let chosen = group.entries.iter().filter(is_shown);
        chosen.map(|entry| entry_value(entry, part, links, context, now)).collect()
    };
    let is_news = |open: &&StillOpen<'_>| !group.entries.iter().any(|entry| entry.is_of(open.alert));
    let still_open: Vec<Value> = part
        .open
        .iter()
        .filter(is_news)
        // What no longer holds and is about to close would contradict the news, such as "2 left" beside "out".
        .filter(|open| open.alert.clear_since.is_none())
        .map(|open| {
            context! {
                message => open.alert.message.in_language(language),
                severity => open.alert.severity.word(),
                age => values::duration(language, now.since(open.alert.since)),
                under => under(open, language),
                ack => care(open, context),
                link => link(open, links, language),
            }
        })
        .collect();
    let mut opened = of_kind(EntryKind::Escalated);
    opened.append(&mut of_kind(EntryKind::Opened));
    // When everything was found at once, that is said once.
    let found_after = group.entries.first().and_then(|entry| entry.found_after);
    let all_found_after = found_after.filter(|gap| group.entries.iter().all(|entry| entry.found_after == Some(*gap)));
    let is_baseline = !group.entries.is_empty() && group.entries.iter().all(|entry| entry.baseline);
    context! {
        baseline => is_baseline.then(|| letter::baseline(language, &place)),
        away => all_found_after.map(|gap| heading(&while_away(gap, context, now))),
        critical => letter::critical(language),
        still_open_title => letter::still_open(language, &place),
        opened => opened,
        reminded => of_kind(EntryKind::Reminded),
        closed => of_kind(EntryKind::Closed),
        changed => of_kind(EntryKind::Changed),
        still_open => still_open,
    }
}

/// Finds the news by which an end that waited is undone; anything but an end has none.
fn reopening<'g>(group: &'g Group, end: &Entry) -> Option<&'g Entry> {
    if end.kind != EntryKind::Closed {
        return None;
    }
    let is_same = |entry: &&Entry| (&entry.rule, &entry.label) == (&end.rule, &end.label);
    let after = group.entries.iter().skip_while(|entry| entry.id != end.id);
    after.filter(is_same).find(|entry| entry.kind == EntryKind::Opened)
}

/// Says when something happened, if that is no longer now.
fn late(entry: &Entry, context: &MailContext<'_>, now: Timestamp) -> Option<String> {
    (now.since(entry.at) >= OLD_NEWS).then(|| values::time_beside(context.language, entry.at, now, context.zone))
}

/// Says when nobody read the list.
fn while_away(gap: Gap, context: &MailContext<'_>, now: Timestamp) -> String {
    let time = |at: Timestamp| values::time_beside(context.language, at, now, context.zone);
    letter::while_away(context.language, &time(gap.from), &time(gap.until))
}

/// Makes a line of a phrase that stands over others.
fn heading(phrase: &str) -> String {
    let mut letters = phrase.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain(std::iter::once(':')).collect()
}

fn entry_value(
    entry: &Entry,
    part: &Part<'_>,
    links: &BTreeMap<&EpisodeId, String>,
    context: &MailContext<'_>,
    now: Timestamp,
) -> Value {
    let group = part.group;
    let is_undone = |end: &&Entry| reopening(group, end).is_some_and(|opening| opening.id == entry.id);
    let language = context.language;
    let time = |end: &Entry| values::time_beside(language, end.at, now, context.zone);
    let undone = group.entries.iter().filter(is_undone);
    let before: Vec<String> = undone.map(|end| letter::before_that(language, &time(end), &end.message)).collect();
    let open = part.open.iter().find(|open| entry.is_of(open.alert));
    context! {
        message => entry.message.as_str(),
        severity => entry.severity.word(),
        under => open.and_then(|open| under(open, language)),
        ack => open.and_then(|open| care(open, context)),
        link => open.and_then(|open| link(open, links, language)),
        late => late(entry, context, now),
        away => entry.found_after.map(|gap| while_away(gap, context, now)),
        before => before,
    }
}

/// Says who takes care of an alert.
fn care(open: &StillOpen<'_>, context: &MailContext<'_>) -> Option<String> {
    open.alert.acknowledged.as_ref().map(|said| said.in_words(context.language, context.zone))
}

/// Leads to where the reader says that he takes care of an alert, or changes what was said of it.
fn link(open: &StillOpen<'_>, links: &BTreeMap<&EpisodeId, String>, language: Language) -> Option<Value> {
    let url = links.get(&open.alert.episode)?;
    let is_taken_care_of = open.alert.acknowledged.is_some();
    let words = if is_taken_care_of { letter::say_anew(language) } else { letter::take_care(language) };
    Some(context! { url => url, words => words })
}

/// Lists what hangs under an alert, when something does.
fn under(open: &StillOpen<'_>, language: Language) -> Option<String> {
    let names = open.under.iter().take(UNDER_NAMES_MAX).map(|name| values::name(language, name));
    let names = names.collect::<Vec<_>>().join(", ");
    let names = match open.under.len().saturating_sub(UNDER_NAMES_MAX) {
        0 => names,
        more => values::and_more(language, &names, more),
    };
    (!open.under.is_empty()).then(|| letter::because_of_it(language, &names))
}

fn templates() -> Environment<'static> {
    forms(&[
        (TEXT, include_str!("../../config/templates/mail.txt")),
        (TEXT_PART, include_str!("../../config/templates/mail_part.txt")),
        (
            HTML,
            concat!(include_str!("../../config/templates/head.html"), include_str!("../../config/templates/mail.html")),
        ),
        (HTML_PART, include_str!("../../config/templates/mail_part.html")),
    ])
}

/// Takes the shipped templates of a mail, by name and source; what is called `.html` is escaped.
pub fn forms(sources: &[(&'static str, &'static str)]) -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|name| {
        if name.rsplit('.').next() == Some("html") { AutoEscape::Html } else { AutoEscape::None }
    });
    for (name, source) in sources {
        templates.add_template(name, source).expect("a test renders every shipped template");
    }
    templates
}

/// The text that goes out if a template fails: never lose a message to its form.
fn plain<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    entries.flat_map(|entry| [entry.message.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::lifecycle::Turns;
    use crate::alerts::order::{Acknowledgement, Reason};
    use crate::rules::Severity;
    use crate::units::{Secret, VenueId};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant of the test")
    }

    fn entry(kind: EntryKind, label: &str, message: &str) -> Entry {
        let now = at("2026-05-08T14:52:00Z");
        let episode = EpisodeId::derive(label, now);
        Entry {
            id: format!("{label}/{kind:?}"),
            kind,
            episode: (kind != EntryKind::Changed).then_some(episode),
            rule: "sold-out".to_owned(),
            severity: Severity::Critical,
            label: label.to_owned(),
            message: message.to_owned(),
            at: now,
            baseline: false,
            found_after: None,
            station: None,
        }
    }

    fn baku() -> Zone {
        Zone::named("Asia/Baku").expect("bundled")
    }

    fn composed(entries: Vec<Entry>) -> Mail {
        composed_in(Language::En, "Plov is low: 2 left", entries, at("2026-05-08T14:52:00Z"))
    }

    /// Composes a mail beside an alert that stays open and says `still`.
    fn composed_in(language: Language, still: &str, entries: Vec<Entry>, now: Timestamp) -> Mail {
        composed_with(None, language, &still_open(still), entries, now)
    }

    fn still_open(still: &str) -> OpenAlert {
        OpenAlert {
            episode: EpisodeId::derive("plov", at("2026-05-08T12:00:00Z")),
            since: at("2026-05-08T12:00:00Z"),
            opened_at: at("2026-05-08T12:00:00Z"),
            clear_since: None,
            baseline: false,
            severity: Severity::Warning,
            told: BTreeSet::new(),
            held: std::collections::BTreeMap::new(),
            reminded_at: None,
            acknowledged: Some(Acknowledgement {
                by: "Anar".to_owned(),
                at: at("2026-05-08T13:00:00Z"),
                reason: Some(Reason::Supplier),
                note: String::new(),
                back_at: Some(at("2026-05-08T16:00:00Z")),
            }),
            label: "Plov".to_owned(),
            message: still.into(),
            station: None,
            turns: Turns::default(),
            unstable_since: None,
            set: None,
            found_after: None,
        }
    }

    fn links() -> Links {
        Links::new("https://86.example.com", Secret::new("a key of the test"))
    }

    fn composed_with(
        links: Option<&Links>,
        language: Language,
        still: &OpenAlert,
        entries: Vec<Entry>,
        now: Timestamp,
    ) -> Mail {
        let zone = baku();
        let brand = BrandId::new("sahil").expect("a slug");
        let day_starts = jiff::civil::time(4, 0, 0, 0);
        let context = MailContext { language, brand: &brand, zone: &zone, day_starts, at_most: Some(12), links };
        let group = Group { opened_at: at("2026-05-08T14:52:00Z"), entries };
        let part = Part {
            venue: Some(VenueId(7)),
            venue_name: Some("Sahil"),
            station: None,
            group: &group,
            open: vec![StillOpen { alert: still, under: vec!["Şah plov", "Plov 0.5"] }],
            read_at: Some(at("2026-05-08T14:51:56Z")),
        };
        match compose(&ReceiverName::new("managers"), &[part], &context, now).content {
            Content::Email(mail) => mail,
            Content::Mqtt(_) | Content::Webhook(_) => unreachable!("compose makes mails"),
        }
    }

    #[test]
    fn one_entry_is_the_subject_itself() {
        let mail = composed(vec![entry(EntryKind::Opened, "Lamb kebab", "Lamb kebab is out at Kitchen since 18:51")]);
        assert_eq!(mail.subject, "Sahil: Lamb kebab is out at Kitchen since 18:51");
        assert_eq!(mail.thread_id, "sahil.7.2026-05-08");
        for part in [&mail.text, &mail.html] {
            for words in [
                "Lamb kebab is out at Kitchen since 18:51",
                "Plov is low: 2 left",
                "2 h 52 min",
                "18:51",
                "Şah plov, Plov 0.5",
                "Anar takes care of it: supplier; back at 20:00",
            ] {
                assert!(part.contains(words), "'{words}' is missing in\n{part}");
            }
        }
    }

    #[test]
    fn news_of_which_somebody_takes_care_by_now_says_so() {
        // The alert of the other tests, which is open.
        let opened = Entry {
            episode: Some(EpisodeId::derive("plov", at("2026-05-08T12:00:00Z"))),
            ..entry(EntryKind::Opened, "Plov", "Plov is low: 2 left")
        };
        for kind in [EntryKind::Opened, EntryKind::Escalated, EntryKind::Reminded] {
            let mail = composed(vec![Entry { kind, ..opened.clone() }]);
            for part in [&mail.text, &mail.html] {
                let care = "Anar takes care of it: supplier; back at 20:00";
                assert!(part.matches(care).count() == 1 && !part.contains("Still open"), "{kind:?}: {part}");
            }
        }
    }

    /// One link for each alert that somebody can take care of, in both forms, the same each time; none for what is over.
    #[test]
    fn what_is_open_has_a_link_to_say_who_takes_care() {
        let (links, brand, receiver) = (links(), BrandId::new("sahil").expect("a slug"), ReceiverName::new("managers"));
        let taken_care_of = still_open("Plov is low: 2 left");
        let nobody = OpenAlert { acknowledged: None, ..taken_care_of.clone() };
        let clearing = OpenAlert { clear_since: Some(at("2026-05-08T14:51:00Z")), ..nobody.clone() };
        let url = links.url(&brand, &receiver, &nobody.episode).expect("an episode");
        let of_it =
            |kind| Entry { episode: Some(nobody.episode.clone()), ..entry(kind, "Plov", "Plov is low: 2 left") };
        let elsewhere = entry(EntryKind::Opened, "Lamb kebab", "Lamb kebab is out");
        for (still, entry, words) in [
            (&nobody, elsewhere.clone(), Some("I take care of it")),
            (&taken_care_of, elsewhere, Some("Change it")),
            (&nobody, of_it(EntryKind::Opened), Some("I take care of it")),
            (&nobody, of_it(EntryKind::Escalated), Some("I take care of it")),
            (&taken_care_of, of_it(EntryKind::Reminded), Some("Change it")),
            (&nobody, of_it(EntryKind::Closed), None),
            (&clearing, of_it(EntryKind::Opened), None),
        ] {
            let now = at("2026-05-08T14:52:00Z");
            let mail = composed_with(Some(&links), Language::En, still, vec![entry.clone()], now);
            let again = composed_with(Some(&links), Language::En, still, vec![entry.clone()], now);
            assert_eq!(mail, again, "the bytes are the same on every attempt");
            let of_text = format!("{}: {url}\n", words.unwrap_or_default());
            let of_html = format!(">{}</a>", words.unwrap_or_default());
            let expected = usize::from(words.is_some());
            assert_eq!(mail.text.matches(&of_text).count(), expected, "{entry:?}: {}", mail.text);
            assert_eq!(mail.html.matches(&of_html).count(), expected, "{entry:?}: {}", mail.html);
            assert_eq!(mail.html.matches("<a ").count(), expected, "{entry:?}: {}", mail.html);
            let href = mail.html.split("href=\"").nth(1).and_then(|rest| rest.split('"').next());
            assert_eq!(href.map(|href| href.replace("&#x2f;", "/")), words.map(|_| url.clone()), "{}", mail.html);
            let plain = composed_with(None, Language::En, still, vec![entry], now);
            assert!(!plain.text.contains("/ack/") && !plain.html.contains("<a "), "{plain:?}");
        }
    }

    #[test]
    fn a_long_mail_has_links_for_what_is_news_first_and_not_for_everything() {
        let still = still_open("Plov is low: 2 left");
        let now = at("2026-05-08T14:52:00Z");
        let alert = |number: usize| OpenAlert { episode: EpisodeId::derive(&number.to_string(), now), ..still.clone() };
        let open: Vec<OpenAlert> = (0..LINKED_MAX + 5).map(alert).collect();
        let news = open.last().expect("some").clone();
        let opened = Entry { episode: Some(news.episode.clone()), ..entry(EntryKind::Opened, "Dolma", "Dolma is out") };
        let group = Group { opened_at: now, entries: vec![opened] };
        let open: Vec<StillOpen<'_>> = open.iter().map(|alert| StillOpen { alert, under: Vec::new() }).collect();
        let (venue, venue_name) = (Some(VenueId(7)), Some("Sahil"));
        let part = Part { venue, venue_name, station: None, group: &group, open, read_at: None };
        let (brand, zone, links) = (BrandId::new("sahil").expect("a slug"), baku(), links());
        let day_starts = jiff::civil::time(4, 0, 0, 0);
        let context = MailContext {
            language: Language::En,
            brand: &brand,
            zone: &zone,
            day_starts,
            at_most: None,
            links: Some(&links),
        };
        let receiver = ReceiverName::new("managers");
        let Content::Email(mail) = compose(&receiver, &[part], &context, now).content else { panic!("a mail") };
        assert_eq!(mail.text.matches("/ack/").count(), LINKED_MAX);
        let url = links.url(&brand, &receiver, &news.episode).expect("an episode");
        assert!(mail.text.contains(&url), "what is news comes first: {}", mail.text);
    }

    /// What a manager reads, word for word. It waited for the morning, so that it says when things happened.
    #[test]
    fn a_mail_in_each_language() {
        let later = |mut entry: Entry, time: &str| {
            entry.at = at(time);
            entry
        };
        let mails = [
            (Language::En, ["Lamb kebab is out", "Lamb kebab is back", "Piti is back", "Plov is low: 2 left"]),
            (
                Language::Az,
                ["Quzu kababı bitib", "Quzu kababı yenidən satışda", "Piti yenidən satışda", "Plov: 2 qalıb"],
            ),
            (
                Language::Ru,
                ["Люля-кебаб закончился", "Люля-кебаб снова в продаже", "Пити снова в продаже", "Плов: осталось 2"],
            ),
        ]
        .map(|(language, [out, before, back, low])| {
            let entries = vec![
                later(entry(EntryKind::Closed, "Lamb kebab", before), "2026-05-08T10:00:00Z"),
                entry(EntryKind::Opened, "Lamb kebab", out),
                later(entry(EntryKind::Closed, "Piti", back), "2026-05-09T03:55:00Z"),
            ];
            let mail = composed_in(language, low, entries, at("2026-05-09T04:00:00Z"));
            assert_eq!(mail.language, language);
            assert!(mail.html.contains(&format!("<html lang=\"{}\">", language.code())), "{}", mail.html);
            let time = |text: &str| values::time_beside(language, at(text), at("2026-05-09T04:00:00Z"), &baku());
            let both = [
                out.to_owned(),
                low.to_owned(),
                time("2026-05-08T14:52:00Z"),
                letter::before_that(language, &time("2026-05-08T10:00:00Z"), before),
                letter::still_open(language, "Sahil"),
                letter::because_of_it(language, "Şah plov, Plov 0.5"),
                letter::list_read(language, "18:51", Some(Duration::from_secs(47_284))),
                letter::watched_by_us(language, "sahil"),
            ];
            for words in both {
                assert!(mail.text.contains(&words) && mail.html.contains(&words), "'{words}' is missing in {mail:?}");
            }
            format!("{}\n\n{}", mail.subject, mail.text)
        });
        let [english, azerbaijani, russian] = mails;
        insta::assert_snapshot!(english, @r"
        Sahil: Lamb kebab is out; 2 more news

        Lamb kebab is out (Fri 18:52)  [critical]
          before that, at Fri 14:00: Lamb kebab is back
        Piti is back

        Still open at Sahil:
        - Plov is low: 2 left (16 h)
          because of it also: Şah plov, Plov 0.5
          Anar takes care of it: supplier; back at 20:00

        --
        Sahil, 08:00; stop list read at 18:51, 13 h 8 min before this
        eightysix watches sahil on Clopos
        ");
        insta::assert_snapshot!(azerbaijani, @r"
        Sahil: Quzu kababı bitib; daha 2 xəbər

        Quzu kababı bitib (cümə 18:52)  [kritik]
          bundan əvvəl, cümə 14:00: Quzu kababı yenidən satışda
        Piti yenidən satışda

        Hələ də aktivdir (Sahil):
        - Plov: 2 qalıb (16 saat)
          buna görə həmçinin: Şah plov, Plov 0.5
          Anar məşğul olur: təchizatçı; gözlənilir: 20:00

        --
        Sahil, 08:00; stop-siyahı oxunub: 18:51, bundan 13 saat 8 dəq əvvəl
        eightysix Clopos üzərindən izləyir: sahil
        ");
        insta::assert_snapshot!(russian, @r"
        Sahil: Люля-кебаб закончился; ещё 2 новости

        Люля-кебаб закончился (пт 18:52)  [критично]
          до этого, пт 14:00: Люля-кебаб снова в продаже
        Пити снова в продаже

        Всё ещё активно (Sahil):
        - Плов: осталось 2 (16 ч)
          из-за этого также: Şah plov, Plov 0.5
          Anar занимается: поставщик; ожидается: 20:00

        --
        Sahil, 08:00; стоп-лист прочитан в 18:51, за 13 ч 8 мин до этого письма
        eightysix следит за sahil (Clopos)
        ");
    }

    #[test]
    fn several_entries_are_counted_and_named() {
        let mut entries: Vec<Entry> = ["Dolma", "Piti", "Qutab", "Plov", "Şah plov"]
            .iter()
            .map(|name| entry(EntryKind::Opened, name, name))
            .collect();
        entries.push(entry(EntryKind::Closed, "Ayran", "Ayran is back"));
        assert_eq!(composed(entries).subject, "Sahil: Dolma; 5 more news");
    }

    #[test]
    fn hostile_names_are_escaped_in_html_and_left_alone_in_text() {
        let mail = composed(vec![entry(EntryKind::Opened, "<b>x</b>", "<script>alert(1)</script> & co is out")]);
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
        assert!(mail.text.contains("<script>alert(1)</script> & co is out"));
    }

    #[test]
    fn the_same_news_has_the_same_id() {
        let once = composed(vec![entry(EntryKind::Opened, "Dolma", "Dolma is out")]);
        let again = composed(vec![entry(EntryKind::Opened, "Dolma", "Dolma is out")]);
        assert_eq!(once, again);
    }

    #[test]
    fn the_business_day_ends_at_four_in_the_morning() {
        let zone = Zone::named("Asia/Baku").expect("bundled");
        let cut = jiff::civil::time(4, 0, 0, 0);
        for (instant, day) in [("2026-05-08T23:59:00Z", "2026-05-08"), ("2026-05-09T00:00:00Z", "2026-05-09")] {
            assert_eq!(business_day(at(instant), &zone, cut).to_string(), day, "{instant} is 03:59 or 04:00 in Baku");
        }
    }
}
