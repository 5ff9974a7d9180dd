//! A brand that has read everything once, without the network and the database: plan, step, adoption, the picture of the
//! screens and what the feed makes of it.
//!
//! Every venue is polled once a second, as far as the clocks of the watcher know. Invariant: an unchanged poll repeats the
//! bytes of the one before, a changed one lets a product run out or come back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::render::Messages;
use eightysix::alerts::report::Reports;
use eightysix::board::Setting;
use eightysix::board::retained::{Desired, Topic, Tree};
use eightysix::calendar::{Calendar, Calendars};
use eightysix::clock;
use eightysix::clopos::budget::RateLimit;
use eightysix::clopos::decode::{self, Answer, Reply};
use eightysix::clopos::query::Request;
use eightysix::clopos::repeat::{self, ListBytes};
use eightysix::document::Problems;
use eightysix::engine::{Engine, Input, Memory, Policy};
use eightysix::language::Language;
use eightysix::poll::quota::Quota;
use eightysix::poll::{self, Learned, Next, Plan};
use eightysix::rules::parse::{self, RuleFile};
use eightysix::service::feeds::{DesiredTree, Feeds};
use eightysix::simulator::limits::Rates;
use eightysix::simulator::plan::{BrandPlan, DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, WorldPlan};
use eightysix::simulator::world::World;
use eightysix::sinks::mqtt::plan::{self, Published};
use eightysix::snapshot::{Access, Reading};
use eightysix::topics::BaseTopic;
use eightysix::units::{BrandId, ProductId, Quantity, Timestamp, Uptime, VenueId, Zone};
use tokio::sync::watch;

use crate::asked;

/// How many polls of each kind are measured in a brand, or ten seconds of them, in which the rules look at the time twice; the
/// median of three such rounds counts.
const POLLS: u32 = 2_000;
const ROUNDS: usize = 3;
const RULES: [(&str, &str); 2] = [
    ("rules/kitchen.yaml", include_str!("../../rules/kitchen.yaml")),
    ("rules/operations.yaml", include_str!("../../rules/operations.yaml")),
];
const LIST: Request = Request::StopList { venue: VenueId(1), only: Vec::new() };
const START: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

/// How large a brand is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) venues: u64,
    pub(crate) products: usize,
    /// Rows of each stop list.
    pub(crate) rows: usize,
    /// Rules beside the shipped ones, which look at each row and never hold.
    pub(crate) rules: usize,
    /// Who is told of each product that runs out, by webhook.
    pub(crate) receivers: usize,
}

/// What a poll costs, in nanoseconds.
pub(crate) struct Cost {
    pub(crate) unchanged_ns: u64,
    pub(crate) changed_ns: u64,
}

/// Measures a brand.
pub(crate) fn measure(size: Size) -> Cost {
    let mut chain = Chain::open(size);
    Cost { unchanged_ns: median(|| chain.polls(false)), changed_ns: median(|| chain.polls(true)) }
}

/// Returns what the brand is read from.
pub(crate) fn world(size: Size) -> World {
    let mut brand = BrandPlan::new(DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, size.venues).expect("a slug");
    brand.products = size.products;
    let rates = Rates { auth: 60, errors: 600, tenant: u32::MAX };
    let plan = WorldPlan { brands: vec![brand], rates, ..WorldPlan::demo(1, 1) };
    let mut world = World::new(&plan, START);
    for venue in 1..=size.venues {
        fill(&mut world, VenueId(venue), size.rows);
    }
    world
}

/// A brand that has read everything once, and stands between two polls.
pub(crate) struct Chain {
    engine: Engine,
    plan: Plan,
    feeds: Feeds,
    tree: watch::Sender<Desired>,
    published: BTreeMap<Topic, Published>,
    /// How many edits of the tree were followed.
    followed: Option<u64>,
    /// The list of every venue, and the same with one product that ran out.
    lists: [Answer; 2],
    repetition: Repetition,
    passed: Duration,
    step: Duration,
    turn: u64,
}

/// An answer that says what the one before did.
struct Repetition {
    body: Vec<u8>,
    known: ListBytes,
}

impl Repetition {
    fn of(body: Vec<u8>) -> Self {
        let (_, known) = repeat::read(&LIST, &reply(&body), None);
        Self { known: known.expect("a plain list"), body }
    }

