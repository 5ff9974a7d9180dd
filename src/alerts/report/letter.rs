//! A report of a shift -> one mail: text and HTML from one model, of one venue or of all that open or close in the same
//! minute. The form of a mail serves the report of a week as well.
//!
//! It says how old the knowledge is before anything else. Invariant: that nothing is off is said of a list that was read
//! just now, and of no other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minijinja::{Environment, Value, context};

use crate::alerts::facts;
use crate::alerts::group::notice_id;
use crate::alerts::mail::{SUBJECT_LENGTH_MAX, forms};
use crate::alerts::notice::{Content, Mail, Notice, ReceiverName};
use crate::alerts::order::Acknowledgement;
use crate::alerts::report::ReportKind;
use crate::alerts::words::{letter, report as words, values};
use crate::calendar::Shift;
use crate::language::Language;
use crate::snapshot::{Freshness, Gap, Outage, Snapshot};
use crate::units::{BrandId, ProductId, Timestamp, Zone, printable};

/// Venues of one mail: a longer one is not read, and two are no flood.
pub const VENUES_MAX: usize = 50;
/// Items that a section names in a mail of one venue, the longest off first: a screen or two.
const ITEMS_MAX: usize = 40;
/// The same in a mail of several.
const ITEMS_OF_SEVERAL_MAX: usize = 8;
/// How many names a subject lists.
const SUBJECT_NAMES_MAX: usize = 3;
/// Weekdays are names for this long; what is longer ago has a date.
const WEEKDAYS_FOR: Duration = Duration::from_hours(6 * 24);
/// The template of the plain text.
const TEXT: &str = "report.txt";
/// The template of the HTML, in which names are escaped.
const HTML: &str = "report.html";

/// A report of a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShiftReport {
    /// Before it begins.
    OpeningCheck,
    /// When it is over.
    Handover,
}

impl ShiftReport {
    /// Returns the kind of report that it is.
    pub const fn kind(self) -> ReportKind {
        match self {
            Self::OpeningCheck => ReportKind::OpeningCheck,
            Self::Handover => ReportKind::Handover,
        }
    }
}

/// What a report is made of at one venue.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// What is known of the venue.
    pub snapshot: &'a Snapshot,
    /// How far that can be trusted.
    pub freshness: Freshness,
    /// The shift that begins or is over.
    pub shift: Shift,
    /// What was said last of items by somebody who takes care of an open alert.
    pub care: BTreeMap<ProductId, &'a Acknowledgement>,
}

/// Who reads it, and of which brand.
#[derive(Clone, Debug)]
pub struct ReportContext<'a> {
    /// What the receiver reads.
    pub language: Language,
    /// The tenant.
    pub brand: &'a BrandId,
    /// The zone in which times are shown.
    pub zone: &'a Zone,
}

/// What a page says, in words.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) place: String,
    /// What must be known before the rest is believed.
    pub(super) warnings: Vec<String>,
    pub(super) lead: Option<String>,
    pub(super) sections: Vec<Section>,
    /// When the list was read, unless a warning says so.
    pub(super) read_at: Option<Timestamp>,
    /// What is off, as far as that is known.
    pub(super) off: Vec<String>,
    pub(super) is_known: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) mark: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) more: usize,
}

impl Section {
    /// Makes a section of lines, if there are any; what is more than `most` is counted.
    pub(super) fn of(title: &'static str, mark: &'static str, mut lines: Vec<Line>, most: usize) -> Option<Self> {
        let more = lines.len().saturating_sub(most);
        lines.truncate(most);
        (!lines.is_empty()).then_some(Self { title, mark, lines, more })
    }
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) station: Option<String>,
    pub(super) times: String,
    pub(super) notes: Vec<String>,
}

/// A mail in words, before it has a form.
pub(super) struct Body {
    pub(super) subject: String,
    pub(super) is_of_several: bool,
    /// The venues of which there is nothing to say, in a sentence.
    pub(super) nothing_off_at: Option<String>,
    pub(super) list_read: Option<String>,
    pub(super) pages: Vec<Said>,
}

