//! What the pages of the rules say around the rules themselves, whose fields and values are those of their files.
//!
//! The words of reasons stand in `rules::why::words`. Pure.

use crate::http::view::rules::Verdict;
use crate::language::Language;
use crate::rules::EventKind;
use crate::rules::set::SetKind;

/// The labels of the pages.
pub(in crate::http) struct Labels {
    pub(in crate::http) intro: &'static str,
    pub(in crate::http) venue: &'static str,
    pub(in crate::http) show: &'static str,
    pub(in crate::http) rule: &'static str,
    pub(in crate::http) severity: &'static str,
    pub(in crate::http) about: &'static str,
    pub(in crate::http) notify: &'static str,
    pub(in crate::http) nobody: &'static str,
    pub(in crate::http) now: &'static str,
    pub(in crate::http) none: &'static str,
    pub(in crate::http) place: &'static str,
    pub(in crate::http) when: &'static str,
    pub(in crate::http) keep_while: &'static str,
    pub(in crate::http) during: &'static str,
    pub(in crate::http) always: &'static str,
    pub(in crate::http) hold_for: &'static str,
    pub(in crate::http) clear_for: &'static str,
    pub(in crate::http) escalate: &'static str,
    pub(in crate::http) message: &'static str,
    pub(in crate::http) truths: &'static str,
    pub(in crate::http) subject: &'static str,
    pub(in crate::http) truth: &'static str,
    pub(in crate::http) why: &'static str,
    pub(in crate::http) alert: &'static str,
    pub(in crate::http) moment: &'static str,
    pub(in crate::http) together: &'static str,
    pub(in crate::http) more: &'static str,
    pub(in crate::http) gone: &'static str,
}

const EN: Labels = Labels {
    intro: "The rules in force, and what each says now.",
    venue: "Venue",
    show: "Show",
    rule: "Rule",
    severity: "Severity",
    about: "About",
    notify: "Tells",
    nobody: "nobody, screens alone",
    now: "Now",
    none: "There are no rules.",
    place: "Where it stands",
    when: "When",
    keep_while: "Keeps open while",
    during: "During",
    always: "always",
    hold_for: "Must hold for",
    clear_for: "Must be clear for",
    escalate: "Later also tells",
    message: "Message",
    truths: "What it says now",
    subject: "Of",
    truth: "Now",
    why: "Why not",
    alert: "Alert",
    moment: "It tells of a moment, of which nothing is kept to ask afterwards.",
    together: "It counts items together; here is of which of them it holds:",
    more: "More",
    gone: "There is no such rule or venue.",
};

const AZ: Labels = Labels {
    intro: "Qüvvədə olan qaydalar və hər birinin indiki nəticəsi.",
    venue: "Məkan",
    show: "Göstər",
    rule: "Qayda",
    severity: "Ciddilik",
    about: "Nə haqqında",
    notify: "Kimə bildirir",
    nobody: "heç kimə, yalnız ekranlara",
    now: "İndi",
    none: "Qayda yoxdur.",
    place: "Harada yazılıb",
    when: "Nə vaxt",
    keep_while: "Bu şərtlə aktiv qalır",
    during: "Hansı vaxtda",
    always: "həmişə",
    hold_for: "Nə qədər davam etməlidir",
    clear_for: "Bitmiş sayılması üçün müddət",
    escalate: "Sonra kimə də bildirir",
    message: "Mesaj",
    truths: "İndiki nəticə",
    subject: "Nə haqqında",
    truth: "İndi",
    why: "Niyə yox",
    alert: "Xəbərdarlıq",
    moment: "Anlıq hadisəni bildirir; sonradan yoxlamaq üçün heç nə saxlanılmır.",
    together: "Məhsulları birlikdə sayır; burada hansılara aid olduğu göstərilir:",
    more: "Daha çox",
    gone: "Belə qayda və ya məkan yoxdur.",
};

const RU: Labels = Labels {
    intro: "Действующие правила и что каждое говорит сейчас.",
    venue: "Заведение",
    show: "Показать",
    rule: "Правило",
    severity: "Важность",
    about: "О чём",
    notify: "Кому сообщает",
    nobody: "никому, только экранам",
    now: "Сейчас",
    none: "Правил нет.",
    place: "Где записано",
    when: "Когда",
    keep_while: "Остаётся активным, пока",
    during: "В какое время",
    always: "всегда",
    hold_for: "Должно длиться",
    clear_for: "Считается законченным через",
    escalate: "Позже сообщает и",
    message: "Сообщение",
    truths: "Что говорит сейчас",
    subject: "О чём",
    truth: "Сейчас",
    why: "Почему нет",
    alert: "Предупреждение",
    moment: "Сообщает о моменте; потом спросить о нём нельзя: ничего не хранится.",
    together: "Считает позиции вместе; здесь — к каким из них относится:",
    more: "Ещё",
    gone: "Такого правила или заведения нет.",
};

/// Returns the labels.
pub(in crate::http) const fn labels(language: Language) -> &'static Labels {
    match language {
        Language::En => &EN,
        Language::Az => &AZ,
        Language::Ru => &RU,
    }
}

