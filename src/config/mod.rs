//! All settings: reads the configuration and the rules, checks them against each other, and gives resolved values.
//!
//! The only reader of the environment and of secrets. It must never show a secret, nor stop at the first mistake.
//! Invariant: a `Config` exists only when nothing is wrong with any of its files.

mod access;
mod basics;
mod brokers;
mod channels;
mod clopos;
mod heartbeat;
mod hours;
mod mail;
mod receivers;
mod reports;
pub(crate) mod rules;
mod schema;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::env::VarError;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::alerts::notice::ReceiverName;
use crate::alerts::report::Reports;
use crate::calendar::{Calendars, QuietHours};
use crate::document::{self, BYTES_MAX, Entry, Node, Place, Problems, Report, nearest};
use crate::language::Language;
use crate::rules::RuleSet;
use crate::sinks::{email, mqtt, webhook};
use crate::topics::BaseTopic;
use crate::units::{BrandId, VenueId, Zone, printable};
use crate::{broker, http, poll, store};

pub use schema::schema;

/// Everything that the operator decides, checked and resolved: paths are absolute or relative to the working
/// directory, secrets are read, names refer to what exists.
#[derive(Clone, Debug)]
pub struct Config {
    /// Language, time zone, currency and business day.
    pub locale: Locale,
    /// How Clopos is reached, and for which brands.
    pub clopos: crate::clopos::Settings,
    /// Which venues of each brand are watched; has an entry for every brand.
    pub venues: BTreeMap<BrandId, Venues>,
    /// The hours, peaks and windows of every venue.
    pub calendars: Calendars,
    /// How often is read.
    pub polling: poll::Settings,
    /// Where state is kept.
    pub store: store::Settings,
    /// The MQTT brokers by name.
    pub brokers: BTreeMap<String, BrokerSettings>,
    /// The ways for mail by name.
    pub mail: BTreeMap<String, email::Settings>,
    /// The brokers that get the state topics; each is one of `brokers`.
    pub feed: Vec<String>,
    /// Who can be told, by name.
    pub receivers: BTreeMap<ReceiverName, ReceiverSettings>,
    /// The rules of all files.
    pub rules: RuleSet,
    /// The files that the rules came from, sorted: what a reload reads again.
    pub rule_files: Vec<PathBuf>,
    /// Tells configurations apart: a hash of the file and of those of the rules, in the order of their paths. Secrets are in none
    /// of them.
    pub hash: String,
    /// Where browsers reach the embedded broker, and later the board and the API.
    pub http: http::Settings,
    /// Who hears of us as long as the job is done, if anybody.
    pub heartbeat: Option<crate::heartbeat::Settings>,
    /// What is no mistake and yet may not be meant, a sentence each.
    pub warnings: Vec<String>,
}

/// What the operator's language, clock and money are.
#[derive(Clone, Debug, PartialEq)]
pub struct Locale {
    /// What is read by everybody who has no other language; English by default.
    pub language: Language,
    /// The time zone of the venues.
    pub timezone: Zone,
    /// The currency of all prices, three letters of ISO 4217.
    pub currency: String,
    /// When a business day ends and the next begins, in local time; 04:00 by default.
    pub business_day_starts: jiff::civil::Time,
}

/// Which venues of a brand are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Venues {
    /// All that Clopos lists.
    All,
    /// These; never empty.
    Listed(BTreeSet<VenueId>),
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerSettings {
    /// One that runs elsewhere.
    External(mqtt::Settings),
    /// The one in this process; there is at most one.
    Embedded {
        /// How displays reach it.
        settings: broker::Settings,
        /// The first levels of every topic.
        base_topic: BaseTopic,
    },
}

/// How one receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// Its channels; never empty.
    pub channels: Vec<ChannelSettings>,
    /// What it reads; that of the locale by default.
    pub language: Language,
    /// How long mail waits for more of the same burst; 60 s by default.
    pub group_wait: Duration,
    /// When mail waits that nobody must read at once.
    pub quiet: Option<QuietHours>,
    /// How many mails it gets within an hour, critical ones apart; `None` sets no bound.
    pub at_most: Option<u32>,
    /// What it is mailed before the doors of each venue open and after they close.
    pub reports: Reports,
    /// Who is told instead of it.
    pub fallback: Option<Fallback>,
}

/// Who is told what a receiver cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Another receiver; whom it falls back on in turn is never the first one.
    pub to: ReceiverName,
    /// For how long the receiver itself is tried alone; what is refused for good is passed on without this wait.
    pub after: Duration,
}

/// A channel of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelSettings {
    /// Grouped mail.
    Email {
        /// The way, one of [`Config::mail`].
        smtp: String,
        /// The addresses; never empty.
        to: Vec<email::Address>,
    },
    /// Events on a broker.
    Mqtt {
        /// The broker, one of [`Config::brokers`].
        broker: String,
    },
    /// Events by POST.
    Webhook(webhook::Settings),
}

