//! What the page of the present says: open alerts, who is told of them, silences and venues; and its two forms.
//!
//! Names stand uninflected. Invariant: what is said to be hidden is hidden from receivers; screens go on to show it.

use crate::language::Language;
use crate::rules::Severity;

/// Says how much an alert matters.
pub(in crate::http) fn severity(language: Language, severity: Severity) -> &'static str {
    match (severity, language) {
        (Severity::Critical, Language::En) => "critical",
        (Severity::Critical, Language::Az) => "kritik",
        (Severity::Critical, Language::Ru) => "критично",
        (Severity::Warning, Language::En) => "warning",
        (Severity::Warning, Language::Az) => "diqqət",
        (Severity::Warning, Language::Ru) => "внимание",
        (Severity::Info, Language::En) => "info",
        (Severity::Info, Language::Az) => "məlumat",
        (Severity::Info, Language::Ru) => "к сведению",
    }
}

/// Heads the open alerts.
pub(in crate::http) fn open_alerts(language: Language) -> &'static str {
    match language {
        Language::En => "Open alerts",
        Language::Az => "Aktiv xəbərdarlıqlar",
        Language::Ru => "Активные предупреждения",
    }
}

/// Says of how many venues nobody knows what is off there: their lists are old, are not read now, or never were.
pub(in crate::http) fn in_doubt(language: Language, old: usize, unread: usize, never: usize) -> String {
    let [all, parts @ ..] = match language {
        Language::En => {
            ["Not everything is known", "old lists", "lists that cannot be read", "lists that were never read"]
        }
        Language::Az => ["Məlumat tam deyil", "köhnə siyahı", "oxunmayan siyahı", "heç vaxt oxunmamış siyahı"],
        Language::Ru => ["Известно не всё", "устарело списков", "не читается списков", "ни разу не прочитано списков"],
    };
    let counted = parts.iter().zip([old, unread, never]).filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted.map(|(part, count)| format!("{part}: {count}")).collect();
    format!("{all} – {}.", counted.join("; "))
}

/// Says that no alert is open.
pub(in crate::http) fn nothing_open(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is open.",
        Language::Az => "Aktiv xəbərdarlıq yoxdur.",
        Language::Ru => "Активных предупреждений нет.",
    }
}

/// Says how many alerts are open.
pub(in crate::http) fn count_open(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} open"),
        Language::Az => format!("aktiv: {count}"),
        Language::Ru => format!("активно: {count}"),
    }
}

/// Says how many alerts wait until they have lasted long enough.
pub(in crate::http) fn pending(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} more hold, but not for long enough to be told yet."),
        Language::Az => format!("Hələ xəbər vermək üçün tezdir: daha {count}."),
        Language::Ru => format!("Ещё рано сообщать: {count}."),
    }
}

/// Says who was told, or whose mail is about to go out.
pub(in crate::http) fn told(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("Told or about to be: {names}"),
        Language::Az => format!("Xəbər verilib və ya verilir: {names}"),
        Language::Ru => format!("Сообщено или сообщается: {names}"),
    }
}

/// Says who was told before a silence began.
pub(in crate::http) fn told_before_silence(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("Told before it was silenced, and of nothing but its end meanwhile: {names}"),
        Language::Az => format!("Susdurulmazdan əvvəl xəbər verilib, bu müddətdə yalnız bitməsi bildiriləcək: {names}"),
        Language::Ru => {
            format!("Сообщено до того, как заглушили; пока заглушено, сообщим только об окончании: {names}")
        }
    }
}

/// Names a silence that hides it.
pub(in crate::http) fn silence_is(language: Language, silence: &str) -> String {
    match language {
        Language::En => format!("Silence: {silence}"),
        Language::Az => format!("Susdurma: {silence}"),
        Language::Ru => format!("Заглушено: {silence}"),
    }
}

/// Says that no receiver is told.
pub(in crate::http) fn told_nobody(language: Language) -> &'static str {
    match language {
        Language::En => "Nobody is told of it.",
        Language::Az => "Heç kimə xəbər verilmir.",
        Language::Ru => "Никому не сообщается.",
    }
}

