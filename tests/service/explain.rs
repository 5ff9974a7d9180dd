//! Why somebody was told of a product, or was not, as the command says it beside the running service.

use serde_json::Value;

use crate::process::Ended;
use crate::stage::Stage;
use crate::wait;

const MORE_RULES: &str = r#"
  - name: ingredient-out
    when: { limit: { at_most: 0 }, product.type: INGREDIENT, blocks: { at_least: 1 } }
    for: 0s
    clear_for: 0s
    notify: [managers]
    message: "{{ item.name }} is out"
  - name: long-out
    when: { stopped_for: { at_least: 45m } }
    notify: [ops]
  - { name: back-on-sale, event: back, notify: [kitchen] }
"#;

fn explained(stage: &Stage, arguments: &[&str]) -> Ended {
    let ended = stage.eightysix(&[&["explain"], arguments, &["--config", "eightysix.yaml"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in ended.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than a terminal is wide: {line}");
    }
    ended
}

/// The text as one line: where it is broken says nothing.
fn flat(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The explanation of what a rule says, for programs.
fn account(stage: &Stage, product: &str, rule: &str) -> Value {
    let ended = stage.eightysix(&["explain", product, "--json", "--config", "eightysix.yaml"]);
    let objects = ended.objects();
    let [explanation] = objects.as_slice() else { panic!("one venue: {objects:?}") };
    let rules = explanation["rules"].as_array().expect("a list");
    rules.iter().find(|it| it["rule"] == rule).unwrap_or_else(|| panic!("no {rule} in {explanation}")).clone()
}

fn hearing<'a>(account: &'a Value, receiver: &str) -> &'a Value {
    let receivers = account["receivers"].as_array().expect("a list");
    receivers.iter().find(|it| it["receiver"] == receiver).unwrap_or_else(|| panic!("no {receiver} in {account}"))
}

#[tokio::test]
async fn a_sent_a_held_and_a_silenced_notice() {
    let stage = Stage::open(1).await;
    stage.append("rules.yaml", MORE_RULES);
    let service = stage.start_with_baseline();

    // 105 was out before: everybody was told of it but the screens, which only show it.
    wait::until("what came of 105", || {
        let told = account(&stage, "Quzu antrekotu", "sold-out");
        (hearing(&told, "managers")["outcome"] == "told" && hearing(&told, "ops")["outcome"] == "told").then_some(())
    });
    let sent = explained(&stage, &["quzu antrekotu"]).stdout;
    for words in [
        "Quzu antrekotu (#105) at Sahil",
        "It is out, since ",
        "It is made at Kitchen, which takes orders.",
        "sold-out is open since ",
        "managers: told; email: delivered at ",
        "ops: told; webhook: delivered at ",
        "kitchen: not sent; mqtt: screens show it and do not ring",
        "back-on-sale: an item was out and no longer is; for kitchen.",
    ] {
        assert!(flat(&sent).contains(words), "'{words}' is missing in\n{sent}");
    }

    // 103 is out because its ingredient is: the managers were told of that, the others are told of the dish.
    stage.pos.limit(3, 0);
    wait::until("the mail about the ingredient", || (stage.mail.received().len() == 2).then_some(()));
    stage.pos.limit(103, 0);
    wait::until("the webhook of 103", || (stage.told(103) == ["alert.opened"]).then_some(()));
    let held = explained(&stage, &["103", "managers"]).stdout;
    for words in
        ["managers: held back; because of ingredient-out, of which they are told: Toyuq filesi is out.", "long-out"]
    {
        assert!(flat(&held).contains(words), "'{words}' is missing in\n{held}");
    }
    assert_eq!(hearing(&account(&stage, "103", "sold-out"), "managers")["outcome"], "held");

    // 102 is silenced.
    let silence = ["silence", "add", "--product", "102", "--for", "8h", "--by", "Leyla", "--reason", "menu"];
    let made = stage.eightysix(&[&silence[..], &["--config", "eightysix.yaml"]].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    stage.pos.limit(102, 0);
    let silenced = wait::until("102 is open", || {
        let said = explained(&stage, &["102", "ops"]).stdout;
        flat(&said).contains("sold-out is open since").then_some(said)
    });
    let words = ["It is silenced: silence ", ", by Leyla: menu.", "ops: held back; silence "];
    for words in words {
        assert!(flat(&silenced).contains(words), "'{words}' is missing in\n{silenced}");
    }

    // What came back in between stands under what was before.
    stage.pos.restock(103);
    wait::until("the webhook of 103", || (stage.told(103) == ["alert.opened", "alert.closed"]).then_some(()));
    let over = wait::until("it was noted", || {
        let said = explained(&stage, &["103"]).stdout;
        flat(&said).contains("webhook (its end): delivered at ").then_some(said)
    });
    for words in [
        "It is not on the stop list: nothing limits it.",
        "Before that:",
        "sold-out was open from ",
        "held back; because of",
    ] {
        assert!(flat(&over).contains(words), "'{words}' is missing in\n{over}");
    }
    // A name that is none is answered with the nearest.
    for (arguments, expected) in [
        (vec!["Quzu antrikotu"], "error: there is no product 'Quzu antrikotu'; did you mean 'Quzu antrekotu'?\n"),
        (vec!["103", "manager"], "error: there is no receiver 'manager'; did you mean 'managers'?\n"),
        (vec!["103", "--venue", "Sahli"], "error: there is no venue 'Sahli'; did you mean 'Sahil'?\n"),
    ] {
        let ended = stage.eightysix(&[&["explain"], &arguments[..], &["--config", "eightysix.yaml"]].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), expected), "{ended:?}");
    }
    for said in [sent, held, silenced, over] {
        println!("{said}\n-----");
    }
    assert!(service.end("TERM").success());
    stage.close();
}