/// Names a truth by its word.
pub(in crate::http) fn truth(language: Language, verdict: Verdict) -> &'static str {
    match (verdict, language) {
        (Verdict::Holds, Language::En) => "holds",
        (Verdict::Holds, Language::Az) => "belədir",
        (Verdict::Holds, Language::Ru) => "выполняется",
        (Verdict::Unknown, Language::En) => "unknown",
        (Verdict::Unknown, Language::Az) => "məlum deyil",
        (Verdict::Unknown, Language::Ru) => "неизвестно",
        (Verdict::OutsideWindow, Language::En) => "outside its window",
        (Verdict::OutsideWindow, Language::Az) => "vaxtı deyil",
        (Verdict::OutsideWindow, Language::Ru) => "не в это время",
        (Verdict::Clear, Language::En) => "clear",
        (Verdict::Clear, Language::Az) => "belə deyil",
        (Verdict::Clear, Language::Ru) => "не выполняется",
    }
}

/// Names what a rule is about by its word.
pub(in crate::http) fn about(language: Language, word: &str) -> &'static str {
    match (word, language) {
        ("item", Language::En) => "items",
        ("item", Language::Az) => "məhsullar",
        ("item", Language::Ru) => "позиции",
        ("station", Language::En) => "stations",
        ("station", Language::Az) => "stansiyalar",
        ("station", Language::Ru) => "станции",
        ("venue", Language::En) => "venues",
        ("venue", Language::Az) => "məkanlar",
        ("venue", Language::Ru) => "заведения",
        ("brand", Language::En) => "the brand",
        ("brand", Language::Az) => "brend",
        ("brand", Language::Ru) => "бренд",
        (_, Language::En) => "a moment",
        (_, Language::Az) => "anlıq hadisə",
        (_, Language::Ru) => "момент",
    }
}

/// Names how an alert stands by its word.
pub(in crate::http) fn alert(language: Language, word: &str, since: &str) -> String {
    match (word, language) {
        ("pending", Language::En) => format!("waits since {since}"),
        ("pending", Language::Az) => format!("{since} vaxtından gözləyir"),
        ("pending", Language::Ru) => format!("ждёт с {since}"),
        (_, Language::En) => format!("open since {since}"),
        (_, Language::Az) => format!("{since} vaxtından aktivdir"),
        (_, Language::Ru) => format!("активно с {since}"),
    }
}

/// Says how many items a rule counts together, and of which.
pub(in crate::http) fn counts(language: Language, count: u16, of: SetKind) -> String {
    let of = match (of, language) {
        (_, Language::En) => of.meaning(),
        (SetKind::Category, Language::Az) => "hər məkanda hər kateqoriyanın məhsulları",
        (SetKind::Category, Language::Ru) => "позиции каждой категории в каждом заведении",
        (SetKind::Station, Language::Az) => "hər məkanda hər stansiyanın hazırladığı məhsullar",
        (SetKind::Station, Language::Ru) => "позиции, которые готовит каждая станция каждого заведения",
        (SetKind::Venues, Language::Az) => "hər məhsul, brendin bütün məkanlarında",
        (SetKind::Venues, Language::Ru) => "каждая позиция во всех заведениях бренда",
    };
    match language {
        Language::En => format!("at least {count} of {of}"),
        Language::Az => format!("ən azı {count}: {of}"),
        Language::Ru => format!("не меньше {count}: {of}"),
    }
}

/// Says of which moment a rule tells.
pub(in crate::http) const fn event(language: Language, event: EventKind) -> &'static str {
    match (event, language) {
        (_, Language::En) => event.meaning(),
        (EventKind::Stopped, Language::Az) => {
            "məhsul bitdi: əvvəl qalırdı və ya siyahıda yox idi, indi heç nə qalmayıb"
        }
        (EventKind::Stopped, Language::Ru) => {
            "позиция закончилась: ещё была или не стояла в списке, а теперь ничего не осталось"
        }
        (EventKind::Back, Language::Az) => "məhsul bitmişdi, indi yenidən satışdadır",
        (EventKind::Back, Language::Ru) => "позиции не было, и она снова в продаже",
        (EventKind::LimitChanged, Language::Az) => "məhsulun qalığı dəyişdi; siyahıya düşdü və ya siyahıdan çıxdı",
        (EventKind::LimitChanged, Language::Ru) => "остаток позиции изменился; она попала в список или ушла из него",
        (EventKind::PriceChanged, Language::Az) => {
            "məhsulun əsas qiyməti və ya siyahıdakı qiyməti dəyişdi. Qiymət siyahısı brendə aiddir: dəyişiklik bir dəfə, \
             məkansız bildirilir"
        }
        (EventKind::PriceChanged, Language::Ru) => {
            "изменилась основная цена позиции или её цена в прайс-листе. Прайс-лист общий для бренда: об изменении \
             сообщают один раз, без заведения"
        }
        (EventKind::StationChanged, Language::Az) => "stansiya dəyişdi, əlavə olundu və ya silindi",
        (EventKind::StationChanged, Language::Ru) => "станция изменилась, появилась или исчезла",
        (EventKind::ProductAdded, Language::Az) => "kataloqa məhsul əlavə olundu",
        (EventKind::ProductAdded, Language::Ru) => "в каталоге появилась позиция",
        (EventKind::ProductRemoved, Language::Az) => "məhsul kataloqdan çıxdı; iki tam oxunuşda da tapılmadı",
        (EventKind::ProductRemoved, Language::Ru) => "позиция исчезла из каталога: её не было при двух полных чтениях",
    }
}

/// Says that nobody can ask about items.
pub(in crate::http) const fn no_list(language: Language) -> &'static str {
    match language {
        Language::En => "the stop list was not read, or is too old",
        Language::Az => "stop-siyahı oxunmayıb və ya çox köhnədir",
        Language::Ru => "стоп-лист не прочитан или слишком старый",
    }
}
