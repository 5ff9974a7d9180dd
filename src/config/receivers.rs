//! The `receivers` section: who can be told, and by which channels.
//!
//! Connects nowhere. Invariant: a receiver that is returned has a channel, and each channel's way exists.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::alerts::notice::ReceiverName;
use crate::alerts::rate;
use crate::alerts::report::Reports;
use crate::calendar::QuietHours;
use crate::config::channels::{self, Ways};
use crate::config::{
    ChannelSettings, Fallback, Named, Names, ReceiverSettings, Surroundings, basics, named, reference, reports, secret,
    unknown_name,
};
use crate::document::{Entry, Fields, Node, Place, Problems};
use crate::language::Language;
use crate::sinks::email::{self, ADDRESSES_MAX};
use crate::sinks::webhook::{self, SECRETS_MAX, WebhookSink};
use crate::timetable;
use crate::units::{Secret, Zone, printable};

/// How long mail waits for more of the same burst: a kitchen that closes a station stops a dozen dishes in a minute.
const GROUP_WAIT_DEFAULT: Duration = Duration::from_mins(1);
/// How many mails an hour a person reads.
const AT_MOST_DEFAULT: u32 = 12;
/// What is written for no bound.
const NO_BOUND: &str = "unlimited";
/// Characters of an offending text that a message repeats.
const SHOWN_MAX: usize = 60;
/// For how long a receiver is tried alone: longer than a server takes to start again, shorter than guests wait for a dish.
const ELSE_AFTER_DEFAULT: Duration = Duration::from_mins(5);
/// What may be written: mail is given up after six hours.
pub(super) const ELSE_AFTER_RANGE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(6);
/// What may be written: after half an hour the news is none.
pub(super) const GROUP_WAIT_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_mins(30);
/// The form of a webhook.
const WEBHOOK: &str = "{ url: https://hooks.example.com/86, secrets: [{ file: /path }] }";

/// What the locale gives to every receiver.
pub(super) struct Local<'a> {
    pub(super) zone: &'a Zone,
    /// What a receiver reads that does not say otherwise.
    pub(super) language: Language,
}

