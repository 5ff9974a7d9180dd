//! Calendars as restaurants write them, and properties over zones whose clocks are put forward and back in odd ways.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::BTreeMap;

use jiff::civil::{Date, date, time};
use proptest::prelude::*;

use super::*;

mod reference;

/// Europe as most know it; a change at midnight; a change of half an hour; a day that was skipped; no change.
const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Baku", "UTC"];

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("the zone is bundled")
}

fn span(text: &str) -> ClockSpan {
    ClockSpan::parse(text).unwrap_or_else(|why| panic!("{text} {why}"))
}

/// `Mon Tue .. Sun` of one text each: spans with commas between them, or nothing.
fn week(days: [&str; 7]) -> Schedule {
    Schedule::new(days.map(spans), BTreeMap::new())
}

fn spans(text: &str) -> Vec<ClockSpan> {
    text.split(", ").filter(|text| !text.is_empty()).map(span).collect()
}

fn calendar(zone_name: &str, hours: Schedule) -> Calendar {
    Calendar::plain(zone(zone_name), time(4, 0, 0, 0)).with_hours(Some(hours), None)
}

/// Reads `2026-07-10 18:00` on a clock of the zone, or `..+02:00` where the clock shows it twice.
fn at(zone_name: &str, text: &str) -> Timestamp {
    let instant = text.parse::<jiff::Timestamp>().unwrap_or_else(|_| {
        let local: jiff::civil::DateTime = text.parse().expect("a local time");
        zone(zone_name).as_jiff().to_timestamp(local).expect("the time exists")
    });
    Timestamp::from_unix_ms(instant.as_millisecond())
}

fn shown(zone_name: &str, at: Option<Timestamp>) -> String {
    at.map_or("never".to_owned(), |at| at.in_zone(&zone(zone_name)).strftime("%a %d %H:%M%:z").to_string())
}

/// `at | open or closed | closes | opens`.
fn check(calendar: &Calendar, zone_name: &str, cases: &[&str]) {
    for case in cases {
        let when = case.split(" | ").next().expect("a time");
        let instant = at(zone_name, when);
        let is_open = if calendar.is_open(instant) == Some(true) { "open" } else { "closed" };
        let (closes, opens) = (calendar.closes_at(instant), calendar.opens_at(instant));
        let said = format!("{when} | {is_open} | {} | {}", shown(zone_name, closes), shown(zone_name, opens));
        assert_eq!(said, *case);
    }
}

#[test]
fn a_week_with_a_lunch_a_dinner_past_midnight_and_a_day_off() {
    let lunch_and_dinner = "12:00-15:00, 18:00-23:00";
    let hours =
        week(["", lunch_and_dinner, lunch_and_dinner, lunch_and_dinner, "18:00-02:00", "18:00-02:00", "12:00-24:00"]);
    // 2026-07-10 is a Friday.
    check(
        &calendar("Asia/Baku", hours),
        "Asia/Baku",
        &[
            "2026-07-09 14:59 | open | Thu 09 15:00+04:00 | Thu 09 18:00+04:00",
            "2026-07-09 15:00 | closed | never | Thu 09 18:00+04:00",
            "2026-07-10 18:00 | open | Sat 11 02:00+04:00 | Sat 11 18:00+04:00",
            "2026-07-11 01:59 | open | Sat 11 02:00+04:00 | Sat 11 18:00+04:00",
            "2026-07-11 02:00 | closed | never | Sat 11 18:00+04:00",
            "2026-07-12 23:59 | open | Mon 13 00:00+04:00 | Tue 14 12:00+04:00",
            "2026-07-13 12:30 | closed | never | Tue 14 12:00+04:00",
        ],
    );
}

#[test]
fn dates_replace_their_weekday_and_leave_the_evening_before_alone() {
    let dates = [(date(2026, 12, 31), spans("10:00-18:00")), (date(2027, 1, 1), Vec::new())];
    let every_day: [Vec<ClockSpan>; 7] = std::array::from_fn(|_| spans("18:00-02:00"));
    let hours = Schedule::new(every_day, BTreeMap::from(dates));
    check(
        &calendar("Asia/Baku", hours),
        "Asia/Baku",
        &[
            "2026-12-31 01:00 | open | Thu 31 02:00+04:00 | Thu 31 10:00+04:00",
            "2026-12-31 18:30 | closed | never | Sat 02 18:00+04:00",
            "2027-01-01 19:00 | closed | never | Sat 02 18:00+04:00",
        ],
    );
}

