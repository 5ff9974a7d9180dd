//! Turns the bytes of an answer into values, or into the verdict why not.
//!
//! Pure. Must never take a failed, cut or strange answer for an empty list: `data` that is missing or `null` is no list
//! (principle 2). Invariant: a bad row costs that row only, is named as an [`Oddity`], and its id is handed on as
//! unreadable, so that nobody takes it for absent.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{PriceList, Product, Station, StopEntry, Venue};
use crate::clopos::budget::RateLimit;
use crate::clopos::product;
use crate::clopos::query::Request;
use crate::clopos::verdict::{Said, Subject, Verdict, judge};
use crate::clopos::wire::{self, Envelope, NamedRow, Pagination, PriceRow, Raw, StopRow};
use crate::units::{Money, PriceListId, ProductId, Quantity, StationId, VenueId, printable};

/// Oddities of one answer that are kept word for word: enough to see the pattern, the rest is counted.
pub const ODDITIES_MAX: usize = 20;
/// Characters of a name that are kept: longer ones are no names, and they end up on screens and in topics.
const NAME_CHARS_MAX: usize = 200;

/// An answer as it came, with what its judging needs.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: u16,
    /// The `RateLimit-*` headers.
    pub rate_limit: RateLimit,
    /// Where a redirect points, without path and query.
    pub redirect: Option<&'a str>,
    /// The body, decompressed.
    pub body: &'a [u8],
    /// What must not be repeated to anybody.
    pub secrets: &'a [&'a str],
}

impl Reply<'_> {
    fn repeats_a_secret(&self) -> bool {
        let body = String::from_utf8_lossy(self.body);
        // PHP escapes the slash.
        let is_there = |secret: &&str| body.contains(*secret) || body.contains(&secret.replace('/', "\\/"));
        self.secrets.iter().filter(|secret| !secret.is_empty()).any(is_there)
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Request::Venues`].
    Venues(VenueList),
    /// Of [`Request::StopList`].
    StopList(StopList),
    /// Of [`Request::StopList`]: the list that is known ([`super::repeat`]).
    SameStopList,
    /// Of [`Request::Products`]; variants stand behind their product.
    Products(Page<Product>),
    /// Of [`Request::Product`].
    Product(Family),
    /// Of [`Request::Stations`].
    Stations(Page<Station>),
    /// Of [`Request::PriceLists`].
    PriceLists(Page<PriceList>),
    /// Of [`Request::Prices`].
    Prices(Page<Price>),
}

/// The venues of a brand.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VenueList {
    /// Those that could be read, by id, each once.
    pub rows: Vec<Venue>,
    /// Those with a row that could not be read.
    pub unreadable: BTreeSet<VenueId>,
    /// True when a venue in neither is known to be gone. False when a row's id could not be read, or when the answer itself
    /// says that there are more rows: then absence says nothing.
    pub whole: bool,
}

/// A stop list, whole or of the products asked for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StopList {
    /// The restricted products, by id, each once.
    pub entries: Vec<StopEntry>,
    /// Products with a row that could not be read: neither restricted nor free, so hold what was known of them.
    pub unreadable: Vec<ProductId>,
    /// True when a product in neither list is known to be unrestricted. False when a row's id could not be read, or when
    /// the answer itself says that there are more rows: then absence says nothing.
    pub whole: bool,
}

/// A product with its variants, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The product.
    pub product: Product,
    /// Its variants.
    pub variants: Vec<Product>,
}

/// A price of a product in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The list.
    pub list: PriceListId,
    /// The product or variant.
    pub product: ProductId,
    /// The price.
    pub price: Money,
}

/// A page of a list, for [`super::walk::Walk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What could be read, each with its row's id; variants stand here beside their product.
    pub rows: Vec<(u64, T)>,
    /// Ids of the rows as the API lists and counts them, unreadable ones included, nested variants not.
    pub listed: Vec<u64>,
    /// Ids of rows that are there but could not be read.
    pub unreadable: Vec<u64>,
    /// Rows whose very id could not be read.
    pub nameless: u32,
    /// Rows in the whole list, as the API says.
    pub total: Option<u64>,
    /// The number of the last page, as the API says.
    pub last: Option<u32>,
}

/// Something in an answer that is not as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// What is odd, for people.
    pub what: String,
    /// The id of the row, where it could be read.
    pub id: Option<u64>,
}

/// The oddities of one answer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Oddities {
    /// The first of them, at most [`ODDITIES_MAX`].
    pub first: Vec<Oddity>,
    /// How many there were.
    pub count: u32,
    /// The first of those by which something could not be read, so that what was known of it stays; and how many.
    pub held: Option<(String, u32)>,
}

impl Oddities {
    /// Notes one by which something could not be read and stays as it was.
    pub fn hold(&mut self, id: Option<u64>, what: &str) {
        self.note(id, what);
        let of = id.map(|id| format!("{id}: ")).unwrap_or_default();
        let (_, count) = self.held.get_or_insert_with(|| (format!("{of}{what}"), 0));
        *count = count.saturating_add(1);
    }

    /// Notes one.
    pub fn note(&mut self, id: Option<u64>, what: &str) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < ODDITIES_MAX {
            self.first.push(Oddity { what: what.to_owned(), id });
        }
    }

    /// Takes away what was quoted of an answer that repeats a secret: a quoted value is cut, and half a secret in it would
    /// not be recognised.
    fn conceal(&mut self, reply: &Reply<'_>) {
        if self.first.is_empty() || !reply.repeats_a_secret() {
            return;
        }
        for Oddity { what, id: _ } in &mut self.first {
            if let Some(quote) = what.find('\'') {
                what.truncate(quote);
                what.push_str("•••");
            }
        }
    }
}

