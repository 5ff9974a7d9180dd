//! The chain that is watched: many brands behind one simulated Clopos, whose dishes run out and come back at a steady
//! pace, and the record of when each stop list was asked for.
//!
//! The quota of Clopos stays as it is, 300 requests a minute and brand, and is counted strictly: the load comes from the
//! number of brands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use eightysix::clock;
use eightysix::simulator::limits::Rates;
use eightysix::simulator::log::{Counters, Entry};
use eightysix::simulator::plan::{BrandPlan, WorldPlan};
use eightysix::simulator::route::ApiRequest;
use eightysix::simulator::server::{self, Door};
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, ProductId, Quantity, Timestamp, VenueId};
use tokio_util::sync::CancellationToken;

/// What every brand logs in with; it opens nothing but the simulator.
pub(crate) const SECRET: &str = "secret-of-the-soak";
/// A stop list is asked for this often at most (`polling.fastest`): what comes later than that is late.
pub(crate) const EVERY_MS: i64 = 1_000;
/// The dishes of a venue that run out in turn.
const DISHES: usize = 3;

/// How large the chain is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many brands.
    pub(crate) brands: u64,
    /// Venues of each brand.
    pub(crate) venues: u64,
    /// Products of each venue.
    pub(crate) products: usize,
    /// Rows of each stop list.
    pub(crate) rows: usize,
}

impl Size {
    /// Returns the venues of all brands.
    pub(crate) const fn all_venues(self) -> u64 {
        self.brands * self.venues
    }

    /// Returns the slugs of the brands.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        (1..=self.brands).map(|number| format!("b{number:03}"))
    }
}

/// A dish that ran out or came back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turned {
    /// `brand/venue/product`, as events name it.
    pub(crate) subject: String,
    /// Whether it ran out.
    pub(crate) is_out: bool,
}

/// The running chain.
pub(crate) struct Chain {
    pub(crate) address: SocketAddr,
    pub(crate) size: Size,
    world: Arc<Mutex<World>>,
    brands: Vec<BrandId>,
    dishes: Vec<ProductId>,
    changes: u64,
    asked: Asked,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What was seen of the requests so far.
#[derive(Default)]
struct Asked {
    requests: u64,
    polls: u64,
    missed: u64,
    last_ms: BTreeMap<(String, u64), i64>,
}

/// The stop lists that were asked for since the last look.
pub(crate) struct Polls {
    /// How late each was against the plan, in milliseconds.
    pub(crate) late_ms: Vec<f64>,
    /// Venues that were ever asked for.
    pub(crate) venues: u64,
    /// All polls so far.
    pub(crate) all: u64,
    /// Requests that fell out of the simulator's list before they were looked at: counted, but not measured.
    pub(crate) missed: u64,
}

/// Serves a world on a thread of its own until `stop`.
pub(crate) fn serve(world: &Arc<Mutex<World>>, stop: &CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("a non-blocking socket");
    let address = socket.local_addr().expect("an address");
    let (served, until) = (Arc::clone(world), stop.clone());
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let socket = tokio::net::TcpListener::from_std(socket).expect("a socket for tokio");
            server::serve(served, socket, Door::Closed, until).await.expect("the simulator serves");
        });
    });
    (address, thread)
}

impl Chain {
    /// Opens the chain; `rates` are Clopos's own unless the simulator itself is to be measured.
    pub(crate) fn open(size: Size, rates: Rates) -> Self {
        let plan = |name: String| BrandPlan {
            products: size.products,
            ..BrandPlan::new(&name, &name, SECRET, size.venues).expect("a slug")
        };
        let plan = WorldPlan { brands: size.names().map(plan).collect(), rates, ..WorldPlan::demo(1, 1) };
        let now = clock::now();
        let mut world = World::new(&plan, now);
        let brands: Vec<BrandId> = plan.brands.iter().map(|brand| brand.brand.clone()).collect();
        let menu = &world.brand(&brands[0]).expect("a brand of the plan").menu;
        let mut sold: Vec<ProductId> =
            menu.products.values().filter(|p| menu.is_sold(p.id) && p.active && !p.hidden).map(|p| p.id).collect();
        // The menu's first dishes are cooked at a station that is on; those that run out must ring.
        let dishes: Vec<ProductId> = sold.drain(..DISHES).collect();
        for brand in &brands {
            for venue in 1..=size.venues {
                world.clear_all_limits(brand, VenueId(venue)).expect("a venue of the plan");
                for product in sold.iter().take(size.rows) {
                    let limit = Quantity::whole(50);
                    world.set_limit(brand, VenueId(venue), *product, limit, now).expect("a product of the menu");
                }
            }
        }
        let (world, stop) = (Arc::new(Mutex::new(world)), CancellationToken::new());
        let (address, thread) = serve(&world, &stop);
        let asked = Asked::default();
        Self { address, size, world, brands, dishes, changes: 0, asked, stop, thread: Some(thread) }
    }

    /// Lets the next dish run out or come back: the venues in turn, each dish out for one round.
    pub(crate) fn change(&mut self) -> Turned {
        let (place, round) = (self.changes % self.size.all_venues(), self.changes / self.size.all_venues());
        self.changes += 1;
        let brand = &self.brands[usize::try_from(place / self.size.venues).expect("a brand")].clone();
        let venue = VenueId(place % self.size.venues + 1);
        let turn = usize::try_from(round / 2).expect("few rounds");
        let dish = self.dishes[turn % DISHES];
        let is_out = round.is_multiple_of(2);
        let now = clock::now();
        let mut world = self.world();
        let done = if is_out {
            world.set_limit(brand, venue, dish, Quantity::ZERO, now)
        } else {
            world.clear_limit(brand, venue, dish)
        };
        done.expect("a dish of the menu");
        Turned { subject: format!("{brand}/{venue}/{dish}"), is_out }
    }

