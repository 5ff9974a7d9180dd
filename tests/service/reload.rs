//! SIGHUP: all of a new configuration or none of it, and what was under way goes on.

use serde_json::Value;

use crate::screen::{Screen, Seen};
use crate::stage::Stage;
use crate::wait;

const RELOADED: &str = "the configuration was reloaded: ";
const REFUSED: &str = "the old configuration stays in force";

fn episodes(screen: &Screen) -> Vec<Value> {
    screen.seen.alerts().iter().map(|alert| alert["episode"].clone()).collect()
}

#[tokio::test]
async fn new_rules_and_receivers_are_taken_over_and_screens_do_not_blink() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("the alert of 105", |seen| seen.alerts().len() == 1).await;
    let before = episodes(&screen);
    let info = |screen: &Screen| screen.seen.state("bridge/info").clone();
    let first = info(&screen);
    assert_eq!((&first["brands"], &first["v"]), (&serde_json::json!(["sahil"]), &1.into()), "{first}");

    // A rule for low stock, and a chef who is told of it.
    stage.edit(
        "eightysix.yaml",
        "receivers:\n",
        "receivers:\n  chef: { email: { smtp: main, to: [chef@example.com] }, group_wait: 0s }\n",
    );
    stage.append(
        "rules.yaml",
        "  - name: few-left
    when: { limit: { at_least: 1, at_most: 3 }, station.status: active }
    for: 0s
    severity: warning
    notify: [chef]
    message: \"{{ item.name }}: {{ item.limit }} left\"
",
    );
    service.signal("HUP");
    service.says(RELOADED);
    stage.pos.limit(102, 2);
    let mails = stage.mail.wait_for(2);
    assert_eq!(mails[1].subject, "Sahil: Quzu tikə kabab: 2 left");
    assert_eq!(mails[1].delivered_to, ["chef@example.com"]);
    screen.until("two alerts", |seen| seen.alerts().len() == 2).await;
    // Which configuration is in force is said by the connection that there is.
    let is_other = |seen: &Seen| seen.state("bridge/info")["config_hash"] != first["config_hash"];
    screen.until("the hash of the new configuration", is_other).await;
    assert_eq!(info(&screen)["boot"], first["boot"]);
    assert!(before.iter().all(|episode| episodes(&screen).contains(episode)), "105 keeps its episode");

    // A rule that is taken away ends its alerts.
    stage.edit("rules.yaml", "name: few-left", "name: only-one-left");
    stage.edit("rules.yaml", "at_most: 3", "at_most: 1");
    service.signal("HUP");
    service.says_times(RELOADED, 2);
    let mails = stage.mail.wait_for(3);
    assert!(mails[2].subject.contains("the rule few-left was taken away"), "{}", mails[2].subject);
    screen.until("its alert is cleared", |seen| seen.alerts().len() == 1).await;

    stage.pos.restock(105);
    screen.event("alert.closed", 105).await;
    assert_eq!(screen.seen.bridge, ["online"], "the connection to the screens was kept");
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_file_with_mistakes_is_refused_whole_and_the_old_rules_go_on() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("who it is", |seen| seen.states.contains_key("eightysix/v1/bridge/info")).await;
    let before = screen.seen.state("bridge/info").clone();
    stage.edit("eightysix.yaml", "group_wait: 200ms", "group_weight: 200ms");
    stage.edit("rules.yaml", "limit:", "limmit:");
    stage.edit("rules.yaml", "critical", "catastrophic");
    service.signal("HUP");
    service.says(REFUSED);
    service.says("group_weight");
    let log = service.log();
    let refusal = &log[log.find(REFUSED).expect("it was said")..];
    for (place, text) in
        [("eightysix.yaml:", "'group_wait'"), ("rules.yaml:", "limmit"), ("rules.yaml:", "catastrophic")]
    {
        let told = refusal.lines().any(|line| line.contains(place) && line.contains(text));
        assert!(told, "nothing about {text} in {refusal}");
    }
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    assert_eq!(stage.mail.wait_for(2)[1].subject, "Sahil: Quzu tikə kabab is out at Kitchen");
    assert_eq!(*screen.seen.state("bridge/info"), before, "the old configuration is in force");

    // Put right, it is taken.
    stage.edit("eightysix.yaml", "group_weight", "group_wait");
    stage.edit("rules.yaml", "limmit:", "limit:");
    stage.edit("rules.yaml", "catastrophic", "warning");
    service.signal("HUP");
    service.says(RELOADED);
    stage.pos.limit(103, 0);
    wait::until("the webhook of 103", || (stage.told(103) == ["alert.opened"]).then_some(()));
    let events = stage.distinct_events();
    assert_eq!(events.last().expect("an event")["data"]["alert"]["severity"], "warning");
    assert_eq!(screen.seen.bridge, ["online"]);
    assert!(service.end("TERM").success());
    stage.close_despite(&["the old configuration stays in force"]);
}

#[tokio::test]
async fn what_waits_keeps_its_time_over_a_reload() {
    let stage = Stage::open(1).await;
    stage.edit("rules.yaml", "for: 0s", "for: 5s");
    stage.pos.limit(105, 0);
    let service = stage.start();
    stage.mail.wait_for(1);
    let mut screen = stage.screen("pass").await;
    stage.pos.limit(102, 0);
    screen.event("product.stopped", 102).await;
    stage.pos.wait_for_polls(3);
    service.signal("HUP");
    service.says(RELOADED);
    screen.event("alert.opened", 102).await;
    let events = stage.hooks.wait_for(2);
    let event: Value = serde_json::from_str(&events[1].body).expect("JSON");
    let at = |name: &str| -> i64 {
        let text = event["data"]["alert"][name].as_str().expect("an instant");
        text.parse::<eightysix::units::Timestamp>().expect("an instant").unix_ms()
    };
    let stopped = screen.seen.events.iter().find(|event| event["type"] == "dev.eightysix.product.stopped.v1");
    let stopped = stopped.expect("it was seen")["time"].as_str().expect("an instant");
    let stopped = stopped.parse::<eightysix::units::Timestamp>().expect("an instant").unix_ms();
    let waited = at("opened_at") - stopped;
    // Begun anew by the reload it would have been two polls, two seconds, more.
    assert!((5_000..7_000).contains(&waited), "{waited} ms");
    assert!(service.end("TERM").success());
    stage.close();
}
