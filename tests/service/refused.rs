//! What the API cannot do: any more, now, or of what is there no longer; and dead letters, which it sends again.
//!
//! What holds the service up is real: another program in its database, as a backup is, and a line that cannot be read.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::api::{ACT, Caller, READ, items, with_tokens};
use crate::process::Service;
use crate::wait;
use crate::webhook::Answer;

const JSON: &str = "application/json";
const CARE: &str = "/alerts/{episode}/acknowledge";

/// Another program in the database.
struct Other(SqliteConnection);

impl Other {
    async fn at(path: &Path) -> Self {
        Self(SqliteConnectOptions::new().filename(path).connect().await.expect("a connection"))
    }

    async fn does(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.0).await.expect("a statement");
    }

    /// Lets the others write again as soon as the service has said something so often.
    async fn lets_go_when(&mut self, service: &Service, says: &str, times: usize) {
        wait::eventually(says, async || service.log().matches(says).count() >= times).await;
        self.does("ROLLBACK").await;
    }
}

async fn episode_of(api: &Caller, product: u64) -> String {
    let open = async || {
        let alerts = api.get("/alerts", "/alerts?state=open").await;
        let found = items(&alerts).iter().find(|row| row["subject"]["product"] == product).cloned();
        found.map(|row| row["episode"].as_str().expect("an episode").to_owned())
    };
    wait::soon(open).await.expect("an alert")
}

#[tokio::test]
async fn what_is_over_by_the_time_its_turn_comes_is_refused_and_what_cannot_be_written_changes_nothing() {
    let (stage, web) = with_tokens(1).await;
    let service = stage.start_with_baseline();
    let api = Caller::of(&web).await;
    let mut other = Other::at(&stage.path("eightysix.db")).await;
    stage.pos.limit(104, 0);
    let (of_104, of_105) = (episode_of(&api, 104).await, episode_of(&api, 105).await);

    // Two end the same silence: both are there when they ask, and one is too late.
    let wanted = json!({ "brand": "sahil", "venue": 1, "product": 105, "until": "2h", "by": "Leyla" });
    let made = api.call("post", ("/silences", "/silences"), ACT, Some(wanted), 201).await;
    let end = format!("/silences/{}", made["silence"]["id"].as_str().expect("an id"));
    other.does("BEGIN IMMEDIATE").await;
    let delete = || api.send(Method::DELETE, &end, ACT, None);
    let (one, two, ()) =
        tokio::join!(delete(), delete(), other.lets_go_when(&service, "asked for the end of a silence", 2));
    let (done, late) = if one.status == 204 { (one, two) } else { (two, one) };
    api.holds("delete", "/silences/{id}", done, 204);
    api.holds("delete", "/silences/{id}", late, 409);

    // The dish is back, which is about to be written, when somebody says that he takes care of it.
    other.does("BEGIN IMMEDIATE").await;
    stage.pos.restock(104);
    stage.pos.wait_for_polls(1);
    let care = |episode: &str| format!("/alerts/{episode}/acknowledge");
    let path = care(&of_104);
    let late = api.send(Method::POST, &path, ACT, Some((JSON, "{}".to_owned())));
    let (late, ()) =
        tokio::join!(late, other.lets_go_when(&service, "asked for that somebody takes care of an alert", 1));
    let late = api.holds("post", CARE, late, 409);
    assert_eq!(late["detail"], "the alert is over");

    // Nobody can write for longer than anybody waits.
    other.does("BEGIN IMMEDIATE").await;
    let path = care(&of_105);
    let (cared, sent) = tokio::join!(
        api.send(Method::POST, &path, ACT, Some((JSON, "{}".to_owned()))),
        api.send(Method::POST, "/dead-letters/resend", ACT, Some((JSON, r#"{"all":true}"#.to_owned()))),
    );
    other.does("ROLLBACK").await;
    for (route, got) in [(CARE, cared), ("/dead-letters/resend", sent)] {
        assert!(got.retry_after, "{got:?}");
        api.holds("post", route, got, 503);
    }
    let alerts = api.get("/alerts", "/alerts?state=open").await;
    assert!(items(&alerts).iter().all(|row| row["ack"].is_null()), "{alerts}");
    assert!(service.end("TERM").success());
    stage.close_despite(&["was not taken in", "cannot be sent again", "cannot be stored", "the database is slow"]);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_refused_for_now_and_never_looks_empty() {
    let (stage, web) = with_tokens(1).await;
    let service = stage.start_with_baseline();
    let api = Caller::of(&web).await;
    let mut other = Other::at(&stage.path("eightysix.db")).await;
    stage.pos.limit(104, 0);
    episode_of(&api, 104).await;
    // Of a brand that is watched no longer there is a history as well.
    other
        .does(
            "INSERT INTO history (brand, venue, at_ms, subject, body)
            SELECT 'once', 7, at_ms, subject, body FROM history WHERE body LIKE '{\"kind\":\"stop\"%' LIMIT 1",
        )
        .await;
    let once = api.get("/history", "/history?brand=once").await;
    assert_eq!(items(&once).len(), 1, "{once}");
    other
        .does(
            "INSERT INTO history (brand, venue, at_ms, subject, body)
            SELECT 'sahil', 1, MAX(at_ms), 'item:105', '{\"kind\":\"stop\",' FROM history",
        )
        .await;
    for (route, path) in [
        ("/history", "/history?brand=sahil"),
        ("/history.csv", "/history.csv"),
        ("/history/{brand}/{venue}/timelines", "/history/sahil/1/timelines"),
    ] {
        let got = api.send(Method::GET, path, READ, None).await;
        assert!(got.retry_after, "{path}: {got:?}");
        api.holds("get", route, got, 503);
    }
    assert!(service.end("TERM").success());
    stage.close_despite(&["cannot be answered"]);
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_by_its_number_once() {
    let (stage, web) = with_tokens(1).await;
    let service = stage.start_with_baseline();
    let api = Caller::of(&web).await;
    let before = stage.hooks.hits().len();
    stage.hooks.answer(Answer::status(410));
    stage.pos.limit(104, 0);
    let dead = async || items(&api.get("/dead-letters", "/dead-letters?receiver=ops").await).first().cloned();
    let letter = wait::soon(dead).await.expect("a dead letter");
    assert_eq!((&letter["state"], &letter["attempts"]), (&json!("dead"), &json!(1)), "{letter}");
    // Who ended his subscription is left alone until the configuration is read again.
    stage.hooks.answer(Answer::status(204));
    service.signal("HUP");
    service.says_times("the boards are at http://", 2);
    let api = Caller::of(&web).await;
    let route = ("/dead-letters/{id}/resend", format!("/dead-letters/{}/resend", letter["id"]));
    let resent: Value = api.call("post", (route.0, &route.1), ACT, None, 200).await;
    assert_eq!(resent, json!({ "resent": 1, "not_configured": 0 }));
    wait::until("the webhook", || (stage.hooks.hits().len() >= before + 2).then_some(()));
    let ids: Vec<String> = stage.hooks.hits()[before..].iter().map(|hit| hit.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "under the same id: {ids:?}");
    api.call("post", (route.0, &route.1), ACT, None, 404).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["given up, see dead-letters", "nothing more is sent there"]);
}
