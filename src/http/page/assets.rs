//! The files that pages load: styles, scripts, an icon. They are part of the program, and their address is that of their
//! bytes, so that browsers keep them for ever and never use an old one.
//!
//! Invariant: nothing is served but what is listed here.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::alerts::lifecycle::digest;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const ASK_AGAIN: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A file: its name, what it is, and its text.
type Asset = (&'static str, &'static str, &'static str);

const ASSETS: [Asset; 6] = [
    ("page.css", CSS, include_str!("page.css")),
    ("board.css", CSS, include_str!("board.css")),
    ("board.js", SCRIPT, include_str!("board.js")),
    ("now.css", CSS, include_str!("now.css")),
    ("now.js", SCRIPT, include_str!("now.js")),
    ("icon.svg", SVG, include_str!("icon.svg")),
];
/// Keeps the last board for a tablet that is started while the server is away. Its address is fixed: it rules over the pages
/// below the folder that it comes from.
const WORKER: &str = include_str!("worker.js");

/// Returns 16 digits that change with any asset.
pub(in crate::http) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let assets = ASSETS.iter().flat_map(|(name, _, text)| [*name, *text]);
        // The script knows what the templates say: a page of one build with the stream of another must be loaded anew.
        let others = [env!("CARGO_PKG_VERSION"), include_str!("board.html"), include_str!("board_list.html"), WORKER];
        digest(&assets.chain(others).collect::<Vec<&str>>(), 8)
    })
}

/// Makes the routes; they tell nobody anything that is not published with the program.
pub(in crate::http) fn router() -> Router {
    Router::new().route("/assets/{version}/{name}", get(asset)).route("/board/worker.js", get(worker))
}

async fn asset(Path((wanted, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|(of, _, _)| *of == name && wanted == version());
    let Some((_, kind, text)) = found else { return StatusCode::NOT_FOUND.into_response() };
    ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, FOR_EVER)], *text).into_response()
}

async fn worker() -> Response {
    ([(header::CONTENT_TYPE, SCRIPT), (header::CACHE_CONTROL, ASK_AGAIN)], WORKER).into_response()
}