/// Says who is not told because of a silence.
pub(in crate::http) fn held_by_silence(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("Not told while it is silenced: {names}"),
        Language::Az => format!("Susdurulduğu müddətdə xəbər verilmir: {names}"),
        Language::Ru => format!("Не сообщается, пока заглушено: {names}"),
    }
}

/// Says who is not told because something else explains it.
pub(in crate::http) fn held_by_cause(language: Language, cause: &str, names: &str) -> String {
    match language {
        Language::En => format!("Not told, as this explains it: {cause} ({names})"),
        Language::Az => format!("Xəbər verilmir, səbəb: {cause} ({names})"),
        Language::Ru => format!("Не сообщается, причина: {cause} ({names})"),
    }
}

/// Says that a silence hides it.
pub(in crate::http) fn silenced(language: Language) -> &'static str {
    match language {
        Language::En => "silenced",
        Language::Az => "susdurulub",
        Language::Ru => "заглушено",
    }
}

/// Says that it no longer holds and is about to close.
pub(in crate::http) fn clearing(language: Language) -> &'static str {
    match language {
        Language::En => "about to close",
        Language::Az => "bağlanmaq üzrədir",
        Language::Ru => "скоро закроется",
    }
}

/// Names the way to the form by which something is silenced.
pub(in crate::http) fn silence(language: Language) -> &'static str {
    match language {
        Language::En => "Silence",
        Language::Az => "Susdur",
        Language::Ru => "Заглушить",
    }
}

/// Names the same for those who hear it without its surroundings.
pub(in crate::http) fn silence_of(language: Language, what: &str) -> String {
    match language {
        Language::En => format!("Silence: {what}"),
        Language::Az => format!("Susdur: {what}"),
        Language::Ru => format!("Заглушить: {what}"),
    }
}

/// Heads the silences.
pub(in crate::http) fn silences(language: Language) -> &'static str {
    match language {
        Language::En => "Silences",
        Language::Az => "Susdurulanlar",
        Language::Ru => "Заглушено",
    }
}

/// Says that nothing is silenced.
pub(in crate::http) fn no_silences(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing is silenced.",
        Language::Az => "Heç nə susdurulmayıb.",
        Language::Ru => "Ничего не заглушено.",
    }
}

/// Says until when a silence lasts.
pub(in crate::http) fn until_at(language: Language, at: &str) -> String {
    match language {
        Language::En => format!("until {at}"),
        Language::Az => format!("{at} vaxtınadək"),
        Language::Ru => format!("до {at}"),
    }
}

/// Says that a silence ends earlier when it is back.
pub(in crate::http) fn or_until_back(language: Language) -> &'static str {
    match language {
        Language::En => "or until it is back",
        Language::Az => "və ya qayıdana qədər",
        Language::Ru => "или пока не вернётся",
    }
}

/// Says in which window alone it is in force.
pub(in crate::http) fn during(language: Language, window: &str) -> String {
    match language {
        Language::En => format!("during {window} only"),
        Language::Az => format!("yalnız {window} zamanı"),
        Language::Ru => format!("только во время {window}"),
    }
}

/// Says by whom.
pub(in crate::http) fn by(language: Language, name: &str) -> String {
    match language {
        Language::En => format!("by {name}"),
        Language::Az | Language::Ru => name.to_owned(),
    }
}

/// Names the button that ends a silence.
pub(in crate::http) fn end(language: Language) -> &'static str {
    match language {
        Language::En => "End",
        Language::Az => "Bitir",
        Language::Ru => "Снять",
    }
}

/// Names the same for those who hear it without its surroundings.
pub(in crate::http) fn end_of(language: Language, what: &str) -> String {
    match language {
        Language::En => format!("End the silence: {what}"),
        Language::Az => format!("Susdurmanı bitir: {what}"),
        Language::Ru => format!("Снять: {what}"),
    }
}

/// Heads the venues.
pub(in crate::http) fn venues(language: Language) -> &'static str {
    match language {
        Language::En => "Venues",
        Language::Az => "Məkanlar",
        Language::Ru => "Заведения",
    }
}

/// Names an item at a venue.
pub(in crate::http) fn scope_here(language: Language, item: &str, place: &str) -> String {
    match language {
        Language::En => format!("{item} at {place}"),
        Language::Az | Language::Ru => format!("{item}, {place}"),
    }
}

