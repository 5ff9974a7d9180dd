//! The process as its surroundings see it: exit codes, signals, systemd, a second instance, and disks at rest.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use eightysix::simulator::route::Endpoint;

use crate::stage::Stage;
use crate::wait;

#[tokio::test]
async fn it_says_goodbye_and_ends_with_success() {
    let stage = Stage::open(1).await;
    let mut service = stage.start_with_baseline();
    for signal in ["TERM", "INT"] {
        let mut screen = stage.screen(&format!("pass-{signal}")).await;
        screen.until("online", |seen| seen.bridge.last().is_some_and(|word| word == "online")).await;
        let begun = eightysix::clock::uptime();
        let status = service.end(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        let took = eightysix::clock::uptime().since(begun);
        assert!(took < Duration::from_secs(5), "{signal} took {took:?}");
        // The word came with the goodbye, as a will would come ten seconds later.
        screen.until("offline", |seen| seen.bridge.last().is_some_and(|word| word == "offline")).await;
        service = stage.start();
        service.says("connected to the broker");
    }
    // A second signal while it stops does no harm.
    service.signal("TERM");
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(0));
    stage.close();
}

#[tokio::test]
async fn a_second_instance_on_the_same_database_is_refused() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let second = stage.eightysix(&["run", "--config", "eightysix.yaml"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    let clear = "error: cannot open the database ./eightysix.db: another eightysix is running on it; stop it, or give";
    assert!(second.stderr.lines().any(|line| line.starts_with(clear)), "{second:?}");
    assert!(!second.stderr.contains("stopped"), "what never ran does not stop: {second:?}");
    let mut screen = stage.screen("pass").await;
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    assert_eq!(screen.seen.bridge, ["online"], "the first one goes on undisturbed");
    // Killed without a goodbye, it leaves the way free at once.
    service.end("KILL");
    let service = stage.start();
    stage.pos.restock(102);
    screen.event("alert.closed", 102).await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn mistakes_end_it_with_their_places() {
    let stage = Stage::open(1).await;
    stage.edit("eightysix.yaml", "fastest: 1s", "fastest: 1ms");
    stage.edit("rules.yaml", "notify: [kitchen, managers, ops]", "notify: [kitchen, manager, ops]");
    let ended = stage.eightysix(&["run", "--config", "eightysix.yaml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.is_empty(), "{ended:?}");
    for (file, text, word) in [("eightysix.yaml", "fastest: 1ms", "1ms"), ("rules.yaml", "manager,", "manager,")] {
        let content = fs::read_to_string(stage.path(file)).expect("a file");
        let line = content.lines().position(|line| line.contains(text)).expect("the mistake") + 1;
        let column = content.lines().nth(line - 1).and_then(|line| line.find(word)).expect("the mistake") + 1;
        assert!(ended.stderr.contains(&format!("{file}:{line}:{column}")), "{file}:{line}:{column}\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains("managers"), "the nearest right word\n{}", ended.stderr);
    let missing = stage.eightysix(&["run", "--config", "elsewhere.yaml"]);
    assert!(missing.code == Some(2) && missing.stderr.contains("elsewhere.yaml"), "{missing:?}");
    for arguments in [&["run", "--confug", "x"][..], &["fly"], &[]] {
        assert_eq!(stage.eightysix(arguments).code, Some(2), "{arguments:?}");
    }
    stage.close();
}

/// Reads systemd's side of the socket until a message holds this.
fn hear(systemd: &UnixDatagram, wanted: &str) -> String {
    let mut bytes = [0; 4_096];
    wait::until(&format!("systemd hears {wanted}"), || match systemd.recv(&mut bytes) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            text.lines().any(|line| line == wanted).then_some(text)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    })
}

#[tokio::test]
async fn systemd_is_told_what_is_true() {
    let stage = Stage::open(1).await;
    let socket = stage.path("notify.socket");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_nonblocking(true).expect("a non-blocking socket");
    let service = stage.start_with(&[], &[("NOTIFY_SOCKET", Path::new(&socket))]);
    let ready = hear(&systemd, "READY=1");
    assert!(ready.contains("STATUS=watching sahil with 1 rules for 3 receivers"), "{ready}");
    service.signal("HUP");
    let reloading = hear(&systemd, "RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    hear(&systemd, "READY=1");
    stage.edit("rules.yaml", "critical", "catastrophic");
    service.signal("HUP");
    hear(&systemd, "RELOADING=1");
    let refused = hear(&systemd, "READY=1");
    assert!(refused.contains("the reload was refused"), "{refused}");
    service.signal("TERM");
    hear(&systemd, "STOPPING=1");
    assert_eq!(service.end("TERM").code(), Some(0));
    stage.close_despite(&["the old configuration stays in force"]);
}

#[tokio::test]
async fn a_quiet_hour_writes_nothing() {
    let stage = Stage::open(2).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("both venues", |seen| seen.state("sahil/2/stop").is_object()).await;
    screen.until("the alert", |seen| seen.alerts().len() == 1).await;
    let look = || {
        let file = |name: &str| fs::read(stage.path(name)).unwrap_or_default();
        (file("eightysix.db"), file("eightysix.db-wal"))
    };
    // Walks and prices as well: both are read every five seconds.
    let walked = |times: u64| {
        let before = (stage.pos.asked(Endpoint::Stations), stage.pos.asked(Endpoint::Prices));
        wait::until("walks of everything", || {
            let now = (stage.pos.asked(Endpoint::Stations), stage.pos.asked(Endpoint::Prices));
            (now.0 >= before.0 + 2 * times && now.1 >= before.1 + times).then_some(())
        });
    };
    walked(1);
    let before = look();
    walked(2);
    stage.pos.wait_for_polls(4);
    assert!(look() == before, "a watcher over an unchanged list wrote to its database");
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    assert!(look() != before, "a change is written");
    assert!(service.end("TERM").success());
    stage.close();
}
