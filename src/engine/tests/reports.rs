//! Random weeks of a house that is reported by the clock: its doors, the daylight saving of its zone, kills, full disks,
//! hours without a process and clocks that are set.
//!
//! Which reports there are is read off the calendar minute by minute, and not by asking for its shifts; which were sent
//! is remembered for ever. What the engine sends must be what is due by that, in that step, once.

use jiff::civil::{Date, Time, Weekday, date};

use super::*;
use crate::alerts::report::week::History;
use crate::alerts::report::{LATE_MAX, ReportKind, Reports, WEEKLY_LATE_MAX};
use crate::calendar::WeekTime;

const ZONES: [&str; 4] = ["Asia/Baku", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"];
/// The date on whose early morning the life begins, when all doors are closed.
const BEGINS: Date = date(2026, 10, 20);
/// How long a life lasts at most.
const DAYS: u32 = 30;
/// How finely hours are written, and how finely the calendar is looked over.
const QUARTER: Duration = Duration::from_mins(15);

#[derive(Clone, Debug)]
enum Event {
    /// Until the next report is due, or for some minutes.
    Wait(Option<u64>),
    /// The process is killed after a commit, or before it is stored.
    Kill,
    DiskIsFull,
    /// No process for some minutes.
    Down(u64),
    /// The clock is set by some minutes.
    SetClock(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => Just(Event::Wait(None)),
        4 => (1..600_u64).prop_map(|min| Event::Wait(Some(min))),
        3 => Just(Event::Kill),
        2 => Just(Event::DiskIsFull),
        2 => (1..400_u64).prop_map(Event::Down),
        1 => (2_000..6_000_u64).prop_map(Event::Down),
        5 => (-240..240_i64).prop_map(Event::SetClock),
    ]
}

/// Hours on the grid, between six in the morning and three at night: nobody's reports of two days meet.
fn hours_of_day() -> impl Strategy<Value = Vec<ClockSpan>> {
    prop::collection::vec((24..60_u32, 4..40_u32), 0..3).prop_map(|spans| {
        let mut from = 0;
        let mut written = Vec::new();
        for (start, length) in spans {
            let start = start.max(from);
            let end = (start + length).min(108);
            if start + 4 > end {
                break;
            }
            let clock = |quarter: u32| format!("{:02}:{:02}", quarter / 4 % 24, quarter % 4 * 15);
            written.push(ClockSpan::parse(&format!("{}-{}", clock(start), clock(end))).expect("a span"));
            from = end + 1;
        }
        written
    })
}

fn hours() -> impl Strategy<Value = Schedule> {
    let week = prop::collection::vec(hours_of_day(), 7);
    let dates = prop::collection::btree_map((20..31_i8).prop_map(|day| date(2026, 10, day)), hours_of_day(), 0..4);
    (week, dates).prop_map(|(week, dates)| Schedule::new(week.try_into().expect("seven days"), dates))
}

fn reported_by(zone: &str, hours: &[Schedule], reports: Reports) -> Arc<Policy> {
    let zone = Zone::named(zone).expect("bundled");
    let mut policy = Arc::into_inner(policy(&["managers"])).expect("nobody else has it");
    policy.routes.values_mut().for_each(|route| route.reports = reports);
    let plain = Calendar::plain(zone, jiff::civil::time(4, 0, 0, 0));
    policy.calendars = Calendars::of_all(plain.clone());
    for (venue, hours) in (1..).zip(hours) {
        let key = crate::units::VenueKey { brand: BrandId::new("sahil").expect("a slug"), venue: VenueId(venue) };
        policy.calendars.set_venue(key, plain.clone().with_hours(Some(hours.clone()), None));
    }
    Arc::new(policy)
}

/// A report that there is, by the calendar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    due_at: Timestamp,
    too_late_at: Timestamp,
    venue: VenueId,
    kind: ReportKind,
    day: Date,
}

impl Wanted {
    fn key(&self) -> (VenueId, ReportKind, Date) {
        (self.venue, self.kind, self.day)
    }
}

