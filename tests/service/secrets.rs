//! No secret is ever seen: not in logs at their most talkative, not in errors, mails, topics or the database.
//!
//! Every story looks for the same canaries when it ends; this one provokes what would show them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::process::{self, Service};
use crate::stage::Stage;
use crate::webhook::Answer;
use crate::{canary, wait};

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

/// The search is shown to find: whatever form a secret is planted in, and nothing where there is none.
#[test]
fn the_search_finds_a_secret_in_every_form() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let secret = "p\u{e4}ss/w\"ord ?>~ 4711";
    let hidden = [secret.to_owned()];
    let percent = "p%C3%A4ss%2Fw%22ord%20%3F%3E~%204711";
    let mut planted = vec![
        secret.to_owned(),
        format!("{secret:?}"),
        format!("{:?}", secret.as_bytes()),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
        secret.as_bytes().escape_ascii().to_string(),
        serde_json::json!({ "said": secret }).to_string(),
        serde_json::json!({ "said": secret }).to_string().replace('/', "\\/"),
        percent.to_owned(),
        percent.to_lowercase(),
        percent.replace("%20", "+"),
    ];
    for around in ["", "a", "ab"] {
        for (before, behind) in [(around, ""), (around, "x"), ("\0user\0", around)] {
            planted.push(STANDARD.encode(format!("{before}{secret}{behind}")));
            planted.push(URL_SAFE_NO_PAD.encode(format!("{before}{secret}{behind}")));
        }
    }
    for text in planted {
        for line in [text.clone(), format!("DEBUG sent <{text}> to the \u{e4}ther")] {
            let said = canary::find(line.as_bytes(), &hidden);
            assert!(said.is_some_and(|said| said.contains(secret)), "not found: {line}");
        }
    }
    for innocent in ["", "p\u{e4}ss/w", "a password of 4711 kinds", "cMOkc3Mvdw"] {
        assert_eq!(canary::find(innocent.as_bytes(), &hidden), None, "{innocent}");
    }
}

/// What the end of every story looks through is shown to be all there is: a secret planted anywhere fails it.
#[tokio::test]
async fn a_story_that_leaves_a_secret_anywhere_fails() {
    for place in ["log-0", "eightysix.db-wal", "mails/0001.eml", "crash/core"] {
        let stage = Stage::open(1).await;
        let path = stage.path(place);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        stage.write("secrets/another", "kept-for-this-story-alone");
        stage.write(place, "DEBUG kept-for-this-story-alone");
        // On a thread of its own, whose panic is the result.
        let ended = std::thread::spawn(move || drop(stage)).join();
        let said = ended.expect_err(place);
        let said = said.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(said.contains(place) && said.contains("kept-for-this-story-alone"), "{place}: {said}");
    }
}

/// Whatever the umask of whoever starts it: others on the machine read neither the database nor the mails.
#[tokio::test]
async fn files_are_closed_to_others() {
    let stage = Stage::open(1).await;
    stage.edit("eightysix.yaml", "smtp:\n", "smtp:\n  box: { folder: out/mails, from: 86@example.com }\n");
    stage.edit("eightysix.yaml", "smtp: main, to:", "smtp: box, to:");
    stage.pos.limit(105, 0);
    let open_to_all = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 0 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_eightysix")]).args(arguments);
        command.current_dir(stage.folder.path()).env("TMPDIR", stage.folder.path());
        command
    };
    let service = Service::start(open_to_all(&["run", "--config", "eightysix.yaml"]), &stage.path("log-of-umask-0"));
    let mail = wait::until("a mail in the folder", || {
        let mails = std::fs::read_dir(stage.path("out/mails")).ok()?.flatten().map(|entry| entry.path());
        mails.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "eml"))
    });
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    for name in ["eightysix.db", "eightysix.db-wal", "eightysix.db-shm", "eightysix.db.lock"] {
        assert_eq!(mode(&stage.path(name)), 0o600, "{name}");
    }
    // A group may pick the mails up.
    assert_eq!((mode(&mail), mode(&stage.path("out/mails")), mode(&stage.path("out"))), (0o640, 0o750, 0o750));
    assert!(service.end("TERM").success());

    let arguments = ["demo", "--for", "1s", "--json", "--listen", "127.0.0.1:0", "--venues", "1"];
    let demo = process::run(open_to_all(&arguments), &stage.path("demo"));
    let folder = demo.objects()[0]["folder"].as_str().expect("a folder").to_owned();
    assert_eq!((demo.code, mode(Path::new(&folder))), (Some(0), 0o700));
    stage.close();
}
