//! The floor of the run: how many stop lists the simulator can answer in a second, when the client does nothing with them.

use std::time::Duration;

use eightysix::clock;
use eightysix::simulator::limits::Rates;
use eightysix::simulator::plan::DEMO_INTEGRATOR;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::chain::{Chain, SECRET, Size};

/// How long is measured.
const LONG: Duration = Duration::from_secs(5);
/// Connections that ask at once.
const CALLERS: usize = 16;

/// Asks as fast as it can and says how many a second were answered, client and simulator on the same processors.
pub(crate) fn measure(size: Size) -> String {
    let rates = Rates { auth: u32::MAX, errors: u32::MAX, tenant: u32::MAX };
    let chain = Chain::open(Size { brands: 1, ..size }, rates);
    let base = format!("http://{}/open-api/v2", chain.address);
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(ask(base))
    });
    let (count, bytes) = asked.join().expect("no panic");
    format!("the simulator alone answers {} stop lists of {bytes} bytes a second", count / LONG.as_secs())
}

async fn ask(base: String) -> (u64, usize) {
    // A second caller finds the provider installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = reqwest::Client::builder().build().expect("a client");
    let brand = "b001";
    let fields =
        json!({ "client_id": brand, "client_secret": SECRET, "brand": brand, "integrator_id": DEMO_INTEGRATOR });
    let login = http.post(format!("{base}/auth")).header("content-type", "application/json").body(fields.to_string());
    let body = login.send().await.expect("an answer").bytes().await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let token = body["token"].as_str().expect("a token").to_owned();
    let end = clock::uptime().plus(LONG);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (http, token, url) = (http.clone(), token.clone(), format!("{base}/products/stop-list"));
        callers.spawn(async move {
            let (mut count, mut bytes) = (0, 0);
            while clock::uptime() < end {
                let venue = (caller % 4 + 1).to_string();
                let answer = http.get(&url).header("x-token", &token).header("x-venue", venue).send().await;
                let answer = answer.expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.status());
                bytes = answer.bytes().await.expect("a body").len();
                count += 1;
            }
            (count, bytes)
        });
    }
    let mut all = (0, 0);
    while let Some(ended) = callers.join_next().await {
        let (count, bytes) = ended.expect("no panic");
        all = (all.0 + count, bytes);
    }
    all
}
