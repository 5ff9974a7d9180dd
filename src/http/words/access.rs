//! What people read who are not let in, or not yet.
//!
//! Never says what there is behind the door.

use crate::http::access::Role;
use crate::language::Language;

/// Heads the page that asks for a token.
pub(in crate::http) fn sign_in(language: Language) -> &'static str {
    match language {
        Language::En => "Sign in",
        Language::Az => "Daxil olun",
        Language::Ru => "Войти",
    }
}

/// Asks for the token.
pub(in crate::http) fn token(language: Language) -> &'static str {
    match language {
        Language::En => "Token",
        Language::Az => "Giriş kodu",
        Language::Ru => "Код доступа",
    }
}

/// Says where a token comes from.
pub(in crate::http) fn token_hint(language: Language) -> &'static str {
    match language {
        Language::En => "Whoever set up eightysix has it. This device then stays signed in.",
        Language::Az => "Kod eightysix-i quran şəxsdədir. Bundan sonra bu cihazda giriş yadda saxlanılır.",
        Language::Ru => "Код есть у того, кто настраивал eightysix. Вход на этом устройстве сохранится.",
    }
}

/// Says that a token does not fit.
pub(in crate::http) fn wrong(language: Language) -> &'static str {
    match language {
        Language::En => "This token does not fit.",
        Language::Az => "Bu kod uyğun gəlmir.",
        Language::Ru => "Этот код не подходит.",
    }
}

/// Says that too many tokens did not fit.
pub(in crate::http) fn too_often(language: Language) -> &'static str {
    match language {
        Language::En => "Too many wrong tokens came from here. Wait a minute.",
        Language::Az => "Buradan çox sayda səhv kod daxil edilib. Bir dəqiqə gözləyin.",
        Language::Ru => "Отсюда пришло слишком много неверных кодов. Подождите минуту.",
    }
}

/// Says that somebody may not do this, and what to do to whoever can sign out.
pub(in crate::http) fn not_allowed(language: Language, role: Role, is_signed_in: bool) -> String {
    let word = role.word();
    let (why, mend) = match language {
        Language::En => (
            format!("You may not do this: it takes the right '{word}'."),
            "Sign out, and sign in with a token that may.",
        ),
        Language::Az => (
            format!("Buna icazəniz yoxdur: bunun üçün '{word}' icazəsi lazımdır."),
            "Hesabdan çıxın və icazəsi olan kodla daxil olun.",
        ),
        Language::Ru => {
            (format!("Вам это не разрешено: нужно право «{word}»."), "Выйдите и войдите с кодом, у которого оно есть.")
        }
    };
    if is_signed_in { format!("{why} {mend}") } else { why }
}

/// Says that a request came from somebody else's page.
pub(in crate::http) fn cross_site(language: Language) -> &'static str {
    match language {
        Language::En => "This was sent by a page that is not ours, so nothing was changed.",
        Language::Az => "Sorğu bizim səhifədən gəlməyib, heç nə dəyişdirilmədi.",
        Language::Ru => "Запрос пришёл не с нашей страницы, ничего не изменено.",
    }
}

/// Says that the address leads here by a name that is not ours.
pub(in crate::http) fn foreign_host(language: Language) -> &'static str {
    match language {
        Language::En => "This name leads here, but is not ours. Open the page as localhost, or set up tokens.",
        Language::Az => "Bu ad buraya aparır, amma bizim deyil. Səhifəni localhost ilə açın və ya giriş kodları qurun.",
        Language::Ru => {
            "Это имя ведёт сюда, но оно не наше. Откройте страницу по адресу localhost или настройте коды доступа."
        }
    }
}

/// Names the way out.
pub(in crate::http) fn sign_out(language: Language) -> &'static str {
    match language {
        Language::En => "Sign out",
        Language::Az => "Çıxış",
        Language::Ru => "Выйти",
    }
}
