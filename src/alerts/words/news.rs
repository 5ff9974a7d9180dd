//! The sentences of ours about alerts and changes, in the reader's language.
//!
//! They are whole, so that each language has its own order of words. Never cut here: whoever shows them knows how much
//! fits.

use std::time::Duration;

use crate::alerts::order::Acknowledgement;
use crate::alerts::words::values;
use crate::language::Language;
use crate::units::{Timestamp, Zone};

/// Says that a rule holds, where it has no words of its own: `sold-out: Lamb kebab at Sahil (3 left -> out)`.
pub fn began(language: Language, rule: &str, label: &str, venue: Option<&str>, change: Option<(&str, &str)>) -> String {
    let place = at_venue(language, venue);
    let change = change.map(|(before, after)| format!(" ({before} -> {after})")).unwrap_or_default();
    format!("{rule}: {label}{place}{change}")
}

/// Says that a rule no longer holds, where it has no words of its own.
pub fn is_over(language: Language, rule: &str, label: &str, venue: Option<&str>, lasted: Duration) -> String {
    let (place, age) = (at_venue(language, venue), values::duration(language, lasted));
    match language {
        Language::En => format!("{rule}: {label}{place} is over after {age}"),
        Language::Az => format!("{rule}: {label}{place}: artıq aktual deyil, {age} davam edib"),
        Language::Ru => format!("{rule}: {label}{place}: больше не актуально, длилось {age}"),
    }
}

fn at_venue(language: Language, venue: Option<&str>) -> String {
    let Some(venue) = venue else { return String::new() };
    match language {
        Language::En => format!(" at {venue}"),
        Language::Az | Language::Ru => format!(", {venue}"),
    }
}

/// Says that nobody looks any more, since the windows of the rule are over.
pub fn outside_window(language: Language, label: &str, windows: &str, lasted: Duration) -> String {
    let age = values::duration(language, lasted);
    match language {
        Language::En => format!("{label}: not watched outside {windows}, after {age}"),
        Language::Az => format!("{label}: yalnız bu vaxt izlənir: {windows}; {age} davam edib"),
        Language::Ru => format!("{label}: отслеживается только в это время: {windows}; длилось {age}"),
    }
}

/// Says that nobody looks any more, since the rule is gone.
pub fn rule_taken_away(language: Language, label: &str, rule: &str, lasted: Duration) -> String {
    let age = values::duration(language, lasted);
    match language {
        Language::En => format!("{label}: the rule {rule} was taken away after {age}"),
        Language::Az => format!("{label}: {rule} qaydası silinib; {age} davam edib"),
        Language::Ru => format!("{label}: правило {rule} удалено; длилось {age}"),
    }
}

/// Says of an alert again that it is open, and who expected it to be over by now.
pub fn still_so(language: Language, message: &str, lasts: Duration, expected: Option<(&str, &str)>) -> String {
    let age = values::duration(language, lasts);
    let expected = expected.map(|(by, at)| match language {
        Language::En => format!("; {by} expected it back at {at}"),
        Language::Az => format!("; {by}: {at} gözlənilirdi"),
        Language::Ru => format!("; {by}: ожидалось в {at}"),
    });
    let expected = expected.unwrap_or_default();
    match language {
        Language::En => format!("{message} (still so after {age}{expected})"),
        Language::Az => format!("{message} ({age} keçib, hələ də belədir{expected})"),
        Language::Ru => format!("{message} (спустя {age} всё ещё так{expected})"),
    }
}

/// Says of an alert that it goes on and off, and after how long a calm its end is told, if it is told at all.
pub fn unstable(language: Language, message: &str, calm: Option<Duration>) -> String {
    let end = calm.map(|calm| values::duration(language, calm)).map(|calm| match language {
        Language::En => format!("; its end is told after {calm} of calm"),
        Language::Az => format!("; bitməsi {calm} sabitlikdən sonra bildiriləcək"),
        Language::Ru => format!("; о конце сообщим после {calm} затишья"),
    });
    let end = end.unwrap_or_default();
    match language {
        Language::En => format!("{message} (on and off{end})"),
        Language::Az => format!("{message} (tez-tez dəyişir{end})"),
        Language::Ru => format!("{message} (часто меняется{end})"),
    }
}

/// Says of an alert to others that it stays open.
pub fn open_for(language: Language, message: &str, lasts: Duration, is_taken_care_of: bool) -> String {
    let age = values::duration(language, lasts);
    let nobody = match language {
        Language::En => ", and nobody takes care of it",
        Language::Az => ", heç kim məşğul olmur",
        Language::Ru => ", никто не занимается",
    };
    let nobody = if is_taken_care_of { "" } else { nobody };
    match language {
        Language::En => format!("{message} (open for {age}{nobody})"),
        Language::Az => format!("{message} (artıq {age} belədir{nobody})"),
        Language::Ru => format!("{message} (так уже {age}{nobody})"),
    }
}

/// Says who takes care of an alert: `Anar takes care of it: supplier, no van before noon; back at 12:00`.
pub fn care(language: Language, said: &Acknowledgement, zone: &Zone) -> String {
    let Acknowledgement { by, at, reason, note, back_at } = said;
    let why = [reason.map(|reason| values::reason(language, reason)).unwrap_or_default(), note.as_str()];
    let why = why.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let why = if why.is_empty() { why } else { format!(": {why}") };
    let back = back_at.map(|back| expected_back(language, back, *at, zone)).unwrap_or_default();
    match language {
        Language::En => format!("{by} takes care of it{why}{back}"),
        Language::Az => format!("{by} məşğul olur{why}{back}"),
        Language::Ru => format!("{by} занимается{why}{back}"),
    }
}

fn expected_back(language: Language, back: Timestamp, said_at: Timestamp, zone: &Zone) -> String {
    let is_today = back.in_zone(zone).date() == said_at.in_zone(zone).date();
    let time = if is_today { back.local_time(zone) } else { values::day_and_time(language, back, zone) };
    match language {
        Language::En if is_today => format!("; back at {time}"),
        Language::En => format!("; back on {time}"),
        Language::Az => format!("; gözlənilir: {time}"),
        Language::Ru => format!("; ожидается: {time}"),
    }
}
