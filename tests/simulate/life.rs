//! One life of a chain from its first reading to the day when everything has calmed down and everything was told.
//!
//! Moves the time, lets the script happen, and asks the judges. Invariant: everything is a function of the script.

mod end;
mod moment;
mod onlookers;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::lifecycle::Alert;
use eightysix::alerts::order::{Acknowledgement, Order, Reason};
use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::clopos::budget::IpBudget;
use eightysix::poll;
use eightysix::service::feeds::Differences;
use eightysix::simulator::chance::Chance;
use eightysix::simulator::faults::{Fault, Scope, ScriptedFault, Span};
use eightysix::simulator::limits::Rates;
use eightysix::simulator::menu::HALL;
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::{ProductEdit, World};
use eightysix::units::{BrandId, ProductId, Quantity, Secret, StationId, Timestamp, Uptime, VenueId, Zone};
use eightysix::watcher::Settings;

use self::onlookers::Onlookers;
use crate::chain::{
    BRAND, GROUP_WAIT, Habits, Hours, INGREDIENT, RULES, category_of, delete_rows, open_world, policy, setting,
};
use crate::delivery::Delivery;
use crate::driver::{Clock, Configured, Driver, Kill, Observer};
use crate::gaps::Gaps;
use crate::prices::Prices;
use crate::reference::{Night, Reference};
use crate::reports::{Doors, ReportsModel};
use crate::screens::Screens;
use crate::script::{DISHES, Event, Script};
use crate::sets::Sets;
use crate::stories;
use crate::tables::Row;

const PER_MINUTE: u32 = 240;
/// The most that may be configured.
const PER_MINUTE_MAX: u32 = 290;
/// Two runs do at the same time what they do in the same quarter of a second.
const STEP_MS: u128 = 250;
/// After the last event everything must be right within so many times this: two catalog walks, every wait, the pause after
/// refused credentials (15 min at most).
/// Most lives need one.
const CALM: Duration = Duration::from_mins(2);
const CALM_MAX: u32 = 20;
/// Refused credentials are tried again after so long at most, and the walks follow.
const REFUSED_TRIED_AGAIN: Duration = Duration::from_mins(15);
/// What was over the managers' bound has gone out after so many times as much: an hour, and a burst.
const HELD_BACK_MAX: u32 = 32;
/// Within this much of patience every notice must have found its end.
const DRAIN_MAX: u32 = 2_000;

/// Returns some minutes of a life, on our wall clock and as the configuration says it for each day.
fn span((begins, ends): (u32, u32), begun_at: Timestamp, zone: &Zone) -> (Timestamp, Timestamp, String) {
    let minute = |minute: u32| begun_at.plus(Duration::from_secs(60 * u64::from(minute)));
    let local = |at: Timestamp| at.in_zone(zone).strftime("%H:%M").to_string();
    let offset = |at: Timestamp| at.in_zone(zone).offset();
    // A time that the clock shows twice begins a span at first and ends it the second time: this one ends after both.
    let repeats_an_hour = offset(begun_at.plus(Duration::from_hours(2))) < offset(begun_at);
    let longer = if repeats_an_hour { 65 } else { 0 };
    let (begins, ends) = (minute(begins), minute(ends + longer));
    (begins, ends, format!("{}-{}", local(begins), local(ends)))
}

/// Returns the doors of the venues, if they have hours; the third one closes a minute later.
fn doors(script: &Script, begun_at: Timestamp, zone: &Zone) -> BTreeMap<VenueId, Doors> {
    let of_venue = |venue: u64| {
        let (opens, closes) = script.doors?;
        let closes = closes + u32::from(venue == 3);
        let (opens, closes, text) = span((opens, closes), begun_at, zone);
        Some((VenueId(venue), Doors { opens, closes, text }))
    };
    (1..=script.venues).filter_map(of_venue).collect()
}

/// Prints the story of a life when it fails.
struct Teller(Rc<RefCell<Onlookers>>);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(onlookers) = self.0.try_borrow()
        {
            println!("{}", onlookers.journal.join("\n"));
        }
    }
}