/// Reads an answer.
///
/// # Errors
/// Returns the verdict when it is a failure or no reading.
pub fn decode(request: &Request, reply: &Reply<'_>) -> Result<(Answer, Oddities), Verdict> {
    let mut odd = Oddities::default();
    let answer = match request {
        Request::Venues => Answer::Venues(venues(&open(Subject::List, reply)?, reply, &mut odd)?),
        Request::StopList { only, .. } => {
            Answer::StopList(stop_list(only, &open(Subject::List, reply)?, reply, &mut odd)?)
        }
        Request::Products { .. } => {
            Answer::Products(page(&open(Subject::List, reply)?, reply, &mut odd, product::read)?)
        }
        Request::Product { id, .. } => {
            Answer::Product(family(*id, &open(Subject::OneProduct, reply)?, reply, &mut odd)?)
        }
        Request::Stations { .. } => Answer::Stations(page(&open(Subject::List, reply)?, reply, &mut odd, station)?),
        Request::PriceLists { .. } => {
            Answer::PriceLists(page(&open(Subject::List, reply)?, reply, &mut odd, price_list)?)
        }
        Request::Prices { .. } => Answer::Prices(page(&open(Subject::List, reply)?, reply, &mut odd, price)?),
    };
    odd.conceal(reply);
    Ok((answer, odd))
}

/// Opens the envelope and tells success from failure: `success` first, then the status (clopos-api.md).
///
/// # Errors
/// Returns the verdict of a failure, or of a body that is none of Clopos's.
pub fn open<'a>(subject: Subject, reply: &Reply<'a>) -> Result<Envelope<'a>, Verdict> {
    let Reply { status, rate_limit, redirect, body, secrets } = *reply;
    if let Some(host) = redirect {
        let why = format!("a redirect to {host}, which is not followed because the token would go along");
        return Err(Verdict::Unreadable { why: Said::new(&why, secrets) });
    }
    let envelope = match wire::envelope(body) {
        Ok(envelope) => envelope,
        // What a proxy says with these two statuses is as good as Clopos's own word; anything else needs its JSON.
        Err(_) if status == 429 => return Err(Verdict::RateLimited { wait: rate_limit.wait() }),
        Err(what) if status >= 500 || status == 408 => {
            return Err(Verdict::Passing { why: Said::new(&format!("status {status}: {what}"), secrets) });
        }
        Err(what) => {
            return Err(Verdict::Unreadable { why: Said::new(&format!("status {status}: {what}"), secrets) });
        }
    };
    let success = envelope.success.and_then(wire::flag);
    let error = envelope.error.and_then(wire::text).unwrap_or_default();
    let failed = success == Some(false) || !(200..300).contains(&status) || (success.is_none() && !error.is_empty());
    if failed {
        let message = envelope.message.and_then(wire::text).unwrap_or_default();
        let words =
            if error.is_empty() || message.is_empty() { error + &message } else { format!("{error}: {message}") };
        return Err(judge(subject, status, &words, rate_limit.wait(), secrets));
    }
    if status == 206 {
        return Err(Verdict::Unreadable { why: Said::own("status 206: only a part of the list") });
    }
    Ok(envelope)
}

fn venues(envelope: &Envelope<'_>, reply: &Reply<'_>, odd: &mut Oddities) -> Result<VenueList, Verdict> {
    let page = page(envelope, reply, odd, venue)?;
    let (read, total) = (page.listed.len() as u64 + u64::from(page.nameless), page.total.unwrap_or(0));
    if total > read {
        odd.hold(None, &format!("the answer lists {read} of {total} venues"));
    }
    let by_id: BTreeMap<u64, Venue> = page.rows.into_iter().collect();
    Ok(VenueList {
        rows: by_id.into_values().collect(),
        unreadable: page.unreadable.into_iter().map(VenueId).collect(),
        whole: page.nameless == 0 && total <= read,
    })
}

fn stop_list(
    only: &[ProductId],
    envelope: &Envelope<'_>,
    reply: &Reply<'_>,
    odd: &mut Oddities,
) -> Result<StopList, Verdict> {
    let rows = rows(envelope, reply)?;
    let mut whole = true;
    let (total, last) = totals(envelope);
    if total.is_some_and(|total| total > rows.len() as u64) || last.is_some_and(|last| last > 1) {
        whole = false;
        odd.hold(None, &format!("the answer has {} rows but says that there are more", rows.len()));
    }
    let asked: BTreeSet<ProductId> = only.iter().copied().collect();
    let mut entries: BTreeMap<ProductId, StopEntry> = BTreeMap::new();
    let mut unreadable: BTreeSet<ProductId> = BTreeSet::new();
    let mut unasked = 0_u32;
    for raw in rows {
        let row = wire::object::<StopRow<'_>>(raw);
        let Some((product, row)) = row.and_then(|row| Some((ProductId(row.id.and_then(wire::id)?), row))) else {
            odd.hold(None, &format!("a row of the stop list has no readable id: {}", wire::shown(Some(raw))));
            whole = false;
            continue;
        };
        if !asked.is_empty() && !asked.contains(&product) {
            unasked += 1;
            continue;
        }
        let Some(limit) = row.limit.and_then(wire::decimal::<Quantity>) else {
            odd.hold(Some(product.0), &format!("the limit is {}, not a number", wire::shown(row.limit)));
            unreadable.insert(product);
            continue;
        };
        let updated_at = row.timestamp.and_then(wire::instant);
        if updated_at.is_none() {
            odd.note(Some(product.0), &format!("the timestamp is {}, not a time", wire::shown(row.timestamp)));
        }
        merge(&mut entries, StopEntry { product, limit, updated_at }, odd);
    }
    if unasked > 0 {
        // Some backends read the ids as a range; `query` asks so that the range covers what is wanted.
        odd.note(None, &format!("{unasked} rows were not asked for: the filter was read as a range or not at all"));
    }
    // Of two rows for a product, one readable, the unreadable may be the newer: nothing is known.
    entries.retain(|product, _| !unreadable.contains(product));
    Ok(StopList { entries: entries.into_values().collect(), unreadable: unreadable.into_iter().collect(), whole })
}

