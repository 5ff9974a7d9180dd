//! One request, one answer: who may ask, how often, and what a scripted fault makes of it.
//!
//! The order of the checks is that of clopos-api.md: tier 2, token, tier 3, venue, query. Invariant: every request is
//! in the log once, and a 429 that the caller caused is in its counter.

use serde::Deserialize;

use super::faults::{Fault, Target, error, spoil};
use super::json::Json;
use super::limits::Standing;
use super::listings::{Question, respond};
use super::log::Entry;
use super::query::parse;
use super::route::{ApiAnswer, ApiRequest, BASE_PATH, Endpoint};
use super::tokens::Token;
use super::world::{Brand, Integrator, World};
use crate::units::{BrandId, Timestamp, VenueId};

/// A status and a body, before faults.
pub type Reply = (u16, Json);

/// What a request turned out to be, for the log.
#[derive(Default)]
struct Seen {
    endpoint: Option<Endpoint>,
    brand: Option<BrandId>,
    venue: Option<VenueId>,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Credentials {
    client_id: Option<String>,
    client_secret: Option<String>,
    brand: Option<String>,
    integrator_id: Option<String>,
}

impl World {
    /// Answers a request at `now`, as Clopos would.
    pub fn answer(&mut self, request: &ApiRequest, now: Timestamp) -> ApiAnswer {
        let mut seen = Seen::default();
        let path = request.path.strip_prefix(BASE_PATH).unwrap_or_default();
        let answer = match Endpoint::find(path) {
            None => spoil(None, 404, error("resource_not_found", "Route not found")),
            Some((endpoint, _)) if endpoint.method() != request.method => {
                spoil(None, 405, error("method_not_allowed", "Method not allowed"))
            }
            Some((endpoint, id)) => {
                seen.endpoint = Some(endpoint);
                match endpoint {
                    Endpoint::Auth => self.answer_auth(request, &mut seen, now),
                    Endpoint::Venues
                    | Endpoint::Products
                    | Endpoint::Product
                    | Endpoint::StopList
                    | Endpoint::Stations
                    | Endpoint::Station
                    | Endpoint::PriceLists
                    | Endpoint::Prices => self.answer_authenticated(request, endpoint, id, &mut seen, now),
                }
            }
        };
        let Seen { endpoint, brand, venue, fault } = seen;
        let entry = Entry {
            at_ms: now.unix_ms(),
            method: request.method.clone(),
            path: path.to_owned(),
            query: request.raw_query.clone(),
            brand: brand.map(|brand| brand.to_string()),
            venue: venue.map(|venue| venue.0),
            status: answer.status,
            fault: fault.map(Fault::name),
        };
        self.log.note(entry, endpoint);
        answer
    }

    fn answer_auth(&mut self, request: &ApiRequest, seen: &mut Seen, now: Timestamp) -> ApiAnswer {
        let window = self.rate_book.auth(request.client);
        if !window.admit(self.rates.auth, now) {
            let standing = window.standing(self.rates.auth, now);
            self.log.counters.refused.auth += 1;
            return too_many(standing);
        }
        let credentials = read_credentials(request);
        seen.brand = credentials.as_ref().and_then(|read| BrandId::new(read.brand.as_deref()?).ok());
        let target = Target { endpoint: Endpoint::Auth, brand: seen.brand.as_ref(), venue: None, page: 1 };
        seen.fault = self.faults.take(target, now);
        let (status, body) = self.authenticate(credentials, seen.brand.as_ref(), now).unwrap_or_else(|refusal| refusal);
        spoil(seen.fault, status, body)
    }

