//! The floor of the run: a loop that asks for every stop list once a second with reqwest, decodes it with serde_json, and does
//! nothing with it. It runs as a process of its own, so that the system says what it costs.

use std::process::Command;
use std::time::Duration;

use eightysix::simulator::limits::Rates;
use eightysix::simulator::plan::DEMO_INTEGRATOR;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use crate::chain::{Chain, SECRET, Size};
use crate::watched;

/// The argument with which this program is the loop.
pub(crate) const BARE: &str = "bare-loop";

/// What was measured of a loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Microseconds of the processor for each poll.
    pub(crate) cpu_us: f64,
    /// Resident memory, in MB.
    pub(crate) rss_mb: f64,
}

/// A stop list.
#[derive(Deserialize)]
pub(crate) struct Answer {
    success: bool,
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    limit: f64,
    timestamp: i64,
}

impl Answer {
    /// Uses what was decoded.
    pub(crate) fn assert_whole(&self) {
        let said = self.data.iter().map(|row| (row.id, row.limit, row.timestamp)).max_by_key(|row| row.0);
        assert!(self.success && said.is_some());
    }
}

/// Runs the loop beside a chain of its own and returns what a poll costs.
pub(crate) fn measure(size: Size, long: Duration) -> Cost {
    let chain = Chain::open(size, Rates { auth: u32::MAX, ..Rates::default() });
    let program = std::env::current_exe().expect("this program");
    let (brands, venues, s) = (size.brands.to_string(), size.venues.to_string(), long.as_secs().to_string());
    let arguments = [BARE, &chain.address.to_string(), &brands, &venues, &s];
    let output = Command::new(program).args(arguments).output().expect("the loop runs");
    let said = String::from_utf8(output.stdout).expect("numbers");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let mut numbers = said.split_whitespace().map(|word| word.parse::<f64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let (cpu_us, polls, rss_mb) = (next(), next(), next());
    Cost { cpu_us: cpu_us / polls, rss_mb }
}

/// Is the loop: `bare-loop ADDRESS BRANDS VENUES SECONDS`. Prints microseconds of the processor, polls and MB.
pub(crate) fn run(arguments: &[String]) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let number = |at: usize| arguments[at].parse::<u64>().expect("a number");
    let size = Size { brands: number(1), venues: number(2), products: 0, rows: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (cpu_us, polls) = runtime.block_on(ask(format!("http://{}/open-api/v2", arguments[0]), size, number(3)));
    let usage = watched::usage_of(std::process::id()).expect("this process");
    #[expect(clippy::cast_precision_loss, reason = "kilobytes for people")]
    let rss_mb = usage.rss_kb as f64 / 1024.0;
    println!("{cpu_us} {polls} {rss_mb}");
}

/// Logs in with brand, client id and secret, and returns the token.
pub(crate) async fn log_in(http: &reqwest::Client, base: &str, (brand, id, secret): (&str, &str, &str)) -> String {
    let fields = json!({ "client_id": id, "client_secret": secret, "brand": brand, "integrator_id": DEMO_INTEGRATOR });
    let login = http.post(format!("{base}/auth")).header("content-type", "application/json");
    let body = login.body(fields.to_string()).send().await.expect("an answer").bytes().await.expect("a body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    body["token"].as_str().expect("a token").to_owned()
}

async fn ask(base: String, size: Size, seconds: u64) -> (u64, u64) {
    let http = reqwest::Client::builder().build().expect("a client");
    let mut tokens = Vec::new();
    for brand in size.names() {
        tokens.push(log_in(&http, &base, (&brand, &brand, SECRET)).await);
    }
    let before = watched::usage_of(std::process::id()).expect("this process").cpu_cs;
    let mut venues = JoinSet::new();
    let all = u32::try_from(size.all_venues()).expect("few");
    for (nth, token) in (0_u32..).zip(tokens.iter().flat_map(|token| (1..=size.venues).map(move |_| token))) {
        let (http, token, url) = (http.clone(), token.clone(), format!("{base}/products/stop-list"));
        let venue = (u64::from(nth) % size.venues + 1).to_string();
        venues.spawn(async move {
            // The venues one after the other, not all at once.
            let mut turn = tokio::time::interval(Duration::from_secs(1) * (nth + 1) / all);
            turn.tick().await;
            turn.tick().await;
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            for _ in 0..seconds {
                ticks.tick().await;
                let answer = http.get(&url).header("x-token", &token).header("x-venue", &venue).send().await;
                let body = answer.expect("an answer").bytes().await.expect("a body");
                serde_json::from_slice::<Answer>(&body).expect("a list").assert_whole();
            }
        });
    }
    while let Some(ended) = venues.join_next().await {
        ended.expect("no panic");
    }
    let after = watched::usage_of(std::process::id()).expect("this process").cpu_cs;
    ((after - before) * 10_000, size.all_venues() * seconds)
}
