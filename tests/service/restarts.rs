//! Ended, or killed with everything undelivered, the service tells everything once: nothing lost, nothing told anew.
//! `kills` kills it at any instant.

use serde_json::Value;

use crate::stage::Stage;
use crate::wait;
use crate::webhook::Answer;

/// Counts the distinct mails whose subject says this.
fn mails_saying(stage: &Stage, text: &str) -> usize {
    stage.distinct_mails().iter().filter(|mail| mail.subject.contains(text)).count()
}

#[tokio::test]
async fn what_was_told_is_not_told_again_and_what_ended_meanwhile_is() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    stage.mail.wait_for(2);
    stage.hooks.wait_for(2);
    let episodes = |seen: &[&Value]| -> Vec<Value> { seen.iter().map(|alert| alert["episode"].clone()).collect() };
    screen.until("two alerts", |seen| seen.alerts().len() == 2).await;
    let before = episodes(&screen.seen.alerts());
    assert!(service.end("TERM").success());

    // Nothing changed meanwhile: the same episodes go on, and a marker shows that nothing was said before it.
    let service = stage.start();
    screen.until("it is back", |seen| seen.bridge.last().is_some_and(|word| word == "online")).await;
    stage.pos.limit(103, 0);
    screen.event("alert.opened", 103).await;
    stage.mail.wait_for(3);
    stage.hooks.wait_for(3);
    let after = episodes(&screen.seen.alerts());
    assert!(before.iter().all(|episode| after.contains(episode)), "{before:?} {after:?}");
    assert_eq!(stage.mail.received().len(), 3);
    assert_eq!(stage.hooks.hits().len(), 3);
    assert!(service.end("TERM").success());

    // 102 comes back while nobody watches, 104 runs out: both are told after the start.
    stage.pos.restock(102);
    stage.pos.limit(104, 0);
    let service = stage.start();
    screen.event("alert.closed", 102).await;
    screen.event("alert.opened", 104).await;
    wait::until("the webhooks", || {
        (stage.told(102) == ["alert.opened", "alert.closed"] && stage.told(104) == ["alert.opened"]).then_some(())
    });
    let told = || stage.distinct_mails().iter().map(|mail| mail.text.clone()).collect::<String>();
    wait::until("the mails", || {
        let told = told();
        (told.contains("Quzu tikə kabab is back on") && told.contains("Mal tikə kabab is out")).then_some(())
    });
    assert_eq!(mails_saying(&stage, "Quzu antrekotu"), 1, "the first summary is not repeated");
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn killed_with_everything_undelivered_it_delivers_after_the_start() {
    let mut stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let screen = stage.screen("pass").await;
    drop(screen);
    stage.mail.stop();
    stage.hooks.answer(Answer::Hang);
    stage.broker.end("KILL").await;
    service.says("no connection to the broker");
    stage.pos.limit(102, 0);
    service.says("not told yet");
    stage.hooks.wait_for(2);
    service.end("KILL");

    stage.broker.start().await;
    let mut screen = stage.screen("pass-again").await;
    stage.mail.resume();
    let service = stage.start();
    screen.event("product.stopped", 102).await;
    screen.event("alert.opened", 102).await;
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [102, 105]).await;
    stage.mail.wait_for(2);
    let hits = stage.hooks.wait_for(3);
    // The one that hung may have arrived: the same id lets the receiver know.
    assert_eq!(hits[1].header("webhook-id"), hits[2].header("webhook-id"));
    assert_eq!(stage.told(102), ["alert.opened"]);
    assert_eq!(mails_saying(&stage, "Quzu tikə kabab is out"), 1);
    assert!(service.end("TERM").success());
    stage.close_despite(&["no connection to the broker", "not told yet"]);
}
