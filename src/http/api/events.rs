//! `GET /api/v1/events`: every change of the stop lists and catalogs as it is stored, by server-sent events.
//!
//! The lines of the history are the source: they are written with each change in one transaction, and their numbers are
//! the ids. Invariant: a reader that comes back with the last id that it saw gets every line after it, over restarts as
//! well, or is told that it cannot.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::http::api::document::NoBrand;
use crate::http::api::input::Query;
use crate::http::api::{Api, watched};
use crate::http::desk::NoLook;
use crate::http::problem::Problem;
use crate::http::view::history::HistoryLine;
use crate::snapshot::diff::Recorded;
use crate::store::Order;

/// How often something is said at least: a reader that hears nothing for longer knows that the server is away.
const HEARD_EVERY: Duration = Duration::from_secs(15);
/// How long changes are gathered, so that a burst is one look into the store.
const GATHERED_FOR: Duration = Duration::from_millis(100);
/// The header by which a reader says what it saw last.
const LAST_EVENT_ID: &str = "last-event-id";

/// What is followed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only changes of this brand.
    brand: Option<String>,
    /// Only changes of the venue of this id.
    venue: Option<u64>,
    /// The same as the header `Last-Event-ID`, for readers that cannot set it.
    #[serde(rename = "last-event-id")]
    last_event_id: Option<String>,
}

/// Follows what changes
///
/// Server-sent events. `begin` names where a new stream begins; `change` is a line of the history, whose id is its number;
/// `turn` says that something of a brand is new, also of its alerts and silences: ask again for what you show. A reader that
/// sends the last id as `Last-Event-ID`, as browsers do, gets every `change` after it, also over a restart; when lines after
/// it are no longer kept, it gets `reset` and must read everything anew. A comment every 15 seconds says that the server
/// is there.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "follow_events",
    params(Asked, ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was seen")),
    responses((status = 200, description = "the stream", body = String, content_type = "text/event-stream",
        example = "event: begin\nid: 4711\ndata: {\"id\":4711}\n\nevent: change\nid: 4712\ndata: {\"at\":\"2026-11-21T00:41:21.981Z\",\"brand\":\"sahil\",\"venue\":1,\"venue_name\":\"Sahil\",\"kind\":\"stop\",\"id\":101,\"name\":\"Lülə kabab\",\"before\":\"3 left\",\"after\":\"out\",\"limit_before\":3.0,\"limit_after\":0.0,\"price_list\":null}\n\nevent: turn\ndata: {\"brand\":\"sahil\"}\n\n"),
        (status = 503, description = "the store does not answer", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the store does not answer", "status": 503, "detail": "try again in a minute",
        })),
        NoBrand,
    )
)]
pub(super) async fn follow(
    State(api): State<Api>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    watched(&api.live, asked.brand.as_deref())?;
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let last = header.or(asked.last_event_id.as_deref()).map(str::trim).filter(|last| !last.is_empty());
    let last = last.map(str::parse::<i64>).transpose().map_err(|_| {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "this is no id of an event");
        problem.with_detail("send the last id that you saw, or none to begin now")
    })?;
    let kept = api.desk.look(api.desk.past.history_numbers()).await.map_err(|NoLook| {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer");
        problem.with_detail("try again in a minute").for_now()
    })?;
    let (seen, first) = begun(last, kept);
    let turns = api.live.brands().map(|(brand, live)| (brand.to_string(), live.turns()));
    let turns = turns.filter(|(brand, _)| asked.brand.as_ref().is_none_or(|wanted| wanted == brand)).collect();
    let reader = Reader {
        api,
        asked,
        seen,
        turns,
        turned: BTreeSet::new(),
        waiting: VecDeque::from_iter(first),
        is_behind: true,
        is_over: false,
    };
    Ok(Sse::new(events(reader)).into_response())
}

/// Returns from which line on a stream tells, and with what it begins.
fn begun(last: Option<i64>, kept: Option<(i64, i64)>) -> (i64, Option<Event>) {
    // With no line at all, the first one to come has the number 1.
    let (oldest, newest) = kept.unwrap_or((1, 0));
    let says =
        |name: &str| Event::default().event(name).id(newest.to_string()).data(json!({ "id": newest }).to_string());
    match last {
        None => (newest, Some(says("begin"))),
        // Lines after it are gone, or it is of another database.
        Some(last) if last.saturating_add(1) < oldest || last > newest => (newest, Some(says("reset"))),
        Some(last) => (last, None),
    }
}

