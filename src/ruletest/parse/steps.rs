//! The steps of a test: when, what happens, and what must be so then.
//!
//! Edits of products are applied to a copy of the world while the steps are read, so that a step holds what comes out.
//! Invariant: steps come in order of time.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil;

use crate::alerts::silence::Criteria;
use crate::document::{Entry, Fields, Node, Problems, Value, nearest};
use crate::rules::RuleName;
use crate::rules::condition::Pattern;
use crate::ruletest::parse::{CHANNELS, world};
use crate::ruletest::{
    AccessWord, Deed, Holding, Named, Quiet, Readings, Step, Telling, Want, Wanted, Words, World, reason,
};
use crate::units::{Timestamp, Zone};

/// A Friday in May, when a story begins that names no day.
const DAY_DEFAULT: civil::Date = civil::date(2026, 5, 8);
/// When a story begins that names no time: dinner.
const TIME_DEFAULT: civil::Time = civil::time(18, 0, 0, 0);
/// The longest time between two steps: the stop list is read every few seconds of it.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(8 * 24);
/// Steps of a test; more are several tests.
pub(super) const STEPS_MAX: usize = 500;
/// What the time of a step is written like.
pub(super) const TIME: &str = "a time such as 18:00 or 2026-05-08 18:00:20";
/// What an alert is written like.
pub(super) const ALERT: &str = "an alert such as 'sold-out: Lamb kebab'";
/// The words of `readings`.
pub(super) const READINGS: [(&str, Readings); 2] = [("work", Readings::Work), ("fail", Readings::Fail)];
/// The words of `access`, as the field `brand.access` has them.
pub(super) const ACCESS: [(&str, AccessWord); 3] =
    [("granted", AccessWord::Granted), ("unreachable", AccessWord::Unreachable), ("refused", AccessWord::Refused)];

/// Reads the steps; the world is left as it is after the last.
pub(super) fn all(
    nodes: &[Node],
    world: &mut World,
    zone: &Zone,
    named: &mut Named,
    problems: &mut Problems,
) -> Vec<Step> {
    if let Some(node) = nodes.get(STEPS_MAX) {
        problems.tell(&node.place, format!("this is one step more than the {STEPS_MAX} of a test"));
    }
    let mut steps: Vec<Step> = Vec::new();
    for node in nodes.iter().take(STEPS_MAX) {
        let such_as = "{ at: 18:00, stop: { Lamb kebab: 0 } } or { after: 20s, open: [] }";
        let Some(mut fields) = node.fields(such_as, problems) else { continue };
        let at = when(&mut fields, steps.last().map(|step| step.at), zone, problems);
        let deeds = deeds(&mut fields, world, named, problems);
        let wants = wants(&mut fields, named, problems);
        fields.finish(problems);
        let at = at.or_else(|| steps.last().map(|step| step.at));
        steps.extend(at.map(|at| Step { at, deeds, wants }));
    }
    steps
}

/// Reads when a step is; without a word it is at the time of the one before.
fn when(fields: &mut Fields<'_>, last: Option<Timestamp>, zone: &Zone, problems: &mut Problems) -> Option<Timestamp> {
    let (at, after) = (fields.optional("at"), fields.optional("after"));
    if let (Some(at), Some(_)) = (at, after) {
        problems.tell_with_help(&at.place, "a step has 'at' or 'after', not both", "remove one of the two");
    }
    let first = DAY_DEFAULT.to_datetime(TIME_DEFAULT);
    match (at, after) {
        (Some(node), _) => moment(node, last, zone, problems),
        (None, Some(node)) => {
            let after = node.duration(&(Duration::ZERO..=WAIT_MAX), problems)?;
            Some(last.or_else(|| instant(first, zone))?.plus(after))
        }
        (None, None) => last.or_else(|| instant(first, zone)),
    }
}

