//! The page by which a browser signs in: a token for a cookie.
//!
//! Stands before the gate. Invariant: whoever signs in ends up on a page of ours, wherever the link came from.

use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use crate::clock;
use crate::http::Peer;
use crate::http::access::{Gate, Refusal, is_same_origin, refusal};
use crate::http::limit::MINUTE;
use crate::http::page::input::{Fields, Query, wrong_method};
use crate::http::page::{Frame, Reader, html};
use crate::http::words::access as words;
use crate::language::Language;

/// Bytes of the form: a token and the way back.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// Makes the routes, `/login` and `/logout`.
pub(in crate::http) fn router(gate: Arc<Gate>) -> Router {
    let router = Router::new().route("/login", get(ask).post(take)).route("/logout", post(leave));
    let router = router.method_not_allowed_fallback(wrong_method);
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(gate)
}

/// Returns the address of the page, with the way back.
pub(super) fn path(base: &str, to: &str) -> String {
    let to: String = form_encoded(to);
    format!("{base}/login?to={to}")
}

fn form_encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://localhost/").expect("this is an address");
    url.query_pairs_mut().append_pair("", text);
    url.query().unwrap_or_default().trim_start_matches('=').to_owned()
}

#[derive(Deserialize)]
struct Way {
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    frame: Frame<'a>,
    to: &'a str,
    wrong: Option<&'static str>,
}

async fn ask(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Extension(reader): Extension<Reader>,
    headers: HeaderMap,
    Query(Way { to }): Query<Way>,
) -> Response {
    // No token is asked of him: an old link leads here where nobody is asked any more, or a board whose user had to tell
    // the proxy again who he is, and now has.
    if gate.settings.asks_nobody() || gate.named_by_proxy(&headers, peer.ip()).is_some() {
        Redirect::to(&back(&reader.base, &to)).into_response()
    } else {
        show(&reader, &to, None)
    }
}

async fn take(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Extension(reader): Extension<Reader>,
    headers: HeaderMap,
    entered: Fields,
) -> Response {
    let (token, to) = (entered.first("token"), entered.first("to"));
    if !is_same_origin(&headers, gate.public_host.as_deref()) {
        return show(&reader, &to, Some(Refusal::CrossSite));
    }
    let tried = gate.tried(token.trim(), gate.source(&headers, peer.ip()), clock::uptime());
    let found = tried.map(|(name, _)| gate.settings.tokens.get(&name).map(|token| (name, token)));
    match found {
        Ok(Some((name, token))) => {
            tracing::info!(%name, "a browser signed in with the token '{name}'");
            let cookie = gate.sessions.cookie(&name, token, gate.reach(&headers), clock::now());
            ([(header::SET_COOKIE, cookie)], Redirect::to(&back(&reader.base, &to))).into_response()
        }
        Ok(None) => show(&reader, &to, Some(Refusal::Wrong)),
        Err(why) => show(&reader, &to, Some(why)),
    }
}

async fn leave(State(gate): State<Arc<Gate>>, Extension(reader): Extension<Reader>, headers: HeaderMap) -> Response {
    if !is_same_origin(&headers, gate.public_host.as_deref()) {
        return show(&reader, "", Some(Refusal::CrossSite));
    }
    let cookie = gate.sessions.no_cookie(gate.reach(&headers));
    let to_login = Redirect::to(&path(&reader.base, ""));
    let mut response = ([(header::SET_COOKIE, cookie)], to_login).into_response();
    // What a tablet kept of its boards. Where others live at the same address, theirs would go as well.
    if gate.public_path.is_empty() {
        let kept = HeaderValue::from_static("\"cache\", \"storage\"");
        response.headers_mut().insert(HeaderName::from_static("clear-site-data"), kept);
    }
    response
}

/// Returns where to go after signing in: a path of ours, never another server, whatever the link said.
fn back(base: &str, to: &str) -> String {
    // A browser takes "//host" and "/\host" for another server.
    let is_below = to.strip_prefix(base).is_some_and(|rest| rest.starts_with('/') && !rest.starts_with("//"));
    let is_path = to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_below && is_path { to.to_owned() } else { format!("{base}/") }
}

fn show(reader: &Reader, to: &str, why: Option<Refusal>) -> Response {
    let language = reader.language;
    let wrong = why.map(|why| match why {
        Refusal::Unknown | Refusal::Wrong | Refusal::NotAllowed(_) | Refusal::ForeignHost => words::wrong(language),
        Refusal::TooOften => words::too_often(language),
        Refusal::CrossSite => words::cross_site(language),
    });
    // The way back is kept when another language is chosen, also where a form was sent.
    let query = format!("to={}&", form_encoded(to));
    let frame = Frame { query: &query, ..reader.frame(words::sign_in(language)) };
    let mut response = html(why.map_or(StatusCode::OK, refusal::status), &Page { frame, to, wrong });
    if why == Some(Refusal::TooOften) {
        response.headers_mut().insert(header::RETRY_AFTER, MINUTE.as_secs().into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_here() {
        for (to, expected) in [
            ("/x/board/sahil/1?lang=az", "/x/board/sahil/1?lang=az"),
            ("/board/sahil/1", "/x/"),
            ("/xy", "/x/"),
            ("/x//evil.example", "/x/"),
            ("/x/\u{1}", "/x/"),
            ("", "/x/"),
            ("//evil.example", "/x/"),
            ("/\\evil.example", "/x/"),
            ("https://evil.example", "/x/"),
            ("/\tevil", "/x/"),
        ] {
            assert_eq!(back("/x", to), expected, "{to}");
        }
        assert_eq!(path("/x", "/board/sahil/1?lang=az&x=1"), "/x/login?to=%2Fboard%2Fsahil%2F1%3Flang%3Daz%26x%3D1");
    }
}