#[test]
fn what_never_closes_and_what_never_opens() {
    let always = calendar("UTC", Schedule::daily(&spans("00:00-24:00")));
    check(&always, "UTC", &["2026-07-10 18:00 | open | never | never"]);
    let never = calendar("UTC", Schedule::daily(&[]));
    check(&never, "UTC", &["2026-07-10 18:00 | closed | never | never"]);
    // Four weeks of holidays are seen through.
    let holidays: BTreeMap<Date, Vec<ClockSpan>> =
        date(2026, 8, 1).series(jiff::Span::new().days(1)).take(28).map(|day| (day, Vec::new())).collect();
    let hours = Schedule::new(std::array::from_fn(|_| spans("10:00-18:00")), holidays);
    check(&calendar("UTC", hours), "UTC", &["2026-08-01 11:00 | closed | never | Sat 29 10:00+00:00"]);
}

/// Reads from when to when the doors are open where it is asked, and from when something is known of them.
fn selling(calendar: &Calendar, zone_name: &str, when: &str) -> String {
    let instant = at(zone_name, when);
    let Some(spans) = calendar.selling_spans(instant) else { return "nothing is known".to_owned() };
    assert!(spans.is_sorted_by(|one, next| one.end < next.start), "in order and apart: {spans:?}");
    let show = |at: Timestamp| shown(zone_name, Some(at));
    match (spans.first(), spans.iter().find(|span| span.holds(instant))) {
        (Some(first), Some(now)) => format!("since {}, known since {}", show(now.start), show(first.start)),
        (Some(_), None) => "the present span is missing".to_owned(),
        (None, _) => "closed".to_owned(),
    }
}

#[test]
fn selling_spans_hold_the_present_one_however_long_it_lasts() {
    let always = || Schedule::daily(&spans("00:00-24:00"));
    let weekend = || week(["", "", "", "", "10:00-24:00", "00:00-24:00", "00:00-24:00"]);
    let long_days = || week(["", "", "10:00-24:00", "00:00-24:00", "00:00-24:00", "00:00-24:00", "00:00-24:00"]);
    let evenings = || Schedule::daily(&spans("18:00-02:00"));
    // 2026-07-10 is a Friday.
    for (zone_name, hours, when, expected) in [
        ("UTC", evenings(), "2026-07-10 17:59", "closed"),
        ("UTC", evenings(), "2026-07-10 18:00", "since Fri 10 18:00+00:00, known since Wed 08 18:00+00:00"),
        ("UTC", evenings(), "2026-07-11 01:59", "since Fri 10 18:00+00:00, known since Wed 08 18:00+00:00"),
        ("UTC", evenings(), "2026-07-11 02:00", "closed"),
        // Doors that never close: the span begins before all that is looked at.
        ("UTC", always(), "2026-07-10 00:00", "since Mon 06 00:00+00:00, known since Mon 06 00:00+00:00"),
        ("UTC", always(), "2026-07-10 23:59", "since Mon 06 00:00+00:00, known since Mon 06 00:00+00:00"),
        // One that is joined over a weekend is the same on each of its days.
        ("UTC", weekend(), "2026-07-10 10:00", "since Fri 10 10:00+00:00, known since Fri 10 10:00+00:00"),
        ("UTC", weekend(), "2026-07-11 12:00", "since Fri 10 10:00+00:00, known since Fri 10 10:00+00:00"),
        ("UTC", weekend(), "2026-07-12 23:59", "since Fri 10 10:00+00:00, known since Fri 10 10:00+00:00"),
        ("UTC", weekend(), "2026-07-13 00:00", "closed"),
        ("UTC", long_days(), "2026-07-12 23:59", "since Wed 08 10:00+00:00, known since Wed 08 10:00+00:00"),
        // In Berlin an hour comes twice on 2026-10-25, a Sunday, and one does not come on 2026-03-29.
        ("Europe/Berlin", weekend(), "2026-10-25 23:59", "since Fri 23 10:00+02:00, known since Fri 23 10:00+02:00"),
        ("Europe/Berlin", always(), "2026-10-26 12:00", "since Thu 22 00:00+02:00, known since Thu 22 00:00+02:00"),
        ("Europe/Berlin", always(), "2026-03-29 12:00", "since Wed 25 00:00+01:00, known since Wed 25 00:00+01:00"),
        ("America/Santiago", always(), "2026-04-05 00:30", "since Wed 01 00:00-03:00, known since Wed 01 00:00-03:00"),
    ] {
        assert_eq!(selling(&calendar(zone_name, hours), zone_name, when), expected, "{zone_name} {when}");
    }
    let plain = Calendar::plain(zone("UTC"), time(4, 0, 0, 0));
    assert_eq!(selling(&plain, "UTC", "2026-07-10 18:00"), "nothing is known");
}

