//! `GET /api/v1/history`, the same as CSV, and the time lines of a venue.
//!
//! A long export is read and sent a page at a time, so that nobody's memory holds it. Invariant: one that cannot be read to its
//! end is cut off and never looks whole.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock;
use crate::http::api::document::{NoBrand, Unread};
use crate::http::api::input::{Path, Query};
use crate::http::api::paging::{Listed, Page, Paging};
use crate::http::api::{Api, busy, no_such_brand};
use crate::http::desk::{Desk, NoLook};
use crate::http::live::Live;
use crate::http::problem::Problem;
use crate::http::view::csv::{self, Cell};
use crate::http::view::history::{self, HistoryLine, ItemTimeline, Range};
use crate::snapshot::diff::Recorded;
use crate::store::LinesOf;
use crate::units::{BrandId, ProductId, Timestamp, VenueId, printable};

/// Lines of the CSV that are read at once.
const LINES_AT_ONCE: u32 = 1_000;
/// The columns of the CSV, named as the fields of a line.
const COLUMNS: [&str; 12] = [
    "at",
    "brand",
    "venue",
    "venue_name",
    "kind",
    "id",
    "name",
    "before",
    "after",
    "limit_before",
    "limit_after",
    "price_list",
];
/// Characters of what is said back.
const SAID_LENGTH_MAX: usize = 60;

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// Of one brand, by its slug.
    brand: Option<String>,
    /// Of one venue, by its number.
    venue: Option<u64>,
    /// Of one product or variant, by its number.
    product: Option<u64>,
    /// From this instant on.
    #[param(format = DateTime, example = "2026-11-20T00:00:00Z")]
    since: Option<String>,
    /// Before this instant.
    #[param(format = DateTime)]
    until: Option<String>,
}

impl Lines {
    /// Takes what is asked for. Of a brand that is watched no longer there is a history as long as it is kept.
    async fn chosen(&self, api: &Api) -> Result<LinesOf, Problem> {
        let wrong =
            |detail: String| Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read").with_detail(detail);
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| {
                let said = printable(text, SAID_LENGTH_MAX);
                wrong(format!("{name} is an instant such as 2026-11-20T18:00:00Z, not '{said}'"))
            }),
        };
        // What is no slug is the name of no brand.
        let brand = self.brand.as_deref().map(BrandId::new).transpose().map_err(|_| no_such_brand(&api.live))?;
        if let Some(brand) = brand.as_ref().filter(|brand| api.live.brand(brand.as_str()).is_none()) {
            let is_there = api.desk.look(api.desk.past.has_lines_of(brand)).await.map_err(|NoLook| unread())?;
            if !is_there {
                return Err(no_such_brand(&api.live));
            }
        }
        Ok(LinesOf {
            brand,
            venue: self.venue.map(VenueId),
            product: self.product.map(ProductId),
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
        })
    }
}

/// Lists the history
///
/// What changed where, as readings showed it, the newest first; it is kept for 400 days.
#[utoipa::path(
    get, path = "/history", tag = "history", operation_id = "list_history", params(Lines, Paging),
    responses((status = 200, description = "the lines, the newest first", body = Page<HistoryLine>, example = json!({
        "items": [{
            "at": "2026-11-21T00:41:23.482Z", "brand": "sahil", "venue": 1, "venue_name": "Sahil", "kind": "stop",
            "id": 54, "name": "Plov", "before": "3 left", "after": "out", "limit_before": 3.0, "limit_after": 0.0, "price_list": null,
        }],
        "next_cursor": null,
    })), Unread, NoBrand)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(asked, paging): Listed<Lines>,
) -> Result<Json<Page<HistoryLine>>, Problem> {
    let part = paging.of::<(i64, i64)>("history")?;
    let of = asked.chosen(&api).await?;
    let before = part.after.map(|(at_ms, line)| (Timestamp::from_unix_ms(at_ms), line));
    let limit = u32::try_from(part.limit).unwrap_or(u32::MAX);
    let lines = api.desk.look(api.desk.past.newest_lines(&of, before, limit.saturating_add(1))).await;
    let mut lines = lines.map_err(|NoLook| unread())?;
    let is_last = lines.len() <= part.limit;
    lines.truncate(part.limit);
    let keyed =
        |(line, recorded): (i64, Recorded)| ((recorded.at.unix_ms(), line), HistoryLine::of(&recorded, &api.live));
    Ok(Json(part.page(lines.into_iter().map(keyed).collect(), is_last)))
}

