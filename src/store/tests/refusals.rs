//! What the store will not open or read, and whether its words help the one who reads them.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::*;
use crate::store::Store;
use crate::telemetry::chain;

async fn filled(path: &std::path::Path) {
    let store = Store::open(path).await.expect("a new store");
    store.commit(&brand(), &full_cycle(), NOW).await.expect("committed");
    store.close().await;
}

async fn run(path: &std::path::Path, statement: &'static str) {
    let raw = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.expect("the file opens");
    sqlx::query(statement).execute(&raw).await.expect("it runs");
    raw.close().await;
}

#[tokio::test]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    let first = Store::open(&path).await.expect("a new store");
    let second = Store::open(&path).await.map(drop).expect_err("locked");
    assert!(chain(&second).contains("another eightysix is running on it"), "{}", chain(&second));
    first.commit(&brand(), &full_cycle(), NOW).await.expect("the first still writes");
    let beside = Store::open_beside(&path).await.expect("a command may look");
    assert_eq!(beside.outbox_depth().await.expect("counted").waiting, 3);
    let clone = first.clone();
    drop(first);
    assert!(Store::open(&path).await.is_err(), "a clone still holds it");
    drop(clone);
    Store::open(&path).await.map(drop).expect("free again");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    filled(&path).await;
    run(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 1)",
    )
    .await;
    let error = Store::open(&path).await.map(drop).expect_err("newer");
    assert!(chain(&error).contains("was it written by a newer version?"), "{}", chain(&error));
    run(&path, "DELETE FROM _sqlx_migrations WHERE version = 99").await;
    let store = Store::open(&path).await.expect("nothing was changed");
    assert_eq!(store.load(&brand()).await.expect("loaded").venues.len(), 1);
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("eightysix.db");
    std::fs::write(&path, "brands:\n  - sahil\n".repeat(100)).expect("written");
    let error = Store::open(&path).await.map(drop).expect_err("no database");
    let text = chain(&error);
    assert!(text.contains("eightysix.db") && text.contains("file is not a database"), "{text}");
    let missing = Store::open_beside(&folder.path().join("other.db")).await.map(drop).expect_err("no file");
    let text = chain(&missing);
    assert!(text.contains("other.db") && text.contains("start the service once"), "{text}");
    let nowhere = Store::open(&folder.path().join("no/such/folder.db")).await.map(drop).expect_err("no folder");
    assert!(chain(&nowhere).contains("no/such/folder.db"), "{}", chain(&nowhere));
}

#[tokio::test]
async fn a_value_that_cannot_be_read_back_says_which() {
    for (damage, expected) in [
        ("UPDATE venue SET body = '{'", "cannot read the stored venue: EOF while parsing"),
        ("UPDATE catalog SET body = substr(body, 1, 20)", "cannot read the stored catalog: EOF while parsing"),
        (
            "UPDATE alert SET body = replace(body, 'critical', 'loud')",
            "cannot read the stored severity: 'loud' is not one",
        ),
        (
            "UPDATE alert SET subject = 'shelf:1' WHERE subject LIKE 'item%'",
            "cannot read the stored subject: 'shelf:1' is not one",
        ),
        ("UPDATE mail_group SET body = 'null'", "cannot read the stored group: invalid type: null"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("eightysix.db");
        filled(&path).await;
        run(&path, damage).await;
        let store = Store::open(&path).await.expect("the file is sound");
        let error = store.load(&brand()).await.map(drop).expect_err("damaged");
        assert!(chain(&error).starts_with(expected), "{}", chain(&error));
    }
}
