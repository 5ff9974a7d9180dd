//! `GET /api/v1/deliveries` and `/dead-letters`, and sending dead letters again.
//!
//! Invariant: what is sent again is named; no body means nothing, and never all.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::alerts::notice::ReceiverName;
use crate::clock;
use crate::http::access::Visitor;
use crate::http::api::document::Unread;
use crate::http::api::history::unread;
use crate::http::api::input::{Body, Path};
use crate::http::api::paging::{Listed, Page, Paging, Part, Whole};
use crate::http::api::{Api, refused};
use crate::http::desk::NoLook;
use crate::http::problem::Problem;
use crate::http::view::deliveries::{self as view, Chosen, Delivery, Resent, WayOut};
use crate::store::OutboxState;

/// Numbers that a body may name.
const ROWS_MAX: usize = 1_000;

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// `waiting` (when nobody says), `dead`, `delivered` or `expired`.
    state: Option<String>,
    /// Of one receiver alone.
    receiver: Option<String>,
}

/// Which dead letters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AskedDead {
    /// Of one receiver alone.
    receiver: Option<String>,
}

/// Which dead letters are sent again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResendBody)]
pub(super) struct Wanted {
    /// Those of these numbers, at most 1,000.
    #[serde(default)]
    #[schema(max_items = 1000)]
    ids: Vec<i64>,
    /// All that there are, whatever their numbers.
    #[serde(default)]
    all: bool,
}

/// Lists deliveries
///
/// What waits, was delivered in the last week, was given up, or was over before it could be told; the newest first.
#[utoipa::path(
    get, path = "/deliveries", tag = "deliveries", operation_id = "list_deliveries", params(Asked, Paging),
    responses((status = 200, description = "the deliveries, the newest first", body = Page<Delivery>, example = json!({
        "items": [{
            "id": 812, "notice": "8f14e45fceea167a5a36dedd4bea2543", "receiver": "ops", "channel": "webhook", "configured": true,
            "summary": "sold-out: Plov is out", "at": "2026-11-21T00:41:23.482Z", "state": "waiting", "attempts": 2,
            "next_attempt_at": "2026-11-21T00:42:10.1Z", "ended_at": null, "why": "HTTP 503", "passed_to": null,
        }],
        "next_cursor": null,
    })), Unread)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Asked { state, receiver }, paging): Listed<Asked>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let state = match state.as_deref().map(OutboxState::of_word) {
        None => OutboxState::default(),
        Some(Some(state)) => state,
        Some(None) => {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read");
            return Err(problem.with_detail("state is waiting, dead, delivered or expired"));
        }
    };
    page(&api, state, receiver.as_deref(), paging.of("deliveries")?).await
}

/// Lists dead letters
///
/// What was given up within the last 30 days and not sent again, the newest first.
#[utoipa::path(
    get, path = "/dead-letters", tag = "deliveries", operation_id = "list_dead_letters", params(AskedDead, Paging),
    responses((status = 200, description = "the dead letters, the newest first", body = Page<Delivery>, example = json!({
        "items": [{
            "id": 812, "notice": "8f14e45fceea167a5a36dedd4bea2543", "receiver": "ops", "channel": "webhook", "configured": true,
            "summary": "sold-out: Plov is out", "at": "2026-11-21T00:41:23.482Z", "state": "dead", "attempts": 1,
            "next_attempt_at": null, "ended_at": "2026-11-21T00:41:24.1Z", "why": "HTTP 400", "passed_to": null,
        }],
        "next_cursor": null,
    })), Unread)
)]
pub(super) async fn dead(
    State(api): State<Api>,
    Listed(AskedDead { receiver }, paging): Listed<AskedDead>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let part = paging.of("dead_letters")?;
    page(&api, OutboxState::Dead, receiver.as_deref(), part).await
}

