//! What all manager pages say alike.
//!
//! Never about one page alone: those have files of their own.

use std::time::Duration;

use crate::alerts::words::values;
use crate::http::page::Section;
use crate::language::Language;

/// Names a section.
pub(in crate::http) fn section(language: Language, section: Section) -> &'static str {
    match (section, language) {
        (Section::Now, Language::En) => "Now",
        (Section::Now, Language::Az) => "İndi",
        (Section::Now, Language::Ru) => "Сейчас",
        (Section::Boards, language) => super::board::boards(language),
        (Section::History, Language::En) => "History",
        (Section::History, Language::Az) => "Tarixçə",
        (Section::History, Language::Ru) => "История",
        (Section::Deliveries, Language::En) => "Deliveries",
        (Section::Deliveries, Language::Az) => "Çatdırılma",
        (Section::Deliveries, Language::Ru) => "Доставка",
        (Section::Rules, Language::En) => "Rules",
        (Section::Rules, Language::Az) => "Qaydalar",
        (Section::Rules, Language::Ru) => "Правила",
        (Section::Freshness, Language::En) => "Freshness",
        (Section::Freshness, Language::Az) => "Təzəlik",
        (Section::Freshness, Language::Ru) => "Свежесть",
    }
}

/// Names the choice of a language.
pub(in crate::http) fn language(language: Language) -> &'static str {
    match language {
        Language::En => "Language",
        Language::Az => "Dil",
        Language::Ru => "Язык",
    }
}

/// Leads over the list of sections, for those who do not see it.
pub(in crate::http) fn skip(language: Language) -> &'static str {
    match language {
        Language::En => "Skip to the content",
        Language::Az => "Məzmuna keç",
        Language::Ru => "К содержанию",
    }
}

/// Writes a short time with a tenth of a second, and a longer one in its largest units.
pub(in crate::http) fn short(language: Language, time: Duration) -> String {
    if time >= Duration::from_mins(1) {
        return values::duration(language, time);
    }
    let (point, unit) = match language {
        Language::En => (".", "s"),
        Language::Az => (",", "san"),
        Language::Ru => (",", "с"),
    };
    let tenths = time.as_millis() / 100;
    format!("{}{point}{} {unit}", tenths / 10, tenths % 10)
}
