//! A dish lives through an evening on the engine, and at each hour somebody asks why he was told or was not.

use std::sync::Arc;

use super::*;
use crate::alerts::group::{Route, Way};
use crate::alerts::notice::{Content, Notice};
use crate::alerts::order::{Acknowledgement, Order, OrderId, Reason};
use crate::alerts::render::Messages;
use crate::alerts::report::Reports;
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::board::Setting;
use crate::calendar::{Calendar, Calendars, ClockSpan, QuietHours, Schedule};
use crate::catalog::{Product, Station, StopEntry, Venue};
use crate::document::Problems;
use crate::engine::{Engine, Input, Policy};
use crate::language::Language;
use crate::rules::parse::{self, RuleFile};
use crate::snapshot::{Access, FreshnessLimits, Reading};
use crate::store::{DELIVERED_KEPT, ToldState};
use crate::units::{Quantity, StationId, Zone};

const RULES: &str = "rules:
  - { name: out, when: { limit: 0, station.status: active }, for: 20s, clear_for: 1m, notify: [managers, ops] }
  - { name: lunch, when: { limited: true }, during: lunch, notify: [ops] }
  - { name: open-hours, when: { limited: true, venue.trouble: { is: set } }, notify: [managers] }
  - { name: parts, expr: 'variants.left < 2.0', notify: [ops] }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [ops] }
  - { name: back, event: back, notify: [ops] }";
const VENUE: VenueId = VenueId(1);
const PITI: ProductId = ProductId(54);
const PLOV: ProductId = ProductId(55);

/// Seconds after 14:20 of 8 May 2026 in UTC.
fn after_s(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_778_250_000_000 + s * 1000)
}

fn product(id: ProductId, name: &str) -> Product {
    Product { station: Some(StationId(3)), ..Product::plain(id, name) }
}

/// A restaurant with two dishes, the notices that were made and the alerts that are over.
struct Shop {
    policy: Arc<Policy>,
    engine: Engine,
    notices: Vec<Notice>,
    past: Vec<PastEpisode>,
}

impl Shop {
    /// Opens it with everything on sale.
    fn open() -> Self {
        Self::open_with(RULES)
    }

    fn open_with(rules: &str) -> Self {
        let policy = Arc::new(policy(rules));
        let brand = BrandId::new("sahil").expect("a slug");
        let engine = Engine::new(brand, Arc::clone(&policy), FreshnessLimits::NONE, Memory::default());
        let mut shop = Self { policy, engine, notices: Vec::new(), past: Vec::new() };
        let (unreadable, absence_counts) = (Vec::new(), true);
        let products = vec![product(PITI, "Piti"), product(PLOV, "Plov")];
        shop.take(Input::Venues(vec![Venue { id: VENUE, name: "Sahil".to_owned(), active: true }]), 0);
        shop.take(Input::Access(Access::Granted), 0);
        shop.take(Input::Reading(VENUE, Reading::Products { products, unreadable, absence_counts }), 0);
        shop.station(true, 0);
        shop.list(&[], 0);
        shop
    }

    fn station(&mut self, active: bool, s: i64) {
        let station = Station { id: StationId(3), name: "Kitchen".to_owned(), active, kitchen: true, printable: true };
        let (stations, unreadable, absence_counts) = (vec![station], Vec::new(), true);
        self.take(Input::Reading(VENUE, Reading::Stations { stations, unreadable, absence_counts }), s);
    }

    fn list(&mut self, limits: &[(ProductId, i64)], s: i64) {
        let entry = |(product, limit): &(ProductId, i64)| StopEntry {
            product: *product,
            limit: Quantity::whole(*limit),
            updated_at: None,
        };
        let entries = limits.iter().map(entry).collect();
        self.take(Input::Reading(VENUE, Reading::StopList { entries, unreadable: Vec::new(), whole: true }), s);
    }

    fn take(&mut self, input: Input, s: i64) {
        let commit = self.engine.step(input, after_s(s));
        self.notices.extend(commit.notices.clone());
        for (key, _) in commit.alerts.iter().filter(|(_, alert)| alert.as_ref().and_then(Alert::open).is_none()) {
            if let Some(Alert::Open(open)) = self.engine.memory().book.get(key) {
                let (key, alert, closed_at) = (key.clone(), open.as_ref().clone(), after_s(s));
                self.past.insert(0, PastEpisode { key, alert, closed_at });
            }
        }
        self.engine.adopt(commit);
    }