#[test]
fn clocks_that_are_put_forward_and_back() {
    // Berlin: on 2026-10-25 the hour from 02:00 comes twice, on 2026-03-29 it does not come.
    let late = calendar("Europe/Berlin", Schedule::daily(&spans("18:00-02:30")));
    check(
        &late,
        "Europe/Berlin",
        &[
            "2026-10-25T02:45:00+02:00 | open | Sun 25 02:30+01:00 | Sun 25 18:00+01:00",
            "2026-10-25T02:29:00+01:00 | open | Sun 25 02:30+01:00 | Sun 25 18:00+01:00",
            "2026-10-25T02:30:00+01:00 | closed | never | Sun 25 18:00+01:00",
            "2026-03-29 01:59 | open | Sun 29 03:00+02:00 | Sun 29 18:00+02:00",
            "2026-03-29 03:00 | closed | never | Sun 29 18:00+02:00",
        ],
    );
    // What ends when that hour begins ends the first time; in Santiago that hour is the one before midnight.
    let until_two = calendar("Europe/Berlin", Schedule::daily(&spans("18:00-02:00")));
    check(
        &until_two,
        "Europe/Berlin",
        &[
            "2026-10-25T01:59:00+02:00 | open | Sun 25 02:00+02:00 | Sun 25 18:00+01:00",
            "2026-10-25T02:00:00+02:00 | closed | never | Sun 25 18:00+01:00",
        ],
    );
    let until_eleven = calendar("America/Santiago", Schedule::daily(&spans("18:00-23:00")));
    check(&until_eleven, "America/Santiago", &["2026-04-04T23:10:00-03:00 | closed | never | Sun 05 18:00-04:00"]);
    let in_the_gap = calendar("Europe/Berlin", Schedule::daily(&spans("02:10-02:50")));
    check(&in_the_gap, "Europe/Berlin", &["2026-03-29 01:59 | closed | never | Mon 30 02:10+02:00"]);
    // Santiago: the clock is put forward at midnight of 2026-09-06, so that no midnight comes.
    let from_midnight = calendar("America/Santiago", Schedule::daily(&spans("00:00-01:30")));
    check(&from_midnight, "America/Santiago", &["2026-09-05 23:59 | closed | never | Sun 06 01:00-03:00"]);
}

#[test]
fn a_friday_night_is_of_friday() {
    let baku = zone("Asia/Baku");
    let calendar = calendar("Asia/Baku", Schedule::daily(&spans("18:00-02:00")));
    for (text, expected) in [
        ("2026-07-10 18:00", date(2026, 7, 10)),
        ("2026-07-11 01:59", date(2026, 7, 10)),
        ("2026-07-11 03:59", date(2026, 7, 10)),
        ("2026-07-11 04:00", date(2026, 7, 11)),
    ] {
        assert_eq!(calendar.business_day(at("Asia/Baku", text)), expected, "{text}");
    }
    let hours = week(["", "", "", "", "18:00-02:00", "", ""]);
    let found = hours.spans(date(2026, 7, 6), 7, &baku);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].day, date(2026, 7, 10));
}

