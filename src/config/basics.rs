//! The small sections: locale, polling, store, http.
//!
//! Each reader returns resolved settings, or tells everything that is wrong with its section and returns `None`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::calendar::clock_time;
use crate::config::{Locale, Surroundings, access};
use crate::document::{Fields, Node, Problems};
use crate::http::PublicUrl;
use crate::language::Language;
use crate::units::Zone;
use crate::{broker, http, poll};

/// `fastest`: below a second a single venue could take a brand's whole quota.
pub(super) const FASTEST_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);
/// `oldest`: a screen that is an hour behind helps nobody.
pub(super) const OLDEST_RANGE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(1);
/// `catalog`: a walk of many pages takes most of a minute of quota.
pub(super) const CATALOG_RANGE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(24);
/// `prices`: as `catalog`, but prices change by the day.
pub(super) const PRICES_RANGE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(7 * 24);
/// What a currency is written like.
pub(super) const CURRENCY: &str = "the three capital letters of a currency, such as AZN";
/// What a time of day is written like.
pub(super) const TIME_OF_DAY: &str = "a time of day such as \"04:00\"";
/// What the store is written like.
pub(super) const STORE: &str = "sqlite: and a path, such as sqlite:eightysix.db";
/// The store beside the configuration.
const STORE_DEFAULT: &str = "eightysix.db";

pub(super) fn locale(node: &Node, problems: &mut Problems) -> Option<Locale> {
    let mut fields = node.fields("{ timezone: Asia/Baku, currency: AZN }", problems)?;
    let language = language(&mut fields, Language::default(), problems);
    let timezone = fields.required("timezone", "Asia/Baku", problems).and_then(|node| timezone(node, problems));
    let currency = fields.required("currency", "AZN", problems).and_then(|node| currency(node, problems));
    let day = match fields.optional("business_day_starts") {
        Some(node) => time_of_day(node, problems),
        None => Some(jiff::civil::time(4, 0, 0, 0)),
    };
    fields.finish(problems);
    Some(Locale { language: language?, timezone: timezone?, currency: currency?, business_day_starts: day? })
}

/// Reads what somebody reads.
pub(super) fn language(fields: &mut Fields<'_>, default: Language, problems: &mut Problems) -> Option<Language> {
    fields.optional("language").map_or(Some(default), |node| node.word(&Language::WORDS, problems))
}

fn timezone(node: &Node, problems: &mut Problems) -> Option<Zone> {
    let name = node.text(problems)?;
    Zone::named(name).map_err(|why| problems.tell(&node.place, why)).ok()
}

fn currency(node: &Node, problems: &mut Problems) -> Option<String> {
    let code = node.text(problems)?;
    if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(code.to_owned());
    }
    node.refuse(CURRENCY, problems)
}

fn time_of_day(node: &Node, problems: &mut Problems) -> Option<jiff::civil::Time> {
    let time = node.as_scalar().and_then(|(text, _)| clock_time(text));
    if time.is_none() {
        return node.refuse(TIME_OF_DAY, problems);
    }
    time
}

pub(super) fn polling(node: &Node, problems: &mut Problems) -> Option<poll::Settings> {
    let default = poll::Settings::default();
    let mut fields = node.fields("{ fastest: 3s, oldest: 60s }", problems)?;
    let fastest = duration(&mut fields, "fastest", &FASTEST_RANGE, default.fastest, problems);
    let oldest = duration(&mut fields, "oldest", &OLDEST_RANGE, default.oldest, problems);
    let catalog = duration(&mut fields, "catalog", &CATALOG_RANGE, default.catalog, problems);
    let prices = duration(&mut fields, "prices", &PRICES_RANGE, default.prices, problems);
    if let (Some(fastest), Some(oldest)) = (fastest, oldest)
        && fastest > oldest
    {
        let help = "make 'fastest' the shorter one: no venue is polled more often than that";
        problems.tell_with_help(fields.place_of("fastest"), "'fastest' is longer than 'oldest'", help);
    }
    fields.finish(problems);
    Some(poll::Settings { fastest: fastest?, oldest: oldest?, catalog: catalog?, prices: prices? })
}

fn duration(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: &RangeInclusive<Duration>,
    default: Duration,
    problems: &mut Problems,
) -> Option<Duration> {
    fields.optional(key).map_or(Some(default), |node| node.duration(range, problems))
}

pub(super) fn store(
    node: Option<&Node>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<crate::store::Settings> {
    let Some(node) = node else { return Some(crate::store::Settings { path: around.path(STORE_DEFAULT) }) };
    let text = node.text(problems)?;
    let Some(path) = text.strip_prefix("sqlite:") else {
        // The text is not repeated: the address of another database may hold its password.
        problems.tell(&node.place, format!("'store' must be {STORE}"));
        return None;
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => node.refuse(STORE, problems),
        ":memory:" => {
            let help = "write a path: without a file, a restart would repeat and lose notices";
            problems.tell_with_help(&node.place, "the store cannot be in memory", help);
            None
        }
        path => Some(crate::store::Settings { path: around.path(path) }),
    }
}

pub(super) fn http(
    node: Option<&Node>,
    around: &Surroundings<'_>,
    displays: Option<&broker::Settings>,
    problems: &mut Problems,
) -> Option<http::Settings> {
    let default = http::Settings::default();
    let Some(node) = node else { return Some(default) };
    let mut fields = node.fields("{ listen: 127.0.0.1:8686 }", problems)?;
    let told = problems.count();
    let listen = fields.optional("listen").map_or(Some(default.listen), |node| address(node, problems));
    let origins: Option<Vec<String>> = match fields.optional("origins") {
        Some(node) => node.one_or_more().iter().map(|origin| origin.text(problems).map(str::to_owned)).collect(),
        None => Some(default.origins),
    };
    let public_url = fields.optional("public_url").map_or(Some(None), |node| public_url(node, problems).map(Some));
    let access = access::read(&mut fields, around, problems);
    let settings = listen.zip(origins).zip(public_url);
    let settings =
        settings.map(|((listen, origins), public_url)| http::Settings { listen, origins, public_url, access });
    // With half of who is let in, what is said of it would be wrong.
    if let Some(settings) = settings.as_ref().filter(|_| problems.count() == told) {
        for (field, why) in http::problems(settings, displays) {
            problems.tell(fields.place_of(field), why);
        }
    }
    fields.finish(problems);
    settings
}

/// Reads the address under which people outside reach the web side.
fn public_url(node: &Node, problems: &mut Problems) -> Option<PublicUrl> {
    let text = node.text(problems)?;
    match PublicUrl::new(text) {
        Ok(url) => Some(url),
        Err(why) => {
            // An '@' may stand behind a password.
            if text.contains('@') {
                problems.conceal(node);
            }
            let help = "write how people reach it from outside, such as https://86.example.com";
            problems.tell_with_help(&node.place, format!("the public_url {why}"), help);
            None
        }
    }
}

/// Reads an address to listen on.
pub(super) fn address(node: &Node, problems: &mut Problems) -> Option<SocketAddr> {
    let text = node.text(problems)?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let port = text.strip_prefix("localhost:").filter(|port| port.parse::<u16>().is_ok());
    let expected = match port {
        Some(port) => format!("an address and a port, such as 127.0.0.1:{port}"),
        None => "an address and a port, such as 127.0.0.1:8686 or 0.0.0.0:8686".to_owned(),
    };
    node.refuse(&expected, problems)
}