    /// Explains a dish when each notice has become what `state` says, after so many attempts.
    fn explain(&self, product: ProductId, only: Option<&str>, attempts: u32, state: ToldState, s: i64) -> Explanation {
        let reached = |channel| Reached {
            channels: vec![channel],
            group_wait: Duration::from_secs(90),
            quiet: quiet(),
            at_most: None,
        };
        let receivers = [("managers", Channel::Email), ("ops", Channel::Webhook)];
        let receivers = receivers.map(|(name, channel)| (ReceiverName::new(name), reached(channel))).into();
        let only = only.map(ReceiverName::new);
        let known = Known {
            brand: self.engine.brand(),
            memory: self.engine.memory(),
            rules: &self.policy.rules,
            calendars: &self.policy.calendars,
            receivers: &receivers,
            zone: &Zone::utc(),
            only: only.as_ref(),
        };
        let subject = Subject::Item(VENUE, product);
        let subjects = known.subjects_of(&self.engine.memory().venues[&VENUE], product);
        assert_eq!(subjects[0], subject);
        let is_about = |it: &&PastEpisode| subjects.contains(&it.key.subject);
        let past: Vec<PastEpisode> = self.past.iter().filter(is_about).cloned().collect();
        let (ids, mails_since) = notices_of(&known, &subjects, &past);
        let told = |notice: &Notice| Told {
            row: 7,
            notice: notice.id.clone(),
            receiver: notice.receiver.clone(),
            channel: notice.content.channel().word().to_owned(),
            at: notice.at,
            attempts,
            state,
            why: (attempts > 1).then(|| "503".to_owned()),
            passed_on: None,
        };
        let mail = |notice: &Notice| match &notice.content {
            Content::Email(mail) if mails_since.get(&notice.receiver).is_some_and(|since| notice.at >= *since) => {
                Some((told(notice), mail.clone()))
            }
            Content::Email(_) | Content::Mqtt(_) | Content::Webhook(_) => None,
        };
        let notices = self.notices.iter().filter(|notice| ids.contains(&notice.id)).map(told).collect();
        let evidence = Evidence { past, notices, mails: self.notices.iter().filter_map(mail).collect() };
        explain(&known, &self.engine.memory().venues[&VENUE], product, &evidence, after_s(s))
    }

    fn delivered(&self, product: ProductId, s: i64) -> Explanation {
        self.explain(product, None, 1, ToldState::Delivered { at: after_s(s) }, s)
    }
}

/// Mail waits from 15:00 to 15:30.
fn quiet() -> Option<QuietHours> {
    QuietHours::new(Schedule::daily(&[ClockSpan::parse("15:00-15:30").expect("a span")]), Zone::utc())
}

fn policy(rules: &str) -> Policy {
    let file = RuleFile { name: "test.yaml".into(), bytes: rules.as_bytes().to_vec() };
    let mut problems = Problems::new();
    let rules = parse::parse(&[file], &mut problems).rules;
    assert!(problems.is_empty(), "{problems:?}");
    let day_starts = jiff::civil::time(4, 0, 0, 0);
    let route = |name: &str, way| {
        let receiver = ReceiverName::new(name);
        (
            receiver.clone(),
            Route {
                receiver,
                language: Language::En,
                group_wait: Duration::from_secs(90),
                quiet: quiet(),
                at_most: None,
                reports: Reports::default(),
                ways: vec![way],
            },
        )
    };
    Policy {
        messages: Messages::compile(&rules, &Zone::utc(), Language::En).expect("messages that compile"),
        rules,
        routes: [route("managers", Way::Email), route("ops", Way::Webhook)].into(),
        feeds: Vec::new(),
        links: None,
        calendars: Calendars::of_all(Calendar::plain(Zone::utc(), day_starts)),
        setting: Setting { boot: "test".to_owned(), language: Language::En, zone: Zone::utc(), day_starts },
    }
}

/// What is said of a rule: how it stands, why, and who was told.
fn said(accounts: &[Account], rule: &str) -> Vec<String> {
    let account = accounts.iter().find(|account| account.rule.as_str() == rule).expect("the rule is accounted for");
    let mut said = vec![format!("{}: {}", account.standing.word(), account.says.join(". "))];
    let hearing = |it: &Hearing| format!("{} {}: {}", it.receiver, it.outcome.word(), it.says.join("; "));
    said.extend(account.receivers.iter().map(hearing));
    said
}

