//! What a countdown teaches, and what it must never say.

use proptest::prelude::*;

use super::*;

const DISH: ProductId = ProductId(54);

fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_778_240_000_000 + 1000 * s)
}

fn units(text: &str) -> Quantity {
    text.parse().expect("a number")
}

/// A countdown as readings show it, each told with its second.
#[derive(Clone, Default)]
struct Shop {
    paces: Arc<Paces>,
    rows: Rows,
}

impl Shop {
    fn seen(limits: &[(i64, &str)]) -> Self {
        let mut shop = Self::default();
        for (s, limit) in limits {
            shop.read(Some(units(limit)), Watch::Followed, at(*s));
        }
        shop
    }

    fn read(&mut self, limit: Option<Quantity>, watch: Watch, now: Timestamp) {
        let before = self.rows.get(&DISH).copied();
        let joined = limit.map(|limit| match before {
            Some(row) if row.is_out() == (limit <= Quantity::ZERO) => StopRow { limit, ..row },
            Some(_) | None => StopRow { limit, updated_at: None, since: now, seen_at: now },
        });
        let after: Rows = joined.into_iter().map(|row| (DISH, row)).collect();
        self.paces = follow(&self.paces, &self.rows, &after, watch, now);
        self.rows = after;
    }

    fn ask(&self, open: Option<&[Span]>, s: i64) -> Result<Forecast, Silent> {
        forecast(self.paces.get(&DISH), &self.rows[&DISH], open, at(s))
    }

    fn said(&self, s: i64) -> String {
        match self.ask(None, s) {
            Ok(Forecast { sold_per_hour, runs_out_in, steps }) => {
                let minutes = runs_out_in.map(|ends| (ends.central.as_secs_f64() / 60.0).round());
                format!("{steps} steps, {:.1}/h, {minutes:?} min", sold_per_hour.central.as_f64())
            }
            Err(silent) => format!("{silent:?}"),
        }
    }
}

fn span(from: i64, until: i64) -> Span {
    Span { day: jiff::civil::date(2026, 5, 8), start: at(from), end: at(until) }
}

const HOUR: i64 = 3600;

#[test]
fn a_countdown_teaches_its_pace() {
    // A step every 12 min from the first sight on.
    let ten = [(0, "12"), (720, "11"), (1440, "10"), (2160, "9"), (2880, "8")];
    for (limits, now, expected) in [
        (&ten[..1], 720, "FewSteps(0)"),
        (&ten[..3], 1440, "FewSteps(2)"),
        (&ten[..4], 2160, "3 steps, 5.7/h, Some(94.0) min"),
        (&ten[..], 2880, "4 steps, 5.7/h, Some(84.0) min"),
        // Silence: the pace falls, and the end moves away instead of coming near.
        (&ten[..], 3480, "4 steps, 4.0/h, Some(120.0) min"),
        (&ten[..], 6480, "4 steps, 1.2/h, Some(403.0) min"),
        (&ten[..], 30_000, "4 steps, 0.1/h, None min"),
        // A void takes its sale back, but not the count below what is needed; a restock neither sells nor takes back.
        (&[&ten[..], &[(2890, "9")]].concat(), 2900, "4 steps, 3.5/h, Some(156.0) min"),
        (&[&ten[..4], &[(2170, "10")]].concat(), 2180, "3 steps, 3.1/h, Some(195.0) min"),
        (&[&ten[..2], &[(730, "12")]].concat(), 740, "FewSteps(0)"),
        (&[&ten[..], &[(2890, "28")]].concat(), 2900, "4 steps, 5.6/h, Some(298.0) min"),
        // Two at once are one step of two.
        (&[&ten[..4], &[(2880, "7")]].concat(), 2880, "4 steps, 7.9/h, Some(53.0) min"),
        // Nothing is left: nothing runs out.
        (&[&ten[..], &[(2890, "0")]].concat(), 2900, "Out"),
        // A row that says it is below nothing is out like any other.
        (&[&ten[..], &[(2890, "-2")]].concat(), 2900, "Out"),
        // Stopped by hand with 8 left, back half an hour later: neither the 8 nor the half hour teach anything.
        (&[&ten[..], &[(2890, "0"), (4690, "8")]].concat(), 4700, "4 steps, 5.6/h, Some(85.0) min"),
    ] {
        assert_eq!(Shop::seen(limits).said(now), expected, "{limits:?} at {now}");
    }
}

