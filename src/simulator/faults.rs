//! What goes wrong between a watcher and Clopos, scripted: for some requests or for a time, somewhere or everywhere.
//!
//! The plan decides which fault meets a request; spoiling the answer is a function of both. Must never change the
//! world itself. Invariant: a fault that does not fit an endpoint passes it by and is not used up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::Json;
use super::route::{ApiAnswer, Endpoint, Transport};
use crate::units::{BrandId, Timestamp, VenueId};

/// Faults that wait at most: a script has dozens, a mistake in a loop has thousands.
const FAULTS_MAX: usize = 256;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// 429 for a reason that is not the caller's, with this `RateLimit-Reset`.
    TooManyRequests {
        /// Seconds to wait.
        reset_s: u32,
    },
    /// An error of the server with a JSON body: 500, 502, 503, 504.
    Status {
        /// The status code.
        code: u16,
    },
    /// 502 with the HTML page of a proxy.
    BadGatewayPage,
    /// 200 with an HTML page.
    Html,
    /// 200 without a body.
    EmptyBody,
    /// `Content-Length` promises the body, half of it comes.
    CutBody,
    /// 200 with `success: false`.
    Refused,
    /// `data: null`.
    NullData,
    /// Rows whose fields have wrong types, one row is no object.
    WrongTypes,
    /// Fields and a product type that nobody has published.
    UnknownFields,
    /// Every row twice.
    DuplicateRows,
    /// Every number is text.
    NumbersAsStrings,
    /// Every id is text.
    IdsAsStrings,
    /// The stop list is empty by error: 200, `data: []`.
    EmptyStopList,
    /// An id filter of the stop list is read as a range, as some backends do (clopos-api.md, stop list).
    FilterAsRange,
    /// The page starts this many rows late: rows were removed from earlier pages meanwhile.
    LoseRows {
        /// How many.
        rows: u32,
    },
    /// A page after the first starts this many rows early: rows were added to earlier pages meanwhile.
    RepeatRows {
        /// How many.
        rows: u32,
    },
    /// The token of the request expires now.
    TokenExpired,
    /// The answer takes this long.
    Late {
        /// Milliseconds.
        ms: u64,
    },
    /// No answer at all; the connection stays open.
    Hang,
    /// The connection is reset.
    Reset,
    /// A compressed body, for callers that accept gzip.
    Gzip,
    /// A body that never ends.
    EndlessBody,
}

/// Where a fault applies; a field that is `None` means everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scope {
    /// The endpoint.
    pub endpoint: Option<Endpoint>,
    /// The tenant.
    pub brand: Option<BrandId>,
    /// The venue.
    pub venue: Option<VenueId>,
}

/// How long a fault applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// For this many requests.
    Next(u32),
    /// From the first instant up to, and without, the second.
    Between(Timestamp, Timestamp),
}

/// A fault of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedFault {
    /// What goes wrong.
    pub fault: Fault,
    /// Where.
    pub scope: Scope,
    /// How long.
    pub span: Span,
}

/// What a fault may look at before it applies.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The endpoint asked.
    pub endpoint: Endpoint,
    /// The tenant, when known.
    pub brand: Option<&'a BrandId>,
    /// The venue asked about.
    pub venue: Option<VenueId>,
    /// The page asked for.
    pub page: u64,
}

/// The faults that still wait; the first that fits a request meets it.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    waiting: Vec<ScriptedFault>,
}

impl FaultPlan {
    /// Adds a fault behind the others.
    ///
    /// # Errors
    /// Returns the largest number when that many wait already.
    pub fn add(&mut self, fault: ScriptedFault) -> Result<(), usize> {
        if self.waiting.len() >= FAULTS_MAX {
            return Err(FAULTS_MAX);
        }
        self.waiting.push(fault);
        Ok(())
    }

    /// Returns the fault that meets a request at `now` and uses it up by one.
    pub fn take(&mut self, target: Target<'_>, now: Timestamp) -> Option<Fault> {
        self.waiting.retain(|known| match known.span {
            Span::Next(left) => left > 0,
            Span::Between(_, until) => now < until,
        });
        let meets = |known: &&mut ScriptedFault| {
            let begun = match known.span {
                Span::Next(_) => true,
                Span::Between(from, _) => from <= now,
            };
            begun && known.scope.covers(target) && known.fault.fits(target)
        };
        let met = self.waiting.iter_mut().find(meets)?;
        if let Span::Next(left) = &mut met.span {
            *left -= 1;
        }
        Some(met.fault)
    }
}

