//! What is said to a receiver who stands in for another one, in the reader's language.
//!
//! Names of receivers and what a server answered are put in as they are.

use crate::alerts::notice::Channel;
use crate::language::Language;

/// Says who cannot be told by which channel since when, and why.
pub fn cannot_be_told(language: Language, receiver: &str, channel: Channel, since: &str, why: &str) -> String {
    match language {
        Language::En => format!("{receiver} cannot be told by {} since {since}: {why}", channel.word()),
        Language::Az => {
            format!("{receiver} ({}): bildirişlər çatmır, başlanğıc: {since}: {why}", way(language, channel))
        }
        Language::Ru => format!("{receiver} ({}): с {since} сообщения не доходят: {why}", way(language, channel)),
    }
}

fn way(language: Language, channel: Channel) -> &'static str {
    match (language, channel) {
        (Language::Az, Channel::Email) => "e-poçt",
        (Language::Ru, Channel::Email) => "почта",
        (Language::En, Channel::Email) | (_, Channel::Mqtt | Channel::Webhook) => channel.word(),
    }
}

/// Says why nothing is known of an attempt: none was made.
pub fn untried(language: Language, channel: Channel) -> &'static str {
    match (language, channel) {
        (Language::En, Channel::Mqtt) => "its broker is away",
        (Language::Az, Channel::Mqtt) => "broker əlçatan deyil",
        (Language::Ru, Channel::Mqtt) => "брокер недоступен",
        (Language::En, Channel::Email) => "an earlier mail is still being tried",
        (Language::Az, Channel::Email) => "əvvəlki məktub hələ göndərilir",
        (Language::Ru, Channel::Email) => "предыдущее письмо ещё отправляется",
        (Language::En, Channel::Webhook) => "nothing is sent there any more, or an earlier notice is still being tried",
        (Language::Az, Channel::Webhook) => "ora artıq heç nə göndərilmir, ya da əvvəlki bildiriş hələ göndərilir",
        (Language::Ru, Channel::Webhook) => {
            "туда больше ничего не отправляется, или предыдущее уведомление ещё отправляется"
        }
    }
}

/// Says whether the other one will still be told: the line before what he should have been told.
pub fn told_instead(language: Language, receiver: &str, is_given_up: bool) -> String {
    match (language, is_given_up) {
        (Language::En, true) => "You are told instead; this was given up:".to_owned(),
        (Language::Az, true) => "Əvəzinə sizə bildirilir; bunlar çatdırılmadı:".to_owned(),
        (Language::Ru, true) => "Сообщаем вам; это не доставлено:".to_owned(),
        (Language::En, false) => {
            format!("You are told instead; {receiver} will be told as well as soon as that works:")
        }
        (Language::Az, false) => {
            format!("Əvəzinə sizə bildirilir; mümkün olduqda bildirişlər {receiver} üçün də çatdırılacaq:")
        }
        (Language::Ru, false) => format!("Сообщаем вам; {receiver} тоже узнает, как только это станет возможно:"),
    }
}

/// Marks what was given up among what is still tried.
pub fn given_up(language: Language) -> &'static str {
    match language {
        Language::En => "given up",
        Language::Az => "çatdırılmadı",
        Language::Ru => "не доставлено",
    }
}

/// Counts what is not named.
pub fn and_more(language: Language, more: usize) -> String {
    match language {
        Language::En => format!("and {more} more, which `eightysix dead-letters` lists when they are given up"),
        Language::Az => format!("və daha {more}; çatdırılmayanları `eightysix dead-letters` göstərir"),
        Language::Ru => format!("и ещё {more}; недоставленное показывает `eightysix dead-letters`"),
    }
}

/// Says for whom this was meant: the last line.
pub fn in_the_place_of(language: Language, receiver: &str) -> String {
    match language {
        Language::En => format!("in the place of {receiver}"),
        Language::Az => format!("{receiver} əvəzinə"),
        Language::Ru => format!("отправлено вместо {receiver}"),
    }
}
