//! What must be true of reports by the clock, from docs/rules.md ("Reports by the clock"): each comes once, in its time,
//! and says what the last reading showed and how far that is known.
//!
//! Reads the mails as their receiver does. Invariant: nothing is asked of the engine, neither what is due nor what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eightysix::alerts::notice::{Content, Mail};
use eightysix::alerts::report::{ReportKind, Reports};
use eightysix::engine::Commit;
use eightysix::units::{ProductId, Timestamp, Uptime, VenueId, Zone};
use jiff::civil::Date;

use crate::chain::INGREDIENT;
use crate::driver::Clock;
use crate::life::Met;
use crate::reference::{Reading, Reference};

/// Who is mailed by the clock, and of nothing else.
pub(crate) const HOUSE: &str = "house";
/// How long before the doors open, and after they close.
const BEFORE: Duration = Duration::from_mins(2);
const AFTER: Duration = Duration::from_mins(1);
/// A report is late by less than this.
const LATE_MAX: Duration = Duration::from_hours(2);
/// A list that is older is not known.
const STALE_AFTER: Duration = Duration::from_mins(1);
/// What is due comes so late at most, when nothing fails.
const SENT_WITHIN: Duration = Duration::from_secs(10);
/// From so long before the doors close nobody is reminded.
const NO_REMINDERS_FOR: Duration = Duration::from_mins(30);

/// What came of reports, in the words of what was met.
pub(crate) const REPORTED: [&str; 5] = [OPENED, HANDED_OVER, NOT_KNOWN, LATE, LEFT_OUT];
const OPENED: &str = "an opening check";
const HANDED_OVER: &str = "a handover";
const NOT_KNOWN: &str = "a report of a list that nobody knows";
const LATE: &str = "a report that came late";
const LEFT_OUT: &str = "a report that was left out";

/// Returns which reports the house asks for.
pub(crate) fn asked_for() -> Reports {
    Reports { opening_check: Some(BEFORE), handover: Some(AFTER), weekly: None }
}

/// The doors of a venue, on our wall clock.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    pub(crate) opens: Timestamp,
    pub(crate) closes: Timestamp,
    /// The same for each day, as the configuration says it.
    pub(crate) text: String,
}

/// A report that there is, once.
#[derive(Clone, Debug)]
struct Plan {
    kind: ReportKind,
    venue: VenueId,
    due_at: Timestamp,
    too_late_at: Timestamp,
    day: Date,
    /// From when on what happens is of this shift.
    begins: Timestamp,
    /// When somebody was first known to ask for it.
    asked_at: Option<Timestamp>,
    is_sent: bool,
    /// In which life, and since when in it, it could have been sent.
    overdue_since: Option<(u64, Uptime)>,
}

/// The judge of reports.
#[derive(Debug)]
pub(crate) struct ReportsModel {
    plans: Vec<Plan>,
    doors: BTreeMap<VenueId, Doors>,
    venues: BTreeMap<String, VenueId>,
    begun_at: Timestamp,
    /// The life in which every venue was read, since the process started.
    read_in: Option<u64>,
}

/// What a mail says of a venue.
#[derive(Debug, Default)]
struct Page {
    is_known: bool,
    says_nothing_is_off: bool,
    off: BTreeSet<ProductId>,
    before_today: usize,
    more_off: usize,
    back: BTreeSet<ProductId>,
    more_back: usize,
    /// How many went off, came back and are still off.
    turnover: Option<[usize; 3]>,
}

impl ReportsModel {
    /// Begins with the doors of some venues.
    pub(crate) fn new(
        doors: BTreeMap<VenueId, Doors>,
        venues: BTreeMap<String, VenueId>,
        zone: &Zone,
        begun_at: Timestamp,
    ) -> Self {
        let plans = doors.iter().flat_map(|(venue, doors)| plans(*venue, doors, zone)).collect();
        Self { plans, doors, venues, begun_at, read_in: None }
    }

    /// Judges the reports that a commit sends and leaves out.
    pub(crate) fn judge(&mut self, commit: &Commit, reference: &Reference, clock: Clock, met: &mut Met) {
        for notice in commit.notices.iter().filter(|notice| notice.receiver.as_str() == HOUSE) {
            let Content::Email(mail) = &notice.content else { panic!("the house gets mail") };
            self.judge_mail(mail, reference, clock, met);
        }
        for (key, day) in &commit.missed {
            let of_key = |plan: &&Plan| (plan.venue, plan.kind, plan.day) == (key.venue, key.kind, *day);
            if let Some(plan) = self.plans.iter().find(of_key) {
                assert!(clock.wall >= plan.too_late_at && !plan.is_sent, "left out at {}: {plan:?}", clock.wall);
                meets(met, LEFT_OUT);
            }
        }
        for (key, _) in &commit.reported {
            for plan in self.plans.iter_mut().filter(|plan| (plan.venue, plan.kind) == (key.venue, key.kind)) {
                plan.asked_at.get_or_insert(clock.wall);
            }
        }
    }

