//! The report of a week -> one mail: of one venue, or of a chain with its venues one below the other.
//!
//! Of a chain it says first which venues and which items had the most time on stop; the worst venues follow with their
//! items. Invariant: what nobody read is said, and that nothing was off is never said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::alerts::facts;
use crate::alerts::mail::SUBJECT_LENGTH_MAX;
use crate::alerts::notice::{Notice, ReceiverName};
use crate::alerts::report::ReportKind;
use crate::alerts::report::letter::{Body, Line, ReportContext, Said, Section, list_read, names, notice};
use crate::alerts::report::week::{History, ItemWeek, VenueWeek};
use crate::alerts::words::{report as report_words, values, weekly as words};
use crate::calendar::Week;
use crate::snapshot::{Freshness, Snapshot, StopRow};
use crate::units::{Timestamp, printable};

/// Items that a mail of one venue names: what one can care for in the week that follows.
const ITEMS_MAX: usize = 10;
/// The same for each venue of a chain.
const ITEMS_OF_SEVERAL_MAX: usize = 5;
/// Venues of a chain that a mail lists: a longer list is not read.
const VENUES_MAX: usize = 50;
/// Venues of a chain whose items are named, the worst first.
const VENUES_DETAILED_MAX: usize = 12;
/// Items that were off at several venues.
const SHARED_MAX: usize = 10;
/// Venues that are named behind such an item.
const SHARED_VENUES_MAX: usize = 8;

/// What a week is told of at one venue.
#[derive(Clone, Copy, Debug)]
pub struct WeekPage<'a> {
    /// What is known of the venue at present.
    pub snapshot: &'a Snapshot,
    /// How far that can be trusted.
    pub freshness: Freshness,
    /// The week.
    pub weighed: &'a VenueWeek,
}

