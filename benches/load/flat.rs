//! How many polls one core makes: the watcher without its quota asks, compares, steps and plans what screens are told, without
//! a pause; beside it a bare loop that asks and decodes. Each is a process of its own with one thread.
//!
//! Nothing is written, since nothing changes. The one message of each venue in 5 s to a broker is drawn and not sent.

use std::collections::{BTreeMap, VecDeque};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eightysix::clock;
use eightysix::clopos::query::Request;
use eightysix::clopos::repeat::ListBytes;
use eightysix::clopos::{self, BODY_BYTES_MAX, BrandSettings, Fetched, Settings, TIME_LIMIT};
use eightysix::simulator::plan::{DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_INTEGRATOR};
use eightysix::units::{BrandId, Secret};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::bare::{self, Answer};
use crate::brand::{self, Size};
use crate::chain;
use crate::watched;

/// The argument with which this program is the watcher or the loop.
pub(crate) const FLAT: &str = "flat-out";
/// The brands that are watched at once: twenty times the same one.
const BRANDS: usize = 20;
const SIZE: Size = Size { venues: 20, products: 300, rows: 50, rules: 18, receivers: 0 };
/// Requests on their way at once.
const ON_THE_WAY: usize = 16;
/// Every list is known by then.
const WARM: Duration = Duration::from_secs(2);
const LOOP: &str = "loop";
const WATCHER: &str = "watcher";

/// Polls a second that a core makes.
pub(crate) struct Flat {
    pub(crate) watcher: f64,
    pub(crate) bare: f64,
}

/// Measures both, one after the other.
pub(crate) fn measure(long: Duration) -> Flat {
    let (world, stop) = (Arc::new(Mutex::new(brand::world(SIZE))), CancellationToken::new());
    let (address, thread) = chain::serve(&world, &stop);
    let polls_a_second = |who: &str| {
        let program = std::env::current_exe().expect("this program");
        let arguments = [FLAT, who, &address.to_string(), &long.as_secs().to_string()];
        let output = Command::new(program).args(arguments).output().expect("it runs");
        let said = String::from_utf8(output.stdout).expect("numbers");
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let numbers: Vec<f64> = said.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        // Of a second of the processor, whatever the simulator on the other core lets through.
        numbers[1] / (numbers[0] / 100.0)
    };
    let flat = Flat { bare: polls_a_second(LOOP), watcher: polls_a_second(WATCHER) };
    stop.cancel();
    thread.join().expect("no panic");
    flat
}

/// Is one of them: `flat-out WHO ADDRESS SECONDS`. Prints hundredths of a second of the processor, and polls.
pub(crate) fn run(arguments: &[String]) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let base = format!("http://{}/open-api/v2", arguments[1]);
    let long = Duration::from_secs(arguments[2].parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (cpu_cs, polls) = match arguments[0].as_str() {
        WATCHER => runtime.block_on(watch(base, long)),
        _ => runtime.block_on(ask(base, long)),
    };
    println!("{cpu_cs} {polls}");
}

/// Counts from the end of the warming on.
struct Count {
    begun: eightysix::units::Uptime,
    long: Duration,
    polls: u64,
    cpu_cs: Option<u64>,
}

impl Count {
    fn new(long: Duration) -> Self {
        Self { begun: clock::uptime(), long, polls: 0, cpu_cs: None }
    }

    /// Counts one more, and says whether there is time for another.
    fn goes_on(&mut self) -> bool {
        let passed = clock::uptime().since(self.begun);
        if self.cpu_cs.is_some() {
            self.polls += 1;
        } else if passed >= WARM {
            self.cpu_cs = Some(cpu_cs());
        }
        passed < WARM + self.long
    }

    fn end(self) -> (u64, u64) {
        (cpu_cs() - self.cpu_cs.expect("it was warm"), self.polls)
    }
}

fn cpu_cs() -> u64 {
    watched::usage_of(std::process::id()).expect("this process").cpu_cs
}

async fn watch(base_url: String, long: Duration) -> (u64, u64) {
    let brand = BrandSettings {
        brand: BrandId::new(DEMO_BRAND).expect("a slug"),
        client_id: DEMO_CLIENT_ID.to_owned(),
        client_secret: Secret::new(DEMO_CLIENT_SECRET),
        requests_per_minute: 290,
    };
    let settings = Settings {
        base_url,
        integrator_id: DEMO_INTEGRATOR.to_owned(),
        time_limit: TIME_LIMIT,
        body_bytes_max: BODY_BYTES_MAX,
        ca_file: None,
        brands: vec![brand],
    };
    let client = clopos::connect(&settings).expect("a client").remove(0);
    let token = client.authenticate().await.result.expect("a token");
    let mut brands: Vec<_> =
        (0..BRANDS).map(|_| (brand::Chain::open(SIZE), BTreeMap::<_, Arc<ListBytes>>::new())).collect();
    let mut idle: VecDeque<usize> = (0..BRANDS).collect();
    let (mut on_the_way, mut count) = (FuturesUnordered::new(), Count::new(long));
    loop {
        while let Some(nth) = idle.pop_front_if(|_| on_the_way.len() < ON_THE_WAY) {
            let request = brands[nth].0.request();
            let known = request.venue().and_then(|venue| brands[nth].1.get(&venue).cloned());
            let (client, token) = (&client, &token);
            on_the_way.push(async move {
                let known = known.filter(|_| matches!(request, Request::StopList { .. }));
                let fetched = client.fetch(&request, token, known.as_deref()).await;
                (nth, request, fetched)
            });
        }
        let (nth, request, Fetched { result, bytes, .. }) = on_the_way.next().await.expect("some are on their way");
        let (answer, _) = result.expect("an answer");
        let (chain, known) = &mut brands[nth];
        chain.take(&request, answer);
        if let (Some(venue), Some(bytes)) = (request.venue(), bytes) {
            known.insert(venue, Arc::new(bytes));
        }
        idle.push_back(nth);
        if !count.goes_on() {
            return count.end();
        }
    }
}

async fn ask(base: String, long: Duration) -> (u64, u64) {
    let http = reqwest::Client::builder().build().expect("a client");
    let login = bare::log_in(&http, &base, (DEMO_BRAND, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)).await;
    let (mut on_the_way, mut count, mut nth) = (FuturesUnordered::new(), Count::new(long), 0_u64);
    loop {
        while on_the_way.len() < ON_THE_WAY {
            nth += 1;
            let (http, url, token) = (&http, format!("{base}/products/stop-list"), &login);
            let venue = (nth % SIZE.venues + 1).to_string();
            on_the_way.push(async move {
                let answer = http.get(url).header("x-token", token).header("x-venue", venue).send().await;
                let body = answer.expect("an answer").bytes().await.expect("a body");
                serde_json::from_slice::<Answer>(&body).expect("a list").assert_whole();
            });
        }
        on_the_way.next().await;
        if !count.goes_on() {
            return count.end();
        }
    }
}
