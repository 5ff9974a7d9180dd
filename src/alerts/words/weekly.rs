//! What the report of a week says, in the reader's language.
//!
//! A time on stop is the sum over the items that were off. Numbers stand after their nouns where a noun would have to
//! follow them in another form.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::civil::Date;

use crate::alerts::words::values;
use crate::language::Language;

/// Names a week by its first and its last day.
pub fn days(language: Language, first: Date, last: Date) -> String {
    let form = match language {
        Language::En => "%-d %b",
        Language::Az | Language::Ru => "%d.%m",
    };
    format!("{}–{}", first.strftime(form), last.strftime(form))
}

/// Says in a subject how long was off what was.
pub fn on_stop(language: Language, off: Duration) -> String {
    let off = values::hours(language, off);
    match language {
        Language::En => format!("{off} on stop"),
        Language::Az => format!("stopda {off}"),
        Language::Ru => format!("на стопе {off}"),
    }
}

/// Says in a subject that nothing was off, as far as somebody read.
pub fn none_off(language: Language) -> &'static str {
    match language {
        Language::En => "nothing was seen to be off",
        Language::Az => "stopda heç nə görünməyib",
        Language::Ru => "на стопе ничего не замечено",
    }
}

/// Says in a subject that nobody read any list.
pub fn not_known(language: Language) -> &'static str {
    match language {
        Language::En => "the stop list was not read",
        Language::Az => "stop-siyahı oxunmayıb",
        Language::Ru => "стоп-лист не был прочитан",
    }
}

/// Says what was off at a venue or a chain, while the doors were open or, where nobody knows when, at any time.
pub fn total(language: Language, off: Duration, items: usize, stops: usize, in_hours: bool) -> String {
    let off = values::hours(language, off);
    match (language, in_hours) {
        (Language::En, true) => format!(
            "While the doors were open, {off} on stop in all, each item counted by itself. Items: {items}, stops: {stops}."
        ),
        (Language::En, false) => {
            format!(
                "By day and night, {off} on stop in all, each item counted by itself. Items: {items}, stops: {stops}."
            )
        }
        (Language::Az, true) => {
            format!(
                "İş saatlarında stopda cəmi {off}, hər məhsul ayrıca sayılıb. Məhsullar: {items}, stopa düşmə: {stops}."
            )
        }
        (Language::Az, false) => {
            format!(
                "Gecə-gündüz stopda cəmi {off}, hər məhsul ayrıca sayılıb. Məhsullar: {items}, stopa düşmə: {stops}."
            )
        }
        (Language::Ru, true) => format!(
            "В часы работы на стопе в сумме {off}, каждая позиция считается отдельно. Позиций: {items}, стопов: {stops}."
        ),
        (Language::Ru, false) => {
            format!(
                "Круглосуточно на стопе в сумме {off}, каждая позиция считается отдельно. Позиций: {items}, стопов: {stops}."
            )
        }
    }
}

/// Says that nothing was off while the doors were open, as far as somebody read.
pub fn nothing_off(language: Language, in_hours: bool) -> &'static str {
    match (language, in_hours) {
        (Language::En, true) => "Nothing was seen to be off while the doors were open.",
        (Language::En, false) => "Nothing was seen to be off.",
        (Language::Az, true) => "İş saatlarında stopda heç nə görünməyib.",
        (Language::Az, false) => "Stopda heç nə görünməyib.",
        (Language::Ru, true) => "В часы работы на стопе ничего не было замечено.",
        (Language::Ru, false) => "На стопе ничего не было замечено.",
    }
}

/// Names the venues at which nothing was off.
pub fn nothing_off_at(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("Nothing was off: {names}"),
        Language::Az => format!("Stopda heç nə olmayıb: {names}"),
        Language::Ru => format!("На стопе ничего не было: {names}"),
    }
}

