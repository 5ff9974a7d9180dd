//! `GET /api/v1/alerts`, and `POST /api/v1/alerts/{episode}/acknowledge`.
//!
//! Invariant: an alert that is not told to somebody says why.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::order::{Acknowledgement, Order, Reason};
use crate::alerts::{facts, render};
use crate::clock;
use crate::engine::Policy;
use crate::http::access::Visitor;
use crate::http::ack::form::{Entered, Field};
use crate::http::api::document::NoBrand;
use crate::http::api::input::{Body, Path};
use crate::http::api::paging::{Listed, Page, Paging};
use crate::http::api::{Api, refused, watched};
use crate::http::open::{BrandNow, HeldBy, Seen, shows_care};
use crate::http::problem::{Problem, WrongField};
use crate::language::Language;
use crate::rules::{Severity, Subject};
use crate::snapshot::Access;
use crate::units::Timestamp;

/// An alert: pending, open or clearing.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(super) struct AlertRow {
    /// The slug of its brand.
    pub(super) brand: String,
    /// The number of the venue; null when the brand itself is concerned.
    #[schema(required)]
    pub(super) venue: Option<u64>,
    /// Its name.
    #[schema(required)]
    pub(super) venue_name: Option<String>,
    /// Which rule says so.
    pub(super) rule: String,
    /// What it is about.
    pub(super) subject: SubjectRow,
    /// How much it matters.
    pub(super) severity: SeverityWord,
    /// How it stands.
    pub(super) state: StateWord,
    /// Identifies it from when it opened until it closes; null while it is pending.
    #[schema(required)]
    pub(super) episode: Option<String>,
    /// What it is about, in the fewest words.
    pub(super) about: String,
    /// The message as it was told; null while it is pending.
    #[schema(required)]
    pub(super) message: Option<String>,
    /// Since when it is so.
    #[schema(format = DateTime)]
    pub(super) since: String,
    /// When it opened; null while it is pending.
    #[schema(required, format = DateTime)]
    pub(super) opened_at: Option<String>,
    /// Whether it already held in the first reading of its venue.
    pub(super) baseline: bool,
    /// Whether it goes on and off.
    pub(super) unstable: bool,
    /// Who takes care of it.
    #[schema(required)]
    pub(super) ack: Option<Care>,
    /// Receivers that were told, or whose mail is about to go out.
    pub(super) told: Vec<String>,
    /// Receivers that are not told for now, and why.
    pub(super) held: Vec<HeldRow>,
    /// The silences that hide it now.
    pub(super) silences: Vec<String>,
}

/// What an alert is about: an item, a station, a venue, the brand, or items together.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Subject)]
pub(super) struct SubjectRow {
    /// `item`, `station`, `venue`, `brand`; together: `category`, `items_of_station`, `venues`.
    #[schema(example = "item")]
    pub(super) kind: &'static str,
    /// The product.
    #[schema(required)]
    pub(super) product: Option<u64>,
    /// The station.
    #[schema(required)]
    pub(super) station: Option<u64>,
    /// The category.
    #[schema(required)]
    pub(super) category: Option<u64>,
}

/// How much an alert matters.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Severity)]
pub(super) enum SeverityWord {
    /// Good to know.
    Info,
    /// Soon a trouble.
    Warning,
    /// A trouble now.
    Critical,
}

/// How an alert stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertState)]
pub(super) enum StateWord {
    /// It holds, but not yet for long enough.
    Pending,
    /// It is open.
    Open,
    /// It is open, no longer holds, and is about to close.
    Clearing,
}

/// What somebody said who takes care.
#[derive(Serialize, ToSchema)]
pub(super) struct Care {
    /// Who.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why it is so.
    #[schema(required, example = "supplier")]
    reason: Option<&'static str>,
    /// More about it.
    note: String,
    /// When it is expected back.
    #[schema(required, format = DateTime)]
    back: Option<String>,
}

