//! Killed 200 times at any instant, under load: nothing is lost, nothing is invented, nothing is told as news twice.
//!
//! Four chains of restaurants at once, each with a program, a broker, a mail server and a webhook receiver of its own, and
//! with a person who gives orders by the commands. What arrived is compared with what the point of sale answered, see
//! `history`, and with what the person said, see `persons`. `KILL_SEED=7 cargo test --test service killed` draws other
//! instants and deeds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use eightysix::simulator::chance::Chance;
use serde_json::{Value, json};

use crate::history::{Deed, History, List};
use crate::persons::{Person, Said, Signs};
use crate::process::Service;
use crate::screen::{Screen, kind};
use crate::stage::Stage;
use crate::wait;

const STORIES: u64 = 4;
const KILLS_OF_A_STORY: usize = 50;
/// How long a story lasts at least: what is left alone from its beginning on is told again after a minute.
const STORY_MIN: Duration = Duration::from_secs(100);
pub(crate) const VENUES: u64 = 3;
/// Made at the kitchen, which stays on.
pub(crate) const DISHES: [u64; 12] = [101, 102, 103, 104, 106, 108, 109, 113, 114, 115, 116, 117];
/// Rows that stay, so that no story changes half of a list at once, which would need a second look.
const STEADY: std::ops::RangeInclusive<u64> = 118..=140;
/// Stations that are switched; nothing of `DISHES` is made there.
const SWITCHED: [u64; 2] = [2, 3];
/// Products whose price in the first list changes.
const PRICED: [u64; 2] = [124, 125];
/// How long a mail waits for more.
const GROUP_WAIT_MS: i64 = 300;

/// Every turn is told: what is told of one that goes on and off follows from which turns a process that is killed sees.
const RULES: &str = r#"
rules:
  - name: sold-out
    when: { limit: { at_most: 0 }, product.type: [DISH], product.category_id: { not: 9 }, station.status: active }
    flap_detection: false
    severity: critical
    notify: [kitchen, managers, ops]
    message: "[{{ venue.id }}/{{ item.id }}] is out"
    resolved_message: "[{{ venue.id }}/{{ item.id }}] is back"
  - name: sweet-out
    when: { limit: { at_most: 0 }, product.type: [DISH], product.category_id: 9, station.status: active }
    flap_detection: false
    remind: [1m, 2m, 3m, 4m, 5m, 6m, 7m, 8m, 9m, 10m]
    notify: [kitchen, managers, ops]
    message: "[{{ venue.id }}/{{ item.id }}] is out"
    resolved_message: "[{{ venue.id }}/{{ item.id }}] is back"
  - name: thin
    when: { limit: { at_most: 0 }, product.type: [DISH], product.category_id: { not: 9 }, station.status: active }
    at_least: { count: 3, of: category }
    flap_detection: false
    notify: [kitchen, ops]
    message: "[{{ venue.id }}/category {{ set.id }}] is thin"
  - name: station-off
    subject: station
    when: { station.status: inactive }
    flap_detection: false
    notify: [kitchen, ops]
    message: "[{{ venue.id }}/station {{ station.id }}] is off"
  - name: price-changed
    event: price_changed
    notify: [kitchen, ops]
    message: "[{{ item.id }}] {{ change.before }} -> {{ change.after }}"
"#;

/// When the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Instant {
    Starting,
    FirstReading,
    Delivering,
    Idle,
    /// While a person waits for the answer to an order.
    Asked,
}

const INSTANTS: [Instant; 5] =
    [Instant::Starting, Instant::FirstReading, Instant::Delivering, Instant::Idle, Instant::Asked];

/// One chain and everything around it.
pub(crate) struct Story {
    pub(crate) stage: Arc<Stage>,
    history: Arc<Mutex<History>>,
    chance: Chance,
}

/// What came of a story.
#[derive(Default)]
struct Tally {
    /// How often the program was killed at an instant that had come.
    killed: BTreeMap<Instant, usize>,
    /// How often the instant did not come.
    missed: usize,
    /// Webhooks, mails and events: how many arrived, and how many of them were there before.
    arrived: [(usize, usize); 3],
    reminders: usize,
    /// Alerts about sets that opened and closed.
    sets: usize,
    done: usize,
    unanswered: usize,
}

