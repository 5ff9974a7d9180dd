//! Mail against a real server (exim) and against one that misbehaves to a script.

use std::time::Duration;

use eightysix::alerts::notice::{Mail, NoticeId};
use eightysix::language::Language;
use eightysix::sinks::Outcome;
use eightysix::sinks::email::{Address, EmailSink, Login, Place, Security, Settings};
use eightysix::units::{Secret, Timestamp};

#[path = "support/canary.rs"]
mod canary;
#[path = "support/smtp.rs"]
mod smtp;
#[path = "support/tls.rs"]
mod tls;
#[path = "support/wait.rs"]
mod wait;

use smtp::{Act, Heard, MailServer, Offer, PASSWORD, ScriptedServer, USERNAME, polite};

const ID: &str = "4fd1c0de4fd1c0de4fd1c0de4fd1c0de";
const WRONG_PASSWORD: &str = "wrong-password";
const SUBJECT: &str = "Sahil: Quzu kababı tükəndi – 86";
const TEXT: &str = "Quzu kababı 19:04-dan yoxdur.\n.\n.. a line of dots\nManat: ₼ 8.50\n";

fn mail() -> Mail {
    Mail {
        message_id: format!("n.{ID}"),
        thread_id: "sahil.1.2026-05-08".to_owned(),
        language: Language::Az,
        subject: SUBJECT.to_owned(),
        text: TEXT.to_owned(),
        html: "<p>Quzu kababı <b>yoxdur</b></p>".to_owned(),
    }
}

fn settings(port: u16, security: Security) -> Settings {
    Settings {
        name: "main".to_owned(),
        place: Place::Server { host: "127.0.0.1".to_owned(), port, security },
        login: None,
        from: address("86 <alerts@example.com>"),
        ca_file: None,
        time_max: Duration::from_secs(30),
    }
}

fn sink(settings: &Settings) -> EmailSink {
    EmailSink::new(settings).expect("settings that work")
}

fn address(text: &str) -> Address {
    text.parse().expect(text)
}

async fn deliver(sink: &EmailSink, to: &[&str]) -> Outcome {
    let to: Vec<Address> = to.iter().map(|one| address(one)).collect();
    let at: Timestamp = "2026-05-08T15:04:11.204Z".parse().expect("an instant");
    let outcome = sink.deliver(&mail(), &NoticeId::from_stored(ID), at, &to).await;
    // Its reason goes into the log and into the database, with whatever the server made of the login.
    let secrets = [PASSWORD, WRONG_PASSWORD].map(str::to_owned);
    canary::assert_none("an outcome", format!("{outcome:?} {sink:?}").as_bytes(), &secrets);
    outcome
}

fn later(outcome: &Outcome) -> String {
    let Outcome::Later { why, wait_min: None } = outcome else { panic!("expected Later, not {outcome:?}") };
    why.clone()
}

#[tokio::test]
async fn a_real_server_gets_the_mail_as_it_was_written() {
    let server = MailServer::start(Offer::Plain);
    let sink = sink(&settings(server.port(), Security::Plain));
    let outcome = deliver(&sink, &["Rəna <manager@example.com>", "chef@example.com"]).await;
    assert_eq!(outcome, Outcome::Delivered, "{}", server.log());
    let mails = server.wait_for(1);
    let [mail] = &mails[..] else { panic!("one mail for both: {mails:#?}") };
    assert_eq!(mail.delivered_to, ["chef@example.com", "manager@example.com"]);
    assert_eq!(mail.to, ["manager@example.com", "chef@example.com"]);
    assert_eq!((mail.from.as_str(), mail.subject.as_str()), ("alerts@example.com", SUBJECT));
    assert_eq!(mail.text.replace("\r\n", "\n").trim_end(), TEXT.trim_end());
    assert!(mail.html.contains("<p>Quzu kababı <b>yoxdur</b></p>"), "{}", mail.html);
    assert_eq!(mail.message_id, format!("n.{ID}@example.com"));
    assert_eq!(mail.in_reply_to.as_deref(), Some("sahil.1.2026-05-08@example.com"));
    assert_eq!(mail.date, "2026-05-08T15:04:11Z");
    assert!(mail.sent.contains("\nAuto-Submitted: auto-generated\n"), "{}", mail.sent);
    assert!(mail.sent.contains("\nContent-Language: az\n"), "{}", mail.sent);
    assert!(mail.sent.contains(&format!("\nX-Eightysix-Notice: {ID}\n")), "{}", mail.sent);
    assert!(!mail.encrypted);
}

