//! What the manager pages and the API need of the service beside what is live: the store, and who takes orders.
//!
//! Invariant: whatever is changed here goes the way of every order, through the store to the task of its brand, and what
//! was done is shown by the time it is said to be done.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::alerts::notice::{Channel, ReceiverName};
use crate::alerts::order::{Answer, Order};
use crate::http::access::Visitor;
use crate::http::limit::{Count, PerMinute};
use crate::http::live::LiveBrand;
use crate::store::{Store, StoreError};
use crate::telemetry::{Repeat, Repeats};
use crate::units::BrandId;
use crate::{clock, telemetry};

/// How often somebody may order something within a minute: a person with a long list is slower, and a program that went
/// wrong must not fill the database. Each order is one written row.
const ORDERS_PER_MINUTE_MAX: u32 = 60;
/// How long somebody waits for the answer: an order that is older than 8 s is not taken in.
const ANSWER_WAIT: Duration = Duration::from_secs(9);
/// How long is waited until what was done is shown; it is done all the same.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// How long something may be looked for in the store, its turn included.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// When a question is ended, so that it gives its place back before whoever asked goes away.
const QUESTION_MAX: Duration = Duration::from_millis(1_500);
/// There is one connection for them.
const LOOKS_AT_ONCE_MAX: usize = 1;
/// What takes long to reckon has one thread at a time, whoever asks: those who deliver need the others.
const RECKONINGS_AT_ONCE_MAX: usize = 1;

/// Asks for the configuration to be read again, and where to say what came of it.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// Wakes the worker of a receiver's channel.
pub type Wake = Arc<dyn Fn(&ReceiverName, Channel) + Send + Sync>;

/// The store, and who takes orders.
#[derive(Clone)]
pub struct Desk {
    /// Where orders are left.
    pub store: Store,
    /// What is known of the past, by the connection of visitors: read by [`Desk::look`] alone.
    pub(super) past: Store,
    /// Rung when an order was left, so that nobody waits for the next look.
    pub bell: Arc<Notify>,
    /// Asks for a reload; closed where there is no file to read again.
    pub reload: mpsc::Sender<Reload>,
    /// Wakes who sends what was put into the outbox.
    pub wake: Wake,
    used: Arc<Mutex<PerMinute<String>>>,
    repeats: Arc<Mutex<Repeats>>,
    looks: Arc<Semaphore>,
    reckonings: Arc<Semaphore>,
}

/// The store did not answer, or too many asked for something long; the log says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoLook;

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// It cannot be done, and why.
    Refused(String),
    /// This visitor ordered too much within a minute.
    TooOften,
    /// The store or the service did not answer, so nothing was changed.
    NoAnswer,
}

impl Desk {
    /// Takes what it needs.
    pub fn new(store: Store, bell: Arc<Notify>, reload: mpsc::Sender<Reload>, wake: Wake) -> Self {
        let used = Arc::new(Mutex::new(PerMinute::new(ORDERS_PER_MINUTE_MAX)));
        let looks = Arc::new(Semaphore::new(LOOKS_AT_ONCE_MAX));
        let reckonings = Arc::new(Semaphore::new(RECKONINGS_AT_ONCE_MAX));
        let past = store.for_visitors();
        Self { store, past, bell, reload, wake, used, repeats: Arc::default(), looks, reckonings }
    }

    /// Looks something up in the store, when it is this one's turn.
    pub(super) async fn look<T>(&self, look: impl Future<Output = Result<T, StoreError>>) -> Result<T, NoLook> {
        let found = async {
            let _place = self.looks.acquire().await;
            self.past.begin_visit(QUESTION_MAX);
            look.await
        };
        let why = match timeout(LOOK_MAX, found).await {
            Ok(Ok(found)) => {
                self.repeats.lock().unwrap_or_else(PoisonError::into_inner).works("looks");
                return Ok(found);
            }
            Ok(Err(error)) => telemetry::chain(&error),
            Err(_) => "the database did not answer within 2 s".to_owned(),
        };
        Err(self.no_look("looks", &why))
    }

    /// Reckons something that may take long, on a thread where nobody waits for anything else, when it is this one's turn. It
    /// goes on when whoever asked goes away, and keeps its place until it is done.
    pub(super) async fn reckon<T: Send + 'static>(
        &self,
        reckon: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoLook> {
        let Ok(Ok(place)) = timeout(LOOK_MAX, Arc::clone(&self.reckonings).acquire_owned()).await else {
            return Err(self.no_look("reckonings", "what others asked for before took longer than 2 s"));
        };
        let reckoned = tokio::task::spawn_blocking(move || {
            let reckoned = reckon();
            drop(place);
            reckoned
        });
        match reckoned.await {
            Ok(reckoned) => {
                self.repeats.lock().unwrap_or_else(PoisonError::into_inner).works("reckonings");
                Ok(reckoned)
            }
            Err(_) => Err(self.no_look("reckonings", "it cannot be reckoned")),
        }
    }

