//! The table of phrases, held at once: each is there in each language, is another one in each, and uses what it is given.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::alerts::facts::ChangeValue;
use crate::alerts::notice::Channel;
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::report::ReportKind;
use crate::alerts::words::{fallback, letter, news, page, report, values, weekly};
use crate::language::Language;
use crate::units::{Money, Quantity, Timestamp, Zone, human_duration};

/// The longest phrase with names of an ordinary length in it: that of a subject of a mail.
const LENGTH_MAX: usize = 120;

/// What is alike in two languages and may be, as there is no word in it.
const ALIKE: [(&str, Language, Language); 2] =
    [("began", Language::Az, Language::Ru), ("began with a change", Language::Az, Language::Ru)];

/// Every phrase with what it was given, by its function; a phrase of several forms has each of them.
fn phrases(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let mut all = of_news(language);
    all.extend(of_letters(language));
    all.extend(of_fallbacks(language));
    all.extend(of_the_page(language));
    all.extend(of_reports(language));
    all.extend(of_weeks(language));
    all.extend(of_values(language));
    all
}

const AGE: Duration = Duration::from_mins(77);

fn of_news(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let (rule, label, venue) = ("sold-out", "Lamb kebab", "Sahil");
    let change = Some(("b4", "af"));
    vec![
        ("began", news::began(language, rule, label, Some(venue), None), vec![rule, label, venue]),
        (
            "began with a change",
            news::began(language, rule, label, Some(venue), change),
            vec![rule, label, venue, "b4", "af"],
        ),
        ("is_over", news::is_over(language, rule, label, Some(venue), AGE), vec![rule, label, venue, "17"]),
        (
            "outside_window",
            news::outside_window(language, label, "dinner, open", AGE),
            vec![label, "dinner, open", "17"],
        ),
        ("rule_taken_away", news::rule_taken_away(language, label, rule, AGE), vec![label, rule, "17"]),
        ("still_so", news::still_so(language, "Plov.", AGE, None), vec!["Plov.", "17"]),
        (
            "still_so after it was expected back",
            news::still_so(language, "Plov.", AGE, Some(("Anar", "19:30"))),
            vec!["Plov.", "17", "Anar", "19:30"],
        ),
        ("unstable", news::unstable(language, "Plov.", Some(AGE)), vec!["Plov.", "17"]),
        ("unstable and its end is not told", news::unstable(language, "Plov.", None), vec!["Plov."]),
        ("open_for", news::open_for(language, "Plov.", AGE, true), vec!["Plov.", "17"]),
        ("open_for and nobody takes care", news::open_for(language, "Plov.", AGE, false), vec!["Plov.", "17"]),
        ("care", care(language, None, "", None), vec!["Anar"]),
        ("care for a reason", care(language, Some(Reason::Supplier), "no van", None), vec!["Anar", "no van"]),
        ("care until today", care(language, None, "", Some("2026-05-08T15:30:00Z")), vec!["Anar", "19:30"]),
        ("care until another day", care(language, None, "", Some("2026-05-10T04:00:00Z")), vec!["Anar", "10", "08:00"]),
    ]
}

fn care(language: Language, reason: Option<Reason>, note: &str, back: Option<&str>) -> String {
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let said = Acknowledgement {
        by: "Anar".to_owned(),
        at: at("2026-05-08T13:00:00Z"),
        reason,
        note: note.to_owned(),
        back_at: back.map(at),
    };
    news::care(language, &said, &Zone::named("Asia/Baku").expect("bundled"))
}