    fn authenticate(
        &mut self,
        credentials: Option<Credentials>,
        slug: Option<&BrandId>,
        now: Timestamp,
    ) -> Result<Reply, Reply> {
        let missing = "Missing client_id, client_secret, brand, or integrator_id";
        let filled = |field: Option<String>| field.filter(|text| !text.is_empty());
        let Some(Credentials { client_id, client_secret, brand, integrator_id }) = credentials else {
            return Err((400, error(missing, missing)));
        };
        let (Some(client_id), Some(client_secret), Some(_), Some(integrator_id)) =
            (filled(client_id), filled(client_secret), filled(brand), filled(integrator_id))
        else {
            return Err((400, error(missing, missing)));
        };
        let integrator = self.integrators.get(&integrator_id).copied();
        let known = slug.and_then(|slug| Some((slug, self.brands.get(slug)?)));
        let rejected = || {
            let message = Json::text("The client_id, client_secret or brand is wrong");
            (401, Json::Object(vec![("success", Json::Bool(false)), ("message", message)]))
        };
        // 400 and 200 here, 401 on the other routes, as Clopos publishes them.
        let integrator = integrator.filter(|row| row.active);
        let integrator = integrator.ok_or_else(|| (400, error("Invalid integrator_id", "Invalid integrator_id")))?;
        let (slug, row) = known.ok_or_else(rejected)?;
        if row.client_id != client_id || row.client_secret.expose() != client_secret {
            return Err(rejected());
        }
        if let Some(text) = mode_mismatch(integrator, row) {
            return Err((200, error(text, text)));
        }
        if !row.enabled {
            return Err((401, error("Client is disabled", "Client is disabled")));
        }
        let venue = row.main_venue().unwrap_or(VenueId(1));
        let expires_at = now.plus(self.token_life);
        let token = self.tokens.issue(Token { brand: slug.clone(), integrator: integrator_id, expires_at }, venue);
        let body = vec![
            ("success", Json::Bool(true)),
            ("token", Json::Text(token)),
            ("token_type", Json::text("Bearer")),
            ("expires_in", Json::id(self.token_life.as_secs())),
            ("expires_at", Json::Int(expires_at.unix_s())),
            ("message", Json::text("Authentication successful")),
        ];
        Ok((200, Json::Object(body)))
    }

    fn answer_authenticated(
        &mut self,
        request: &ApiRequest,
        endpoint: Endpoint,
        id: &str,
        seen: &mut Seen,
        now: Timestamp,
    ) -> ApiAnswer {
        let errors = self.rate_book.errors(request.client).standing(self.rates.errors, now);
        if errors.remaining == 0 {
            self.log.counters.refused.errors += 1;
            return too_many(errors);
        }
        let (mut answer, tenant) = match self.check_token(request, now) {
            Err((status, body)) => (spoil(None, status, body), None),
            Ok(token) => {
                seen.brand = Some(token.brand.clone());
                self.log.counters.tenant_requests += 1;
                let window = self.rate_book.tenant(&token.integrator, &token.brand);
                let admitted = window.admit(self.rates.tenant, now);
                let standing = window.standing(self.rates.tenant, now);
                let answer = if admitted {
                    self.answer_known(request, endpoint, id, &token, seen, now)
                } else {
                    self.log.counters.refused.tenant += 1;
                    spoil(None, 429, too_many_body())
                };
                (answer, Some(standing))
            }
        };
        let window = self.rate_book.errors(request.client);
        if answer.status >= 400 {
            window.admit(self.rates.errors, now);
        }
        let errors = window.standing(self.rates.errors, now);
        if let Some(tenant) = tenant {
            let tightest = if errors.remaining < tenant.remaining { errors } else { tenant };
            add_standing(&mut answer, tightest);
        }
        answer
    }

    fn answer_known(
        &mut self,
        request: &ApiRequest,
        endpoint: Endpoint,
        id: &str,
        token: &Token,
        seen: &mut Seen,
        now: Timestamp,
    ) -> ApiAnswer {
        let Some(brand) = self.brands.get(&token.brand) else {
            return spoil(None, 401, error("Invalid token", "Invalid token"));
        };
        let venue = match find_venue(request, brand) {
            Ok(venue) => venue,
            Err((status, body)) => return spoil(None, status, body),
        };
        seen.venue = Some(venue);
        let query = parse(&request.raw_query);
        let page = query.as_ref().ok().and_then(|query| query.scalars.get("page")?.parse().ok()).unwrap_or(1);
        let fault = self.faults.take(Target { endpoint, brand: Some(&token.brand), venue: Some(venue), page }, now);
        seen.fault = fault;
        if fault == Some(Fault::TokenExpired) {
            self.tokens.expire_one(request.header("x-token").unwrap_or_default(), now);
            return spoil(None, 401, expired(now));
        }
        let (status, body) = match query {
            Ok(query) => {
                let question = Question { brand, venue, endpoint, id, query: &query, fault, now };
                respond(&question).unwrap_or_else(|refusal| refusal)
            }
            Err(message) => (400, error("invalid_parameter", &message)),
        };
        spoil(fault, status, body)
    }

