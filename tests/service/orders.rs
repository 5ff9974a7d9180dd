//! What people ask of the running service by its commands: who takes care, and what is not to be told for a while.

use std::time::Duration;

use eightysix::alerts::order::{Answer, Order};
use eightysix::alerts::silence::SilenceId;
use eightysix::clock;
use eightysix::store::Store;
use eightysix::units::{BrandId, Timestamp, Zone};
use serde_json::Value;

use crate::stage::Stage;
use crate::wait;

const CONFIG: [&str; 2] = ["--config", "eightysix.yaml"];

fn objects(stage: &Stage, command: &[&str]) -> Vec<Value> {
    let ended = stage.eightysix(&[command, &["--json"], &CONFIG].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.objects()
}

fn done(stage: &Stage, command: &[&str]) -> String {
    let ended = stage.eightysix(&[command, &CONFIG].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

fn refused(stage: &Stage, command: &[&str]) -> String {
    let ended = stage.eightysix(&[command, &CONFIG].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    ended.stderr
}

#[tokio::test]
async fn somebody_takes_care_and_asks_for_silence() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;

    // 102 is silenced before it runs out: screens show it, nobody is told.
    let made =
        done(&stage, &["silence", "add", "--product", "102", "--for", "8h", "--by", "Leyla", "--reason", "menu"]);
    assert!(
        made.starts_with("covers nothing that is open now\n") && made.contains("Quzu tikə kabab at all venues until"),
        "{made}"
    );
    stage.pos.limit(102, 0);
    screen.until("102 on the lists", |seen| seen.listed("sahil/1/stop", "out") == [102, 105]).await;
    screen.until("its alert is silenced", |seen| seen.alerts().iter().any(|alert| alert["silenced"] == true)).await;
    let open = objects(&stage, &["alerts"]);
    let silences = objects(&stage, &["silence", "list"]);
    let [silence] = silences.as_slice() else { panic!("{silences:?}") };
    let id = silence["id"].as_str().expect("an id").to_owned();
    let held = open.iter().find(|alert| alert["about"] == "Quzu tikə kabab").expect("it is open");
    assert_eq!(
        (&held["told"], &held["held"]["ops"]),
        (&Value::Array(vec![]), &format!("silence {id}").into()),
        "{held}"
    );

    // Somebody takes care of 105, of which everybody was told.
    let said =
        ["ack", "Quzu antrekotu", "--by", "Anar", "--reason", "supplier", "--note", "the van is late", "--back", "2h"];
    assert!(done(&stage, &said).starts_with("acknowledged  Sahil  sold-out: Quzu antrekotu is out"));
    wait::until("the webhook of 105", || (stage.told(105) == ["alert.opened", "alert.acked"]).then_some(()));
    let events = stage.distinct_events();
    let acked = events.last().expect("an event");
    assert_eq!(
        (&acked["data"]["alert"]["ack"]["by"], &acked["data"]["alert"]["ack"]["reason"]),
        (&"Anar".into(), &"supplier".into())
    );
    let message = acked["data"]["message"].as_str().expect("a message");
    assert!(
        message.starts_with("Quzu antrekotu: Anar takes care of it: supplier, the van is late; back "),
        "{message}"
    );
    screen.until("it stands in its alert", |seen| seen.alerts().iter().any(|alert| alert["ack"]["by"] == "Anar")).await;

    // The silence ends: what is still so is told, and the mail says who takes care of the rest.
    assert_eq!(stage.told(102), Vec::<String>::new());
    assert_eq!(stage.mail.received().len(), 1, "the summary alone");
    done(&stage, &["silence", "end", &id]);
    wait::until("the webhook of 102", || (stage.told(102) == ["alert.opened"]).then_some(()));
    let mail = &stage.mail.wait_for(2)[1];
    assert_eq!(mail.subject, "Sahil: Quzu tikə kabab is out at Kitchen");
    for text in [&mail.text, &mail.html] {
        assert!(text.contains("Anar takes care of it: supplier, the van is late; back "), "{text}");
    }
    assert_eq!(done(&stage, &["silence", "list"]), "nothing is silenced\n");
    let ended = refused(&stage, &["silence", "end", &id]);
    assert_eq!(
        ended,
        format!(
            "error: there is no silence {id}, or it is over; `eightysix silence list` shows those that there are\n"
        )
    );
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_service_that_does_not_run_changes_nothing_later() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    assert!(service.end("TERM").success());
    let said = refused(&stage, &["ack", "Quzu antrekotu", "--by", "Anar"]);
    let expected = "error: the service did not answer within 10 s, so nothing was changed; is it running?\n";
    assert_eq!(said, expected);

    // Whoever asked went away without taking it back.
    let order = Order::EndSilence(SilenceId::from_stored("0a0b0c0d"));
    let store = Store::open_beside(&stage.path("eightysix.db")).await.expect("the store");
    let brand = BrandId::new("sahil").expect("a slug");
    let asked_at = Timestamp::from_unix_ms(0);
    let abandoned = store.ask(&brand, &order, asked_at).await.expect("asked");

    let service = stage.start();
    service.says("watching 1 venue");
    service.says("an order is refused: nobody waits for it any more");
    // It is written after it was said.
    let refused = Some(Answer::Refused("nobody waits for it any more".to_owned()));
    wait::eventually("its answer", async || store.answer(abandoned).await.expect("read") == refused).await;
    store.close().await;
    stage.pos.limit(102, 0);
    wait::until("the webhook of 102", || (stage.told(102) == ["alert.opened"]).then_some(()));
    assert_eq!(stage.told(105), ["alert.opened"], "the order was taken back");
    assert!(service.end("TERM").success());
    stage.close_despite(&["an order is refused"]);
}

#[tokio::test]
async fn what_waits_for_the_end_of_quiet_hours_is_not_called_told() {
    let stage = Stage::open(1).await;
    let zone = Zone::named("Asia/Baku").expect("bundled");
    let ends = clock::now().plus(Duration::from_hours(3)).in_zone(&zone);
    let (from, to) = (clock::now().in_zone(&zone).strftime("%H:00"), ends.strftime("%H:00"));
    stage.edit("eightysix.yaml", "group_wait: 200ms", &format!("group_wait: 0s, quiet: \"{from}-{to}\""));
    stage.edit("rules.yaml", "severity: critical", "severity: warning");
    stage.pos.limit(105, 0);
    let service = stage.start();
    stage.hooks.wait_for(1);
    stage.pos.limit(102, 0);
    wait::until("the webhook of 102", || (stage.told(102) == ["alert.opened"]).then_some(()));

    let shown = done(&stage, &["alerts"]);
    let line = format!("          mail to managers waits until {}\n", ends.strftime("%H:00"));
    let line = if ends.date() == clock::now().in_zone(&zone).date() {
        line
    } else {
        line.replace("until ", &ends.strftime("until %a ").to_string())
    };
    assert_eq!(shown.matches(&line).count(), 2, "{shown}");
    let open = objects(&stage, &["alerts"]);
    let until: Timestamp = open[0]["mail_waits"]["managers"].as_str().expect("a time").parse().expect("an instant");
    assert_eq!(until.in_zone(&zone).strftime("%H:%M:%S").to_string(), ends.strftime("%H:00:00").to_string());

    let silence = ["silence", "add", "--product", "102", "--for", "1h", "--by", "Leyla"];
    let made = done(&stage, &silence);
    let untold = "; told to kitchen, ops already, who hear of its end; the mail to managers waits and is taken back\n";
    assert!(made.contains(untold), "{made}");
    assert!(service.end("TERM").success());
    assert_eq!(stage.mail.count(), 0, "not even the summary");
    stage.close();
}
