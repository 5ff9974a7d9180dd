//! `eightysix status`: how old the knowledge of each brand is, what its quota buys, and what waits to be told.
//!
//! Reads the database beside the running service, which notes once a minute what it read: a list may be that much
//! younger than is shown. Never writes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::json;

use crate::alerts::facts;
use crate::alerts::lifecycle::Alert;
use crate::catalog::Venue;
use crate::cli::desk::{brand_of, load, open_store};
use crate::cli::output::{say, say_json};
use crate::cli::{Failure, StatusArguments};
use crate::clock;
use crate::clopos::BrandSettings;
use crate::clopos::budget::steady;
use crate::config::{Config, Venues};
use crate::engine::NOTED_WITHIN;
use crate::poll::quota::Quota;
use crate::snapshot::{Rows, Snapshot};
use crate::store::{OutboxDepth, Store};
use crate::telemetry;
use crate::units::{Seconds, Timestamp, human_duration, printable};

/// How many venues of a brand are listed, those first that were not read for longest.
const LISTED_MAX: usize = 20;
/// Characters of a name.
const NAME_LENGTH_MAX: usize = 40;
/// What a reading and its note may take beyond the plan, in a service that works.
const SLACK: Duration = Duration::from_secs(15);

/// Shows every brand, or the one that is asked for.
pub(super) async fn status(arguments: StatusArguments) -> Result<(), Failure> {
    let config = load(&arguments.file)?;
    let store = open_store(&config).await?;
    let shown = show(&arguments, &config, &store).await;
    store.close().await;
    shown
}

async fn show(arguments: &StatusArguments, config: &Config, store: &Store) -> Result<(), Failure> {
    let failed = |error| anyhow!(telemetry::chain(&error));
    let only = arguments.brand.as_deref().map(|name| brand_of(config, Some(name))).transpose()?;
    let is_wanted = |settings: &&BrandSettings| only.as_ref().is_none_or(|brand| *brand == settings.brand);
    let mut are_all_read = true;
    for settings in config.clopos.brands.iter().filter(is_wanted) {
        let mut memory = store.load(&settings.brand).await.map_err(failed)?;
        if let Some(Venues::Listed(ids)) = config.venues.get(&settings.brand) {
            let unnamed = |id| Venue { id, name: String::new(), active: true };
            let unread = |id| Arc::new(Snapshot::unread(unnamed(id)));
            for id in ids {
                memory.venues.entry(*id).or_insert_with(|| unread(*id));
            }
            memory.venues.retain(|id, _| ids.contains(id));
        }
        let mut venues: Vec<_> = memory.venues.into_values().collect();
        venues.sort_by_key(|snapshot| (snapshot.read_at, snapshot.id()));
        let quota = Quota::new(venues.len(), steady(settings.requests_per_minute), &config.polling);
        let open = memory.book.iter().filter(|(_, alert)| matches!(alert, Alert::Open(_))).count();
        let brand = BrandStatus { name: settings.brand.as_str(), venues: &venues, quota, open, now: clock::now() };
        are_all_read &= brand.is_read();
        if arguments.json {
            say_json(&brand.object());
        } else {
            brand.lines().iter().for_each(|line| say(line));
        }
    }
    let depth = store.outbox_depth().await.map_err(failed)?;
    if arguments.json {
        let OutboxDepth { waiting, dead, delivered: _, expired: _ } = depth;
        say_json(&json!({ "outbox": { "waiting": waiting, "dead_letters": dead } }));
    } else {
        say(&outbox_line(&depth));
    }
    if are_all_read { Ok(()) } else { Err(Failure::Shown) }
}

/// What is stored of a brand, the venue first that was not read for longest.
struct BrandStatus<'a> {
    name: &'a str,
    venues: &'a [Arc<Snapshot>],
    quota: Quota,
    /// How many alerts are open.
    open: usize,
    now: Timestamp,
}