    fn check_token(&self, request: &ApiRequest, now: Timestamp) -> Result<Token, Reply> {
        let text = request.header("x-token").filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| (401, error("unauthorized", "Missing authentication headers")))?;
        let token = self.tokens.find(text).ok_or_else(|| (401, error("Invalid token", "Invalid token")))?;
        if token.expires_at <= now {
            return Err((401, expired(token.expires_at)));
        }
        let integrator = self.integrators.get(&token.integrator).filter(|integrator| integrator.active);
        let integrator = integrator.ok_or_else(|| (401, error("Invalid integrator_id", "Invalid integrator_id")))?;
        let brand = self.brands.get(&token.brand);
        if let Some(text) = brand.and_then(|brand| mode_mismatch(*integrator, brand)) {
            return Err((401, error(text, text)));
        }
        if brand.is_some_and(|brand| !brand.enabled) {
            return Err((401, error("Client is disabled", "Client is disabled")));
        }
        Ok(token.clone())
    }
}

/// Fields that are no strings, another content type and broken JSON all look like missing fields to the backend.
fn read_credentials(request: &ApiRequest) -> Option<Credentials> {
    let is_json = request.header("content-type").is_some_and(|value| value.starts_with("application/json"));
    is_json.then(|| serde_json::from_slice(&request.body).ok()).flatten()
}

fn find_venue(request: &ApiRequest, brand: &Brand) -> Result<VenueId, Reply> {
    let forbidden = || (403, error("forbidden", "The venue does not belong to this brand"));
    let Some(text) = request.header("x-venue") else { return brand.main_venue().ok_or_else(forbidden) };
    let wanted = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())).map(VenueId);
    let wanted = wanted.ok_or_else(|| (400, error("invalid_parameter", "x-venue must be an integer")))?;
    if brand.venues.contains_key(&wanted) { Ok(wanted) } else { Err(forbidden()) }
}

const fn mode_mismatch(integrator: Integrator, brand: &Brand) -> Option<&'static str> {
    match (integrator.test, brand.test) {
        (true, false) => Some("Integrator is in test mode. But brand is not in test mode"),
        (false, true) => Some("Brand is in test mode. But integrator is not in test mode"),
        (true, true) | (false, false) => None,
    }
}

/// The one error body whose `expires_at` is ISO 8601 and not Unix seconds (clopos-api.md, authentication).
fn expired(at: Timestamp) -> Json {
    let mut body = error("Token expired", "Token expired");
    body.push("expires_at", Json::Text(at.to_string()));
    body
}

fn too_many_body() -> Json {
    error("too_many_requests", "Too Many Attempts.")
}

fn too_many(standing: Standing) -> ApiAnswer {
    let mut answer = spoil(None, 429, too_many_body());
    add_standing(&mut answer, standing);
    answer
}

