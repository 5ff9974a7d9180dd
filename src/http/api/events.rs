//! `GET /api/v1/events`: every change of the stop lists and catalogs as it is stored, by server-sent events.
//!
//! The lines of the history are the source: they are written with each change in one transaction, and their numbers are
//! the ids. Invariant: a reader that comes back with the last id that it saw gets every line after it, over restarts as
//! well, or is told that it cannot.

use std::collections::{BTreeSet, VecDeque};

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::response::sse::Event;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::http::api::document::NoBrand;
use crate::http::api::input::Query;
use crate::http::api::{Api, watched};
use crate::http::desk::NoLook;
use crate::http::problem::Problem;
use crate::http::stream::{Holder, Next, Source, Turns, Why};
use crate::http::view::history::HistoryLine;
use crate::snapshot::diff::Recorded;
use crate::store::Order;

/// Lines that are read at once: they wait in memory until the reader takes them.
const LINES_AT_ONCE: u32 = 200;
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
    Extension(holder): Extension<Holder>,
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
    let turns = Turns::of(&api.live, |brand| asked.brand.as_ref().is_none_or(|wanted| wanted == brand));
    let streams = api.streams.clone();
    Ok(streams.open(holder, Reader { api, asked, first, seen, turns, turned: BTreeSet::new() }))
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
    /// With what the stream begins.
    first: Option<Event>,
    /// The last line that was looked at.
    seen: i64,
    turns: Turns,
    /// Brands of which something is new that was not told yet.
    turned: BTreeSet<String>,
}

impl Source for Reader {
    async fn news(&mut self) {
        self.turns.news().await;
    }

    /// Says the next page of lines; after the last one it says which brands are new.
    async fn say(&mut self, _: Why, events: &mut VecDeque<Event>) -> Next {
        events.extend(self.first.take());
        // What is new is noted before the look: what comes meanwhile wakes it again.
        self.turned.extend(self.turns.take());
        let lines = self.seen.saturating_add(1)..=i64::MAX;
        let page = self.api.desk.look(self.api.desk.past.history_page(lines, Order::OldestFirst, LINES_AT_ONCE)).await;
        // The reader comes back with the last id, and misses nothing.
        let Ok(page) = page else { return Next::End };
        let Some((last, _)) = page.last() else {
            let turned = std::mem::take(&mut self.turned).into_iter();
            events
                .extend(turned.map(|brand| Event::default().event("turn").data(json!({ "brand": brand }).to_string())));
            return Next::Wait;
        };
        self.seen = *last;
        let told = page.iter().filter(|(_, line)| self.is_asked(line));
        events.extend(told.map(|(id, line)| self.event(*id, line)));
        Next::More
    }
}

impl Reader {
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