/// What was asked of the reference, and how much of it was certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Dishes that were asked about.
    pub(crate) asked: u64,
    /// Those of which an alert had to be open, or none could be.
    pub(crate) certain: u64,
}

/// Rows of a menu were deleted between two pages.
pub(crate) const ROWS_WENT: &str = "rows that went between two pages";

/// A product was told to be gone that was deleted.
pub(crate) const TOLD_GONE: &str = "a product that was told to be gone";
/// An alert went on and off.
pub(crate) const UNSTABLE: &str = "an alert that goes on and off";
/// Nobody read a list for so long that what was found then says so.
pub(crate) const GAP: &str = "a list that nobody read for long";
/// A mail waited, because enough went out within the hour.
pub(crate) const HELD_BACK: &str = "a mail over the bound";
/// A mail went out at night, because something critical was in it.
pub(crate) const WOKEN: &str = "a mail at night";
/// A countdown of which somebody is told that it ends soon.
pub(crate) const RUNS_OUT: &str = "a dish that runs out soon";

/// How often something happened that the script only meant to happen.
pub(crate) type Met = BTreeMap<String, u64>;

/// A life that went well.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lived {
    /// What happened, in its order.
    pub(crate) journal: Vec<String>,
    /// How much of it was judged.
    pub(crate) judged: Judged,
    /// What went wrong in it.
    pub(crate) met: Met,
}

/// A chain, its watcher, and everything around them.
pub(crate) struct Life {
    world: World,
    driver: Driver,
    delivery: Delivery,
    onlookers: Rc<RefCell<Onlookers>>,
    brand: BrandId,
    zone: Zone,
    /// The dishes that take part, with the stations that cook them.
    dishes: Vec<(ProductId, StationId)>,
    night: Night,
    /// The same, and the doors, as the configuration says it.
    hours: Hours,
    /// The venues have hours.
    has_doors: bool,
    habits: Habits,
    begun_at: Timestamp,
    uptime: Uptime,
    ahead_s: i64,
    rules: usize,
    next_delivery: Uptime,
    next_screens: Uptime,
    /// When the process starts again, while it is down.
    up_at: Uptime,
    /// How long it stays down when it dies by itself.
    down_for: Duration,
    disk_full_until: Uptime,
    refused_until: Option<Uptime>,
    /// When everything had calmed down.
    calm_at: Timestamp,
    /// The requests that were looked at.
    asked: u64,
    judged: Judged,
}

impl Life {
    /// Lives a script to its end, and returns what happened; panics when something was not as it must be.
    pub(crate) fn run(script: &Script) -> Lived {
        let mut life = Self::begin(script);
        // Whoever replays a life that fails needs its story most.
        let _teller = script.is_told.then(|| Teller(Rc::clone(&life.onlookers)));
        life.pass(Duration::from_secs(40));
        for (wait_s, event) in &script.events {
            life.note(&format!("{event:?}"));
            life.happens(*event);
            life.pass(Duration::from_secs(u64::from(*wait_s)));
        }
        life.calms_down();
        life.drain();
        life.delivery.check(&life.driver.tables.outbox);
        stories::check_events(&life.driver.tables.outbox);
        let names = life.driver.watcher().engine().memory().venues.values();
        let names = names.map(|snapshot| (snapshot.venue.name.clone(), snapshot.id().to_string())).collect();
        let told = stories::check_mails(&life.driver.tables.outbox, &names);
        life.check_last_mails(&told);
        let mut onlookers = life.onlookers.borrow_mut();
        let (journal, mut met) = (std::mem::take(&mut onlookers.journal), std::mem::take(&mut onlookers.met));
        met.append(&mut life.delivery.met());
        Lived { journal, judged: life.judged, met }
    }