/// Adds the three headers; a scripted 429 keeps the reset that it was given.
fn add_standing(answer: &mut ApiAnswer, standing: Standing) {
    answer.headers.push(("RateLimit-Limit", standing.limit.to_string()));
    answer.headers.push(("RateLimit-Remaining", standing.remaining.to_string()));
    if !answer.headers.iter().any(|(name, _)| *name == "RateLimit-Reset") {
        answer.headers.push(("RateLimit-Reset", standing.reset_s.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::{Value, json};

    use super::*;
    use crate::simulator::faults::{Scope, ScriptedFault, Span};
    use crate::simulator::limits::Rates;
    use crate::simulator::plan::{
        BrandPlan, DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_INTEGRATOR, IntegratorPlan, WorldPlan,
    };
    use crate::simulator::route::Transport;
    use crate::units::{ProductId, Quantity};

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + s * 1_000)
    }

    fn sahil() -> BrandId {
        BrandId::new(DEMO_BRAND).expect("slug")
    }

    fn world() -> World {
        World::new(&WorldPlan::demo(1, 3), at(0))
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> ApiRequest {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        ApiRequest {
            method: method.into(),
            path: format!("{BASE_PATH}{path}"),
            raw_query: query.into(),
            headers: headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.as_bytes().to_vec(),
            client: IpAddr::from([127, 0, 0, 1]),
        }
    }

    fn body(answer: &ApiAnswer) -> Value {
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn auth_with(world: &mut World, fields: &Value, now: Timestamp) -> (u16, Value) {
        let json = [("content-type", "application/json")];
        let answer = world.answer(&request("POST", "/auth", &json, &fields.to_string()), now);
        (answer.status, body(&answer))
    }

    fn credentials() -> Value {
        json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET, "brand": DEMO_BRAND,
            "integrator_id": DEMO_INTEGRATOR})
    }

    fn token(world: &mut World, now: Timestamp) -> String {
        let (status, body) = auth_with(world, &credentials(), now);
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    fn get(world: &mut World, token: &str, path: &str, now: Timestamp) -> (u16, Value) {
        let answer = world.answer(&request("GET", path, &[("x-token", token)], ""), now);
        (answer.status, body(&answer))
    }

    const QUERIES: &[(&str, u16)] = &[
        ("/venues", 200),
        ("/venues?page=1", 400),
        ("/venues/1", 404),
        ("/nothing", 404),
        ("/products", 200),
        ("/products?page=1&limit=100&selects=id,name,type,price,image", 200),
        (
            "/products?page=1&limit=50&filters[0][0]=type&filters[0][1][0]=GOODS&filters[1][0]=inventory_behavior&filters[1][1]=1",
            200,
        ),
        (
            "/products?with[0]=category&with[1]=station&with[2]=modifications&with[3]=modifications.codes&with[4]=taxes",
            200,
        ),
        (
            "/products?with%5B0%5D=recipe&with%5B1%5D=modificator_groups&with[2]=packages&with[3]=tags&with[4]=codes",
            200,
        ),
        ("/products?filters[0][0]=has_variants&filters[0][1]=1", 200),
        ("/products?limit=101", 400),
        ("/products?limit=0", 400),
        ("/products?page=0", 400),
        ("/products?page=-1", 400),
        ("/products?page=x", 400),
        ("/products?page=+1", 400),
        ("/products?page=999999", 200),
        ("/products?sort=id", 400),
        ("/products?selects=id,colour", 400),
        ("/products?with[0]=unit", 400),
        ("/products?with[0]=recipe&with[1]=recipe", 400),
        ("/products?with=recipe", 400),
        ("/products?filters[0][0]=updated_at&filters[0][1]=1", 400),
        ("/products?filters[0][0]=type&filters[0][1]=DISH", 400),
        ("/products?filters[0][0]=type&filters[0][1][0]=MODIFICATION", 400),
        ("/products?filters[0][0]=giftable&filters[0][1]=yes", 400),
        ("/products?filters[0][0]=giftable&filters[0][1][0]=1", 400),
        ("/products?filters[0][0]=inventory_behavior&filters[0][1]=2", 400),
        ("/products?filters=%7B%22type%22%3A1%7D", 400),
        ("/products?page=%zz", 400),
        ("/products/101", 200),
        ("/products/101?with[]=modifications&with[]=taxes", 200),
        ("/products/101?with[0]=unit&with[1]=media&with[2]=setting", 200),
        ("/products/101?page=1", 400),
        ("/products/9999", 404),
        ("/products/99999999999999999999999", 404),
        ("/products/123e4567-e89b-12d3-a456-426614174000", 404),
        ("/products/abc", 400),
        ("/products/-1", 400),
        ("/products/1.5", 400),
        ("/products/stop-list", 200),
        ("/products/stop-list?filters[0][0]=id&filters[0][1][0]=1&filters[0][1][1]=332", 200),
        ("/products/stop-list?page=1", 400),
        ("/products/stop-list?filters[0][0]=limit&filters[0][1][0]=0", 400),
        ("/products/stop-list?filters[0][0]=id&filters[0][1]=1", 400),
        ("/products/stop-list?filters[0][0]=id&filters[0][1][0]=x", 400),
        ("/stations", 200),
        ("/stations?status=1&can_print=true&page=1&limit=200", 200),
        ("/stations?limit=201", 400),
        ("/stations?status=2", 400),
        ("/stations?status=true", 400),
        ("/stations?can_print=yes", 400),
        ("/stations/1", 200),
        ("/stations/9", 404),
        ("/stations/x", 400),
        ("/price-lists", 200),
        ("/price-lists?with[]=prices", 200),
        ("/price-lists?with[]=product", 400),
        ("/price-lists/prices", 200),
        ("/price-lists/prices?limit=999&page=2&with[]=product&with[]=list", 200),
        ("/price-lists/prices?filters[0][0]=list_id&filters[0][1]=2", 200),
        ("/price-lists/prices?limit=1000", 400),
        ("/price-lists/prices?filters[0][0]=price&filters[0][1]=2", 400),
        ("/price-lists/prices?filters[0][0]=id&filters[0][1][0]=2", 400),
    ];

    #[test]
    fn a_query_is_answered_or_refused_as_published() {
        let mut world = world();
        world.rates.tenant = 10_000;
        let token = token(&mut world, at(0));
        for &(path, status) in QUERIES {
            let (answered, body) = get(&mut world, &token, path, at(1));
            assert_eq!(answered, status, "{path}: {body}");
            if status == 400 {
                assert_eq!((&body["success"], &body["error"]), (&json!(false), &json!("invalid_parameter")), "{path}");
            }
        }
        let post = world.answer(&request("POST", "/venues", &[("x-token", &token)], ""), at(1));
        assert_eq!(post.status, 405);
    }

    #[test]
    fn callers_are_refused_as_published() {
        let mut world = world();
        let good = token(&mut world, at(0));
        let ask = |world: &mut World, headers: &[(&str, &str)], s| {
            let answer = world.answer(&request("GET", "/products/stop-list", headers, ""), at(s));
            (answer.status, body(&answer))
        };
        let (status, missing) = ask(&mut world, &[], 1);
        assert_eq!((status, &missing["error"]), (401, &json!("unauthorized")));
        assert_eq!(missing["message"], "Missing authentication headers");
        let bearer = format!("Bearer {good}");
        assert_eq!(ask(&mut world, &[("authorization", &bearer)], 1).0, 401);
        for (headers, status, error) in [
            ([("x-token", "nonsense"), ("x-venue", "1")], 401, "Invalid token"),
            ([("x-token", &bearer), ("x-venue", "1")], 401, "Invalid token"),
            ([("x-token", &good), ("x-venue", "4")], 403, "forbidden"),
            ([("x-token", &good), ("x-venue", "one")], 400, "invalid_parameter"),
        ] {
            let answered = ask(&mut world, &headers, 1);
            assert_eq!((answered.0, &answered.1["error"]), (status, &json!(error)), "{headers:?}");
        }
        assert_eq!(ask(&mut world, &[("x-token", &good), ("x-venue", "3")], 3_599).0, 200);
        let (status, expired) = ask(&mut world, &[("x-token", &good)], 3_600);
        assert_eq!((status, &expired["error"]), (401, &json!("Token expired")));
        assert!(expired["expires_at"].as_str().expect("ISO 8601").parse::<Timestamp>().is_ok());
        let second = token(&mut world, at(3_600));
        world.set_client_enabled(&sahil(), false).expect("known");
        assert_eq!(ask(&mut world, &[("x-token", &second)], 3_601).1["error"], "Client is disabled");
        world.set_client_enabled(&sahil(), true).expect("known");
        world.set_test_mode(&sahil(), true).expect("known");
        let (status, mismatch) = ask(&mut world, &[("x-token", &second)], 3_601);
        assert_eq!((status, &mismatch["success"]), (401, &json!(false)));
        world.set_integrator_active(DEMO_INTEGRATOR, false).expect("known");
        assert_eq!(ask(&mut world, &[("x-token", &second)], 3_601).1["error"], "Invalid integrator_id");
    }

    #[test]
    fn credentials_are_refused_as_published() {
        let mut plan = WorldPlan::demo(1, 1);
        plan.integrators.push(IntegratorPlan { id: "int-test".into(), test: true });
        plan.brands.push(BrandPlan::new("other", "other-id", "other-secret", 1).expect("slug"));
        let mut world = World::new(&plan, at(0));
        let (status, body) = auth_with(&mut world, &credentials(), at(0));
        assert_eq!((status, &body["token_type"], &body["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
        assert_eq!(body["expires_at"], at(3_600).unix_s());
        let missing = "Missing client_id, client_secret, brand, or integrator_id";
        for (field, value, status, error) in [
            ("client_id", Value::Null, 400, Some(missing)),
            ("brand", json!(""), 400, Some(missing)),
            ("client_secret", json!(7), 400, Some(missing)),
            ("integrator_id", json!("int-none"), 400, Some("Invalid integrator_id")),
            (
                "integrator_id",
                json!("int-test"),
                200,
                Some("Integrator is in test mode. But brand is not in test mode"),
            ),
            ("client_secret", json!("wrong"), 401, None),
            ("client_id", json!("other-id"), 401, None),
            ("brand", json!("other"), 401, None),
            ("brand", json!("no such brand"), 401, None),
        ] {
            let mut fields = credentials();
            fields[field] = value;
            let (answered, body) = auth_with(&mut world, &fields, at(0));
            assert_eq!((answered, body["error"].as_str()), (status, error), "{field}: {body}");
            assert_eq!(body["success"], false);
        }
        let form = world.answer(&request("POST", "/auth", &[], &credentials().to_string()), at(0));
        assert_eq!(form.status, 400, "no JSON content type");
        world.set_client_enabled(&sahil(), false).expect("known");
        assert_eq!(auth_with(&mut world, &credentials(), at(0)).1["error"], "Client is disabled");
    }

    #[test]
    fn rows_have_the_published_shape() {
        let mut world = world();
        let token = token(&mut world, at(0));
        let (_, list) = get(&mut world, &token, "/products?limit=1&with[]=recipe", at(1));
        assert_eq!(list["data"][0], serde_json::from_str::<Value>(FIRST_PRODUCT).expect("JSON"));
        assert!(list["total"].as_u64().expect("a count") > 100 && list["sorts"].is_array() && list["unix"].is_number());
        let (_, single) = get(&mut world, &token, "/products/201?with[]=modifications.codes", at(1));
        let half = &single["data"]["modifications"][1];
        assert_eq!(
            (&half["type"], &half["parent_id"], &half["full_name"]),
            (&json!("MODIFICATION"), &json!(201), &json!("Fanta 0.5 L"))
        );
        assert_eq!(half["codes"][0]["code"], "4760000003024");
        let (_, dish) = get(&mut world, &token, "/products/101?with[]=recipe&with[]=modificator_groups", at(1));
        assert_eq!(
            dish["data"]["recipe"][0],
            json!({"ingredient_id": 42, "name": "Lülə qiyməsi", "gross": "0.2500", "net": "0.2250"})
        );
        let extra = &dish["data"]["modificator_groups"][0]["modificators"][0];
        assert_eq!((&extra["price"], &extra["ingredient"]["id"]), (&json!(0.8), &json!(35)));
        let (_, stations) = get(&mut world, &token, "/stations?status=0", at(1));
        assert_eq!(
            stations["data"],
            json!([{"id": 4, "name": "Terrace grill", "status": 0, "type": 1, "printable": 1,
                "created_at": "2026-01-13T20:04:05.000000Z", "updated_at": "2026-01-13T20:04:05.000000Z"}])
        );
        let (_, prices) =
            get(&mut world, &token, "/price-lists/prices?limit=7&page=2&with[]=product&with[]=list", at(1));
        assert!(prices.get("success").is_none());
        assert_eq!(prices["pagination"]["per_page"], 7);
        assert_eq!(prices["data"][0]["list"]["status"], true);
        assert!(prices["data"][0]["product"]["recipe"][0]["pivot"]["gross"].is_string());
        let (_, venues) = get(&mut world, &token, "/venues", at(1));
        assert_eq!((&venues["total"], &venues["data"][0]["is_main"]), (&json!(3), &json!(1)));
    }

    const FIRST_PRODUCT: &str = r#"{"id":1,"parent_id":null,"station_id":null,"category_id":null,"unit_id":2,
        "type":"INGREDIENT","name":"Quzu əti","parent_name":"","full_name":"Quzu əti","position":null,"barcode":null,
        "gov_code":null,"status":1,"hidden":0,"sold_by_weight":true,"discountable":true,"giftable":false,
        "has_modifications":false,"description":null,"price":0,"cost_price":14.2,"cooking_time":0,
        "inventory_behavior":1,"low_stock":8,"unit_weight":0,"venues":[],"media":[],
        "created_at":"2026-01-13 20:04:05","updated_at":"2026-01-13 20:04:05","recipe":[]}"#;

    #[test]
    fn the_stop_list_tells_what_people_did() {
        let mut world = world();
        let token = token(&mut world, at(0));
        let venue = VenueId(1);
        world.clear_all_limits(&sahil(), venue).expect("known");
        assert_eq!(get(&mut world, &token, "/products/stop-list", at(1)).1["data"], json!([]));
        for (id, limit) in
            [(107, Quantity::from_millionths(2_400_000)), (302, Quantity::ZERO), (101, Quantity::whole(3))]
        {
            world.set_limit(&sahil(), venue, ProductId(id), limit, at(2)).expect("known");
        }
        let ms = at(2).unix_ms();
        let row = |id: u64, limit: Value| json!({"id": id, "limit": limit, "timestamp": ms});
        let all = [row(101, json!(3)), row(107, json!(2.4)), row(302, json!(0))];
        assert_eq!(get(&mut world, &token, "/products/stop-list", at(3)).1["data"], json!(all));
        let two = "/products/stop-list?filters[0][0]=id&filters[0][1][0]=101&filters[0][1][1]=302";
        assert_eq!(get(&mut world, &token, two, at(3)).1["data"], json!([all[0], all[2]]));
        let fault = Fault::FilterAsRange;
        world.add_fault(ScriptedFault { fault, scope: Scope::default(), span: Span::Next(1) }).expect("room");
        assert_eq!(get(&mut world, &token, two, at(3)).1["data"], json!(all), "ids read as a range");
    }

    #[test]
    fn pages_shift_when_rows_are_edited_between_them() {
        let ids = |body: &Value| -> Vec<u64> {
            body["data"].as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("an id")).collect()
        };
        let mut world = world();
        let token = token(&mut world, at(0));
        let page = |world: &mut World, page: u32| {
            ids(&get(world, &token, &format!("/products?limit=10&page={page}"), at(1)).1)
        };
        let (first, second) = (page(&mut world, 1), page(&mut world, 2));
        assert_eq!((first.len(), first[9] + 1), (10, second[0]));
        let removed = world.remove_product(&sahil(), ProductId(first[0])).expect("known");
        assert_eq!(page(&mut world, 2)[0], second[1], "one row is never seen");
        world.add_product(&sahil(), removed).expect("free");
        for (fault, start) in [(Fault::LoseRows { rows: 1 }, second[1]), (Fault::RepeatRows { rows: 2 }, first[8])] {
            world.add_fault(ScriptedFault { fault, scope: Scope::default(), span: Span::Next(1) }).expect("room");
            assert_eq!(page(&mut world, 2)[0], start, "{fault:?}");
            assert_eq!(page(&mut world, 2)[0], second[0], "the fault is used up");
        }
    }

    #[test]
    fn the_three_tiers_count_and_tell() {
        let mut plan = WorldPlan::demo(1, 2);
        plan.rates = Rates { auth: 3, errors: 4, tenant: 5 };
        plan.brands.push(BrandPlan::new("other", "other-id", "other-secret", 1).expect("slug"));
        let mut world = World::new(&plan, at(0));
        let tokens = [token(&mut world, at(0)), token(&mut world, at(1))];
        let ask = |world: &mut World, token: &str, s| {
            let answer = world.answer(&request("GET", "/venues", &[("x-token", token)], ""), at(s));
            let header =
                |name: &str| answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            (answer.status, header("RateLimit-Remaining"), header("RateLimit-Reset"))
        };
        let shown = |remaining: &str, reset: &str| (Some(remaining.to_owned()), Some(reset.to_owned()));
        for turn in 0..5 {
            let (status, remaining, reset) = ask(&mut world, &tokens[turn % 2], 10);
            let left = (4 - turn).min(4).to_string();
            assert_eq!((status, (remaining, reset)), (200, shown(&left, "60")), "turn {turn}");
        }
        let (status, remaining, reset) = ask(&mut world, &tokens[0], 40);
        assert_eq!((status, (remaining, reset)), (429, shown("0", "30")), "a second token adds no quota");
        let mut fields = credentials();
        for (field, value) in [("brand", "other"), ("client_id", "other-id"), ("client_secret", "other-secret")] {
            fields[field] = json!(value);
        }
        let other = auth_with(&mut world, &fields, at(41)).1["token"].as_str().expect("a token").to_owned();
        assert_eq!(ask(&mut world, &other, 41).0, 200, "brands do not share the quota");
        assert_eq!(auth_with(&mut world, &fields, at(41)).0, 429);
        for _ in 0..3 {
            assert_eq!(ask(&mut world, "nonsense", 42).0, 401);
        }
        assert_eq!(ask(&mut world, &other, 43).0, 429, "too many errors from this address");
        assert_eq!(ask(&mut world, &tokens[0], 103).0, 200);
        let refused = world.log().counters.refused;
        assert_eq!((refused.auth, refused.errors, refused.tenant, refused.total()), (1, 1, 1, 3));
    }

    #[test]
    fn scripted_faults_meet_their_request_and_cause_no_429_of_ours() {
        let mut world = world();
        let token = token(&mut world, at(0));
        let scope = || Scope { endpoint: Some(Endpoint::StopList), venue: Some(VenueId(1)), brand: Some(sahil()) };
        for fault in
            [Fault::TooManyRequests { reset_s: 9 }, Fault::Status { code: 502 }, Fault::Hang, Fault::TokenExpired]
        {
            world.add_fault(ScriptedFault { fault, scope: scope(), span: Span::Next(1) }).expect("room");
        }
        let stop_list = request("GET", "/products/stop-list", &[("x-token", &token)], "");
        let limited = world.answer(&stop_list, at(1));
        assert_eq!(limited.status, 429);
        assert!(limited.headers.contains(&("RateLimit-Reset", "9".to_owned())));
        assert_eq!(world.answer(&stop_list, at(1)).status, 502);
        assert_eq!(world.answer(&stop_list, at(1)).transport, Transport::Hang);
        assert_eq!(body(&world.answer(&stop_list, at(1)))["error"], "Token expired");
        assert_eq!(world.answer(&stop_list, at(2)).status, 401, "the token stays expired");
        assert_eq!(world.log().counters.refused.total(), 0);
        assert_eq!(world.log().counters.faults, 4);
        let last = world.log().requests.back().expect("noted");
        assert_eq!((last.path.as_str(), last.status, last.fault), ("/products/stop-list", 401, None));
    }

    #[test]
    fn the_same_actions_give_the_same_answers() {
        let run = || {
            let mut world = world();
            let token = token(&mut world, at(0));
            let mut answers = Vec::new();
            for s in 0..40 {
                world.set_limit(&sahil(), VenueId(1), ProductId(101), Quantity::whole(s % 4), at(s)).expect("known");
                for path in ["/products/stop-list", "/products?page=2&with[]=recipe", "/price-lists/prices", "/nothing"]
                {
                    answers.push(world.answer(&request("GET", path, &[("x-token", &token)], ""), at(s)));
                }
            }
            (token, answers)
        };
        assert!(run() == run());
    }
}
