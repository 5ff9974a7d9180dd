//! `eightysix explain`: why somebody was told of a product, or was not.
//!
//! Gathers what is stored for [`crate::explain`] and writes what it says, for people in lines of a terminal's width.
//! Changes nothing.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::json;

use crate::alerts::lifecycle::EpisodeId;
use crate::alerts::mail::threads_of;
use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::order::SAID_LENGTH_MAX;
use crate::cli::desk::{Desk, did_you_mean, one_of};
use crate::cli::output::{say, say_json};
use crate::cli::{ExplainArguments, Failure};
use crate::config::{ChannelSettings, Config};
use crate::explain::{Account, Evidence, Explanation, Hearing, Known, Reached, Standing, explain as explained};
use crate::rules::RuleName;
use crate::snapshot::Snapshot;
use crate::units::{ProductId, VenueId, printable};
use crate::{clock, explain as explaining, telemetry};

/// How many episodes that are over are told.
const PAST_MAX: u32 = 5;
/// How many rules that do not hold are listed before it is said how many more there are.
const RULES_MAX: usize = 12;
/// Characters of a line.
const WIDTH: usize = 80;
/// Characters of a sentence, whatever names and messages are in it.
const SENTENCE_LENGTH_MAX: usize = 600;

/// Explains a product at each venue that has it.
pub(super) async fn explain(arguments: ExplainArguments) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.of).await?;
    let done = explain_at(&desk, &arguments).await;
    desk.store.close().await;
    done
}

async fn explain_at(desk: &Desk, arguments: &ExplainArguments) -> Result<(), Failure> {
    let product = desk.product(&arguments.product)?;
    let receivers = reached(&desk.config);
    let only = arguments.receiver.as_deref().map(|name| receiver(name, &receivers)).transpose()?;
    let venue = arguments.venue.as_deref().map(|text| one_of("venue", text, desk.venues())).transpose()?;
    let known = Known {
        brand: &desk.brand,
        memory: &desk.memory,
        rules: &desk.config.rules,
        calendars: &desk.config.calendars,
        receivers: &receivers,
        zone: &desk.config.locale.timezone,
        only: only.as_ref(),
    };
    let has_it = |snapshot: &Snapshot| {
        snapshot.picture.catalog.products.contains_key(&product) || snapshot.picture.rows.contains_key(&product)
    };
    let is_meant =
        |(id, snapshot): &(&VenueId, &Snapshot)| venue.map_or_else(|| has_it(snapshot), |venue| venue == **id);
    let venues = desk.memory.venues.iter().map(|(id, snapshot)| (id, snapshot.as_ref())).filter(is_meant);
    for (n, (_, snapshot)) in venues.enumerate() {
        let evidence = gather(desk, &known, snapshot, product).await?;
        let explanation = explained(&known, snapshot, product, &evidence, clock::now());
        if arguments.json {
            say_json(&object(&explanation));
            continue;
        }
        if n > 0 {
            say("");
        }
        for line in lines(&explanation, known.only) {
            say(&line);
        }
    }
    Ok(())
}

/// Reads what the store remembers of the alerts about a product at a venue.
async fn gather(desk: &Desk, known: &Known<'_>, snapshot: &Snapshot, product: ProductId) -> Result<Evidence, Failure> {
    let failed = |error| anyhow!(telemetry::chain(&error));
    let venue = snapshot.id();
    let subjects = known.subjects_of(snapshot, product);
    let mut past = Vec::new();
    for subject in &subjects {
        past.extend(desk.store.past_episodes_of(&desk.brand, subject, PAST_MAX).await.map_err(failed)?);
    }
    past.sort_by_key(|episode| std::cmp::Reverse(episode.closed_at));
    past.truncate(PAST_MAX as usize);
    let (notices, since) = explaining::notices_of(known, &subjects, &past);
    let notices = desk.store.told(&notices).await.map_err(failed)?;
    // What waited for its turn is in a mail of all venues, whose thread is the brand's.
    let threads = [Some(venue), None].map(|venue| threads_of(&desk.brand, venue));
    let mut mails = Vec::new();
    for (receiver, since) in since {
        if known.receivers.get(&receiver).is_some_and(|reached| reached.channels.contains(&Channel::Email)) {
            for thread in &threads {
                mails.extend(desk.store.mails_since(&receiver, thread, since).await.map_err(failed)?);
            }
        }
    }
    mails.sort_by_key(|(told, _)| told.row);
    Ok(Evidence { past, notices, mails })
}

fn reached(config: &Config) -> BTreeMap<ReceiverName, Reached> {
    let channel = |settings: &ChannelSettings| match settings {
        ChannelSettings::Email { .. } => Channel::Email,
        ChannelSettings::Mqtt { .. } => Channel::Mqtt,
        ChannelSettings::Webhook(_) => Channel::Webhook,
    };
    let receivers = config.receivers.iter().map(|(name, settings)| {
        let channels = settings.channels.iter().map(channel).collect();
        (
            name.clone(),
            Reached {
                channels,
                group_wait: settings.group_wait,
                quiet: settings.quiet.clone(),
                at_most: settings.at_most,
            },
        )
    });
    receivers.collect()
}

