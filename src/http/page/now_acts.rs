//! The forms of the page of the present: who takes care of an alert, and what is not to be told for a while.
//!
//! They work without a script: what is wrong is said beside its field, and what was done leads back to the page.
//! Invariant: a silence is made only after its reader saw what it hides, as it was written then.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::alerts::lifecycle::{OpenAlert, digest};
use crate::alerts::order::{Order, Reason, SAID_LENGTH_MAX};
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::alerts::words::{letter, page as page_words, values};
use crate::clock;
use crate::http::access::{Role, Visitor};
use crate::http::ack::form::{Entered, Field as CareField};
use crate::http::desk::Outcome;
use crate::http::limit::MINUTE;
use crate::http::open::{BrandNow, Seen, shows_care};
use crate::http::page::deed::{Deed, Deeds};
use crate::http::page::input::{Fields, Path};
use crate::http::page::now::{Now, covered};
use crate::http::page::{Frame, Reader, Section, html, refusal};
use crate::http::silencing::{Field, Wanted, Wrong};
use crate::http::words::{access as access_words, board as board_words, now as words};
use crate::language::Language;
use crate::rules::Subject;
use crate::units::{Timestamp, printable};

/// How long a silence lasts unless somebody writes otherwise: until the rush is over.
const USUAL: &str = "2h";
/// Open alerts of a preview that are listed.
const HIDDEN_MAX: usize = 50;

/// What an alert is about, above a form.
struct About {
    severity: &'static str,
    severity_word: &'static str,
    message: String,
    place: String,
    care: Option<String>,
    back: String,
    action: String,
}

/// A field with what is wrong with it.
struct Shown {
    value: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "now_care.html")]
struct CarePage<'a> {
    frame: Frame<'a>,
    language: Language,
    about: About,
    by: Shown,
    reason: Shown,
    note: Shown,
    expected: Shown,
}

/// A choice of what is silenced.
struct Scope {
    word: &'static str,
    covers: Criteria,
    label: String,
}

/// What a silence would hide, and by which it is made.
struct Preview {
    stamp: String,
    hides: Vec<(&'static str, &'static str, String)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "now_silence.html")]
struct SilencePage<'a> {
    frame: Frame<'a>,
    language: Language,
    about: About,
    scopes: Vec<Scope>,
    scope: Shown,
    until: Shown,
    until_back: bool,
    back: Shown,
    reason: Shown,
    by: Shown,
    preview: Option<Preview>,
}

/// Shows the form by which somebody says that he takes care.
pub(super) async fn ask_care(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Path((brand, episode)): Path<(String, String)>,
) -> Response {
    let at = clock::now();
    let Some(brand) = BrandNow::named(&now.live, &brand, at) else { return over(&reader) };
    let Some((seen, alert)) = brand.episode(&episode) else { return over(&reader) };
    if visitor.may < Role::Act {
        return not_allowed(&reader);
    }
    let entered = Entered { by: visitor.name, ..Entered::default() };
    care_page(&now, &reader, (&brand, seen, alert), &entered, &[])
}

/// Takes in who takes care.
pub(super) async fn take_care(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Path((brand, episode)): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let at = clock::now();
    let Some(brand) = BrandNow::named(&now.live, &brand, at) else { return over(&reader) };
    let Some((seen, alert)) = brand.episode(&episode) else { return over(&reader) };
    let of = |name| fields.first(name);
    let entered = Entered { by: of("by"), reason: of("reason"), note: of("note"), back: of("back") };
    let acknowledgement = match entered.check(at, &now.policy.setting.zone) {
        Ok(acknowledgement) => acknowledgement,
        Err(wrong) => return care_page(&now, &reader, (&brand, seen, alert), &entered, &wrong),
    };
    let (key, episode) = (seen.key.clone(), alert.episode.clone());
    let order = Order::Acknowledge { key: key.clone(), episode: episode.clone(), acknowledgement };
    let shows = |live: &_| shows_care(live, &key, &episode, at);
    let outcome = now.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await;
    answered(&reader, outcome, &shows_deed(&deeds, Deed::Care, &visitor))
}

fn care_page(
    now: &Now,
    reader: &Reader,
    (brand, seen, alert): (&BrandNow, &Seen, &OpenAlert),
    entered: &Entered,
    wrong: &[(CareField, crate::http::ack::form::Wrong)],
) -> Response {
    let language = reader.language;
    let Entered { by, reason, note, back } = entered.shown();
    let field = |field: CareField, value: String| {
        let found = wrong.iter().find(|(of, _)| *of == field);
        Shown { value, wrong: found.map(|(_, wrong)| wrong.in_words(language)) }
    };
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = CarePage {
        frame: reader.frame(page_words::title(language)),
        language,
        about: about(now, reader, (brand, seen, alert), "acknowledge"),
        by: field(CareField::By, by),
        reason: field(CareField::Reason, reason),
        note: field(CareField::Note, note),
        expected: field(CareField::Back, back),
    };
    html(status, &page)
}