    /// Sees that what can be sent is sent, while the process runs.
    pub(crate) fn look(&mut self, reference: &Reference, clock: Clock) {
        let life = reference.life();
        let is_read = |venue: &VenueId| matches!(reference.may_be_known(*venue), [it] if reference.is_sure(it));
        if self.doors.keys().all(is_read) {
            self.read_in = Some(life);
        }
        let can_be_sent = self.read_in == Some(life) && reference.can_store(clock.uptime);
        for plan in &mut self.plans {
            let is_due = (plan.due_at..plan.too_late_at).contains(&clock.wall);
            let is_asked_for = plan.asked_at.is_some_and(|at| plan.due_at >= at);
            if plan.is_sent || !(is_due && is_asked_for && can_be_sent) {
                plan.overdue_since = None;
                continue;
            }
            let known = plan.overdue_since.filter(|(of, _)| *of == life).map(|(_, since)| since);
            let since = known.unwrap_or(clock.uptime);
            plan.overdue_since = Some((life, since));
            assert!(clock.uptime.since(since) <= SENT_WITHIN, "nobody got the report at {}: {plan:?}", clock.wall);
        }
    }

    /// Judges a reminder of what is open at a venue: it comes while the doors are open, and not shortly before they close.
    pub(crate) fn judge_reminder(&self, venue: VenueId, wall: Timestamp) {
        let Some(Doors { opens, closes, .. }) = self.doors.get(&venue) else { return };
        let is_time = *opens <= wall && wall.plus(NO_REMINDERS_FOR) < *closes;
        assert!(is_time, "a reminder at {wall}, and the doors are open from {opens} to {closes}");
    }

    fn judge_mail(&mut self, mail: &Mail, reference: &Reference, clock: Clock, met: &mut Met) {
        let kind = if mail.subject.contains("opening check") { ReportKind::OpeningCheck } else { ReportKind::Handover };
        let pages = self.read(mail);
        let is_all_known = pages.values().all(|page| page.is_known);
        let is_nothing = is_all_known && pages.values().all(|page| page.off.is_empty());
        assert_eq!(mail.subject.contains("nothing is off"), is_nothing, "{mail:?}");
        for (venue, page) in &pages {
            let plan = self.plans.iter_mut().find(|plan| (plan.venue, plan.kind) == (*venue, kind)).expect("asked for");
            let day = plan.day;
            assert!(mail.thread_id.ends_with(&format!(".{day}")), "not of {day}: {mail:?}");
            assert!(!plan.is_sent, "it comes once more at {}: {plan:?}", clock.wall);
            let is_due = (plan.due_at..plan.too_late_at).contains(&clock.wall);
            assert!(is_due, "it comes at {}: {plan:?}", clock.wall);
            plan.is_sent = true;
            meets(met, if kind == ReportKind::OpeningCheck { OPENED } else { HANDED_OVER });
            if clock.wall >= plan.due_at.plus(Duration::from_mins(1)) {
                meets(met, LATE);
            }
            if !page.is_known {
                meets(met, NOT_KNOWN);
            }
            let begins = plan.begins;
            self.judge_page(*venue, kind, begins, page, reference, clock);
        }
    }

    fn judge_page(
        &self,
        venue: VenueId,
        kind: ReportKind,
        begins: Timestamp,
        page: &Page,
        reference: &Reference,
        clock: Clock,
    ) {
        let all = reference.may_be_known(venue);
        let heard: Vec<&Reading> = all.iter().filter(|reading| !reading.is_lie()).collect();
        let age = |reading: &Reading| clock.wall.since(reading.heard_wall);
        let youngest = heard.iter().map(|reading| age(reading)).min();
        // A lie that says what is known anyway is a reading like any other.
        let youngest_of_all = all.iter().map(age).min();
        let why = format!("{kind:?} of {venue} at {}: {page:?}, and {heard:?} was heard", clock.wall);
        let is_sure = matches!(heard.as_slice(), [reading] if reference.is_sure(reading));
        if page.is_known {
            assert!(youngest_of_all.is_some_and(|age| age < STALE_AFTER), "it was not read: {why}");
        } else {
            assert!(!page.says_nothing_is_off, "nobody knows that: {why}");
            let is_fresh = youngest.is_some_and(|age| age + Duration::from_secs(1) < STALE_AFTER);
            assert!(!(is_sure && is_fresh), "it was read: {why}");
        }
        let outs: Vec<BTreeSet<ProductId>> = heard.iter().map(|reading| reading.out()).collect();
        let may: BTreeSet<ProductId> = outs.iter().flatten().copied().collect();
        let must = outs.iter().cloned().reduce(|all, out| all.intersection(&out).copied().collect());
        // Before a good answer nobody knows what of all that was taken in.
        let must = must.filter(|_| heard[0].is_believed()).unwrap_or_default();
        assert!(page.off.is_subset(&may), "it is not off: {why}");
        let named = |wanted: &BTreeSet<ProductId>, named: &BTreeSet<ProductId>, more: usize| {
            wanted.difference(named).count() <= more
        };
        assert!(named(&must, &page.off, page.more_off), "{must:?} are off: {why}");
        let is_long_begun = begins.plus(LATE_MAX) <= self.begun_at;
        assert!(!is_long_begun || page.before_today == 0, "everything went off today: {why}");
        let (may_be_back, back) = reference.came_back(venue, begins);
        if kind == ReportKind::Handover {
            assert!(page.back.is_subset(&may_be_back) && page.back.is_disjoint(&must), "{may_be_back:?}: {why}");
            let back: BTreeSet<ProductId> = back.difference(&may).copied().collect();
            let is_handed_over = page.turnover.is_some() || (self.doors.len() > 1 && page.off.is_empty());
            assert!(is_handed_over, "it counts nothing: {why}");
            assert!(page.turnover.is_none() || named(&back, &page.back, page.more_back), "{back:?} came back: {why}");
            if let Some([went_off, came_back, still_off]) = page.turnover {
                let listed = [page.back.len() + page.more_back, page.off.len() + page.more_off];
                assert_eq!([came_back, still_off], listed, "{why}");
                let is_counted = went_off >= must.union(&back).count() && went_off <= may_be_back.union(&may).count();
                assert!(is_counted || !is_long_begun, "{went_off} went off: {why}");
            }
        } else {
            assert!(page.back.is_empty() && page.more_back == 0, "an opening check tells what is off: {why}");
        }
    }

