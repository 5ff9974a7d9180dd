//! One thing said in each language in which somebody may read it.
//!
//! Rendered once for each language, never once for each reader. Invariant: there is always a text, whatever language is
//! asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::language::Language;

/// A message in the language of the locale, and in those of the receivers who read another.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Texts {
    common: String,
    others: BTreeMap<Language, String>,
}

impl Texts {
    /// Says something by `say` in the common language and in all `others`.
    pub fn said(common: Language, others: &BTreeSet<Language>, say: impl Fn(Language) -> String) -> Self {
        let others = others.iter().filter(|other| **other != common);
        Self { common: say(common), others: others.map(|other| (*other, say(*other))).collect() }
    }

    /// Takes what was stored.
    pub const fn from_stored(common: String, others: BTreeMap<Language, String>) -> Self {
        Self { common, others }
    }

    /// Returns it in the language that everybody is told who has no other.
    pub fn common(&self) -> &str {
        &self.common
    }

    /// Returns it in the other languages, as it is stored.
    pub const fn others(&self) -> &BTreeMap<Language, String> {
        &self.others
    }

    /// Returns it in this language; in the common one where nobody read this one when it was said.
    pub fn in_language(&self, language: Language) -> &str {
        self.others.get(&language).unwrap_or(&self.common)
    }
}

impl From<&str> for Texts {
    fn from(text: &str) -> Self {
        Self { common: text.to_owned(), others: BTreeMap::new() }
    }
}

/// Shows it in the common language, as commands do.
impl fmt::Display for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.common)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_is_said_once_for_each_language_and_found_in_each() {
        let times = Cell::new(0);
        let say = |language: Language| {
            times.set(times.get() + 1);
            language.code().to_owned()
        };
        let all: BTreeSet<Language> = Language::ALL.into();
        let texts = Texts::said(Language::Ru, &all, say);
        assert_eq!(times.get(), 3);
        for language in Language::ALL {
            assert_eq!(texts.in_language(language), language.code());
        }
        assert_eq!((texts.common(), texts.to_string().as_str()), ("ru", "ru"));
        let one = Texts::said(Language::Az, &BTreeSet::new(), say);
        assert_eq!(Language::ALL.map(|language| one.in_language(language)), ["az"; 3], "what nobody read then");
    }
}