impl Care {
    /// Takes it as it was said.
    pub(super) fn of(said: &Acknowledgement) -> Self {
        let Acknowledgement { by, at, reason, note, back_at } = said;
        let back = back_at.map(|at| at.to_string());
        Self { by: by.clone(), at: at.to_string(), reason: reason.map(Reason::word), note: note.clone(), back }
    }
}

/// Why a receiver is not told for now: a silence, or another alert that explains it.
#[derive(Serialize, ToSchema)]
#[schema(as = Held)]
pub(super) struct HeldRow {
    /// The receiver.
    receiver: String,
    /// The silence.
    #[schema(required)]
    silence: Option<String>,
    /// The rule of the alert that explains it.
    #[schema(required)]
    cause_rule: Option<String>,
    /// The episode of that alert.
    #[schema(required)]
    cause_episode: Option<String>,
}

/// Which alerts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this brand.
    brand: Option<String>,
    /// Only those of the venue of this id.
    venue: Option<u64>,
    /// Only those that stand so.
    #[param(inline)]
    state: Option<StateWord>,
    /// Only those that matter so much.
    #[param(inline)]
    severity: Option<SeverityWord>,
}

/// Lists the alerts
///
/// Those that are pending, open or clearing: who was told of each, who was not, and why not.
#[utoipa::path(
    get, path = "/alerts", tag = "alerts", operation_id = "list_alerts", params(Asked, Paging),
    responses((status = 200, description = "the alerts, by brand, venue and rule", body = Page<AlertRow>, example = json!({
        "items": [{
            "brand": "sahil", "venue": 1, "venue_name": "Sahil", "rule": "sold-out",
            "subject": { "kind": "item", "product": 101, "station": null, "category": null },
            "severity": "critical", "state": "open", "episode": "1f3a5c7e90b2d4f6", "about": "Lülə kabab",
            "message": "Lülə kabab is out at Kitchen", "since": "2026-11-21T00:41:21.183Z",
            "opened_at": "2026-11-21T00:41:42.000Z", "baseline": false, "unstable": false, "ack": null,
            "told": ["kitchen"],
            "held": [{ "receiver": "managers", "silence": "7f21c0aa", "cause_rule": null, "cause_episode": null }],
            "silences": ["7f21c0aa"],
        }],
        "next_cursor": null,
    })), NoBrand)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(asked, paging): Listed<Asked>,
) -> Result<Json<Page<AlertRow>>, Problem> {
    let Asked { brand, venue, state, severity } = asked;
    watched(&api.live, brand.as_deref())?;
    let part = paging.of("alerts")?;
    let now = clock::now();
    let brands = BrandNow::all(&api.live, now);
    let brands = brands.iter().filter(|of| brand.as_ref().is_none_or(|brand| brand == of.brand.as_str()));
    let rows = brands.flat_map(|of| of.alerts.iter().filter_map(|seen| row(of, seen, &api.policy, now)));
    let is_wanted = |row: &AlertRow| {
        venue.is_none_or(|venue| row.venue == Some(venue))
            && state.is_none_or(|state| state == row.state)
            && severity.is_none_or(|severity| severity == row.severity)
    };
    let key = |row: &AlertRow| {
        let SubjectRow { kind, product, station, category } = row.subject.clone();
        (row.brand.clone(), venue, row.rule.clone(), kind.to_owned(), product.or(station).or(category))
    };
    Ok(Json(part.cut(rows.filter(is_wanted), key)))
}

/// Who takes care, and what he says of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgeBody {
    /// Who, at most 200 characters; the name of the token, or of the proxy's user, when nobody says.
    #[schema(nullable = false)]
    by: Option<String>,
    /// `ingredient`, `supplier`, `equipment`, `preparation`, `quality`, `season` or `other`.
    #[serde(default)]
    reason: String,
    /// More about it, at most 200 characters.
    #[serde(default)]
    note: String,
    /// When it is expected back: RFC 3339, `19:30` in the zone of the configuration, or `2h`.
    #[serde(default)]
    back: String,
}

