//! The shop as its people tell it: what runs out, what comes back, what Clopos does meanwhile, and who is told.
//!
//! Every sentence moves the simulated world or the time, nothing else; the watchers see it through Clopos's answers
//! alone. It is Friday, 8 May 2026, 18:00 in Baku when a story begins, unless it says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::lifecycle::Alert;
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::order::{Acknowledgement, Order, Reason};
use eightysix::alerts::render::Messages;
use eightysix::alerts::report::Reports;
use eightysix::alerts::silence::{Criteria, Silence, SilenceId};
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars, ClockSpan, Schedule};
use eightysix::clopos::budget::IpBudget;
use eightysix::document::Problems;
use eightysix::engine::Policy;
use eightysix::language::Language;
use eightysix::poll;
use eightysix::rules::parse::{self, RuleFile};
use eightysix::simulator::faults::{Fault, Scope, ScriptedFault, Span};
use eightysix::simulator::plan::{BrandPlan, WorldPlan};
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::{ProductEdit, World};
use eightysix::snapshot::Snapshot;
use eightysix::topics::BaseTopic;
use eightysix::units::{
    BrandId, ProductId, Quantity, Secret, StationId, Timestamp, Uptime, VenueId, Zone, parse_duration,
};
use eightysix::watcher::Settings;

use crate::driver::{Clock, Configured, Driver, Kill};
use crate::tables::Row;

/// Requests of a brand in a minute, as configured by default.
const PER_MINUTE: u32 = 240;
/// The rules that are shipped, and the receivers that they name.
const SHIPPED: [(&str, &str); 2] = [
    ("rules/kitchen.yaml", include_str!("../../rules/kitchen.yaml")),
    ("rules/operations.yaml", include_str!("../../rules/operations.yaml")),
];

/// What differs from story to story before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// When it begins.
    pub(crate) at: &'static str,
    /// The zone of people and business days.
    pub(crate) zone: &'static str,
    /// The brands and how many venues each has.
    pub(crate) brands: &'static [(&'static str, u64)],
    /// Rules of the story instead of the shipped ones.
    pub(crate) rules: Option<&'static str>,
    /// How often things are read.
    pub(crate) polling: poll::Settings,
    /// When the watcher is killed.
    pub(crate) kill: Kill,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            at: "2026-05-08T14:00:00Z",
            zone: "Asia/Baku",
            brands: &[("sahil", 1)],
            rules: None,
            polling: poll::Settings::default(),
            kill: Kill::Never,
        }
    }
}

/// A chain, its watchers and the time.
pub(crate) struct Shop {
    /// Clopos and the restaurants behind it.
    pub(crate) world: World,
    /// One watcher for each brand.
    pub(crate) watchers: Vec<Driver>,
    begun_at: Timestamp,
    uptime: Uptime,
    /// By how much our clock is ahead of Clopos's, in seconds.
    ahead_s: i64,
    zone: Zone,
    brand: BrandId,
    venue: VenueId,
    quiet: Vec<usize>,
}

impl Shop {
    /// Builds the chain, with nothing on any stop list and nobody watching yet.
    pub(crate) fn new(opening: &Opening) -> Self {
        let begun_at: Timestamp = opening.at.parse().expect("an instant");
        let zone = Zone::named(opening.zone).expect("a zone");
        let plan = |&(brand, venues): &(&str, u64)| BrandPlan::new(brand, "client", "secret", venues).expect("a slug");
        let brands: Vec<BrandPlan> = opening.brands.iter().map(plan).collect();
        let mut world = World::new(&WorldPlan { brands: brands.clone(), ..WorldPlan::demo(1, 1) }, begun_at);
        for brand in &brands {
            for venue in 1..=brand.venues {
                world.clear_all_limits(&brand.brand, VenueId(venue)).expect("a venue of the plan");
            }
        }
        let policy = Arc::new(policy(opening.rules, &zone));
        let ip = IpBudget::shared();
        let watcher = |brand: &BrandPlan| {
            let settings = Settings { polling: opening.polling, venues: None, per_minute: PER_MINUTE };
            let login = ("client".to_owned(), "secret".to_owned());
            let configured = Configured { brand: brand.brand.clone(), login, settings, policy: Arc::clone(&policy) };
            Driver::new(configured, Arc::clone(&ip), opening.kill)
        };
        let mut shop = Self {
            world,
            watchers: brands.iter().map(watcher).collect(),
            begun_at,
            uptime: Uptime(Duration::from_hours(1)),
            ahead_s: 0,
            zone,
            brand: brands[0].brand.clone(),
            venue: VenueId(1),
            quiet: vec![0; brands.len()],
        };
        shop.is_killed();
        shop
    }

