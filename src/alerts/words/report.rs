//! What a report by the clock says: opening check and shift handover, in the reader's language.
//!
//! "Off" is what every kitchen calls it: `stopda` in Azerbaijani, `на стопе` in Russian. Numbers stand after their nouns
//! where a noun would have to follow them in another form.

use std::time::Duration;

use crate::alerts::report::ReportKind;
use crate::alerts::words::values;
use crate::language::Language;

/// Names a kind of report.
pub fn title(language: Language, kind: ReportKind) -> &'static str {
    match (language, kind) {
        (Language::En, ReportKind::OpeningCheck) => "opening check",
        (Language::En, ReportKind::Handover) => "shift handover",
        (Language::En, ReportKind::Weekly) => "the week",
        (Language::Az, ReportKind::OpeningCheck) => "açılışdan əvvəl yoxlama",
        (Language::Az, ReportKind::Handover) => "növbənin təhvili",
        (Language::Az, ReportKind::Weekly) => "həftə",
        (Language::Ru, ReportKind::OpeningCheck) => "проверка перед открытием",
        (Language::Ru, ReportKind::Handover) => "передача смены",
        (Language::Ru, ReportKind::Weekly) => "неделя",
    }
}

/// Counts the venues of a report.
pub fn venues(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} venues"),
        Language::Az => format!("{count} məkan"),
        Language::Ru => {
            let venues = values::russian_count(count as u64, ["заведение", "заведения", "заведений"]);
            format!("{count} {venues}")
        }
    }
}

/// Counts what is off, in a subject.
pub fn off(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} off"),
        Language::Az => format!("stopda: {count}"),
        Language::Ru => format!("на стопе: {count}"),
    }
}

/// Says in a subject that nobody knows what is off; at `unknown` of several venues where that is given.
pub fn not_known(language: Language, unknown: Option<usize>) -> String {
    match (language, unknown) {
        (Language::En, None) => "the stop list is not known".to_owned(),
        (Language::Az, None) => "stop-siyahı məlum deyil".to_owned(),
        (Language::Ru, None) => "стоп-лист неизвестен".to_owned(),
        (Language::En, Some(unknown)) => format!("the stop list is not known at {unknown}"),
        (Language::Az, Some(unknown)) => format!("stop-siyahısı məlum olmayan məkanlar: {unknown}"),
        (Language::Ru, Some(unknown)) => format!("стоп-лист неизвестен, заведений: {unknown}"),
    }
}

/// Says in a subject that nothing is off.
pub fn none_off(language: Language) -> &'static str {
    match language {
        Language::En => "nothing is off",
        Language::Az => "stopda heç nə yoxdur",
        Language::Ru => "на стопе ничего нет",
    }
}

/// Says that nothing is off.
pub fn nothing_off(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is off.",
        Language::Az => "Stopda heç nə yoxdur.",
        Language::Ru => "На стопе ничего нет.",
    }
}

/// Says that nothing was off when the list was read last.
pub fn nothing_was_off(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("Nothing was off then, at {at}."),
        Language::Az => format!("Həmin vaxt ({at}) stopda heç nə yox idi."),
        Language::Ru => format!("Тогда ({at}) на стопе ничего не было."),
    }
}

/// Says of which moment the rest speaks, where that is not now.
pub fn as_it_was(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("This is how it was then, at {at}:"),
        Language::Az => format!("Həmin vaxt ({at}) vəziyyət belə idi:"),
        Language::Ru => format!("Тогда ({at}) было так:"),
    }
}

/// Says that everything that is off went off today.
pub fn nothing_left_over(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is left over from earlier days.",
        Language::Az => "Əvvəlki günlərdən stopda heç nə qalmayıb.",
        Language::Ru => "С прошлых дней на стопе ничего не осталось.",
    }
}

/// Heads what is off since an earlier business day.
pub fn left_over(language: Language) -> &'static str {
    match language {
        Language::En => "Off since before today",
        Language::Az => "Əvvəlki günlərdən stopda",
        Language::Ru => "На стопе с прошлых дней",
    }
}

/// Heads what went off today, before the doors open.
pub fn off_today(language: Language) -> &'static str {
    match language {
        Language::En => "Off since today",
        Language::Az => "Bu gün stopa düşüb",
        Language::Ru => "На стопе с сегодняшнего дня",
    }
}

/// Heads what is still off when the shift is over.
pub fn still_off(language: Language) -> &'static str {
    match language {
        Language::En => "Still off",
        Language::Az => "Hələ də stopda",
        Language::Ru => "Всё ещё на стопе",
    }
}

/// Heads what came back in the shift.
pub fn came_back(language: Language) -> &'static str {
    match language {
        Language::En => "Back on sale",
        Language::Az => "Yenidən satışda",
        Language::Ru => "Снова в продаже",
    }
}

/// Says since when something is off.
pub fn off_since(language: Language, at: &str, age: Duration) -> String {
    let age = values::duration(language, age);
    match language {
        Language::En => format!("since {at}, {age}"),
        Language::Az => format!("başlanğıc: {at}, {age}"),
        Language::Ru => format!("с {at}, {age}"),
    }
}

/// Says from when to when something was off.
pub fn off_between(language: Language, from: &str, to: &str, lasted: Duration) -> String {
    let lasted = values::duration(language, lasted);
    match language {
        Language::En => format!("off from {from} to {to}, {lasted}"),
        Language::Az => format!("stopda: {from} – {to}, {lasted}"),
        Language::Ru => format!("на стопе: {from} – {to}, {lasted}"),
    }
}