    /// Lives a calm script, with a new process after each commit or with one that lives on. Returns who was told what, and
    /// how often the process died.
    pub(crate) fn run_calmly(script: &Script, kill: Kill) -> (Vec<String>, u64) {
        let mut life = Self::begin(script);
        // Every new process logs in, which so many in a minute are not made for.
        life.world.set_rates(Rates { auth: 10_000, errors: 10_000, tenant: 10_000 });
        life.driver.kill = kill;
        life.pass(CALM);
        for (wait_s, event) in &script.events {
            life.happens(*event);
            life.pass(Duration::from_secs(u64::from(*wait_s)));
        }
        life.calms_down();
        // A new process reads anew, so that it may tell a little later.
        let lines = life.driver.tables.outbox.iter().map(Row::line);
        let mut lines: Vec<String> =
            lines.map(|line| line.split(" is over after").next().unwrap_or_default().to_owned()).collect();
        lines.sort();
        (lines, life.driver.deaths)
    }

    fn begin(script: &Script) -> Self {
        let (begins, zone) = script.begins;
        let begun_at: Timestamp = begins.parse().expect("an instant");
        let zone = Zone::named(zone).expect("a zone");
        let brand = BrandId::new(BRAND).expect("a slug");
        let (world, dishes) = open_world(script, &brand, begun_at);
        let setting = setting(&zone);
        let (begins, ends, night_text) = span(script.night, begun_at, &zone);
        let night = Night { begins, ends };
        let doors = doors(script, begun_at, &zone);
        let texts = doors.iter().map(|(venue, doors)| (*venue, doors.text.clone())).collect();
        let hours = Hours { night: night_text, doors: texts };
        let venues = &world.brand(&brand).expect("known").venues;
        let names = venues.iter().map(|(id, venue)| (venue.name.clone(), *id)).collect();
        let belongs = dishes.iter().enumerate().map(|(nth, (dish, station))| (*dish, *station, category_of(nth)));
        let onlookers = Rc::new(RefCell::new(Onlookers {
            gaps: Gaps::default(),
            reference: Reference::new(brand.clone(), RULES[script.rules].dishes, night, &dishes),
            prices: Prices::default(),
            reports: ReportsModel::new(doors, names, &zone, begun_at),
            sets: Sets::new(RULES[script.rules].sets, script.venues, belongs),
            screens: Screens::new(script.seed, setting, begun_at),
            causes: BTreeMap::new(),
            cared_for: BTreeSet::new(),
            brand: brand.clone(),
            sleep: script.habits.they_sleep.then_some(night),
            waiting: BTreeMap::new(),
            at_most: script.habits.at_most,
            mailed: Vec::new(),
            mailed_ahead: Vec::new(),
            firing: BTreeSet::new(),
            turns: BTreeMap::new(),
            deleted: BTreeSet::new(),
            rules: script.rules,
            differences: Differences::default(),
            journal: Vec::new(),
            met: Met::new(),
        }));
        let polling = poll::Settings {
            fastest: if script.hurries { Duration::from_millis(100) } else { Duration::from_secs(6) },
            catalog: Duration::from_mins(1),
            prices: Duration::from_mins(4),
            ..poll::Settings::default()
        };
        let configured = Configured {
            brand: brand.clone(),
            login: ("client".to_owned(), "secret".to_owned()),
            settings: Settings {
                polling,
                venues: None,
                per_minute: if script.hurries { PER_MINUTE_MAX } else { PER_MINUTE },
            },
            policy: Arc::new(policy(RULES[script.rules].text, &zone, &hours, script.habits)),
        };
        let mut driver = Driver::new(configured, IpBudget::shared(), Kill::Never);
        driver.observer = Rc::clone(&onlookers) as Rc<RefCell<dyn Observer>>;
        Self {
            world,
            driver,
            delivery: Delivery::new(script.seed),
            onlookers,
            brand,
            zone,
            dishes,
            night,
            hours,
            has_doors: script.doors.is_some(),
            habits: script.habits,
            begun_at,
            uptime: Uptime(Duration::from_hours(1)),
            ahead_s: 0,
            rules: script.rules,
            next_delivery: Uptime::default(),
            next_screens: Uptime::default(),
            up_at: Uptime::default(),
            down_for: Duration::ZERO,
            disk_full_until: Uptime::default(),
            refused_until: None,
            calm_at: begun_at,
            asked: 0,
            judged: Judged::default(),
        }
    }