#[test]
fn what_keeps_a_rule_from_holding_is_named() {
    let mut shop = Shop::open();
    let calm = shop.delivered(PITI, 5);
    let no_row = "limit has no value (the item has no row on the stop list), the rule asks for 0";
    assert_eq!(said(&calm.rules, "out"), [format!("clear: {no_row}")]);
    assert_eq!(said(&calm.rules, "lunch"), ["outside_window: it holds during lunch only, and that is not now"]);
    assert_eq!(
        said(&calm.rules, "parts"),
        ["clear: variants.left has no value (the product has no variants), the rule asks for less than 2"]
    );
    let age = "what it asks of the age of the reading, only the service knows";
    assert!(said(&calm.rules, "open-hours")[0].ends_with(age), "{:?}", calm.rules);
    assert_eq!(calm.moments, ["back: an item was out and no longer is; for ops"]);
    assert_eq!(calm.reading[0], "It is not on the stop list: nothing limits it");
    assert_eq!(calm.reading[2], "It is made at Kitchen, which takes orders");

    shop.station(false, 8);
    shop.list(&[(PITI, 0)], 9);
    let off = shop.delivered(PITI, 10);
    assert_eq!(said(&off.rules, "out"), ["clear: station.status is inactive, the rule asks for active"]);
    assert_eq!(off.reading[0], "It is out, since 14:20:09");

    let unread = Snapshot::unread(Venue { id: VENUE, name: String::new(), active: true });
    let mut shop = Shop::open();
    let mut memory = shop.engine.memory().clone();
    memory.venues.insert(VENUE, Arc::new(unread));
    shop.engine = Engine::new(shop.engine.brand().clone(), Arc::clone(&shop.policy), FreshnessLimits::NONE, memory);
    let blind = shop.delivered(PITI, 10);
    assert_eq!(said(&blind.rules, "out"), ["unknown: nothing is known of the item here"]);
    assert_eq!(blind.reading[0], "Nothing is known of it");
}

#[test]
fn what_a_countdown_foretells_is_said_and_why_it_foretells_nothing() {
    let mut shop = Shop::open();
    shop.list(&[(PITI, 12), (PLOV, 0)], 10);
    let foretold = |shop: &Shop, s: i64| shop.delivered(PITI, s).reading[1].clone();
    assert_eq!(foretold(&shop, 20), "When it runs out is not foretold: it was seen to sell 0 times, and that takes 3");
    assert!(!shop.delivered(PLOV, 20).reading[1].contains("runs out"), "that it is out was said");
    for (left, s) in [(11, 700), (10, 1400), (9, 2100)] {
        shop.list(&[(PITI, left), (PLOV, 0)], s);
    }
    assert_eq!(
        foretold(&shop, 2110),
        "By 3 steps of its countdown it sells an estimated 5.8 an hour, 2.3 to 14.5 (what that brings is not said below 4 steps), and runs out at about 16:27, \
         between 15:29 and 19:01, if the doors stay open"
    );
    let quiet = foretold(&shop, 16_500);
    assert!(quiet.ends_with(", and does not run out within a day of selling"), "{quiet}");
}

#[test]
fn what_goes_on_and_off_is_said_to_be_unstable_and_when_it_ends() {
    let mut shop = Shop::open();
    for s in [0, 200] {
        for (limits, after) in [(&[(PITI, 0), (PLOV, 0)][..], [9, 40]), (&[(PLOV, 0)], [60, 130])] {
            for wait in after {
                shop.list(limits, s + wait);
            }
        }
    }
    shop.list(&[(PITI, 0), (PLOV, 0)], 410);
    let open = said(&shop.delivered(PITI, 420).rules, "out");
    let unstable =
        "unstable: it opened as the third turn within 15 min, so its turns are not told until it is calm for 10 min";
    assert!(open[0].starts_with("open: ") && open[0].contains(unstable), "{open:?}");
    shop.list(&[(PLOV, 0)], 430);
    let closing = said(&shop.delivered(PITI, 440).rules, "out");
    assert!(closing[0].contains("it no longer holds since 14:27:10, and ends at 14:37:10 (9 min more)"), "{closing:?}");
}