    /// Says once why somebody cannot be answered.
    fn no_look(&self, what: &'static str, why: &str) -> NoLook {
        if let Repeat::First { .. } = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).failed(what, why) {
            tracing::warn!("somebody who reads by the web side cannot be answered: {why}");
        }
        NoLook
    }

    /// Leaves an order, waits until it is done and until `shows` says that the brand shows it.
    pub(super) async fn order(
        &self,
        visitor: &Visitor,
        (brand, live): (&BrandId, &LiveBrand),
        order: &Order,
        shows: impl Fn(&LiveBrand) -> bool,
    ) -> Outcome {
        if !self.may_order(visitor) {
            return Outcome::TooOften;
        }
        note(visitor, brand, order);
        let mut turns = live.turns();
        match self.answer(brand, order).await {
            Ok(Some(Answer::Done)) => {
                self.repeats.lock().unwrap_or_else(PoisonError::into_inner).works("orders");
                let followed = async { while !shows(live) && turns.changed().await.is_ok() {} };
                // It is done, whether it is shown yet or not.
                let _ = timeout(SHOWN_WITHIN, followed).await;
                Outcome::Done
            }
            Ok(Some(Answer::Refused(why))) => Outcome::Refused(why),
            Ok(None) => self.failed("the service did not answer an order in time"),
            Err(error) => self.failed(&telemetry::chain(&error)),
        }
    }

    async fn answer(&self, brand: &BrandId, order: &Order) -> Result<Option<Answer>, StoreError> {
        let id = self.store.ask(brand, order, clock::now()).await?;
        self.bell.notify_one();
        self.store.answer_within(id, ANSWER_WAIT).await
    }

    /// Counts an order of a visitor, unless it is one too many.
    pub(super) fn may_order(&self, visitor: &Visitor) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let count = used.count(&visitor.name, clock::uptime());
        if count == Count::JustOver {
            let name = &visitor.name;
            tracing::warn!(%name, "more than {ORDERS_PER_MINUTE_MAX} orders came within a minute; refused for now");
        }
        count == Count::Within
    }

    /// Says once why orders are not taken in.
    fn failed(&self, why: &str) -> Outcome {
        let repeat = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).failed("orders", why);
        if let Repeat::First { .. } = repeat {
            tracing::warn!("an order of the web side was not taken in: {why}");
        }
        Outcome::NoAnswer
    }
}

/// Notes who asks for what, before anything comes of it.
fn note(visitor: &Visitor, brand: &BrandId, order: &Order) {
    let who = &visitor.name;
    let what = match order {
        Order::Acknowledge { .. } => "that somebody takes care of an alert",
        Order::Silence(_) => "a silence",
        Order::EndSilence(_) => "the end of a silence",
    };
    tracing::info!(%brand, ?who, "the web side is asked for {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_long_is_reckoned_one_after_the_other_and_holds_its_place_when_nobody_waits_for_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let (reload, _) = mpsc::channel(1);
        let desk = Desk::new(store.clone(), Arc::default(), reload, Arc::new(|_, _| {}));
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let long = desk.reckon(move || {
            let _ = begun.send(());
            held.recv().is_ok()
        });
        tokio::select! {
            _ = long => panic!("it is held"),
            begun = begins => begun.expect("it began"),
        }
        // Whoever asked for it went away, and it goes on; the next one does not get a thread beside it.
        assert_eq!(desk.reckon(|| 1).await, Err(NoLook));
        go_on.send(()).expect("it waits");
        assert_eq!(desk.reckon(|| 2).await, Ok(2));
        // One that cannot be reckoned gives its place back.
        assert_eq!(desk.reckon(|| -> u8 { panic!("on purpose") }).await, Err(NoLook));
        assert_eq!(desk.reckon(|| 3).await, Ok(3));
        store.close().await;
    }

    #[tokio::test]
    async fn a_look_that_takes_too_long_is_given_up_and_the_next_one_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(&dir.path().join("db")).await.expect("a store");
        let desk = Desk::new(store, Arc::default(), mpsc::channel(1).0, Arc::new(|_, _| {}));
        tokio::time::pause();
        // The timer counts in whole milliseconds.
        let is_given_up = |took: Duration| took >= LOOK_MAX && took <= LOOK_MAX + Duration::from_millis(2);
        let begun = clock::uptime();
        let hangs = desk.look(std::future::pending::<Result<(), StoreError>>());
        assert_eq!(hangs.await, Err(NoLook));
        assert!(is_given_up(clock::uptime().since(begun)));
        assert_eq!(desk.look(std::future::ready(Ok(7))).await, Ok(7));
        // Whoever waits for his turn waits no longer either.
        let place = desk.looks.acquire().await.expect("a place");
        let begun = clock::uptime();
        assert_eq!(desk.look(std::future::ready(Ok(7))).await, Err(NoLook));
        assert!(is_given_up(clock::uptime().since(begun)));
        drop(place);
        assert_eq!(desk.look(std::future::ready(Ok(7))).await, Ok(7));
    }
}
