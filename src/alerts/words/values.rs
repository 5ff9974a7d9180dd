//! What stands inside a sentence, in the reader's language: durations, days, figures, lists, and values that are words.
//!
//! Never decides what is said. Invariant: a figure is the same in each language but for its decimal mark.

use std::borrow::Cow;
use std::time::Duration;

use crate::alerts::facts::{ChangeValue, NAMELESS_CATEGORY, NAMELESS_STATION, NAMELESS_VENUE, NOT_IN_CATALOG};
use crate::alerts::order::Reason;
use crate::language::Language;
use crate::units::{Money, Quantity, Timestamp, Zone};

/// The units of a duration.
#[derive(Clone, Copy)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// Writes a duration in its two largest units: `45 s`, `12 min`, `1 h 17 min`, `3 d 2 h`.
pub fn duration(language: Language, duration: Duration) -> String {
    let s = duration.as_secs();
    let (first, second) = match s {
        0..60 => ((s, Unit::Second), None),
        60..3_600 => ((s / 60, Unit::Minute), None),
        3_600..86_400 => ((s / 3_600, Unit::Hour), Some((s % 3_600 / 60, Unit::Minute))),
        _ => ((s / 86_400, Unit::Day), Some((s % 86_400 / 3_600, Unit::Hour))),
    };
    let written = |(count, unit)| format!("{count} {}", unit_word(language, count, unit));
    match second.filter(|(count, _)| *count > 0) {
        Some(second) => format!("{} {}", written(first), written(second)),
        None => written(first),
    }
}

/// Writes a time that is compared with opening hours: `45 min`, `3 h 20 min`, and from ten hours on whole ones, `123 h`.
pub fn hours(language: Language, time: Duration) -> String {
    const HOUR_S: u64 = 3_600;
    let s = time.as_secs();
    if s < 10 * HOUR_S {
        return duration(language, time);
    }
    let hours = (s + HOUR_S / 2) / HOUR_S;
    format!("{hours} {}", unit_word(language, hours, Unit::Hour))
}

fn unit_word(language: Language, count: u64, unit: Unit) -> &'static str {
    match (language, unit) {
        (Language::En, Unit::Second) => "s",
        (Language::En, Unit::Minute) => "min",
        (Language::En, Unit::Hour) => "h",
        (Language::En, Unit::Day) => "d",
        (Language::Az, Unit::Second) => "san",
        (Language::Az, Unit::Minute) => "dəq",
        (Language::Az, Unit::Hour) => "saat",
        (Language::Az, Unit::Day) => "gün",
        (Language::Ru, Unit::Second) => "с",
        (Language::Ru, Unit::Minute) => "мин",
        (Language::Ru, Unit::Hour) => "ч",
        (Language::Ru, Unit::Day) => russian_count(count, ["день", "дня", "дней"]),
    }
}

/// Chooses the form that stands after a number in Russian: for 1, 21, 101; for 2 to 4, 22; for 0, 5 to 20, 112.
pub fn russian_count(count: u64, [one, few, many]: [&'static str; 3]) -> &'static str {
    match (count % 10, count % 100) {
        (_, 11..=14) => many,
        (1, _) => one,
        (2..=4, _) => few,
        _ => many,
    }
}

/// Says a duration that nobody knows.
pub fn unknown_duration(language: Language) -> &'static str {
    match language {
        Language::En => "some time",
        Language::Az => "bir müddət",
        Language::Ru => "некоторое время",
    }
}

/// Says a time of day that nobody knows.
pub fn unknown_time(language: Language) -> &'static str {
    match language {
        Language::En => "some time",
        Language::Az => "naməlum vaxt",
        Language::Ru => "неизвестное время",
    }
}

/// Shows the local time as `18:51`, with the weekday where that is another day than that of `now`: `Fri 18:51`.
pub fn time_beside(language: Language, at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let local = at.in_zone(zone);
    let time = at.local_time(zone);
    if local.date() == now.in_zone(zone).date() {
        return time;
    }
    format!("{} {time}", weekday(language, local.weekday()))
}

