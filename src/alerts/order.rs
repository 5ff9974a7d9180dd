//! What people ask of the service while it runs: to take note that somebody takes care, to be quiet, to speak again.
//!
//! An order is written beside the service and taken in by the engine like a reading. Invariant: an order that was taken
//! in twice has the effect of one.

use std::time::Duration;

use crate::alerts::AlertKey;
use crate::alerts::lifecycle::EpisodeId;
use crate::alerts::silence::{Silence, SilenceId};
use crate::alerts::words::news;
use crate::language::Language;
use crate::units::{Timestamp, Zone, printable};

/// How long somebody waits for the answer to an order, and takes it back then: the service looks every second, and a
/// slow disk takes its time.
pub const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// An order that is older is not taken in: nobody may be there any more who waits for it.
pub const TAKEN_WITHIN: Duration = Duration::from_secs(8);
/// Characters of a name or a note that a person gives: what fits beside an alert on a screen and in a mail.
pub const SAID_LENGTH_MAX: usize = 200;

/// Takes a name or a note as it is kept: without control characters, spaces around it, and what is too much of it.
pub fn said(text: &str) -> String {
    printable(text.trim(), SAID_LENGTH_MAX)
}

/// Something that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Somebody takes care of an open alert.
    Acknowledge {
        /// The alert.
        key: AlertKey,
        /// The episode that was seen; a later one is not meant.
        episode: EpisodeId,
        /// What is said of it.
        acknowledgement: Acknowledgement,
    },
    /// Something is not to be told for a while.
    Silence(Silence),
    /// A silence is over.
    EndSilence(SilenceId),
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done, and why.
    Refused(String),
}

/// The number of an order, in the order of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub i64);

/// What somebody who takes care of an alert says. It ends with the episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
    /// Why it is so.
    pub reason: Option<Reason>,
    /// More about it, in words.
    pub note: String,
    /// When the item is expected back.
    pub back_at: Option<Timestamp>,
}

impl Acknowledgement {
    /// Says it in a line: `Anar takes care of it: supplier, no van before noon; back at 12:00`.
    pub fn in_words(&self, language: Language, zone: &Zone) -> String {
        news::care(language, self, zone)
    }
}

/// Why something is out: the reasons that repeat in every kitchen (features.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An ingredient ran out.
    Ingredient,
    /// The supplier did not deliver.
    Supplier,
    /// A machine is broken.
    Equipment,
    /// It is not prepared yet.
    Preparation,
    /// It was not good enough to be served.
    Quality,
    /// It is not the season.
    Season,
    /// Something else; the note says what.
    Other,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Ingredient,
        Self::Supplier,
        Self::Equipment,
        Self::Preparation,
        Self::Quality,
        Self::Season,
        Self::Other,
    ];

    /// Returns the word that commands, screens and events use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ingredient => "ingredient",
            Self::Supplier => "supplier",
            Self::Equipment => "equipment",
            Self::Preparation => "preparation",
            Self::Quality => "quality",
            Self::Season => "season",
            Self::Other => "other",
        }
    }

    /// Finds the reason of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_in_a_line() {
        let zone = Zone::named("Asia/Baku").expect("bundled");
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let plain = Acknowledgement {
            by: "Anar".to_owned(),
            at: at("2026-05-08T13:00:00Z"),
            reason: None,
            note: String::new(),
            back_at: None,
        };
        let note = "no van before noon".to_owned();
        let full = Acknowledgement { reason: Some(Reason::Supplier), note, ..plain.clone() };
        let back = |text: &str| Acknowledgement { back_at: Some(at(text)), ..full.clone() };
        for (said, expected) in [
            (&plain, "Anar takes care of it"),
            (&Acknowledgement { reason: Some(Reason::Season), ..plain.clone() }, "Anar takes care of it: season"),
            (&full, "Anar takes care of it: supplier, no van before noon"),
            (&back("2026-05-08T16:00:00Z"), "Anar takes care of it: supplier, no van before noon; back at 20:00"),
            (
                &back("2026-05-08T20:00:00Z"),
                "Anar takes care of it: supplier, no van before noon; back on 2026-05-09 at 00:00",
            ),
        ] {
            assert_eq!(said.in_words(Language::En, &zone), expected);
        }
    }
}
