//! What a mail says around its news: subject, headings and its last lines, in the reader's language.
//!
//! The same words serve the text and the HTML. Names and messages are put in as they are; HTML is escaped where it is
//! made.

use std::time::Duration;

use crate::alerts::words::values;
use crate::language::Language;

/// Ends a subject that tells the first of several news, which may end with how many more it is about.
pub fn and_more_news(language: Language, more: usize) -> String {
    match language {
        Language::En => format!("; {more} more news"),
        Language::Az => format!("; daha {more} xəbər"),
        Language::Ru => {
            let news = values::russian_count(more as u64, ["новость", "новости", "новостей"]);
            format!("; ещё {more} {news}")
        }
    }
}

/// Counts and names what was so before anybody looked: the subject of a baseline.
pub fn already_open(language: Language, place: &str, count: usize, names: &str) -> String {
    match language {
        Language::En => format!("{place}: {count} already open ({names})"),
        Language::Az => format!("{place}: artıq {count} xəbərdarlıq aktivdir ({names})"),
        Language::Ru => {
            let alerts = values::russian_count(count as u64, ["предупреждение", "предупреждения", "предупреждений"]);
            format!("{place}: уже активно {count} {alerts} ({names})")
        }
    }
}

/// Opens a mail that tells of nothing but what was so before anybody looked.
pub fn baseline(language: Language, place: &str) -> String {
    match language {
        Language::En => format!("{place}: this is how things stand as watching begins."),
        Language::Az => format!("{place}: izləmə başlayanda vəziyyət belədir."),
        Language::Ru => format!("{place}: так обстоят дела на начало наблюдения."),
    }
}

/// Opens a mail of several venues, which waited for its turn.
pub fn waited(language: Language, at_most: u32) -> String {
    match language {
        Language::En => format!("More than {at_most} mails an hour would be too many, so this waited:"),
        Language::Az => format!("Saatda {at_most} məktubdan çox göndərilmir, ona görə bunlar gözlədi:"),
        Language::Ru => format!("Больше {at_most} писем в час было бы слишком много, поэтому это ждало:"),
    }
}

/// Heads what is open and no news.
pub fn still_open(language: Language, place: &str) -> String {
    match language {
        Language::En => format!("Still open at {place}"),
        Language::Az => format!("Hələ də aktivdir ({place})"),
        Language::Ru => format!("Всё ещё активно ({place})"),
    }
}

/// Lists what is so because of something else.
pub fn because_of_it(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("because of it also: {names}"),
        Language::Az => format!("buna görə həmçinin: {names}"),
        Language::Ru => format!("из-за этого также: {names}"),
    }
}

/// Says what was so before and waited to be told.
pub fn before_that(language: Language, at: &str, message: &str) -> String {
    match language {
        Language::En => format!("before that, at {at}: {message}"),
        Language::Az => format!("bundan əvvəl, {at}: {message}"),
        Language::Ru => format!("до этого, {at}: {message}"),
    }
}

/// Heads what was found when the list was read again, or stands beside one line of it.
pub fn while_away(language: Language, from: &str, until: &str) -> String {
    match language {
        Language::En => format!("while we were away, from {from} to {until}"),
        Language::Az => format!("siyahı oxunmayan vaxt, {from} – {until}"),
        Language::Ru => format!("пока список не читался, {from} – {until}"),
    }
}

/// Marks what is critical, where there is no colour.
pub fn critical(language: Language) -> &'static str {
    match language {
        Language::En => "critical",
        Language::Az => "kritik",
        Language::Ru => "критично",
    }
}

/// Asks the reader to say that he takes care: the words of a button and of a link.
pub fn take_care(language: Language) -> &'static str {
    match language {
        Language::En => "I take care of it",
        Language::Az => "Mən məşğul oluram",
        Language::Ru => "Займусь этим",
    }
}

/// Lets the reader change what was said of an alert that somebody takes care of.
pub fn say_anew(language: Language) -> &'static str {
    match language {
        Language::En => "Change it",
        Language::Az => "Dəyişmək",
        Language::Ru => "Изменить",
    }
}

/// Says when the stop list was read, and how long before the mail if that is long.
pub fn list_read(language: Language, at: &str, age: Option<Duration>) -> String {
    let age = age.map(|age| values::duration(language, age));
    match (language, age) {
        (Language::En, None) => format!("stop list read at {at}"),
        (Language::En, Some(age)) => format!("stop list read at {at}, {age} before this"),
        (Language::Az, None) => format!("stop-siyahı oxunub: {at}"),
        (Language::Az, Some(age)) => format!("stop-siyahı oxunub: {at}, bundan {age} əvvəl"),
        (Language::Ru, None) => format!("стоп-лист прочитан в {at}"),
        (Language::Ru, Some(age)) => format!("стоп-лист прочитан в {at}, за {age} до этого письма"),
    }
}

/// Says who writes: the last line.
pub fn watched_by_us(language: Language, brand: &str) -> String {
    match language {
        Language::En => format!("eightysix watches {brand} on Clopos"),
        Language::Az => format!("eightysix Clopos üzərindən izləyir: {brand}"),
        Language::Ru => format!("eightysix следит за {brand} (Clopos)"),
    }
}
