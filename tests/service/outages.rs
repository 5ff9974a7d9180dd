//! A broker, a mail server or a webhook is away for a while: the clear message, and everything delivered afterwards.

use crate::stage::Stage;
use crate::wait;
use crate::webhook::Answer;

#[tokio::test]
async fn a_broker_that_was_away_gets_every_event_and_the_whole_tree() {
    let mut stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    service.says("connected to the broker");
    stage.broker.end("KILL").await;
    service.says("no connection to the broker: ");
    let log = service.story();
    let line = log.lines().find(|line| line.contains("no connection to the broker")).expect("it was said");
    assert!(line.contains("kitchen") && line.contains("WARN"), "{line}");

    for product in [101, 102, 103] {
        stage.pos.limit(product, 0);
        stage.pos.wait_for_polls(3);
        stage.pos.restock(product);
        stage.pos.wait_for_polls(3);
    }
    stage.pos.limit(104, 0);
    wait::until("the webhook of 104", || (stage.told(104) == ["alert.opened"]).then_some(()));
    assert!(service.story().matches("no connection to the broker").count() <= 2, "{}", service.story());

    // Frozen until the screen is on, as events are not kept for those who come late.
    service.signal("STOP");
    stage.broker.start().await;
    let mut screen = stage.screen("pass").await;
    assert!(screen.seen.states.is_empty(), "the broker forgot everything");
    service.signal("CONT");
    screen.event("alert.opened", 104).await;
    screen.event("product.stopped", 104).await;
    for product in [101, 102, 103] {
        screen.event("alert.closed", product).await;
        let mut kinds = screen.seen.kinds(product);
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, ["alert.closed", "alert.opened", "product.back", "product.stopped"], "{product}");
    }
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [104, 105]).await;
    screen
        .until("the whole tree", |seen| {
            let on = [101, 102, 103].iter().all(|id| seen.state(&format!("sahil/1/product/{id}"))["state"] == "on");
            let out = [104, 105].iter().all(|id| seen.state(&format!("sahil/1/product/{id}"))["state"] == "out");
            let lists = seen.listed("sahil/1/station/1/stop", "out") == [104, 105];
            let status = seen.state("sahil/1/status")["state"] == "fresh";
            let bridge = seen.state("bridge/state")["state"] == "online" && seen.state("bridge/info")["v"] == 1;
            on && out && lists && status && bridge && seen.alerts().len() == 2
        })
        .await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["no connection to the broker"]);
}

#[tokio::test]
async fn a_mail_server_that_was_away_gets_the_mail() {
    let mut stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    stage.mail.stop();
    stage.pos.limit(102, 0);
    service.says("not told yet: ");
    let log = service.story();
    let line = log.lines().find(|line| line.contains("not told yet: ")).expect("it was said");
    assert!(line.contains("managers") && line.contains("Connection refused"), "{line}");
    stage.hooks.wait_for(2);
    stage.mail.resume();
    let mails = stage.mail.wait_for(2);
    assert_eq!(mails[1].subject, "Sahil: Quzu tikə kabab is out at Kitchen");
    assert_eq!(mails.len(), 2);
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet"]);
}

#[tokio::test]
async fn a_webhook_that_is_busy_is_told_later_in_the_same_words() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    stage.hooks.answer(Answer::status(503));
    stage.pos.limit(102, 0);
    service.says("not told yet: ");
    let log = service.story();
    let line = log.lines().find(|line| line.contains("not told yet: ")).expect("it was said");
    assert!(line.contains("ops") && line.contains("503"), "{line}");
    let hits = stage.hooks.wait_for(3);
    assert_eq!((hits[1].header("webhook-id"), &hits[1].body), (hits[2].header("webhook-id"), &hits[2].body));
    assert_eq!(stage.told(102), ["alert.opened"]);
    assert_eq!(stage.mail.wait_for(2).len(), 2, "mail does not wait for the webhook");
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet"]);
}