#[tokio::test]
async fn each_language_arrives_in_its_own_letters() {
    let server = MailServer::start(Offer::Plain);
    let sink = sink(&settings(server.port(), Security::Plain));
    let mails = [
        (Language::Az, "Sahil: Şah plov bitib, ərzaq çatışmır; daha 2 xəbər"),
        (Language::Ru, "Сахил: люля-кебаб закончился, ещё 5 позиций в стоп-листе"),
        (Language::En, "Sahil: Lamb kebab is out; 2 more news"),
    ];
    for (count, (language, said)) in mails.into_iter().enumerate() {
        let (id, at) = (NoticeId::from_stored(language.code()), Timestamp::from_unix_ms(1_778_252_651_204));
        let html = format!("<html lang=\"{}\"><p>{said}</p></html>", language.code());
        let mail = Mail { language, subject: said.to_owned(), text: said.to_owned(), html, ..mail() };
        let outcome = sink.deliver(&mail, &id, at, &[address("manager@example.com")]).await;
        assert_eq!(outcome, Outcome::Delivered, "{}", server.log());
        let mails = server.wait_for(count + 1);
        let is_it =
            |mail: &&smtp::ReceivedMail| mail.sent.contains(&format!("\nContent-Language: {}\n", language.code()));
        let mail = mails.iter().find(is_it).expect("the mail of this language");
        assert_eq!((mail.subject.as_str(), mail.text.trim_end()), (said, said));
        assert!(mail.html.contains(said) && mail.sent.is_ascii(), "{}", mail.sent);
    }
}

#[tokio::test]
async fn a_repeated_delivery_is_the_same_mail_byte_for_byte() {
    let server = MailServer::start(Offer::Plain);
    let settings = settings(server.port(), Security::Plain);
    for _ in 0..2 {
        // A new sink each time, as after a restart.
        assert_eq!(deliver(&sink(&settings), &["manager@example.com"]).await, Outcome::Delivered);
    }
    let mails = server.wait_for(2);
    assert_eq!(mails[0].sent, mails[1].sent);
}

