//! Names from the point of sale are text from strangers: in logs, mails, topics and webhooks they are names and nothing else.

use serde_json::json;

use crate::stage::Stage;

/// Forges a line of the log, colours a terminal, adds a header, opens a tag, calls a template and turns the reading.
/// Short enough to be shown whole.
const NAME: &str = "Lamb\r\n2026 ALARM \u{1b}[2J\u{7}\nBcc: a@b.c\n<script>{{ 7 * 7 }}\u{202e}# +/../\u{0}";

#[tokio::test]
async fn a_name_stays_a_name_wherever_it_is_shown() {
    let stage = Stage::open(1).await;
    stage.pos.act(&json!({ "edit_product": { "brand": "sahil", "product": 105, "name": NAME } }));
    stage.pos.act(&json!({ "rename_venue": { "brand": "sahil", "venue": 1, "name": NAME } }));
    let mut screen = stage.screen("hostile").await;
    stage.pos.limit(105, 0);
    let service = stage.start();
    let mail = stage.mail.wait_for(1).remove(0);
    let hook = stage.hooks.wait_for(1).remove(0);
    stage.pos.restock(105);
    screen.event("alert.closed", 105).await;
    stage.pos.limit(105, 0);
    screen.event("alert.opened", 105).await;
    stage.mail.wait_for(2);
    let checked = stage.eightysix(&["check", "--online", "--config", "eightysix.yaml"]);

    // One line stays one line, and nothing reaches the terminal but letters.
    let log = service.log();
    assert!(log.contains("Lamb") && !log.contains("\n2026 ALARM"), "{}", service.story());
    for said in [&log, &checked.stdout, &checked.stderr] {
        let control = said.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}'));
        assert_eq!(control, None, "{said}");
    }
    // No header of its own, no tag of its own; and what looks like a template is not one.
    let (head, _) = mail.sent.split_once("\n\n").expect("a mail");
    assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc:")), "{head}");
    assert_eq!(mail.delivered_to, ["manager@example.com"]);
    assert!(!mail.html.contains("<script"), "{}", mail.html);
    assert!(mail.html.contains("&lt;script&gt;") && mail.html.contains("{{ 7 * 7 }}"), "{}", mail.html);
    assert!(mail.text.contains("{{ 7 * 7 }}"), "{}", mail.text);
    // JSON says it as it is; topics are made of ids, so that no name adds a level.
    let event: serde_json::Value = serde_json::from_str(&hook.body).expect("JSON");
    assert!(event.to_string().contains("Lamb"), "{event}");
    assert!(screen.seen.states.keys().all(|topic| !topic.contains("Lamb") && !topic.contains("..")));
    assert!(service.end("TERM").success());
    stage.close();
}
