//! What Clopos answers: the real service watches one brand for each case, and every brand's Clopos turns bad in its way.
//!
//! First all is well and everything is read once; then one endpoint of each brand answers as its case says. The log must
//! have the message, the database the same picture and alerts as before, and nobody may be told anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use eightysix::engine::Memory;
use eightysix::store::Store;
use eightysix::units::{BrandId, VenueId};
use serde_json::Value;
use tempfile::TempDir;

use crate::pos::{Bad, Pos, TOKEN};
use crate::process::Service;
use crate::promises::CANARY;
use crate::table::{self, Case, Outcome};
use crate::wait;

/// What the service may hold at most while brands are answered badly: each answer is read up to 8 MiB.
const MEMORY_KIB_MAX: u64 = 256 * 1024;
/// Brands of one service: Clopos lets an address log in so often a minute, and no more.
const BRANDS_MAX: usize = 34;

const RULES: &str = "rules:
  - { name: sold-out, when: { limit: { at_most: 0 } }, for: 0s, notify: [managers] }
  - { name: off, subject: station, when: { station.status: inactive }, for: 0s, notify: [managers] }
";

/// Reads a case: the request, the status with headers below it, and the body in the last lines.
fn bad(case: &Case) -> Bad {
    let [request, status, rest @ ..] = case.given.as_slice() else { panic!("{}: a request and a status", case.name) };
    let is_header =
        |line: &&String| line.split_once(": ").is_some_and(|(name, _)| !name.contains(['{', '"', ' ', '<']));
    let headers: Vec<&String> = rest.iter().take_while(is_header).collect();
    let body = table::bytes(&rest[headers.len()..].join("\n"));
    let mut answer = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n").into_bytes();
    for header in &headers {
        answer.extend([&table::bytes(header)[..], b"\r\n"].concat());
    }
    if !headers.iter().any(|header| header.starts_with("content-length")) {
        answer.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    answer.extend([b"\r\n", &body[..]].concat());
    if status == "raw" {
        answer = body;
    }
    Bad { request: request.clone(), answer }
}

fn configuration(pos: &Pos, brands: usize) -> String {
    let brand = |n| format!("    - {{ brand: b{n}, client_id: c, client_secret: {{ file: secret }}, venues: [1] }}\n");
    let brands: String = (0..brands).map(brand).collect();
    format!(
        "locale: {{ timezone: Asia/Baku, currency: AZN }}
clopos:
  base_url: http://{}/open-api/v2
  integrator_id: int-123
  brands:
{brands}polling: {{ fastest: 1s, oldest: 5s, catalog: 5s, prices: 5s }}
smtp: {{ box: {{ folder: mails, from: 86@example.com }} }}
receivers: {{ managers: {{ email: {{ smtp: box, to: a@example.com }}, group_wait: 0s }} }}
rules: [rules.yaml]
http: {{ listen: \"127.0.0.1:0\" }}
",
        pos.address
    )
}

/// Reads what the database remembers of each brand, and how many notices there are.
fn remembered(database: &Path, brands: usize) -> (Vec<Memory>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open_beside(database).await.expect("the database");
        let mut memories = Vec::new();
        for n in 0..brands {
            memories.push(store.load(&brand(n)).await.expect("the memory of a brand"));
        }
        let depth = store.outbox_depth().await.expect("the outbox");
        store.close().await;
        (memories, depth.waiting + depth.dead + depth.delivered + depth.expired)
    })
}

fn brand(n: usize) -> BrandId {
    BrandId::new(&format!("b{n}")).expect("a brand")
}

/// Shows what is known of the venue, a line for each kind of thing.
fn picture(memory: &Memory) -> Vec<String> {
    let Some(snapshot) = memory.venues.get(&VenueId(1)) else { return vec!["no venue".to_owned()] };
    let catalog = &snapshot.picture.catalog;
    let joined = |parts: Vec<String>| parts.join(", ");
    let rows = snapshot.picture.rows.iter().map(|(id, row)| format!("{id} at {}", row.limit));
    let products = catalog.products.values().map(|it| format!("{} {} {}", it.id, it.name, it.price));
    let stations = catalog.stations.values().map(|it| {
        let state = if it.active { "on" } else { "off" };
        format!("{} {} {state}", it.id, it.name)
    });
    let prices = catalog.prices.iter().map(|((list, product), price)| format!("{product} for {price} in {}", list.0));
    let alerts = memory.book.iter().map(|(key, _)| format!("{} {:?}", key.rule, key.subject));
    vec![
        format!("stop list: {}", joined(rows.collect())),
        format!("products: {}", joined(products.collect())),
        format!("stations: {}", joined(stations.collect())),
        format!("prices: {}", joined(prices.collect())),
        format!("alerts: {}", joined(alerts.collect())),
    ]
}

/// Returns every warning, error and finding of a brand, each once, sorted.
fn said(log: &str, from: usize) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.get(from..).unwrap_or_default().lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        if text("level") != "INFO" {
            found.entry(text("brand")).or_default().push(format!("{} {}", text("level"), text("message")));
        }
    }
    for lines in found.values_mut() {
        lines.sort();
        lines.dedup();
    }
    found
}