fn receiver(name: &str, receivers: &BTreeMap<ReceiverName, Reached>) -> Result<ReceiverName, Failure> {
    let found = receivers.keys().find(|receiver| receiver.as_str() == name).cloned();
    found.ok_or_else(|| {
        let shown = printable(name, SAID_LENGTH_MAX);
        let known = receivers.keys().map(ReceiverName::as_str);
        Failure::Argument(format!("there is no receiver '{shown}'{}", did_you_mean(name, known)))
    })
}

/// Writes an explanation for people.
fn lines(explanation: &Explanation, only: Option<&ReceiverName>) -> Vec<String> {
    let Explanation { product, item, venue: _, place, reading, rules, unnamed, moments, past } = explanation;
    let mut lines = wrapped("", &format!("{item} (#{product}) at {place}"));
    lines.extend(reading.iter().flat_map(|sentence| wrapped("  ", &format!("{sentence}."))));
    let is_quiet = |account: &&Account| account.standing == Standing::Clear;
    for account in rules.iter().filter(|account| !is_quiet(account)) {
        lines.push(String::new());
        lines.extend(account_lines(account));
    }
    let quiet: Vec<&Account> = rules.iter().filter(is_quiet).collect();
    if !quiet.is_empty() {
        lines.push(String::new());
        lines.push("Rules that do not hold for it:".to_owned());
    }
    for account in quiet.iter().take(RULES_MAX) {
        lines.extend(wrapped("  ", &format!("{}: {}.", account.rule, account.says.join("; "))));
    }
    if let Some(more) = quiet.len().checked_sub(RULES_MAX).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    if let (Some(only), false) = (only, unnamed.is_empty()) {
        lines.push(String::new());
        lines.extend(wrapped("", &format!("Rules that do not name {only}: {}.", listed(unnamed))));
    }
    if !moments.is_empty() {
        lines.push(String::new());
        lines.push("Rules that tell of a moment, of which nothing is kept to ask afterwards:".to_owned());
        lines.extend(moments.iter().take(RULES_MAX).flat_map(|moment| wrapped("  ", &format!("{moment}."))));
    }
    if !past.is_empty() {
        lines.push(String::new());
        lines.push("Before that:".to_owned());
        lines.extend(past.iter().flat_map(account_lines));
    }
    lines
}

fn account_lines(account: &Account) -> Vec<String> {
    let Account { rule, standing, episode: _, says, receivers } = account;
    let stands = match standing {
        Standing::Open => " is",
        Standing::Over => " was",
        Standing::Closing => " is about to end:",
        Standing::Pending => " waits:",
        Standing::Holds => " holds:",
        Standing::Unknown => " cannot be told:",
        Standing::OutsideWindow => " is outside its window:",
        Standing::Clear => " does not hold:",
    };
    let mut lines = wrapped("  ", &format!("{rule}{stands} {}.", says.join("; ")));
    let width = receivers.iter().map(|it| it.receiver.as_str().chars().count()).max().unwrap_or_default();
    for Hearing { receiver, outcome, says } in receivers {
        let said = outcome.in_words();
        let name = format!("{receiver}:{}", " ".repeat(width.saturating_sub(receiver.as_str().chars().count())));
        lines.extend(wrapped("    ", &format!("{name} {said}; {}.", says.join("; "))));
    }
    lines
}

fn listed(rules: &[RuleName]) -> String {
    let named = rules.iter().take(RULES_MAX).map(RuleName::as_str).collect::<Vec<_>>().join(", ");
    match rules.len().saturating_sub(RULES_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Breaks a sentence between words into lines of a terminal; those after the first stand a little to the right.
fn wrapped(indent: &str, sentence: &str) -> Vec<String> {
    let sentence = printable(sentence, SENTENCE_LENGTH_MAX);
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    for word in sentence.split(' ') {
        let is_begun = line.trim_start() != "";
        if is_begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, format!("{indent}  ")));
            line.push_str(word);
        } else {
            let blank = if is_begun { " " } else { "" };
            line.push_str(blank);
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

/// Writes an explanation for programs.
fn object(explanation: &Explanation) -> serde_json::Value {
    let Explanation { product, item, venue, place, reading, rules, unnamed, moments, past } = explanation;
    json!({
        "product": { "id": product.0, "name": item },
        "venue": { "id": venue.0, "name": place },
        "reading": reading,
        "rules": rules.iter().map(account_object).collect::<Vec<_>>(),
        "not_named_by": unnamed.iter().map(RuleName::as_str).collect::<Vec<_>>(),
        "moments": moments,
        "past": past.iter().map(account_object).collect::<Vec<_>>(),
    })
}

fn account_object(account: &Account) -> serde_json::Value {
    let Account { rule, standing, episode, says, receivers } = account;
    let hearing = |Hearing { receiver, outcome, says }: &Hearing| json!({ "receiver": receiver.as_str(), "outcome": outcome.word(), "says": says });
    json!({
        "rule": rule.as_str(), "standing": standing.word(), "episode": episode.as_ref().map(EpisodeId::as_str),
        "says": says, "receivers": receivers.iter().map(hearing).collect::<Vec<_>>(),
    })
}
