//! `eightysix replay` on real databases: it tells of an hour what the outbox of that hour holds, and of a month of a
//! simulated chain what stricter rules would have told less. Nothing in the database changes by it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::group::{Route, Way};
use eightysix::alerts::notice::ReceiverName;
use eightysix::alerts::render::Messages;
use eightysix::alerts::report::Reports;
use eightysix::board::Setting;
use eightysix::calendar::{Calendar, Calendars};
use eightysix::catalog::{Catalog, StopEntry, Venue};
use eightysix::clock;
use eightysix::document::Problems;
use eightysix::engine::{Engine, Input, Memory, Policy};
use eightysix::language::Language;
use eightysix::rules::parse::{self, RuleFile};
use eightysix::snapshot::{Access, FreshnessLimits, Reading, again};
use eightysix::store::Store;
use eightysix::topics::BaseTopic;
use eightysix::units::{BrandId, ProductId, Quantity, Timestamp, VenueId, Zone};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;

#[path = "support/canary.rs"]
mod canary;
#[path = "support/month.rs"]
mod month;

const KITCHEN: &str = include_str!("../rules/kitchen.yaml");
const OPERATIONS: &str = include_str!("../rules/operations.yaml");
const VENUE: VenueId = VenueId(1);
/// The client secret of the site's configuration, which a replay reads with the rest of it.
const CANARY: &str = "c4n4ry-0f-4-c0ffee-m1ne";

/// A folder with the configuration of a site and these rules in force.
fn site(rules: &str) -> TempDir {
    let site = tempfile::tempdir().expect("a folder");
    for made in ["rules", "new", "mails"] {
        fs::create_dir(site.path().join(made)).expect("made");
    }
    for (file, text) in [
        ("eightysix.yaml", month::configuration().as_str()),
        ("secret", &format!("{CANARY}\n")),
        ("rules/a.yaml", rules),
    ] {
        fs::write(site.path().join(file), text).expect("written");
    }
    site
}

fn replay(site: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eightysix"));
    command.args(["replay", "--config", "eightysix.yaml"]).args(arguments).env_remove("JOURNAL_STREAM");
    let output = command.current_dir(site).output().expect("it starts");
    // What it printed, and the database and all else that lies there now.
    let secrets = [CANARY.to_owned()];
    for printed in [&output.stdout, &output.stderr] {
        canary::assert_none("a replay", printed, &secrets);
    }
    canary::assert_none_below(site, &["secret"], &secrets);
    output
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing but what was asked for");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn objects(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn of<'a>(objects: &'a [Value], what: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["what"] == what).collect()
}

/// The engine of a service with these rules, and its database.
struct Service {
    engine: Engine,
    store: Store,
    now: Timestamp,
}

impl Service {
    async fn open(site: &Path, rules: &str, begins: Timestamp) -> Self {
        let mut problems = Problems::new();
        let file = RuleFile { name: "a.yaml".into(), bytes: rules.as_bytes().to_vec() };
        let rules = parse::parse(&[file], &mut problems).rules;
        assert!(problems.is_empty(), "{problems:?}");
        let zone = Zone::named("Asia/Baku").expect("a zone");
        let (topics, day_starts) = (BaseTopic::default(), jiff::civil::time(4, 0, 0, 0));
        let ways =
            [("kitchen", Way::Mqtt(topics)), ("managers", Way::Email), ("office", Way::Email), ("ops", Way::Webhook)];
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
        let policy = Arc::new(Policy {
            messages: Messages::compile(&rules, &zone, Language::En).expect("messages that compile"),
            rules,
            routes: ways.map(route).into(),
            feeds: Vec::new(),
            setting: Setting { boot: "test".to_owned(), language: Language::En, zone: zone.clone(), day_starts },
            links: None,
            calendars: Calendars::of_all(Calendar::plain(zone, day_starts)),
        });
        let limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
        let brand = BrandId::new("sahil").expect("a slug");
        let engine = Engine::new(brand, policy, limits, Memory::default());
        let store = Store::open(&site.join("eightysix.db")).await.expect("a database");
        Self { engine, store, now: begins }
    }