impl Config {
    /// Reads the configuration and all rules that it names, with secrets from the environment and the file system.
    ///
    /// A rustls crypto provider must be installed, as the certificates of mail servers and webhooks are read, too.
    ///
    /// # Errors
    /// Everything that is wrong with any of the files, with its places.
    pub fn load(path: &Path) -> Result<Self, Report> {
        #[expect(clippy::disallowed_methods, reason = "the configuration is the only reader of the environment")]
        let environment = |name: &str| std::env::var(name);
        Self::load_in(path, &environment)
    }

    /// Reads as [`Config::load`] does, in an environment of the caller's.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn load_in(path: &Path, environment: &Environment<'_>) -> Result<Self, Report> {
        let mut problems = Problems::new();
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let around = Surroundings { directory, environment };
        let file: Arc<str> = printable(&path.display().to_string(), PATH_SHOWN_MAX).into();
        let config = match read_file(path) {
            Ok(bytes) => document::read(&file, &bytes, &mut problems)
                .and_then(|root| read_settings(&root, &bytes, &around, &mut problems)),
            Err(why) => {
                let message = format!("the configuration cannot be read: {why}");
                let help = "name a file that is there and that this user may read, by --config";
                problems.tell_with_help(&Place::whole(&file), message, help);
                None
            }
        };
        if config.is_none() && problems.is_empty() {
            debug_assert!(false, "a reader that returns None has told a problem");
            problems.tell(&Place::whole(&file), "the configuration cannot be used, for a reason that is not known");
        }
        match problems.into_report() {
            Some(report) => Err(report),
            None => Ok(config.expect("no problem was told, so there is a configuration")),
        }
    }
}

/// Where values outside the file are found: variables by name.
pub type Environment<'a> = dyn Fn(&str) -> Result<String, VarError> + 'a;

/// What settings are resolved against.
struct Surroundings<'a> {
    directory: &'a Path,
    environment: &'a Environment<'a>,
}

impl Surroundings<'_> {
    /// Resolves a path of the file: relative ones are relative to the file's directory.
    fn path(&self, written: &str) -> PathBuf {
        self.directory.join(written)
    }
}

fn read_settings(root: &Node, text: &[u8], around: &Surroundings<'_>, problems: &mut Problems) -> Option<Config> {
    let mut fields = root.fields("clopos: and rules:", problems)?;
    let locale = fields.required("locale", "{ timezone: Asia/Baku, currency: AZN }", problems);
    let clopos = fields.required("clopos", "{ integrator_id: .., brands: [..] }", problems);
    let [windows, polling, store, mqtt, smtp, feed, receivers, http, heartbeat] =
        ["windows", "polling", "store", "mqtt", "smtp", "feed", "receivers", "http", "heartbeat"]
            .map(|key| fields.optional(key));
    let rules = fields.required("rules", "[rules/*.yaml]", problems);
    // What a misspelt section holds cannot be known, so nothing is told of references into it.
    let absent = |key: &str| if fields.misspells(key) { Names::Unknown } else { Names::default() };
    let [no_windows, no_brokers, no_mail, no_receivers] = ["windows", "mqtt", "smtp", "receivers"].map(absent);
    fields.finish(problems);
    let locale = locale.and_then(|node| basics::locale(node, problems));
    let clopos = clopos.and_then(|node| clopos::settings(node, around, problems));
    let windows =
        windows.map_or_else(|| hours::with_those_of_hours(no_windows).into(), |node| hours::windows(node, problems));
    let polling = polling.map_or_else(|| Some(poll::Settings::default()), |node| basics::polling(node, problems));
    let store = basics::store(store, around, problems);
    let brokers = mqtt.map_or_else(|| no_brokers.into(), |node| brokers::all(node, around, problems));
    let mail = smtp.map_or_else(|| no_mail.into(), |node| mail::all(node, around, problems));
    let ways = channels::Ways { brokers: &brokers.names, mail: &mail.names };
    let feed = feed.map(|node| channels::feed(node, &ways, problems)).unwrap_or_default();
    // Where the zone is a mistake, the rest is looked at all the same.
    let zone = locale.as_ref().map_or_else(Zone::utc, |locale| locale.timezone.clone());
    let language = locale.as_ref().map_or_else(Language::default, |locale| locale.language);
    let local = receivers::Local { zone: &zone, language };
    let (receivers, reported) = receivers.map_or_else(
        || (no_receivers.into(), Vec::new()),
        |node| receivers::all(node, &ways, &local, around, problems),
    );
    let http = basics::http(http, around, brokers::embedded(&brokers.resolved), problems);
    // What cannot be used is told; without the section there is none.
    let heartbeat = heartbeat.and_then(|node| heartbeat::heartbeat(node, around, problems));
    let languages = receivers.resolved.values().map(|receiver| receiver.language).chain([language]).collect();
    let known = rules::Known { receivers: &receivers.names, windows: &windows.names, languages };
    let rules = rules.and_then(|node| rules::load(node, &known, around, problems));
    let (clopos, rules::Loaded { rules, paths: rule_files, texts }, locale) = (clopos?, rules?, locale?);
    let clopos::Section { settings: clopos, venues, hours } = clopos;
    let mut warnings = hours::never_on(&rules, &hours, &venues, problems);
    warnings.extend(reports::never_due(&reported, &hours, &venues, problems));
    Some(Config {
        calendars: hours::calendars(&locale, windows.resolved, hours),
        locale,
        clopos,
        venues,
        polling: polling?,
        store: store?,
        brokers: brokers.resolved,
        mail: mail.resolved,
        feed,
        receivers: receivers.resolved.into_iter().map(|(name, it)| (ReceiverName::new(&name), it)).collect(),
        rules,
        rule_files,
        hash: hash(text, &texts),
        http: http?,
        heartbeat,
        warnings,
    })
}