/// Says that something was off several times, and is back since.
pub fn off_often(language: Language, count: usize, lasted: Duration, to: &str) -> String {
    let lasted = values::duration(language, lasted);
    match language {
        Language::En => format!("off {count} times, {lasted} in all, until {to}"),
        Language::Az => format!("{count} dəfə stopda, cəmi {lasted}, sonuncunun bitməsi: {to}"),
        Language::Ru => {
            let times = values::russian_count(count as u64, ["раз", "раза", "раз"]);
            format!("на стопе {count} {times}, всего {lasted}, до {to}")
        }
    }
}

/// Says that what is off was off before in the same shift.
pub fn off_before(language: Language, lasted: Duration) -> String {
    let lasted = values::duration(language, lasted);
    match language {
        Language::En => format!("off before in this shift as well, for {lasted}"),
        Language::Az => format!("bu növbədə əvvəl də stopda olub: {lasted}"),
        Language::Ru => format!("в эту смену уже было на стопе: {lasted}"),
    }
}

/// Counts what happened in a shift.
pub fn turnover(language: Language, went_off: usize, came_back: usize, still_off: usize) -> String {
    match language {
        Language::En => format!("In this shift {went_off} went off and {came_back} came back; still off: {still_off}."),
        Language::Az => {
            format!("Bu növbədə stopa düşdü: {went_off}, satışa qayıtdı: {came_back}; hələ də stopda: {still_off}.")
        }
        Language::Ru => format!(
            "За смену встало на стоп: {went_off}, вернулось в продажу: {came_back}; всё ещё на стопе: {still_off}."
        ),
    }
}

/// Says that something was expected back before now.
pub fn is_overdue(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("it was expected back by {at}"),
        Language::Az => format!("gözlənilən vaxt keçib: {at}"),
        Language::Ru => format!("ожидалось к {at}, срок прошёл"),
    }
}

/// Warns that the list was not read for a while in a shift.
pub fn was_not_read(language: Language, from: &str, until: &str, lasted: Duration) -> String {
    let lasted = values::duration(language, lasted);
    match language {
        Language::En => format!(
            "Nobody read the stop list from {from} to {until}, {lasted}: what went off and came back in it is not counted."
        ),
        Language::Az => {
            format!("Stop-siyahı {from} – {until} oxunmayıb, {lasted}: bu vaxt stopa düşüb qayıdanlar sayılmayıb.")
        }
        Language::Ru => format!(
            "Стоп-лист не читался {from} – {until}, {lasted}: что встало на стоп и вернулось за это время, не учтено."
        ),
    }
}

/// Warns that the list was not read several times in a shift.
pub fn was_often_not_read(language: Language, count: usize, lasted: Duration, until: &str) -> String {
    let lasted = values::duration(language, lasted);
    match language {
        Language::En => format!(
            "Nobody read the stop list {count} times, {lasted} in all, the last until {until}: what came back meanwhile is \
             not counted."
        ),
        Language::Az => format!(
            "Stop-siyahı {count} dəfə oxunmayıb, cəmi {lasted}, sonuncunun bitməsi: {until}; bu vaxt qayıdanlar \
             sayılmayıb."
        ),
        Language::Ru => {
            let times = values::russian_count(count as u64, ["раз", "раза", "раз"]);
            format!(
                "Стоп-лист не читался {count} {times}, всего {lasted}, последний раз до {until}: что вернулось за это время, \
                 не учтено."
            )
        }
    }
}

/// Warns of a list that is older than it should be.
pub fn list_is_old(language: Language, at: &str, age: Duration) -> String {
    let age = values::duration(language, age);
    match language {
        Language::En => format!("The stop list was read at {at}, {age} ago: nobody knows what has changed since."),
        Language::Az => format!("Stop-siyahı {age} əvvəl oxunub ({at}): ondan sonra nəyin dəyişdiyi məlum deyil."),
        Language::Ru => format!("Стоп-лист прочитан в {at}, {age} назад: что изменилось с тех пор, неизвестно."),
    }
}

/// Warns of a list that must not be relied on.
pub fn list_is_blind(language: Language, at: &str, age: Duration) -> String {
    let age = values::duration(language, age);
    match language {
        Language::En => {
            format!("The stop list was last read at {at}, {age} ago: nobody knows what is off now. Ask the kitchen.")
        }
        Language::Az => format!(
            "Stop-siyahı sonuncu dəfə {age} əvvəl oxunub ({at}): indi stopda nə olduğu məlum deyil. Mətbəxdən soruşun."
        ),
        Language::Ru => format!(
            "Стоп-лист последний раз прочитан в {at}, {age} назад: что на стопе сейчас, неизвестно. Спросите на кухне."
        ),
    }
}

/// Says that a list was never read.
pub fn list_never_read(language: Language) -> &'static str {
    match language {
        Language::En => "The stop list was never read: nobody knows what is off. Ask the kitchen.",
        Language::Az => "Stop-siyahı heç vaxt oxunmayıb: stopda nə olduğu məlum deyil. Mətbəxdən soruşun.",
        Language::Ru => "Стоп-лист ни разу не был прочитан: что на стопе, неизвестно. Спросите на кухне.",
    }
}

/// Names the venues at which nothing is off.
pub fn nothing_off_at(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("Nothing is off: {names}"),
        Language::Az => format!("Stopda heç nə yoxdur: {names}"),
        Language::Ru => format!("На стопе ничего нет: {names}"),
    }
}

/// Says when the oldest of several lists was read.
pub fn lists_read(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("stop lists read at {at} or later"),
        Language::Az => format!("stop-siyahılar oxunub: {at} və ya daha sonra"),
        Language::Ru => format!("стоп-листы прочитаны в {at} или позже"),
    }
}

/// Counts the items that a list does not name.
pub fn more_items(language: Language, more: usize) -> String {
    match language {
        Language::En => format!("and {more} more"),
        Language::Az => format!("və daha {more}"),
        Language::Ru => format!("и ещё {more}"),
    }
}
