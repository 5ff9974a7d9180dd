//! What the page behind the link of a mail says: who takes care, its form, and what is wrong with what was entered.
//!
//! Whole sentences; names and times are put in as they are, and HTML is escaped where it is made.

use crate::language::Language;

/// Heads the page.
pub fn title(language: Language) -> &'static str {
    match language {
        Language::En => "Who takes care of it?",
        Language::Az => "Kim məşğul olur?",
        Language::Ru => "Кто этим займётся?",
    }
}

/// Says since when it is so.
pub fn since(language: Language, at: &str, age: &str) -> String {
    match language {
        Language::En => format!("since {at}, for {age}"),
        Language::Az => format!("başlanğıc: {at}, artıq {age}"),
        Language::Ru => format!("с {at}, уже {age}"),
    }
}

/// Says that nobody said anything yet.
pub fn nobody(language: Language) -> &'static str {
    match language {
        Language::En => "Nobody takes care of it yet.",
        Language::Az => "Hələ heç kim məşğul olmur.",
        Language::Ru => "Пока никто не занимается.",
    }
}

/// Says what becomes of what somebody said before.
pub fn takes_its_place(language: Language) -> &'static str {
    match language {
        Language::En => "What you say takes its place.",
        Language::Az => "Yazdığınız bunun yerinə keçəcək.",
        Language::Ru => "То, что вы укажете, заменит это.",
    }
}

/// Asks who takes care.
pub fn your_name(language: Language) -> &'static str {
    match language {
        Language::En => "Your name",
        Language::Az => "Adınız",
        Language::Ru => "Ваше имя",
    }
}

/// Asks why it is so.
pub fn reason(language: Language) -> &'static str {
    match language {
        Language::En => "Reason",
        Language::Az => "Səbəb",
        Language::Ru => "Причина",
    }
}

/// Stands where no reason is chosen.
pub fn no_reason(language: Language) -> &'static str {
    match language {
        Language::En => "not given",
        Language::Az => "göstərilməyib",
        Language::Ru => "не указана",
    }
}

/// Asks for more in words.
pub fn note(language: Language) -> &'static str {
    match language {
        Language::En => "Note",
        Language::Az => "Qeyd",
        Language::Ru => "Примечание",
    }
}

/// Asks when it is back.
pub fn back(language: Language) -> &'static str {
    match language {
        Language::En => "Expected back",
        Language::Az => "Gözlənilən vaxt",
        Language::Ru => "Когда ожидается",
    }
}

/// Says how a time is written.
pub fn back_hint(language: Language) -> &'static str {
    match language {
        Language::En => "today or tomorrow, such as 19:30; empty when nobody knows",
        Language::Az => "bu gün və ya sabah, məsələn 19:30; bilinmirsə, boş saxlayın",
        Language::Ru => "сегодня или завтра, например 19:30; если неизвестно, оставьте пустым",
    }
}

/// Says that it was taken in, and until when nobody is reminded.
pub fn noted(language: Language, until: Option<&str>) -> String {
    match (language, until) {
        (Language::En, Some(until)) => format!("Noted. Nobody is reminded of it before {until}."),
        (Language::En, None) => "Noted. Nobody is reminded of it until it is over.".to_owned(),
        (Language::Az, Some(until)) => format!("Qeyd olundu. Bu vaxta qədər xatırladılmayacaq: {until}."),
        (Language::Az, None) => "Qeyd olundu. Bitənə qədər xatırladılmayacaq.".to_owned(),
        (Language::Ru, Some(until)) => format!("Записано. Напоминаний не будет до {until}."),
        (Language::Ru, None) => "Записано. Пока это не закончится, напоминаний не будет.".to_owned(),
    }
}