/// Looks over the calendar of a venue, quarter by quarter.
fn wanted(
    (calendar, zone): (&Calendar, &Zone),
    venue: VenueId,
    reports: Reports,
    from: Timestamp,
    quarters: u32,
) -> Vec<Wanted> {
    let is_open = |at| calendar.is_open(at) == Some(true);
    let mut days: BTreeMap<Date, (Timestamp, Timestamp)> = BTreeMap::new();
    let (mut at, mut was_open, mut opened) = (from, is_open(from), from);
    for _ in 0..quarters {
        let next = at.plus(QUARTER);
        let is_open = is_open(next);
        match (was_open, is_open) {
            (false, true) => opened = next,
            (true, false) => {
                let day = calendar.business_day(opened);
                days.entry(day).or_insert((opened, next)).1 = next;
            }
            _ => {}
        }
        (at, was_open) = (next, is_open);
    }
    let weekly = reports.weekly.into_iter();
    let mut all: Vec<Wanted> = weekly.flat_map(|when| weeks(zone, venue, when, from, quarters)).collect();
    for (day, (opens_at, closes_at)) in days {
        if let Some(before) = reports.opening_check {
            let due_at = opens_at.minus(before);
            let too_late_at = due_at.plus(LATE_MAX).min(opens_at);
            all.push(Wanted { due_at, too_late_at, venue, kind: ReportKind::OpeningCheck, day });
        }
        if let Some(after) = reports.handover {
            let due_at = closes_at.plus(after);
            all.push(Wanted { due_at, too_late_at: due_at.plus(LATE_MAX), venue, kind: ReportKind::Handover, day });
        }
    }
    all
}

/// Looks at a clock on the wall, quarter by quarter: a week is due when it first shows its time, or one after it.
fn weeks(zone: &Zone, venue: VenueId, when: WeekTime, from: Timestamp, quarters: u32) -> Vec<Wanted> {
    let mut dates = BTreeMap::new();
    for quarter in 0..quarters {
        let at = from.plus(QUARTER * quarter);
        let shown = at.in_zone(zone);
        if shown.date().weekday() == when.weekday && shown.time() >= when.time {
            dates.entry(shown.date()).or_insert(at);
        }
    }
    let is_of_the_evening_before = when.time < Time::constant(4, 0, 0, 0);
    let wanted = |(date, due_at): (Date, Timestamp)| {
        let day = if is_of_the_evening_before { date.yesterday().expect("a day") } else { date };
        Wanted { due_at, too_late_at: due_at.plus(WEEKLY_LATE_MAX), venue, kind: ReportKind::Weekly, day }
    };
    dates.into_iter().map(wanted).collect()
}

fn begun(policy: &Arc<Policy>, venues: u64, now: Timestamp) -> Engine {
    let brand = BrandId::new("sahil").expect("a slug");
    let mut engine = Engine::new(brand, Arc::clone(policy), FreshnessLimits::NONE, Memory::default());
    let venue = |id| Venue { id: VenueId(id), name: format!("Venue {id}"), active: true };
    let mut inputs = vec![Input::Venues((1..=venues).map(venue).collect()), Input::Access(Access::Granted)];
    inputs.extend((1..=venues).map(|id| list_of(VenueId(id), &[])));
    for input in inputs {
        let commit = engine.step(input, now);
        engine.adopt(commit);
    }
    engine
}

/// What a moment brought: the reports that were noted, how many mails, and the days that were left out.
struct Ticked {
    noted: BTreeSet<(VenueId, ReportKind, Date)>,
    mails: usize,
    missed: Vec<Date>,
}

/// Lets the clock tick, and hands in the history that is then asked for, unless nothing can be stored.
fn ticked(engine: &mut Engine, is_stored: bool, now: Timestamp) -> Ticked {
    let mut found = Ticked { noted: BTreeSet::new(), mails: 0, missed: Vec::new() };
    let mut input = Some(Input::Tick);
    while let Some(next) = input.take() {
        let commit = engine.step(next, now);
        let noted = commit.reported.iter().filter_map(|(key, reported)| {
            let known = engine.memory().reported.get(key).map(|known| &known.days[..]).unwrap_or_default();
            let days = &reported.as_ref()?.days;
            (days != known).then(|| Some((key.venue, key.kind, *days.last()?))).flatten()
        });
        found.noted.extend(noted);
        let titles = ["opening check", "handover", "the week"];
        let is_report = |notice: &&Notice| titles.iter().any(|it| notice.summary.contains(it));
        found.mails += commit.notices.iter().filter(is_report).count();
        found.missed.extend(commit.missed.iter().map(|(_, day)| *day));
        if is_stored {
            engine.adopt(commit);
            input = engine.history_wanted().map(|wanted| Input::History(wanted.venue, History::default()));
        }
    }
    found
}