async fn page(
    api: &Api,
    state: OutboxState,
    receiver: Option<&str>,
    part: Part<i64>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let receiver = receiver.map(ReceiverName::new);
    let list = view::list(&api.desk, &api.policy, (state, receiver.as_ref()), part.after, part.limit);
    let mut list = api.desk.look(list).await.map_err(|NoLook| unread())?;
    let is_last = list.len() <= part.limit;
    list.truncate(part.limit);
    Ok(Json(part.page(list.into_iter().map(|one| (one.id, one)).collect(), is_last)))
}

/// Lists who waits for news
///
/// How much waits and how much was given up, by receiver and channel.
#[utoipa::path(
    get, path = "/deliveries/by-receiver", tag = "deliveries", operation_id = "list_ways_out", params(Paging),
    responses((status = 200, description = "receivers and channels, in the order of their names", body = Page<WayOut>, example = json!({
        "items": [{
            "receiver": "ops", "channel": "webhook", "configured": true, "waiting": 1,
            "waiting_since": "2026-11-21T00:41:23.482Z", "dead": 2,
        }],
        "next_cursor": null,
    })), Unread)
)]
pub(super) async fn ways(
    State(api): State<Api>,
    Listed(Whole {}, paging): Listed<Whole>,
) -> Result<Json<Page<WayOut>>, Problem> {
    let part = paging.of("ways_out")?;
    let ways = api.desk.look(view::ways(&api.desk, &api.policy)).await.map_err(|NoLook| unread())?;
    Ok(Json(part.cut(ways, |way| (way.receiver.clone(), way.channel.clone()))))
}

/// Sends a dead letter again
///
/// Under the same id, with new patience.
#[utoipa::path(
    post, path = "/dead-letters/{id}/resend", tag = "deliveries", operation_id = "resend_dead_letter",
    params(("id" = i64, Path, description = "the number of the dead letter")),
    responses(
        (status = 200, description = "it waits again", body = Resent, example = json!({ "resent": 1, "not_configured": 0 })),
        (status = 404, description = "there is no such dead letter", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "there is no such dead letter", "status": 404, "detail": "/api/v1/dead-letters lists those that there are",
        })),
        (status = 503, description = "the service did not answer, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer, so nothing was changed", "status": 503, "detail": "try again in a minute",
        })),
    )
)]
pub(super) async fn resend(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<i64>,
) -> Result<Json<Resent>, Problem> {
    let done = sent_again(&api, &visitor, Chosen::Rows(&[id])).await?;
    if done.resent == 0 {
        let problem = Problem::new(StatusCode::NOT_FOUND, "there is no such dead letter");
        return Err(problem.with_detail("/api/v1/dead-letters lists those that there are"));
    }
    Ok(Json(done))
}

/// Sends dead letters again
///
/// Those that are named, or all. Numbers that are of no dead letter any more are left out and not counted.
#[utoipa::path(
    post, path = "/dead-letters/resend", tag = "deliveries", operation_id = "resend_dead_letters",
    request_body(content = Wanted, example = json!({ "ids": [812, 813] })),
    responses(
        (status = 200, description = "they wait again", body = Resent, example = json!({ "resent": 2, "not_configured": 0 })),
        (status = 503, description = "the service did not answer, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer, so nothing was changed", "status": 503, "detail": "try again in a minute",
        })),
    )
)]
pub(super) async fn resend_many(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Body(Wanted { ids, all }): Body<Wanted>,
) -> Result<Json<Resent>, Problem> {
    let wrong = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "the body cannot be read").with_detail(detail);
    let chosen = match (ids.len(), all) {
        (0, true) => Chosen::All,
        (1..=ROWS_MAX, false) => Chosen::Rows(&ids),
        (0, false) => return Err(wrong("name the ids, or say all: true")),
        (_, true) => return Err(wrong("name the ids or say all: true, not both")),
        (_, false) => return Err(wrong("name at most 1,000 ids at once")),
    };
    Ok(Json(sent_again(&api, &visitor, chosen).await?))
}

async fn sent_again(api: &Api, visitor: &Visitor, chosen: Chosen<'_>) -> Result<Resent, Problem> {
    let done = view::resend(&api.desk, visitor, &api.policy, chosen, clock::now()).await;
    done.map_err(|outcome| refused(outcome).err().unwrap_or_else(unread))
}
