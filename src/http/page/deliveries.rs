//! The page of deliveries: what waits, was delivered or given up, and the button that sends what was given up again.
//!
//! Who may only read sees no button. Invariant: nothing is sent again that nobody chose; a form without a choice is none.

use askama::Template;
use axum::extract::State as Of;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::alerts::notice::ReceiverName;
use crate::alerts::words::values;
use crate::clock;
use crate::http::access::{Role, Visitor};
use crate::http::api::Api;
use crate::http::desk::NoLook;
use crate::http::page::deed::{Deed, Deeds};
use crate::http::page::input::{Fields, Query};
use crate::http::page::now_acts::answered;
use crate::http::page::{Frame, Reader, Section, html, refusal};
use crate::http::view::deliveries::{self as view, Chosen, Delivery, Depth, WayOut};
use crate::http::words::{deliveries as words, manager};
use crate::language::Language;
use crate::store::{OutboxState, StoreError};
use crate::units::{Timestamp, Zone};

/// Deliveries of a page.
const LISTED_MAX: usize = 50;

/// Makes the routes.
pub(super) fn router() -> Router<Api> {
    Router::new().route(Section::Deliveries.path(), get(show)).route("/deliveries/resend", post(resend))
}

#[derive(serde::Deserialize)]
struct Asked {
    state: Option<String>,
    receiver: Option<String>,
    before: Option<i64>,
    /// What was done just now.
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    zone: &'a Zone,
    now: Timestamp,
    done: Option<String>,
    depth: Depth,
    ways: Vec<WayOut>,
    receivers: Vec<String>,
    receiver: String,
    state: OutboxState,
    list: Vec<Delivery>,
    older: Option<i64>,
    can_resend: bool,
}

async fn show(
    Of(api): Of<Api>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Query(asked): Query<Asked>,
) -> Response {
    let done = asked.done.as_deref().and_then(|written| deeds.read(written, &visitor, clock::now()));
    let page = api.desk.look(page(&api, &reader, &visitor, asked, done)).await;
    page.unwrap_or_else(|NoLook| unreadable(&reader))
}

async fn page(
    api: &Api,
    reader: &Reader,
    visitor: &Visitor,
    asked: Asked,
    done: Option<Deed>,
) -> Result<Response, StoreError> {
    let (language, desk, policy) = (reader.language, &api.desk, api.policy.as_ref());
    let Asked { state, receiver, before, done: _ } = asked;
    let done = match done {
        Some(Deed::Resent(count)) => Some(words::resent(language, count)),
        Some(Deed::Care | Deed::Silence | Deed::SilenceEnd) | None => None,
    };
    let state = state.as_deref().and_then(OutboxState::of_word).unwrap_or_default();
    let receiver = receiver.unwrap_or_default();
    let (depth, ways) = (view::depth(desk).await?, view::ways(desk, policy).await?);
    let of = (!receiver.is_empty()).then(|| ReceiverName::new(&receiver));
    let mut list = view::list(desk, policy, (state, of.as_ref()), before, LISTED_MAX).await?;
    let has_more = list.len() > LISTED_MAX;
    list.truncate(LISTED_MAX);
    let configured = policy.routes.keys().chain(policy.feeds.iter().map(|(feed, _)| feed));
    let mut receivers: Vec<String> = configured.map(ToString::to_string).collect();
    receivers.extend(ways.iter().map(|way| way.receiver.clone()));
    receivers.sort();
    receivers.dedup();
    let page = Page {
        frame: reader.frame(manager::section(language, Section::Deliveries)),
        language,
        labels: words::labels(language),
        zone: &policy.setting.zone,
        now: clock::now(),
        done,
        older: list.last().filter(|_| has_more).map(|last| last.id),
        can_resend: state == OutboxState::Dead && visitor.may >= Role::Act,
        depth,
        ways,
        receivers,
        receiver,
        state,
        list,
    };
    Ok(html(StatusCode::OK, &page))
}

/// Sends what was chosen again, and shows that it waits.
async fn resend(
    Of(api): Of<Api>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Fields(fields): Fields,
) -> Response {
    let rows: Vec<i64> =
        fields.iter().filter(|(name, _)| name == "row").filter_map(|(_, row)| row.parse().ok()).collect();
    let is_all = fields.iter().any(|(name, value)| name == "all" && value == "yes");
    let chosen = if is_all { Chosen::All } else { Chosen::Rows(&rows) };
    let now = clock::now();
    match view::resend(&api.desk, &visitor, &api.policy, chosen, now).await {
        Ok(done) => {
            let state = if done.resent > 0 { OutboxState::Waiting } else { OutboxState::Dead };
            let done = deeds.written(Deed::Resent(done.resent), &visitor, now);
            let path = Section::Deliveries.path();
            Redirect::to(&format!("{}{path}?state={}&done={done}", reader.base, state.word())).into_response()
        }
        Err(outcome) => answered(&reader, outcome, Section::Deliveries.path()),
    }
}

fn unreadable(reader: &Reader) -> Response {
    refusal(reader, StatusCode::SERVICE_UNAVAILABLE, words::labels(reader.language).unreadable)
}

impl Page<'_> {
    fn states(&self) -> [(OutboxState, u64); 4] {
        let Depth { waiting, dead, delivered, expired } = self.depth;
        [
            (OutboxState::Waiting, waiting),
            (OutboxState::Dead, dead),
            (OutboxState::Delivered, delivered),
            (OutboxState::Expired, expired),
        ]
    }

    fn at(&self, at: &str) -> String {
        let Ok(at) = at.parse::<Timestamp>() else { return at.to_owned() };
        let local = at.in_zone(self.zone);
        if local.date() == self.now.in_zone(self.zone).date() {
            return local.strftime("%H:%M:%S").to_string();
        }
        values::day_and_time(self.language, at, self.zone)
    }
}
