//! Answers those who are not let in: a page for people, problem details for programs.
//!
//! Invariant: nobody learns from it what there is.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::http::access::{Refusal, login};
use crate::http::limit::MINUTE;
use crate::http::page::{self, Reader, message};
use crate::http::problem::Problem;
use crate::http::words::access as words;

/// Answers a request that is not let in. Who has to say who he is first comes back to where he wanted to go, if there are
/// tokens to say it with.
pub(super) fn answer(why: Refusal, request: &Parts, has_tokens: bool) -> Response {
    let reader = Reader::of(request);
    let is_for_programs = request.uri.path().starts_with("/api/");
    let wants_page = wants_page(&request.headers) && !is_for_programs;
    if wants_page && has_tokens && why == Refusal::Unknown && request.method == Method::GET {
        let asked = request.uri.path_and_query().map_or("/", |asked| asked.as_str());
        // The path of the public address is taken away by now, by the proxy or by our router.
        return Redirect::to(&login::path(&reader.base, &format!("{}{asked}", reader.base))).into_response();
    }
    let mut response = if wants_page { page(why, &reader) } else { problem(why).into_response() };
    let headers = response.headers_mut();
    match why {
        Refusal::Unknown | Refusal::Wrong => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Refusal::TooOften => {
            headers.insert(header::RETRY_AFTER, MINUTE.as_secs().into());
        }
        Refusal::NotAllowed(_) | Refusal::CrossSite | Refusal::ForeignHost => {}
    }
    response
}

/// Says whether a request is made by a person who will read the answer: browsers ask for pages first, and programs do not
/// ask for them.
pub(in crate::http) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
}

/// Returns the status that goes with it.
pub(super) const fn status(why: Refusal) -> StatusCode {
    match why {
        Refusal::Unknown | Refusal::Wrong => StatusCode::UNAUTHORIZED,
        Refusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Refusal::NotAllowed(_) | Refusal::CrossSite => StatusCode::FORBIDDEN,
        Refusal::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
    }
}

fn page(why: Refusal, reader: &Reader) -> Response {
    let language = reader.language;
    let text = match why {
        Refusal::Unknown | Refusal::Wrong => words::wrong(language).to_owned(),
        Refusal::TooOften => words::too_often(language).to_owned(),
        Refusal::NotAllowed(role) => words::not_allowed(language, role, reader.is_signed_in),
        Refusal::CrossSite => words::cross_site(language).to_owned(),
        Refusal::ForeignHost => words::foreign_host(language).to_owned(),
    };
    match why {
        // It is known who he is, and he may look.
        Refusal::NotAllowed(_) => page::refusal(reader, status(why), &text),
        Refusal::Unknown | Refusal::Wrong | Refusal::TooOften | Refusal::CrossSite | Refusal::ForeignHost => {
            message(reader, status(why), &text)
        }
    }
}

fn problem(why: Refusal) -> Problem {
    let (title, detail) = match why {
        Refusal::Unknown => ("a token is needed", "send it as 'Authorization: Bearer <token>'".to_owned()),
        Refusal::Wrong => ("this token does not fit", "use one of http.tokens in the configuration".to_owned()),
        Refusal::TooOften => ("too many wrong tokens came from this address", "wait a minute".to_owned()),
        Refusal::NotAllowed(role) => {
            ("this token does not allow it", format!("use one whose 'may' is {}", role.word()))
        }
        Refusal::CrossSite => (
            "the request comes from a page of another origin, so nothing was changed",
            "send it from a page of this service, or as a program with a token and no cookie".to_owned(),
        ),
        Refusal::ForeignHost => (
            "the request is meant for another host",
            "without tokens only this machine is served, by the name localhost".to_owned(),
        ),
    };
    Problem::new(status(why), title).with_detail(detail)
}