    fn clock(&self) -> Clock {
        let clopos = self.begun_at.plus(self.uptime.since(Uptime(Duration::from_hours(1))));
        let wall = Timestamp::from_unix_ms(clopos.unix_ms() + self.ahead_s * 1000);
        Clock { uptime: self.uptime, wall, clopos }
    }

    fn note(&self, text: &str) {
        let time = self.clock().clopos.in_zone(&self.zone).strftime("%H:%M:%S%.3f").to_string();
        self.onlookers.borrow_mut().journal.push(format!("{time} {text}"));
    }

    /// Lets time pass, with everybody doing what is due.
    fn pass(&mut self, time: Duration) {
        let until = self.uptime.plus(time);
        while self.uptime < until {
            let next = self.turn();
            let steps = next.0.as_millis().div_ceil(STEP_MS);
            let on_the_grid = Uptime(Duration::from_millis(u64::try_from(steps * STEP_MS).expect("a short life")));
            self.uptime = on_the_grid.max(self.uptime.plus(Duration::from_millis(1))).min(until);
        }
    }

    fn turn(&mut self) -> Uptime {
        let clock = self.clock();
        self.outer_troubles(clock);
        if !self.driver.runs() {
            if clock.uptime < self.up_at {
                return self.up_at;
            }
            self.starts(clock);
        }
        let next = self.driver.turn(&mut self.world, clock);
        self.looks_at_what_was_asked(clock);
        if self.driver.runs() {
            self.judge_book(clock);
            let mut onlookers = self.onlookers.borrow_mut();
            let Onlookers { reports, reference, .. } = &mut *onlookers;
            reports.look(reference, clock);
        } else {
            self.note("died at a commit");
            self.onlookers.borrow_mut().meets("a death at a commit");
            self.is_dead(clock);
            return self.up_at;
        }
        let can_store = !self.driver.store_is_broken;
        let mut onlookers = self.onlookers.borrow_mut();
        if self.driver.watcher().store_not_before() > clock.uptime {
            onlookers.meets("a commit that the disk refused");
        }
        if clock.uptime >= self.next_delivery {
            let is_up = onlookers.screens.is_up(clock.uptime);
            self.next_delivery = self.delivery.turn(&self.driver.tables.outbox, is_up, can_store, clock);
        }
        if clock.uptime >= self.next_screens {
            self.next_screens = onlookers.screens.turn(Some(self.driver.watcher().engine()), clock);
        }
        // A new notice wakes its worker, a new state the feed.
        let is_news = self.driver.tables.outbox.len() > self.delivery.standings.len();
        let soon = clock.uptime.plus(Duration::from_millis(1));
        if is_news {
            self.next_delivery = soon;
        }
        [next, self.next_delivery, self.next_screens].into_iter().min().unwrap_or(next)
    }

    /// Notes the faults that requests met since the last look.
    fn looks_at_what_was_asked(&mut self, clock: Clock) {
        let log = self.world.log();
        let asked = log.counters.requests - std::mem::replace(&mut self.asked, log.counters.requests);
        let asked = usize::try_from(asked).expect("few");
        for entry in log.requests.iter().rev().take(asked) {
            let Some(fault) = entry.fault else { continue };
            self.onlookers.borrow_mut().meets(fault);
            if entry.path == "/auth" && fault == Fault::Refused.name() {
                self.fails(None, clock.uptime.plus(REFUSED_TRIED_AGAIN));
            }
        }
    }

    /// Begins and ends what lasts for a while.
    fn outer_troubles(&mut self, clock: Clock) {
        self.driver.store_is_broken = clock.uptime < self.disk_full_until;
        if self.refused_until.is_some_and(|until| clock.uptime >= until) {
            self.refused_until = None;
            self.world.set_client_secret(&self.brand, Secret::new("secret")).expect("known");
            self.world.expire_tokens(&self.brand, clock.clopos).expect("known");
        }
    }

