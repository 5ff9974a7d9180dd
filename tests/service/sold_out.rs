//! A dish runs out and comes back: everybody who must know does, on every channel, and nobody else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::screen::kind;
use crate::stage::{HOOK_KEY, Stage};
use crate::wait;

#[tokio::test]
async fn the_lamb_runs_out_and_comes_back() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;

    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    screen.event("product.stopped", 102).await;
    screen.until("102 on the lists", |seen| seen.listed("sahil/1/stop", "out") == [102, 105]).await;
    screen.until("102 on its station", |seen| seen.listed("sahil/1/station/1/stop", "out") == [102, 105]).await;
    screen.until("102 by itself", |seen| seen.state("sahil/1/product/102")["state"] == "out").await;
    screen.until("two alerts", |seen| seen.alerts().len() == 2).await;
    assert_eq!(screen.seen.state("sahil/1/product/102")["name"], "Quzu tikə kabab");
    assert_eq!(screen.seen.state("sahil/1/status")["state"], "fresh");
    assert_eq!(screen.seen.bridge, ["online"]);
    let told: BTreeSet<String> = screen.seen.kinds(102).into_iter().collect();
    assert_eq!(told, BTreeSet::from(["product.stopped".to_owned(), "alert.opened".to_owned()]));

    let mails = stage.mail.wait_for(2);
    let mail = &mails[1];
    assert_eq!(mail.delivered_to, ["manager@example.com"]);
    assert_eq!(mail.subject, "Sahil: Quzu tikə kabab is out at Kitchen");
    assert!(mail.encrypted);
    for (part, text) in [("text", &mail.text), ("html", &mail.html)] {
        let at = text.find("Quzu tikə kabab is out at Kitchen").unwrap_or_else(|| panic!("{part}: {text}"));
        let still = text.find("Still open at Sahil").unwrap_or_else(|| panic!("{part}: {text}"));
        let other = text.find("Quzu antrekotu is out at Kitchen").unwrap_or_else(|| panic!("{part}: {text}"));
        assert!(at < still && still < other, "{part}: {text}");
    }
    assert!(mail.html.contains("<td class=\"mark critical\">"), "{}", mail.html);

    let hit = &stage.hooks.wait_for(2)[1];
    assert!(hit.is_signed_with(HOOK_KEY) && !hit.is_signed_with(b"another key of the same size"), "{hit:?}");
    assert_eq!((hit.method.as_str(), hit.path.as_str()), ("POST", "/hook"));
    assert!(hit.header("content-type").starts_with("application/cloudevents+json"), "{hit:?}");
    let event: Value = serde_json::from_str(&hit.body).expect("JSON");
    assert_eq!(event["id"], hit.header("webhook-id"));
    assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!("eightysix/sahil")));
    assert_eq!((kind(&event).as_str(), &event["subject"]), ("alert.opened", &json!("sahil/1/102")));
    let (alert, item) = (&event["data"]["alert"], &event["data"]["item"]);
    assert_eq!((&alert["rule"], &alert["severity"]), (&json!("sold-out"), &json!("critical")));
    assert_eq!((&item["name"], &item["limit"], &item["price"]), (&json!("Quzu tikə kabab"), &json!(0.0), &json!(14.0)));
    assert_eq!(event["data"]["station"]["name"], "Kitchen");
    assert_eq!(event["data"]["message"], "Quzu tikə kabab is out at Kitchen");
    let episode = alert["episode"].clone();
    assert!(screen.seen.alerts().iter().any(|alert| alert["episode"] == episode), "{:#?}", screen.seen.states);

    stage.pos.restock(102);
    screen.event("alert.closed", 102).await;
    screen.event("product.back", 102).await;
    screen.until("102 is on", |seen| seen.state("sahil/1/product/102")["state"] == "on").await;
    screen.until("102 off the lists", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    screen.until("its alert is cleared", |seen| seen.alerts().len() == 1).await;
    let mails = stage.mail.wait_for(3);
    assert_eq!(mails[2].subject, "Sahil: Quzu tikə kabab is back on at Kitchen");
    // One thread for the venue and the day.
    assert!(mails[1].in_reply_to.is_some() && mails.iter().all(|mail| mail.in_reply_to == mails[0].in_reply_to));
    let hits = stage.hooks.wait_for(3);
    let event: Value = serde_json::from_str(&hits[2].body).expect("JSON");
    assert_eq!((kind(&event).as_str(), &event["data"]["alert"]["episode"]), ("alert.closed", &episode));
    assert!(hits[2].is_signed_with(HOOK_KEY));

    assert!(service.end("TERM").success());
    assert_eq!((stage.mail.received().len(), stage.hooks.hits().len()), (3, 3), "nobody was told anything else");
    stage.close();
}