fn of_letters(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    vec![
        ("and_more_news", letter::and_more_news(language, 17), vec!["17"]),
        (
            "already_open",
            letter::already_open(language, "Sahil", 17, "Plov, Piti, …"),
            vec!["Sahil", "17", "Plov, Piti, …"],
        ),
        ("baseline", letter::baseline(language, "Sahil"), vec!["Sahil"]),
        ("waited", letter::waited(language, 12), vec!["12"]),
        ("still_open", letter::still_open(language, "Sahil"), vec!["Sahil"]),
        ("because_of_it", letter::because_of_it(language, "Plov, Piti"), vec!["Plov, Piti"]),
        ("before_that", letter::before_that(language, "18:51", "Plov."), vec!["18:51", "Plov."]),
        ("while_away", letter::while_away(language, "18:02", "19:10"), vec!["18:02", "19:10"]),
        ("critical", letter::critical(language).to_owned(), vec![]),
        ("take_care", letter::take_care(language).to_owned(), vec![]),
        ("say_anew", letter::say_anew(language).to_owned(), vec![]),
        ("list_read", letter::list_read(language, "18:51", None), vec!["18:51"]),
        ("list_read long ago", letter::list_read(language, "18:51", Some(AGE)), vec!["18:51", "17"]),
        ("watched_by_us", letter::watched_by_us(language, "sahil"), vec!["sahil", "Clopos"]),
    ]
}

fn of_the_page(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    vec![
        ("title", page::title(language).to_owned(), vec![]),
        ("since", page::since(language, "18:51", "17 min"), vec!["18:51", "17 min"]),
        ("nobody", page::nobody(language).to_owned(), vec![]),
        ("takes_its_place", page::takes_its_place(language).to_owned(), vec![]),
        ("your_name", page::your_name(language).to_owned(), vec![]),
        ("reason of the page", page::reason(language).to_owned(), vec![]),
        ("no_reason", page::no_reason(language).to_owned(), vec![]),
        ("note", page::note(language).to_owned(), vec![]),
        ("back", page::back(language).to_owned(), vec![]),
        ("back_hint", page::back_hint(language).to_owned(), vec!["19:30"]),
        ("noted", page::noted(language, None), vec![]),
        ("noted until", page::noted(language, Some("19:30")), vec!["19:30"]),
        ("over", page::over(language, None), vec![]),
        ("over since", page::over(language, Some("19:30")), vec!["19:30"]),
        ("no_answer", page::no_answer(language).to_owned(), vec![]),
        ("too_often", page::too_often(language).to_owned(), vec![]),
        ("not_understood", page::not_understood(language).to_owned(), vec![]),
        ("nothing_here", page::nothing_here(language).to_owned(), vec![]),
        ("name_missing", page::name_missing(language).to_owned(), vec![]),
        ("too_long", page::too_long(language, 17), vec!["17"]),
        ("unknown_reason", page::unknown_reason(language, "season, other"), vec!["season, other"]),
        ("no_time", page::no_time(language).to_owned(), vec!["19:30"]),
        ("no_time_ahead", page::no_time_ahead(language).to_owned(), vec![]),
    ]
}

fn of_fallbacks(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let cannot = |channel| fallback::cannot_be_told(language, "managers", channel, "18:05", "451 busy");
    vec![
        ("cannot_be_told by email", cannot(Channel::Email), vec!["managers", "18:05", "451 busy"]),
        ("cannot_be_told by webhook", cannot(Channel::Webhook), vec!["managers", "webhook", "18:05", "451 busy"]),
        ("untried mqtt", fallback::untried(language, Channel::Mqtt).to_owned(), vec![]),
        ("untried email", fallback::untried(language, Channel::Email).to_owned(), vec![]),
        ("untried webhook", fallback::untried(language, Channel::Webhook).to_owned(), vec![]),
        ("told_instead", fallback::told_instead(language, "managers", false), vec!["managers"]),
        ("told_instead when given up", fallback::told_instead(language, "managers", true), vec![]),
        ("given_up", fallback::given_up(language).to_owned(), vec![]),
        ("and_more unnamed", fallback::and_more(language, 17), vec!["17", "dead-letters"]),
        ("in_the_place_of", fallback::in_the_place_of(language, "managers"), vec!["managers"]),
    ]
}

