//! `eightysix replay`: what other rules would have told of the recorded history, against the rules in force.
//!
//! Reads the database beside the running service and writes nothing into it: first back from the present to the start
//! of the period, then forward through every change, both sides at once. Invariant: nobody is told anything.

mod shown;

use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use crate::alerts::group::Route;
use crate::alerts::notice::ReceiverName;
use crate::alerts::render::Messages;
use crate::alerts::report::Reports;
use crate::board::Setting;
use crate::cli::output::{report_objects, show_report};
use crate::cli::{Failure, ReplayArguments};
use crate::config::{BrokerSettings, Config, Venues, rules};
use crate::document::Report;
use crate::engine::Policy;
use crate::replay::{LeftOut, Period, Pictures, Side, Told, compare, leave_out};
use crate::rules::{Form, Rule, RuleSet, State};
use crate::service::receivers;
use crate::snapshot::diff::Recorded;
use crate::store::{HISTORY_KEPT, HistorySpan, Order, PAGE_LINES, Store};
use crate::units::{Timestamp, VenueId, human_duration, parse_duration};
use crate::{clock, telemetry};

/// A shorter period than this shows nothing that a look at the screens does not.
const SINCE_MIN: Duration = Duration::from_mins(1);

/// Living a change takes about so many times as long as taking it back: the bar moves evenly.
const LIVING_WEIGHT: u64 = 4;

/// Everything that is shown.
struct Outcome {
    config: Config,
    period: Period,
    /// What the period would begin with if the history reached that far.
    asked_from: Timestamp,
    venues: usize,
    /// Whether other rules are tried, or only those in force shown.
    is_trial: bool,
    old: Told,
    new: Told,
    left_out: Vec<LeftOut>,
}

/// Replays the history under the rules in force and, where there are any, under others.
pub(super) async fn replay(arguments: ReplayArguments) -> Result<(), Failure> {
    let refused = |report: Report| {
        if arguments.json {
            report_objects(&report);
        } else {
            show_report(&report);
        }
        Failure::Wrong
    };
    let config = Config::load(&arguments.file.config).map_err(refused)?;
    let is_trial = !arguments.rules.is_empty();
    let new = if is_trial { Some(rules::others(&arguments.rules, &config).map_err(refused)?) } else { None };
    let store = Store::open_beside(&config.store.path).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
    let outcome = run(config, new, arguments.since, &store).await;
    store.close().await;
    let outcome = outcome?;
    let zone = &outcome.config.locale.timezone;
    let day_starts = outcome.config.locale.business_day_starts;
    let comparison = compare(&outcome.old, &outcome.new, outcome.period, zone, day_starts);
    if arguments.json {
        shown::objects(&outcome, &comparison);
    } else {
        shown::tables(&outcome, &comparison);
    }
    Ok(())
}

/// Reads how far back is to be gone, as the command line gives it.
pub(super) fn since(text: &str) -> Result<Duration, String> {
    let since = parse_duration(text)?;
    if (SINCE_MIN..=HISTORY_KEPT).contains(&since) {
        return Ok(since);
    }
    let (least, most) = (human_duration(SINCE_MIN), human_duration(HISTORY_KEPT));
    Err(format!("'{text}' must be from {least} to {most}, for which the history is kept; write one such as 7d"))
}

async fn run(config: Config, new: Option<RuleSet>, since: Duration, store: &Store) -> anyhow::Result<Outcome> {
    let is_trial = new.is_some();
    let sets = std::iter::once(config.rules.clone()).chain(new).collect();
    let (sets, left_out) = leave_out(sets);
    let policies: Vec<Arc<Policy>> =
        sets.iter().map(|rules| Ok(Arc::new(policy(&config, rules)?))).collect::<anyhow::Result<_>>()?;
    let ends = clock::now();
    let asked_from = ends.minus(since);
    let said = |error| anyhow!(telemetry::chain(&error));
    let oldest = store.history_begins().await.map_err(said)?.unwrap_or(ends);
    let borrowed: Vec<&Policy> = policies.iter().map(Arc::as_ref).collect();
    let period = Period::new(asked_from.max(oldest).min(ends), ends, &borrowed);
    // What is added to the history meanwhile is taken back as well: it is asked for after what is known at present.
    let mut pictures = present(&config, store).await?;
    let span = store.history_since(period.begins).await.map_err(said)?;
    let mut progress = Progress::new(span);
    if let Some(span) = span {
        go_back(&mut pictures, span, store, &mut progress).await?;
    }
    let venues = pictures.venues();
    let mut sides: Vec<Side> = policies.iter().map(|policy| Side::open(policy, &pictures, period)).collect();
    drop(pictures);
    if let Some(span) = span {
        sides = live(sides, span, store, &mut progress).await?;
    }
    progress.clear();
    let mut told = sides.into_iter().map(Side::end);
    let old = told.next().ok_or_else(|| anyhow!("there are no rules"))?;
    let new = told.next().unwrap_or_else(|| old.clone());
    Ok(Outcome { config, period, asked_from, venues, is_trial, old, new, left_out })
}

