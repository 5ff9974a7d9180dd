//! `eightysix check`: every mistake at once; and with `--online` which of the things that are named does not work, and why.

use serde_json::Value;

use crate::process::Ended;
use crate::smtp::ReceivedMail;
use crate::stage::Stage;

fn online(stage: &Stage) -> Ended {
    stage.eightysix(&["check", "--online", "--json", "--config", "eightysix.yaml"])
}

/// What was tried and did not work, with the reasons.
fn failures(ended: &Ended) -> Vec<(String, String)> {
    let text = |object: &Value, key: &str| object[key].as_str().expect("a text").to_owned();
    let objects = ended.objects();
    let (last, tried) = objects.split_last().expect("a summary");
    let failed: Vec<_> = tried.iter().filter(|object| object["ok"] == false).collect();
    assert_eq!((last["ok"] == true, last["failures"] == failed.len()), (failed.is_empty(), true), "{ended:?}");
    assert_eq!(ended.code, Some(i32::from(!failed.is_empty())), "{ended:?}");
    failed.into_iter().map(|object| (text(object, "tried"), text(object, "text"))).collect()
}

#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    let stage = Stage::open(1).await;
    let fine = stage.eightysix(&["check", "--config", "eightysix.yaml"]);
    assert_eq!((fine.code, fine.stdout.as_str()), (Some(0), "eightysix.yaml: fine, with 1 rules and 3 receivers\n"));
    let fine = stage.eightysix(&["check", "--json", "--config", "eightysix.yaml"]);
    assert_eq!((fine.code, &fine.objects()[0]["ok"]), (Some(0), &Value::Bool(true)));

    let mistakes = [
        ("eightysix.yaml", "Asia/Baku", "Asia/Bacu"),
        ("eightysix.yaml", "secrets/mqtt", "secrets/mqqt"),
        ("eightysix.yaml", "feed: [kitchen]", "feed: [kitchn]"),
        ("eightysix.yaml", "polling:", "poling:"),
        ("rules.yaml", "station.status: active", "station.status: aktive"),
        ("rules.yaml", "clear_for: 0s", "clear_for: soon"),
        ("rules.yaml", "{{ item.limit }} left", "{{ item.limmit }} left"),
    ];
    // A rule of its own: the messages of a rule that is wrong otherwise are tried once it is right.
    stage.append(
        "rules.yaml",
        "  - { name: few-left, when: { limit: 1 }, severity: info, notify: [ops], message: \"{{ item.limit }} left\" }\n",
    );
    for (file, right, wrong) in mistakes {
        stage.edit(file, right, wrong);
    }
    let ended = stage.eightysix(&["check", "--json", "--config", "eightysix.yaml"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""));
    let objects = ended.objects();
    for (file, _, wrong) in mistakes {
        let wrong_word = wrong.rsplit([' ', '[', '/']).next().unwrap_or(wrong).trim_end_matches([']', ':']);
        let told = objects.iter().any(|object| {
            let is_there = object["file"].as_str().is_some_and(|name| name.ends_with(file));
            let text = std::fs::read_to_string(stage.path(file)).expect("a file");
            let line = object["line"].as_u64().and_then(|line| text.lines().nth(usize::try_from(line).ok()? - 1));
            is_there && line.is_some_and(|line| line.contains(wrong_word)) && object["column"].as_u64() > Some(0)
        });
        assert!(told, "nothing at {wrong} of {file}: {objects:#?}");
    }
    let last = objects.last().expect("a summary");
    assert_eq!((&last["ok"], last["problems"].as_u64()), (&Value::Bool(false), Some(objects.len() as u64 - 1)));
    assert_eq!(objects.len() - 1, mistakes.len(), "{objects:#?}");

    let shown = stage.eightysix(&["check", "--config", "eightysix.yaml"]);
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(2), ""));
    assert!(shown.stderr.contains("eightysix.yaml:") && shown.stderr.contains("Asia/Bacu"), "{}", shown.stderr);
    stage.close();
}