    fn starts(&mut self, clock: Clock) {
        self.onlookers.borrow_mut().starts(self.rules, clock);
        self.onlookers.borrow_mut().gaps.process_begins();
        self.driver.forget_address();
        self.driver.start(clock);
        // It may die in its first commit.
        if self.driver.runs() {
            self.onlookers.borrow_mut().screens.start(self.driver.watcher().engine(), clock.wall);
        } else {
            self.is_dead(clock);
        }
        self.next_delivery = clock.uptime;
        self.next_screens = clock.uptime;
    }

    fn is_dead(&mut self, clock: Clock) {
        self.driver.dies();
        self.delivery.dies();
        self.up_at = clock.uptime.plus(self.down_for).plus(Duration::from_millis(250));
        self.fails(None, self.up_at);
        let mut onlookers = self.onlookers.borrow_mut();
        onlookers.screens.dies();
        onlookers.reference.dies(clock.uptime);
    }

    fn happens(&mut self, event: Event) {
        let clock = self.clock();
        let in_s = |s: u32| clock.uptime.plus(Duration::from_secs(u64::from(s)));
        match event {
            Event::Left { venue, dish, left } => self.has(venue, dish, left),
            Event::Sold { venue, dish } => {
                let left = self.left(venue, dish).filter(|left| *left > 1);
                self.has(venue, dish, left.map_or(8, |left| left - 1));
            }
            Event::Restocked { venue, dish } => {
                let left = self.left(venue, dish).map_or(0, |left| left.max(0));
                self.has(venue, dish, left + 10);
            }
            Event::Unlimited { venue, dish } => {
                // A dish that was deleted has no row to take off.
                let _ = self.world.clear_limit(&self.brand, VenueId(venue), self.dishes[dish].0);
            }
            Event::Ingredient { venue, left } => {
                let (venue, left) = (VenueId(venue), left.map(Quantity::whole));
                let changed = match left {
                    Some(left) => self.world.set_limit(&self.brand, venue, INGREDIENT, left, clock.clopos),
                    None => self.world.clear_limit(&self.brand, venue, INGREDIENT),
                };
                changed.expect("known");
            }
            Event::Price { dish } => self.costs_more(self.dishes[dish].0, clock),
            Event::Cleared { venue } => self.world.clear_all_limits(&self.brand, VenueId(venue)).expect("known"),
            Event::AllOut { venue } => (0..DISHES).for_each(|dish| self.has(venue, dish, 0)),
            Event::Station { venue, which, active } => {
                let station = self.dishes[which * DISHES / 2].1;
                let changed = self.world.set_station_active(&self.brand, VenueId(venue), station, active, clock.clopos);
                changed.expect("known");
                let mut onlookers = self.onlookers.borrow_mut();
                onlookers.reference.switched(VenueId(venue), station, clock.uptime);
                onlookers.sets.switched(VenueId(venue), station, active);
            }
            Event::OnTheMenu { dish, active } => {
                let dish = self.dishes[dish].0;
                let edited = self.world.edit_product(&self.brand, dish, ProductEdit::Active(active), clock.clopos);
                let mut onlookers = self.onlookers.borrow_mut();
                onlookers.reference.edited(dish, clock.uptime);
                // One that was deleted does not come back.
                onlookers.sets.edited(dish, active && edited.is_ok());
            }
            Event::Removed { dish } => {
                let dish = self.dishes[dish].0;
                let _ = self.world.remove_product(&self.brand, dish);
                let mut onlookers = self.onlookers.borrow_mut();
                onlookers.reference.edited(dish, clock.uptime);
                onlookers.sets.edited(dish, false);
                onlookers.deleted.insert(dish);
            }
            Event::RowsGo => {
                let (brand, onlookers) = (self.brand.clone(), Rc::clone(&self.onlookers));
                self.driver.within_a_walk = Some(Box::new(move |world| {
                    let rows = delete_rows(world, &brand);
                    let mut onlookers = onlookers.borrow_mut();
                    if !rows.is_empty() {
                        onlookers.meets(ROWS_WENT);
                    }
                    onlookers.deleted.extend(rows);
                }));
            }
            Event::Fault { fault, endpoint, times } => {
                self.meets(fault, endpoint, Span::Next(times));
                self.fails(endpoint, clock.uptime);
            }
            Event::Lie => {
                let may = self.onlookers.borrow_mut().reference.may_lie(clock.uptime);
                if may {
                    self.meets(Fault::EmptyStopList, Some(Endpoint::StopList), Span::Next(1));
                }
            }
            Event::Outage { for_s } => {
                let until = clock.clopos.plus(Duration::from_secs(u64::from(for_s)));
                self.meets(Fault::Status { code: 502 }, None, Span::Between(clock.clopos, until));
                self.fails(None, in_s(for_s));
            }
            Event::TokensEnd => self.world.expire_tokens(&self.brand, clock.clopos).expect("known"),
            Event::Refused { for_s } => {
                self.world.set_client_secret(&self.brand, Secret::new("another")).expect("known");
                self.world.expire_tokens(&self.brand, clock.clopos).expect("known");
                self.refused_until = Some(in_s(for_s));
                self.fails(None, in_s(for_s).plus(REFUSED_TRIED_AGAIN));
            }
            Event::Clock { by_s } => {
                self.ahead_s += by_s;
                let mut onlookers = self.onlookers.borrow_mut();
                onlookers.reference.interrupted();
                onlookers.sets.clock_is_set();
            }
            Event::Killed { down_s } => {
                self.down_for = Duration::from_secs(u64::from(down_s));
                self.is_dead(clock);
            }
            Event::DiesAtCommit { after, stored, down_s } => {
                self.down_for = Duration::from_secs(u64::from(down_s));
                self.driver.kill = Kill::At { commits_left: after, stored };
            }
            Event::Reload { rules } => self.reloads(rules, clock),
            Event::DiskFull { for_s } => {
                self.disk_full_until = in_s(for_s);
                self.fails(None, in_s(for_s));
                let mut onlookers = self.onlookers.borrow_mut();
                onlookers.reference.interrupted();
                onlookers.reference.stores_nothing(in_s(for_s));
            }
            Event::Ear { ear, trouble, for_s } => self.delivery.troubles(ear, trouble, in_s(for_s)),
            Event::BrokerRestarts { for_s, forgets } => {
                self.onlookers.borrow_mut().screens.leave(in_s(for_s), forgets);
            }
            Event::Latency { up_to_ms } => self.answers_take(up_to_ms),
            Event::Silence { .. } => self.silences(event, clock),
            Event::SilencesEnd => {
                self.ends_silences(clock);
            }
            Event::Acknowledged => self.acknowledges(clock),
        }
    }

