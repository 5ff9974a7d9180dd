//! No secret is ever seen: not in logs at their most talkative, not in errors, mails, topics or the database.
//!
//! Every story looks for the same canaries when it ends; this one provokes what would show them.

use crate::stage::{Stage, assert_no_canary};
use crate::webhook::Answer;

#[tokio::test]
async fn nothing_that_is_said_holds_a_secret() {
    let mut stage = Stage::open(1).await;
    let mut screen = stage.screen("spy").await;
    stage.pos.limit(105, 0);
    // Everything that libraries can say as well.
    let service = stage.start_with(&["--log", "trace,eightysix=trace", "--log-format", "json"], &[]);
    stage.mail.wait_for(1);
    let given = stage.hooks.wait_for(1)[0].header("authorization").to_owned();
    assert!(given.starts_with("canary-"), "the header is sent: {given}");

    // A receiver that repeats what it was given, a mail server and a broker that are gone.
    stage.hooks.answer(Answer::Full(410, &[], format!("I do not know {given}")));
    stage.mail.stop();
    stage.pos.limit(102, 0);
    service.says("given up, see dead-letters: ");
    service.says("not told yet: ");
    screen.event("alert.opened", 102).await;
    stage.broker.end("KILL").await;
    service.says("no connection to the broker");
    stage.broker.start().await;
    service.says_times("connected to the broker", 2);
    stage.mail.resume();
    stage.mail.wait_for(2);

    // Logins that are refused, at run time and in a check.
    stage.pos.act(&serde_json::json!({ "client_secret": { "brand": "sahil", "secret": "another" } }));
    stage.pos.act(&serde_json::json!({ "expire_tokens": { "brand": "sahil" } }));
    service.says("Clopos refuses the credentials");
    let arguments = ["check", "--online", "--json", "--log", "trace,eightysix=trace", "--config", "eightysix.yaml"];
    assert_eq!(stage.eightysix(&arguments).code, Some(1));
    let letters = stage.eightysix(&["dead-letters", "--json", "--config", "eightysix.yaml"]);
    assert!(letters.objects()[0]["why"].as_str().is_some_and(|why| why.contains("I do not know")), "{letters:?}");

    // A secret where a reference should be is not repeated either.
    let inline = std::fs::read_to_string(stage.path("secrets/client")).expect("the secret");
    let configuration = std::fs::read_to_string(stage.path("eightysix.yaml")).expect("the configuration");
    stage.edit("eightysix.yaml", "{ file: secrets/client }", inline.trim());
    let refused = stage.eightysix(&["check", "--config", "eightysix.yaml"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("client_secret"), "{refused:?}");
    service.signal("HUP");
    service.says("the old configuration stays in force");
    stage.write("eightysix.yaml", &configuration);

    assert!(service.end("TERM").success());
    for body in &screen.seen.bodies {
        assert_no_canary("a topic", body.as_bytes());
    }
    stage.close_despite(&[
        "rumqttc::lifecycle",
        "given up, see dead-letters",
        "nothing more is sent there",
        "not told yet",
        "no connection to the broker",
        "Clopos refuses the credentials",
        "the old configuration stays in force",
    ]);
}
