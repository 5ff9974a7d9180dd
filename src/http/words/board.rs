//! What the kitchen board says: few words, which are read from far away.
//!
//! Invariant: a sentence that warns says what to do.

use crate::board::Standing;
use crate::language::Language;

/// Says how a product stands, as the heading of its card.
pub(in crate::http) fn standing(language: Language, standing: Standing) -> &'static str {
    match (standing, language) {
        (Standing::Out, Language::En) => "out",
        (Standing::Out, Language::Az) => "bitib",
        (Standing::Out, Language::Ru) => "нет",
        (Standing::Low, Language::En) => "low",
        (Standing::Low, Language::Az) => "azalıb",
        (Standing::Low, Language::Ru) => "мало",
        (Standing::Limited, Language::En) => "limited",
        (Standing::Limited, Language::Az) => "məhdud",
        (Standing::Limited, Language::Ru) => "ограничено",
        (Standing::On, Language::En) => "back on",
        (Standing::On, Language::Az) => "yenə var",
        (Standing::On, Language::Ru) => "снова есть",
    }
}

/// Says that there is so much left to sell.
pub(in crate::http) fn left(language: Language, quantity: &str) -> String {
    match language {
        Language::En => format!("{quantity} left"),
        Language::Az => format!("{quantity} qalıb"),
        Language::Ru => format!("осталось {quantity}"),
    }
}

/// Says since when something is so.
pub(in crate::http) fn since(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("since {at}"),
        Language::Az => format!("başlanğıc: {at}"),
        Language::Ru => format!("с {at}"),
    }
}

/// Says which sizes and options are still on.
pub(in crate::http) fn still_on(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("still on: {names}"),
        Language::Az => format!("hələ var: {names}"),
        Language::Ru => format!("ещё есть: {names}"),
    }
}

/// Says that a station is switched off.
pub(in crate::http) fn station_off(language: Language) -> &'static str {
    match language {
        Language::En => "station off",
        Language::Az => "stansiya bağlıdır",
        Language::Ru => "станция выключена",
    }
}

/// Says that something goes on and off.
pub(in crate::http) fn unstable(language: Language) -> &'static str {
    match language {
        Language::En => "goes on and off",
        Language::Az => "gah var, gah yox",
        Language::Ru => "то есть, то нет",
    }
}

/// Says that what is shown waits for a second look.
pub(in crate::http) fn doubtful(language: Language) -> &'static str {
    match language {
        Language::En => "not certain yet, it is read again",
        Language::Az => "hələ dəqiq deyil, yenidən oxunur",
        Language::Ru => "пока неточно, читается ещё раз",
    }
}

/// Says that nothing is missing.
pub(in crate::http) fn nothing(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is out, low or limited",
        Language::Az => "Hər şey var",
        Language::Ru => "Всё есть",
    }
}

/// Says that nothing is known yet.
pub(in crate::http) fn never_read(language: Language) -> &'static str {
    match language {
        Language::En => "The stop list was not read yet",
        Language::Az => "Stop-siyahı hələ oxunmayıb",
        Language::Ru => "Стоп-лист ещё не прочитан",
    }
}

/// Says how many cards do not fit.
pub(in crate::http) fn and_more(language: Language, more: usize) -> String {
    match language {
        Language::En => format!("and {more} more"),
        Language::Az => format!("və daha {more}"),
        Language::Ru => format!("и ещё {more}"),
    }
}

/// Heads what came back today.
pub(in crate::http) fn back_today(language: Language) -> &'static str {
    match language {
        Language::En => "Back today",
        Language::Az => "Bu gün qayıdanlar",
        Language::Ru => "Снова в продаже",
    }
}

/// Stands before the age of the list.
pub(in crate::http) fn read_ago(language: Language) -> [&'static str; 2] {
    match language {
        Language::En => ["read", "ago"],
        Language::Az => ["oxunub:", "əvvəl"],
        Language::Ru => ["прочитано", "назад"],
    }
}