    /// Sells a portion of one dish at every venue, or puts one back: each list says something else at the next poll.
    pub(crate) fn sell_everywhere(&mut self) {
        self.changes += 1;
        let left = Quantity::whole(if self.changes.is_multiple_of(2) { 40 } else { 41 });
        let (now, dish, size) = (clock::now(), self.dishes[0], self.size);
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        for brand in &self.brands {
            for venue in 1..=size.venues {
                world.set_limit(brand, VenueId(venue), dish, left, now).expect("a dish of the menu");
            }
        }
    }

    /// Returns when the stop list of a venue was last asked for until a moment, if the simulator still knows.
    pub(crate) fn last_poll(&self, brand: &str, venue: u64, until: Timestamp) -> Option<Timestamp> {
        let world = self.world();
        let is_it = |entry: &&Entry| {
            entry.brand.as_deref() == Some(brand) && entry.venue == Some(venue) && entry.path.ends_with("/stop-list")
        };
        let polls = world.log().requests.iter().rev().filter(is_it).map(|entry| Timestamp::from_unix_ms(entry.at_ms));
        polls.into_iter().find(|at| *at <= until)
    }

    /// Answers a request of the first brand as the simulator would, without the network.
    pub(crate) fn answer(&self, request: &ApiRequest) -> Vec<u8> {
        self.world().answer(request, clock::now()).body
    }

    /// Looks at the stop lists that were asked for since the last look.
    pub(crate) fn polls(&mut self) -> Polls {
        let world = Arc::clone(&self.world);
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let log = world.log();
        let new = log.counters.requests - self.asked.requests;
        let kept = u64::try_from(log.requests.len()).expect("a length");
        self.asked.requests = log.counters.requests;
        self.asked.missed += new.saturating_sub(kept);
        let skipped = usize::try_from(kept - new.min(kept)).expect("a length");
        let mut late_ms = Vec::new();
        for entry in log.requests.iter().skip(skipped) {
            let (Some(brand), Some(venue)) = (&entry.brand, entry.venue) else { continue };
            if !entry.path.ends_with("/products/stop-list") || entry.status != 200 {
                continue;
            }
            self.asked.polls += 1;
            if let Some(last_ms) = self.asked.last_ms.insert((brand.clone(), venue), entry.at_ms) {
                #[expect(clippy::cast_precision_loss, reason = "milliseconds between two polls")]
                late_ms.push((entry.at_ms - last_ms - EVERY_MS).max(0) as f64);
            }
        }
        let venues = u64::try_from(self.asked.last_ms.len()).expect("a length");
        Polls { late_ms, venues, all: self.asked.polls, missed: self.asked.missed }
    }

    /// Returns what the simulator counted.
    pub(crate) fn counters(&self) -> Counters {
        self.world().log().counters.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the simulator ends without a panic");
        }
    }
}

/// What was done and is still to be told, by what it is; the time of the change stands beside it.
#[derive(Default)]
pub(crate) struct Awaited {
    turns: BTreeMap<Turned, Waiting>,
    /// How long each event took, in milliseconds, since the last look.
    pub(crate) hook_ms: Vec<f64>,
    pub(crate) screen_ms: Vec<f64>,
    /// What a screen was told and when, since the last look.
    pub(crate) screens: Vec<(Turned, Timestamp)>,
    /// How old the reading was of which a screen was told, in milliseconds.
    pub(crate) status_ms: Vec<f64>,
}

/// Who was told of a change, and when it was.
struct Waiting {
    since: Timestamp,
    hook: bool,
    screen: bool,
}

impl Awaited {
    /// Notes a change that two receivers must be told of.
    pub(crate) fn changed(&mut self, turned: Turned) {
        self.turns.insert(turned, Waiting { since: clock::now(), hook: false, screen: false });
    }

    /// Takes an event of the webhook; one that nobody waits for is a repetition or of the time before.
    pub(crate) fn hook_told(&mut self, turned: &Turned) {
        if let Some(waiting) = self.turns.get_mut(turned).filter(|waiting| !waiting.hook) {
            waiting.hook = true;
            self.hook_ms.push(passed_ms(waiting.since));
            self.forget_if_told(turned);
        }
    }

    /// Takes an event of the broker.
    pub(crate) fn screen_told(&mut self, turned: &Turned) {
        self.screens.push((turned.clone(), clock::now()));
        if let Some(waiting) = self.turns.get_mut(turned).filter(|waiting| !waiting.screen) {
            waiting.screen = true;
            self.screen_ms.push(passed_ms(waiting.since));
            self.forget_if_told(turned);
        }
    }

    /// Takes the status of a venue.
    pub(crate) fn status_told(&mut self, as_of: Timestamp) {
        self.status_ms.push(passed_ms(as_of));
    }

    /// Returns how many changes are not told to everyone yet.
    pub(crate) fn open(&self) -> usize {
        self.turns.len()
    }

    fn forget_if_told(&mut self, turned: &Turned) {
        if self.turns.get(turned).is_some_and(|waiting| waiting.hook && waiting.screen) {
            self.turns.remove(turned);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a delay")]
fn passed_ms(since: Timestamp) -> f64 {
    clock::now().since(since).as_millis() as f64
}
