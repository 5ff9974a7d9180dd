//! People at work while the program is killed under their hands: by its commands they ask for silence, end it, and say
//! that they take care.
//!
//! They believe the answer to an order and go on when they have it. What receivers must hear of the dishes of which
//! people speak is noted here, from docs/alerts.md and not from the code: what an answered order asks for is so, once;
//! what was not answered changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use eightysix::clock;
use eightysix::simulator::chance::Chance;
use serde_json::Value;

use crate::history::{self, Deed, History};
use crate::kills;
use crate::screen::kind;
use crate::smtp::ReceivedMail;
use crate::stage::Stage;
use crate::wait;

/// The dishes of which people speak, and of which nobody else does anything: sweets, which have a rule of their own.
pub(crate) const SWEETS: [u64; 3] = [SILENCED, CARED_FOR, KEPT];
/// Silenced before it runs out, and spoken of again, over and over.
const SILENCED: u64 = 144;
/// Somebody takes care of it until it is back, over and over.
const CARED_FOR: u64 = 145;
/// Out from the beginning to the end at each venue, and each time something else is said of it.
const KEPT: u64 = 146;
const LEFT_ALONE: Place = (1, KEPT);
const KEPT_SILENT: Place = (2, KEPT);
const KEPT_CARED_FOR: Place = (3, KEPT);
/// The rule of the sweets; it reminds each minute, the shortest that there is.
pub(crate) const RULE: &str = "sweet-out";
const MINUTE_MS: i64 = 60_000;
/// How late a reminder may be, on a busy machine and with a program that is dead just then.
const REMINDER_LATE_MAX_MS: i64 = 15_000;
/// How often an order is given that nobody answers. One that is not answered costs ten seconds.
const TRIES: usize = 10;
/// Requests that are answered between two looks at what is open: each look is a process.
const REQUESTS_BETWEEN_LOOKS: u64 = 10;
/// What a command says whose order nobody took in.
const UNANSWERED: [&str; 2] = [
    "error: the service did not answer within 10 s, so nothing was changed; is it running?\n",
    "error: nobody waits for it any more\n",
];

/// A venue and a dish.
type Place = (u64, u64);

/// What a story and its person let each other know.
#[derive(Default)]
pub(crate) struct Signs {
    /// An order is on its way.
    pub(crate) is_asking: AtomicBool,
    /// The day is over.
    pub(crate) is_over: AtomicBool,
}

/// Something that every receiver must be told, and not before the moment of its cause.
struct Expected {
    words: String,
    not_before_ms: i64,
}

/// A person at the computer of a chain.
pub(crate) struct Person {
    pub(crate) stage: Arc<Stage>,
    pub(crate) history: Arc<Mutex<History>>,
    pub(crate) signs: Arc<Signs>,
    pub(crate) chance: Chance,
}

/// All that a person did, and what must have come of it.
#[derive(Default)]
pub(crate) struct Said {
    told: BTreeMap<Place, Vec<Expected>>,
    /// The silence that stays, and who takes care to the end.
    silence: String,
    carer: String,
    pub(crate) done: usize,
    pub(crate) unanswered: usize,
}

impl Person {
    /// Lives the day, and returns what was done.
    pub(crate) fn live(mut self) -> Said {
        let mut said = Said::default();
        self.sell_out(LEFT_ALONE, &mut said);
        said.silence = self.silence(KEPT_SILENT, &mut said);
        self.run_out(KEPT_SILENT);
        self.wait_until_held(KEPT_SILENT, &said.silence);
        self.sell_out(KEPT_CARED_FOR, &mut said);
        said.carer = self.take_care(KEPT_CARED_FOR, "Şəkərbura", &mut said);
        while !self.signs.is_over.load(Ordering::SeqCst) {
            let venue = self.chance.between(1, kills::VENUES);
            if self.chance.happens(50) {
                self.ask_for_silence((venue, SILENCED), &mut said);
            } else {
                self.sell_out((venue, CARED_FOR), &mut said);
                self.take_care((venue, CARED_FOR), "Paxlava", &mut said);
                self.restock((venue, CARED_FOR), &mut said);
            }
        }
        said
    }

    /// A dish runs out under a silence. It is back before anybody was told, or the silence ends and everybody is.
    fn ask_for_silence(&mut self, place: Place, said: &mut Said) {
        let silence = self.silence(place, said);
        self.run_out(place);
        self.wait_until_held(place, &silence);
        let is_back_first = self.chance.happens(50);
        if is_back_first {
            self.act(place, None);
            self.wait_for_alerts(|alerts| open_at(alerts, place).is_none().then_some(()));
        }
        let asked_ms = clock::now().unix_ms();
        self.order(said, |_| vec!["silence".to_owned(), "end".to_owned(), silence.clone()]);
        if !is_back_first {
            self.hear(place, "alert.opened", asked_ms, said);
            self.restock(place, said);
        }
    }

