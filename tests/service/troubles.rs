//! What Clopos answers when something is wrong: the clear message, nothing resolved by it, and all of it told afterwards.

use serde_json::json;

use crate::gate::{Does, Gate};
use crate::screen::kind;
use crate::stage::{CLIENT_SECRET, Stage};
use crate::wait;

const TROUBLE_RULES: &str = r#"
  - name: credentials-refused
    subject: brand
    when: { brand.access: refused }
    severity: critical
    notify: [ops]
    message: "Clopos refuses to let us read {{ brand }}{% if refused %}: {{ refused }}{% endif %}"
    resolved_message: "Clopos lets us read {{ brand }} again"
  - name: venue-troubled
    subject: venue
    when: { venue.trouble: { is: set } }
    clear_for: 0s
    severity: critical
    notify: [ops]
    message: "{{ venue.name }} cannot be read: {{ venue.trouble }}"
    resolved_message: "{{ venue.name }} is read again"
"#;

/// The messages of the webhook's distinct events of a rule, with the middle of their types.
fn told_by(stage: &Stage, rule: &str) -> Vec<(String, String)> {
    let events = stage.distinct_events();
    let of_rule = events.iter().filter(|event| event["data"]["alert"]["rule"] == rule);
    of_rule.map(|event| (kind(event), event["data"]["message"].as_str().unwrap_or_default().to_owned())).collect()
}

#[tokio::test]
async fn wrong_credentials_are_said_clearly_and_mended_by_a_reload() {
    let stage = Stage::open(1).await;
    stage.append("rules.yaml", TROUBLE_RULES);
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    assert!(service.end("TERM").success());

    // Somebody changes the secret at Clopos; 105 comes back, 102 runs out, and nobody can see it.
    stage.pos.act(&json!({ "client_secret": { "brand": "sahil", "secret": "the-new-one-of-clopos" } }));
    stage.pos.act(&json!({ "expire_tokens": { "brand": "sahil" } }));
    stage.pos.restock(105);
    stage.pos.limit(102, 0);
    let service = stage.start();
    service.says("login: Clopos refuses the credentials of this brand");
    assert!(service.log().contains("check client_id, client_secret and brand"), "{}", service.story());
    wait::until("ops are told", || told_by(&stage, "credentials-refused").first().cloned());
    let told = told_by(&stage, "credentials-refused");
    assert_eq!(told[0].0, "alert.opened");
    assert!(told[0].1.starts_with("Clopos refuses to let us read sahil: Clopos refuses the credentials"), "{told:?}");
    screen.until("the old list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    assert_eq!(stage.told(105), ["alert.opened"], "not knowing resolves nothing");

    stage.write("secrets/client", "the-new-one-of-clopos");
    service.signal("HUP");
    screen.event("alert.closed", 105).await;
    screen.event("alert.opened", 102).await;
    wait::until("ops hear the end", || (told_by(&stage, "credentials-refused").len() == 2).then_some(()));
    let told = told_by(&stage, "credentials-refused");
    assert_eq!(told[1], ("alert.closed".to_owned(), "Clopos lets us read sahil again".to_owned()));
    wait::until("the webhooks", || (stage.told(105).len() == 2 && stage.told(102).len() == 1).then_some(()));
    assert!(service.end("TERM").success());
    stage.close_despite(&["Clopos refuses the credentials"]);
}

#[tokio::test]
async fn answers_that_are_none_change_nothing_but_age() {
    let faults = ["html", "empty-body", "refused", "cut-body", "null-data", "bad-gateway-page"];
    let stage = Stage::open(faults.len() as u64 + 1).await;
    stage.append("rules.yaml", TROUBLE_RULES);
    for venue in 1..=faults.len() + 1 {
        stage.pos.act(&json!({ "set_limit": { "brand": "sahil", "venue": venue, "product": 105, "limit": 0 } }));
    }
    let service = stage.start();
    stage.hooks.wait_for(faults.len() + 1);
    let mut screen = stage.screen("office").await;
    let topic = |venue: usize| format!("sahil/{venue}/stop");
    screen.until("all lists", |seen| (1..=7).all(|venue| seen.listed(&topic(venue), "out") == [105])).await;

    // Each venue has a trouble of its own, and its 105 comes back while it cannot be read.
    for (venue, fault) in (1..).zip(faults) {
        stage.pos.act(&json!({ "fault": { "fault": fault, "endpoint": "stop-list", "venue": venue, "next": 3 } }));
        stage.pos.act(&json!({ "clear_limit": { "brand": "sahil", "venue": venue, "product": 105 } }));
    }
    wait::until("ops hear of every venue", || (told_by(&stage, "venue-troubled").len() >= faults.len()).then_some(()));
    let opened = told_by(&stage, "venue-troubled");
    let expected = [
        ("Sahil", "a page of HTML"),
        ("İçərişəhər", "the body is empty"),
        ("Gənclik", "The venue is not available"),
        ("28 May", "the body is cut off"),
        ("Nizami", "'data' is missing or null"),
        ("Elmlər Akademiyası", "status 502"),
    ];
    for (venue, why) in expected {
        let message = opened.iter().find(|(_, message)| message.starts_with(&format!("{venue} cannot be read: ")));
        let (kind, message) = message.unwrap_or_else(|| panic!("nothing about {venue}: {opened:#?}"));
        assert!(kind == "alert.opened" && message.contains(why), "{venue}: {message}");
    }
    for venue in 1..=faults.len() {
        service.says(&format!("the stop list of venue {venue}: "));
        service.says(&format!("the stop list of venue {venue}: readable again"));
    }
    screen
        .until("all lists are read again", |seen| (1..=6).all(|venue| seen.listed(&topic(venue), "out").is_empty()))
        .await;
    wait::until("ops hear the ends", || {
        let told = told_by(&stage, "venue-troubled");
        (told.iter().filter(|(kind, _)| kind == "alert.closed").count() == faults.len()).then_some(())
    });
    // Of each venue the trouble came first and the good news only after a reading that was one.
    for venue in 1..=faults.len() {
        let events = stage.distinct_events();
        let of_venue = events.iter().filter(|event| event["data"]["venue"]["id"] == venue);
        let told: Vec<String> =
            of_venue.map(|event| format!("{} {}", event["data"]["alert"]["rule"], kind(event))).collect();
        let place =
            |text: &str| told.iter().position(|told| told == text).unwrap_or_else(|| panic!("{text}: {told:?}"));
        assert_eq!(told.len(), 4, "{told:?}");
        let [out, trouble, back] = [
            place("\"sold-out\" alert.opened"),
            place("\"venue-troubled\" alert.opened"),
            place("\"sold-out\" alert.closed"),
        ];
        assert!(out < trouble && trouble < back, "{told:?}");
    }
    // The seventh had no trouble.
    assert_eq!(screen.seen.listed(&topic(7), "out"), [105]);
    assert!(service.end("TERM").success());
    stage.close_despite(&["the stop list of venue "]);
}

#[tokio::test]
async fn tokens_that_end_early_are_fetched_anew_without_a_word() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    stage.pos.act(&json!({ "expire_tokens": { "brand": "sahil" } }));
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    let log = service.story();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    assert!(!log.contains(CLIENT_SECRET));
    assert!(service.end("TERM").success());
    stage.close();
}