/// Renders the report of some venues, at least one.
pub fn compose(
    receiver: &ReceiverName,
    report: ShiftReport,
    pages: &[Page<'_>],
    context: &ReportContext<'_>,
    now: Timestamp,
) -> Notice {
    let most = if pages.len() > 1 { ITEMS_OF_SEVERAL_MAX } else { ITEMS_MAX };
    let mut said: Vec<Said> = pages.iter().map(|page| Writer { page, context, most, now }.said(report)).collect();
    // What nobody knows comes first; the sort keeps the order of the rest.
    said.sort_by_key(|said| said.is_known);
    let word = report.kind().word();
    let id = |page: &Page<'_>| format!("report/{word}/{}/{}/{}", context.brand, page.snapshot.id(), page.shift.day);
    let ids: Vec<String> = pages.iter().map(id).collect();
    let is_of_several = said.len() > 1;
    let has_nothing =
        |page: &Said| is_of_several && page.is_known && page.sections.is_empty() && page.warnings.is_empty();
    let free: Vec<&str> = said.iter().filter(|page| has_nothing(page)).map(|page| page.place.as_str()).collect();
    let body = Body {
        subject: subject(report.kind(), &said, context),
        is_of_several,
        nothing_off_at: (!free.is_empty()).then(|| words::nothing_off_at(context.language, &free.join(", "))),
        list_read: list_read(&said, context),
        pages: said.iter().filter(|page| !has_nothing(page)).cloned().collect(),
    };
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    notice(receiver, &ids, thread_id(pages, context), &body, context, now)
}

/// Gives a mail its form. `ids` say what it is about, so that the same report is known again.
pub(super) fn notice(
    receiver: &ReceiverName,
    ids: &[&str],
    thread_id: String,
    body: &Body,
    context: &ReportContext<'_>,
    now: Timestamp,
) -> Notice {
    let id = notice_id(receiver, ids);
    let subject = body.subject.clone();
    let templates = templates();
    let model = model(body, context, now);
    let render = |name: &str| {
        let rendered = templates.get_template(name).and_then(|template| template.render(&model));
        rendered.unwrap_or_else(|_| plain(&subject, &body.pages))
    };
    let mail = Mail {
        message_id: id.as_str().to_owned(),
        thread_id,
        language: context.language,
        text: render(TEXT),
        html: render(HTML),
        subject: subject.clone(),
    };
    Notice { id, receiver: receiver.clone(), at: now, content: Content::Email(mail), summary: subject }
}

/// A thread of its own for the reports of a business day: what looks for the mails of an alert must not find them.
fn thread_id(pages: &[Page<'_>], context: &ReportContext<'_>) -> String {
    let venue = if let [page] = pages { page.snapshot.id().to_string() } else { "brand".to_owned() };
    let day = pages.iter().map(|page| page.shift.day).max().unwrap_or_default();
    format!("report.{}.{venue}.{day}", context.brand)
}

fn subject(kind: ReportKind, said: &[Said], context: &ReportContext<'_>) -> String {
    let language = context.language;
    let place = if let [page] = said { page.place.as_str() } else { context.brand.as_str() };
    let unknown = said.iter().filter(|page| !page.is_known).count();
    let off: usize = said.iter().map(|page| page.off.len()).sum();
    let is_of_several = said.len() > 1;
    let names = if let [page] = said { names(&page.off) } else { String::new() };
    let parts = [
        Some(words::title(language, kind).to_owned()),
        is_of_several.then(|| words::venues(language, said.len())),
        (off > 0).then(|| format!("{}{names}", words::off(language, off))),
        (unknown > 0).then(|| words::not_known(language, is_of_several.then_some(unknown))),
        (off == 0 && unknown == 0).then(|| words::none_off(language).to_owned()),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    printable(&format!("{place}: {parts}"), SUBJECT_LENGTH_MAX)
}

/// Names some of what is off.
pub(super) fn names(off: &[String]) -> String {
    let more = if off.len() > SUBJECT_NAMES_MAX { ", …" } else { "" };
    format!(" ({}{more})", off.iter().take(SUBJECT_NAMES_MAX).cloned().collect::<Vec<_>>().join(", "))
}

fn model(body: &Body, context: &ReportContext<'_>, now: Timestamp) -> Value {
    let page = |page: &Said| {
        let section = |section: &Section| {
            let line = |line: &Line| {
                context! { name => &line.name, station => &line.station, times => &line.times, notes => &line.notes }
            };
            context! {
                title => section.title,
                mark => section.mark,
                lines => section.lines.iter().map(line).collect::<Vec<Value>>(),
                more => (section.more > 0).then(|| words::more_items(context.language, section.more)),
            }
        };
        context! {
            place => &page.place,
            warnings => &page.warnings,
            lead => &page.lead,
            sections => page.sections.iter().map(section).collect::<Vec<Value>>(),
        }
    };
    context! {
        language => context.language.code(),
        brand => context.brand.as_str(),
        is_of_several => body.is_of_several,
        list_read => &body.list_read,
        nothing_off_at => &body.nothing_off_at,
        pages => body.pages.iter().map(page).collect::<Vec<Value>>(),
        sent_at => now.local_time(context.zone),
        watched_by_us => letter::watched_by_us(context.language, context.brand.as_str()),
    }
}

/// Says when the lists were read that need no warning.
pub(super) fn list_read(said: &[Said], context: &ReportContext<'_>) -> Option<String> {
    let at = said.iter().filter_map(|page| page.read_at).min()?.local_time(context.zone);
    Some(match said {
        [_] => letter::list_read(context.language, &at, None),
        _ => words::lists_read(context.language, &at),
    })
}

fn templates() -> Environment<'static> {
    forms(&[
        (TEXT, include_str!("../../../config/templates/report.txt")),
        (
            HTML,
            concat!(
                include_str!("../../../config/templates/head.html"),
                include_str!("../../../config/templates/report.html")
            ),
        ),
    ])
}

/// The text that goes out if a template fails: never lose a report to its form.
fn plain(subject: &str, said: &[Said]) -> String {
    let lines = said.iter().flat_map(|page| &page.sections).flat_map(|section| &section.lines);
    let lines = lines.map(|line| format!("{}: {}", line.name, line.times));
    std::iter::once(subject.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Writes one page.
struct Writer<'a> {
    page: &'a Page<'a>,
    context: &'a ReportContext<'a>,
    most: usize,
    now: Timestamp,
}

impl Writer<'_> {
    fn said(&self, report: ShiftReport) -> Said {
        let (snapshot, language) = (self.page.snapshot, self.context.language);
        let place = values::name(language, &facts::venue_name(snapshot)).into_owned();
        let Some(read_at) = snapshot.read_at else {
            let warnings = vec![words::list_never_read(language).to_owned()];
            return Said { place, warnings, ..Said::default() };
        };
        let at = self.time(read_at);
        let age = self.now.since(read_at);
        let warning = match self.page.freshness {
            Freshness::Fresh => None,
            Freshness::Stale => Some(words::list_is_old(language, &at, age)),
            Freshness::Blind => Some(words::list_is_blind(language, &at, age)),
        };
        let is_fresh = warning.is_none();
        let read_at = is_fresh.then_some(read_at);
        let out = self.out();
        let (lead, sections) = match report {
            ShiftReport::OpeningCheck => self.opening_check(&out),
            ShiftReport::Handover => self.handover(&out),
        };
        let as_it_was = (!is_fresh && (lead.is_some() || !out.is_empty())).then(|| words::as_it_was(language, &at));
        let unread = (report == ShiftReport::Handover).then(|| self.was_not_read()).flatten();
        let warnings = warning.into_iter().chain(unread).chain(as_it_was).collect();
        let nothing = || {
            if is_fresh { words::nothing_off(language).to_owned() } else { words::nothing_was_off(language, &at) }
        };
        let lead = lead.or_else(|| out.is_empty().then(nothing));
        let name = |(id, _): &(ProductId, Timestamp)| self.name(*id);
        let off = if is_fresh { out.iter().map(name).collect() } else { Vec::new() };
        Said { place, warnings, lead, sections, read_at, off, is_known: is_fresh }
    }

    /// Says when nobody read the list in the shift.
    fn was_not_read(&self) -> Option<String> {
        let language = self.context.language;
        let Shift { opens_at, closes_at, .. } = self.page.shift;
        let closes_at = closes_at.unwrap_or(self.now);
        // What lies in closed hours alone keeps nobody from knowing the shift.
        let is_of_shift = |gap: &&Gap| gap.from.max(opens_at) < gap.until.min(closes_at);
        let gaps: Vec<&Gap> = self.page.snapshot.gaps.iter().filter(is_of_shift).collect();
        let last = gaps.last()?;
        Some(if let [gap] = gaps[..] {
            words::was_not_read(language, &self.time(gap.from), &self.time(gap.until), gap.length())
        } else {
            let all = gaps.iter().map(|gap| gap.length()).sum();
            words::was_often_not_read(language, gaps.len(), all, &self.time(last.until))
        })
    }

    /// Returns what is off and since when, the longest first.
    fn out(&self) -> Vec<(ProductId, Timestamp)> {
        let rows = self.page.snapshot.picture.rows.iter().filter(|(_, row)| row.is_out());
        let mut out: Vec<_> = rows.map(|(id, row)| (*id, row.since)).collect();
        out.sort_by_key(|(id, since)| (*since, *id));
        out
    }

    fn opening_check(&self, out: &[(ProductId, Timestamp)]) -> (Option<String>, Vec<Section>) {
        let language = self.context.language;
        let (today, before): (Vec<_>, Vec<_>) = out.iter().partition(|(_, since)| self.is_of_shift(*since));
        let lead = (before.is_empty() && !today.is_empty()).then(|| words::nothing_left_over(language).to_owned());
        let section = |title, items: &[(ProductId, Timestamp)]| {
            self.section(title, "warning", items.iter().map(|(id, since)| self.line_of_off(*id, *since)).collect())
        };
        let sections = [section(words::left_over(language), &before), section(words::off_today(language), &today)];
        (lead, sections.into_iter().flatten().collect())
    }

    fn handover(&self, out: &[(ProductId, Timestamp)]) -> (Option<String>, Vec<Section>) {
        let (language, snapshot) = (self.context.language, self.page.snapshot);
        let is_out: BTreeSet<ProductId> = out.iter().map(|(id, _)| *id).collect();
        let mut ended: BTreeMap<ProductId, Vec<&Outage>> = BTreeMap::new();
        for outage in snapshot.outages.iter().filter(|outage| self.is_of_shift(outage.back_at)) {
            ended.entry(outage.product).or_default().push(outage);
        }
        let begun_again = out.iter().filter(|(_, since)| self.is_of_shift(*since)).map(|(id, _)| *id);
        let begun_and_ended = snapshot.outages.iter().filter(|outage| self.is_of_shift(outage.since));
        let went_off: BTreeSet<ProductId> = begun_again.chain(begun_and_ended.map(|outage| outage.product)).collect();
        let still: Vec<Line> = out
            .iter()
            .map(|(id, since)| {
                let mut line = self.line_of_off(*id, *since);
                let before = ended.get(id).map(|outages| words::off_before(language, lasted(outages)));
                line.notes.splice(0..0, before);
                line
            })
            .collect();
        let back: Vec<(ProductId, Vec<&Outage>)> = ended.into_iter().filter(|(id, _)| !is_out.contains(id)).collect();
        let lead = words::turnover(language, went_off.len(), back.len(), out.len());
        let back = back.iter().map(|(id, outages)| self.line_of_back(*id, outages)).collect();
        let sections = [
            self.section(words::still_off(language), "warning", still),
            self.section(words::came_back(language), "over", back),
        ];
        (Some(lead), sections.into_iter().flatten().collect())
    }

    fn section(&self, title: &'static str, mark: &'static str, lines: Vec<Line>) -> Option<Section> {
        Section::of(title, mark, lines, self.most)
    }

    fn line_of_off(&self, id: ProductId, since: Timestamp) -> Line {
        let language = self.context.language;
        let care = self.page.care.get(&id);
        let words = care.map(|said| said.in_words(language, self.context.zone));
        // Who said it this evening named no day, and the mail is read in the morning.
        let overdue = care.and_then(|said| said.back_at).filter(|at| *at <= self.now);
        let overdue = overdue.map(|at| words::is_overdue(language, &self.time(at)));
        let times = words::off_since(language, &self.time(since), self.as_of().since(since));
        Line { notes: words.into_iter().chain(overdue).collect(), ..self.line(id, times) }
    }

    fn line_of_back(&self, id: ProductId, outages: &[&Outage]) -> Line {
        let language = self.context.language;
        let times = match outages {
            [outage] => {
                let (from, to) = (self.time(outage.since), self.time(outage.back_at));
                words::off_between(language, &from, &to, outage.back_at.since(outage.since))
            }
            outages => {
                let last = outages.iter().map(|outage| outage.back_at).max().unwrap_or(self.now);
                words::off_often(language, outages.len(), lasted(outages), &self.time(last))
            }
        };
        self.line(id, times)
    }

    fn line(&self, id: ProductId, times: String) -> Line {
        Line { name: self.name(id), station: facts::station_name(self.page.snapshot, id), times, notes: Vec::new() }
    }

    fn name(&self, id: ProductId) -> String {
        values::name(self.context.language, &facts::product_name(self.page.snapshot, id)).into_owned()
    }

    /// Returns the moment of which the list speaks.
    fn as_of(&self) -> Timestamp {
        match self.page.freshness {
            Freshness::Fresh => self.now,
            Freshness::Stale | Freshness::Blind => self.page.snapshot.read_at.unwrap_or(self.now),
        }
    }

    /// Says whether an instant is of the shift that is reported, or of the time after it.
    fn is_of_shift(&self, at: Timestamp) -> bool {
        at >= self.page.shift.begins_at
    }

    fn time(&self, at: Timestamp) -> String {
        let (language, zone) = (self.context.language, self.context.zone);
        if self.now.since(at) < WEEKDAYS_FOR {
            values::time_beside(language, at, self.now, zone)
        } else {
            values::day_and_time(language, at, zone)
        }
    }
}

fn lasted(outages: &[&Outage]) -> Duration {
    outages.iter().map(|outage| outage.back_at.since(outage.since)).sum()
}