    async fn take(&mut self, input: Input) {
        let commit = self.engine.step(input, self.now);
        if commit.is_durable() {
            self.store.commit(self.engine.brand(), &commit, self.now).await.expect("a commit");
        }
        self.engine.adopt(commit);
    }

    async fn read(&mut self, limits: &[(u64, i64)]) {
        let entry = |(id, left): &(u64, i64)| StopEntry {
            product: ProductId(*id),
            limit: Quantity::whole(*left),
            updated_at: None,
        };
        let entries = limits.iter().map(entry).collect();
        self.take(Input::Reading(VENUE, again::stop_list(entries))).await;
        if let Some(second) = again::second_look(&self.engine.memory().venues[&VENUE]) {
            self.take(Input::Reading(VENUE, second)).await;
        }
        self.take(Input::Tick).await;
    }

    /// Reads the same list every 5 s for so many minutes.
    async fn live(&mut self, minutes: u64, limits: &[(u64, i64)]) {
        for _ in 0..minutes * 12 {
            self.read(limits).await;
            self.now = self.now.plus(Duration::from_secs(5));
        }
    }
}

/// The catalog of the simulated menu: 101 is a dish of the kitchen.
fn catalog() -> Catalog {
    month::menu(clock::now())
}

#[tokio::test]
async fn the_rules_in_force_tell_again_what_is_in_the_outbox() {
    let site = site(KITCHEN);
    let mut service = Service::open(site.path(), KITCHEN, clock::now().minus(Duration::from_mins(90))).await;
    let venue = Venue { id: VENUE, name: "Sahil\u{1b}[2J".to_owned(), active: true };
    service.take(Input::Venues(vec![venue])).await;
    service.take(Input::Access(Access::Granted)).await;
    let Catalog { products, stations, .. } = catalog();
    let (products, stations) = (products.into_values().collect(), stations.into_values().collect());
    let stations = Reading::Stations { stations, unreadable: Vec::new(), absence_counts: true };
    service.take(Input::Reading(VENUE, stations)).await;
    service
        .take(Input::Reading(VENUE, Reading::Products { products, unreadable: Vec::new(), absence_counts: true }))
        .await;
    service.live(5, &[(101, 9), (112, 9)]).await;
    service.live(5, &[(101, 0), (112, 9)]).await;
    service.live(20, &[(101, 0), (112, 0)]).await;
    // Out for a minute: what is told of it is over before the mail goes out.
    service.live(1, &[(112, 9)]).await;
    service.live(10, &[(101, 0), (112, 9)]).await;
    service.live(5, &[]).await;
    let told = {
        let options = SqliteConnectOptions::new().filename(site.path().join("eightysix.db"));
        let pool = SqlitePool::connect_lazy_with(options);
        // The first reading is no history: what it showed to be so already was told before it begins.
        let sql = "SELECT receiver, channel, COUNT(*) FROM outbox WHERE at_ms >= (SELECT MIN(at_ms) FROM history)
             GROUP BY receiver, channel ORDER BY receiver";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(&pool).await.expect("the outbox");
        pool.close().await;
        rows
    };
    assert!(told.len() == 3 && told.iter().all(|(.., count)| *count > 1), "{told:?}");

    // The service still holds the database, as beside a running one.
    let objects = objects(&replay(site.path(), &["--since", "1d", "--json"]));
    for receiver in of(&objects, "receiver") {
        let (name, old) = (receiver["receiver"].as_str().expect("a name"), &receiver["old"]);
        let expected = |is_mail: bool| {
            let is_meant = |(to, channel, _): &&(String, String, i64)| to == name && (channel == "email") == is_mail;
            told.iter().filter(is_meant).map(|(.., count)| *count).sum::<i64>()
        };
        assert_eq!((old["mails"].as_i64(), old["events"].as_i64()), (Some(expected(true)), Some(expected(false))));
        assert!(receiver["new"].is_null(), "{receiver}");
    }
    let end = of(&objects, "replayed");
    assert_eq!((&end[0]["gaps"], &end[0]["reaches"], &end[0]["venues"]), (&0.into(), &false.into(), &1.into()));
    fs::write(site.path().join("new/none.yml"), "rules: []\n").expect("written");
    let shown = text(&replay(site.path(), &["--rules", "new"]));
    assert!(shown.contains("no longer told: ") && shown.contains("only with the new rules: nothing"), "{shown}");
    assert!(!shown.contains('\u{1b}') && shown.contains("Sahil [2J"), "names steer no terminal: {shown}");
    service.store.close().await;
}

