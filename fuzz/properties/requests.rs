//! What goes out into addresses: queries, topics, and the single values that configuration and answers hold.
//!
//! Input: lines of a word and a text. Query lines (`pair`, `with`, `filter`, `any`) build one query; `ids` a filtered stop
//! list; the others (`topic`, `brand`, `quantity`, ..) are read on their own.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use eightysix::clopos::query::{FILTER_IDS_MAX, Query, Request};
use eightysix::simulator::query::{self, FilterValue};
use eightysix::sinks::email::{Address, Place};
use eightysix::sinks::mqtt::address::BrokerUrl;
use eightysix::sinks::webhook::Allowed;
use eightysix::topics::{BaseTopic, check_topic, rank};
use eightysix::units::{
    BrandId, Money, ProductId, Quantity, StationId, Timestamp, VenueId, human_duration, parse_duration, printable,
};

use super::text::{assert_shown, is_printable};

/// Bytes of a path and query that common proxies take in half of a request line.
const QUERY_BYTES_MAX: usize = 4_600;

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut built = Built::default();
    for line in text.split('\n') {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "pair" | "with" | "filter" | "any" => built.add(word, rest),
            "ids" => stop_list(rest),
            "topic" => topics(rest),
            "brand" => brand(rest),
            "quantity" => drop(printed_as_read::<Quantity>(rest)),
            "money" => drop(printed_as_read::<Money>(rest)),
            "instant" => drop(printed_as_read::<Timestamp>(rest)),
            "broker" => drop(printed_as_read::<BrokerUrl>(rest)),
            "mail" => mail(rest),
            "place" => drop(printed_as_read::<Place>(rest)),
            "allowed" => drop(rest.parse::<Allowed>()),
            "duration" => duration(rest),
            "shown" => shown(rest),
            _ => {}
        }
    }
    built.assert_read_back();
}

/// A query, and what it must be read as.
#[derive(Default)]
struct Built {
    query: Query,
    pairs: Vec<(String, String)>,
    filters: usize,
    withs: usize,
}

impl Built {
    fn add(&mut self, word: &str, rest: &str) {
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let query = std::mem::take(&mut self.query);
        let n = self.filters;
        self.query = match word {
            "pair" => {
                self.pairs.push((name.to_owned(), value.to_owned()));
                query.pair(name, value)
            }
            // Indices begin anew with each call, so there is one call in a query.
            "with" if self.withs > 0 => query,
            "with" => {
                self.withs += 1;
                let related: Vec<&str> = rest.split(',').collect();
                self.pairs.extend(related.iter().enumerate().map(|(n, it)| (format!("with[{n}]"), (*it).to_owned())));
                query.with(&related)
            }
            "filter" => {
                self.filters += 1;
                self.pairs.push((format!("filters[{n}][0]"), name.to_owned()));
                self.pairs.push((format!("filters[{n}][1]"), value.to_owned()));
                query.filter(name, value)
            }
            _ => {
                self.filters += 1;
                let values: Vec<String> = value.split(',').map(str::to_owned).collect();
                self.pairs.push((format!("filters[{n}][0]"), name.to_owned()));
                let named = values.iter().enumerate().map(|(m, it)| (format!("filters[{n}][1][{m}]"), it.clone()));
                self.pairs.extend(named);
                query.filter_any(name, &values)
            }
        };
    }

    fn assert_read_back(&self) {
        let encoded = self.query.encoded();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~%&=".contains(&b);
        assert!(encoded.bytes().all(fits), "a byte that does not belong into a query: {encoded:?}");
        assert_eq!(pairs_of(&encoded), self.pairs, "read back from {encoded}");
        let url = reqwest::Url::parse(&format!("https://h/v2/products?{encoded}")).expect("an address");
        assert_eq!(url.query(), Some(encoded.as_str()), "an address changes the query");
        let read = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        assert!(self.pairs.is_empty() || read.eq(self.pairs.iter().cloned()), "a web server reads {encoded} otherwise");
    }
}

/// Reads a query as any web server does.
fn pairs_of(encoded: &str) -> Vec<(String, String)> {
    let text = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                assert!(!digits.contains(|c: char| c.is_ascii_lowercase()), "small digits in {part}");
                bytes.push(u8::from_str_radix(&digits, 16).expect("two digits behind %"));
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (text(name), text(value))).expect("a pair");
    if encoded.is_empty() { Vec::new() } else { encoded.split('&').map(pair).collect() }
}

