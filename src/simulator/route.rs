//! Which endpoint a path names, and the request and answer that travel between server and world.
//!
//! Invariant: a path names one endpoint or none; a trailing slash or another case is none.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The prefix of every path, as at Clopos.
pub const BASE_PATH: &str = "/open-api/v2";

/// A request, as the server read it.
#[derive(Clone)]
pub struct ApiRequest {
    /// `GET`, `POST`.
    pub method: String,
    /// The path, base included.
    pub path: String,
    /// What stands after `?`, undecoded.
    pub raw_query: String,
    /// Headers with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Who called: tiers 1 and 2 count by it.
    pub client: IpAddr,
}

/// Headers and body hold tokens and secrets, so only the line is shown.
impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}?{}", self.method, self.path, self.raw_query)
    }
}

impl ApiRequest {
    /// Returns a header's value; the first one when it was sent twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer and how it must be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAnswer {
    /// The status code.
    pub status: u16,
    /// Headers, without those of the transport.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the network does to it.
    pub transport: Transport,
}

/// What happens to an answer on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// It arrives.
    Whole,
    /// It arrives late.
    Late(Duration),
    /// Headers promise the whole body, half of it comes, the connection closes.
    Cut,
    /// Nothing comes and the connection stays open.
    Hang,
    /// The connection is reset before the first byte.
    Reset,
    /// The body never ends.
    Endless,
    /// It arrives compressed, when the caller accepts that.
    Gzip,
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `POST /auth`.
    Auth,
    /// `GET /venues`.
    Venues,
    /// `GET /products`.
    Products,
    /// `GET /products/{id}`.
    Product,
    /// `GET /products/stop-list`.
    StopList,
    /// `GET /stations`.
    Stations,
    /// `GET /stations/{id}`.
    Station,
    /// `GET /price-lists`.
    PriceLists,
    /// `GET /price-lists/prices`.
    Prices,
}

impl Endpoint {
    /// Finds the endpoint of a path without the base, and the `{id}` in it.
    pub fn find(path: &str) -> Option<(Self, &str)> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match segments.as_slice() {
            ["auth"] => Some((Self::Auth, "")),
            ["venues"] => Some((Self::Venues, "")),
            ["products"] => Some((Self::Products, "")),
            ["products", "stop-list"] => Some((Self::StopList, "")),
            ["products", id] if !id.is_empty() => Some((Self::Product, id)),
            ["stations"] => Some((Self::Stations, "")),
            ["stations", id] if !id.is_empty() => Some((Self::Station, id)),
            ["price-lists"] => Some((Self::PriceLists, "")),
            ["price-lists", "prices"] => Some((Self::Prices, "")),
            _ => None,
        }
    }

    /// Returns the method that the endpoint answers.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Auth => "POST",
            Self::Venues
            | Self::Products
            | Self::Product
            | Self::StopList
            | Self::Stations
            | Self::Station
            | Self::PriceLists
            | Self::Prices => "GET",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_one_endpoint_or_none() {
        for (path, found) in [
            ("/auth", Some((Endpoint::Auth, ""))),
            ("/products/stop-list", Some((Endpoint::StopList, ""))),
            ("/products/419", Some((Endpoint::Product, "419"))),
            ("/products/", None),
            ("/Products", None),
            ("/products/1/x", None),
            ("/price-lists/prices", Some((Endpoint::Prices, ""))),
            ("/price-lists/1", None),
            ("products", None),
            ("", None),
        ] {
            assert_eq!(Endpoint::find(path), found, "{path}");
        }
    }

    #[test]
    fn a_request_shows_no_secret() {
        let request = ApiRequest {
            method: "GET".into(),
            path: "/x".into(),
            raw_query: "a=1".into(),
            headers: vec![("x-token".into(), "hunter2".into())],
            body: b"hunter2".to_vec(),
            client: IpAddr::from([127, 0, 0, 1]),
        };
        assert_eq!(format!("{request:?}"), "GET /x?a=1");
        assert_eq!(request.header("x-token"), Some("hunter2"));
    }
}