/// Makes of the configuration what decides who is told what under these rules. Nobody reads the messages, and writing
/// them is most of the work: the built-in words are quick.
fn policy(config: &Config, rules: &RuleSet) -> anyhow::Result<Policy> {
    let rules = RuleSet::new(rules.rules().iter().map(wordless).collect(), rules.price_lists().to_vec());
    let messages = Messages::compile(&rules, &config.locale.timezone, config.locale.language).map_err(|bad| {
        let texts: Vec<String> = bad.into_iter().map(|bad| format!("{}: {}", bad.place.file, bad.problem)).collect();
        anyhow!(texts.join("; "))
    })?;
    let base_topic = |settings: &BrokerSettings| match settings {
        BrokerSettings::External(settings) => settings.base_topic.clone(),
        BrokerSettings::Embedded { base_topic, .. } => base_topic.clone(),
    };
    let topics = config.brokers.iter().map(|(name, settings)| (name.clone(), base_topic(settings))).collect();
    Ok(Policy {
        rules,
        messages,
        routes: receivers::routes(config, &topics).into_iter().map(without_reports).collect(),
        // The feed tells every change whatever the rules.
        feeds: Vec::new(),
        setting: Setting {
            boot: "replay".to_owned(),
            language: config.locale.language,
            zone: config.locale.timezone.clone(),
            day_starts: config.locale.business_day_starts,
        },
        calendars: config.calendars.clone(),
        // Nobody is told, so nobody is to answer.
        links: None,
    })
}

/// Reports come by the clock, whatever the rules are.
fn without_reports((receiver, route): (ReceiverName, Route)) -> (ReceiverName, Route) {
    (receiver, Route { reports: Reports::default(), ..route })
}

fn wordless(rule: &Rule) -> Rule {
    let form = match &rule.form {
        Form::State(state) => Form::State(State { resolved_message: None, ..state.clone() }),
        Form::Event(event) => Form::Event(*event),
    };
    Rule { message: None, form, ..rule.clone() }
}

/// Reads the venues as they are known now.
async fn present(config: &Config, store: &Store) -> anyhow::Result<Pictures> {
    let mut pictures = Pictures::default();
    for settings in &config.clopos.brands {
        let memory = store.load(&settings.brand).await.map_err(|error| anyhow!(telemetry::chain(&error)))?;
        let is_watched = |venue: &VenueId| match config.venues.get(&settings.brand) {
            Some(Venues::Listed(venues)) => venues.contains(venue),
            Some(Venues::All) | None => true,
        };
        for (venue, snapshot) in memory.venues {
            if is_watched(&venue) {
                pictures.add(&settings.brand, Arc::unwrap_or_clone(snapshot));
            }
        }
    }
    Ok(pictures)
}

/// Takes everything back, from the newest change to the oldest.
async fn go_back(
    pictures: &mut Pictures,
    span: HistorySpan,
    store: &Store,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut page = page(store, span.first..=span.last, Order::NewestFirst).await?;
    while let Some((oldest, _)) = page.last() {
        let before = oldest - 1;
        for (_, recorded) in &page {
            pictures.undo(recorded);
        }
        progress.went(page.len() as u64);
        page = self::page(store, span.first..=before, Order::NewestFirst).await?;
    }
    Ok(())
}

/// Lives everything on all sides; the next page is read meanwhile.
async fn live(
    mut sides: Vec<Side>,
    span: HistorySpan,
    store: &Store,
    progress: &mut Progress,
) -> anyhow::Result<Vec<Side>> {
    let mut lived = page(store, span.first..=span.last, Order::OldestFirst).await?;
    while let Some((newest, _)) = lived.last() {
        let after = newest + 1;
        let count = lived.len() as u64;
        let shared = Arc::new(lived);
        let live = |mut side: Side| {
            let page = Arc::clone(&shared);
            tokio::task::spawn_blocking(move || {
                page.iter().for_each(|(_, recorded)| side.live(recorded));
                side
            })
        };
        let living: Vec<_> = sides.into_iter().map(live).collect();
        let next = page(store, after..=span.last, Order::OldestFirst).await;
        sides = Vec::with_capacity(living.len());
        for side in living {
            sides.push(side.await.map_err(|error| anyhow!("replay the history: {error}"))?);
        }
        progress.went(count * LIVING_WEIGHT);
        lived = next?;
    }
    Ok(sides)
}

async fn page(store: &Store, lines: RangeInclusive<i64>, order: Order) -> anyhow::Result<Vec<(i64, Recorded)>> {
    store.history_page(lines, order, PAGE_LINES).await.map_err(|error| anyhow!(telemetry::chain(&error)))
}

/// A bar on a terminal; elsewhere nothing.
struct Progress {
    is_shown: bool,
    done: u64,
    of: u64,
    percent: Option<u64>,
}

impl Progress {
    fn new(span: Option<HistorySpan>) -> Self {
        let of = span.map_or(0, |span| span.lines) * (1 + LIVING_WEIGHT);
        Self { is_shown: std::io::stderr().is_terminal(), done: 0, of, percent: None }
    }

    fn went(&mut self, more: u64) {
        self.done += more;
        let percent = (self.done * 100 / self.of.max(1)).min(100);
        if self.is_shown && self.percent != Some(percent) {
            self.percent = Some(percent);
            let _ = write!(std::io::stderr(), "\r{}", bar(percent));
        }
    }

    fn clear(&self) {
        if self.percent.is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn bar(percent: u64) -> String {
    let full = usize::try_from(percent * 30 / 100).unwrap_or_default();
    format!("replaying [{}{}] {percent:>3} %", "#".repeat(full), "-".repeat(30 - full.min(30)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0), format!("replaying [{}]   0 %", "-".repeat(30)));
        assert_eq!(bar(50), format!("replaying [{}{}]  50 %", "#".repeat(15), "-".repeat(15)));
        assert_eq!(bar(100), format!("replaying [{}] 100 %", "#".repeat(30)));
    }

    #[test]
    fn a_period_is_what_the_history_can_hold() {
        assert_eq!(since("7d"), Ok(Duration::from_hours(7 * 24)));
        for text in ["0s", "59s", "401d", "week", ""] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
