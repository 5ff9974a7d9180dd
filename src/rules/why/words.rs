//! The words between the fields and values of a reason, in each language.
//!
//! A colon stands where a language would bend what comes before or after it: names of fields are not bent.

use crate::language::Language;

/// On which side of a bound a value must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    AtMost,
    AtLeast,
    Below,
    Above,
    Before,
    After,
}

/// Says what a field is.
pub(super) fn is(language: Language, name: &str, value: &str) -> String {
    match language {
        Language::En => format!("{name} is {value}"),
        Language::Az | Language::Ru => format!("{name}: {value}"),
    }
}

/// Says that a field has no value, and in English, the language of the fields' meanings, why.
pub(super) fn has_no_value(language: Language, name: &str, why: Option<&str>) -> String {
    match (language, why) {
        (Language::En, Some(why)) => format!("{name} has no value ({why})"),
        (Language::En, None) => format!("{name} has no value"),
        (Language::Az, _) => format!("{name}: dəyəri yoxdur"),
        (Language::Ru, _) => format!("{name}: нет значения"),
    }
}

/// Says what the rule asks for.
pub(super) fn asks_for(language: Language, asked: &str) -> String {
    match language {
        Language::En => format!("the rule asks for {asked}"),
        Language::Az => format!("qayda tələb edir: {asked}"),
        Language::Ru => format!("правило требует: {asked}"),
    }
}

/// Says that the rule asks for two fields that are the same, or that differ.
pub(super) const fn asks_for_same(language: Language, is_same: bool) -> &'static str {
    match (language, is_same) {
        (Language::En, true) => "the rule asks for the same",
        (Language::En, false) => "the rule asks that they differ",
        (Language::Az, true) => "qayda onların eyni olmasını tələb edir",
        (Language::Az, false) => "qayda onların fərqli olmasını tələb edir",
        (Language::Ru, true) => "правило требует, чтобы они совпадали",
        (Language::Ru, false) => "правило требует, чтобы они различались",
    }
}

/// Says that an expression over these fields does not hold.
pub(super) const fn does_not_fit(language: Language) -> &'static str {
    match language {
        Language::En => "what the rule computes of it does not fit",
        Language::Az => "qaydanın bundan hesabladığı uyğun gəlmir",
        Language::Ru => "то, что правило из этого вычисляет, не подходит",
    }
}

/// Says that an expression has no result.
pub(super) const fn too_large(language: Language) -> &'static str {
    match language {
        Language::En => "what the rule computes is too large to be counted",
        Language::Az => "qaydanın hesabladığı ədəd həddən artıq böyükdür",
        Language::Ru => "то, что вычисляет правило, слишком велико",
    }
}

/// Says that nothing can make it hold.
pub(super) const fn never(language: Language) -> &'static str {
    match language {
        Language::En => "it can never hold",
        Language::Az => "bu heç vaxt belə ola bilməz",
        Language::Ru => "так не может быть никогда",
    }
}

/// Says which fields nobody has read.
pub(super) fn unread(language: Language, count: usize, names: &str) -> String {
    match (language, count) {
        (Language::En, 1) => format!("{names} was not read"),
        (Language::En, _) => format!("{names} were not read"),
        (Language::Az, _) => format!("oxunmayıb: {names}"),
        (Language::Ru, _) => format!("не прочитано: {names}"),
    }
}

/// Stands between two names.
pub(super) const fn and(language: Language) -> &'static str {
    match language {
        Language::En => " and ",
        Language::Az => " və ",
        Language::Ru => " и ",
    }
}

/// Asks for any value.
pub(super) const fn a_value(language: Language) -> &'static str {
    match language {
        Language::En => "a value",
        Language::Az => "dəyəri olsun",
        Language::Ru => "любое значение",
    }
}

/// Asks for none.
pub(super) const fn no_value(language: Language) -> &'static str {
    match language {
        Language::En => "none",
        Language::Az => "dəyəri olmasın",
        Language::Ru => "без значения",
    }
}

/// Asks for one of some values.
pub(super) fn one_of(language: Language, named: &str, has_more: bool) -> String {
    let more = match (language, has_more) {
        (_, false) => "",
        (Language::En, true) => " and others",
        (Language::Az, true) => " və s.",
        (Language::Ru, true) => " и др.",
    };
    match language {
        Language::En => format!("one of {named}{more}"),
        Language::Az => format!("bunlardan biri: {named}{more}"),
        Language::Ru => format!("одно из: {named}{more}"),
    }
}

/// Asks for what lies on one side of a value.
pub(super) fn than(language: Language, bound: Bound, value: &str) -> String {
    let before = match (language, bound) {
        (Language::En, Bound::AtMost) => "at most",
        (Language::En, Bound::AtLeast) => "at least",
        (Language::En, Bound::Below) => "less than",
        (Language::En, Bound::Above) => "more than",
        (Language::En, Bound::Before) => "before",
        (Language::En, Bound::After) => "after",
        (Language::Az, Bound::AtMost) => "ən çoxu",
        (Language::Az, Bound::AtLeast) => "ən azı",
        (Language::Az, Bound::Below) => "bundan az:",
        (Language::Az, Bound::Above) => "bundan çox:",
        (Language::Az, Bound::Before) => "bundan əvvəl:",
        (Language::Az, Bound::After) => "bundan sonra:",
        (Language::Ru, Bound::AtMost) => "не больше",
        (Language::Ru, Bound::AtLeast) => "не меньше",
        (Language::Ru, Bound::Below) => "меньше",
        (Language::Ru, Bound::Above) => "больше",
        (Language::Ru, Bound::Before) => "раньше",
        (Language::Ru, Bound::After) => "позже",
    };
    format!("{before} {value}")
}

/// Asks for what fits a pattern.
pub(super) fn fits(language: Language, pattern: &str) -> String {
    match language {
        Language::En => format!("what fits {pattern}"),
        Language::Az => format!("bu nümunəyə uyğun: {pattern}"),
        Language::Ru => format!("подходящее под {pattern}"),
    }
}

/// Asks for the opposite.
pub(super) fn anything_but(language: Language, wanted: &str) -> String {
    match language {
        Language::En => format!("anything but {wanted}"),
        Language::Az => format!("bundan başqa: {wanted}"),
        Language::Ru => format!("что угодно, кроме: {wanted}"),
    }
}