#[tokio::test]
async fn who_hangs_delays_nobody_else() {
    let mut stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("the first list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    let is_mailed = |stage: &Stage, text: &str| {
        wait::until(text, || stage.distinct_mails().iter().any(|mail| mail.subject.contains(text)).then_some(()));
    };

    // The webhook takes the request and never answers.
    stage.hooks.answer(Answer::Hang);
    stage.pos.limit(102, 0);
    stage.hooks.wait_for(2);
    screen.event("alert.opened", 102).await;
    is_mailed(&stage, "Quzu tikə kabab is out");
    assert!(!service.story().contains("not told yet: "), "it still hangs: {}", service.story());
    service.says("not told yet: ");
    let log = service.story();
    let line = log.lines().find(|line| line.contains("not told yet: ")).expect("it was said");
    assert!(line.contains("receiver=ops") && line.contains("no answer from 127.0.0.1 within 15 s"), "{line}");
    let hits = stage.hooks.wait_for(3);
    assert_eq!((hits[1].header("webhook-id"), &hits[1].body), (hits[2].header("webhook-id"), &hits[2].body));

    // The mail server takes the connection and says nothing, until somebody ends it.
    stage.mail.stop();
    let silent = std::net::TcpListener::bind(("127.0.0.1", stage.mail.port())).expect("the port of the mail server");
    stage.pos.limit(103, 0);
    screen.event("alert.opened", 103).await;
    wait::until("the webhook of 103", || (stage.told(103) == ["alert.opened"]).then_some(()));
    drop(silent);
    service.says_times("not told yet: ", 2);
    stage.mail.resume();
    is_mailed(&stage, "Toyuq kababı is out");

    // The broker keeps its connections and does nothing.
    stage.broker.signal("STOP").await;
    stage.pos.limit(104, 0);
    wait::until("the webhook of 104", || (stage.told(104) == ["alert.opened"]).then_some(()));
    is_mailed(&stage, "Mal tikə kabab is out");
    stage.broker.signal("CONT").await;
    screen.event("alert.opened", 104).await;
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [102, 103, 104, 105]).await;
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet: ", "no connection to the broker"]);
}

#[tokio::test]
async fn a_notice_that_is_given_up_is_listed_and_sent_again() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let list = || stage.eightysix(&["dead-letters", "--json", "--config", "eightysix.yaml"]);
    assert_eq!((list().code, list().objects().len()), (Some(0), 0));
    stage.hooks.answer(Answer::status(410));
    stage.pos.limit(102, 0);
    service.says("given up, see dead-letters: ");
    let ended = list();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let letters = ended.objects();
    let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
    assert_eq!((&letter["receiver"], &letter["channel"]), (&"ops".into(), &"webhook".into()), "{letter}");
    assert!(letter["why"].as_str().is_some_and(|why| why.contains("410")), "{letter}");
    assert!(letter["summary"].as_str().is_some_and(|summary| summary.contains("Quzu tikə kabab")), "{letter}");
    let table = stage.eightysix(&["dead-letters", "--config", "eightysix.yaml"]);
    assert!(table.code == Some(0) && table.stdout.contains("ops by webhook: sold-out: "), "{table:?}");

    let unknown = stage.eightysix(&["dead-letters", "--resend", "999999", "--json", "--config", "eightysix.yaml"]);
    assert_eq!((unknown.code, &unknown.objects()[0]["resent"]), (Some(1), &0.into()), "{unknown:?}");
    assert_eq!(unknown.objects()[0]["unknown"], serde_json::json!([999_999]), "{unknown:?}");
    let unknown = stage.eightysix(&["dead-letters", "--resend", "999999", "--config", "eightysix.yaml"]);
    let told = "error: there is no dead letter 999999; `eightysix dead-letters` lists those that there are\n";
    assert_eq!((unknown.code, unknown.stdout.as_str(), unknown.stderr.as_str()), (Some(1), "", told));
    // Who answered 410 is left alone until the configuration is loaded again.
    service.says("nothing more is sent there until the configuration is loaded again: ");
    service.signal("HUP");
    service.says("the configuration was reloaded: ");
    let number = letter["number"].to_string();
    let resent = stage.eightysix(&["dead-letters", "--resend", &number, "--json", "--config", "eightysix.yaml"]);
    assert_eq!((resent.code, &resent.objects()[0]["resent"]), (Some(0), &1.into()), "{resent:?}");
    let hits = stage.hooks.wait_for(3);
    assert_eq!((hits[1].header("webhook-id"), &hits[1].body), (hits[2].header("webhook-id"), &hits[2].body));
    wait::until("no dead letters", || list().objects().is_empty().then_some(()));
    assert!(service.end("TERM").success());
    stage.close_despite(&["given up, see dead-letters", "nothing more is sent there"]);
}

