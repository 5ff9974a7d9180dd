//! The `clopos` section: where the API is, and the brands with their credentials and venues.
//!
//! Asks Clopos nothing. Invariant: credentials never travel unencrypted beyond this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use reqwest::Url;

use crate::clopos::{BASE_URL, BODY_BYTES_MAX, BrandSettings, Settings, TIME_LIMIT};
use crate::config::hours::{BrandHours, Hours};
use crate::config::{Surroundings, Venues, channels, hours, secret};
use crate::document::{Node, Place, Problem, Problems};
use crate::units::{BrandId, VenueId};

/// Requests a minute and brand when nothing is written: a fifth of the quota stays for the POS's other integrations.
pub(super) const REQUESTS_DEFAULT: u32 = 240;
/// What may be written: of the quota of 300 some always stays, as our minute and theirs are not the same.
pub(super) const REQUESTS_RANGE: RangeInclusive<i64> = 1..=290;
/// Brands of one configuration: each has a task and a budget of its own.
pub(super) const BRANDS_MAX: usize = 1_000;
/// What a text that travels in a header is written like.
pub(super) const HEADER_TEXT: &str = "a text of ASCII letters, digits and signs without spaces";
/// What the name of a brand is written like.
pub(super) const BRAND: &str = "it as Clopos does: 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' or '.'";
/// Venues listed for one brand: at one poll each, more could not be read within the hour.
pub(super) const VENUES_MAX: usize = 10_000;

/// What the section says, apart by what uses it.
pub(super) struct Section {
    /// Of the API.
    pub(super) settings: Settings,
    /// The venues of each brand.
    pub(super) venues: BTreeMap<BrandId, Venues>,
    /// The hours of each brand.
    pub(super) hours: BTreeMap<BrandId, BrandHours>,
}

pub(super) fn settings(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Section> {
    let mut fields = node.fields("{ integrator_id: .., brands: [..] }", problems)?;
    let base_url = fields.optional("base_url").map_or(Some(BASE_URL.to_owned()), |node| base_url(node, problems));
    let integrator_id = fields.required("integrator_id", "the id that Clopos gave to you", problems);
    let integrator_id = integrator_id.and_then(|node| header_text(node, problems));
    let brands = fields.required("brands", "[{ brand: .., client_id: .., client_secret: .. }]", problems);
    let brands = brands.and_then(|node| brands_of(node, around, problems));
    let ca_file_place = fields.place_of("ca_file").clone();
    let ca_file = channels::ca_file(&mut fields, around, problems);
    if ca_file.is_some() && base_url.as_ref().is_some_and(|url| url.starts_with("http:")) {
        problems.tell(&ca_file_place, "a ca_file means nothing for an http:// base_url; remove it, or write https://");
    }
    fields.finish(problems);
    let (mut settings_of, mut venues, mut hours) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for brand in brands? {
        venues.insert(brand.settings.brand.clone(), brand.venues);
        hours.insert(brand.settings.brand.clone(), brand.hours);
        settings_of.push(brand.settings);
    }
    let settings = Settings {
        base_url: base_url?,
        integrator_id: integrator_id?,
        time_limit: TIME_LIMIT,
        body_bytes_max: BODY_BYTES_MAX,
        ca_file,
        brands: settings_of,
    };
    Some(Section { settings, venues, hours })
}

/// A brand as it is written.
struct Brand {
    settings: BrandSettings,
    venues: Venues,
    hours: BrandHours,
}

fn base_url(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    let Ok(url) = Url::parse(text) else {
        // An '@' may stand behind a password.
        if text.contains('@') {
            problems.conceal(node);
            problems.tell(&node.place, format!("'base_url' must be a web address such as {BASE_URL}"));
            return None;
        }
        return node.refuse(&format!("a web address such as {BASE_URL}"), problems);
    };
    let host = url.host_str().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_local = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    let wrong = match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => "holds an account, which Clopos does not use",
        _ if url.query().is_some() || url.fragment().is_some() => "goes on after its path",
        "https" => return Some(text.trim_end_matches('/').to_owned()),
        "http" if is_local => return Some(text.trim_end_matches('/').to_owned()),
        "http" => "is not encrypted, and would show the credentials to everyone on the way",
        _ => "is not a web address",
    };
    problems.tell_with_help(&node.place, format!("the base_url {wrong}"), format!("write one such as {BASE_URL}"));
    None
}

