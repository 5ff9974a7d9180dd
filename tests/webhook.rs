//! Webhooks against a real HTTP receiver: what it gets, what its answers mean, and where nothing may be sent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eightysix::alerts::notice::{Event, NoticeId};
use eightysix::clock;
use eightysix::sinks::Outcome;
use eightysix::sinks::webhook::{Settings, WebhookSink};
use eightysix::units::Secret;

#[path = "support/canary.rs"]
mod canary;
#[path = "support/tls.rs"]
mod tls;
#[path = "support/wait.rs"]
mod wait;
#[path = "support/webhook.rs"]
mod webhook;

use webhook::{Answer, Receiver};

const ID: &str = "4fd1c0de4fd1c0de4fd1c0de4fd1c0de";
const BODY: &str = r#"{"specversion":"1.0","id":"4fd1c0de","data":{"name":"Quzu kababı"}}"#;
const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "a plain text of thirty-one bytes";

/// A receiver on this machine, allowed by its address.
fn settings(url: &str) -> Settings {
    // The second test of a process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut settings = Settings::for_url(Secret::new(url));
    settings.allow_private = vec!["127.0.0.1".parse().expect("an address")];
    settings
}

async fn deliver(settings: &Settings) -> Outcome {
    let sink = WebhookSink::new(settings).expect("settings that work");
    let event = Event { body: BODY.to_owned() };
    let outcome = sink.deliver(&event, &NoticeId::from_stored(ID), clock::now()).await;
    // Its reason goes into the log and into the database, with whatever the receiver made of what it was sent.
    let headers = settings.headers.iter().map(|(_, value)| value);
    let secrets: Vec<String> = settings.secrets.iter().chain(headers).map(|it| it.expose().to_owned()).collect();
    canary::assert_none("an outcome", format!("{outcome:?} {sink:?} {settings:?}").as_bytes(), &secrets);
    outcome
}

fn later(outcome: &Outcome) -> String {
    let Outcome::Later { why, wait_min: None } = outcome else { panic!("expected Later, not {outcome:?}") };
    why.clone()
}

#[tokio::test]
async fn the_receiver_gets_the_body_and_can_verify_both_signatures() {
    let receiver = Receiver::start(vec![]);
    let mut settings = settings(&receiver.url());
    settings.secrets = vec![Secret::new(NEW), Secret::new(OLD)];
    settings.headers = vec![("Authorization".to_owned(), Secret::new("Bearer of-good-news"))];
    assert_eq!(deliver(&settings).await, Outcome::Delivered);
    let hits = receiver.wait_for(1);
    let hit = &hits[0];
    assert_eq!((hit.method.as_str(), hit.path.as_str(), hit.body.as_str()), ("POST", "/hook", BODY));
    assert_eq!(hit.header("content-type"), "application/cloudevents+json");
    assert_eq!(hit.header("webhook-id"), ID);
    assert_eq!(hit.header("authorization"), "Bearer of-good-news");
    assert!(hit.header("user-agent").starts_with("eightysix/"));
    let sent_s: i64 = hit.header("webhook-timestamp").parse().expect("seconds");
    assert!((clock::now().unix_s() - sent_s).abs() < 60, "{sent_s}");
    assert_eq!(hit.header("webhook-signature").split(' ').count(), 2);
    let old = STANDARD.decode(OLD.trim_start_matches("whsec_")).expect("base64");
    assert!(hit.is_signed_with(&old) && hit.is_signed_with(NEW.as_bytes()), "{hit:?}");
    assert!(!hit.is_signed_with(b"another key of at least 24 bytes"));
}

#[tokio::test]
async fn without_secrets_nothing_is_signed() {
    let receiver = Receiver::start(vec![]);
    assert_eq!(deliver(&settings(&receiver.url())).await, Outcome::Delivered);
    assert_eq!(receiver.hits()[0].header("webhook-signature"), "");
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let wait = |s| Some(Duration::from_secs(s));
    let receiver = Receiver::start(vec![]);
    let host = "127.0.0.1";
    for (answer, expected) in [
        (Answer::status(200), Outcome::Delivered),
        (Answer::BreakOff(200), Outcome::Delivered),
        (Answer::status(410), Outcome::Gone { why: format!("{host} answered 410 (410 ends the subscription)") }),
        (
            Answer::Full(429, &[("retry-after", "120")], "slow down".to_owned()),
            Outcome::Later { why: format!("{host} answered 429: slow down"), wait_min: wait(120) },
        ),
        (
            Answer::Full(
                503,
                &[("retry-after", "Fri, 08 May 2026 15:05:11 GMT"), ("date", "Fri, 08 May 2026 15:04:11 GMT")],
                String::new(),
            ),
            Outcome::Later { why: format!("{host} answered 503"), wait_min: wait(60) },
        ),
        (
            Answer::Full(404, &[], "<h1>\n\u{1b}[31mNot  Found".to_owned()),
            Outcome::Later { why: format!("{host} answered 404: <h1>  [31mNot Found"), wait_min: None },
        ),
        (Answer::BreakOff(500), Outcome::Later { why: format!("{host} answered 500: a beginning"), wait_min: None }),
    ] {
        receiver.answer(answer);
        assert_eq!(deliver(&settings(&receiver.url())).await, expected);
    }
}