#[tokio::test]
async fn more_patience_would_have_told_less_of_a_month() {
    let site = site(&format!("{KITCHEN}{}", OPERATIONS.split_once("rules:\n").expect("rules").1));
    let database = site.path().join("eightysix.db");
    let life = month::Life { venues: 3, products: 130, days: 30, ends: clock::now() };
    let lines = month::write(&database, life).await;
    assert!(lines > 5_000, "{lines} lines");
    let before = fs::read(&database).expect("the database");
    fs::write(site.path().join("new/kitchen.yaml"), KITCHEN.replace("for: 20s", "for: 10m")).expect("written");

    let shown = replay(site.path(), &["--since", "30d", "--rules", "new/*.yaml", "--json"]);
    let objects = objects(&shown);
    let number = |value: &Value| value.as_u64().expect("a number");
    let kitchen = of(&objects, "receiver").into_iter().find(|it| it["receiver"] == "kitchen").expect("the kitchen");
    let (old, new) = (number(&kitchen["old"]["events"]), number(&kitchen["new"]["events"]));
    assert!(0 < new && new < old, "{kitchen}");
    let rule = |name: &str| {
        let rule = of(&objects, "rule").into_iter().find(|it| it["rule"] == name).expect("the rule").clone();
        (number(&rule["old"]), number(&rule["new"]))
    };
    let (old, new) = rule("sold-out");
    let vanished = of(&objects, "vanishes").iter().filter(|it| it["rule"] == "sold-out").count() as u64;
    assert!(new < old && vanished >= old - new, "{old} {new} {vanished}");
    let (old, new) = rule("back-on-sale");
    assert!(old == new && old > 0, "a rule that is the same tells the same: {old} {new}");
    assert_eq!(of(&objects, "appears").iter().filter(|it| it["change"] == true).count(), 0);
    let left_out: Vec<&str> = of(&objects, "left_out").iter().filter_map(|it| it["rule"].as_str()).collect();
    assert_eq!(left_out, ["brand-unreachable", "credentials-refused", "venue-unreadable"]);
    let end = of(&objects, "replayed")[0];
    assert_eq!(
        (&end["gaps"], &end["venues"], end["unwatched"].as_array().map(Vec::len)),
        (&0.into(), &3.into(), Some(0))
    );
    assert!(number(&end["changes"]) > lines * 9 / 10, "{end} of {lines}");
    let days = of(&objects, "day");
    let lively = days.iter().filter(|day| number(&day["old"]) > 0).count();
    assert!((30..=32).contains(&days.len()) && lively >= 29, "{days:?}");
    assert!(fs::read(&database).expect("the database") == before, "nothing is written");

    let shown = text(&replay(site.path(), &["--since", "30d", "--rules", "new"]));
    println!("{shown}");
    for words in ["receiver", "mails old", "sold-out", "and ", " more; --json has all", "█", "venue.reading"] {
        assert!(shown.contains(words), "'{words}' is missing in\n{shown}");
    }
    assert!(shown.lines().count() < 100, "a person reads it");
}