    /// Reads a mail: what it says of each venue.
    fn read(&self, mail: &Mail) -> BTreeMap<VenueId, Page> {
        let mut pages: BTreeMap<VenueId, Page> = BTreeMap::new();
        let place = mail.subject.split(": ").next().unwrap_or_default();
        let mut venue = self.venues.get(place).copied();
        if let Some(venue) = venue {
            pages.insert(venue, Page { is_known: true, ..Page::default() });
        }
        let mut is_back = false;
        let mut is_before_today = false;
        for line in mail.text.lines().take_while(|line| *line != "--") {
            if let Some(names) = line.strip_prefix("Nothing is off: ") {
                let free = || Page { is_known: true, says_nothing_is_off: true, ..Page::default() };
                pages.extend(names.split(", ").map(|name| (self.venues[name], free())));
                continue;
            }
            if let Some(next) = line.strip_suffix(':').and_then(|name| self.venues.get(name)) {
                (venue, is_back, is_before_today) = (Some(*next), false, false);
                pages.insert(*next, Page { is_known: true, ..Page::default() });
                continue;
            }
            let Some(page) = venue.and_then(|venue| pages.get_mut(&venue)) else { continue };
            match line {
                "Nothing is off." => page.says_nothing_is_off = true,
                "Back on sale:" => is_back = true,
                "Still off:" | "Off since today:" => (is_back, is_before_today) = (false, false),
                "Off since before today:" => is_before_today = true,
                _ if line.starts_with("The stop list was") => page.is_known = false,
                _ if line.starts_with("In this shift ") => page.turnover = Some(figures(line)),
                _ if line.starts_with("- ") => {
                    let listed = if is_back { &mut page.back } else { &mut page.off };
                    assert!(listed.insert(product(line)), "listed twice: {mail:?}");
                    page.before_today += usize::from(is_before_today);
                }
                _ if line.starts_with("and ") => {
                    let more = if is_back { &mut page.more_back } else { &mut page.more_off };
                    *more += numbers(line).next().expect("how many more");
                }
                _ => {}
            }
        }
        assert!(!pages.is_empty(), "of no venue: {mail:?}");
        pages
    }
}

/// Returns the reports of the business day on which the doors open.
fn plans(venue: VenueId, doors: &Doors, zone: &Zone) -> [Plan; 2] {
    let Doors { opens, closes, .. } = doors;
    let local = opens.in_zone(zone);
    let is_night = local.hour() < 4;
    let day = if is_night { local.date().yesterday().expect("a day") } else { local.date() };
    let cut = day.at(4, 0, 0, 0).to_zoned(zone.as_jiff().clone()).expect("on the clock").timestamp();
    let of_day_before = closes.minus(Duration::from_hours(24));
    let plan = |kind: ReportKind, due_at: Timestamp, too_late_at: Timestamp| Plan {
        kind,
        venue,
        due_at,
        too_late_at,
        day,
        begins: Timestamp::from_unix_ms(cut.as_millisecond()).max(of_day_before),
        asked_at: None,
        is_sent: false,
        overdue_since: None,
    };
    let (check_at, handover_at) = (opens.minus(BEFORE), closes.plus(AFTER));
    [
        plan(ReportKind::OpeningCheck, check_at, *opens),
        plan(ReportKind::Handover, handover_at, handover_at.plus(LATE_MAX)),
    ]
}

/// Returns what a line of a list is about.
fn product(line: &str) -> ProductId {
    if line.starts_with("- flour") {
        return INGREDIENT;
    }
    ProductId(numbers(line).next().expect("a dish has a number") as u64)
}

fn figures(line: &str) -> [usize; 3] {
    numbers(line).collect::<Vec<_>>().try_into().expect("what went off, came back and is still off")
}

fn numbers(line: &str) -> impl Iterator<Item = usize> {
    line.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok())
}

fn meets(met: &mut Met, what: &str) {
    *met.entry(what.to_owned()).or_default() += 1;
}
