//! The task of one brand: ask, commit, wake, show.
//!
//! What to ask and what an answer means is decided by [`Watcher`]. The loop waits on what is cancel-safe and works at its
//! own pace (style 32).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clopos::budget::Permit;
use crate::clopos::{Client, Fetched, LoggedIn};
use crate::http::live::{Fresh, LiveBrand};
use crate::service::feeds::{Differences, Feeds};
use crate::service::measure::Measure;
use crate::service::orders::Ordered;
use crate::service::receivers::Wakes;
use crate::store::{Store, StoreError};
use crate::units::{Timestamp, Uptime};
use crate::watcher::{Asked, Errand, Moment, Watcher};
use crate::{clock, telemetry};

/// How long the loop sleeps at most: a wall clock that is set back must not stop the timers for its whole step.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Everything the task works with.
pub struct Brand {
    /// Asks Clopos.
    pub client: Client,
    /// Decides.
    pub watcher: Watcher,
    /// Remembers.
    pub store: Store,
    /// Shows at the brokers.
    pub feeds: Feeds,
    /// Shows on the pages.
    pub live: Arc<LiveBrand>,
    /// Delivers.
    pub wakes: Wakes,
    /// Brings what people ask for.
    pub orders: mpsc::Receiver<Ordered>,
    /// Notes what is done, for those who look after the process.
    pub measure: Measure,
}

enum Event {
    Stopped,
    Timer,
    Ordered(Ordered),
    LoggedIn(Permit, LoggedIn),
    Fetched(Box<(Asked, Fetched)>),
}

type Awaited = Pin<Box<dyn Future<Output = Event> + Send>>;

struct Task {
    brand: Brand,
    on_the_way: FuturesUnordered<Awaited>,
    sleep_until: Uptime,
    /// The business day of the returns that screens show.
    day: jiff::civil::Date,
}

/// Watches the brand until `cancel`, and hands everything back for the next start.
pub async fn run(brand: Brand, cancel: CancellationToken) -> Brand {
    let day = brand.feeds.business_day(clock::now());
    let mut task = Task { brand, on_the_way: FuturesUnordered::new(), sleep_until: Uptime::default(), day };
    task.brand.measure.begin(&task.brand.watcher, clock::uptime());
    task.commit_all().await;
    loop {
        task.brand.measure.turn(task.brand.watcher.engine(), clock::uptime());
        task.send();
        match task.next(&cancel).await {
            Event::Stopped => {
                task.brand.watcher.end(clock::uptime());
                task.commit_all().await;
                return task.brand;
            }
            Event::Timer => {}
            Event::Ordered((id, order)) => task.brand.watcher.take_order(id, order),
            Event::LoggedIn(permit, logged_in) => {
                task.brand.measure.logged_in(&logged_in);
                task.brand.watcher.logged_in(permit, logged_in, moment());
            }
            Event::Fetched(ended) => {
                let (asked, fetched) = *ended;
                task.brand.measure.fetched(&fetched);
                task.brand.watcher.fetched(asked, fetched, moment());
            }
        }
        task.commit_all().await;
        task.turn_the_day(clock::now());
        task.brand.watcher.tick(moment());
        task.commit_all().await;
        task.read_history().await;
    }
}

fn moment() -> Moment {
    Moment { wall: clock::now(), uptime: clock::uptime() }
}

impl Task {
    async fn next(&mut self, cancel: &CancellationToken) -> Event {
        // While the store fails nothing that is due can be done, and the loop must not turn for it.
        let until_store = self.brand.watcher.store_not_before().since(clock::uptime());
        let deadline = self.brand.watcher.next_deadline().map(|at| at.since(clock::now()).max(until_store));
        // The history is read venue by venue, with everything else in between.
        let has_more_to_read = self.brand.watcher.history_wanted(clock::uptime()).is_some();
        let until_send = if has_more_to_read { Duration::ZERO } else { self.sleep_until.since(clock::uptime()) };
        let sleep = until_send.min(deadline.unwrap_or(SLEEP_MAX)).min(SLEEP_MAX);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Event::Stopped,
            Some(event) = self.on_the_way.next(), if !self.on_the_way.is_empty() => event,
            Some(ordered) = self.brand.orders.recv() => Event::Ordered(ordered),
            () = tokio::time::sleep(sleep) => Event::Timer,
        }
    }

    /// Reads the history of one venue, if it is wanted for a report.
    async fn read_history(&mut self) {
        let Brand { watcher, store, .. } = &mut self.brand;
        let Some(wanted) = watcher.history_wanted(clock::uptime()) else { return };
        match store.history_of(watcher.engine().brand(), wanted.venue, wanted.since).await {
            Ok(history) => watcher.take_history(wanted.venue, history),
            Err(error) => watcher.history_failed(&telemetry::chain(&error), clock::uptime()),
        }
        self.commit_all().await;
    }

    /// Takes yesterday's returns off the screens when the business day turns.
    fn turn_the_day(&mut self, now: Timestamp) {
        let today = self.brand.feeds.business_day(now);
        if today != self.day {
            self.day = today;
            let engine = self.brand.watcher.engine();
            self.brand.feeds.show(engine, &Differences::of_all_lists(engine), now);
        }
    }

    /// Sends as much as is allowed now, and notes when to look again.
    fn send(&mut self) {
        let until = loop {
            let client = self.brand.client.clone();
            let awaited: Awaited = match self.brand.watcher.errand(clock::uptime()) {
                Ok(Errand::LogIn(permit)) => {
                    Box::pin(async move { Event::LoggedIn(permit, client.authenticate().await) })
                }
                Ok(Errand::Read(asked)) => Box::pin(async move {
                    let fetched = client.fetch(&asked.request, &asked.lease.token, asked.known.as_deref()).await;
                    Event::Fetched(Box::new((asked, fetched)))
                }),
                Err(until) => break until,
            };
            self.brand.measure.sent(clock::uptime());
            self.on_the_way.push(awaited);
        };
        self.sleep_until = until.unwrap_or_else(|| clock::uptime().plus(SLEEP_MAX));
    }

    /// Stores, adopts, wakes and shows everything that the last event causes.
    async fn commit_all(&mut self) {
        let Brand { client: _, watcher, store, feeds, live, wakes, orders: _, measure } = &mut self.brand;
        loop {
            // One time for what was decided and for the lines that say so: what was unread ends with what was found then.
            let now = moment();
            let Some(cycle) = watcher.step(now) else { return };
            if cycle.commit.is_durable() {
                let asked_at = clock::uptime();
                let stored = store.commit(watcher.engine().brand(), &cycle.commit, now.wall).await;
                measure.stored(stored.is_ok(), asked_at, clock::uptime());
                match stored {
                    Ok(()) => {}
                    Err(StoreError::TakenBack) => continue,
                    Err(error) => {
                        watcher.store_failed(cycle, &telemetry::chain(&error), clock::uptime());
                        continue;
                    }
                }
            }
            for notice in &cycle.commit.notices {
                wakes.wake(&notice.receiver, notice.content.channel());
            }
            let (differences, fresh) = (feeds.differences(&cycle.commit), Fresh::of(&cycle.commit));
            measure.adopting(watcher.engine(), &cycle.commit, now);
            watcher.adopt(cycle, now);
            measure.adopted(watcher);
            feeds.show(watcher.engine(), &differences, now.wall);
            live.show(watcher.engine(), &fresh, watcher.quota());
        }
    }
}