impl BrandStatus<'_> {
    /// Says whether the stop list of this venue is as old as is planned, or younger.
    fn is_in_time(&self, snapshot: &Snapshot) -> bool {
        let planned = self.quota.worst_age().saturating_add(NOTED_WITHIN).saturating_add(SLACK);
        // One that lies ahead is of a clock that was wrong.
        snapshot.read_at.is_some_and(|at| at <= self.now.plus(SLACK) && self.now.since(at) <= planned)
    }

    fn is_read(&self) -> bool {
        !self.venues.is_empty() && self.venues.iter().all(|snapshot| self.is_in_time(snapshot))
    }

    fn lines(&self) -> Vec<String> {
        let (count, quota) = (self.venues.len(), &self.quota);
        let late = self.venues.iter().filter(|snapshot| !self.is_in_time(snapshot)).count();
        let reading = match (count, late) {
            (0, _) => {
                "nothing was ever read; is the service running, and does Clopos let it in? See its log".to_owned()
            }
            (_, 0) => "all read in time".to_owned(),
            _ if late == count => "none read in time; is the service running, and does Clopos answer?".to_owned(),
            _ => format!("{late} not read in time"),
        };
        let (of_venues, alerts) = (plural(count, "venue"), plural(self.open, "alert"));
        let mut lines = vec![format!("{}: {of_venues}, {reading}; {alerts} open", self.name)];
        let room = quota.venues_max().saturating_sub(count);
        lines.push(format!(
            "  at {} a minute a list gets {} old at most; a round takes {}, {} longer with one more venue; {}",
            plural(quota.per_minute, "request"),
            seconds(quota.worst_age()),
            seconds(quota.round()),
            seconds(quota.one_more()),
            if quota.round() > quota.oldest {
                format!("too many venues for polling.oldest ({})", human_duration(quota.oldest))
            } else {
                format!("{room} more fit")
            }
        ));
        if count > 0 {
            lines.push(format!("  {:>6}  {:NAME_LENGTH_MAX$}  {:>14}  stop list", "venue", "", "noted as read"));
        }
        for snapshot in self.venues.iter().take(LISTED_MAX) {
            let age = snapshot.read_at.map_or_else(|| "never read".to_owned(), |at| age(at, self.now));
            let rows = &snapshot.picture.rows;
            lines.push(format!(
                "  {:>6}  {:NAME_LENGTH_MAX$}  {age:>14}  {} products, {} out",
                snapshot.id().0,
                printable(&facts::venue_name(snapshot), NAME_LENGTH_MAX),
                rows.len(),
                out(rows)
            ));
        }
        if count > LISTED_MAX {
            lines.push(format!("  and {} more, read later than these", count - LISTED_MAX));
        }
        lines
    }

    fn object(&self) -> serde_json::Value {
        let Quota { venues: _, per_minute, fastest: _, oldest } = self.quota;
        let venue = |snapshot: &Arc<Snapshot>| {
            json!({
                "venue": snapshot.id().0, "name": facts::venue_name(snapshot), "in_time": self.is_in_time(snapshot),
                "as_of": snapshot.read_at.map(|at| at.to_string()),
                "rows": snapshot.picture.rows.len(), "out": out(&snapshot.picture.rows),
            })
        };
        json!({
            "brand": self.name, "in_time": self.is_read(), "alerts_open": self.open,
            "requests_per_minute": per_minute, "oldest_wanted_s": Seconds(oldest),
            "worst_age_s": Seconds(self.quota.worst_age()), "round_s": Seconds(self.quota.round()),
            "one_more_venue_s": Seconds(self.quota.one_more()), "venues_max": self.quota.venues_max(),
            "venues": self.venues.iter().map(venue).collect::<Vec<_>>(),
        })
    }
}

fn out(rows: &Rows) -> usize {
    rows.values().filter(|row| row.is_out()).count()
}

fn plural(count: impl TryInto<u64>, word: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    }
}

fn age(at: Timestamp, now: Timestamp) -> String {
    if at > now.plus(SLACK) { "in the future".to_owned() } else { format!("{} ago", human_duration(now.since(at))) }
}