/// Reads a text that travels in a header.
fn header_text(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(text.to_owned());
    }
    node.refuse(HEADER_TEXT, problems)
}

fn brands_of(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Vec<Brand>> {
    let items = node.list(problems)?;
    if items.is_empty() || items.len() > BRANDS_MAX {
        let message = format!("'brands' must hold 1 to {BRANDS_MAX} brands, not {}", items.len());
        problems.tell(&node.place, message);
        return None;
    }
    let mut names: BTreeMap<String, &Node> = BTreeMap::new();
    let mut brands = Vec::new();
    for item in items {
        brands.push(brand(item, around, &mut names, problems));
    }
    brands.into_iter().collect()
}

fn brand<'a>(
    node: &'a Node,
    around: &Surroundings<'_>,
    names: &mut BTreeMap<String, &'a Node>,
    problems: &mut Problems,
) -> Option<Brand> {
    let mut fields = node.fields("{ brand: .., client_id: .., client_secret: .. }", problems)?;
    let name = fields.required("brand", "the name of the brand at Clopos", problems);
    let brand = name.and_then(|node| {
        let text = node.text(problems)?;
        if let Some(first) = names.insert(text.to_owned(), node) {
            problems.push(Problem {
                place: node.place.clone(),
                message: format!("the brand {} is listed twice", node.describe()),
                help: Some("put all its venues into one entry".to_owned()),
                related: Some((first.place.clone(), "first listed here".to_owned())),
            });
        }
        let brand = BrandId::new(text).ok();
        if brand.is_none() {
            let help = format!("write {BRAND}");
            problems.tell_with_help(&node.place, format!("{} is no name of a brand", node.describe()), help);
        }
        brand
    });
    let client_id = fields.required("client_id", "the id that Clopos gave to you for this brand", problems);
    let client_id = client_id.and_then(|node| node.text(problems));
    let client_secret = fields.required("client_secret", "{ file: /path }", problems);
    let client_secret = client_secret.and_then(|node| secret::read(node, around, problems));
    let requests = match fields.optional("requests_per_minute") {
        Some(node) => node.integer(&REQUESTS_RANGE, "requests", problems).and_then(|count| u32::try_from(count).ok()),
        None => Some(REQUESTS_DEFAULT),
    };
    let listed = fields.optional("venues");
    let all = hours::hours(&mut fields, problems);
    let mut own = BTreeMap::new();
    let venues = listed.map_or(Some(Venues::All), |node| venues(node, &mut own, problems));
    fields.finish(problems);
    let settings = BrandSettings {
        brand: brand?,
        client_id: client_id?.to_owned(),
        client_secret: client_secret?,
        requests_per_minute: requests?,
    };
    Some(Brand { settings, venues: venues?, hours: BrandHours { all, own } })
}

fn venues(node: &Node, own: &mut BTreeMap<VenueId, Hours>, problems: &mut Problems) -> Option<Venues> {
    if node.as_scalar().is_some_and(|(text, _)| text == "all") {
        return Some(Venues::All);
    }
    let expected = "all, or a list of venue ids such as [1, 2]";
    let items = node.one_or_more();
    if node.as_scalar().is_some() || node.is_nothing() || items.is_empty() || items.len() > VENUES_MAX {
        return node.refuse(expected, problems);
    }
    let mut ids = BTreeSet::new();
    let mut complete = true;
    for item in items {
        let Some((place, id, hours)) = venue(item, problems) else {
            complete = false;
            continue;
        };
        if !ids.insert(id) {
            problems.tell_with_help(place, format!("the venue {id} is listed twice"), "remove one of the two");
        }
        own.extend(hours.map(|hours| (id, hours)));
    }
    complete.then_some(Venues::Listed(ids))
}

/// Reads `1` or `{ id: 1, hours: .., peaks: .. }`.
fn venue<'a>(item: &'a Node, problems: &mut Problems) -> Option<(&'a Place, VenueId, Option<Hours>)> {
    let (node, hours) = if item.as_scalar().is_some() || item.is_nothing() {
        (item, None)
    } else {
        let mut fields = item.fields("{ id: 1 }", problems)?;
        let id = fields.required("id", "1", problems);
        let hours = hours::hours(&mut fields, problems);
        fields.finish(problems);
        (id?, Some(hours))
    };
    let id = node.integer(&(1..=i64::MAX), "", problems)?;
    Some((&node.place, VenueId(u64::try_from(id).ok()?), hours))
}
