//! The store under kill -9: what a process reported as committed is there after its death, whole, and nothing else is.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use eightysix::alerts::AlertKey;
use eightysix::alerts::lifecycle::{Alert, Turns};
use eightysix::alerts::notice::{Channel, Content, Event, Notice, NoticeId, ReceiverName};
use eightysix::catalog::Venue;
use eightysix::engine::{Commit, Stored};
use eightysix::rules::{RuleName, Subject};
use eightysix::snapshot::Snapshot;
use eightysix::snapshot::diff::Change;
use eightysix::store::{Finish, Store};
use eightysix::telemetry::chain;
use eightysix::units::{BrandId, ProductId, Timestamp, VenueId};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How often a committing process is killed.
const KILLS: u64 = 20;
/// A commit takes milliseconds; a machine that needs longer than this for one is broken.
const LINE_LIMIT: Duration = Duration::from_secs(30);

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

fn receiver() -> ReceiverName {
    ReceiverName::new("office")
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_778_250_000_000 + i64::try_from(number).expect("small"))
}

/// A cycle that says its number in every table.
fn cycle(number: u64) -> Commit {
    let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: format!("venue {number}"), active: true });
    snapshot.seq = number;
    let key = AlertKey { subject: Subject::Brand, rule: RuleName::new("refused").expect("a name") };
    let mut commit = Commit::default();
    commit.venues = vec![Arc::new(snapshot)];
    commit.stored = [(VenueId(1), Stored { snapshot: true, catalog: true })].into();
    commit.alerts = vec![(key, Some(Alert::Pending { since: at(number), baseline: false, turns: Turns::default() }))];
    commit.changes = vec![(VenueId(1), Change::Row { product: ProductId(number), before: None, after: None })];
    commit.notices = vec![Notice {
        id: NoticeId::from_stored(&number.to_string()),
        receiver: receiver(),
        at: at(number),
        content: Content::Webhook(Event { body: "{}".to_owned() }),
        summary: String::new(),
    }];
    commit
}

/// Commits the cycles that follow those in the store, says so for each, and delivers a notice in every second of them.
async fn commits(path: &Path, most: u64) {
    let store = Store::open(path).await.expect("the store opens");
    let memory = store.load(&brand()).await.expect("loaded");
    let done = memory.venues.get(&VenueId(1)).map_or(0, |snapshot| snapshot.seq);
    for number in done + 1..=done + most {
        store.commit(&brand(), &cycle(number), at(number)).await.expect("committed");
        println!("committed {number}");
        if number % 2 == 0 {
            let waiting = store.waiting(&receiver(), Channel::Webhook, 1, at(number)).await.expect("a look");
            store.finish(&[(waiting[0].row, Finish::Delivered { but: None })], at(number)).await.expect("finished");
            println!("delivered {}", waiting[0].notice.id);
        }
    }
    store.close().await;
}

/// What is in the store, read without it: notices in order with whether they are delivered.
struct Found {
    notices: Vec<(u64, bool)>,
    history: i64,
    integrity: String,
}

async fn look(path: &Path) -> Found {
    let raw = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.expect("the file opens");
    let rows = sqlx::query("SELECT notice, state FROM outbox ORDER BY id").fetch_all(&raw).await;
    let notice = |row: &sqlx::sqlite::SqliteRow| {
        (row.get::<&str, _>(0).parse().expect("a number"), row.get::<&str, _>(1) == "delivered")
    };
    let history = sqlx::query("SELECT COUNT(*) FROM history").fetch_one(&raw).await.expect("counted").get(0);
    let integrity = sqlx::query("PRAGMA integrity_check").fetch_one(&raw).await.expect("checked").get(0);
    raw.close().await;
    Found { notices: rows.expect("read").iter().map(notice).collect(), history, integrity }
}

async fn check(path: &Path, committed: u64, delivered: &[u64]) {
    let store = Store::open(path).await.expect("the lock of the dead process is free");
    let memory = store.load(&brand()).await.expect("loaded");
    store.close().await;
    let found = look(path).await;
    assert_eq!(found.integrity, "ok");
    let last = found.notices.len() as u64;
    assert!(last == committed || last == committed + 1, "{last} notices for {committed} reported cycles");
    let numbers: Vec<u64> = found.notices.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    let snapshot = &memory.venues[&VenueId(1)];
    assert_eq!((snapshot.seq, snapshot.venue.name.clone()), (last, format!("venue {last}")));
    let alerts: Vec<&Alert> = memory.book.iter().map(|(_, alert)| alert).collect();
    assert_eq!(alerts, [&Alert::Pending { since: at(last), baseline: false, turns: Turns::default() }]);
    assert_eq!(found.history, i64::try_from(last).expect("small"), "a line of history for each cycle");
    for number in delivered {
        assert!(found.notices.contains(&(*number, true)), "{number} was reported as delivered");
    }
}

/// Starts this program again, to run nothing but the test below, on this store.
fn start(path: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_process_commits_until_it_is_killed", "--nocapture"])
        .arg(path)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let stdout = child.stdout.take().expect("piped");
    (child, BufReader::new(stdout).lines())
}

/// As a child of the next test it is given a store and commits until it is killed; alone it makes one and checks it.
#[tokio::test]
async fn a_process_commits_until_it_is_killed() {
    let given: Option<PathBuf> = std::env::args().map(PathBuf::from).find(|argument| argument.ends_with("killed.db"));
    if let Some(path) = given {
        return commits(&path, u64::from(u32::MAX)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alone.db");
    // Either ends with a lease.
    commits(&path, 5).await;
    commits(&path, 7).await;
    check(&path, 12, &[1, 2, 3, 4, 5]).await;
}

#[tokio::test]
async fn nothing_that_was_reported_is_missing_after_twenty_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("killed.db");
    let (mut committed, mut delivered) = (0, Vec::new());
    for kill in 0..KILLS {
        let (mut child, mut lines) = start(&path);
        // Killed after another number of lines each time, so that death comes at every place of the loop.
        for _ in 0..=kill * 7 % 11 {
            loop {
                let line = tokio::time::timeout(LINE_LIMIT, lines.next_line()).await.expect("a line in time");
                let line = line.expect("a pipe").expect("the process lives until it is killed");
                if let Some(number) = line.strip_prefix("committed ") {
                    committed = number.parse().expect("a number");
                    break;
                }
                delivered.extend(line.strip_prefix("delivered ").map(|id| id.parse::<u64>().expect("a number")));
            }
        }
        let refused = Store::open(&path).await.map(drop).expect_err("the process holds the store");
        assert!(chain(&refused).contains("another eightysix is running"), "{}", chain(&refused));
        child.kill().await.expect("killed and gone");
        // What it had written to the pipe before it died was reported as well.
        while let Some(line) = lines.next_line().await.expect("a pipe") {
            committed = line.strip_prefix("committed ").map_or(committed, |number| number.parse().expect("a number"));
            delivered.extend(line.strip_prefix("delivered ").map(|id| id.parse::<u64>().expect("a number")));
        }
        check(&path, committed, &delivered).await;
    }
    assert!(committed >= KILLS && delivered.len() > 20, "{committed} cycles, {} deliveries", delivered.len());
}
