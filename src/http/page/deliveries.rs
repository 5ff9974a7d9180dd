//! The page of deliveries: what waits, was delivered or given up, and the button that sends what was given up again.
//!
//! Who may only read sees no button. Invariant: nothing is sent again that nobody chose; a form without a choice is none.

use askama::Template;
use axum::extract::{Form, Query, State as Of};
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
use crate::http::page::now_acts::answered;
use crate::http::page::{Frame, Reader, Section, html, message};
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
    /// How many were sent again just now.
    resent: Option<usize>,
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
    Query(asked): Query<Asked>,
) -> Response {
    let page = api.desk.look(page(&api, &reader, &visitor, asked)).await;
    page.unwrap_or_else(|NoLook| unreadable(&reader))
}

async fn page(api: &Api, reader: &Reader, visitor: &Visitor, asked: Asked) -> Result<Response, StoreError> {
    let (language, desk, policy) = (reader.language, &api.desk, api.policy.as_ref());
    let Asked { state, receiver, before, resent } = asked;
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
        frame: reader.frame(manager::section(language, Section::Deliveries)).at(Section::Deliveries),
        language,
        labels: words::labels(language),
        zone: &policy.setting.zone,
        now: clock::now(),
        done: resent.map(|count| words::resent(language, count)),
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
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let rows: Vec<i64> =
        fields.iter().filter(|(name, _)| name == "row").filter_map(|(_, row)| row.parse().ok()).collect();
    let is_all = fields.iter().any(|(name, value)| name == "all" && value == "yes");
    let chosen = if is_all { Chosen::All } else { Chosen::Rows(&rows) };
    match view::resend(&api.desk, &visitor, &api.policy, chosen, clock::now()).await {
        Ok(done) => {
            let state = if done.resent > 0 { OutboxState::Waiting } else { OutboxState::Dead };
            let to =
                format!("{}{}?state={}&resent={}", reader.base, Section::Deliveries.path(), state.word(), done.resent);
            Redirect::to(&to).into_response()
        }
        Err(outcome) => answered(&reader, outcome, ""),
    }
}

fn unreadable(reader: &Reader) -> Response {
    message(reader, StatusCode::SERVICE_UNAVAILABLE, words::labels(reader.language).unreadable)
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