/// Reads a time of day, which is the next such time, or a day and a time.
fn moment(node: &Node, last: Option<Timestamp>, zone: &Zone, problems: &mut Problems) -> Option<Timestamp> {
    let written = node.as_scalar().map(|(text, _)| text.trim()).unwrap_or_default();
    let whole = written
        .split_once(' ')
        .and_then(|(day, time)| Some(day.parse::<civil::Date>().ok()?.to_datetime(time.parse::<civil::Time>().ok()?)));
    let of_day = || {
        let time = written.parse::<civil::Time>().ok()?;
        let Some(last) = last else { return Some(DAY_DEFAULT.to_datetime(time)) };
        let local = last.in_zone(zone).datetime();
        let today = local.date().to_datetime(time);
        if today >= local { Some(today) } else { Some(local.date().tomorrow().ok()?.to_datetime(time)) }
    };
    let is_read = whole.or_else(of_day).and_then(|local| instant(local, zone));
    let Some(at) = is_read else {
        return node.refuse(TIME, problems);
    };
    let wait_max = last.map(|last| last.plus(WAIT_MAX));
    if last.is_some_and(|last| at < last) {
        let help = "write a later time, or 'after' and how long after the step before";
        problems.tell_with_help(&node.place, "this is before the step before it", help);
        return None;
    }
    if wait_max.is_some_and(|wait_max| at > wait_max) {
        let help = "begin another test there";
        problems.tell_with_help(&node.place, "this is more than 8 days after the step before it", help);
        return None;
    }
    Some(at)
}

fn instant(local: civil::DateTime, zone: &Zone) -> Option<Timestamp> {
    let at = local.to_zoned(zone.as_jiff().clone()).ok()?;
    Some(Timestamp::from_unix_ms(at.timestamp().as_millisecond()))
}

fn deeds(fields: &mut Fields<'_>, world: &mut World, named: &mut Named, problems: &mut Problems) -> Vec<Deed> {
    let mut deeds = Vec::new();
    if let Some(node) = fields.optional("station") {
        for entry in node.entries("{ Kitchen: inactive }", problems).unwrap_or_default() {
            let active = entry.node.word(&world::STATUS, problems);
            let keyed = Node { place: entry.place.clone(), ..entry.node.clone() };
            let station = world::station_named(&world.catalog, &entry.key, &keyed, problems).cloned();
            let Some((mut station, active)) = station.zip(active) else { continue };
            station.active = active;
            world.catalog.stations.insert(station.id, station.clone());
            deeds.push(Deed::Station(station));
        }
    }
    if let Some(node) = fields.optional("add") {
        for entry in node.entries("{ Lamb kebab: { station: Kitchen } }", problems).unwrap_or_default() {
            let product = world::add_product(world, entry, problems);
            deeds.extend(product.map(|product| Deed::Product(Box::new(product))));
        }
    }
    if let Some(node) = fields.optional("product") {
        for entry in node.entries("{ Lamb kebab: { hidden: true } }", problems).unwrap_or_default() {
            if world::find_at(&world.catalog, entry, problems).is_none() {
                continue;
            }
            let product = world::add_product(world, entry, problems);
            deeds.extend(product.map(|product| Deed::Product(Box::new(product))));
        }
    }
    if let Some(node) = fields.optional("price") {
        let prices = world::prices(world, node, problems);
        deeds.extend(prices.into_iter().map(|(list, product, price)| Deed::Price(list, product, price)));
    }
    if let Some(node) = fields.optional("stop") {
        let limits = world::limits(world, node, problems);
        deeds.extend(limits.into_iter().map(|(product, limit)| Deed::Limit(product, limit)));
    }
    if let Some(node) = fields.optional("clear") {
        clear(node, world, &mut deeds, problems);
    }
    if let Some(node) = fields.optional("remove") {
        for item in node.one_or_more() {
            let product = item.text(problems).and_then(|name| world::find(&world.catalog, name, item, problems));
            deeds.extend(product.map(Deed::Remove));
        }
    }
    let readings = fields.optional("readings").and_then(|node| node.word(&READINGS, problems));
    deeds.extend(readings.map(Deed::Readings));
    let access = fields.optional("access").and_then(|node| node.word(&ACCESS, problems));
    deeds.extend(access.map(Deed::Access));
    if let Some(node) = fields.optional("acknowledge") {
        let about = alerts(node, named, problems).into_iter();
        deeds.extend(about.map(|about| Deed::Acknowledge(node.place.clone(), about)));
    }
    if let Some(node) = fields.optional("silence") {
        deeds.extend(quiet(node, world, named, problems).map(Deed::Silence));
    }
    deeds
}