impl Scope {
    fn covers(&self, target: Target<'_>) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == target.endpoint)
            && self.brand.as_ref().is_none_or(|brand| Some(brand) == target.brand)
            && self.venue.is_none_or(|venue| Some(venue) == target.venue)
    }
}

impl Fault {
    /// Returns its name as the log and the control door write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooManyRequests { .. } => "too-many-requests",
            Self::Status { .. } => "status",
            Self::BadGatewayPage => "bad-gateway-page",
            Self::Html => "html",
            Self::EmptyBody => "empty-body",
            Self::CutBody => "cut-body",
            Self::Refused => "refused",
            Self::NullData => "null-data",
            Self::WrongTypes => "wrong-types",
            Self::UnknownFields => "unknown-fields",
            Self::DuplicateRows => "duplicate-rows",
            Self::NumbersAsStrings => "numbers-as-strings",
            Self::IdsAsStrings => "ids-as-strings",
            Self::EmptyStopList => "empty-stop-list",
            Self::FilterAsRange => "filter-as-range",
            Self::LoseRows { .. } => "lose-rows",
            Self::RepeatRows { .. } => "repeat-rows",
            Self::TokenExpired => "token-expired",
            Self::Late { .. } => "late",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Gzip => "gzip",
            Self::EndlessBody => "endless-body",
        }
    }

    /// Says in words what Clopos does: `answers with 502 Bad Gateway pages`.
    pub fn told(self) -> String {
        let words = match self {
            Self::TooManyRequests { .. } => "answers 429 Too Many Requests",
            Self::Status { code } => return format!("answers with error {code}"),
            Self::BadGatewayPage => "answers with 502 Bad Gateway pages",
            Self::Html => "answers with an HTML page",
            Self::EmptyBody => "answers with nothing",
            Self::CutBody => "breaks off in its answers",
            Self::Refused => "refuses to answer",
            Self::NullData => "answers without data",
            Self::WrongTypes => "sends values of wrong types",
            Self::UnknownFields => "sends fields that nobody knows",
            Self::DuplicateRows => "sends every row twice",
            Self::NumbersAsStrings => "sends numbers as texts",
            Self::IdsAsStrings => "sends ids as texts",
            Self::EmptyStopList => "sends an empty stop list by mistake",
            Self::FilterAsRange => "takes ids for a range of ids",
            Self::LoseRows { rows } => return format!("skips rows ({rows})"),
            Self::RepeatRows { rows } => return format!("repeats rows ({rows})"),
            Self::TokenExpired => "lets the token expire",
            Self::Late { ms } => return format!("takes {ms} ms for its answers"),
            Self::Hang => "does not answer",
            Self::Reset => "resets the connections",
            Self::Gzip => "sends compressed answers",
            Self::EndlessBody => "sends answers without end",
        };
        words.to_owned()
    }

    /// Returns by how many rows the page is shifted.
    pub fn row_shift(self) -> i64 {
        match self {
            Self::LoseRows { rows } => i64::from(rows),
            Self::RepeatRows { rows } => -i64::from(rows),
            Self::TooManyRequests { .. }
            | Self::Status { .. }
            | Self::BadGatewayPage
            | Self::Html
            | Self::EmptyBody
            | Self::CutBody
            | Self::Refused
            | Self::NullData
            | Self::WrongTypes
            | Self::UnknownFields
            | Self::DuplicateRows
            | Self::NumbersAsStrings
            | Self::IdsAsStrings
            | Self::EmptyStopList
            | Self::FilterAsRange
            | Self::TokenExpired
            | Self::Late { .. }
            | Self::Hang
            | Self::Reset
            | Self::Gzip
            | Self::EndlessBody => 0,
        }
    }

    fn fits(self, target: Target<'_>) -> bool {
        let endpoint = target.endpoint;
        let has_rows = !matches!(endpoint, Endpoint::Auth | Endpoint::Product | Endpoint::Station);
        let has_pages = has_rows && !matches!(endpoint, Endpoint::StopList | Endpoint::Venues);
        match self {
            Self::EmptyStopList | Self::FilterAsRange => endpoint == Endpoint::StopList,
            Self::LoseRows { .. } => has_pages,
            Self::RepeatRows { .. } => has_pages && target.page > 1,
            Self::DuplicateRows => has_rows,
            Self::TokenExpired
            | Self::NullData
            | Self::WrongTypes
            | Self::UnknownFields
            | Self::NumbersAsStrings
            | Self::IdsAsStrings => endpoint != Endpoint::Auth,
            Self::TooManyRequests { .. }
            | Self::Status { .. }
            | Self::BadGatewayPage
            | Self::Html
            | Self::EmptyBody
            | Self::CutBody
            | Self::Refused
            | Self::Late { .. }
            | Self::Hang
            | Self::Reset
            | Self::Gzip
            | Self::EndlessBody => true,
        }
    }
}