/// Renders the week of some venues, at least one.
pub fn compose(
    receiver: &ReceiverName,
    week: &Week,
    pages: &[WeekPage<'_>],
    context: &ReportContext<'_>,
    now: Timestamp,
) -> Notice {
    let word = ReportKind::Weekly.word();
    let id = |page: &WeekPage<'_>| format!("report/{word}/{}/{}/{}", context.brand, page.snapshot.id(), week.day);
    let ids: Vec<String> = pages.iter().map(id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let writer = Writer { week, context };
    let place = if let [page] = pages { page.snapshot.id().to_string() } else { "brand".to_owned() };
    let thread_id = format!("report.{word}.{}.{place}.{}", context.brand, week.day);
    let body = match pages {
        [page] => writer.of_one(page),
        pages => writer.of_several(pages),
    };
    notice(receiver, &ids, thread_id, &body, context, now)
}

/// Writes one mail.
struct Writer<'a> {
    week: &'a Week,
    context: &'a ReportContext<'a>,
}

impl Writer<'_> {
    fn of_one(&self, page: &WeekPage<'_>) -> Body {
        let lead = Some(self.lead(page.weighed));
        let said = Said { warnings: self.warnings(page), lead, ..self.page(page, ITEMS_MAX) };
        let subject = self.subject(&said.place, std::slice::from_ref(page), &names(&said.off));
        let list_read = list_read(std::slice::from_ref(&said), self.context);
        Body { subject, is_of_several: false, nothing_off_at: None, list_read, pages: vec![said] }
    }

    fn of_several(&self, pages: &[WeekPage<'_>]) -> Body {
        let mut worst: Vec<&WeekPage<'_>> = pages.iter().collect();
        worst.sort_by_key(|page| std::cmp::Reverse(page.weighed.off()));
        let with_items = worst.iter().filter(|page| !page.weighed.items.is_empty()).take(VENUES_DETAILED_MAX);
        let detailed: Vec<Said> = with_items.map(|page| self.page(page, ITEMS_OF_SEVERAL_MAX)).collect();
        let overview = self.overview(pages, &worst);
        Body {
            subject: self.subject(self.context.brand.as_str(), pages, ""),
            is_of_several: true,
            nothing_off_at: self.free(pages),
            list_read: None,
            pages: std::iter::once(overview).chain(detailed).collect(),
        }
    }

    fn subject(&self, place: &str, pages: &[WeekPage<'_>], names: &str) -> String {
        let language = self.context.language;
        let title = report_words::title(language, ReportKind::Weekly);
        let days = words::days(language, self.week.first_day(), self.week.last_day());
        let off: Duration = pages.iter().map(|page| page.weighed.off()).sum();
        let is_read = pages.iter().any(|page| !page.weighed.read.is_zero());
        let is_closed = pages.iter().all(|page| page.weighed.served.is_zero());
        let news = match (off.is_zero(), is_read) {
            (false, _) => format!("{}{names}", words::on_stop(language, off)),
            (true, true) => words::none_off(language).to_owned(),
            (true, false) if is_closed => words::were_closed(language).to_owned(),
            (true, false) => words::not_known(language).to_owned(),
        };
        let parts = [
            Some(format!("{title} {days}")),
            (pages.len() > 1).then(|| report_words::venues(language, pages.len())),
            Some(news),
        ];
        let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        printable(&format!("{place}: {parts}"), SUBJECT_LENGTH_MAX)
    }

    /// Says in a sentence at which venues nothing was off, of those that were read all week.
    fn free(&self, pages: &[WeekPage<'_>]) -> Option<String> {
        let is_free = |page: &&WeekPage<'_>| {
            page.weighed.items.is_empty() && page.weighed.is_known() && !page.weighed.served.is_zero()
        };
        let free: Vec<String> = pages.iter().filter(is_free).map(|page| self.place(page)).collect();
        (!free.is_empty()).then(|| words::nothing_off_at(self.context.language, &self.shortened(&free, VENUES_MAX)))
    }

    /// Says what is so of the chain as a whole.
    fn overview(&self, pages: &[WeekPage<'_>], worst: &[&WeekPage<'_>]) -> Said {
        let language = self.context.language;
        let place = self.context.brand.as_str().to_owned();
        let is_open = pages.iter().any(|page| !page.weighed.served.is_zero());
        if is_open && pages.iter().all(|page| page.weighed.read.is_zero()) {
            // Of a week that nobody read nothing is said but that.
            return Said { place, warnings: vec![words::never_read(language).to_owned()], ..Said::default() };
        }
        let unknown = pages.iter().filter(|page| !page.weighed.is_known()).count();
        let sum = |of: fn(&VenueWeek) -> usize| pages.iter().map(|page| of(page.weighed)).sum::<usize>();
        let off: Duration = pages.iter().map(|page| page.weighed.off()).sum();
        let before: Option<Duration> = pages.iter().map(|page| page.weighed.before).sum();
        let in_hours = pages.iter().all(|page| page.weighed.has_hours);
        let total = if !is_open {
            words::closed(language).to_owned()
        } else if off.is_zero() {
            words::nothing_off(language, in_hours).to_owned()
        } else {
            words::total(language, off, self.names_off(pages).len(), sum(VenueWeek::stops), in_hours)
        };
        let mut lead = vec![total];
        lead.extend(self.against(off, before).map(|against| words::that_is(language, &against)));
        let has_news = |page: &&&WeekPage<'_>| !page.weighed.items.is_empty() || !page.weighed.is_known();
        let venues = worst.iter().filter(has_news).map(|page| self.venue(page)).collect();
        let sections = [
            Section::of(words::by_venue(language), "warning", venues, VENUES_MAX),
            Section::of(words::at_several(language), "warning", self.shared(worst), SHARED_MAX),
        ];
        Said {
            place,
            warnings: (unknown > 0).then(|| words::not_all_known(language, unknown)).into_iter().collect(),
            lead: Some(lead.join(" ")),
            sections: sections.into_iter().flatten().collect(),
            is_known: unknown == 0,
            ..Said::default()
        }
    }

    /// Says in a line what is so of a venue of a chain.
    fn venue(&self, page: &WeekPage<'_>) -> Line {
        let (language, weighed) = (self.context.language, page.weighed);
        let against = self.against(weighed.off(), weighed.before);
        let times = match (weighed.off().is_zero(), weighed.read.is_zero()) {
            (false, _) => words::venue(language, weighed.off(), weighed.items.len(), weighed.stops()),
            (true, false) => words::none_off(language).to_owned(),
            (true, true) => words::not_known(language).to_owned(),
        };
        let warnings = self.warnings(page).into_iter().filter(|_| !weighed.read.is_zero());
        let notes = against.into_iter().chain(warnings).collect();
        Line { name: self.place(page), station: None, times, notes }
    }

    /// Returns the names of everything that was off somewhere.
    fn names_off(&self, pages: &[WeekPage<'_>]) -> BTreeSet<String> {
        pages.iter().flat_map(|page| page.weighed.items.iter().map(|item| self.name(page, item))).collect()
    }

    /// Says what was off at more than one venue: at the most first, and the longest of those. `worst` are the venues in the
    /// order in which they are named.
    fn shared(&self, worst: &[&WeekPage<'_>]) -> Vec<Line> {
        let language = self.context.language;
        let mut by_name: BTreeMap<String, (BTreeSet<usize>, Duration)> = BTreeMap::new();
        for (nth, page) in worst.iter().enumerate() {
            for item in &page.weighed.items {
                let (venues, off) = by_name.entry(self.name(page, item)).or_default();
                venues.insert(nth);
                *off += item.off;
            }
        }
        let mut shared: Vec<_> = by_name.into_iter().filter(|(_, (venues, _))| venues.len() > 1).collect();
        shared.sort_by_key(|(_, (venues, off))| std::cmp::Reverse((venues.len(), *off)));
        let line = |(name, (venues, off)): (String, (BTreeSet<usize>, Duration))| {
            let places: Vec<String> = venues.iter().filter_map(|nth| Some(self.place(worst.get(*nth)?))).collect();
            let times = words::item_of_several(language, off, places.len());
            Line { name, station: None, times, notes: vec![self.shortened(&places, SHARED_VENUES_MAX)] }
        };
        shared.into_iter().map(line).collect()
    }

    /// Says which items were off at a venue; how much that is and what is not known of it is said elsewhere.
    fn page(&self, page: &WeekPage<'_>, most: usize) -> Said {
        let (language, weighed) = (self.context.language, page.weighed);
        let line = |item: &&ItemWeek| self.line(page, item);
        let (always, others): (Vec<&ItemWeek>, Vec<&ItemWeek>) =
            weighed.items.iter().partition(|item| weighed.is_nearly_always(item));
        let sections = [
            Section::of(words::nearly_always(language), "critical", always.iter().map(line).collect(), most),
            Section::of(words::longest(language), "warning", others.iter().map(line).collect(), most),
        ];
        let is_fresh = page.freshness == Freshness::Fresh;
        Said {
            place: self.place(page),
            warnings: Vec::new(),
            lead: self.aside(weighed),
            sections: sections.into_iter().flatten().collect(),
            read_at: page.snapshot.read_at.filter(|_| is_fresh),
            off: weighed.items.iter().map(|item| self.name(page, item)).collect(),
            is_known: weighed.is_known(),
        }
    }

    fn lead(&self, weighed: &VenueWeek) -> String {
        let (language, off) = (self.context.language, weighed.off());
        let total = if weighed.served.is_zero() {
            Some(words::closed(language).to_owned())
        } else if !off.is_zero() {
            Some(words::total(language, off, weighed.items.len(), weighed.stops(), weighed.has_hours))
        } else if !weighed.read.is_zero() {
            Some(words::nothing_off(language, weighed.has_hours).to_owned())
        } else {
            None
        };
        let against = self.against(off, weighed.before).map(|against| words::that_is(language, &against));
        [total, against, self.aside(weighed)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Compares with the week before, where that is known; twice nothing needs no comparison.
    fn against(&self, off: Duration, before: Option<Duration>) -> Option<String> {
        let before = before.filter(|before| !(before.is_zero() && off.is_zero()))?;
        Some(words::against(self.context.language, off, before))
    }

    /// Says what is counted at a venue otherwise than at others, if anything is.
    fn aside(&self, weighed: &VenueWeek) -> Option<String> {
        let language = self.context.language;
        let sentences = [
            (!weighed.has_hours).then(|| words::no_hours(language).to_owned()),
            (weighed.not_sold > 0).then(|| words::not_sold(language, weighed.not_sold)),
        ];
        let said = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!said.is_empty()).then_some(said)
    }

    /// Says what must be known before the figures of a venue are believed.
    fn warnings(&self, page: &WeekPage<'_>) -> Vec<String> {
        let (language, weighed) = (self.context.language, page.weighed);
        if weighed.read.is_zero() && !weighed.served.is_zero() {
            return vec![words::never_read(language).to_owned()];
        }
        let known_from = weighed.known_from.filter(|_| weighed.read + weighed.missed < weighed.served);
        let at = |at: Timestamp| values::day_and_time(language, at, self.context.zone);
        let warnings = [
            known_from.map(|from| words::known_from(language, &at(from))),
            (!weighed.missed.is_zero()).then(|| words::missed(language, weighed.missed)),
            weighed.is_cut.then(|| words::is_cut(language, History::LINES_MAX)),
        ];
        warnings.into_iter().flatten().collect()
    }

    fn line(&self, page: &WeekPage<'_>, item: &ItemWeek) -> Line {
        let (language, snapshot) = (self.context.language, page.snapshot);
        let is_out = snapshot.picture.rows.get(&item.product).is_some_and(StopRow::is_out);
        let still = (is_out && page.freshness == Freshness::Fresh).then(|| words::still_off(language).to_owned());
        Line {
            name: self.name(page, item),
            station: facts::station_name(snapshot, item.product),
            times: words::item(language, item.off, item.stops, item.longest),
            notes: still.into_iter().collect(),
        }
    }

    fn name(&self, page: &WeekPage<'_>, item: &ItemWeek) -> String {
        values::name(self.context.language, &facts::product_name(page.snapshot, item.product)).into_owned()
    }

    fn place(&self, page: &WeekPage<'_>) -> String {
        values::name(self.context.language, &facts::venue_name(page.snapshot)).into_owned()
    }

    /// Lists names, and counts those that are too many.
    fn shortened(&self, names: &[String], most: usize) -> String {
        let listed = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
        match names.len().saturating_sub(most) {
            0 => listed,
            more => values::and_more(self.context.language, &listed, more),
        }
    }
}

#[cfg(test)]
mod tests;