#[test]
fn killed_two_hundred_times_it_loses_nothing_and_invents_nothing() {
    // Not by the environment of the program under test, which gets none.
    let asked = std::env::vars().find(|(name, _)| name == "KILL_SEED").map(|(_, seed)| seed.parse().expect("a number"));
    let seed: u64 = asked.unwrap_or(86);
    println!("KILL_SEED={seed}");
    let begun = eightysix::clock::uptime();
    let tell = |number: u64| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(story(seed.wrapping_mul(1_000) + number))
        })
    };
    let stories: Vec<_> = (0..STORIES).map(tell).collect();
    // All of them first: a story that fails must not leave the processes of the others behind.
    let ended: Vec<_> = stories.into_iter().map(JoinHandle::join).collect();
    let mut all = Tally::default();
    for story in ended {
        let told = story.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        println!("{told}");
        all.add(told);
    }
    println!("in {:?}: {all}", eightysix::clock::uptime().since(begun));
    let killed: usize = all.killed.values().sum();
    assert!(killed >= 200 && INSTANTS.iter().all(|instant| all.killed.contains_key(instant)), "{all}");
    // Else no kill came between a delivery and its note.
    assert!(all.arrived.iter().map(|(_, again)| again).sum::<usize>() > 0, "nothing was delivered twice: {all}");
    assert!(all.done >= 30 && all.reminders > 0, "people and reminders were among it: {all}");
    assert!(all.sets >= 30, "sets were among it: {all}");
}