    /// Has a dish silenced that is on sale, and returns the silence.
    fn silence(&mut self, (venue, product): Place, said: &mut Said) -> String {
        let (venue, product) = (venue.to_string(), product.to_string());
        let (printed, _) = self.order(said, |by| {
            let words = ["silence", "add", "--venue", &venue, "--product", &product, "--for", "1h", "--by", by];
            words.map(str::to_owned).into()
        });
        let line = printed.lines().last().unwrap_or_default();
        line.split(' ').next().expect("an id").to_owned()
    }

    /// Says that somebody takes care of what everybody was told of, and returns who.
    fn take_care(&mut self, place: Place, name: &str, said: &mut Said) -> String {
        let asked_ms = clock::now().unix_ms();
        let venue = place.0.to_string();
        let (_, by) = self.order(said, |by| ["ack", name, "--venue", &venue, "--by", by].map(str::to_owned).into());
        self.hear(place, &format!("alert.acked by {by}"), asked_ms, said);
        by
    }

    /// Gives an order until it is done, in another name each time; returns what was printed and in whose name.
    fn order(&mut self, said: &mut Said, words: impl Fn(&str) -> Vec<String>) -> (String, String) {
        for _ in 0..TRIES {
            let by = format!("Anar-{}", said.done + said.unanswered);
            let words = words(&by);
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["--config", "eightysix.yaml"]).collect();
            self.signs.is_asking.store(true, Ordering::SeqCst);
            let ended = self.stage.eightysix(&words);
            self.signs.is_asking.store(false, Ordering::SeqCst);
            if ended.code == Some(0) {
                said.done += 1;
                return (ended.stdout, by);
            }
            assert!(ended.code == Some(1) && UNANSWERED.contains(&ended.stderr.as_str()), "{words:?}: {ended:?}");
            said.unanswered += 1;
        }
        panic!("nobody took an order in, {TRIES} times");
    }

    fn run_out(&self, place: Place) {
        self.act(place, Some(0));
    }

    /// A dish runs out, and everybody hears of it.
    fn sell_out(&mut self, place: Place, said: &mut Said) {
        let begun_ms = clock::now().unix_ms();
        self.run_out(place);
        self.hear(place, "alert.opened", begun_ms, said);
    }

    /// A dish is back, and everybody hears of it.
    fn restock(&mut self, place: Place, said: &mut Said) {
        let begun_ms = clock::now().unix_ms();
        self.act(place, None);
        self.hear(place, "alert.closed", begun_ms, said);
    }

    fn act(&self, (venue, product): Place, left: Option<i64>) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        kills::act(&self.stage, &mut history, Deed::Limit { venue, product, left });
    }

    /// Notes that everybody must be told something, and waits until a receiver was.
    fn hear(&self, place: Place, words: &str, not_before_ms: i64, said: &mut Said) {
        let expected = said.told.entry(place).or_default();
        expected.push(Expected { words: words.to_owned(), not_before_ms });
        let mut looked_at = usize::MAX;
        wait::until(&format!("{words} at {place:?}"), || {
            let hits = self.stage.hooks.count();
            if std::mem::replace(&mut looked_at, hits) == hits {
                return None;
            }
            let hits = self.stage.hooks.hits();
            let events: BTreeMap<String, Value> = hits
                .iter()
                .map(|hit| (hit.header("webhook-id").to_owned(), serde_json::from_str(&hit.body).expect("JSON")))
                .collect();
            let heard = events.values().filter(|event| is_about(event, place) && kind(event) != "alert.reminded");
            (heard.count() >= expected.len()).then_some(())
        });
    }

    /// Waits until a dish is out and a silence holds it back from everybody.
    fn wait_until_held(&self, place: Place, silence: &str) {
        self.wait_for_alerts(|alerts| {
            let open = open_at(alerts, place)?;
            assert_held(open, silence);
            Some(())
        });
    }

    fn wait_for_alerts(&self, found: impl Fn(&[Value]) -> Option<()>) {
        let mut look_at = self.stage.pos.answered();
        wait::until("what is open", || {
            if self.stage.pos.answered() < look_at {
                return None;
            }
            look_at = self.stage.pos.answered() + REQUESTS_BETWEEN_LOOKS;
            found(&listed(&self.stage, &["alerts"]))
        });
    }
}

impl Said {
    /// Says what is wrong first with what receivers were told of the sweets; each event stands once in `events`.
    pub(crate) fn compare(&self, receiver: &str, events: &[Value]) -> Result<(), String> {
        for place in (1..=kills::VENUES).flat_map(|venue| SWEETS.map(|product| (venue, product))) {
            let expected = self.told.get(&place).map(Vec::as_slice).unwrap_or_default();
            let about: Vec<&Value> = events.iter().filter(|event| is_about(event, place)).collect();
            let (reminders, told): (Vec<&Value>, Vec<&Value>) =
                about.iter().copied().partition(|event| kind(event) == "alert.reminded");
            let words: Vec<String> = told.iter().map(|event| in_words(event)).collect();
            let wanted: Vec<&str> = expected.iter().map(|expected| expected.words.as_str()).collect();
            if words != wanted {
                return Err(format!("{receiver}, {place:?}: wanted {wanted:?}, got {words:?}"));
            }
            for (event, expected) in told.iter().zip(expected) {
                if history::seen_at_ms(event) < expected.not_before_ms {
                    return Err(format!("{receiver}, {place:?}: before {} ms: {event}", expected.not_before_ms));
                }
            }
            only_when_left_alone(&about).map_err(|wrong| format!("{receiver}, {place:?}: {wrong}"))?;
            if place == LEFT_ALONE {
                each_minute(told[0], &reminders).map_err(|wrong| format!("{receiver}, {place:?}: {wrong}"))?;
            }
        }
        Ok(())
    }