    /// Watches until everything was read once and the first mails are out; what was told by then is another story's.
    pub(crate) fn opens(&mut self) {
        self.after("3m");
        self.forget();
    }

    /// Leaves out of the story's end what was told so far.
    pub(crate) fn forget(&mut self) {
        self.quiet = self.watchers.iter().map(|watcher| watcher.tables.outbox.len()).collect();
    }

    /// Turns to another brand or venue: what is said from now on happens there.
    pub(crate) fn at(&mut self, brand: &str, venue: u64) {
        (self.brand, self.venue) = (BrandId::new(brand).expect("a slug"), VenueId(venue));
    }

    /// Lets time pass, with everybody watching.
    pub(crate) fn after(&mut self, time: &str) {
        let until = self.uptime.plus(parse_duration(time).expect("a duration"));
        while self.uptime < until {
            let clock = self.clock();
            let turn = |watcher: &mut Driver| {
                let next = watcher.turn(&mut self.world, clock);
                if !watcher.runs() {
                    watcher.start(clock);
                }
                next
            };
            let next = self.watchers.iter_mut().map(turn).min();
            self.uptime = on_the_grid(next.expect("a brand")).min(until);
        }
    }

    /// Lets time pass until a time of day in the shop.
    pub(crate) fn until(&mut self, local: &str) {
        let now = self.clock().wall.in_zone(&self.zone);
        let time: jiff::civil::Time = local.parse().expect("a time of day");
        let mut then = now.with().time(time).build().expect("it is on the clock that day");
        if then <= now {
            then = then.tomorrow().expect("a day").with().time(time).build().expect("it is on the clock that day");
        }
        self.after(&format!("{}s", then.timestamp().as_second() - now.timestamp().as_second()));
    }

    /// Sets our clock forward, or back with a negative number; Clopos's clock stays right.
    pub(crate) fn our_clock_jumps_s(&mut self, seconds: i64) {
        self.ahead_s += seconds;
    }

    /// A dish runs out.
    pub(crate) fn sells_out(&mut self, name: &str) {
        self.has(name, 0);
    }

    /// A dish has so many portions left.
    pub(crate) fn has(&mut self, name: &str, left: i64) {
        let (product, now) = (self.product(name), self.clock().clopos);
        self.world.set_limit(&self.brand, self.venue, product, Quantity::whole(left), now).expect("known");
    }

    /// A dish is taken off the stop list.
    pub(crate) fn restocks(&mut self, name: &str) {
        let product = self.product(name);
        self.world.clear_limit(&self.brand, self.venue, product).expect("known");
    }

    /// The stop list is really emptied, as at closing.
    pub(crate) fn clears_the_list(&mut self) {
        self.world.clear_all_limits(&self.brand, self.venue).expect("known");
    }

    /// A station takes orders, or no longer.
    pub(crate) fn switches_station(&mut self, name: &str, active: bool) {
        let now = self.clock().clopos;
        let stations = &self.world.venue(&self.brand, self.venue).expect("known").stations;
        let (id, _) = stations.iter().find(|(_, station)| station.name == name).expect("a station of the venue");
        let id: StationId = *id;
        self.world.set_station_active(&self.brand, self.venue, id, active, now).expect("known");
    }