/// Says that nothing is left to do, and since when, where that is known.
pub fn over(language: Language, since: Option<&str>) -> String {
    match (language, since) {
        (Language::En, Some(at)) => format!("It has been over since {at}. Nothing is left to do."),
        (Language::En, None) => "It is over. Nothing is left to do.".to_owned(),
        (Language::Az, Some(at)) => format!("Artıq bitib: {at}. Heç nə etmək lazım deyil."),
        (Language::Az, None) => "Artıq bitib. Heç nə etmək lazım deyil.".to_owned(),
        (Language::Ru, Some(at)) => format!("Уже закончилось: {at}. Делать ничего не нужно."),
        (Language::Ru, None) => "Уже закончилось. Делать ничего не нужно.".to_owned(),
    }
}

/// Says that the service does not do what was asked now.
pub fn no_answer(language: Language) -> &'static str {
    match language {
        Language::En => "The service did not answer, so nothing was changed. Try again in a minute.",
        Language::Az => "Xidmət cavab vermədi, heç nə dəyişmədi. Bir dəqiqədən sonra yenidən cəhd edin.",
        Language::Ru => "Сервис не ответил, ничего не изменилось. Попробуйте ещё раз через минуту.",
    }
}

/// Says that it was asked too often.
pub fn too_often(language: Language) -> &'static str {
    match language {
        Language::En => "That was too often, so nothing was changed. Try again in a minute.",
        Language::Az => "Çox tez-tez göndərildi, heç nə dəyişmədi. Bir dəqiqədən sonra yenidən cəhd edin.",
        Language::Ru => "Слишком часто, поэтому ничего не изменилось. Попробуйте ещё раз через минуту.",
    }
}

/// Says that what was sent is no form of ours.
pub fn not_understood(language: Language) -> &'static str {
    match language {
        Language::En => "What was sent cannot be read, so nothing was changed. Open the link once more.",
        Language::Az => "Göndərilən oxunmadı, heç nə dəyişmədi. Linki yenidən açın.",
        Language::Ru => "Присланное не удалось прочитать, ничего не изменилось. Откройте ссылку ещё раз.",
    }
}

/// Says that the link leads nowhere.
pub fn nothing_here(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is here. If a mail led you here, open its link once more: it may have been cut.",
        Language::Az => "Burada heç nə yoxdur. Linki məktubdan yenidən açın: o, kəsilmiş ola bilər.",
        Language::Ru => "Здесь ничего нет. Откройте ссылку из письма ещё раз: возможно, она была обрезана.",
    }
}

/// Asks for the name that is missing.
pub fn name_missing(language: Language) -> &'static str {
    match language {
        Language::En => "Write who takes care.",
        Language::Az => "Kimin məşğul olduğunu yazın.",
        Language::Ru => "Напишите, кто займётся.",
    }
}

/// Says how long a text may be.
pub fn too_long(language: Language, most: usize) -> String {
    match language {
        Language::En => format!("Write at most {most} characters."),
        Language::Az => format!("Ən çoxu {most} simvol yazın."),
        Language::Ru => format!("Напишите не больше {most} знаков."),
    }
}

/// Says that a reason is none.
pub fn unknown_reason(language: Language, words: &str) -> String {
    match language {
        Language::En => format!("Choose one of {words}."),
        Language::Az => format!("Birini seçin: {words}."),
        Language::Ru => format!("Выберите одно из: {words}."),
    }
}

/// Says how a time is written that is none.
pub fn no_time(language: Language) -> &'static str {
    match language {
        Language::En => "Write a time such as 19:30, or nothing.",
        Language::Az => "Vaxtı yazın, məsələn 19:30, və ya boş saxlayın.",
        Language::Ru => "Напишите время, например 19:30, или ничего.",
    }
}

/// Says that a time is past, or so far away that it must be a mistake.
pub fn no_time_ahead(language: Language) -> &'static str {
    match language {
        Language::En => "Write a time that lies ahead, within a year.",
        Language::Az => "Gələcək bir vaxt yazın, bir ildən çox olmasın.",
        Language::Ru => "Напишите время в будущем, не дальше года.",
    }
}
