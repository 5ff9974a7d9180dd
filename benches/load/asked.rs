//! Requests as a watcher makes them, for a simulator that is asked without the network.

use std::net::{IpAddr, Ipv4Addr};

use eightysix::clopos::query::Request;
use eightysix::simulator::plan::DEMO_INTEGRATOR;
use eightysix::simulator::route::{ApiRequest, BASE_PATH};
use serde_json::{Value, json};

/// Asks for a token of a brand.
pub(crate) fn login(brand: &str, client_id: &str, client_secret: &str) -> ApiRequest {
    let fields = json!({ "client_id": client_id, "client_secret": client_secret, "brand": brand, "integrator_id": DEMO_INTEGRATOR });
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    request("POST", "/auth", "", headers, fields.to_string().into_bytes())
}

/// Returns the token of an answer.
pub(crate) fn token(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body["token"].as_str().expect("a token").to_owned()
}

/// Asks for what the watcher asks for.
pub(crate) fn get(asked: &Request, token: &str) -> ApiRequest {
    let whole = asked.path_and_query();
    let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
    let venue = asked.venue().map(|venue| ("x-venue".to_owned(), venue.to_string()));
    let headers = std::iter::once(("x-token".to_owned(), token.to_owned())).chain(venue).collect();
    request("GET", path, query, headers, Vec::new())
}

fn request(method: &str, path: &str, query: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> ApiRequest {
    ApiRequest {
        method: method.to_owned(),
        path: format!("{BASE_PATH}{path}"),
        raw_query: query.to_owned(),
        headers,
        body,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}
