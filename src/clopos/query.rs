//! What may be asked of Clopos, and the path and query string that ask it.
//!
//! Owns the PHP bracket syntax (clopos-api.md, "Query syntax"); never sends anything. Invariant: the same request always
//! gives the same bytes, and every published example can be written with [`Query`].
//!
//! Of the two forms that Clopos takes, raw brackets and percent-encoded ones, the encoded form is sent: the documentation
//! says that a client should encode, and `[` is not allowed in a query by RFC 3986, so a proxy may refuse it.

use std::fmt;

use crate::units::{ProductId, VenueId};

/// Rows on a page of `/products`; the API's maximum, so that a walk costs the fewest requests.
pub const PRODUCTS_PAGE: u32 = 100;
/// Rows on a page of `/stations`; the API's maximum.
pub const STATIONS_PAGE: u32 = 200;
/// Rows on a page of `/price-lists` and `/price-lists/prices`; the API's maximum.
pub const PRICES_PAGE: u32 = 999;
/// Ids in one filtered stop list. 100 of them make a query of about 4 KB, half of what common proxies accept in a
/// request line; beyond that the whole list is asked for, which answers the same question.
pub const FILTER_IDS_MAX: usize = 100;

/// What a walk wants to know of each product beside its own fields.
const PRODUCT_LIST_WITH: [&str; 6] = ["category", "station", "modifications", "modificator_groups", "recipe", "tags"];
/// The same for one product. `category` and `station` are published for the list only; the ids come without them.
const PRODUCT_WITH: [&str; 4] = ["modifications", "modificator_groups", "recipe", "tags"];

/// One read of the API. Pages count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// The venues of the brand.
    Venues,
    /// What is restricted at a venue.
    StopList {
        /// The venue.
        venue: VenueId,
        /// The products to look at; empty means all.
        only: Vec<ProductId>,
    },
    /// A page of the catalog as a venue sees it.
    Products {
        /// The venue.
        venue: VenueId,
        /// Page number.
        page: u32,
    },
    /// One product with its variants.
    Product {
        /// The venue.
        venue: VenueId,
        /// The product or variant.
        id: ProductId,
    },
    /// A page of a venue's stations, active or not.
    Stations {
        /// The venue.
        venue: VenueId,
        /// Page number.
        page: u32,
    },
    /// A page of the brand's price lists, without their prices.
    PriceLists {
        /// Page number.
        page: u32,
    },
    /// A page of the prices in all lists of the brand.
    Prices {
        /// Page number.
        page: u32,
    },
}

impl Request {
    /// Returns the venue for `x-venue`; `None` for what belongs to the whole brand.
    pub const fn venue(&self) -> Option<VenueId> {
        match self {
            Self::StopList { venue, .. }
            | Self::Products { venue, .. }
            | Self::Product { venue, .. }
            | Self::Stations { venue, .. } => Some(*venue),
            Self::Venues | Self::PriceLists { .. } | Self::Prices { .. } => None,
        }
    }

    /// Returns the path below the base URL, with the encoded query string: `/stations?page=1&limit=200`.
    pub fn path_and_query(&self) -> String {
        let path = match self {
            Self::Venues => "/venues".to_owned(),
            Self::StopList { .. } => "/products/stop-list".to_owned(),
            Self::Products { .. } => "/products".to_owned(),
            Self::Product { id, .. } => format!("/products/{id}"),
            Self::Stations { .. } => "/stations".to_owned(),
            Self::PriceLists { .. } => "/price-lists".to_owned(),
            Self::Prices { .. } => "/price-lists/prices".to_owned(),
        };
        let query = self.query().encoded();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }

    /// Returns the query.
    pub fn query(&self) -> Query {
        match self {
            Self::Venues => Query::default(),
            Self::StopList { only, .. } => stop_list_query(only),
            Self::Products { page, .. } => Query::page(*page, PRODUCTS_PAGE).with(&PRODUCT_LIST_WITH),
            Self::Product { .. } => Query::default().with(&PRODUCT_WITH),
            // Without `status` both states come, and a watcher needs both (clopos-api.md).
            Self::Stations { page, .. } => Query::page(*page, STATIONS_PAGE),
            // `page` is not in the published table of the price lists, but their answer has pages.
            Self::PriceLists { page } | Self::Prices { page } => Query::page(*page, PRICES_PAGE),
        }
    }
}