/// Names an item wherever it is.
pub(in crate::http) fn scope_product(language: Language, item: &str) -> String {
    match language {
        Language::En => format!("{item} at every venue"),
        Language::Az => format!("{item}, bütün məkanlarda"),
        Language::Ru => format!("{item}, во всех заведениях"),
    }
}

/// Names what a station prepares.
pub(in crate::http) fn scope_station(language: Language, station: &str, place: &str) -> String {
    match language {
        Language::En => format!("everything of {station} at {place}"),
        Language::Az => format!("{station}, hər şey, {place}"),
        Language::Ru => format!("всё на {station}, {place}"),
    }
}

/// Names what a rule says.
pub(in crate::http) fn scope_rule(language: Language, rule: &str) -> String {
    match language {
        Language::En => format!("everything of the rule {rule}, at every venue"),
        Language::Az => format!("{rule} qaydası, bütün məkanlarda"),
        Language::Ru => format!("всё по правилу {rule}, во всех заведениях"),
    }
}

/// Names a category.
pub(in crate::http) fn scope_category(language: Language, category: &str) -> String {
    match language {
        Language::En => format!("category {category}"),
        Language::Az => format!("{category} kateqoriyası"),
        Language::Ru => format!("категория {category}"),
    }
}

/// Names what a venue says.
pub(in crate::http) fn scope_venue(language: Language, place: &str) -> String {
    match language {
        Language::En => format!("everything at {place}"),
        Language::Az => format!("{place}, hər şey"),
        Language::Ru => format!("всё в {place}"),
    }
}

/// Asks what is to be silent.
pub(in crate::http) fn what(language: Language) -> &'static str {
    match language {
        Language::En => "What is silent",
        Language::Az => "Nə susdurulsun",
        Language::Ru => "Что заглушить",
    }
}

/// Asks until when.
pub(in crate::http) fn until(language: Language) -> &'static str {
    match language {
        Language::En => "Until",
        Language::Az => "Nə vaxta qədər",
        Language::Ru => "До какого времени",
    }
}

/// Says how the end is written.
pub(in crate::http) fn until_hint(language: Language) -> &'static str {
    match language {
        Language::En => "a time such as 23:00, or how long: 2h, 45m",
        Language::Az => "vaxt, məsələn 23:00, və ya müddət: 2h, 45m",
        Language::Ru => "время, например 23:00, или сколько: 2h, 45m",
    }
}

/// Asks whether it ends earlier.
pub(in crate::http) fn until_back(language: Language) -> &'static str {
    match language {
        Language::En => "End it earlier, when all that it hides is back",
        Language::Az => "Gizlətdiyi hər şey qayıdanda daha tez bitsin",
        Language::Ru => "Снять раньше, если всё вернётся",
    }
}

/// Names the button that shows what would be hidden.
pub(in crate::http) fn look(language: Language) -> &'static str {
    match language {
        Language::En => "Show what it hides",
        Language::Az => "Nəyi gizlədəcəyini göstər",
        Language::Ru => "Показать, что будет скрыто",
    }
}

/// Names the button that makes the silence.
pub(in crate::http) fn save(language: Language) -> &'static str {
    match language {
        Language::En => "Silence it",
        Language::Az => "Susdur",
        Language::Ru => "Заглушить",
    }
}

/// Heads what a silence would hide.
pub(in crate::http) fn hides(language: Language) -> &'static str {
    match language {
        Language::En => "It hides now",
        Language::Az => "İndi gizlədir",
        Language::Ru => "Сейчас скроет",
    }
}

/// Says that it would hide nothing.
pub(in crate::http) fn hides_nothing(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing that is open now. What comes until then is hidden.",
        Language::Az => "İndi aktiv olan heç nəyi. Bundan sonra gələnlər gizlədiləcək.",
        Language::Ru => "Ничего из активного сейчас. Скроет то, что появится потом.",
    }
}

/// Says from whom it hides.
pub(in crate::http) fn hides_from(language: Language) -> &'static str {
    match language {
        Language::En => {
            "Nobody is told until it ends; the screens go on to show it. Who was told already hears of its end."
        }
        Language::Az => {
            "Bitənə qədər heç kimə xəbər verilmir, ekranlar isə göstərir. Əvvəl xəbər alanlar sonunu da biləcək."
        }
        Language::Ru => {
            "Пока не закончится, никому не сообщается; экраны продолжают показывать. Кому уже сообщили, тот узнает и о конце."
        }
    }
}