#[test]
fn an_alert_is_followed_from_its_wait_to_its_end() {
    let mut shop = Shop::open();
    shop.list(&[(PITI, 0), (PLOV, 0)], 9);
    let waits = "it holds since 14:20:09; after 20 s, at 14:20:29 (16 s more), it is told if it is still so";
    assert_eq!(said(&shop.delivered(PITI, 13).rules, "out"), [format!("pending: {waits}")]);
    let overdue = "it holds since 14:20:09, for longer than 20 s; the next reading that still shows it is told";
    assert_eq!(said(&shop.delivered(PITI, 29).rules, "out"), [format!("pending: {overdue}")]);

    shop.list(&[(PITI, 0), (PLOV, 0)], 30);
    let open = said(&shop.delivered(PITI, 40).rules, "out");
    assert!(open[0].starts_with("open: open since 14:20:30 (10 s): out: Piti at Sahil"), "{open:?}");
    assert!(open[0].ends_with("it had to hold for 20 s first"), "{open:?}");
    assert_eq!(open[1], "managers waiting: email: waits for more of the same burst until 14:22:00 (1 min more)");
    assert_eq!(open[2], "ops told: webhook: delivered at 14:20:40");

    // One mail tells of both.
    shop.take(Input::Tick, 120);
    for dish in [PITI, PLOV] {
        let mailed = said(&shop.delivered(dish, 121).rules, "out");
        assert_eq!(mailed[1], "managers told: email: delivered at 14:22:01", "{mailed:?}");
    }

    let key = AlertKey { subject: Subject::Item(VENUE, PITI), rule: RuleName::new("out").expect("a name") };
    let Some(Alert::Open(alert)) = shop.engine.memory().book.get(&key) else { panic!("it is open") };
    let acknowledgement = Acknowledgement {
        by: "Anar".to_owned(),
        at: after_s(125),
        reason: Some(Reason::Supplier),
        note: String::new(),
        back_at: None,
    };
    let order = Order::Acknowledge { key, episode: alert.episode.clone(), acknowledgement };
    shop.take(Input::Order(OrderId(1), order), 125);
    shop.list(&[(PLOV, 0)], 130);
    let closing = said(&shop.delivered(PITI, 140).rules, "out");
    for words in
        ["Anar takes care of it: supplier", "it no longer holds since 14:22:10, and ends at 14:23:10 (50 s more)"]
    {
        assert!(closing[0].starts_with("closing: ") && closing[0].contains(words), "{closing:?}");
    }
    let acked = "; webhook (somebody takes care): delivered at 14:22:20";
    assert!(closing[2].ends_with(acked), "{closing:?}");

    shop.list(&[(PLOV, 0)], 190);
    let over = said(&shop.delivered(PITI, 195).past, "out");
    assert!(over[0].starts_with("over: open from 14:20:30 to 14:23:10 (2 min): out: Piti at Sahil"), "{over:?}");
    assert_eq!(
        over[1],
        "managers told: email: delivered at 14:23:15; email (its end): waits for more of the same burst until 14:24:40 (1 min more)"
    );
    assert!(over[2].contains("; webhook (its end): delivered at "), "{over:?}");
    shop.take(Input::Tick, 280);
    let mailed = said(&shop.delivered(PITI, 281).past, "out");
    assert_eq!(mailed[1], "managers told: email: delivered at 14:24:41; email (its end): delivered at 14:24:41");
}

/// A later mail lists what is still open and says nothing of an alert whose end is not told.
#[test]
fn an_end_that_is_not_told_was_in_no_mail() {
    let mut shop = Shop::open_with(
        "rules:
  - { name: low, when: { limit: { above: 0 } }, send_resolved: false, notify: [managers] }
  - { name: out, when: { limit: 0 }, notify: [managers] }",
    );
    for (limits, s) in [(&[(PITI, 3)][..], 5), (&[(PITI, 0)], 400)] {
        shop.list(limits, s);
        shop.take(Input::Tick, s + 300);
    }
    let over = said(&shop.delivered(PITI, 800).past, "low");
    assert_eq!(over[1], "managers told: email: delivered at 14:33:20", "{over:?}");
}