/// Writes a short time with a tenth of a second.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Says what waits for the receivers of all brands.
fn outbox_line(depth: &OutboxDepth) -> String {
    let dead = match depth.dead {
        0 => "none given up".to_owned(),
        dead => format!("{dead} given up, which `eightysix dead-letters` lists"),
    };
    format!("outbox of all brands: {} wait, {dead}", depth.waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Settings;
    use crate::units::VenueId;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

    fn venue(id: u64, name: &str, read_s_ago: Option<u64>) -> Arc<Snapshot> {
        let unread = Snapshot::unread(Venue { id: VenueId(id), name: name.to_owned(), active: true });
        Arc::new(Snapshot { read_at: read_s_ago.map(|s| NOW.minus(Duration::from_secs(s))), ..unread })
    }

    fn shown(venues: &[Arc<Snapshot>], per_minute: u32) -> String {
        let quota = Quota::new(venues.len(), per_minute, &Settings::default());
        let status = BrandStatus { name: "sahil", venues, quota, open: 1, now: NOW };
        assert_eq!(status.object()["in_time"], status.is_read());
        status.lines().join("\n")
    }

    #[test]
    fn a_brand_that_is_read_says_what_its_quota_buys() {
        let venues = [venue(1, "Sahil", Some(4)), venue(2, "G\u{1b}[2Jənclik", Some(2))];
        insta::assert_snapshot!(shown(&venues, 240), @r"
        sahil: 2 venues, all read in time; 1 alert open
          at 240 requests a minute a list gets 3.0 s old at most; a round takes 0.7 s, 0.3 s longer with one more venue; 178 more fit
           venue                                             noted as read  stop list
               1  Sahil                                            4 s ago  0 products, 0 out
               2  G [2Jənclik                                      2 s ago  0 products, 0 out
        ");
    }

    #[test]
    fn what_is_not_read_is_said_and_who_never_was() {
        let late = venue(1, "Sahil", Some(600));
        insta::assert_snapshot!(shown(&[late.clone(), venue(2, "", Some(2))], 1), @r"
        sahil: 2 venues, 1 not read in time; 1 alert open
          at 1 request a minute a list gets 320.0 s old at most; a round takes 160.0 s, 80.0 s longer with one more venue; too many venues for polling.oldest (1 min)
           venue                                             noted as read  stop list
               1  Sahil                                         10 min ago  0 products, 0 out
               2  venue 2                                          2 s ago  0 products, 0 out
        ");
        assert!(shown(&[late], 240).starts_with("sahil: 1 venue, none read in time; is the service running, "));
        assert!(shown(&[], 240).starts_with(
            "sahil: 0 venues, nothing was ever read; is the service running, and does Clopos let it in? See its log; "
        ));
        assert!(shown(&[venue(1, "Sahil", None)], 240).contains("never read"));
    }

    #[test]
    fn a_list_is_in_time_while_its_note_is() {
        // Every 3 s, noted within a minute, and some slack.
        for (read_at, expected) in [
            (NOW.minus(Duration::from_secs(78)), true),
            (NOW.minus(Duration::from_secs(79)), false),
            (NOW.plus(Duration::from_secs(15)), true),
            (NOW.plus(Duration::from_secs(16)), false),
        ] {
            let venues = [Arc::new(Snapshot { read_at: Some(read_at), ..venue(1, "Sahil", None).as_ref().clone() })];
            let quota = Quota::new(1, 240, &Settings::default());
            let status = BrandStatus { name: "sahil", venues: &venues, quota, open: 0, now: NOW };
            assert_eq!(status.is_read(), expected, "{read_at}");
        }
    }

    #[test]
    fn of_a_chain_those_are_listed_that_were_not_read_for_longest() {
        let venues: Vec<_> = (1..=25).map(|id| venue(id, "Sahil", Some(26 - id))).collect();
        let shown = shown(&venues, 240);
        assert_eq!(shown.lines().count(), 3 + LISTED_MAX + 1);
        assert!(shown.ends_with("  and 5 more, read later than these"), "{shown}");
    }
}