#[tokio::test]
async fn starttls_and_tls_log_in_under_an_authority_of_ones_own() {
    for (offer, security) in [(Offer::StartTls, Security::StartTls), (Offer::Tls, Security::Tls)] {
        let server = MailServer::start(offer);
        let mut settings = settings(server.port(), security);
        settings.ca_file = Some(server.ca_file());
        settings.login = Some(Login { username: USERNAME.to_owned(), password: Secret::new(PASSWORD) });
        let right = sink(&settings);
        assert_eq!(right.probe().await, Ok(()), "{}", server.log());
        assert_eq!(deliver(&right, &["manager@example.com"]).await, Outcome::Delivered, "{}", server.log());
        let mails = server.wait_for(1);
        assert!(mails[0].encrypted && mails[0].subject == SUBJECT, "{mails:#?}");

        settings.login = Some(Login { username: USERNAME.to_owned(), password: Secret::new(WRONG_PASSWORD) });
        let wrong = sink(&settings);
        let said = later(&deliver(&wrong, &["manager@example.com"]).await);
        assert!(said.contains("could not log in as alerts@example.com: it answered 535"), "{said}");
        assert_eq!(wrong.probe().await, Err(said));
        assert!(!format!("{wrong:?} {settings:?}").contains(WRONG_PASSWORD));

        settings.ca_file = None;
        let said = sink(&settings).probe().await.expect_err("an unknown authority");
        let step = if offer == Offer::Tls { "agree on TLS" } else { "switch to TLS by STARTTLS" };
        assert!(said.contains(step) && said.contains("certificate"), "{said}");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn addresses_that_are_refused_do_not_keep_the_others_waiting() {
    let server = MailServer::start(Offer::Plain);
    let sink = sink(&settings(server.port(), Security::Plain));

    let Outcome::Never { why } = deliver(&sink, &["refused@example.com"]).await else { panic!("550 is final") };
    assert!(why.contains("send to refused@example.com: it answered 550 no such person here"), "{why}");

    let outcome = deliver(&sink, &["refused@example.com", "chef@example.com"]).await;
    let Outcome::DeliveredInPart { why } = outcome else { panic!("the chef has it: {outcome:?}") };
    assert!(why.contains("refused@example.com"), "{why}");
    assert_eq!(server.wait_for(1)[0].delivered_to, ["chef@example.com"]);

    // The manager gets it once, however often the slow address is tried again.
    for _ in 0..3 {
        let why = later(&deliver(&sink, &["later@example.com", "manager@example.com"]).await);
        assert!(why.contains("send to later@example.com: it answered 451 greylisted"), "{why}");
    }
    let mails = server.wait_for(2);
    assert_eq!(mails.len(), 2, "{mails:#?}");
    assert_eq!(mails[1].delivered_to, ["manager@example.com"]);
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_later_and_reached_again() {
    let mut server = MailServer::start(Offer::Plain);
    let sink = sink(&settings(server.port(), Security::Plain));
    assert_eq!(deliver(&sink, &["a@example.com"]).await, Outcome::Delivered);
    // The connection that the sink has kept is gone as well.
    server.stop();
    let said = later(&deliver(&sink, &["b@example.com"]).await);
    assert!(said.starts_with(&format!("main (127.0.0.1:{}): could not connect: ", server.port())), "{said}");
    assert_eq!(sink.probe().await, Err(said));
    server.resume();
    assert_eq!(deliver(&sink, &["b@example.com"]).await, Outcome::Delivered);
    assert_eq!(server.wait_for(2).len(), 2);
}

/// Answers one line otherwise than a polite server.
fn rude(at: &'static str, answer: fn() -> Act) -> ScriptedServer {
    ScriptedServer::start(move |_, line| if line.starts_with(at) { answer() } else { polite(line) })
}

/// The line that is answered otherwise, how, and what comes of it: the outcome's name and words of its reason.
type Case = (&'static str, fn() -> Act, &'static str, &'static str);

#[tokio::test]
async fn each_fault_has_its_outcome_and_its_step() {
    let login = Login { username: USERNAME.to_owned(), password: Secret::new(PASSWORD) };
    let cases: [Case; 14] = [
        ("CONNECT", || Act::Say("554 5.7.1 not you"), "Later", "exchange greetings: it answered 554 5.7.1 not you"),
        ("CONNECT", || Act::Say("421 too busy"), "Later", "exchange greetings: it answered 421"),
        ("CONNECT", || Act::HangUp, "Later", "exchange greetings: it hung up"),
        ("CONNECT", || Act::Say("HTTP/1.1 400 Bad Request"), "Later", "exchange greetings"),
        ("AUTH", || Act::Say("535 5.7.8 bad credentials"), "Later", "log in as alerts@example.com: it answered 535"),
        ("AUTH", || Act::Say("454 4.7.0 not now"), "Later", "log in as alerts@example.com: it answered 454"),
        ("MAIL", || Act::Say("553 5.7.1 not your address"), "Never", "send as alerts@example.com: it answered 553"),
        ("MAIL", || Act::Say("530 5.7.0 log in first"), "Later", "send as alerts@example.com: it answered 530"),
        ("RCPT", || Act::Say("451 4.7.1 greylisted"), "Later", "send to a@example.com: it answered 451"),
        ("RCPT", || Act::Say("550 5.1.1 unknown"), "Never", "send to a@example.com: it answered 550 5.1.1 unknown"),
        ("DATA", || Act::Say("452 4.3.1 disk full"), "Later", "begin the mail: it answered 452"),
        (".", || Act::Say("554 5.6.0 looks like spam"), "Never", "hand over the mail: it answered 554"),
        (".", || Act::HangUp, "Later", "hand over the mail: it hung up"),
        ("RCPT", || Act::Say("421 going down"), "Later", "send to a@example.com: it answered 421"),
    ];
    for (at, answer, kind, says) in cases {
        let server = rude(at, answer);
        let mut settings = settings(server.port(), Security::Plain);
        settings.login = Some(login.clone());
        let outcome = deliver(&sink(&settings), &["a@example.com"]).await;
        let shown = format!("{outcome:?}");
        assert!(shown.starts_with(kind) && shown.contains(says), "{at}: {shown}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_time_limit() {
    for (at, says) in
        [("CONNECT", "exchange greetings"), ("RCPT", "send to a@example.com"), (".", "hand over the mail")]
    {
        let server = rude(at, || Act::Hang);
        let mut settings = settings(server.port(), Security::Plain);
        settings.time_max = Duration::from_millis(300);
        let sink = sink(&settings);
        let attempt = tokio::time::timeout(Duration::from_secs(10), deliver(&sink, &["a@example.com"]));
        let why = later(&attempt.await.expect("the sink ends by itself"));
        assert!(why.ends_with(&format!("could not {says}: nothing came within 0.3 s")), "{why}");
    }
}

#[tokio::test]
async fn an_unknown_end_is_repeated_with_the_same_bytes() {
    let server = ScriptedServer::start(|connection, line| match (connection, line) {
        (0, ".") => Act::HangUp,
        _ => polite(line),
    });
    let sink = sink(&settings(server.port(), Security::Plain));
    later(&deliver(&sink, &["a@example.com", "b@example.com"]).await);
    assert_eq!(deliver(&sink, &["a@example.com", "b@example.com"]).await, Outcome::Delivered);
    let contents = server.contents();
    assert!(contents.len() == 2 && contents[0] == contents[1], "{contents:#?}");
    assert!(contents[0].contains(&format!("Message-ID: <n.{ID}@example.com>\r\n")), "{}", contents[0]);
}

#[tokio::test]
async fn a_burst_uses_one_connection_and_a_dead_one_is_replaced() {
    let server = ScriptedServer::start(|connection, line| match (connection, line) {
        // The first connection dies while it is idle.
        (0, "NOOP") => Act::HangUp,
        _ => polite(line),
    });
    let sink = sink(&settings(server.port(), Security::Plain));
    for _ in 0..3 {
        assert_eq!(deliver(&sink, &["a@example.com"]).await, Outcome::Delivered);
    }
    let mails: Vec<usize> =
        server.heard().iter().filter(|heard| heard.line == ".").map(|heard: &Heard| heard.connection).collect();
    assert_eq!(mails, [0, 1, 1]);
}

#[tokio::test]
async fn each_mail_of_a_long_burst_is_handed_on_at_once() {
    // Left alone, exim only stores what comes on a connection after its tenth mail, until somebody runs its queue.
    let server = MailServer::start(Offer::Plain);
    let sink = sink(&settings(server.port(), Security::Plain));
    for _ in 0..25 {
        assert_eq!(deliver(&sink, &["manager@example.com"]).await, Outcome::Delivered);
    }
    assert_eq!(server.wait_for(25).len(), 25);
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_get_it_into_the_reason() {
    // The base64 of "\0alerts@example.com\0correct horse battery", as a debugging server would repeat it.
    let server = rude("AUTH", || {
        Act::Say("535 5.7.8 bad AGFsZXJ0c0BleGFtcGxlLmNvbQBjb3JyZWN0IGhvcnNlIGJhdHRlcnk= (correct horse battery)")
    });
    let mut settings = settings(server.port(), Security::Plain);
    settings.login = Some(Login { username: USERNAME.to_owned(), password: Secret::new(PASSWORD) });
    let said = later(&deliver(&sink(&settings), &["a@example.com"]).await);
    assert!(said.ends_with("it answered 535 5.7.8 bad ••• (•••)"), "{said}");
    let auth = server.heard().into_iter().find(|heard| heard.line.starts_with("AUTH")).expect("a login");
    assert_eq!(auth.line, "AUTH PLAIN AGFsZXJ0c0BleGFtcGxlLmNvbQBjb3JyZWN0IGhvcnNlIGJhdHRlcnk=");
}

#[tokio::test]
async fn nothing_is_sent_where_starttls_is_missing() {
    let server = ScriptedServer::start(|_, line| polite(line));
    let mut settings = settings(server.port(), Security::StartTls);
    settings.login = Some(Login { username: USERNAME.to_owned(), password: Secret::new(PASSWORD) });
    let said = later(&deliver(&sink(&settings), &["a@example.com"]).await);
    assert!(said.contains("switch to TLS by STARTTLS: STARTTLS is not supported"), "{said}");
    let lines: Vec<String> = server.heard().into_iter().map(|heard| heard.line).collect();
    assert!(!lines.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{lines:?}");
}

#[tokio::test]
async fn a_tls_sink_at_a_plain_port_says_so() {
    let server = ScriptedServer::start(|_, line| polite(line));
    let said = sink(&settings(server.port(), Security::Tls)).probe().await.expect_err("no TLS there");
    assert!(said.contains("could not agree on TLS"), "{said}");
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_field() {
    let mut remote = settings(25, Security::Plain);
    remote.place = "smtp+plain://mail.example.com".parse().expect("a place");
    remote.login = Some(Login { username: USERNAME.to_owned(), password: Secret::new(PASSWORD) });
    let problems = EmailSink::new(&remote).expect_err("a readable password");
    assert_eq!((problems[0].field, problems[0].text.contains("would travel to mail.example.com")), ("url", true));
    let mut missing = settings(465, Security::Tls);
    missing.ca_file = Some("/nowhere/ca.pem".into());
    let problems = EmailSink::new(&missing).expect_err("no such file");
    assert_eq!((problems[0].field, problems[0].text.contains("/nowhere/ca.pem")), ("ca_file", true));
    for text in ["", "manager", "manager@", "a b@example.com", "ü@example.com", "a@example.com, b@example.com"] {
        assert!(text.parse::<Address>().is_err_and(|why| why.contains("is not a mail address")), "{text}");
    }
}

#[tokio::test]
async fn a_folder_holds_each_notice_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mails = folder.path().join("mails");
    let mut settings = settings(0, Security::Plain);
    settings.place = Place::Folder { path: mails.clone() };
    let sink = sink(&settings);
    assert_eq!(sink.probe().await, Ok(()));
    for _ in 0..2 {
        assert_eq!(deliver(&sink, &["manager@example.com"]).await, Outcome::Delivered);
    }
    let names: Vec<String> = std::fs::read_dir(&mails)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, [format!("20260508T150411.204Z-{ID}.eml")]);
    let bytes = std::fs::read(mails.join(&names[0])).expect("the mail");
    let parsed = mail_parser::MessageParser::default().parse(&bytes).expect("a mail");
    assert_eq!(parsed.subject(), Some(SUBJECT));
    assert_eq!(parsed.body_text(0).map(|text| text.replace("\r\n", "\n")).as_deref(), Some(TEXT));

    // A folder that cannot be written to is trouble that passes.
    std::fs::write(folder.path().join("file"), "").expect("a file");
    settings.place = Place::Folder { path: folder.path().join("file/mails") };
    let blocked = self::sink(&settings);
    assert!(later(&deliver(&blocked, &["manager@example.com"]).await).starts_with("could not store "));
    assert!(blocked.probe().await.is_err_and(|why| why.starts_with("main: could not store a file in ")));
}
