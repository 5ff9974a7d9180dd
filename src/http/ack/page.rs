//! What is answered about a link: a page for people and JSON for programs, from one reply.
//!
//! Names and words are data: the page escapes them and has no script. Invariant: a link that is not valid learns nothing
//! but that.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};

use crate::alerts::AlertKey;
use crate::alerts::lifecycle::OpenAlert;
use crate::alerts::mail::forms;
use crate::alerts::order::{Reason, SAID_LENGTH_MAX};
use crate::alerts::words::{letter, page as words, values};
use crate::http::ack::answer::{ClosedAt, Problem, WrongField, answer};
use crate::http::ack::form::{Entered, Field, Wrong};
use crate::language::Language;
use crate::schema::Instant;
use crate::units::{BrandId, Timestamp, VenueId, Zone};

/// The template of the page.
const PAGE: &str = "ack.html";
/// Its only style, which the policy of its content names by its hash.
const STYLE: &str = include_str!("../../../config/templates/ack.css");
/// Problem details of RFC 9457.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What is known of an open alert.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// The tenant.
    pub(super) brand: BrandId,
    /// The venue and its name; `None` when the brand itself is concerned.
    pub(super) venue: Option<(VenueId, String)>,
    /// The alert's identity.
    pub(super) key: AlertKey,
    /// The alert.
    pub(super) alert: Box<OpenAlert>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// The alert is open; with what was entered and what is wrong with it.
    Open(About, Entered, Vec<(Field, Wrong)>),
    /// Somebody takes care from now on.
    Noted(About),
    /// It is over; what it was about and since when, where that is known.
    Over(Option<(String, Timestamp)>),
    /// The body cannot be read: with what that is answered, and why, for programs.
    NotUnderstood(StatusCode, String),
    /// The links of this receiver were used too often.
    TooOften,
    /// The store or the service did not answer.
    NoAnswer,
    /// The link is not valid.
    Nothing,
}

/// Who reads it, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// In which language; `None` when the link does not say whose it is.
    pub(super) language: Option<Language>,
    /// In which zone times are shown.
    pub(super) zone: &'a Zone,
    /// Now.
    pub(super) now: Timestamp,
}

impl Reply {
    /// Returns the status that goes with it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Open(_, _, wrong) if !wrong.is_empty() => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Open(..) | Self::Noted(_) => StatusCode::OK,
            Self::Over(_) => StatusCode::GONE,
            Self::NotUnderstood(status, _) => *status,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
            Self::Nothing => StatusCode::NOT_FOUND,
        }
    }

    /// Says whether the same request may be answered otherwise a minute later.
    pub(super) fn is_for_now(&self) -> bool {
        matches!(self, Self::TooOften | Self::NoAnswer)
    }

    /// Makes the answer for a person.
    pub(super) fn page(&self, reader: Reader<'_>) -> Response {
        let templates = templates();
        let language = reader.language.unwrap_or_default();
        let page = templates.get_template(PAGE).and_then(|page| page.render(self.model(reader, language)));
        // Never without a word, whatever a template does.
        let page = page.unwrap_or_else(|_| words::no_answer(language).to_owned());
        (self.status(), Html(page)).into_response()
    }

    fn model(&self, reader: Reader<'_>, language: Language) -> Value {
        let (about, form) = match self {
            Self::Open(about, entered, wrong) => (Some(about), Some(form(entered, wrong, language))),
            Self::Noted(about) => (Some(about), None),
            Self::Over(_) | Self::NotUnderstood(..) | Self::TooOften | Self::NoAnswer | Self::Nothing => (None, None),
        };
        let tone = match self {
            Self::Noted(_) | Self::Over(_) => "done",
            Self::Open(..) | Self::NotUnderstood(..) | Self::TooOften | Self::NoAnswer | Self::Nothing => "bad",
        };
        let anew = match self {
            Self::Noted(_) => Some(letter::say_anew(language)),
            Self::Open(..)
            | Self::Over(_)
            | Self::NotUnderstood(..)
            | Self::TooOften
            | Self::NoAnswer
            | Self::Nothing => None,
        };
        let title = if let Self::Nothing = self { "eightysix" } else { words::title(language) };
        context! {
            language => language.code(),
            title => title,
            style => Value::from_safe_string(STYLE.to_owned()),
            over => self.over().map(|label| values::name(language, label)),
            lines => self.lines(reader, language).into_iter().map(said).collect::<Vec<Value>>(),
            tone => tone,
            about => about.map(|about| about_value(about, reader, language)),
            anew => anew,
            form => form,
        }
    }

    /// Returns what was so that is over.
    fn over(&self) -> Option<&str> {
        match self {
            Self::Over(past) => past.as_ref().map(|(label, _)| label.as_str()),
            Self::Open(..)
            | Self::Noted(_)
            | Self::NotUnderstood(..)
            | Self::TooOften
            | Self::NoAnswer
            | Self::Nothing => None,
        }
    }

    /// Returns what is said beside the alert and the form: in every language where nobody knows who reads it.
    fn lines(&self, reader: Reader<'_>, language: Language) -> Vec<(Language, String)> {
        let time = |at: Timestamp| values::time_beside(language, at, reader.now, reader.zone);
        let line = match self {
            Self::Open(..) => return Vec::new(),
            Self::Noted(about) => {
                let until = about.alert.acknowledged.as_ref().and_then(|said| said.back_at).map(time);
                words::noted(language, until.as_deref())
            }
            Self::Over(past) => words::over(language, past.as_ref().map(|(_, at)| time(*at)).as_deref()),
            Self::NotUnderstood(..) => words::not_understood(language).to_owned(),
            Self::TooOften => words::too_often(language).to_owned(),
            Self::NoAnswer => words::no_answer(language).to_owned(),
            Self::Nothing => return Language::ALL.map(|one| (one, words::nothing_here(one).to_owned())).to_vec(),
        };
        vec![(language, line)]
    }

    /// Makes the answer for a program: the alert as it is now, or what the problem is (RFC 9457).
    pub(super) fn json(&self) -> Response {
        let status = self.status();
        let plain = |title| Problem::plain(status.as_u16(), title);
        let problem = match self {
            Self::Open(about, _, wrong) if wrong.is_empty() => return Json(answer(about)).into_response(),
            Self::Noted(about) => return Json(answer(about)).into_response(),
            Self::Open(_, _, wrong) => {
                let errors = wrong.iter().map(|(field, wrong)| WrongField::of(*field, *wrong)).collect();
                Problem { errors: Some(errors), ..plain("some fields must be changed") }
            }
            Self::Over(past) => {
                let closed_at = ClosedAt(past.as_ref().map(|(_, at)| Instant(*at)));
                Problem { closed_at: Some(closed_at), ..plain("the alert is over; nothing is left to do") }
            }
            Self::NotUnderstood(_, why) => {
                Problem { detail: Some(why), ..plain("the request cannot be read, so nothing was changed") }
            }
            Self::TooOften => plain("too many requests by links of this receiver; try again in a minute"),
            Self::NoAnswer => plain("the service did not answer, so nothing was changed; try again in a minute"),
            Self::Nothing => plain("nothing is here; use the whole link of a notice"),
        };
        (status, [(header::CONTENT_TYPE, PROBLEM)], Json(problem)).into_response()
    }
}

