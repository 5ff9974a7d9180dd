//! Servers that repeat what they were sent: no error, log, dead letter or check shows the secret that is in it.
//!
//! They repeat it as it came and encoded anew, in status, headers and body, to a check and to the running service.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use crate::smtp::{Act, PASSWORD, ScriptedServer, USERNAME, polite};
use crate::stage::{CLIENT_SECRET, Stage};

/// How many ways of repeating there are.
const WAYS: usize = 6;

/// Writes a text anew in the way of this number.
fn repeated(text: &str, way: usize) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    match way % WAYS {
        0 => text.to_owned(),
        1 => STANDARD.encode(text),
        2 => URL_SAFE.encode(format!("x{text}")),
        3 => digits.concat(),
        4 => text.replace(' ', "%20").replace('/', "%2F"),
        // Every byte, as pages do that trust no letter.
        _ => format!("%{}", digits.join("%")),
    }
}

/// An HTTP server that repeats the secrets of each request, with another status and in another way each time.
struct Echo {
    port: u16,
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start() -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
        let port = socket.local_addr().expect("an address").port();
        let (asked, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, flag) = (Arc::clone(&asked), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in socket.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    break;
                }
                // A client that hangs up has heard enough.
                let _ = answer(&stream, count.fetch_add(1, Ordering::SeqCst));
            }
        });
        Self { port, asked, ended, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the accept; a failure means that it has ended already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the echo ends without a panic");
        }
    }
}

fn answer(stream: &TcpStream, number: usize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut secrets, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" | "x-token" => secrets.extend(value.split(' ').map(str::to_owned)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if let Ok(login) = serde_json::from_slice::<serde_json::Value>(&body) {
        secrets.extend(login["client_secret"].as_str().map(str::to_owned));
    }
    let secret = secrets.pop().unwrap_or_else(|| "nothing".to_owned());
    let said = repeated(&secret, number);
    let status = [401, 400, 500, 302, 410, 403, 429][number / WAYS % 7];
    let text = format!("you sent {said} to us");
    let body = match number % 3 {
        0 => text,
        1 => json!({ "success": false, "error": said, "message": text }).to_string(),
        _ => format!("<html><p>{text}</p></html>"),
    };
    let location = format!("http://{}/{said}", said.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} {said}\r\nLocation: {location}\r\nServer: {said}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A mail server that repeats the login at this step.
fn repeating_mail_server(step: &'static str, way: usize) -> ScriptedServer {
    let line: &'static str = Box::leak(format!("535 5.7.8 you are {}", repeated(PASSWORD, way)).into_boxed_str());
    let word: &'static str = Box::leak(format!("550 no, {}", repeated(PASSWORD, way)).into_boxed_str());
    ScriptedServer::start(move |_, heard| match heard {
        _ if heard.starts_with(step) && step == "AUTH" => Act::Say(line),
        _ if heard.starts_with(step) => Act::Say(word),
        _ => polite(heard),
    })
}

#[tokio::test]
async fn a_check_against_servers_that_repeat_secrets_shows_none() {
    let stage = Stage::open(1).await;
    let echo = Echo::start();
    stage.write("secrets/token", &format!("Bearer {}", "canary-of-the-header-3b0e"));
    stage.edit("eightysix.yaml", &stage.pos.address.to_string(), &format!("127.0.0.1:{}", echo.port));
    stage.edit("eightysix.yaml", &stage.hooks.url(), &format!("http://127.0.0.1:{}/hook", echo.port));
    let before = std::fs::read_to_string(stage.path("eightysix.yaml")).expect("the configuration");
    let tls_line = format!("smtps://127.0.0.1:{}\"", stage.mail.port());
    // Two requests of each check: the login and the webhook get every way and status between them.
    for number in 0..WAYS * 4 {
        let mail = repeating_mail_server("AUTH", number);
        let plain = before.replace(&tls_line, &format!("smtp+plain://127.0.0.1:{}\"", mail.port()));
        stage.write("eightysix.yaml", &plain);
        let mut arguments = vec!["check", "--online", "--config", "eightysix.yaml"];
        if number % 4 == 3 {
            arguments.extend(["--json", "--log", "trace,eightysix=trace"]);
        }
        let checked = stage.eightysix(&arguments);
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.stdout.contains("535") && mail.heard().iter().any(|heard| heard.line.starts_with("AUTH")));
    }
    assert_eq!(echo.asked.load(Ordering::SeqCst), WAYS * 8, "a login and a webhook for each check");
    stage.close();
}