/// Keeps the newest of several rows for a product; of equally new ones the lowest limit, whatever their order.
fn merge(entries: &mut BTreeMap<ProductId, StopEntry>, entry: StopEntry, odd: &mut Oddities) {
    let kept = entries.entry(entry.product).or_insert(entry);
    if *kept == entry {
        return;
    }
    let newer = (entry.updated_at, std::cmp::Reverse(entry.limit)) > (kept.updated_at, std::cmp::Reverse(kept.limit));
    if newer {
        *kept = entry;
    }
    let what = format!("the product stands twice on the stop list; the newest limit, {}, counts", kept.limit);
    odd.note(Some(entry.product.0), &what);
}

fn family(id: ProductId, envelope: &Envelope<'_>, reply: &Reply<'_>, odd: &mut Oddities) -> Result<Family, Verdict> {
    let unreadable = |why: &str| Verdict::Unreadable { why: Said::new(why, reply.secrets) };
    let data = envelope.data.ok_or_else(|| unreadable("'data' is missing or null"))?;
    let mut found = Found::default();
    product::read(data, &mut found, odd);
    let mut products: BTreeMap<ProductId, Product> =
        found.rows.into_iter().map(|(_, product)| (product.id, product)).collect();
    let Some(product) = products.remove(&id) else {
        odd.conceal(reply);
        let reason = odd.first.first().map_or("another product came", |oddity| oddity.what.as_str());
        return Err(unreadable(&format!("product {id} was asked for: {reason}")));
    };
    Ok(Family { product, variants: products.into_values().filter(|other| other.parent == Some(id)).collect() })
}

/// What was found in the rows of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// As [`Page::rows`].
    pub rows: Vec<(u64, T)>,
    /// As [`Page::listed`].
    pub listed: Vec<u64>,
    /// As [`Page::unreadable`].
    pub unreadable: Vec<u64>,
    /// As [`Page::nameless`].
    pub nameless: u32,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), listed: Vec::new(), unreadable: Vec::new(), nameless: 0 }
    }
}

impl<T> Found<T> {
    /// Notes a row that could not be read, by its id if it has one.
    pub fn unreadable(&mut self, id: Option<u64>, what: &str, odd: &mut Oddities) {
        odd.hold(id, what);
        match id {
            Some(id) => self.unreadable.push(id),
            None => self.nameless += 1,
        }
    }
}

