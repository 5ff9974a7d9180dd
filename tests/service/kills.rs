//! Killed 200 times at any instant, under load: nothing is lost, nothing is invented, nothing is told as news twice.
//!
//! Four chains of restaurants at once, each with a program, a broker, a mail server and a webhook receiver of its own. What
//! arrived is compared with what the point of sale answered, see `history`. `KILL_SEED=7 cargo test --test service
//! killed` draws other instants and deeds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use eightysix::simulator::chance::Chance;
use serde_json::{Value, json};

use crate::history::{self, Deed, History, List, Told};
use crate::process::Service;
use crate::screen::{Screen, Seen, kind};
use crate::stage::Stage;
use crate::wait;

const STORIES: u64 = 4;
const KILLS_OF_A_STORY: usize = 50;
const VENUES: u64 = 3;
/// Made at the kitchen, which stays on.
const DISHES: [u64; 12] = [101, 102, 103, 104, 106, 108, 109, 113, 114, 115, 116, 117];
/// Rows that stay, so that no story changes half of a list at once, which would need a second look.
const STEADY: std::ops::RangeInclusive<u64> = 118..=140;
/// Stations that are switched; nothing of `DISHES` is made there.
const SWITCHED: [u64; 2] = [2, 3];
/// Products whose price in the first list changes.
const PRICED: [u64; 2] = [124, 125];
/// How long a mail waits for more, and what it may take until a busy machine looks.
const GROUP_WAIT_MS: i64 = 300;
const GROUP_WAIT_AND_LOOK_MS: i64 = 900;

const RULES: &str = r#"
rules:
  - name: sold-out
    when: { limit: { at_most: 0 }, product.type: [DISH], station.status: active }
    severity: critical
    notify: [kitchen, managers, ops]
    message: "[{{ venue.id }}/{{ item.id }}] is out"
    resolved_message: "[{{ venue.id }}/{{ item.id }}] is back"
  - name: station-off
    subject: station
    when: { station.status: inactive }
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
}

/// One chain and everything around it.
struct Story {
    stage: Stage,
    history: History,
    chance: Chance,
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
    let mut killed: BTreeMap<Instant, usize> = BTreeMap::new();
    // All of them first: a story that fails must not leave the processes of the others behind.
    let ended: Vec<_> = stories.into_iter().map(std::thread::JoinHandle::join).collect();
    for story in ended {
        let (instants, arrived) = story.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        for instant in instants {
            *killed.entry(instant).or_default() += 1;
        }
        println!("{arrived}");
    }
    println!("killed {killed:?} in {:?}", eightysix::clock::uptime().since(begun));
    assert!(killed.values().sum::<usize>() >= 200 && killed.len() == 4, "{killed:?}");
}

async fn story(seed: u64) -> (Vec<Instant>, String) {
    let mut story = Story::open(seed).await;
    let mut screen = story.stage.screen("pass").await;
    let mut service = story.first_start(&mut screen).await;
    let mut killed = Vec::new();
    while killed.len() < KILLS_OF_A_STORY {
        let instants = [Instant::Starting, Instant::FirstReading, Instant::Delivering, Instant::Idle];
        let instant = *story.chance.pick(&instants).expect("four");
        story.live_until(instant, &mut screen).await;
        service.end("KILL");
        killed.push(instant);
        story.settle();
        for _ in 0..story.chance.below(3) {
            story.do_something();
        }
        service = story.start();
    }
    (killed, story.see_to_the_end(&mut screen, service).await)
}

