//! Whether the job is done, and whether the process is alive: four checks, each with a sentence for people.
//!
//! The sentences hold counts and no names, since they are shown without a token. Invariant: what is out of our hands and told
//! elsewhere, such as a receiver that fails, makes nothing fail here.

use std::time::Duration;

use crate::units::{Timestamp, Uptime};
use crate::vitals::{BrandLook, Entry, QueueLook, StoreLook, Vitals};

/// A notice that was not tried for so long, on a channel that ended nothing meanwhile, is stuck: longer than the attempt
/// before it may take.
const STUCK_AFTER: Duration = Duration::from_mins(3);
/// A store that was not looked at for so long does not answer: a look may wait as long as a slow disk takes.
const STORE_SILENT_AFTER: Duration = Duration::from_secs(45);

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at, in a word.
    pub name: &'static str,
    /// Whether it is so.
    pub is_ok: bool,
    /// What was found, for people.
    pub says: String,
}

/// All checks at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the lists of every brand are read as planned.
    pub brands: Check,
    /// Whether what is to be told goes out.
    pub outbox: Check,
    /// Whether every loop is back in time.
    pub loops: Check,
    /// Whether the store takes writes.
    pub store: Check,
}

impl Health {
    /// The names of the checks, in the order of [`Health::checks`].
    pub const NAMES: [&'static str; 4] = ["brands", "outbox", "loops", "store"];

    /// Returns all checks.
    pub const fn checks(&self) -> [&Check; 4] {
        [&self.brands, &self.outbox, &self.loops, &self.store]
    }

    /// Says whether the job is done.
    pub fn is_ready(&self) -> bool {
        self.checks().iter().all(|check| check.is_ok)
    }

    /// Says whether another start could help if it is not: what the point of sale does not say, no start brings.
    pub const fn is_alive(&self) -> bool {
        self.loops.is_ok && self.store.is_ok
    }

    /// Returns what was found where something is not as it must be, for people; empty when the job is done.
    pub fn troubles(&self) -> String {
        let troubles = self.checks().into_iter().filter(|check| !check.is_ok).map(|check| check.says.as_str());
        troubles.collect::<Vec<_>>().join("; ")
    }
}

impl Vitals {
    /// Judges what is known now.
    pub fn health(&self, now: Timestamp, uptime: Uptime) -> Health {
        let of_brands: Vec<BrandLook> = self.brands().iter().map(|(_, brand)| brand.look(now, uptime)).collect();
        let store = self.store();
        let is_stuck = |queue: &QueueLook| {
            let is_due = queue.first_attempts == 0 && now.since(queue.first_due) > STUCK_AFTER;
            is_due && self.promises.has_stopped(&queue.receiver, &queue.channel, STUCK_AFTER, uptime)
        };
        let stuck = store.iter().flat_map(|look| &look.queues).filter(|queue| is_stuck(queue)).count();
        let loops = self.loops(uptime);
        let (count, overdue) =
            loops.values().fold((0, 0), |(count, overdue), look| (count + look.count, overdue + look.overdue));
        Health {
            brands: brands(&of_brands),
            outbox: outbox(store.as_ref(), stuck),
            loops: Check {
                name: Health::NAMES[2],
                is_ok: count > 0 && overdue == 0,
                says: match (count, overdue) {
                    (0, _) => "no loop has begun yet".to_owned(),
                    (_, 0) => format!("all {count} loops are back in time"),
                    _ => format!("{overdue} of {count} loops are not back in time"),
                },
            },
            store: check_store(store.as_ref(), uptime),
        }
    }
}

fn brands(looks: &[BrandLook]) -> Check {
    let unread: Vec<&BrandLook> = looks.iter().filter(|look| !look.is_read()).collect();
    let read = looks.len() - unread.len();
    let mut says = vec![match looks.len() {
        0 => "no brand is watched yet".to_owned(),
        all => format!("{read} of {all} brands are read as planned"),
    }];
    let mut say = |count: usize, what: &str| says.extend((count > 0).then(|| format!("{count} {what}")));
    let count = |is: &dyn Fn(&BrandLook) -> bool| unread.iter().filter(|look| is(look)).count();
    let is_refused = |look: &BrandLook| look.entry == Entry::Refused;
    let is_new = |look: &BrandLook| !look.is_whole && !is_refused(look);
    say(count(&is_refused), "refused by Clopos, which a person must mend (see the log)");
    say(count(&is_new), "not read to the end since the start");
    say(count(&|look| !is_new(look) && !is_refused(look)), "with lists that are older than planned");
    Check { name: Health::NAMES[0], is_ok: !looks.is_empty() && unread.is_empty(), says: says.join(", ") }
}

fn outbox(store: Option<&StoreLook>, stuck: usize) -> Check {
    let waiting: u64 = store.iter().flat_map(|look| &look.queues).map(|queue| queue.waiting).sum();
    let says = match (store, stuck) {
        (None, _) => "the outbox was not looked at yet".to_owned(),
        (Some(_), 0) => format!("nothing is stuck, {waiting} notices wait for their turn or for a receiver that fails"),
        (Some(_), stuck) => {
            format!("{stuck} channels of receivers have tried nothing for {} min and more", STUCK_AFTER.as_secs() / 60)
        }
    };
    Check { name: Health::NAMES[1], is_ok: store.is_some() && stuck == 0, says }
}

fn check_store(store: Option<&StoreLook>, now: Uptime) -> Check {
    let (is_ok, says) = match store {
        None => (false, "the database was not looked at yet"),
        Some(look) if now.since(look.at) > STORE_SILENT_AFTER => (false, "the database does not answer"),
        Some(look) if !look.takes_writes => (false, "the database takes no writes (see the log)"),
        Some(_) => (true, "the database takes writes"),
    };
    Check { name: Health::NAMES[3], is_ok, says: says.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{BrandId, VenueId};
    use crate::vitals::{LoopKind, Place, Promise};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);
    const UPTIME: Uptime = Uptime(Duration::from_secs(1_000));

    /// A process in which all is well, with the promise of its one delivery worker.
    fn healthy() -> (Vitals, Promise) {
        let vitals = Vitals::default();
        put(&vitals, "sahil", 1, Some(5));
        let promise = vitals.promise(LoopKind::Delivery { receiver: "ops".to_owned(), channel: "webhook" }, UPTIME);
        promise.moved(ago(Duration::from_hours(1)));
        vitals.note_store(StoreLook { at: UPTIME, takes_writes: true, ..StoreLook::default() });
        (vitals, promise)
    }

    fn ago(time: Duration) -> Uptime {
        Uptime(UPTIME.0.saturating_sub(time))
    }

    /// Puts a brand with a venue that was read so many seconds ago, or never.
    fn put(
        vitals: &Vitals,
        brand: &str,
        id: u64,
        read_s_ago: Option<u64>,
    ) -> std::sync::Arc<crate::vitals::BrandVitals> {
        let at = read_s_ago.map(|s| NOW.minus(Duration::from_secs(s)));
        let watched_since = NOW.minus(Duration::from_hours(1));
        let place = Place { read_at: at, followed_at: at, watched_since, rows: (0, 0) };
        let brand = vitals.brand(&BrandId::new(brand).expect("a slug"));
        brand.take_venues(std::iter::once((VenueId(id), place)), Duration::from_secs(3));
        brand
    }

    fn queue(due_s_ago: u64, attempts: u32) -> StoreLook {
        let due = NOW.minus(Duration::from_secs(due_s_ago));
        let (receiver, channel) = ("ops".to_owned(), "webhook".to_owned());
        let queue =
            QueueLook { receiver, channel, waiting: 2, oldest_queued: due, first_due: due, first_attempts: attempts };
        StoreLook { at: UPTIME, takes_writes: true, queues: vec![queue], dead_letters: 0 }
    }

    fn said(health: &Health) -> String {
        let line = |check: &Check| format!("{} {}: {}", if check.is_ok { "ok" } else { "NO" }, check.name, check.says);
        health.checks().map(line).join("\n")
    }

    #[test]
    fn a_process_that_does_its_job_is_ready() {
        let (vitals, _promise) = healthy();
        let health = vitals.health(NOW, UPTIME);
        insta::assert_snapshot!(said(&health), @"
        ok brands: 1 of 1 brands are read as planned
        ok outbox: nothing is stuck, 0 notices wait for their turn or for a receiver that fails
        ok loops: all 1 loops are back in time
        ok store: the database takes writes
        ");
        assert!(health.is_ready() && health.is_alive() && health.troubles().is_empty());
    }

    #[test]
    fn a_process_that_has_just_begun_is_not_ready() {
        let health = Vitals::default().health(NOW, UPTIME);
        assert!(!health.is_ready() && !health.is_alive());
        insta::assert_snapshot!(said(&health), @"
        NO brands: no brand is watched yet
        NO outbox: the outbox was not looked at yet
        NO loops: no loop has begun yet
        NO store: the database was not looked at yet
        ");
    }

    #[test]
    fn a_brand_that_is_not_read_makes_it_unready_and_not_dead() {
        let (vitals, _promise) = healthy();
        put(&vitals, "gunay", 2, Some(34));
        put(&vitals, "murad", 3, Some(5)).look(NOW, UPTIME);
        put(&vitals, "murad", 3, Some(3_000));
        put(&vitals, "leyla", 4, None).enter(Entry::Refused);
        put(&vitals, "aysel", 5, None);
        let health = vitals.health(NOW, UPTIME);
        assert_eq!(
            health.brands.says,
            "1 of 5 brands are read as planned, 1 refused by Clopos, which a person must mend (see the log), \
             1 not read to the end since the start, 2 with lists that are older than planned"
        );
        assert!(!health.is_ready() && health.is_alive());
        assert_eq!(health.troubles(), health.brands.says);
    }

    #[test]
    fn an_outbox_is_stuck_when_nothing_is_tried_and_not_when_a_receiver_fails() {
        let (hour, minutes) = (Duration::from_hours(1), Duration::from_mins(2));
        for (look, moved_ago, rests, is_ok) in [
            (queue(179, 0), hour, false, true),
            (queue(181, 0), hour, false, false),
            // It was tried, and is told elsewhere.
            (queue(7_000, 1), hour, false, true),
            // Its turn is to come: those before it are told now.
            (queue(7_000, 0), minutes, false, true),
            // Its broker is away.
            (queue(7_000, 0), hour, true, true),
        ] {
            let (vitals, promise) = healthy();
            promise.back_within(hour, UPTIME);
            promise.moved(ago(moved_ago));
            if rests {
                promise.rest();
            }
            vitals.note_store(look.clone());
            let health = vitals.health(NOW, UPTIME);
            assert_eq!((health.outbox.is_ok, health.is_alive()), (is_ok, true), "{look:?}: {}", health.outbox.says);
        }
        // Nobody delivers what is for a receiver that is not configured any more.
        let (vitals, promise) = healthy();
        drop(promise);
        vitals.note_store(queue(7_000, 0));
        assert!(vitals.health(NOW, UPTIME).outbox.is_ok);
    }

    #[test]
    fn a_loop_that_hangs_and_a_store_that_does_not_write_are_what_another_start_may_mend() {
        let (vitals, promise) = healthy();
        promise.back_within(Duration::from_secs(1), ago(Duration::from_secs(2)));
        let health = vitals.health(NOW, UPTIME);
        assert_eq!((health.is_alive(), health.troubles().as_str()), (false, "1 of 1 loops are not back in time"));
        for (at, takes_writes, says) in [
            (UPTIME, false, "the database takes no writes (see the log)"),
            (ago(Duration::from_secs(46)), true, "the database does not answer"),
        ] {
            let (vitals, _promise) = healthy();
            vitals.note_store(StoreLook { at, takes_writes, ..StoreLook::default() });
            let health = vitals.health(NOW, UPTIME);
            assert_eq!((health.is_alive(), health.troubles().as_str()), (false, says));
        }
    }
}