#[test]
fn a_time_of_the_clock_is_before_or_after_another_as_the_business_day_goes() {
    for (zone, now, instant, clock, expected, shown) in [
        ("Asia/Baku", "2026-07-10 19:00", "2026-07-10 17:40", "18:00", Less, "17:40 today"),
        ("Asia/Baku", "2026-07-10 19:00", "2026-07-10 18:00", "18:00", Equal, "18:00 today"),
        ("Asia/Baku", "2026-07-10 19:00", "2026-07-10 18:00:30", "18:00", Greater, "18:00 today"),
        // The night is the end of the day.
        ("Asia/Baku", "2026-07-11 01:30", "2026-07-11 01:00", "23:00", Greater, "01:00 today"),
        ("Asia/Baku", "2026-07-11 01:30", "2026-07-10 23:30", "01:00", Less, "23:30 today"),
        ("Asia/Baku", "2026-07-11 04:00", "2026-07-11 03:59", "04:00", Less, "before today"),
        ("Asia/Baku", "2026-07-11 04:00", "2026-07-11 04:00", "04:00", Equal, "04:00 today"),
        ("Asia/Baku", "2026-07-12 19:00", "2026-07-10 18:30", "10:00", Less, "before today"),
        // A clock that was set back.
        ("Asia/Baku", "2026-07-10 19:00", "2026-07-12 10:00", "18:00", Greater, "after today"),
        // Berlin puts its clock forward at 2026-03-29 02:00 and back at 2026-10-25 03:00: a day starts at 04:00 all the same.
        ("Europe/Berlin", "2026-03-29 04:30", "2026-03-29 01:59", "04:00", Less, "before today"),
        ("Europe/Berlin", "2026-10-25 03:30", "2026-10-24 18:00", "18:30", Less, "18:00 today"),
        ("Europe/Berlin", "2026-10-25 03:30", "2026-10-25T02:30:00+01:00", "18:30", Greater, "02:30 today"),
    ] {
        let local = calendar(zone, Schedule::daily(&[])).local_time(at(zone, instant), at(zone, now));
        let clock = clock_time(clock).expect("a time");
        assert_eq!((local.order(clock), local.to_string().as_str()), (expected, shown), "{zone} {instant} at {now}");
    }
}

#[test]
fn a_business_day_ends_where_the_next_one_starts() {
    for (zone, instant, expected) in [
        ("Asia/Baku", "2026-07-10 03:59", "2026-07-10 04:00"),
        ("Asia/Baku", "2026-07-10 04:00", "2026-07-11 04:00"),
        ("Europe/Berlin", "2026-03-28 12:00", "2026-03-29 04:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25 04:00"),
        ("America/Santiago", "2026-09-05 23:59", "2026-09-06 04:00"),
    ] {
        let next = calendar(zone, Schedule::daily(&[])).next_day_at(at(zone, instant));
        assert_eq!(next, Some(at(zone, expected)), "{zone} {instant}");
    }
}

#[test]
fn a_peak_needs_open_doors_and_windows_go_by_their_names() {
    let mut week: [Vec<ClockSpan>; 7] = std::array::from_fn(|_| spans("10:00-23:00"));
    week[0].clear();
    let windows = [("dinner", "18:00-23:00"), ("late", "22:00-02:00")];
    let calendar = Calendar::plain(Zone::utc(), time(4, 0, 0, 0))
        .with_hours(Some(Schedule::new(week, BTreeMap::new())), Some(Schedule::daily(&spans("12:00-14:00"))))
        .with_windows(windows.map(|(name, text)| (name.to_owned(), Schedule::daily(&spans(text)))).into());
    // 2026-07-13 is a Monday.
    let monday = calendar.moment(at("UTC", "2026-07-13 13:00"));
    assert_eq!((monday.is_open, monday.is_peak), (Some(false), Some(false)));
    assert_eq!((monday.closes_in, monday.opens_in), (None, Some(Duration::from_hours(21))));
    let tuesday = calendar.moment(at("UTC", "2026-07-14 13:00"));
    assert_eq!((tuesday.is_open, tuesday.is_peak), (Some(true), Some(true)));
    assert_eq!((tuesday.closes_in, tuesday.opens_in), (Some(Duration::from_hours(10)), None));
    assert_eq!(calendar.moment(at("UTC", "2026-07-14 22:30")).windows, ["open", "dinner", "late"]);
    assert!(calendar.closes_within(Duration::from_mins(30), at("UTC", "2026-07-14 22:30")));
    assert!(!calendar.closes_within(Duration::from_mins(30), at("UTC", "2026-07-14 22:29")));
    let plain = Calendar::plain(Zone::utc(), time(4, 0, 0, 0));
    assert_eq!(plain.moment(at("UTC", "2026-07-14 13:00")), Moment::default());
}