/// Says that somebody takes care
///
/// Reminders and escalation of the alert stop, until `back` when that is given. What was said before is replaced.
#[utoipa::path(
    post, path = "/alerts/{episode}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert",
    params(("episode" = String, Path, description = "the episode of an open alert")),
    request_body(content = AcknowledgeBody, example = json!({ "by": "Anar", "reason": "supplier", "note": "no van", "back": "19:30" })),
    responses(
        (status = 200, description = "it is noted; the alert as it is now", body = AlertRow, example = json!({
            "brand": "sahil", "venue": 1, "venue_name": "Sahil", "rule": "sold-out",
            "subject": { "kind": "item", "product": 101, "station": null, "category": null },
            "severity": "critical", "state": "open", "episode": "1f3a5c7e90b2d4f6", "about": "Lülə kabab",
            "message": "Lülə kabab is out at Kitchen", "since": "2026-11-21T00:41:21.183Z",
            "opened_at": "2026-11-21T00:41:42.000Z", "baseline": false, "unstable": false,
            "ack": { "by": "Anar", "at": "2026-11-21T00:43:00.000Z", "reason": "supplier", "note": "no van", "back": "2026-11-21T15:30:00.000Z" },
            "told": ["kitchen"], "held": [], "silences": [],
        })),
        (status = 404, description = "no alert of this episode is open", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "no alert of this episode is open", "status": 404, "detail": "it may be over; GET /api/v1/alerts lists those that are open",
        })),
        (status = 409, description = "the service refused it, such as for an alert that closed meanwhile", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service refused it", "status": 409, "detail": "the alert is over",
        })),
        (status = 422, description = "some fields must be changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "some fields must be changed", "status": 422,
            "errors": [{ "pointer": "#/back", "detail": "Write a time such as 19:30, or nothing" }],
        })),
        (status = 503, description = "the service did not answer, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer, so nothing was changed", "status": 503, "detail": "try again in a minute",
        })),
    )
)]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(episode): Path<String>,
    Body(body): Body<AcknowledgeBody>,
) -> Result<Json<AlertRow>, Problem> {
    let now = clock::now();
    let brands = BrandNow::all(&api.live, now);
    let found = brands.iter().find_map(|brand| brand.episode(&episode).map(|(seen, open)| (brand, seen, open)));
    let (brand, seen, open) = found.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no alert of this episode is open");
        problem.with_detail("it may be over; GET /api/v1/alerts lists those that are open")
    })?;
    let AcknowledgeBody { by, reason, note, back } = body;
    let entered = Entered { by: by.unwrap_or_else(|| visitor.name.clone()), reason, note, back };
    let said = entered.check(now, &api.policy.setting.zone).map_err(|wrong| {
        let wrong = wrong.iter().map(|(field, wrong): &(Field, _)| (field.name(), wrong.in_words(Language::En)));
        wrong_fields(wrong)
    })?;
    let (key, id) = (seen.key.clone(), open.episode.clone());
    let order = Order::Acknowledge { key: key.clone(), episode: id.clone(), acknowledgement: said.clone() };
    let shows = |live: &_| shows_care(live, &key, &id, now);
    refused(api.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await)?;
    let after = BrandNow::of(&brand.brand, &brand.live, clock::now());
    let seen = after.alerts.iter().find(|of| of.open().is_some_and(|open| open.episode == id)).unwrap_or(seen);
    let row = row(&after, seen, &api.policy, now).map(|row| AlertRow { ack: Some(Care::of(&said)), ..row });
    row.map(Json).ok_or_else(|| Problem::new(StatusCode::CONFLICT, "the service refused it"))
}