/// A filtered stop list asks for all of its ids in either reading of the filter, or for the whole list.
fn stop_list(text: &str) {
    let ids: Vec<u64> = text.split(',').filter_map(|id| id.trim().parse().ok()).collect();
    let request = Request::StopList { venue: VenueId(1), only: ids.iter().copied().map(ProductId).collect() };
    let sent = request.path_and_query();
    // Ids have up to 20 digits here; those of Clopos have 7, for which 4 KB is promised.
    let long_ids: usize = ids.iter().map(|id| id.to_string().len().saturating_sub(7)).sum();
    assert!(sent.len() <= QUERY_BYTES_MAX + long_ids, "{} bytes for {} ids", sent.len(), ids.len());
    let mut wanted = ids;
    wanted.sort_unstable();
    wanted.dedup();
    let Some((path, raw)) = sent.split_once('?') else {
        assert_eq!(sent, "/products/stop-list");
        assert!(wanted.is_empty() || wanted.len() > FILTER_IDS_MAX, "{wanted:?} are not asked for");
        return;
    };
    assert_eq!(path, "/products/stop-list");
    let read = query::parse(raw).unwrap_or_else(|why| panic!("{why}: {raw}"));
    assert!(read.scalars.is_empty() && read.with.is_empty() && read.filters.len() == 1, "{read:?}");
    let FilterValue::Several(values) = &read.filters[0].value else { panic!("{read:?}") };
    let mut asked: Vec<u64> = values.iter().map(|id| id.parse().expect("an id")).collect();
    let (first, second) = (asked[0], asked[1]);
    assert!(wanted.iter().all(|id| (first..=second).contains(id)), "a range would miss one: {raw}");
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, wanted, "asked for by {raw}");
}

fn topics(base: &str) {
    let brand = BrandId::new("sahil").expect("a slug");
    let Ok(topic) = BaseTopic::new(base) else { return };
    assert_eq!(topic.as_str(), base);
    let (venue, levels) = (VenueId(u64::MAX), base.split('/').count());
    let (product, station) = (ProductId(u64::MAX), StationId(u64::MAX));
    for (topic, more) in [
        (topic.bridge_state(), 3),
        (topic.bridge_info(), 3),
        (topic.bridge_check(), 3),
        (topic.status(&brand, venue), 4),
        (topic.stop(&brand, venue), 4),
        (topic.station_stop(&brand, venue, Some(station)), 6),
        (topic.station_stop(&brand, venue, None), 6),
        (topic.product(&brand, venue, product), 5),
        (topic.alert(&brand, venue, "0123456789abcdef"), 5),
        (topic.event(&brand, venue), 4),
        (topic.brand_event(&brand), 3),
    ] {
        check_topic(&topic).unwrap_or_else(|why| panic!("{topic:?}: {why}"));
        assert!(topic.len() <= 512, "{topic:?} has {} bytes", topic.len());
        assert!(!topic.starts_with('$') && !topic.contains("//") && !topic.contains(' '), "{topic:?}");
        assert_eq!(topic.split('/').count(), levels + more, "{topic:?}");
        let _ = rank(&topic);
    }
}

fn brand(slug: &str) {
    let Ok(brand) = BrandId::new(slug) else { return };
    assert_eq!(brand.to_string(), slug);
    let topic = BaseTopic::default().status(&brand, VenueId(1));
    check_topic(&topic).unwrap_or_else(|why| panic!("{topic:?}: {why}"));
    assert_eq!(topic.split('/').count(), 5, "{topic:?}");
    let url = reqwest::Url::parse(&format!("https://h/{slug}/x")).expect("an address");
    assert!(url.path().ends_with("/x"), "{url}");
}

/// Asserts that what is read from a text prints a text that is read as the same.
fn printed_as_read<T: FromStr<Err = String> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            let again = printed.parse::<T>().unwrap_or_else(|why| panic!("{text:?} is printed as {printed:?}: {why}"));
            assert_eq!(again, value, "{text:?} is printed as {printed:?}");
            Some(value)
        }
        Err(why) => {
            assert!(!why.is_empty(), "{text:?} is refused without a word");
            None
        }
    }
}

/// A name may lose white space when it is printed, the address nothing; neither begins a header of its own.
fn mail(text: &str) {
    let Ok(address) = text.parse::<Address>() else { return };
    let printed = address.to_string();
    assert!(!printed.contains(['\r', '\n']), "{text:?} is printed as {printed:?}");
    let again = printed.parse::<Address>().unwrap_or_else(|why| panic!("{text:?} is printed as {printed:?}: {why}"));
    let bare = |shown: &str| shown.rsplit('<').next().map(str::to_owned);
    assert_eq!(bare(&again.to_string()), bare(&printed), "{text:?} is printed as {printed:?}");
}

fn duration(text: &str) {
    let Ok(duration) = parse_duration(text) else { return };
    let written = format!("{}ms", duration.as_millis());
    assert_eq!(parse_duration(&written), Ok(duration), "{text:?} and {written}");
    assert_shown(&human_duration(duration), 40);
}

fn shown(text: &str) {
    for length_max in [1, 20, 200] {
        let shown = printable(text, length_max);
        assert_shown(&shown, length_max);
        assert_eq!(printable(&shown, length_max), shown, "what is shown is changed when it is shown again");
        assert!(!is_printable(text) || text.chars().count() > length_max || shown == text, "{text:?} became {shown:?}");
    }
}
