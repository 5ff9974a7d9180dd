//! The database does not answer those who read by the web side: they are told so, and nobody takes a part for the whole.

use std::path::Path;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::now::{client, with_web};
use crate::stage::Stage;

/// What the log says of it.
const NO_ANSWER: &str = "somebody who reads by the web side cannot be answered: ";
const AWAY: &str = "ALTER TABLE history RENAME TO history_away";
const BACK: &str = "ALTER TABLE history_away RENAME TO history";
/// Makes the history longer; so often that it is more than what may be under way between two programs, many times.
const LONGER: &str = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
    INSERT INTO history (brand, venue, at_ms, subject, body) \
    SELECT brand, venue, at_ms - n.n, subject, body FROM n, (SELECT * FROM history ORDER BY id LIMIT 1)";

/// Does something to the database of a running service.
async fn to_database(path: &Path, statement: &'static str) {
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.expect("the database");
    sqlx::raw_sql(statement).execute(&mut database).await.expect(statement);
    database.close().await.expect("closed");
}

/// A stage with a line in its history.
async fn with_history() -> (Stage, String, crate::process::Service) {
    let stage = Stage::open(1).await;
    let web = with_web(&stage, "");
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("beside").await;
    stage.pos.limit(102, 0);
    screen.event("product.stopped", 102).await;
    (stage, web, service)
}

#[tokio::test]
async fn who_asks_a_database_that_does_not_answer_is_told_so() {
    let (stage, web, service) = with_history().await;
    let (client, database) = (client(), stage.path("eightysix.db"));
    let get = async |path: &str| {
        client.get(format!("{web}{path}")).header(ACCEPT, "text/html").send().await.expect("an answer")
    };
    // Pages for people, problem details for programs, and no table of which the lines are missing.
    let asked = ["/history/sahil/1?lang=en", "/api/v1/history", "/api/v1/history/sahil/1/timelines", "/api/v1/events"];
    to_database(&database, AWAY).await;
    for path in asked {
        let answer = get(path).await;
        let (status, kind) =
            (answer.status().as_u16(), answer.headers()[CONTENT_TYPE].to_str().expect("ASCII").to_owned());
        let is_for_programs = path.starts_with("/api/");
        assert_eq!(answer.headers().contains_key("retry-after"), is_for_programs, "{path}");
        let text = answer.text().await.expect("a body");
        assert_eq!(status, 503, "{path}: {text}");
        if is_for_programs {
            assert_eq!(kind, "application/problem+json", "{path}");
            let problem: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(problem["status"], 503, "{path}: {text}");
        } else {
            assert!(
                kind.starts_with("text/html") && text.contains("The history cannot be read now."),
                "{path}: {text}"
            );
        }
    }
    // What needs no database is shown all the same.
    for path in ["/now", "/board/sahil/1", "/freshness", "/api/v1/venues"] {
        assert_eq!(get(path).await.status().as_u16(), 200, "{path}");
    }
    to_database(&database, BACK).await;
    for path in &asked[..3] {
        assert_eq!(get(path).await.status().as_u16(), 200, "{path}");
    }
    service.says(NO_ANSWER);
    assert!(service.end("TERM").success());
    stage.close_despite(&[NO_ANSWER]);
}

#[tokio::test]
async fn an_export_that_is_cut_in_the_middle_is_no_short_table() {
    let (stage, web, service) = with_history().await;
    let database = stage.path("eightysix.db");
    // A little at a time: the service wants to write as well.
    for _ in 0..40 {
        to_database(&database, LONGER).await;
    }
    let export =
        async || client().get(format!("{web}/api/v1/history.csv?brand=sahil")).send().await.expect("an answer");
    let whole = export().await.text().await.expect("the whole table");
    assert!(whole.lines().count() > 200_000 && whole.ends_with("\r\n"));

    // It begins well; its end never comes, which every client takes for a failure.
    let mut cut = export().await;
    assert_eq!(cut.status().as_u16(), 200);
    let mut came = cut.chunk().await.expect("a beginning").expect("a beginning").len();
    to_database(&database, AWAY).await;
    let failed = loop {
        match cut.chunk().await {
            Ok(Some(more)) => came += more.len(),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(came > 0 && came < whole.len(), "{came} of {} bytes came", whole.len());
    assert!(failed.is_some(), "an export without its end must not look like one");
    to_database(&database, BACK).await;
    assert_eq!(export().await.text().await.expect("the whole table").len(), whole.len());
    service.says(NO_ANSWER);
    assert!(service.end("TERM").success());
    stage.close_despite(&[NO_ANSWER]);
}