fn of_reports(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let at = "18:51";
    vec![
        ("title of an opening check", report::title(language, ReportKind::OpeningCheck).to_owned(), vec![]),
        ("title of a handover", report::title(language, ReportKind::Handover).to_owned(), vec![]),
        ("title of a week", report::title(language, ReportKind::Weekly).to_owned(), vec![]),
        ("venues", report::venues(language, 17), vec!["17"]),
        ("off", report::off(language, 17), vec!["17"]),
        ("not_known", report::not_known(language, None), vec![]),
        ("not_known at some", report::not_known(language, Some(17)), vec!["17"]),
        ("was_not_read", report::was_not_read(language, "18:02", at, AGE), vec!["18:02", at, "17"]),
        ("was_often_not_read", report::was_often_not_read(language, 19, AGE, at), vec!["19", "17", at]),
        ("none_off", report::none_off(language).to_owned(), vec![]),
        ("nothing_off", report::nothing_off(language).to_owned(), vec![]),
        ("nothing_was_off", report::nothing_was_off(language, at), vec![at]),
        ("as_it_was", report::as_it_was(language, at), vec![at]),
        ("nothing_left_over", report::nothing_left_over(language).to_owned(), vec![]),
        ("left_over", report::left_over(language).to_owned(), vec![]),
        ("off_today", report::off_today(language).to_owned(), vec![]),
        ("still_off", report::still_off(language).to_owned(), vec![]),
        ("came_back", report::came_back(language).to_owned(), vec![]),
        ("off_since", report::off_since(language, at, AGE), vec![at, "17"]),
        ("off_between", report::off_between(language, at, "19:30", AGE), vec![at, "19:30", "17"]),
        ("off_often", report::off_often(language, 4, AGE, at), vec!["4", "17", at]),
        ("off_before", report::off_before(language, AGE), vec!["17"]),
        ("turnover", report::turnover(language, 31, 17, 14), vec!["31", "17", "14"]),
        ("is_overdue", report::is_overdue(language, at), vec![at]),
        ("list_is_old", report::list_is_old(language, at, AGE), vec![at, "17"]),
        ("list_is_blind", report::list_is_blind(language, at, AGE), vec![at, "17"]),
        ("list_never_read", report::list_never_read(language).to_owned(), vec![]),
        ("nothing_off_at", report::nothing_off_at(language, "Sahil, Gənclik"), vec!["Sahil, Gənclik"]),
        ("lists_read", report::lists_read(language, at), vec![at]),
        ("more_items", report::more_items(language, 17), vec!["17"]),
    ]
}

fn of_weeks(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let (long, longer) = (Duration::from_hours(31), Duration::from_hours(123));
    vec![
        ("on_stop", weekly::on_stop(language, longer), vec!["123"]),
        ("none_off of a week", weekly::none_off(language).to_owned(), vec![]),
        ("not_known of a week", weekly::not_known(language).to_owned(), vec![]),
        ("total", weekly::total(language, longer, 17, 44, true), vec!["123", "17", "44"]),
        ("total by day and night", weekly::total(language, longer, 17, 44, false), vec!["123", "17", "44"]),
        ("nothing_off of a week", weekly::nothing_off(language, true).to_owned(), vec![]),
        ("nothing_off of a week by day and night", weekly::nothing_off(language, false).to_owned(), vec![]),
        ("nothing_off_at of a week", weekly::nothing_off_at(language, "Sahil, Gənclik"), vec!["Sahil, Gənclik"]),
        ("against less", weekly::against(language, long, longer), vec!["92", "123"]),
        ("against a smaller one", weekly::against(language, longer, long), vec!["92", "31"]),
        ("against the same", weekly::against(language, long, long), vec!["31"]),
        ("that_is", weekly::that_is(language, "17"), vec!["17"]),
        ("nearly_always", weekly::nearly_always(language).to_owned(), vec![]),
        ("longest", weekly::longest(language).to_owned(), vec![]),
        ("by_venue", weekly::by_venue(language).to_owned(), vec![]),
        ("at_several", weekly::at_several(language).to_owned(), vec![]),
        ("item", weekly::item(language, longer, 17, long), vec!["123", "17", "31"]),
        ("item at a stretch", weekly::item(language, longer, 1, longer), vec!["123"]),
        ("venue", weekly::venue(language, longer, 17, 44), vec!["123", "17", "44"]),
        ("item_of_several", weekly::item_of_several(language, longer, 17), vec!["123", "17"]),
        ("still_off of a week", weekly::still_off(language).to_owned(), vec![]),
        ("missed", weekly::missed(language, longer), vec!["123"]),
        ("known_from", weekly::known_from(language, "18:51"), vec!["18:51"]),
        ("never_read", weekly::never_read(language).to_owned(), vec![]),
        ("not_all_known", weekly::not_all_known(language, 17), vec!["17"]),
        ("were_closed", weekly::were_closed(language).to_owned(), vec![]),
        ("closed", weekly::closed(language).to_owned(), vec![]),
        ("no_hours", weekly::no_hours(language).to_owned(), vec![]),
        ("not_sold", weekly::not_sold(language, 17), vec!["17"]),
        ("is_cut", weekly::is_cut(language, 1000), vec!["1000"]),
    ]
}

