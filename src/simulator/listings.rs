//! The reading endpoints: which parameters each takes, which rows match, and which page of them is asked for.
//!
//! As strict as the published pages: a parameter, field or value that they do not name is 400 `invalid_parameter`,
//! where the real backend might shrug. Invariant: rows come in the order of their ids, so an edit between two pages
//! shifts the later one, as offset paging does.

use super::faults::{Fault, error};
use super::filters::{product_filter, stop_filter};
use super::json::Json;
use super::menu::{PriceRow, Product};
use super::query::{Filter, FilterValue, Query};
use super::route::Endpoint;
use super::rows::{self, With};
use super::world::Brand;
use crate::units::{PriceListId, ProductId, Quantity, Timestamp, VenueId};

/// What `with` may name in the list of products (seed, list products).
const WITH_LIST: [&str; 10] = [
    "category",
    "station",
    "modifications",
    "modifications.codes",
    "taxes",
    "codes",
    "modificator_groups",
    "recipe",
    "packages",
    "tags",
];
/// What it may name besides for a single product (seed, product by id).
const WITH_SINGLE: [&str; 3] = ["unit", "media", "setting"];

/// A checked request of a known caller.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The caller's brand.
    pub brand: &'a Brand,
    /// The venue asked about; it is one of the brand's.
    pub venue: VenueId,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The `{id}` of the path, when it has one.
    pub id: &'a str,
    /// The query.
    pub query: &'a Query,
    /// The scripted fault: some shift pages or misread filters.
    pub fault: Option<Fault>,
    /// When.
    pub now: Timestamp,
}

/// Answers a reading endpoint; the error is an answer as well.
pub fn respond(question: &Question<'_>) -> Result<(u16, Json), (u16, Json)> {
    match question.endpoint {
        Endpoint::Venues => venues(question),
        Endpoint::Products => products(question),
        Endpoint::Product => product(question),
        Endpoint::StopList => stop_list(question),
        Endpoint::Stations => stations(question),
        Endpoint::Station => station(question),
        Endpoint::PriceLists => price_lists(question),
        Endpoint::Prices => prices(question),
        Endpoint::Auth => Err((405, error("method_not_allowed", "Method not allowed"))),
    }
}

type Answered = Result<(u16, Json), (u16, Json)>;

fn venues(question: &Question<'_>) -> Answered {
    allow(question.query, &[], &[], false)?;
    let main = question.brand.main_venue();
    let rows = question.brand.venues.iter();
    let rows: Vec<Json> = rows.map(|(id, venue)| rows::venue(*id, venue, Some(*id) == main)).collect();
    let total = rows.len();
    Ok(listed(rows, Some(total), question.now))
}

fn products(question: &Question<'_>) -> Answered {
    let query = question.query;
    allow(query, &["page", "limit", "selects"], &WITH_LIST, true)?;
    let filters =
        query.filters.iter().map(product_filter).collect::<Result<Vec<_>, _>>().map_err(|message| invalid(&message))?;
    let selects =
        rows::selects(query.scalars.get("selects").map(String::as_str)).map_err(|message| invalid(&message))?;
    let page = Page::read(question, 100)?;
    let menu = &question.brand.menu;
    let with = With::new(&query.with);
    let listed_rows = menu.products.values().filter(|row| row.parent.is_none());
    let matching: Vec<&Product> =
        listed_rows.filter(|row| filters.iter().all(|filter| filter.holds(menu, row))).collect();
    let shown = page.of(&matching).iter().map(|row| rows::product(question, row, with, selects.as_deref())).collect();
    Ok(listed(shown, Some(matching.len()), question.now))
}

fn product(question: &Question<'_>) -> Answered {
    let with: Vec<&str> = WITH_LIST.into_iter().chain(WITH_SINGLE).collect();
    allow(question.query, &[], &with, false)?;
    let id = question.id;
    let known = match (id.bytes().all(|b| b.is_ascii_digit()), is_uuid(id)) {
        (true, _) => id.parse().ok().and_then(|id| question.brand.menu.products.get(&ProductId(id))),
        // No row publishes its UUID, so no caller can know one.
        (false, true) => None,
        (false, false) => return Err(invalid("The id must be an integer or a UUID")),
    };
    let row = known.ok_or_else(|| (404, error("resource_not_found", "Product not found")))?;
    let shown = rows::product(question, row, With::new(&question.query.with), None);
    Ok((200, envelope(shown, None, question.now)))
}