struct Reader {
    api: Api,
    asked: Asked,
    /// The last line that was looked at.
    seen: i64,
    turns: Vec<(String, watch::Receiver<u64>)>,
    /// Brands of which something is new that was not told yet.
    turned: BTreeSet<String>,
    /// What is to be said before anything else is waited for.
    waiting: VecDeque<Event>,
    /// Whether the store may hold more.
    is_behind: bool,
    is_over: bool,
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        loop {
            if let Some(event) = reader.waiting.pop_front() {
                return Some((Ok(event), reader));
            }
            if reader.is_over {
                return None;
            }
            if reader.is_behind {
                reader.catch_up().await;
            } else {
                reader.wait().await;
            }
        }
    })
}

impl Reader {
    async fn wait(&mut self) {
        let stop = self.api.stop.clone();
        let gathered = async {
            next_turn(&mut self.turns).await;
            tokio::time::sleep(GATHERED_FOR).await;
        };
        tokio::select! {
            () = stop.cancelled() => self.is_over = true,
            () = gathered => self.is_behind = true,
            () = tokio::time::sleep(HEARD_EVERY) => {
                self.waiting.push_back(Event::default().comment("here"));
                self.is_behind = true;
            }
        }
    }

    /// Takes the next page of lines out of the store; after the last one it says which brands are new.
    async fn catch_up(&mut self) {
        // What is new is noted before the look: what comes meanwhile wakes it again.
        for (brand, turns) in &mut self.turns {
            if turns.has_changed().unwrap_or(false) {
                turns.mark_unchanged();
                self.turned.insert(brand.clone());
            }
        }
        let lines = self.seen.saturating_add(1)..=i64::MAX;
        let page = self.api.desk.look(self.api.desk.past.history_page(lines, Order::OldestFirst)).await;
        let Ok(page) = page else {
            // The reader comes back with the last id, and misses nothing.
            self.is_over = true;
            return;
        };
        let Some((last, _)) = page.last() else {
            self.is_behind = false;
            for brand in std::mem::take(&mut self.turned) {
                let data = json!({ "brand": brand }).to_string();
                self.waiting.push_back(Event::default().event("turn").data(data));
            }
            return;
        };
        self.seen = *last;
        let told = page.iter().filter(|(_, line)| self.is_asked(line));
        let told: Vec<Event> = told.map(|(id, line)| self.event(*id, line)).collect();
        self.waiting.extend(told);
    }

    fn is_asked(&self, line: &Recorded) -> bool {
        let Asked { brand, venue, last_event_id: _ } = &self.asked;
        brand.as_ref().is_none_or(|brand| brand == line.brand.as_str())
            && venue.is_none_or(|venue| venue == line.venue.0)
    }

    fn event(&self, id: i64, line: &Recorded) -> Event {
        let data = serde_json::to_string(&HistoryLine::of(line, &self.api.live)).unwrap_or_default();
        Event::default().event("change").id(id.to_string()).data(data)
    }
}

/// Waits until something of any brand is new.
async fn next_turn(turns: &mut [(String, watch::Receiver<u64>)]) {
    // The brands of a configuration end with the stream.
    let waits: Vec<_> = turns
        .iter_mut()
        .map(|(_, turns)| {
            let mut turns = turns.clone();
            Box::pin(async move { turns.changed().await })
        })
        .collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    if let (Err(_), ..) = select_all(waits).await {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_stream_begins() {
        for (last, kept, seen, is_told) in [
            (None, None, 0, true),
            (None, Some((5, 9)), 9, true),
            (Some(9), Some((5, 9)), 9, false),
            (Some(4), Some((5, 9)), 4, false),
            (Some(3), Some((5, 9)), 9, true),
            (Some(10), Some((5, 9)), 9, true),
            (Some(0), None, 0, false),
            (Some(7), None, 0, true),
            (Some(i64::MIN), Some((5, 9)), 9, true),
        ] {
            let (from, told) = begun(last, kept);
            assert_eq!((from, told.is_some()), (seen, is_told), "{last:?} of {kept:?}");
        }
    }
}