/// Names a day of the week before a time.
pub fn weekday(language: Language, day: jiff::civil::Weekday) -> &'static str {
    let days = match language {
        Language::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        Language::Az => ["bazar ertəsi", "çərşənbə axşamı", "çərşənbə", "cümə axşamı", "cümə", "şənbə", "bazar"],
        Language::Ru => ["пн", "вт", "ср", "чт", "пт", "сб", "вс"],
    };
    days[usize::from(day.to_monday_zero_offset().unsigned_abs()) % days.len()]
}

/// Shows a day and a time, where the day may be far away.
pub fn day_and_time(language: Language, at: Timestamp, zone: &Zone) -> String {
    let form = match language {
        Language::En => "%Y-%m-%d at %H:%M",
        Language::Az => "%d.%m.%Y, saat %H:%M",
        Language::Ru => "%d.%m.%Y в %H:%M",
    };
    at.in_zone(zone).strftime(form).to_string()
}

/// Writes a stock figure: `2.5`, `2,5`.
pub fn quantity(language: Language, quantity: Quantity) -> String {
    decimal(language, quantity.to_string())
}

/// Writes an amount: `7.50`, `7,50`.
pub fn money(language: Language, amount: Money) -> String {
    decimal(language, amount.to_string())
}

fn decimal(language: Language, written: String) -> String {
    match language {
        Language::En => written,
        Language::Az | Language::Ru => written.replace('.', ","),
    }
}

/// Ends a list of names that was cut: `Plov, Piti and 3 more`.
pub fn and_more(language: Language, names: &str, more: usize) -> String {
    match language {
        Language::En => format!("{names} and {more} more"),
        Language::Az => format!("{names} və daha {more}"),
        Language::Ru => format!("{names} и ещё {more}"),
    }
}

/// Says that nothing limits an item.
pub fn unrestricted(language: Language) -> &'static str {
    match language {
        Language::En => "unrestricted",
        Language::Az => "limitsiz",
        Language::Ru => "без ограничений",
    }
}

/// Stands for the name of a station where an item has none.
pub fn no_station(language: Language) -> &'static str {
    match language {
        Language::En => "no station",
        Language::Az => "stansiyasız",
        Language::Ru => "без станции",
    }
}

/// Says what something was or is that changed: `out`, `3 left`, `7.50`.
pub fn change(language: Language, value: &ChangeValue) -> String {
    let word = |en: &str, az: &str, ru: &str| {
        match language {
            Language::En => en,
            Language::Az => az,
            Language::Ru => ru,
        }
        .to_owned()
    };
    match value {
        ChangeValue::Unrestricted => unrestricted(language).to_owned(),
        ChangeValue::Out => word("out", "bitib", "закончилось"),
        ChangeValue::Left(left) => left_to_sell(language, &quantity(language, *left)),
        ChangeValue::Price(price) => money(language, *price),
        ChangeValue::NoPrice => word("no price", "qiymət yoxdur", "нет цены"),
        ChangeValue::Active => word("active", "işləyir", "работает"),
        ChangeValue::Inactive => word("inactive", "işləmir", "не работает"),
        ChangeValue::Absent => word("absent", "yoxdur", "нет"),
        ChangeValue::Named(name) => name.clone(),
    }
}

fn left_to_sell(language: Language, left: &str) -> String {
    match language {
        Language::En => format!("{left} left"),
        Language::Az => format!("{left} qalıb"),
        Language::Ru => format!("осталось {left}"),
    }
}