/// Ends the day of the person, also when the story fails: his thread would keep the servers of the stage.
struct Ends(Arc<Signs>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

async fn story(seed: u64) -> Tally {
    let mut story = Story::open(seed).await;
    let mut screen = story.stage.screen("pass").await;
    let mut service = story.first_start(&mut screen).await;
    let signs = Arc::new(Signs::default());
    let ends = Ends(Arc::clone(&signs));
    let person = story.person(&signs);
    let begun = eightysix::clock::uptime();
    let mut tally = Tally::default();
    while tally.killed.values().sum::<usize>() < KILLS_OF_A_STORY || eightysix::clock::uptime().since(begun) < STORY_MIN
    {
        let instant = *story.chance.pick(&INSTANTS).expect("five");
        if story.live_until(instant, &signs, &mut screen).await {
            *tally.killed.entry(instant).or_default() += 1;
        } else {
            tally.missed += 1;
        }
        assert!(tally.missed <= 10 * KILLS_OF_A_STORY, "the instants of the kills do not come: {tally}");
        service.end("KILL");
        story.settle();
        for _ in 0..story.chance.below(3) {
            story.do_something();
        }
        service = story.start();
    }
    drop(ends);
    while !person.is_finished() {
        look_on_for(&mut screen, Duration::from_millis(100)).await;
    }
    let said = person.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    story.see_to_the_end(&said, &mut screen, service, tally).await
}

impl Tally {
    fn add(&mut self, of_a_story: Self) {
        let Self { killed, missed, arrived, reminders, sets, done, unanswered } = of_a_story;
        for (instant, times) in killed {
            *self.killed.entry(instant).or_default() += times;
        }
        for (all, (came, again)) in self.arrived.iter_mut().zip(arrived) {
            *all = (all.0 + came, all.1 + again);
        }
        self.missed += missed;
        self.reminders += reminders;
        self.sets += sets;
        self.done += done;
        self.unanswered += unanswered;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { killed, missed, arrived: [hooks, mails, events], reminders, sets, done, unanswered } = self;
        write!(
            f,
            "killed {killed:?} and {missed} times before the instant came; webhooks {} of them {} again, mails {} of them \
             {} again, events {} of them {} again, {reminders} reminders, {sets} turns of sets; {done} orders done, {unanswered} not answered",
            hooks.0, hooks.1, mails.0, mails.1, events.0, events.1
        )
    }
}

impl Story {
    async fn open(seed: u64) -> Self {
        let stage = Stage::open(VENUES).await;
        // Every start logs in and reads everything, which so many starts in a minute are not made for.
        stage.pos.act(&json!({ "rates": { "auth": 10_000, "errors": 10_000, "tenant": 10_000 } }));
        stage.edit("eightysix.yaml", "group_wait: 200ms", &format!("group_wait: {GROUP_WAIT_MS}ms"));
        stage.write("rules.yaml", RULES);
        let (stage, history) = (Arc::new(stage), Arc::default());
        let story = Self { stage, history, chance: Chance::new(seed) };
        for venue in 1..=VENUES {
            for product in STEADY {
                story.act(Deed::Limit { venue, product, left: Some(50) });
            }
            // What it begins with shows by its webhook that everything was read once.
            story.act(Deed::Limit { venue, product: DISHES[0], left: Some(0) });
            for (station, is_on) in story.stage.pos.stations(venue) {
                story.act(Deed::Station { venue, station, is_on });
            }
        }
        for product in PRICED {
            story.act(Deed::Price { product, hundredths: 1_000 });
        }
        story
    }

    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a person come to work.
    fn person(&mut self, signs: &Arc<Signs>) -> JoinHandle<Said> {
        let (stage, history, signs) = (Arc::clone(&self.stage), Arc::clone(&self.history), Arc::clone(signs));
        let person = Person { stage, history, signs, chance: Chance::new(self.chance.bits()) };
        std::thread::spawn(|| person.live())
    }

    fn start(&self) -> Service {
        self.history().started(self.stage.pos.answered());
        self.stage.start_with(&["--log", "debug"], &[])
    }

    /// Starts for the first time and waits until the baseline is known: prices too, as the second walk of them shows.
    async fn first_start(&self, screen: &mut Screen) -> Service {
        let service = self.start();
        let pos = &self.stage.pos;
        let is_read = async {
            let walked = || pos.requests().iter().filter(|request| request.path == "/price-lists/prices").count() >= 2;
            let hooks = || self.stage.hooks.count() >= usize::try_from(VENUES).expect("few") && walked();
            wait::eventually("the baseline", || std::future::ready(hooks())).await;
        };
        tokio::select! { () = is_read => {}, () = screen.look_on() => {} }
        self.history().watched_from(self.stage.pos.answered());
        service
    }

    /// Lets the restaurants live, and returns at the instant of the kill; says whether it came.
    async fn live_until(&mut self, instant: Instant, signs: &Signs, screen: &mut Screen) -> bool {
        let asked = self.stage.pos.answered() + self.chance.between(1, 16);
        let (hooks, mails) = (self.stage.hooks.count(), self.stage.mail.count());
        let by_mail = self.chance.happens(30);
        // An order is looked for each second.
        let after_ms = self.chance.below(if instant == Instant::Asked { 1_200 } else { 25 });
        let long_ms = match instant {
            Instant::Starting => self.chance.below(60),
            Instant::FirstReading | Instant::Delivering | Instant::Asked => 3_000,
            Instant::Idle => self.chance.between(500, 1_500),
        };
        let mut next_ms = self.chance.between(0, 200);
        let begun = eightysix::clock::uptime();
        let has_come = loop {
            let lived_ms = u64::try_from(eightysix::clock::uptime().since(begun).as_millis()).expect("short");
            let is_late = lived_ms >= long_ms;
            let has_come = match instant {
                Instant::Starting | Instant::Idle => is_late,
                Instant::FirstReading => self.stage.pos.answered() >= asked,
                Instant::Delivering if by_mail => self.stage.mail.count() > mails,
                Instant::Delivering => self.stage.hooks.count() > hooks,
                Instant::Asked => signs.is_asking.load(Ordering::SeqCst),
            };
            if has_come || is_late {
                break has_come;
            }
            if instant != Instant::Idle && lived_ms >= next_ms {
                self.do_something();
                next_ms = lived_ms + self.chance.between(20, 250);
            }
            look_on_for(screen, Duration::from_millis(3)).await;
        };
        if !matches!(instant, Instant::Starting | Instant::Idle) {
            look_on_for(screen, Duration::from_millis(after_ms)).await;
        }
        has_come
    }

    fn do_something(&mut self) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let deed = something(&mut self.chance, &history);
        act(&self.stage, &mut history, deed);
    }

    fn act(&self, deed: Deed) {
        act(&self.stage, &mut self.history(), deed);
    }

    /// Has a request of our own answered, after all that the dead program had sent.
    fn settle(&self) {
        let mut probe = TcpStream::connect(self.stage.pos.address).expect("the point of sale listens");
        probe.write_all(b"GET /settled HTTP/1.1\r\nHost: pos\r\nConnection: close\r\n\r\n").expect("asked");
        probe.read_to_end(&mut Vec::new()).expect("answered");
    }

    /// Waits until everything that happened was told, ends the program, compares once more, and counts what arrived.
    async fn see_to_the_end(self, said: &Said, screen: &mut Screen, service: Service, tally: Tally) -> Tally {
        // Something at the very end that everybody must be told of.
        for venue in 1..=VENUES {
            let is_out = self.history().now(List::Stops(venue)).get(&DISHES[1]).is_some_and(|left| *left <= 0);
            self.act(Deed::Limit { venue, product: DISHES[1], left: (!is_out).then_some(0) });
        }
        let price = self.history().now(List::Prices)[&PRICED[0]];
        self.act(Deed::Price { product: PRICED[0], hundredths: price + 50 });
        let polled = self.stage.pos.answered() + 40;
        let begun = eightysix::clock::uptime();
        while let Err(wrong) = self.compare(said, &screen.seen, polled) {
            let waited = eightysix::clock::uptime().since(begun);
            assert!(waited < wait::PATIENCE, "{wrong}\n{}\n{}", service.story(), self.stage.mail.log());
            look_on_for(screen, Duration::from_millis(500)).await;
        }
        assert!(service.end("TERM").success());
        look_on_for(screen, Duration::from_millis(300)).await;
        self.compare(said, &screen.seen, polled).unwrap_or_else(|wrong| panic!("after the end: {wrong}"));
        let mut late = self.stage.screen("late").await;
        late.until("the retained tree", |seen| self.compare_tree(seen).is_ok()).await;
        let letters = self.stage.eightysix(&["dead-letters", "--json", "--config", "eightysix.yaml"]);
        assert_eq!((letters.code, letters.objects().len()), (Some(0), 0), "{letters:?}");
        said.assert_listed(&self.stage);
        let again = |ids: Vec<String>| (ids.len(), ids.len() - ids.into_iter().collect::<BTreeSet<String>>().len());
        let hooks = self.stage.hooks.hits().iter().map(|hit| hit.header("webhook-id").to_owned()).collect();
        let mails = self.stage.mail.received().into_iter().map(|mail| mail.message_id).collect();
        let id = |event: &Value| event["id"].to_string();
        let arrived = [again(hooks), again(mails), again(screen.seen.events.iter().map(id).collect())];
        let count = |is_it: &dyn Fn(&Value) -> bool| {
            screen.seen.events.iter().filter(|event| is_it(event)).map(id).collect::<BTreeSet<String>>().len()
        };
        let reminders = count(&|event| kind(event) == "alert.reminded");
        let sets = count(&|event| event["data"]["alert"]["rule"] == "thin");
        let stage = Arc::into_inner(self.stage).expect("the person has gone home");
        stage.close();
        Tally { arrived, reminders, sets, done: said.done, unanswered: said.unanswered, ..tally }
    }
}