/// Compares with the week before.
pub fn against(language: Language, off: Duration, before: Duration) -> String {
    let difference = values::hours(language, off.abs_diff(before));
    let was = values::hours(language, before);
    match (language, off.cmp(&before)) {
        (Language::En, Ordering::Greater) => format!("{difference} more than in the week before ({was})"),
        (Language::En, Ordering::Less) => format!("{difference} less than in the week before ({was})"),
        (Language::En, Ordering::Equal) => format!("as much as in the week before ({was})"),
        (Language::Az, Ordering::Greater) => format!("əvvəlki həftədən {difference} çox ({was})"),
        (Language::Az, Ordering::Less) => format!("əvvəlki həftədən {difference} az ({was})"),
        (Language::Az, Ordering::Equal) => format!("əvvəlki həftədəki qədər ({was})"),
        (Language::Ru, Ordering::Greater) => format!("на {difference} больше, чем неделей раньше ({was})"),
        (Language::Ru, Ordering::Less) => format!("на {difference} меньше, чем неделей раньше ({was})"),
        (Language::Ru, Ordering::Equal) => format!("столько же, сколько неделей раньше ({was})"),
    }
}

/// Puts a comparison into a sentence.
pub fn that_is(language: Language, comparison: &str) -> String {
    match language {
        Language::En => format!("That is {comparison}."),
        Language::Az => format!("Müqayisə: {comparison}."),
        Language::Ru => format!("Это {comparison}."),
    }
}

/// Heads what was off for nearly all of the week.
pub fn nearly_always(language: Language) -> &'static str {
    match language {
        Language::En => "Off nearly all week",
        Language::Az => "Demək olar bütün həftə stopda",
        Language::Ru => "На стопе почти всю неделю",
    }
}

/// Heads what was off the longest.
pub fn longest(language: Language) -> &'static str {
    match language {
        Language::En => "Off the longest",
        Language::Az => "Ən uzun müddət stopda",
        Language::Ru => "Дольше всего на стопе",
    }
}

/// Heads the venues of a chain.
pub fn by_venue(language: Language) -> &'static str {
    match language {
        Language::En => "Venues, the longest on stop first",
        Language::Az => "Məkanlar, ən çox stopda qalandan başlayaraq",
        Language::Ru => "Заведения, начиная с самых долгих стопов",
    }
}

/// Heads what was off at several venues of a chain.
pub fn at_several(language: Language) -> &'static str {
    match language {
        Language::En => "Off at several venues",
        Language::Az => "Bir neçə məkanda stopda olub",
        Language::Ru => "На стопе в нескольких заведениях",
    }
}

/// Says how long an item was off, and how often.
pub fn item(language: Language, off: Duration, stops: usize, longest: Duration) -> String {
    let (off, longest) = (values::hours(language, off), values::hours(language, longest));
    match (language, stops) {
        (Language::En, 0 | 1) => format!("{off}, at a stretch"),
        (Language::Az, 0 | 1) => format!("{off}, fasiləsiz"),
        (Language::Ru, 0 | 1) => format!("{off}, без перерыва"),
        (Language::En, _) => format!("{off} in {stops} stops, the longest {longest}"),
        (Language::Az, _) => format!("{off}, {stops} dəfə, ən uzunu {longest}"),
        (Language::Ru, _) => {
            let times = values::russian_count(stops as u64, ["раз", "раза", "раз"]);
            format!("{off}, {stops} {times}, самый долгий {longest}")
        }
    }
}

/// Says how much was off at one venue of a chain.
pub fn venue(language: Language, off: Duration, items: usize, stops: usize) -> String {
    let off = values::hours(language, off);
    match language {
        Language::En => format!("{off}; items: {items}, stops: {stops}"),
        Language::Az => format!("{off}; məhsullar: {items}, stopa düşmə: {stops}"),
        Language::Ru => format!("{off}; позиций: {items}, стопов: {stops}"),
    }
}

/// Says at how many venues an item was off, and how long in all.
pub fn item_of_several(language: Language, off: Duration, venues: usize) -> String {
    let off = values::hours(language, off);
    match language {
        Language::En => format!("{off} at {venues} venues"),
        Language::Az => format!("{venues} məkanda {off}"),
        Language::Ru => format!("{off}, заведений: {venues}"),
    }
}