    fn read(&self) -> Answer {
        let (answer, _) = repeat::read(&LIST, &reply(black_box(&self.body)), Some(&self.known));
        let answer = answer.expect("an answer of the simulator").0;
        assert_eq!(answer, Answer::SameStopList);
        answer
    }
}

impl Chain {
    pub(crate) fn open(size: Size) -> Self {
        let mut world = world(size);
        let token = log_in(&mut world);
        let lists = [10, 0].map(|limit| {
            let (brand, product) = (brand_id(), first_product(&world));
            let limit = Quantity::whole(limit);
            world.set_limit(&brand, VenueId(1), product, limit, START).expect("a product of the menu");
            ask(&mut world, &token, &Request::StopList { venue: VenueId(1), only: Vec::new() }, START)
        });
        let policy = Arc::new(policy(size));
        let day = Duration::from_hours(24);
        let settings = poll::Settings {
            fastest: Duration::from_secs(1),
            oldest: Duration::from_mins(1),
            catalog: day,
            prices: day,
        };
        let limits = Quota::new(1, 240, &settings).limits();
        let (tree, _) = watch::channel(Desired::default());
        tree.send_modify(|desired| desired.replace(Tree::new()));
        let topics = BaseTopic::new("eightysix").expect("a base topic");
        let feeds = Feeds::new(vec![DesiredTree { topics, tree: tree.clone() }], policy.setting.clone());
        let mut chain = Self {
            engine: Engine::new(brand_id(), policy, limits, Memory::default()),
            plan: Plan::new(settings, 240, None, []),
            feeds,
            tree,
            published: BTreeMap::new(),
            followed: None,
            lists,
            repetition: Repetition::of(bytes_of(&mut world, &token, &LIST, START)),
            passed: Duration::ZERO,
            step: Duration::from_secs(1) / u32::try_from(size.venues).expect("few"),
            turn: 0,
        };
        chain.cycle(Input::Access(Access::Granted));
        chain.read_everything(&mut world, &token);
        chain
    }

    fn now(&self) -> (Uptime, Timestamp) {
        (Uptime(Duration::from_hours(1)).plus(self.passed), START.plus(self.passed))
    }

    fn read_everything(&mut self, world: &mut World, token: &str) {
        // A second and some without a walk: everything was read.
        let mut only_lists = 0;
        while only_lists < 2 * self.engine.memory().venues.len() + 10 {
            let (uptime, now) = self.now();
            let request = match self.plan.next(uptime) {
                Next::Send(request) => request,
                Next::Wait { until, .. } => {
                    self.passed += until.since(uptime);
                    continue;
                }
            };
            self.plan.sent(&request, uptime);
            let is_list = matches!(request, Request::StopList { .. });
            only_lists = if is_list { only_lists + 1 } else { 0 };
            let answer = if is_list { self.lists[0].clone() } else { ask(world, token, &request, now) };
            self.learn(&request, answer);
            self.passed += self.step;
        }
    }

    /// Returns what is asked next, when its time has come.
    pub(crate) fn request(&mut self) -> Request {
        self.passed += self.step;
        loop {
            let (uptime, _) = self.now();
            match self.plan.next(uptime) {
                Next::Send(request) => {
                    self.plan.sent(&request, uptime);
                    return request;
                }
                Next::Wait { until, .. } => self.passed += until.since(uptime),
            }
        }
    }

    /// Does what `service::brand` and the feed do with an answer.
    pub(crate) fn take(&mut self, request: &Request, answer: Answer) {
        self.learn(request, answer);
        self.follow();
    }

    fn learn(&mut self, request: &Request, answer: Answer) {
        let (uptime, _) = self.now();
        match self.plan.answered(request, Ok(answer), uptime) {
            None => {}
            Some(Learned::Venues(venues)) => self.cycle(Input::Venues(venues)),
            Some(Learned::OfBrand(reading)) => self.cycle(Input::OfBrand(reading)),
            Some(Learned::OfVenue(venue, reading)) => self.observe(venue, reading),
        }
        for _ in 0..2 {
            let (_, now) = self.now();
            if self.engine.next_deadline().is_some_and(|(at, _)| at <= now) {
                self.cycle(Input::Tick);
            }
        }
    }

