//! What the pages of the history say.
//!
//! Invariant: what is drawn is named here, and the table beside it by the same words.

use crate::http::view::history::Range;
use crate::http::view::timeline::State;
use crate::language::Language;

/// The labels of the pages.
pub(in crate::http) struct Labels {
    pub(in crate::http) intro: &'static str,
    pub(in crate::http) venue: &'static str,
    pub(in crate::http) all_venues: &'static str,
    pub(in crate::http) item: &'static str,
    pub(in crate::http) name: &'static str,
    pub(in crate::http) find: &'static str,
    pub(in crate::http) found: &'static str,
    pub(in crate::http) nothing_found: &'static str,
    pub(in crate::http) venues: &'static str,
    pub(in crate::http) range: &'static str,
    pub(in crate::http) none: &'static str,
    pub(in crate::http) stops: &'static str,
    pub(in crate::http) longest: &'static str,
    pub(in crate::http) out_open: &'static str,
    pub(in crate::http) from: &'static str,
    pub(in crate::http) until: &'static str,
    pub(in crate::http) state: &'static str,
    pub(in crate::http) lasted: &'static str,
    pub(in crate::http) open: &'static str,
    pub(in crate::http) day: &'static str,
    pub(in crate::http) csv: &'static str,
    pub(in crate::http) board: &'static str,
    pub(in crate::http) table: &'static str,
    pub(in crate::http) next: &'static str,
    pub(in crate::http) unreadable: &'static str,
    pub(in crate::http) gone: &'static str,
}

const EN: Labels = Labels {
    intro: "What was out or low at a venue, and for how long.",
    venue: "Venue",
    all_venues: "all venues",
    item: "Name of an item",
    name: "Item",
    find: "Find",
    found: "Items found",
    nothing_found: "No item has this in its name.",
    venues: "Venues",
    range: "Stretch of time",
    none: "Nothing was out or low in this time.",
    stops: "Times out",
    longest: "Longest out",
    out_open: "Out while open",
    from: "From",
    until: "Until",
    state: "State",
    lasted: "Lasted",
    open: "doors open",
    day: "business day begins",
    csv: "Save as CSV",
    board: "Board",
    table: "The same as a table",
    next: "More items",
    unreadable: "The history cannot be read now. Try again; if it stays so, see the log of eightysix.",
    gone: "This venue or item is not known.",
};

const AZ: Labels = Labels {
    intro: "Məkanda nə bitib və ya azalıb, nə qədər vaxt.",
    venue: "Məkan",
    all_venues: "bütün məkanlar",
    item: "Məhsulun adı",
    name: "Məhsul",
    find: "Tap",
    found: "Tapılan məhsullar",
    nothing_found: "Adında bu olan məhsul yoxdur.",
    venues: "Məkanlar",
    range: "Müddət",
    none: "Bu müddətdə heç nə bitməyib və azalmayıb.",
    stops: "Neçə dəfə bitib",
    longest: "Ən uzun",
    out_open: "Açıq ikən yox idi",
    from: "Başlanğıc",
    until: "Son",
    state: "Vəziyyət",
    lasted: "Müddət",
    open: "məkan açıqdır",
    day: "iş gününün başlanğıcı",
    csv: "CSV kimi saxla",
    board: "Lövhə",
    table: "Cədvəl şəklində",
    next: "Digər məhsullar",
    unreadable: "Tarixçəni indi oxumaq olmur. Yenidən cəhd edin; keçməsə, eightysix jurnalına baxın.",
    gone: "Bu məkan və ya məhsul məlum deyil.",
};

const RU: Labels = Labels {
    intro: "Чего не было или было мало в заведении и как долго.",
    venue: "Заведение",
    all_venues: "все заведения",
    item: "Название позиции",
    name: "Позиция",
    find: "Найти",
    found: "Найденные позиции",
    nothing_found: "Позиций с таким названием нет.",
    venues: "Заведения",
    range: "Период",
    none: "За это время всё было в наличии.",
    stops: "Сколько раз не было",
    longest: "Дольше всего не было",
    out_open: "Не было в часы работы",
    from: "С",
    until: "До",
    state: "Состояние",
    lasted: "Длилось",
    open: "открыто",
    day: "начало рабочего дня",
    csv: "Сохранить как CSV",
    board: "Табло",
    table: "То же таблицей",
    next: "Ещё позиции",
    unreadable: "Историю сейчас не прочитать. Попробуйте ещё раз; если не пройдёт, смотрите журнал eightysix.",
    gone: "Такое заведение или позиция неизвестны.",
};

/// Returns the labels.
pub(in crate::http) const fn labels(language: Language) -> &'static Labels {
    match language {
        Language::En => &EN,
        Language::Az => &AZ,
        Language::Ru => &RU,
    }
}

/// Names how an item stood.
pub(in crate::http) const fn state(language: Language, state: State) -> &'static str {
    match (state, language) {
        (State::Out, Language::En) => "out",
        (State::Out, Language::Az) => "bitib",
        (State::Out, Language::Ru) => "нет",
        (State::Low, Language::En) => "low",
        (State::Low, Language::Az) => "azalıb",
        (State::Low, Language::Ru) => "мало",
        (State::On, Language::En) => "on sale",
        (State::On, Language::Az) => "satışda",
        (State::On, Language::Ru) => "в продаже",
        (State::Unknown, Language::En) => "unknown: not read",
        (State::Unknown, Language::Az) => "məlum deyil: oxunmayıb",
        (State::Unknown, Language::Ru) => "неизвестно: не читали",
    }
}

/// Names a stretch of time.
pub(in crate::http) const fn range(language: Language, range: Range) -> &'static str {
    match (range, language) {
        (Range::Day, Language::En) => "24 hours",
        (Range::Day, Language::Az) => "24 saat",
        (Range::Day, Language::Ru) => "24 часа",
        (Range::Week, Language::En) => "7 days",
        (Range::Week, Language::Az) => "7 gün",
        (Range::Week, Language::Ru) => "7 дней",
        (Range::Month, Language::En) => "30 days",
        (Range::Month, Language::Az) => "30 gün",
        (Range::Month, Language::Ru) => "30 дней",
    }
}

/// Says what a drawing shows, for those who do not see it.
pub(in crate::http) fn drawn(language: Language, items: usize, from: &str, until: &str) -> String {
    match language {
        Language::En => {
            format!("Time lines of items: {items}; from {from} until {until}. The table below says the same.")
        }
        Language::Az => format!("Məhsulların zaman xətləri: {items}; {from} – {until}. Aşağıdakı cədvəldə eynisi var."),
        Language::Ru => format!("Линии времени позиций: {items}; с {from} до {until}. То же в таблице ниже."),
    }
}

/// Heads the history of something.
pub(in crate::http) fn of(language: Language, name: &str) -> String {
    match language {
        Language::En => format!("History of {name}"),
        Language::Az => format!("{name}: tarixçə"),
        Language::Ru => format!("{name}: история"),
    }
}