/// Says that a silence was made.
pub(in crate::http) fn silence_made(language: Language) -> &'static str {
    match language {
        Language::En => "Silenced.",
        Language::Az => "Susduruldu.",
        Language::Ru => "Заглушено.",
    }
}

/// Says that a silence was ended.
pub(in crate::http) fn silence_ended(language: Language) -> &'static str {
    match language {
        Language::En => "The silence is over. What it alone held back is told within seconds.",
        Language::Az => "Susdurma bitdi. Yalnız onun saxladığı xəbərlər bir neçə saniyəyə çatdırılacaq.",
        Language::Ru => "Больше не заглушено. То, что задержалось только из-за этого, придёт через несколько секунд.",
    }
}

/// Says that a silence is not there.
pub(in crate::http) fn no_such_silence(language: Language) -> &'static str {
    match language {
        Language::En => "This silence is over already.",
        Language::Az => "Bu susdurma artıq bitib.",
        Language::Ru => "Это уже не заглушено.",
    }
}

/// Says that somebody takes care from now on.
pub(in crate::http) fn care_noted(language: Language) -> &'static str {
    match language {
        Language::En => "Noted who takes care.",
        Language::Az => "Kimin məşğul olduğu qeyd olundu.",
        Language::Ru => "Записано, кто занимается.",
    }
}

/// Asks for the end of a silence, which is no time.
pub(in crate::http) fn no_end(language: Language) -> &'static str {
    match language {
        Language::En => "Write a time such as 23:00, or how long: 2h.",
        Language::Az => "Vaxtı yazın, məsələn 23:00, və ya müddəti: 2h.",
        Language::Ru => "Напишите время, например 23:00, или сколько: 2h.",
    }
}

/// Asks for the name that is missing.
pub(in crate::http) fn no_name(language: Language) -> &'static str {
    match language {
        Language::En => "Write who asks for it.",
        Language::Az => "Kimin istədiyini yazın.",
        Language::Ru => "Напишите, кто просит.",
    }
}

/// Says that a choice is none.
pub(in crate::http) fn no_choice(language: Language) -> &'static str {
    match language {
        Language::En => "Choose one.",
        Language::Az => "Birini seçin.",
        Language::Ru => "Выберите одно.",
    }
}

/// Says that the service did not do it, and why, as it says it.
pub(in crate::http) fn refused(language: Language, why: &str) -> String {
    match language {
        Language::En => format!("The service refused it: {why}."),
        Language::Az => format!("Xidmət imtina etdi: {why}."),
        Language::Ru => format!("Сервис отказал: {why}."),
    }
}

/// Names the way back.
pub(in crate::http) fn cancel(language: Language) -> &'static str {
    match language {
        Language::En => "Back",
        Language::Az => "Geri",
        Language::Ru => "Назад",
    }
}

/// Says that a silence that lasts until something is back would be over at once.
pub(in crate::http) fn nothing_to_wait_for(language: Language) -> &'static str {
    match language {
        Language::En => "Nothing of it is open now, so it would be over at once.",
        Language::Az => "İndi bunlardan heç biri aktiv deyil, dərhal bitərdi.",
        Language::Ru => "Сейчас из этого ничего не активно, всё закончилось бы сразу.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_counted_by_its_kind() {
        for (language, counts, expected) in [
            (Language::En, [2, 0, 0], "Not everything is known – old lists: 2."),
            (
                Language::En,
                [0, 1, 3],
                "Not everything is known – lists that cannot be read: 1; lists that were never read: 3.",
            ),
            (Language::Az, [1, 2, 0], "Məlumat tam deyil – köhnə siyahı: 1; oxunmayan siyahı: 2."),
            (Language::Ru, [1, 0, 2], "Известно не всё – устарело списков: 1; ни разу не прочитано списков: 2."),
        ] {
            let [old, unread, never] = counts;
            assert_eq!(in_doubt(language, old, unread, never), expected, "{counts:?}");
        }
    }
}