#[test]
fn spans_are_read_or_refused() {
    for (text, expected) in [
        ("10:00-23:00", "ok"),
        ("10:00 - 23:00", "ok"),
        ("18:00-02:00", "ok"),
        ("00:00-24:00", "ok"),
        ("18:00-00:00", "ok"),
        ("10:00", "is no span of time"),
        ("9:00-12:00", "is no span of time"),
        ("10:00-25:00", "is no span of time"),
        ("10:60-12:00", "is no span of time"),
        ("10:00-+1:00", "is no span of time"),
        ("10:00-10:00", "ends when it begins"),
        ("24:00-10:00", "begins at 24:00, which is 00:00 of the next day"),
    ] {
        assert_eq!(ClockSpan::parse(text).err().unwrap_or("ok"), expected, "{text}");
    }
    assert!(span("18:00-02:00").overlaps(span("23:00-24:00")));
    assert!(!span("10:00-12:00").overlaps(span("12:00-14:00")));
}

/// `business day | opens | closes` of the shifts around an instant.
fn shifts(calendar: &Calendar, zone_name: &str, when: &str) -> Vec<String> {
    let shown = |instant| shown(zone_name, instant);
    let shifts = calendar.shifts(at(zone_name, when)).into_iter();
    shifts.map(|it| format!("{} | {} | {}", it.day, shown(Some(it.opens_at)), shown(it.closes_at))).collect()
}

#[test]
fn a_shift_lasts_from_the_first_opening_of_a_business_day_to_its_last_closing() {
    let hours = week(["", "12:00-15:00, 18:00-23:00", "", "", "18:00-05:00", "10:00-02:00", "02:00-03:00"]);
    // Saturday closes at two, when Sunday's hour begins: it is open all the while, and before four it is Saturday.
    let expected = [
        "2026-05-05 | Tue 05 12:00+04:00 | Tue 05 23:00+04:00",
        "2026-05-08 | Fri 08 18:00+04:00 | Sat 09 05:00+04:00",
        "2026-05-09 | Sat 09 10:00+04:00 | Sun 10 03:00+04:00",
        "2026-05-12 | Tue 12 12:00+04:00 | Tue 12 23:00+04:00",
    ];
    let of_baku = calendar("Asia/Baku", hours.clone());
    assert_eq!(shifts(&of_baku, "Asia/Baku", "2026-05-09 08:00"), expected);
    assert_eq!(shifts(&of_baku, "Asia/Baku", "2026-05-08 09:00"), expected);
    let dates = BTreeMap::from([(date(2026, 5, 8), vec![]), (date(2026, 5, 9), spans("12:00-13:00"))]);
    let with_dates = Schedule::new(std::array::from_fn(|_| spans("10:00-23:00")), dates);
    let around = shifts(&calendar("Asia/Baku", with_dates), "Asia/Baku", "2026-05-08 08:00");
    assert_eq!(around[3], "2026-05-07 | Thu 07 10:00+04:00 | Thu 07 23:00+04:00");
    assert_eq!(around[4], "2026-05-09 | Sat 09 12:00+04:00 | Sat 09 13:00+04:00", "Friday is closed");
    // The doors open at the same time of the clock, however long the night was.
    let of_berlin = calendar("Europe/Berlin", week([""; 7].map(|_| "10:00-03:00")));
    let around = shifts(&of_berlin, "Europe/Berlin", "2026-10-25 09:00");
    assert_eq!(around[3], "2026-10-24 | Sat 24 10:00+02:00 | Sun 25 03:00+01:00");
    assert_eq!(around[4], "2026-10-25 | Sun 25 10:00+01:00 | Mon 26 03:00+01:00");
    for never in [week(["00:00-24:00"; 7]), week([""; 7])] {
        assert_eq!(shifts(&calendar("Asia/Baku", never), "Asia/Baku", "2026-05-08 08:00"), [""; 0]);
    }
    let opened_for_weeks = Schedule::new(
        std::array::from_fn(|_| vec![]),
        (0..20).map(|day| (date(2026, 5, 8 + day), spans("00:00-24:00"))).collect(),
    );
    let around = shifts(&calendar("Asia/Baku", opened_for_weeks), "Asia/Baku", "2026-05-09 08:00");
    assert_eq!(around, ["2026-05-07 | Fri 08 00:00+04:00 | never"], "its end is not known yet");
}