fn minutes(min: i64) -> i64 {
    min * 60_000
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_report_that_is_due_is_sent_once_whatever_happens_to_the_process_and_its_clock(
        zone in prop::sample::select(&ZONES[..]),
        hours in prop::collection::vec(hours(), 1..3),
        reports in (prop::option::of(5..120_u64), prop::option::of(0..120_u64)),
        weekly in prop::option::of((0..7_i8, 0..96_i8)),
        events in prop::collection::vec(event(), 60..200),
    ) {
        let minutes_of = |min: Option<u64>| min.map(Duration::from_mins);
        let time = |(day, quarter): (i8, i8)| WeekTime {
            weekday: Weekday::Monday.wrapping_add(day),
            time: Time::constant(quarter / 4, quarter % 4 * 15, 0, 0),
        };
        let (opening_check, handover) = (minutes_of(reports.0), minutes_of(reports.1));
        let reports = Reports { opening_check, handover, weekly: weekly.map(time) };
        let policy = reported_by(zone, &hours, reports);
        let clock = Zone::named(zone).expect("bundled");
        let begins = BEGINS.at(3, 30, 0, 0).to_zoned(Zone::named(zone).expect("bundled").as_jiff().clone());
        let begins = Timestamp::from_unix_ms(begins.expect("it is on the clock").timestamp().as_millisecond());
        let mut engine = begun(&policy, hours.len() as u64, begins);
        let all = (1..=hours.len() as u64).flat_map(|id| {
            let calendar = policy.calendars.of(engine.brand(), VenueId(id));
            // From two nights before, so that the shift is seen that is reported at the beginning.
            wanted((calendar, &clock), VenueId(id), reports, begins.minus(Duration::from_hours(48)), 4 * 24 * (DAYS + 7))
        });
        let all: Vec<Wanted> = all.filter(|it| it.due_at >= begins).collect();
        let mut sent: BTreeSet<(VenueId, ReportKind, Date)> = BTreeSet::new();
        let mut now = begins;
        for event in events {
            if now.since(begins) > Duration::from_hours(24 * u64::from(DAYS)) {
                break;
            }
            let mut is_stored = true;
            match event {
                Event::Wait(None) => {
                    let next = all.iter().filter(|it| it.due_at > now && !sent.contains(&it.key())).min();
                    if let Some(next) = next {
                        now = next.due_at;
                        let timer = engine.timers.get(&Timer::Report(next.venue));
                        prop_assert!(timer.is_some_and(|at| at <= now), "it wakes up for {:?} at {:?}", next, timer);
                    }
                }
                Event::Wait(Some(min)) | Event::Down(min) => now = now.plus(Duration::from_mins(min)),
                Event::Kill => {}
                Event::DiskIsFull => is_stored = false,
                Event::SetClock(min) => {
                    let set = Timestamp::from_unix_ms(now.unix_ms() + minutes(min));
                    now = set.max(begins.plus(Duration::from_hours(3)));
                }
            }
            // The history can be read while nothing can be written, but nobody asks for it before that was adopted.
            let is_told = |it: &&Wanted| is_stored || it.kind != ReportKind::Weekly;
            let is_due = |it: &&Wanted| it.due_at <= now && now < it.too_late_at && !sent.contains(&it.key());
            let due: BTreeSet<_> = all.iter().filter(is_due).filter(is_told).map(Wanted::key).collect();
            let Ticked { noted, mails, missed } = ticked(&mut engine, is_stored, now);
            for day in missed {
                prop_assert!(all.iter().any(|it| it.day == day && it.too_late_at <= now));
            }
            prop_assert_eq!(&noted, &due, "at {}", now);
            let kinds: BTreeSet<ReportKind> = due.iter().map(|(_, kind, _)| *kind).collect();
            prop_assert_eq!(mails, kinds.len(), "one mail for all venues");
            if is_stored {
                sent.extend(due);
            }
            if matches!(event, Event::Kill | Event::Down(_)) {
                let memory = engine.into_memory();
                engine = Engine::new(BrandId::new("sahil").expect("a slug"), Arc::clone(&policy), FreshnessLimits::NONE, memory);
            }
        }
    }
}
