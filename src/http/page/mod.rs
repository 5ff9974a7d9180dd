//! The pages: HTML that the server fills, one style and one script for each kind, nothing from elsewhere.
//!
//! Names from the POS are data and are escaped by the templates. Invariant: no page runs or loads anything but the assets
//! of this build.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::http::api::Api;
use crate::http::words;
use crate::language::Language;

pub(super) mod assets;
pub(super) mod board;
pub(super) mod deed;
mod deliveries;
mod drawing;
pub(super) mod freshness;
mod history;
pub(super) mod input;
mod nav;
pub(super) mod now;
mod now_acts;
mod reader;
mod rules;

pub(super) use nav::Section;
pub(super) use reader::{Readers, greet};

/// Who reads a page: in which language, and below which path he reached us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    /// The language of the page.
    pub(super) language: Language,
    /// The path of the public address, which every link begins with; usually empty.
    pub(super) base: Arc<str>,
    /// Who he is, by the name of his token or what the proxy says; nobody is asked where there are none.
    pub(super) name: Option<Arc<str>>,
    /// Whether a browser signed in, and so can sign out.
    pub(super) is_signed_in: bool,
    /// What he asks for beside the language: empty, or parameters that end with `&`.
    pub(super) query: Arc<str>,
    /// The section that the address belongs to.
    pub(super) here: Option<Section>,
    /// Whether the address can be asked for again: what was sent to it is not sent by a link.
    pub(super) is_asking: bool,
}

impl Reader {
    /// Returns the reader of a request, which [`greet`] put there.
    pub(super) fn of(request: &Parts) -> Self {
        let unknown = || {
            let (language, base, query) = (Language::default(), "".into(), "".into());
            Self { language, base, name: None, is_signed_in: false, query, here: None, is_asking: true }
        };
        request.extensions.get().cloned().unwrap_or_else(unknown)
    }

    /// Returns what surrounds a page of this title.
    pub(super) fn frame<'a>(&'a self, title: &'a str) -> Frame<'a> {
        Frame {
            language: self.language,
            base: &self.base,
            assets: assets::version(),
            title,
            here: self.here,
            query: &self.query,
            has_languages: true,
            name: self.name.as_deref(),
            sign_out: self.is_signed_in.then(|| words::access::sign_out(self.language)),
        }
    }
}

/// Makes the routes of the manager pages.
pub(super) fn manager_router(api: Api) -> Router {
    let pages = freshness::router().merge(history::router()).merge(deliveries::router()).merge(rules::router());
    pages.method_not_allowed_fallback(input::wrong_method).with_state(api)
}

/// What every page says alike.
pub(super) struct Frame<'a> {
    /// The language of the page.
    pub(super) language: Language,
    /// What every link begins with.
    pub(super) base: &'a str,
    /// Which assets belong to it.
    pub(super) assets: &'static str,
    /// What the page is.
    pub(super) title: &'a str,
    /// To which section it belongs.
    pub(super) here: Option<Section>,
    /// What a link to itself goes on with, before the language.
    pub(super) query: &'a str,
    /// Whether the page can be had in another language by a link.
    pub(super) has_languages: bool,
    /// Who reads it.
    pub(super) name: Option<&'a str>,
    /// The word for signing out, for whoever can.
    pub(super) sign_out: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    frame: Frame<'a>,
    text: &'a str,
    /// Whether the reader was let in, and so has somewhere to go.
    with_sections: bool,
}

/// Answers somebody who may not have been let in with a page that says one thing.
pub(super) fn message(reader: &Reader, status: StatusCode, text: &str) -> Response {
    let frame = Frame { here: None, has_languages: reader.is_asking, ..reader.frame("eightysix") };
    html(status, &Message { frame, text, with_sections: false })
}

/// Says to somebody who was let in that what he asked for is not there.
pub(super) fn gone(reader: &Reader, what: &str) -> Response {
    let choose = words::refusal::choose_another(reader.language);
    refusal(reader, StatusCode::NOT_FOUND, &format!("{what} {choose}"))
}

/// Says to somebody who was let in why he is not shown what he asked for, or why nothing was done.
pub(super) fn refusal(reader: &Reader, status: StatusCode, text: &str) -> Response {
    let title = reader.here.map_or("eightysix", |section| words::manager::section(reader.language, section));
    let frame = Frame { has_languages: reader.is_asking, ..reader.frame(title) };
    html(status, &Message { frame, text, with_sections: true })
}

/// Answers with a page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be put together");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Returns the headers of every page: it runs and loads what we serve, stands in no frame, and is kept by nobody.
pub(super) fn headers() -> [(header::HeaderName, HeaderValue); 5] {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
        worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let fixed = HeaderValue::from_static;
    [
        (header::CONTENT_SECURITY_POLICY, fixed(policy)),
        (header::REFERRER_POLICY, fixed("same-origin")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::X_FRAME_OPTIONS, fixed("DENY")),
        (header::HeaderName::from_static("x-robots-tag"), fixed("noindex, nofollow")),
    ]
}

#[cfg(test)]
mod tests;
