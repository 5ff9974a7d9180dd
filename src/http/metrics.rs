//! `/metrics`: what is counted, as OpenMetrics for those who ask for it and as the classic text for all others.
//!
//! Shows counts by brand and no secret; who may read it is decided by `access`. Invariant: the text is made anew for each
//! reader, as the ages in it grow.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::clock;
use crate::metrics::{Form, Insight};

pub(super) fn router(insight: Insight) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(insight)
}

async fn metrics(State(insight): State<Insight>, headers: HeaderMap) -> Response {
    let form = wanted(headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()));
    let text = insight.metrics.text(form, &insight.vitals, clock::now(), clock::uptime());
    ([(header::CONTENT_TYPE, form.content_type()), (header::VARY, "Accept")], text).into_response()
}

/// Returns what a reader takes: OpenMetrics 1.0.0 where it is named and not refused, and the classic text otherwise.
fn wanted<'a>(mut accepted: impl Iterator<Item = &'a str>) -> Form {
    let is_open_metrics = |kind: &str| {
        let mut parts = kind.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
        // Version 0.0.1 is a draft of the same; anything else is of another day.
        let fits = |part: &str| match part.split_once('=') {
            Some(("version", version)) => ["1.0.0", "0.0.1"].contains(&version),
            Some(("q", weight)) => weight.parse().is_ok_and(|weight: f32| weight > 0.0),
            Some(_) | None => true,
        };
        is_named && parts.all(fits)
    };
    if accepted.any(|value| value.split(',').any(is_open_metrics)) { Form::OpenMetrics } else { Form::Classic }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accepted, expected) in [
            (&[prometheus][..], Form::OpenMetrics),
            (&["text/plain", "application/openmetrics-text"], Form::OpenMetrics),
            (&["Application/OpenMetrics-Text; version=1.0.0"], Form::OpenMetrics),
            (&["application/openmetrics-text; version=2.0.0"], Form::Classic),
            (&["application/openmetrics-text;q=0, text/plain"], Form::Classic),
            (&["application/openmetrics-text;q=x"], Form::Classic),
            (&["text/plain;version=0.0.4"], Form::Classic),
            (&["*/*"], Form::Classic),
            (&[], Form::Classic),
        ] {
            assert_eq!(wanted(accepted.iter().copied()), expected, "{accepted:?}");
        }
    }
}
