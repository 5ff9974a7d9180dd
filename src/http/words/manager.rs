//! What all manager pages say alike.
//!
//! Never about one page alone: those have files of their own.

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