/// Says what was asked, for people: `page 2 of the products of venue 7`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venues => f.write_str("the venues"),
            Self::StopList { venue, only } if only.is_empty() => write!(f, "the stop list of venue {venue}"),
            Self::StopList { venue, only } => write!(f, "{} products on the stop list of venue {venue}", only.len()),
            Self::Products { venue, page } => write!(f, "page {page} of the products of venue {venue}"),
            Self::Product { venue, id } => write!(f, "product {id} of venue {venue}"),
            Self::Stations { venue, page } => write!(f, "page {page} of the stations of venue {venue}"),
            Self::PriceLists { page } => write!(f, "page {page} of the price lists"),
            Self::Prices { page } => write!(f, "page {page} of the prices"),
        }
    }
}

/// A query string in the making: names with brackets, values as they mean, in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    filters: usize,
}

impl Query {
    /// Starts with `page` and `limit`.
    pub fn page(page: u32, limit: u32) -> Self {
        Self::default().pair("page", &page.to_string()).pair("limit", &limit.to_string())
    }

    /// Adds a plain pair.
    pub fn pair(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `with[0]`, `with[1]`, ..: indexed, because Clopos asks not to repeat a key.
    pub fn with(mut self, related: &[&str]) -> Self {
        for (n, name) in related.iter().enumerate() {
            self = self.pair(&format!("with[{n}]"), name);
        }
        self
    }

    /// Adds a filter on one value: `filters[0][0]=type&filters[0][1]=DISH`.
    pub fn filter(mut self, field: &str, value: &str) -> Self {
        let n = self.filters;
        self.filters += 1;
        self.pair(&format!("filters[{n}][0]"), field).pair(&format!("filters[{n}][1]"), value)
    }

    /// Adds a filter on any of several values: `filters[0][0]=id&filters[0][1][0]=1&filters[0][1][1]=332`.
    pub fn filter_any(mut self, field: &str, values: &[String]) -> Self {
        let n = self.filters;
        self.filters += 1;
        self = self.pair(&format!("filters[{n}][0]"), field);
        for (m, value) in values.iter().enumerate() {
            self = self.pair(&format!("filters[{n}][1][{m}]"), value);
        }
        self
    }

    /// Writes the query as the documentation prints it, with raw brackets: for people.
    pub fn readable(&self) -> String {
        let pairs: Vec<String> = self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// Writes the query as it is sent, everything but unreserved characters percent-encoded.
    pub fn encoded(&self) -> String {
        let pairs: Vec<String> =
            self.pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.join("&")
    }
}

/// Asks for some ids so that both readings of the filter answer the question.
///
/// Documented as a list, the filter is read by some backends as a range, `[0]` to `[1]` (clopos-api.md). With the
/// smallest id first, the largest second and the rest behind them, either reading covers every id asked for; what comes
/// beyond them is dropped by `decode`. A single id is sent twice, as a range of one.
fn stop_list_query(only: &[ProductId]) -> Query {
    let mut ids: Vec<ProductId> = only.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Query::default() };
    if ids.len() > FILTER_IDS_MAX {
        return Query::default();
    }
    let between = ids.get(1..ids.len().saturating_sub(1)).unwrap_or_default();
    let ordered: Vec<String> = [first, last].into_iter().chain(between).map(ToString::to_string).collect();
    Query::default().filter_any("id", &ordered)
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for nibble in [byte >> 4, byte & 15] {
                encoded.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn writes_every_published_query_byte_for_byte() {
        // Each line stands in a seed: the stop list page, the product list page or the stations page.
        let one = |field: &str, value: &str| Query::default().filter(field, value);
        let any = |field: &str, values: &[&str]| Query::default().filter_any(field, &strings(values));
        let cases = [
            (any("id", &["1", "332"]), "filters[0][0]=id&filters[0][1][0]=1&filters[0][1][1]=332"),
            (Query::default().with(&["category", "station"]), "with[0]=category&with[1]=station"),
            (
                Query::default().with(&["category", "station", "modifications"]),
                "with[0]=category&with[1]=station&with[2]=modifications",
            ),
            (Query::page(1, 100).pair("selects", "id,name,type"), "page=1&limit=100&selects=id,name,type"),
            (Query::default().pair("selects", "id,name,type,price,image"), "selects=id,name,type,price,image"),
            (any("type", &["GOODS", "DISH"]), "filters[0][0]=type&filters[0][1][0]=GOODS&filters[0][1][1]=DISH"),
            (any("category_id", &["1", "3"]), "filters[0][0]=category_id&filters[0][1][0]=1&filters[0][1][1]=3"),
            (any("station_id", &["1", "2"]), "filters[0][0]=station_id&filters[0][1][0]=1&filters[0][1][1]=2"),
            (any("tags", &["1", "2"]), "filters[0][0]=tags&filters[0][1][0]=1&filters[0][1][1]=2"),
            (one("giftable", "1"), "filters[0][0]=giftable&filters[0][1]=1"),
            (one("discountable", "1"), "filters[0][0]=discountable&filters[0][1]=1"),
            (one("inventory_behavior", "0"), "filters[0][0]=inventory_behavior&filters[0][1]=0"),
            (one("haveIngredients", "1"), "filters[0][0]=haveIngredients&filters[0][1]=1"),
            (one("sold_by_portion", "1"), "filters[0][0]=sold_by_portion&filters[0][1]=1"),
            (one("has_variants", "1"), "filters[0][0]=has_variants&filters[0][1]=1"),
            (one("has_modifiers", "1"), "filters[0][0]=has_modifiers&filters[0][1]=1"),
            (one("has_barcode", "1"), "filters[0][0]=has_barcode&filters[0][1]=1"),
            (one("has_service_charge", "1"), "filters[0][0]=has_service_charge&filters[0][1]=1"),
            (
                Query::page(1, 50)
                    .filter_any("type", &strings(&["GOODS", "DISH", "TIMER"]))
                    .filter("inventory_behavior", "0"),
                "page=1&limit=50&filters[0][0]=type&filters[0][1][0]=GOODS&filters[0][1][1]=DISH\
                 &filters[0][1][2]=TIMER&filters[1][0]=inventory_behavior&filters[1][1]=0",
            ),
            (Query::default().pair("status", "1"), "status=1"),
            (one("field_name", "value"), "filters[0][0]=field_name&filters[0][1]=value"),
        ];
        for (query, published) in cases {
            assert_eq!(query.readable(), published);
            let encoded = published.replace('[', "%5B").replace(']', "%5D").replace(',', "%2C");
            assert_eq!(query.encoded(), encoded);
        }
    }

    #[test]
    fn asks_each_endpoint_in_these_very_bytes() {
        let venue = VenueId(7);
        let stop_list =
            |ids: &[u64]| Request::StopList { venue, only: ids.iter().map(|id| ProductId(*id)).collect::<Vec<_>>() };
        let cases = [
            (Request::Venues, "/venues"),
            (stop_list(&[]), "/products/stop-list"),
            (
                stop_list(&[332, 1]),
                "/products/stop-list?filters%5B0%5D%5B0%5D=id&filters%5B0%5D%5B1%5D%5B0%5D=1\
                 &filters%5B0%5D%5B1%5D%5B1%5D=332",
            ),
            (
                stop_list(&[5]),
                "/products/stop-list?filters%5B0%5D%5B0%5D=id&filters%5B0%5D%5B1%5D%5B0%5D=5\
                 &filters%5B0%5D%5B1%5D%5B1%5D=5",
            ),
            (
                stop_list(&[30, 10, 20, 10]),
                "/products/stop-list?filters%5B0%5D%5B0%5D=id&filters%5B0%5D%5B1%5D%5B0%5D=10\
                 &filters%5B0%5D%5B1%5D%5B1%5D=30&filters%5B0%5D%5B1%5D%5B2%5D=20",
            ),
            (
                Request::Products { venue, page: 3 },
                "/products?page=3&limit=100&with%5B0%5D=category&with%5B1%5D=station&with%5B2%5D=modifications\
                 &with%5B3%5D=modificator_groups&with%5B4%5D=recipe&with%5B5%5D=tags",
            ),
            (
                Request::Product { venue, id: ProductId(419) },
                "/products/419?with%5B0%5D=modifications&with%5B1%5D=modificator_groups&with%5B2%5D=recipe\
                 &with%5B3%5D=tags",
            ),
            (Request::Stations { venue, page: 1 }, "/stations?page=1&limit=200"),
            (Request::PriceLists { page: 1 }, "/price-lists?page=1&limit=999"),
            (Request::Prices { page: 2 }, "/price-lists/prices?page=2&limit=999"),
        ];
        for (request, sent) in cases {
            assert_eq!(request.path_and_query(), sent, "{request}");
            let of_venue = !matches!(request, Request::Venues | Request::PriceLists { .. } | Request::Prices { .. });
            assert_eq!(request.venue().is_some(), of_venue, "{request}");
        }
    }

    #[test]
    fn a_filter_too_long_for_a_request_line_becomes_the_whole_list() {
        let only: Vec<ProductId> = (1..=101).map(ProductId).collect();
        assert_eq!(Request::StopList { venue: VenueId(1), only: only.clone() }.path_and_query(), "/products/stop-list");
        let longest = Request::StopList { venue: VenueId(1), only: only[..100].to_vec() }.path_and_query();
        assert!(longest.len() < 4_096, "{}", longest.len());
    }
}