/// A screen reader reads each line in its own language.
fn said((language, text): (Language, String)) -> Value {
    context! { language => language.code(), text => text }
}

fn about_value(about: &About, reader: Reader<'_>, language: Language) -> Value {
    let alert = &about.alert;
    let since = values::time_beside(language, alert.since, reader.now, reader.zone);
    let age = values::duration(language, reader.now.since(alert.since));
    let venue = about.venue.as_ref().map(|(_, name)| values::name(language, name).into_owned());
    context! {
        place => venue.unwrap_or_else(|| about.brand.to_string()),
        message => alert.message.in_language(language),
        since => words::since(language, &since, &age),
        care => alert.acknowledged.as_ref().map(|said| said.in_words(language, reader.zone)),
        nobody => words::nobody(language),
    }
}

fn form(entered: &Entered, wrong: &[(Field, Wrong)], language: Language) -> Value {
    let Entered { by, reason, note, back } = entered.shown();
    let wrong = |field: Field| {
        let found = wrong.iter().find(|(of, _)| *of == field);
        found.map(|(_, wrong)| wrong.in_words(language))
    };
    let field = |field: Field, label: &str, value: String| {
        context! { name => field.name(), label => label, value => value, wrong => wrong(field) }
    };
    let option = |word: &str, label: &str| context! { word => word, label => label };
    let reasons = Reason::ALL.map(|reason| option(reason.word(), values::reason(language, reason)));
    let options: Vec<Value> = [option("", words::no_reason(language))].into_iter().chain(reasons).collect();
    context! {
        by => field(Field::By, words::your_name(language), by),
        reason => field(Field::Reason, words::reason(language), reason),
        options => options,
        note => field(Field::Note, words::note(language), note),
        back => field(Field::Back, words::back(language), back),
        back_hint => words::back_hint(language),
        most => SAID_LENGTH_MAX,
        send => letter::take_care(language),
        takes_its_place => words::takes_its_place(language),
    }
}

fn templates() -> Environment<'static> {
    forms(&[(PAGE, include_str!("../../../config/templates/ack.html"))])
}

/// Returns the headers of every answer: the page runs nothing, loads nothing, stands in no frame, and its address, by
/// which whoever has it acknowledges, is told to nobody and kept nowhere.
pub(super) fn headers() -> [(header::HeaderName, HeaderValue); 6] {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).expect("base64 and words of ours are ASCII");
    let fixed = HeaderValue::from_static;
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, fixed("no-referrer")),
        (header::CACHE_CONTROL, fixed("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::X_FRAME_OPTIONS, fixed("DENY")),
        (header::HeaderName::from_static("x-robots-tag"), fixed("noindex, nofollow")),
    ]
}