impl Story {
    async fn open(seed: u64) -> Self {
        let stage = Stage::open(VENUES).await;
        // Every start logs in and reads everything, which so many starts in a minute are not made for.
        stage.pos.act(&json!({ "rates": { "auth": 10_000, "errors": 10_000, "tenant": 10_000 } }));
        stage.edit("eightysix.yaml", "group_wait: 200ms", &format!("group_wait: {GROUP_WAIT_MS}ms"));
        stage.write("rules.yaml", RULES);
        let mut story = Self { stage, history: History::default(), chance: Chance::new(seed) };
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

    fn start(&mut self) -> Service {
        self.history.started(self.stage.pos.answered());
        self.stage.start_with(&["--log", "debug"], &[])
    }

    /// Starts for the first time and waits until the baseline is known: prices too, as the second walk of them shows.
    async fn first_start(&mut self, screen: &mut Screen) -> Service {
        let service = self.start();
        let pos = &self.stage.pos;
        let is_read = async {
            let walked = || pos.requests().iter().filter(|request| request.path == "/price-lists/prices").count() >= 2;
            let hooks = || self.stage.hooks.count() >= usize::try_from(VENUES).expect("few") && walked();
            wait::eventually("the baseline", || std::future::ready(hooks())).await;
        };
        tokio::select! { () = is_read => {}, () = screen.look_on() => {} }
        self.history.watched_from(self.stage.pos.answered());
        service
    }

    /// Lets the restaurants live, and returns at the instant of the kill.
    async fn live_until(&mut self, instant: Instant, screen: &mut Screen) {
        let asked = self.stage.pos.answered() + self.chance.between(1, 16);
        let (hooks, mails) = (self.stage.hooks.count(), self.stage.mail.count());
        let (by_mail, after_ms) = (self.chance.happens(30), self.chance.below(25));
        let long_ms = match instant {
            Instant::Starting => self.chance.below(60),
            Instant::FirstReading | Instant::Delivering => 3_000,
            Instant::Idle => self.chance.between(500, 1_500),
        };
        let first = self.chance.between(0, 200);
        let Self { stage, history, chance } = self;
        let (pos, receiver, mail) = (&stage.pos, &stage.hooks, &stage.mail);
        let is_there = || match instant {
            Instant::Starting | Instant::Idle => false,
            Instant::FirstReading => pos.answered() >= asked,
            Instant::Delivering if by_mail => mail.count() > mails,
            Instant::Delivering => receiver.count() > hooks,
        };
        let begun = eightysix::clock::uptime();
        let mut next_ms = first;
        loop {
            let lived_ms = u64::try_from(eightysix::clock::uptime().since(begun).as_millis()).expect("short");
            if lived_ms >= long_ms || is_there() {
                break;
            }
            if instant != Instant::Idle && lived_ms >= next_ms {
                let deed = something(chance, history);
                act(stage, history, deed);
                next_ms = lived_ms + chance.between(20, 250);
            }
            look_on_for(screen, Duration::from_millis(3)).await;
        }
        if matches!(instant, Instant::FirstReading | Instant::Delivering) {
            look_on_for(screen, Duration::from_millis(after_ms)).await;
        }
    }

    fn do_something(&mut self) {
        let deed = something(&mut self.chance, &self.history);
        self.act(deed);
    }

    fn act(&mut self, deed: Deed) {
        act(&self.stage, &mut self.history, deed);
    }

    /// Has a request of our own answered, after all that the dead program had sent.
    fn settle(&self) {
        let mut probe = TcpStream::connect(self.stage.pos.address).expect("the point of sale listens");
        probe.write_all(b"GET /settled HTTP/1.1\r\nHost: pos\r\nConnection: close\r\n\r\n").expect("asked");
        probe.read_to_end(&mut Vec::new()).expect("answered");
    }

    /// Waits until everything that happened was told, ends the program, compares once more, and counts what arrived.
    async fn see_to_the_end(mut self, screen: &mut Screen, service: Service) -> String {
        // Something at the very end that everybody must be told of.
        for venue in 1..=VENUES {
            let is_out = self.history.now(List::Stops(venue)).get(&DISHES[1]).is_some_and(|left| *left <= 0);
            self.act(Deed::Limit { venue, product: DISHES[1], left: (!is_out).then_some(0) });
        }
        let price = self.history.now(List::Prices)[&PRICED[0]];
        self.act(Deed::Price { product: PRICED[0], hundredths: price + 50 });
        let polled = self.stage.pos.answered() + 40;
        let begun = eightysix::clock::uptime();
        while let Err(wrong) = self.compare(&screen.seen, polled) {
            let waited = eightysix::clock::uptime().since(begun);
            assert!(waited < wait::PATIENCE, "{wrong}\n{}", service.story());
            look_on_for(screen, Duration::from_millis(500)).await;
        }
        assert!(service.end("TERM").success());
        look_on_for(screen, Duration::from_millis(300)).await;
        self.compare(&screen.seen, polled).unwrap_or_else(|wrong| panic!("after the end: {wrong}"));
        let mut late = self.stage.screen("late").await;
        late.until("the retained tree", |seen| self.compare_tree(seen).is_ok()).await;
        let letters = self.stage.eightysix(&["dead-letters", "--json", "--config", "eightysix.yaml"]);
        assert_eq!((letters.code, letters.objects().len()), (Some(0), 0), "{letters:?}");
        let again = |ids: Vec<String>| {
            let all = ids.len();
            format!("{all} of them {} again", all - ids.into_iter().collect::<BTreeSet<String>>().len())
        };
        let hooks = self.stage.hooks.hits().iter().map(|hit| hit.header("webhook-id").to_owned()).collect();
        let mails = self.stage.mail.received().into_iter().map(|mail| mail.message_id).collect();
        let events = screen.seen.events.iter().map(|event| event["id"].to_string()).collect();
        let arrived = format!("webhooks {}, mails {}, events {}", again(hooks), again(mails), again(events));
        self.stage.close();
        arrived
    }

    /// Says what is wrong first with what arrived.
    fn compare(&self, seen: &Seen, polled: u64) -> Result<(), String> {
        if self.stage.pos.answered() < polled {
            return Err("not polled yet".to_owned());
        }
        let hooks = distinct(self.stage.hooks.hits().iter().map(|hit| {
            assert_eq!(json!(hit.header("webhook-id")), id_of(&hit.body), "one id: {hit:?}");
            serde_json::from_str(&hit.body).expect("JSON")
        }))?;
        in_order(&hooks)?;
        let events = distinct(seen.events.iter().cloned())?;
        let (by_rule, by_feed): (Vec<Value>, Vec<Value>) =
            events.into_iter().partition(|event| event["data"]["alert"].is_object());
        for (receiver, events) in [("ops", &hooks), ("kitchen", &by_rule)] {
            self.compare_rules(events).map_err(|wrong| format!("{receiver}: {wrong}"))?;
        }
        for venue in 1..=VENUES {
            let low_at = DISHES.iter().map(|id| (*id, self.stage.pos.low_at(*id))).collect();
            let (baseline, answers) = self.history.answers(List::Stops(venue), &self.stage.pos);
            let words = |event: &Value| {
                let left = event["data"]["item"]["limit"].as_f64().map_or("null".to_owned(), |left| left.to_string());
                format!("{} {} {left}", event["data"]["item"]["id"], kind(event))
            };
            let told = told(by_feed.iter().filter(|event| event["data"]["venue"]["id"] == venue), words);
            let news = |before: &_, after: &_| history::feed_news(before, after, &low_at);
            history::compare(baseline, &answers, &told, news).map_err(|wrong| format!("feed of {venue}: {wrong}"))?;
        }
        self.compare_mails(&hooks)?;
        self.compare_tree(seen)
    }

    fn compare_rules(&self, events: &[Value]) -> Result<(), String> {
        let of = |rule: &str, venue: Option<u64>| -> Vec<&Value> {
            let is_news = |event: &&Value| event["data"]["alert"]["baseline"] != true;
            let chosen = events.iter().filter(is_news).filter(|event| event["data"]["alert"]["rule"] == rule);
            chosen.filter(|event| venue.is_none_or(|venue| event["data"]["venue"]["id"] == venue)).collect()
        };
        for venue in 1..=VENUES {
            let item = |event: &Value| format!("{} {}", event["data"]["item"]["id"], kind(event));
            let (baseline, answers) = self.history.answers(List::Stops(venue), &self.stage.pos);
            let news = told(of("sold-out", Some(venue)), item);
            history::compare(baseline, &answers, &news, history::sold_out_news)
                .map_err(|wrong| format!("items of {venue}: {wrong}"))?;
            let station = |event: &Value| format!("{} {}", event["data"]["station"]["id"], kind(event));
            let (baseline, answers) = self.history.answers(List::Stations(venue), &self.stage.pos);
            let news = told(of("station-off", Some(venue)), station);
            history::compare(baseline, &answers, &news, history::station_news)
                .map_err(|wrong| format!("stations of {venue}: {wrong}"))?;
        }
        let price = |event: &Value| {
            let (item, change) = (&event["data"]["item"]["id"], &event["data"]["change"]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{item} {} -> {}", text(&change["before"]), text(&change["after"]))
        };
        let (baseline, answers) = self.history.answers(List::Prices, &self.stage.pos);
        history::compare(baseline, &answers, &told(of("price-changed", None), price), history::price_news)
            .map_err(|wrong| format!("prices: {wrong}"))
    }

    /// Mails say what the webhooks said of items, in the same order, but for what was over at once.
    fn compare_mails(&self, hooks: &[Value]) -> Result<(), String> {
        let mut bodies: BTreeMap<String, String> = BTreeMap::new();
        let mut mails = Vec::new();
        for mail in self.stage.mail.received() {
            let words = format!("{}\n{}\n{}\n{}", mail.subject, mail.date, mail.text, mail.html);
            match bodies.get(&mail.message_id) {
                Some(known) if *known == words => {}
                Some(known) => return Err(format!("one mail in two words:\n{known}\n{words}")),
                None => {
                    bodies.insert(mail.message_id.clone(), words);
                    mails.push(mail.text.split("Still open").next().unwrap_or_default().to_owned());
                }
            }
        }
        let times = |text: &str, words: &str| i64::try_from(text.matches(words).count()).expect("few");
        for venue in 1..=VENUES {
            for product in DISHES {
                let about = |event: &&Value| {
                    let data = &event["data"];
                    data["venue"]["id"] == venue && data["item"]["id"] == product && data["alert"]["rule"] == "sold-out"
                };
                let said = |text: &String| {
                    let name = format!("[{venue}/{product}]");
                    (times(text, &format!("{name} is out")), times(text, &format!("{name} is back")))
                };
                let mailed: Vec<(i64, i64)> = mails.iter().map(said).filter(|said| *said != (0, 0)).collect();
                let happened = told(hooks.iter().filter(about), kind);
                history::compare_mails(&happened, &mailed, GROUP_WAIT_AND_LOOK_MS)
                    .map_err(|wrong| format!("mails of {venue}/{product}: {wrong}"))?;
            }
        }
        Ok(())
    }

    /// The retained topics are the point of sale's picture: every row, every station, every open alert, and no other.
    fn compare_tree(&self, seen: &Seen) -> Result<(), String> {
        let mut known: BTreeSet<String> = BTreeSet::new();
        for venue in 1..=VENUES {
            let (rows, stations) = (self.history.now(List::Stops(venue)), self.history.now(List::Stations(venue)));
            let place = format!("sahil/{venue}");
            let lists = |topic: &str| -> BTreeMap<u64, i64> {
                let items = seen.state(topic)["items"].as_array().cloned().unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, reason = "the story sets whole limits below 100")]
                let row = |item: &Value| (item["id"].as_u64(), item["limit"].as_f64().map(|left| left as i64));
                items.iter().map(|item| (row(item).0.expect("an id"), row(item).1.expect("a limit"))).collect()
            };
            let mut of_stations = BTreeMap::new();
            for station in stations.keys().map(u64::to_string).chain(["none".to_owned()]) {
                let topic = format!("{place}/station/{station}/stop");
                of_stations.extend(lists(&topic));
                known.insert(topic);
            }
            for (what, list) in [("the list", lists(&format!("{place}/stop"))), ("the stations", of_stations)] {
                if list != rows {
                    return Err(format!("{what} of {venue}: {list:?} and not {rows:?}"));
                }
            }
            known.extend([format!("{place}/stop"), format!("{place}/status")]);
            let off = |(id, is_on): (&u64, &i64)| (*is_on == 0).then(|| format!("[{venue}/station {id}] is off"));
            let out = |(id, left): (&u64, &i64)| (*left <= 0).then(|| format!("[{venue}/{id}] is out"));
            let open: BTreeSet<String> = stations.iter().filter_map(off).chain(rows.iter().filter_map(out)).collect();
            let prefix = format!("eightysix/v1/{place}/alert/");
            let alerts: Vec<(&String, &Value)> =
                seen.states.iter().filter(|(topic, _)| topic.starts_with(&prefix)).collect();
            let shown: BTreeSet<String> =
                alerts.iter().map(|(_, body)| body["message"].as_str().unwrap_or_default().to_owned()).collect();
            if shown != open || alerts.len() != open.len() {
                return Err(format!("the alerts of {venue}: {shown:?} and not {open:?}"));
            }
            known.extend(alerts.iter().map(|(topic, _)| topic["eightysix/v1/".len()..].to_owned()));
            for (id, left) in &rows {
                let topic = format!("{place}/product/{id}");
                let state = seen.state(&topic);
                if (state["state"] == "out") != (*left <= 0) || state["limit"].as_f64().is_none() {
                    return Err(format!("{topic}: {state} and not {left} left"));
                }
                known.insert(topic);
            }
            // What is back today may still be shown, as back.
            for topic in DISHES.iter().filter(|id| !rows.contains_key(id)).map(|id| format!("{place}/product/{id}")) {
                if !matches!(seen.state(&topic)["state"].as_str(), None | Some("on")) {
                    return Err(format!("{topic}: {} and not on", seen.state(&topic)));
                }
                known.insert(topic);
            }
        }
        let strange = |topic: &&str| !topic.starts_with("bridge/") && !known.contains(*topic);
        let topics = seen.states.keys().filter_map(|topic| topic.strip_prefix("eightysix/v1/"));
        topics.into_iter().find(strange).map_or(Ok(()), |topic| Err(format!("nobody should see {topic}")))
    }
}