    /// The back office edits a product.
    pub(crate) fn edits(&mut self, name: &str, edit: ProductEdit) {
        let (product, now) = (self.product(name), self.clock().clopos);
        self.world.edit_product(&self.brand, product, edit, now).expect("known");
    }

    /// The base price changes.
    pub(crate) fn costs(&mut self, name: &str, price: &str) {
        let (product, now) = (self.product(name), self.clock().clopos);
        let price = price.parse().expect("a price");
        self.world.set_price(&self.brand, product, None, price, now).expect("known");
    }

    /// A product is deleted in the back office.
    pub(crate) fn removes(&mut self, name: &str) {
        let product = self.product(name);
        self.world.remove_product(&self.brand, product).expect("known");
    }

    /// A product is added in the back office.
    pub(crate) fn adds(&mut self, product: eightysix::simulator::menu::Product) {
        self.world.add_product(&self.brand, product).expect("a free id");
    }

    /// The next requests for the stop list meet a proxy's error page.
    pub(crate) fn poll_fails(&mut self, times: u32) {
        self.meets(Fault::BadGatewayPage, Endpoint::StopList, times);
    }

    /// The next requests of a kind, of the brand at hand, meet a fault.
    pub(crate) fn meets(&mut self, fault: Fault, endpoint: Endpoint, times: u32) {
        let scope = Scope { endpoint: Some(endpoint), brand: Some(self.brand.clone()), venue: None };
        self.world.add_fault(ScriptedFault { fault, scope, span: Span::Next(times) }).expect("room");
    }

    /// For some time every request of a kind, of the brand at hand, meets a fault; `None` is every kind.
    pub(crate) fn suffers(&mut self, fault: Fault, endpoint: Option<Endpoint>, time: &str) {
        let now = self.clock().clopos;
        let until = now.plus(parse_duration(time).expect("a duration"));
        let scope = Scope { endpoint, brand: Some(self.brand.clone()), venue: None };
        self.world.add_fault(ScriptedFault { fault, scope, span: Span::Between(now, until) }).expect("room");
    }

    /// Whatever fault still waits is gone.
    pub(crate) fn forgets_faults(&mut self) {
        self.world.clear_faults();
    }

    /// Clopos's support gives the brand another secret, and its tokens end.
    pub(crate) fn changes_secret(&mut self, secret: &str) {
        let now = self.clock().clopos;
        self.world.set_client_secret(&self.brand, Secret::new(secret)).expect("known");
        self.world.expire_tokens(&self.brand, now).expect("known");
    }

    /// Nobody is to hear of a dish for some time, or until it is back.
    pub(crate) fn silences(&mut self, dish: &str, time: &str, until_back: bool) {
        let (product, now) = (Some(self.product(dish)), self.clock().wall);
        let covers = Criteria { venue: Some(self.venue), product, ..Criteria::default() };
        let silence = Silence {
            id: SilenceId::from_stored(""),
            covers,
            from: now,
            until: now.plus(parse_duration(time).expect("a duration")),
            until_back,
            during: None,
            by: "Leyla".to_owned(),
            reason: String::new(),
        };
        let order = Order::Silence(silence.named(&self.brand));
        self.asks(order);
    }

    /// Everything may be heard of again.
    pub(crate) fn speaks_again(&mut self) {
        let ids: Vec<SilenceId> = self.watcher_at_hand().tables.load().silences.into_keys().collect();
        for id in ids {
            self.asks(Order::EndSilence(id));
        }
    }