    fn silences(&mut self, event: Event, clock: Clock) {
        let Event::Silence { venue, dish, of_station, until_back, for_s } = event else { return };
        let (dish, station) = self.dishes[dish];
        let covers = Criteria {
            venue: Some(VenueId(venue)),
            product: (!of_station).then_some(dish),
            station: of_station.then_some(station),
            ..Criteria::default()
        };
        let silence = Silence {
            id: SilenceId::from_stored(""),
            covers,
            from: clock.wall,
            until: clock.wall.plus(Duration::from_secs(u64::from(for_s))),
            until_back,
            during: None,
            by: "the script".to_owned(),
            reason: String::new(),
        };
        self.driver.order(Order::Silence(silence.named(&self.brand)), clock);
    }

    fn ends_silences(&mut self, clock: Clock) {
        let ids: Vec<SilenceId> = self.driver.tables.load().silences.into_keys().collect();
        for id in ids {
            self.onlookers.borrow_mut().reference.ends_silence(&id);
            self.driver.order(Order::EndSilence(id), clock);
        }
    }

    fn acknowledges(&mut self, clock: Clock) {
        let acknowledgement = || Acknowledgement {
            by: "the script".to_owned(),
            at: clock.wall,
            reason: Some(Reason::Supplier),
            note: String::new(),
            back_at: None,
        };
        let book = self.driver.tables.load().book;
        for (key, alert) in book.iter() {
            let Alert::Open(open) = alert else { continue };
            let (key, episode) = (key.clone(), open.episode.clone());
            self.driver.order(Order::Acknowledge { key, episode, acknowledgement: acknowledgement() }, clock);
        }
    }