/// Looks on for so long: so the broker's messages are read, and time passes.
async fn look_on_for(screen: &mut Screen, time: Duration) {
    tokio::select! { () = wait::while_a_fault_lasts(time) => {}, () = screen.look_on() => {} }
}

fn act(stage: &Stage, history: &mut History, deed: Deed) {
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

fn id_of(body: &str) -> Value {
    serde_json::from_str::<Value>(body).expect("JSON")["id"].clone()
}

/// The events with different ids, in the order of their first arrival; what has the same id has the same words.
fn distinct(events: impl Iterator<Item = Value>) -> Result<Vec<Value>, String> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut distinct: Vec<Value> = Vec::new();
    for event in events {
        match known.get(&event["id"].to_string()) {
            Some(at) if distinct[*at] == event => {}
            Some(at) => return Err(format!("one id and two words: {} and {event}", distinct[*at])),
            None => {
                known.insert(event["id"].to_string(), distinct.len());
                distinct.push(event);
            }
        }
    }
    Ok(distinct)
}

/// Nothing overtook anything.
fn in_order(events: &[Value]) -> Result<(), String> {
    let times: Vec<i64> = events.iter().map(history::seen_at_ms).collect();
    if times.is_sorted() { Ok(()) } else { Err(format!("not in the order in which it happened: {times:?}")) }
}

fn told<'a>(events: impl IntoIterator<Item = &'a Value>, words: impl Fn(&Value) -> String) -> Vec<Told> {
    let told = |event: &'a Value| Told { at_ms: history::seen_at_ms(event), words: words(event) };
    events.into_iter().map(told).collect()
}