    /// Anar takes care of everything that is open about a dish or a station: the van comes at seven.
    pub(crate) fn takes_care_of(&mut self, label: &str) {
        let now = self.clock().wall;
        let acknowledgement = Acknowledgement {
            by: "Anar".to_owned(),
            at: now,
            reason: Some(Reason::Supplier),
            note: String::new(),
            back_at: Some(now.plus(Duration::from_hours(1))),
        };
        let book = self.watcher_at_hand().tables.load().book;
        for (key, alert) in book.iter() {
            if let Alert::Open(open) = alert
                && open.label == label
            {
                let (key, episode) = (key.clone(), open.episode.clone());
                self.asks(Order::Acknowledge { key, episode, acknowledgement: acknowledgement.clone() });
            }
        }
    }

    fn asks(&mut self, order: Order) {
        let clock = self.clock();
        self.watcher_at_hand().order(order, clock);
    }

    fn watcher_at_hand(&mut self) -> &mut Driver {
        let brand = &self.brand;
        self.watchers.iter_mut().find(|watcher| watcher.configured.brand == *brand).expect("watched")
    }

    /// The configuration is reloaded with these rules, and with these venues where a list is given.
    pub(crate) fn reloads(&mut self, rules: Option<&str>, venues: Option<&[u64]>) {
        let policy = Arc::new(policy(rules, &self.zone));
        let wanted: Option<BTreeSet<VenueId>> = venues.map(|ids| ids.iter().copied().map(VenueId).collect());
        let clock = self.clock();
        for watcher in &mut self.watchers {
            watcher.configured.policy = Arc::clone(&policy);
            watcher.configured.settings.venues.clone_from(&wanted);
            watcher.reload(clock);
        }
    }

    /// The configuration is reloaded with another policy as a whole, its calendar included.
    pub(crate) fn keeps_to(&mut self, policy: &Arc<Policy>) {
        let clock = self.clock();
        for watcher in &mut self.watchers {
            watcher.configured.policy = Arc::clone(policy);
            watcher.reload(clock);
        }
    }

    /// Every watcher is killed and starts anew on what it had committed.
    pub(crate) fn is_killed(&mut self) {
        let clock = self.clock();
        for watcher in &mut self.watchers {
            watcher.forget_address();
            watcher.start(clock);
        }
    }

    /// Nobody watches for some time; then every watcher starts on what it had committed.
    pub(crate) fn is_down_for(&mut self, time: &str) {
        for watcher in &mut self.watchers {
            watcher.dies();
        }
        self.uptime = self.uptime.plus(parse_duration(time).expect("a duration"));
        self.is_killed();
    }

    /// Every watcher dies at a commit to come, and is started again at once.
    pub(crate) fn dies_at(&mut self, kill: Kill) {
        for watcher in &mut self.watchers {
            watcher.kill = kill;
        }
    }

    /// Returns what the watcher knows of the venue at hand.
    pub(crate) fn knows(&self) -> &Snapshot {
        let watcher = self.watchers.iter().find(|watcher| watcher.configured.brand == self.brand);
        &watcher.expect("watched").watcher().engine().memory().venues[&self.venue]
    }

    /// Returns every notice told since the story began to count, brand by brand.
    pub(crate) fn told(&self) -> Vec<Row> {
        let counted =
            self.watchers.iter().zip(&self.quiet).flat_map(|(watcher, quiet)| &watcher.tables.outbox[*quiet..]);
        let mut rows: Vec<Row> = counted.cloned().collect();
        // One brand's rows are in their order, whatever its clock did.
        if self.watchers.len() > 1 {
            rows.sort_by_key(|row| row.at);
        }
        rows
    }

    /// Returns them as lines with the time in the shop.
    pub(crate) fn lines(&self) -> String {
        let time = |row: &Row| row.at.in_zone(&self.zone).strftime("%H:%M:%S").to_string();
        let lines: Vec<String> = self.told().iter().map(|row| format!("{} {}", time(row), row.line())).collect();
        lines.join("\n")
    }