/// Builds the answer that `fault` makes of a status and a body.
pub fn spoil(fault: Option<Fault>, status: u16, mut body: Json) -> ApiAnswer {
    let Some(fault) = fault else { return json(status, &body, Transport::Whole) };
    match fault {
        Fault::TooManyRequests { reset_s } => {
            let mut answer = json(429, &error("too_many_requests", "Too Many Attempts."), Transport::Whole);
            answer.headers.push(("RateLimit-Reset", reset_s.to_string()));
            answer
        }
        Fault::Status { code } => {
            let text = if code == 504 { "Upstream timeout" } else { "Something went wrong" };
            json(code, &error("server_error", text), Transport::Whole)
        }
        Fault::BadGatewayPage => page(502, "502 Bad Gateway"),
        Fault::Html => page(200, "Clopos is being updated"),
        Fault::EmptyBody => ApiAnswer { status, headers: json_type(), body: Vec::new(), transport: Transport::Whole },
        Fault::Refused => json(200, &error("service_unavailable", "The venue is not available"), Transport::Whole),
        Fault::NullData | Fault::EmptyStopList => {
            if let Some(data) = body.member_mut("data") {
                *data = if fault == Fault::NullData { Json::Null } else { Json::List(Vec::new()) };
            }
            json(status, &body, Transport::Whole)
        }
        Fault::WrongTypes => {
            mistype(&mut body);
            json(status, &body, Transport::Whole)
        }
        Fault::UnknownFields => {
            add_unknown(&mut body);
            json(status, &body, Transport::Whole)
        }
        Fault::DuplicateRows => {
            if let Some(rows) = body.member_mut("data").and_then(Json::elements_mut) {
                *rows = rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect();
            }
            json(status, &body, Transport::Whole)
        }
        Fault::NumbersAsStrings => {
            quote(&mut body, |_| true);
            json(status, &body, Transport::Whole)
        }
        Fault::IdsAsStrings => {
            quote(&mut body, |key| key == "id" || key.ends_with("_id"));
            json(status, &body, Transport::Whole)
        }
        Fault::CutBody => json(status, &body, Transport::Cut),
        Fault::Late { ms } => json(status, &body, Transport::Late(Duration::from_millis(ms))),
        Fault::Hang => json(status, &body, Transport::Hang),
        Fault::Reset => json(status, &body, Transport::Reset),
        Fault::Gzip => json(status, &body, Transport::Gzip),
        Fault::EndlessBody => json(status, &body, Transport::Endless),
        Fault::FilterAsRange | Fault::LoseRows { .. } | Fault::RepeatRows { .. } | Fault::TokenExpired => {
            json(status, &body, Transport::Whole)
        }
    }
}

/// Builds the error body of clopos-api.md, envelope and errors.
pub fn error(slug: &str, message: &str) -> Json {
    Json::Object(vec![("success", Json::Bool(false)), ("error", Json::text(slug)), ("message", Json::text(message))])
}

fn json(status: u16, body: &Json, transport: Transport) -> ApiAnswer {
    ApiAnswer { status, headers: json_type(), body: body.to_bytes(), transport }
}