/// Says how many are sold in an hour, as a range or that nobody knows.
pub fn sold_per_hour(language: Language, range: Option<(Quantity, Quantity)>) -> String {
    match (language, range.map(|(from, to)| (quantity(language, from), quantity(language, to)))) {
        (Language::En, Some((from, to))) => format!("about {from} to {to}"),
        (Language::Az, Some((from, to))) => format!("təxminən {from}–{to}"),
        (Language::Ru, Some((from, to))) => format!("примерно {from}–{to}"),
        (Language::En, None) => "nobody knows how many".to_owned(),
        (Language::Az, None) => "sayı məlum deyil".to_owned(),
        (Language::Ru, None) => "неизвестно сколько".to_owned(),
    }
}

/// Says what an hour brings, as a range or that nobody knows.
pub fn money_per_hour(language: Language, range: Option<(Money, Money)>) -> String {
    match (language, range.map(|(from, to)| (money(language, from), money(language, to)))) {
        (Language::En, Some((from, to))) => format!("an estimated {from} to {to}"),
        (Language::Az, Some((from, to))) => format!("təxminən {from}–{to}"),
        (Language::Ru, Some((from, to))) => format!("примерно {from}–{to}"),
        (Language::En, None) => "nobody knows how much".to_owned(),
        (Language::Az, None) => "məbləğ məlum deyil".to_owned(),
        (Language::Ru, None) => "сумма неизвестна".to_owned(),
    }
}

/// Says why something is out.
pub fn reason(language: Language, reason: Reason) -> &'static str {
    match (language, reason) {
        (Language::En, reason) => reason.word(),
        (Language::Az, Reason::Ingredient) => "inqrediyent",
        (Language::Az, Reason::Supplier) => "təchizatçı",
        (Language::Az, Reason::Equipment) => "avadanlıq",
        (Language::Az, Reason::Preparation) => "hazırlıq",
        (Language::Az, Reason::Quality) => "keyfiyyət",
        (Language::Az, Reason::Season) => "mövsüm",
        (Language::Az, Reason::Other) => "başqa səbəb",
        (Language::Ru, Reason::Ingredient) => "ингредиент",
        (Language::Ru, Reason::Supplier) => "поставщик",
        (Language::Ru, Reason::Equipment) => "оборудование",
        (Language::Ru, Reason::Preparation) => "заготовка",
        (Language::Ru, Reason::Quality) => "качество",
        (Language::Ru, Reason::Season) => "сезон",
        (Language::Ru, Reason::Other) => "другая причина",
    }
}

/// Returns a name as its reader is told it. Names of the POS are left alone; what has none there is called by its number
/// by us, in English where machines read it.
pub fn name(language: Language, name: &str) -> Cow<'_, str> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let product = name.strip_prefix('#').and_then(|rest| rest.strip_suffix(NOT_IN_CATALOG)).filter(is_number);
    let numbered = [NAMELESS_VENUE, NAMELESS_CATEGORY, NAMELESS_STATION]
        .into_iter()
        .find_map(|kind| Some((kind, name.strip_prefix(kind).filter(is_number)?)));
    let kind = |kind: &str| {
        match (language, kind) {
            (Language::En, kind) => kind,
            (Language::Az, NAMELESS_CATEGORY) => "Kateqoriya ",
            (Language::Az, NAMELESS_STATION) => "Stansiya ",
            (Language::Az, _) => "Məkan ",
            (Language::Ru, NAMELESS_CATEGORY) => "Категория ",
            (Language::Ru, NAMELESS_STATION) => "Станция ",
            (Language::Ru, _) => "Заведение ",
        }
        .to_owned()
    };
    match (language, product, numbered) {
        (Language::En, _, _) | (_, None, None) => Cow::Borrowed(name),
        (Language::Az, Some(id), _) => Cow::Owned(format!("#{id} (kataloqda yoxdur)")),
        (Language::Ru, Some(id), _) => Cow::Owned(format!("#{id} (нет в каталоге)")),
        (Language::Az | Language::Ru, None, Some((of, id))) => Cow::Owned(kind(of) + id),
    }
}