#[tokio::test]
async fn venues_without_the_hours_that_a_rule_needs_are_warned_of() {
    let stage = Stage::open(2).await;
    let hours = "requests_per_minute: 290, venues: [1, { id: 2, hours: \"00:00-24:00\" }]";
    stage.edit("eightysix.yaml", "requests_per_minute: 290", hours);
    stage.append(
        "rules.yaml",
        "  - { name: few-left, during: open, when: { limit: 1 }, severity: info, notify: [ops] }\n",
    );
    let warning =
        "no 'hours' are written for venue 1 of brand sahil: 'during: open' is never on there, in the rules few-left";
    let shown = stage.eightysix(&["check", "--config", "eightysix.yaml"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.ends_with(&format!("\nwarning: {warning}\n")), "{}", shown.stdout);
    let shown = stage.eightysix(&["check", "--json", "--config", "eightysix.yaml"]);
    assert_eq!((shown.code, &shown.objects()[0]["warning"]), (Some(0), &warning.into()), "{shown:?}");
    let service = stage.start();
    service.says(warning);
    assert!(service.end("TERM").success());
    stage.close_despite(&["no 'hours' are written"]);
}

#[tokio::test]
async fn everything_that_works_is_said_to_work() {
    let stage = Stage::open(2).await;
    let ended = online(&stage);
    assert_eq!(failures(&ended), [], "{}", ended.stderr);
    let tried: Vec<String> =
        ended.objects().iter().filter_map(|object| Some(object["tried"].as_str()?.to_owned())).collect();
    for wanted in
        ["store", "credentials", "venues", "the stop list of venue 1", "mqtt kitchen", "smtp main", "webhook of ops"]
    {
        assert!(tried.iter().any(|tried| tried.contains(wanted)), "{wanted}: {tried:?}");
    }
    let shown = stage.eightysix(&["check", "--online", "--config", "eightysix.yaml"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.ends_with("everything works\n") && !shown.stdout.contains("FAIL"), "{}", shown.stdout);
    assert!(shown.stdout.contains("1 Sahil, 2 İçərişəhər"), "{}", shown.stdout);
    let mails: Vec<ReceivedMail> = stage.mail.received();
    assert!(mails.is_empty() && stage.hooks.hits().iter().all(|hit| hit.body.is_empty()), "nothing is sent to anybody");
    assert!(!stage.path("eightysix.db").exists(), "a check leaves nothing behind");
    stage.close();
}

#[tokio::test]
async fn an_address_for_browsers_that_is_taken_does_not_work() {
    let stage = Stage::open(1).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    stage.edit("eightysix.yaml", "http: { listen: \"127.0.0.1:0\" }", &format!("http: {{ listen: \"{address}\" }}"));
    let failed = failures(&online(&stage));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].0 == "http" && failed[0].1.contains(&address) && failed[0].1.contains("in use"), "{failed:?}");
    drop(taken);
    assert_eq!(failures(&online(&stage)), []);
    stage.close();
}

#[tokio::test]
async fn whatever_does_not_work_is_named_with_its_reason() {
    let mut stage = Stage::open(1).await;
    let expect = |stage: &Stage, what: &str, why: &[&str]| {
        let failures = failures(&online(stage));
        let [(tried, text)] = failures.as_slice() else { panic!("only {what} is broken: {failures:#?}") };
        assert!(tried.contains(what) && why.iter().all(|why| text.contains(why)), "{tried}: {text}");
    };
    stage.write("secrets/client", "wrong");
    expect(&stage, "credentials", &["Clopos refuses the credentials", "check client_id, client_secret and brand"]);
    stage.write("secrets/client", crate::stage::CLIENT_SECRET);

    stage.edit("eightysix.yaml", "requests_per_minute: 290", "requests_per_minute: 290, venues: [1, 7]");
    expect(&stage, "venues", &["Clopos does not list 7", "it lists 1 Sahil"]);
    stage.edit("eightysix.yaml", ", venues: [1, 7]", "");

    stage.write("secrets/smtp", "wrong");
    expect(&stage, "smtp main", &["535"]);
    stage.write("secrets/smtp", crate::smtp::PASSWORD);
    stage.mail.stop();
    expect(&stage, "smtp main", &["Connection refused"]);
    stage.mail.resume();

    stage.broker.end("TERM").await;
    expect(&stage, "mqtt kitchen", &["refused"]);
    stage.broker.start().await;

    let url = stage.hooks.url();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    stage.edit("eightysix.yaml", &url, &format!("http://127.0.0.1:{port}/hook"));
    expect(&stage, "webhook of ops", &["refused"]);
    stage.edit("eightysix.yaml", &format!("http://127.0.0.1:{port}/hook"), &url);
    assert_eq!(failures(&online(&stage)), []);

    stage.edit("eightysix.yaml", "polling:", "store: sqlite:nowhere/86.db\npolling:");
    expect(&stage, "store", &["cannot open the database", "nowhere/86.db", "No such file or directory"]);
    stage.write("damaged.db", "no database, and long enough to be taken for one that was written over");
    stage.edit("eightysix.yaml", "nowhere/86.db", "damaged.db");
    expect(&stage, "store", &["damaged.db: it is damaged or none at all"]);
    stage.edit("eightysix.yaml", "store: sqlite:damaged.db\n", "");

    // A token that ends early is fetched anew, as the service does.
    for endpoint in ["venues", "stop-list"] {
        stage.pos.act(&serde_json::json!({ "fault": { "fault": "token-expired", "endpoint": endpoint, "next": 1 } }));
        assert_eq!(failures(&online(&stage)), [], "{endpoint}");
    }

    // All at once: each is named.
    stage.write("secrets/client", "wrong");
    stage.write("secrets/smtp", "wrong");
    stage.broker.end("TERM").await;
    let failed: Vec<String> = failures(&online(&stage)).into_iter().map(|(tried, _)| tried).collect();
    assert_eq!(failed, ["clopos, brand sahil, credentials", "mqtt kitchen", "smtp main"]);
    let shown = stage.eightysix(&["check", "--online", "--config", "eightysix.yaml"]);
    assert!(shown.code == Some(1) && shown.stdout.contains("3 do not work"), "{shown:?}");
    stage.close();
}