fn page<T>(
    envelope: &Envelope<'_>,
    reply: &Reply<'_>,
    odd: &mut Oddities,
    read: fn(Raw<'_>, &mut Found<T>, &mut Oddities),
) -> Result<Page<T>, Verdict> {
    let mut found = Found::default();
    for raw in rows(envelope, reply)? {
        read(raw, &mut found, odd);
    }
    let (total, last) = totals(envelope);
    if total.is_none()
        && let Some(raw) = stated_total(envelope)
    {
        odd.note(None, &format!("the total is {}, not a number", wire::shown(Some(raw))));
    }
    let Found { rows, listed, unreadable, nameless } = found;
    Ok(Page { rows, listed, unreadable, nameless, total, last })
}

/// Returns the rows; what is not a list is not an empty list.
fn rows<'a>(envelope: &Envelope<'a>, reply: &Reply<'_>) -> Result<Vec<Raw<'a>>, Verdict> {
    let unreadable = |why: &str| Verdict::Unreadable { why: Said::new(why, reply.secrets) };
    let data = envelope.data.ok_or_else(|| unreadable("'data' is missing or null, which is not an empty list"))?;
    // Its kind only: half a secret in a value that is cut would not be recognised.
    let kind = if data.get().starts_with('{') { "an object" } else { "a single value" };
    wire::list(data).ok_or_else(|| unreadable(&format!("'data' is {kind}, not a list")))
}

/// Returns the number of rows and of pages in the whole list, in either published form.
fn totals(envelope: &Envelope<'_>) -> (Option<u64>, Option<u32>) {
    let pagination = envelope.pagination.and_then(wire::object::<Pagination<'_>>);
    let whole = |raw: Option<Raw<'_>>| raw.and_then(wire::whole);
    let total = whole(envelope.total).or_else(|| whole(pagination.as_ref()?.total));
    let last = pagination.as_ref().and_then(|pagination| whole(pagination.total_pages));
    (total.and_then(|total| u64::try_from(total).ok()), last.and_then(|last| u32::try_from(last).ok()))
}

fn stated_total<'a>(envelope: &Envelope<'a>) -> Option<Raw<'a>> {
    envelope.total.or_else(|| envelope.pagination.and_then(wire::object::<Pagination<'_>>)?.total)
}

/// Opens a row with an id and a name, and notes it as listed.
fn named<'a, T>(raw: Raw<'a>, what: &str, found: &mut Found<T>, odd: &mut Oddities) -> Option<(u64, NamedRow<'a>)> {
    let row = wire::object::<NamedRow<'_>>(raw);
    let Some((id, row)) = row.and_then(|row| Some((row.id.and_then(wire::id)?, row))) else {
        found.unreadable(None, &format!("a {what} has no readable id: {}", wire::shown(Some(raw))), odd);
        return None;
    };
    found.listed.push(id);
    Some((id, row))
}

fn station(raw: Raw<'_>, found: &mut Found<Station>, odd: &mut Oddities) {
    let Some((id, row)) = named(raw, "station", found, odd) else { return };
    // Whether a station is active decides whether anybody is told, so a guess will not do.
    let Some(active) = row.status.and_then(wire::flag) else {
        found.unreadable(Some(id), &format!("the station's status is {}, not 1 or 0", wire::shown(row.status)), odd);
        return;
    };
    let [kitchen, printable] = [("type", row.kind), ("printable", row.printable)].map(|(field, raw)| {
        let flag = raw.map_or(Some(false), wire::flag);
        let what = || format!("the station's {field} is {}, not 1 or 0", wire::shown(raw));
        match (raw, flag) {
            (_, None) => odd.hold(Some(id), &what()),
            (None, Some(_)) => odd.note(Some(id), &what()),
            (Some(_), Some(_)) => {}
        }
        flag
    });
    // One that is left out is off; one that cannot be read is unknown, and rules may ask for it.
    let (Some(kitchen), Some(printable)) = (kitchen, printable) else {
        found.unreadable.push(id);
        return;
    };
    found.rows.push((id, Station { id: StationId(id), name: name(row.name, id), active, kitchen, printable }));
}

fn price_list(raw: Raw<'_>, found: &mut Found<PriceList>, odd: &mut Oddities) {
    let Some((id, row)) = named(raw, "price list", found, odd) else { return };
    let active = active_unless_told(row.status, id, odd);
    found.rows.push((id, PriceList { id: PriceListId(id), name: name(row.name, id), active }));
}

fn venue(raw: Raw<'_>, found: &mut Found<Venue>, odd: &mut Oddities) {
    let Some((id, row)) = named(raw, "venue", found, odd) else { return };
    let active = active_unless_told(row.status, id, odd);
    found.rows.push((id, Venue { id: VenueId(id), name: name(row.name, id), active }));
}

/// Reads a status that the API may leave out, which then means nothing was switched off.
fn active_unless_told(status: Option<Raw<'_>>, id: u64, odd: &mut Oddities) -> bool {
    let Some(raw) = status else { return true };
    wire::flag(raw).unwrap_or_else(|| {
        odd.note(Some(id), &format!("the status is {}, not true or false", wire::shown(Some(raw))));
        true
    })
}

fn price(raw: Raw<'_>, found: &mut Found<Price>, odd: &mut Oddities) {
    let row = wire::object::<PriceRow<'_>>(raw);
    let Some((id, row)) = row.and_then(|row| Some((row.id.and_then(wire::id)?, row))) else {
        found.unreadable(None, &format!("a price has no readable id: {}", wire::shown(Some(raw))), odd);
        return;
    };
    found.listed.push(id);
    let read = || {
        let list = PriceListId(row.list_id.and_then(wire::id)?);
        let product = ProductId(row.product_id.and_then(wire::id)?);
        Some(Price { list, product, price: row.price.and_then(wire::decimal)? })
    };
    match read() {
        Some(price) => found.rows.push((id, price)),
        None => found.unreadable(Some(id), &format!("a price cannot be read: {}", wire::shown(Some(raw))), odd),
    }
}

/// Reads a name, made printable and short; what has none is called by its id.
pub fn name(raw: Option<Raw<'_>>, id: u64) -> String {
    let name = raw.and_then(wire::text).map(|name| printable(name.trim(), NAME_CHARS_MAX)).unwrap_or_default();
    if name.is_empty() { format!("#{id}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{InventoryBehavior, Modifier, ProductKind, RecipePart};
    use crate::units::CategoryId;
    use crate::units::Timestamp;

    const VENUE: VenueId = VenueId(1);

    fn reply(status: u16, body: &str) -> Reply<'_> {
        Reply {
            status,
            rate_limit: RateLimit::default(),
            redirect: None,
            body: body.as_bytes(),
            secrets: &["s3cr3t/x"],
        }
    }

    fn whole_list() -> Request {
        Request::StopList { venue: VENUE, only: Vec::new() }
    }

    fn stops(request: &Request, body: &str) -> (StopList, Oddities) {
        match decode(request, &reply(200, body)) {
            Ok((Answer::StopList(list), odd)) => (list, odd),
            other => panic!("{body} gave {other:?}"),
        }
    }

    fn shown(list: &StopList) -> String {
        let entries: Vec<String> =
            list.entries.iter().map(|entry| format!("{}={}", entry.product, entry.limit)).collect();
        let unreadable: Vec<String> = list.unreadable.iter().map(|id| format!("{id}?")).collect();
        let whole = if list.whole { "" } else { " .." };
        format!("{}{whole}", [entries, unreadable].concat().join(" "))
    }

    #[test]
    fn the_published_stop_list_is_read() {
        let body = r#"{"success": true, "data": [{"id": 54, "limit": 0, "timestamp": 1761202010781},
            {"id": 57, "limit": 3, "timestamp": 1761202001368}, {"id": 275, "limit": 5, "timestamp": 1762929390368},
            {"id": 306, "limit": 5, "timestamp": 1761202448860}]}"#;
        let (list, odd) = stops(&whole_list(), body);
        assert_eq!(shown(&list), "54=0 57=3 275=5 306=5");
        assert_eq!(list.entries[0].updated_at, Some(Timestamp::from_unix_ms(1_761_202_010_781)));
        assert_eq!(odd, Oddities::default());
    }

    #[test]
    fn stop_lists_in_every_shape_cost_only_their_bad_rows() {
        // Rows, what is read ("7?" is unreadable, ".." means that absence says nothing), number of oddities.
        let cases = [
            ("", "", 0),
            (r#"{"id":"54","limit":"16.2000","timestamp":"1761202010781"}"#, "54=16.2", 0),
            (r#"{"id":54,"limit":0.1,"timestamp":"2026-01-13T14:08:49.000000Z","new":{"a":[1]}}"#, "54=0.1", 0),
            (r#"{"id":54,"limit":-2.5,"timestamp":"2026-01-13 20:04:05"}"#, "54=-2.5", 0),
            (r#"{"id":54,"limit":3,"timestamp":null}"#, "54=3", 1),
            (
                r#"{"id":7,"limit":null,"timestamp":1761202010781},{"id":8,"limit":1,"timestamp":1761202010781}"#,
                "8=1 7?",
                1,
            ),
            (r#"{"id":7,"limit":{},"timestamp":1761202010781}"#, "7?", 1),
            (r#"{"limit":1},{"id":8,"limit":1,"timestamp":1761202010781}"#, "8=1 ..", 1),
            (r#"null,[54,0,1761202010781],"x",{"id":1.5}"#, " ..", 4),
            (r#"{"id":5,"limit":1,"timestamp":1761202010781},{"id":5,"limit":1,"timestamp":1761202010781}"#, "5=1", 0),
            (r#"{"id":5,"limit":1,"timestamp":1761202010782},{"id":5,"limit":9,"timestamp":1761202010781}"#, "5=1", 1),
            (r#"{"id":5,"limit":9,"timestamp":1761202010781},{"id":5,"limit":1,"timestamp":1761202010782}"#, "5=1", 1),
            (r#"{"id":5,"limit":9,"timestamp":1761202010781},{"id":5,"limit":1,"timestamp":1761202010781}"#, "5=1", 1),
            (r#"{"id":5,"limit":1,"timestamp":1761202010781},{"id":5,"limit":9,"timestamp":1761202010781}"#, "5=1", 1),
            (r#"{"id":5,"limit":1,"timestamp":1761202010781},{"id":5,"limit":"?"}"#, "5?", 1),
            (r#"{"id":5,"id":6,"limit":1}"#, " ..", 1),
        ];
        for (rows, wanted, oddities) in cases {
            for envelope in [r#"{"success":true,"data":[ROWS]}"#, r#"{"data":[ROWS],"error":null}"#] {
                let (list, odd) = stops(&whole_list(), &envelope.replace("ROWS", rows));
                assert_eq!(shown(&list), wanted, "{rows}");
                assert_eq!(odd.count, oddities, "{rows}: {odd:?}");
            }
        }
    }

    #[test]
    fn a_list_that_says_there_is_more_makes_absence_unknown() {
        for more in [r#""total":2"#, r#""total":"2""#, r#""pagination":{"total":1,"total_pages":2}"#] {
            let body = format!(r#"{{"success":true,"data":[{{"id":5,"limit":1,"timestamp":1761202010781}}],{more}}}"#);
            assert_eq!(shown(&stops(&whole_list(), &body).0), "5=1 ..", "{more}");
        }
    }

    #[test]
    fn a_filtered_answer_is_held_against_the_question() {
        let request = Request::StopList { venue: VENUE, only: vec![ProductId(1), ProductId(332)] };
        let body = r#"{"success":true,"data":[{"id":1,"limit":0,"timestamp":1761202010781},
            {"id":54,"limit":0,"timestamp":1761202010781},{"id":400,"limit":null}]}"#;
        let (list, odd) = stops(&request, body);
        assert_eq!(shown(&list), "1=0");
        assert_eq!((odd.count, odd.first[0].what.contains("2 rows were not asked for")), (1, true), "{odd:?}");
    }

    #[test]
    fn what_is_no_list_is_not_an_empty_list() {
        let cases = [
            ("", "empty"),
            ("  \n", "empty"),
            ("<html><body>Bad\u{7} gateway</body></html>", "HTML: <html><body>Bad  gateway</body></html>"),
            (r#"{"success":true,"data":[{"id":5,"limit""#, "cut off after 39 bytes"),
            (r#"{"success":true,"data":[]} Warning: x"#, "not JSON at column"),
            ("[]", "no JSON object"),
            ("s3cr3t/x is s3cr3t\\/x", "••• is •••"),
            (r#"{"success":true,"data":null}"#, "null"),
            (r#"{"success":true}"#, "null"),
            (r#"{"success":true,"data":{}}"#, "an object, not a list"),
            (r#"{"success":true,"data":"s3cr3t/x"}"#, "a single value, not a list"),
            (r#"{"success":true,"data":[],"data":[]}"#, "not JSON at column"),
        ];
        for (body, wanted) in cases {
            let verdict = decode(&whole_list(), &reply(200, body)).expect_err(body);
            assert_eq!(verdict.word(), "unreadable", "{body}");
            assert!(verdict.to_string().contains(wanted), "{body}: {verdict}");
        }
        let partial = decode(&whole_list(), &reply(206, r#"{"success":true,"data":[]}"#));
        assert_eq!(partial.expect_err("partial").word(), "unreadable");
    }

    #[test]
    fn oddities_are_kept_to_a_number_and_counted_beyond() {
        let rows = vec![r#"{"id":5,"limit":"x"}"#; 50].join(",");
        let (_, odd) = stops(&whole_list(), &format!(r#"{{"success":true,"data":[{rows}]}}"#));
        assert_eq!((odd.first.len(), odd.count), (ODDITIES_MAX, 50));
    }

    fn products(rows: &str) -> (Page<Product>, Oddities) {
        let body = format!(r#"{{"success":true,"data":[{rows}],"total":284}}"#);
        match decode(&Request::Products { venue: VENUE, page: 1 }, &reply(200, &body)) {
            Ok((Answer::Products(page), odd)) => (page, odd),
            other => panic!("{rows} gave {other:?}"),
        }
    }

    #[test]
    fn a_dish_is_read_with_all_that_hangs_on_it() {
        let (page, odd) = products(
            r#"{"id":"12","parent_id":0,"station_id":null,"station":{"id":3,"name":"Tandir"},"category_id":4,
            "category":{"id":4,"name":" Kababs "},"type":"DISH","name":"L\u00fcl\u0259","parent_name":"","full_name":null,
            "status":"1","hidden":0,"sold_by_weight":0,"has_modifications":false,"price":8.1,"cost_price":"16.2000",
            "cooking_time":"15","inventory_behavior":0,"low_stock":2.5,"venues":[{"?":1}],
            "tags":[{"id":1,"name":"Spicy"},"New",{}],
            "recipe":[{"ingredient_id":70,"name":"Lamb","gross":"0.2500","net":"0.2"},
                      {"id":71,"name":"Salt","cost_price":1,"pivot":{"gross":"0.005"}},{"name":"?"}],
            "modificator_groups":[{"id":1,"modificators":[{"id":5,"name":"Lavash","ingredient":{"id":72}},
                      {"id":6,"name":"Hot","ingredient":null},{"id":7,"name":"Cheese","ingredient":73}]}]}"#,
        );
        let dish = Product {
            id: ProductId(12),
            parent: None,
            station: Some(StationId(3)),
            category: Some(CategoryId(4)),
            category_name: Some("Kababs".to_owned()),
            kind: ProductKind::Dish,
            name: "Lülə".to_owned(),
            full_name: "Lülə".to_owned(),
            active: true,
            hidden: false,
            sold_by_weight: false,
            has_variants: false,
            price: "8.1".parse().expect("price"),
            cost_price: "16.2".parse().expect("price"),
            cooking_time_min: 15,
            inventory: InventoryBehavior::MinusIngredients,
            low_stock: "2.5".parse().ok(),
            tags: vec!["Spicy".to_owned(), "New".to_owned()],
            recipe: vec![
                RecipePart { ingredient: ProductId(70), gross: "0.25".parse().ok() },
                RecipePart { ingredient: ProductId(71), gross: "0.005".parse().ok() },
            ],
            modifiers: vec![
                Modifier { id: 5, name: "Lavash".to_owned(), ingredient: Some(ProductId(72)) },
                Modifier { id: 6, name: "Hot".to_owned(), ingredient: None },
                Modifier { id: 7, name: "Cheese".to_owned(), ingredient: Some(ProductId(73)) },
            ],
        };
        assert_eq!(page.rows, [(12, dish)]);
        assert_eq!((page.total, page.last, page.listed), (Some(284), None, vec![12]));
        assert_eq!(odd.count, 1, "the nameless recipe part: {odd:?}");
    }

    #[test]
    fn variants_become_products_of_their_own() {
        let (page, odd) = products(
            r#"{"id":1,"type":"GOODS","name":"Fanta","status":1,"hidden":0,"price":0,"low_stock":0,"inventory_behavior":1,
            "modifications":[{"id":2,"parent_id":1,"type":"MODIFICATION","name":"0.5 L","full_name":"Fanta 0.5 L",
                "status":1,"price":2.5,"inventory_behavior":1},
               {"id":3,"name":"1 L","parent_name":"Fanta","status":0,"price":"4","inventory_behavior":9},
               {"id":4,"name":"2 L","status":"maybe"}]},
            {"id":9,"type":"HOLOGRAM","name":"x","status":1}"#,
        );
        let seen: Vec<_> = page
            .rows
            .iter()
            .map(|(_, p)| {
                (p.id.0, p.parent.map(|id| id.0), p.full_name.as_str(), p.kind.word(), p.active, p.has_variants)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, None, "Fanta", "GOODS", true, true),
                (2, Some(1), "Fanta 0.5 L", "MODIFICATION", true, false),
                (3, Some(1), "Fanta 1 L", "MODIFICATION", false, false),
                (9, None, "x", "HOLOGRAM", true, false),
            ]
        );
        assert_eq!(page.rows[2].1.inventory, InventoryBehavior::Other(9));
        assert_eq!(page.rows[0].1.low_stock, None, "0 is no threshold");
        assert_eq!((page.listed, page.unreadable), (vec![1, 9], vec![4]));
        assert_eq!(odd.count, 1, "{odd:?}");
    }

    #[test]
    fn a_product_that_cannot_be_judged_is_unreadable_and_the_rest_of_the_page_stays() {
        let good = r#"{"id":1,"type":"DISH","name":"Plov","status":1}"#;
        for bad in [
            r#"{"id":2,"name":"no type"}"#,
            r#"{"id":2,"type":"DISH","price":"a lot"}"#,
            r#"{"id":2,"type":"DISH","status":[]}"#,
            r#"{"id":2,"type":"DISH","station_id":-4}"#,
            r#"{"id":2,"type":"DISH","low_stock":"few"}"#,
        ] {
            let (page, odd) = products(&format!("{bad},{good}"));
            assert_eq!((page.rows.len(), page.unreadable, page.listed), (1, vec![2], vec![2, 1]), "{bad}");
            assert_eq!(odd.count, 1, "{bad}");
        }
        let (page, _) = products(&format!("{good},7"));
        assert_eq!((page.rows.len(), page.nameless), (1, 1));
    }

    #[test]
    fn one_product_must_be_the_one_that_was_asked_for() {
        let body =
            r#"{"success":true,"data":{"id":1,"type":"GOODS","name":"Fanta","modifications":[{"id":2,"status":1}]}}"#;
        let ask = |id| decode(&Request::Product { venue: VENUE, id: ProductId(id) }, &reply(200, body));
        let Ok((Answer::Product(Family { product, variants }), _)) = ask(1) else { panic!("{:?}", ask(1)) };
        assert_eq!((product.id.0, variants.len(), variants[0].parent), (1, 1, Some(ProductId(1))));
        for id in [3, 4] {
            assert_eq!(ask(id).expect_err("another").word(), "unreadable");
        }
    }

    #[test]
    fn stations_venues_lists_and_prices_are_read() {
        let stations = r#"{"success":true,"total":3,"data":[
            {"id":1,"name":"Kitchen","status":1,"type":1,"printable":1,"created_at":"2026-01-13T14:08:49.000000Z"},
            {"id":3,"name":"Tandir","status":"0","type":0,"printable":false},{"id":4,"name":"Bar","status":null}]}"#;
        let answer = decode(&Request::Stations { venue: VENUE, page: 1 }, &reply(200, stations));
        let Ok((Answer::Stations(page), _)) = answer else { panic!("{answer:?}") };
        let seen: Vec<_> = page.rows.iter().map(|(_, s)| (s.name.as_str(), s.active, s.kitchen, s.printable)).collect();
        assert_eq!(seen, [("Kitchen", true, true, true), ("Tandir", false, false, false)]);
        assert_eq!((page.unreadable, page.total), (vec![4], Some(3)));

        let venues = r#"{"success":true,"data":[{"id":2,"name":"B","status":0},{"id":1,"name":""}],"total":5}"#;
        let answer = decode(&Request::Venues, &reply(200, venues));
        let Ok((Answer::Venues(venues), odd)) = answer else { panic!("{answer:?}") };
        let seen: Vec<_> = venues.rows.iter().map(|venue| (venue.id.0, venue.name.as_str(), venue.active)).collect();
        assert_eq!((seen, odd.count, venues.whole), (vec![(1, "#1", true), (2, "B", false)], 1, false));

        let lists = r#"{"data":[{"id":1,"name":"Delivery","description":null,"status":true}],
            "pagination":{"page":1,"per_page":50,"total":1,"total_pages":1}}"#;
        let answer = decode(&Request::PriceLists { page: 1 }, &reply(200, lists));
        let Ok((Answer::PriceLists(page), _)) = answer else { panic!("{answer:?}") };
        assert_eq!((page.rows[0].1.name.as_str(), page.total, page.last), ("Delivery", Some(1), Some(1)));

        let prices = r#"{"data":[{"id":10,"list_id":1,"product_id":105,"price":12.5,"product":{"id":105}},
            {"id":11,"list_id":1,"product_id":106,"price":null}],"pagination":{"total":2,"total_pages":1}}"#;
        let answer = decode(&Request::Prices { page: 1 }, &reply(200, prices));
        let Ok((Answer::Prices(page), _)) = answer else { panic!("{answer:?}") };
        let price = Price { list: PriceListId(1), product: ProductId(105), price: "12.5".parse().expect("price") };
        assert_eq!((page.rows, page.unreadable), (vec![(10, price)], vec![11]));
    }

    #[test]
    fn every_row_of_the_error_table_has_its_verdict() {
        let list = whole_list();
        let one = Request::Product { venue: VENUE, id: ProductId(9) };
        let error =
            |error: &str, message: &str| format!(r#"{{"success":false,"error":"{error}","message":"{message}"}}"#);
        let bare = |error: &str| format!(r#"{{"error":"{error}","message":"","details":{{}}}}"#);
        let cases = [
            (&list, 401, error("Token expired", "x"), "token_stale"),
            (&list, 401, r#"{"error":"Token expired","expires_at":"2026-01-13T14:08:49Z"}"#.to_owned(), "token_stale"),
            (&list, 401, error("Invalid token", ""), "token_stale"),
            (&list, 401, bare("Headers are missing"), "token_stale"),
            (&list, 401, error("unauthorized", "Missing authentication headers"), "token_stale"),
            (&list, 401, error("Invalid integrator_id", ""), "integrator_refused"),
            (&list, 400, error("invalid_parameter", "Invalid integrator_id"), "integrator_refused"),
            (&list, 401, error("", "Integrator is disabled"), "integrator_refused"),
            (&list, 200, error("", "Test integrator cannot access a production brand"), "credentials_refused"),
            (&list, 401, error("", "Integrator is in test mode"), "credentials_refused"),
            (&list, 401, error("Client is disabled", ""), "credentials_refused"),
            (&list, 401, error("upstream rejected the credentials", ""), "credentials_refused"),
            (&list, 403, error("forbidden", "Module not allowed"), "forbidden"),
            (&one, 404, error("resource_not_found", "Product not found"), "not_found"),
            (&one, 200, error("resource_not_found", "Product not found"), "not_found"),
            (&list, 404, error("resource_not_found", "Route not found"), "refused"),
            (&one, 404, "<html>nginx</html>".to_owned(), "unreadable"),
            (&list, 429, error("rate_limited", ""), "rate_limited"),
            (&list, 429, "Too Many Requests".to_owned(), "rate_limited"),
            (&list, 200, error("Too Many Requests", ""), "rate_limited"),
            (&list, 500, error("internal", ""), "passing"),
            (&list, 502, "<html>Bad Gateway</html>".to_owned(), "passing"),
            (&list, 503, String::new(), "passing"),
            (&list, 504, bare("upstream timeout"), "passing"),
            (&list, 500, r#"{"success":true,"data":[]}"#.to_owned(), "passing"),
            (&list, 400, error("invalid_parameter", "Invalid filter parameters"), "refused"),
            (&list, 200, error("invalid_parameter", "Invalid filter parameters"), "refused"),
            (&list, 200, r#"{"success":false}"#.to_owned(), "passing"),
            (&list, 200, r#"{"success":0,"data":[]}"#.to_owned(), "passing"),
            (&list, 403, "<html>blocked</html>".to_owned(), "unreadable"),
        ];
        for (request, status, body, wanted) in &cases {
            let verdict = decode(request, &reply(*status, body)).expect_err(body);
            assert_eq!(verdict.word(), *wanted, "{status} {body}: {verdict}");
            assert!(verdict.to_string().len() > 40 && !verdict.to_string().ends_with('.'), "{verdict}");
        }
        let told = Reply { rate_limit: RateLimit::read(None, None, Some("17"), None), ..reply(429, "") };
        let wait = std::time::Duration::from_secs(17);
        assert_eq!(decode(&list, &told), Err(Verdict::RateLimited { wait }));
        let redirected = Reply { redirect: Some("evil.example"), ..reply(302, "") };
        let verdict = decode(&list, &redirected).expect_err("a redirect");
        assert!(verdict.to_string().contains("redirect to evil.example"), "{verdict}");
        let echo = error("Invalid token", &format!("{}s3cr3t/x", "y".repeat(190)));
        let verdict = decode(&list, &reply(401, &echo)).expect_err("stale");
        assert!(!format!("{verdict} {verdict:?}").contains("s3cr3t"), "{verdict:?}");
    }

    #[test]
    fn oddities_hold_nothing_of_a_secret_that_an_answer_repeats() {
        for (request, body) in [
            (whole_list(), r#"{"data": [{"name": "s3cr3t/x"}]}"#),
            (whole_list(), r#"{"data": [{"id": 1, "limit": "s3cr3t\/x"}, {"id": 2, "limit": 1, "timestamp": "x"}]}"#),
            (whole_list(), r#"{"data": [{"padding": "12345678901234567890123456", "name": "s3cr3t/x"}]}"#),
            (Request::Stations { venue: VENUE, page: 1 }, r#"{"data": [{"id": 1, "status": "s3cr3t/x"}]}"#),
        ] {
            let (_, odd) = decode(&request, &reply(200, body)).expect("an answer");
            assert!(!odd.first.is_empty(), "{body}");
            for Oddity { what, id: _ } in &odd.first {
                assert!(!what.contains("s3cr") && what.ends_with("•••"), "{what}");
            }
        }
        let product = Request::Product { venue: VENUE, id: ProductId(5) };
        let body = r#"{"data": {"id": 5, "parent_id": "123456789012345678901234567890s3cr3t/x"}}"#;
        let verdict = decode(&product, &reply(200, body)).expect_err("no product");
        assert!(!verdict.to_string().contains("s3cr"), "{verdict}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_decoder(body in "\\PC*", cut in 0_usize..200) {
            let real = r#"{"success":true,"data":[{"id":1,"type":"GOODS","modifications":[{"id":2,"price":"1"}]}],"total":1}"#;
            for request in [whole_list(), Request::Venues, Request::Products { venue: VENUE, page: 1 }] {
                let _ = decode(&request, &reply(200, &body));
                let cut = decode(&request, &reply(200, &real[..cut.min(real.len() - 1)]));
                assert!(cut.is_err());
            }
        }

        #[test]
        fn the_order_of_rows_does_not_matter(rows in proptest::collection::vec((1_u64..6, -2_i64..4, 0_i64..3), 0..12)) {
            let write = |rows: &[(u64, i64, i64)]| {
                let rows: Vec<String> = rows.iter().map(|(id, limit, ms)| {
                    format!(r#"{{"id":{id},"limit":{limit},"timestamp":{}}}"#, 1_761_202_010_781 + ms)
                }).collect();
                format!(r#"{{"success":true,"data":[{}]}}"#, rows.join(","))
            };
            let mut turned = rows.clone();
            turned.reverse();
            assert_eq!(stops(&whole_list(), &write(&rows)).0, stops(&whole_list(), &write(&turned)).0);
        }
    }
}