/// What somebody writes to silence something.
struct SilenceFields {
    scope: String,
    until: String,
    until_back: bool,
    reason: String,
    by: String,
}

impl SilenceFields {
    /// Identifies what its reader saw the effect of.
    fn stamp(&self) -> String {
        let back = if self.until_back { "back" } else { "" };
        digest(&[&self.scope, &self.until, back], 8)
    }
}

/// Shows the form by which something is silenced.
pub(super) async fn ask_silence(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Path((brand, episode)): Path<(String, String)>,
) -> Response {
    let at = clock::now();
    let Some(brand) = BrandNow::named(&now.live, &brand, at) else { return over(&reader) };
    let Some((seen, alert)) = brand.episode(&episode) else { return over(&reader) };
    if visitor.may < Role::Act {
        return not_allowed(&reader);
    }
    let scopes = scopes(&brand, seen, reader.language);
    let scope = scopes.first().map(|scope| scope.word).unwrap_or_default().to_owned();
    let fields =
        SilenceFields { scope, until: USUAL.to_owned(), until_back: false, reason: String::new(), by: visitor.name };
    silence_page(&now, &reader, (&brand, seen, alert), scopes, &fields, &[], None)
}

/// Shows what a silence would hide, and makes it when that was seen.
pub(super) async fn make_silence(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Path((brand, episode)): Path<(String, String)>,
    sent: Fields,
) -> Response {
    let at = clock::now();
    let Some(brand) = BrandNow::named(&now.live, &brand, at) else { return over(&reader) };
    let Some((seen, alert)) = brand.episode(&episode) else { return over(&reader) };
    let of = |name| sent.first(name);
    let fields = SilenceFields {
        scope: of("scope"),
        until: of("until"),
        until_back: of("until_back") == "yes",
        reason: of("reason"),
        by: of("by"),
    };
    let scopes = scopes(&brand, seen, reader.language);
    let covers = scopes.iter().find(|scope| scope.word == fields.scope).map(|scope| scope.covers.clone());
    let wanted = Wanted {
        covers: covers.unwrap_or_default(),
        until: fields.until.clone(),
        until_back: fields.until_back,
        during: None,
        by: fields.by.clone(),
        reason: fields.reason.clone(),
    };
    let silence = match wanted.check(&brand.brand, &now.policy, |silence| brand.has_open_under(silence), at) {
        Ok(silence) => silence,
        Err(wrong) => return silence_page(&now, &reader, (&brand, seen, alert), scopes, &fields, &wrong, None),
    };
    let was_seen = of("seen") == fields.stamp();
    if of("do") != "save" || !was_seen {
        let preview = preview(&now, &brand, &silence, (fields.stamp(), reader.language), at);
        return silence_page(&now, &reader, (&brand, seen, alert), scopes, &fields, &[], Some(preview));
    }
    let id = silence.id.clone();
    let shows = |live: &crate::http::live::LiveBrand| live.itself().silences.contains_key(&id);
    let order = Order::Silence(silence);
    let outcome = now.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await;
    answered(&reader, outcome, &shows_deed(&deeds, Deed::Silence, &visitor))
}

/// Ends a silence.
pub(super) async fn end_silence(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Path((brand, id)): Path<(String, String)>,
) -> Response {
    let brand = BrandNow::named(&now.live, &brand, clock::now());
    let known = brand.filter(|brand| brand.silences.iter().any(|silence| silence.id.as_str() == id));
    let Some(brand) = known else {
        return refusal(&reader, StatusCode::GONE, words::no_such_silence(reader.language));
    };
    let id = SilenceId::from_stored(&id);
    let shows = |live: &crate::http::live::LiveBrand| !live.itself().silences.contains_key(&id);
    let order = Order::EndSilence(id.clone());
    let outcome = now.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await;
    answered(&reader, outcome, &shows_deed(&deeds, Deed::SilenceEnd, &visitor))
}

/// Returns what can be silenced from an alert, the narrowest first.
fn scopes(brand: &BrandNow, seen: &Seen, language: Language) -> Vec<Scope> {
    let venue = seen.key.subject.venue();
    let catalog = seen.venue.as_ref().map(|snapshot| &*snapshot.picture.catalog);
    let (product, station, category) = match &seen.key.subject {
        Subject::Item(_, id) => {
            let product = catalog.and_then(|catalog| catalog.products.get(id));
            (Some(*id), product.zip(catalog).and_then(|(product, catalog)| catalog.station_of(product)), None)
        }
        Subject::OfVenues(id) => (Some(*id), None, None),
        Subject::Station(_, id) | Subject::OfStation(_, id) => (None, Some(*id), None),
        Subject::OfCategory(_, id) => (None, None, Some(*id)),
        Subject::Brand | Subject::Venue(_) => (None, None, None),
    };
    let none = Criteria::default;
    let rule = Some(seen.key.rule.clone());
    let all = [
        ("here", product.and(venue).map(|_| Criteria { venue, product, ..none() })),
        ("category", category.map(|_| Criteria { venue, category, ..none() })),
        ("product", product.map(|_| Criteria { product, ..none() })),
        ("station", station.and(venue).map(|_| Criteria { venue, station, ..none() })),
        ("venue", venue.map(|_| Criteria { venue, ..none() })),
        ("rule", Some(Criteria { rule, ..none() })),
    ];
    let scope = |(word, covers): (&'static str, Option<Criteria>)| {
        let covers = covers?;
        Some(Scope { word, label: covered(brand, &covers, language), covers })
    };
    all.into_iter().filter_map(scope).collect()
}

