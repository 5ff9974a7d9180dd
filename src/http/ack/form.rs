//! What somebody sends to say that he takes care: read from a form or from JSON, and checked field by field.
//!
//! Knows no alert. Invariant: what is taken is short, printable and names somebody; what is not taken is kept as it was
//! entered, so that nobody writes it twice.

use axum::Form;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::{HeaderMap, StatusCode, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::alerts::order::{Acknowledgement, Reason, SAID_LENGTH_MAX, said};
use crate::alerts::when;
use crate::alerts::words::page as words;
use crate::language::Language;
use crate::schema::one_of;
use crate::units::{Timestamp, Zone, printable};

/// Characters of a field that are shown again; more of it is nothing that a person wrote.
const SHOWN_LENGTH_MAX: usize = 1_000;
/// Characters of what a parser says of a body.
const WHY_LENGTH_MAX: usize = 200;

/// What programs send.
const SUCH_AS: &str = r#"write JSON such as {"by": "Anar", "reason": "supplier", "note": "no van", "back": "19:30"}, as application/json"#;

/// What somebody sends to say that he takes care of an alert. Empty texts say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AckRequest")]
pub(in crate::http) struct Entered {
    /// Who takes care, up to 200 characters.
    pub(in crate::http) by: String,
    /// Why it is so.
    #[serde(default)]
    #[schemars(schema_with = "reasons")]
    pub(in crate::http) reason: String,
    /// More about it, up to 200 characters.
    #[serde(default)]
    pub(in crate::http) note: String,
    /// When it is expected back: a time such as `2026-12-01T19:30:00+04:00`, or as people write it in the zone of the
    /// configuration: `19:30`, `2026-12-01 12:00`, `2h`.
    #[serde(default)]
    pub(in crate::http) back: String,
}

fn reasons(_: &mut SchemaGenerator) -> Schema {
    one_of([""].into_iter().chain(Reason::ALL.map(Reason::word)))
}

/// A body that cannot be read.
#[derive(Debug)]
pub(in crate::http) struct Unreadable {
    /// What it is answered with.
    pub(in crate::http) status: StatusCode,
    /// What is wrong with it, for programs.
    pub(in crate::http) why: String,
}

/// A field, by its name in the form and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Field {
    By,
    Reason,
    Note,
    Back,
}

impl Field {
    pub(in crate::http) const ALL: [Self; 4] = [Self::By, Self::Reason, Self::Note, Self::Back];