fn stop_list(question: &Question<'_>) -> Answered {
    allow(question.query, &[], &[], true)?;
    let filters = question
        .query
        .filters
        .iter()
        .map(stop_filter)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|message| invalid(&message))?;
    let as_range = question.fault == Some(Fault::FilterAsRange);
    let asked = |id: &ProductId| {
        filters.iter().all(|ids| match (as_range, ids.as_slice()) {
            (true, [from, to]) => (from..=to).contains(&id),
            _ => ids.contains(id),
        })
    };
    let rows = question.brand.venues.get(&question.venue).into_iter().flat_map(|venue| &venue.stop_list);
    let rows = rows.filter(|(id, _)| asked(id)).map(|(id, stop)| {
        let limit = Json::quantity(stop.limit);
        let timestamp = Json::Int(stop.at.unix_ms());
        Json::Object(vec![("id", Json::id(id.0)), ("limit", limit), ("timestamp", timestamp)])
    });
    Ok(listed(rows.collect(), None, question.now))
}

fn stations(question: &Question<'_>) -> Answered {
    allow(question.query, &["status", "can_print", "page", "limit"], &[], false)?;
    let page = Page::read(question, 200)?;
    let flag = |name: &str| match question.query.scalars.get(name).map(String::as_str) {
        None => Ok(None),
        Some("1") => Ok(Some(true)),
        Some("0") => Ok(Some(false)),
        // can_print is a boolean and status an integer (seed, stations).
        Some("true") if name == "can_print" => Ok(Some(true)),
        Some("false") if name == "can_print" => Ok(Some(false)),
        Some(_) => Err(invalid(&format!("{name} is not a boolean"))),
    };
    let (status, can_print) = (flag("status")?, flag("can_print")?);
    let rows = question.brand.venues.get(&question.venue).into_iter().flat_map(|venue| venue.stations.values());
    let matching: Vec<_> = rows
        .filter(|row| status.is_none_or(|active| row.active == active))
        .filter(|row| can_print.is_none_or(|printable| row.printable == printable))
        .collect();
    let shown = page.of(&matching).iter().map(|row| rows::station(row)).collect();
    Ok(listed(shown, Some(matching.len()), question.now))
}

fn station(question: &Question<'_>) -> Answered {
    allow(question.query, &[], &[], false)?;
    let rows = question.brand.venues.get(&question.venue).into_iter().flat_map(|venue| venue.stations.values());
    let id: u64 = question.id.parse().map_err(|_| invalid("The id must be an integer"))?;
    let mut rows = rows.filter(|row| row.id.0 == id);
    let row = rows.next().ok_or_else(|| (404, error("resource_not_found", "Station not found")))?;
    Ok((200, envelope(rows::station(row), None, question.now)))
}

fn price_lists(question: &Question<'_>) -> Answered {
    allow(question.query, &["page", "limit"], &["prices"], false)?;
    let page = Page::read(question, 999)?;
    let menu = &question.brand.menu;
    let lists: Vec<_> = menu.price_lists.values().collect();
    let with_prices = question.query.with.iter().any(|name| name == "prices");
    let shown = page.of(&lists).iter().map(|list| rows::price_list(menu, list, with_prices)).collect();
    Ok((200, page.paginated(shown, lists.len())))
}

fn prices(question: &Question<'_>) -> Answered {
    let query = question.query;
    allow(query, &["page", "limit"], &["product", "list"], true)?;
    let page = Page::read(question, 999)?;
    let filters = query.filters.iter().map(price_filter).collect::<Result<Vec<_>, _>>()?;
    let menu = &question.brand.menu;
    let asked = |list: PriceListId, product: ProductId, row: &PriceRow| {
        filters.iter().all(|(field, wanted)| match *field {
            "id" => row.id == *wanted,
            "product_id" => product.0 == *wanted,
            _ => list.0 == *wanted,
        })
    };
    let rows = menu.prices.iter().map(|((list, product), row)| (*list, *product, *row));
    let matching: Vec<_> = rows.filter(|(list, product, row)| asked(*list, *product, row)).collect();
    let shown = page.of(&matching).iter().map(|row| rows::price(question, row)).collect();
    Ok((200, page.paginated(shown, matching.len())))
}