    fn observe(&mut self, venue: VenueId, reading: Reading) {
        let seq = |engine: &Engine| engine.memory().venues.get(&venue).map_or(0, |snapshot| snapshot.seq);
        let is_list = matches!(reading, Reading::StopList { .. } | Reading::SameStopList);
        let before = seq(&self.engine);
        self.cycle(Input::Reading(venue, reading));
        let (uptime, now) = self.now();
        let Some(after) = self.engine.memory().venues.get(&venue) else { return };
        if is_list {
            self.plan.observed(after, after.seq != before, uptime);
        }
        self.plan.known(after);
        let wanted = self.engine.reading_wanted_at(venue);
        self.plan.want(venue, wanted.map(|at| uptime.plus(at.since(now))));
    }

    fn cycle(&mut self, input: Input) {
        let (_, now) = self.now();
        let commit = self.engine.step(input, now);
        black_box(commit.is_durable());
        let differences = self.feeds.differences(&commit);
        self.engine.adopt(commit);
        self.feeds.show(&self.engine, &differences, now);
    }

    /// Polls many times and returns the nanoseconds of one; the answers are there already.
    fn polls(&mut self, changed: bool) -> u64 {
        self.follow();
        let (lists, venues) = (self.lists.clone(), self.engine.memory().venues.len() as u64);
        let polls = POLLS.max(10 * u32::try_from(venues).expect("few"));
        let answers: Vec<Answer> = (0..u64::from(polls))
            .map(|n| {
                if changed {
                    lists[usize::from(((self.turn + n) / venues).is_multiple_of(2))].clone()
                } else {
                    // What the bytes say is asked below.
                    Answer::SameStopList
                }
            })
            .collect();
        let begun = clock::uptime();
        for answer in answers {
            self.turn += 1;
            let request = self.request();
            let answer = if changed { answer } else { self.repetition.read() };
            self.take(&request, answer);
        }
        ns_of_one(begun, polls)
    }

    /// Does what the feed does when the tree has changed, with a broker that acknowledges at once.
    fn follow(&mut self) {
        let (uptime, _) = self.now();
        let desired = self.tree.borrow();
        let tree = desired.tree().expect("a tree");
        let edited = self.followed.and_then(|followed| desired.edited_since(followed));
        let steps = match edited {
            Some(topics) => topics.filter_map(|topic| plan::step(topic, tree, &self.published, uptime)).collect(),
            None => plan::plan(tree, &self.published, uptime),
        };
        self.followed = Some(desired.edits());
        for step in steps {
            let refresh_at = uptime.plus(Duration::from_hours(12));
            match step.state {
                Some(state) => {
                    black_box(state.body());
                    self.published.insert(step.topic, Published::Confirmed { content: state.hash(), refresh_at })
                }
                None => self.published.remove(&step.topic),
            };
        }
    }
}

fn brand_id() -> BrandId {
    BrandId::new(DEMO_BRAND).expect("a slug")
}

/// The product that runs out and comes back.
fn first_product(world: &World) -> ProductId {
    *world.brand(&brand_id()).expect("the brand").venues[&VenueId(1)].stop_list.keys().next().expect("a row")
}

/// Gives a venue a stop list of so many counted products.
fn fill(world: &mut World, venue: VenueId, rows: usize) {
    let brand = brand_id();
    let menu = &world.brand(&brand).expect("the brand").menu;
    let products: Vec<ProductId> = menu.products.keys().copied().filter(|id| menu.is_sold(*id)).take(rows).collect();
    assert_eq!(products.len(), rows, "the menu has so many products");
    world.clear_all_limits(&brand, venue).expect("a venue of the brand");
    for product in products {
        world.set_limit(&brand, venue, product, Quantity::whole(10), START).expect("a product of the menu");
    }
}

fn log_in(world: &mut World) -> String {
    asked::token(&world.answer(&asked::login(DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET), START).body)
}

fn bytes_of(world: &mut World, token: &str, asked: &Request, now: Timestamp) -> Vec<u8> {
    // The chain's hours must not end its token; only the rows are of interest here.
    let now = now.min(START.plus(Duration::from_mins(1)));
    world.answer(&asked::get(asked, token), now).body
}