#[test]
fn what_is_added_is_a_void_of_what_was_sold_lately_or_a_restock() {
    // Each evening step is one of two, 20 min apart: the last half hour sold four of them.
    let evening = [(0, "40"), (1200, "38"), (2400, "36"), (3600, "34")];
    for (added, after_s, expected) in [
        // Within half an hour of the last two batches.
        (1, 60, "5"),
        (2, 60, "4"),
        (4, 60, "2"),
        (5, 60, "6"),
        (10, 60, "6"),
        // The last but one is out of reach.
        (2, 1200, "4"),
        (3, 1200, "6"),
        // What comes after half an hour, or in the morning, takes nothing back.
        (1, 1801, "6"),
        (2, 1801, "6"),
        (1, 12 * HOUR, "6"),
        (5, 12 * HOUR, "6"),
        (10, 12 * HOUR, "6"),
    ] {
        let mut shop = Shop::seen(&evening);
        shop.read(Some(units("34").plus(Quantity::whole(added))), Watch::Followed, at(3600 + after_s));
        assert_eq!(shop.paces[&DISH].sold(), units(expected), "{added} more after {after_s} s");
    }
}

#[test]
fn voids_do_not_make_three_sales_of_one_or_less_than_needed_of_what_was_reached() {
    // One portion that is ordered and taken back again and again is never three sales.
    let mut shop = Shop::seen(&[(0, "12"), (60, "11")]);
    for n in 1..9 {
        shop.read(Some(units("10")), Watch::Followed, at(60 + 60 * n));
        shop.read(Some(units("11")), Watch::Followed, at(90 + 60 * n));
        assert_eq!(shop.paces[&DISH].steps(), 1);
    }
    let mut shop = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9"), (2160, "8"), (2220, "7")]);
    for (limit, steps) in [("8", 4), ("9", 4), ("10", 4)] {
        shop.read(Some(units(limit)), Watch::Followed, at(2300));
        assert_eq!(shop.paces[&DISH].steps(), steps, "{limit} left");
    }
}

#[test]
fn a_row_that_went_begins_anew() {
    let mut shop = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9")]);
    shop.read(None, Watch::Followed, at(2200));
    assert_eq!(shop.paces.len(), 0);
    shop.read(Some(units("12")), Watch::Followed, at(2300));
    shop.read(Some(units("11")), Watch::Followed, at(2400));
    assert_eq!(shop.said(2400), "FewSteps(1)");
}

#[test]
fn nothing_is_learnt_of_a_blind_stretch_but_that_it_was_one() {
    let mut seeing = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9")]);
    let mut blind = seeing.clone();
    seeing.read(Some(units("3")), Watch::Followed, at(2100 + HOUR));
    blind.read(Some(units("3")), Watch::Blind(at(2105)), at(2100 + HOUR));
    assert_eq!(seeing.said(2100 + HOUR), "4 steps, 10.6/h, Some(17.0) min");
    assert_eq!(blind.said(2100 + HOUR), "3 steps, 5.8/h, Some(31.0) min");
    // The same list after a blind stretch is a pause too; without one it keeps the allocation.
    let known = Arc::clone(&blind.paces);
    blind.read(Some(units("3")), Watch::Followed, at(2200 + HOUR));
    assert!(Arc::ptr_eq(&known, &blind.paces));
    blind.read(Some(units("3")), Watch::Blind(at(2200 + HOUR)), at(2200 + 2 * HOUR));
    assert_eq!(blind.paces[&DISH].pauses.len(), 2);
}

#[test]
fn closed_doors_are_no_selling_time_and_the_morning_waits_for_its_first_sale() {
    let shop = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9")]);
    let days = [span(-HOUR, 2400), span(20_000, 60_000)];
    assert_eq!(shop.ask(Some(&days), 3000), Err(Silent::DoorsClosed));
    assert_eq!(shop.ask(Some(&days), 20_100), Err(Silent::NotSoldSinceOpening));
    let mut shop = shop;
    shop.read(Some(units("8")), Watch::Followed, at(20_400));
    let said = shop.ask(Some(&days), 20_400).expect("it sells");
    // As if the night had not been: 4 steps in 2,800 s.
    assert_eq!(
        said,
        Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9"), (2800, "8")])
            .ask(None, 2800)
            .expect("it sells")
    );
}