/// Says that the list is older than it should be.
pub(in crate::http) fn stale(language: Language) -> &'static str {
    match language {
        Language::En => "The list is old. It may have changed",
        Language::Az => "Siyahı köhnədir. Dəyişmiş ola bilər",
        Language::Ru => "Список устарел. Он мог измениться",
    }
}

/// Says that the list must not be relied on.
pub(in crate::http) fn blind(language: Language) -> &'static str {
    match language {
        Language::En => "The till does not answer",
        Language::Az => "Kassa cavab vermir",
        Language::Ru => "Касса не отвечает",
    }
}

/// Says what not to do with a list of which nobody knows whether it is still so.
pub(in crate::http) fn do_not_rely(language: Language) -> &'static str {
    match language {
        Language::En => "Do not rely on this list",
        Language::Az => "Bu siyahıya güvənməyin",
        Language::Ru => "Не полагайтесь на этот список",
    }
}

/// Says how many stand so.
pub(in crate::http) fn counted(language: Language, count: usize, how: Standing) -> String {
    let word = standing(language, how);
    match language {
        Language::En | Language::Az => format!("{count} {word}"),
        Language::Ru => format!("{word}: {count}"),
    }
}

/// Says that the server is not reached.
pub(in crate::http) fn no_server(language: Language) -> &'static str {
    match language {
        Language::En => "No connection to eightysix. This is the last list",
        Language::Az => "eightysix ilə əlaqə yoxdur. Bu, son siyahıdır",
        Language::Ru => "Нет связи с eightysix. Это последний список",
    }
}

/// Says that the browser must sign in again.
pub(in crate::http) fn signed_out(language: Language) -> &'static str {
    match language {
        Language::En => "Signed out. Sign in again",
        Language::Az => "Sessiya bitib. Yenidən daxil olun",
        Language::Ru => "Сеанс окончен. Войдите снова",
    }
}

/// Says that there is no such venue or station among those that are watched, or not any more.
pub(in crate::http) fn gone(language: Language) -> &'static str {
    match language {
        Language::En => "This venue or station is not watched",
        Language::Az => "Bu məkan və ya stansiya izlənmir",
        Language::Ru => "Это заведение или станция не отслеживается",
    }
}

/// Names the button that turns the sound on.
pub(in crate::http) fn sound(language: Language) -> &'static str {
    match language {
        Language::En => "Sound",
        Language::Az => "Səs",
        Language::Ru => "Звук",
    }
}

/// Names the button that fills the screen.
pub(in crate::http) fn full_screen(language: Language) -> &'static str {
    match language {
        Language::En => "Full screen",
        Language::Az => "Tam ekran",
        Language::Ru => "Во весь экран",
    }
}

/// Names the button that prints.
pub(in crate::http) fn print(language: Language) -> &'static str {
    match language {
        Language::En => "Print",
        Language::Az => "Çap et",
        Language::Ru => "Печать",
    }
}

/// Names the list of boards.
pub(in crate::http) fn boards(language: Language) -> &'static str {
    match language {
        Language::En => "Boards",
        Language::Az => "Lövhələr",
        Language::Ru => "Табло",
    }
}

/// Says that there is no venue yet.
pub(in crate::http) fn no_venues(language: Language) -> &'static str {
    match language {
        Language::En => "No venue is known yet: Clopos has not said which ones there are.",
        Language::Az => "Hələ heç bir məkan məlum deyil: Clopos onları göstərməyib.",
        Language::Ru => "Заведения пока неизвестны: Clopos их ещё не назвал.",
    }
}

/// Abbreviates seconds, minutes, hours and days, as the script counts with them.
pub(in crate::http) const fn units(language: Language) -> [&'static str; 4] {
    match language {
        Language::En => ["s", "min", "h", "d"],
        Language::Az => ["san", "dəq", "saat", "gün"],
        Language::Ru => ["с", "мин", "ч", "дн."],
    }
}