fn ask(world: &mut World, token: &str, asked: &Request, now: Timestamp) -> Answer {
    decoded(asked, &bytes_of(world, token, asked, now))
}

fn decoded(asked: &Request, body: &[u8]) -> Answer {
    decode::decode(asked, &reply(body)).expect("an answer of the simulator").0
}

fn reply(body: &[u8]) -> Reply<'_> {
    Reply { status: 200, rate_limit: RateLimit::default(), redirect: None, body, secrets: &[] }
}

/// Returns the nanoseconds of decoding a list of so many rows.
pub(crate) fn floor_ns(rows: usize) -> u64 {
    let rates = Rates { auth: 60, errors: 600, tenant: u32::MAX };
    let mut plan = WorldPlan { rates, ..WorldPlan::demo(1, 1) };
    plan.brands[0].products = 1_000;
    let mut world = World::new(&plan, START);
    fill(&mut world, VenueId(1), rows);
    let token = log_in(&mut world);
    let asked = Request::StopList { venue: VenueId(1), only: Vec::new() };
    let body = bytes_of(&mut world, &token, &asked, START);
    median(|| {
        let begun = clock::uptime();
        for _ in 0..POLLS {
            black_box(decoded(&asked, black_box(&body)));
        }
        ns_of_one(begun, POLLS)
    })
}

fn policy(size: Size) -> Policy {
    let more = more_rules(size);
    let files = RULES.into_iter().chain([("more.yaml", more.as_str())]);
    let file = |(name, text): (&str, &str)| RuleFile { name: name.into(), bytes: text.as_bytes().to_vec() };
    let mut problems = Problems::new();
    let rules = parse::parse(&files.map(file).collect::<Vec<_>>(), &mut problems).rules;
    assert!(problems.is_empty(), "{problems:?}");
    let zone = Zone::named("Asia/Baku").expect("a zone");
    let topics = BaseTopic::new("eightysix").expect("a base topic");
    let route = |(name, way): (String, Way)| {
        let receiver = ReceiverName::new(&name);
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
    let ways = [
        ("kitchen", Way::Mqtt(topics.clone())),
        ("managers", Way::Email),
        ("office", Way::Webhook),
        ("ops", Way::Webhook),
    ];
    let ways = ways.map(|(name, way)| (name.to_owned(), way)).into_iter();
    let ways = ways.chain(listeners(size).map(|name| (name, Way::Webhook)));
    Policy {
        messages: Messages::compile(&rules, &zone, Language::En).expect("messages that compile"),
        rules,
        routes: ways.map(route).collect(),
        feeds: vec![(ReceiverName::new("feed"), topics)],
        links: None,
        calendars: Calendars::of_all(Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0))),
        setting: Setting {
            boot: "bench".to_owned(),
            language: Language::En,
            zone,
            day_starts: jiff::civil::time(4, 0, 0, 0),
        },
    }
}

fn listeners(size: Size) -> impl Iterator<Item = String> {
    (0..size.receivers).map(|nth| format!("listener-{nth}"))
}

/// Rules that never hold, and one that tells the listeners what runs out.
fn more_rules(size: Size) -> String {
    let mut rules = "rules:\n".to_owned();
    for nth in 0..size.rules {
        let holds = format!("limit: {{ at_most: {} }}, product.price: {{ above: {} }}", 40 + nth, 10_000 + nth);
        let _ = writeln!(
            rules,
            "  - {{ name: dear-{nth}, when: {{ {holds} }}, severity: info, notify: [ops], message: never }}"
        );
    }
    let listeners: Vec<String> = listeners(size).collect();
    if !listeners.is_empty() {
        let rest = "severity: info, message: \"{{ item.name }} is out\"";
        let listeners = listeners.join(", ");
        let _ = writeln!(rules, "  - {{ name: heard, event: stopped, notify: [{listeners}], {rest} }}");
    }
    if size.rules + size.receivers == 0 { "rules: []\n".to_owned() } else { rules }
}

fn median(mut measure: impl FnMut() -> u64) -> u64 {
    let mut rounds: Vec<u64> = (0..ROUNDS).map(|_| measure()).collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

fn ns_of_one(begun: Uptime, times: u32) -> u64 {
    u64::try_from(clock::uptime().since(begun).as_nanos()).unwrap_or(u64::MAX) / u64::from(times)
}