#[test]
fn a_mail_that_waits_for_the_end_of_quiet_hours_says_so_and_is_found() {
    let mut shop = Shop::open();
    for s in [2_430, 2_460] {
        shop.list(&[(PITI, 0)], s);
    }
    let open = said(&shop.delivered(PITI, 2_470).rules, "out");
    assert_eq!(open[1], "managers waiting: email: waits for the end of the quiet hours until 15:30:00 (28 min more)");
    shop.take(Input::Tick, 4_200);
    assert_eq!(said(&shop.delivered(PITI, 4_210).rules, "out")[1], "managers told: email: delivered at 15:30:10");

    // An end that waits for them is found as well.
    let mut shop = Shop::open();
    for (limits, s) in [(&[(PITI, 0)][..], 2_000), (&[(PITI, 0)], 2_030), (&[(PLOV, 5)], 2_430), (&[(PLOV, 5)], 2_500)]
    {
        shop.take(Input::Tick, s);
        shop.list(limits, s);
    }
    shop.take(Input::Tick, 4_200);
    let over = said(&shop.delivered(PITI, 4_210).past, "out");
    let told = "managers told: email: delivered at 15:30:10; email (its end): delivered at 15:30:10";
    assert_eq!(over[1], told, "{over:?}");
}

#[test]
fn who_hears_of_it_later_and_again_is_named() {
    let mut shop = Shop::open_with(
        "rules: [{ name: long, when: { limit: 0 }, notify: [managers], remind: 20m, escalate: { after: 15m, to: [ops] } }]",
    );
    shop.list(&[(PITI, 0)], 0);
    let until = "to be told if it is still open at 14:35:00 (10 min more), unless somebody takes care of it by then";
    assert_eq!(said(&shop.delivered(PITI, 300).rules, "long")[2], format!("ops waiting: {until}"));
    let only_ops = shop.explain(PITI, Some("ops"), 1, ToldState::Delivered { at: after_s(300) }, 300);
    assert_eq!(said(&only_ops.rules, "long")[1], format!("ops waiting: {until}"), "the rule names them");

    shop.list(&[(PITI, 0)], 900);
    let escalated = said(&shop.delivered(PITI, 901).rules, "long");
    assert_eq!(escalated[2], "ops told: webhook (as it stayed open): delivered at 14:35:01");
    shop.list(&[(PITI, 0)], 1200);
    shop.take(Input::Tick, 1300);
    let again = said(&shop.delivered(PITI, 1301).rules, "long");
    for (line, channel) in [(1, "email"), (2, "webhook")] {
        let reminded = format!("; {channel} (the last reminder): delivered at 14:41:41");
        assert!(again[line].ends_with(&reminded), "{again:?}");
    }
}

#[test]
fn each_end_of_a_notice_is_told() {
    let mut shop = Shop::open();
    shop.list(&[(PITI, 0)], 9);
    shop.list(&[(PITI, 0)], 30);
    for (attempts, state, expected) in [
        (
            0,
            ToldState::Waiting { due: after_s(30) },
            "waiting: webhook: in the outbox since 14:20:30, not tried yet: an older one goes first, or the service does not run",
        ),
        (
            2,
            ToldState::Waiting { due: after_s(60) },
            "waiting: webhook: not delivered after 2 attempts: 503; the next at 14:21:00",
        ),
        (3, ToldState::Delivered { at: after_s(50) }, "told: webhook: delivered at 14:20:50, after 3 attempts: 503"),
        (
            9,
            ToldState::Dead { at: after_s(50) },
            "failed: webhook: given up at 14:20:50 after 9 attempts: 503; `eightysix dead-letters --resend 7` sends it again",
        ),
        (2, ToldState::Expired { at: after_s(50) }, "not_sent: webhook: left out at 14:20:50: 503"),
    ] {
        let said = said(&shop.explain(PITI, Some("ops"), attempts, state, 55).rules, "out");
        assert_eq!(said[1..], [format!("ops {expected}")]);
    }
    let kept = i64::try_from(DELIVERED_KEPT.as_secs()).expect("a week");
    shop.notices.clear();
    let forgotten = shop.explain(PITI, Some("ops"), 1, ToldState::Delivered { at: after_s(31) }, 30 + kept);
    assert_eq!(said(&forgotten.rules, "out")[1], "ops told: webhook: what was delivered is forgotten after 7 d");
}