#[tokio::test]
async fn what_a_webhook_is_not_told_is_mailed_to_another() {
    let stage = Stage::open(1).await;
    stage.edit("eightysix.yaml", "  ops:\n", "  ops:\n    else: managers\n    else_after: 10s\n");
    let service = stage.start_with_baseline();
    // The first attempt and the one after 5 s; the next is after 20 s.
    for _ in 0..2 {
        stage.hooks.answer(Answer::status(503));
    }
    stage.pos.limit(102, 0);
    service.says("managers is told instead of ops");
    let mails = stage.mail.wait_for(3);
    let instead = mails.iter().find(|mail| mail.subject.starts_with("ops cannot be told by webhook since "));
    let instead = instead.unwrap_or_else(|| panic!("nothing was passed on: {mails:?}"));
    assert!(instead.subject.contains("503"), "{instead:?}");
    assert!(instead.text.contains("  Quzu tikə kabab is out at Kitchen\n"), "{}", instead.text);
    assert!(instead.text.contains("ops will be told as well as soon as that works"), "{}", instead.text);
    let explained = stage.eightysix(&["explain", "102", "ops", "--config", "eightysix.yaml"]);
    let words = explained.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("; managers was told instead at "), "{explained:?}");

    service.says("receiver=ops channel=\"webhook\" attempt=3");
    assert_eq!(stage.told(102), ["alert.opened"], "the webhook itself");
    stage.pos.restock(102);
    wait::until("its end", || (stage.told(102) == ["alert.opened", "alert.closed"]).then_some(()));
    assert_eq!(service.story().matches("is told instead of").count(), 1, "{}", service.story());
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet", "is told instead of"]);
}

#[tokio::test]
async fn what_mail_and_screens_are_not_told_a_webhook_is_told() {
    let mut stage = Stage::open(1).await;
    stage.edit("eightysix.yaml", "at_most: unlimited }", "at_most: unlimited, else: ops, else_after: 10s }");
    stage.edit(
        "eightysix.yaml",
        "{ mqtt: { broker: kitchen } }",
        "{ mqtt: { broker: kitchen }, else: ops, else_after: 10s }",
    );
    let service = stage.start_with_baseline();
    stage.mail.stop();
    stage.broker.end("KILL").await;
    stage.pos.limit(102, 0);
    let unreachable = |receiver: &str| {
        wait::until(receiver, || {
            let events = stage.distinct_events();
            let is_of_it = |event: &&serde_json::Value| {
                event["type"] == "dev.eightysix.receiver.unreachable.v1" && event["data"]["receiver"] == receiver
            };
            events.iter().find(is_of_it).map(|event| event["data"].clone())
        })
    };
    let managers = unreachable("managers");
    assert_eq!(managers["channel"], "email", "{managers}");
    assert!(managers["reason"].as_str().is_some_and(|why| why.contains("Connection refused")), "{managers}");
    let text = managers["notices"][0]["text"].as_str().expect("the mail");
    assert!(text.contains("Quzu tikə kabab is out at Kitchen"), "{managers}");
    let kitchen = unreachable("kitchen");
    assert_eq!((&kitchen["channel"], &kitchen["reason"]), (&"mqtt".into(), &"its broker is away".into()), "{kitchen}");
    assert_eq!(kitchen["notices"][0]["event"]["data"]["item"]["id"], 102, "{kitchen}");
    assert!(service.end("TERM").success());
    stage.close_despite(&["not told yet", "is told instead of", "no connection to the broker"]);
}