/// Exports the history as CSV
///
/// RFC 4180 in UTF-8 with a byte order mark, as programs for tables want it, the newest line first. A text that such a program
/// would take for a formula begins with an apostrophe.
#[utoipa::path(
    get, path = "/history.csv", tag = "history", operation_id = "export_history", params(Lines),
    responses((status = 200, description = "the lines, the newest first", body = String, content_type = "text/csv",
        example = "at,brand,venue,venue_name,kind,id,name,before,after,limit_before,limit_after,price_list\r\n2026-11-21T00:41:23.482Z,sahil,1,Sahil,stop,54,Plov,3 left,out,3,0,\r\n"), Unread, NoBrand)
)]
pub(super) async fn export(State(api): State<Api>, Query(asked): Query<Lines>) -> Result<Response, Problem> {
    let (of, desk, live) = (asked.chosen(&api).await?, api.desk.clone(), api.live.clone());
    let mut head = csv::MARK.to_owned();
    csv::push(&mut head, &COLUMNS.map(Cell::text));
    let mut begin = Exporting { of, desk, live, before: None, text: None, is_over: false };
    // The first lines are read before anything is answered: what cannot be begun is refused, and only the rest is cut off.
    let first = begin.next().await.map_err(|CutOff| unread())?;
    head.push_str(first.as_deref().unwrap_or_default());
    begin.text = Some(head);
    let pages = stream::try_unfold(begin, |mut exporting| async move {
        let text = exporting.next().await?;
        Ok::<_, CutOff>(text.map(|text| (text, exporting)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"history.csv\""),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// The database did not answer in the middle of an export; the log says why.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in the middle of an export")]
struct CutOff;

/// An export that is under way.
struct Exporting {
    of: LinesOf,
    desk: Desk,
    live: Live,
    before: Option<(Timestamp, i64)>,
    /// The first lines, until they are sent.
    text: Option<String>,
    is_over: bool,
}

impl Exporting {
    async fn next(&mut self) -> Result<Option<String>, CutOff> {
        if let Some(head) = self.text.take() {
            return Ok(Some(head));
        }
        if self.is_over {
            return Ok(None);
        }
        let lines = self.desk.look(self.desk.past.newest_lines(&self.of, self.before, LINES_AT_ONCE)).await;
        let lines = lines.map_err(|NoLook| CutOff)?;
        self.is_over = lines.len() < LINES_AT_ONCE as usize;
        self.before = lines.last().map(|(line, recorded)| (recorded.at, *line));
        let mut text = String::new();
        for (_, recorded) in &lines {
            csv::push(&mut text, &cells(HistoryLine::of(recorded, &self.live)));
        }
        Ok((!text.is_empty()).then_some(text))
    }
}

/// Writes a line as cells, in the order of [`COLUMNS`].
fn cells(line: HistoryLine) -> [Cell; COLUMNS.len()] {
    let HistoryLine {
        at,
        brand,
        venue,
        venue_name,
        kind,
        id,
        name,
        before,
        after,
        limit_before,
        limit_after,
        price_list,
    } = line;
    [
        Cell::text(at),
        Cell::text(brand),
        Cell::whole(Some(venue)),
        Cell::text(venue_name),
        Cell::text(kind.word()),
        Cell::whole(Some(id)),
        Cell::text(name),
        Cell::text(before),
        Cell::text(after),
        Cell::amount(limit_before),
        Cell::amount(limit_after),
        Cell::whole(price_list),
    ]
}

/// Which time lines.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Drawn {
    /// For how long back: `24h` (when nobody says), `7d` or `30d`.
    range: Option<String>,
    /// Of one product or variant alone, by its number.
    product: Option<u64>,
}

/// Lists how the items of a venue stood
///
/// Of each item that was out or low: when it was out, low, on sale, or unknown since nobody read the list.
#[utoipa::path(
    get, path = "/history/{brand}/{venue}/timelines", tag = "history", operation_id = "list_timelines",
    params(("brand" = String, Path, description = "the slug of the brand"), ("venue" = u64, Path, description = "the number of the venue"), Drawn, Paging),
    responses(
        (status = 200, description = "the items, in the order of their numbers", body = Page<ItemTimeline>, example = json!({
            "items": [{
                "product": 54, "name": "Plov", "out_s": 3600, "low_s": 0, "on_s": 82_800, "unknown_s": 0, "stops": 1,
                "longest_s": 3600, "out_open_s": 3600, "pieces": [
                    { "from": "2026-11-20T00:00:00Z", "until": "2026-11-20T18:00:00Z", "state": "on" },
                    { "from": "2026-11-20T18:00:00Z", "until": "2026-11-20T19:00:00Z", "state": "out" },
                    { "from": "2026-11-20T19:00:00Z", "until": "2026-11-21T00:00:00Z", "state": "on" },
                ],
            }],
            "next_cursor": null,
        })),
        (status = 404, description = "there is no such venue", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "there is no such venue", "status": 404, "detail": "/api/v1/freshness/{brand}/venues lists those that are watched",
        })),
        Unread,
    )
)]
pub(super) async fn timelines(
    State(api): State<Api>,
    Path((brand, venue)): Path<(String, u64)>,
    Listed(Drawn { range, product }, paging): Listed<Drawn>,
) -> Result<Json<Page<ItemTimeline>>, Problem> {
    let part = paging.of("timelines")?;
    let range = match range.as_deref().map(Range::of_word) {
        None => Range::default(),
        Some(Some(range)) => range,
        Some(None) => {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read");
            return Err(problem.with_detail("range is 24h, 7d or 30d"));
        }
    };
    let Some(place) = history::place(&api.live, &brand, venue) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "there is no such venue");
        return Err(problem.with_detail("/api/v1/freshness/{brand}/venues lists those that are watched"));
    };
    let (product, span) = (product.map(ProductId), range.until(clock::now()));
    let known = api.desk.look(history::past(&api.desk.past, &place, product, span.from)).await;
    let (known, policy) = (known.map_err(|NoLook| unread())?, Arc::clone(&api.policy));
    let told = move || {
        let calendar = policy.calendars.of(&place.brand, place.venue.snapshot.id());
        part.cut(history::told(&place, &known, product, calendar, span), |told| told.product.0)
    };
    let page = api.desk.reckon(told).await.map_err(|NoLook| busy())?;
    Ok(Json(page.map(|told| ItemTimeline::of(&told))))
}

/// Says that the database cannot be read, and no more: the log has the reason.
pub(super) fn unread() -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read now");
    problem
        .with_detail("ask for less, such as one venue or a shorter time; if it stays so, see the log of eightysix")
        .for_now()
}