/// Reads all receivers, and which of them ask for reports that the doors of a venue decide.
pub(super) fn all(
    node: &Node,
    ways: &Ways<'_>,
    local: &Local<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> (Named<ReceiverSettings>, Vec<(String, Place)>) {
    let (mut fallbacks, mut reported) = (Vec::new(), Vec::new());
    let found = named(node, "managers: { email: { smtp: main, to: [..] } }", problems, |entry, problems| {
        let mut fields = entry.node.fields("{ email: { smtp: main, to: [manager@example.com] } }", problems)?;
        let receiver = receiver(&mut fields, ways, local, around, problems);
        if comes_by_doors(entry) {
            reported.push((entry.key.to_string(), fields.place_of("reports").clone()));
        }
        let fallback = fallback(&mut fields, problems);
        fields.finish(problems);
        let (to, after) = fallback?;
        let wanted = to.map(|(to, place)| (Fallback { to: ReceiverName::new(&to), after }, place));
        fallbacks.extend(wanted.clone().map(|(fallback, place)| (entry.key.to_string(), fallback, place)));
        Some(ReceiverSettings { fallback: wanted.map(|(fallback, _)| fallback), ..receiver? })
    });
    check_fallbacks(&fallbacks, &found.names, problems);
    (found, reported)
}

/// Says whether a receiver asks for a report that the doors decide, whatever else of it cannot be read.
fn comes_by_doors(receiver: &Entry) -> bool {
    let settings = receiver.node.entries("", &mut Problems::new()).unwrap_or_default();
    let asked = settings.iter().find(|setting| *setting.key == *"reports");
    let read = asked.and_then(|setting| reports::read(&setting.node, true, &mut Problems::new()));
    read.is_some_and(|reports| reports.follow_doors())
}

/// Reads whom else to tell, where that is written, and when; whether there is such a receiver is known after the last.
fn fallback(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<(Option<(String, Place)>, Duration)> {
    let (to, after) = (fields.optional("else"), fields.optional("else_after"));
    if let (None, Some(after)) = (to, after) {
        let message = "'else_after' says when another receiver is told, and there is no 'else'".to_owned();
        problems.tell_with_help(&after.place, message, "write 'else: ops' beside it, or remove it");
        return None;
    }
    let after = after.map_or(Some(ELSE_AFTER_DEFAULT), |node| node.duration(&ELSE_AFTER_RANGE, problems));
    let to = match to {
        Some(node) => Some((node.text(problems)?.to_owned(), node.place.clone())),
        None => None,
    };
    Some((to, after?))
}

/// Tells of fallbacks on nobody, on oneself and in a circle, which would pass news round for ever.
fn check_fallbacks(fallbacks: &[(String, Fallback, Place)], names: &Names, problems: &mut Problems) {
    let next: BTreeMap<&str, &str> =
        fallbacks.iter().map(|(from, fallback, _)| (from.as_str(), fallback.to.as_str())).collect();
    for (from, fallback, place) in fallbacks {
        let to = fallback.to.as_str();
        if !names.may_hold(to) {
            unknown_name(place, to, "receiver", names, problems);
            continue;
        }
        // As many steps as there are fallbacks: a circle that does not hold this receiver is told of at its own.
        let chain: Vec<&str> =
            std::iter::successors(Some(to), |name| next.get(name).copied()).take(fallbacks.len()).collect();
        if let Some(end) = chain.iter().position(|name| name == from) {
            let message = match end {
                0 => format!("'{from}' cannot stand in for itself"),
                _ => format!("'else' goes round in a circle: {from}, {}", chain[..=end].join(", ")),
            };
            problems.tell_with_help(place, message, "name a receiver that is reached in another way");
        }
    }
}

fn receiver(
    fields: &mut Fields<'_>,
    ways: &Ways<'_>,
    local: &Local<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<ReceiverSettings> {
    let told = problems.count();
    let email = fields.optional("email").map(|node| email(node, ways, problems));
    let mqtt = fields.optional("mqtt").map(|node| mqtt(node, ways, problems));
    let webhook = fields.optional("webhook").map(|node| webhook(node, around, problems));
    let language = basics::language(fields, local.language, problems);
    let group_wait = fields
        .optional("group_wait")
        .map_or(Some(GROUP_WAIT_DEFAULT), |node| node.duration(&GROUP_WAIT_RANGE, problems));
    let has_mail = email.is_some();
    let quiet = fields.optional("quiet").and_then(|node| quiet(node, has_mail, local.zone, problems));
    let at_most = fields.optional("at_most");
    let at_most = at_most.map_or(Some(AT_MOST_DEFAULT), |node| at_most_an_hour(node, has_mail, problems));
    let reports = fields.optional("reports");
    let reports = reports.map_or(Some(Reports::default()), |node| reports::read(node, has_mail, problems));
    let found: Vec<Option<ChannelSettings>> = [email, mqtt, webhook].into_iter().flatten().collect();
    if found.is_empty() {
        let message = format!("'{}' has no channel", fields.label);
        problems.tell_with_help(fields.place, message, "write one of email, mqtt or webhook");
    }
    let channels = found.into_iter().collect::<Option<Vec<_>>>()?;
    if problems.count() > told {
        return None;
    }
    Some(ReceiverSettings {
        channels,
        language: language?,
        group_wait: group_wait?,
        quiet,
        at_most,
        reports: reports?,
        fallback: None,
    })
}

/// Reads when mail waits; refused where it would hold nothing back, or everything for ever.
fn quiet(node: &Node, has_mail: bool, zone: &Zone, problems: &mut Problems) -> Option<QuietHours> {
    let schedule = timetable::schedule(node, problems)?;
    if !has_mail {
        let message = "'quiet' holds mail back, and this receiver gets none".to_owned();
        problems.tell_with_help(&node.place, message, "remove it: webhooks and MQTT are told at once");
        return None;
    }
    if schedule.is_never_on() {
        let message = "'quiet' names no hours, so that mail would never wait".to_owned();
        problems.tell_with_help(
            &node.place,
            message,
            "write the hours of the night, such as \"00:00-09:00\", or remove it",
        );
        return None;
    }
    let hours = QuietHours::new(schedule, zone.clone());
    if hours.is_none() {
        let message = "'quiet' never ends, so that no mail would go out that is not critical".to_owned();
        problems.tell_with_help(&node.place, message, "write the hours of the night, such as \"00:00-09:00\"");
    }
    hours
}

/// Reads how many mails go out within an hour, such as `12/h`; none where that is `unlimited`, or a mistake, which is told.
fn at_most_an_hour(node: &Node, has_mail: bool, problems: &mut Problems) -> Option<u32> {
    let text = node.text(problems)?;
    if !has_mail {
        let message = "'at_most' holds mail back, and this receiver gets none".to_owned();
        problems.tell_with_help(&node.place, message, "remove it: webhooks and MQTT are told at once");
        return None;
    }
    let count = text.strip_suffix("/h").and_then(|count| count.trim_end().parse().ok());
    let count = count.filter(|count| (1..=rate::AT_MOST_MAX).contains(count));
    if count.is_none() && text != NO_BOUND {
        let message = format!("'{}' is no number of mails an hour", printable(text, SHOWN_MAX));
        let help = format!("write 1/h to {}/h, such as 12/h, or {NO_BOUND}", rate::AT_MOST_MAX);
        problems.tell_with_help(&node.place, message, help);
    }
    count
}

fn email(node: &Node, ways: &Ways<'_>, problems: &mut Problems) -> Option<ChannelSettings> {
    let mut fields = node.fields("{ smtp: main, to: [manager@example.com] }", problems)?;
    let smtp = fields.required("smtp", "main", problems);
    let smtp = smtp.and_then(|node| reference(node, "mail server", ways.mail, problems));
    let to = fields.required("to", "[manager@example.com]", problems).and_then(|node| addresses(node, problems));
    fields.finish(problems);
    Some(ChannelSettings::Email { smtp: smtp?, to: to? })
}

fn addresses(node: &Node, problems: &mut Problems) -> Option<Vec<email::Address>> {
    let items = node.one_or_more();
    if items.is_empty() || items.len() > ADDRESSES_MAX {
        problems.tell(&node.place, format!("'to' must hold 1 to {ADDRESSES_MAX} addresses, not {}", items.len()));
        return None;
    }
    let addresses: Vec<Option<email::Address>> = items.iter().map(|item| channels::parsed(item, problems)).collect();
    addresses.into_iter().collect()
}

fn mqtt(node: &Node, ways: &Ways<'_>, problems: &mut Problems) -> Option<ChannelSettings> {
    let mut fields = node.fields("{ broker: kitchen }", problems)?;
    let broker = fields.required("broker", "kitchen", problems);
    let broker = broker.and_then(|node| reference(node, "broker", ways.brokers, problems));
    fields.finish(problems);
    Some(ChannelSettings::Mqtt { broker: broker? })
}

fn webhook(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<ChannelSettings> {
    let told = problems.count();
    let mut fields = node.fields(WEBHOOK, problems)?;
    let url = fields.required("url", "https://hooks.example.com/86", problems);
    let url = url.and_then(|node| address(node, around, problems));
    let secrets = fields.optional("secrets").map(|node| secrets(node, around, problems)).unwrap_or_default();
    let headers = fields.optional("headers").map(|node| headers(node, around, problems)).unwrap_or_default();
    let allow_private = fields
        .optional("allow_private")
        .map(|node| node.one_or_more().iter().filter_map(|item| channels::parsed(item, problems)).collect());
    let plain_http = fields.optional("plain_http").and_then(|node| node.flag(problems)).unwrap_or(false);
    let ca_file = channels::ca_file(&mut fields, around, problems);
    let settings = url.map(|url| webhook::Settings {
        secrets,
        headers,
        allow_private: allow_private.unwrap_or_default(),
        plain_http,
        ca_file,
        ..webhook::Settings::for_url(url)
    });
    if let Some(settings) = settings.as_ref().filter(|_| problems.count() == told)
        && let Err(found) = WebhookSink::new(settings)
    {
        for problem in found {
            problems.tell(fields.place_of(problem.field), problem.text);
        }
    }
    fields.finish(problems);
    settings.filter(|_| problems.count() == told).map(ChannelSettings::Webhook)
}

/// Reads the address of a webhook or heartbeat, which may be kept as a secret: with many services it is one.
pub(super) fn address(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Secret> {
    if node.as_scalar().is_some() { node.text(problems).map(Secret::new) } else { secret::read(node, around, problems) }
}

fn secrets(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Vec<Secret> {
    let items = node.one_or_more();
    if items.len() > SECRETS_MAX {
        let message = format!("'secrets' holds {}, more than {SECRETS_MAX}", items.len());
        problems.tell_with_help(&node.place, message, "keep the old and the new one");
    }
    items.iter().filter_map(|item| secret::read(item, around, problems)).collect()
}

fn headers(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Vec<(String, Secret)> {
    let entries = node.entries("{ Authorization: { file: /path } }", problems).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), secret::read(&entry.node, around, problems)?)))
        .collect()
}
