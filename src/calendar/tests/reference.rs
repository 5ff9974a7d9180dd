//! The calendar again, as plainly as possible: each minute of some days, what a clock on the wall shows in it, and
//! whether that is a time within a span.
//!
//! Shares no code with what it judges. Invariant: a span lasts from the first minute whose clock shows a time within it
//! to the last such minute, both included; so it takes in an hour that comes twice, and skips what the clock skips.

use std::sync::LazyLock;

use jiff::civil::DateTime;

use super::*;

/// Places and days on which a clock is changed, or a day or a year ends: forward and back by an hour and by half of one,
/// at night and at midnight, a day that is skipped, and none.
const DAYS: [(&str, Date); 16] = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 4, 4)),
    ("America/Santiago", date(2026, 9, 6)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Asia/Baku", date(2026, 7, 10)),
    ("Asia/Baku", date(2026, 12, 31)),
    ("Asia/Kathmandu", date(2028, 2, 29)),
    ("UTC", date(2026, 2, 28)),
    ("Europe/Berlin", date(2026, 12, 31)),
];
/// Days before and after the one that is looked at: enough for a span that began before, and for the next opening.
const DAYS_BEFORE: i64 = 2;
const DAYS_AFTER: i64 = 4;
const MINUTES_OF_DAY: i64 = 24 * 60;

/// Minutes in a row at one place, and what the clock shows at the beginning of each.
struct Minutes {
    zone: &'static str,
    first_minute: i64,
    shown: Vec<DateTime>,
    /// Where the day begins that is looked at.
    day_begins: usize,
}

impl Minutes {
    /// Returns the days on which a span can begin that has one of these minutes, those that are skipped included.
    fn days(&self) -> impl Iterator<Item = Date> {
        let (first, last) = (self.shown[0].date(), self.shown[self.shown.len() - 1].date());
        let days = first.yesterday().expect("a day").series(jiff::Span::new().days(1));
        days.take_while(move |day| *day <= last)
    }
}

static PLACES: LazyLock<Vec<Minutes>> = LazyLock::new(|| DAYS.iter().map(|(zone, day)| minutes(zone, *day)).collect());

fn minutes(zone_name: &'static str, day: Date) -> Minutes {
    let zone = zone(zone_name);
    let noon = zone.as_jiff().to_timestamp(day.at(12, 0, 0, 0)).expect("there is a noon").as_second() / 60;
    let first_minute = noon - MINUTES_OF_DAY / 2 - DAYS_BEFORE * MINUTES_OF_DAY;
    let many = (DAYS_BEFORE + 1 + DAYS_AFTER) * MINUTES_OF_DAY;
    let clock = |minute: i64| Timestamp::from_unix_ms(minute * 60_000).in_zone(&zone).datetime();
    let shown: Vec<DateTime> = (first_minute..first_minute + many).map(clock).collect();
    let day_begins = shown.iter().position(|shown| shown.date() == day).expect("the day is among them");
    Minutes { zone: zone_name, first_minute, shown, day_begins }
}

/// A span of a day as it is written: hours and minutes, past midnight when the second is not later.
type Written = ((i8, i8), (i8, i8));

/// A timetable as it is written: each weekday, Monday first, and the days of a month that differ.
#[derive(Clone, Debug)]
struct Timetable {
    week: [Vec<Written>; 7],
    days_that_differ: BTreeMap<i8, Vec<Written>>,
}

impl Timetable {
    fn of(&self, day: Date) -> &[Written] {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).expect("0 to 6");
        self.days_that_differ.get(&day.day()).unwrap_or(&self.week[weekday])
    }

    /// Says of each minute whether it lies in a span.
    fn inside(&self, place: &Minutes) -> Vec<bool> {
        let mut inside = vec![false; place.shown.len()];
        for day in place.days() {
            for ((from_hour, from_minute), (to_hour, to_minute)) in self.of(day) {
                let from = day.at(*from_hour, *from_minute, 0, 0);
                let ends_on =
                    if (to_hour, to_minute) <= (from_hour, from_minute) { day.tomorrow().expect("a day") } else { day };
                let to = ends_on.at(*to_hour, *to_minute, 0, 0);
                let is_within = |shown: &DateTime| from <= *shown && *shown < to;
                let first = place.shown.iter().position(is_within);
                if let (Some(first), Some(last)) = (first, place.shown.iter().rposition(is_within)) {
                    inside[first..=last].fill(true);
                }
            }
        }
        inside
    }

    /// The same as the program reads it.
    fn read(&self, place: &Minutes) -> Schedule {
        let spans = |written: &Vec<Written>| -> Vec<ClockSpan> {
            let text = |((h, m), (to_h, to_m)): &Written| format!("{h:02}:{m:02}-{to_h:02}:{to_m:02}");
            written.iter().map(|written| span(&text(written))).collect()
        };
        let dates = place.days().filter_map(|day| Some((day, spans(self.days_that_differ.get(&day.day())?))));
        Schedule::new(self.week.each_ref().map(spans), dates.collect())
    }
}