    pub(in crate::http) const fn name(self) -> &'static str {
        match self {
            Self::By => "by",
            Self::Reason => "reason",
            Self::Note => "note",
            Self::Back => "back",
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Wrong {
    Missing,
    TooLong,
    UnknownReason,
    NoTime,
    NotAhead,
}

impl Wrong {
    /// Says what to enter instead.
    pub(in crate::http) fn in_words(self, language: Language) -> String {
        match self {
            Self::Missing => words::name_missing(language).to_owned(),
            Self::TooLong => words::too_long(language, SAID_LENGTH_MAX),
            Self::UnknownReason => words::unknown_reason(language, &Reason::ALL.map(Reason::word).join(", ")),
            Self::NoTime => words::no_time(language).to_owned(),
            Self::NotAhead => words::no_time_ahead(language).to_owned(),
        }
    }
}

/// Says whether a request sends JSON.
pub(in crate::http) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Reads the body of a request, which is a form unless it says that it is JSON.
pub(in crate::http) async fn read(request: Request) -> Result<Entered, Unreadable> {
    if is_json(request.headers()) {
        let bytes = Bytes::from_request(request, &()).await.map_err(|error| unreadable(error.status()))?;
        return serde_json::from_slice(&bytes).map_err(|error| {
            let why = printable(&error.to_string(), WHY_LENGTH_MAX);
            Unreadable { status: StatusCode::BAD_REQUEST, why: format!("{why}; {SUCH_AS}") }
        });
    }
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    form.map(|Form(fields)| of_fields(&fields)).map_err(|error| unreadable(error.status()))
}

/// Says what to send instead of a body that did not come as far as its fields.
fn unreadable(status: StatusCode) -> Unreadable {
    let why = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => format!("the body is neither JSON nor a form; {SUCH_AS}"),
        StatusCode::PAYLOAD_TOO_LARGE => format!("the body is larger than a form may be; {SUCH_AS}"),
        _ => "the body did not arrive whole; try again".to_owned(),
    };
    Unreadable { status, why }
}

/// Takes the first of each field; a browser may send others with them.
fn of_fields(fields: &[(String, String)]) -> Entered {
    let first = |field: Field| {
        let found = fields.iter().find(|(name, _)| name == field.name());
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    Entered { by: first(Field::By), reason: first(Field::Reason), note: first(Field::Note), back: first(Field::Back) }
}

impl Entered {
    /// Returns what was entered, as far as it is shown again.
    pub(in crate::http) fn shown(&self) -> Self {
        let cut = |text: &str| printable(text, SHOWN_LENGTH_MAX);
        Self { by: cut(&self.by), reason: cut(&self.reason), note: cut(&self.note), back: cut(&self.back) }
    }

    /// Takes what was entered, or says what is wrong with each field.
    pub(in crate::http) fn check(&self, now: Timestamp, zone: &Zone) -> Result<Acknowledgement, Vec<(Field, Wrong)>> {
        let mut wrong = Vec::new();
        let mut fits = |field: Field, text: &str| {
            if text.trim().chars().count() > SAID_LENGTH_MAX {
                wrong.push((field, Wrong::TooLong));
            }
        };
        fits(Field::By, &self.by);
        fits(Field::Note, &self.note);
        let by = said(&self.by);
        // What is left of control characters is no name.
        if by.trim().is_empty() {
            wrong.push((Field::By, Wrong::Missing));
        }
        let reason = match self.reason.trim() {
            "" => None,
            word => {
                let reason = Reason::of_word(word);
                wrong.extend(reason.is_none().then_some((Field::Reason, Wrong::UnknownReason)));
                reason
            }
        };
        let back_at = match back_at(&self.back, now, zone) {
            Ok(back_at) => back_at,
            Err(why) => {
                wrong.push((Field::Back, why));
                None
            }
        };
        if wrong.is_empty() {
            Ok(Acknowledgement { by, at: now, reason, note: said(&self.note), back_at })
        } else {
            Err(wrong)
        }
    }
}

/// Reads when something is expected back: as people write times, or as programs do.
fn back_at(text: &str, now: Timestamp, zone: &Zone) -> Result<Option<Timestamp>, Wrong> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let at = text.parse().or_else(|_| when::parse(text, now, zone)).map_err(|_| Wrong::NoTime)?;
    let is_ahead = at > now && at.since(now) <= when::LONGEST;
    if is_ahead { Ok(Some(at)) } else { Err(Wrong::NotAhead) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(by: &str, reason: &str, note: &str, back: &str) -> Entered {
        let [by, reason, note, back] = [by, reason, note, back].map(str::to_owned);
        Entered { by, reason, note, back }
    }

    #[test]
    fn each_field_is_checked_and_said_what_to_enter_instead() {
        let zone = Zone::named("Asia/Baku").expect("bundled");
        let now: Timestamp = "2026-05-08T14:00:00Z".parse().expect("an instant");
        let (fits, long) = ("ə".repeat(SAID_LENGTH_MAX), "ə".repeat(SAID_LENGTH_MAX + 1));
        for (given, expected) in [
            (entered("Anar", "", "", ""), Ok((None, "", None))),
            (
                entered(" Anar\t", "supplier", " no van\n", "19:30"),
                Ok((Some(Reason::Supplier), "no van", Some("15:30"))),
            ),
            // It is 18:00 in Baku.
            (entered("Anar", "", "", "17:59"), Ok((None, "", Some("13:59")))),
            (entered("Anar", "", "", "2h"), Ok((None, "", Some("16:00")))),
            (entered("Anar", "", "", "2026-05-08T19:30:00+04:00"), Ok((None, "", Some("15:30")))),
            (entered("Anar", "", &fits, ""), Ok((None, &fits, None))),
            (entered("", "", "", ""), Err(vec![(Field::By, Wrong::Missing)])),
            (entered(" \t\u{202e} ", "", "", ""), Err(vec![(Field::By, Wrong::Missing)])),
            (entered(&long, "", &long, ""), Err(vec![(Field::By, Wrong::TooLong), (Field::Note, Wrong::TooLong)])),
            (entered("Anar", "Supplier", "", ""), Err(vec![(Field::Reason, Wrong::UnknownReason)])),
            (entered("Anar", "", "", "soon"), Err(vec![(Field::Back, Wrong::NoTime)])),
            (entered("Anar", "", "", "2026-05-08T14:00:00Z"), Err(vec![(Field::Back, Wrong::NotAhead)])),
            (entered("Anar", "", "", "2026-05-08 17:00"), Err(vec![(Field::Back, Wrong::NotAhead)])),
            (entered("Anar", "", "", "9000d"), Err(vec![(Field::Back, Wrong::NotAhead)])),
        ] {
            let taken = given.check(now, &zone);
            let back =
                |said: &Acknowledgement| said.back_at.map(|at| at.in_zone(&Zone::utc()).strftime("%H:%M").to_string());
            let taken = taken.as_ref().map(|said| (said.reason, said.note.as_str(), back(said)));
            let expected = expected.as_ref().map(|(reason, note, back)| (*reason, *note, back.map(str::to_owned)));
            assert_eq!(taken, expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_shown_again_is_printable_and_short() {
        let shown = entered("A\u{202e}\r\n", "", &"x".repeat(5_000), "").shown();
        assert_eq!((shown.by.as_str(), shown.note.chars().count()), ("A   ", SHOWN_LENGTH_MAX));
    }

    #[test]
    fn of_a_field_that_comes_twice_the_first_counts() {
        let fields = [("by", "Anar"), ("csrf", "x"), ("by", "Leyla")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(of_fields(&fields), entered("Anar", "", "", ""));
    }
}