    /// Returns what ended each alert whose end machines were told, in the words of the events.
    pub(crate) fn endings(&self) -> Vec<String> {
        let closed = |row: &Row| row.line().starts_with("kitchen closed").then(|| row.event_body());
        let ended_by = |body: String| -> String {
            let event: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            event["data"]["alert"]["ended_by"].as_str().expect("an end has a cause").to_owned()
        };
        self.told().iter().filter_map(closed).map(ended_by).collect()
    }

    fn clock(&self) -> Clock {
        let clopos = self.begun_at.plus(self.uptime.since(Uptime(Duration::from_hours(1))));
        let wall = Timestamp::from_unix_ms(clopos.unix_ms() + self.ahead_s * 1000);
        Clock { uptime: self.uptime, wall, clopos }
    }

    fn product(&self, name: &str) -> ProductId {
        let products = &self.world.brand(&self.brand).expect("known").menu.products;
        let found = products.values().find(|product| product.full_name == name);
        found.unwrap_or_else(|| panic!("{name} is on the menu")).id
    }
}

/// Moves a time up to the grid of the stories: what two runs do in the same quarter of a second they do at the same time.
fn on_the_grid(time: Uptime) -> Uptime {
    const STEP_MS: u128 = 250;
    let steps = time.0.as_millis().div_ceil(STEP_MS);
    Uptime(Duration::from_millis(u64::try_from(steps * STEP_MS).expect("a story is short")))
}

/// Returns rules and who is told, in a house in Baku with these windows; `open` are its hours.
pub(crate) fn policy_in(rules: &str, windows: &[(&str, &[&str])]) -> Arc<Policy> {
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let daily = |spans: &[&str]| {
        Schedule::daily(&spans.iter().map(|span| ClockSpan::parse(span).expect("a span")).collect::<Vec<_>>())
    };
    let mut windows: BTreeMap<String, Schedule> =
        windows.iter().map(|(name, spans)| ((*name).to_owned(), daily(spans))).collect();
    let hours = windows.remove("open");
    let plain = Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0));
    let calendars = Calendars::of_all(plain.with_hours(hours, None).with_windows(windows));
    Arc::new(Policy { calendars, ..policy(Some(rules), &zone) })
}

/// Returns who is told what: screens and systems at once, managers by mail that waits a minute for more.
pub(crate) fn policy(rules: Option<&str>, zone: &Zone) -> Policy {
    let file = |(name, text): (&str, &str)| RuleFile { name: name.into(), bytes: text.as_bytes().to_vec() };
    let files: Vec<RuleFile> = match rules {
        Some(text) => vec![file(("story.yaml", text))],
        None => SHIPPED.into_iter().map(file).collect(),
    };
    let mut problems = Problems::new();
    let rules = parse::parse(&files, &mut problems).rules;
    if let Some(report) = problems.into_report() {
        panic!("the rules of the story: {report}");
    }
    let messages = Messages::compile(&rules, zone, Language::En)
        .unwrap_or_else(|bad| panic!("the messages of the story: {bad:?}"));
    let topics = BaseTopic::new("eightysix").expect("a base topic");
    let route = |(name, way): (&str, Way)| {
        let receiver = ReceiverName::new(name);
        (
            receiver.clone(),
            Route {
                receiver,
                language: Language::En,
                group_wait: Duration::from_mins(1),
                quiet: None,
                at_most: None,
                reports: Reports::default(),
                ways: vec![way],
            },
        )
    };
    let routes = [
        ("kitchen", Way::Mqtt(topics.clone())),
        ("managers", Way::Email),
        ("office", Way::Webhook),
        ("ops", Way::Webhook),
    ];
    Policy {
        rules,
        messages,
        routes: routes.into_iter().map(route).collect(),
        feeds: vec![(ReceiverName::new("feed"), topics)],
        links: None,
        calendars: Calendars::of_all(Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0))),
        setting: Setting {
            boot: "story".to_owned(),
            language: Language::En,
            zone: zone.clone(),
            day_starts: jiff::civil::time(4, 0, 0, 0),
        },
    }
}