/// Reads a silence that begins with the step.
fn quiet(node: &Node, world: &World, named: &mut Named, problems: &mut Problems) -> Option<Quiet> {
    let mut fields = node.fields("{ product: Lamb kebab, for: 1h }", problems)?;
    let product = fields.optional("product");
    let product = product.and_then(|node| world::find(&world.catalog, node.text(problems)?, node, problems));
    let station = fields.optional("station");
    let station = station.and_then(|node| world::station_named(&world.catalog, node.text(problems)?, node, problems));
    let rule = fields.optional("rule").and_then(|node| Some((node, RuleName::new(node.text(problems)?))));
    let rule = rule.and_then(|(node, name)| {
        named.rules.push((node.place.clone(), node.as_scalar().map(|(text, _)| text).unwrap_or_default().into()));
        name.map_err(|reason| problems.tell(&node.place, reason)).ok()
    });
    let lasts =
        fields.required("for", "1h", problems).and_then(|node| node.duration(&(Duration::ZERO..=WAIT_MAX), problems));
    let until_back = fields.optional("until_back").is_some_and(|node| node.flag(problems) == Some(true));
    let during: Option<Arc<str>> = fields.optional("during").and_then(|node| {
        let name: Arc<str> = node.text(problems)?.into();
        named.windows.push((node.place.clone(), Arc::clone(&name)));
        Some(name)
    });
    let names_something = ["product", "station", "rule"].iter().any(|key| fields.holds(key));
    fields.finish(problems);
    if !names_something {
        let help = "write what is silent: product, station or rule";
        problems.tell_with_help(&node.place, "this silence names nothing", help);
    }
    let covers = Criteria { product, station: station.map(|station| station.id), rule, ..Criteria::default() };
    Some(Quiet { covers, lasts: lasts?, until_back, during })
}

fn clear(node: &Node, world: &World, deeds: &mut Vec<Deed>, problems: &mut Problems) {
    for item in node.one_or_more() {
        let Some(name) = item.text(problems) else { continue };
        // A product could be called so; then it is what is meant.
        let is_all = name == "all" && !world.catalog.products.values().any(|product| product.full_name == name);
        if is_all {
            deeds.push(Deed::ClearAll);
        } else {
            deeds.extend(world::find(&world.catalog, name, item, problems).map(Deed::Clear));
        }
    }
}

fn wants(fields: &mut Fields<'_>, named: &mut Named, problems: &mut Problems) -> Vec<Want> {
    let mut wants = Vec::new();
    if let Some(node) = fields.optional("open") {
        let what = Wanted::Open(alerts(node, named, problems));
        wants.push(Want { place: node.place.clone(), what });
    }
    if let Some(node) = fields.optional("pending") {
        let what = Wanted::Pending(alerts(node, named, problems));
        wants.push(Want { place: node.place.clone(), what });
    }
    if let Some(node) = fields.optional("told") {
        let items = node.one_or_more().iter();
        let what = Wanted::Told(items.filter_map(|item| telling(item, named, problems)).collect());
        wants.push(Want { place: node.place.clone(), what });
    }
    if let Some(node) = fields.optional("held") {
        refuse_nothing(node, node.one_or_more().is_empty(), problems);
        let items = node.one_or_more().iter();
        let what = Wanted::Held(items.filter_map(|item| holding(item, named, problems)).collect());
        wants.push(Want { place: node.place.clone(), what });
    }
    if let Some(node) = fields.optional("topics") {
        let entries = node.entries("{ product/1: '\"state\":\"out\"', product/2: absent }", problems);
        refuse_nothing(node, entries.is_some_and(<[Entry]>::is_empty), problems);
        let topic = |entry: &Entry, problems: &mut Problems| {
            let text = entry.node.text(problems)?;
            let is_absent = matches!(entry.node.as_scalar(), Some(("absent", false)));
            Some((Arc::clone(&entry.key), (!is_absent).then(|| text.into())))
        };
        let topics = entries.unwrap_or_default().iter().filter_map(|entry| topic(entry, problems));
        wants.push(Want { place: node.place.clone(), what: Wanted::Topics(topics.collect()) });
    }
    wants
}