/// Runs the cases as the brands of one service.
fn run(cases: &[Case]) -> Vec<Outcome> {
    let folder = TempDir::new().expect("a folder");
    let path = |file: &str| folder.path().join(file);
    let pos = Pos::open(cases.iter().map(bad).collect());
    fs::write(path("eightysix.yaml"), configuration(&pos, cases.len())).expect("written");
    fs::write(path("rules.yaml"), RULES).expect("written");
    fs::write(path("secret"), CANARY).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_eightysix"));
    command.args(["run", "--log", "info,eightysix::watcher=debug", "--log-format", "json"]);
    command.current_dir(folder.path()).env_clear().env("PATH", "/usr/bin:/bin");
    let service = Service::start(command, &path("log"));
    service.says("watching b0");
    let is_whole = |memory: &Memory| {
        let venue = memory.venues.get(&VenueId(1));
        venue.is_some_and(|it| it.catalog_read_at.is_some() && it.prices_read_at.is_some())
            && memory.book.iter().count() == 2
    };
    let known = || {
        let (memories, notices) = remembered(&path("eightysix.db"), cases.len());
        (memories.iter().all(is_whole)).then_some((memories, notices))
    };
    let Some((before, notices)) = wait::within_patience(known) else { panic!("not all was read\n{}", service.story()) };
    let from = service.log().len();
    pos.turn_bad();
    let unsaid = || -> Vec<&str> {
        let told = said(&service.log(), from);
        let has_said = |n: usize, case: &Case| {
            let told = told.get(&format!("b{n}"));
            pos.given(n) > 0 && case.said.iter().all(|line| told.is_some_and(|told| told.contains(line)))
        };
        cases.iter().enumerate().filter(|(n, case)| !has_said(*n, case)).map(|(_, case)| case.name.as_str()).collect()
    };
    if table::updates() {
        wait::until("every bad answer was given", || (0..cases.len()).all(|n| pos.given(n) > 0).then_some(()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(wait::while_a_fault_lasts(Duration::from_secs(8)));
    } else if wait::within_patience(|| unsaid().is_empty().then_some(())).is_none() {
        eprintln!("not all was said within a minute in: {}", unsaid().join("; "));
    }
    let log = service.log();
    assert!(service.memory_peak_kib() <= MEMORY_KIB_MAX, "no answer, however large, is kept");
    assert!(service.end("TERM").success(), "{log}");
    let (after, notices_after) = remembered(&path("eightysix.db"), cases.len());
    let told = said(&log, from);
    let mut outcomes = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        let mut lost = lost(case, &before[n], &after[n]);
        if notices_after != notices {
            lost.push(format!("{notices} notices were told before, now {notices_after}, by this brand or another"));
        }
        let name = format!("b{n}");
        let lines: String = log.lines().filter(|line| line.contains(&format!("\"{name}\""))).collect();
        if log.contains(TOKEN) {
            lost.push("a token was logged".to_owned());
        }
        outcomes.push(Outcome { said: told.get(&name).cloned().unwrap_or_default(), lost, seen: lines });
    }
    outcomes
}

/// Compares what is known with what was known; a case names the lines that may differ.
fn lost(case: &Case, before: &Memory, after: &Memory) -> Vec<String> {
    let mut lost = Vec::new();
    let same = |memory: &Memory| {
        let pictures: Vec<_> = memory.venues.values().map(|venue| (venue.id(), venue.picture.clone())).collect();
        format!("{pictures:?} {:?}", memory.book)
    };
    if case.keeps("everything") {
        if same(before) != same(after) {
            lost.push(format!(
                "before\n  {}\nand now\n  {}",
                picture(before).join("\n  "),
                picture(after).join("\n  ")
            ));
        }
        return lost;
    }
    let kind = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    for (was, is) in picture(before).into_iter().zip(picture(after)) {
        let named = case.kept.iter().find(|line| kind(line) == kind(&was));
        let expected = named.cloned().unwrap_or(was);
        if is != expected {
            lost.push(format!("{is}\nand not\n{expected}"));
        }
    }
    for line in &case.kept {
        assert!(picture(before).iter().any(|it| kind(it) == kind(line)), "{}: '{line}' is no line of it", case.name);
    }
    lost
}

#[test]
fn bad_answers_of_clopos() {
    let cases = table::cases("answers");
    let groups: Vec<&[Case]> = cases.chunks(cases.len().div_ceil(cases.len().div_ceil(BRANDS_MAX))).collect();
    let outcomes = std::thread::scope(|scope| {
        let running: Vec<_> = groups.iter().map(|group| scope.spawn(|| run(group))).collect();
        running.into_iter().flat_map(|group| group.join().expect("a service")).collect::<Vec<_>>()
    });
    table::compare("answers", &cases, &outcomes);
}
