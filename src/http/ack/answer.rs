//! What programs are answered about a link: the alert as it is then, or what the problem is (RFC 9457).
//!
//! A contract with other people's programs: fields are added, never renamed. Knows nothing of HTTP but the status.

use schemars::JsonSchema;
use serde::Serialize;

use crate::alerts::published::{EPISODE, PublishedAck};
use crate::http::ack::form::{Field, Wrong};
use crate::http::ack::page::About;
use crate::language::Language;
use crate::rules::Severity;
use crate::schema::{Instant, Word};

/// The alert as it is now.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AckAnswer")]
pub(super) struct Answer<'a> {
    /// Who takes care of it; null while nobody does.
    ack: Option<PublishedAck<'a>>,
    /// The slug of the brand.
    brand: &'a str,
    /// Identifies the alert from its opening to its closing, as in events.
    #[schemars(extend("pattern" = EPISODE))]
    episode: &'a str,
    /// The sentence that was told.
    message: &'a str,
    /// When the alert opened.
    opened_at: Instant,
    /// The name of the rule.
    rule: &'a str,
    /// How bad it is, by the rule.
    severity: Word<Severity>,
    /// Since when it has been so.
    since: Instant,
    /// The venue; null when the brand itself is concerned.
    venue: Option<Venue<'a>>,
}

/// The venue of an alert.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AckVenue")]
struct Venue<'a> {
    /// Its id at Clopos.
    id: u64,
    /// Its name.
    name: &'a str,
}

/// Tells of an alert.
pub(super) fn answer(about: &About) -> Answer<'_> {
    let About { brand, venue, key, alert } = about;
    Answer {
        ack: alert.acknowledged.as_ref().map(PublishedAck::of),
        brand: brand.as_str(),
        episode: alert.episode.as_str(),
        message: alert.message.common(),
        opened_at: Instant(alert.opened_at),
        rule: key.rule.as_str(),
        severity: Word(alert.severity),
        since: Instant(alert.since),
        venue: venue.as_ref().map(|(id, name)| Venue { id: id.0, name }),
    }
}

/// Problem details of RFC 9457: nothing was changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AckProblem")]
pub(super) struct Problem<'a> {
    /// When the alert closed; only with status 410.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_at: Option<ClosedAt>,
    /// What to send instead of a body that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'a str>,
    /// The fields that must be changed; only with status 422.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) errors: Option<Vec<WrongField>>,
    /// The status of the answer.
    pub(super) status: u16,
    /// What the problem is, in a sentence.
    pub(super) title: &'a str,
    /// What its title says is all there is to it.
    #[schemars(extend("const" = ABOUT_BLANK))]
    pub(super) r#type: &'static str,
}

/// The type of a problem that its status and title explain.
const ABOUT_BLANK: &str = "about:blank";

impl<'a> Problem<'a> {
    /// Says what the problem is, and nothing more.
    pub(super) const fn plain(status: u16, title: &'a str) -> Self {
        Self { closed_at: None, detail: None, errors: None, status, title, r#type: ABOUT_BLANK }
    }
}

/// When an alert closed; null when that is not known.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct ClosedAt(pub(super) Option<Instant>);

/// A field that must be changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrongField {
    /// What to write instead, in English.
    detail: String,
    /// The field, as a JSON pointer into what was sent, such as `#/by`.
    pointer: String,
}

impl WrongField {
    /// Says what to write into a field.
    pub(super) fn of(field: Field, wrong: Wrong) -> Self {
        let detail = wrong.in_words(Language::En).trim_end_matches('.').to_owned();
        Self { detail, pointer: format!("#/{}", field.name()) }
    }
}
