//! What a page says to somebody whose request it cannot read.
//!
//! Invariant: each sentence says what to do, and says of what was sent that nothing was changed by it.

use crate::language::Language;

/// Says that an address was cut or changed.
pub(in crate::http) fn address(language: Language) -> &'static str {
    match language {
        Language::En => "This address cannot be read: it may have been cut or changed. Use the link below instead.",
        Language::Az => {
            "Bu ünvan oxunmadı: kəsilmiş və ya dəyişdirilmiş ola bilər. Aşağıdakı linkdən yenidən başlayın."
        }
        Language::Ru => "Этот адрес не прочитать: возможно, он обрезан или изменён. Начните заново по ссылке ниже.",
    }
}

/// Says that an address leads to nothing.
pub(in crate::http) fn nothing_here(language: Language) -> &'static str {
    match language {
        Language::En => "There is no page at this address. Use the link below instead.",
        Language::Az => "Bu ünvanda səhifə yoxdur. Aşağıdakı linkdən yenidən başlayın.",
        Language::Ru => "По этому адресу страницы нет. Начните заново по ссылке ниже.",
    }
}

/// Says what to do where something is not there, or not any more.
pub(in crate::http) fn choose_another(language: Language) -> &'static str {
    match language {
        Language::En => "Choose another one at the link below.",
        Language::Az => "Aşağıdakı linkdən başqasını seçin.",
        Language::Ru => "Выберите другое по ссылке ниже.",
    }
}

/// Says that an address is used as it is not meant to be: looked at where only forms are sent, or the other way round.
pub(in crate::http) fn method(language: Language) -> &'static str {
    match language {
        Language::En => "This address is not used in this way, so nothing was changed. Use the link below instead.",
        Language::Az => "Bu ünvan belə istifadə olunmur, heç nə dəyişmədi. Aşağıdakı linkdən yenidən başlayın.",
        Language::Ru => "Этот адрес так не используется, ничего не изменилось. Начните заново по ссылке ниже.",
    }
}

/// Says that what was sent is no form of ours.
pub(in crate::http) fn form(language: Language) -> &'static str {
    match language {
        Language::En => {
            "What was sent cannot be read, so nothing was changed. Use the link below, and fill in the form once more."
        }
        Language::Az => {
            "Göndərilən oxunmadı, heç nə dəyişmədi. Səhifəni aşağıdakı linkdən açın və formanı yenidən doldurun."
        }
        Language::Ru => {
            "Присланное не удалось прочитать, ничего не изменилось. Откройте страницу по ссылке ниже и заполните форму ещё раз."
        }
    }
}

/// Says that a form is larger than any that a person fills in.
pub(in crate::http) fn too_large(language: Language) -> &'static str {
    match language {
        Language::En => "What was sent is too long, so nothing was changed. Go back and write less.",
        Language::Az => "Göndərilən çox uzundur, heç nə dəyişmədi. Geri qayıdın və daha qısa yazın.",
        Language::Ru => "Присланное слишком длинное, ничего не изменилось. Вернитесь и напишите короче.",
    }
}

/// Says that too much is asked for at once.
pub(in crate::http) const fn busy(language: Language) -> &'static str {
    match language {
        Language::En => "Too much is asked for at once. Try again.",
        Language::Az => "Eyni anda çox sorğu var. Yenidən cəhd edin.",
        Language::Ru => "Слишком много запросов сразу. Попробуйте ещё раз.",
    }
}