/// Says that an item is off at present.
pub fn still_off(language: Language) -> &'static str {
    match language {
        Language::En => "still off",
        Language::Az => "hələ də stopda",
        Language::Ru => "всё ещё на стопе",
    }
}

/// Says how long nobody read the list while the doors were open.
pub fn missed(language: Language, missed: Duration) -> String {
    let missed = values::hours(language, missed);
    match language {
        Language::En => {
            format!("The stop list was not read for {missed} of this time: what was off then is not counted.")
        }
        Language::Az => {
            format!("Bu vaxtın {missed} ərzində stop-siyahı oxunmayıb: həmin vaxt stopda olanlar sayılmayıb.")
        }
        Language::Ru => {
            format!("Из этого времени {missed} стоп-лист не читался: что было на стопе тогда, не считается.")
        }
    }
}

/// Says since when the list is known.
pub fn known_from(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("The stop list is known from {at} on: what was off before is not counted."),
        Language::Az => format!("Stop-siyahı bu vaxtdan məlumdur: {at}; ondan əvvəl stopda olanlar sayılmayıb."),
        Language::Ru => format!("Стоп-лист известен с {at}: что было на стопе раньше, не считается."),
    }
}

/// Says that a list was never read in the week.
pub fn never_read(language: Language) -> &'static str {
    match language {
        Language::En => "The stop list was not read in this week: nobody knows what was off.",
        Language::Az => "Bu həftə stop-siyahı oxunmayıb: stopda nə olduğu məlum deyil.",
        Language::Ru => "За эту неделю стоп-лист не был прочитан: что было на стопе, неизвестно.",
    }
}

/// Says at how many venues of a chain something is not counted, which is said there or beside their names.
pub fn not_all_known(language: Language, venues: usize) -> String {
    match language {
        Language::En => format!("Not all of the week is known. Venues: {venues}; what nobody read is not counted."),
        Language::Az => format!("Həftənin hamısı məlum deyil. Məkanlar: {venues}; oxunmayan vaxt sayılmayıb."),
        Language::Ru => format!("Неделя известна не вся. Заведений: {venues}; непрочитанное время не считается."),
    }
}

/// Says in a subject that the doors were closed.
pub fn were_closed(language: Language) -> &'static str {
    match language {
        Language::En => "the doors were closed",
        Language::Az => "məkan bağlı olub",
        Language::Ru => "заведение было закрыто",
    }
}

/// Says that the doors were closed all week.
pub fn closed(language: Language) -> &'static str {
    match language {
        Language::En => "The doors were closed all week.",
        Language::Az => "Məkan bütün həftə bağlı olub.",
        Language::Ru => "Заведение всю неделю было закрыто.",
    }
}

/// Says that a venue has no hours, and what is counted instead.
pub fn no_hours(language: Language) -> &'static str {
    match language {
        Language::En => "No opening hours are configured here: day and night are counted.",
        Language::Az => "Burada iş saatları göstərilməyib: gecə-gündüz sayılıb.",
        Language::Ru => "Часы работы здесь не указаны: считаются все сутки.",
    }
}

/// Counts what is not counted, as it cannot be sold anyway.
pub fn not_sold(language: Language, items: usize) -> String {
    match language {
        Language::En => format!("Not counted, as guests cannot order it: {items}."),
        Language::Az => format!("Qonaqlar sifariş edə bilmədiyi üçün sayılmayıb: {items}."),
        Language::Ru => format!("Не считается, так как гости не могут это заказать: {items}."),
    }
}

/// Says that a history was too long to be read whole.
pub fn is_cut(language: Language, most: usize) -> String {
    match language {
        Language::En => {
            format!("More than {most} changes are recorded here, which is odd; not all of them are counted.")
        }
        Language::Az => format!("Burada {most} dəyişiklikdən çox qeyd olunub, bu qəribədir; hamısı sayılmayıb."),
        Language::Ru => format!("Здесь записано больше {most} изменений, это странно; учтены не все."),
    }
}