/// Returns what tells configurations apart, 64 bits of SHA-256 in hexadecimal: enough for those who compare a few.
fn hash(text: &[u8], rules: &[Vec<u8>]) -> String {
    let mut sha = Sha256::new();
    for text in std::iter::once(text).chain(rules.iter().map(Vec::as_slice)) {
        // Texts cannot run into each other.
        sha.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(text);
    }
    let number = sha.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

/// The entries of a section whose keys are names: those that could be resolved, and the names of all, so that a
/// reference to a broken entry is not called unknown as well.
struct Named<T> {
    resolved: BTreeMap<String, T>,
    names: Names,
}

impl<T> From<Names> for Named<T> {
    fn from(names: Names) -> Self {
        Self { resolved: BTreeMap::new(), names }
    }
}

/// The names that a section gives, to which others refer.
enum Names {
    /// These.
    Known(Vec<String>),
    /// The section itself is wrong, so that any name may be one of its.
    Unknown,
}

impl Names {
    /// Returns whether `name` is one of them, as far as can be known.
    fn may_hold(&self, name: &str) -> bool {
        match self {
            Self::Known(names) => names.iter().any(|known| known == name),
            Self::Unknown => true,
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::Known(Vec::new())
    }
}

/// Reads the entries of such a section by `read`.
fn named<T>(
    node: &Node,
    such_as: &str,
    problems: &mut Problems,
    mut read: impl FnMut(&Entry, &mut Problems) -> Option<T>,
) -> Named<T> {
    let Some(entries) = node.entries(such_as, problems) else { return Names::Unknown.into() };
    let (mut resolved, mut names) = (BTreeMap::new(), Vec::new());
    for entry in entries {
        let fits = (1..=NAME_LENGTH_MAX).contains(&entry.key.len())
            && entry.key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let message = format!("'{}' cannot be a name", printable(&entry.key, NAME_LENGTH_MAX));
            let help = format!("write 1 to {NAME_LENGTH_MAX} characters of a-z, A-Z, 0-9, '-', '_' or '.'");
            problems.tell_with_help(&entry.place, message, help);
        }
        let value = read(entry, problems);
        names.push(entry.key.to_string());
        if let Some(value) = value {
            resolved.insert(entry.key.to_string(), value);
        }
    }
    Named { resolved, names: Names::Known(names) }
}

/// Characters of a path that a message repeats.
const PATH_SHOWN_MAX: usize = 200;

/// Characters of the name of a broker, a mail server or a receiver: it becomes part of topics, ids and metrics.
const NAME_LENGTH_MAX: usize = 64;

/// Reads a reference to one of `names`; `what` is what is named: `broker`.
fn reference(node: &Node, what: &str, names: &Names, problems: &mut Problems) -> Option<String> {
    let name = node.text(problems)?;
    if names.may_hold(name) {
        return Some(name.to_owned());
    }
    unknown_name(&node.place, name, what, names, problems);
    None
}

/// Tells that `name` is not one of `names`.
fn unknown_name(place: &Place, name: &str, what: &str, names: &Names, problems: &mut Problems) {
    let Names::Known(names) = names else { return };
    let message = format!("there is no {what} '{}'", printable(name, NAME_LENGTH_MAX));
    let known = names.iter().map(String::as_str);
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None if names.is_empty() => format!("this configuration has no {what}s: write one first"),
        None => format!("write one of the {what}s {}", known.collect::<Vec<_>>().join(", ")),
    };
    problems.tell_with_help(place, message, help);
}

/// Reads a file of at most one byte more than is read of it, so that the reader can tell that it is too large.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
