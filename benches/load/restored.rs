//! A database as a chain of one brand leaves it: every venue read to the end, without the hours that its walks would take.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eightysix::catalog::Venue;
use eightysix::clock;
use eightysix::clopos::budget::RateLimit;
use eightysix::clopos::decode::{self, Reply};
use eightysix::engine::{Commit, Stored};
use eightysix::poll::{Learned, Next, Plan, Settings};
use eightysix::snapshot::{Reading, Snapshot};
use eightysix::store::Store;
use eightysix::units::{BrandId, Uptime, VenueId};

use crate::asked;
use crate::chain::{Chain, SECRET};

/// Writes what is known of the first brand's venues into a database.
pub(crate) async fn fill(path: &Path, chain: &Chain) {
    let name = chain.size.names().next().expect("a brand");
    let read = read_first_venue(chain, &name);
    let store = Store::open(path).await.expect("a new database");
    let brand = BrandId::new(&name).expect("a slug");
    for id in 1..=chain.size.venues {
        let venue = Venue { id: VenueId(id), ..read.venue.clone() };
        let mut commit = Commit::default();
        commit.stored.insert(venue.id, Stored { snapshot: true, catalog: true });
        commit.venues.push(Arc::new(Snapshot { venue, ..read.clone() }));
        store.commit(&brand, &commit, clock::now()).await.expect("a commit");
    }
    store.close().await;
}

/// Reads the first venue by the real plan, decoder and snapshot.
fn read_first_venue(chain: &Chain, brand: &str) -> Snapshot {
    let token = asked::token(&chain.answer(&asked::login(brand, brand, SECRET)));
    let mut plan = Plan::new(Settings::default(), 240, Some([VenueId(1)].into()), []);
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
    let mut now = Uptime(Duration::from_hours(1));
    // Two walks: the second one makes sure of what the first one found.
    while now < Uptime(Duration::from_hours(2)) {
        let request = match plan.next(now) {
            Next::Send(request) => request,
            Next::Wait { until, .. } => {
                now = until;
                continue;
            }
        };
        plan.sent(&request, now);
        now = now.plus(Duration::from_millis(200));
        let body = chain.answer(&asked::get(&request, &token));
        let reply = Reply { status: 200, rate_limit: RateLimit::default(), redirect: None, body: &body, secrets: &[] };
        let (answer, _) = decode::decode(&request, &reply).expect("an answer of the simulator");
        let reading = match plan.answered(&request, Ok(answer), now) {
            Some(Learned::OfVenue(_, reading) | Learned::OfBrand(reading)) => reading,
            Some(Learned::Venues(_)) | None => continue,
        };
        let is_list = matches!(reading, Reading::StopList { .. });
        snapshot = snapshot.fold(reading, clock::now());
        if is_list {
            plan.observed(&snapshot, false, now);
        }
    }
    assert!(snapshot.is_complete() && !snapshot.picture.catalog.prices.is_empty(), "everything was read");
    snapshot
}
