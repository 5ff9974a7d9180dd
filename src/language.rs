//! The languages in which people are told, and the words that name them in the configuration, in rules and in the store.
//!
//! Pure, and only the names: what is said stands in `alerts::words`. Invariant: a code is never renamed, as stored rows
//! and mails hold it.

/// A language in which a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// Azerbaijani, in Latin letters.
    Az,
    /// Russian.
    Ru,
    /// English: what is spoken where nobody says otherwise.
    #[default]
    En,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::Az, Self::Ru, Self::En];

    /// The codes and what they stand for, for readers of settings.
    pub const WORDS: [(&'static str, Self); 3] =
        [(Self::Az.code(), Self::Az), (Self::Ru.code(), Self::Ru), (Self::En.code(), Self::En)];

    /// Returns the code of ISO 639-1, which is also a tag of BCP 47: `az`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Az => "az",
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// Finds the language of a code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_means_its_language_and_no_other() {
        for language in Language::ALL {
            assert_eq!(Language::of_code(language.code()), Some(language));
        }
        for other in ["", "AZ", "tr", "en-GB"] {
            assert_eq!(Language::of_code(other), None, "{other}");
        }
    }
}