/// Times of the clock of which most are near midnight or near a change.
fn any_time() -> impl Strategy<Value = (i8, i8)> {
    let quarter = prop::sample::select(vec![0_i8, 15, 30, 45]);
    let at_night = (prop::sample::select(vec![0_i8, 1, 2, 3, 22, 23]), quarter);
    prop_oneof![3 => at_night, 2 => (0_i8..24, 0_i8..60)]
}

fn any_spans() -> impl Strategy<Value = Vec<Written>> {
    let one = (any_time(), any_time()).prop_filter("it ends when it begins", |(from, to)| from != to);
    prop::collection::vec(one, 0..3)
}

fn any_timetable() -> impl Strategy<Value = Timetable> {
    let every_day = any_spans().prop_map(|spans| std::array::from_fn(|_| spans.clone()));
    let week = prop_oneof![every_day, prop::array::uniform7(any_spans())];
    let days_that_differ = prop::collection::btree_map(1_i8..=31, any_spans(), 0..8);
    (week, days_that_differ).prop_map(|(week, days_that_differ)| Timetable { week, days_that_differ })
}

/// Returns how long it is from an instant of a minute to the next minute after it of which this is so.
fn wait(place: &Minutes, at: Timestamp, minute: usize, is_so: impl Fn(usize) -> bool) -> Option<Duration> {
    let next = (minute + 1..place.shown.len()).find(|minute| is_so(*minute))?;
    let then = place.first_minute + i64::try_from(next).expect("few");
    Some(Timestamp::from_unix_ms(then * 60_000).since(at))
}

proptest! {
    #[test]
    fn the_calendar_says_what_a_clock_on_the_wall_says(
        place in 0..DAYS.len(),
        // Of the day before, the day itself and the day after.
        minute in -MINUTES_OF_DAY..2 * MINUTES_OF_DAY,
        ms in 0_i64..60_000,
        hours in any_timetable(),
        peaks in any_timetable(),
        window in any_timetable(),
    ) {
        let place = &PLACES[place];
        let minute = place.day_begins.checked_add_signed(isize::try_from(minute).expect("small")).expect("there");
        let then = place.first_minute + i64::try_from(minute).expect("few");
        let at = Timestamp::from_unix_ms(then * 60_000 + ms);
        let calendar = Calendar::plain(zone(place.zone), time(4, 0, 0, 0))
            .with_hours(Some(hours.read(place)), Some(peaks.read(place)))
            .with_windows(BTreeMap::from([("late".to_owned(), window.read(place))]));
        let said = calendar.moment(at);
        let shown = place.shown[minute];

        let open = hours.inside(place);
        prop_assert_eq!(said.is_open, Some(open[minute]), "open at {}", shown);
        let is_peak = open[minute] && peaks.inside(place)[minute];
        prop_assert_eq!(said.is_peak, Some(is_peak), "a peak at {}", shown);
        let is_late = window.inside(place)[minute];
        let names = [("open", open[minute]), ("peak", is_peak), ("late", is_late)];
        let names: Vec<&str> = names.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
        prop_assert_eq!(&said.windows, &names, "the windows of {}", shown);

        // What turns after the last of the minutes is not compared.
        let closes_in = wait(place, at, minute, |minute| !open[minute]);
        if let (true, Some(closes_in)) = (open[minute], closes_in) {
            prop_assert_eq!(said.closes_in, Some(closes_in), "until it closes, at {}", shown);
        }
        let opens_in = wait(place, at, minute, |minute| open[minute] && !open[minute - 1]);
        if let Some(opens_in) = opens_in {
            prop_assert_eq!(calendar.opens_at(at).map(|opening| opening.since(at)), Some(opens_in), "it opens, at {}", shown);
            prop_assert_eq!(said.opens_in, (!open[minute]).then_some(opens_in));
        }
    }
}
