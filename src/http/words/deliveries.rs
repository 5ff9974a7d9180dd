//! What the page of deliveries says.
//!
//! Invariant: what was given up is said to be so, and what can be done about it.

use crate::alerts::words::values::russian_count;
use crate::language::Language;
use crate::store::OutboxState;

/// The labels of the page.
pub(in crate::http) struct Labels {
    pub(in crate::http) intro: &'static str,
    pub(in crate::http) by_way: &'static str,
    pub(in crate::http) receiver: &'static str,
    pub(in crate::http) channel: &'static str,
    pub(in crate::http) waiting: &'static str,
    pub(in crate::http) since: &'static str,
    pub(in crate::http) dead: &'static str,
    pub(in crate::http) states: &'static str,
    pub(in crate::http) all_receivers: &'static str,
    pub(in crate::http) at: &'static str,
    pub(in crate::http) what: &'static str,
    pub(in crate::http) attempts: &'static str,
    pub(in crate::http) next_attempt: &'static str,
    pub(in crate::http) ended: &'static str,
    pub(in crate::http) why: &'static str,
    pub(in crate::http) none: &'static str,
    pub(in crate::http) choose: &'static str,
    pub(in crate::http) resend: &'static str,
    pub(in crate::http) resend_all: &'static str,
    pub(in crate::http) not_configured: &'static str,
    pub(in crate::http) older: &'static str,
    pub(in crate::http) show: &'static str,
    pub(in crate::http) unreadable: &'static str,
}

const EN: Labels = Labels {
    intro: "What receivers are told, and what could not be told. Delivered news is remembered for 7 days, what was given up for 30.",
    by_way: "Who waits for news",
    receiver: "Receiver",
    channel: "Channel",
    waiting: "Waiting",
    since: "Oldest waits since",
    dead: "Given up",
    states: "State",
    all_receivers: "all receivers",
    at: "Decided",
    what: "News",
    attempts: "Attempts",
    next_attempt: "Next attempt",
    ended: "Ended",
    why: "Why",
    none: "There is nothing.",
    choose: "Choose",
    resend: "Send those chosen again",
    resend_all: "Send all again",
    not_configured: "not in the configuration: nobody sends it",
    older: "Older ones",
    show: "Show",
    unreadable: "The deliveries cannot be read or changed now. Try again; if it stays so, see the log of eightysix.",
};

const AZ: Labels = Labels {
    intro: "Alıcılara nə çatdırılıb və nəyi çatdırmaq olmayıb. Çatdırılanlar 7 gün, çatdırılmayanlar 30 gün saxlanılır.",
    by_way: "Kim xəbər gözləyir",
    receiver: "Alıcı",
    channel: "Kanal",
    waiting: "Gözləyir",
    since: "Ən köhnəsi nə vaxtdan gözləyir",
    dead: "Çatdırılmadı",
    states: "Vəziyyət",
    all_receivers: "bütün alıcılar",
    at: "Qərar vaxtı",
    what: "Xəbər",
    attempts: "Cəhdlər",
    next_attempt: "Növbəti cəhd",
    ended: "Bitib",
    why: "Səbəb",
    none: "Heç nə yoxdur.",
    choose: "Seç",
    resend: "Seçilənləri yenidən göndər",
    resend_all: "Hamısını yenidən göndər",
    not_configured: "konfiqurasiyada yoxdur: heç kim göndərmir",
    older: "Daha köhnələr",
    show: "Göstər",
    unreadable: "Çatdırılmaları indi oxumaq və ya dəyişmək olmur. Yenidən cəhd edin; keçməsə, eightysix jurnalına baxın.",
};

const RU: Labels = Labels {
    intro: "Что сообщается получателям и что сообщить не удалось. Доставленное помнится 7 дней, недоставленное — 30.",
    by_way: "Кто ждёт сообщений",
    receiver: "Получатель",
    channel: "Канал",
    waiting: "Ждёт",
    since: "Самое старое ждёт с",
    dead: "Не доставлено",
    states: "Состояние",
    all_receivers: "все получатели",
    at: "Решено",
    what: "Сообщение",
    attempts: "Попытки",
    next_attempt: "Следующая попытка",
    ended: "Завершено",
    why: "Почему",
    none: "Ничего нет.",
    choose: "Выбрать",
    resend: "Отправить выбранные снова",
    resend_all: "Отправить все снова",
    not_configured: "нет в конфигурации: никто не отправит",
    older: "Более старые",
    show: "Показать",
    unreadable: "Доставки сейчас не прочитать и не изменить. Попробуйте ещё раз; если не пройдёт, смотрите журнал eightysix.",
};

/// Returns the labels.
pub(in crate::http) const fn labels(language: Language) -> &'static Labels {
    match language {
        Language::En => &EN,
        Language::Az => &AZ,
        Language::Ru => &RU,
    }
}

/// Names a state.
pub(in crate::http) const fn state(language: Language, state: OutboxState) -> &'static str {
    match (state, language) {
        (OutboxState::Waiting, Language::En) => "waiting",
        (OutboxState::Waiting, Language::Az) => "gözləyir",
        (OutboxState::Waiting, Language::Ru) => "ждёт",
        (OutboxState::Dead, Language::En) => "given up",
        (OutboxState::Dead, Language::Az) => "çatdırılmadı",
        (OutboxState::Dead, Language::Ru) => "не доставлено",
        (OutboxState::Delivered, Language::En) => "delivered",
        (OutboxState::Delivered, Language::Az) => "çatdırılıb",
        (OutboxState::Delivered, Language::Ru) => "доставлено",
        (OutboxState::Expired, Language::En) => "over before it could be told",
        (OutboxState::Expired, Language::Az) => "göndərilmədən köhnəlib",
        (OutboxState::Expired, Language::Ru) => "устарело до отправки",
    }
}

/// Says how many wait again.
pub(in crate::http) fn resent(language: Language, count: usize) -> String {
    match language {
        Language::En if count == 1 => "1 is sent again.".to_owned(),
        Language::En => format!("{count} are sent again."),
        Language::Az => format!("{count} yenidən göndərilir."),
        Language::Ru => {
            let count_64 = u64::try_from(count).unwrap_or(u64::MAX);
            let word = russian_count(count_64, ["отправляется", "отправляются", "отправляются"]);
            format!("Снова {word}: {count}.")
        }
    }
}

/// Says who was told instead.
pub(in crate::http) fn told_instead(language: Language, to: &str) -> String {
    match language {
        Language::En => format!("{to} was told instead"),
        Language::Az => format!("əvəzinə {to} xəbərdar edilib"),
        Language::Ru => format!("вместо него сообщено: {to}"),
    }
}