    fn has(&mut self, venue: u64, dish: usize, left: i64) {
        let now = self.clock().clopos;
        // A dish that was deleted cannot run out.
        let _ = self.world.set_limit(&self.brand, VenueId(venue), self.dishes[dish].0, Quantity::whole(left), now);
    }

    fn left(&self, venue: u64, dish: usize) -> Option<i64> {
        let left = self.world.limit(&self.brand, VenueId(venue), self.dishes[dish].0).ok()??;
        Some(left.millionths() / 1_000_000)
    }

    fn costs_more(&mut self, dish: ProductId, clock: Clock) {
        if self.world.product(&self.brand, dish).is_ok() {
            let price = self.onlookers.borrow_mut().prices.rises(dish);
            self.world.set_price(&self.brand, dish, Some(HALL), price, clock.clopos).expect("it has a price");
        }
    }

    fn meets(&mut self, fault: Fault, endpoint: Option<Endpoint>, span: Span) {
        let scope = Scope { endpoint, brand: None, venue: None };
        self.world.add_fault(ScriptedFault { fault, scope, span }).expect("room");
    }

    fn fails(&self, endpoint: Option<Endpoint>, until: Uptime) {
        self.onlookers.borrow_mut().reference.fails(endpoint, self.uptime, until);
    }

    fn answers_take(&mut self, up_to_ms: u64) {
        let mut chance = Chance::new(self.uptime.0.as_secs());
        self.driver.latency = Box::new(move || Duration::from_millis(chance.below(up_to_ms + 1)));
    }

    fn reloads(&mut self, rules: usize, clock: Clock) {
        self.rules = rules;
        self.driver.configured.policy = Arc::new(policy(RULES[rules].text, &self.zone, &self.hours, self.habits));
        self.onlookers.borrow_mut().reference.reloads(RULES[rules].dishes);
        self.onlookers.borrow_mut().prices.are_unwatched();
        if self.driver.runs() {
            self.onlookers.borrow_mut().starts(self.rules, clock);
            self.driver.reload(clock);
            self.delivery.dies();
        }
        if self.driver.runs() {
            self.onlookers.borrow_mut().screens.start(self.driver.watcher().engine(), clock.wall);
        }
    }

    /// Ends every fault and lets everything be read and told.
    fn calms_down(&mut self) {
        let clock = self.clock();
        self.note("everything calms down");
        self.world.clear_faults();
        (self.driver.kill, self.driver.within_a_walk) = (Kill::Never, None);
        self.disk_full_until = clock.uptime;
        self.refused_until = self.refused_until.map(|_| clock.uptime);
        self.up_at = self.up_at.min(clock.uptime);
        self.onlookers.borrow_mut().screens.leave(clock.uptime, false);
        self.answers_take(100);
        self.ends_silences(clock);
        for _ in 1..CALM_MAX {
            self.pass(CALM);
            if self.check_end().is_ok() {
                break;
            }
        }
        // The mails that still wait for more go out, and what was right stays so.
        self.pass(GROUP_WAIT + Duration::from_secs(10));
        let is_held_back = self.habits.at_most.is_some();
        for _ in (0..HELD_BACK_MAX).filter(|_| is_held_back) {
            if self.driver.watcher().engine().memory().groups.is_empty() {
                break;
            }
            self.pass(CALM);
        }
        self.check_end().unwrap_or_else(|why| panic!("{why}"));
        self.calm_at = self.clock().wall;
    }

    /// Delivers what still waits, however long its receivers were away: the restaurants are closed meanwhile.
    fn drain(&mut self) {
        for _ in 0..DRAIN_MAX {
            let clock = self.clock();
            let look = self.delivery.turn(&self.driver.tables.outbox, true, true, clock);
            let Some(due) = self.delivery.waits_until() else { return };
            let wait = due.since(clock.wall).max(look.since(clock.uptime)).max(Duration::from_millis(1));
            self.uptime = self.uptime.plus(wait.min(Duration::from_hours(1)));
        }
        panic!("the outbox does not empty");
    }
}