/// A gate in front of Clopos fails for a while: `why` is said, once, what was known stands, and what happened meanwhile
/// is told afterwards. Returns how much more memory it took than before, in KiB.
async fn fails_and_returns(does: Does, why: &str) -> u64 {
    let stage = Stage::open(1).await;
    let elsewhere = stage.hooks.url().replace("/hook", "/elsewhere");
    let gate = Gate::open(stage.pos.address, &elsewhere);
    stage.edit("eightysix.yaml", &stage.pos.address.to_string(), &gate.address.to_string());
    stage.append("rules.yaml", TROUBLE_RULES);
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("the first list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    let before_kib = service.memory_peak_kib();

    gate.set(does);
    stage.pos.restock(105);
    stage.pos.limit(102, 0);
    let opened = wait::until("ops are told", || {
        let told = told_by(&stage, "venue-troubled");
        told.into_iter().find(|(_, message)| message.starts_with("Sahil cannot be read: "))
    });
    assert_eq!(opened.0, "alert.opened", "{opened:?}");
    service.says(why);
    wait::until("more tries", || (gate.spoilt() >= 5).then_some(()));
    let more_kib = service.memory_peak_kib().saturating_sub(before_kib);
    let log = service.story();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the stop list of venue 1: ")).collect();
    assert!(lines.iter().filter(|line| line.contains(why) && line.contains("WARN")).count() == 1, "{lines:#?}");
    assert!(lines.len() <= 2, "a request that was cut by the change, and the trouble itself: {lines:#?}");
    assert_eq!((stage.told(105), stage.told(102).len()), (vec!["alert.opened".to_owned()], 0), "nothing by a failure");
    assert_eq!(screen.seen.listed("sahil/1/stop", "out"), [105]);

    gate.set(Does::Pass);
    service.says("the stop list of venue 1: readable again");
    screen.event("alert.closed", 105).await;
    screen.event("alert.opened", 102).await;
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [102]).await;
    wait::until("ops hear the end", || {
        let told = told_by(&stage, "venue-troubled");
        (told.last().is_some_and(|(kind, _)| kind == "alert.closed") && stage.told(102).len() == 1).then_some(())
    });
    assert!(stage.hooks.hits().iter().all(|hit| hit.path == "/hook"), "no redirect was followed");
    assert!(service.end("TERM").success());
    stage.close_despite(&["of venue 1: ", "the prices: ", "the venues: "]);
    more_kib
}

#[tokio::test]
async fn a_pos_that_hangs_is_given_up_after_twelve_seconds() {
    fails_and_returns(Does::Hang, "no complete answer within 12 s").await;
}

#[tokio::test]
async fn a_pos_that_drips_is_given_up_after_twelve_seconds() {
    fails_and_returns(Does::Drip, "no complete answer within 12 s").await;
}

#[tokio::test]
async fn a_pos_that_resets_in_the_middle_gave_no_reading() {
    fails_and_returns(Does::ResetMidBody, "reset").await;
}

#[tokio::test]
async fn a_pos_that_talks_something_else_gave_no_reading() {
    fails_and_returns(Does::Garbage, "the connection failed: ").await;
}

#[tokio::test]
async fn a_redirect_of_the_pos_is_not_followed() {
    fails_and_returns(Does::Redirect, "redirect").await;
}

/// Eight requests on their way at once, of 8 MiB each, in buffers that double as they grow.
const BODIES_KIB_MAX: u64 = 8 * 2 * 8 * 1_024;

#[tokio::test]
async fn a_gzip_bomb_of_the_pos_is_left_at_the_limit() {
    let more_kib = fails_and_returns(Does::Bomb, "the body is larger than 8192 KiB, the limit").await;
    println!("a gzip bomb took {more_kib} KiB");
    assert!(more_kib <= BODIES_KIB_MAX, "{more_kib} KiB");
}

#[tokio::test]
async fn a_body_of_the_pos_without_end_is_left_at_the_limit() {
    let more_kib = fails_and_returns(Does::Endless, "the body is larger than 8192 KiB, the limit").await;
    println!("a body without end took {more_kib} KiB");
    assert!(more_kib <= BODIES_KIB_MAX, "{more_kib} KiB");
}