fn of_values(language: Language) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let half = Quantity::from_millionths(2_500_000);
    let amount = Money::from_ten_thousandths(750_000);
    let change = |value: ChangeValue| values::change(language, &value);
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let (then, now) = (at("2026-05-08T15:30:00Z"), at("2026-05-09T15:30:00Z"));
    let mut all = vec![
        ("unknown_duration", values::unknown_duration(language).to_owned(), vec![]),
        ("unknown_time", values::unknown_time(language).to_owned(), vec![]),
        ("time_beside", values::time_beside(language, then, now, &zone), vec!["19:30"]),
        ("day_and_time", values::day_and_time(language, then, &zone), vec!["08", "05", "2026", "19:30"]),
        ("and_more", values::and_more(language, "Plov, Piti", 17), vec!["Plov, Piti", "17"]),
        ("unrestricted", values::unrestricted(language).to_owned(), vec![]),
        ("no_station", values::no_station(language).to_owned(), vec![]),
        ("sold_per_hour", values::sold_per_hour(language, Some((half, half))), vec!["2", "5"]),
        ("sold_per_hour of nobody knows what", values::sold_per_hour(language, None), vec![]),
        ("money_per_hour", values::money_per_hour(language, Some((amount, amount))), vec!["75", "00"]),
        ("money_per_hour of nobody knows what", values::money_per_hour(language, None), vec![]),
        ("change out", change(ChangeValue::Out), vec![]),
        ("change left", change(ChangeValue::Left(half)), vec!["2", "5"]),
        ("change without a price", change(ChangeValue::NoPrice), vec![]),
        ("change active", change(ChangeValue::Active), vec![]),
        ("change inactive", change(ChangeValue::Inactive), vec![]),
        ("change absent", change(ChangeValue::Absent), vec![]),
        ("name of a product", values::name(language, "#332 (not in catalog)").into_owned(), vec!["#332"]),
        ("name of a venue", values::name(language, "venue 7").into_owned(), vec!["7"]),
        ("name of a category", values::name(language, "category 12").into_owned(), vec!["12"]),
        ("name of a station", values::name(language, "station 3").into_owned(), vec!["3"]),
    ];
    let reasons = Reason::ALL.map(|reason| (reason.word(), values::reason(language, reason).to_owned(), vec![]));
    all.extend(reasons);
    let units = [("duration s", 45), ("duration min", 60), ("duration h", 3_600), ("duration d", 86_400)];
    all.extend(units.map(|(name, s)| (name, values::duration(language, Duration::from_secs(s)), vec![])));
    let days = (0..7).map(|day| jiff::civil::Weekday::Monday.wrapping_add(day));
    all.extend(days.map(|day| ("weekday", values::weekday(language, day).to_owned(), vec![])));
    all
}

/// The functions whose result is no phrase: figures, what chooses a form.
const NO_PHRASES: [&str; 5] = ["russian_count", "quantity", "money", "hours", "days"];