    /// What the commands list when all is over: the orders that were answered, and no other.
    pub(crate) fn assert_listed(&self, stage: &Stage) {
        let silences = listed(stage, &["silence", "list"]);
        let ids: Vec<&str> = silences.iter().filter_map(|silence| silence["id"].as_str()).collect();
        assert_eq!(ids, [self.silence.as_str()], "{silences:?}");
        let alerts = listed(stage, &["alerts"]);
        let open = |place| open_at(&alerts, place).unwrap_or_else(|| panic!("{place:?} is open: {alerts:?}"));
        assert_held(open(KEPT_SILENT), &self.silence);
        assert_eq!(open(KEPT_CARED_FOR)["acknowledged_by"], self.carer.as_str());
        let carers: BTreeSet<&str> = alerts.iter().filter_map(|alert| alert["acknowledged_by"].as_str()).collect();
        assert_eq!(carers, [self.carer.as_str()].into(), "nobody else takes care of anything: {alerts:?}");
    }
}

/// The mails remind of what is left alone, once each time, and never speak of what is silenced to the end.
pub(crate) fn compare_mails(hooks: &[Value], mails: &[ReceivedMail]) -> Result<(), String> {
    let mails: BTreeMap<&str, &ReceivedMail> = mails.iter().map(|mail| (mail.message_id.as_str(), mail)).collect();
    let (venue, product) = KEPT_SILENT;
    let name = format!("[{venue}/{product}]");
    let names = |mail: &&&ReceivedMail| [&mail.subject, &mail.text, &mail.html].iter().any(|it| it.contains(&name));
    if let Some(mail) = mails.values().find(names) {
        return Err(format!("a mail of what is silenced: {}", mail.text));
    }
    let reminders = hooks.iter().filter(|event| is_about(event, LEFT_ALONE) && kind(event) == "alert.reminded");
    for reminder in reminders {
        let words = reminder["data"]["message"].as_str().expect("a message");
        let times = mails.values().filter(|mail| mail.text.contains(words)).count();
        if times != 1 {
            return Err(format!("'{words}' is in {times} mails"));
        }
    }
    Ok(())
}

/// Nobody is reminded of what is not open, or of what somebody takes care of.
fn only_when_left_alone(events: &[&Value]) -> Result<(), String> {
    let mut is_left_alone = false;
    for event in events {
        match kind(event).as_str() {
            "alert.reminded" if !is_left_alone => return Err(format!("nobody is to be reminded: {event}")),
            "alert.opened" => is_left_alone = true,
            "alert.acked" | "alert.closed" => is_left_alone = false,
            _ => {}
        }
    }
    Ok(())
}

/// What is left alone is told again in each minute that it is open, once.
fn each_minute(opened: &Value, reminders: &[&Value]) -> Result<(), String> {
    let opened_ms = history::seen_at_ms(opened);
    let minutes: Vec<i64> = reminders.iter().map(|it| (history::seen_at_ms(it) - opened_ms) / MINUTE_MS).collect();
    let past = (clock::now().unix_ms() - REMINDER_LATE_MAX_MS - opened_ms) / MINUTE_MS;
    let told = i64::try_from(minutes.len()).expect("few");
    if minutes != (1..=told).collect::<Vec<_>>() || told < past {
        return Err(format!("reminders in the minutes {minutes:?} of {past} at least"));
    }
    Ok(())
}

fn is_about(event: &Value, (venue, product): Place) -> bool {
    let data = &event["data"];
    data["venue"]["id"] == venue && data["item"]["id"] == product && data["alert"]["rule"] == RULE
}

fn in_words(event: &Value) -> String {
    match event["data"]["alert"]["ack"]["by"].as_str() {
        Some(by) if kind(event) == "alert.acked" => format!("alert.acked by {by}"),
        _ => kind(event),
    }
}

fn listed(stage: &Stage, command: &[&str]) -> Vec<Value> {
    let ended = stage.eightysix(&[command, &["--json", "--config", "eightysix.yaml"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.objects()
}

fn open_at(alerts: &[Value], (venue, product): Place) -> Option<&Value> {
    alerts.iter().find(|alert| alert["message"] == format!("[{venue}/{product}] is out"))
}

fn assert_held(alert: &Value, silence: &str) {
    let why = format!("silence {silence}");
    let held = serde_json::json!({ "kitchen": why, "managers": why, "ops": why });
    assert_eq!((&alert["held"], &alert["told"]), (&held, &serde_json::json!([])), "{alert}");
}
