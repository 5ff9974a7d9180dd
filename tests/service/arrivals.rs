//! What arrived at every receiver of a killed program, compared with what the point of sale answered and people said.
//!
//! Each comparison says what is wrong first. Nothing is asked of the program but what it sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::history::{self, List, Picture, Told};
use crate::kills::{DISHES, Story, VENUES};
use crate::persons::{self, SWEETS, Said};
use crate::screen::{Seen, kind};

/// How long a mail waits for more at most, with the time until a busy machine looks.
const GROUP_WAIT_AND_LOOK_MS: i64 = 900;

impl Story {
    /// Says what is wrong first with what arrived.
    pub(crate) fn compare(&self, said: &Said, seen: &Seen, polled: u64) -> Result<(), String> {
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
            said.compare(receiver, events)?;
        }
        for venue in 1..=VENUES {
            let low_at = DISHES.iter().chain(&SWEETS).map(|id| (*id, self.stage.pos.low_at(*id))).collect();
            let (baseline, answers) = self.history().answers(List::Stops(venue), &self.stage.pos);
            let words = |event: &Value| {
                let left = event["data"]["item"]["limit"].as_f64().map_or("null".to_owned(), |left| left.to_string());
                format!("{} {} {left}", event["data"]["item"]["id"], kind(event))
            };
            let told = told(by_feed.iter().filter(|event| event["data"]["venue"]["id"] == venue), words);
            let news = |before: &_, after: &_| history::feed_news(before, after, &low_at);
            history::compare(baseline, &answers, &told, news).map_err(|wrong| format!("feed of {venue}: {wrong}"))?;
        }
        self.compare_mails(&hooks)?;
        persons::compare_mails(&hooks, &self.stage.mail.received())?;
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
            let (baseline, answers) = self.history().answers(List::Stops(venue), &self.stage.pos);
            let news = told(of("sold-out", Some(venue)), item);
            history::compare(baseline, &answers, &news, dish_news)
                .map_err(|wrong| format!("items of {venue}: {wrong}"))?;
            let set = |event: &Value| {
                let set = &event["data"]["set"];
                let members = set["members"].as_array().cloned().unwrap_or_default();
                let members: Vec<u64> = members.iter().filter_map(|member| member["id"].as_u64()).collect();
                format!("{} {} {members:?}", set["id"], kind(event))
            };
            let categories = self.categories();
            let (baseline, answers) = self.history().answers(List::Stops(venue), &self.stage.pos);
            let news = |before: &_, after: &_| history::thin_news(before, after, &categories);
            history::compare(baseline, &answers, &told(of("thin", Some(venue)), set), news)
                .map_err(|wrong| format!("categories of {venue}: {wrong}"))?;
            let station = |event: &Value| format!("{} {}", event["data"]["station"]["id"], kind(event));
            let (baseline, answers) = self.history().answers(List::Stations(venue), &self.stage.pos);
            let news = told(of("station-off", Some(venue)), station);
            history::compare(baseline, &answers, &news, history::station_news)
                .map_err(|wrong| format!("stations of {venue}: {wrong}"))?;
        }
        let price = |event: &Value| {
            let (item, change) = (&event["data"]["item"]["id"], &event["data"]["change"]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{item} {} -> {}", text(&change["before"]), text(&change["after"]))
        };
        let (baseline, answers) = self.history().answers(List::Prices, &self.stage.pos);
        history::compare(baseline, &answers, &told(of("price-changed", None), price), history::price_news)
            .map_err(|wrong| format!("prices: {wrong}"))
    }

    /// The categories of the dishes; sweets have a rule of their own.
    fn categories(&self) -> BTreeMap<u64, u64> {
        DISHES.iter().map(|dish| (*dish, self.stage.pos.category_of(*dish))).collect()
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
    pub(crate) fn compare_tree(&self, seen: &Seen) -> Result<(), String> {
        let mut known: BTreeSet<String> = BTreeSet::new();
        for venue in 1..=VENUES {
            let [rows, stations] = [List::Stops(venue), List::Stations(venue)].map(|list| self.history().now(list));
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
            let thin = history::thin(&rows, &self.categories()).into_keys();
            let thin = thin.map(|category| format!("[{venue}/category {category}] is thin"));
            let open: BTreeSet<String> =
                stations.iter().filter_map(off).chain(rows.iter().filter_map(out)).chain(thin).collect();
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
            for topic in DISHES
                .iter()
                .chain(&SWEETS)
                .filter(|id| !rows.contains_key(id))
                .map(|id| format!("{place}/product/{id}"))
            {
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

/// What the rule of dishes tells: sweets have their own.
fn dish_news(before: &Picture, after: &Picture) -> Vec<String> {
    let is_sweet = |words: &String| SWEETS.iter().any(|id| words.starts_with(&format!("{id} ")));
    history::sold_out_news(before, after).into_iter().filter(|words| !is_sweet(words)).collect()
}