#[tokio::test]
async fn a_service_among_servers_that_repeat_secrets_shows_none() {
    let stage = Stage::open(1).await;
    let echo = Echo::start();
    let mail = repeating_mail_server("RCPT", 1);
    stage.edit("eightysix.yaml", &stage.hooks.url(), &format!("http://127.0.0.1:{}/hook", echo.port));
    let tls_line = format!("smtps://127.0.0.1:{}\"", stage.mail.port());
    stage.edit("eightysix.yaml", &tls_line, &format!("smtp+plain://127.0.0.1:{}\"", mail.port()));
    stage.pos.limit(105, 0);
    let service = stage.start_with(&["--log", "trace,eightysix=trace"], &[]);
    // The mail is refused for good, with the password in the reason, and is kept as a dead letter.
    service.says("given up, see dead-letters");
    service.says("not told yet");
    assert!(service.log().contains("550 no, •••"), "{}", service.story());
    let letters = stage.eightysix(&["dead-letters", "--json", "--config", "eightysix.yaml"]);
    assert!(letters.stdout.contains("550 no, "), "{letters:?}");
    assert!(service.end("TERM").success());
    stage.close_despite(&["given up, see dead-letters", "not told yet", "nothing more is sent there"]);
}

/// Accounts in addresses, where they do not belong: refused, and not repeated; also where the address is broken besides.
#[tokio::test]
async fn an_account_in_an_address_is_refused_and_not_shown() {
    let stage = Stage::open(1).await;
    let secret = "kept-in-an-address";
    stage.write("secrets/address", secret);
    let before = std::fs::read_to_string(stage.path("eightysix.yaml")).expect("the configuration");
    let clopos = format!("http://{}/open-api/v2", stage.pos.address);
    let smtp = format!("smtps://127.0.0.1:{}", stage.mail.port());
    let mqtt = format!("mqtt://127.0.0.1:{}", stage.broker.port);
    let hook = stage.hooks.url();
    let account = format!("{USERNAME}:{secret}@").replace("@example.com", "");
    let mut tried = 0;
    for address in [&clopos, &smtp, &mqtt, &hook] {
        let (scheme, rest) = address.split_once("://").expect("an address");
        for wrong in [
            format!("{scheme}://{account}{rest}"),
            format!("{scheme}://{account}"),
            format!("{scheme}://{account}exa mple:port"),
            format!("nonsense://{account}{rest}"),
            format!("{account}{rest}"),
        ] {
            stage.write(
                "eightysix.yaml",
                &before.replace(address.as_str(), &wrong).replace("{ fastest: 1s", "{ fast: 1s"),
            );
            for more in [&[][..], &["--json"]] {
                let refused = stage.eightysix(&[&["check", "--config", "eightysix.yaml"], more].concat());
                assert_eq!(refused.code, Some(2), "{wrong}: {refused:?}");
                let said = format!("{}{}", refused.stdout, refused.stderr);
                assert!(!said.contains(secret), "{wrong}: {said}");
            }
            tried += 1;
        }
    }
    // Another database, with its password.
    let store = format!("store: \"postgres://eightysix:{secret}@db.example.com/86\"\n");
    stage.write("eightysix.yaml", &format!("{before}{store}"));
    let refused = stage.eightysix(&["check", "--config", "eightysix.yaml"]);
    assert!(refused.code == Some(2) && !refused.stderr.contains(secret), "{refused:?}");
    assert_eq!(tried, 20);
    stage.write("eightysix.yaml", &before.replace(CLIENT_SECRET, "none"));
    stage.close();
}