#[test]
fn what_holds_the_news_back_is_named() {
    let mut shop = Shop::open();
    let covers = Criteria { product: Some(PITI), ..Criteria::default() };
    let silence = Silence {
        id: SilenceId::from_stored("7ff9cade"),
        covers,
        from: after_s(1),
        until: after_s(3600),
        until_back: false,
        during: None,
        by: "Leyla".to_owned(),
        reason: "menu".to_owned(),
    };
    shop.take(Input::Order(OrderId(1), Order::Silence(silence)), 1);
    shop.list(&[(PITI, 0), (PLOV, 3)], 9);
    shop.list(&[(PITI, 0), (PLOV, 3)], 30);
    let silenced = shop.delivered(PITI, 40);
    let words = "silence 7ff9cade until 15:20:00, by Leyla: menu";
    assert_eq!(said(&silenced.rules, "out")[1..], [format!("managers held: {words}"), format!("ops held: {words}")]);
    assert!(silenced.reading.contains(&format!("It is silenced: {words}")), "{:?}", silenced.reading);

    // What ends in the silence is told to nobody.
    shop.list(&[(PLOV, 3)], 50);
    shop.list(&[(PLOV, 3)], 111);
    let over = shop.delivered(PITI, 120);
    assert_eq!(said(&over.past, "out")[1], format!("managers held: {words}, until it was over"));
}

#[test]
fn who_is_not_named_learns_that() {
    let mut shop = Shop::open();
    shop.list(&[(PITI, 0)], 9);
    shop.list(&[(PITI, 0)], 30);
    let managers = shop.explain(PITI, Some("managers"), 1, ToldState::Delivered { at: after_s(31) }, 40);
    let named: Vec<&str> = managers.rules.iter().map(|account| account.rule.as_str()).collect();
    assert_eq!(named, ["out", "open-hours"]);
    let unnamed: Vec<&str> = managers.unnamed.iter().map(RuleName::as_str).collect();
    assert_eq!((unnamed, managers.moments.len()), (vec!["lunch", "parts"], 0));
    let stranger = shop.explain(PITI, Some("bar"), 1, ToldState::Delivered { at: after_s(31) }, 40);
    assert_eq!(said(&stranger.rules, "out")[1..], ["bar not_named: when the alert opened, its rule did not name them"]);
}

#[test]
fn a_rule_that_counts_says_for_how_many_it_holds_and_who_was_told() {
    const COUNTS: &str = "rules:
  - { name: idle, when: { limit: 0 }, at_least: { count: 2, of: station }, clear_for: 1m, notify: [ops] }
  - { name: thin, when: { limit: 0 }, at_least: { count: 2, of: category }, notify: [ops] }
  - { name: chain, when: { limit: 0 }, at_least: { count: 2, of: venues }, notify: [ops] }";
    let mut shop = Shop::open_with(COUNTS);
    shop.list(&[(PITI, 0)], 5);
    let one = shop.delivered(PLOV, 6);
    assert_eq!(said(&one.rules, "idle"), ["clear: it takes 2 of its station, and it holds for 1: Piti"]);
    assert!(one.rules.iter().all(|account| account.rule.as_str() != "thin"), "it has no category");
    let one = shop.delivered(PITI, 6);
    assert_eq!(said(&one.rules, "chain"), ["clear: it takes 2 of the venues, and it holds for 1: Sahil"]);

    shop.list(&[(PITI, 0), (PLOV, 0)], 10);
    let both = shop.delivered(PLOV, 12);
    let message = "idle: Kitchen at Sahil: Piti, Plov";
    let open = format!(
        "open: open since 14:20:10 (2 s): {message}. it takes 2 of its station, and it holds for 2: Piti, Plov"
    );
    assert_eq!(said(&both.rules, "idle"), [open.as_str(), "ops told: webhook: delivered at 14:20:12"]);
    shop.list(&[(PITI, 0), (PLOV, 3)], 20);
    let closing = shop.delivered(PLOV, 21);
    let says = &said(&closing.rules, "idle")[0];
    assert!(says.ends_with("it takes 2 of its station, and it holds for 1: Piti"), "{says}");
    shop.list(&[(PITI, 0), (PLOV, 3)], 90);
    let over = shop.delivered(PITI, 95);
    assert_eq!(over.past.len(), 1, "the end of a set is remembered with its members");
    assert!(over.past[0].says[0].ends_with(message), "{:?}", over.past);
}