/// Says what is wrong with each field of a body.
pub(super) fn wrong_fields(wrong: impl Iterator<Item = (&'static str, String)>) -> Problem {
    let error = |(field, detail): (&str, String)| WrongField {
        pointer: format!("#/{field}"),
        detail: detail.trim_end_matches('.').to_owned(),
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "some fields must be changed");
    problem.with_errors(wrong.map(error).collect())
}

/// Shows an alert; `None` for one whose rule was taken away before it opened.
pub(super) fn row(brand: &BrandNow, seen: &Seen, policy: &Policy, now: Timestamp) -> Option<AlertRow> {
    let (key, snapshot) = (&seen.key, seen.venue.as_deref());
    let silences = brand.silences_over(seen, &policy.calendars, now);
    let (since, baseline) = match &seen.alert {
        Alert::Pending { since, baseline, turns: _ } => (*since, *baseline),
        Alert::Open(open) => (open.since, open.baseline),
        Alert::Rested(_) => return None,
    };
    let open = seen.open();
    let severity = match open {
        Some(open) => open.severity,
        None => policy.rules.get(&key.rule)?.severity,
    };
    let label = || {
        let facts = facts::of_subject(&brand.brand, &Access::Untried, snapshot, &key.subject, now);
        render::label(&facts)
    };
    let language = policy.setting.language;
    Some(AlertRow {
        brand: brand.brand.to_string(),
        venue: snapshot.map(|snapshot| snapshot.id().0),
        venue_name: snapshot.map(facts::venue_name),
        rule: key.rule.to_string(),
        subject: subject(&key.subject),
        severity: match severity {
            Severity::Info => SeverityWord::Info,
            Severity::Warning => SeverityWord::Warning,
            Severity::Critical => SeverityWord::Critical,
        },
        state: match open {
            None => StateWord::Pending,
            Some(open) if open.clear_since.is_some() => StateWord::Clearing,
            Some(_) => StateWord::Open,
        },
        episode: open.map(|open| open.episode.as_str().to_owned()),
        about: open.map_or_else(label, |open| open.label.clone()),
        message: open.map(|open| open.message.in_language(language).to_owned()),
        since: since.to_string(),
        opened_at: open.map(|open| open.opened_at.to_string()),
        baseline,
        unstable: open.is_some_and(|open| open.unstable_since.is_some()),
        ack: open.and_then(|open| open.acknowledged.as_ref()).map(Care::of),
        told: open.map(|open| open.told.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        held: open.map(|open| held(brand, open)).unwrap_or_default(),
        silences: silences.iter().map(|silence| silence.id.to_string()).collect(),
    })
}

fn held(brand: &BrandNow, open: &OpenAlert) -> Vec<HeldRow> {
    let row = |(receiver, hold): (&_, &_)| {
        let receiver = ToString::to_string(receiver);
        let none = HeldRow { receiver, silence: None, cause_rule: None, cause_episode: None };
        match brand.reason_of(hold) {
            HeldBy::Silence(id) => HeldRow { silence: Some(id.to_string()), ..none },
            HeldBy::Cause(rule, open) => HeldRow {
                cause_rule: Some(rule.to_string()),
                cause_episode: open.map(|open| open.episode.as_str().to_owned()),
                ..none
            },
        }
    };
    open.held.iter().map(row).collect()
}

fn subject(subject: &Subject) -> SubjectRow {
    let of = |kind| SubjectRow { kind, product: None, station: None, category: None };
    match subject {
        Subject::Brand => of("brand"),
        Subject::Venue(_) => of("venue"),
        Subject::Station(_, id) => SubjectRow { station: Some(id.0), ..of("station") },
        Subject::Item(_, id) => SubjectRow { product: Some(id.0), ..of("item") },
        Subject::OfCategory(_, id) => SubjectRow { category: Some(id.0), ..of("category") },
        Subject::OfStation(_, id) => SubjectRow { station: Some(id.0), ..of("items_of_station") },
        Subject::OfVenues(id) => SubjectRow { product: Some(id.0), ..of("venues") },
    }
}