fn preview(
    now: &Now,
    brand: &BrandNow,
    silence: &Silence,
    (stamp, language): (String, Language),
    at: Timestamp,
) -> Preview {
    let mut hidden = brand.hidden_by(silence, &now.policy.calendars, at);
    hidden.sort_by_key(|(_, alert)| std::cmp::Reverse((alert.severity, alert.opened_at)));
    let more = hidden.len().saturating_sub(HIDDEN_MAX);
    let line = |(seen, alert): &(&Seen, &OpenAlert)| {
        let place = values::name(language, &brand.place(seen)).into_owned();
        let text = format!("{place} · {}", alert.message.in_language(language));
        (alert.severity.word(), words::severity(language, alert.severity), text)
    };
    Preview { stamp, hides: hidden.iter().take(HIDDEN_MAX).map(line).collect(), more }
}

fn silence_page(
    now: &Now,
    reader: &Reader,
    of: (&BrandNow, &Seen, &OpenAlert),
    scopes: Vec<Scope>,
    fields: &SilenceFields,
    wrong: &[(Field, Wrong)],
    preview: Option<Preview>,
) -> Response {
    let language = reader.language;
    let field = |field: Field, value: &str| {
        let found = wrong.iter().find(|(of, _)| *of == field);
        let value = printable(value, 1_000);
        Shown { value, wrong: found.map(|(_, wrong)| in_words(*wrong, language)) }
    };
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = SilencePage {
        frame: reader.frame(words::silence(language)),
        language,
        about: about(now, reader, of, "silence"),
        scope: field(Field::Covers, &fields.scope),
        scopes,
        until: field(Field::Until, &fields.until),
        until_back: fields.until_back,
        back: field(Field::UntilBack, ""),
        reason: field(Field::Reason, &fields.reason),
        by: field(Field::By, &fields.by),
        preview,
    };
    html(status, &page)
}

fn in_words(wrong: Wrong, language: Language) -> String {
    match wrong {
        Wrong::Everything | Wrong::NoWindow => words::no_choice(language).to_owned(),
        Wrong::NothingOpen => words::nothing_to_wait_for(language).to_owned(),
        Wrong::NoName => words::no_name(language).to_owned(),
        Wrong::TooLong => page_words::too_long(language, SAID_LENGTH_MAX),
        Wrong::NoTime => words::no_end(language).to_owned(),
        Wrong::NotAhead => page_words::no_time_ahead(language).to_owned(),
    }
}

fn about(now: &Now, reader: &Reader, (brand, seen, alert): (&BrandNow, &Seen, &OpenAlert), form: &str) -> About {
    let language = reader.language;
    let episode = alert.episode.as_str();
    About {
        severity: alert.severity.word(),
        severity_word: words::severity(language, alert.severity),
        message: alert.message.in_language(language).to_owned(),
        place: values::name(language, &brand.place(seen)).into_owned(),
        care: alert.acknowledged.as_ref().map(|said| said.in_words(language, &now.policy.setting.zone)),
        back: format!("{}/now#a-{episode}", reader.base),
        action: format!("{}/now/{}/{episode}/{form}", reader.base, brand.brand),
    }
}

/// Returns where the page says what was done.
fn shows_deed(deeds: &Deeds, deed: Deed, visitor: &Visitor) -> String {
    format!("{}?done={}", Section::Now.path(), deeds.written(deed, visitor, clock::now()))
}

/// Leads to a page, or says why nothing was done.
pub(super) fn answered(reader: &Reader, outcome: Outcome, to: &str) -> Response {
    let language = reader.language;
    match outcome {
        Outcome::Done => Redirect::to(&format!("{}{to}", reader.base)).into_response(),
        Outcome::Refused(why) => refusal(reader, StatusCode::CONFLICT, &words::refused(language, &why)),
        Outcome::TooOften => for_now(refusal(reader, StatusCode::TOO_MANY_REQUESTS, page_words::too_often(language))),
        Outcome::NoAnswer => for_now(refusal(reader, StatusCode::SERVICE_UNAVAILABLE, page_words::no_answer(language))),
    }
}

fn for_now(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, MINUTE.as_secs().into());
    response
}

fn over(reader: &Reader) -> Response {
    refusal(reader, StatusCode::GONE, &page_words::over(reader.language, None))
}

fn not_allowed(reader: &Reader) -> Response {
    refusal(reader, StatusCode::FORBIDDEN, &access_words::not_allowed(reader.language, Role::Act, reader.is_signed_in))
}