#[tokio::test]
async fn a_station_that_is_switched_off_tells_nobody() {
    let stage = Stage::open(1).await;
    stage.pos.act(&json!({ "station": { "brand": "sahil", "venue": 1, "station": 2, "active": false } }));
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("bar").await;

    // 148 and 150 are made at the bar, which is closed; the screens still show what the list says.
    stage.pos.limit(148, 0);
    screen.until("148 on the list", |seen| seen.listed("sahil/1/stop", "out") == [105, 148]).await;
    stage.pos.restock(148);
    screen.until("148 off the list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    stage.pos.limit(150, 0);
    screen.until("150 on the list", |seen| seen.listed("sahil/1/stop", "out") == [105, 150]).await;

    // The kitchen works; what is told of it comes after whatever would have been told of the bar.
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    let mails = stage.mail.wait_for(2);
    let hits = stage.hooks.wait_for(2);
    assert_eq!((mails.len(), hits.len()), (2, 2));
    assert!(mails.iter().all(|mail| !mail.sent.contains("limonad") && !mail.sent.contains("kompot")), "{mails:#?}");
    for product in [148, 150] {
        assert_eq!(screen.seen.kinds(product), Vec::<String>::new());
        assert_eq!(stage.told(product), Vec::<String>::new());
    }

    // Switched on again, it matters.
    stage.pos.act(&json!({ "station": { "brand": "sahil", "venue": 1, "station": 2, "active": true } }));
    screen.event("alert.opened", 150).await;
    wait::until("the webhook of 150", || (stage.told(150) == ["alert.opened"]).then_some(()));
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn the_first_start_is_a_summary_and_no_flood() {
    let stage = Stage::open(1).await;
    let mut screen = stage.screen("pass").await;
    for product in [101, 102, 103, 105] {
        stage.pos.limit(product, 0);
    }
    let service = stage.start();
    screen.until("the four on the list", |seen| seen.listed("sahil/1/stop", "out") == [101, 102, 103, 105]).await;
    screen.until("their alerts", |seen| seen.alerts().len() == 4).await;
    let mail = &stage.mail.wait_for(1)[0];
    assert!(mail.subject.starts_with("Sahil: 4 already open ("), "{}", mail.subject);
    assert!(mail.text.starts_with("Sahil: this is how things stand as watching begins."), "{}", mail.text);
    for name in ["Lülə kabab", "Quzu tikə kabab", "Toyuq kababı", "Quzu antrekotu"] {
        assert!(mail.text.contains(&format!("{name} is out at Kitchen")), "{}", mail.text);
    }
    stage.hooks.wait_for(4);
    assert!(stage.distinct_events().iter().all(|event| event["data"]["alert"]["baseline"] == true));

    // The next one is news, and the first that rings.
    stage.pos.limit(104, 0);
    screen.event("alert.opened", 104).await;
    assert!(screen.seen.events.iter().all(|event| event["data"]["item"]["id"] == 104), "{:#?}", screen.seen.events);
    assert_eq!(stage.mail.wait_for(2).len(), 2);
    assert!(service.end("TERM").success());
    stage.close();
}