/// Looks on for so long: so the broker's messages are read, and time passes.
async fn look_on_for(screen: &mut Screen, time: Duration) {
    tokio::select! { () = wait::while_a_fault_lasts(time) => {}, () = screen.look_on() => {} }
}

/// Does something at the point of sale.
pub(crate) fn act(stage: &Stage, history: &mut History, deed: Deed) {
    let script = match deed {
        Deed::Limit { venue, product, left: Some(left) } => {
            json!({ "set_limit": { "brand": "sahil", "venue": venue, "product": product, "limit": left } })
        }
        Deed::Limit { venue, product, left: None } => {
            json!({ "clear_limit": { "brand": "sahil", "venue": venue, "product": product } })
        }
        Deed::Station { venue, station, is_on } => {
            json!({ "station": { "brand": "sahil", "venue": venue, "station": station, "active": is_on } })
        }
        Deed::Price { product, hundredths } => {
            let price: Value =
                serde_json::from_str(&format!("{}.{:02}", hundredths / 100, hundredths % 100)).expect("a number");
            json!({ "price": { "brand": "sahil", "product": product, "list": 1, "price": price } })
        }
    };
    let after = stage.pos.act_between_requests(&script);
    history.did(after, deed);
}

/// Draws what happens next: items go out and come back, limits fall, stations and prices change.
fn something(chance: &mut Chance, history: &History) -> Deed {
    let venue = chance.between(1, VENUES);
    let product = *chance.pick(&DISHES).expect("dishes");
    let left = history.now(List::Stops(venue)).get(&product).copied();
    match chance.below(20) {
        0 => {
            let station = *chance.pick(&SWITCHED).expect("stations");
            let is_on = history.now(List::Stations(venue))[&station] == 0;
            Deed::Station { venue, station, is_on }
        }
        1 => {
            let product = *chance.pick(&PRICED).expect("products");
            Deed::Price { product, hundredths: history.now(List::Prices)[&product] + 50 }
        }
        2..=8 => match left {
            Some(..=0) if chance.happens(50) => Deed::Limit { venue, product, left: None },
            Some(..=0) => Deed::Limit { venue, product, left: Some(i64::from(chance.below(20) < 10) * 6 + 3) },
            Some(_) | None => Deed::Limit { venue, product, left: Some(0) },
        },
        _ => match left {
            Some(left @ 2..) => Deed::Limit { venue, product, left: Some(left - 1) },
            Some(_) => Deed::Limit { venue, product, left: None },
            None => Deed::Limit { venue, product, left: Some(12) },
        },
    }
}
