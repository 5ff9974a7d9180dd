//! docs/webhooks.md: the samples verify a real delivery, and headers, schedule and types are those of the code.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use eightysix::alerts::group::{EntryKind, Route, Way};
use eightysix::alerts::notice::{Channel, Content, Event, Mail, Notice, NoticeId, ReceiverName};
use eightysix::alerts::order::Reason;
use eightysix::alerts::published::event_type;
use eightysix::alerts::report::Reports;
use eightysix::delivery::untold::{self, Fallback};
use eightysix::http::ack;
use eightysix::language::Language;
use eightysix::sinks::Outcome;
use eightysix::sinks::webhook::{Settings, WebhookSink};
use eightysix::store::{Finish, Untold};
use eightysix::units::{Secret, Timestamp, Zone, parse_duration};
use eightysix::{clock, delivery};

use super::markdown::{blocks, document, first_cells, section};
use super::mqtt::keys;
use super::webhook::{Hit, Receiver};

const ID: &str = "4fd1c0de4fd1c0de4fd1c0de4fd1c0de";
const BODY: &str = r#"{"specversion":"1.0","data":{"item":{"name":"Quzu kababı"}}}"#;
const BASE64: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PLAIN: &str = "a plain text of thirty-one bytes";

/// A request as a receiver gets it, signed with both secrets.
async fn delivered() -> Hit {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let receiver = Receiver::start(vec![]);
    let settings = Settings {
        secrets: vec![Secret::new(PLAIN), Secret::new(BASE64)],
        allow_private: vec!["127.0.0.1".parse().expect("an address")],
        ..Settings::for_url(Secret::new(&receiver.url()))
    };
    let sink = WebhookSink::new(&settings).expect("settings that work");
    let event = Event { body: BODY.to_owned() };
    let outcome = sink.deliver(&event, &NoticeId::from_stored(ID), clock::now()).await;
    assert_eq!(outcome, Outcome::Delivered);
    receiver.wait_for(1).remove(0)
}

#[tokio::test]
async fn the_headers_are_those_that_are_sent() {
    let hit = delivered().await;
    let documented = first_cells(section(&document("docs/webhooks.md"), "## The request"));
    let of_http = ["accept", "host", "content-length"];
    let sent = hit.headers.iter().map(|(name, _)| name.clone()).filter(|name| !of_http.contains(&name.as_str()));
    assert_eq!(documented, sent.collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn the_samples_tell_genuine_from_forged() {
    let hit = delivered().await;
    let text = document("docs/webhooks.md");
    let samples = section(&text, "## Is it genuine?");
    let [python] = &blocks(samples, "python")[..] else { panic!("one sample in Python") };
    let [shell] = &blocks(samples, "sh")[..] else { panic!("one sample for the shell") };
    let folder = tempfile::tempdir().expect("a folder");
    let call = "\nimport os, sys\nheaders = {'webhook-' + n: os.environ[n.upper()] for n in ('id', 'timestamp', 'signature')}\n\
                sys.exit(0 if is_genuine(os.environ['SECRET'], headers, open('body', 'rb').read()) else 1)\n";
    let python = format!("{python}{call}");
    let old = (clock::now().unix_s() - 3_600).to_string();
    let header = |name: &str| hit.header(name).to_owned();
    let (at, signature) = (header("webhook-timestamp"), header("webhook-signature"));
    for (secret, body, at, signature, is_genuine) in [
        (BASE64, BODY, &at, &signature, true),
        (PLAIN, BODY, &at, &signature, true),
        ("another key of at least 24 bytes", BODY, &at, &signature, false),
        (BASE64, "{}", &at, &signature, false),
        (BASE64, BODY, &old, &signature, false),
        (BASE64, BODY, &at, &String::new(), false),
    ] {
        std::fs::write(folder.path().join("body"), body).expect("written");
        for (program, flag, sample) in [("python3", "-c", &python), ("sh", "-ec", shell)] {
            let mut command = Command::new(program);
            command.arg(flag).arg(sample).current_dir(folder.path());
            command.env("SECRET", secret).env("ID", ID).env("TIMESTAMP", at).env("SIGNATURE", signature);
            let output = command.output().unwrap_or_else(|error| panic!("{program} (tests/run installs it): {error}"));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), is_genuine, "{program} {secret} {body} {at} {signature}: {said}");
            assert_eq!(said, "", "{program}");
        }
    }
}

