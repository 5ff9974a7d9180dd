//! The simulated Clopos of a story: its world, and a server for it on a thread of its own.
//!
//! On a thread, so that a story that waits for a mail does not keep the point of sale from answering.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use eightysix::clock;
use eightysix::simulator::log::Entry;
use eightysix::simulator::plan::WorldPlan;
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::script;
use eightysix::simulator::server::{self, Door};
use eightysix::simulator::world::World;
use eightysix::units::{BrandId, ProductId, VenueId};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::CLIENT_SECRET;
use crate::wait;

/// A running simulator with the brand `sahil`, whose stop lists are empty at first.
pub(crate) struct Pos {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Pos {
    pub(crate) fn open(venues: u64) -> Self {
        let world = Arc::new(Mutex::new(World::new(&WorldPlan::demo(1, venues), clock::now())));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a non-blocking socket");
        let address = socket.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let (served, until) = (Arc::clone(&world), stop.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let socket = tokio::net::TcpListener::from_std(socket).expect("a socket for tokio");
                server::serve(served, socket, Door::Closed, until).await.expect("the simulator serves");
            });
        });
        let pos = Self { address, world, stop, thread: Some(thread) };
        pos.act(&json!({ "client_secret": { "brand": "sahil", "secret": CLIENT_SECRET } }));
        for venue in 1..=venues {
            pos.act(&json!({ "clear_all_limits": { "brand": "sahil", "venue": venue } }));
        }
        pos
    }

    /// Does what a person at the till or an operator of Clopos would do.
    pub(crate) fn act(&self, script: &Value) {
        self.act_between_requests(script);
    }

    /// As [`Self::act`], and returns how many requests were answered before it.
    pub(crate) fn act_between_requests(&self, script: &Value) -> u64 {
        let actions = script::read(script.to_string().as_bytes()).expect("a script");
        let mut world = self.world();
        world.act(actions, clock::now()).expect("an action that can be done");
        world.log().counters.requests
    }

    /// Every request so far and how it was answered, in order.
    pub(crate) fn requests(&self) -> Vec<Entry> {
        let world = self.world();
        assert_eq!(world.log().counters.forgotten, 0, "the log of a story is whole");
        world.log().requests.iter().cloned().collect()
    }

    /// How many requests were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.world().log().counters.requests
    }

    /// From which limit down a product is low.
    pub(crate) fn low_at(&self, product: u64) -> i64 {
        let brand = BrandId::new("sahil").expect("a slug");
        i64::from(self.world().product(&brand, ProductId(product)).expect("a product").low_stock)
    }

    /// The category of a dish.
    pub(crate) fn category_of(&self, product: u64) -> u64 {
        let brand = BrandId::new("sahil").expect("a slug");
        self.world().product(&brand, ProductId(product)).expect("a product").category.expect("it has one").0
    }

    /// Whether the stations of a venue are switched on, by their ids.
    pub(crate) fn stations(&self, venue: u64) -> BTreeMap<u64, bool> {
        let brand = BrandId::new("sahil").expect("a slug");
        let world = self.world();
        let stations = &world.venue(&brand, VenueId(venue)).expect("a venue").stations;
        stations.iter().map(|(id, station)| (id.0, station.active)).collect()
    }

    /// Sets what is left of a product at venue 1.
    pub(crate) fn limit(&self, product: u64, limit: u64) {
        self.act(&json!({ "set_limit": { "brand": "sahil", "venue": 1, "product": product, "limit": limit } }));
    }

    /// Takes a product off the stop list of venue 1.
    pub(crate) fn restock(&self, product: u64) {
        self.act(&json!({ "clear_limit": { "brand": "sahil", "venue": 1, "product": product } }));
    }

    /// How often a list was asked for.
    pub(crate) fn asked(&self, endpoint: Endpoint) -> u64 {
        self.world().log().counters.by_endpoint.get(&endpoint).copied().unwrap_or(0)
    }

    /// Waits until the stop lists were asked for so many times more.
    pub(crate) fn wait_for_polls(&self, count: u64) {
        let before = self.asked(Endpoint::StopList);
        wait::until("more polls", || (self.asked(Endpoint::StopList) >= before + count).then_some(()));
    }

    /// How many of our requests Clopos refused as too many: a watcher that paces itself has none.
    pub(crate) fn refused_as_too_many(&self) -> u64 {
        self.world().log().counters.refused.total()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pos {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the simulator ends without a panic");
        }
    }
}