#[test]
fn a_shift_begins_with_its_business_day_or_when_the_doors_of_the_one_before_closed() {
    for (daily, expected) in [
        ("10:00-23:00", "2026-05-08 from Fri 08 04:00+04:00"),
        ("18:00-05:30", "2026-05-08 from Fri 08 05:30+04:00"),
        // Before four it is still Thursday, and Wednesday's shift of this bakery closed on Thursday at three.
        ("03:30-15:00", "2026-05-07 from Thu 07 15:00+04:00"),
    ] {
        let shifts = calendar("Asia/Baku", week([daily; 7])).shifts(at("Asia/Baku", "2026-05-08 12:00"));
        let begun = |it: &Shift| format!("{} from {}", it.day, shown("Asia/Baku", Some(it.begins_at)));
        assert!(shifts.iter().any(|shift| begun(shift) == expected), "{daily}: {shifts:?}");
    }
}

fn any_spans() -> impl Strategy<Value = Vec<ClockSpan>> {
    let one = (0_u16..24, 0_u16..60, 0_u16..=24, 0_u16..60).prop_filter_map("no span", |(from, a, to, b)| {
        ClockSpan::parse(&format!("{from:02}:{a:02}-{to:02}:{:02}", if to == 24 { 0 } else { b })).ok()
    });
    prop::collection::vec(one, 0..3)
}

fn any_hours() -> impl Strategy<Value = Schedule> {
    let week = prop::array::uniform7(any_spans());
    let dates = prop::collection::btree_map((1_i8..=28).prop_map(|day| date(2026, 4, day)), any_spans(), 0..4);
    (week, dates).prop_map(|(week, dates)| Schedule::new(week, dates))
}