#[test]
fn the_time_of_clopos_counts_where_it_is_sane() {
    let row = |limit: &str, updated_at| StopRow { limit: units(limit), updated_at, since: at(0), seen_at: at(0) };
    for (updated_at, expected) in [(None, 100), (Some(at(90)), 90), (Some(at(-5)), 100), (Some(at(101)), 100)] {
        let (before, after) = ([(DISH, row("5", None))].into(), [(DISH, row("4", updated_at))].into());
        let paces = follow(&Arc::default(), &before, &after, Watch::Followed, at(100));
        assert_eq!(paces[&DISH].batches[0].until, at(expected), "{updated_at:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_says_nothing_until_it_is_learnt_anew() {
    let mut shop = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9")]);
    assert_eq!(shop.said(2099), "3 steps, 5.9/h, Some(92.0) min", "a second is a correction");
    assert_eq!(shop.said(1400), "ClockSetBack");
    shop.read(Some(units("9")), Watch::Followed, at(1400));
    for (s, limit) in [(2000, "8"), (2600, "7"), (3200, "6")] {
        assert!(shop.ask(None, s).is_err());
        shop.read(Some(units(limit)), Watch::Followed, at(s));
    }
    assert_eq!(shop.said(3200), Shop::seen(&[(1400, "9"), (2000, "8"), (2600, "7"), (3200, "6")]).said(3200));
}

#[test]
fn money_is_counted_exactly_and_never_overflows() {
    let said = Shop::seen(&[(0, "12"), (700, "11"), (1400, "10"), (2100, "9")]).ask(None, 2100).expect("it sells");
    assert_eq!(said.money_per_hour(Money::from_ten_thousandths(125_000)), None, "three steps are two intervals");
    let four = [(0, "12"), (700, "11"), (1400, "10"), (2100, "9"), (2800, "8")];
    let said = Shop::seen(&four).ask(None, 2800).expect("it sells");
    let money = said.money_per_hour(Money::from_ten_thousandths(125_000)).expect("four steps");
    assert_eq!(
        money.central.to_string(),
        format!("{}", times(Money::from_ten_thousandths(125_000), said.sold_per_hour.central))
    );
    assert!(money.from < money.central && money.central < money.to);
    assert_eq!(times(Money::from_ten_thousandths(i64::MAX), units("3")), Money::from_ten_thousandths(i64::MAX));
}

/// What people and time do to a countdown.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Sell(i64),
    Add(i64),
    SetTo(i64),
    Wait,
    GoBlind,
    Restart(i64),
    SetClockBack(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (1i64..4_000_000).prop_map(Deed::Sell),
        1 => (1i64..30_000_000).prop_map(Deed::Add),
        1 => (-2_000_000i64..40_000_000).prop_map(Deed::SetTo),
        1 => Just(Deed::Wait),
        1 => Just(Deed::GoBlind),
        1 => (0i64..3_000_000).prop_map(Deed::Restart),
        1 => (1i64..90).prop_map(Deed::SetClockBack),
    ]
}

fn lived(deeds: &[(i64, Deed)]) -> (Shop, i64) {
    let (mut shop, mut now) = (Shop::seen(&[(0, "30")]), 0);
    for (wait, deed) in deeds {
        let before = now;
        now += 60 * wait;
        if let Deed::SetClockBack(minutes) = deed {
            now -= 60 * minutes;
        }
        let limit = shop.rows[&DISH].limit.millionths();
        let (limit, watch) = match deed {
            Deed::Sell(amount) => ((limit - amount).max(0), Watch::Followed),
            Deed::Add(amount) => (limit + amount, Watch::Followed),
            Deed::SetTo(limit) => (*limit, Watch::Followed),
            Deed::Wait | Deed::SetClockBack(_) => (limit, Watch::Followed),
            Deed::GoBlind => (limit, Watch::Blind(at(before))),
            Deed::Restart(amount) => ((limit - amount).max(0), Watch::Begun(at(before))),
        };
        shop.read(Some(Quantity::from_millionths(limit)), watch, at(now));
    }
    (shop, now)
}

/// The rate by the definition: all that is kept, weighed by its age in selling time. Written apart from `forecast`.
fn rate_by_definition(pace: &Pace, now: Timestamp) -> f64 {
    let minute = |at: Timestamp| at.unix_ms().div_euclid(60_000);
    let is_selling = |one: &i64| !pace.pauses.iter().any(|it| minute(it.from) <= *one && *one < minute(it.until));
    let hours = |from: Timestamp| {
        let minutes = (minute(from)..minute(now)).filter(is_selling).count();
        f64::from(u32::try_from(minutes).expect("some days")) / 60.0
    };
    let weight = |h: f64| (1.0 + h).powi(-2);
    let sold: f64 = pace.batches.iter().map(|it| it.sold.as_f64() * weight(hours(it.until))).sum();
    let seen = hours(pace.since);
    sold / (seen / (1.0 + seen) + SEEN_BEFOREHAND_H)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_a_forecast_is_ordered_bounded_and_built_on_three_steps(
        deeds in prop::collection::vec((1i64..40, deed()), 0..60),
        silence in prop::collection::vec(1i64..70, 1..6),
    ) {
        let (shop, mut now) = lived(&deeds);
        let pace = shop.paces.get(&DISH);
        if let Some(pace) = pace {
            prop_assert!(pace.since <= at(now) && pace.last() <= at(now), "nothing lies ahead of the last reading");
            prop_assert!(pace.batches.len() <= BATCHES_MAX && pace.pauses.len() <= PAUSES_MAX);
            prop_assert!(pace.batches.iter().all(|it| it.sold > Quantity::ZERO && it.steps > 0 && it.from <= it.until));
            prop_assert!(pace.batches.is_sorted_by(|one, next| one.until <= next.from));
            prop_assert!(pace.pauses.is_sorted_by(|one, next| one.until <= next.from));
        }
        let mut last: Option<Forecast> = None;
        for wait in silence {
            let Ok(said) = shop.ask(None, now) else {
                let is_silent = shop.rows[&DISH].is_out() || pace.is_none_or(|pace| pace.steps() < STEPS_MIN);
                prop_assert!(is_silent, "{:?}", shop.ask(None, now));
                break;
            };
            prop_assert!(said.steps >= STEPS_MIN && !shop.rows[&DISH].is_out());
            let pace = said.sold_per_hour;
            prop_assert!(Quantity::ZERO <= pace.from && pace.from <= pace.central && pace.central <= pace.to);
            prop_assert!(pace.to <= quantity(PER_HOUR_MAX));
            let by_definition = rate_by_definition(&shop.paces[&DISH], at(now)).min(PER_HOUR_MAX);
            prop_assert!((pace.central.as_f64() - by_definition).abs() <= 1e-6 * (1.0 + by_definition), "{pace:?} {by_definition}");
            if let Some(ends) = said.runs_out_in {
                prop_assert!(ends.from <= ends.central && ends.central <= ends.to && ends.central <= AHEAD_MAX);
            }
            if let Some(last) = last {
                prop_assert!(pace.central <= last.sold_per_hour.central, "in silence the pace falls");
                let later = said.runs_out_in.map(|ends| ends.central);
                prop_assert!(later.is_none_or(|later| last.runs_out_in.is_some_and(|ends| ends.central <= later)));
            }
            last = Some(said);
            now += 60 * wait;
        }
    }

    #[test]
    fn a_restock_leaves_the_pace_as_it_was(deeds in prop::collection::vec((1i64..40, deed()), 0..40)) {
        let (shop, now) = lived(&deeds);
        if let Ok(before) = shop.ask(None, now) {
            let mut restocked = shop.clone();
            restocked.read(Some(shop.rows[&DISH].limit.plus(Quantity::whole(500))), Watch::Followed, at(now));
            let after = restocked.ask(None, now).expect("it is still sold");
            prop_assert_eq!((after.sold_per_hour, after.steps), (before.sold_per_hour, before.steps));
        }
    }
}