#[test]
fn the_table_has_every_phrase() {
    let sources = [
        include_str!("news.rs"),
        include_str!("letter.rs"),
        include_str!("page.rs"),
        include_str!("fallback.rs"),
        include_str!("report.rs"),
        include_str!("values.rs"),
        include_str!("weekly.rs"),
    ];
    let functions: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.strip_prefix("pub fn ")?.split(['(', '<']).next())
        .filter(|name| !NO_PHRASES.contains(name))
        .collect();
    assert!(functions.len() > 20, "{functions:?}");
    let reasons: BTreeSet<&str> = Reason::ALL.map(Reason::word).into();
    let held = phrases(Language::En).into_iter();
    let held = held.map(|(name, ..)| if reasons.contains(name) { "reason" } else { name });
    let held: BTreeSet<&str> = held.filter_map(|name| name.split(' ').next()).collect();
    assert_eq!(held, functions, "each function of the table, by the first word of its rows here");
}

#[test]
fn each_phrase_is_another_one_in_each_language_and_says_all_that_it_is_given() {
    let [az, ru, en] = Language::ALL.map(phrases);
    for ((az, ru), en) in az.into_iter().zip(ru).zip(en) {
        let name = en.0;
        assert_eq!((az.0, ru.0), (name, name));
        let three = [(Language::Az, &az.1), (Language::Ru, &ru.1), (Language::En, &en.1)];
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let may_be = ALIKE.contains(&(name, three[one].0, three[other].0));
            assert_eq!(three[one].1 == three[other].1, may_be, "{name}: {three:?}");
        }
        for (language, text, given) in
            [(Language::Az, az.1, az.2), (Language::Ru, ru.1, ru.2), (Language::En, en.1, en.2)]
        {
            for word in given {
                assert!(text.contains(word), "{name} in {} does not say '{word}': {text}", language.code());
            }
            assert!(!text.trim().is_empty() && text.chars().count() <= LENGTH_MAX, "{name}: {text}");
            let is_cyrillic = |c: char| ('\u{400}'..='\u{4ff}').contains(&c);
            let has_words = name != "began" && name != "began with a change";
            assert_eq!(text.chars().any(is_cyrillic), language == Language::Ru && has_words, "{name}: {text}");
        }
    }
}

/// The number decides the word in Russian, and nowhere else.
#[test]
fn numbers_decide_the_word_in_russian() {
    let days = |count: u64| Duration::from_hours(24 * count);
    for (count, day, alerts) in [
        (1, "1 день", "1 предупреждение"),
        (2, "2 дня", "2 предупреждения"),
        (4, "4 дня", "4 предупреждения"),
        (5, "5 дней", "5 предупреждений"),
        (11, "11 дней", "11 предупреждений"),
        (12, "12 дней", "12 предупреждений"),
        (21, "21 день", "21 предупреждение"),
        (22, "22 дня", "22 предупреждения"),
        (112, "112 дней", "112 предупреждений"),
        (121, "121 день", "121 предупреждение"),
    ] {
        assert_eq!(values::duration(Language::Ru, days(count)), day);
        assert_eq!(values::duration(Language::Az, days(count)), format!("{count} gün"));
        let subject = letter::already_open(Language::Ru, "Sahil", usize::try_from(count).expect("small"), "Plov");
        assert_eq!(subject, format!("Sahil: уже активно {alerts} (Plov)"));
    }
    assert_eq!(values::russian_count(0, ["день", "дня", "дней"]), "дней");
}

#[test]
fn durations_have_two_units_and_are_in_english_what_commands_show() {
    for (s, az, ru) in [
        (0, "0 san", "0 с"),
        (45, "45 san", "45 с"),
        (720, "12 dəq", "12 мин"),
        (4_620, "1 saat 17 dəq", "1 ч 17 мин"),
        (7_200, "2 saat", "2 ч"),
        (86_400, "1 gün", "1 день"),
        (266_400, "3 gün 2 saat", "3 дня 2 ч"),
    ] {
        let duration = Duration::from_secs(s);
        assert_eq!(values::duration(Language::Az, duration), az);
        assert_eq!(values::duration(Language::Ru, duration), ru);
        assert_eq!(values::duration(Language::En, duration), human_duration(duration));
    }
}