proptest! {
    #[test]
    fn spans_are_positive_apart_and_agree_with_is_open(
        zone_name in prop::sample::select(ZONES.to_vec()),
        hours in any_hours(),
        // From 2011, when Apia skipped a day, to 2027.
        minute in 21_560_000_i64..29_970_000,
    ) {
        let now = Timestamp::from_unix_ms(minute * 60_000);
        let calendar = calendar(zone_name, hours.clone());
        let zone = zone(zone_name);
        let first = now.in_zone(&zone).date();
        let spans = hours.spans(first, 9, &zone);
        for span in &spans {
            prop_assert!(span.start < span.end);
            let just_before = span.start.minus(Duration::from_millis(1));
            let last = span.end.minus(Duration::from_millis(1));
            prop_assert_eq!(calendar.is_open(span.start), Some(true));
            prop_assert_eq!(calendar.is_open(last), Some(true));
            // The days before and after those that are looked at may reach into the outer ones.
            let is_inner = span.day > first.tomorrow().expect("a day");
            if is_inner {
                prop_assert_eq!(calendar.is_open(just_before), Some(false));
            }
            if is_inner && span.end < schedule::start_of(first, 9, &zone).expect("a day") {
                prop_assert_eq!(calendar.is_open(span.end), Some(false));
                prop_assert_eq!(calendar.closes_at(span.start), Some(span.end));
            }
        }
        for pair in spans.windows(2) {
            prop_assert!(pair[0].end < pair[1].start);
        }
    }

    #[test]
    fn shifts_are_business_days_apart_and_the_doors_are_closed_around_them(
        hours in any_hours(), zone_name in prop::sample::select(&ZONES[..]), minute in 0_i64..60 * 24 * 730,
    ) {
        let calendar = calendar(zone_name, hours);
        let now = Timestamp::from_unix_ms(1_735_700_000_000 + minute * 60_000);
        let shifts = calendar.shifts(now);
        for pair in shifts.windows(2) {
            prop_assert!(pair[0].day < pair[1].day && pair[0].closes_at.is_some_and(|end| end < pair[1].opens_at));
            prop_assert!(pair[0].closes_at.is_some_and(|end| end <= pair[1].begins_at));
        }
        let just_before = Duration::from_millis(1);
        for shift in &shifts {
            prop_assert_eq!(calendar.business_day(shift.opens_at), shift.day);
            prop_assert!(shift.begins_at <= shift.opens_at);
            prop_assert_eq!(calendar.is_open(shift.opens_at), Some(true));
            prop_assert_eq!(calendar.is_open(shift.opens_at.minus(just_before)), Some(false));
            if let Some(end) = shift.closes_at {
                prop_assert_eq!(calendar.is_open(end.minus(just_before)), Some(true));
                prop_assert_eq!(calendar.is_open(end), Some(false));
                let next = calendar.opens_at(end);
                prop_assert!(next.is_none_or(|next| calendar.business_day(next) > shift.day));
            }
        }
        // Whoever opens next within a few days has a shift by then.
        if let Some(opens) = calendar.opens_at(now).filter(|at| at.since(now) < Duration::from_hours(72)) {
            let day = calendar.business_day(opens);
            prop_assert!(shifts.iter().any(|shift| shift.day == day && shift.opens_at <= opens), "{shifts:?}");
        }
    }

    #[test]
    fn openings_and_closings_alternate(
        zone_name in prop::sample::select(ZONES.to_vec()),
        hours in any_hours(),
        minute in 21_560_000_i64..29_970_000,
    ) {
        let calendar = calendar(zone_name, hours);
        let mut now = Timestamp::from_unix_ms(minute * 60_000);
        for _ in 0..12 {
            let is_open = calendar.is_open(now) == Some(true);
            prop_assert!(is_open || calendar.closes_at(now).is_none());
            let next = if is_open { calendar.closes_at(now) } else { calendar.opens_at(now) };
            let Some(next) = next else { break };
            prop_assert!(next > now);
            let just_before = next.minus(Duration::from_millis(1));
            prop_assert_eq!(calendar.is_open(just_before), Some(is_open), "nothing turned before");
            prop_assert_eq!(calendar.is_open(next), Some(!is_open), "it turns then");
            now = next;
        }
    }
}

#[test]
fn quiet_hours_end_and_are_as_long_as_written() {
    let all = ["00:00-24:00"; 7];
    for (schedule, longest) in [
        (Schedule::daily(&[span("22:00-08:30")]), Some(Duration::from_mins(630))),
        (Schedule::daily(&[span("00:00-06:00"), span("22:00-24:00")]), Some(Duration::from_hours(8))),
        (week(["", "", "", "", "18:00-24:00", "00:00-24:00", "00:00-09:00"]), Some(Duration::from_hours(39))),
        (week(["00:00-09:00", "", "", "", "", "", "12:00-24:00"]), Some(Duration::from_hours(21))),
        (week([""; 7]), Some(Duration::ZERO)),
        (week(all), None),
        (Schedule::daily(&[span("12:00-11:00"), span("11:00-12:00")]), None),
    ] {
        let hours = QuietHours::new(schedule.clone(), zone("Asia/Baku"));
        assert_eq!(hours.as_ref().map(QuietHours::longest), longest, "{schedule:?}");
    }
    let hours = QuietHours::new(Schedule::daily(&[span("22:00-08:30")]), zone("Europe/Berlin")).expect("they end");
    for (when, end) in [
        ("2026-05-08 21:59", "never"),
        ("2026-05-08 22:00", "Sat 09 08:30+02:00"),
        ("2026-05-09 08:29", "Sat 09 08:30+02:00"),
        ("2026-05-09 08:30", "never"),
        ("2026-10-24 23:00", "Sun 25 08:30+01:00"),
    ] {
        assert_eq!(shown("Europe/Berlin", hours.end_at(at("Europe/Berlin", when))), end, "{when}");
    }
}