fn json_type() -> Vec<(&'static str, String)> {
    vec![("Content-Type", "application/json".to_owned())]
}

fn page(status: u16, title: &str) -> ApiAnswer {
    let body =
        format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n");
    let headers = vec![("Content-Type", "text/html; charset=UTF-8".to_owned())];
    ApiAnswer { status, headers, body: body.into_bytes(), transport: Transport::Whole }
}

/// Turns matching numbers below `data` into text; the envelope keeps its own.
fn quote(body: &mut Json, matches: fn(&str) -> bool) {
    let Some(data) = body.member_mut("data") else { return };
    data.visit_members(&mut |key, value| {
        if let (true, Json::Int(_) | Json::Decimal(_)) = (matches(key), &*value) {
            *value = Json::Text(String::from_utf8_lossy(&value.to_bytes()).into_owned());
        }
    });
}

/// Spoils the first rows in different ways and leaves the others, which must still be understood.
fn mistype(body: &mut Json) {
    let Some(data) = body.member_mut("data") else { return };
    let Some(rows) = data.elements_mut() else {
        *data = Json::text("one product");
        return;
    };
    for (at, row) in rows.iter_mut().enumerate().take(4) {
        match at {
            0 => spoil_members(row, &["id"], &Json::Null),
            1 => spoil_members(row, &["limit", "price", "status", "printable"], &Json::List(Vec::new())),
            2 => *row = Json::text("a row"),
            _ => spoil_members(row, &["timestamp", "updated_at", "type", "name"], &Json::Object(Vec::new())),
        }
    }
}

fn spoil_members(row: &mut Json, keys: &[&str], wrong: &Json) {
    for key in keys {
        if let Some(value) = row.member_mut(key) {
            *value = wrong.clone();
        }
    }
}