#[test]
fn a_time_that_is_compared_with_opening_hours_has_no_days() {
    for (min, az, ru, en) in [
        (0, "0 san", "0 с", "0 s"),
        (45, "45 dəq", "45 мин", "45 min"),
        (200, "3 saat 20 dəq", "3 ч 20 мин", "3 h 20 min"),
        (599, "9 saat 59 dəq", "9 ч 59 мин", "9 h 59 min"),
        (600, "10 saat", "10 ч", "10 h"),
        (629, "10 saat", "10 ч", "10 h"),
        (630, "11 saat", "11 ч", "11 h"),
        (7_380, "123 saat", "123 ч", "123 h"),
    ] {
        let said = [Language::Az, Language::Ru, Language::En].map(|it| values::hours(it, Duration::from_mins(min)));
        assert_eq!(said, [az, ru, en]);
    }
}

#[test]
fn a_week_is_named_by_its_days() {
    let (first, last) = (jiff::civil::date(2026, 11, 30), jiff::civil::date(2026, 12, 6));
    for (language, named) in
        [(Language::Az, "30.11–06.12"), (Language::Ru, "30.11–06.12"), (Language::En, "30 Nov–6 Dec")]
    {
        assert_eq!(weekly::days(language, first, last), named);
    }
}

#[test]
fn figures_have_the_decimal_mark_of_the_language() {
    let (half, price) = (Quantity::from_millionths(-2_500_000), Money::from_ten_thousandths(75_000));
    for (language, quantity, money, left) in [
        (Language::Az, "-2,5", "7,50", "-2,5 qalıb"),
        (Language::Ru, "-2,5", "7,50", "осталось -2,5"),
        (Language::En, "-2.5", "7.50", "-2.5 left"),
    ] {
        assert_eq!(values::quantity(language, half), quantity);
        assert_eq!(values::money(language, price), money);
        assert_eq!(values::change(language, &ChangeValue::Price(price)), money);
        assert_eq!(values::change(language, &ChangeValue::Left(half)), left);
        // What machines read has a point, whoever reads beside them.
        assert_eq!(ChangeValue::Left(half).code(), "-2.5 left");
    }
    let code = |value: ChangeValue| (value.code(), values::change(Language::En, &value));
    for value in [
        ChangeValue::Unrestricted,
        ChangeValue::Out,
        ChangeValue::Left(half),
        ChangeValue::Price(price),
        ChangeValue::NoPrice,
        ChangeValue::Active,
        ChangeValue::Inactive,
        ChangeValue::Absent,
        ChangeValue::Named("Hall".to_owned()),
    ] {
        let (code, said) = code(value);
        assert_eq!(code, said, "the code is the English word");
    }
}

#[test]
fn times_of_other_days_name_the_day() {
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let (friday, saturday) = (at("2026-05-08T15:30:00Z"), at("2026-05-09T05:00:00Z"));
    for (language, named) in [(Language::Az, "cümə 19:30"), (Language::Ru, "пт 19:30"), (Language::En, "Fri 19:30")]
    {
        assert_eq!(values::time_beside(language, friday, saturday, &zone), named);
        assert_eq!(values::time_beside(language, friday, friday, &zone), "19:30");
        // What commands show in English by the library is what we say.
        let of_library = friday.in_zone(&zone).strftime("%a %H:%M").to_string();
        assert_eq!(named == of_library, language == Language::En);
    }
}

#[test]
fn names_of_the_pos_are_left_alone() {
    for name in [
        "Lülə kabab",
        "#12 soup",
        "# (not in catalog)",
        "venue",
        "venue 7b",
        "category Soups",
        "#x (not in catalog)",
        "",
    ] {
        for language in Language::ALL {
            assert_eq!(values::name(language, name), name);
        }
    }
}