/// The waits of the table, in their order; a delivery that fails for ever is told to wait so, within the stated fifth.
#[test]
fn the_schedule_is_that_of_the_code() {
    let text = document("docs/webhooks.md");
    let schedule = section(&text, "## When it is tried again");
    let row = schedule.lines().find_map(|line| line.strip_prefix("Waits: ")).expect("the waits");
    let waits: Vec<Duration> = row
        .trim_end_matches('.')
        .split(", ")
        .map(|wait| parse_duration(&wait.replace(' ', "").replace("min", "m")).expect("a duration"))
        .collect();
    let id = NoticeId::from_stored(ID);
    let (mut now, mut given_up) = (Timestamp::from_unix_ms(0), false);
    for attempt in 1.. {
        let outcome = Outcome::Later { why: "503".to_owned(), wait_min: None };
        match delivery::next(Channel::Webhook, &id, attempt, outcome, Timestamp::from_unix_ms(0), now) {
            Finish::Retry { at, .. } => {
                let index = usize::try_from(attempt - 1).expect("small").min(waits.len() - 1);
                let wait = at.since(now);
                assert!(wait >= waits[index] * 79 / 100 && wait <= waits[index] * 121 / 100, "{attempt}: {wait:?}");
                now = at;
            }
            Finish::Dead { .. } => {
                given_up = true;
                break;
            }
            Finish::Delivered { .. } | Finish::Expired { .. } => panic!("nothing was delivered"),
        }
    }
    assert!(given_up);
    assert_eq!(delivery::patience(Channel::Webhook), Duration::from_hours(24));
    assert!(schedule.contains("24 hours after"), "how long it is tried");
}

#[test]
fn the_types_are_those_of_the_code() {
    let documented = first_cells(section(&document("docs/webhooks.md"), "## Types"));
    let types = EntryKind::ALL.map(EntryKind::event).into_iter().chain([untold::EVENT]);
    assert_eq!(documented, types.map(event_type).collect());
}

/// What a program sends to say who takes care: the fields, and an example that has all of them.
#[test]
fn what_a_link_takes_is_documented() {
    let text = document("docs/webhooks.md");
    let section = section(&text, "## Who takes care");
    let fields: BTreeSet<String> = ack::fields().map(str::to_owned).into();
    let documented = first_cells(section);
    assert!(fields.is_subset(&documented), "{documented:?}");
    let [example] = &blocks(section, "sh")[..] else { panic!("one example") };
    let body = example.split('\'').nth(1).expect("a body in quotes");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(keys(&body), fields);
    let reason = body["reason"].as_str().expect("a word");
    assert!(Reason::of_word(reason).is_some(), "{reason}");
    let reasons = section.lines().find(|line| line.starts_with("| `reason` |")).expect("its row");
    let missing = Reason::ALL.into_iter().map(Reason::word).find(|word| !reasons.contains(&format!("`{word}`")));
    assert_eq!(missing, None);
}

#[test]
fn an_event_in_the_place_of_another_has_the_documented_fields() {
    let at = Timestamp::from_unix_ms(1_780_000_000_000);
    let untold = |row: i64, content: Content| Untold {
        row,
        notice: Notice {
            id: NoticeId::from_stored(ID),
            receiver: ReceiverName::new("managers"),
            at,
            content,
            summary: "Sahil: Plov is out".to_owned(),
        },
        queued_at: at,
        given_up_at: None,
        why: None,
    };
    let text = || "Plov is out".to_owned();
    let mail = Mail {
        message_id: text(),
        thread_id: text(),
        language: Language::En,
        subject: text(),
        text: text(),
        html: text(),
    };
    let event = Event { body: "\"an event\"".to_owned() };
    let untold = [untold(1, Content::Email(mail)), untold(2, Content::Webhook(event))];
    let fallback = Fallback {
        of: ReceiverName::new("managers"),
        after: Duration::from_mins(5),
        to: Route {
            receiver: ReceiverName::new("ops"),
            language: Language::En,
            group_wait: Duration::ZERO,
            quiet: None,
            at_most: None,
            reports: Reports::default(),
            ways: vec![Way::Webhook],
        },
        zone: Zone::utc(),
        day_starts: jiff::civil::time(4, 0, 0, 0),
    };
    let told = untold::compose(&fallback, Channel::Email, None, &untold.iter().collect::<Vec<_>>(), at);
    let Content::Webhook(Event { body }) = &told[0].content else { panic!("an event") };
    let event: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let data: BTreeSet<String> = keys(&event).into_iter().filter(|key| key.starts_with("data.")).collect();
    let text = document("docs/webhooks.md");
    let section = section(&text, "## In the place of another");
    assert_eq!(data, first_cells(section));
    let [example] = &blocks(section, "json")[..] else { panic!("one example") };
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    assert!(keys(&example).is_subset(&keys(&event)), "{example}");
    assert_eq!(example["type"], event["type"]);
}
