//! `GET /api/v1/rules`, and what a rule says of each subject of a venue now.
//!
//! Invariant: the truths of a rule come from one look at the venue.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock;
use crate::http::api::document::Unread;
use crate::http::api::input::Path;
use crate::http::api::paging::{Listed, Page, Paging, Whole};
use crate::http::api::{Api, busy, watched};
use crate::http::desk::NoLook;
use crate::http::problem::Problem;
use crate::http::view::rules::{self, Place, RuleText, RuleTruth};
use crate::language::Language;
use crate::rules::RuleName;

/// Where the rule is asked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AskedTruths {
    /// The slug of the brand.
    brand: String,
    /// The number of the venue; the first of the brand when nobody says.
    venue: Option<u64>,
}

/// Lists the rules in force
///
/// With what each asks for, in the words of rule files.
#[utoipa::path(
    get, path = "/rules", tag = "rules", operation_id = "list_rules", params(Paging),
    responses((status = 200, description = "the rules, in the order of their names", body = Page<RuleText>, example = json!({
        "items": [{
            "name": "sold-out", "place": "rules/kitchen.yaml:4", "severity": "critical", "about": "item", "counts": null,
            "event": null, "when": ["limit: at most 0"], "keep_while": [], "during": [], "hold_for_s": 20, "clear_for_s": 20,
            "notify": ["managers"], "escalate": [], "by_station": false, "message": "{{ item.name }} is out",
        }],
        "next_cursor": null,
    })))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Whole {}, paging): Listed<Whole>,
) -> Result<Json<Page<RuleText>>, Problem> {
    let part = paging.of("rules")?;
    let set = &api.policy.rules;
    let told_in = api.policy.setting.language;
    let texts = set.rules().iter().map(|rule| rules::text(set, rule, Language::En, told_in));
    Ok(Json(part.cut(texts, |rule| rule.name.clone())))
}

/// Lists what a rule says now
///
/// Of each item, station or venue, or of the brand: whether it holds, and what keeps it from it. Of a rule that tells of moments
/// there is nothing to list; of one that counts items, of which of them it holds.
#[utoipa::path(
    get, path = "/rules/{name}/truths", tag = "rules", operation_id = "list_rule_truths",
    params(("name" = String, Path, description = "the name of the rule"), AskedTruths, Paging),
    responses(
        (status = 200, description = "the subjects, in the order of their numbers", body = Page<RuleTruth>, example = json!({
            "items": [{
                "kind": "item", "id": 54, "name": "Plov", "truth": "clear", "why": ["limit is 3, the rule asks for at most 0"],
                "alert": null, "alert_since": null,
            }],
            "next_cursor": null,
        })),
        (status = 404, description = "there is no such rule, brand or venue", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "there is no such rule", "status": 404, "detail": "/api/v1/rules lists those in force",
        })),
        Unread,
    )
)]
pub(super) async fn truths(
    State(api): State<Api>,
    Path(name): Path<String>,
    Listed(AskedTruths { brand, venue }, paging): Listed<AskedTruths>,
) -> Result<Json<Page<RuleTruth>>, Problem> {
    let part = paging.of("rule_truths")?;
    let gone = |title: &str, detail: &str| Problem::new(StatusCode::NOT_FOUND, title).with_detail(detail);
    let rule = RuleName::new(&name).ok().and_then(|name| api.policy.rules.get(&name));
    let Some(rule) = rule else { return Err(gone("there is no such rule", "/api/v1/rules lists those in force")) };
    watched(&api.live, Some(&brand))?;
    let Some(place) = Place::of(&api.live, &brand, venue) else {
        return Err(gone("there is no such venue", "/api/v1/freshness/{brand}/venues lists those that are watched"));
    };
    let (policy, rule, now) = (Arc::clone(&api.policy), rule.name.clone(), clock::now());
    let page = move || {
        let truths = policy.rules.get(&rule).map(|rule| place.asked(&policy).truths(rule, Language::En, now));
        part.cut(truths.unwrap_or_default(), |truth| truth.id)
    };
    Ok(Json(api.desk.reckon(page).await.map_err(|NoLook| busy())?))
}
