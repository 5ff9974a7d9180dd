//! Finds out in which language somebody reads: what he chose, what his browser asks for, what the venue speaks.
//!
//! Invariant: every request behind it has a [`Reader`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::access::refusal::wants_page;
use crate::http::page::{Reader, Section};
use crate::language::Language;

/// The parameter by which a language is chosen, and the cookie that remembers it.
const CHOICE: &str = "lang";
/// For how long a choice is remembered: a year.
const CHOICE_KEPT_S: u32 = 365 * 24 * 3600;

/// What readers have in common.
#[derive(Clone, Debug)]
pub(in crate::http) struct Readers {
    /// The language of those who do not say.
    pub(in crate::http) language: Language,
    /// The path of the public address.
    pub(in crate::http) base: Arc<str>,
}

/// Gives a request its reader, and remembers the language that he chose.
pub(in crate::http) async fn greet(State(readers): State<Readers>, mut request: Request, next: Next) -> Response {
    let chosen = chosen(request.uri());
    let language = chosen.or_else(|| remembered(request.headers())).or_else(|| preferred(request.headers()));
    let Readers { language: spoken, base } = readers;
    let query = others(request.uri()).into();
    let here = Section::of_path(request.uri().path());
    // Who signed in is known behind the gate alone.
    let is_asking = matches!(*request.method(), Method::GET | Method::HEAD);
    let language = language.unwrap_or(spoken);
    let reader = Reader { language, base, name: None, is_signed_in: false, query, here, is_asking };
    // Streams and programs name their language each time; a person chose it.
    let chosen = chosen.filter(|_| wants_page(request.headers()));
    request.extensions_mut().insert(reader);
    let mut response = next.run(request).await;
    if let Some(language) = chosen {
        let code = language.code();
        let cookie = format!("{CHOICE}={code}; Path=/; Max-Age={CHOICE_KEPT_S}; SameSite=Lax");
        let cookie = HeaderValue::from_str(&cookie).expect("the code of a language is ASCII");
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn chosen(uri: &Uri) -> Option<Language> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == CHOICE).find_map(|(_, code)| Language::of_code(code))
}

/// Returns the parameters beside the language, each with an `&` behind it.
fn others(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.filter(|pair| pair.split('=').next() != Some(CHOICE)).flat_map(|pair| [pair, "&"]).collect()
}

fn remembered(headers: &HeaderMap) -> Option<Language> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == CHOICE).find_map(|(_, code)| Language::of_code(code))
}

/// Returns the first language of ours that a browser asks for. They send them in the order of preference; one of the weight
/// 0 is not wanted.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    wanted.split(',').find_map(|range| {
        let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
        let is_wanted = !matches!(weight.trim(), "q=0" | "q=0.0");
        let code = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        Language::of_code(&code).filter(|_| is_wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_counts_then_the_browser() {
        for (given, expected) in [
            ("az-AZ,az;q=0.9,en;q=0.8", Some(Language::Az)),
            ("tr, RU;q=0.5", Some(Language::Ru)),
            ("ru;q=0, en", Some(Language::En)),
            ("tr", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(given))]);
            assert_eq!(preferred(&headers), expected, "{given}");
        }
        for (given, expected) in
            [("/?lang=az", Some(Language::Az)), ("/?x=1&lang=ru", Some(Language::Ru)), ("/?lang=tr", None), ("/", None)]
        {
            assert_eq!(chosen(&given.parse().expect("an address")), expected, "{given}");
        }
        for (given, expected) in [("/", ""), ("/?lang=az", ""), ("/?a=1&lang=ru&b=%26", "a=1&b=%26&"), ("/?&&a", "a&")]
        {
            assert_eq!(others(&given.parse().expect("an address")), expected, "{given}");
        }
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("a=b; lang=ru"))]);
        assert_eq!(remembered(&headers), Some(Language::Ru));
    }
}