#[tokio::test]
async fn a_long_answer_is_read_no_further_than_its_excerpt() {
    let receiver = Receiver::start(vec![Answer::Full(500, &[], "x".repeat(64 << 20))]);
    let why = later(&deliver(&settings(&receiver.url())).await);
    assert!(why.starts_with("127.0.0.1 answered 500: xxx") && why.chars().count() < 300, "{why}");
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_not_visited() {
    let target = Receiver::start(vec![]);
    let receiver = Receiver::start(vec![]);
    // The address must live as long as the answer's other header values.
    let location: &'static str = Box::leak(target.url().into_boxed_str());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", location)]));
    for status in [301, 302, 303, 307, 308] {
        receiver.answer(Answer::Full(status, headers, String::new()));
        let why = later(&deliver(&settings(&receiver.url())).await);
        assert!(why.contains(&format!("answered {status}, a redirect to {location}")), "{why}");
        assert!(why.ends_with("redirects are not followed, write the final address"), "{why}");
    }
    assert_eq!((receiver.hits().len(), target.hits().len()), (5, 0));
}

#[tokio::test]
async fn a_receiver_that_hangs_costs_no_more_than_the_time_limit() {
    let receiver = Receiver::start(vec![Answer::Hang]);
    let mut settings = settings(&receiver.url());
    settings.time_max = Duration::from_millis(300);
    let why =
        later(&tokio::time::timeout(Duration::from_secs(10), deliver(&settings)).await.expect("it ends by itself"));
    assert_eq!(why, "no answer from 127.0.0.1 within 0.3 s");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_later_and_not_by_the_sink_itself() {
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("listen");
    let port = socket.local_addr().expect("an address").port();
    let hang_up_once = async {
        let (stream, _) = socket.accept().await.expect("a connection");
        // Reads a little, so that the end is an answer's end and not a refusal.
        stream.readable().await.expect("a request");
        drop(stream);
        // A second connection would be a retry.
        tokio::time::timeout(Duration::from_millis(200), socket.accept()).await.is_ok()
    };
    let settings = settings(&format!("http://127.0.0.1:{port}/hook"));
    let (outcome, came_again) = tokio::join!(deliver(&settings), hang_up_once);
    let why = later(&outcome);
    assert!(why.starts_with("127.0.0.1 broke the connection before its answer: "), "{why}");
    assert!(!came_again);
    drop(socket);
    let why = later(&deliver(&settings).await);
    assert!(why.starts_with("could not connect to 127.0.0.1: Connection refused"), "{why}");
}

#[tokio::test]
async fn private_addresses_are_reached_only_where_listed() {
    let receiver = Receiver::start(vec![]);
    let by_name = format!("http://localhost:{}/hook", receiver.port());
    for (allow, reached) in [
        (vec![], false),
        (vec!["other.lan"], false),
        (vec!["10.0.0.0/8"], false),
        (vec!["localhost"], true),
        (vec!["127.0.0.0/8"], true),
    ] {
        let mut settings = settings(&by_name);
        settings.plain_http = true;
        settings.allow_private = allow.iter().map(|entry| entry.parse().expect("an entry")).collect();
        let (before, outcome) = (receiver.hits().len(), deliver(&settings).await);
        let sink = WebhookSink::new(&settings).expect("settings that work");
        if reached {
            assert_eq!((outcome, sink.probe().await), (Outcome::Delivered, Ok(())), "{allow:?}");
        } else {
            let why = later(&outcome);
            assert!(
                why.starts_with("localhost is the private address ")
                    && why.ends_with("to send there, write allow_private: [localhost]"),
                "{why}"
            );
            assert_eq!(sink.probe().await, Err(why));
        }
        assert_eq!(receiver.hits().len(), before + if reached { 2 } else { 0 }, "{allow:?}");
    }
}

#[test]
fn settings_that_cannot_work_are_all_refused_at_once() {
    let check = |url: &str, allow: &[&str]| {
        let mut settings = settings(url);
        settings.allow_private = allow.iter().map(|entry| entry.parse().expect("an entry")).collect();
        match WebhookSink::new(&settings) {
            Ok(_) => "fine".to_owned(),
            Err(problems) => format!("{}: {}", problems[0].field, problems[0].text),
        }
    };
    for (url, allow, says) in [
        ("https://hooks.example.com/86", &[][..], "fine"),
        ("http://hooks.example.com/86", &[], "url: http:// to hooks.example.com lets everyone on the way read"),
        ("http://hooks.lan/86", &["hooks.lan"], "fine"),
        ("http://10.0.0.7/86", &["10.0.0.0/8"], "fine"),
        (
            "http://10.0.0.7/86",
            &[],
            "url: 10.0.0.7 is a private address; to send there, write allow_private: [10.0.0.7]",
        ),
        (
            "https://127.0.0.1/86",
            &[],
            "url: 127.0.0.1 is a private address; to send there, write allow_private: [127.0.0.1]",
        ),
        (
            "https://2130706433/86",
            &[],
            "url: 127.0.0.1 is a private address; to send there, write allow_private: [127.0.0.1]",
        ),
        (
            "https://0x7f.1/86",
            &[],
            "url: 127.0.0.1 is a private address; to send there, write allow_private: [127.0.0.1]",
        ),
        ("https://[::1]/86", &[], "::1 is a private address; to send there, write allow_private: [\"::1\"]"),
        ("https://[::ffff:10.0.0.1]/86", &[], "private address"),
        ("https://[64:ff9b::a9fe:a9fe]/86", &[], "link-local or reserved"),
        (
            "https://169.254.169.254/latest/meta-data",
            &[],
            "169.254.169.254 is a link-local or reserved address; to send there, write allow_private",
        ),
        ("https://0.0.0.0/86", &[], "link-local or reserved"),
        ("https://user:hunter2@hooks.example.com/86", &[], "url: the address of hooks.example.com holds an account"),
        ("ftp://hooks.example.com/86", &[], "url: 'ftp://' is not a way for webhooks"),
        ("hooks.example.com/86", &[], "url: the address is not a url"),
    ] {
        let said = check(url, allow);
        assert!(said.contains(says) && !said.contains("hunter2"), "{url}: {said}");
    }

    let mut wrong = settings("http://hooks.example.com/hunter2");
    wrong.secrets = vec![Secret::new("whsec_hunter2")];
    wrong.headers = vec![("Webhook-Id".to_owned(), Secret::new("hunter2"))];
    wrong.ca_file = Some("/nowhere/ca.pem".into());
    let problems = WebhookSink::new(&wrong).expect_err("four mistakes");
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["secrets", "headers", "url", "ca_file"]);
    assert!(!format!("{problems:?} {wrong:?}").contains("hunter2"), "{problems:?}");
}

#[tokio::test]
async fn secrets_are_never_shown_even_when_the_receiver_repeats_them() {
    let echo = format!("you sent Bearer of-good-news to /services/T0K3NT0K3NT0K3N with {NEW}");
    let receiver = Receiver::start(vec![Answer::Full(401, &[], echo)]);
    let url = format!("http://127.0.0.1:{}/services/T0K3NT0K3NT0K3N?key=Qu3ryQu3ryQu3ry", receiver.port());
    let mut settings = settings(&url);
    settings.secrets = vec![Secret::new(NEW)];
    settings.headers = vec![("Authorization".to_owned(), Secret::new("Bearer of-good-news"))];
    let answered = later(&deliver(&settings).await);
    assert_eq!(answered, "127.0.0.1 answered 401: you sent ••• to /services/••• with •••");
    drop(receiver);
    let refused = later(&deliver(&settings).await);
    let shown = format!("{refused} {settings:?} {:?}", WebhookSink::new(&settings));
    for secret in ["of-good-news", "T0K3N", "Qu3ry", NEW] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_link_that_lets_its_reader_acknowledge_is_cut_where_the_receiver_quotes_it() {
    let token = "a1B2-c3_".repeat(5);
    let quoted = format!("bad url https://example.com/ack/ack/{token}, said the proxy");
    let receiver = Receiver::start(vec![Answer::Full(400, &[], quoted)]);
    let answered = later(&deliver(&settings(&receiver.url())).await);
    assert_eq!(answered, "127.0.0.1 answered 400: bad url https://example.com/ack/ack/, said the proxy");
}

#[tokio::test]
async fn tls_is_verified_and_the_probe_names_the_step() {
    let receiver = Receiver::start_tls(vec![]);
    let mut right = settings(&receiver.url());
    right.allow_private.push("localhost".parse().expect("a host"));
    let mut untrusting = right.clone();
    right.ca_file = Some(receiver.ca_file());
    assert_eq!(deliver(&right).await, Outcome::Delivered);
    let probe = async |settings: &Settings| WebhookSink::new(settings).expect("settings that work").probe().await;
    assert_eq!(probe(&right).await, Ok(()));
    assert_eq!(receiver.hits()[1].method, "HEAD");

    let why = probe(&untrusting).await.expect_err("an unknown authority");
    assert!(why.starts_with("could not agree on TLS with localhost: ") && why.contains("certificate"), "{why}");
    assert_eq!(later(&deliver(&untrusting).await), why);
    assert_eq!(receiver.hits().len(), 2);

    untrusting.url = Secret::new("https://no-such-host.invalid/hook");
    let why = probe(&untrusting).await.expect_err("an unknown name");
    assert!(why.starts_with("could not resolve no-such-host.invalid: "), "{why}");

    receiver.answer(Answer::status(405));
    assert_eq!(probe(&right).await, Ok(()));
    receiver.answer(Answer::status(410));
    assert!(probe(&right).await.is_err_and(|why| why.contains("answered 410")));
}
