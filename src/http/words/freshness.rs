//! What the page of freshness says.
//!
//! Invariant: a sentence about what is wrong says what to do.

use crate::alerts::words::values::russian_count;
use crate::language::Language;
use crate::snapshot::Freshness;

/// The labels of the page.
pub(in crate::http) struct Labels {
    pub(in crate::http) intro: &'static str,
    pub(in crate::http) per_minute: &'static str,
    pub(in crate::http) worst_age: &'static str,
    pub(in crate::http) oldest_now: &'static str,
    pub(in crate::http) round: &'static str,
    pub(in crate::http) one_more: &'static str,
    pub(in crate::http) fit: &'static str,
    pub(in crate::http) venue: &'static str,
    pub(in crate::http) state: &'static str,
    pub(in crate::http) age: &'static str,
    pub(in crate::http) list: &'static str,
    pub(in crate::http) trouble: &'static str,
    pub(in crate::http) never: &'static str,
    pub(in crate::http) none: &'static str,
    pub(in crate::http) not_yet: &'static str,
}

const EN: Labels = Labels {
    intro: "How old the stop lists are now, and how old they may get with the requests that Clopos allows.",
    per_minute: "Requests a minute",
    worst_age: "Oldest by plan",
    oldest_now: "Oldest now",
    round: "All venues read in",
    one_more: "One more venue costs",
    fit: "Venues that fit",
    venue: "Venue",
    state: "State",
    age: "Age of the list",
    list: "Stop list",
    trouble: "Last trouble",
    never: "never read",
    none: "none",
    not_yet: "This brand is not watched yet.",
};

const AZ: Labels = Labels {
    intro: "Stop-siyahıların indi nə qədər köhnə olduğu və Clopos-un icazə verdiyi sorğu sayı ilə ən çoxu nə qədər köhnələ biləcəyi.",
    per_minute: "Dəqiqədə sorğu",
    worst_age: "Plan üzrə ən köhnə",
    oldest_now: "İndi ən köhnə",
    round: "Bütün məkanların oxunma müddəti",
    one_more: "Daha bir məkanın artırdığı müddət",
    fit: "Sığan məkanlar",
    venue: "Məkan",
    state: "Vəziyyət",
    age: "Siyahının köhnəliyi",
    list: "Stop-siyahı",
    trouble: "Son nasazlıq",
    never: "heç oxunmayıb",
    none: "yoxdur",
    not_yet: "Bu brend hələ izlənmir.",
};

const RU: Labels = Labels {
    intro: "Насколько старые стоп-листы сейчас и насколько они могут устареть при числе запросов, которое разрешает Clopos.",
    per_minute: "Запросов в минуту",
    worst_age: "Не старше, по плану",
    oldest_now: "Самый старый сейчас",
    round: "Все заведения за",
    one_more: "Ещё одно заведение добавит",
    fit: "Помещается заведений",
    venue: "Заведение",
    state: "Состояние",
    age: "Возраст списка",
    list: "Стоп-лист",
    trouble: "Последний сбой",
    never: "ни разу не прочитан",
    none: "нет",
    not_yet: "Этот бренд ещё не отслеживается.",
};

/// Returns the labels.
pub(in crate::http) const fn labels(language: Language) -> &'static Labels {
    match language {
        Language::En => &EN,
        Language::Az => &AZ,
        Language::Ru => &RU,
    }
}

/// Says how far a list can be trusted, in the same words on every page.
pub(in crate::http) const fn state(language: Language, freshness: Freshness) -> &'static str {
    match (freshness, language) {
        (Freshness::Fresh, Language::En) => "fresh",
        (Freshness::Fresh, Language::Az) => "təzə",
        (Freshness::Fresh, Language::Ru) => "свежий",
        (Freshness::Stale, Language::En) => "old",
        (Freshness::Stale, Language::Az) => "köhnə",
        (Freshness::Stale, Language::Ru) => "устарел",
        (Freshness::Blind, Language::En) => "not read",
        (Freshness::Blind, Language::Az) => "oxunmur",
        (Freshness::Blind, Language::Ru) => "не читается",
    }
}

/// Says how much a list holds.
pub(in crate::http) fn rows(language: Language, rows: usize, out: usize) -> String {
    match language {
        Language::En => format!("{rows} on the list, {out} out"),
        Language::Az => format!("siyahıda {rows}, bitib {out}"),
        Language::Ru => format!("в списке {rows}, нет {out}"),
    }
}

/// Says how often it failed and why.
pub(in crate::http) fn failures(language: Language, failures: u32, since: &str) -> String {
    match language {
        Language::En if failures == 1 => format!("1 request failed, at {since}"),
        Language::En => format!("{failures} requests failed since {since}"),
        Language::Az => format!("{since} vaxtından {failures} sorğu uğursuz oldu"),
        Language::Ru => {
            let word =
                russian_count(failures.into(), ["запрос не удался", "запроса не удались", "запросов не удались"]);
            format!("{failures} {word} с {since}")
        }
    }
}

/// Says that there are more venues than the quota can read in time.
pub(in crate::http) fn too_many(language: Language) -> &'static str {
    match language {
        Language::En => {
            "More venues than can be read in time: ask Clopos for more requests, or allow older lists (polling.oldest)."
        }
        Language::Az => {
            "Vaxtında oxuna biləndən çox məkan var: Clopos-dan daha çox sorğu istəyin və ya daha köhnə siyahıya icazə verin (polling.oldest)."
        }
        Language::Ru => {
            "Заведений больше, чем успеваем читать: попросите у Clopos больше запросов или разрешите более старые списки (polling.oldest)."
        }
    }
}

/// Says that Clopos does not let us read.
pub(in crate::http) fn shut_out(language: Language, access: &str) -> &'static str {
    match (access, language) {
        ("refused", Language::En) => "Clopos refuses the credentials. Check client_id and client_secret:",
        ("refused", Language::Az) => "Clopos giriş məlumatlarını qəbul etmir. client_id və client_secret yoxlayın:",
        ("refused", Language::Ru) => "Clopos не принимает учётные данные. Проверьте client_id и client_secret:",
        (_, Language::En) => "Clopos is not reached. If it does not pass by itself, check the network:",
        (_, Language::Az) => "Clopos ilə əlaqə yoxdur. Öz-özünə keçməsə, şəbəkəni yoxlayın:",
        (_, Language::Ru) => "Clopos недоступен. Если само не пройдёт, проверьте сеть:",
    }
}