fn add_unknown(body: &mut Json) {
    let extra = Json::Object(vec![("since", Json::text("2027-01-01")), ("levels", Json::List(vec![Json::Int(1)]))]);
    body.push("meta", extra.clone());
    let Some(data) = body.member_mut("data") else { return };
    let Some(rows) = data.elements_mut() else {
        data.push("beta", extra);
        return;
    };
    for row in rows.iter_mut() {
        row.push("beta", extra.clone());
    }
    if let Some(Json::Text(kind)) = rows.first_mut().and_then(|row| row.member_mut("type")) {
        "SUBSCRIPTION".clone_into(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(endpoint: Endpoint, page: u64) -> Target<'static> {
        Target { endpoint, brand: None, venue: Some(VenueId(2)), page }
    }

    fn next(fault: Fault, count: u32) -> ScriptedFault {
        ScriptedFault { fault, scope: Scope::default(), span: Span::Next(count) }
    }

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

    #[test]
    fn a_fault_waits_for_a_request_that_it_fits() {
        let mut plan = FaultPlan::default();
        plan.add(next(Fault::EmptyStopList, 2)).expect("room");
        plan.add(next(Fault::RepeatRows { rows: 1 }, 1)).expect("room");
        assert_eq!(plan.take(target(Endpoint::Products, 1), NOW), None);
        assert_eq!(plan.take(target(Endpoint::Products, 2), NOW), Some(Fault::RepeatRows { rows: 1 }));
        for left in [true, true, false] {
            let met = plan.take(target(Endpoint::StopList, 1), NOW);
            assert_eq!(met, left.then_some(Fault::EmptyStopList));
        }
    }

    #[test]
    fn scope_and_time_are_kept() {
        let mut plan = FaultPlan::default();
        let at = Timestamp::from_unix_ms;
        let scope = Scope { endpoint: Some(Endpoint::StopList), venue: Some(VenueId(2)), brand: None };
        plan.add(ScriptedFault { fault: Fault::Html, scope, span: Span::Between(at(10), at(20)) }).expect("room");
        let elsewhere = Target { venue: Some(VenueId(3)), ..target(Endpoint::StopList, 1) };
        for (target, ms, met) in [
            (target(Endpoint::StopList, 1), 9, false),
            (elsewhere, 12, false),
            (target(Endpoint::Stations, 1), 12, false),
            (target(Endpoint::StopList, 1), 12, true),
            (target(Endpoint::StopList, 1), 19, true),
            (target(Endpoint::StopList, 1), 20, false),
        ] {
            assert_eq!(plan.take(target, at(ms)), met.then_some(Fault::Html), "{target:?} at {ms}");
        }
    }

    #[test]
    fn a_fault_has_one_name_in_scripts_and_in_the_log() {
        for text in [
            r#"{"too-many-requests": {"reset_s": 1}}"#,
            r#"{"status": {"code": 500}}"#,
            r#"{"lose-rows": {"rows": 1}}"#,
            r#"{"repeat-rows": {"rows": 1}}"#,
            r#"{"late": {"ms": 1}}"#,
            r#""bad-gateway-page""#,
            r#""html""#,
            r#""empty-body""#,
            r#""cut-body""#,
            r#""refused""#,
            r#""null-data""#,
            r#""wrong-types""#,
            r#""unknown-fields""#,
            r#""duplicate-rows""#,
            r#""numbers-as-strings""#,
            r#""ids-as-strings""#,
            r#""empty-stop-list""#,
            r#""filter-as-range""#,
            r#""token-expired""#,
            r#""hang""#,
            r#""reset""#,
            r#""gzip""#,
            r#""endless-body""#,
        ] {
            let fault: Fault = serde_json::from_str(text).expect(text);
            assert_eq!(text.split('"').nth(1), Some(fault.name()));
        }
    }

    #[test]
    fn the_plan_is_bounded() {
        let mut plan = FaultPlan::default();
        for _ in 0..FAULTS_MAX {
            plan.add(next(Fault::Hang, 1)).expect("room");
        }
        assert_eq!(plan.add(next(Fault::Hang, 1)), Err(FAULTS_MAX));
    }

    #[test]
    fn answers_are_spoilt_as_named() {
        let row = |id, limit| Json::Object(vec![("id", Json::Int(id)), ("limit", limit), ("type", Json::text("DISH"))]);
        let rows = vec![row(1, Json::Int(0)), row(2, Json::Decimal("2.5".into())), row(3, Json::Int(4))];
        let body =
            Json::Object(vec![("success", Json::Bool(true)), ("data", Json::List(rows)), ("unix", Json::Int(9))]);
        let spoilt = |fault| {
            let answer = spoil(Some(fault), 200, body.clone());
            (answer.status, serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default())
        };
        assert!(spoilt(Fault::NullData).1["data"].is_null());
        assert_eq!(spoilt(Fault::EmptyStopList).1["data"], serde_json::json!([]));
        assert_eq!(spoilt(Fault::DuplicateRows).1["data"].as_array().map(Vec::len), Some(6));
        let numbers = spoilt(Fault::NumbersAsStrings).1;
        assert_eq!((&numbers["data"][1]["limit"], &numbers["unix"]), (&"2.5".into(), &9.into()));
        let ids = spoilt(Fault::IdsAsStrings).1;
        assert_eq!((&ids["data"][1]["id"], &ids["data"][2]["limit"]), (&"2".into(), &4.into()));
        let wrong = spoilt(Fault::WrongTypes).1;
        assert!(
            wrong["data"][0]["id"].is_null() && wrong["data"][1]["limit"].is_array() && wrong["data"][2].is_string()
        );
        let unknown = spoilt(Fault::UnknownFields).1;
        assert_eq!(unknown["data"][0]["type"], "SUBSCRIPTION");
        assert!(unknown["data"][2]["beta"]["levels"].is_array());
        assert_eq!(spoilt(Fault::Refused).1["success"], false);
        assert_eq!(spoilt(Fault::Status { code: 504 }).0, 504);
        assert!(spoilt(Fault::Html).1.is_null(), "HTML is no JSON");
        assert!(spoil(Some(Fault::EmptyBody), 200, body.clone()).body.is_empty());
        let limited = spoil(Some(Fault::TooManyRequests { reset_s: 7 }), 200, body.clone());
        assert!(limited.headers.contains(&("RateLimit-Reset", "7".to_owned())));
        assert_eq!(spoil(Some(Fault::CutBody), 200, body).transport, Transport::Cut);
    }
}