fn price_filter(filter: &Filter) -> Result<(&str, u64), (u16, Json)> {
    let known = matches!(filter.field.as_str(), "id" | "product_id" | "list_id");
    match &filter.value {
        FilterValue::One(value) if known => {
            let wanted = value.parse().map_err(|_| invalid(&format!("{} must be an integer", filter.field)))?;
            Ok((&filter.field, wanted))
        }
        FilterValue::One(_) | FilterValue::Several(_) => Err(invalid("Invalid filter parameters")),
    }
}

/// A page of a list, in rows.
struct Page {
    number: u64,
    limit: u64,
    shift: i64,
}

impl Page {
    fn read(question: &Question<'_>, limit_max: u64) -> Result<Self, (u16, Json)> {
        let number = |name: &str, default: u64, last: u64| {
            let Some(text) = question.query.scalars.get(name) else { return Ok(default) };
            let value = text
                .parse()
                .ok()
                .filter(|value| text.bytes().all(|b| b.is_ascii_digit()) && (1..=last).contains(value));
            value.ok_or_else(|| invalid(&format!("The '{name}' parameter must be between 1 and {last}")))
        };
        let shift = question.fault.map_or(0, Fault::row_shift);
        // A page number beyond any table is an empty page, not an error.
        Ok(Self { number: number("page", 1, u64::from(u32::MAX))?, limit: number("limit", 50, limit_max)?, shift })
    }

    fn of<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let first = ((self.number - 1) * self.limit).saturating_add_signed(self.shift);
        let at = |row: u64| usize::try_from(row).unwrap_or(usize::MAX).min(rows.len());
        &rows[at(first)..at(first.saturating_add(self.limit))]
    }

    /// The envelope of the price lists, which has no `success` (seed, list prices).
    fn paginated(&self, rows: Vec<Json>, total: usize) -> Json {
        let total = total as u64;
        let pagination = vec![
            ("page", Json::id(self.number)),
            ("per_page", Json::id(self.limit)),
            ("total", Json::id(total)),
            ("total_pages", Json::id(total.div_ceil(self.limit))),
        ];
        Json::Object(vec![("data", Json::List(rows)), ("pagination", Json::Object(pagination))])
    }
}

fn allow(query: &Query, scalars: &[&str], with: &[&str], filtered: bool) -> Result<(), (u16, Json)> {
    if let Some(name) = query.scalars.keys().find(|name| !scalars.contains(&name.as_str())) {
        return Err(invalid(&format!("The '{name}' parameter is not supported")));
    }
    if let Some(name) = query.with.iter().find(|name| !with.contains(&name.as_str())) {
        return Err(invalid(&format!("The relation '{name}' is not supported")));
    }
    if !filtered && !query.filters.is_empty() {
        return Err(invalid("Invalid filter parameters"));
    }
    Ok(())
}

fn listed(rows: Vec<Json>, total: Option<usize>, now: Timestamp) -> (u16, Json) {
    (200, envelope(Json::List(rows), total, now))
}

fn envelope(data: Json, total: Option<usize>, now: Timestamp) -> Json {
    let mut body = vec![("success", Json::Bool(true)), ("data", data)];
    if let Some(total) = total {
        body.push(("total", Json::id(total as u64)));
    }
    // Milliseconds the backend took: a figure that varies and means nothing.
    body.push(("time", Json::Int(20 + now.unix_ms().rem_euclid(131))));
    body.push(("timestamp", Json::Text(rows::sql_time(now))));
    body.push(("unix", Json::Int(now.unix_s())));
    if total.is_some() {
        body.push(("sorts", Json::List(["id", "created_at", "updated_at"].map(Json::text).to_vec())));
    }
    Json::Object(body)
}

fn invalid(message: &str) -> (u16, Json) {
    (400, error("invalid_parameter", message))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Returns the amount as recipes write it: text with four places.
pub fn four_places(amount: Quantity) -> Json {
    let ten_thousandths = (amount.millionths() + 50).div_euclid(100);
    Json::Text(format!("{}.{:04}", ten_thousandths.div_euclid(10_000), ten_thousandths.rem_euclid(10_000)))
}