/// Tells an expectation that names nothing: whatever happened, it would hold.
fn refuse_nothing(node: &Node, is_empty: bool, problems: &mut Problems) {
    if is_empty {
        let message = format!("'{}' names nothing, so it holds whatever happens", node.label);
        problems.tell_with_help(&node.place, message, "name something, or remove the line");
    }
}

/// Reads names of alerts such as `sold-out: Lamb kebab`, as text or as a group of one.
fn alerts(node: &Node, named: &mut Named, problems: &mut Problems) -> Vec<String> {
    let mut alerts = Vec::new();
    for item in node.one_or_more() {
        if let Value::Mapping(entries) = &item.value {
            for entry in entries {
                named.rules.push((entry.place.clone(), Arc::clone(&entry.key)));
                alerts.extend(entry.node.text(problems).map(|label| format!("{}: {label}", entry.key)));
            }
            continue;
        }
        let Some((rule, label)) = item.as_scalar().and_then(|(text, _)| text.split_once(": ")) else {
            let _: Option<()> = item.refuse(ALERT, problems);
            continue;
        };
        named.rules.push((item.place.clone(), rule.into()));
        alerts.push(format!("{rule}: {label}"));
    }
    alerts
}

fn receiver(fields: &mut Fields<'_>, named: &mut Named, problems: &mut Problems) -> Option<Arc<str>> {
    let node = fields.required("to", "kitchen", problems)?;
    let name: Arc<str> = node.text(problems)?.into();
    named.receivers.push((node.place.clone(), Arc::clone(&name)));
    Some(name)
}

fn telling(node: &Node, named: &mut Named, problems: &mut Problems) -> Option<Telling> {
    let mut fields = node.fields("{ to: kitchen, text: Lamb kebab is out }", problems)?;
    let to = receiver(&mut fields, named, problems);
    let by = fields.optional("by").and_then(|node| node.word(&CHANNELS, problems));
    let like = fields.optional("like");
    let text = if let Some(node) = like {
        node.text(problems).and_then(|text| match Pattern::new(text) {
            Ok(pattern) => Some(Words::Like(pattern)),
            Err(why) => {
                let help = "write a regular expression that describes the whole text";
                problems.tell_with_help(&node.place, format!("this pattern cannot be read: {why}"), help);
                None
            }
        })
    } else {
        let node = fields.required("text", "Lamb kebab is out at Kitchen, or like: and a pattern", problems);
        node.and_then(|node| node.text(problems)).map(|text| Words::Exactly(text.into()))
    };
    fields.finish(problems);
    Some(Telling { to: to?, by, text: text? })
}

fn holding(node: &Node, named: &mut Named, problems: &mut Problems) -> Option<Holding> {
    let mut fields = node.fields("{ to: managers, why: pending for 12 s more }", problems)?;
    let to = receiver(&mut fields, named, problems);
    let about = fields.optional("about").and_then(|node| about(node, named, problems));
    let why = fields.required("why", "pending for 12 s more", problems).and_then(|node| why(node, problems));
    fields.finish(problems);
    Some(Holding { to: to?, about, why: why?.into() })
}

/// Reads why news is held; what can never be a reason would be waited for in vain.
fn why<'n>(node: &'n Node, problems: &mut Problems) -> Option<&'n str> {
    let text = node.text(problems)?;
    if reason::is_known(text) {
        return Some(text);
    }
    let examples = reason::examples();
    let help = match nearest(text, examples.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("write one of {}", examples.join(", ")),
    };
    problems.tell_with_help(&node.place, format!("{} is no reason why news is held", node.describe()), help);
    None
}

/// Reads what news is about: an alert, or a rule alone where it is held for every subject.
fn about(node: &Node, named: &mut Named, problems: &mut Problems) -> Option<Arc<str>> {
    match node.as_scalar() {
        Some((rule, _)) if !rule.contains(": ") => {
            named.rules.push((node.place.clone(), rule.into()));
            Some(rule.into())
        }
        Some(_) | None => alerts(node, named, problems).pop().map(Into::into),
    }
}
